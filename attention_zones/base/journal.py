"""A journal: the answers of a sweep that is not finished, question by question.

    {"--max_seq_length": 512, ..., "decodes": ["predictions.json", ...]}
    {"question": 3, "texts": ["Oslo", "in Oslo"], "text_of": [0, 0, 1], ...}
    ...

The first line is the key, a dict of all that the answers depend on; then there is a
line for each finished question, in the order in which they were finished. The last
line may be incomplete: the process was killed. A share of the questions that is
finished ends with {"finished": number}. journal_writer.py appends.

The key also has what the answers do not depend on, but a reader has to know: SEED,
that of the order of passages (passage_order.py), and what ABOUT names.
"""

import collections
import json
import os
import re

from attention_zones.base import files

# Of journals and finished shares: the pass's name, which share it is, and of how
# many.
FILE_NAME = re.compile(
    r"(?:journal|share)\.([0-9a-f]{16})(?:\.(\d+)of(\d+))?\.jsonl")

# Entries of the key. A journal is resumed in its own order, whatever the flag says.
SEED = "--random_seed"
ABOUT = ("num_layers", "num_heads", "layout")


class Records:
  """The records of finished questions, of one journal or of several.

  Args:
    finished: dict from a question's index (int) to where its record is: the
      journal, a file object, and where its line starts, an int.
  """

  def __init__(self, finished):
    self.finished = finished

  def read(self, question):
    """Reads the record of a finished question.

    Returns:
      dict: "text", "null_odds" and "gold_logp" have one entry for each decode,
      "nbest" one for each decode that has an n-best list, and "windows" a list of
      [question_length, first_token, passage_length, {set: positions}] for each
      window.
    """
    file, start = self.finished[question]
    file.seek(start)
    record = json.loads(file.readline().decode("utf-8"))
    texts = record.pop("texts")
    record["text"] = [texts[i] for i in record.pop("text_of")]
    return record


def read_key(file):
  """Reads a journal's first line: its key, a dict; {} if that is incomplete."""
  try:
    key = dict(json.loads(file.readline().decode("utf-8")))
  except (ValueError, TypeError):
    return {}
  return key if isinstance(key.get("decodes"), list) else {}


def find_questions(file):
  """Reads a journal's lines after its key, up to one that is incomplete.

  Returns:
    (dict, as Records takes it; where the last line ends).
  """
  found, end = {}, file.tell()
  for content in iter(file.readline, b""):
    try:
      index = json.loads(content.decode("utf-8"))["question"]
    except (ValueError, KeyError, TypeError):
      break
    if not content.endswith(b"\n"):
      break
    found[index] = file, end
    end += len(content)
  return found, end


def read_share(path):
  """Reads the journal of a share that is finished.

  Args:
    path: str, a path or address.

  Returns:
    (its key; dict, as Records takes it).

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not whole.
  """
  file = files.open_bytes(path)
  key, (finished, end) = read_key(file), find_questions(file)
  file.seek(end)
  if not key or file.readline() != line({"finished": len(finished)}):
    raise ValueError("%s is incomplete; delete it, and run its share again" % path)
  return key, finished


def begun(folder):
  """Reads what the unfinished passes over the data of a folder were begun with.

  Args:
    folder: str, a path or address.

  Returns:
    OrderedDict from the name of each journal and finished share to its key.
  """
  keys = collections.OrderedDict()
  for name in filter(FILE_NAME.fullmatch, files.list_folder(folder)):
    try:
      with files.open_bytes(os.path.join(folder, name)) as f:
        keys[name] = read_key(f)
    except FileNotFoundError:
      # Its run has ended meanwhile.
      pass
  return keys


class Pass(collections.namedtuple(
    "Pass", ["keys", "records", "lacking"])):
  """A pass over the data that is not finished.

  Attributes:
    keys: OrderedDict from the name of each of its journals and finished shares to
      its key, a dict, {} where that is incomplete.
    records: Records of all questions that are finished.
    lacking: list of str, "2/8" for example: shares that have no journal.
  """
  __slots__ = ()


def unfinished(folder):
  """Reads how far the unfinished passes over the data of a folder are.

  Takes no lock and changes nothing, so that a run may go on meanwhile.

  Args:
    folder: str, a path or address.

  Returns:
    list of Pass, whose files stay open while their records are used.

  Raises:
    OSError: a file cannot be read.
  """
  of_pass = collections.OrderedDict()
  for match in filter(None, map(FILE_NAME.fullmatch, files.list_folder(folder))):
    pass_id, _, count = match.groups()
    of_pass.setdefault((pass_id, count), []).append(match)
  try:
    # A run of all questions does not use shares of some that were left.
    return [_read_pass(folder, names) for (pass_id, count), names in of_pass.items()
            if count is None or (pass_id, None) not in of_pass]
  except FileNotFoundError:
    # A run has ended meanwhile, or its share.
    return unfinished(folder)


def _read_pass(folder, names):
  """Reads the files of a pass, given the matches of their names: Pass."""
  keys, finished = collections.OrderedDict(), {}
  for name in names:
    file = files.open_bytes(os.path.join(folder, name.group()))
    keys[name.group()] = read_key(file)
    finished.update(find_questions(file)[0])
  there, count = {name.group(2) for name in names}, names[0].group(3)
  lacking = ["%d/%s" % (number, count) for number in range(1, int(count or 0) + 1)
             if str(number) not in there]
  return Pass(keys, Records(finished), lacking)


def line(content):
  """A line of a journal: bytes."""
  return (json.dumps(content) + "\n").encode("ascii")
