"""Sets of tokens that the data says: `answer`, and what --spans names.

    {"56be4db0acb8001400a502ec": {
        "wh": {"question": [[0, 5]]},
        "evidence": {"passage": [[120, 188], [250, 300]]}}}

For each question, by its id, a name has ranges of characters (code points) of the
question, of its passage, or of both, as the data set has them, the end excluded. A
token is in the set if it shares a character with a range. A question that the file
does not name has no such token.

`answer` is all gold answers that the passage has at their answer_start.
"""

import collections

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.base import questions
from attention_zones.data import windows
from attention_zones.zones import sets
from attention_zones.zones import zones

# Where ranges of characters are.
_SIDES = ("question", "passage")


class Spans(collections.namedtuple("Spans", ["where", "ranges"])):
  """The named spans of questions.

  Attributes:
    where: str, names them in messages: "--spans=spans.json".
    ranges: dict from a question's id to a dict from each of its names to a dict
      from "question" or "passage" to a list of (start, end), int each.
  """
  __slots__ = ()

  @property
  def names(self):
    """The names of all spans: set of str."""
    return set().union(*self.ranges.values())

  def digest(self, name):
    """A short digest of where the spans of a name are: str."""
    return files.short_digest({
        qas_id: of_question[name] for qas_id, of_question in self.ranges.items()
        if name in of_question})

  def of_questions(self, ids):
    """The Spans of some questions only, of which there may be others."""
    return self._replace(ranges={
        qas_id: of_question for qas_id, of_question in self.ranges.items()
        if qas_id in set(ids)})


NONE = Spans("--spans", {})


def load(path):
  """Reads the file of --spans.

  Args:
    path: str, or None for no file.

  Returns:
    Spans.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or has a name that no span can have.
  """
  return NONE if path is None else of_content(
      "--spans=%s" % path, json_files.load(path))


def of_content(where, content):
  """Makes Spans of what is in a file.

  Args:
    where: str, names it in messages.
    content: as the json module gives it.

  Raises:
    ValueError: as of `load`.
  """
  if not isinstance(content, dict):
    raise ValueError("%s is %s; should be an object from question id to an object "
                     "from name to ranges" % (where, json_files.excerpt(content)))
  ranges, faults = {}, []
  for qas_id in content:
    with json_files.noting(faults):
      of_question = json_files.member(where, content, qas_id, dict)
      ranges[qas_id] = {name: _sides("%s: %r" % (where, qas_id), of_question, name)
                        for name in of_question}
  json_files.refuse(faults)
  return Spans(where, ranges)


def _sides(where, of_question, name):
  """The ranges of a name: dict as in Spans; ValueError if they are none."""
  _check_name(where, name)
  of_name = json_files.member(where, of_question, name, dict)
  within, found = "%s: %r" % (where, name), {}
  for side in of_name:
    if side not in _SIDES:
      raise ValueError("%s has %r; should have \"question\", \"passage\" or "
                       "both" % (within, side))
    found[side] = []
    for pair in json_files.member(within, of_name, side, list):
      if not (isinstance(pair, list) and [type(end) for end in pair] == [int, int]
              and 0 <= pair[0] < pair[1]):
        raise ValueError("%s: %r has %s; should be [start, end], characters from "
                         "0, the end excluded and behind the start" % (
                             within, side, str(pair)[:40]))
      found[side].append(tuple(pair))
  return found


def _check_name(where, name):
  """Raises ValueError if no span can have this name."""
  if not sets.can_be_span(name):
    raise ValueError(
        "%s: %r is no name for a span; should be small letters and digits, a "
        "letter first, not one of %s, and not begin with not, head or layer" % (
            where, name, ", ".join(sets.SETS)))
  taken = zones.names_with(name)
  if taken:
    raise ValueError("%s: %r is no name for a span, because %s is a zone; give "
                     "another" % (where, name, taken[0]))


def check(spans, examples):
  """Refuses spans of unknown questions, and outside of the texts.

  Args:
    spans: Spans.
    examples: list of squad_data.Example.

  Raises:
    ValueError: there are such spans.
  """
  texts_of = {example.qas_id: dict(zip(
      _SIDES, (example.question, example.paragraph.context)))
              for example in examples}
  faults = []
  for qas_id, of_question in spans.ranges.items():
    if qas_id not in texts_of:
      faults.append("%s: %r is not a question of the data set" % (
          spans.where, qas_id))
      continue
    for name, of_name in of_question.items():
      for side, pairs in of_name.items():
        length = len(texts_of[qas_id][side])
        faults += ["%s: %r: %r: %r has [%d, %d], but the %s has %d characters" % (
            spans.where, qas_id, name, side, start, end, side, length)
                   for start, end in pairs if end > length]
  json_files.refuse(faults)


def find(data, spans, wanted):
  """Adds to a data set which tokens are in the sets that the data says.

  Args:
    data: windows.DataSet; its examples have `gold` if `answer` is wanted.
    spans: Spans, of its questions.
    wanted: iterable of str, the sets.

  Returns:
    windows.DataSet with `members`.
  """
  found = {name: [] for name in sorted(wanted)}
  passage = None
  for example in data.examples:
    of_question = dict(spans.ranges.get(example.qas_id, {}))
    of_question[sets.ANSWER] = {"passage": example.gold}
    if passage is None or passage.paragraph is not example.paragraph:
      passage = _Tokens(example.paragraph, data.tokenizer)
    question = _Tokens(questions.split_words(example.question), data.tokenizer)
    for name, members in found.items():
      of_name = of_question.get(name, {})
      members.append(tuple(
          tokens.at(of_name.get(side, ()))
          for side, tokens in zip(_SIDES, (question, passage))))
  return data._replace(members=found)


def remarks(data):
  """Says of each set that `find` found how many questions have it: list of str."""
  total = len(data.examples)
  counts = [(name, sum(any(sides) for sides in of_set))
            for name, of_set in data.members.items()]
  return ["the set %s has tokens in %d of %d questions%s" % (
      name, count, total, "" if count == total else
      "; in the others its zones mask nothing, and statistics leave them out")
          for name, count in counts]


class _Tokens:
  """The tokens of a text, made when they are asked for.

  Args:
    paragraph: questions.Paragraph.
    tokenizer: as of windows.DataSet.
  """

  def __init__(self, paragraph, tokenizer):
    self.paragraph, self._tokenizer = paragraph, tokenizer
    self._made = None

  def at(self, ranges):
    """The tokens that share a character with a range: ascending list of int."""
    members = set()
    for place in ranges:
      if self._made is None:
        self._made = windows.tokenize_passage(self.paragraph, self._tokenizer)
      ends = self._made.tokens_at(*place)
      if ends:
        members.update(range(ends[0], ends[1] + 1))
    return sorted(members)
