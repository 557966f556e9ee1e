"""results.stats.csv and the other files of statistics that get_results.py writes.

They are made as texts, so that nothing is written before all of them are complete.
"""

import collections
import itertools
import math
import os
import sys

import numpy as np

from attention_zones.base import files
from attention_zones.base import manifest
from attention_zones.findings import contrasts
from attention_zones.findings import controls
from attention_zones.findings import effects
from attention_zones.findings import formulas
from attention_zones.findings import question_traits
from attention_zones.findings import readout
from attention_zones.findings import shapley
from attention_zones.findings import strata
from attention_zones.findings import tables
from attention_zones.scores import metrics
from attention_zones.scores import predictions
from attention_zones.zones.decodes import BASELINE

# Passages of one article are alike if its standard error is so many times as large.
LARGER_BY_ARTICLE = 1.2

# Tables beside results.csv, named like results.stats.csv.
BESIDE = ("std", "stats", "controls", "contrasts", "shapley", "strata")


def beside(results_path, kind):
  """The path of another table: results.stats.csv beside results.csv."""
  stem, suffix = os.path.splitext(results_path)
  return "%s.%s%s" % (stem, kind, suffix)


def kinds_of(cells):
  """The tables of BESIDE that masked decodes have without a flag: list of str.

  Args:
    cells: list of masked Decodes.
  """
  return (["stats"] + ["controls"] * bool(controls.pairs(cells))
          + ["shapley"] * bool(shapley.complete(cells)))


def left_out(results_path, kinds, why_not):
  """Says why there is no results.stats.csv, for example: str, a line.

  Args:
    results_path, why_not: str.
    kinds: list of str of BESIDE.
  """
  paths = [beside(results_path, kind) for kind in kinds]
  line = "%s %s left out: %s" % (
      " and ".join(paths), "is" if len(paths) == 1 else "are", why_not)
  if any(map(files.exists, paths)):
    line += "; the file of this name is of an earlier run"
  return line


def check(options, names, cells, asked):
  """Finds out whether there can be statistics, before anything is scored.

  Args:
    options: namespace of get_results.py's flags.
    names: dict from Decode to file name, of the first folder.
    cells: list of the masked Decodes.
    asked: list of questions.Question.

  Returns:
    str, why there can be none; None if there can.

  Raises:
    ValueError: there can be none, and a flag asks for them; or a flag asks for what
      is not there.
  """
  _check_margin(options)
  wants = [flag for flag in ("strata", "per_question", "contrast", "tex", "margin")
           if getattr(options, flag)]
  _, number = question_traits.clusters(asked, options.cluster)
  why_not = None
  if BASELINE not in names:
    why_not = "no %s in the folder, so the baseline is not known" % (
        BASELINE.file_name())
  elif number < 2:
    why_not = "%s has one %s only, and statistics compare several" % (
        options.data_file, question_traits.CLUSTER_NAMES[options.cluster][0])
    if len(asked) > 1:
      why_not += "; --cluster=none takes its questions as independent"
  if why_not and wants:
    raise ValueError("--%s: %s" % (wants[0], why_not))
  for flag in ("strata", "tex"):
    if getattr(options, flag) and not _of_zones(cells):
      raise ValueError("--%s: is about zones in all heads; here are controls and "
                       "single heads only" % flag)
  for text in itertools.chain(*options.contrast):
    contrasts.parse(text, cells)
  if options.strata or options.per_question:
    question_traits.check_texts(options.data_file, asked)
  return why_not


def _check_margin(options):
  """Raises ValueError where --margin is no difference that a cell can have."""
  metric = metrics.METRICS[options.metric]
  if options.margin is not None and not 0 < options.margin < metric.reach:
    most = "" if math.isinf(metric.reach) else " and below %g" % metric.reach
    raise ValueError("--margin=%g: should be a number of %s above 0%s, %g for "
                     "example" % (options.margin, metric.unit, most,
                                  10 ** (1 - metric.places)))


def make(options, cells, seeds, asked, manifests):
  """Makes the files of statistics.

  Args:
    options: namespace of get_results.py's flags.
    cells: list of the masked Decodes, in the order of the tables.
    seeds: list of FolderScores.
    asked: list of questions.Question, those that were scored.
    manifests: list of dict, one for each seed, as manifest.load returns it.

  Returns:
    (texts, lines): dict from path to the text to write there, and the list of str
    to print.
  """
  *folders, results_path = options.paths
  settings = effects.Settings(options.metric, options.cluster, options.resamples,
                              options.random_seed, options.margin)
  if 1 < len(folders) < effects.TRAININGS:
    print("%d training seeds: too few to say how trainings differ, so the results "
          "are about these checkpoints; %d or more, as in the paper, are about "
          "trainings" % (len(folders), effects.TRAININGS), file=sys.stderr)
  cluster_of, _ = question_traits.clusters(asked, settings.cluster)
  measured = effects.Measured(cells, seeds, cluster_of, settings)
  may_differ = readout.cells_that_may_differ(
      cells, seeds, manifests, settings.metric)
  rows = effects.cell_rows(measured, seeds, may_differ, _of_cells(
      manifest.masked_fractions(manifests[0]), cells))
  written = collections.OrderedDict(stats=rows)
  lines = tables.findings(rows, settings) + _fewer_questions(measured, rows)
  if settings.cluster == "paragraph":
    lines += _articles(measured, rows, asked)
  compared = controls.rows(
      measured, _of_cells(manifest.overlaps(manifests[0]), cells), may_differ)
  if compared:
    written["controls"] = compared
    lines += controls.findings(compared, {
        (row["layer"], row["head"], row["zone"]) for row in rows
        if tables.is_finding(row) and row["diff"] < 0})
  if options.contrast:
    written["contrasts"] = contrasts.rows(options.contrast, measured, may_differ)
    lines += map(tables.contrast_line, written["contrasts"])
  of_subsets, families = shapley.rows(measured, may_differ)
  if of_subsets:
    written["shapley"] = of_subsets
  lines += shapley.findings(families, shapley.lacking(cells))
  texts = collections.OrderedDict(
      (beside(results_path, kind), tables.as_csv(of_kind))
      for kind, of_kind in written.items())
  if options.strata or options.per_question:
    more, remarks = _by_question(options, cells, measured, may_differ, asked)
    texts.update(more)
    lines += remarks
  if options.tex:
    texts[options.tex] = tables.as_latex(
        [rows[c] for c in _of_zones(cells)], settings, options.tex_columns)
  return texts, lines + ["written: %s" % ", ".join([results_path] + list(texts))]


def _fewer_questions(measured, rows):
  """Says which cells have fewer questions than the data set.

  Args:
    measured: effects.Measured.
    rows: list of dict, as effects.cell_rows returns it.

  Returns:
    list of str, lines.
  """
  lines, total = [], len(measured.cluster_of)
  fewer = [row for row in rows if row["n"] < total]
  if fewer:
    lines.append(
        "%d cells leave out questions without tokens of their sets: their scores, "
        "and their baselines, are of %s questions, not of %d" % (
            len(fewer), tables.value_range(fewer, "n"), total))
  thin = [predictions.cell_label(cell) for cell, row in zip(measured.cells, rows)
          if row["se"] is None]
  if thin:
    lines.append("no interval and no p of cells whose questions are not of several "
                 "%s: %s" % (
                     question_traits.CLUSTER_NAMES[measured.settings.cluster][1],
                     predictions.some(thin)))
  return lines


def _articles(measured, rows, asked):
  """Says whether questions about one article are alike beyond their passage.

  Args:
    measured: effects.Measured, of passages.
    rows: list of dict, as effects.cell_rows returns it of them.
    asked: list of questions.Question.

  Returns:
    list of at most one str, a line.
  """
  article_of, number = question_traits.clusters(asked, "article")
  larger = []
  for alike in measured.alike(range(len(rows))):
    of_cells = measured.of(alike)
    if of_cells is not None:
      _, sums, sizes = effects.cluster(
          of_cells.differences.mean(0), article_of[measured.questions(alike)])
      if len(sizes) > 1:
        is_larger = formulas.cluster_se(sums, sizes) > (
            LARGER_BY_ARTICLE * formulas.cluster_se(
                of_cells.sums.mean(0), of_cells.sizes))
        larger += tables.family([rows[c] for c in np.array(alike)[is_larger]])
  return larger and [
      "in %d of %d tested cells the standard error by article is more than %g times"
      " that by passage: %s" % (
          len(larger), len(tables.family(rows)), LARGER_BY_ARTICLE,
          "take --cluster=article" if number >= tables.FEW_CLUSTERS else
          "intervals may be too small, but %d articles are too few to cluster by" %
          number)]


def _by_question(options, cells, measured, may_differ, asked):
  """Makes results.strata.csv and the file of --per_question, as `make` does."""
  texts, lines = collections.OrderedDict(), []
  question_traits.remark(options.data_file, asked)
  traits = list(map(question_traits.of_question, asked))
  if options.strata:
    rows = strata.rows(
        strata.large(strata.find(traits), measured, options.data_file), measured,
        _of_zones(cells), may_differ)
    if rows:
      texts[beside(options.paths[-1], "strata")] = tables.as_csv(rows)
    else:
      lines.append(left_out(
          options.paths[-1], ["strata"], "%s, and none in %s has as many" % (
              strata.needs(options.cluster), options.data_file)))
  if options.per_question:
    texts[options.per_question] = tables.per_question_csv(
        asked, traits, question_traits.clusters(asked, "paragraph")[0], measured)
  return texts, lines


def _of_cells(of_files, cells):
  """A dict from Decode to float, from a dict from file name to float."""
  return {cell: of_files[cell.file_name()] for cell in cells
          if cell.file_name() in of_files}


def _of_zones(cells):
  """The cells that are of zones themselves, in all heads: list of int, indices."""
  return [c for c, cell in enumerate(cells)
          if not cell.is_path and not cell.mask.is_per_head
          and not cell.mask.has_controls]
