"""A run that is killed, and made again, ends as one that was left alone.

Trainings and sweeps of a 14-wide model with dropout. faults.py, whose functions
these tests call, does the same at more moments.
"""

import random

import pytest

import faults

# Copies of ten questions, of two training steps each.
COPIES = 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["training", "sweep"])
def test_killed_in_the_middle_resumes_there(name, tmp_path):
  """Of the training a checkpoint is there, of the sweep a part of the journal:
  the second run begins with what comes next, and ends with the same bytes."""
  case = faults.prepare(name, tmp_path, COPIES)
  folder = tmp_path / "killed"
  some = random.randint(1, COPIES)
  outcome = faults.kill_and_repeat(
      case, folder, lambda _: faults.progress_on_disk(case, folder) >= some)
  assert not outcome.wrong, outcome
  assert some <= outcome.done <= outcome.first < outcome.total
