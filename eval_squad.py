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
import collections
import json
import math
import sys

from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.scores import scoring


def draw_pictures(questions, predictions, na_probs, folder):
  """Draws precision-recall curves and histograms of no-answer probabilities.

  Args:
    questions, predictions, na_probs: dicts, as scoring.load_* return them.
    folder: str, where to write pr_*.png and na_prob_hist_*.png; made if absent.

  Returns:
    OrderedDict with pr_exact_ap, pr_f1_ap and pr_oracle_ap, the average
    precisions in per cent; empty when no question has an answer.

  Raises:
    OSError: a picture cannot be written.
  """
  # Imported here, because matplotlib takes a second, and scoring does not need it.
  from attention_zones.figures import eval_pictures
  has_answer = collections.OrderedDict(
      (name, questions[name].has_answer)
      for name in scoring.by_na_prob(questions, na_probs))
  exact, f1 = scoring.score_answers(questions, predictions)
  return eval_pictures.draw(has_answer, na_probs, exact, f1, folder)


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Scores predictions as the official evaluator of SQuAD v2.0.")
  parser.add_argument("data_file", metavar="data.json",
                      help="data set, SQuAD v1.1 or v2.0")
  parser.add_argument("pred_file", metavar="pred.json",
                      help="object from question id to answer")
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
  path_checks.check_input(
      "data.json", arguments.data_file, "a data set of SQuAD, dev-v1.1.json")
  path_checks.check_input(
      "pred.json", arguments.pred_file, "a predictions.json of that data set")
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
  questions = scoring.load_questions(arguments.data_file)
  predictions = scoring.load_predictions(arguments.pred_file, questions)
  na_probs = None
  if arguments.na_prob_file:
    na_probs = scoring.load_na_probs(arguments.na_prob_file, questions)
  if len(predictions) > len(questions):
    print("%s: %d predictions not scored, because their ids are not in %s" % (
        arguments.pred_file, len(predictions) - len(questions),
        arguments.data_file), file=sys.stderr)
  if arguments.verbose:
    print("%d questions in %s, %d predictions in %s" % (
        len(questions), arguments.data_file, len(predictions),
        arguments.pred_file), file=sys.stderr)
  results = scoring.score(
      questions, predictions, na_probs, arguments.na_prob_thresh)
  if arguments.out_image_dir:
    path_checks.make_output_folder("--out-image-dir", arguments.out_image_dir)
    results.update(draw_pictures(
        questions, predictions, na_probs, arguments.out_image_dir))
  if arguments.out_file:
    files.write_text(arguments.out_file, [json.dumps(results), "\n"])
  else:
    print(json.dumps(results, indent=2))


main = commands.main("eval_squad.py", parse_arguments, evaluate)

if __name__ == "__main__":
  commands.run(main)
