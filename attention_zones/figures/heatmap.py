"""Draws the layer x zone heatmaps of one or several tables in one figure.

Rows are layers, the first at the bottom; columns are zones, or the heads of a zone;
a cell's colour is its score minus the baseline's. Several tables are panels A, B,
... with one colour bar.
"""

import collections
import contextlib
import functools
import math
import re
import string
import textwrap

import matplotlib
import matplotlib.colors
import numpy as np

from attention_zones.figures import arrangement
from attention_zones.scores import metrics
from attention_zones.scores import results_table
from attention_zones.zones import masking

LETTERS = string.ascii_uppercase
CMAP = "seismic"  # The paper's colours; 0 is the white middle of the map.
ARROW = 0.12  # inches, at an end of the colour bar beyond which cells lie
NOTE_SIZE = 6.5  # points

STYLE = {
    "font.size": arrangement.LABEL_SIZES[0],
    "axes.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # TrueType; journals refuse the default, Type 3
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "attention zones",
}

LEVEL = "p < .05 after Holm\N{RIGHT SINGLE QUOTATION MARK}s correction"
EQUIVALENT = "equivalent to the baseline within the margin"
DOT, CIRCLE = "\N{BULLET}", "\N{WHITE CIRCLE}"
DOT_IN_CIRCLE = "\N{CIRCLED DOT OPERATOR}"


class Panel(collections.namedtuple("Panel", [
    "name", "table", "baseline", "marks", "title", "labels", "zone", "metric",
    "equivalent", "own_baselines"], defaults=[None] * 6)):
  """One heatmap.

  Attributes:
    name: str, the table's name in messages.
    table: results_table.ResultsTable without heads, nan where a score is missing.
    baseline: float, the score with nothing masked; None for a table of differences.
    marks: set of (layer, zone), str each, of the cells with a dot; None for a
      table that was not tested.
    title: str above the panel, or None.
    labels: list of str, what the columns are called; None for the zones' labels.
    zone: str, the zone whose heads are the columns; None if the columns are zones.
    metric: str, what the scores are, as the column `metric` of a file has it; None
      if no file says it.
    equivalent: set like `marks`, of the cells with a circle; None for a table that
      was not compared with a margin.
    own_baselines: dict from (layer, zone), or (layer, head), to float, the
      baseline's scores of the questions of cells that leave some out; None if these
      are not known.
  """
  __slots__ = ()

  def before(self, cell):
    """The score that a cell, (layer, zone) or (layer, head), is compared with."""
    return (self.own_baselines or {}).get(cell, self.baseline or 0)

  def mask_of(self, column):
    """The masking.Mask of a column of a table with a baseline."""
    return masking.union((self.zone or column).split("+"))

  @property
  def differences(self):
    """Score - baseline, float [rows, columns], the top row first, nan if missing.
    """
    # A table begins with layer 1, which the figure has at the bottom.
    return np.array([[score - self.before((layer, column))
                      for column, score in zip(self.table.zones, line)]
                     for layer, line in zip(self.table.layers, self.table.scores)
                     ][::-1], dtype=float)

  @property
  def measure(self):
    """The metrics.Metric of the scores."""
    # Only differences, which have no baseline, can be below 0 otherwise.
    is_logp = self.baseline is not None and self.table.is_logp
    return metrics.named("logp" if is_logp else self.metric)

  @property
  def row_labels(self):
    """Names of the layers, the top row first: list of str; windows like "1\u20133".
    """
    is_window = results_table.is_window
    return [re.sub(r"[+].*[+]|[+]", "\u2013", label) if is_window(label) else label
            for label in self.table.layers[::-1]]

  @property
  def column_labels(self):
    """Names of the zones or heads: list of str."""
    # One line per zone, and per control, so that they do not run into each other.
    labels = self.labels or map(results_table.zone_label, self.table.zones)
    return [re.sub("[+\u2192]", r"\g<0>\n", label).replace("@", "\n@").replace(
        " ", "\n") for label in labels]


class Look(collections.namedtuple(
    "Look", ["title", "annotate", "cmap", "vmin", "vmax", "width", "caption"],
    defaults=[True])):
  """How a figure looks.

  Attributes:
    title: str above the figure, or None.
    annotate: bool, whether to write the differences into the cells.
    cmap: str, the name of one of matplotlib's colour maps.
    vmin: float, the difference that has the darkest colour on the side of
      losses, at most 0.
    vmax: float, where the colours end on the side of gains, at least 0.
    width: float, the figure's width in inches; None for cells of the paper's size.
    caption: bool, whether lines below explain dots and circles.
  """
  __slots__ = ()


@contextlib.contextmanager
def paper_style():
  """Sets matplotlib up for drawing and saving, ignoring the user's own rc."""
  with matplotlib.rc_context():
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)
    yield


def measure_of(panels):
  """The metrics.Metric of all panels; metrics.SCORE if some have EM, some F1."""
  first, *others = {panel.measure for panel in panels}
  return metrics.SCORE if others else first


def span(panels):
  """The largest loss and the largest gain of all panels.

  Args:
    panels: list of Panel.

  Returns:
    (lowest, highest): float, at most and at least 0; (-1, 1) if all are 0.
  """
  values = [float(value) for panel in panels for value in panel.differences.flat
            if not np.isnan(value)]
  ends = min(values + [0.0]), max(values + [0.0])
  return ends if any(ends) else (-1.0, 1.0)


def missing_cells(panel):
  """Names the cells that have no score.

  Args:
    panel: Panel.

  Returns:
    str, "layer 3: q2, p2; layer 5: all" or "layer 3: heads 1, 2 of q2" for example;
    "" when none is missing.
  """
  holes = []
  for layer, row in zip(panel.table.layers, panel.table.scores):
    columns = ", ".join(column for column, score in zip(panel.table.zones, row)
                        if math.isnan(score))
    if columns:
      holes.append("layer %s: %s" % (layer, "heads %s of %s" % (columns, panel.zone)
                                     if panel.zone else columns))
  return "; ".join(holes)


def hex_colours(values, look):
  """The colours that `draw` gives cells, for use elsewhere.

  Args:
    values: list of float, differences.
    look: Look.

  Returns:
    list of str, "#0000a5" for example.
  """
  # As seaborn.heatmap with center=0: 256 steps, from vmin to vmax, of the part of
  # the map that they reach when 0 is its middle.
  reach = max(-look.vmin, look.vmax)
  part = np.linspace(*np.divide([look.vmin + reach, look.vmax + reach], 2 * reach),
                     num=256)
  steps = np.subtract(values, look.vmin) / (look.vmax - look.vmin) * 256
  return list(map(matplotlib.colors.to_hex, matplotlib.colormaps[look.cmap](
      part[np.clip(steps, 0, 255).astype(int)])))


def draw(panels, look, note=None, remarks=()):
  """Draws the heatmaps.

  Args:
    panels: list of Panel, each with at least one score.
    look: Look.
    note: str, the lines below the figure; None: what explains dots and
      circles.
    remarks: list of str, more lines below.

  Returns:
    matplotlib.figure.Figure, 3 x 4 inches for one panel of 12 layers and the five
    zones, larger where there are more. Its first axes hold the panels, each as a
    QuadMesh of the differences, masked where missing; the last is the colour bar.

  Raises:
    ValueError: there are more panels than letters, or the width does not hold one.
  """
  if len(panels) > len(LETTERS):
    raise ValueError("%d tables: panels are named A to Z, so a figure holds %d" % (
        len(panels), len(LETTERS)))
  with paper_style():
    lines = [note or signs_note(panels)] + list(remarks)
    note = "\n".join(filter(None, lines)) if look.caption else None
    layout = arrangement.of_panels(panels, look, note)
    matplotlib.rcParams["font.size"] = layout.font_size
    figure = new_figure(layout.size, look.title, note)
    grid = figure.add_gridspec(
        len(layout.heights), len(layout.widths), width_ratios=layout.widths,
        height_ratios=layout.heights)
    all_axes = []
    for i, (panel, (row, column)) in enumerate(zip(panels, layout.places)):
      axes = figure.add_subplot(grid[row, column])
      _draw_cells(axes, panel, look)
      _label_axes(axes, panel, column == 0)
      if len(panels) > 1:
        axes.set_title(LETTERS[i], loc="left", fontsize=arrangement.TITLE_SIZE,
                       fontweight="bold")
      all_axes.append(axes)
    _add_colour_bar(figure, all_axes, panels, look)
    # The layout is settled here; text is measured with the style's fonts.
    figure.canvas.draw()
  return figure


def signs_note(panels):
  """The lines below the figure that explain dots and circles; None if it has none.
  """
  dots = [panel.marks for panel in panels]
  circles = [panel.equivalent for panel in panels]
  lines = [_explain(dots, DOT, "has", LEVEL),
           _explain(circles, CIRCLE, "is shown to be", EQUIVALENT)]
  if any(dot and circle and dot & circle for dot, circle in zip(dots, circles)):
    lines.append(DOT_IN_CIRCLE + " both: differs, by less than the margin")
  return "\n".join(filter(None, lines)) or None


def _explain(marks, sign, verb, words):
  """What a sign in the panels says, or that there is none: str.

  Args:
    marks: list of set, for each panel the cells that have the sign, or None.
    sign, verb, words: str.

  Returns:
    str, a line; None if no panel has such marks.
  """
  tested = [letter for letter, of in zip(LETTERS, marks) if of is not None]
  if not tested:
    return None
  where = ", ".join(tested) if len(tested) < len(marks) else ""
  if any(marks):
    return "%s %s%s" % (sign, where and "in %s: " % where, words)
  return "no cell %s%s %s" % (where and "of %s " % where, verb, words)


def new_figure(size, title, note):
  """An empty matplotlib Figure with a title and lines below, if there are any.

  Args:
    size: (width, height) in inches.
    title, note: str or None.
  """
  # Not with pyplot, which would keep the figure alive and may need a display.
  from matplotlib.backends.backend_agg import FigureCanvasAgg
  from matplotlib.figure import Figure
  figure = Figure(figsize=size, constrained_layout=True)
  FigureCanvasAgg(figure)
  if title:
    lines = textwrap.fill(title, int(size[0] / arrangement.CHARACTER))
    # In a title, "$5 or $6" is text, not mathematics.
    figure.suptitle(lines, fontsize=arrangement.TITLE_SIZE).set_parse_math(False)
  if note:
    figure.supxlabel(note, fontsize=NOTE_SIZE, multialignment="left")
  return figure


def _draw_cells(axes, panel, look):
  """Draws the cells of a Panel, with numbers and signs, as the Look says."""
  # Imported here, because it is slow, and bad flags should be refused at once.
  import seaborn
  from matplotlib.patches import Rectangle
  values = panel.differences
  seaborn.heatmap(
      values, ax=axes, cmap=look.cmap, vmin=look.vmin, center=0, vmax=look.vmax,
      linewidths=0.4, linecolor="0.85", cbar=False)
  inks = _inks(axes, values.shape)
  for row, column in np.argwhere(~np.isnan(values)):
    ink = inks[row, column]
    if look.annotate:
      axes.text(column + 0.5, row + 0.5, arrangement.annotation(
          values[row, column], panel.measure.places), color=ink, ha="center",
                va="center", fontsize=arrangement.ANNOTATION_SIZE)
    cell = panel.table.layers[::-1][row], panel.table.zones[column]
    # In the middle, or in the corner beside a number.
    x, y, size = (0.86, 0.2, 1.7) if look.annotate else (0.5, 0.5, 2.6)
    draw_round = functools.partial(axes.plot, [column + x], [row + y], marker="o",
                                   linestyle="none", color=ink)
    if cell in (panel.marks or ()):
      draw_round(markersize=size, markeredgewidth=0)
    if cell in (panel.equivalent or ()):
      draw_round(markersize=2.4 * size, markeredgewidth=0.7, fillstyle="none")
  for row, column in np.argwhere(np.isnan(values)):
    axes.add_patch(Rectangle((column, row), 1, 1, hatch="//////", linewidth=0,
                             facecolor="0.93", edgecolor="0.5"))


def _inks(axes, shape):
  """What is legible on each cell, "black" or "white": array of str [rows, columns].
  """
  from seaborn.utils import relative_luminance
  cells = axes.collections[0]
  cells.update_scalarmappable()
  # At 0.18, black and white contrast equally with the colour.
  return np.reshape(["white" if relative_luminance(colour) < 0.18 else "black"
                     for colour in cells.get_facecolors()], shape)


def _label_axes(axes, panel, is_leftmost):
  """Names the rows and columns of the heatmap and frames it."""
  axes.set_xticklabels(panel.column_labels, rotation=0)
  axes.set_yticks(np.arange(len(panel.row_labels)) + 0.5)
  axes.set_yticklabels(panel.row_labels, rotation=0)
  if is_leftmost:
    axes.set_ylabel("layer")
  if panel.zone:
    axes.set_xlabel("head")
  if panel.title:
    axes.set_title("\n".join(arrangement.title_lines(panel)),
                   fontsize=arrangement.TITLE_SIZE).set_parse_math(False)
  axes.tick_params(length=0)
  for spine in axes.spines.values():
    spine.set_visible(True)


def _add_colour_bar(figure, all_axes, panels, look):
  """Adds the colour bar, which all panels share."""
  below = any(np.nanmin(panel.differences) < look.vmin for panel in panels)
  above = any(np.nanmax(panel.differences) > look.vmax for panel in panels)
  width, height = figure.get_size_inches()
  if len(panels) == 1 and look.width is None and not panels[0].zone:
    rows = max(len(panels[0].row_labels), arrangement.FEWEST_ROWS)
    fraction, aspect, pad = 0.05, 3.3 * rows, 0.03
  else:
    # As wide as in the paper's figure, 0.15 of its 3 inches.
    fraction, aspect, pad = 0.15 / width, 10 * height, 0.09 / width
  bar = figure.colorbar(
      all_axes[0].collections[0], ax=all_axes, aspect=aspect, fraction=fraction,
      pad=pad, extend=("neither", "min", "max", "both")[below + 2 * above],
      extendfrac=ARROW / height, label=metrics.difference(
          measure_of(panels), panels[0].baseline is not None))
  bar.outline.set_linewidth(0)
