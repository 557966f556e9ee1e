"""A journal: the answers of a sweep that is not finished, question by question.

    {"--max_seq_length": 512, ..., "decodes": ["predictions.json", ...]}
    {"question": 3, "texts": ["Oslo", "in Oslo"], "text_of": [0, 0, 1], ...}
    ...

The first line is the key, a dict of all that the answers depend on; then there is a
line for each finished question, in the order in which they were finished. The last
line may be incomplete: the process was killed. A share of the questions that is
finished ends with {"finished": number}. journal_writer.py appends.
"""

import collections
import json
import os
import re

from attention_zones.base import files
from attention_zones.base import json_files

# Of journals and finished shares: the pass's name, and how many shares there are.
FILE_NAME = re.compile(
    r"(?:journal|share)\.([0-9a-f]{16})(?:\.\d+of(\d+))?\.jsonl")


class FinishedJournal:
  """A journal to which nothing is added any more, after its last line.

  Args:
    path: str, a path or address.

  Attributes:
    key: dict, what its answers depend on.
    finished: dict from a question's index (int) to where its line starts.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not a whole journal.
  """

  def __init__(self, path):
    self._file = files.open_bytes(path)
    first = self._file.readline()
    self.key = json_files.parse(path, first) if first else None
    self.finished, end = find_questions(self._file)
    self._file.seek(end)
    is_whole = self._file.readline() == line({"finished": len(self.finished)})
    if not is_whole or not isinstance(self.key, dict):
      raise ValueError(
          "%s is incomplete; delete it, and run its share again" % path)

  def read(self, question):
    """Returns the record of a finished question, as `read_record` returns it."""
    return read_record(self._file, self.finished[question])


class JoinedJournals:
  """Journals of different questions, read as one.

  Args:
    journals: list of FinishedJournal.

  Attributes:
    finished: dict from a question's index (int) to its journal.
  """

  def __init__(self, journals):
    self.finished = {
        question: journal for journal in journals for question in journal.finished}

  def read(self, question):
    """Returns the record of a finished question, as `read_record` returns it."""
    return self.finished[question].read(question)


def as_read(key):
  """A key as it is read back from a journal: JSON turns tuples into lists."""
  return json.loads(line(key).decode("ascii"))


def find_questions(file):
  """Reads a journal's lines after its key, up to one that is incomplete.

  Returns:
    (dict from a question's index to where its line starts, where the last ends).
  """
  found, end = {}, file.tell()
  for content in iter(file.readline, b""):
    try:
      index = json.loads(content.decode("utf-8"))["question"]
    except (ValueError, KeyError, TypeError):
      break
    if not content.endswith(b"\n"):
      break
    found[index] = end
    end += len(content)
  return found, end


def read_record(file, start):
  """Reads the record of a finished question.

  Args:
    file: file object, the journal.
    start: int, where its line starts.

  Returns:
    dict: "text", "null_odds" and "gold_logp" have one entry for each decode,
    "nbest" one for each decode that has an n-best list.
  """
  file.seek(start)
  record = json.loads(file.readline().decode("utf-8"))
  texts = record.pop("texts")
  record["text"] = [texts[i] for i in record.pop("text_of")]
  return record


def begun_decodes(path):
  """Reads which decodes a journal was started for.

  Args:
    path: str, a path or address.

  Returns:
    list of str, the names of their prediction files; [] if there is no journal, or
    its key is incomplete.

  Raises:
    OSError: the file exists and cannot be read.
  """
  decodes = begun_key(path).get("decodes")
  return decodes if isinstance(decodes, list) else []


def begun_key(path):
  """As `begun_decodes`: what the journal's answers depend on, dict, or {}."""
  try:
    with files.open_bytes(path) as f:
      return dict(json.loads(f.readline().decode("utf-8")))
  except (FileNotFoundError, ValueError, TypeError):
    return {}


def unfinished(folder):
  """Reads how far the unfinished passes over the data of a folder are.

  Takes no lock and changes nothing, so that a run may go on meanwhile.

  Args:
    folder: str, a path or address.

  Returns:
    list of (names, number, key), one for each pass: the list of the names of its
    journals and finished shares, how many questions these have, and the dict of
    what their answers depend on, {} where it is incomplete.

  Raises:
    OSError: a file cannot be read.
  """
  passes = collections.OrderedDict()
  for name in files.list_folder(folder):
    match = FILE_NAME.fullmatch(name)
    if match:
      names, number, key = passes.get(match.group(1), ([], 0, {}))
      with files.open_bytes(os.path.join(folder, name)) as f:
        try:
          key = dict(json.loads(f.readline().decode("utf-8")))
        except (ValueError, TypeError):
          pass
        number += len(find_questions(f)[0])
      passes[match.group(1)] = names + [name], number, key
  return list(passes.values())


def line(content):
  """A line of a journal: bytes."""
  return (json.dumps(content) + "\n").encode("ascii")
