"""The page of `attention_zones.cases`: one HTML file without script or other files.

All text from a data set, a prediction or a file name is escaped. Nothing is said
by colour alone: outcomes are symbols with words for screen readers, answers in a
passage stand between lettered brackets. Text of unknown language and direction has
lang="" and dir="auto", or stands in <bdi>, so that it does not disturb its
neighbours.
"""

import collections

from attention_zones.figures import marked_passage
from attention_zones.figures.marked_passage import escape
from attention_zones.scores import results_table
from attention_zones.zones import decodes

KEPT, LOST, GAINED, OTHER = "kept", "lost", "gained", "other wrong"

# Outcome: its class in the style sheet, its symbol, and what it means.
_OUTCOMES = collections.OrderedDict([
    (LOST, ("lost", "\N{MINUS SIGN}", "the answer was right, masked it is wrong")),
    (GAINED, ("gained", "+", "the answer was wrong, masked it is right")),
    (OTHER, ("other", "~", "the answer was wrong, masked it is another wrong one")),
    (KEPT, ("kept", "\N{MIDDLE DOT}",
            "the answer stays right, or it stays the same wrong one")),
])
_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff; --soft: #f1f2f5;
  --line: #c4c8d0; --muted: #555b66; --link: #0b57d0; --gold: #fff0b3;
  --lost: #ffd8d4; --gained: #d3f0d8; --other: #e6dcfa; --mask: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --paper: #16171a; --soft: #23252b; --line: #4b505c;
    --muted: #b0b6c2; --link: #8ab4f8; --gold: #4a3d05; --lost: #6d2622;
    --gained: #1f5130; --other: #483a6e; --mask: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
bdi, .passage, .where { overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.skip:not(:focus) { position: absolute; clip-path: inset(50%); }
.scroll { position: relative; overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; }
caption { text-align: left; color: var(--muted); padding: .25rem 0; }
th, td { border: 1px solid var(--line); padding: .15rem .5rem; text-align: left;
  vertical-align: top; }
th { background: var(--soft); font-weight: 600; }
tbody th { min-width: 5rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
article { border-top: 2px solid var(--line); margin-top: 2rem; }
.muted { color: var(--muted); }
.columns { display: grid; gap: 1rem 2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 52rem) {
  .columns { grid-template-columns: minmax(0, 1fr) fit-content(50%); } }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr);
  gap: .15rem .75rem; margin: 0; }
dt { font-weight: 600; }
dd { margin: 0; }
.passage { white-space: pre-line; line-height: 1.9; }
.grid th { min-width: 0; }
.grid th, .grid td { text-align: center; vertical-align: middle; }
.grid td { position: relative; font-weight: 700; min-width: 2.5rem; }
.lost { background: var(--lost); }
.gained { background: var(--gained); }
.other { background: var(--other); }
mark { background: none; color: inherit; }
mark.gold { background: var(--gold); }
mark.base { border-bottom: 2px solid var(--link); }
mark.masked { border-top: 2px dashed var(--mask); }
.tag { font-size: .8em; font-weight: 700; color: var(--muted); }
"""
# The policy tells a browser, too, that the page needs nothing from elsewhere.
_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>Answers that masking changes</title>
<style>
%s</style>
</head>
<body>
<a class="skip" href="#questions">Skip to the questions</a>
<main>
"""


class Case(collections.namedtuple("Case", [
    "name", "context", "question", "golds", "baseline", "is_right", "answers",
    "outcomes", "compare_texts"])):
  """A question, and what masking does to its answer.

  Attributes:
    name: str, the question's id.
    context: str, the passage.
    question: str.
    golds: list of questions.Answer.
    baseline: str, the baseline's answer, "" for none.
    is_right: bool, its exact match.
    answers: list of str, the answer of each masked decode.
    outcomes: list of KEPT, LOST, GAINED or OTHER, of each masked decode.
    compare_texts: function, scoring.Evaluator.compare_texts.
  """
  __slots__ = ()

  @property
  def gold_texts(self):
    """The distinct gold answers in the order of the file: list of str."""
    return list(collections.OrderedDict.fromkeys(gold.text for gold in self.golds))

  @property
  def counts(self):
    """How many masked decodes have each outcome: collections.Counter."""
    return collections.Counter(self.outcomes)

  @property
  def flipped(self):
    """How many masked decodes change exact match: int."""
    return self.counts[LOST] + self.counts[GAINED]

  @property
  def masked_answer(self):
    """The answer that most of the decodes that flip give; "" without any: str."""
    flips = collections.Counter(
        answer for answer, what in zip(self.answers, self.outcomes)
        if what in (LOST, GAINED))
    return max(flips, key=flips.get) if flips else ""


def pieces(arguments, table, masked, cases, shown):
  """Yields the page.

  Args:
    arguments: Namespace with `folder` and `data_file`, as on the command line.
    table: str, the name of the table beside the page.
    masked: list of the masked Decodes.
    cases: list of the Cases of all questions.
    shown: list of those to show, each flipped at least once.

  Yields:
    str.
  """
  yield _HEAD % _STYLE
  yield from _introduction(arguments, table, len(masked), cases, len(shown))
  yield '<h2 id="questions">Questions</h2>\n'
  if shown:
    yield from _overview(shown, len(masked))
  else:
    yield "<p>No masked decode flips the exact match of any question.</p>\n"
  for number, case in enumerate(shown, 1):
    yield from _article(number, case, masked)
  yield "</main>\n</body>\n</html>\n"


def _foreign(text):
  """HTML of a text from the data, apart from its neighbours; "" is no answer."""
  if not text:
    return "<i>no answer</i>"
  return '<bdi lang="">%s</bdi>' % escape(text)


def _symbol(what):
  """HTML of an outcome: a symbol to look at, and a word for screen readers."""
  return '<span aria-hidden="true">%s</span><span class="sr">%s</span>' % (
      _OUTCOMES[what][1], what)


def _table(caption, headers, rows, style=""):
  """A table with a caption: str.

  Args:
    caption, headers: str and list of str, HTML.
    rows: list of str, the HTML of each row's cells.
    style: str, the class of the table.
  """
  return ('<table class="%s">\n<caption>%s</caption>\n<thead><tr>%s</tr></thead>\n'
          "<tbody>\n%s</tbody>\n</table>\n" % (style, caption, "".join(
              '<th scope="col">%s</th>' % header for header in headers), "".join(
                  "<tr>%s</tr>\n" % row for row in rows)))


def _introduction(arguments, table, num_masked, cases, num_shown):
  """Yields what the page is about, and how to read it."""
  yield "<h1>Answers that masking changes</h1>\n"
  yield ("<p>Folder <bdi>%s</bdi>, data set <bdi>%s</bdi>: %d questions, each "
         "answered by the baseline, with nothing masked, and by %d masked decodes. "
         "For %d questions masking flips exact match at least once; the %d with "
         "the most flips are below, and all questions are in <bdi>%s</bdi> beside "
         "this page.</p>\n" % (
             escape(arguments.folder), escape(arguments.data_file), len(cases),
             num_masked, sum(case.flipped > 0 for case in cases), num_shown,
             escape(table)))
  yield "<h2>How to read this page</h2>\n"
  yield ("<p>A grid has a row for each masked layer, layer 1 at the top as in "
         "results.csv, and a column for each zone. Empty cells were not decoded."
         "</p>\n")
  rows = ['<td class="%s">%s</td><th scope="row">%s</th><td>%s</td>' % (
      style, symbol, what, meaning)
          for what, (style, symbol, meaning) in _OUTCOMES.items()]
  yield _table("Symbols of the grid", ["symbol", "name", "meaning"], rows)
  yield "<p>In a passage, %s.</p>\n" % ", ".join(
      "%s is the %s" % (marked_passage.mark("this", [(0, 4, kind)]), meaning)
      for kind, (_, meaning) in marked_passage.KINDS.items())
  yield ("<p>The masked answer is the one that most of the decodes that flip give. "
         "Predictions are texts without a place: of several equal texts the "
         "nearest to the gold answer is marked. <i>Shifted</i> answers share a "
         "word with the baseline\N{RIGHT SINGLE QUOTATION MARK}s, those "
         "<i>elsewhere</i> share none.</p>\n")


def _overview(cases, num_masked):
  """Yields the table of the questions, with links to them."""
  rows = [
      '<td class="number">%d</td><th scope="row"><a href="#q%d">%s</a></th>'
      '<td class="number">%d</td><td class="number">%d</td>' % (
          number, number, _foreign(case.question), case.counts[LOST],
          case.counts[GAINED]) for number, case in enumerate(cases, 1)]
  yield _table("Questions by number of flips, of %d masked decodes" % num_masked,
               ["rank", "question", "lost", "gained"], rows)


def _article(number, case, masked):
  """Yields the part of the page about one question."""
  agreeing = sum(answer == case.masked_answer and what in (LOST, GAINED)
                 for answer, what in zip(case.answers, case.outcomes))
  verdict = lambda is_right: "right" if is_right else "wrong"
  yield '<article aria-labelledby="q%d">\n<h3 id="q%d">%d. %s</h3>\n' % (
      number, number, number, _foreign(case.question))
  yield ('<p class="muted">%d of %d masked decodes flip: %s. Question id '
         "<bdi>%s</bdi></p>\n" % (
             case.flipped, len(masked), ", ".join(
                 "%d %s" % (case.counts[what], what)
                 for what in _OUTCOMES if case.counts[what]), escape(case.name)))
  yield '<div class="columns">\n<div>\n<dl>\n'
  yield "<dt>Gold</dt><dd>%s</dd>\n" % (
      " | ".join(map(_foreign, case.gold_texts)) or _foreign(""))
  yield "<dt>Baseline</dt><dd>%s (%s)</dd>\n" % (
      _foreign(case.baseline), verdict(case.is_right))
  yield "<dt>Masked</dt><dd>%s (%s, in %d of the %d that flip)</dd>\n</dl>\n" % (
      _foreign(case.masked_answer), verdict(not case.is_right), agreeing,
      case.flipped)
  yield '<p class="passage" dir="auto" lang="">%s</p>\n' % marked_passage.mark(
      case.context, marked_passage.find_spans(case))
  yield "%s</div>\n" % _answers(case, masked)
  yield "%s</div>\n</article>\n" % _grid(number, case, masked)


def _grid(number, case, masked):
  """The layer x zone table of a case's outcomes: str."""
  by_cell = {(decode.layers, decode.mask): what
             for decode, what in zip(masked, case.outcomes)}
  rows = sorted({decode.layers for decode in masked}, key=results_table.layer_order)
  columns = sorted({decode.mask for decode in masked}, key=decodes.column_order)
  lines = []
  for layers in rows:
    cells = []
    for mask in columns:
      what = by_cell.get((layers, mask))
      cells.append('<td class="%s">%s</td>' % (_OUTCOMES[what][0], _symbol(what))
                   if what else '<td><span class="sr">not decoded</span></td>')
    lines.append('<th scope="row">%s</th>%s' % (
        results_table.layer_label(layers), "".join(cells)))
  # A box of its own, which scrolls where the grid is too wide, also by keyboard.
  return ('<div class="scroll" role="group" tabindex="0" aria-label="Grid of '
          'question %d">\n%s</div>\n' % (number, _table(
              "What masking does", ["layer"] + [
                  escape(mask.label) for mask in columns], lines, "grid")))


def _answers(case, masked):
  """The table of the answers that are not the baseline's, and where: str."""
  where = collections.OrderedDict()
  for decode, answer, what in zip(masked, case.answers, case.outcomes):
    if answer != case.baseline:
      zones = where.setdefault((answer, what), collections.OrderedDict())
      zones.setdefault(decode.mask.label, []).append(
          results_table.layer_label(decode.layers))
  rows = ['<th scope="row">%s</th><td class="%s">%s %s, %s</td>'
          '<td class="where">%s</td>' % (
              _foreign(answer), _OUTCOMES[what][0],
              '<span aria-hidden="true">%s</span>' % _OUTCOMES[what][1], what,
              case.compare_texts(case.baseline, answer),
              "; ".join("%s %s" % (escape(label), ", ".join(layers))
                        for label, layers in zones.items()))
          for (answer, what), zones in where.items()]
  return '<div class="scroll">\n%s</div>\n' % _table(
      "Answers other than the baseline\N{RIGHT SINGLE QUOTATION MARK}s",
      ["answer", "outcome", "zone and layers"], rows)
