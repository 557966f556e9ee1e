"""Scores the predictions of a sweep and collects them in results.csv.

    python get_results.py prediction results.csv
    python get_results.py --compare table1.csv table2.csv

The first scores every predictions_layer{layer}_{zone}.json in the folder. Given
several folders, one for each training seed, results.csv gets the mean and
results.std.csv the sample standard deviation. The second shows how well two
tables agree: it prints the standard deviation over layers of their difference.
"""

from attention_zones import interrupts

if __name__ == "__main__":
  interrupts.install("get_results.py")  # Before the slow imports.

import argparse
import collections
import csv
import math
import os
import shlex
import statistics
import sys

from attention_zones import decodes
from attention_zones.decodes import BASELINE
from attention_zones.decodes import Decode
from attention_zones import files
from attention_zones import path_checks
from attention_zones import results_table
from attention_zones import run_records
from attention_zones import scoring


def find_predictions(folder):
  """Finds the prediction files of a sweep.

  Args:
    folder: str.

  Returns:
    dict from Decode to file name.

  Raises:
    OSError: the folder cannot be read.
    ValueError: there is no such file.
  """
  names = {}
  for name in files.list_folder(folder):
    decode = Decode.parse(name)
    if decode:
      names[decode] = name
    elif name.startswith("predictions_"):
      print("%s: not read, its name is not like predictions_layer0_q2.json" %
            os.path.join(folder, name), file=sys.stderr)
  if not set(names) - {BASELINE}:
    raise ValueError("%s: has no file like predictions_layer0_q2.json; give "
                     "the folder that a sweep was written to" % folder)
  return names


def plan_table(cells):
  """Finds the rows and columns that hold all cells.

  Args:
    cells: iterable of masked Decodes.

  Returns:
    (rows, masks): the sets of layers in the order of results_table, with every
    single layer from 0 to the highest found, and the zones.Mask of each column.
  """
  rows = {decode.layers for decode in cells}
  single = [decode.layers[0] for decode in cells if is_single(decode)]
  rows.update((layer,) for layer in range(max(single, default=-1) + 1))
  return (sorted(rows, key=results_table.layer_order),
          sorted({decode.mask for decode in cells}, key=decodes.column_order))


def is_single(decode):
  """Whether a decode masks one layer: bool."""
  return decode.layers is not None and len(decode.layers) == 1


def find_sweeps(folders):
  """Finds the files of several folders, which must hold the same decodes.

  Returns:
    list of dicts, as `find_predictions` returns them.

  Raises:
    OSError, ValueError: as `find_predictions`, or a folder is given twice, or lacks
      a file that another one has.
  """
  real = [files.identity(folder) for folder in folders]
  for i, folder in enumerate(folders):
    if real[i] in real[:i]:
      raise ValueError("%s: the folder is given twice; give the folder of each "
                       "training seed once" % folder)
  sweeps = [find_predictions(folder) for folder in folders]
  for folder, sweep in zip(folders, sweeps):
    for other_folder, other in zip(folders, sweeps):
      lacking = [name for cell, name in other.items() if cell not in sweep]
      if lacking:
        raise ValueError("%s: lacks %d files that %s has: %s" % (
            folder, len(lacking), other_folder, ", ".join(lacking)))
  return sweeps


def report_mixed_runs(folder, names, allow_mixed):
  """Reports predictions of different runs, according to their manifest.

  Args:
    folder: str.
    names: dict from Decode to file name, as `find_predictions` returns it.
    allow_mixed: bool, whether to warn on stderr instead of raising.

  Raises:
    ValueError: two files differ in their checkpoint, data set, vocabulary,
      configuration or a flag, and that is not allowed.
  """
  content = run_records.load_manifest(folder)
  files_of = collections.OrderedDict()
  for name in names.values():
    if name in content["files"]:
      files_of.setdefault(content["files"][name], []).append(name)
  if len(files_of) < 2:
    return
  first, second = list(files_of)[:2]
  of_run = lambda name: run_records.without_about(content["runs"][name])
  message = ("%s: predictions of different runs (manifest.json): %s; %s has a "
             "different %s") % (
      folder, ", ".join("%d like %s" % (len(alike), alike[0])
                        for alike in files_of.values()),
      files_of[second][0], ", ".join(
          run_records.changes(of_run(first), of_run(second))))
  if not allow_mixed:
    raise ValueError(message + "; decode them again, remove those that do not "
                     "belong here, or give --allow_mixed")
  print(message, file=sys.stderr)


def report_holes(folder, rows, masks, cells, allow_holes):
  """Reports missing files of the table rows x masks, on stderr if allowed.

  A hole is a file missing in the sweep over single layers. For layers masked
  together, and for every layer, not all zones need be decoded; their rows may have
  empty cells.

  Args:
    folder: str, for messages.
    rows, masks: as `plan_table` returns them.
    cells: set of the masked Decodes that were found.
    allow_holes: bool, whether to warn on stderr instead of raising.

  Raises:
    ValueError: there are holes, and they are not allowed.
  """
  swept = {decode.mask for decode in cells if is_single(decode)}
  table = [Decode(layers, mask) for layers in rows for mask in masks]
  sweep = [d for d in table if is_single(d) and d.mask in swept]
  holes = [d.file_name() for d in sweep if d not in cells]
  empty = [d.file_name() for d in table if d not in cells.union(sweep)]
  if holes:
    message = "%s: %d of %d files are missing: %s" % (
        folder, len(holes), len(sweep), ", ".join(holes))
    if not allow_holes:
      raise ValueError(message + "; decode them, or give --allow_holes")
    print(message, file=sys.stderr)
  if empty:
    print("%s: not decoded, so their cells stay empty: %s" % (
        folder, ", ".join(empty)), file=sys.stderr)


def score_folder(folder, names, questions, data_file, metric):
  """Scores each file of a folder.

  Args:
    folder: str.
    names: dict from Decode to file name, as `find_predictions` returns it.
    questions: dict, as scoring.load_questions returns it.
    data_file: str, their file, for messages.
    metric: "exact" or "f1".

  Returns:
    dict from Decode to score in per cent.

  Raises:
    OSError, ValueError: a file is faulty or lacks a question.
  """
  scores, with_extra = {}, []
  for decode, name in names.items():
    path = os.path.join(folder, name)
    predictions = scoring.load_predictions(path, questions)
    if len(predictions) > len(questions):
      with_extra.append(name)
    scores[decode] = scoring.score(questions, predictions)[metric]
  if with_extra:
    print("%s: %d files, for example %s, have predictions for ids that are not "
          "in %s; these are not scored" % (
              folder, len(with_extra), with_extra[0], data_file),
          file=sys.stderr)
  return scores


def make_table(rows, masks, scores):
  """Returns the ResultsTable of a dict from Decode to score, NaN in its holes."""
  return results_table.ResultsTable(
      layers=[results_table.layer_label(layers) for layers in rows],
      zones=[mask.name for mask in masks],
      scores=[[scores.get(Decode(layers, mask), math.nan) for mask in masks]
              for layers in rows])


def combine(sweep_scores, statistic):
  """Applies a function to the list of each decode's scores in all sweeps."""
  return {decode: statistic([scores[decode] for scores in sweep_scores])
          for decode in sweep_scores[0]}


def check_paths(folders, results_path, data_file):
  """Refuses paths that cannot work, before anything is scored."""
  path_checks.check_output("the last argument", results_path,
                           "the file to write, results.csv for example")
  for folder in folders:
    path_checks.check_input_folder(
        "every argument but the last", folder,
        "a folder that a sweep was written to")
  path_checks.check_input(
      "--data_file", data_file, "the data set that was predicted")
  if not results_path.endswith(".csv"):
    raise ValueError("%s: the last argument is the file to write, its name should "
                     "end with .csv, results.csv for example" % results_path)


def collect(arguments):
  """Scores one or more sweeps, writes results.csv and prints the next command.

  Args:
    arguments: Namespace, as `parse_arguments` returns it.

  Raises:
    OSError, ValueError: a file is faulty, missing or cannot be written.
  """
  *folders, results_path = arguments.paths
  check_paths(folders, results_path, arguments.data_file)
  sweeps = find_sweeps(folders)
  for folder, names in zip(folders, sweeps):
    report_mixed_runs(folder, names, arguments.allow_mixed)
  cells = set(sweeps[0]) - {BASELINE}
  rows, masks = plan_table(cells)
  report_holes(folders[0], rows, masks, cells, arguments.allow_holes)
  questions = scoring.load_questions(arguments.data_file)
  sweep_scores = [score_folder(
      folder, names, questions, arguments.data_file, arguments.metric)
                  for folder, names in zip(folders, sweeps)]
  means = combine(sweep_scores, statistics.mean)
  stem, suffix = os.path.splitext(results_path)
  if len(folders) > 1:
    results_table.write_results(stem + ".std" + suffix, make_table(
        rows, masks, combine(sweep_scores, statistics.stdev)))
  table = make_table(rows, masks, means)
  results_table.write_results(results_path, table)
  results_table.print_results(table, sys.stdout)
  if len(folders) > 1:
    print("\nmean of %d folders; the sample standard deviation is in %s" % (
        len(folders), stem + ".std" + suffix))
  print_next_step(results_path, arguments.metric, means)


def print_next_step(results_path, metric, scores):
  """Prints what hurt most and the command that draws the table.

  Args:
    results_path: str.
    metric: str, what the scores are.
    scores: dict from Decode to score, BASELINE among them when predictions.json
      is there.
  """
  masked = [decode for decode in scores if decode != BASELINE]
  # Masking several layers hurts more than one; the question is which layer.
  single = list(filter(is_single, masked))
  worst = min(single or masked, key=scores.get)
  hurts = "hurts most: %s in layer %s, %s %.3f" % (
      worst.mask.name, results_table.layer_label(worst.layers), metric,
      scores[worst])
  if BASELINE not in scores:
    print("\n%s\nno %s in the folder, so the baseline is not known" % (
        hurts, BASELINE.file_name()))
    return
  baseline = scores[BASELINE]
  if scores[worst] < baseline:
    hurts += " (%+.3f)" % (scores[worst] - baseline)
  else:
    hurts = "no masked decode scores below the baseline"
  print("\n%s\nbaseline (%s): %s %.3f; next:\n"
        "  python visualize_att_zone.py %s %.3f squad.pdf" % (
            hurts, BASELINE.file_name(), metric, baseline,
            shlex.quote(results_path), baseline))


def compare(path_a, path_b):
  """Computes how well two tables agree, for each zone.

  Args:
    path_a, path_b: str, two results.csv of the same layers and zones.

  Returns:
    OrderedDict from zone to the sample standard deviation over single layers of
    the first table's score minus the second's.

  Raises:
    OSError, ValueError: a table cannot be read; or the two differ in their rows or
      columns, lack a cell, or have fewer than two single layers.
  """
  for path in (path_a, path_b):
    path_checks.check_input("--compare", path, "two tables like results.csv")
  a, b = map(results_table.read_results, (path_a, path_b))
  for kind in ("layers", "zones"):
    of_a, of_b = getattr(a, kind), getattr(b, kind)
    if of_a != of_b:
      raise ValueError("%s has the %s %s, but %s has %s; they should be the "
                       "same" % (path_a, kind, ", ".join(of_a), path_b,
                                 ", ".join(of_b)))
  single = [r for r, label in enumerate(a.layers) if label.isdigit()]
  if len(single) < 2:
    raise ValueError("%s: %d single layers; a standard deviation over layers "
                     "needs at least 2" % (path_a, len(single)))
  deviations = collections.OrderedDict()
  for column, zone in enumerate(a.zones):
    differences = []
    for r in single:
      for path, table in ((path_a, a), (path_b, b)):
        if math.isnan(table.scores[r][column]):
          raise ValueError("%s: layer %s, column %s is empty; every cell is "
                           "needed to compare" % (path, table.layers[r], zone))
      differences.append(a.scores[r][column] - b.scores[r][column])
    deviations[zone] = statistics.stdev(differences)
  return deviations


def print_comparison(deviations):
  """Prints the result of `compare` as the last row of a results.csv."""
  writer = csv.writer(sys.stdout, lineterminator="\n")
  writer.writerow([results_table.LAYER_COLUMN] + list(deviations))
  writer.writerow(["std"] + ["%.3f" % value for value in deviations.values()])


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Scores the predictions of a sweep into results.csv.")
  parser.add_argument("paths", nargs="*", metavar="path",
                      help="folders of predictions, then the file to write: "
                      "prediction results.csv")
  parser.add_argument("--data_file", default="squad/dev-v1.1.json",
                      help="data set (default: %(default)s)")
  parser.add_argument("-f1", "-use-f1", "--use-f1", dest="metric",
                      action="store_const", const="f1", default="exact",
                      help="collect F1 instead of exact match")
  parser.add_argument("--allow_holes", action="store_true",
                      help="leave cells empty whose predictions are missing")
  parser.add_argument("--allow_mixed", action="store_true",
                      help="accept predictions of different checkpoints or flags")
  parser.add_argument("--compare", nargs=2, metavar=("a.csv", "b.csv"),
                      help="print the standard deviation over layers of a - b")
  # Intermixed, so that a flag may stand between the folder and results.csv.
  arguments = parser.parse_intermixed_args(argv)
  if arguments.compare and arguments.paths:
    parser.error("--compare takes two tables and no folder, not %s" %
                 " ".join(arguments.paths))
  if not arguments.compare and len(arguments.paths) < 2:
    parser.error("%d paths; give a folder of predictions and the file to write "
                 "as in: prediction results.csv" % len(arguments.paths))
  return arguments


def main(argv=None):
  """Runs the command line; returns the exit status."""
  arguments = parse_arguments(argv)
  try:
    if arguments.compare:
      print_comparison(compare(*arguments.compare))
    else:
      collect(arguments)
  except BrokenPipeError:
    raise
  except (OSError, ValueError) as error:
    print("get_results.py: %s" % path_checks.describe(error), file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  interrupts.run(main)
