"""Scores predictions as the official SQuAD v2.0 evaluator does.

    python eval_squad.py squad/dev-v1.1.json predictions.json

prints exact match and F1 in per cent, of all questions and of those with
(HasAns) and without (NoAns) an answer. They agree with the official evaluator in
every digit. Data sets of v1.1 and v2.0 both work.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("eval_squad.py")  # Before the slow imports.

import argparse
import json
import math
import sys

from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.scores import evaluators
from attention_zones.scores import scoring


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Scores predictions as the official evaluator of SQuAD v2.0.")
  evaluators.add_files(parser)
  parser.add_argument("--out-file", "-o", metavar="eval.json",
                      help="write the scores here instead of printing them")
  parser.add_argument("--na-prob-file", "-n", metavar="na_prob.json",
                      help="object from question id to the probability that it "
                      "has no answer")
  parser.add_argument("--na-prob-thresh", "-t", type=float, default=1.0,
                      help="a prediction counts as \"\" above this probability "
                      "(default: %(default)s)")
  parser.add_argument("--out-image-dir", "-p", metavar="folder",
                      help="draw precision-recall curves and histograms into "
                      "this folder; needs --na-prob-file")
  parser.add_argument("--verbose", "-v", action="store_true",
                      help="report on stderr what was read")
  arguments = parser.parse_args(argv)
  if arguments.out_image_dir and not arguments.na_prob_file:
    parser.error("--out-image-dir=%s draws no-answer probabilities: it needs "
                 "--na-prob-file" % arguments.out_image_dir)
  if math.isnan(arguments.na_prob_thresh):
    parser.error("--na-prob-thresh=nan is not a threshold; give a number")
  return arguments


def check_paths(arguments):
  """Refuses files that do not exist, and paths where no file can be written."""
  if arguments.na_prob_file:
    path_checks.check_input(
        "--na-prob-file", arguments.na_prob_file, "a null_odds.json")
  if arguments.out_file:
    path_checks.check_output(
        "--out-file", arguments.out_file, "a file to write")
  if arguments.out_image_dir:
    path_checks.check_flag("--out-image-dir", arguments.out_image_dir)


def evaluate(arguments):
  """Does what the command line asks for.

  Raises:
    OSError, ValueError: a file is faulty or cannot be written.
  """
  check_paths(arguments)
  questions, predictions = evaluators.load_with_predictions("squad", arguments)
  na_probs = None
  if arguments.na_prob_file:
    na_probs = scoring.load_na_probs(arguments.na_prob_file, questions)
  if arguments.verbose:
    print("%d questions in %s, %d predictions in %s" % (
        len(questions), arguments.data_file, len(predictions),
        arguments.pred_file), file=sys.stderr)
  results = scoring.score(
      questions, predictions, na_probs, arguments.na_prob_thresh)
  if arguments.out_image_dir:
    # Imported here, because matplotlib takes a second.
    from attention_zones.figures import eval_pictures
    path_checks.make_output_folder("--out-image-dir", arguments.out_image_dir)
    results.update(eval_pictures.draw(
        questions, predictions, na_probs, arguments.out_image_dir))
  if arguments.out_file:
    files.write_text(arguments.out_file, [json.dumps(results), "\n"])
  else:
    print(json.dumps(results, indent=2))


main = commands.main("eval_squad.py", parse_arguments, evaluate)

if __name__ == "__main__":
  commands.run(main)
