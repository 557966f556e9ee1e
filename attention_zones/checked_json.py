"""Reads JSON files that others wrote, and says what is wrong with them."""

import collections
import contextlib
import json
import re

from attention_zones import file_kinds
from attention_zones import files


def load(path):
  """Reads a JSON file, with or without a byte order mark.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not JSON, or an object in it has a key twice.
  """
  return parse(path, files.read_bytes(path))


def parse(path, content):
  """Parses the content of a JSON file.

  Args:
    path: str, names the file in messages.
    content: bytes.

  Raises:
    ValueError: it is not JSON, or an object in it has a key twice.
  """
  try:
    return json.loads(content.decode("utf-8-sig"),
                      object_pairs_hook=_object_of_distinct_keys)
  except RecursionError as error:
    raise ValueError("%s: nested too deeply" % path) from error
  except (UnicodeDecodeError, json.JSONDecodeError) as error:
    kind = file_kinds.of_bytes(content)
    if kind:
      raise ValueError("%s %s" % (path, kind)) from error
    raise ValueError("%s: %s" % (path, _describe(error))) from error
  except ValueError as error:
    raise ValueError("%s: %s" % (path, error)) from error


def _describe(error):
  """Says what is wrong with text that is not JSON, or with bytes that are no text.
  """
  if isinstance(error, UnicodeDecodeError):
    return "not a text file in UTF-8 (%s); JSON is needed" % error.reason
  if error.msg == "Extra data" and error.doc[error.pos] in "{[":
    return ("several JSON values, the second on line %d, as in JSON lines; should "
            "be a single one" % error.lineno)
  return "not JSON, or cut off: %s" % error


def _object_of_distinct_keys(pairs):
  """The dict of a JSON object. Refuses repeated keys, which json itself accepts."""
  members = dict(pairs)
  if len(members) < len(pairs):
    names = collections.Counter(name for name, _ in pairs)
    raise ValueError("more than once in one object: %s; keep one" % count_ids(
        [name for name, count in names.items() if count > 1], "key"))
  return members


def member(where, holder, key, kind):
  """Returns a member of a JSON object that must be there.

  Args:
    where: str, names the object in messages: file and JSON path.
    holder: the object, any value as the json module gives it.
    key: str.
    kind: list, dict, str, int or bool, the type that the member must have.

  Raises:
    ValueError: `holder` is no object, lacks the key, or has another type there.
  """
  names = {list: "an array", dict: "an object", str: "a string",
           int: "a whole number", bool: "true or false"}
  if not isinstance(holder, dict):
    raise ValueError("%s is %s; should be an object with %r" % (
        where, excerpt(holder), key))
  if key not in holder:
    raise ValueError("%s has no %r, which should be %s" % (
        where, key, names[kind]))
  if type(holder[key]) is not kind:
    raise ValueError("%s: %r is %s; should be %s" % (
        where, key, excerpt(holder[key]), names[kind]))
  return holder[key]


def as_whole_number(value):
  """The int that a JSON value is or spells, as 17, 17.0 and "17" do; else None."""
  if isinstance(value, str):
    match = re.fullmatch(r"\s*(-?[0-9]{1,15})(\.0*)?\s*", value)
    return int(match.group(1)) if match else None
  if isinstance(value, float):
    return int(value) if value.is_integer() else None
  return value if type(value) is int else None


def whole_number(where, holder, key):
  """As `member`, for a whole number, which may be written as a string: int."""
  value = as_whole_number(holder.get(key)) if isinstance(holder, dict) else None
  return member(where, holder, key, int) if value is None else value


# How a file, or what wrote it, spells true and false.
_BOOLS = {"true": True, "1": True, "false": False, "0": False, "null": False}


def is_impossible(where, qa):
  """Whether a question says that it has no answer: bool.

  Args:
    where: str, names the question in messages: file and JSON path.
    qa: dict, the question as SQuAD's JSON has it.

  Raises:
    ValueError: its is_impossible is neither true nor false.
  """
  value = qa.get("is_impossible", False)
  spelled = (value if isinstance(value, str) else json.dumps(value)).strip().lower()
  known = _BOOLS.get(spelled)
  return member(where, qa, "is_impossible", bool) if known is None else known


Answer = collections.namedtuple("Answer", ["where", "text", "content"])
Answer.__doc__ = """A gold answer as a data set has it.

Attributes:
  where: str, names it in messages: file and JSON path.
  text: str, "" for null.
  content: dict, the answer as the JSON has it; whether its answer_start is a whole
    number was not looked at.
"""


def answers(where, qa):
  """Reads the gold answers of a question, as all commands do.

  A question that is_impossible may lack them: KLUE has only plausible_answers.
  They may be columns, {"text": [...], "answer_start": [...]}, as in Hugging Face's
  data sets.

  Args:
    where: str, names the question in messages: file and JSON path.
    qa: the question as SQuAD's JSON has it.

  Returns:
    list of Answer.

  Raises:
    ValueError: there is no array of them, or an answer has no text.
  """
  held = qa.get("answers") if isinstance(qa, dict) else None
  if isinstance(qa, dict) and held is None and is_impossible(where, qa):
    return []
  found = []
  for i, answer in enumerate(_rows("%s.answers" % where, held) if isinstance(
      held, dict) else member(where, qa, "answers", list)):
    at = "%s.answers[%d]" % (where, i)
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


def paragraphs(path, content, faults):
  """Yields the paragraphs of a SQuAD data set.

  Args:
    path: str, names the file in messages.
    content: any value as `load` returns it.
    faults: list of str; faults of articles are added to it.

  Yields:
    (JSON path for messages, paragraph as the JSON has it).

  Raises:
    ValueError: it is not a SQuAD data set; the message says what it is.
  """
  kind = file_kinds.of_json(content)
  if kind:
    raise ValueError("%s %s" % (path, kind))
  for a, article in enumerate(member(path, content, "data", list)):
    where, items = "%s: data[%d]" % (path, a), []
    with noting(faults):
      items = member(where, article, "paragraphs", list)
    for p, item in enumerate(items):
      yield "%s.paragraphs[%d]" % (where, p), item


@contextlib.contextmanager
def noting(faults):
  """Adds the message of a ValueError to a list, so that reading can continue.

  Args:
    faults: list of str, for `refuse`.
  """
  try:
    yield
  except ValueError as error:
    faults.append(str(error))


def refuse(faults):
  """Raises a ValueError if a file has faults, with the first and their number."""
  if len(faults) == 1:
    raise ValueError(faults[0])
  if faults:
    raise ValueError("%s; the first of %d faulty places" % (
        faults[0], len(faults)))


def question_id(where, qa):
  """Returns the id of a question, as predictions have it.

  Args:
    where: str, names the question in messages: file and JSON path.
    qa: the question as SQuAD's JSON has it.

  Returns:
    str, "guid" where there is no "id", as in KLUE. A whole number becomes its
    digits, because the keys of predictions.json are always strings.

  Raises:
    ValueError: there is none, or it is neither a string nor a whole number.
  """
  key = "guid" if isinstance(qa, dict) and "guid" in qa and "id" not in qa else "id"
  if isinstance(qa, dict) and type(qa.get(key)) is int:
    return str(qa[key])
  return member(where, qa, key, str)


def refuse_repeated(path, ids):
  """Raises a ValueError if an id is used more than once, with each such id once.

  Args:
    path: str, names the file in messages.
    ids: iterable of str, the ids of all questions.
  """
  twice = [name for name, count in collections.Counter(ids).items() if count > 1]
  if twice:
    raise ValueError("%s: used more than once: %s; ids must differ" % (
        path, count_ids(twice)))


def excerpt(value):
  """The start of a value as JSON has it, to show it in a message."""
  names = {dict: "an object", list: "an array"}
  return names.get(type(value)) or json.dumps(value)[:40]


def count_ids(ids, noun="id"):
  """Says how many ids there are and which: '6 ids ("a", "b", ...)', up to 5."""
  return "%d %s%s (%s%s)" % (
      len(ids), noun, "s" * (len(ids) != 1),
      ", ".join(json.dumps(name) for name in ids[:5]),
      ", ..." if len(ids) > 5 else "")
