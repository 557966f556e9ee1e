"""Reads SQuAD's JSON, v1.1 and v2.0, into validated examples."""

import bisect
import collections
import re

from attention_zones import checked_json
from attention_zones.checked_json import member, question_id

# SQuAD's preprocessing splits words at these characters; other spaces, like U+00A0,
# are left to the tokenizer.
_WORD = re.compile("[^ \t\r\n\u202f]+")
# White space of any kind, for comparing an answer with its passage.
_SPACE = re.compile(r"\s*")

Paragraph = collections.namedtuple("Paragraph", ["context", "words", "starts"])
Paragraph.__doc__ = """One passage.

Attributes:
  context: str, the text as in the file.
  words: list of str, the text split at white space.
  starts: list of int, the offset of each word in `context`.
"""

Example = collections.namedtuple("Example", [
    "qas_id", "question", "paragraph", "answer_start", "answer_end",
    "answer_text", "is_impossible", "num_answers", "answer_index"],
                                 defaults=(0, 0))
Example.__doc__ = """One question about one passage.

Attributes:
  qas_id: str, the question's id.
  question: str.
  paragraph: Paragraph, one object for all questions about it.
  answer_start, answer_end: int, the answer is paragraph.context[start:end]; both
    -1 without an answer, and when reading for prediction.
  answer_text: str, as in the file, whose white space may differ from that of the
    passage; "" without an answer, and when reading for prediction.
  is_impossible: bool, whether the file says that there is no answer.
  num_answers: int, how many answers the file has, of which the first that stands
    in the passage is taken; 0 without an answer, and when reading for prediction.
  answer_index: int, which one that is, from 0.
"""


def split_words(context):
  """Makes the Paragraph of a passage, given its text."""
  words = list(_WORD.finditer(context))
  return Paragraph(context, [word.group() for word in words],
                   [word.start() for word in words])


def find_answer(paragraph, text, offset):
  """Finds an answer in its passage.

  The answer must be more than white space. It is found if it is at its offset, if
  it is there with other white space, or if it is elsewhere in the words at its
  offset, like "895" in "1895".

  Args:
    paragraph: Paragraph.
    text: str, the answer.
    offset: int, answer_start in the file.

  Returns:
    (start, end), int each: the answer is context[start:end]; None if it is not
    found.
  """
  context, parts = paragraph.context, text.split()
  if not parts or not 0 <= offset < len(context):
    return None
  if context.startswith(text, offset):
    return offset, offset + len(text)
  alike = re.compile(r"\s+".join(map(re.escape, parts)))
  at_offset = alike.match(context, _SPACE.match(context, offset).end())
  if at_offset:
    return at_offset.span()
  if offset + len(text) > len(context):
    return None
  # White space belongs to the word before it.
  word_at = lambda offset: bisect.bisect_right(paragraph.starts, offset) - 1
  first, last = word_at(offset), word_at(offset + len(text) - 1)
  if first < 0:
    return None
  nearby = alike.finditer(context, paragraph.starts[first],
                          paragraph.starts[last] + len(paragraph.words[last]))
  return min((match.span() for match in nearby), default=None,
             key=lambda span: abs(span[0] - offset))


def read_examples(path, is_training, version_2_with_negative=False,
                  split=split_words, find=find_answer):
  """Reads a file of SQuAD v1.1 or v2.0, or of another data set in its format.

  Args:
    path: str, a path (or gs:// address) of SQuAD's JSON.
    is_training: bool, whether to read the answers.
    version_2_with_negative: bool, whether questions may have no answer.
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
  content = checked_json.load(path)
  examples, dropped, impossible, ids = [], [], [], []
  faults = []
  for where, paragraph, qa in _questions(path, content, split, faults):
    with checked_json.noting(faults):
      example = _without_answer(where, paragraph, qa)
      ids.append(example.qas_id)
      if example.is_impossible:
        impossible.append(where)
      elif is_training:
        example = _with_answer(
            where, qa, example, find, version_2_with_negative)
      if example.is_impossible or not is_training or example.answer_text:
        examples.append(example)
      else:
        dropped.append(example.qas_id)
  checked_json.refuse(faults)
  if impossible and not version_2_with_negative:
    raise ValueError(
        "%s is the first of %d questions with is_impossible true, as SQuAD "
        "v2.0 has them; they need --version_2_with_negative=True" % (
            impossible[0], len(impossible)))
  checked_json.refuse_repeated(path, ids)
  if not ids:
    raise ValueError("%s holds no question" % path)
  return examples, dropped


def read_answers(path, split=split_words, find=find_answer):
  """Finds the gold answers of a data set in its passages, all of each question.

  Args:
    path: str, a path (or gs:// address) of SQuAD's JSON.
    split, find: as for read_examples.

  Returns:
    dict from question id to list of (start, end), int each: an answer is
    context[start:end]. It is [] for a question without an answer, or with none that
    the passage has at answer_start.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file; the message names the file and the place.
  """
  content = checked_json.load(path)
  found, faults = {}, []
  for where, paragraph, qa in _questions(path, content, split, faults):
    with checked_json.noting(faults):
      answers = checked_json.answers(where, qa) if "answers" in qa else []
      found[question_id(where, qa)] = [
          place for _, place in places(paragraph, answers, find)]
  checked_json.refuse(faults)
  return found


def places(paragraph, answers, find=find_answer):
  """Yields where the answers to a question stand in their passage.

  Args:
    paragraph: Paragraph.
    answers: list of checked_json.Answer.
    find: as for read_examples.

  Yields:
    (index, (start, end)), int each, for each answer that is more than white space
    and that the passage has at its answer_start.

  Raises:
    ValueError: an answer_start is not a whole number.
  """
  for index, answer in enumerate(answers):
    # Without an answer_start, too, an answer stands nowhere.
    if answer.text.strip() and answer.content.get("answer_start") is not None:
      place = find(paragraph, answer.text, checked_json.whole_number(
          answer.where, answer.content, "answer_start"))
      if place:
        yield index, place


def _questions(path, content, split, faults):
  """Yields (JSON path for messages, Paragraph, question as the JSON has it).

  Faults of articles and paragraphs are added to the list `faults`.
  """
  for where, item in checked_json.paragraphs(path, content, faults):
    qas = []
    with checked_json.noting(faults):
      context = member(where, item, "context", str)
      paragraph = split(context)
      qas = member(where, item, "qas", list)
    for q, qa in enumerate(qas):
      yield "%s.qas[%d]" % (where, q), paragraph, qa


def _without_answer(where, paragraph, qa):
  """Makes the Example of a question as the JSON has it, without its answer."""
  return Example(
      question_id(where, qa), member(where, qa, "question", str),
      paragraph, -1, -1, "", checked_json.is_impossible(where, qa))


def _with_answer(where, qa, example, find, may_lack):
  """Fills in the first answer that the passage has at answer_start, if any.

  With may_lack, a question without answers is impossible if it does not say whether
  it is, as the evaluator takes it: Hugging Face's SQuAD v2.0 has no is_impossible.
  """
  answers = checked_json.answers(where, qa)
  if not answers and may_lack and qa.get("is_impossible") is None:
    return example._replace(is_impossible=True)
  if not answers:
    raise ValueError(
        "%s has no answer; a question to train on should have one, or be marked "
        "is_impossible and read with --version_2_with_negative=True" % where)
  for index, (start, end) in places(example.paragraph, answers, find):
    return example._replace(
        answer_start=start, answer_end=end, answer_text=answers[index].text,
        num_answers=len(answers), answer_index=index)
  return example
