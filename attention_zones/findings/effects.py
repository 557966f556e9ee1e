"""What masking a cell costs, and whether that is more than chance.

    scores of each question --clusters--> differences, intervals, p
    --families--> rows of results.stats.csv, layers and heads from 1

A cell is estimated from its own questions, those that it does not leave out; what
compares cells, from those that all of them have.

Dimensions: as in formulas.py; C = cells, one for each masked decode.
"""

import collections
import math
from statistics import mean  # As for results.csv, in every digit.

import numpy as np

from attention_zones.findings import formulas
from attention_zones.findings import student_t
from attention_zones.scores import metrics
from attention_zones.scores import predictions
from attention_zones.zones.decodes import BASELINE

_CANCELS = 1e-9  # A weighted sum is 0 if it is this small a part of its terms.

# From so many training seeds on, a result can be about trainings; of fewer it is
# about these checkpoints.
TRAININGS = 5


class Settings(collections.namedtuple(
    "Settings", ["metric", "cluster", "resamples", "random_seed", "margin"],
    defaults=[None])):
  """The choices that the statistics depend on.

  Attributes:
    metric: str of metrics.METRICS.
    cluster: str of question_traits.CLUSTERS.
    resamples: int, D, of the bootstrap.
    random_seed: int, 0 to 2^32-1.
    margin: float, in points (of logp in nats): which cells change the score by less
      is tested; None if that is not asked.
  """
  __slots__ = ()

  @property
  def scale(self):
    """What differences are multiplied by: exact and f1 are in points, logp not."""
    return metrics.METRICS[self.metric].scale


Effects = collections.namedtuple(
    "Effects", ["settings", "cells", "baseline", "differences", "cluster_of",
                "sums", "sizes", "drawn"])
Effects.__doc__ = """The differences of cells, on questions that all of them have.

Attributes:
  settings: Settings.
  cells: list of C masked Decodes.
  baseline: float64 [N], the baseline's score, 0 to 1 (of logp any number), averaged
    over seeds.
  differences: float64 [K, C, N], masked - baseline, -1 to 1 (of logp any number).
  cluster_of: int [N], the cluster of each question.
  sums: float64 [K, C, G], the differences summed in each cluster.
  sizes: int [G], how many questions each cluster has.
  drawn: float64 [D, C], the mean difference in each resample, in points (of
    logp in nats).
"""

Estimate = collections.namedtuple(
    "Estimate", ["diff", "ci_low", "ci_high", "se", "df", "p", "mde",
                 "p_equivalent"])
Estimate.__doc__ = """An estimated cell, or contrast.

Attributes:
  diff, ci_low, ci_high, se: float, the mean difference, its 95 % interval and its
    standard error, in points (of logp in nats).
  df: float, degrees of freedom of the interval.
  p: float, two-sided, of no difference; not adjusted.
  mde: float, the smallest difference that would be found with probability .8; None
    where few clusters changed.
  p_equivalent: float, of a difference of Settings.margin or more, either way; not
    adjusted. None without a margin.
"""

# Of results.stats.csv.
COLUMNS = (
    "layer", "head", "zone", "metric", "n", "clusters", "seeds", "baseline",
    "score", "diff", "ci_low", "ci_high", "se", "deff", "lost", "gained", "changed",
    "shifted", "elsewhere", "sd_seeds", "seeds_same_sign", "df", "p", "p_holm",
    "q_bh", "mde", "p_equivalent", "masked_fraction")


def row(columns, **values):
  """A row of a table: dict from column to value, None for an empty cell."""
  return dict(dict.fromkeys(columns), **values)


class Measured:
  """The differences of all cells, some of which leave questions out.

  Args:
    cells: list of C masked Decodes.
    seeds: list of K FolderScores with a baseline.
    cluster_of: int [N], the cluster of each question.
    settings: Settings.

  Attributes:
    settings, cells, cluster_of: the same.
    baseline: as in Effects.
    differences: as in Effects; NaN where a cell leaves a question out.
  """

  def __init__(self, cells, seeds, cluster_of, settings):
    self.settings, self.cells, self.cluster_of = settings, cells, cluster_of
    self.baseline = np.mean([seed.scores[BASELINE] for seed in seeds], 0)
    self.differences = np.array([[seed.scores[cell] - seed.scores[BASELINE]
                                  for cell in cells] for seed in seeds])
    self._has = ~np.isnan(self.differences).any(0)  # [C, N]
    self._on_questions = {}

  def questions(self, indices):
    """The questions that all of some cells have, list of int: bool [N]."""
    return self._has[indices].all(0)

  def alike(self, indices):
    """Divides cells, list of int, by their questions: list of such lists."""
    found = collections.OrderedDict()
    for c in indices:
      found.setdefault(self._has[c].tobytes(), []).append(c)
    return list(found.values())

  def of(self, indices):
    """The Effects of some cells, on the questions that all of them have.

    Whatever is estimated from the same questions has the same resamples.

    Args:
      indices: list of int.

    Returns:
      Effects; None if these questions are in fewer than 2 clusters.
    """
    own = self.questions(indices)
    key = own.tobytes()
    if key not in self._on_questions:
      self._on_questions[key] = self._on(own)
    there, effects = self._on_questions[key]
    if effects is None or np.array_equal(indices, there):
      return effects
    places = np.searchsorted(there, indices)
    return effects._replace(
        cells=[effects.cells[place] for place in places],
        differences=effects.differences[:, places], sums=effects.sums[:, places],
        drawn=effects.drawn[:, places])

  def _on(self, own):
    """The cells that have all of some questions.

    Args:
      own: bool [N], the questions.

    Returns:
      (int [cells], indices; their Effects, as of `of`).
    """
    there = np.flatnonzero(self._has[:, own].all(1))
    if len(np.unique(self.cluster_of[own])) < 2:
      return there, None
    differences = self.differences
    if not own.all():
      differences = differences[:, there][..., own]
    elif len(there) < len(self.cells):
      differences = differences[:, there]
    settings = self.settings
    cluster_of, sums, sizes = cluster(differences, self.cluster_of[own])
    drawn_sums, drawn_sizes = formulas.bootstrap(
        sums, sizes[None], settings.resamples, settings.random_seed)
    return there, Effects(
        settings, [self.cells[c] for c in there], self.baseline[own],
        differences, cluster_of, sums, sizes,
        settings.scale * drawn_sums / drawn_sizes)


def cluster(values, cluster_of):
  """Sums float [..., N] in the clusters of int [N], of which some may be missing.

  Returns:
    (int [N], the clusters as 0 to G-1; float [..., G], the sums; int [G], how many
    questions each has).
  """
  _, cluster_of, sizes = np.unique(
      cluster_of, return_inverse=True, return_counts=True)
  return cluster_of, formulas.cluster_sums(values, cluster_of, len(sizes)), sizes


def estimate(effects, weights=None, scale=1, reach=1):
  """Estimates the cells, or weighted sums of cells, contrasts for example.

  The interval is diff +- t(.975; df) se; where few clusters changed at all, in any
  seed, it is wider. With fewer than 5 training seeds, these are fixed: p is of sign
  flips of clusters, se of clusters, df = G - 1. With 5 and more, seeds are drawn,
  too: se is the multi-bootstrap's, df is Satterthwaite's, p of Student's t, as are
  mde and p_equivalent, which are of the normal distribution otherwise.

  Args:
    effects: Effects.
    weights: float [R, C]; None takes each cell by itself.
    scale: int, one by which all weights become whole numbers.
    reach: int, how many times as much as one cell the sum can change a question: 1
      for contrasts, whose two sides have one baseline.

  Returns:
    list of R, or C, Estimates.
  """
  sums, differences, drawn = effects.sums, effects.differences, effects.drawn
  if weights is not None:
    sums, differences = _weigh(weights, sums), _weigh(weights, differences)
    drawn = drawn.dot(weights.T)
  num_seeds, num_clusters = len(sums), len(effects.sizes)
  points = effects.settings.scale
  # Seeds are summed first: for exact match these are whole numbers.
  diff = points * sums.sum((0, 2)) / (num_seeds * effects.sizes.sum())
  se = points * formulas.cluster_se(sums.mean(0), effects.sizes)  # [R]
  if num_seeds < TRAININGS:
    df = np.full(len(diff), num_clusters - 1)
    if effects.settings.metric == "exact":
      p = map(formulas.sign_flip_whole, np.rint(scale * sums.sum(0)))
    else:
      p = map(formulas.sign_flip_real, sums.mean(0))
  else:
    of_seeds = points * sums.sum(2) / effects.sizes.sum()  # [K, R]
    df = formulas.satterthwaite(
        se ** 2, of_seeds.var(0, ddof=1) / num_seeds, num_clusters, num_seeds)
    se = drawn.std(0, ddof=1)
    p = map(formulas.student_p, diff, se, df)
  changed = (formulas.cluster_sums((differences != 0).any(0), effects.cluster_of,
                                   num_clusters) > 0).sum(-1)  # [R]
  half = np.maximum(reach * _least_half_width(effects, changed), se * [
      student_t.quantile(.975, each) for each in df])
  is_normal = num_seeds < TRAININGS
  return list(map(
      Estimate, diff, diff - half, diff + half, se, df, p, *_powers(
          effects, sums.mean(0), changed, diff, se,
          np.full(len(diff), math.inf) if is_normal else df)))


def _least_half_width(effects, changed):
  """The least half-width of intervals, in points, float [R]; 0 for logp.

  Args:
    effects: Effects.
    changed: int [R], how many clusters changed in any seed.
  """
  most = metrics.METRICS[effects.settings.metric].reach
  if math.isinf(most):
    return 0
  return most * formulas.half_width_of_few(changed, len(effects.sizes))


def _powers(effects, sums, changed, diff, se, df):
  """What could have been found, and what can be ruled out.

  Args:
    effects: Effects.
    sums: float [R, G], averaged over seeds.
    changed: int [R], how many clusters changed in any seed.
    diff, se, df: float [R], as in Estimate; df is math.inf for a normal test.

  Returns:
    (mde, p_equivalent): list of R float or None each, as in Estimate.
  """
  mde = [formulas.detectable(*of) if many else None
         for many, *of in zip(changed >= formulas.FEW_CHANGED, se, df)]
  margin = effects.settings.margin
  if margin is None:
    return mde, [None] * len(diff)
  room = margin - np.abs(diff)
  # Of logp everything changes, so that se is what it would be at the margin.
  if not math.isinf(metrics.METRICS[effects.settings.metric].reach):
    se = [formulas.se_at_margin(*of, effects.sizes.sum()) for of in zip(
        se, room, formulas.change_of_cluster(sums, effects.sizes, changed))]
  return mde, list(map(formulas.equivalence_p, room, se, df))


def _weigh(weights, values):
  """Weighted sums of cells, [R, C] and [K, C, G] to [K, R, G], or N for G.

  What cancels, but for rounding, is 0: otherwise a test would take 1e-17 for a
  difference.
  """
  weighted = weights.dot(values)  # [R, K, G]
  weighted[np.abs(weighted) <= _CANCELS * np.abs(weights).dot(np.abs(values))] = 0
  return weighted.swapaxes(0, 1)


def cell_rows(measured, seeds, may_differ, masked_fraction):
  """Makes the rows of results.stats.csv.

  Args:
    measured: Measured.
    seeds: list of K FolderScores.
    may_differ: set of the cells that masking can change at all.
    masked_fraction: dict from Decode to float, 0 to 1; cells may be missing.

  Returns:
    list of dict, as `row` makes them of COLUMNS; without `p_equivalent` if no
    margin is given. A cell whose questions are in fewer than 2 clusters has no
    `se`, and nothing that needs one.
  """
  is_asked = measured.settings.margin is not None
  columns = [name for name in COLUMNS if is_asked or name != "p_equivalent"]
  rows = [row(columns, metric=measured.settings.metric, seeds=len(seeds),
              masked_fraction=masked_fraction.get(cell), **predictions.labels(cell))
          for cell in measured.cells]
  families = collections.defaultdict(list)
  for cell, of in zip(measured.cells, rows):
    before, after = (mean([scores[cell] for scores in of_seeds]) for of_seeds in (
        [seed.before for seed in seeds], [seed.percent for seed in seeds]))
    of.update(_counts(cell, seeds), baseline=before, score=after,
              diff=after - before)
  for alike in measured.alike(range(len(rows))):
    for c, values in zip(alike, _estimates(measured, alike)):
      rows[c].update((name, values[name]) for name in columns if name in values)
  for cell, of in zip(measured.cells, rows):
    # Layers that are masked together are no family.
    is_tested = cell in may_differ and of["se"] is not None
    families[predictions.family(cell) if is_tested else None].append(of)
  for of in families.pop(None, []):
    if is_asked:
      of["p_equivalent"] = None
  for family in families.values():
    adjust(family)
  return rows


def _estimates(measured, indices):
  """Estimates cells that have the same questions.

  Args:
    measured: Measured.
    indices: list of int.

  Returns:
    list of dict from column to value, one for each cell; n and clusters alone where
    the questions are in fewer than 2 clusters.
  """
  effects, own = measured.of(indices), measured.questions(indices)
  number = dict(n=own.sum(), clusters=len(np.unique(measured.cluster_of[own])))
  if effects is None:
    return [number] * len(indices)
  points = measured.settings.scale
  independent = points * formulas.independent_se(effects.differences.mean(0))
  of_seeds = points * effects.sums.sum(2) / effects.sizes.sum()  # [K, C]
  return [dict(number, deff=(of.se / alone) ** 2 if alone else None,
               **of._asdict(), **_spread(each, of.diff))
          for of, alone, each in zip(estimate(effects), independent, of_seeds.T)]


def _counts(cell, seeds):
  """Counts changed answers, over all seeds: dict from column to int."""
  flips = np.nan_to_num([
      seed.exact[cell] - seed.exact[BASELINE] for seed in seeds])
  kinds = sum((seed.changes[cell] for seed in seeds), collections.Counter())
  return dict(lost=(flips < 0).sum(), gained=(flips > 0).sum(),
              changed=kinds["shifted"] + kinds["elsewhere"],
              shifted=kinds["shifted"], elsewhere=kinds["elsewhere"])


def _spread(of_seeds, diff):
  """Compares the seeds' differences, float [K]: dict from column to value."""
  if len(of_seeds) < 2:
    return {}
  # Sums of fractions may be 1e-17 where they should be 0.
  same = np.sign(of_seeds.round(9)) == np.sign(diff.round(9))
  return dict(sd_seeds=of_seeds.std(ddof=1), seeds_same_sign=same.sum())


def adjust(family):
  """Fills in p_holm, and those of q_bh and p_equivalent that the rows of a family
  have. (p_equivalent has been that of each cell alone.)"""
  for column, of_one, adjusted in (
      ("p_holm", "p", formulas.holm), ("q_bh", "p", formulas.benjamini_hochberg),
      ("p_equivalent", "p_equivalent", formulas.holm)):
    if family and column in family[0]:
      for of, value in zip(family, adjusted([of[of_one] for of in family])):
        of[column] = value
