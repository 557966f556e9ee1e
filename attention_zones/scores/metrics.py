"""ONE table of metrics: their values, and how differences are written and drawn."""

import collections
import math

Metric = collections.namedtuple("Metric", [
    "label", "words", "unit", "scale", "least", "reach", "lowest", "highest",
    "places"])
Metric.__doc__ = """A metric, and how differences in it are drawn.

Attributes:
  label, words: str, what it is called in figures and in LaTeX.
  unit: str, of its differences.
  scale: int, what a question's values are multiplied by: points are per cent.
  least: float, the least value that a cell can have.
  reach: float, the largest difference that two cells can have.
  lowest, highest: float, the differences where the colours end unless flags say
    otherwise: the paper's. None: they end where the differences do.
  places: int, decimals of a difference. A nat is much, a point is not.
"""

SCORE = Metric("score", "score", "points", 100, 0, 100, -10.0, 2.0, 1)

METRICS = collections.OrderedDict([
    ("exact", SCORE._replace(label="EM", words="EM")),
    ("f1", SCORE._replace(label="F1", words="F1")),
    ("logp", Metric(
        "log p(gold)", "the log-probability of the gold answer", "nats", 1,
        -math.inf, math.inf, None, None, 2)),
])


def named(name):
  """The Metric of the column `metric` of a file; None: a score, EM or F1."""
  return METRICS.get(name) or SCORE._replace(label=name or SCORE.label)


def is_seen(metric, differences):
  """Whether the usual colours of a figure show all differences: bool.

  They end before large differences, and small ones are hardly seen.

  Args:
    metric: Metric.
    differences: list of float, at least one.
  """
  # What is 1e-9 beyond is not.
  low, high = round(min(differences), 3), round(max(differences), 3)
  return metric.lowest is None or (
      metric.lowest <= low and high <= metric.highest
      and max(-low, high) >= -metric.lowest / 4)


def difference(metric, is_of_baseline):
  """What an axis or colour bar of differences says: str.

  Args:
    metric: Metric.
    is_of_baseline: bool, whether all are differences from the baseline.
  """
  form = ("%s \N{MINUS SIGN} baseline, %s" if is_of_baseline
          else "difference in %s, %s")
  return form % (metric.label, metric.unit)
