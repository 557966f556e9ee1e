"""results.controls.csv: does a zone cost more than a control of the same size?

    layer,zone,metric,diff,control_diff,control_sd,overlap,contrast,...,ratio,...
    3,p2q,exact,-4.1000,-0.9000,0.3000,0.0600,-3.2000,...,0.2195,...
    3,p2q@flat,exact,-4.1000,-2.5000,,,-1.6000,...,0.6098,...

The row p2q compares the zone with its draws p2q@1, p2q@2 and so on, averaged; the
rows p2q@flat and p2q@zero with the zone that is flattened, or set to zero. In a
union of which only some zones are drawn, these are written with "@k": q2+p2@k.
Layers and heads count from 1, in every table.
"""

import collections
import re
import sys

import numpy as np

from attention_zones.findings import effects
from attention_zones.findings import shapley
from attention_zones.scores import predictions

# Of results.controls.csv.
COLUMNS = ("layer", "head", "zone", "metric", "diff", "control_diff", "control_sd",
           "overlap", "contrast", "ci_low", "ci_high", "p", "p_holm", "ratio",
           "ratio_low", "ratio_high")

# With a larger overlap, control and zone mask nearly the same columns, so that what
# the control costs says nothing about the zone.
LARGE_OVERLAP = 0.5
ALPHA = 0.05

Pair = collections.namedtuple("Pair", ["zone", "label", "controls"])
Pair.__doc__ = """A zone of a layer, and its controls of one kind.

Attributes:
  zone: Decode of the zone itself.
  label: str, what the column `zone` says: "p2q" for draws, "p2q@flat"; of a path
    what the column `layer` says: "3:p2q@k+6:p2@k".
  controls: list of Decode, all draws or the one control.
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
    zone = cell.changed(lambda mask: mask.without_controls)
    if zone != cell:
      found.setdefault((zone, _label(cell)), []).append(cell)
  return [Pair(zone, label, controls)
          for (zone, label), controls in found.items()]


def _label(cell):
  """Names a kind of control, without the numbers of draws: str."""
  name = cell.as_path(first=1) if cell.is_path else cell.mask.name
  if not cell.is_path and all(
      re.search("@[0-9]", part) for part in name.split("+")):
    return cell.mask.without_controls.name
  return re.sub("@[0-9]+", "@k", name)


def report_alone(folder, cells, allow_holes):
  """Reports controls without the zone that they are compared with.

  All subsets with @zero, or with @flat, are compared with each other and need none.

  Args:
    folder: str, for the message.
    cells: list of masked Decodes.
    allow_holes: bool, whether to warn on stderr instead of raising.

  Raises:
    ValueError: there are such controls, and they are not allowed.
  """
  there = set(cells)
  subsets = {decode for of in shapley.complete(cells) for decode in of.decodes}
  alone = [pair for pair in pairs(cells)
           if pair.zone not in there and not subsets.issuperset(pair.controls)]
  if not alone:
    return
  message = "%s: has %s, a control, but not its zone: %s" % (
      folder, alone[0].controls[0].file_name(),
      predictions.some(list(collections.OrderedDict.fromkeys(
          pair.zone.file_name() for pair in alone))))
  if not allow_holes:
    raise ValueError(message + "; decode it with the flags of the control, or give "
                     "--allow_holes")
  print(message + "; there is no contrast of such controls", file=sys.stderr)


def rows(measured, overlap, may_differ):
  """Compares zones with their controls.

    contrast = diff - mean over draws of the control's diff

  Args:
    measured: effects.Measured.
    overlap: dict from Decode to float, 0 to 1, which coverage.py computes of draws;
      cells may be missing.
    may_differ: set of the cells that masking can change at all. Where neither the
      zone nor a control can, p_holm is empty.

  Returns:
    list of dict, as effects.row makes them of COLUMNS; without `head` if no row has
    one. All contrasts are one family of tests. There is none of questions in fewer
    than 2 clusters.
  """
  index = {cell: c for c, cell in enumerate(measured.cells)}
  compared = [pair for pair in pairs(measured.cells) if pair.zone in index]
  columns = [column for column in COLUMNS if column != "head" or any(
      predictions.labels(pair.zone)["head"] for pair in compared)]
  found, family = [], []
  for pair in compared:
    # The zone, then its draws.
    of_cells = measured.of([index[cell] for cell in [pair.zone] + pair.controls])
    if of_cells is None:
      continue
    draws = len(pair.controls)
    contrasts = np.array([[1] + [-1 / draws] * draws])
    # Times the number of draws, weights are whole, and so are sums of exact match.
    contrast, = effects.estimate(of_cells, contrasts, scale=draws)
    of_zone, *of_draws = effects.estimate(of_cells)
    found.append(effects.row(columns, metric=measured.settings.metric, **_values(
        pair, of_zone, np.array([of.diff for of in of_draws]), contrast,
        [overlap[cell] for cell in pair.controls if cell in overlap])))
    if _has_ratio(found[-1], of_zone):
      found[-1]["ratio"] = found[-1]["control_diff"] / of_zone.diff
      # A resample in which the zone costs nothing has no ratio.
      some = of_cells.drawn[of_cells.drawn[:, 0] != 0]
      if len(some):
        found[-1]["ratio_low"], found[-1]["ratio_high"] = np.percentile(
            some[:, 1:].mean(1) / some[:, 0], [2.5, 97.5])
    if may_differ.intersection([pair.zone] + pair.controls):
      family.append(found[-1])
  effects.adjust(family)
  return found


def _has_ratio(row, of_zone):
  """Whether the control's part of the zone's cost can be told: bool.

  Not where the zone's own interval, of_zone an effects.Estimate, holds 0: the
  interval of the ratio then has no ends (Fieller, J. R. Stat. Soc. B 16, 1954). And
  not where control and zone mask nearly the same.
  """
  return (of_zone.ci_low > 0 or of_zone.ci_high < 0) and (
      row["overlap"] or 0) <= LARGE_OVERLAP


def _values(pair, of_zone, control_diffs, contrast, overlaps):
  """The values of a row, but metric, p_holm and the ratio: dict from column.

  Args:
    pair: Pair.
    of_zone: effects.Estimate.
    control_diffs: float [draws], in points.
    contrast: effects.Estimate.
    overlaps: list of float, 0 to 1, of the draws.
  """
  labels = predictions.labels(pair.zone)
  kind = "layer" if pair.zone.is_path else "zone"
  values = dict(
      {name: label for name, label in labels.items() if label},
      **{kind: pair.label},
      diff=of_zone.diff, control_diff=control_diffs.mean(), contrast=contrast.diff,
      ci_low=contrast.ci_low, ci_high=contrast.ci_high, p=contrast.p)
  if len(control_diffs) > 1:
    values["control_sd"] = control_diffs.std(ddof=1)
  if overlaps:
    values["overlap"] = np.mean(overlaps)
  return values


def findings(rows, costly):
  """Says what the contrasts show, a line for each zone and kind of control.

  Args:
    rows: list of dict, as `rows` returns it.
    costly: set of (layer, head, zone) of results.stats.csv, the cells that cost
      something themselves.

  Returns:
    list of str.
  """
  by_zone = collections.OrderedDict()
  for row in rows:
    by_zone.setdefault(row["zone"], []).append(row)
  return [_finding(zone, of_zone, costly) for zone, of_zone in by_zone.items()]


def _finding(label, rows, costly):
  """The line about one zone and its draws, or another control.

  That a zone costs more than its control is said only where it costs anything.
  """
  zone = re.sub("@[^+]*", "", label)
  control = label if "@" in label else "+".join(
      part + "@k" for part in label.split("+"))
  tested = [row for row in rows if row["p_holm"] is not None]
  differing = [row for row in tested if row["p_holm"] < ALPHA]
  more = [row for row in differing if row["contrast"] < 0
          and (re.sub("@[^+:]*", "", row["layer"]), row.get("head") or "",
               zone) in costly]
  line = ("secondary family (controls): %s costs more than %s in %d of %d cells, "
          "and differs from it in %d others (Holm, p < .05)" % (
              zone, control, len(more), len(tested), len(differing) - len(more)))
  overlaps = [row["overlap"] for row in rows if row["overlap"] is not None]
  if overlaps and min(overlaps) > LARGE_OVERLAP:
    line += "; %s keeps %.0f %% of the zone's columns, so ask %s" % (
        control, 100 * np.mean(overlaps), " and ".join(
            control.replace("@k", kind) for kind in ("@flat", "@zero")))
  return line
