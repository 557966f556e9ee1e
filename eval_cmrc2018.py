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

from attention_zones.scores import cmrc_scoring
from attention_zones.scores import evaluators


def evaluate(arguments):
  """Prints the scores of a file of predictions, and on stderr what is unusual.

  Raises:
    OSError, ValueError: a file cannot be read, or is faulty.
  """
  questions, predictions = evaluators.load_with_predictions(
      "cmrc2018", arguments, allow_missing=True)
  results = cmrc_scoring.score(questions, predictions)
  results["FILE"] = arguments.pred_file
  print(json.dumps(results))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Scores predictions as the official evaluator of CMRC 2018.")
  evaluators.add_files(parser)
  return parser.parse_args(argv)


main = commands.main("eval_cmrc2018.py", parse_arguments, evaluate)

if __name__ == "__main__":
  commands.run(main)
