"""Appends to a journal (journal.py), so that an interrupted sweep can resume.

A sweep can take hours: each finished question is appended. A journal is resumed
only with the same key, but for the order of passages, which stays as it was begun;
otherwise the error names what changed.
"""

import collections
import fcntl
import os

from attention_zones.base import files
from attention_zones.base import journal
from attention_zones.base import manifest


class Journal(journal.Records):
  """An append-only file of one JSON line for each finished question.

  Args:
    path: str, a local path. An existing journal is continued.
    key: dict of all that the answers depend on, which JSON can represent.

  Attributes:
    path: str, as given.
    seed: int, that of the order of passages.

  Raises:
    OSError: the file cannot be read or written.
    ValueError: another process has it open, or it has another key; the message
      names what differs.
  """

  def __init__(self, path, key):
    super().__init__({})
    self.path = path
    self._file = open(path, "a+b")
    try:
      files.try_lock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
      is_in_use = not os.fstat(self._file.fileno()).st_nlink
    except BlockingIOError:
      is_in_use = True
    if is_in_use:
      raise ValueError("%s is being written by another run of the same decodes; "
                       "wait for it, or stop it" % path)
    self._begin(key)

  def _begin(self, key):
    """Reads the journal's questions, or writes its key.

    An incomplete line is dropped, and all after it.
    """
    self._file.seek(0)
    self.seed = key.get(journal.SEED)
    if not self._file.readline().endswith(b"\n"):
      self._file.truncate(0)
      self._write(journal.line(key))
      return
    self._file.seek(0)
    begun = journal.read_key(self._file)
    if not begun:
      raise ValueError("%s is not a journal; delete it to start over" % self.path)
    self.seed = begun.get(journal.SEED, self.seed)
    differing = manifest.changes(begun, dict(key, **{journal.SEED: self.seed}))
    if differing:
      raise ValueError(
          "%s was started with a different %s; restore it to resume, or delete "
          "the file to start over" % (self.path, ", ".join(differing)))
    self.finished, end = journal.find_questions(self._file)
    self._file.truncate(end)

  def append(self, question, answers, windows=()):
    """Adds a finished question.

    Args:
      question: int, its index.
      answers: list of answers.Answer, one for each decode.
      windows: list of coverage.Sizes, one for each window, if there are any.
    """
    texts = list(collections.OrderedDict.fromkeys(a.text for a in answers))
    record = {
        "question": question,
        # Most decodes give one of a few answers.
        "texts": texts,
        "text_of": [texts.index(a.text) for a in answers],
        "null_odds": [a.null_odds for a in answers],
        "nbest": [a.nbest for a in answers if a.nbest is not None],
        "gold_logp": [a.gold_logp for a in answers],
        "windows": windows}
    start = os.fstat(self._file.fileno()).st_size
    # After this, the line survives the end of this process, even by SIGKILL.
    self._write(journal.line(record))
    self.finished[question] = self._file, start

  def _write(self, line):
    """Appends to the file without Python's buffer, which a full disk leaves full.
    """
    try:
      while line:
        line = line[os.write(self._file.fileno(), line):]
      # Otherwise the next read would use a buffer from before this write.
      self._file.seek(0, os.SEEK_END)
    except OSError as error:
      raise OSError(error.errno, error.strerror, self.path) from error

  def end(self):
    """Adds the line that says that no question is left."""
    self._write(journal.line({"finished": len(self.finished)}))

  def close(self, remove):
    """Closes the file; removes it if `remove`, when its answers are elsewhere."""
    if remove:
      # Before the lock is released, so that no other run continues a removed file.
      os.remove(self.path)
    self._file.close()
