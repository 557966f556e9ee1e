"""Which cells of a figure get a dot or a circle, from a results.stats.csv.

results.stats.csv has a row for each cell of results.csv. Read here are

    layer,head,zone,metric,baseline,score,p_holm,p_equivalent
    1,,p2,exact,80.567,66.982,0.0001,1

whatever other columns there are; p_equivalent is there only with a --margin. The
page of cases also reads ci_low, ci_high, n, clusters and seeds. Layers
count from 1, as in results.csv. p_holm is empty for a cell that was not tested:
layers masked together, and cells that cannot differ from the baseline. So is
p_equivalent.
"""

import math

from attention_zones.base import csv_files
from attention_zones.scores import metrics
from attention_zones.zones import decodes

ALPHA = 0.05

KIND = "a results.stats.csv of get_results.py"

COLUMNS = ("layer", "head", "zone", "metric", "baseline", "score", "p_holm")
EQUIVALENT = "p_equivalent"
INTERVAL = ("ci_low", "ci_high")
SIZES = ("n", "clusters", "seeds")

# results.csv has three places, and so may the file of statistics.
SCORE_TOLERANCE = 0.001 + 1e-9
# The baseline of the command line may be rounded to one place.
BASELINE_TOLERANCE = 0.05 + 1e-9
# A difference has four places, the two scores that it is compared with have three.
DIFFERENCE_TOLERANCE = 2 * 0.0005 + 0.00005 + 1e-9


def with_marks(path, panel, of_table=()):
  """Marks the cells with p_holm < ALPHA, and those with p_equivalent < ALPHA.

  Args:
    path: str, a results.stats.csv.
    panel: heatmap.Panel of the table that it belongs to.
    of_table: list of heatmap.Panel, all of this table.

  Returns:
    heatmap.Panel with these marks, and with the metric of the file.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or has other layers, zones, scores or
      another baseline than the table; the message names the file and the place. (Of
      a table of differences, the file may have more cells.)
  """
  problems = []
  others = {cell for other in of_table if other.zone == panel.zone
            for cell in _scores(other)}
  for metric, rows in read_rows(path, panel.zone).items():
    problem = mismatch(rows, panel, others)
    if problem is None:
      return marked(panel, metric, rows)
    problems.append(problem)
  raise ValueError("%s: %s; give the stats file that was written with %s" % (
      path, problems[0], panel.name))


def marked(panel, metric, rows):
  """A heatmap.Panel with the marks, and own baselines, of its rows.

  Args:
    panel: heatmap.Panel.
    metric: str.
    rows: dict, an entry of `read_rows` that has no `mismatch`.
  """
  scores = _scores(panel)
  below = lambda column: frozenset(
      cell for cell, row in rows.items()
      if cell in scores and row[column] < ALPHA)  # NaN is not.
  own = panel.own_baselines
  if own is None:
    own = {cell: rows[cell]["baseline"] for cell in scores
           if _may_leave_out(panel, cell)}
  return panel._replace(
      metric=metric, marks=below("p_holm"), equivalent=below(EQUIVALENT)
      if all(EQUIVALENT in row for row in rows.values()) else None,
      own_baselines=own)


def _may_leave_out(panel, cell):
  """Whether a cell, if it is compared with a baseline, may leave out questions."""
  return panel.baseline is not None and bool(panel.mask_of(cell[1]).sets)


def _scores(panel):
  """The scores of a panel that are there: dict from (layer, column) to float."""
  return {(layer, column): score
          for layer, line in zip(panel.table.layers, panel.table.scores)
          for column, score in zip(panel.table.zones, line)
          if not math.isnan(score)}


def read_rows(path, zone):
  """Reads the rows that are not about single heads, or those of a zone's heads.

  Args:
    path: str.
    zone: str, or None for all zones in all heads.

  Returns:
    dict from metric to a dict from (layer, zone), or (layer, head), to a dict of
    float with the keys "baseline", "score", "p_holm" and, of "p_equivalent",
    INTERVAL and SIZES, those that the file has; NaN where empty.
  """
  by_metric = {}
  for where, row in csv_files.read_rows(path, COLUMNS, KIND):
    rows = by_metric.setdefault(row["metric"], {})
    if bool(row["head"]) != bool(zone) or zone not in (None, row["zone"]):
      continue
    cell = (row["layer"], row["head"] if zone else row["zone"])
    if cell in rows:
      raise ValueError("%s: layer %s, %s comes twice" % (
          where, *_names(cell, zone)))
    lowest = metrics.named(row["metric"]).least
    limits_of = {"baseline": (lowest, 100), "score": (lowest, 100),
                 "p_holm": (0, 1), EQUIVALENT: (0, 1)}
    limits_of.update(dict.fromkeys(INTERVAL, (-math.inf, math.inf)))
    limits_of.update(dict.fromkeys(SIZES, (1, math.inf)))
    rows[cell] = {name: csv_files.number(where, row, name, limits, empty=math.nan)
                  for name, limits in limits_of.items() if name in row}
  if not any(by_metric.values()):
    raise ValueError("%s: has no row about %s" % (
        path, "heads with %s masked" % zone if zone else "all heads together"))
  return by_metric


def _names(cell, zone):
  """Names a cell of `read_rows` for messages: (layer, the rest)."""
  layer, column = cell
  return layer, "head %s, %s" % (column, zone) if zone else column


def mismatch(rows, panel, others=()):
  """Says how rows differ from a panel: str; None if they do not.

  Args:
    rows: dict, an entry of `read_rows`.
    panel: heatmap.Panel.
    others: set of cells, those of other panels of the same table.
  """
  scores = _scores(panel)
  said = lambda cell: "layer %s, %s" % _names(cell, panel.zone)
  tested = {cell: row for cell, row in rows.items()
            if not math.isnan(row["score"])}
  for cell, score in scores.items():
    if cell not in tested:
      return "has no score for %s, which %s has" % (said(cell), panel.name)
    found, baseline = tested[cell]["score"], tested[cell]["baseline"]
    form, tolerance = "%s has the score %.3f, but in %s it is %.3f", SCORE_TOLERANCE
    if panel.baseline is None:
      found -= baseline
      form, tolerance = ("%s differs from the baseline by %.4f, but in %s by %.4f",
                         DIFFERENCE_TOLERANCE)
    elif panel.own_baselines is None and _may_leave_out(panel, cell):
      # Only the file knows it.
      if math.isnan(baseline):
        return "has no baseline for %s" % said(cell)
    elif not abs(baseline - panel.before(cell)) <= BASELINE_TOLERANCE:
      return "its baseline%s is %.3f, but %s is drawn with %g" % (
          " of " + said(cell) if cell in (panel.own_baselines or ()) else "",
          baseline, panel.name, panel.before(cell))
    if not abs(found - score) <= tolerance:
      return form % (said(cell), found, panel.name, score)
  more = [cell for cell in tested if cell not in scores and cell not in others
          and cell[1] != decodes.PATH.name]
  # Of differences, the file may have more than the table.
  if more and panel.baseline is not None:
    return "has %s, which %s has not" % (said(more[0]), panel.name)
  return None
