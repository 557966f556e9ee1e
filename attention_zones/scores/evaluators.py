"""A data set to score with, its predictions, and the flags that choose them."""

import collections
import os
import sys

from attention_zones.base import data_sets
from attention_zones.base import json_files
from attention_zones.base import path_checks
from attention_zones.scores import scoring

Gold = collections.namedtuple("Gold", ["path", "questions", "evaluator", "total"])
Gold.__doc__ = """A data set to score with.

Attributes:
  path: str, its file, for messages.
  questions: OrderedDict from question id to scoring.Golds; for log-probabilities
    only of those that have a value in all files.
  evaluator: scoring.Evaluator.
  total: int, how many questions the data set has.
"""


def load(dataset, path):
  """Reads a data set to score with.

  Args:
    dataset: str, a key of data_sets.DATA_SETS.
    path: str, a JSON file in SQuAD's format.

  Returns:
    Gold.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a data set, or a package is missing.
  """
  evaluator = data_sets.evaluator(dataset)
  questions = evaluator.load_questions(path)
  return Gold(path, questions, evaluator, len(questions))


def load_with_predictions(dataset, arguments, allow_missing=False):
  """Reads what eval_squad.py or eval_cmrc2018.py scores.

  Args:
    dataset: str, a key of data_sets.DATA_SETS.
    arguments: Namespace of the flags of `add_files`.
    allow_missing: bool, as for scoring.load_predictions.

  Returns:
    (questions, predictions): dicts from question id to scoring.Golds and to str.

  Raises:
    OSError, ValueError: a file cannot be read, or is faulty.
  """
  data_file, pred_file = arguments.data_file, arguments.pred_file
  path_checks.check_input(
      "data.json", data_file, "a data set, %s for example" %
      os.path.basename(data_sets.DATA_SETS[dataset].dev_file))
  path_checks.check_input(
      "pred.json", pred_file, "a predictions.json of that data set")
  questions = load(dataset, data_file).questions
  predictions = scoring.load_predictions(pred_file, questions, allow_missing)
  missing = [name for name in questions if name not in predictions]
  if missing:
    print("%s: no prediction for %s of %d questions; they count 0" % (
        pred_file, json_files.count_ids(missing), len(questions)), file=sys.stderr)
  extra = len(set(predictions).difference(questions))
  if extra:
    print("%s: %d predictions not scored, because their ids are not in %s" % (
        pred_file, extra, data_file), file=sys.stderr)
  return questions, predictions


def add_files(parser):
  """Adds data.json and pred.json to an argparse.ArgumentParser."""
  parser.add_argument("data_file", metavar="data.json",
                      help="data set in SQuAD's format, v1.1 or v2.0")
  parser.add_argument("pred_file", metavar="pred.json",
                      help="object from question id to answer")


def add_flags(parser):
  """Adds --dataset and --data_file to an argparse.ArgumentParser."""
  parser.add_argument("--dataset", choices=list(data_sets.DATA_SETS),
                      help="whose official scores to take (default: as the "
                      "folder's manifest.json says, or squad)")
  parser.add_argument("--data_file", help="data set (default: as the folder's "
                      "manifest.json says, or %s)" % " or ".join(
                          of.dev_file for of in data_sets.DATA_SETS.values()))
