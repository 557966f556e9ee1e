"""Writes a page to look at: the heatmap of a sweep, and the questions behind it.

    python -m attention_zones.cases squad-model report.html

reads the predictions of a sweep. Each cell of the heatmap leads to the --top
questions that it loses, and to as many that it gains; each of these to the
question: its passage with all answers marked, and what each decode answers. With
--stats=results.stats.csv cells have intervals and marks. report.csv beside the page
has all questions, by the number of decodes that flip them.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("attention_zones.cases")  # Before the slow imports.

import argparse
import collections
import math
import os
import sys

from attention_zones.base import csv_files
from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.base import questions
from attention_zones.figures import cases_page
from attention_zones.figures import heat_tables
from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.figures import page_about
from attention_zones.findings import flips
from attention_zones.findings.flips import GAINED, KEPT, LOST, OTHER
from attention_zones.scores import evaluators
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.scores import sweeps
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import decodes

COLUMNS = ("id", "question", "gold", "baseline", "baseline_exact", "flipped",
           "lost", "gained", "other_wrong", "kept", "masked_answer",
           "flipped_cells")

# How get_results.py's tables of each metric are called in commands.
_TABLES = {"exact": "results.csv", "f1": "f1.csv", "logp": "logp.csv"}


def masked_decodes(sweep):
  """The masked decodes that the page shows.

  Args:
    sweep: sweeps.Sweep.

  Returns:
    list of Decode, by layers and zones as in results.csv. Those of single heads and
    paths are left out, and a line on stderr says so: a grid of hundreds of columns
    cannot be read.

  Raises:
    ValueError: the folder has no predictions.json, or no predictions with a zone
      masked in all heads.
  """
  found = set(sweep.names)
  if BASELINE not in found:
    raise ValueError("%s: has no %s, the answers with nothing masked, to compare "
                     "with; decode them into this folder" % (
                         sweep.folder, BASELINE.file_name()))
  masked = found - {BASELINE}
  of_all_heads = [decode for decode in masked
                  if not decode.is_path and not decode.mask.is_per_head]
  if not of_all_heads:
    raise ValueError("%s: has decodes of single heads, or paths, only; the page is "
                     "about zones in all heads" % sweep.folder)
  if len(of_all_heads) < len(masked):
    print("%s: not on the page, which is about zones in all heads: %s" % (
        sweep.folder, predictions.some(sorted(
            decode.file_name() for decode in masked.difference(of_all_heads)), 3)),
          file=sys.stderr)
  return sorted(of_all_heads, key=lambda decode: (
      results_table.layer_order(decode.layers), decodes.column_order(decode.mask)))


def read(arguments):
  """Reads the folder and its data set.

  Args:
    arguments: Namespace of the flags, with `dataset` and `data_file` settled.

  Returns:
    (sweeps.Sweep, flips.Answers).

  Raises:
    OSError, ValueError: a file is faulty, missing, or of other questions.
  """
  with predictions.telling_of_journals([arguments.folder], arguments.data_file):
    sweep = sweeps.Sweep(arguments.folder)
    masked = masked_decodes(sweep)
  gold = evaluators.load(arguments.dataset, arguments.data_file)
  asked = questions.read(arguments.data_file, _with_texts)
  left_out = sweeps.left_out([sweep], gold.questions)
  return sweep, flips.read(sweep, [
      decode for decode in masked if decode in sweep.names], asked, gold, left_out)


def _with_texts(asked):
  """A questions.Question. Raises ValueError if it has no text or no passage."""
  for name in ("text", "context"):
    getattr(asked, name)
  return asked


def make_heats(arguments, answers):
  """Makes the heatmaps, with the statistics that are given.

  Args:
    arguments: Namespace of the flags.
    answers: flips.Answers.

  Returns:
    list of heat_tables.Heat, one for each metric, EM first.

  Raises:
    OSError, ValueError: a file of statistics is faulty or of other scores, or two
      are of one metric.
  """
  rows, masks = predictions.plan_table(answers.decodes[1:])
  heats = collections.OrderedDict()
  for metric, percent in answers.percent.items():
    scores = dict(zip(answers.decodes, percent))
    before = zip(answers.decodes[1:], answers.before[metric][1:])
    table = results_table.of_cells(rows, masks, lambda row, mask: scores.get(
        predictions.decode_at(row, mask), math.nan))
    path = os.path.join(os.path.dirname(arguments.page), _TABLES[metric])
    heats[metric] = heat_tables.Heat(
        heatmap.Panel(arguments.folder, table, scores[BASELINE], None,
                      metric=metric, own_baselines={
                          tuple(predictions.labels(decode)[name]
                                for name in ("layer", "zone")): score
                          for (decode, score), out in zip(before, answers.left_out)
                          if out.any()}),
        None, os.path.splitext(path)[0] + ".stats.csv", page_about.command_of(
            "python get_results.py", [arguments.folder, path] + arguments.of_data
            + ["--metric=" + metric] * (metric != "exact")))
  for path in arguments.stats:
    for metric, of_metric in marks.read_rows(path, None).items():
      heats[metric] = _with_statistics(heats, metric, of_metric, path, arguments)
  return list(heats.values())


def _with_statistics(heats, metric, rows, path, arguments):
  """The heat_tables.Heat of a metric with the rows of a file of statistics."""
  problem, heat = None, heats.get(metric)
  if heat is None:
    problem = "is of the metric %s, which the page does not have: it has %s" % (
        metric, ", ".join(heats))
  elif heat.rows is not None:
    problem = "is of the metric %s, as %s is; give one file for each" % (
        metric, heat.path)
  elif max(row.get("seeds", 1) for row in rows.values()) > 1:
    problem = ("is of several folders; the page is of one, %s, that is of one "
               "training seed" % arguments.folder)
  else:
    problem = marks.mismatch(rows, heat.panel)
    problem = problem and "%s; give the stats file that was written with %s" % (
        problem, arguments.folder)
  if problem:
    raise ValueError("%s: %s" % (path, problem))
  return heat._replace(
      panel=marks.marked(heat.panel, metric, rows), rows=rows, path=path)


def table(answers):
  """The text of report.csv, a row for each question of flips.Answers: str."""
  names = list(map(predictions.cell_label, answers.decodes[1:]))
  lines = []
  for question, asked in enumerate(answers.asked):
    texts = [of[question] for of in answers.texts]
    outcomes = [answers.outcome(cell, question) for cell in range(len(names))]
    flips_at = [cell for cell, what in enumerate(outcomes)
                if what in (LOST, GAINED)]
    masked = collections.Counter(texts[cell + 1] for cell in flips_at)
    lines.append([
        asked.id, asked.text, " | ".join(collections.OrderedDict.fromkeys(
            gold.text for gold in asked.answers)), texts[0],
        answers.exact[0, question], answers.flipped[question]] + [
            outcomes.count(what) for what in (LOST, GAINED, OTHER, KEPT)] + [
                max(masked, key=masked.get) if masked else "",
                " ".join(names[cell] for cell in flips_at)])
  lines.sort(key=lambda line: -line[COLUMNS.index("flipped")])
  return csv_files.as_text([COLUMNS] + lines)


def check_arguments(arguments):
  """Refuses arguments that cannot work, before anything slow.

  Returns:
    str, the path of report.csv.

  Raises:
    OSError, ValueError: an argument cannot be used, or the table would overwrite
      another one.
  """
  stem, suffix = os.path.splitext(arguments.page)
  for path in arguments.stats:
    path_checks.check_input("--stats", path, marks.KIND)
  predictions.settle_data(arguments, [arguments.folder])
  if suffix.lower() not in (".html", ".htm"):
    raise ValueError("%s: the second argument is the page to write, its name "
                     "should end with .html, report.html for example" %
                     arguments.page)
  csv_path = stem + ".csv"
  for path in (arguments.page, csv_path):
    path_checks.check_output("the second argument", path,
                             "the page to write, report.html for example")
  # results.html would overwrite results.csv.
  if files.exists(csv_path):
    header = ",".join(COLUMNS).encode()
    if not files.read_bytes(csv_path).startswith(header):
      raise ValueError("%s: is not a table of cases, and would be overwritten; "
                       "give %s another name" % (csv_path, arguments.page))
  return csv_path


def write(arguments):
  """Writes the page and the table, and says where they are."""
  csv_path = check_arguments(arguments)
  sweep, answers = read(arguments)
  heats = make_heats(arguments, answers)
  about = page_about.paragraphs(
      page_about.command_of("python -m attention_zones.cases", arguments.command),
      arguments.data_file, sweep, answers, heats[0].panel)
  # Neither file is replaced unless both are complete.
  with files.replacing(arguments.page) as page:
    files.append_text(page, cases_page.pieces(cases_page.Report(
        arguments.folder, answers, heats, arguments.top, about)))
    files.write_text(csv_path, [table(answers)])
  print("%s: the heatmap, and the questions behind it; all %d questions, of which "
        "masking flips %d, are in %s" % (
            arguments.page, len(answers.asked), (answers.flipped > 0).sum(),
            csv_path))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      prog="python -m attention_zones.cases",
      description="Writes a page to look at: the heatmap of a sweep, and the "
      "questions behind each cell.")
  parser.add_argument("folder", help="folder of a sweep's predictions")
  parser.add_argument("page", help="file to write, report.html for example; a "
                      "table, report.csv, is written beside it")
  evaluators.add_flags(parser)
  parser.add_argument("--stats", action="append", default=[],
                      metavar="results.stats.csv", help="intervals and marks of "
                      "get_results.py; once for each metric")
  parser.add_argument("--top", type=commands.whole_number(1), default=10,
                      help="how many questions a cell's two lists have at most "
                      "(default: %(default)d)")
  arguments = parser.parse_args(argv)
  # What the page says of how it was made.
  arguments.command = list(sys.argv[1:] if argv is None else argv)
  arguments.of_data = ["--%s=%s" % (flag, getattr(arguments, flag))
                       for flag in ("dataset", "data_file")
                       if getattr(arguments, flag)]
  return arguments


main = commands.main("attention_zones.cases", parse_arguments, write)

if __name__ == "__main__":
  commands.run(main)
