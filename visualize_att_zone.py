#!/usr/bin/env python3
"""Draws results.csv as a heatmap: what masking each zone in each layer costs.

  python visualize_att_zone.py results.csv 80.567 squad.pdf
  python visualize_att_zone.py a.csv 80.567 b.csv 80.901 both.pdf --width=174
  python visualize_att_zone.py results.controls.csv controls.pdf
  python visualize_att_zone.py results.shapley.csv shapley.pdf

Rows are layers, layer 1 at the bottom; columns are zones; a cell's colour is
its score minus the baseline's: blue where masking hurts, red where it helps.
Several tables, each with its baseline, are panels A, B, ... with one colour bar. A
table with single heads also has a panel for each zone, in which columns are heads,
one with windows of layers a panel for each width.
results.controls.csv has panels of zones, of their controls, and of the contrasts;
results.shapley.csv of zones alone, of their Shapley values, and of zones last.
--stats=results.stats.csv marks the cells with p_holm < .05 by a dot, and those that
are equivalent to the baseline (get_results.py --margin) by a circle.

  python visualize_att_zone.py attention_mass.csv mass.pdf
  python visualize_att_zone.py attention_mass.csv --against=results.stats.csv x.pdf

draw how much attention the zones get, and that against what masking them costs.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("visualize_att_zone.py")  # Before the slow imports.

import argparse
import collections
import math
import os
import sys

import matplotlib

from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.figures import figure_text
from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.figures import mass_figures
from attention_zones.figures import panel_tables
from attention_zones.scores import interim
from attention_zones.scores import metrics
from attention_zones.scores import results_table

# Where the paper's colours end: VMIN is the darkest blue.
VMIN, VMAX = metrics.SCORE.lowest, metrics.SCORE.highest

# ColorBrewer's, made for colour-blind readers: losses are blue here, too, and the
# larger a difference, the darker its colour, also in grey.
COLORBLIND_CMAP = "RdBu_r"

# Options to save each kind of file. Without dates and without random ids, the same
# table always gives the same bytes.
SAVING = collections.OrderedDict([
    (".pdf", {"metadata": {"CreationDate": None}}),
    (".svg", {"metadata": {"Date": None}}),
    (".png", {"dpi": 300}),
])

# Of --width, in mm: the longer side of A3, a poster's figure.
MAX_WIDTH = 420


def draw_panels(panels, look, remarks=()):
  """Draws a heatmap for each table, with one colour bar.

  Args:
    panels: list of heatmap.Panel.
    look: heatmap.Look.
    remarks: list of str, lines below the figure.

  Returns:
    matplotlib.figure.Figure, as of heatmap.draw.

  Raises:
    ValueError: a table has no score; or a baseline, the title, the colour map, its
      range or the width cannot be used.
  """
  for panel in panels:
    _check_baseline(panel)
    if panel.measure.unit != panels[0].measure.unit:
      raise ValueError("%s and %s: one has scores, the other log-probabilities; "
                       "one colour bar cannot serve both" % (
                           panels[0].name, panel.name))
  _check_colours(look.cmap, look.vmin, look.vmax)
  if look.title:
    look = look._replace(title=figure_text.check("--title", look.title))
  return heatmap.draw(panels, look, remarks=remarks)


def save(figure, path):
  """Writes a figure as PDF, SVG or PNG, completely or not at all.

  Args:
    figure: matplotlib Figure.
    path: str; its suffix says which kind of file.

  Raises:
    ValueError: another suffix.
    OSError: the file cannot be written.
  """
  suffix = _figure_suffix(path)
  with heatmap.paper_style(), files.replacing(path) as temporary:
    figure.savefig(temporary, format=suffix[1:], **SAVING[suffix])
    if suffix == ".svg":
      figure_text.name_fonts(temporary)


def _figure_suffix(path):
  """The suffix of `path`, in lower case; raises ValueError for unknown ones."""
  suffix = os.path.splitext(path)[1].lower()
  if suffix not in SAVING:
    raise ValueError("%s: the suffix %r is not a kind of figure; end the name in "
                     "%s" % (path, suffix, ", ".join(SAVING)))
  return suffix


def _check_baseline(panel):
  """Raises ValueError when a Panel has no score, or another table's baseline."""
  baseline = panel.baseline
  scores = [score for row in panel.table.scores for score in row
            if not math.isnan(score)]
  if not scores:
    raise ValueError("%s: no cell has a score, nothing can be drawn" % panel.name)
  if baseline is None:
    return
  if panel.table.is_logp:
    if not baseline <= 0:
      raise ValueError("baseline %g: %s has log-probabilities, and their baseline "
                       "is one, too, 0 at most" % (baseline, panel.name))
    return
  if not 0 <= baseline <= 100:  # also for nan
    raise ValueError("baseline %g: scores are from 0 to 100, as eval_squad.py "
                     "prints them" % baseline)


def _check_colours(cmap, vmin, vmax):
  """Raises ValueError for an unknown colour map or an impossible range."""
  import seaborn  # noqa: F401, adds its own maps, such as vlag
  if cmap not in list(matplotlib.colormaps):
    raise ValueError("--cmap=%s: no such colour map; seismic, coolwarm, RdBu_r or "
                     "another of matplotlib's would be right" % cmap)
  if not (-math.inf < vmin <= 0 <= vmax < math.inf and vmin < vmax):
    raise ValueError(
        "--vmin=%g --vmax=%g: the colours go from a loss over 0 to a gain, so "
        "vmin must be at most 0, vmax at least 0, both finite, and one of them "
        "not 0" % (vmin, vmax))


def parse_args(argv):
  """Reads the command line into an argparse.Namespace."""
  parser = argparse.ArgumentParser(
      usage="%(prog)s results.csv baseline [b.csv baseline ...] figure [flags]\n"
      "       %(prog)s results.controls.csv|results.shapley.csv figure [flags]",
      description="Draw what masking each attention zone in each layer costs.")
  parser.add_argument(
      "paths", nargs="*", metavar="results.csv baseline figure",
      help="a results.csv of get_results.py and its score with nothing masked, 0 "
      "to 100; more such pairs for more panels; or a results.controls.csv or "
      "results.shapley.csv alone; then the file to write: .pdf, .svg or .png")
  parser.add_argument("--title", help="a line above the figure")
  parser.add_argument("--annotate", action="store_true",
                      help="write the differences into the cells")
  parser.add_argument("--stats", action="append", metavar="results.stats.csv",
                      help="mark cells with p_holm < .05 by a dot, those with "
                      "p_equivalent < .05 by a circle; once for each table, in "
                      "their order")
  parser.add_argument("--width", type=float, metavar="MM",
                      help="width of the figure: 85, 114 or 174 mm are 1, 1.5 and "
                      "2 columns of a journal (default: by the number of cells)")
  colours = parser.add_mutually_exclusive_group()
  colours.add_argument("--cmap", default=heatmap.CMAP,
                       help="matplotlib's colour map (default: %(default)s)")
  colours.add_argument("--colorblind", dest="cmap", action="store_const",
                       const=COLORBLIND_CMAP,
                       help="a colour map for colour-blind readers and grey "
                       "printers, " + COLORBLIND_CMAP)
  parser.add_argument("--vmin", type=float,
                      help="difference of the darkest colour (default: %g; of "
                      "log-probabilities, the largest loss)" % VMIN)
  parser.add_argument("--vmax", type=float,
                      help="difference where the colours end (default: %g; of "
                      "log-probabilities, the largest gain)" % VMAX)
  parser.add_argument("--symmetric", action="store_true",
                      help="colours from the largest loss to the largest gain, as "
                      "strong for a loss as for a gain of the same size; "
                      "log-probabilities have them without this flag")
  parser.add_argument("--panel_title", action="append", metavar="TEXT",
                      help="a line above a panel; once for each, in their order")
  parser.add_argument("--no_caption", dest="caption", action="store_false",
                      help="leave out the lines below the figure, which explain it")
  parser.add_argument("--against", metavar="results.stats.csv",
                      help="with attention_mass.csv: draw mass against what "
                      "masking costs")
  # Intermixed, so that a flag may stand between the paths.
  args = parser.parse_intermixed_args(argv)
  if args.symmetric and (args.vmin is not None or args.vmax is not None):
    parser.error("--symmetric sets --vmin and --vmax; leave these out")
  is_figure = os.path.splitext((args.paths or [""])[-1])[1].lower() in SAVING
  if len(args.paths) == 2 and is_figure:
    return args
  if len(args.paths) < 3 or len(args.paths) % 2 == 0:
    parser.error(
        "give a table, its baseline and the figure: results.csv 80.567 squad.pdf; "
        "or several tables, each with its baseline: a.csv 80.567 b.csv 80.901 "
        "squad.pdf; or attention_mass.csv mass.pdf, or results.controls.csv "
        "controls.pdf, or results.shapley.csv shapley.pdf; not %s" % (
            " ".join(args.paths) or "nothing"))
  return args


def check_paths(args):
  """Refuses paths, and a width, that cannot work, before anything is read."""
  _figure_suffix(args.paths[-1])
  for path in args.paths[:-1:2]:
    path_checks.check_input("results", path, "a results.csv of get_results.py")
  stats = args.stats or []
  for path in stats:
    path_checks.check_input(
        "--stats", path, "a results.stats.csv of get_results.py")
  tables = len(args.paths) // 2
  if stats and len(stats) != tables:
    raise ValueError("--stats: %d files for %d tables; give one for each table, in "
                     "their order" % (len(stats), tables))
  path_checks.check_output(
      "figure", args.paths[-1], "a file to write, squad.pdf for example")
  if _is_of_mass(args):
    mass_figures.check_flags(args)
  elif args.against:
    raise ValueError("--against=%s: is for attention_mass.csv, as in "
                     "attention_mass.csv effect.pdf --against=results.stats.csv" %
                     args.against)
  if args.width is not None and not 0 < args.width <= MAX_WIDTH:
    raise ValueError("--width=%g: should be a number of mm up to %d, 85 for a "
                     "column for example" % (args.width, MAX_WIDTH))


def _is_of_mass(args):
  """Whether the command line draws an attention_mass.csv: bool."""
  return len(args.paths) == 2 and mass_figures.is_mass_file(args.paths[0])


def read_panels(args):
  """Reads the tables of the command line.

  Returns:
    list of heatmap.Panel.
  """
  if len(args.paths) == 2:
    panels = panel_tables.of_differences(args.paths[0])
    if args.stats:
      panels[0] = marks.with_marks(args.stats[0], panels[0])
    return panels
  panels = []
  for i, path in enumerate(args.paths[:-1:2]):
    text = args.paths[2 * i + 1]
    try:
      baseline = float(text)
    except ValueError:
      raise ValueError("baseline %r: not a number; give the score with nothing "
                       "masked, 80.567 for example" % text) from None
    table = results_table.read_results(path)
    # First: a wrong baseline is a simpler mistake than a wrong file of statistics.
    _check_baseline(heatmap.Panel(path, table, baseline, None))
    of_table = panel_tables.of_results(path, table, baseline)
    if args.stats:
      of_table = [marks.with_marks(args.stats[i], panel, of_table)
                  for panel in of_table]
    else:
      _refuse_own_baselines(of_table)
    panels += of_table
  return panels


def _refuse_own_baselines(panels):
  """Raises ValueError where --stats lacks for a column whose zone leaves questions
  out, so that one baseline for all cells would be wrong."""
  for panel in panels:
    for column in panel.table.zones:
      if panel.mask_of(column).sets_of_data:
        raise ValueError(
            "%s: the column %s is about questions with tokens of its sets only, "
            "whose baseline may not be %g; give --stats=results.stats.csv, which "
            "has it" % (panel.name, panel.zone or column, panel.baseline))


def with_titles(panels, titles):
  """Gives each panel a title of --panel_title, if there are any."""
  if not titles:
    return panels
  if len(titles) != len(panels):
    raise ValueError("--panel_title: %d titles for %d panels; give one for each, "
                     "in their order" % (len(titles), len(panels)))
  return [panel._replace(title=figure_text.check("--panel_title", title))
          for panel, title in zip(panels, titles)]


def make_look(args, panels):
  """The heatmap.Look that the command line asks for."""
  measure = heatmap.measure_of(panels)
  vmin, vmax = measure.lowest, measure.highest
  if args.symmetric or vmin is None:
    vmin, vmax = heatmap.span(panels)
  return heatmap.Look(
      args.title, args.annotate, args.cmap,
      vmin if args.vmin is None else args.vmin,
      vmax if args.vmax is None else args.vmax,
      args.width and args.width / 25.4, args.caption)


def run(args):
  """Draws what the command line asks for. Raises OSError and ValueError."""
  check_paths(args)
  if _is_of_mass(args):
    _check_colours(args.cmap, VMIN, VMAX)
    cmap = COLORBLIND_CMAP if args.cmap == heatmap.CMAP else args.cmap
    save(mass_figures.draw(args, cmap), args.paths[-1])
    return
  panels = with_titles(read_panels(args), args.panel_title)
  save(draw_panels(panels, make_look(args, panels), interim.remarks(
      args.paths[:-1:2] + (args.stats or []))), args.paths[-1])
  for panel in panels:
    holes = heatmap.missing_cells(panel)
    if holes:
      print("visualize_att_zone.py: %s: missing cells, drawn hatched: %s" % (
          panel.name, holes), file=sys.stderr)


main = commands.main("visualize_att_zone.py", parse_args, run)

if __name__ == "__main__":
  commands.run(main)
