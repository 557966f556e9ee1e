"""The version of what this project computes, in the key of all that is kept.

Windows, journals, shares, finished files and trainings of another version are never
mixed with this one's.
"""

import os
import subprocess

# Raise this when the same files and flags give other windows, random numbers,
# logits or answers, or when the lines of a journal change.
# tests/test_version.py fails when they do.
NUMBERS = 2


def revision():
  """The revision of the code that runs, as Git describes it.

  Returns:
    str, "5dbd921" for example, with "-dirty" behind it if a file was changed since;
    "unknown" where the code is no clone, or there is no Git.
  """
  here = os.path.abspath(__file__)
  root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
  if not os.path.exists(os.path.join(root, ".git")):
    # A folder above may be a clone of something else.
    return "unknown"
  try:
    return subprocess.run(
        ["git", "-C", root, "describe", "--always", "--dirty", "--exclude=*"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
        universal_newlines=True).stdout.strip()
  except (OSError, subprocess.CalledProcessError):
    return "unknown"
