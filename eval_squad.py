"""Scores predictions as the official SQuAD v2.0 evaluator does.

    python eval_squad.py squad/dev-v1.1.json predictions.json

prints exact match and F1 in per cent, of all questions and of those with
(HasAns) and without (NoAns) an answer. Every digit is the official one's: sums
run in the order of the data set. Data sets of v1.1 and v2.0 both work.
"""

from attention_zones import interrupts

if __name__ == "__main__":
  interrupts.install("eval_squad.py")  # Before the slow imports.

import argparse
import collections
import functools
import json
import math
import re
import string
import sys

from attention_zones import checked_json
from attention_zones import files
from attention_zones import path_checks
from attention_zones.checked_json import count_ids, excerpt, member, question_id

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


class Question(collections.namedtuple("Question", ["has_answer", "golds"])):
  """What an answer to a question is compared with.

  Attributes:
    has_answer: bool, whether the data set gives the question any answer.
    golds: tuple of the distinct normalized gold answers; ("",) when there is
      none, or none that is more than articles and punctuation.
  """
  __slots__ = ()


def normalize(text):
  """Reduces an answer to what counts: "The  Broncos!" becomes "broncos"."""
  text = _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION))
  return " ".join(text.split())


def load_questions(path):
  """Reads the questions of a SQuAD data set.

  Args:
    path: str, a JSON file of SQuAD v1.1 or v2.0.

  Returns:
    OrderedDict from question id to Question, in the order of the data set.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not a SQuAD data set, has no question or an id twice.
  """
  questions = collections.OrderedDict()
  twice, faults = [], []
  for where, qa in _walk(path, faults):
    with checked_json.noting(faults):
      name = question_id(where, qa)
      texts = [member("%s.answers[%d]" % (where, i), answer, "text", str)
               for i, answer in enumerate(member(where, qa, "answers", list))]
      if name in questions:
        twice.append(name)
      golds = [gold for gold in map(normalize, texts) if gold]
      questions[name] = Question(has_answer=bool(texts),
                                 golds=tuple(sorted(set(golds))) or ("",))
  checked_json.refuse(faults)
  if twice:
    raise ValueError("%s: used more than once: %s; ids must differ" % (
        path, count_ids(twice)))
  if not questions:
    raise ValueError("%s: has no question, so there is nothing to score" % path)
  return questions


def _walk(path, faults):
  """Yields (JSON path for messages, question as the JSON has it).

  What is wrong with an article or a paragraph is added to the list `faults`.
  """
  content = checked_json.load(path)
  for where, paragraph in checked_json.paragraphs(path, content, faults):
    qas = []
    with checked_json.noting(faults):
      qas = member(where, paragraph, "qas", list)
    for q, qa in enumerate(qas):
      yield "%s.qas[%d]" % (where, q), qa


def load_predictions(path, questions):
  """Reads the predictions of a data set.

  Args:
    path: str, a JSON file of an object from question id to answer, which is ""
      for none.
    questions: dict as of `load_questions`.

  Returns:
    dict from question id to str. It has every id of `questions`, and may have
    more.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such an object, or lacks a question.
  """
  return _load_by_id(path, questions, "prediction", "a string",
                     lambda value: isinstance(value, str))


def load_na_probs(path, questions):
  """Reads the probabilities that questions have no answer.

  Args:
    path: str, a JSON file of an object from question id to a number.
    questions: dict as of `load_questions`.

  Returns:
    dict from question id to int or float, as the file has it, with every id of
    `questions`.

  Raises:
    OSError, ValueError: as `load_predictions`.
  """
  return _load_by_id(path, questions, "no-answer probability",
                     "a finite number", _is_finite)


def _is_finite(value):
  """Whether a JSON value is a number that a float can hold."""
  try:
    return type(value) in (int, float) and math.isfinite(value)
  except OverflowError:
    return False


def _load_by_id(path, questions, kind, valid, is_valid):
  """Reads a JSON object from question id to `kind` and refuses a faulty one."""
  by_id = checked_json.load(path)
  if not isinstance(by_id, dict):
    raise ValueError("%s: %s; should be an object from question id to %s" % (
        path, excerpt(by_id), kind))
  missing = [name for name in questions if name not in by_id]
  if missing:
    hint = "; is it of another data set?" * (len(missing) == len(questions))
    if isinstance(by_id.get("data"), list):
      hint = "; it is a data set, not an object from question id to %s" % kind
    raise ValueError("%s: no %s for %s of the data's %d%s" % (
        path, kind, count_ids(missing), len(questions), hint))
  wrong = [name for name, value in by_id.items() if not is_valid(value)]
  if wrong:
    raise ValueError("%s: the %s is not %s, but %s for example, for %s" % (
        path, kind, valid, excerpt(by_id[wrong[0]]), count_ids(wrong)))
  return by_id


# A sweep predicts the same few answers to a question in most of its decodes.
@functools.lru_cache(maxsize=2 ** 20)
def answer_scores(golds, prediction):
  """Compares a prediction with the gold answers of its question.

  Args:
    golds: tuple of str, Question.golds.
    prediction: str, not normalized.

  Returns:
    (exact, f1): 1 if it equals a gold answer, else 0; and the largest F1 with a
    gold answer, from 0 to 1.
  """
  prediction = normalize(prediction)
  return (int(prediction in golds),
          max(_token_f1(gold, prediction) for gold in golds))


def _token_f1(gold, prediction):
  """F1 of the bags of words of two normalized answers."""
  if not gold or not prediction:
    return int(gold == prediction)
  gold, prediction = gold.split(), prediction.split()
  shared = collections.Counter(gold) & collections.Counter(prediction)
  overlap = sum(shared.values())
  if not overlap:
    return 0
  precision = overlap / len(prediction)
  recall = overlap / len(gold)
  return 2 * precision * recall / (precision + recall)


def score_answers(questions, predictions):
  """Scores each question, whatever its no-answer probability.

  Args:
    questions: dict as of `load_questions`.
    predictions: dict as of `load_predictions`.

  Returns:
    (exact, f1): dicts from question id to 0 to 1, in the order of `questions`.
  """
  exact, f1 = {}, {}
  for name, question in questions.items():
    exact[name], f1[name] = answer_scores(question.golds, predictions[name])
  return exact, f1


def score(questions, predictions, na_probs=None, na_prob_thresh=1.0):
  """Scores a data set.

  Args:
    questions: dict as of `load_questions`.
    predictions: dict as of `load_predictions`.
    na_probs: dict as of `load_na_probs`; None takes 0.0 for each question.
    na_prob_thresh: float; a prediction counts as "" where its no-answer
      probability is above.

  Returns:
    OrderedDict of the official evaluator's keys, scores in per cent.
  """
  raw = score_answers(questions, predictions)
  exact, f1 = (_drop_improbable(scores, questions, na_probs, na_prob_thresh)
               for scores in raw)
  results = collections.OrderedDict()
  groups = [("", list(questions))] + [
      (prefix, [name for name in questions
                if questions[name].has_answer == has_answer])
      for prefix, has_answer in (("HasAns_", True), ("NoAns_", False))]
  for prefix, names in groups:
    if names:
      results[prefix + "exact"] = _percentage(exact, names)
      results[prefix + "f1"] = _percentage(f1, names)
      results[prefix + "total"] = len(names)
  if na_probs is not None:
    for key, scores in zip(("best_exact", "best_f1"), raw):
      results[key], results[key + "_thresh"] = _best_threshold(
          questions, predictions, scores, na_probs)
  return results


def _drop_improbable(scores, questions, na_probs, thresh):
  """Scores anew the questions that count as answered by ""."""
  dropped = {}
  for name, value in scores.items():
    na_prob = na_probs[name] if na_probs is not None else 0.0
    dropped[name] = (value if na_prob <= thresh
                     else float(not questions[name].has_answer))
  return dropped


def _percentage(scores, names):
  """100 times the mean score."""
  # Not sum(): from Python 3.12 on it rounds differently, in the last digit.
  total = functools.reduce(lambda total, name: total + scores[name], names, 0)
  return 100.0 * total / len(names)


def _by_na_prob(questions, na_probs):
  """Ids, the surest to have an answer first, equal ones as in the file."""
  return sorted((name for name in na_probs if name in questions),
                key=na_probs.get)


def _best_threshold(questions, predictions, scores, na_probs):
  """Finds the threshold with the highest score.

  From a threshold below all probabilities, where every answer counts as "", it
  is raised one question at a time: each then counts with its own answer, which
  wins its score where there is an answer, and loses 1 where there is none.

  Returns:
    (score in per cent, threshold, 0.0 when no answer should count).
  """
  current = sum(not question.has_answer for question in questions.values())
  best, threshold = current, 0.0
  for name in _by_na_prob(questions, na_probs):
    if questions[name].has_answer:
      current += scores[name]
    elif predictions[name]:
      current -= 1
    if current > best:
      best, threshold = current, na_probs[name]
  return 100.0 * best / len(questions), threshold


def draw_pictures(questions, predictions, na_probs, folder):
  """Draws precision-recall curves and histograms of no-answer probabilities.

  Args:
    questions, predictions, na_probs: dicts as of the `load_` functions.
    folder: str, where to write pr_*.png and na_prob_hist_*.png; made if absent.

  Returns:
    OrderedDict with pr_exact_ap, pr_f1_ap and pr_oracle_ap, the average
    precisions in per cent; empty when no question has an answer.

  Raises:
    OSError: a picture cannot be written.
  """
  # Here, because matplotlib takes a second and may be absent where one scores.
  from attention_zones import eval_pictures
  has_answer = collections.OrderedDict(
      (name, questions[name].has_answer)
      for name in _by_na_prob(questions, na_probs))
  exact, f1 = score_answers(questions, predictions)
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
                      help="say on stderr what was read")
  arguments = parser.parse_args(argv)
  if arguments.out_image_dir and not arguments.na_prob_file:
    parser.error("--out-image-dir=%s draws no-answer probabilities: it needs "
                 "--na-prob-file" % arguments.out_image_dir)
  if math.isnan(arguments.na_prob_thresh):
    parser.error("--na-prob-thresh=nan is no threshold; give a number")
  return arguments


def check_paths(arguments):
  """Refuses files that are not there, and places where none can be written."""
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
  questions = load_questions(arguments.data_file)
  predictions = load_predictions(arguments.pred_file, questions)
  na_probs = None
  if arguments.na_prob_file:
    na_probs = load_na_probs(arguments.na_prob_file, questions)
  if len(predictions) > len(questions):
    print("%s: %d predictions not scored, their ids are not in %s" % (
        arguments.pred_file, len(predictions) - len(questions),
        arguments.data_file), file=sys.stderr)
  if arguments.verbose:
    print("%d questions in %s, %d predictions in %s" % (
        len(questions), arguments.data_file, len(predictions),
        arguments.pred_file), file=sys.stderr)
  results = score(questions, predictions, na_probs, arguments.na_prob_thresh)
  if arguments.out_image_dir:
    path_checks.make_output_folder("--out-image-dir", arguments.out_image_dir)
    results.update(draw_pictures(
        questions, predictions, na_probs, arguments.out_image_dir))
  if arguments.out_file:
    files.write_text(arguments.out_file, [json.dumps(results), "\n"])
  else:
    print(json.dumps(results, indent=2))


def main(argv=None):
  """Runs the command line; returns the exit status."""
  arguments = parse_arguments(argv)
  try:
    evaluate(arguments)
  except BrokenPipeError:
    raise
  except (OSError, ValueError) as error:
    print("eval_squad.py: %s" % path_checks.describe(error), file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  interrupts.run(main)
