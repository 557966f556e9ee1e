"""results.stats.csv and the other files of statistics that get_results.py writes.

They are made as texts, so that nothing is written before all of them are complete.
"""

import collections
import itertools
import os
import sys

from attention_zones import contrasts
from attention_zones import effects
from attention_zones import files
from attention_zones import question_traits
from attention_zones import run_records
from attention_zones import stats_tables
from attention_zones import strata
from attention_zones.decodes import BASELINE

# Tables beside results.csv, named like results.stats.csv.
BESIDE = ("std", "stats", "contrasts", "strata")


def beside(results_path, kind):
  """The path of another table: results.stats.csv beside results.csv."""
  stem, suffix = os.path.splitext(results_path)
  return "%s.%s%s" % (stem, kind, suffix)


def left_out(results_path, why_not):
  """Says why there is no results.stats.csv: str, a line."""
  path = beside(results_path, "stats")
  return "%s is left out: %s%s" % (path, why_not, files.exists(path) * (
      "; the file of this name is of an earlier run"))


def check(options, names, cells, asked):
  """Finds out whether there can be statistics, before anything is scored.

  Args:
    options: namespace of get_results.py's flags.
    names: dict from Decode to file name, of the first folder.
    cells: list of the masked Decodes.
    asked: list of question_traits.Asked.

  Returns:
    str, why there can be none; None if there can.

  Raises:
    ValueError: there can be none, and a flag asks for them; or a flag asks for what
      is not there.
  """
  wants = [flag for flag in ("strata", "per_question", "contrast", "tex")
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
  for text in itertools.chain(*options.contrast):
    contrasts.parse(text, cells)
  if options.strata or options.per_question:
    question_traits.check_texts(options.data_file, asked)
  return why_not


def make(options, cells, seeds, gold, asked):
  """Makes the files of statistics.

  Args:
    options: namespace of get_results.py's flags.
    cells: list of the masked Decodes, in the order of the tables.
    seeds: list of FolderScores.
    gold: evaluators.Gold.
    asked: list of question_traits.Asked of the same questions.

  Returns:
    (texts, lines): dict from path to the text to write there, and the list of str
    to print.
  """
  *folders, results_path = options.paths
  settings = effects.Settings(options.metric, options.cluster, options.draws,
                              options.random_seed)
  if len(folders) == 2:
    print("2 training seeds: how much seeds differ is hardly known from two; train "
          "three or more, five as in the paper", file=sys.stderr)
  cluster_of, _ = question_traits.clusters(asked, settings.cluster)
  measured = effects.measure(cells, seeds, cluster_of, settings)
  manifest = run_records.load_manifest(folders[0])
  shares = run_records.masked_shares(manifest)
  may_differ = effects.cells_that_may_differ(
      cells, seeds, gold.questions, _has_null(gold.questions, manifest),
      gold.evaluator.cls_takes_part)
  rows = effects.cell_rows(measured, seeds, may_differ, {
      cell: shares[cell.file_name()] for cell in cells
      if cell.file_name() in shares})
  texts = collections.OrderedDict(
      [(beside(results_path, "stats"), stats_tables.as_csv(rows))])
  lines = stats_tables.findings(rows, settings)
  if options.contrast:
    tested = contrasts.rows(options.contrast, measured)
    texts[beside(results_path, "contrasts")] = stats_tables.as_csv(tested)
    lines += map(stats_tables.contrast_line, tested)
  if options.strata or options.per_question:
    traits = list(map(question_traits.of_question, asked))
  if options.strata:
    found = strata.find(traits)
    strata.remark(options.data_file, found)
    texts[beside(results_path, "strata")] = stats_tables.as_csv(
        strata.rows(found, measured, seeds, may_differ))
  if options.per_question:
    texts[options.per_question] = stats_tables.per_question_csv(
        asked, traits, question_traits.clusters(asked, "paragraph")[0], measured,
        seeds)
  if options.tex:
    texts[options.tex] = stats_tables.as_latex(rows, settings)
  return texts, lines + ["written: %s" % ", ".join([results_path] + list(texts))]


def _has_null(questions, manifest):
  """Whether questions may have no answer, as in SQuAD v2.0: bool."""
  return not all(question.has_answer for question in questions.values()) or any(
      run.get("--version_2_with_negative") for run in manifest["runs"].values())
