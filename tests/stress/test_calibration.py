"""How often tests reject what is true, and intervals miss it: the bars.

simulate_statistics.py says how data sets are simulated. Each test prints a row of a
table; those of docs/statistics.md take minutes:

    bash tests/run.sh tests/stress/test_calibration.py -m thorough -s
"""

import numpy as np
import pytest

from attention_zones.findings import effects
from attention_zones.findings import formulas
import simulate_statistics as simulate

MOST = .06  # Of what is true, rejected at 5 %.
LEAST = .92  # Of intervals of 95 % that hold the truth.
# Where all changes are losses, few of them are a Poisson number x, and the interval
# is about x +- 1.96 sqrt(x): it holds the truth in 91.1 % where 13.5 are expected.
LEAST_ONE_SIDED = .90


def cases(*rows):
  """Parameters of tests: each row with fewer data sets, and with its whole number.

  Args:
    *rows: tuple of parameters, of which the last two are these numbers; 0 leaves
      the row out.
  """
  return [pytest.param(*row[:-2], number, marks=marks) for row in rows
          for number, marks in ((row[-2], ()), (row[-1], pytest.mark.thorough))
          if number]


def rates(table, row):
  """Prints a row, and returns its numbers."""
  print("\n%s: %s: %s" % (table, row.label, ", ".join(
      "%s %.1f %%" % (name, 100 * rate) for name, rate in row.rates.items())))
  return row.rates


def test_the_simulation_has_the_design_effect():
  rs = np.random.RandomState(0)
  d = simulate.changes(rs, simulate.directions(rs, (1000, 200)))
  sizes = np.full(200, simulate.QUESTIONS)
  ratios = (formulas.cluster_se(d.reshape(1000, 200, -1).sum(-1), sizes)
            / formulas.independent_se(d)) ** 2
  # The standard deviation over data sets is .1, that of 1,000's mean is .003.
  assert np.mean(ratios) == pytest.approx(1.5, abs=.01)


# Fewer changes are tested in less time.
@pytest.mark.parametrize("passages, rate, data_sets", cases(
    (15, .2, 1000, 10000), (48, .2, 1000, 10000), (240, .2, 0, 10000),
    (240, .05, 1000, 10000), (2067, .05, 0, 2000)))
def test_level(passages, rate, data_sets):
  found = rates("level", simulate.level(passages, rate, data_sets))
  assert found["EM"] <= MOST and found["F1"] <= MOST
  assert found["interval"] <= 1 - LEAST
  # Why passages are clusters: with CHANGES, the design effect is 1.5.
  assert found["questions independent"] > MOST or rate < simulate.CHANGES


@pytest.mark.parametrize("passages, data_sets", cases(
    (48, 200, 2000), (240, 0, 1000)))
def test_families(passages, data_sets):
  found = rates("family", simulate.family_wise(passages, data_sets))
  assert found["Holm"] <= MOST


@pytest.mark.parametrize("passages, rate, losing, seeds, data_sets", cases(*[
    (passages, rate, losing, seeds, few, 10000 if passages * rate < 100 else 2000)
    for passages, losing, seeds, few in (
        (12, .75, 1, 0), (50, .75, 1, 0), (240, .75, 1, 0), (2067, .75, 1, 0),
        (12, 1, 1, 200), (50, 1, 1, 0), (240, 1, 1, 50), (2067, 1, 1, 0),
        (12, .75, 5, 50), (240, .75, 5, 0))
    for rate in (.0005, .002, .01, .05, .2)]))
def test_coverage(passages, rate, losing, seeds, data_sets):
  found = rates("coverage", simulate.coverage(
      passages, rate, losing, seeds, data_sets))
  assert found["held"] >= (LEAST_ONE_SIDED if losing == 1 else LEAST)


@pytest.mark.parametrize("number, deviation, data_sets", cases(
    (2, .5, 0, 500), (2, 1.5, 0, 500), (3, .5, 0, 500), (3, 1.5, 10, 500),
    (5, .5, 0, 500), (5, 1.5, 10, 500)))
def test_seeds(number, deviation, data_sets):
  found = rates("seeds", simulate.training_seeds(number, deviation, data_sets))
  about = "trainings" if number >= effects.TRAININGS else "checkpoints"
  assert found[about] <= MOST and found[about + ", Holm"] <= MOST
  if about == "trainings":
    assert found["trainings, held"] >= LEAST


# With 15 passages, 1 point is never shown, and 30 seldom.
@pytest.mark.parametrize(
    "passages, margin, rate, seeds, deviation, data_sets", cases(
        (15, 1, .2, 1, 0, 0, 10000), (15, 30, .4, 1, 0, 1000, 10000),
        (300, 1, .02, 1, 0, 0, 10000), (300, 2, .03, 1, 0, 500, 10000),
        (300, 5, .2, 1, 0, 0, 10000), (2067, 1, .01, 1, 0, 0, 10000),
        (2067, 1, .05, 1, 0, 0, 10000), (2067, 1, .2, 1, 0, 0, 2000),
        (15, 20, .8, 5, 1, 50, 2000), (300, 1, .05, 5, .25, 0, 2000),
        (300, 5, .2, 5, 1, 0, 2000), (2067, 1, .05, 5, .25, 0, 2000),
        (2067, 3, .2, 5, 1.5, 0, 2000)))
def test_equivalence(passages, margin, rate, seeds, deviation, data_sets):
  """A true difference of exactly the margin is seldom called smaller."""
  found = rates("equivalence", simulate.equivalence(
      passages, margin, rate, seeds, data_sets, deviation))
  assert found["EM"] <= MOST and found["F1"] <= MOST


@pytest.mark.parametrize("draws, data_sets", cases(
    (1, 0, 10000), (3, 200, 10000), (10, 0, 10000)))
def test_contrasts(draws, data_sets):
  found = rates("contrasts", simulate.contrasts(draws, data_sets))
  assert found["p"] <= MOST and found["held"] >= LEAST


@pytest.mark.parametrize("passages, data_sets", cases(
    (15, 0, 10000), (48, 500, 10000), (240, 0, 10000), (2067, 0, 2000)))
def test_a_skewed_null_hypothesis_is_rejected_too_often(passages, data_sets):
  """What docs/statistics.md warns of; with many passages it vanishes."""
  found = rates("skewed", simulate.skewed(passages, data_sets))
  if passages <= 48:
    assert found["p"] > MOST
  else:
    assert found["p"] <= 1 - LEAST
