"""Draws attention_mass.csv: lift by layer and zone, and mass against effect.

A zone's mass is that from its rows to its columns, in the mean of a layer's heads.
"""

import collections
import math
import textwrap

import numpy as np

from attention_zones.base import csv_files
from attention_zones.base import path_checks
from attention_zones.figures import arrangement
from attention_zones.figures import figure_text
from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.findings import formulas
from attention_zones.scores import interim
from attention_zones.scores import metrics
from attention_zones.scores import results_table
from attention_zones.zones import zones

COLUMNS = ("layer", "head", "from", "to", "mass", "uniform", "lift", "n")
_KIND = "an attention_mass.csv of run_squad.py"
_STATS_COLUMNS = ("layer", "head", "zone", "metric", "diff")

# A token that is in neither, one of the question and one of the passage: [1, 3].
_TOKENS = zones.Tokens(*np.float32(
    [[[1, 1, 1]], [[0, 1, 0]], [[0, 0, 1]], [[1, 0, 0]], [[0, 0, 0]], [[0, 0, 0]]]))
# What the file calls sets of tokens, as far as zones have them.
_NAMES = {of.tobytes(): name for name, of in (
    ("q", _TOKENS.in_question), ("p", _TOKENS.in_passage),
    ("not_q", 1 - _TOKENS.in_question), ("not_p", 1 - _TOKENS.in_passage))}

# Each zone as `from` and `to` of the file, in the order of zones.ZONES.
PAIRS = collections.OrderedDict()
for _zone, _of in zones.ZONES.items():
  _pair = tuple(_NAMES.get(side(_TOKENS).tobytes()) for side in (
      _of.rows, _of.columns))
  if all(_pair):
    PAIRS[_zone] = _pair

# Okabe and Ito's colours for colour-blind readers; markers differ as well.
_LOOKS = (("#0072B2", "o"), ("#E69F00", "s"), ("#009E73", "^"), ("#D55E00", "D"),
          ("#CC79A7", "v"), ("#56B4E9", "P"))

# With fewer points a rank correlation says nothing.
MIN_CELLS = 3

CAUTION = ("Attention mass is not causal effect: what masking costs has to be "
           "measured.")

# Inches; characters of a caption.
_WIDTH, _SCATTER_HEIGHT, _CHARACTER = 3.35, 2.9, 0.052
# So narrow, labels would touch each other.
_MIN_WIDTH = 2.75

# Points: of a layer's number, between two of them, and of a point's marker and from
# its middle to a number. Numbers stand in one of the directions, the best first.
_NUMBER_SIZE, _NUMBER_GAP, _MARKER_SIZE, _POINT_RADIUS = 6, 1, 4, 2.5
_DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))

Mass = collections.namedtuple("Mass", ["layers", "mass", "lift", "number"])
Mass.__doc__ = """The masses of zones, in the mean of a layer's heads.

Attributes:
  layers: list of int, 1 to L.
  mass, lift: float [L, Z], of the zones in PAIRS.
  number: int, of questions.
"""


def is_mass_file(path):
  """Whether a file has the header of attention_mass.csv: bool."""
  return csv_files.has_columns(path, {"from", "to", "mass"})


def check_flags(args):
  """Refuses flags that do not go with attention_mass.csv, before it is read.

  Args:
    args: namespace of visualize_att_zone.py's flags.

  Raises:
    ValueError: a flag is for results.csv, or --against is not a file.
  """
  if args.against:
    path_checks.check_input(
        "--against", args.against, "a results.stats.csv of get_results.py")
  for flag in ("stats", "annotate", "vmin", "vmax", "symmetric", "panel_title"):
    if getattr(args, flag) not in (None, False):
      raise ValueError("--%s: is for results.csv; with attention_mass.csv, leave "
                       "it out" % flag)


def draw(args, cmap):
  """Draws what the command line asks for.

  Args:
    args: namespace of visualize_att_zone.py's flags.
    cmap: str, one of matplotlib's diverging maps, for lift.

  Returns:
    matplotlib.figure.Figure, as of draw_lift or draw_against.
  """
  mass = read_mass(args.paths[0])
  title = args.title and figure_text.check("--title", args.title)
  width = args.width and args.width / 25.4
  if args.against:
    return draw_against(
        mass, read_effects(args.against, mass), title, width, args.caption,
        interim.remarks([args.against]))
  return draw_lift(mass, title, width, cmap, args.caption)


def read_mass(path):
  """Reads an attention_mass.csv.

  Args:
    path: str, a path or address.

  Returns:
    Mass.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or lacks a layer or zone; the message names
      file and place.
  """
  found, number = {}, 0
  for where, row in csv_files.read_rows(path, COLUMNS, _KIND):
    if row["head"] == "mean":
      layer = int(csv_files.number(where, row, "layer"))
      found[layer, row["from"], row["to"]] = [
          csv_files.number(where, row, name) for name in ("mass", "lift")]
      number = int(csv_files.number(where, row, "n"))
  layers = sorted({layer for layer, _, _ in found})
  if not layers or layers != list(range(1, len(layers) + 1)):
    raise ValueError("%s: has the layers %s in the mean of heads; should have 1, "
                     "2, 3, ... without a gap" % (
                         path, ", ".join(map(str, layers)) or "none"))
  try:
    values = np.array([[found[(layer,) + pair] for pair in PAIRS.values()]
                       for layer in layers])
  except KeyError as error:
    raise ValueError("%s: lacks layer %d, mean, from %s to %s" % (
        (path,) + error.args[0])) from error
  return Mass(layers, values[:, :, 0], values[:, :, 1], number)


def read_effects(path, mass):
  """Reads what masking costs in single layers from a results.stats.csv.

  Args:
    path: str, a path or address.
    mass: Mass.

  Returns:
    (metric, diff [L, Z]): str, and float, NaN where a cell is not in the file.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, is of a model with more layers, has several
      metrics, or fewer than MIN_CELLS cells of the zones in PAIRS.
  """
  diff, metric = np.full(mass.mass.shape, math.nan), None
  for where, row in csv_files.read_rows(path, _STATS_COLUMNS, marks.KIND):
    if row["head"] or row["zone"] not in PAIRS or not row["layer"].isdigit():
      continue
    layer, metric = int(row["layer"]), metric or row["metric"]
    if row["metric"] != metric:
      raise ValueError("%s, column metric: %r, but the lines before have %r; a "
                       "figure has one metric" % (where, row["metric"], metric))
    if layer not in mass.layers:
      raise ValueError("%s: layer %d, but attention_mass.csv has %d; should be of "
                       "the same model" % (where, layer, len(mass.layers)))
    diff[layer - 1, list(PAIRS).index(row["zone"])] = csv_files.number(
        where, row, "diff")
  number = int((~np.isnan(diff)).sum())
  if number < MIN_CELLS:
    raise ValueError("%s: %d cells of single layers and of the zones %s; a rank "
                     "correlation needs %d or more" % (
                         path, number, ", ".join(PAIRS), MIN_CELLS))
  return metric, diff


def draw_lift(mass, title=None, width=None, cmap="RdBu_r", has_caption=True):
  """Draws the heatmap of lift: layers from below, zones from the left.

  Args:
    mass: Mass.
    title: str above the figure, or None.
    width: float, inches; None for a column of a journal.
    cmap: str, one of matplotlib's diverging maps; its middle is a lift of 1. This
      one is ColorBrewer's for colour-blind readers.
    has_caption: bool, whether lines below the figure explain it.

  Returns:
    matplotlib.figure.Figure. Its first axes hold a QuadMesh of log2(lift), the top
    row first; the last is the colour bar.
  """
  caption = ("Lift: how much attention the rows of a zone give its columns, over "
             "what equal attention to all tokens would give (%d questions, mean of "
             "heads). %s" % (mass.number, CAUTION))
  # Lift of 0: no attention at all, after rounding.
  values = np.log2(np.maximum(mass.lift, 1e-4))
  reach = max(1, math.ceil(np.abs(values).max()))
  width = _checked_width(width)
  panel = heatmap.Panel("attention_mass.csv", results_table.ResultsTable(
      list(map(str, mass.layers)), list(PAIRS), values.tolist()), None, None)
  figure = heatmap.draw(
      [panel], heatmap.Look(title, True, cmap, -reach, reach, width, has_caption),
      _wrapped(caption, width))
  with heatmap.paper_style():
    axes = figure.axes[0]
    for text, lift in zip(axes.texts, mass.lift[::-1].flat):
      text.set_text(_lift_text(lift))
    ticks = np.arange(-reach, reach + 1, -(-reach // 4))
    bar = axes.collections[0].colorbar
    bar.set_ticks(ticks)
    bar.set_ticklabels([_power(tick) for tick in ticks])
    bar.set_label("lift")
    figure.canvas.draw()
  return figure


def _lift_text(lift):
  """A lift with two or three digits that count: "3.1", "0.48"."""
  return ("%.1f" if lift >= 1 else "%.2f") % lift


def _power(exponent):
  """2 to a whole number, as the colour bar has it: "4", "1/4"."""
  return "%d" % 2 ** exponent if exponent >= 0 else "1/%d" % 2 ** -exponent


def draw_against(mass, effects, title=None, width=None, has_caption=True,
                 remarks=()):
  """Draws mass against what masking costs, a point for each layer and zone.

  Args:
    mass: Mass.
    effects: (metric, diff [L, Z]), as read_effects returns it.
    title: str above the figure, or None.
    width: float, inches; None for a column of a journal.
    has_caption: bool, whether lines below the figure explain it.
    remarks: list of str, more lines below.

  Returns:
    matplotlib.figure.Figure.
  """
  metric, diff = effects
  caption = ("Spearman\N{RIGHT SINGLE QUOTATION MARK}s \u03c1 = %s over all %d "
             "cells; in brackets within a zone. Numbers are layers; they are left "
             "out where there is no room, those of small effects first. %s" % (
                 _correlation(mass.mass, diff),
                 (~np.isnan(diff)).sum(), CAUTION))
  width = _checked_width(width)
  note = "\n".join(
      [_wrapped(caption, width)] + list(remarks)) if has_caption else None
  with heatmap.paper_style():
    figure = heatmap.new_figure(
        (width, _SCATTER_HEIGHT + arrangement.note_height(note)), title, note)
    axes = figure.add_subplot()
    axes.axhline(0, color="0.8", linewidth=0.5, zorder=0)
    for column, zone in enumerate(PAIRS):
      colour, marker = _LOOKS[column % len(_LOOKS)]
      x, y = mass.mass[:, column], diff[:, column]
      if np.isnan(y).all():
        continue
      axes.plot(x, y, marker=marker, color=colour, linestyle="none",
                markersize=_MARKER_SIZE, markeredgewidth=0, label="%s (%s)" % (
                    zones.ZONES[zone].label, _correlation(x, y)))
    axes.set_xlabel("attention mass")
    axes.set_ylabel(metrics.difference(metrics.named(metric), True))
    # Above the axes, where it hides no point.
    axes.legend(fontsize=7, frameon=False, handletextpad=0.1, labelspacing=0.2,
                ncol=2, loc="lower center", bbox_to_anchor=(0.4, 1))
    # Only now is it settled where points stand.
    figure.canvas.draw()
    _number_points(axes, mass.layers, mass.mass, diff)
  return figure


def _number_points(axes, layers, x, y):
  """Writes each point's layer beside it, where this hides no point and no number.

  The largest effects choose first; a point without room gets no number.

  Args:
    axes: matplotlib Axes, whose layout is settled.
    layers: list of L int.
    x, y: float [L, Z]; y is NaN where there is no point.
  """
  from matplotlib.colors import to_rgb
  from matplotlib.transforms import Bbox
  known = sorted(zip(*np.nonzero(~np.isnan(y))), key=lambda cell: -abs(y[cell]))
  to_points = 72 / axes.figure.dpi
  centres = to_points * axes.transData.transform(
      [(x[cell], y[cell]) for cell in known])
  box = lambda centre, size: Bbox([centre - size / 2, centre + size / 2])
  taken = [box(centre, np.full(2, _MARKER_SIZE)) for centre in centres]
  frame = to_points * axes.get_window_extent().get_points()  # [[x, y], [x, y]]
  # In a dark shade of the marker's colour.
  inks = [0.7 * np.array(to_rgb(colour)) for colour, _ in _LOOKS]
  for cell, centre in zip(known, centres):
    text = str(layers[cell[0]])
    size = _NUMBER_GAP + np.array(
        [72 * figure_text.inches(text, _NUMBER_SIZE), 0.75 * _NUMBER_SIZE])
    for direction in _DIRECTIONS:
      offset = direction * (size / 2 + _POINT_RADIUS)
      place = box(centre + offset, size)
      if (frame[0] < place.min).all() and (place.max < frame[1]).all() and (
          not place.count_overlaps(taken)):
        taken.append(place)
        axes.annotate(text, (x[cell], y[cell]), offset, textcoords="offset points",
                      fontsize=_NUMBER_SIZE, color=inks[cell[1] % len(inks)],
                      ha="center", va="center_baseline")
        break


def _correlation(x, y):
  """Spearman's coefficient of the points whose y is known, as the figure has it.

  Returns:
    str, "0.52" for example; a dash where there are too few points.
  """
  known = ~np.isnan(y)
  rho = formulas.spearman(x[known], y[known]) if known.sum() >= MIN_CELLS else None
  if rho is None:
    return "\N{EN DASH}"
  return ("%.2f" % rho).replace("-", "\N{MINUS SIGN}")


def _wrapped(caption, width):
  """A caption in lines that are at most `width` inches long: str."""
  return textwrap.fill(caption, int(width / _CHARACTER))


def _checked_width(width):
  """The width in inches, None for a column's. Raises ValueError for a narrow one.
  """
  if width and width < _MIN_WIDTH:
    raise ValueError("--width=%g: too narrow for the labels, which need %d mm" % (
        width * 25.4, math.ceil(_MIN_WIDTH * 25.4)))
  return width or _WIDTH
