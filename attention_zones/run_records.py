"""What is recorded of a run, so that it can resume and nothing is mixed up.

A run is one flat dict of what its answers follow from, under the names that a user
knows: {"--max_seq_length": 512, "--predict_file": "<digest>", "checkpoint":
"<digest>", ...}. There are two records:

- manifest.json lies beside predictions and has the run of each file. A file whose
  run is the same is skipped.
- a journal has the answers of a sweep as they come. A sweep can take hours; each
  finished question is appended, and a run that was stopped resumes. A journal is
  resumed with the same key only; what was changed in between is said.
"""

import collections
import contextlib
import fcntl
import hashlib
import json
import os

from attention_zones import checked_json
from attention_zones import files

MANIFEST_NAME = "manifest.json"

# Belongs into a journal's key; to be raised when answers or their lines change.
JOURNAL_FORMAT = 2


def run_id(run):
  """A short name of a run: the same for the same inputs and flags.

  Args:
    run: dict of what JSON can say.

  Returns:
    str of 16 hexadecimal digits.
  """
  text = json.dumps(run, sort_keys=True)
  return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def changes(before, now):
  """Says in which entries two runs, or two keys, differ.

  Args:
    before, now: dict of what JSON can say.

  Returns:
    list of str, "--n_best_size (20 before, 3 now)" for example.
  """
  shown = lambda key, name: str(key.get(name, "nothing"))[:12]
  return ["%s (%s before, %s now)" % (name, shown(before, name), shown(now, name))
          for name in sorted(set(before) | set(now))
          if before.get(name) != now.get(name)]


def load_manifest(folder):
  """Reads a folder's manifest.

  Args:
    folder: str, a path or address.

  Returns:
    {"runs": {run id: run}, "files": {file name: run id}}, empty when there is no
    manifest. A run has an entry "about", too, of what it does not follow from.

  Raises:
    OSError: the folder cannot be read.
    ValueError: the file is not a manifest.
  """
  path = os.path.join(folder, MANIFEST_NAME)
  if not files.exists(path):
    return {"runs": {}, "files": {}}
  try:
    content = checked_json.load(path)
    run_of = checked_json.member(path, content, "files", dict)
    runs = checked_json.member(path, content, "runs", dict)
    for name in run_of:
      run = checked_json.member("%s: \"files\"" % path, run_of, name, str)
      checked_json.member("%s: \"runs\"" % path, runs, run, dict)
  except ValueError as error:
    raise ValueError("%s is not a manifest (%s); without it the sweep is made "
                     "again" % (path, error))
  renamed = {name: _as_flat(name, run) for name, run in runs.items()}
  return {"runs": dict(renamed.values()),
          "files": {name: renamed[run][0] for name, run in run_of.items()}}


# What "about" says of files of a version that found answers in another way where
# the published alignment gives up: mostly in scripts without spaces.
EARLIER = "earlier"

# Its runs had these, and a dict "flags".
_EARLIER_NAMES = (
    ("--predict_file", "data"), ("--vocab_file", "vocabulary"),
    ("--bert_config_file", "config"), ("checkpoint", "checkpoint"))


def _as_flat(name, run):
  """Returns (run id, run) of a manifest's entry, whatever version wrote it."""
  if not any(earlier in run for earlier in ("data", "vocabulary", "flags")):
    return name, run
  values = run.get("flags")
  flat = {"--" + flag: value for flag, value in (
      values.items() if isinstance(values, dict) else ())}
  # Of a manifest that somebody edited, parts may be missing.
  flat.update({flag: run[earlier] for flag, earlier in _EARLIER_NAMES
               if earlier in run})
  about = run.get("about")
  return run_id(flat), dict(flat, about=dict(
      about if isinstance(about, dict) else {}, version=EARLIER))


def without_about(run):
  """A run of a manifest, less what its answers do not follow from: dict."""
  return {name: value for name, value in run.items() if name != "about"}


def is_of_earlier_version(run):
  """Whether a run of a manifest is of a version that found answers differently."""
  about = run.get("about")
  return isinstance(about, dict) and about.get("version") == EARLIER


def add_to_manifest(folder, names, run, about, flock=fcntl.flock):
  """Enters files that a run has finished.

  Args:
    folder: str, a path or address.
    names: list of str, the files' names.
    run: dict, as of `run_id`.
    about: dict, what else is worth knowing of the run: versions, times.
    flock: the function that locks, given for tests.
  """
  with _locked(folder, flock):
    content = load_manifest(folder)
    content["runs"][run_id(run)] = dict(run, about=about)
    content["files"].update((name, run_id(run)) for name in names)
    used = set(content["files"].values())
    content["runs"] = {name: content["runs"][name]
                       for name in sorted(used) if name in content["runs"]}
    files.write_text(os.path.join(folder, MANIFEST_NAME), [
        json.dumps(content, indent=2, sort_keys=True), "\n"])


@contextlib.contextmanager
def _locked(folder, flock):
  """Lets one process at a time read, change and write the manifest."""
  if files.is_remote(folder):
    # There are no locks: of two runs that end in the same second, one may not
    # be entered. Its predictions are whole, and would only be made again.
    yield
    return
  lock = os.path.join(folder, ".%s.lock" % MANIFEST_NAME)
  with open(lock, "w") as f:
    files.try_lock(f, fcntl.LOCK_EX, flock)
    yield


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
    self._begin(dict(key, format=JOURNAL_FORMAT))

  def _begin(self, key):
    """Reads the journal's key and its questions, or writes the key."""
    self._file.seek(0)
    line = self._file.readline()
    if not line.endswith(b"\n"):
      self._file.truncate(0)
      self._write(_line(key))
      return
    begun = checked_json.parse(self.path, line)
    if not isinstance(begun, dict) or begun.get("format") != JOURNAL_FORMAT:
      raise ValueError(
          "%s was begun by another version of this program, which finds answers "
          "differently; delete it to start over" % self.path)
    # What Python has as a tuple, JSON has as a list.
    differing = changes(begun, json.loads(_line(key).decode("ascii")))
    if differing:
      raise ValueError(
          "%s was started with a different %s; restore it to resume, or delete "
          "the file to start over" % (
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


def begun_decodes(path):
  """Reads of which decodes a journal was begun.

  Args:
    path: str, a local path.

  Returns:
    list of str, the names of their files of predictions; [] where there is no
    journal, or none with a whole key.

  Raises:
    OSError: the file is there and cannot be read.
  """
  try:
    with open(path, "rb") as f:
      decodes = json.loads(f.readline().decode("utf-8"))["decodes"]
  except (FileNotFoundError, ValueError, KeyError, TypeError):
    return []
  return decodes if isinstance(decodes, list) else []


def _line(content):
  return (json.dumps(content) + "\n").encode("ascii")
