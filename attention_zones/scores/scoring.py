"""Exact match and F1, as the official SQuAD v2.0 evaluator computes them.

They agree in every digit, because sums run in the order of the data set.
"""

import collections
import functools
import math
import re
import string

from attention_zones.base import json_files
from attention_zones.base import questions as data_questions
from attention_zones.base.json_files import count_ids, excerpt

Evaluator = collections.namedtuple("Evaluator", [
    "load_questions", "answer_scores", "compare_texts", "cls_takes_part"])
Evaluator.__doc__ = """The official evaluator of a data set, as functions.

Attributes:
  load_questions: function from a path to an OrderedDict from question id to
    Golds.
  answer_scores: function (golds, prediction) to (exact, f1), 0 to 1 each; golds as
    in Golds.
  compare_texts: function (baseline, masked) to "same", "shifted" or "elsewhere".
  cls_takes_part: bool, whether the logits of [CLS] count among those of the
    passage (and no others), so that what changes [CLS] alone can change an answer.
"""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


class Golds(collections.namedtuple("Golds", ["has_answer", "golds"])):
  """The gold answers to a question, with which a prediction is compared.

  Attributes:
    has_answer: bool, whether the data set gives the question any answer.
    golds: tuple of the distinct normalized gold answers; ("",) when there is
      none, or none that is more than articles and punctuation. In CMRC 2018 they
      are as in the file, and () when there is none.
  """
  __slots__ = ()


def normalize(text):
  """Reduces an answer to what is compared: "The  Broncos!" becomes "broncos"."""
  text = _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION))
  return " ".join(text.split())


# As for answer_scores: a sweep compares the same few texts again and again.
@functools.lru_cache(maxsize=2 ** 20)
def compare_texts(baseline, masked):
  """Says how the answer of a masked decode differs from the baseline's.

  Args:
    baseline, masked: str, the two answers to one question, not normalized.

  Returns:
    "same" if the normalized texts are equal; "shifted" if they share a token, a
    word between spaces: the answer moved, but the two overlap; "elsewhere" if they
    share none, as when one of them is "". In a script without spaces an answer is
    mostly one token.
  """
  baseline, masked = normalize(baseline), normalize(masked)
  if baseline == masked:
    return "same"
  return "elsewhere" if set(baseline.split()).isdisjoint(
      masked.split()) else "shifted"


def _normalized(texts):
  """Turns the gold answers of a question, list of str, into Golds.golds."""
  return tuple(sorted(set(filter(None, map(normalize, texts))))) or ("",)


def load_questions(path, golds_of=_normalized):
  """Reads the questions of a SQuAD data set.

  Args:
    path: str, a JSON file of SQuAD v1.1 or v2.0.
    golds_of: function from the list of a question's answers to Golds.golds.

  Returns:
    OrderedDict from question id to Golds, in the order of the data set.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not a SQuAD data set, has no question or an id twice.
  """
  def read_one(question):
    texts = [answer.text for answer in question.answers]
    return question.id, Golds(bool(texts), golds_of(texts))

  found = data_questions.read(path, read_one)
  data_questions.refuse_repeated(path, (name for name, _ in found))
  if not found:
    raise ValueError("%s: has no question, so there is nothing to score" % path)
  return collections.OrderedDict(found)


def load_predictions(path, questions, allow_missing=False):
  """Reads the predictions of a data set.

  Args:
    path: str, a JSON file of an object from question id to answer, which is ""
      for none.
    questions: dict, as `load_questions` returns it.
    allow_missing: bool, whether some questions, but not all, may have none.

  Returns:
    dict from question id to str. It has every id of `questions`, unless some may be
    missing, and may have more.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such an object, or lacks a question.
  """
  return _load_by_id(path, questions, "prediction", "a string",
                     lambda value: isinstance(value, str), allow_missing)


def load_na_probs(path, questions):
  """Reads the probabilities that questions have no answer.

  Args:
    path: str, a JSON file of an object from question id to a number.
    questions: dict, as `load_questions` returns it.

  Returns:
    dict from question id to int or float, as the file has it, with every id of
    `questions`.

  Raises:
    OSError, ValueError: as `load_predictions`.
  """
  return _load_by_id(path, questions, "no-answer probability",
                     "a finite number", _is_finite)


def load_gold_logp(path, questions):
  """Reads the log-probabilities of gold answers, a gold_logp file of run_squad.py.

  Args:
    path: str, a JSON file of an object from question id to a number, or to null for
      a question of which no window holds a gold answer.
    questions: dict, as `load_questions` returns it.

  Returns:
    dict from question id to int, float or None, with every id of `questions`.

  Raises:
    OSError, ValueError: as `load_predictions`.
  """
  return _load_by_id(
      path, questions, "log-probability", "a finite number or null",
      lambda value: value is None or _is_finite(value))


def _is_finite(value):
  """Whether a JSON value is a number that a float can hold."""
  try:
    return type(value) in (int, float) and math.isfinite(value)
  except OverflowError:
    return False


def _load_by_id(path, questions, kind, valid, is_valid, allow_missing=False):
  """Reads a JSON object from question id to `kind` and refuses a faulty one."""
  by_id = json_files.load(path)
  if not isinstance(by_id, dict):
    raise ValueError("%s: %s; should be an object from question id to %s" % (
        path, excerpt(by_id), kind))
  missing = [name for name in questions if name not in by_id]
  if missing and not (allow_missing and len(missing) < len(questions)):
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
    golds: tuple of str, Golds.golds.
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


def score_answers(questions, predictions, scores_of=answer_scores):
  """Scores each question, whatever its no-answer probability.

  Args:
    questions: dict, as `load_questions` returns it.
    predictions: dict, as `load_predictions` returns it.
    scores_of: function, as answer_scores.

  Returns:
    (exact, f1): dicts from question id to 0 to 1, in the order of `questions`.
  """
  exact, f1 = {}, {}
  for name, question in questions.items():
    exact[name], f1[name] = scores_of(question.golds, predictions[name])
  return exact, f1


def average(scores, names, scale=100):
  """The mean score times `scale`: per cent.

  Args:
    scores: dict from question id to a number, 0 to 1.
    names: list of str, the ids to average; at least one.
    scale: int.

  Returns:
    float.
  """
  # Not sum(): from Python 3.12 on it rounds differently, in the last digit.
  total = functools.reduce(lambda total, name: total + scores[name], names, 0)
  return float(scale) * total / len(names)


def score(questions, predictions, na_probs=None, na_prob_thresh=1.0):
  """Scores a data set.

  Args:
    questions: dict, as `load_questions` returns it.
    predictions: dict, as `load_predictions` returns it.
    na_probs: dict, as `load_na_probs` returns it; None means 0.0 for each question.
    na_prob_thresh: float; a prediction counts as "" if its no-answer probability
      is above this.

  Returns:
    OrderedDict of the official evaluator's keys, scores in per cent.
  """
  raw = score_answers(questions, predictions)
  exact, f1 = (_drop_improbable(scores, questions, na_probs or {}, na_prob_thresh)
               for scores in raw)
  results = collections.OrderedDict()
  for prefix, kinds in (("", (True, False)), ("HasAns_", (True,)),
                        ("NoAns_", (False,))):
    names = [name for name, of in questions.items() if of.has_answer in kinds]
    if names:
      results[prefix + "exact"] = average(exact, names)
      results[prefix + "f1"] = average(f1, names)
      results[prefix + "total"] = len(names)
  if na_probs is not None:
    for key, scores in zip(("best_exact", "best_f1"), raw):
      results[key], results[key + "_thresh"] = _best_threshold(
          questions, predictions, scores, na_probs)
  return results


def _drop_improbable(scores, questions, na_probs, thresh):
  """Changes the scores of questions whose prediction counts as "": dict."""
  return {name: value if na_probs.get(name, 0.0) <= thresh
          else float(not questions[name].has_answer)
          for name, value in scores.items()}


def by_na_prob(questions, na_probs):
  """Ids by ascending no-answer probability, equal ones in the order of na_probs."""
  return sorted((name for name in na_probs if name in questions),
                key=na_probs.get)


def _best_threshold(questions, predictions, scores, na_probs):
  """Finds the threshold with the highest score.

  The threshold begins below all probabilities, where every prediction counts as "".
  It is raised by one question at a time, whose own prediction then counts: that
  adds its score if the question has an answer; if it has none, a prediction other
  than "" subtracts 1.

  Returns:
    (score in per cent, threshold); the threshold is 0.0 if every prediction should
    count as "".
  """
  current = sum(not question.has_answer for question in questions.values())
  best, threshold = current, 0.0
  for name in by_na_prob(questions, na_probs):
    if questions[name].has_answer:
      current += scores[name]
    elif predictions[name]:
      current -= 1
    if current > best:
      best, threshold = current, na_probs[name]
  return 100.0 * best / len(questions), threshold


EVALUATOR = Evaluator(
    load_questions, answer_scores, compare_texts, cls_takes_part=False)
