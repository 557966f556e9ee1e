"""manifest.json: from what run each file of --output_dir was made.

A run is one flat dict of all that its answers depend on, under the names that a
user knows: {"--max_seq_length": 512, "--predict_file": "<digest>", "checkpoint":
"<digest>", ...}. The manifest has the run of each file. Files of the same run are
skipped.
"""

import contextlib
import fcntl
import json
import os

from attention_zones.base import files
from attention_zones.base import json_files

FILE_NAME = "manifest.json"
ATTENTION_MASS_NAME = "attention_mass.csv"

# Entries of "about" with a number for each file of predictions (coverage.py): how
# much it masks, and how much of a zone its control has.
OF_FILES = ("masked_fraction", "overlap")

# The entry with the ids of the questions that have no token of a set, for each set.
LACKING = "lacking"

# Entries to which each pass over the data adds.
_GROWING = OF_FILES + (LACKING,)


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


def load(folder):
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
  path = os.path.join(folder, FILE_NAME)
  if not files.exists(path):
    return {"runs": {}, "files": {}, "zones": {}}
  try:
    content = json_files.load(path)
    run_of = json_files.member(path, content, "files", dict)
    runs = json_files.member(path, content, "runs", dict)
    # A folder without masked decodes needs none.
    content.setdefault("zones", {})
    zones_of = json_files.member(path, content, "zones", dict)
    for name in zones_of:
      json_files.member("%s: \"zones\"" % path, zones_of, name, dict)
    for name in run_of:
      run = json_files.member(
          "%s: \"runs\"" % path, runs,
          json_files.member("%s: \"files\"" % path, run_of, name, str), dict)
      run.setdefault("about", {})
      about = json_files.member("%s: \"runs\"" % path, run, "about", dict)
      for entry in set(_GROWING) & set(about):
        json_files.member("%s: \"about\"" % path, about, entry, dict)
      lacking_of = about.get(LACKING, {})
      for of_set in lacking_of:
        json_files.member("%s: %r" % (path, LACKING), lacking_of, of_set, list)
  except ValueError as error:
    raise ValueError("%s is not a manifest (%s); to compute the sweep again, "
                     "delete it and give --overwrite=True" % (path, error))
  return {"runs": runs, "files": run_of, "zones": zones_of}


def run_of_file(content, name):
  """What a file was made from, according to a manifest.

  Args:
    content: dict, as load returns it.
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
  path = content["runs"][content["files"][name]]["about"].get("--predict_file")
  return path if isinstance(path, str) else None


def without_about(run):
  """A run of a manifest without its entry "about": dict."""
  return {name: value for name, value in run.items() if name != "about"}


def add(folder, names, run, about, zones_of=()):
  """Adds the files that a run has finished.

  Args:
    folder: str, a path or address.
    names: list of str, the files' names.
    run: dict, as for `run_id`.
    about: dict, more about the run: versions, times. What its entries OF_FILES and
      LACKING say of other files of this run, and of other sets, is kept.
    zones_of: dict from the name of each file of a masked decode to what
      definitions.digests says of its zones.
  """
  with _locked(folder):
    content = load(folder)
    before = content["runs"].get(run_id(run), {}).get("about", {})
    growing = {name: dict(before.get(name, {}), **about.get(name, {}))
               for name in _GROWING if name in before or name in about}
    content["runs"][run_id(run)] = dict(run, about=dict(about, **growing))
    for name in names:
      content["files"][name] = run_id(run)
      content["zones"].pop(name, None)
    content["zones"].update(zones_of)
    _write(folder, content)


def remove(folder, names):
  """Removes files, and runs of which none is left.

  Args:
    folder: str, a path or address.
    names: list of str, the files' names.
  """
  if not names:
    return
  with _locked(folder):
    content = load(folder)
    for name in names:
      for part in ("files", "zones"):
        content[part].pop(name, None)
    _write(folder, content)


def _write(folder, content):
  """Writes a manifest, without runs of which no file is left."""
  used = set(content["files"].values())
  content["runs"] = {name: content["runs"][name]
                     for name in sorted(used) if name in content["runs"]}
  files.write_text(os.path.join(folder, FILE_NAME), [
      json.dumps(content, indent=2, sort_keys=True), "\n"])


def masked_fractions(content):
  """What a manifest says of how much its decodes mask (coverage.masked_fractions).

  Args:
    content: dict, as load returns it.

  Returns:
    dict from file name to float, 0 to 1; files may be missing.
  """
  return _numbers_of_files(content, "masked_fraction")


def overlaps(content):
  """As `masked_fractions`: how many of a zone's columns its controls have."""
  return _numbers_of_files(content, "overlap")


def lacking(content, name):
  """The questions that have no token of a set of tokens (coverage.lacking).

  Args:
    content: dict, as load returns it.
    name: str, a file of predictions.

  Returns:
    dict from the name of each set that was asked for in the file's run to a list of
    ids; {} if the manifest says nothing.
  """
  run = content["runs"].get(content["files"].get(name), {})
  return run.get("about", {}).get(LACKING, {})


def _numbers_of_files(content, name):
  """An entry of OF_FILES, of all runs: dict from file name to float."""
  found = {}
  for file_name, run in content["files"].items():
    value = content["runs"][run]["about"].get(name, {}).get(file_name)
    if isinstance(value, float):
      found[file_name] = value
  return found


@contextlib.contextmanager
def _locked(folder):
  """Lets one process at a time read, change and write the manifest."""
  if files.is_remote(folder):
    # There are no locks: if two runs end in the same second, one may be missing
    # from the manifest. Its predictions are complete, and would be computed again.
    yield
    return
  lock = os.path.join(folder, ".%s.lock" % FILE_NAME)
  with open(lock, "w") as f:
    files.try_lock(f, fcntl.LOCK_EX)
    yield
