"""Reads SQuAD's JSON, v1.1 and v2.0, into validated examples."""

import collections
import re

from attention_zones.base import json_files
from attention_zones.base.json_files import member, question_id
from attention_zones.base.questions import find_answer, places, split_words
from attention_zones.data import answer_text

Rules = collections.namedtuple("Rules", [
    "name", "read_examples", "remarks", "span_text", "is_cmrc"])
Rules.__doc__ = """The rules of a data set's published script.

Attributes:
  name: str, the --dataset.
  read_examples: function (path, is_training, version_2_with_negative, with_gold)
    to (examples, dropped), as read_examples.
  remarks: function from a list of Example to a list of str, lines for
    the log about what is unusual but works.
  span_text: function (passage, first, last, basic_tokenizer) to the text of a span
    of word pieces, as answer_text.span_text.
  is_cmrc: bool, whether the rest is as in run_cmrc2018.py: only [CLS] and the
    passage have logits, in training, too (answer_head.mask_spans); [CLS] is a
    candidate, and windows compete by log-probabilities (answer_head.candidates);
    steps are counted by windows (training.num_train_steps); n-best lists have
    positions (answers.AnswerFinder); predictions have characters as they are, and
    "empty" for a passage without words (prediction_files.write_files).
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
  content = json_files.load(path)
  examples, dropped, impossible, ids = [], [], [], []
  faults = []
  for where, paragraph, qa in _questions(path, content, split, faults):
    with json_files.noting(faults):
      example = _without_answer(where, paragraph, qa)
      ids.append(example.qas_id)
      if example.is_impossible:
        impossible.append(where)
      elif is_training:
        example = _with_answer(where, qa, example, find)
      if with_gold and "answers" in qa:
        answers = json_files.answers(where, qa)
        example = example._replace(gold=[
            place for _, place in places(paragraph, answers, find)])
      if example.is_impossible or not is_training or example.answer_text:
        examples.append(example)
      else:
        dropped.append(example.qas_id)
  json_files.refuse(faults)
  if impossible and not version_2_with_negative:
    raise ValueError(
        "%s is the first of %d questions with is_impossible true, as SQuAD "
        "v2.0 has them; they need --version_2_with_negative=True" % (
            impossible[0], len(impossible)))
  json_files.refuse_repeated(path, ids)
  if not ids:
    raise ValueError("%s holds no question" % path)
  return examples, dropped


def _questions(path, content, split, faults):
  """Yields (JSON path for messages, Paragraph, question as the JSON has it).

  Faults of articles and paragraphs are added to the list `faults`.
  """
  for where, item in json_files.paragraphs(path, content, faults):
    qas = []
    with json_files.noting(faults):
      context = member(where, item, "context", str)
      paragraph = split(context)
      qas = member(where, item, "qas", list)
    for q, qa in enumerate(qas):
      yield "%s.qas[%d]" % (where, q), paragraph, qa


def _without_answer(where, paragraph, qa):
  """Makes the Example of a question as the JSON has it, without its answer."""
  return Example(
      question_id(where, qa), member(where, qa, "question", str),
      paragraph, -1, -1, "",
      "is_impossible" in qa and member(where, qa, "is_impossible", bool))


def _with_answer(where, qa, example, find):
  """Fills in the first answer that the passage has at answer_start, if any."""
  answers = json_files.answers(where, qa)
  if not answers:
    raise ValueError(
        "%s has no answer; a question to train on should have one, or be marked "
        "is_impossible and read with --version_2_with_negative=True" % where)
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


RULES = Rules("squad", read_examples, _remarks, answer_text.span_text,
              is_cmrc=False)
