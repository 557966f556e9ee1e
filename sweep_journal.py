"""The answers of a sweep, kept on disk as they come, so that none is lost.

A sweep can take hours. Each finished question is appended to the journal; a run
that was stopped reads what is there and goes on. A journal begins with the key
of everything that determines its answers, and is continued for that key only.
"""

import collections
import fcntl
import json
import os

FORMAT = 1


class Journal:
  """An append-only file of one JSON line for each finished question.

  Args:
    path: str, a local path. A journal that is there is continued when its key is
      the same, else started anew.
    key: what determines the answers, anything that JSON can say.

  Attributes:
    finished: dict from a question's index (int) to where its line starts.

  Raises:
    OSError: the file cannot be read or written.
    ValueError: another process has it open.
  """

  def __init__(self, path, key):
    self.path = path
    self.finished = {}
    self._file = open(path, "a+b")
    try:
      fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise ValueError("%s is being written by another run of the same decodes; "
                       "wait for it, or stop it" % path)
    header = _line({"format": FORMAT, "key": key})
    self._file.seek(0)
    if self._file.readline() != header:
      self._file.truncate(0)
      self._file.write(header)
      self._file.flush()
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
      answers: list of squad_predictions.Answer, one for each decode.
    """
    texts = list(collections.OrderedDict.fromkeys(a.text for a in answers))
    record = {
        "question": question,
        # Most decodes give one of few answers.
        "texts": texts,
        "text_of": [texts.index(a.text) for a in answers],
        "null_odds": [a.null_odds for a in answers],
        "nbest": [a.nbest for a in answers if a.nbest is not None]}
    self._file.seek(0, os.SEEK_END)
    start = self._file.tell()
    self._file.write(_line(record))
    # Past this the line survives the end of this process, by whatever signal.
    self._file.flush()
    self.finished[question] = start

  def read(self, question):
    """Returns the record of a finished question.

    Returns:
      dict: "text" and "null_odds" have one entry for each decode, "nbest" one
      for each decode that has an n-best list.
    """
    self._file.seek(self.finished[question])
    record = json.loads(self._file.readline().decode("utf-8"),
                        object_pairs_hook=collections.OrderedDict)
    texts = record.pop("texts")
    record["text"] = [texts[i] for i in record.pop("text_of")]
    return record

  def close(self, remove):
    """Closes the file; removes it when its answers stand elsewhere."""
    self._file.close()
    if remove:
      os.remove(self.path)


def _line(content):
  return (json.dumps(content) + "\n").encode("ascii")
