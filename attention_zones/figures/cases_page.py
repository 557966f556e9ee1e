"""The page of `attention_zones.cases`: the heatmap, and the questions behind it.

One HTML file. Each cell of the heatmap leads to a list of questions, each of these
to the question, which stands there once. Nothing is said by colour alone. What the
script adds, filters and keys, is not needed for anything else.
"""

import collections
import math

from attention_zones.figures import heat_tables
from attention_zones.figures import marked_passage
from attention_zones.figures import page_html
from attention_zones.figures.marked_passage import escape
from attention_zones.figures.page_html import count, foreign
from attention_zones.findings import flips
from attention_zones.findings import question_types
from attention_zones.findings.flips import GAINED, KEPT, LEFT_OUT, LOST, OTHER
from attention_zones.scores import predictions
from attention_zones.scores import results_table

_RIGHT, _WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"
# Outcome: its class in the style sheet.
_STYLES = {LOST: "lost", GAINED: "gained", OTHER: "other", KEPT: "kept"}
# A grid with more characters in its head may be too wide for a small screen.
_NARROW = 40


class Report(collections.namedtuple("Report", [
    "folder", "answers", "heats", "top", "about"])):
  """What a page shows.

  Attributes:
    folder: str, of the predictions.
    answers: flips.Answers.
    heats: list of heat_tables.Heat, EM first.
    top: int, how many questions a list has at most.
    about: list of str, HTML of paragraphs about the numbers.
  """
  __slots__ = ()


def pieces(report):
  """Yields the page of a Report in pieces, str each."""
  masked = report.answers.decodes[1:]
  ranked = [flips.ranked(report.answers, cell) for cell in range(len(masked))]
  lists = [tuple(of[:report.top] for of in pair) for pair in ranked]
  head, foot = page_html.frame(
      "What masking changes: " + report.folder, heat_tables.style(report.heats))
  yield head
  yield "<h1>What masking changes</h1>\n"
  yield "<p><bdi>%s</bdi>: %s</p>\n" % (escape(report.folder), _INTRODUCTION)
  yield '<div class="top" id="heatmap">\n<div class="metrics">\n'
  yield from heat_tables.sections(report.heats)
  yield '</div>\n<div class="about">\n'
  for paragraph in report.about:
    yield "<p>%s</p>\n" % paragraph
  yield "</div>\n</div>\n"
  shown = sorted({question for pair in lists for of in pair for question in of})
  yield from _filter(report.answers, shown)
  yield '<h2 id="lists">Questions by cell</h2>\n'
  yield "<p>%s</p>\n" % _order(report)
  yield '<div class="cells">\n'
  for cell in range(len(masked)):
    yield from _cell(report, cell, ranked[cell], lists[cell])
  yield "</div>\n<h2>Questions</h2>\n"
  yield from _how_to_read(report.answers)
  places = _places(masked, lists)
  for question in shown:
    yield from _article(report.answers, question, places[question])
  yield foot


_INTRODUCTION = (
    "exact match (EM) and other scores when one attention zone (column) of one "
    "layer (row, layer 1 at the bottom) is masked, minus the baseline, with "
    "nothing masked. Each cell leads to the questions that it loses and gains.")


def _filter(answers, shown):
  """Yields the bar of filters, which only the script shows."""
  types = collections.Counter(
      _type(answers.asked[question]) for question in shown)
  options = "".join('<option value="%s">%s (%d)</option>' % (
      name, name.replace("_", " "), types[name])
                    for name in question_types.TYPES if types[name])
  yield (
      '<div class="filter" id="filter" role="group" aria-label="Filter" hidden>\n'
      '<label>Type <select autocomplete="off"><option value="">all</option>%s'
      "</select></label>\n"
      '<label>Outcome <select autocomplete="off"><option value="">all</option>'
      '<option value="lost">lost</option><option value="gained">gained</option>'
      "</select></label>\n<output></output>\n"
      '<span class="keys">Keys \N{LEFTWARDS ARROW} \N{RIGHTWARDS ARROW}: '
      "previous, next question</span>\n%s\n</div>\n" % (
          options, page_html.link("heatmap", "Heatmap")))


def _type(asked):
  """The type of a questions.Question: str of question_types.TYPES."""
  return question_types.classify(asked.text)[0]


def _order(report):
  """In which order the lists are: str."""
  order = ("how far the log-probability of the gold answer falls (in gained ones: "
           "rises)" if "logp" in report.answers.percent
           else "how many decodes flip the question")
  return ("Of the questions that a cell loses or gains, in exact match, up to %d "
          "each, by %s." % (report.top, order))


def _places(masked, lists):
  """In which lists each question is: dict from question to a list of HTML, links.
  """
  places = collections.defaultdict(list)
  for decode, pair in zip(masked, lists):
    for of in pair:
      for question in of:
        places[question].append(page_html.link(_id(decode), _name(decode)))
  return places


def _id(decode):
  """The id of a decode's list: str."""
  return heat_tables.cell_id(
      results_table.layer_label(decode.layers), decode.mask.name)


def _name(decode):
  """What a decode is called, HTML: "layer 3, P²"."""
  return "layer %s, %s" % (
      results_table.layer_label(decode.layers), escape(decode.mask.label))


def _cell(report, cell, ranked, lists):
  """Yields the lists of a cell.

  Args:
    report: Report.
    cell: int, index of the masked decode.
    ranked, lists: (lost, gained), the lists of all questions and of the shown ones.
  """
  decode = report.answers.decodes[cell + 1]
  name = _name(decode)
  left_out = report.answers.left_out[cell]
  yield '<section id="%s">\n<h3>%s</h3>\n<p>%s%s. %s</p>\n<div class="two">\n' % (
      _id(decode), name[0].upper() + name[1:],
      "Of %d of %d questions: " % ((~left_out).sum(), len(left_out))
      if left_out.any() else "",
      "; ".join(escape(heat.describe((
          results_table.layer_label(decode.layers), decode.mask.name)))
                for heat in report.heats),
      page_html.link("heatmap", "Heatmap"))
  for verb, all_of, some in zip(("Loses", "Gains"), ranked, lists):
    yield "<div>\n<h4>%s %s</h4>\n" % (verb, count(len(all_of), "question"))
    if some:
      yield "<ol>\n"
      for question in some:
        yield _item(report.answers, cell, question)
      yield "</ol>\n"
    yield "</div>\n"
  yield "</div>\n</section>\n"


def _item(answers, cell, question):
  """An item of a list: str."""
  before, after = (foreign(answers.texts[row][question]) for row in (0, cell + 1))
  fall = answers.fall(cell, question)
  # A question without a gold answer in a window has no log-probability.
  logp = "" if math.isnan(fall) else "log p %s, " % heat_tables.signed(-fall, 2)
  return ('<li>%s <span class="muted">%s \N{RIGHTWARDS ARROW} %s; %s%d of %d '
          "decodes flip it</span></li>\n" % (
              page_html.link("q%d" % (question + 1),
                             foreign(answers.asked[question].text)),
              before, after, logp, answers.flipped[question],
              len(answers.decodes) - 1))


_OF_PASSAGES = """\
<p>Questions come in the order of the data set, with their number there. In a
passage, %s is the gold answer, %s the baseline&rsquo;s, %s another answer, which
masked decodes give; the most frequent is 1. Predictions are texts without a place:
of several equal texts the nearest to the gold answer is marked; one that the
passage does not have is not. <i>Shifted</i> answers share a word with the
baseline&rsquo;s, those <i>elsewhere</i> share none.</p>
"""
_OF_GRIDS = """\
<p>A grid has the answer of each decode, in the rows and columns of the heatmap: B
is the baseline&rsquo;s, a number another, which is right (%s) or wrong (%s). %s:
the baseline is right, masked it is wrong (lost). %s: the baseline is wrong, masked
it is right (gained). %s: another wrong one.%s</p>
"""
_OF_LEFT_OUT = (
    " <i>Left out</i>: the question has no token of a set of the zone, so that it "
    "counts neither in the cell&rsquo;s score nor in its baseline.")


def _how_to_read(answers):
  """Yields how to read what is shown of a question."""
  yield _OF_PASSAGES % tuple(
      marked_passage.mark("this", [(0, 4, (label,))])
      for label in (marked_passage.GOLD, marked_passage.BASE, "1"))
  yield _OF_GRIDS % ((_RIGHT, _WRONG) + tuple(
      '<span class="sample %s">1 %s</span>' % (_STYLES[outcome], sign)
      for outcome, sign in ((LOST, _WRONG), (GAINED, _RIGHT), (OTHER, _WRONG))) + (
          _OF_LEFT_OUT * bool(answers.left_out.any()),))


def _article(answers, question, places):
  """Yields the part of the page about one question.

  Args:
    answers: flips.Answers.
    question: int, index.
    places: list of str, HTML, links to the lists that it is in.
  """
  asked, texts = answers.asked[question], [of[question] for of in answers.texts]
  others = collections.Counter(text for text in texts[1:] if text != texts[0])
  labels = collections.OrderedDict([(texts[0], marked_passage.BASE)] + [
      (text, str(number)) for number, (text, _) in enumerate(
          others.most_common(), 1)])
  outcome = LOST if answers.exact[0, question] else GAINED
  yield '<article id="q%d" data-type="%s" data-outcome="%s">\n' % (
      question + 1, _type(asked), outcome)
  yield "<h3>%d. %s</h3>\n" % (question + 1, foreign(asked.text))
  yield ('<p class="muted">%d of %d decodes flip it: %s. Its id is <bdi>%s</bdi>. '
         "It is in the lists of %s. %s</p>\n" % (
             answers.flipped[question], len(texts) - 1, outcome, escape(asked.id),
             "; ".join(places), page_html.link("heatmap", "Heatmap")))
  spans = marked_passage.find_spans(asked.context, asked.answers, [
      (label, text) for text, label in labels.items()])
  yield ('<div class="two">\n<div>\n'
         '<p class="passage" dir="auto" lang="">%s</p>\n' %
         marked_passage.mark(asked.context, spans))
  yield from _answers(answers, question, labels, others)
  yield "</div>\n%s</div>\n</article>\n" % _grid(answers, question, labels)


def _answers(answers, question, labels, others):
  """Yields the list of all answers to a question.

  Args:
    answers: flips.Answers.
    question: int, index.
    labels: OrderedDict from answer to its label, the baseline's first.
    others: Counter of how many masked decodes give each of the others.
  """
  texts = [of[question] for of in answers.texts]
  golds = collections.OrderedDict.fromkeys(
      gold.text for gold in answers.asked[question].answers)
  line = '<dt>%s</dt><dd>%s <span class="muted">%s</span></dd>\n'
  yield "<dl>\n"
  yield line % (marked_passage.GOLD,
                " | ".join(map(foreign, golds)) or foreign(""), "gold")
  for text, label in labels.items():
    is_right = answers.exact[texts.index(text), question]
    said = "right" if is_right else "wrong"
    yield line % (label, foreign(text), "%s, %s, %s" % (
        said, answers.compare_texts(texts[0], text), count(others[text], "decode"))
                  if text in others else "baseline, " + said)
  yield "</dl>\n"


def _grid(answers, question, labels):
  """The layer x zone table of the answers to a question: str.

  Args:
    answers, question, labels: as for `_answers`.
  """
  cells = {}
  for cell, decode in enumerate(answers.decodes[1:]):
    label = labels[answers.texts[cell + 1][question]]
    outcome = answers.outcome(cell, question)
    if outcome == LEFT_OUT:
      cells[decode] = "<td><i>left out</i></td>"
    elif label == marked_passage.BASE:
      cells[decode] = "<td>%s</td>" % label
    else:
      is_right = answers.exact[cell + 1, question]
      cells[decode] = '<td class="%s">%s %s</td>' % (
          _STYLES[outcome], label, _RIGHT if is_right else _WRONG)
  rows, masks = predictions.plan_table(cells)
  is_wide = sum(len(mask.label) + 2 for mask in masks) > _NARROW
  headers = ["layer"] + [page_html.column(mask.label) for mask in masks]
  return page_html.table("Answer of each decode", headers, [
      (results_table.layer_label(row.layers), [
          cells.get(predictions.decode_at(row, mask), page_html.HOLE)
          for mask in masks]) for row in reversed(rows)], "grid",
      "Grid of question %d" % (question + 1) if is_wide else None)
