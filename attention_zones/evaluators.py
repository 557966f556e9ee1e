"""How answers are scored: ONE table, an entry for each --dataset of get_results.py.

The other table of data sets, data_sets.py, is about reading and decoding.
"""

import collections

from attention_zones import cmrc_scoring
from attention_zones import scoring

Evaluator = collections.namedtuple("Evaluator", [
    "data_file", "load_questions", "answer_scores", "compare_texts",
    "cls_takes_part"])
Evaluator.__doc__ = """The official evaluator of a data set, as functions.

Attributes:
  data_file: str, where its dev set is unless a flag says otherwise.
  load_questions: function from a path to an OrderedDict from question id to
    scoring.Question.
  answer_scores: function (golds, prediction) to (exact, f1), 0 to 1 each; golds as
    in scoring.Question.
  compare_texts: function (baseline, masked) to "same", "shifted" or "elsewhere".
  cls_takes_part: bool, whether the logits of [CLS] count among those of the
    passage (and no others), so that what changes [CLS] alone can change an answer.
"""

EVALUATORS = collections.OrderedDict([
    ("squad", Evaluator(
        "squad/dev-v1.1.json", scoring.load_questions, scoring.answer_scores,
        scoring.compare_texts, cls_takes_part=False)),
    ("cmrc2018", Evaluator(
        "cmrc2018/cmrc2018_dev.json", cmrc_scoring.load_questions,
        cmrc_scoring.answer_scores, cmrc_scoring.compare_texts,
        cls_takes_part=True)),
])

Gold = collections.namedtuple("Gold", ["path", "questions", "evaluator", "total"])
Gold.__doc__ = """A data set to score with.

Attributes:
  path: str, its file, for messages.
  questions: OrderedDict from question id to scoring.Question; for log-probabilities
    only of those that have a value in all files.
  evaluator: Evaluator.
  total: int, how many questions the data set has.
"""


def load(dataset, path):
  """Reads a data set to score with.

  Args:
    dataset: str, a key of EVALUATORS.
    path: str, a JSON file in SQuAD's format.

  Returns:
    Gold.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a data set, or a package is missing.
  """
  evaluator = EVALUATORS[dataset]
  questions = evaluator.load_questions(path)
  return Gold(path, questions, evaluator, len(questions))


def add_flags(parser):
  """Adds --dataset and --data_file to an argparse.ArgumentParser."""
  parser.add_argument("--dataset", choices=list(EVALUATORS),
                      help="whose official scores to take (default: as the "
                      "folder's manifest.json says, or squad)")
  parser.add_argument("--data_file", help="data set (default: as the folder's "
                      "manifest.json says, or %s)" % " or ".join(
                          evaluator.data_file for evaluator in EVALUATORS.values()))
