"""Reads SQuAD's JSON, v1.1 and v2.0, into validated examples."""

import collections
import functools
import re

from attention_zones.base import questions
from attention_zones.base.questions import find_answer, places, split_words
from attention_zones.data import answer_text

Rules = collections.namedtuple("Rules", [
    "name", "read_examples", "to_predict", "remarks", "span_text", "limits_logits",
    "counts_windows", "positions_in_nbest", "empty_answer", "ascii_texts"])
Rules.__doc__ = """The rules of a data set's published script.

Attributes:
  name: str, the --dataset.
  read_examples: function (path, is_training, version_2_with_negative, with_gold)
    to (examples, dropped), as read_examples.
  to_predict: function (question, with_gold) to an Example, as to_predict.
  remarks: function from a list of Example to a list of str, lines for
    the log about what is unusual but works.
  span_text: function (passage, first, last, basic_tokenizer) to the text of a span
    of word pieces, as answer_text.span_text.
  limits_logits: bool, whether only [CLS] and the passage have logits, in training,
    too (answer_head.mask_spans); [CLS] is then a candidate, and windows compete by
    log-probabilities (answer_head.candidates).
  counts_windows: bool, whether steps are counted by windows, not by questions
    (training.Training.num_steps).
  positions_in_nbest: bool, whether n-best lists have positions
    (answers.AnswerFinder).
  empty_answer: str, the prediction for a passage without words.
  ascii_texts: bool, whether predictions are written in ASCII, with escapes; n-best
    lists always are (prediction_files.write_files).
"""

Example = collections.namedtuple("Example", [
    "qas_id", "question", "paragraph", "answer_start", "answer_end",
    "answer_text", "is_impossible", "num_answers", "answer_index", "gold"],
                                 defaults=(0, 0, ()))
Example.__doc__ = """One question about one passage.

Attributes:
  qas_id: str, the question's id.
  question: str.
  paragraph: questions.Paragraph, one object for all questions about it.
  answer_start, answer_end: int, the answer is paragraph.context[start:end]; both
    -1 without an answer, and when reading for prediction.
  answer_text: str, as in the file, whose white space may differ from that of the
    passage; "" without an answer, and when reading for prediction.
  is_impossible: bool, whether the file says that there is no answer.
  num_answers: int, how many answers the file has, of which the first that stands
    in the passage is taken; 0 without an answer, and when reading for prediction.
  answer_index: int, which one that is, from 0.
  gold: list of (start, end), int each, where all answers of the question are that
    the passage has at answer_start; empty unless asked for.
"""


def read_examples(path, is_training, version_2_with_negative=False,
                  with_gold=False, split=split_words, find=find_answer):
  """Reads a file of SQuAD v1.1 or v2.0, or of another data set in its format.

  Args:
    path: str, a path (or gs:// address) of SQuAD's JSON.
    is_training: bool, whether to read the answers.
    version_2_with_negative: bool, whether questions may have no answer.
    with_gold: bool, whether examples say where all answers are.
    split: function from a passage's text to its Paragraph.
    find: function (Paragraph, answer, answer_start) to where an answer stands,
      as find_answer.

  Returns:
    (examples, dropped): list of Example in the order of the file, and list of
    the ids (str) of training questions that were left out, because the passage
    has none of their answers at answer_start.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file, or one of v2.0 that is read as v1.1; the
      message names the file and the place in it.
  """
  # The questions about a passage, neighbours, share one Paragraph.
  split, ids, impossible = functools.lru_cache(maxsize=1)(split), [], []

  def read_one(question):
    example = to_predict(question, with_gold, split, find)
    ids.append(example.qas_id)
    if example.is_impossible:
      impossible.append(question.where)
    elif is_training:
      example = _with_answer(question, example, find, version_2_with_negative)
    return example

  found = questions.read(path, read_one)
  if impossible and not version_2_with_negative:
    raise ValueError(
        "%s is the first of %d questions with is_impossible true, as SQuAD "
        "v2.0 has them; they need --version_2_with_negative=True, with "
        "--dataset=squad" % (
            impossible[0], len(impossible)))
  questions.refuse_repeated(path, ids)
  if not ids:
    raise ValueError("%s holds no question" % path)
  is_kept = lambda example: (
      example.is_impossible or not is_training or example.answer_text)
  return ([example for example in found if is_kept(example)],
          [example.qas_id for example in found if not is_kept(example)])


def to_predict(question, with_gold=False, split=split_words, find=find_answer):
  """Makes the Example of a question, without an answer to train on.

  Args:
    question: questions.Question.
    with_gold, split, find: as for read_examples.

  Raises:
    ValueError: the question is faulty.
  """
  example = Example(
      paragraph=split(question.context), qas_id=question.id,
      question=question.text, answer_start=-1, answer_end=-1, answer_text="",
      is_impossible=question.is_impossible)
  if with_gold and "answers" in question.content:
    example = example._replace(gold=[place for _, place in places(
        example.paragraph, question.answers, find)])
  return example


def _with_answer(question, example, find, may_lack):
  """Fills in the first answer that the passage has at answer_start, if any.

  With may_lack, a question without answers is impossible if it does not say whether
  it is, as the evaluator takes it: Hugging Face's SQuAD v2.0 has no is_impossible.
  """
  answers = question.answers
  if not answers and may_lack and question.content.get("is_impossible") is None:
    return example._replace(is_impossible=True)
  if not answers:
    raise ValueError(
        "%s has no answer; a question to train on should have one, or be marked "
        "is_impossible and read with --version_2_with_negative=True" %
        question.where)
  for index, (start, end) in places(example.paragraph, answers, find):
    return example._replace(
        answer_start=start, answer_end=end, answer_text=answers[index].text,
        num_answers=len(answers), answer_index=index)
  return example


# What looks like CMRC 2018: "DEV_109_QUERY_0".
_ID_OF_CMRC = re.compile(r"(TRAIN|TRIAL|DEV|TEST|CHALLENGE)_[0-9]+_QUERY_[0-9]+")


def _remarks(examples):
  """Recognizes CMRC 2018 that is read as SQuAD: list of one line, or empty."""
  if not all(_ID_OF_CMRC.fullmatch(example.qas_id) for example in examples):
    return []
  return ["has the ids of CMRC 2018; --dataset=cmrc2018 has the words, labels and "
          "answers of its published script"]


RULES = Rules("squad", read_examples, to_predict, _remarks, answer_text.span_text,
              limits_logits=False, counts_windows=False, positions_in_nbest=False,
              empty_answer="", ascii_texts=True)
