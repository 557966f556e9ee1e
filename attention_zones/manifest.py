"""manifest.json: of what run each file of predictions is.

It lies beside the predictions and has for each file the digests of the data,
vocabulary, configuration and checkpoint, and the flags, that it was made with.
A file whose run is the same need not be made again.
"""

import contextlib
import fcntl
import hashlib
import json
import os

from attention_zones import checked_json
from attention_zones import files

NAME = "manifest.json"


def run_id(run):
  """A short name of a run: the same for the same inputs and flags.

  Args:
    run: dict of what JSON can say.

  Returns:
    str of 16 hexadecimal digits.
  """
  text = json.dumps(run, sort_keys=True)
  return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def load(folder):
  """Reads a folder's manifest.

  Returns:
    {"runs": {run id: run}, "files": {file name: run id}}, empty when there is
    no manifest.

  Raises:
    OSError: the folder cannot be read.
    ValueError: the file is not a manifest.
  """
  path = os.path.join(folder, NAME)
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
  return content


def add(folder, names, run, about, flock=fcntl.flock):
  """Enters files that a run has finished.

  Args:
    folder: str, a path or address.
    names: list of str, the files' names.
    run: dict, as of `run_id`.
    about: dict, what else is worth knowing of the run: versions, times.
    flock: the function that locks, given for tests.
  """
  with _locked(folder, flock):
    content = load(folder)
    content["runs"][run_id(run)] = dict(run, about=about)
    content["files"].update((name, run_id(run)) for name in names)
    used = set(content["files"].values())
    content["runs"] = {name: content["runs"][name]
                       for name in sorted(used) if name in content["runs"]}
    files.write_text(os.path.join(folder, NAME), [
        json.dumps(content, indent=2, sort_keys=True), "\n"])


@contextlib.contextmanager
def _locked(folder, flock):
  """Lets one process at a time read, change and write the manifest."""
  if files.is_remote(folder):
    # There are no locks: of two runs that end in the same second, one may not
    # be entered. Its predictions are whole, and would only be made again.
    yield
    return
  with open(os.path.join(folder, "." + NAME + ".lock"), "w") as f:
    files.try_lock(f, fcntl.LOCK_EX, flock)
    yield
