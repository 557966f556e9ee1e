"""Records of runs, so that they can resume and their files are not mixed up.

A run is one flat dict of all that its answers depend on, under the names that a
user knows: {"--max_seq_length": 512, "--predict_file": "<digest>", "checkpoint":
"<digest>", ...}. There are two records:

- manifest.json, beside the predictions, has the run of each file. Files of the same
  run are skipped.
- A journal has the answers of a sweep that is not finished. A sweep can take hours:
  each finished question is appended, so that an interrupted sweep can resume. A
  journal is resumed only with the same key; otherwise the error names what changed.
"""

import collections
import contextlib
import fcntl
import json
import os
import re

from attention_zones.base import files
from attention_zones.base import json_files

MANIFEST_NAME = "manifest.json"
ATTENTION_MASS_NAME = "attention_mass.csv"
# Of journals and finished shares: the pass's name, and how many shares there are.
JOURNAL_NAME = re.compile(
    r"(?:journal|share)\.([0-9a-f]{16})(?:\.\d+of(\d+))?\.jsonl")


def run_id(run):
  """A short name of a run, a dict: the same for the same inputs and flags."""
  return files.short_digest(run)


def changes(before, now):
  """Lists the entries in which two runs, or two keys, differ.

  Args:
    before, now: dicts that JSON can represent.

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
    {"runs": {run id: run}, "files": {file name: run id}, "zones": {file name:
    definitions.digests of what it masks}}, each empty when there is no manifest.
    A run also has an entry "about", which its answers do not depend on.

  Raises:
    OSError: the folder cannot be read.
    ValueError: the file is not a manifest.
  """
  path = os.path.join(folder, MANIFEST_NAME)
  if not files.exists(path):
    return {"runs": {}, "files": {}, "zones": {}}
  try:
    content = json_files.load(path)
    run_of = json_files.member(path, content, "files", dict)
    runs = json_files.member(path, content, "runs", dict)
    # A folder without masked decodes needs none.
    zones_of = {}
    if "zones" in content:
      zones_of = json_files.member(path, content, "zones", dict)
    for name in zones_of:
      json_files.member("%s: \"zones\"" % path, zones_of, name, dict)
    for name in run_of:
      run = json_files.member("%s: \"files\"" % path, run_of, name, str)
      json_files.member("%s: \"runs\"" % path, runs, run, dict)
  except ValueError as error:
    raise ValueError("%s is not a manifest (%s); to compute the sweep again, "
                     "delete it and give --overwrite=True" % (path, error))
  return {"runs": runs, "files": run_of, "zones": zones_of}


# Entries of "about" with a number for each file of predictions (coverage.py): how
# much it masks, and how much of a zone its control has.
OF_FILES = ("masked_fraction", "overlap")


def run_of_file(content, name):
  """What a file was made from, according to a manifest.

  Args:
    content: dict, as load_manifest returns it.
    name: str, the file's name.

  Returns:
    dict, its run and its zones' definitions; None if the manifest lacks it.
  """
  if name not in content["files"]:
    return None
  return dict(without_about(content["runs"][content["files"][name]]),
              **content["zones"].get(name, {}))


def path_of_data(content, name):
  """Where the data set of a file was, according to a manifest: str, or None."""
  about = content["runs"][content["files"][name]].get("about")
  path = about.get("--predict_file") if isinstance(about, dict) else None
  return path if isinstance(path, str) else None


def without_about(run):
  """A run of a manifest without its entry "about": dict."""
  return {name: value for name, value in run.items() if name != "about"}


def add_to_manifest(
    folder, names, run, about, zones_of=(), flock=fcntl.flock):
  """Adds the files that a run has finished.

  Args:
    folder: str, a path or address.
    names: list of str, the files' names.
    run: dict, as for `run_id`.
    about: dict, more about the run: versions, times. What its entries OF_FILES say
      of other files of this run is kept.
    zones_of: dict from the name of each file of a masked decode to what
      definitions.digests says of its zones.
    flock: the function that locks; tests pass another one.
  """
  with _locked(folder, flock):
    content = load_manifest(folder)
    before = content["runs"].get(run_id(run), {})
    for name in OF_FILES:
      values = dict(_of_files(before, name), **about.get(name, {}))
      about = dict(about, **{name: values} if values else {})
    content["runs"][run_id(run)] = dict(run, about=about)
    for name in names:
      content["files"][name] = run_id(run)
      content["zones"].pop(name, None)
    content["zones"].update(zones_of)
    _write_manifest(folder, content)


def remove_from_manifest(folder, names, flock=fcntl.flock):
  """Removes files, and runs of which none is left.

  Args:
    folder, names, flock: as for `add_to_manifest`.
  """
  if not names:
    return
  with _locked(folder, flock):
    content = load_manifest(folder)
    for name in names:
      content["files"].pop(name, None)
      content["zones"].pop(name, None)
    _write_manifest(folder, content)


def _write_manifest(folder, content):
  """Writes a manifest, without runs of which no file is left."""
  used = set(content["files"].values())
  content["runs"] = {name: content["runs"][name]
                     for name in sorted(used) if name in content["runs"]}
  files.write_text(os.path.join(folder, MANIFEST_NAME), [
      json.dumps(content, indent=2, sort_keys=True), "\n"])


def masked_fractions(content):
  """What a manifest says of how much its decodes mask (coverage.masked_fractions).

  Args:
    content: dict, as load_manifest returns it.

  Returns:
    dict from file name to float, 0 to 1; files may be missing.
  """
  return _numbers_of_files(content, "masked_fraction")


def overlaps(content):
  """As `masked_fractions`: how many of a zone's columns its controls have."""
  return _numbers_of_files(content, "overlap")


def _numbers_of_files(content, name):
  """An entry of OF_FILES, of all runs: dict from file name to float."""
  found = {}
  for file_name, run in content["files"].items():
    value = _of_files(content["runs"][run], name).get(file_name)
    if isinstance(value, float):
      found[file_name] = value
  return found


def _of_files(run, name):
  """An entry of a manifest's run about its files: dict, {} where there is none."""
  about = run.get("about")
  values = about.get(name) if isinstance(about, dict) else None
  return values if isinstance(values, dict) else {}


@contextlib.contextmanager
def _locked(folder, flock):
  """Lets one process at a time read, change and write the manifest."""
  if files.is_remote(folder):
    # There are no locks: if two runs end in the same second, one may be missing
    # from the manifest. Its predictions are complete, and would be computed again.
    yield
    return
  lock = os.path.join(folder, ".%s.lock" % MANIFEST_NAME)
  with open(lock, "w") as f:
    files.try_lock(f, fcntl.LOCK_EX, flock)
    yield


class Journal:
  """An append-only file of one JSON line for each finished question.

  Args:
    path: str, a local path. An existing journal is continued.
    key: dict of all that the answers depend on, which JSON can represent.
    flock: the function that locks; tests pass another one.

  Attributes:
    finished: dict from a question's index (int) to where its line starts.

  Raises:
    OSError: the file cannot be read or written.
    ValueError: another process has it open, or it has another key; the message
      names what differs.
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
    self._begin(key)

  def _begin(self, key):
    """Reads the journal's key and its questions, or writes the key."""
    self._file.seek(0)
    line = self._file.readline()
    if not line.endswith(b"\n"):
      self._file.truncate(0)
      self._write(_line(key))
      return
    begun = json_files.parse(self.path, line)
    if not isinstance(begun, dict):
      raise ValueError("%s is not a journal; delete it to start over" % self.path)
    differing = changes(begun, as_read(key))
    if differing:
      raise ValueError(
          "%s was started with a different %s; restore it to resume, or delete "
          "the file to start over" % (
              self.path, ", ".join(differing)))
    self._read_finished()

  def _read_finished(self):
    """Finds the finished questions; drops an incomplete line and all after it."""
    self.finished, end = _find_questions(self._file)
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
        # Most decodes give one of a few answers.
        "texts": texts,
        "text_of": [texts.index(a.text) for a in answers],
        "null_odds": [a.null_odds for a in answers],
        "nbest": [a.nbest for a in answers if a.nbest is not None],
        "gold_logp": [a.gold_logp for a in answers]}
    start = os.fstat(self._file.fileno()).st_size
    # After this, the line survives the end of this process, even by SIGKILL.
    self._write(_line(record))
    self.finished[question] = start

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

  def read(self, question):
    """Returns the record of a finished question.

    Returns:
      dict: "text", "null_odds" and "gold_logp" have one entry for each decode,
      "nbest" one for each decode that has an n-best list.
    """
    return _read_record(self._file, self.finished[question])

  def end(self):
    """Adds the line that says that no question is left."""
    self._write(_line({"finished": len(self.finished)}))

  def close(self, remove):
    """Closes the file; removes it if `remove`, when its answers are elsewhere."""
    if remove:
      # Before the lock is released, so that no other run continues a removed file.
      os.remove(self.path)
    self._file.close()


class FinishedJournal:
  """A journal to which nothing is added any more, after Journal.end.

  Args:
    path: str, a path or address.

  Attributes:
    key: dict, what its answers depend on.
    finished: as Journal's.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not a whole journal.
  """

  def __init__(self, path):
    self._file = files.open_bytes(path)
    line = self._file.readline()
    self.key = json_files.parse(path, line) if line else None
    self.finished, end = _find_questions(self._file)
    self._file.seek(end)
    is_whole = self._file.readline() == _line({"finished": len(self.finished)})
    if not is_whole or not isinstance(self.key, dict):
      raise ValueError(
          "%s is incomplete; delete it, and run its share again" % path)

  def read(self, question):
    """Returns the record of a finished question, as Journal.read does."""
    return _read_record(self._file, self.finished[question])


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
    """Returns the record of a finished question, as Journal.read does."""
    return self.finished[question].read(question)


def as_read(key):
  """A key as it is read back from a journal: JSON turns tuples into lists."""
  return json.loads(_line(key).decode("ascii"))


def _find_questions(file):
  """Reads a journal's lines after its key, up to one that is incomplete.

  Returns:
    (dict from a question's index to where its line starts, where the last ends).
  """
  found, end = {}, file.tell()
  for line in iter(file.readline, b""):
    try:
      index = json.loads(line.decode("utf-8"))["question"]
    except (ValueError, KeyError, TypeError):
      break
    if not line.endswith(b"\n"):
      break
    found[index] = end
    end += len(line)
  return found, end


def _read_record(file, start):
  """Reads the line of a journal that starts there, as Journal.read returns it."""
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
    match = JOURNAL_NAME.fullmatch(name)
    if match:
      names, number, key = passes.get(match.group(1), ([], 0, {}))
      with files.open_bytes(os.path.join(folder, name)) as f:
        try:
          key = dict(json.loads(f.readline().decode("utf-8")))
        except (ValueError, TypeError):
          pass
        number += len(_find_questions(f)[0])
      passes[match.group(1)] = names + [name], number, key
  return list(passes.values())


def _line(content):
  return (json.dumps(content) + "\n").encode("ascii")
