"""Exact match and F1, as the official evaluator of CMRC 2018 computes them.

They agree in every digit but for one thing: text that is not Chinese is split by
nltk's word_tokenize without its sentence splitter, which would have to be
downloaded. The splitter matters for noisy text only; tests/test_cmrc_scoring.py
counts how often.
"""

import collections
import functools
import re

from attention_zones.base import json_files
from attention_zones.scores import scoring

# What the evaluator deletes. It also names "……", which no single character equals.
_PUNCTUATION = str.maketrans(
    "", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
# A Chinese character, or a stretch of anything else.
_PARTS = re.compile("([\u4e00-\u9fa5])|([^\u4e00-\u9fa5]+)")


@functools.lru_cache(maxsize=1)
def word_splitter():
  """nltk's word_tokenize. Raises ValueError if nltk is not installed."""
  try:
    # Imported here, because nothing else needs it, and it takes a second.
    from nltk.tokenize import word_tokenize
  except ImportError as error:
    raise ValueError(
        "the F1 of CMRC 2018 needs the package nltk (%s); bash setup_env.sh "
        "requirements-models.txt installs it" % error) from error
  return word_tokenize


def normalize(text):
  """Reduces an answer to what exact match compares: " “A”、 B" becomes "a b"."""
  return text.lower().strip().translate(_PUNCTUATION)


@functools.lru_cache(maxsize=2 ** 18)
def segments(text):
  """Splits an answer into what F1 counts.

  Args:
    text: str, not normalized.

  Returns:
    tuple of str: each Chinese character, and the words of all other text.
  """
  split, found = word_splitter(), []
  for chinese, other in _PARTS.findall(normalize(text)):
    found.extend(chinese or split(other, preserve_line=True))
  return tuple(found)


def longest_common(one, other):
  """The length of the longest run of segments that two answers share: int."""
  places = collections.defaultdict(list)
  for index, segment in enumerate(other):
    places[segment].append(index)
  longest, run_ending_at = 0, {}
  for segment in one:
    run_ending_at = {index: run_ending_at.get(index - 1, 0) + 1
                     for index in places.get(segment, ())}
    longest = max(longest, max(run_ending_at.values(), default=0))
  return longest


# As scoring.answer_scores: a sweep predicts the same few answers.
@functools.lru_cache(maxsize=2 ** 20)
def answer_scores(golds, prediction):
  """Compares a prediction with the gold answers of its question.

  Args:
    golds: tuple of str, not normalized; at least one.
    prediction: str, not normalized.

  Returns:
    (exact, f1): 1 if it equals a gold answer without punctuation, else 0; and the
    largest F1 with a gold answer, from 0 to 1.
  """
  return (int(normalize(prediction) in map(normalize, golds)),
          max(_segment_f1(segments(gold), segments(prediction)) for gold in golds))


def _segment_f1(gold, prediction):
  """F1 of the longest run of segments that two answers share."""
  shared = longest_common(gold, prediction)
  if not shared:
    return 0
  precision, recall = shared / len(prediction), shared / len(gold)
  return 2 * precision * recall / (precision + recall)


# As scoring.compare_texts.
@functools.lru_cache(maxsize=2 ** 20)
def compare_texts(baseline, masked):
  """Says how the answer of a masked decode differs from the baseline's.

  Args:
    baseline, masked: str, the two answers to one question, not normalized.

  Returns:
    "same" if exact match takes them for equal; "shifted" if they share a segment,
    a Chinese character for example; else "elsewhere".
  """
  if normalize(baseline) == normalize(masked):
    return "same"
  return "elsewhere" if set(segments(baseline)).isdisjoint(
      segments(masked)) else "shifted"


def load_questions(path):
  """Reads the questions of CMRC 2018 in SQuAD's format.

  Args:
    path: str, a JSON file.

  Returns:
    OrderedDict from question id to scoring.Golds, in the order of the data set;
    its golds are not normalized.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or a question has no answer; or nltk is not
      installed.
  """
  word_splitter()
  questions = scoring.load_questions(
      path, lambda texts: tuple(collections.OrderedDict.fromkeys(texts)))
  without = [name for name, of in questions.items() if not of.has_answer]
  if without:
    raise ValueError(
        "%s: no answer to compare with for %s of %d questions; in CMRC 2018 every "
        "question has one" % (path, json_files.count_ids(without),
                              len(questions)))
  return questions


def score(questions, predictions):
  """Scores a data set; questions without a prediction count 0.

  Args:
    questions: dict, as `load_questions` returns it.
    predictions: dict from question id to str.

  Returns:
    OrderedDict of the official evaluator's keys, but FILE: AVERAGE (of the two), F1
    and EM in per cent, str with 3 decimals; TOTAL and SKIP, the numbers of
    questions and of those without a prediction.
  """
  answered = [name for name in questions if name in predictions]
  scores = [answer_scores(questions[name].golds, predictions[name])
            for name in answered]
  exact, f1 = (100.0 * functools.reduce(lambda total, pair: total + pair[kind],
                                        scores, 0) / len(questions)
               for kind in (0, 1))
  return collections.OrderedDict([
      ("AVERAGE", "%.3f" % ((exact + f1) * 0.5)), ("F1", "%.3f" % f1),
      ("EM", "%.3f" % exact), ("TOTAL", len(questions)),
      ("SKIP", len(questions) - len(answered))])


EVALUATOR = scoring.Evaluator(
    load_questions, answer_scores, compare_texts, cls_takes_part=True)
