"""A data set to score with, and the flags that choose it."""

import collections

from attention_zones.base import data_sets

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


def add_flags(parser):
  """Adds --dataset and --data_file to an argparse.ArgumentParser."""
  parser.add_argument("--dataset", choices=list(data_sets.DATA_SETS),
                      help="whose official scores to take (default: as the "
                      "folder's manifest.json says, or squad)")
  parser.add_argument("--data_file", help="data set (default: as the folder's "
                      "manifest.json says, or %s)" % " or ".join(
                          of.dev_file for of in data_sets.DATA_SETS.values()))
