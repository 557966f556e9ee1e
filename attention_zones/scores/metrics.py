"""ONE table of what figures have to know about a metric."""

import collections

Metric = collections.namedtuple(
    "Metric", ["label", "unit", "lowest", "highest", "places"])
Metric.__doc__ = """How differences in a metric are drawn.

Attributes:
  label: str, what the metric is called.
  unit: str, of its differences.
  lowest, highest: float, the differences where the colours end unless flags say
    otherwise: the paper's. None: they end where the differences do.
  places: int, decimals of a difference. A nat is much, a point is not.
"""

SCORE = Metric("score", "points", -10.0, 2.0, 1)

METRICS = {
    "exact": SCORE._replace(label="EM"),
    "f1": SCORE._replace(label="F1"),
    "logp": Metric("log p(gold)", "nats", None, None, 2),
}


def named(name):
  """The Metric of the column `metric` of a file; None: a score, EM or F1."""
  return METRICS.get(name) or SCORE._replace(label=name or SCORE.label)


def difference(metric, is_of_baseline):
  """What an axis or colour bar of differences says: str.

  Args:
    metric: Metric.
    is_of_baseline: bool, whether all are differences from the baseline.
  """
  form = ("%s \N{MINUS SIGN} baseline, %s" if is_of_baseline
          else "difference in %s, %s")
  return form % (metric.label, metric.unit)
