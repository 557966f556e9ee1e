"""Reads JSON files that others wrote, and says what is wrong with them."""

import collections
import contextlib
import json
import re

from attention_zones.base import file_kinds
from attention_zones.base import files


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


@contextlib.contextmanager
def noting(faults):
  """Adds the message of a ValueError to a list, so that reading can continue.

  Args:
    faults: list of str, for `refuse`. All questions about a passage may have the
      same fault; it counts as one.
  """
  try:
    yield
  except ValueError as error:
    if faults[-1:] != [str(error)]:
      faults.append(str(error))


def refuse(faults):
  """Raises a ValueError if a file has faults, with the first and their number."""
  if len(faults) == 1:
    raise ValueError(faults[0])
  if faults:
    raise ValueError("%s; the first of %d faulty places" % (
        faults[0], len(faults)))


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
