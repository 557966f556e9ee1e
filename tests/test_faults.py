"""A run that is killed, and made again, ends as one that was left alone.

Trainings and sweeps of a 14-wide model with dropout. faults.py, whose functions
these tests call, does the same at more moments.
"""

import os
import random
import shutil

import pytest

import faults

# Copies of ten questions, of two training steps each.
COPIES = 20


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
  """A training and a sweep that were left alone."""
  return faults.prepare(tmp_path_factory.mktemp("alone"), COPIES)


@pytest.fixture(params=["training", "sweep"])
def case(request, cases):
  return cases[request.param]


def test_killed_at_a_random_time(case, tmp_path):
  moment, = faults.random_moments(case, 1, random.Random())
  outcome = faults.kill_and_repeat(
      case, tmp_path / "killed", lambda seconds: seconds > moment)
  assert not outcome.wrong, "killed at %.2f s: %s" % (moment, outcome)


def test_killed_in_the_middle_goes_on_there(case, tmp_path):
  """Of the training a checkpoint is there, of the sweep a part of the journal:
  the second run begins with what comes next."""
  folder = tmp_path / "killed"
  some = random.randint(1, COPIES)
  outcome = faults.kill_and_repeat(
      case, folder, lambda _: faults.progress_on_disk(case, folder) >= some)
  assert not outcome.wrong, outcome
  assert some <= outcome.done <= outcome.first < outcome.total


def test_two_runs_left_alone_have_the_same_bytes(case, tmp_path):
  cores = (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
           else os.cpu_count())
  if cores < 2:
    pytest.skip("TensorFlow's threads need 2 cores to differ in their order; "
                "this machine gives %d" % cores)
  folder = tmp_path / "again"
  shutil.copytree(str(case.start), str(folder))
  status, log, _ = faults.run(folder, case.flags)
  assert status == 0, log
  assert faults.digests(folder, case.pattern) == case.wanted != {}
