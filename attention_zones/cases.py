"""Shows the questions whose answer masking changes most, passage by passage.

    python -m attention_zones.cases squad-model cases.html --data_file=dev.json

reads the predictions of a sweep and writes a page. For each of the --top questions
it has the passage, with the gold answer and the baseline's and a masked decode's
answer marked, and a layer x zone grid that says what each decode does to the
answer. Questions come by the number of decodes that flip exact match. cases.csv
beside the page has all questions in this order.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("attention_zones.cases")  # Before the slow imports.

import argparse
import os
import sys

from attention_zones.base import csv_files
from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.base import questions
from attention_zones.figures import cases_page
from attention_zones.figures.cases_page import GAINED, KEPT, LOST, OTHER
from attention_zones.scores import evaluators
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.scores import scoring
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import decodes

COLUMNS = ("id", "question", "gold", "baseline", "baseline_exact", "flipped",
           "lost", "gained", "other_wrong", "kept", "masked_answer",
           "flipped_cells")


def find_decodes(folder):
  """Finds the decodes of a sweep, the baseline among them.

  Args:
    folder: str, a path or address.

  Returns:
    list of Decode: the baseline, then by layers and zones as in results.csv. Those
    of single heads are left out, and a line on stderr says so: a grid of hundreds
    of columns cannot be read.

  Raises:
    OSError: the folder cannot be read.
    ValueError: it has no predictions.json, or no predictions with a zone masked in
      all heads.
  """
  found = predictions.find_predictions(folder)
  masked = sorted(set(found) - {BASELINE}, key=lambda decode: (
      results_table.layer_order(decode.layers), decodes.column_order(decode.mask)))
  if BASELINE not in found:
    raise ValueError("%s: has no %s, the answers with nothing masked, to compare "
                     "with; decode them into this folder" % (
                         folder, BASELINE.file_name()))
  of_all_heads = [decode for decode in masked if not decode.mask.is_per_head]
  if not of_all_heads:
    raise ValueError("%s: has decodes of single heads only; the page is about "
                     "zones in all heads" % folder)
  if len(of_all_heads) < len(masked):
    print("%s: %d decodes of single heads are not on the page" % (
        folder, len(masked) - len(of_all_heads)), file=sys.stderr)
  return [BASELINE] + of_all_heads


def outcome(golds, baseline, masked, evaluator=scoring.EVALUATOR):
  """Says what a masked decode does to the answer.

  Args:
    golds: tuple of str, Golds.golds.
    baseline, masked: str, the two answers, not normalized.
    evaluator: scoring.Evaluator.

  Returns:
    LOST or GAINED if exact match goes from 1 to 0 or from 0 to 1; OTHER if both are
    wrong, and differ; else KEPT.
  """
  if masked == baseline:
    return KEPT
  was_right, is_right = (evaluator.answer_scores(golds, answer)[0]
                         for answer in (baseline, masked))
  if was_right != is_right:
    return LOST if was_right else GAINED
  if is_right or evaluator.compare_texts(baseline, masked) == "same":
    return KEPT
  return OTHER


def read_cases(folder, data_file, dataset):
  """Compares all masked predictions with the baseline's.

  Args:
    folder, data_file: str, paths or addresses.
    dataset: str, a key of data_sets.DATA_SETS.

  Returns:
    (list of the masked Decodes, list of cases_page.Case, one for each question, by
    falling number of flipped decodes; equal ones as in the data set).

  Raises:
    OSError, ValueError: a file is faulty, missing, or of other questions.
  """
  with predictions.telling_of_journals([folder], data_file):
    baseline, *masked = find_decodes(folder)
  gold = evaluators.load(dataset, data_file)
  first, *others = [scoring.load_predictions(
      os.path.join(folder, decode.file_name()), gold.questions)
                    for decode in [baseline] + masked]

  def compare(question):
    name, golds = question.id, gold.questions[question.id].golds
    answers = [of_decode[name] for of_decode in others]
    return cases_page.Case(
        name, question.context, question.text, question.answers, first[name],
        bool(gold.evaluator.answer_scores(golds, first[name])[0]), answers,
        [outcome(golds, first[name], answer, gold.evaluator) for answer in answers],
        gold.evaluator.compare_texts)

  cases = questions.read(data_file, compare)
  return masked, sorted(cases, key=lambda case: -case.flipped)


def table(masked, cases):
  """The text of cases.csv, a row for each Case: str."""
  names = [results_table.cell_label(decode.layers, None, decode.mask.name)
           for decode in masked]
  lines = [COLUMNS]
  for case in cases:
    counts = case.counts
    flips = [name for name, what in zip(names, case.outcomes)
             if what in (LOST, GAINED)]
    lines.append([
        case.name, case.question, " | ".join(case.gold_texts),
        case.baseline, int(case.is_right), case.flipped, counts[LOST],
        counts[GAINED], counts[OTHER], counts[KEPT], case.masked_answer,
        " ".join(flips)])
  return csv_files.as_text(lines)


def check_arguments(arguments):
  """Refuses arguments that cannot work, before anything slow.

  Returns:
    str, the path of cases.csv.

  Raises:
    OSError, ValueError: an argument cannot be used, or the table would overwrite
      another one.
  """
  stem, suffix = os.path.splitext(arguments.page)
  predictions.settle_data(arguments, [arguments.folder])
  if suffix.lower() not in (".html", ".htm"):
    raise ValueError("%s: the second argument is the page to write, its name "
                     "should end with .html, cases.html for example" %
                     arguments.page)
  csv_path = stem + ".csv"
  for path in (arguments.page, csv_path):
    path_checks.check_output("the second argument", path,
                             "the page to write, cases.html for example")
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
  masked, cases = read_cases(
      arguments.folder, arguments.data_file, arguments.dataset)
  flipped = sum(case.flipped > 0 for case in cases)
  shown = cases[:min(arguments.top, flipped)]
  # Neither file is replaced unless both are complete.
  with files.replacing(arguments.page) as page:
    files.append_text(page, cases_page.pieces(
        arguments, os.path.basename(csv_path), masked, cases, shown))
    files.write_text(csv_path, [table(masked, cases)])
  print("%s: %d of %d questions, of which masking flips %d; all are in %s" % (
      arguments.page, len(shown), len(cases), flipped, csv_path))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      prog="python -m attention_zones.cases",
      description="Shows the questions whose answer masking changes most.")
  parser.add_argument("folder", help="folder of a sweep's predictions")
  parser.add_argument("page", help="file to write, cases.html for example; a "
                      "table, cases.csv, is written beside it")
  evaluators.add_flags(parser)
  parser.add_argument("--top", type=commands.whole_number(1), default=50,
                      help="how many questions the page shows (default: "
                      "%(default)d)")
  return parser.parse_args(argv)


main = commands.main("attention_zones.cases", parse_arguments, write)

if __name__ == "__main__":
  commands.run(main)
