"""Scores the predictions of a sweep and collects them in results.csv.

    python get_results.py prediction results.csv
    python get_results.py prediction interim.csv --unfinished
    python get_results.py --compare table1.csv table2.csv

The first scores every predictions_layer{layer}_{zone}.json in the folder. Beside
results.csv it writes results.stats.csv: which differences from the baseline are
more than chance; if there are controls, results.controls.csv: whether a zone costs
more than they do; and where every union of the four zones of a layer was masked,
results.shapley.csv: which zones stand in for each other. Given several folders, one
for each training seed, results.csv gets the mean and results.std.csv the sample
standard deviation. The second does so for what is finished of a sweep that runs or
was stopped. The third shows how well two tables agree: it prints the standard
deviation over layers of their difference.

--metric=f1 collects F1 instead of exact match, --metric=logp the log-probability of
the gold answer, from the files of run_squad.py --gold_logp=True.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("get_results.py")  # Before the slow imports.

import argparse
import collections
import math
import os
import shlex
import statistics

from attention_zones.base import csv_files
from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.base import questions
from attention_zones.findings import controls
from attention_zones.findings import question_traits
from attention_zones.findings import report
from attention_zones.findings import tables
from attention_zones.scores import evaluators
from attention_zones.scores import folder_scores
from attention_zones.scores import interim
from attention_zones.scores import metrics
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.scores import sweeps
from attention_zones.zones.decodes import BASELINE


def make_table(rows, masks, scores):
  """Returns the ResultsTable of a dict from Decode to score, NaN in its holes."""
  return results_table.of_cells(rows, masks, lambda row, mask: scores.get(
      predictions.decode_at(row, mask), math.nan))


def combine(percents, statistic):
  """Applies a function to the list of each decode's scores in all sweeps."""
  return {decode: statistic([scores[decode] for scores in percents])
          for decode in percents[0]}


def check_paths(arguments):
  """Refuses paths that cannot work, before anything is scored."""
  *folders, results_path = arguments.paths
  path_checks.check_output("the last argument", results_path,
                           "the file to write, results.csv for example")
  predictions.settle_data(arguments, folders)
  if not results_path.endswith(".csv"):
    raise ValueError("%s: the last argument is the file to write, its name should "
                     "end with .csv, results.csv for example" % results_path)
  taken = [files.identity(path) for path in [
      results_path, arguments.data_file,
      os.path.join(os.path.dirname(results_path), interim.FILE_NAME)] + [
          report.beside(results_path, kind) for kind in report.BESIDE]]
  for flag in ("per_question", "tex"):
    path = getattr(arguments, flag)
    if path:
      path_checks.check_output("--" + flag, path, "the file to write")
      if files.identity(path) in taken:
        raise ValueError("--%s=%s: is read or written as something else; give "
                         "another name" % (flag, path))
      taken.append(files.identity(path))


def find_sweeps(arguments, asked):
  """Finds the predictions, and refuses those that do not belong together.

  Args:
    arguments: Namespace, as `parse_arguments` returns it.
    asked: list of questions.Question, the data set's.

  Returns:
    list of sweeps.Sweep, one for each folder.
  """
  *folders, _ = arguments.paths
  if arguments.unfinished:
    return [interim.InterimSweep(folders[0], arguments.data_file, asked)]
  with predictions.telling_of_journals(folders, arguments.data_file):
    found = list(map(sweeps.Sweep, folders))
    predictions.refuse_unlike(found)
    for sweep in found:
      predictions.report_mixed_runs(sweep, arguments.allow_mixed)
  return found


def find_cells(arguments, sweep):
  """Finds the cells of the table, and refuses holes in it.

  Args:
    arguments: Namespace, as `parse_arguments` returns it.
    sweep: sweeps.Sweep, one of several alike.

  Returns:
    (rows, masks, cells): the rows and columns of the table, as
    predictions.plan_table returns them; the list of its masked Decodes.
  """
  found = set(sweep.names) - {BASELINE}
  rows, masks = predictions.plan_table(found)
  cells = [cell for cell in (predictions.decode_at(row, mask) for row in rows
                             for mask in masks) if cell in found]
  with predictions.telling_of_journals([sweep.folder], arguments.data_file):
    controls.report_alone(sweep.folder, cells, arguments.allow_holes)
    predictions.report_holes(
        sweep.folder, rows, masks, found, arguments.allow_holes)
  return rows, masks, cells


def of_sample(sweep, asked, gold):
  """Takes the questions of an interim sweep's sample.

  Args:
    sweep: interim.InterimSweep.
    asked: list of questions.Question, the data set's.
    gold: evaluators.Gold of them.

  Returns:
    (asked, gold), as of a data set that has only the sample's passages.
  """
  asked = [asked[index] for index in sweep.sample]
  articles = list(dict.fromkeys(of.article for of in asked))
  asked = [of._replace(article=articles.index(of.article)) for of in asked]
  return asked, gold._replace(total=len(asked), questions=collections.OrderedDict(
      (of.id, gold.questions[of.id]) for of in asked))


def collect(arguments):
  """Scores one or more sweeps, writes results.csv and prints the next command.

  Everything is computed before the first file is written.

  Args:
    arguments: Namespace, as `parse_arguments` returns it.

  Raises:
    OSError, ValueError: a file is faulty, missing or cannot be written.
  """
  *folders, results_path = arguments.paths
  check_paths(arguments)
  gold = evaluators.load(arguments.dataset, arguments.data_file)
  asked = questions.read(arguments.data_file)
  found = find_sweeps(arguments, asked)
  rows, masks, cells = find_cells(arguments, found[0])
  total = len(asked)
  if arguments.unfinished:
    asked, gold = of_sample(found[0], asked, gold)
  if arguments.metric == "logp":
    gold = gold._replace(questions=sweeps.with_logp(found, gold.questions))
    asked = [of for of in asked if of.id in gold.questions]
  left_out = sweeps.left_out(found, gold.questions)
  cells = [cell for cell in cells if cell in found[0].names]
  why_not = report.check(arguments, found[0].names, cells, asked)
  seeds = [folder_scores.score_folder(sweep, gold, arguments.metric, left_out)
           for sweep in found]
  percents = [seed.percent for seed in seeds]
  means = combine(percents, statistics.mean)
  before = combine([seed.before for seed in seeds], statistics.mean)
  if why_not:
    texts, lines = {}, hurts_most(arguments.metric, means, before) + [
        report.left_out(results_path, report.kinds_of(cells), why_not)]
  else:
    texts, lines = report.make(
        arguments, cells, seeds, asked, [sweep.manifest for sweep in found])
  table = results_table.as_text(make_table(rows, masks, means))
  written = [(results_path, table)] + list(texts.items())
  if len(folders) > 1:
    deviations = report.beside(results_path, "std")
    written.insert(0, (deviations, results_table.as_text(
        make_table(rows, masks, combine(percents, statistics.stdev)))))
    lines.insert(0, "mean of %d folders; the sample standard deviation is in %s" % (
        len(folders), deviations))
  if arguments.unfinished:
    finished = len(found[0].sample)
    # Before the tables: whoever is stopped in between leaves none unmarked.
    written.insert(0, interim.record(results_path, dict(written), finished, total))
    lines.append("%s, as %s says; %s" % (
        interim.words(finished, total), written[0][0], interim.WARNING))
  else:
    lines += predictions.unfinished(folders, arguments.data_file)
    interim.forget([path for path, _ in written])
  for path, text in written:
    files.write_text(path, [text])
  print("\n".join([table] + lines))
  print_next_step(results_path, arguments.metric, means, before, texts)


def hurts_most(metric, scores, before):
  """Says which cell hurts most, where there are no statistics: list of one line.

  Args:
    metric: str, what the scores are.
    scores: dict from Decode to score.
    before: dict from Decode to the baseline's score of the same questions, empty
      without predictions.json.
  """
  masked = [decode for decode in scores if decode != BASELINE]
  # Masking several layers hurts more than one; the question is which layer.
  single = [decode for decode in masked
            if predictions.family(decode) == predictions.ZONES]
  diff = lambda decode: scores[decode] - before.get(decode, 0)
  worst = min(single or masked, key=diff)
  labels = predictions.labels(worst)
  line = "%s in %s, %s %.3f" % (
      labels["zone"], results_table.place(labels["layer"], labels["head"]), metric,
      scores[worst])
  if not before:
    return ["lowest score: " + line]
  if diff(worst) < 0:
    return ["hurts most: %s (%+.3f)" % (line, diff(worst))]
  return ["none of these cells scores below the baseline"]


def print_next_step(results_path, metric, scores, before, written):
  """Prints the baseline and the commands that draw the tables.

  Args:
    results_path: str.
    metric: str, what the scores are.
    scores, before: as for hurts_most.
    written: dict from path to text, the files of statistics.
  """
  if not before:
    return
  stats = report.beside(results_path, "stats")
  flag = " --stats=%s" % shlex.quote(stats) if stats in written else ""
  # A figure has its table's name, so that none replaces another's.
  figure = lambda path: shlex.quote(os.path.splitext(path)[0] + ".pdf")
  print("baseline (%s): %s %.3f; next:\n"
        "  python visualize_att_zone.py %s %.3f %s%s%s" % (
            BASELINE.file_name(), metric, scores[BASELINE],
            shlex.quote(results_path), scores[BASELINE], figure(results_path), flag,
            "" if metrics.is_seen(metrics.named(metric), [
                scores[decode] - before[decode] for decode in scores])
            else " --symmetric"))
  # A figure of Shapley values has dots of its own.
  for kind, its_flag in ("controls", flag), ("shapley", ""):
    path = report.beside(results_path, kind)
    if path in written:
      # These are often larger than what the usual colours reach to.
      print("  python visualize_att_zone.py %s %s%s --symmetric" % (
          shlex.quote(path), figure(path), its_flag))


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
  for kind in ("layers", "heads", "zones"):
    of_a, of_b = (getattr(table, kind) or [] for table in (a, b))
    if of_a != of_b:
      raise ValueError("%s has the %s %s, but %s has %s; they should be the "
                       "same" % (path_a, kind, ", ".join(of_a), path_b,
                                 ", ".join(of_b)))
  single = [r for r, label in enumerate(a.layers)
            if label.isdigit() and not (a.heads and a.heads[r])]
  if len(single) < 2:
    raise ValueError("%s: %d single layers; a standard deviation over layers "
                     "needs at least 2" % (path_a, len(single)))
  for path, table in ((path_a, a), (path_b, b)):
    for r in single:
      for zone, score in zip(table.zones, table.scores[r]):
        if math.isnan(score):
          raise ValueError("%s: layer %s, column %s is empty; every cell is "
                           "needed to compare" % (path, table.layers[r], zone))
  return collections.OrderedDict(
      (zone, statistics.stdev(a.scores[r][c] - b.scores[r][c] for r in single))
      for c, zone in enumerate(a.zones))


def print_comparison(deviations):
  """Prints the result of `compare` as the last row of a results.csv."""
  print(csv_files.as_text([
      [results_table.LAYER_COLUMN] + list(deviations),
      ["std"] + ["%.3f" % value for value in deviations.values()]]), end="")


class _Renamed(argparse.Action):
  """--draws, as --resamples was called: says so, and ends the program."""

  def __call__(self, parser, *_):
    parser.exit(2, "get_results.py: --draws is called --resamples (a draw is a "
                "random control)\n")


def _add_statistics(parser):
  """Adds the flags of the statistics to an ArgumentParser."""
  parser.add_argument("--cluster", choices=question_traits.CLUSTERS,
                      default="paragraph", help="questions that are drawn together "
                      "(default: %(default)s, those about one passage)")
  parser.add_argument("--resamples", type=commands.whole_number(2, 10 ** 7),
                      default=10000, help="of the bootstrap (default: %(default)s)")
  parser.add_argument("--draws", nargs="?", action=_Renamed, help=argparse.SUPPRESS)
  parser.add_argument("--random_seed", type=commands.seed, default=12345,
                      help="of the bootstrap (default: %(default)s)")
  parser.add_argument("--margin", type=float, metavar="M", help="test which cells "
                      "change the score by less than M points (of log-"
                      "probabilities, nats), into the column p_equivalent")
  parser.add_argument("--per_question", metavar="a.csv",
                      help="write a row for each question, for R, pandas, models")
  parser.add_argument("--strata", action="store_true",
                      help="write results.strata.csv: by question type, lengths, "
                      "place and words of the answer")
  parser.add_argument("--contrast", nargs=2, metavar=("A", "B"), action="append",
                      default=[], help="test the cells A against the cells B, "
                      "1-4:p2q 9-12:p2q for example, into results.contrasts.csv; "
                      "may be repeated")
  parser.add_argument("--tex", metavar="a.tex",
                      help="write a table for LaTeX")
  parser.add_argument("--tex_columns", type=int, choices=tables.TEX_WIDTHS,
                      default=2, help="of a journal, which the table fits: 1 is 85 "
                      "mm wide, 2 are 174 mm (default: %(default)s)")


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Scores the predictions of a sweep into results.csv.")
  parser.add_argument("paths", nargs="*", metavar="path",
                      help="folders of predictions, then the file to write: "
                      "prediction results.csv")
  evaluators.add_flags(parser)
  parser.add_argument("-f1", "-use-f1", "--use-f1", dest="metric",
                      action="store_const", const="f1", default="exact",
                      help="the same as --metric=f1")
  parser.add_argument("--metric", choices=list(metrics.METRICS),
                      help="what is collected: exact match, F1, or the "
                      "log-probability of the gold answer, which run_squad.py "
                      "--gold_logp=True writes (default: exact)")
  parser.add_argument("--allow_holes", action="store_true",
                      help="leave cells empty whose predictions are missing")
  parser.add_argument("--unfinished", action="store_true",
                      help="of a sweep that still runs, or was stopped: the tables "
                      "of the passages that are finished, a random sample")
  parser.add_argument("--allow_mixed", action="store_true",
                      help="accept predictions of different checkpoints or flags")
  _add_statistics(parser)
  parser.add_argument("--compare", nargs=2, metavar=("a.csv", "b.csv"),
                      help="print the standard deviation over layers of a - b")
  # Intermixed, so that a flag may stand between the folder and results.csv.
  arguments = parser.parse_intermixed_args(argv)
  if arguments.compare and arguments.paths:
    parser.error("--compare takes two tables and no folder, not %s" %
                 " ".join(arguments.paths))
  if arguments.unfinished and len(arguments.paths) > 2:
    parser.error("--unfinished takes one folder, not %d: the samples of several "
                 "differ" % (len(arguments.paths) - 1))
  # A decode that failed is a hole.
  arguments.allow_holes |= arguments.unfinished
  if not arguments.compare and len(arguments.paths) < 2:
    parser.error("%d paths; give a folder of predictions and the file to write "
                 "as in: prediction results.csv" % len(arguments.paths))
  return arguments


def run(arguments):
  """Does what the command line asks for. Raises OSError and ValueError."""
  if arguments.compare:
    print_comparison(compare(*arguments.compare))
  else:
    collect(arguments)


main = commands.main("get_results.py", parse_arguments, run)

if __name__ == "__main__":
  commands.run(main)
