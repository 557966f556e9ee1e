"""How often a true null hypothesis is rejected when questions come in clusters.

Masking changes nothing on average here, but what it does to questions about one
passage is alike, as in a real sweep: the design effect is 1.5. A test at 5 % should
reject 5 % of such data sets. docs/statistics.md has the numbers; this prints them:

    bash tests/run.sh tests/stress/test_calibration.py -s
"""

import numpy as np
import pytest

from attention_zones.findings import formulas

RUNS = 1000
PASSAGES, QUESTIONS = 200, 5  # questions about each passage
LEVEL = .05
# A question changes with probability CHANGES, to right or to wrong. WITH_PASSAGE of
# the changes take the passage's direction, so two changes of a passage agree with
# correlation WITH_PASSAGE^2, and two questions with CHANGES * WITH_PASSAGE^2 = 1/8.
# The design effect is 1 + (5 - 1) / 8 = 1.5.
CHANGES = .2
WITH_PASSAGE = .625 ** .5


def simulate(rs):
  """Draws the differences of one data set: int [PASSAGES, QUESTIONS], -1, 0, 1."""
  shape = (PASSAGES, QUESTIONS)
  passage = rs.choice([-1, 1], (PASSAGES, 1))
  own = rs.choice([-1, 1], shape)
  direction = np.where(rs.rand(*shape) < WITH_PASSAGE, passage, own)
  return direction * (rs.rand(*shape) < CHANGES)


@pytest.fixture(scope="module")
def data_sets():
  rs = np.random.RandomState(12345)
  return [simulate(rs) for _ in range(RUNS)]


def rejections(p_values):
  return np.mean(np.array(p_values) < LEVEL)


def test_the_simulation_has_the_design_effect(data_sets):
  sizes = np.full(PASSAGES, QUESTIONS)
  effects = [(formulas.cluster_se(d.sum(1), sizes)
              / formulas.independent_se(d.ravel().astype(float))) ** 2
             for d in data_sets]
  # The standard deviation over data sets is .1, that of 1,000's mean is .003.
  assert np.mean(effects) == pytest.approx(1.5, abs=.01)


def test_flipping_passages_keeps_its_level(data_sets):
  rate = rejections([formulas.sign_flip_whole(d.sum(1)) for d in data_sets])
  print("\nsign flips of passages reject %.1f %%" % (100 * rate))
  assert .02 < rate < .065


def test_flipping_passages_of_f1_keeps_its_level(data_sets):
  rate = rejections([formulas.sign_flip_real(d.sum(1) / 3) for d in data_sets])
  print("\nsign flips of passages, normal form, reject %.1f %%" % (100 * rate))
  assert .02 < rate < .065


def test_independent_mcnemar_rejects_too_often(data_sets):
  rate = rejections([formulas.sign_flip_whole(d.ravel()) for d in data_sets])
  print("\nMcNemar's test of questions rejects %.1f %%" % (100 * rate))
  assert rate > .075


def test_intervals_hold_the_truth(data_sets):
  """95 % intervals of the bootstrap; of 200 data sets, to be quick."""
  sums = np.array([[d.sum(1) for d in data_sets[:200]]], float)
  drawn, sizes = formulas.bootstrap(
      sums, np.full((1, PASSAGES), QUESTIONS), 2000, 12345)
  low, high = np.percentile(drawn / sizes, [2.5, 97.5], axis=0)
  share = np.mean((low <= 0) & (high >= 0))
  print("\nintervals hold the truth in %.1f %%" % (100 * share))
  # The standard deviation of 200 such counts is 1.5 %.
  assert .95 - 3 * .015 < share
