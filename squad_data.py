"""SQuAD's JSON, v1.1 and v2.0, to validated examples."""

import bisect
import collections
import json
import re

import tensorflow.compat.v1 as tf

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
  is_impossible: bool, whether a question of SQuAD v2.0 has no answer.
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
    ValueError: not such a file; the message names the file and the place in it.
  """
  examples, dropped, seen = [], [], set()
  for place, paragraph, qa in _questions(path, _load(path)):
    qas_id = _get(path, place, qa, "id", str)
    if qas_id in seen:
      raise ValueError("%s: %s.id: %r is the id of two questions" % (
          path, place, qas_id))
    seen.add(qas_id)
    example = Example(qas_id, _get(path, place, qa, "question", str), paragraph,
                      -1, -1, "", False)
    if is_training:
      example = _with_answer(path, place, qa, example, version_2_with_negative)
    if example is None:
      dropped.append(qas_id)
    else:
      examples.append(example)
  if not examples:
    raise ValueError("%s holds no question%s" % (
        path, " whose answer stands in its passage" if dropped else ""))
  return examples, dropped


def _load(path):
  with tf.gfile.GFile(path, "rb") as f:
    content = f.read()
  try:
    return json.loads(content.decode("utf-8-sig"))
  except ValueError as error:
    raise ValueError("%s is not SQuAD's JSON: %s" % (path, error))


def _questions(path, file):
  """Yields (place in the file, Paragraph, the question's JSON object)."""
  if not isinstance(file, dict):
    raise ValueError("%s: an object with \"data\" is wanted, not %s" % (
        path, type(file).__name__))
  for a, article in enumerate(_get(path, "", file, "data", list)):
    place_a = "data[%d]" % a
    for p, item in enumerate(_get(path, place_a, article, "paragraphs", list)):
      place_p = "%s.paragraphs[%d]" % (place_a, p)
      context = _get(path, place_p, item, "context", str)
      words = [(match.group(), match.start()) for match in _WORD.finditer(context)]
      paragraph = Paragraph(context, [word for word, _ in words],
                            [start for _, start in words])
      for q, qa in enumerate(_get(path, place_p, item, "qas", list)):
        yield "%s.qas[%d]" % (place_p, q), paragraph, qa


def _get(path, place, parent, key, kind):
  """Returns parent[key], or says where in the file it is missing or wrong."""
  here = "%s.%s" % (place, key) if place else key
  if not isinstance(parent, dict):
    raise ValueError("%s: %s is %s, an object is wanted" % (
        path, place, type(parent).__name__))
  if key not in parent:
    raise ValueError("%s: %s is missing" % (path, here))
  value = parent[key]
  if not isinstance(value, kind) or isinstance(value, bool) and kind is not bool:
    raise ValueError("%s: %s is %s, %s is wanted" % (
        path, here, type(value).__name__, kind.__name__))
  return value


def _with_answer(path, place, qa, example, version_2_with_negative):
  """Fills in the answer; None when it does not stand where the file says."""
  if version_2_with_negative and qa.get("is_impossible", False):
    return example._replace(is_impossible=True)
  answers = _get(path, place, qa, "answers", list)
  if len(answers) != 1:
    raise ValueError(
        "%s: %s.answers has %d answers; a question to train on has 1, or is "
        "marked is_impossible and read with --version_2_with_negative" % (
            path, place, len(answers)))
  place = "%s.answers[0]" % place
  text = _get(path, place, answers[0], "text", str)
  offset = _get(path, place, answers[0], "answer_start", int)
  paragraph = example.paragraph
  if not text or not 0 <= offset <= len(paragraph.context) - len(text):
    return None
  # White space belongs to the word before it.
  word_at = lambda offset: bisect.bisect_right(paragraph.starts, offset) - 1
  start, end = word_at(offset), word_at(offset + len(text) - 1)
  if start < 0 or (" ".join(text.split())
                   not in " ".join(paragraph.words[start:end + 1])):
    return None
  return example._replace(start_word=start, end_word=end, answer_text=text)
