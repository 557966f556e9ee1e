"""The answers of a sweep, kept on disk as they come, so that none is lost.

A sweep can take hours. Each finished question is appended to the journal; a run
that was stopped reads what is there and goes on. A journal begins with the key
of everything that determines its answers, and is continued for that key only.
Where something was changed in between, that is said rather than work thrown away.
"""

import collections
import fcntl
import json
import os

from attention_zones import checked_json
from attention_zones import files

# Belongs into the key; to be raised when the answers or their lines change.
FORMAT = 2


class Journal:
  """An append-only file of one JSON line for each finished question.

  Args:
    path: str, a local path. A journal that is there is continued.
    key: dict of what determines the answers, anything that JSON can say.
    flock: the function that locks, given for tests.

  Attributes:
    finished: dict from a question's index (int) to where its line starts.

  Raises:
    OSError: the file cannot be read or written.
    ValueError: another process has it open, or it is of another key; names what
      differs.
  """

  def __init__(self, path, key, flock=fcntl.flock):
    self.path = path
    self.finished = {}
    self._file = open(path, "a+b")
    try:
      files.try_lock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, flock)
      is_in_use = not os.fstat(self._file.fileno()).st_nlink
    except BlockingIOError:
      is_in_use = True
    if is_in_use:
      raise ValueError("%s is being written by another run of the same decodes; "
                       "wait for it, or stop it" % path)
    self._begin(dict(key, format=FORMAT))

  def _begin(self, key):
    """Reads the journal's key and its questions, or writes the key."""
    self._file.seek(0)
    line = self._file.readline()
    if not line.endswith(b"\n"):
      self._file.truncate(0)
      self._write(_line(key))
      return
    begun = checked_json.parse(self.path, line)
    # What Python has as a tuple, JSON has as a list.
    differing = changes(begun, json.loads(_line(key).decode("ascii")))
    if differing:
      raise ValueError(
          "%s holds what is done of these decodes with another %s; set it back "
          "to go on there, or delete the file to start anew" % (
              self.path, ", ".join(differing)))
    self._read_finished()

  def _read_finished(self):
    """Finds the finished questions; drops a line that was cut off."""
    end = self._file.tell()
    for line in iter(self._file.readline, b""):
      try:
        index = json.loads(line.decode("utf-8"))["question"]
      except (ValueError, KeyError, TypeError):
        break
      if not line.endswith(b"\n"):
        break
      self.finished[index] = end
      end += len(line)
    self._file.truncate(end)

  def append(self, question, answers):
    """Adds a finished question.

    Args:
      question: int, its index.
      answers: list of answers.Answer, one for each decode.
    """
    texts = list(collections.OrderedDict.fromkeys(a.text for a in answers))
    record = {
        "question": question,
        # Most decodes give one of few answers.
        "texts": texts,
        "text_of": [texts.index(a.text) for a in answers],
        "null_odds": [a.null_odds for a in answers],
        "nbest": [a.nbest for a in answers if a.nbest is not None]}
    start = os.fstat(self._file.fileno()).st_size
    # Past this the line survives the end of this process, by whatever signal.
    self._write(_line(record))
    self.finished[question] = start

  def _write(self, line):
    """Appends to the file, past Python's buffer, which a full disk leaves full."""
    try:
      while line:
        line = line[os.write(self._file.fileno(), line):]
      # Else it would read on in what it knew of the file before.
      self._file.seek(0, os.SEEK_END)
    except OSError as error:
      raise OSError(error.errno, error.strerror, self.path) from error

  def read(self, question):
    """Returns the record of a finished question.

    Returns:
      dict: "text" and "null_odds" have one entry for each decode, "nbest" one
      for each decode that has an n-best list.
    """
    self._file.seek(self.finished[question])
    record = json.loads(self._file.readline().decode("utf-8"))
    texts = record.pop("texts")
    record["text"] = [texts[i] for i in record.pop("text_of")]
    return record

  def close(self, remove):
    """Closes the file; removes it when its answers stand elsewhere."""
    if remove:
      # Before the lock is given up, so that nobody goes on with the removed file.
      os.remove(self.path)
    self._file.close()


def key_of(path):
  """Reads with what key a journal was begun.

  Returns:
    dict; {} where there is no journal, or none with a whole key.

  Raises:
    OSError: the file is there and cannot be read.
  """
  try:
    with open(path, "rb") as f:
      key = json.loads(f.readline().decode("utf-8"))
  except (FileNotFoundError, ValueError):
    return {}
  return key if isinstance(key, dict) else {}


def changes(before, now):
  """Says in which entries two keys differ.

  Args:
    before, now: dict of what JSON can say.

  Returns:
    list of str, "--n_best_size (20 before, 3 now)" for example.
  """
  shown = lambda key, name: str(key.get(name, "nothing"))[:12]
  return ["%s (%s before, %s now)" % (name, shown(before, name), shown(now, name))
          for name in sorted(set(before) | set(now))
          if before.get(name) != now.get(name)]


def _line(content):
  return (json.dumps(content) + "\n").encode("ascii")
