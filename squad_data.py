"""SQuAD's JSON, v1.1 and v2.0, to validated examples."""

import bisect
import collections
import re

import tensorflow.compat.v1 as tf

import checked_json
from checked_json import member

# What separates words in SQuAD's preprocessing; other space, U+00A0 for one, is
# left to the tokenizer.
_WORD = re.compile("[^ \t\r\n\u202f]+")

Paragraph = collections.namedtuple("Paragraph", ["context", "words", "starts"])
Paragraph.__doc__ = """One passage.

Attributes:
  context: str, the text as it stands in the file.
  words: list of str, the text split at white space.
  starts: list of int, the offset of each word in `context`.
"""

Example = collections.namedtuple("Example", [
    "qas_id", "question", "paragraph", "start_word", "end_word", "answer_text",
    "is_impossible"])
Example.__doc__ = """One question about one passage.

Attributes:
  qas_id: str, the question's id.
  question: str.
  paragraph: Paragraph, one object for all questions about it.
  start_word, end_word: int, the first and the last word of the answer in
    paragraph.words; -1 without an answer, and when reading for prediction.
  answer_text: str, "" without an answer, and when reading for prediction.
  is_impossible: bool, whether the file says that there is no answer.
"""


def read_examples(path, is_training, version_2_with_negative=False):
  """Reads a file of SQuAD v1.1 or v2.0.

  Args:
    path: str, a path (or gs:// address) of SQuAD's JSON.
    is_training: bool, whether to read the answers.
    version_2_with_negative: bool, whether questions may have no answer.

  Returns:
    (examples, dropped): list of Example in the order of the file, and list of
    the ids (str) of training questions that were left out, because their answer
    does not stand in the passage where the file says.

  Raises:
    ValueError: not such a file, or one of v2.0 that is read as v1.1; the
      message names the file and the place in it.
  """
  with tf.gfile.GFile(path, "rb") as f:
    content = checked_json.parse(path, f.read())
  examples, dropped, impossible, ids = [], [], [], collections.Counter()
  faults = []
  for where, paragraph, qa in _questions(path, content, faults):
    with checked_json.noting(faults):
      example = _without_answer(where, paragraph, qa)
      ids[example.qas_id] += 1
      if example.is_impossible:
        impossible.append(where)
      elif is_training:
        example = _with_answer(where, qa, example)
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
  _check_ids(path, ids)
  return examples, dropped


def _check_ids(path, ids):
  """Refuses a Counter of ids in which one comes twice, or that is empty."""
  twice = [qas_id for qas_id, count in ids.items() if count > 1]
  if twice:
    raise ValueError("%s: used more than once: %s; ids must differ" % (
        path, checked_json.count_ids(twice)))
  if not ids:
    raise ValueError("%s holds no question" % path)


def _questions(path, content, faults):
  """Yields (JSON path for messages, Paragraph, question as the JSON has it).

  What is wrong with an article or a paragraph is added to the list `faults`.
  """
  for where, item in checked_json.paragraphs(path, content, faults):
    qas = []
    with checked_json.noting(faults):
      context = member(where, item, "context", str)
      words = list(_WORD.finditer(context))
      paragraph = Paragraph(context, [word.group() for word in words],
                            [word.start() for word in words])
      qas = member(where, item, "qas", list)
    for q, qa in enumerate(qas):
      yield "%s.qas[%d]" % (where, q), paragraph, qa


def _without_answer(where, paragraph, qa):
  """Makes the Example of a question as the JSON has it, but for its answer."""
  return Example(
      member(where, qa, "id", str), member(where, qa, "question", str),
      paragraph, -1, -1, "",
      "is_impossible" in qa and member(where, qa, "is_impossible", bool))


def _with_answer(where, qa, example):
  """Fills in the answer, unless it does not stand where the file says."""
  answers = member(where, qa, "answers", list)
  if len(answers) != 1:
    raise ValueError(
        "%s has %d answers; a question to train on should have 1, or be marked "
        "is_impossible and read with --version_2_with_negative" % (
            where, len(answers)))
  where += ".answers[0]"
  text = member(where, answers[0], "text", str)
  offset = member(where, answers[0], "answer_start", int)
  paragraph = example.paragraph
  if not text or offset > len(paragraph.context) - len(text):
    return example
  # White space belongs to the word before it.
  word_at = lambda offset: bisect.bisect_right(paragraph.starts, offset) - 1
  start, end = word_at(offset), word_at(offset + len(text) - 1)
  if start < 0 or (" ".join(text.split())
                   not in " ".join(paragraph.words[start:end + 1])):
    return example
  return example._replace(start_word=start, end_word=end, answer_text=text)
