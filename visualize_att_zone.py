#!/usr/bin/env python3
"""Draws results.csv as a heatmap: what masking each zone in each layer costs.

  python visualize_att_zone.py results.csv 80.567 squad.pdf

Rows are layers, layer 1 at the bottom; columns are zones; a cell's colour is
its score minus the baseline's: blue where masking hurts, red where it helps.
"""

from attention_zones import interrupts

if __name__ == "__main__":
  interrupts.install("visualize_att_zone.py")  # Before the slow imports.

import argparse
import collections
import contextlib
import difflib
import math
import os
import sys
import textwrap

import matplotlib
import numpy as np

from attention_zones import figure_text
from attention_zones import files
from attention_zones import path_checks
from attention_zones import results_table
from attention_zones import zones

# The paper's colours: 0 is the white middle of the map, VMIN its darkest blue.
CMAP = "seismic"
VMIN = -10.0
VMAX = 2.0

# The paper's figure, in inches, which holds 12 layers and 5 zones.
WIDTH, HEIGHT = 3.0, 4.0
CELL_WIDTH, CELL_HEIGHT = 0.4, 0.27
FEWEST_ROWS = 6
# One line, and one character, of the labels.
LINE, CHARACTER = 0.13, 0.085

# Options to save each kind of file. Without dates and without random ids, the same
# table always gives the same bytes.
SAVING = collections.OrderedDict([
    (".pdf", {"metadata": {"CreationDate": None}}),
    (".svg", {"metadata": {"Date": None}}),
    (".png", {"dpi": 300}),
])
STYLE = {
    "font.size": 8,
    "axes.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # TrueType; journals refuse the default, Type 3
    "svg.fonttype": "none",  # text as text
    "svg.hashsalt": "attention zones",
}

# Masking q2 or q2p in the last layer cannot change a passage token's logits, so
# both must score like the baseline. If they differ by more than this, the baseline
# does not belong to the table.
LAST_LAYER_ZONES = ("q2", "q2p")
LAST_LAYER_TOLERANCE = 0.5


@contextlib.contextmanager
def paper_style():
  """Sets matplotlib up for drawing and saving, ignoring the user's own rc."""
  with matplotlib.rc_context():
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)
    yield


def draw(table, baseline, title=None, annotate=False, cmap=CMAP, vmin=VMIN,
         vmax=VMAX):
  """Draws the heatmap.

  Args:
    table: results_table.ResultsTable, scores from 0 to 100, nan where missing.
    baseline: float, the score with nothing masked, from 0 to 100.
    title: str above the figure, or None.
    annotate: bool, whether to write the differences into the cells.
    cmap: str, the name of one of matplotlib's colour maps.
    vmin: float, the difference that has the darkest colour on the side of
      losses, at most 0.
    vmax: float, where the colours end on the side of gains, at least 0.

  Returns:
    matplotlib.figure.Figure, 3 x 4 inches for 12 layers and the five zones,
    larger where there are more. Its first axes hold the heatmap as a QuadMesh
    of score - baseline, the top row first, masked where missing.

  Raises:
    ValueError: the table has no score, or the baseline, the title, the colour
      map or its range cannot be used.
  """
  _check_baseline(table, baseline)
  _check_colours(cmap, vmin, vmax)
  # A table begins with layer 1, which the figure has at the bottom.
  row_labels = table.layers[::-1]
  values = np.array(table.scores[::-1], dtype=float) - baseline
  # One zone per line, so that a union does not run into its neighbours.
  column_labels = [zones.union(zone.split("+")).label.replace("+", "+\n")
                   for zone in table.zones]
  with paper_style():
    figure = _new_figure(row_labels, column_labels, title)
    axes = figure.add_subplot()
    _draw_cells(axes, values, annotate, cmap, vmin, vmax)
    _label_axes(axes, row_labels, column_labels)
    # The layout is settled here; text is measured with the style's fonts.
    figure.canvas.draw()
  return figure


def _new_figure(row_labels, column_labels, title):
  """An empty matplotlib Figure that is large enough for these labels."""
  # Not with pyplot, which would keep the figure alive and may need a display.
  from matplotlib.backends.backend_agg import FigureCanvasAgg
  from matplotlib.figure import Figure
  more_rows = max(len(row_labels), FEWEST_ROWS) - 12
  more_columns = max(0, len(column_labels) - 5)
  more_characters = max(0, max(map(len, row_labels)) - 2)
  more_lines = max(label.count("\n") for label in column_labels)
  width = WIDTH + CELL_WIDTH * more_columns + CHARACTER * more_characters
  height = HEIGHT + CELL_HEIGHT * more_rows + LINE * more_lines
  figure = Figure(figsize=(width, height), constrained_layout=True)
  FigureCanvasAgg(figure)
  if title:
    lines = textwrap.fill(figure_text.check("--title", title),
                          int(width / CHARACTER))
    # In a title, "$5 or $6" is text, not mathematics.
    figure.suptitle(lines, fontsize=9).set_parse_math(False)
  return figure


def _draw_cells(axes, values, annotate, cmap, vmin, vmax):
  """Draws the cells and the colour bar.

  Args:
    axes: matplotlib Axes.
    values: float [rows, columns], the top row first, nan where missing.
    annotate, cmap, vmin, vmax: as for `draw`.
  """
  # Imported here, because it is slow, and bad flags should be refused at once.
  import seaborn
  from matplotlib.patches import Rectangle
  below, above = np.nanmin(values) < vmin, np.nanmax(values) > vmax
  extend = {(False, False): "neither", (True, False): "min",
            (False, True): "max", (True, True): "both"}[below, above]
  seaborn.heatmap(
      values, ax=axes, cmap=cmap, vmin=vmin, center=0, vmax=vmax,
      linewidths=0.4, linecolor="0.85",
      cbar_kws={"aspect": 3.3 * max(len(values), FEWEST_ROWS),
                "fraction": 0.05, "pad": 0.03, "extend": extend,
                "extendfrac": 0.02, "label": "score \N{MINUS SIGN} baseline"})
  if annotate:
    _annotate_cells(axes, values)
  for row, column in np.argwhere(np.isnan(values)):
    axes.add_patch(Rectangle((column, row), 1, 1, hatch="//////", linewidth=0,
                             facecolor="0.93", edgecolor="0.5"))


def _annotate_cells(axes, values):
  """Writes each value into its cell, dark on light colours, white on dark."""
  from seaborn.utils import relative_luminance
  cells = axes.collections[0]
  cells.update_scalarmappable()
  for (row, column), colour in zip(np.ndindex(*values.shape),
                                   cells.get_facecolors()):
    if not np.isnan(values[row, column]):
      # Adding 0 turns the -0.0 that rounding leaves into 0.0.
      text = "%.1f" % (round(values[row, column], 1) + 0)
      # At 0.18, black and white contrast equally with the colour.
      axes.text(column + 0.5, row + 0.5, text.replace("-", "\N{MINUS SIGN}"),
                color="white" if relative_luminance(colour) < 0.18 else "black",
                fontsize=6, ha="center", va="center")


def _label_axes(axes, row_labels, column_labels):
  """Names the rows and columns of the heatmap and frames it."""
  axes.set_xticklabels(column_labels, rotation=0)
  axes.set_yticks(np.arange(len(row_labels)) + 0.5)
  axes.set_yticklabels(row_labels, rotation=0)
  axes.set_ylabel("layer")
  axes.tick_params(length=0)
  for spine in axes.spines.values():
    spine.set_visible(True)


def save(figure, path):
  """Writes a figure of `draw` as PDF, SVG or PNG, completely or not at all.

  Args:
    figure: matplotlib Figure.
    path: str; its suffix says which kind of file.

  Raises:
    ValueError: another suffix.
    OSError: the file cannot be written.
  """
  suffix = _figure_suffix(path)
  with paper_style(), files.replacing(path) as temporary:
    figure.savefig(temporary, format=suffix[1:], **SAVING[suffix])


def _figure_suffix(path):
  """The suffix of `path`, in lower case; raises ValueError for unknown ones."""
  suffix = os.path.splitext(path)[1].lower()
  if suffix not in SAVING:
    raise ValueError("%s: the suffix %r is not a kind of figure; end the name in "
                     "%s" % (path, suffix, ", ".join(SAVING)))
  return suffix


def parse_baseline(text):
  """Reads the baseline from the command line.

  Args:
    text: str, "80.567" for example.

  Returns:
    float.

  Raises:
    ValueError: `text` is not a number.
  """
  try:
    return float(text)
  except ValueError:
    raise ValueError("baseline %r: not a number; give the score with nothing "
                     "masked, 80.567 for example" % text) from None


def _check_baseline(table, baseline):
  """Raises ValueError when the baseline cannot belong to the table."""
  if not 0 <= baseline <= 100:  # also for nan
    raise ValueError("baseline %g: scores are from 0 to 100, as eval_squad.py "
                     "prints them" % baseline)
  scores = [score for row in table.scores for score in row
            if not math.isnan(score)]
  if not scores:
    raise ValueError("results: no cell has a score, nothing can be drawn")
  # 0.80567 where the best score is 80.577: as a percentage it fits.
  best = max(scores)
  if baseline <= 1 and abs(100 * baseline - best) < abs(baseline - best):
    raise ValueError(
        "baseline %g: a fraction, but the scores are percentages (the best is "
        "%g); give %g" % (baseline, best, 100 * baseline))


def _check_colours(cmap, vmin, vmax):
  """Raises ValueError for an unknown colour map or an impossible range."""
  import seaborn  # noqa: F401, adds its own maps, such as vlag
  known = list(matplotlib.colormaps)
  if cmap not in known:
    close = difflib.get_close_matches(cmap, known, n=3)
    valid = "did you mean %s?" % " or ".join(close) if close else (
        "seismic, coolwarm, RdBu_r or another of matplotlib's would be right")
    raise ValueError("--cmap=%s: no such colour map; %s" % (cmap, valid))
  for flag, value in (("--vmin", vmin), ("--vmax", vmax)):
    if not math.isfinite(value):
      raise ValueError("%s=%g: not a finite number" % (flag, value))
  if not (vmin <= 0 <= vmax and vmin < vmax):
    raise ValueError(
        "--vmin=%g --vmax=%g: the colours go from a loss over 0 to a gain, so "
        "vmin must be at most 0, vmax at least 0, and one of them not 0" % (
            vmin, vmax))


def missing_cells(table):
  """Names the cells that have no score.

  Args:
    table: results_table.ResultsTable.

  Returns:
    str, "layer 3: q2, p2; layer 5: all" for example; "" when none is missing.
  """
  holes = []
  for layer, row in zip(table.layers, table.scores):
    zones = [zone for zone, score in zip(table.zones, row)
             if math.isnan(score)]
    if zones:
      holes.append("layer %s: %s" % (layer, ", ".join(zones)))
  return "; ".join(holes)


def doubt_baseline(table, baseline):
  """Compares the baseline with the last layer, where q2 and q2p change no answer.

  A warning, not an error: the table may lack the model's last layers, and answers
  of SQuAD v2.0 also depend on [CLS], which q2p does change.

  Args:
    table: results_table.ResultsTable.
    baseline: float.

  Returns:
    str, one line, if that layer's q2 and q2p are all more than
    LAST_LAYER_TOLERANCE off the baseline, on the same side; otherwise "".
  """
  single = [layer for layer in table.layers if layer.isdigit()]
  if not single:
    return ""
  last = max(single, key=int)
  row = table.scores[table.layers.index(last)]
  scores = [(zone, row[table.zones.index(zone)])
            for zone in LAST_LAYER_ZONES if zone in table.zones]
  scores = [(zone, score) for zone, score in scores if not math.isnan(score)]
  off = [score - baseline for _, score in scores]
  if not off or (min(off) <= LAST_LAYER_TOLERANCE and
                 max(off) >= -LAST_LAYER_TOLERANCE):
    return ""
  nearest = min((score for _, score in scores),
                key=lambda score: abs(score - baseline))
  return (
      "baseline %g: layer %s has %s; if it is the model's last layer, masking "
      "there leaves SQuAD v1.1 answers as they are, and the baseline should be "
      "about %g" % (baseline, last,
                    " and ".join("%s %g" % score for score in scores), nearest))


def parse_args(argv):
  """Reads the command line into an argparse.Namespace."""
  parser = argparse.ArgumentParser(
      description="Draw what masking each attention zone in each layer costs.")
  parser.add_argument("results", help="results.csv of get_results.py")
  parser.add_argument("baseline",
                      help="the score with nothing masked, 0 to 100")
  parser.add_argument("figure", help="file to write: .pdf, .svg or .png")
  parser.add_argument("--title", help="a line above the figure")
  parser.add_argument("--annotate", action="store_true",
                      help="write the differences into the cells")
  parser.add_argument("--cmap", default=CMAP,
                      help="matplotlib's colour map (default: %(default)s)")
  parser.add_argument("--vmin", type=float, default=VMIN,
                      help="difference of the darkest colour "
                      "(default: %(default)g)")
  parser.add_argument("--vmax", type=float, default=VMAX,
                      help="difference where the colours end "
                      "(default: %(default)g)")
  return parser.parse_args(argv)


def warn(message):
  """Prints one line to stderr under the script's name."""
  print("visualize_att_zone.py: %s" % message, file=sys.stderr)


def main(argv=None):
  """Runs the command line; returns the exit status."""
  args = parse_args(argv)
  try:
    _figure_suffix(args.figure)
    path_checks.check_input(
        "results", args.results, "a results.csv of get_results.py")
    path_checks.check_output(
        "figure", args.figure, "a file to write, squad.pdf for example")
    baseline = parse_baseline(args.baseline)
    table = results_table.read_results(args.results)
    figure = draw(table, baseline, title=args.title, annotate=args.annotate,
                  cmap=args.cmap, vmin=args.vmin, vmax=args.vmax)
    save(figure, args.figure)
  except BrokenPipeError:
    raise
  except (ValueError, OSError) as error:
    warn(path_checks.describe(error))
    return 1
  holes = missing_cells(table)
  if holes:
    warn("%s: missing cells, drawn hatched: %s" % (args.results, holes))
  doubt = doubt_baseline(table, baseline)
  if doubt:
    warn("warning: %s" % doubt)
  return 0


if __name__ == "__main__":
  interrupts.run(main)
