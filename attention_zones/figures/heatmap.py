"""Draws the layer x zone heatmaps of one or several tables in one figure.

Rows are layers, the first at the bottom; columns are zones, or the heads of a zone;
a cell's colour is its score minus the baseline's. Several tables are panels A, B,
... with one colour bar.
"""

import collections
import contextlib
import math
import string
import textwrap

import matplotlib
import numpy as np

from attention_zones.figures import figure_text
from attention_zones.scores import metrics
from attention_zones.zones import zones

# The paper's figure, in inches, which holds 12 layers and 5 zones. BAR of its width
# is the colour bar, MARGIN the layers' labels.
WIDTH, HEIGHT, BAR, MARGIN = 3.0, 4.0, 0.65, 0.35
CELL_WIDTH, CELL_HEIGHT = 0.4, 0.27
HEAD_WIDTH = 0.25  # of a head's cell, whose label is shorter than a zone's
FEWEST_ROWS = 6
ARROW = 0.12  # at an end of the colour bar beyond which cells lie
# One line, and one character, of the labels.
LINE, CHARACTER = 0.13, 0.085

# Points. In a figure of given width, the largest of LABEL_SIZES is taken that fits;
# journals want 6 at least.
LABEL_SIZES = (8, 7, 6)
ANNOTATION_SIZE = 6
NOTE_SIZE = 6.5
TITLE_SIZE = 9
# Inches: between two labels; of a panel's letter; how low and how high cells may be
# in such a figure.
GAP, LETTER = 0.04, 0.13
CELL_HEIGHTS = (0.17, 0.4)

# So many panels stand beside each other, unless the width is given.
PANELS_IN_A_ROW = 3
LETTERS = string.ascii_uppercase

STYLE = {
    "font.size": LABEL_SIZES[0],
    "axes.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # TrueType; journals refuse the default, Type 3
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "attention zones",
}

LEVEL = "p < .05 after Holm\N{RIGHT SINGLE QUOTATION MARK}s correction"


class Panel(collections.namedtuple("Panel", [
    "name", "table", "baseline", "marks", "title", "labels", "zone", "metric"],
                                   defaults=[None] * 4)):
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
  """
  __slots__ = ()

  @property
  def differences(self):
    """Score - baseline, float [rows, columns], the top row first, nan if missing.
    """
    # A table begins with layer 1, which the figure has at the bottom.
    return np.array(self.table.scores[::-1], dtype=float) - (self.baseline or 0)

  @property
  def measure(self):
    """The metrics.Metric of the scores."""
    # Only differences, which have no baseline, can be below 0 otherwise.
    is_logp = self.baseline is not None and self.table.is_logp
    return metrics.named("logp" if is_logp else self.metric)

  @property
  def row_labels(self):
    """Names of the layers, the top row first: list of str."""
    return self.table.layers[::-1]

  @property
  def column_labels(self):
    """Names of the zones or heads: list of str."""
    # One line per zone, and per control, so that they do not run into each other.
    labels = self.labels or [
        zones.union(zone.split("+")).label for zone in self.table.zones]
    return [label.replace("+", "+\n").replace("@", "\n@") for label in labels]

  @property
  def cell_width(self):
    """Inches of a cell's width, if the figure's is not given: float."""
    return HEAD_WIDTH if self.zone else CELL_WIDTH


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
    caption: bool, whether a line below explains the dots.
  """
  __slots__ = ()


_Layout = collections.namedtuple("_Layout", [
    "places", "widths", "heights", "size", "font_size"])
_Layout.__doc__ = """Where the panels stand.

Attributes:
  places: list of (row, column) for each panel.
  widths, heights: list of float, inches of each column and row of panels.
  size: (width, height) of the figure in inches.
  font_size: points of the labels.
"""


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


def draw(panels, look, note=None):
  """Draws the heatmaps.

  Args:
    panels: list of Panel, each with at least one score.
    look: Look.
    note: str, the lines below the figure; None: what explains the dots.

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
    note = (note or _note(panels)) if look.caption else None
    layout = _arrange(panels, look, note)
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
        axes.set_title(LETTERS[i], loc="left", fontsize=TITLE_SIZE,
                       fontweight="bold")
      all_axes.append(axes)
    _add_colour_bar(figure, all_axes, panels, look)
    # The layout is settled here; text is measured with the style's fonts.
    figure.canvas.draw()
  return figure


def _note(panels):
  """The line below the figure that explains the dots; None without tests: str."""
  tested = [panel.marks for panel in panels if panel.marks is not None]
  if not tested:
    return None
  where = ""
  if len(tested) < len(panels):
    where = ", ".join(letter for letter, panel in zip(LETTERS, panels)
                      if panel.marks is not None)
  if any(tested):
    return "\N{BULLET} %s%s" % (where and "in %s: " % where, LEVEL)
  return "no cell %shas %s" % (where and "of %s " % where, LEVEL)


def _arrange(panels, look, note):
  """Finds the _Layout. Raises ValueError when the width does not hold a panel."""
  if look.width is None:
    in_a_row, scale, font_size = PANELS_IN_A_ROW, 1, LABEL_SIZES[0]
  else:
    in_a_row, scale, font_size = _fit(panels, look)
  num_rows = math.ceil(len(panels) / in_a_row)
  in_a_row = math.ceil(len(panels) / num_rows)
  places = [divmod(i, in_a_row) for i in range(len(panels))]
  size_of = lambda axis, k, measure: max(
      measure(panel) for panel, place in zip(panels, places) if place[axis] == k)
  if look.width is None:
    cell_height = CELL_HEIGHT
    widths = [size_of(1, k, _natural_width) for k in range(in_a_row)]
    width = sum(widths) + BAR
  else:
    cell_height = float(np.clip(scale * CELL_HEIGHT, *CELL_HEIGHTS))
    widths = [size_of(1, k, lambda panel: _margin(panel) + scale * _cells(panel))
              for k in range(in_a_row)]
    width = look.width
  heights = [size_of(0, k, lambda panel: _height(
      panel, cell_height, len(panels) > 1)) for k in range(num_rows)]
  return _Layout(places, widths, heights, (
      width, sum(heights) + note_height(note)), font_size)


def _cells(panel):
  """Inches of all cells of a row, if the figure's width is not given."""
  return panel.cell_width * len(panel.table.zones)


def _natural_width(panel):
  """Inches of a panel with cells of the paper's width."""
  return max(WIDTH - BAR - MARGIN, _cells(panel)) + _margin(panel)


def _title_lines(panel):
  """The lines of a panel's title, for cells of the paper's width: list of str."""
  room = _natural_width(panel) - _margin(panel) - 2 * LETTER
  return textwrap.wrap(panel.title or "", int(room / CHARACTER))


def _margin(panel):
  """Inches of the layers' labels beside a panel."""
  return MARGIN + CHARACTER * max(0, max(map(len, panel.row_labels)) - 2)


def _height(panel, cell_height, has_letter):
  """Inches of a panel with its labels."""
  rows = max(len(panel.row_labels), FEWEST_ROWS)
  more_lines = (max(label.count("\n") for label in panel.column_labels)
                + max(bool(has_letter), len(_title_lines(panel)))
                + bool(panel.zone))
  return (HEIGHT + cell_height * rows - CELL_HEIGHT * 12) + LINE * more_lines


def _fit(panels, look):
  """Finds how many panels stand beside each other in a given width.

  As many as possible; then the largest labels that do not touch each other.

  Returns:
    (panels in a row, by how much cells are wider than the paper's, points of the
    labels).

  Raises:
    ValueError: not even one fits.
  """
  needed = {size: max(_least_scale(panel, look, size) for panel in panels)
            for size in LABEL_SIZES}
  cells = max(map(_cells, panels))
  margin = max(map(_margin, panels))
  for in_a_row in range(len(panels), 0, -1):
    scale = (look.width - BAR - in_a_row * margin) / (in_a_row * cells)
    for size in LABEL_SIZES:
      if scale >= needed[size]:
        return in_a_row, scale, size
  columns = max(len(panel.table.zones) for panel in panels)
  raise ValueError(
      "--width=%g: too narrow for %d %s, whose labels and title need %d mm at %g "
      "pt" % (
          look.width * 25.4, columns,
          "heads" if any(panel.zone for panel in panels) else "zones",
          math.ceil(25.4 * (BAR + margin + cells * needed[LABEL_SIZES[-1]])),
          LABEL_SIZES[-1]))


def _least_scale(panel, look, size):
  """By how much cells must be wider than the paper's for texts to fit: float."""
  scale = (_widest_text(panel, look.annotate, size) + GAP) / panel.cell_width
  for line in _title_lines(panel):
    # In the middle, with a letter's room at either side.
    width = figure_text.inches(line, TITLE_SIZE) + 2 * LETTER
    scale = max(scale, width / _cells(panel))
  return scale


def _widest_text(panel, annotate, size):
  """Inches of the widest text that a cell of the panel must have room for."""
  texts = [(line, size) for label in panel.column_labels
           for line in label.split("\n")]
  if annotate:
    texts += [(_annotation(value, panel.measure.places), ANNOTATION_SIZE)
              for value in panel.differences.flat if not np.isnan(value)]
  return max(figure_text.inches(*text) for text in set(texts))


def note_height(note):
  """Inches of the lines below a figure; 0 for None."""
  return LINE * len(note.splitlines()) if note else 0


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
    lines = textwrap.fill(title, int(size[0] / CHARACTER))
    # In a title, "$5 or $6" is text, not mathematics.
    figure.suptitle(lines, fontsize=TITLE_SIZE).set_parse_math(False)
  if note:
    figure.supxlabel(note, fontsize=NOTE_SIZE, multialignment="left")
  return figure


def _draw_cells(axes, panel, look):
  """Draws the cells of a Panel, with numbers and dots, as the Look says."""
  # Imported here, because it is slow, and bad flags should be refused at once.
  import seaborn
  from matplotlib.patches import Rectangle
  values = panel.differences
  seaborn.heatmap(
      values, ax=axes, cmap=look.cmap, vmin=look.vmin, center=0, vmax=look.vmax,
      linewidths=0.4, linecolor="0.85", cbar=False)
  inks = _inks(axes, values.shape)
  if look.annotate:
    for row, column in np.argwhere(~np.isnan(values)):
      axes.text(column + 0.5, row + 0.5,
                _annotation(values[row, column], panel.measure.places),
                color=inks[row][column], fontsize=ANNOTATION_SIZE, ha="center",
                va="center")
  _draw_marks(axes, panel, inks, look.annotate)
  for row, column in np.argwhere(np.isnan(values)):
    axes.add_patch(Rectangle((column, row), 1, 1, hatch="//////", linewidth=0,
                             facecolor="0.93", edgecolor="0.5"))


def _inks(axes, shape):
  """What is legible on each cell, "black" or "white": list of a list a row."""
  from seaborn.utils import relative_luminance
  cells = axes.collections[0]
  cells.update_scalarmappable()
  # At 0.18, black and white contrast equally with the colour.
  inks = ["white" if relative_luminance(colour) < 0.18 else "black"
          for colour in cells.get_facecolors()]
  return [inks[row * shape[1]:(row + 1) * shape[1]] for row in range(shape[0])]


def _annotation(value, places):
  """The text of a difference, "−13.6" for example."""
  # Adding 0 turns the -0.0 that rounding leaves into 0.0.
  text = "%.*f" % (places, round(value, places) + 0)
  return text.replace("-", "\N{MINUS SIGN}")


def _draw_marks(axes, panel, inks, is_annotated):
  """Draws a dot into each marked cell: its middle, or its corner beside a number.
  """
  x, y = (0.86, 0.2) if is_annotated else (0.5, 0.5)
  for row, layer in enumerate(panel.row_labels):
    for column, zone in enumerate(panel.table.zones):
      if (layer, zone) in (panel.marks or ()):
        axes.plot([column + x], [row + y], marker="o", linestyle="none",
                  markersize=1.7 if is_annotated else 2.6, markeredgewidth=0,
                  color=inks[row][column])


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
    axes.set_title("\n".join(_title_lines(panel)),
                   fontsize=TITLE_SIZE).set_parse_math(False)
  axes.tick_params(length=0)
  for spine in axes.spines.values():
    spine.set_visible(True)


def _add_colour_bar(figure, all_axes, panels, look):
  """Adds the colour bar, which all panels share."""
  below = any(np.nanmin(panel.differences) < look.vmin for panel in panels)
  above = any(np.nanmax(panel.differences) > look.vmax for panel in panels)
  width, height = figure.get_size_inches()
  if len(panels) == 1 and look.width is None and not panels[0].zone:
    rows = max(len(panels[0].row_labels), FEWEST_ROWS)
    fraction, aspect, pad = 0.05, 3.3 * rows, 0.03
  else:
    # As wide as in the paper's figure, 0.15 of its 3 inches.
    fraction, aspect, pad = 0.15 / width, 10 * height, 0.09 / width
  bar = figure.colorbar(
      all_axes[0].collections[0], ax=all_axes, aspect=aspect, fraction=fraction,
      pad=pad, extend={(False, False): "neither", (True, False): "min",
                       (False, True): "max", (True, True): "both"}[below, above],
      extendfrac=ARROW / height, label=metrics.difference(
          measure_of(panels), panels[0].baseline is not None))
  bar.outline.set_linewidth(0)
