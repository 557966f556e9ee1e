"""Fixtures that several test files use."""

import os
import pathlib
import shutil
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


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
  """A folder with tiny_model's files and a training of 6 steps, with checkpoints
  of steps 0, 3 and 6; not to be changed."""
  import tiny_model
  folder = tmp_path_factory.mktemp("trained")
  tiny_model.write_files(folder)
  result = tiny_model.train(folder, "--save_checkpoints_steps=3")
  assert result.returncode == 0, result.stderr
  return folder


@pytest.fixture
def project(trained, tmp_path):
  """A copy of `trained`, to be changed."""
  folder = tmp_path / "project"
  shutil.copytree(str(trained), str(folder))
  return folder
