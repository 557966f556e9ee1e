"""What masking a cell costs, and whether that is more than chance.

    scores of each question --clusters--> differences, intervals, p
    --families--> rows of results.stats.csv, layers and heads from 1

Dimensions: as in formulas.py; C = cells, one for each masked decode.
"""

import collections
from statistics import mean  # As for results.csv, in every digit.

import numpy as np

from attention_zones.findings import formulas
from attention_zones.scores import metrics
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.zones.decodes import BASELINE

_CANCELS = 1e-9  # A weighted sum is 0 if it is this small a part of its terms.


class Settings(collections.namedtuple(
    "Settings", ["metric", "cluster", "resamples", "random_seed"])):
  """The choices that the statistics depend on.

  Attributes:
    metric: str of metrics.METRICS.
    cluster: str of question_traits.CLUSTERS.
    resamples: int, D, of the bootstrap.
    random_seed: int, 0 to 2^32-1.
  """
  __slots__ = ()

  @property
  def scale(self):
    """What differences are multiplied by: exact and f1 are in points, logp not."""
    return metrics.METRICS[self.metric].scale


Effects = collections.namedtuple(
    "Effects", ["settings", "cells", "differences", "cluster_of", "sums", "sizes",
                "drawn"])
Effects.__doc__ = """The differences of all cells.

Attributes:
  settings: Settings.
  cells: list of C masked Decodes.
  differences: float64 [K, C, N], masked - baseline, -1 to 1 (of logp any number).
  cluster_of: int [N], the cluster of each question.
  sums: float64 [K, C, G], the differences summed in each cluster.
  sizes: int [G], how many questions each cluster has.
  drawn: float64 [D, C], the mean difference in each resample, in points (of
    logp in nats).
"""

Estimates = collections.namedtuple(
    "Estimates", ["diff", "ci_low", "ci_high", "se", "p"])
Estimates.__doc__ = """Arrays [C]: the mean difference, its 95 % interval and its
standard error, in points (of logp in nats); the two-sided p of no difference, not
adjusted."""


def measure(cells, seeds, cluster_of, settings):
  """Computes the differences of all cells and their bootstrap.

  Args:
    cells: list of C masked Decodes.
    seeds: list of K FolderScores with a baseline.
    cluster_of: int [N], the cluster of each question, 0 to G-1, G at least 2.
    settings: Settings.

  Returns:
    Effects.
  """
  scores = [getattr(seed, settings.metric) for seed in seeds]
  differences = np.array([[of[cell] - of[BASELINE] for cell in cells]
                          for of in scores])
  sizes = np.bincount(cluster_of)
  sums = formulas.cluster_sums(differences, cluster_of, len(sizes))
  drawn_sums, drawn_sizes = formulas.bootstrap(
      sums, sizes[None], settings.resamples, settings.random_seed)
  return Effects(settings, cells, differences, cluster_of, sums, sizes,
                 settings.scale * drawn_sums / drawn_sizes)


def of_some(effects, indices):
  """The Effects of some of the cells, list of int; the resamples stay the same."""
  return effects._replace(
      cells=[effects.cells[c] for c in indices],
      differences=effects.differences[:, indices], sums=effects.sums[:, indices],
      drawn=effects.drawn[:, indices])


def estimate(effects, weights=None, scale=1):
  """Estimates the cells, or weighted sums of cells, contrasts for example.

  Args:
    effects: Effects.
    weights: float [R, C]; None takes each cell by itself.
    scale: int, the smallest by which all weights become whole numbers.

  Returns:
    Estimates of [R] or [C].
  """
  sums, drawn = effects.sums, effects.drawn
  if weights is not None:
    sums, drawn = _weigh(weights, sums), drawn.dot(weights.T)
  num_seeds, total = len(sums), effects.sizes.sum()
  averaged = sums.mean(0)  # [R, G]
  # Seeds are summed first: for exact match these are whole numbers.
  points = effects.settings.scale
  diff = points * sums.sum((0, 2)) / (num_seeds * total)
  low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
  if num_seeds > 1:
    se = drawn.std(0, ddof=1)
    p = [formulas.normal_p(*pair) for pair in zip(diff, se)]
  else:
    se = points * formulas.cluster_se(averaged, effects.sizes)
    if effects.settings.metric == "exact":
      p = [formulas.sign_flip_whole(np.rint(scale * row)) for row in averaged]
    else:
      p = [formulas.sign_flip_real(row) for row in averaged]
  return Estimates(diff, low, high, se, np.array(p))


def _weigh(weights, sums):
  """Weighted sums of cells, [R, C] and [K, C, G] to [K, R, G].

  What cancels, but for rounding, is 0: otherwise a test would take 1e-17 for a
  difference.
  """
  weighted = weights.dot(sums)  # [R, K, G]
  weighted[np.abs(weighted) <= _CANCELS * np.abs(weights).dot(np.abs(sums))] = 0
  return weighted.swapaxes(0, 1)


def cell_rows(effects, seeds, may_differ, masked_fraction):
  """Makes the rows of results.stats.csv.

  Args:
    effects: Effects.
    seeds: list of K FolderScores.
    may_differ: set of the cells that masking can change at all.
    masked_fraction: dict from Decode to float, 0 to 1; cells may be missing.

  Returns:
    list of OrderedDict from column to str, int, float, or None for an empty cell.
  """
  estimates = estimate(effects)
  num_seeds, _, total = effects.differences.shape
  points = effects.settings.scale
  independent = points * formulas.independent_se(effects.differences.mean(0))
  of_seeds = points * effects.sums.sum(2) / total  # [K, C]
  rows = []
  for c, cell in enumerate(effects.cells):
    diff, se = estimates.diff[c], estimates.se[c]
    before, after = (mean([seed.percent[decode] for seed in seeds])
                     for decode in (BASELINE, cell))
    rows.append(collections.OrderedDict([
        ("layer", results_table.layer_label(cell.layers)),
        ("head", results_table.head_label(cell.mask.heads) or None),
        ("zone", cell.mask.name), ("metric", effects.settings.metric),
        ("n", total), ("clusters", len(effects.sizes)), ("seeds", num_seeds),
        ("baseline", before), ("score", after), ("diff", diff),
        ("ci_low", estimates.ci_low[c]), ("ci_high", estimates.ci_high[c]),
        ("se", se),
        ("deff", (se / independent[c]) ** 2 if independent[c] else None)]))
    rows[-1].update(_counts(cell, seeds))
    rows[-1].update(_spread(of_seeds[:, c], diff))
    rows[-1].update(p=estimates.p[c], p_holm=None, q_bh=None,
                    masked_fraction=masked_fraction.get(cell))
  families = collections.defaultdict(list)
  for row, cell in zip(rows, effects.cells):
    if cell in may_differ:
      families[predictions.family(cell)].append(row)
  for name in predictions.FAMILIES:
    adjust(families[name])
  return rows


def _counts(cell, seeds):
  """Counts changed answers, over all seeds: list of (column, int)."""
  flips = [seed.exact[cell] - seed.exact[BASELINE] for seed in seeds]
  kinds = sum((seed.changes[cell] for seed in seeds), collections.Counter())
  return [("lost", int(sum((flip < 0).sum() for flip in flips))),
          ("gained", int(sum((flip > 0).sum() for flip in flips))),
          ("changed", kinds["shifted"] + kinds["elsewhere"]),
          ("shifted", kinds["shifted"]), ("elsewhere", kinds["elsewhere"])]


def _spread(of_seeds, diff):
  """Compares the seeds' differences, float [K]: list of (column, value)."""
  if len(of_seeds) < 2:
    return [("sd_seeds", None), ("seeds_same_sign", None)]
  # Sums of fractions may be 1e-17 where they should be 0.
  same = np.sign(of_seeds.round(9)) == np.sign(diff.round(9))
  return [("sd_seeds", of_seeds.std(ddof=1)), ("seeds_same_sign", int(same.sum()))]


def adjust(family):
  """Fills in p_holm and q_bh of rows, which are one family of tests."""
  p = [row["p"] for row in family]
  for row, p_holm, q_bh in zip(
      family, formulas.holm(p), formulas.benjamini_hochberg(p)):
    row.update(p_holm=p_holm, q_bh=q_bh)
