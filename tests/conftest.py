"""Fixtures that several test files use."""

import os
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

# Golden numbers and real text lie beside the project where it is developed; a
# user does not have them.
SHARED = pathlib.Path(
    os.environ.get("ATTENTION_ZONES_SHARED", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def repository():
  """The folder of the scripts under test."""
  return REPOSITORY


@pytest.fixture(scope="session")
def shared():
  """The folder of golden numbers; skips the test where it is absent."""
  if not (SHARED / "golden").is_dir():
    pytest.skip("the golden files in %s are not on this machine" % SHARED)
  return SHARED
