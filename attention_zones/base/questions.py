"""Questions of a data set, and where an answer stands in its passage.

All commands read a data set with `read`.
"""

import bisect
import collections
import json
import re

from attention_zones.base import file_kinds
from attention_zones.base import json_files
from attention_zones.base.json_files import member


# How a file, or what wrote it, spells true and false.
_BOOLS = {"true": True, "1": True, "false": False, "0": False, "null": False}


class Answer(collections.namedtuple("Answer", ["where", "text", "content"])):
  """A gold answer as its data set has it.

  Attributes:
    where: str, names it in messages: file and JSON path.
    text: str, "" for null.
    content: dict, the answer as the JSON has it.
  """
  __slots__ = ()

  @property
  def start(self):
    """Its answer_start: int. Raises ValueError if that is no whole number."""
    start = self.start_if_known
    return start if start is not None else member(
        self.where, self.content, "answer_start", int)

  @property
  def start_if_known(self):
    """Its answer_start, which may be written as a string: int; None if that is no
    whole number."""
    return json_files.as_whole_number(self.content.get("answer_start"))


class Question(collections.namedtuple("Question", [
    "where", "content", "paragraph", "article", "title"])):
  """A question as its data set has it.

  What the file lacks is refused when it is asked for: then the properties raise a
  ValueError that names the file and the place in it.

  Attributes:
    where: str, names it in messages: file and JSON path.
    content, paragraph: the question and its paragraph as the JSON has them.
    article: int, which article it is in, from 0.
    title: str, the article's; "" without one.
  """
  __slots__ = ()

  @property
  def id(self):
    """str, as predictions have it; "guid" where there is no "id", as in KLUE.

    A whole number becomes its digits, because the keys of predictions.json are
    always strings.
    """
    qa = self.content
    key = ("guid" if isinstance(qa, dict) and "guid" in qa and "id" not in qa
           else "id")
    if isinstance(qa, dict) and type(qa.get(key)) is int:
      return str(qa[key])
    return member(self.where, qa, key, str)

  @property
  def text(self):
    """str, what is asked."""
    return member(self.where, self.content, "question", str)

  @property
  def context(self):
    """str, the passage."""
    return member(
        self.where.rpartition(".qas")[0], self.paragraph, "context", str)

  @property
  def is_impossible(self):
    """bool, whether the file says that there is no answer."""
    value = self.content.get("is_impossible", False)
    spelled = value if isinstance(value, str) else json.dumps(value)
    known = _BOOLS.get(spelled.strip().lower())
    return known if known is not None else member(
        self.where, self.content, "is_impossible", bool)

  @property
  def answers(self):
    """list of Answer, the gold ones.

    A question that is_impossible may lack them: KLUE has only plausible_answers.
    They may be columns, {"text": [...], "answer_start": [...]}, as in Hugging
    Face's data sets.
    """
    qa, found = self.content, []
    held = qa.get("answers") if isinstance(qa, dict) else None
    if isinstance(qa, dict) and held is None and self.is_impossible:
      return found
    rows = _rows("%s.answers" % self.where, held) if isinstance(held, dict) else (
        member(self.where, qa, "answers", list))
    for i, answer in enumerate(rows):
      at = "%s.answers[%d]" % (self.where, i)
      is_null = isinstance(answer, dict) and answer.get("text", "") is None
      found.append(Answer(
          at, "" if is_null else member(at, answer, "text", str), answer))
    return found


def _rows(where, columns):
  """Turns an object of equally long arrays into a list of dicts."""
  lengths = {len(member(where, columns, key, list)) for key in columns}
  if len(lengths) != 1:
    raise ValueError("%s has arrays of different lengths" % where)
  return [dict(zip(columns, row)) for row in zip(*columns.values())]


def read(path, make=lambda question: question):
  """Reads a data set in SQuAD's format.

  Args:
    path: str, a path (or gs:// address) of SQuAD's JSON, v1.1 or v2.0.
    make: function from a Question to what is kept of it; it may raise ValueError.

  Returns:
    list of what `make` returns, in the order of the file.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or `make` refused a question; the message
      names the first faulty place and says how many there are.
  """
  made, faults = [], []
  for question in _walk(path, json_files.load(path), faults):
    with json_files.noting(faults):
      made.append(make(question))
  json_files.refuse(faults)
  return made


def _walk(path, content, faults):
  """Yields the Questions of a file; faults around them are added to a list of str.

  Raises:
    ValueError: it is not a SQuAD data set; the message says what it is.
  """
  kind = file_kinds.of_json(content)
  if kind:
    raise ValueError("%s %s" % (path, kind))
  for a, article in enumerate(member(path, content, "data", list)):
    at, paragraphs = "%s: data[%d]" % (path, a), []
    with json_files.noting(faults):
      paragraphs = member(at, article, "paragraphs", list)
    for p, paragraph in enumerate(paragraphs):
      within, qas = "%s.paragraphs[%d]" % (at, p), []
      with json_files.noting(faults):
        qas = member(within, paragraph, "qas", list)
      title = article.get("title")
      for q, qa in enumerate(qas):
        yield Question("%s.qas[%d]" % (within, q), qa, paragraph, a,
                       title if isinstance(title, str) else "")


def refuse_repeated(path, ids):
  """Raises a ValueError if an id is used more than once, with each such id once.

  Args:
    path: str, names the file in messages.
    ids: iterable of str, the ids of all questions.
  """
  twice = [name for name, count in collections.Counter(ids).items() if count > 1]
  if twice:
    raise ValueError("%s: used more than once: %s; ids must differ" % (
        path, json_files.count_ids(twice)))


# SQuAD's preprocessing splits words at these characters; other spaces, like U+00A0,
# are left to the tokenizer.
_WORD = re.compile("[^ \t\r\n\u202f]+")
# White space of any kind, for comparing an answer with its passage.
_SPACE = re.compile(r"\s*")


class Paragraph(collections.namedtuple(
    "Paragraph", ["context", "words", "starts"])):
  """One passage.

  Attributes:
    context: str, the text as in the file.
    words: list of str, the text split at white space.
    starts: list of int, the offset of each word in `context`.
  """
  __slots__ = ()


def split_words(context):
  """Makes the Paragraph of a passage, given its text."""
  words = list(_WORD.finditer(context))
  return Paragraph(context, [word.group() for word in words],
                   [word.start() for word in words])


def find_answer(paragraph, text, offset):
  """Finds an answer in its passage.

  The answer must be more than white space. It is found if it is at its offset, if
  it is there with other white space, or if it is elsewhere in the words at its
  offset, like "895" in "1895".

  Args:
    paragraph: Paragraph.
    text: str, the answer.
    offset: int, answer_start in the file.

  Returns:
    (start, end), int each: the answer is context[start:end]; None if it is not
    found.
  """
  context, parts = paragraph.context, text.split()
  if not parts or not 0 <= offset < len(context):
    return None
  if context.startswith(text, offset):
    return offset, offset + len(text)
  alike = re.compile(r"\s+".join(map(re.escape, parts)))
  at_offset = alike.match(context, _SPACE.match(context, offset).end())
  if at_offset:
    return at_offset.span()
  if offset + len(text) > len(context):
    return None
  # White space belongs to the word before it.
  word_at = lambda offset: bisect.bisect_right(paragraph.starts, offset) - 1
  first, last = word_at(offset), word_at(offset + len(text) - 1)
  if first < 0:
    return None
  nearby = alike.finditer(context, paragraph.starts[first],
                          paragraph.starts[last] + len(paragraph.words[last]))
  return min((match.span() for match in nearby), default=None,
             key=lambda span: abs(span[0] - offset))


def places(paragraph, answers, find=find_answer):
  """Yields where the answers to a question stand in their passage.

  Args:
    paragraph: Paragraph.
    answers: list of Answer.
    find: as for read_examples.

  Yields:
    (index, (start, end)), int each, for each answer that is more than white space
    and that the passage has at its answer_start.

  Raises:
    ValueError: an answer_start is not a whole number.
  """
  for index, answer in enumerate(answers):
    # Without an answer_start, too, an answer stands nowhere.
    if answer.text.strip() and answer.content.get("answer_start") is not None:
      place = find(paragraph, answer.text, answer.start)
      if place:
        yield index, place
