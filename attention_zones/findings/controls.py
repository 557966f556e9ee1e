"""results.controls.csv: does a zone cost more than a control of the same size?

    layer,zone,metric,diff,control_diff,control_sd,overlap,contrast,...,ratio
    3,p2q,exact,-4.1000,-0.9000,0.3000,0.0600,-3.2000,...,0.2195
    3,p2q@flat,exact,-4.1000,-2.5000,,,-1.6000,...,0.6098

The row p2q compares the zone with its draws p2q@1, p2q@2 and so on, averaged; the
row p2q@flat with its flat zone. In a union of which only some zones are drawn,
these are written with "@k": q2+p2@k. Layers and heads count from 1, in every table.
"""

import collections
import re
import shlex
import sys

import numpy as np

from attention_zones.findings import effects
from attention_zones.findings import formulas
from attention_zones.scores import results_table

# With a larger overlap, control and zone mask nearly the same columns, so that what
# the control costs says nothing about the zone.
LARGE_OVERLAP = 0.5
ALPHA = 0.05

Pair = collections.namedtuple("Pair", ["zone", "label", "controls"])
Pair.__doc__ = """A zone of a layer, and its controls of one kind.

Attributes:
  zone: Decode of the zone itself.
  label: str, what the column `zone` says: "p2q" for draws, "p2q@flat".
  controls: list of Decode, all draws or the flat zone.
"""


def pairs(cells):
  """Finds which controls belong to which zone.

  Args:
    cells: list of masked Decodes.

  Returns:
    list of Pair, in the order of the cells; its zones may lack among the cells.
  """
  found = collections.OrderedDict()
  for cell in cells:
    if cell.mask.has_controls:
      zone = cell._replace(mask=cell.mask.without_controls)
      found.setdefault((zone, _label(cell.mask)), []).append(cell)
  return [Pair(zone, label, controls)
          for (zone, label), controls in found.items()]


def _label(mask):
  """Names a kind of control, without the numbers of draws: str."""
  parts = mask.name.split("+")
  if all(re.search("@[0-9]", part) for part in parts):
    return mask.without_controls.name
  return re.sub("@[0-9]+", "@k", mask.name)


def report_alone(folder, cells, allow_holes, dataset="squad"):
  """Reports controls without the zone that they are compared with.

  Args:
    folder: str, for the message.
    cells: list of masked Decodes.
    allow_holes: bool, whether to warn on stderr instead of raising.
    dataset: str, the --dataset of the scores, for the command in the message.

  Raises:
    ValueError: there are such controls, and they are not allowed. The message has
      the command that decodes the zones.
  """
  there = set(cells)
  alone = [pair for pair in pairs(cells) if pair.zone not in there]
  if not alone:
    return
  zones = [pair.zone for pair in alone]
  names = collections.OrderedDict.fromkeys(zone.mask.name for zone in zones)
  heads = {zone.mask.heads for zone in zones} - {None}
  message = "%s: has %s, a control, but not %s, its zone" % (
      folder, alone[0].controls[0].file_name(), zones[0].file_name())
  if allow_holes:
    print(message + "; there is no contrast of such controls", file=sys.stderr)
    return
  raise ValueError(
      "%s; decode it, with the flags of the control: %sMODEL_OUTPUT_DIR=%s "
      "LAYERS=%s ZONES=%s bash decode_squad.sh%s" % (
          message, "" if dataset == "squad" else "DATASET=%s " % dataset,
          shlex.quote(folder), _as_flag({zone.layers for zone in zones}),
          ",".join(names), " --mask_head=" + _as_flag(heads) if heads else ""))


def _as_flag(unions):
  """Writes a set of ascending tuples of numbers as --mask_layer has them: str.

  None, every layer, cannot stand beside others: it is written where it is alone.
  """
  single = sorted(union[0] for union in unions if union and len(union) == 1)
  runs = []
  for number in single:
    if runs and number == runs[-1][1] + 1:
      runs[-1][1] = number
    else:
      runs.append([number, number])
  written = ["%d" % first if first == last else "%d-%d" % (first, last)
             for first, last in runs]
  written += ["+".join(map(str, union))
              for union in sorted(unions - {None}) if len(union) > 1]
  return ",".join(written) or "None"


def rows(measured, overlap, may_differ):
  """Compares zones with their controls.

    contrast = diff - mean over draws of the control's diff

  Args:
    measured: effects.Effects.
    overlap: dict from Decode to float, 0 to 1, which coverage.py computes of draws;
      cells may be missing.
    may_differ: set of the cells that masking can change at all. Where neither the
      zone nor a control can, p_holm is empty.

  Returns:
    list of OrderedDict from column to str, float, or None for an empty cell. All
    contrasts are one family of tests.
  """
  index = {cell: c for c, cell in enumerate(measured.cells)}
  compared = [pair for pair in pairs(measured.cells) if pair.zone in index]
  of_cells = effects.estimate(measured).diff
  found, family = [], []
  for pair in compared:
    columns = [index[cell] for cell in pair.controls]
    weights = np.zeros((1, len(of_cells)))
    weights[0, index[pair.zone]] = 1
    weights[0, columns] = -1 / len(columns)
    # Times the number of draws, weights are whole, and so are sums of exact match.
    contrast = effects.estimate(measured, weights, scale=len(columns))
    found.append(_row(pair, measured.settings.metric, of_cells[index[pair.zone]],
                      of_cells[columns], contrast))
    found[-1].update(_shared(found[-1], [
        overlap[cell] for cell in pair.controls if cell in overlap]))
    if may_differ.intersection([pair.zone] + pair.controls):
      family.append(found[-1])
  for row, p_holm in zip(family, formulas.holm([row["p"] for row in family])):
    row["p_holm"] = p_holm
  if not any(row["head"] for row in found):
    for row in found:
      del row["head"]
  return found


def _row(pair, metric, diff, control_diffs, contrast):
  """Makes a row without its `overlap` and `ratio`.

  Args:
    pair: Pair.
    metric: str.
    diff: float, of the zone, in points.
    control_diffs: float [draws], in points.
    contrast: effects.Estimates of [1].

  Returns:
    OrderedDict from column to value.
  """
  several = len(control_diffs) > 1
  return collections.OrderedDict([
      ("layer", results_table.layer_label(pair.zone.layers)),
      ("head", results_table.head_label(pair.zone.mask.heads)),
      ("zone", pair.label), ("metric", metric), ("diff", diff),
      ("control_diff", control_diffs.mean()),
      ("control_sd", control_diffs.std(ddof=1) if several else None),
      ("overlap", None), ("contrast", contrast.diff[0]),
      ("ci_low", contrast.ci_low[0]), ("ci_high", contrast.ci_high[0]),
      ("p", contrast.p[0]), ("p_holm", None), ("ratio", None)])


def _shared(row, overlaps):
  """Finds a row's `overlap` and `ratio` from the overlaps of its draws: dict."""
  overlap = np.mean(overlaps) if overlaps else None
  if (overlap or 0) > LARGE_OVERLAP or not round(row["diff"], 9):
    return {"overlap": overlap}
  return {"overlap": overlap, "ratio": row["control_diff"] / row["diff"]}


def findings(rows):
  """Says what the contrasts show, a line for each zone and kind of control.

  Args:
    rows: list of dict, as `rows` returns it.

  Returns:
    list of str.
  """
  by_zone = collections.OrderedDict()
  for row in rows:
    by_zone.setdefault(row["zone"], []).append(row)
  return [_finding(zone, of_zone) for zone, of_zone in by_zone.items()]


def _finding(label, rows):
  """The line about one zone and its draws, or its flat zone."""
  zone = re.sub("@[^+]*", "", label)
  control = label if "@" in label else "+".join(
      part + "@k" for part in label.split("+"))
  tested = [row for row in rows if row["p_holm"] is not None]
  found = [row["contrast"] for row in tested if row["p_holm"] < ALPHA]
  line = "%s costs more than %s in %d of %d cells, less in %d (Holm, p < .05)" % (
      zone, control, sum(value < 0 for value in found), len(tested),
      sum(value > 0 for value in found))
  overlaps = [row["overlap"] for row in rows if row["overlap"] is not None]
  if overlaps and min(overlaps) > LARGE_OVERLAP:
    line += "; %s keeps %.0f %% of the zone's columns, so ask %s" % (
        control, 100 * np.mean(overlaps), control.replace("@k", "@flat"))
  return line
