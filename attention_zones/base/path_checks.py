"""Checks that the paths that a user gave can serve their purpose.

Each check raises ValueError with one line that names the argument, the path and
what would be right. Paths may be addresses, gs://bucket/model for example.
"""

import os
import re

from attention_zones.base import files

# Variables, which a shell does not expand in single quotes, and "~", which it does
# not expand after "--flag=".
_UNEXPANDED = re.compile(
    r"\$[A-Za-z_]\w*|\$\{[^}]*\}|%[A-Za-z_]\w*%|^~[^/]*")


def _unexpanded(path):
  """Returns the variable that no shell expanded, "$HOME" for example, or None.
  """
  found = _UNEXPANDED.search(path)
  return found and found.group()


def check_flag(flag, path):
  """Refuses a path that cannot be intended, whether or not it must exist.

  Args:
    flag: str, "--output_dir" for example.
    path: str, or None for a flag that was left out.

  Raises:
    ValueError: `path` has $VAR, ${VAR}, %VAR% or a leading "~" in it, and no file
      has this name; or it has bytes that Python could not decode, so that it
      cannot be passed to TensorFlow, which requires UTF-8; or it is an address of
      a kind that TensorFlow does not know.
  """
  path = path or ""
  # A checkpoint is given as the prefix of its files.
  if _unexpanded(path) and not os.path.exists(path) and (
      not os.path.exists(path + ".index")):
    raise ValueError("%s=%s: %s was not expanded; write out the path that it "
                     "stands for" % (flag, path, _unexpanded(path)))
  # Python's surrogates for bytes that it could not decode.
  if re.search("[\udc80-\udcff]", path):
    raise ValueError("%s=%s: not readable as text in this locale; set "
                     "PYTHONUTF8=1, or give a path in ASCII" % (flag, path))
  problem = files.address_problem(path)
  if problem:
    raise ValueError("%s=%s: %s" % (flag, path, problem))


def check_input(name, path, meaning, is_folder=False):
  """Refuses a path that is not a file to read, or a folder to read from.

  Args:
    name: str, its name on the command line: "pred.json", "--na-prob-file".
    path: str.
    meaning: str, what the file should be: "a data set of SQuAD".
    is_folder: bool, whether it should be a folder.
  """
  kind, other = ("folder", "file") if is_folder else ("file", "folder")
  problem = files.address_problem(path)
  if not problem and not files.exists(path):
    problem = "there is no such %s" % kind
  elif not problem and files.is_folder(path) != is_folder:
    problem = "is a %s" % other
  _refuse(name, path, problem, meaning)


def check_input_folder(name, path, meaning):
  """Refuses a path that is not a folder to read from; arguments as check_input."""
  check_input(name, path, meaning, is_folder=True)


def check_output(name, path, meaning):
  """Refuses a path where no file can be written; arguments as check_input."""
  folder = os.path.dirname(path) or "."
  problem = files.address_problem(path)
  if not problem and files.is_folder(path):
    problem = "is a folder"
  elif not problem and files.needs_folder(path) and not files.is_folder(folder):
    problem = "there is no folder %s" % folder
  _refuse(name, path, problem, meaning)


def _refuse(name, path, problem, meaning):
  """Raises ValueError if there is a problem, a str."""
  if problem and _unexpanded(path) and not os.path.exists(path):
    problem = "%s was not expanded" % _unexpanded(path)
  if problem:
    raise ValueError("%s: %s; %s should be %s" % (path, problem, name, meaning))


def make_output_folder(name, path):
  """Makes a folder, if it does not exist, and tries to write to it.

  Args:
    name: str, "--output_dir" for example.
    path: str.
  """
  try:
    files.make_folder(path)
    files.check_writable(path)
  except OSError as error:
    raise ValueError("%s=%s: %s; should be a folder that can be written to" % (
        name, path, error.strerror)) from error


def refuse_folders(folder, names):
  """Refuses folders with the names of files that are to be written.

  Args:
    folder: str.
    names: iterable of str, names of files in `folder`.
  """
  # The folder is listed once: in a bucket, each request takes a while.
  there = set(files.list_folder(folder))
  for name in there.intersection(names):
    path = os.path.join(folder, name)
    if files.is_folder(path):
      raise ValueError("%s: is a folder where a file is to be written; move it "
                       "away" % path)


def describe(error):
  """Describes an exception in one line, with its file, if any, in front.

  Args:
    error: Exception.

  Returns:
    str, "x.json: Permission denied" rather than "[Errno 13] ...".
  """
  if isinstance(error, OSError) and error.strerror:
    return "%s%s" % ("%s: " % error.filename if error.filename else "",
                     error.strerror)
  text = str(getattr(error, "message", error))
  # TensorFlow 2 begins with where the operation was created.
  if text.startswith("Graph execution error:") and "\nNode: " in text:
    text = text.partition("\nNode: ")[2].partition("\n")[2]
  # TensorFlow 1 ends with that.
  first, _, rest = text.partition("\n")
  if re.fullmatch(r"[0-9]+ root error\(s\) found\.", first.strip()):
    first = rest.partition("\n")[0]
  return first.strip()
