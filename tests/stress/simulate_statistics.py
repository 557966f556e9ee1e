"""Simulates data sets whose truth is known, and counts how often statistics err.

    bash tests/run.sh tests/stress/test_calibration.py -m thorough -s

prints all tables, from which docs/statistics.md quotes. Everything is estimated by
effects.estimate, as in get_results.py. Data sets have 5 questions about each of G
passages. A question changes, from right to wrong or from wrong to right, and some
of the changes take their passage's direction.

Dimensions: as in formulas.py, but C = data sets, each of one cell, or of several.
"""

import collections

import numpy as np

from attention_zones.findings import effects
from attention_zones.findings import formulas

QUESTIONS = 5  # about each passage
LEVEL = .05
# How often a question changes, and how often the change takes the direction of its
# passage. Two changes of a passage agree with correlation WITH_PASSAGE^2, and two
# questions with CHANGES * WITH_PASSAGE^2 = 1/8: the design effect is 1.5.
CHANGES = .2
WITH_PASSAGE = .625 ** .5
RESAMPLES = 2000  # Of the bootstrap; get_results.py takes 10,000.
CELLS = 28  # Of a table of 6 layers, after two cells that cannot differ.
_BLOCK = 3 * 10 ** 6  # Numbers that are simulated at the same time.

Row = collections.namedtuple("Row", ["label", "rates"])
Row.__doc__ = """A row of a table: str, and a dict from what is counted to float."""


def _row(label, found, data_sets):
  """Makes a Row of a dict from str to a list of bool."""
  return Row("%s (%d data sets)" % (label, data_sets), collections.OrderedDict(
      (name, np.mean(values)) for name, values in found.items()))


def directions(rs, shape, losing=.5, shared=None):
  """Draws which way questions change, if they do.

  Args:
    rs: numpy's RandomState.
    shape: tuple, [..., G].
    losing: float [...] or one number, the probability of a loss.
    shared: int [..., G], the passages' directions; drawn if left out.

  Returns:
    int8 [..., G, QUESTIONS], -1 or 1.
  """
  losing = np.asarray(losing)[..., None]
  if shared is None:
    shared = np.where(rs.rand(*shape) < losing, -1, 1)
  own = np.where(rs.rand(*(shape + (QUESTIONS,))) < losing[..., None], -1, 1)
  follows = rs.rand(*own.shape) < WITH_PASSAGE
  return np.where(follows, shared[..., None], own).astype(np.int8)


def changes(rs, directed, rate=CHANGES):
  """Lets some questions change: int8 [..., G * QUESTIONS] of directions(...)."""
  changed = directed * (rs.rand(*directed.shape) < rate)
  return changed.reshape(changed.shape[:-2] + (-1,)).astype(np.int8)


def in_blocks(data_sets, numbers):
  """Divides data sets, of so many numbers each, into blocks: yields their sizes."""
  step = max(1, _BLOCK // numbers)
  for first in range(0, data_sets, step):
    yield min(step, data_sets - first)


def estimate(differences, metric="exact", cluster="paragraph", weights=None,
             scale=1, margin=None):
  """The Estimates of data sets, float or int [K, C, N]."""
  num_seeds, _, number = differences.shape
  differences = differences.astype(float)
  cluster_of = np.arange(number)
  if cluster == "paragraph":
    cluster_of = cluster_of // QUESTIONS
  sizes = np.bincount(cluster_of)
  sums = formulas.cluster_sums(differences, cluster_of, len(sizes))
  drawn = np.zeros((1, differences.shape[1]))
  if num_seeds >= effects.TRAININGS:
    drawn, drawn_sizes = formulas.bootstrap(sums, sizes[None], RESAMPLES, 12345)
    drawn = 100 * drawn / drawn_sizes
  return effects.estimate(effects.Effects(
      effects.Settings(metric, cluster, RESAMPLES, 12345, margin), None, None,
      differences, cluster_of, sums, sizes, drawn), weights, scale)


def rejected(estimates):
  """Which of a list of Estimates have p below the level: list of bool."""
  return [each.p < LEVEL for each in estimates]


def holds(estimates, truth):
  """Which of the intervals hold float, in points: list of bool."""
  return [each.ci_low <= truth <= each.ci_high for each in estimates]


def in_quarters(rs, differences):
  """Changes of F1, by 1/4, 1/2, 3/4 or 1, of those of exact match: float64."""
  return differences * rs.randint(1, 5, differences.shape) / 4


def with_own_changes(rs, common, true, rate=CHANGES):
  """Adds changes of each training seed to those that all seeds have in common.

  Args:
    rs: numpy's RandomState.
    common: int8 [C, N], of changes(...) at half the rate, with a mean of 0.
    true: float [K, C], the true mean differences of the seeds, -1 to 1, with all
      changes; up to about rate / 2.
    rate: float, how often a question changes.

  Returns:
    int8 [K, C, N].
  """
  # Of the questions that do not change in all seeds, rate / 2 change in one; such a
  # change is 1 - 2 losing on average.
  losing = .5 - true / (rate * (1 - rate / 2))
  shape = len(common), common.shape[1] // QUESTIONS
  own = np.array([changes(rs, directions(rs, shape, of_seed), rate / 2)
                  for of_seed in losing])
  return np.where(common, common, own)


def level(passages, rate, data_sets):
  """How often a true null hypothesis is rejected."""
  rs = np.random.RandomState(passages)
  found = collections.OrderedDict(
      (name, []) for name in ("EM", "F1", "interval", "questions independent"))
  for block in in_blocks(data_sets, passages * QUESTIONS):
    d = changes(rs, directions(rs, (1, block, passages)), rate)
    of_exact = estimate(d)
    found["EM"] += rejected(of_exact)
    found["interval"] += [not held for held in holds(of_exact, 0)]
    found["questions independent"] += rejected(estimate(d, cluster="none"))
    found["F1"] += rejected(estimate(in_quarters(rs, d), "f1"))
  return _row("%d passages, %g %% change" % (passages, 100 * rate), found,
              data_sets)


def family_wise(passages, data_sets):
  """How often Holm's correction lets through any of 28 true null hypotheses.

  Half of the passages have one direction for all cells.
  """
  rs = np.random.RandomState(passages)
  found = []
  for block in in_blocks(data_sets, CELLS * passages * QUESTIONS):
    of_all = rs.choice([-1, 1], (block, 1, passages))
    own = rs.choice([-1, 1], (block, CELLS, passages))
    shared = np.where(rs.rand(block, 1, passages) < .5, of_all, own)
    d = changes(rs, directions(rs, shared.shape, shared=shared))
    found += _any_of_family(estimate(d.reshape(1, block * CELLS, -1)))
  return _row("%d passages, %d cells" % (passages, CELLS), {"Holm": found},
              data_sets)


def _any_of_family(estimates):
  """Whether any cell of each data set is a finding: list of bool."""
  return [min(formulas.holm([
      of.p for of in estimates[first:first + CELLS]])) < LEVEL
          for first in range(0, len(estimates), CELLS)]


def coverage(passages, rate, losing, seeds, data_sets):
  """How often 95 % intervals hold the true difference.

  Args:
    passages, seeds, data_sets: int.
    rate: float, how often a question changes.
    losing: float, the probability that a change is a loss.
  """
  rs = np.random.RandomState(passages)
  found = []
  for block in in_blocks(data_sets, seeds * passages * QUESTIONS):
    d = changes(rs, directions(rs, (seeds, block, passages), losing), rate)
    found += holds(estimate(d), 100 * rate * (1 - 2 * losing))
  return _row("%d passages, %g %% change, %g %% of them lost, seeds: %d" % (
      passages, 100 * rate, 100 * losing, seeds), {"held": found}, data_sets)


def training_seeds(number, deviation, data_sets, passages=240):
  """Levels with several seeds, which differ from each other.

  Of a question's changes half are those of all seeds. Null hypotheses: of
  checkpoints, that these seeds' true differences have mean 0; of trainings, that
  those of all seeds have, while these few differ from it by chance.

  Args:
    number: int, K.
    deviation: float, the true differences' standard deviation over seeds, points.
    data_sets, passages: int; CELLS cells each.
  """
  rs = np.random.RandomState(number)
  is_few = number < effects.TRAININGS
  found = collections.OrderedDict((name, []) for name in [
      "checkpoints", "checkpoints, Holm"][:2 * is_few] + [
          "trainings", "trainings, Holm", "trainings, held"])
  for block in in_blocks(data_sets, number * CELLS * passages * QUESTIONS):
    common = changes(
        rs, directions(rs, (block * CELLS, passages)), CHANGES / 2)
    true = rs.normal(0, deviation / 100, (number, block * CELLS))
    for is_of_trainings in [False] * is_few + [True]:
      estimates = estimate(with_own_changes(
          rs, common, true - (0 if is_of_trainings else true.mean(0))))
      name = "trainings" if is_of_trainings else "checkpoints"
      found[name] += rejected(estimates)
      found[name + ", Holm"] += _any_of_family(estimates)
      if is_of_trainings:
        found["trainings, held"] += holds(estimates, 0)
  return _row("%d seeds, sd %g points" % (number, deviation), found, data_sets)


def equivalence(passages, margin, rate, seeds, data_sets, deviation=0):
  """How often a cell is said to lose less than the margin, and loses just as much.

  Args:
    passages, seeds, data_sets: int.
    margin: float, in points.
    rate: float, how often a question changes; at least margin / 100, with several
      seeds about three times as much and more.
    deviation: float, the true differences' standard deviation over seeds, points.
  """
  rs = np.random.RandomState(passages)
  found = collections.OrderedDict((name, []) for name in ("EM", "F1"))
  for block in in_blocks(data_sets, seeds * passages * QUESTIONS):
    if seeds == 1:
      d = changes(rs, directions(
          rs, (1, block, passages), .5 + margin / (200 * rate)), rate)
    else:
      common = changes(rs, directions(rs, (block, passages)), rate / 2)
      d = with_own_changes(rs, common, rs.normal(
          -margin, deviation, (seeds, block)) / 100, rate)
    # F1 loses 5/8 as much.
    for metric, differences, of in (
        ("EM", d, margin), ("F1", in_quarters(rs, d), margin * 5 / 8)):
      found[metric] += [each.p_equivalent < LEVEL for each in estimate(
          differences, {"EM": "exact", "F1": "f1"}[metric], margin=of)]
  return _row("%d passages, %g points, %g %% change, seeds: %d, sd %g points" % (
      passages, margin, 100 * rate, seeds, deviation), found, data_sets)


def contrasts(draws, data_sets, passages=240, losing=.75):
  """Levels of a zone against its draws, all of which cost as much."""
  rs = np.random.RandomState(draws)
  found = collections.OrderedDict((name, []) for name in ("p", "held"))
  cells = 1 + draws
  weights = np.array([1] + draws * [-1 / draws])
  for block in in_blocks(data_sets, 30 * cells * passages * QUESTIONS):
    shared = np.where(rs.rand(block, 1, passages) < losing, -1, 1)
    directed = directions(rs, (block, cells, passages), losing, shared + np.zeros(
        (block, cells, passages), int))
    d = changes(rs, directed).reshape(1, block * cells, -1)
    estimates = estimate(d, weights=np.kron(np.eye(block), weights), scale=draws)
    found["p"] += rejected(estimates)
    found["held"] += holds(estimates, 0)
  return _row("%d draw%s" % (draws, "s" * (draws > 1)), found, data_sets)


def skewed(passages, data_sets):
  """A null hypothesis of mean 0 in which few passages lose all, many gain one."""
  rs = np.random.RandomState(passages)
  found = collections.OrderedDict((name, []) for name in ("p", "held"))
  for block in in_blocks(data_sets, passages * QUESTIONS):
    d = np.zeros((1, block, passages, QUESTIONS), np.int8)
    loses = rs.rand(1, block, passages) < .1
    d[loses] = -1
    # .1 * 5 = .9 * 5/9.
    d[..., 0] += ~loses & (rs.rand(*loses.shape) < 5 / 9)
    estimates = estimate(d.reshape(1, block, -1))
    found["p"] += rejected(estimates)
    found["held"] += holds(estimates, 0)
  return _row("%d passages" % passages, found, data_sets)
