"""The panels of a figure: of results.csv, also with heads, of results.controls.csv.

A results.csv with single heads becomes one panel of all heads, layer x zone as
always, and one for each zone, layer x head. A results.controls.csv becomes three:

    zone: what masking it costs
    control: what masking its draws costs (on average), or flattening it
    zone - control: the contrast, with a dot where it is significant
"""

import collections
import math
import re

import numpy as np

from attention_zones.base import csv_files
from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.scores import metrics
from attention_zones.scores import results_table
from attention_zones.zones import decodes
from attention_zones.zones import zones

COLUMNS = ("layer", "zone", "metric", "diff", "control_diff", "contrast", "p_holm")

ALL_HEADS = "all heads"
CONTROL_TITLES = ("zone", "control", "zone \N{MINUS SIGN} control")


def of_results(path, table, baseline):
  """Makes the panels of a results.csv.

  Args:
    path: str, its name in messages.
    table: results_table.ResultsTable.
    baseline: float, the score with nothing masked.

  Returns:
    list of heatmap.Panel without marks: one, unless there are heads; then those
    that have a score.
  """
  if table.heads is None:
    return [heatmap.Panel(path, table, baseline, None)]
  rows = list(zip(table.layers, table.heads, table.scores))
  together = [(layer, scores) for layer, head, scores in rows if not head]
  panels = [heatmap.Panel(path, results_table.ResultsTable(
      [layer for layer, _ in together], table.zones,
      [scores for _, scores in together]), baseline, None, title=ALL_HEADS)]
  # In the order of the rows: single heads first.
  layers = _distinct(layer for layer, head, _ in rows if head)
  heads = sorted(_distinct(head for _, head, _ in rows if head), key=lambda head: (
      head.count("+"), [int(number) for number in head.split("+")]))
  for column, zone in enumerate(table.zones):
    of_cell = {(layer, head): scores[column] for layer, head, scores in rows}
    panels.append(heatmap.Panel(path, results_table.ResultsTable(
        layers, heads, [[of_cell.get((layer, head), math.nan) for head in heads]
                        for layer in layers]), baseline, None,
                                title=_label(zone), labels=heads, zone=zone))
  panels[0] = panels[0]._replace(table=_without_empty_columns(panels[0].table))
  return [panel for panel in panels if not np.isnan(panel.differences).all()]


def _distinct(values):
  """The values without repetitions, in their order: list."""
  return list(collections.OrderedDict.fromkeys(values))


def _label(zone):
  """What a zone, or union, is called in figures: str."""
  return zones.union(zone.split("+")).label


def _without_empty_columns(table):
  """The ResultsTable without zones that were masked in single heads only."""
  kept = [c for c in range(len(table.zones))
          if not all(math.isnan(scores[c]) for scores in table.scores)]
  return table._replace(
      zones=[table.zones[c] for c in kept],
      scores=[[scores[c] for c in kept] for scores in table.scores])


_KIND = ("a results.controls.csv (or a results.csv with its baseline) of "
         "get_results.py")

# Columns of differences that are drawn, and how many times a metric's reach they
# have.
_REACHES = collections.OrderedDict([
    ("diff", 1), ("control_diff", 1), ("contrast", 2)])


def of_controls(path):
  """Makes the panels of a results.controls.csv.

  Args:
    path: str.

  Returns:
    list of three heatmap.Panel. The first has a column for each zone, the others
    one for each zone and kind of control. Only the third has marks.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a table; the message names the file and the place.
  """
  cells, metric = {}, None
  for where, row in csv_files.read_rows(path, COLUMNS, _KIND):
    if row.get("head"):
      continue
    metric = metric or row["metric"]
    if row["metric"] != metric:
      raise ValueError("%s, column metric: %r, but the lines before have %r; a "
                       "figure has one metric" % (where, row["metric"], metric))
    reach = metrics.named(metric).reach
    limits_of = {name: (-times * reach, times * reach)
                 for name, times in _REACHES.items()}
    limits_of["p_holm"] = 0, 1
    cell = (results_table.read_layers(where, row["layer"]),
            _read_control(where, row["zone"]))
    if cell in cells:
      raise ValueError("%s: layer %s, %s comes twice" % (
          where, row["layer"], row["zone"]))
    cells[cell] = {name: csv_files.number(where, row, name, limits, empty=math.nan)
                   for name, limits in limits_of.items()}
  if not cells:
    raise ValueError("%s: has no contrast of a zone in all heads, nothing can be "
                     "drawn" % path)
  return _compare(path, cells, metric)


def _read_control(where, text):
  """Reads the column `zone` of a results.controls.csv.

  Args:
    where, text: str.

  Returns:
    zones.Mask of the flat zone, or of draw 1, which stands for all draws.

  Raises:
    ValueError: it is not like p2q, p2q@flat, or q2+p2@k.
  """
  parts = text.split("+")
  if "@" not in text:
    parts = [part + "@k" for part in parts]
  try:
    return zones.union(re.sub("@k$", "@1", part) for part in parts)
  except ValueError as error:
    raise ValueError("%s, column zone: %s; the column has zones like p2q, p2q@flat "
                     "and q2+p2@k" % (where, error)) from error


def _compare(path, cells, metric):
  """Makes the panels of zones, controls and contrasts.

  Args:
    path: str.
    cells: dict from (layers, the control's zones.Mask) to a dict of float with the
      keys of _REACHES and "p_holm", NaN where empty.
    metric: str.

  Returns:
    list of heatmap.Panel.
  """
  single = [layers[0] for layers, _ in cells if len(layers or ()) == 1]
  rows = {layers for layers, _ in cells}.union(
      (layer,) for layer in range(max(single, default=0)))
  # Rows of one zone with several kinds of control have the same difference.
  of_zones = {(layers, mask.without_controls): numbers
              for (layers, mask), numbers in cells.items()}
  tables = [_table(rows, of, name) for of, name in (
      (of_zones, "diff"), (cells, "control_diff"), (cells, "contrast"))]
  dots = frozenset(
      (results_table.layer_label(layers), _control_name(mask))
      for (layers, mask), numbers in cells.items()
      if not math.isnan(numbers["p_holm"])
      and numbers["p_holm"] < marks.ALPHA)
  labels = [_control_label(mask) for mask in _columns(cells)]
  return [heatmap.Panel(path, table, None, of, title, names, metric=metric)
          for table, title, of, names in zip(
              tables, CONTROL_TITLES, (None, None, dots), (None, labels, labels))]


def _columns(cells):
  """The masks of a dict from (layers, zones.Mask), in the figure's order: list."""
  return sorted({mask for _, mask in cells}, key=decodes.column_order)


def _table(rows, cells, name):
  """The ResultsTable of a dict from (layers, zones.Mask) to a dict with `name`."""
  rows, columns = sorted(rows, key=results_table.layer_order), _columns(cells)
  return results_table.ResultsTable(
      list(map(results_table.layer_label, rows)), list(map(_control_name, columns)),
      [[cells.get((layers, mask), {}).get(name, math.nan) for mask in columns]
       for layers in rows])


def _control_name(mask):
  """What a control is called in messages: "p2q@k" for draws, "p2q@flat"."""
  return mask.name.replace("@1", "@k")


def _control_label(mask):
  """What a control is called in the figure: "P2Q@k" or "P2Q@flat"."""
  kinds = {part.partition("@")[2] for part in _control_name(mask).split("+")}
  if len(kinds) == 1:
    return "%s@%s" % (mask.without_controls.label, kinds.pop())
  return mask.label.replace("@1", "@k")
