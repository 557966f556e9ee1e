"""results.csv: one score for each masked layer (row) and zone (column).

    layer,all,q2,q2p,p2q,p2
    1,78.344,80.539,80.482,79.991,66.982
    2,80.028,80.114,80.360,80.388,76.424

Layers count from 1 here, from 0 in the names of prediction files. The row "1+2"
has the scores with layers 1 and 2 masked together, "all" those with every layer
masked. An empty cell has no score.

Where single heads were masked, a second column `head` says which, from 1; "1+2" are
two heads together, and the rows of all heads have an empty cell there.

    layer,head,q2,p2q
    1,,80.539,79.991
    1,1,80.542,80.567

Where different layers had different zones masked (--mask), the row says it all, and
its score is in the column `path`:

    layer,p2q,path
    3,79.991,
    3:p2q+6:p2,,71.204
"""

import collections
import math
import re
import sys

from attention_zones.base import csv_files
from attention_zones.zones import decodes
from attention_zones.zones.masking import union
from attention_zones.zones.zones import ZONES

EVERY_LAYER = "all"
LAYER_COLUMN = "layer"
HEAD_COLUMN = "head"

# Of each column of labels: what stands for all of them, and what else is right.
_LABELS = {
    LAYER_COLUMN: (EVERY_LAYER, "a number from 1, layers masked together like 1+2, "
                   "or %s" % EVERY_LAYER),
    HEAD_COLUMN: ("", "a number from 1, heads masked together like 1+2, or an "
                  "empty cell for all heads")}
_VALID_ZONES = ("%s, controls like p2q@1, p2q@flat and p2q@zero, or unions like "
                "q2+p2" % ", ".join(ZONES))


class Row(collections.namedtuple(
    "Row", ["layers", "heads", "path"], defaults=[None, None])):
  """What the cells of a row have in common.

  Attributes:
    layers: ascending tuple of int, counted from 0; None for every layer.
    heads: ascending tuple of int, counted from 0; None for all.
    path: the decodes.Decode of a path, which has no layers and heads; else None.
  """
  __slots__ = ()

  @property
  def label(self):
    """What the column `layer` says: "1", "1+2", "all", "3:p2q+6:p2"; str."""
    return self.path.as_path(first=1) if self.path else layer_label(self.layers)

  @property
  def order(self):
    """Key that sorts rows: by layers, all heads before single ones; paths last."""
    heads = self.heads
    return (self.path is not None, self.path and self.label,
            layer_order(self.layers),
            (heads is not None, len(heads or ()), heads or ()))


class ResultsTable(collections.namedtuple(
    "ResultsTable", ["layers", "zones", "scores", "heads"], defaults=[None])):
  """The scores of a sweep.

  Attributes:
    layers: list of str, the rows' labels: single layers "1", "2", ... in
      ascending order, then unions like "1+2", then "all", then paths.
    zones: list of str, the columns, as decodes.column_order sorts them.
    scores: list of a list of float for each row, in per cent (0 to 100), or mean
      log-probabilities (below 0); float("nan") where there is no score.
    heads: list of str, which heads of each row's layers are masked: "1", "1+2";
      "" for all. None for a table without this column.
  """
  __slots__ = ()

  @property
  def is_logp(self):
    """Whether it has log-probabilities (get_results.py --metric=logp): bool."""
    return any(score < 0 for row in self.scores for score in row)


def of_cells(rows, masks, score_at):
  """Makes the ResultsTable of scores.

  Args:
    rows: iterable of Row.
    masks: iterable of the masking.Mask of each column, of all heads.
    score_at: function (row, mask) to float, NaN where there is no score.
  """
  rows = sorted(rows, key=lambda row: row.order)
  masks = sorted(masks, key=decodes.column_order)
  heads = [head_label(row.heads) for row in rows]
  return ResultsTable(
      [row.label for row in rows], [mask.name for mask in masks],
      [[score_at(row, mask) for mask in masks] for row in rows],
      heads if any(heads) else None)


def layer_label(layers):
  """Names the row of a set of layers.

  Args:
    layers: ascending tuple of int, counted from 0; None for every layer.

  Returns:
    str, counted from 1: "1" for (0,), "1+2" for (0, 1), "all" for None.
  """
  if layers is None:
    return EVERY_LAYER
  return "+".join(str(layer + 1) for layer in layers)


def is_window(label):
  """Whether a label, as of `layer_label`, is of consecutive layers: bool."""
  numbers = label.split("+")
  return len(numbers) > 1 and all(map(str.isdigit, numbers)) and numbers == [
      str(int(numbers[0]) + i) for i in range(len(numbers))]


def layer_order(layers):
  """Key that sorts sets of layers, as for `layer_label`, in the order of rows."""
  return layers is None, len(layers or ()), layers or ()


def head_label(heads):
  """Names masked heads: "1" for (0,), "1+2" for (0, 1), "" for None, all heads."""
  return "" if heads is None else layer_label(heads)


def zone_label(name):
  """What a zone, or union, is called in figures: "Q2P+P2Q" for "q2p+p2q"."""
  return union(name.split("+")).label


def place(layer, head):
  """Names a row by its labels: "layer 3", "layer 3, head 5"; `head` may be ""."""
  return "layer %s" % layer + (", head %s" % head if head else "")


def read_results(path):
  """Reads a results.csv, but for its paths, which are no cells of a layer.

  Spaces around cells do not matter, nor does the order of columns and rows. The
  layers of a file that counts from 0 are renumbered from 1, and a line on stderr
  says so.

  Args:
    path: str, a path or address.

  Returns:
    ResultsTable.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a table; the message names file, line and column.
  """
  lines = csv_files.read_lines(path, "a results.csv")
  if len(lines) < 2:
    raise ValueError("%s: %d lines; a header like \"layer,all,q2,q2p,p2q,p2\" "
                     "and a line for each layer are needed" % (
                         path, len(lines)))
  masks, has_heads = _read_header(*lines[0])
  labels = 2 if has_heads else 1
  rows, paths = {}, []
  for where, cells in lines[1:]:
    if len(cells) != len(masks) + labels:
      raise ValueError("%s: %d cells, but the header has %d columns" % (
          where, len(cells), len(masks) + labels))
    if decodes.PATH in masks and ":" in cells[0]:
      paths.append(cells[0])
      continue
    where_of = lambda column: "%s, column %s" % (where, column)
    # A file with heads counts layers from 1, another one may count from 0.
    row = Row(read_label(where_of(LAYER_COLUMN), LAYER_COLUMN, cells[0],
                         first=1 if has_heads else 0),
              read_label(where_of(HEAD_COLUMN), HEAD_COLUMN, cells[1])
              if has_heads else None)
    if row in rows:
      raise ValueError("%s: layer %s comes twice" % (
          where, " head ".join(filter(None, cells[:labels]))))
    rows[row] = {mask: _read_score(where_of(mask.name), cell)
                 for mask, cell in zip(masks, cells[labels:])}
  if not has_heads:
    rows = _count_from_0(path, rows)
  if paths:
    print("%s: paths are left out: %s" % (path, ", ".join(paths)), file=sys.stderr)
    masks.remove(decodes.PATH)
    if not rows or not masks:
      raise ValueError("%s: has no rows but of paths" % path)
  table = of_cells(rows, masks, lambda row, mask: rows[row][mask])
  _refuse_mixed(path, table)
  return table


def _read_header(where, cells):
  """Reads the header.

  Returns:
    (list of the masking.Mask of each column, in the order of the file; whether
    there is a column of heads before them).
  """
  if cells[0] != LAYER_COLUMN:
    raise ValueError("%s: the first column is %r; it should be %r" % (
        where, cells[0], LAYER_COLUMN))
  for column in ("zone", "mass"):
    if column in cells:
      raise ValueError(
          "%s: with a column %r this is no results.csv; results.controls.csv, "
          "results.shapley.csv and attention_mass.csv are drawn alone, without a "
          "baseline, and results.stats.csv is for --stats" % (where, column))
  has_heads = cells[1:2] == [HEAD_COLUMN]
  zones = []
  for name in cells[2 if has_heads else 1:]:
    try:
      mask = decodes.PATH if name == decodes.PATH.name else union(name.split("+"))
    except ValueError as error:
      raise ValueError("%s: the column %r is not a zone; zones are %s" % (
          where, name, _VALID_ZONES)) from error
    if mask in zones:
      raise ValueError("%s: the column %s comes twice" % (where, name))
    zones.append(mask)
  if not zones:
    raise ValueError("%s: no zone besides %r; zones are %s" % (
        where, LAYER_COLUMN, _VALID_ZONES))
  return zones, has_heads


def read_label(where, kind, label, first=1):
  """Reads a label of layers or heads, as of layer_label or head_label.

  Args:
    where: str, the place, for messages.
    kind: str, LAYER_COLUMN or HEAD_COLUMN.
    label: str.
    first: int, the number of the first layer or head.

  Returns:
    ascending tuple of the layers or heads, counted from 0; None for all.

  Raises:
    ValueError: it is no such label.
  """
  all_of_them, valid = _LABELS[kind]
  if label == all_of_them:
    return None
  is_valid = re.fullmatch(r"[0-9]{1,4}(\+[0-9]{1,4})*", label)
  numbers = sorted(map(int, label.split("+"))) if is_valid else []
  if not is_valid or numbers[0] < first:
    raise ValueError("%s: %r is not a %s; a %s is %s" % (
        where, label, kind, kind, valid))
  if len(set(numbers)) < len(numbers):
    raise ValueError("%s: %s has a %s twice" % (where, label, kind))
  return tuple(number - first for number in numbers)


def _read_score(where, cell):
  """Returns the float of a cell, NaN for an empty one."""
  if not cell:
    return math.nan
  try:
    score = float(cell)
  except ValueError:
    score = math.nan
  # This also refuses NaN, which is in no range.
  if not -math.inf < score <= 100:
    raise ValueError("%s: %r is not a score; a score is a number from 0 to "
                     "100, or an empty cell if missing; a log-probability is 0 at "
                     "most" % (where, cell))
  return score


def _refuse_mixed(path, table):
  """Raises ValueError for a table with scores and log-probabilities."""
  known = [score for row in table.scores for score in row if not math.isnan(score)]
  if table.is_logp and max(known) > 0:
    raise ValueError("%s: has cells below 0, like %g, and above 0, like %g; scores "
                     "are from 0 to 100, log-probabilities 0 at most" % (
                         path, min(known), max(known)))


def _count_from_0(path, rows):
  """Returns the dict `rows` with layers counted from 0, however the file counts.

  The single layers must have no gaps. Otherwise 1, 2, 3 could be the layers of a
  file that counts from 1, or of one that counts from 0 and lost a line. (Files with
  heads always count from 1, and may be about some layers only.)
  """
  counted = [row.layers for row in rows if row.layers is not None]
  first = 0 if any(0 in layers for layers in counted) else 1
  single = sorted(layers[0] for layers in counted if len(layers) == 1)
  if single != list(range(first, first + len(single))):
    raise ValueError("%s: the layers are %s; they should be 1, 2, 3, ... (or "
                     "0, 1, 2, ...) without a gap" % (
                         path, ", ".join(map(str, single))))
  if first == 0:
    print("%s: counts layers from 0; its layer 0 is called layer 1 from here on"
          % path, file=sys.stderr)
  return {row._replace(
      layers=row.layers and tuple(layer - first for layer in row.layers)): scores
          for row, scores in rows.items()}


def as_text(table):
  """The text of a ResultsTable as a results.csv, scores to 3 places: str."""
  columns, labels = [LAYER_COLUMN], [table.layers]
  if table.heads is not None:
    columns, labels = columns + [HEAD_COLUMN], labels + [table.heads]
  return csv_files.as_text([columns + table.zones] + [
      names + ["" if math.isnan(score) else "%.3f" % score for score in scores]
      for *names, scores in zip(*labels, table.scores)])
