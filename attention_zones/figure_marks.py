"""Which cells of a figure get a dot, from the results.stats.csv of the table.

results.stats.csv has a row for each cell of results.csv. Read here are

    layer,head,zone,metric,baseline,score,p_holm
    1,,p2,exact,80.567,66.982,0.0001

whatever other columns there are. Layers count from 1, as in results.csv. p_holm is
empty for a cell that was not tested: layers masked together, and cells that cannot
differ from the baseline.
"""

import csv
import io
import math

from attention_zones import files

ALPHA = 0.05

COLUMNS = ("layer", "head", "zone", "metric", "baseline", "score", "p_holm")

# results.csv has three places, and so may the file of statistics.
SCORE_TOLERANCE = 0.001 + 1e-9
# The baseline of the command line may be rounded to one place.
BASELINE_TOLERANCE = 0.05 + 1e-9


def read_marks(path, panel):
  """Finds the cells with p_holm < ALPHA.

  Args:
    path: str, a results.stats.csv.
    panel: heatmap.Panel of the table that it belongs to.

  Returns:
    frozenset of (layer, zone), as the table has them.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or has other layers, zones, scores or
      another baseline than the table; the message names the file and the place.
  """
  by_metric = _read_rows(path)
  problems = []
  for rows in by_metric.values():
    problem = _mismatch(rows, panel)
    if problem is None:
      return frozenset(cell for cell, row in rows.items()
                       if not math.isnan(row["p_holm"]) and row["p_holm"] < ALPHA)
    problems.append(problem)
  raise ValueError("%s: %s; give the stats file that was written with %s" % (
      path, problems[0], panel.name))


def _read_rows(path):
  """Reads the rows that are not about a single head.

  Returns:
    dict from metric to a dict from (layer, zone) to a dict of float with the keys
    "baseline", "score" and "p_holm", NaN where empty.
  """
  try:
    text = files.read_bytes(path).decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if lacking:
      raise ValueError("%s, line 1: has no column %s; a results.stats.csv of "
                       "get_results.py is needed" % (path, ", ".join(lacking)))
    by_metric = {}
    for row in reader:
      where = "%s, line %d" % (path, reader.line_num)
      cell = (row["layer"], row["zone"])
      rows = by_metric.setdefault(row["metric"], {})
      if row["head"]:
        continue
      if cell in rows:
        raise ValueError("%s: layer %s, %s comes twice" % ((where,) + cell))
      lowest = -math.inf if row["metric"] == "logp" else 0
      rows[cell] = {name: _number(where, name, row[name], limits)
                    for name, limits in (
                        ("baseline", (lowest, 100)), ("score", (lowest, 100)),
                        ("p_holm", (0, 1)))}
  except (UnicodeDecodeError, csv.Error) as error:
    raise ValueError("%s: not a table in UTF-8 (%s); a results.stats.csv is "
                     "needed" % (path, error)) from error
  if not any(by_metric.values()):
    raise ValueError("%s: has no row about all heads together" % path)
  return by_metric


def _number(where, name, text, limits):
  """Returns the float of a cell, from and to its limits; NaN for an empty one."""
  if text == "":
    return math.nan
  try:
    value = float(text)
  except (TypeError, ValueError):  # None in a row that is too short
    value = math.nan
  if not limits[0] <= value <= limits[1]:  # also for NaN
    raise ValueError("%s, column %s: %r is not a number from %g to %g" % (
        where, name, text, *limits))
  return value


def _mismatch(rows, panel):
  """Says how rows, as of `_read_rows`, differ from the table; None if they do not.
  """
  scores = {(layer, zone): score
            for layer, line in zip(panel.table.layers, panel.table.scores)
            for zone, score in zip(panel.table.zones, line)
            if not math.isnan(score)}
  tested = {cell: row for cell, row in rows.items()
            if not math.isnan(row["score"])}
  for cell, score in scores.items():
    if cell not in tested:
      return "has no score for layer %s, %s, which %s has" % (cell + (panel.name,))
  for cell, row in tested.items():
    if cell not in scores:
      return "has layer %s, %s, which %s has not" % (cell + (panel.name,))
    if abs(row["score"] - scores[cell]) > SCORE_TOLERANCE:
      return "layer %s, %s has the score %.3f, but in %s it is %.3f" % (
          cell + (row["score"], panel.name, scores[cell]))
    if not abs(row["baseline"] - panel.baseline) <= BASELINE_TOLERANCE:
      return "its baseline is %.3f, but %s is drawn with %g" % (
          row["baseline"], panel.name, panel.baseline)
  return None
