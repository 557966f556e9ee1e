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

import atomic_file
import checked_json

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
    ValueError: the file is not a manifest.
  """
  path = os.path.join(folder, NAME)
  if not os.path.exists(path):
    return {"runs": {}, "files": {}}
  try:
    content = checked_json.load(path)
    files = checked_json.member(path, content, "files", dict)
    runs = checked_json.member(path, content, "runs", dict)
    for name in files:
      run = checked_json.member("%s: \"files\"" % path, files, name, str)
      checked_json.member("%s: \"runs\"" % path, runs, run, dict)
  except ValueError as error:
    raise ValueError("%s is not a manifest (%s); without it the sweep is made "
                     "again" % (path, error))
  return content


def add(folder, names, run, about):
  """Enters files that a run has finished.

  Args:
    folder: str.
    names: list of str, the files' names.
    run: dict, as of `run_id`.
    about: dict, what else is worth knowing of the run: versions, times.
  """
  with _locked(folder):
    content = load(folder)
    content["runs"][run_id(run)] = dict(run, about=about)
    content["files"].update((name, run_id(run)) for name in names)
    used = set(content["files"].values())
    content["runs"] = {name: content["runs"][name]
                       for name in sorted(used) if name in content["runs"]}
    with atomic_file.replacing(os.path.join(folder, NAME)) as temporary:
      with open(temporary, "w", encoding="ascii") as f:
        json.dump(content, f, indent=2, sort_keys=True)
        f.write("\n")


@contextlib.contextmanager
def _locked(folder):
  """Lets one process at a time read, change and write the manifest."""
  with open(os.path.join(folder, "." + NAME + ".lock"), "w") as f:
    fcntl.flock(f, fcntl.LOCK_EX)
    yield
