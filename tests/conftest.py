"""Fixtures that several test files use."""

import collections
import fcntl
import os
import pathlib
import shutil
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from attention_zones.base import machine

# As run_squad.py does, but without the warning that the last is deprecated.
machine.use_onednn()
import tensorflow.compat.v1 as tf
tf.logging.set_verbosity(tf.logging.ERROR)
tf.disable_v2_behavior()

# All golden numbers and real text lie beside the project where it is developed; a
# user does not have them. Everyone has the slices in tests/golden.
SHARED = pathlib.Path(
    os.environ.get("ATTENTION_ZONES_SHARED", REPOSITORY.parent / "shared"))

Golden = collections.namedtuple("Golden", ["part", "numbers", "models", "data"])
Golden.__doc__ = """Where golden numbers are, and what they were computed from.

Attributes:
  part: str, "slice" or "whole".
  numbers: pathlib.Path, the folder of what the published code computed.
  models: pathlib.Path, the folder of the models and vocabularies.
  data: pathlib.Path, the folder of the questions, in SQuAD's JSON.
"""


@pytest.fixture(scope="session")
def repository():
  """The folder of the scripts under test."""
  return REPOSITORY


@pytest.fixture(scope="session")
def shared():
  """The folder of all golden numbers; skips the test where it is absent."""
  if not (SHARED / "golden").is_dir():
    pytest.skip("the golden files in %s are not on this machine" % SHARED)
  return SHARED


@pytest.fixture(scope="session")
def make_once(request, tmp_path_factory):
  """A function from a name and a function that makes a folder, to the folder.

  Of the processes that share the tests, the first that asks for a name makes the
  folder, and the others wait for it. It is not to be changed.
  """
  base = tmp_path_factory.getbasetemp()
  if hasattr(request.config, "workerinput"):
    # One of several processes, each of which has a folder in the run's.
    base = base.parent

  def once(name, make):
    folder, done = base / name, base / (name + ".done")
    with open(str(base / (name + ".lock")), "w") as lock:
      fcntl.flock(lock, fcntl.LOCK_EX)
      if not done.exists():
        # One that failed has left a part of it.
        shutil.rmtree(str(folder), ignore_errors=True)
        make(folder)
        done.touch()
    return folder
  return once


@pytest.fixture(scope="session")
def trained_as(make_once):
  """A function from an architecture's name to a folder like `trained`."""
  import tiny_model

  def folder_of(name):
    def make(folder):
      folder.mkdir()
      tiny_model.write_files(folder, architecture=name)
      result = tiny_model.train(folder, "--save_checkpoints_steps=3")
      assert result.returncode == 0, result.stderr
    return make_once("trained-" + name, make)
  return folder_of


@pytest.fixture(scope="session")
def trained(trained_as):
  """A folder with tiny_model's files and a training of 6 steps, with checkpoints
  of steps 0, 3 and 6; not to be changed."""
  return trained_as("bert")


@pytest.fixture(scope="session")
def predicted(trained, make_once):
  """A copy of `trained` after a sweep of each zone in each layer; not to be
  changed."""
  import tiny_model

  def make(folder):
    shutil.copytree(str(trained), str(folder))
    result = tiny_model.run_squad(folder, *tiny_model.PROTOCOL)
    assert result.returncode == 0, result.stderr
  return make_once("predicted", make)


@pytest.fixture
def swept(predicted, tmp_path):
  """A copy of `predicted`, to be changed."""
  folder = tmp_path / "swept"
  shutil.copytree(str(predicted), str(folder))
  return folder


@pytest.fixture
def project(request, trained_as, tmp_path):
  """A copy of `trained`, to be changed; of another architecture if the test has
  `project` as an indirect parameter."""
  folder = tmp_path / "project"
  shutil.copytree(str(trained_as(getattr(request, "param", "bert"))), str(folder))
  return folder


@pytest.fixture(scope="session")
def golden(request):
  """The Golden that the test names: "slice", or "whole", which may be absent."""
  if request.param == "slice":
    folder = REPOSITORY / "tests" / "golden"
    return Golden("slice", folder, folder / "models", folder / "data")
  assert request.param == "whole", request.param
  folder = request.getfixturevalue("shared")
  return Golden("whole", folder / "golden", folder / "models", folder / "data")
