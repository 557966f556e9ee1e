"""Scores predictions as the official evaluator of CMRC 2018 does.

    python eval_cmrc2018.py cmrc2018/cmrc2018_dev.json predictions.json

prints the average of F1 and exact match, and both, in per cent. A question without
a prediction counts 0. Needs nltk: bash setup_env.sh requirements-models.txt.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("eval_cmrc2018.py")  # Before the slow imports.

import argparse
import json
import sys

from attention_zones.base import json_files
from attention_zones.base import path_checks
from attention_zones.scores import cmrc_scoring
from attention_zones.scores import scoring


def evaluate(arguments):
  """Prints the scores of a file of predictions, and on stderr what is unusual.

  Raises:
    OSError, ValueError: a file cannot be read, or is faulty.
  """
  data_file, pred_file = arguments.data_file, arguments.pred_file
  path_checks.check_input(
      "data.json", data_file, "a data set of CMRC 2018, cmrc2018_dev.json")
  path_checks.check_input(
      "pred.json", pred_file, "a predictions.json of that data set")
  questions = cmrc_scoring.load_questions(data_file)
  predictions = scoring.load_predictions(pred_file, questions, allow_missing=True)
  missing = [name for name in questions if name not in predictions]
  if missing:
    print("%s: no prediction for %s of %d questions; they count 0" % (
        pred_file, json_files.count_ids(missing), len(questions)),
          file=sys.stderr)
  extra = len(predictions) + len(missing) - len(questions)
  if extra:
    print("%s: %d predictions not scored, because their ids are not in %s" % (
        pred_file, extra, data_file), file=sys.stderr)
  results = cmrc_scoring.score(questions, predictions)
  results["FILE"] = pred_file
  print(json.dumps(results))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Scores predictions as the official evaluator of CMRC 2018.")
  parser.add_argument("data_file", metavar="data.json",
                      help="data set in SQuAD's format")
  parser.add_argument("pred_file", metavar="pred.json",
                      help="object from question id to answer")
  return parser.parse_args(argv)


main = commands.main("eval_cmrc2018.py", parse_arguments, evaluate)

if __name__ == "__main__":
  commands.run(main)
