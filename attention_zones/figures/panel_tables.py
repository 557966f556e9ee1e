"""The panels of a figure: of results.csv, and of tables of differences.

A results.csv with single heads becomes one panel of all heads, layer x zone as
always, and one for each zone, layer x head. Windows of layers have a panel for each
width of which there are several. A results.controls.csv becomes three:

    zone: what masking it costs
    control: what masking its draws costs (on average), flattening or zeroing it
    zone - control: the contrast, with a dot where it is significant

So does a results.shapley.csv:

    alone: what masking a zone costs
    Shapley: its Shapley value, with a dot where it is significant
    last: what masking it costs when the other three are masked already
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
from attention_zones.zones import masking

COLUMNS = ("layer", "zone", "metric", "diff", "control_diff", "contrast", "p_holm")
SHAPLEY_COLUMNS = (
    "layer", "head", "kind", "zone", "other", "metric", "diff", "p_holm")

ALL_HEADS = "all heads"
CONTROL_TITLES = ("zone", "control", "zone \N{MINUS SIGN} control")
# Of kinds of rows in results.shapley.csv, those that are drawn; None: that is not.
SHAPLEY_TITLES = collections.OrderedDict([
    ("alone", "alone"), ("shapley", "Shapley"), ("last", "last"), ("pair", None)])


def of_results(path, table, baseline):
  """Makes the panels of a results.csv.

  Args:
    path: str, its name in messages.
    table: results_table.ResultsTable.
    baseline: float, the score with nothing masked.

  Returns:
    list of heatmap.Panel without marks, those that have a score: one, unless there
    are heads, or windows of layers.
  """
  if table.heads is None:
    return _by_width(heatmap.Panel(path, table, baseline, None))
  scores = {(layer, head, zone): score
            for layer, head, row in zip(table.layers, table.heads, table.scores)
            for zone, score in zip(table.zones, row) if not math.isnan(score)}
  labels = list(zip(table.layers, table.heads))
  # Zones that were masked in single heads only have no column in the first panel.
  panels = [_panel(
      path, baseline, [layer for layer, head in labels if not head],
      [zone for zone in table.zones if any(
          (layer, "", zone) in scores for layer in table.layers)],
      lambda layer, zone: scores.get((layer, "", zone), math.nan), title=ALL_HEADS)]
  panels = _by_width(*panels)
  layers = _distinct(layer for layer, head in labels if head)
  # In the order of the rows: single heads first.
  heads = sorted(_distinct(head for _, head in labels if head), key=lambda head: (
      head.count("+"), [int(number) for number in head.split("+")]))
  for zone in table.zones:
    panels.append(_panel(
        path, baseline, layers, heads, lambda layer, head: scores.get(
            (layer, head, zone), math.nan),
        title=results_table.zone_label(zone), labels=heads, zone=zone))
  return [panel for panel in panels if not np.isnan(panel.differences).all()]


def _by_width(panel):
  """Takes the windows of layers out of a panel: list of heatmap.Panel.

  A width stays where it is if there is one window of it.
  """
  width = lambda label: (
      label.count("+") + 1 if results_table.is_window(label) else 1)
  count = collections.Counter(map(width, panel.table.layers))
  rows_of = collections.defaultdict(list)
  for row, label in enumerate(panel.table.layers):
    rows_of[width(label) if count[width(label)] > 1 else 1].append(row)
  if len(rows_of) == 1:
    return [panel]
  pick = lambda values, rows: [values[row] for row in rows]
  return [panel._replace(
      table=panel.table._replace(layers=pick(panel.table.layers, rows),
                                 scores=pick(panel.table.scores, rows)),
      title=panel.title if number == 1 else "%d layers together" % number)
          for number, rows in sorted(rows_of.items())]


def _panel(path, baseline, layers, columns, score_at, **more):
  """A heatmap.Panel of labels and a function (layer, column) to score."""
  return heatmap.Panel(path, results_table.ResultsTable(layers, columns, [
      [score_at(layer, column) for column in columns] for layer in layers]),
                       baseline, None, **more)


def _distinct(values):
  """The values without repetitions, in their order: list."""
  return list(collections.OrderedDict.fromkeys(values))


_KIND = ("a results.controls.csv (or a results.csv with its baseline) of "
         "get_results.py")
_SHAPLEY_KIND = "a results.shapley.csv of get_results.py"

# Columns of differences that are drawn, and how many times a metric's reach they
# have.
_REACHES = collections.OrderedDict([
    ("diff", 1), ("control_diff", 1), ("contrast", 2)])


def of_differences(path):
  """Makes the panels of a table that is drawn without a baseline, as of_controls or
  as of_shapley, depending on its columns."""
  is_of_subsets = csv_files.has_columns(path, {"kind", "other"})
  return of_shapley(path) if is_of_subsets else of_controls(path)


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
  cells, metric = _read_cells(
      csv_files.read_rows(path, COLUMNS, _KIND), _REACHES, _read_control)
  if not cells:
    raise ValueError("%s: has no contrast of a zone in all heads, nothing can be "
                     "drawn" % path)
  return _compare(path, cells, metric)


def of_shapley(path):
  """Makes the panels of a results.shapley.csv.

  Args:
    path: str.

  Returns:
    list of three heatmap.Panel, as SHAPLEY_TITLES names them. Only the second has
    marks.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a table; the message names the file and the place.
  """
  by_kind = collections.OrderedDict((kind, []) for kind in SHAPLEY_TITLES)
  for where, row in csv_files.read_rows(path, SHAPLEY_COLUMNS, _SHAPLEY_KIND):
    if row["kind"] not in by_kind:
      raise ValueError("%s, column kind: %r should be one of %s" % (
          where, row["kind"], ", ".join(by_kind)))
    by_kind[row["kind"]].append((where, row))
  panels = []
  for kind, title in SHAPLEY_TITLES.items():
    if title:
      cells, metric = _read_cells(by_kind[kind], {"diff": 1}, _read_zone)
      if not cells:
        raise ValueError("%s: has no row of the kind %s in all heads, nothing can "
                         "be drawn" % (path, kind))
      panels.append(heatmap.Panel(
          path, _table(_rows(cells), cells, "diff"), None,
          _dots(cells) if kind == "shapley" else None, title, metric=metric))
  return panels


def _read_cells(rows, reaches, read_mask):
  """Reads what is drawn of rows, those of single heads and paths left out.

  Args:
    rows: list of (str, dict), as csv_files.read_rows returns it.
    reaches: dict from each column of differences to how many times a metric's reach
      it has.
    read_mask: function from (where, the column `zone`) to a masking.Mask.

  Returns:
    (cells, metric): dict from (layers, masking.Mask) to a dict of float with the
    columns of `reaches` and "p_holm", NaN where empty; str, None without cells.

  Raises:
    ValueError: a row is faulty, or of another metric than the first; or a cell
      comes twice.
  """
  cells, metric = {}, None
  for where, row in rows:
    if row.get("head") or row["zone"] == decodes.PATH.name:
      continue
    metric = metric or row["metric"]
    if row["metric"] != metric:
      raise ValueError("%s, column metric: %r, but the lines before have %r; a "
                       "figure has one metric" % (where, row["metric"], metric))
    reach = metrics.named(metric).reach
    limits_of = {name: (-times * reach, times * reach)
                 for name, times in reaches.items()}
    limits_of["p_holm"] = 0, 1
    cell = (results_table.read_label(
        where + ", column layer", results_table.LAYER_COLUMN, row["layer"]),
            read_mask(where, row["zone"]))
    if cell in cells:
      raise ValueError("%s: layer %s, %s comes twice" % (
          where, row["layer"], row["zone"]))
    cells[cell] = {name: csv_files.number(where, row, name, limits, empty=math.nan)
                   for name, limits in limits_of.items()}
  return cells, metric


def _read_zone(where, text):
  """Reads the column `zone` of a results.shapley.csv, p2q@zero for example: Mask.
  """
  try:
    return masking.union([text])
  except ValueError as error:
    raise ValueError("%s, column zone: %s" % (where, error)) from error


def _read_control(where, text):
  """Reads the column `zone` of a results.controls.csv.

  Args:
    where, text: str.

  Returns:
    masking.Mask of the control; of draw 1, which stands for all draws.

  Raises:
    ValueError: it is not like p2q, p2q@flat, p2q@zero, or q2+p2@k.
  """
  parts = text.split("+")
  if "@" not in text:
    parts = [part + "@k" for part in parts]
  try:
    return masking.union(re.sub("@k$", "@1", part) for part in parts)
  except ValueError as error:
    raise ValueError("%s, column zone: %s; the column has zones like p2q, "
                     "p2q@flat, p2q@zero and q2+p2@k" % (where, error)) from error


def _compare(path, cells, metric):
  """Makes the panels of zones, controls and contrasts.

  Args:
    path: str.
    cells: dict from (layers, the control's masking.Mask) to a dict of float with
      the keys of _REACHES and "p_holm", NaN where empty.
    metric: str.

  Returns:
    list of heatmap.Panel.
  """
  # Rows of one zone with several kinds of control have the same difference.
  of_zones = {(layers, mask.without_controls): numbers
              for (layers, mask), numbers in cells.items()}
  tables = [_table(_rows(cells), of, name) for of, name in (
      (of_zones, "diff"), (cells, "control_diff"), (cells, "contrast"))]
  labels = [_control_label(mask) for mask in _masks(cells)]
  return [heatmap.Panel(path, table, None, of, title, names, metric=metric)
          for table, title, of, names in zip(
              tables, CONTROL_TITLES, (None, None, _dots(cells)),
              (None, labels, labels))]


def _rows(cells):
  """The layers of a dict from (layers, Mask), and single ones below: set."""
  single = [layers[0] for layers, _ in cells if len(layers or ()) == 1]
  return {layers for layers, _ in cells}.union(
      (layer,) for layer in range(max(single, default=0)))


def _dots(cells):
  """The (layer, zone) of cells of _read_cells with p_holm < ALPHA: frozenset."""
  return frozenset(
      (results_table.layer_label(layers), _control_name(mask))
      for (layers, mask), numbers in cells.items()
      if numbers["p_holm"] < marks.ALPHA)  # NaN is not.


def _table(rows, cells, name):
  """The ResultsTable of a dict from (layers, Mask) to a dict with `name`."""
  masks = _masks(cells)
  table = results_table.of_cells(
      map(results_table.Row, rows), masks, lambda row, mask: cells.get(
          (row.layers, mask), {}).get(name, math.nan))
  return table._replace(zones=list(map(_control_name, masks)))


def _masks(cells):
  """The masks of a dict from (layers, Mask), in the figure's order: list."""
  return sorted({mask for _, mask in cells}, key=decodes.column_order)


def _control_name(mask):
  """What a control is called in messages: "p2q@k" for draws, "p2q@flat"."""
  return mask.name.replace("@1", "@k")


def _control_label(mask):
  """What a control is called in the figure: "P2Q@k" or "P2Q@flat"."""
  kinds = {part.partition("@")[2] for part in _control_name(mask).split("+")}
  if len(kinds) == 1:
    return "%s@%s" % (mask.without_controls.label, kinds.pop())
  return mask.label.replace("@1", "@k")
