"""The panels of a figure: of results.csv, with heads or not, of results.controls.csv.

A results.csv with single heads becomes one panel of all heads, layer x zone as
always, and one for each zone, layer x head. A results.controls.csv becomes three:

    zone: what masking it costs
    control: what masking its draws costs (on average), or flattening it
    zone - control: the contrast, with a dot where it is significant
"""

import collections
import math

from attention_zones import decodes
from attention_zones import figure_marks
from attention_zones import heatmap
from attention_zones import results_table
from attention_zones import zones

COLUMNS = ("layer", "zone", "metric", "diff", "control_diff", "contrast", "p_holm")

ALL_HEADS = "all heads"
CONTROL_TITLES = ("zone", "control", "zone \N{MINUS SIGN} control")

_METRIC_NAMES = {"exact": "EM", "f1": "F1"}


def of_results(path, table, baseline):
  """Makes the panels of a results.csv.

  Args:
    path: str, its name in messages.
    table: results_table.ResultsTable.
    baseline: float, the score with nothing masked.

  Returns:
    list of heatmap.Panel without marks: one, unless there are heads; of these, panels
    without any score are left out.
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
  return [_without_empty_columns(panel) for panel in panels if any(
      not math.isnan(score) for scores in panel.table.scores for score in scores)]
