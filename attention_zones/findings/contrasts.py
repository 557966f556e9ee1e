"""--contrast A B: does masking A cost more than masking B?

A and B are sets of cells, each written layers:zone, whose differences are averaged.
Layers count from 1, as in results.csv: "9-12:p2q", "1,3:q2+p2", "1+2:p2", "all:p2".
A path is one cell, written as there: "3:p2q+6:p2".
"""

import math

import numpy as np

from attention_zones.findings import effects
from attention_zones.findings import question_traits
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.zones import decodes
from attention_zones.zones import masking

# Of results.contrasts.csv.
COLUMNS = ("a", "b", "metric", "n", "clusters", "seeds", "diff_a", "diff_b",
           "contrast", "ci_low", "ci_high", "se", "p", "p_holm", "q_bh")


def parse(text, cells):
  """Reads one side of a contrast.

  Args:
    text: str, layers:zone. "," and "-" name layers whose cells are averaged, "+"
      joins layers that were masked together, "all" is every layer at once.
    cells: list of masked Decodes, those that there are.

  Returns:
    list of int, indices into `cells`.

  Raises:
    ValueError: it is not written so, or a cell is not among `cells`.
  """
  path = [index for index, cell in enumerate(cells)
          if cell.is_path and predictions.cell_label(cell) == text]
  if path:
    return path
  layers, colon, zone = text.rpartition(":")
  try:
    if not colon:
      raise ValueError("has no zone after a colon")
    mask = masking.union(zone.split("+"))
  except ValueError as error:
    raise ValueError("--contrast: %r: %s; cells are written like 1-4:p2q, with "
                     "layers from 1 as in results.csv" % (text, error)) from error
  wanted = [decodes.Decode.of(item, mask) for part in layers.split(",")
            for item in _layers("--contrast: %r" % text, part.strip())]
  lacking = [cell for cell in wanted if cell not in cells]
  if lacking:
    raise ValueError("--contrast: %r: there is no decode of %s" % (
        text, ", ".join("layer %s with %s masked" % (
            results_table.layer_label(cell.layers), cell.mask.name)
                        for cell in lacking)))
  if len(set(wanted)) < len(wanted):
    raise ValueError("--contrast: %r: names a layer twice" % text)
  return [cells.index(cell) for cell in wanted]


def _layers(where, part):
  """Returns the layers, as in Decode, of "3", "1-4", "1+2" or "all": a list."""
  ends = [results_table.read_label(where, results_table.LAYER_COLUMN, end)
          for end in part.split("-")]
  if len(ends) == 1:
    return ends
  if [end and len(end) for end in ends] != [1, 1]:
    raise ValueError("%s: %r is not a range of layers like 1-4" % (where, part))
  (first,), (last,) = ends
  if first > last:
    raise ValueError("%s: the range %s is empty" % (where, part))
  return [(layer,) for layer in range(first, last + 1)]


def rows(pairs, measured, may_differ):
  """Tests contrasts: the mean difference of A's cells minus that of B's.

  Args:
    pairs: list of (A, B), str each.
    measured: effects.Measured.
    may_differ: set of the cells that masking can change at all.

  Returns:
    list of dict, a row of COLUMNS for each pair. Those with a cell that may differ
    are one family of tests; of the others p_holm is None.

  Raises:
    ValueError: as for `parse`; or the questions that both sides have are in fewer
      than 2 clusters.
  """
  found, family = [], []
  for text_a, text_b in pairs:
    a, b = (parse(text, measured.cells) for text in (text_a, text_b))
    cells = sorted(set(a + b))
    of_cells = measured.of(cells)
    if of_cells is None:
      raise ValueError(
          "--contrast %s %s: too few questions have tokens of all sets of both: "
          "they are not about 2 or more %s" % (
              text_a, text_b,
              question_traits.CLUSTER_NAMES[measured.settings.cluster][1]))
    sides = np.array([[(cell in side) / len(side) for cell in cells]
                      for side in (a, b)])
    scale = len(a) * len(b) // math.gcd(len(a), len(b))
    # Each side, and the one minus the other.
    *diffs, contrast = effects.estimate(
        of_cells, np.concatenate([sides, [sides[0] - sides[1]]]), scale)
    found.append(effects.row(
        COLUMNS, a=text_a, b=text_b, metric=measured.settings.metric,
        n=of_cells.sizes.sum(), clusters=len(of_cells.sizes),
        seeds=len(of_cells.sums), diff_a=diffs[0].diff, diff_b=diffs[1].diff,
        contrast=contrast.diff, ci_low=contrast.ci_low,
        ci_high=contrast.ci_high, se=contrast.se, p=contrast.p))
    if may_differ.intersection(of_cells.cells):
      family.append(found[-1])
  effects.adjust(family)
  return found
