"""Writes the answers of a journal into BERT's JSON files, all in one reading."""

import collections
import contextlib
import json
import os

from attention_zones.base import files

# Characters that write_files collects before it appends them to the files.
_BUFFERED = 1 << 25


# The kinds of files, and the part of a journal's record in each. Files are renamed
# in reverse order, so that predictions, which mark a decode as done, come last.
_COLUMN_OF = collections.OrderedDict([
    ("predictions", "text"), ("null_odds", "null_odds"),
    ("gold_logp", "gold_logp"), ("nbest_predictions", "nbest")])


def write_files(folder, data, journal, decodes, kinds, begin=lambda names: None):
  """Writes the files of all decodes of a sweep in BERT's formats.

  Each file is written completely or not at all. The journal is read once, question
  by question, for all files together; their content passes through memory in parts
  of about _BUFFERED characters.

  Args:
    folder: str, a path or address.
    data: windows.DataSet.
    journal: journal.Records with the answers to all examples.
    decodes: list of V decodes.Decode.
    kinds: list of V lists of str, the kinds of files of each decode, of
      "predictions", "null_odds", "gold_logp" and "nbest_predictions".
    begin: function of the list of the files' names, which is called when all are
      complete, before the first of them replaces another.

  Returns:
    OrderedDict from each failed decode, whose files are not written, to the id of
    the first question with NaN or infinite logits.

  Raises:
    OSError: a file cannot be written. Then no file is replaced, unless the last
      step fails, which renames the files.
  """
  failed = {}
  with contextlib.ExitStack() as stack:
    parts = _files(stack, folder, decodes, kinds)
    buffered = 0
    for index, example in enumerate(data.examples):
      record = journal.read(index)
      for v, text in enumerate(record["text"]):
        if text is None:
          failed.setdefault(v, example.qas_id)
      for part in parts:
        if part.decode not in failed:
          # As published: n-best lists are ASCII in both data sets.
          buffered += part.add(
              example.qas_id, record[part.column][part.place],
              as_ascii=data.rules.ascii_texts or part.column != "text")
      if buffered > _BUFFERED:
        for part in parts:
          part.flush()
        buffered = 0
    for part in parts:
      part.close(keep=part.decode not in failed)
    begin([part.name for part in parts if part.decode not in failed])
  return collections.OrderedDict(
      (decodes[v], failed[v]) for v in sorted(failed))


def _files(stack, folder, decodes, kinds):
  """Begins the files of decodes: list of _FileInParts."""
  found = []
  for kind, column in _COLUMN_OF.items():
    wanted = [v for v, of_decode in enumerate(kinds) if kind in of_decode]
    # Only decodes with an n-best list have a place in its column.
    found += [_FileInParts(stack, folder, decodes[v].file_name(kind), v, column,
                           place if column == "nbest" else v)
              for place, v in enumerate(wanted)]
  return found


class _FileInParts:
  """A JSON file that is written in parts, since few can be open at the same time.

  Its bytes are those of json.dumps(dict of all entries, indent=4) and a line
  feed. The file is replaced when `stack` is closed.

  Args:
    stack: contextlib.ExitStack.
    folder: str, a path or address.
    name: str, the file's name.
    decode: int, the index of its decode.
    column: str, the part of a journal's record in it, of _COLUMN_OF.
    place: int, the index of its value in the record's column.
  """

  def __init__(self, stack, folder, name, decode, column, place):
    self.name, self.decode, self.column, self.place = name, decode, column, place
    self._path = os.path.join(folder, name)
    self._temporary = stack.enter_context(files.replacing(self._path))
    self._pieces = []
    self._separator = "{\n"

  def add(self, key, value, as_ascii):
    """Adds an entry; returns how many characters it takes.

    Args:
      key: str.
      value: number, str or n-best list.
      as_ascii: bool, json.dumps's ensure_ascii.
    """
    # A line feed within a text is encoded, so that each one begins a line.
    entry = "%s    %s: %s" % (
        self._separator, json.dumps(key, ensure_ascii=as_ascii),
        json.dumps(value, ensure_ascii=as_ascii, indent=4).replace("\n", "\n    "))
    self._pieces.append(entry)
    self._separator = ",\n"
    return len(entry)

  def flush(self):
    """Writes out what was added. Raises OSError about the file's own path."""
    try:
      files.append_text(self._temporary, self._pieces)
    except OSError as error:
      raise OSError(error.errno, error.strerror, self._path) from error
    self._pieces = []

  def close(self, keep):
    """Completes the file; without `keep`, the old one stays as it was."""
    if keep:
      self._pieces.append("\n}\n")
      self.flush()
    else:
      os.remove(self._temporary)
