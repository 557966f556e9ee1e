"""Where the panels of a figure stand, and how large cells and labels are.

Cells have the paper's size, unless the figure's width is given: then as many panels
as possible stand beside each other, with the largest labels that do not touch.
"""

import collections
import math
import textwrap

import numpy as np

from attention_zones.figures import figure_text

# The paper's figure, in inches, which holds 12 layers and 5 zones. BAR of its width
# is the colour bar, MARGIN the layers' labels.
WIDTH, HEIGHT, BAR, MARGIN = 3.0, 4.0, 0.65, 0.35
CELL_WIDTH, CELL_HEIGHT = 0.4, 0.27
HEAD_WIDTH = 0.25  # of a head's cell, whose label is shorter than a zone's
FEWEST_ROWS = 6
# One line, and one character, of the labels.
LINE, CHARACTER = 0.13, 0.085

# Points. In a figure of given width, the largest of LABEL_SIZES is taken that fits;
# journals want 6 at least.
LABEL_SIZES = (8, 7, 6)
ANNOTATION_SIZE = 6
TITLE_SIZE = 9
# Inches: between two labels; of a panel's letter; how low and how high cells may be
# in such a figure.
GAP, LETTER = 0.04, 0.13
CELL_HEIGHTS = (0.17, 0.4)

# So many panels stand beside each other, unless the width is given.
PANELS_IN_A_ROW = 3

Arrangement = collections.namedtuple("Arrangement", [
    "places", "widths", "heights", "size", "font_size"])
Arrangement.__doc__ = """Where the panels stand.

Attributes:
  places: list of (row, column) for each panel.
  widths, heights: list of float, inches of each column and row of panels.
  size: (width, height) of the figure in inches.
  font_size: points of the labels.
"""


def of_panels(panels, look, note):
  """Finds the Arrangement of a figure.

  Args:
    panels: list of heatmap.Panel.
    look: heatmap.Look.
    note: str, the lines below the figure, or None.

  Raises:
    ValueError: the width does not hold one panel.
  """
  if look.width is None:
    in_a_row, scale, font_size = PANELS_IN_A_ROW, 1, LABEL_SIZES[0]
  else:
    in_a_row, scale, font_size = _fit(panels, look)
  num_rows = math.ceil(len(panels) / in_a_row)
  in_a_row = math.ceil(len(panels) / num_rows)
  places = [divmod(i, in_a_row) for i in range(len(panels))]
  size_of = lambda axis, k, measure: max(
      measure(panel) for panel, place in zip(panels, places) if place[axis] == k)
  cell_height = CELL_HEIGHT
  width_of = _natural_width
  if look.width is not None:
    cell_height = float(np.clip(scale * CELL_HEIGHT, *CELL_HEIGHTS))
    width_of = lambda panel: _margin(panel) + scale * _cells(panel)
  widths = [size_of(1, k, width_of) for k in range(in_a_row)]
  heights = [size_of(0, k, lambda panel: _height(
      panel, cell_height, len(panels) > 1)) for k in range(num_rows)]
  return Arrangement(
      places, widths, heights,
      (look.width or sum(widths) + BAR, sum(heights) + note_height(note)),
      font_size)


def _cell(panel):
  """Inches of a cell's width, if the figure's is not given."""
  return HEAD_WIDTH if panel.zone else CELL_WIDTH


def _cells(panel):
  """Inches of all cells of a row, if the figure's width is not given."""
  return _cell(panel) * len(panel.table.zones)


def _natural_width(panel):
  """Inches of a panel with cells of the paper's width."""
  return max(WIDTH - BAR - MARGIN, _cells(panel)) + _margin(panel)


def title_lines(panel):
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
                + max(bool(has_letter), len(title_lines(panel)))
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
  scale = (_widest_text(panel, look.annotate, size) + GAP) / _cell(panel)
  for line in title_lines(panel):
    # In the middle, with a letter's room at either side.
    width = figure_text.inches(line, TITLE_SIZE) + 2 * LETTER
    scale = max(scale, width / _cells(panel))
  return scale


def _widest_text(panel, annotate, size):
  """Inches of the widest text that a cell of the panel must have room for."""
  texts = [(line, size) for label in panel.column_labels
           for line in label.split("\n")]
  if annotate:
    texts += [(annotation(value, panel.measure.places), ANNOTATION_SIZE)
              for value in panel.differences.flat if not np.isnan(value)]
  return max(figure_text.inches(*text) for text in set(texts))


def note_height(note):
  """Inches of the lines below a figure; 0 for None."""
  return LINE * len(note.splitlines()) if note else 0


def annotation(value, places):
  """The text of a difference, "−13.6" for example."""
  # Adding 0 turns the -0.0 that rounding leaves into 0.0.
  text = "%.*f" % (places, round(value, places) + 0)
  return text.replace("-", "\N{MINUS SIGN}")
