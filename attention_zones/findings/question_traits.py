"""What a question is like: its passage, its type, lengths, where its answer is.

Statistics need the passages, because questions about one are alike. Data sets of
which only the answers are read may lack passages or questions; only what needs them
refuses them.
"""

import collections
import functools
import re
import sys

import numpy as np

from attention_zones.base import json_files
from attention_zones.base import questions
from attention_zones.findings import question_types

CLUSTERS = ("paragraph", "article", "none")
# What a cluster is called in messages and tables, one and several.
CLUSTER_NAMES = {"paragraph": ("passage", "passages"),
                 "article": ("article", "articles"),
                 "none": ("question", "questions")}

# Words on each side of the answer that are compared with the question.
_NEAR = 10

# Words stand between spaces; in a Chinese text, a Chinese character is a word.
_WORD = re.compile(r"\S+")
_CHINESE_WORD = re.compile("[{0}]|[^{0}\\s]+".format(question_types.HAN))
Traits = collections.namedtuple("Traits", [
    "question_type", "question_words", "passage_words", "answer_words",
    "answer_position", "overlap"])
Traits.__doc__ = """What a question is like.

Attributes:
  question_type: str of question_types.TYPES.
  question_words, passage_words, answer_words: int, lengths in words; where most
    letters of the passage are Chinese characters, each of these is a word. An
    answer is the first that stands in the passage.
  answer_position: float, where the answer starts, as a fraction of the passage's
    characters: 0 is its beginning.
  overlap: float, the part of the question's words, without its wh-word, that are
    within 10 words of the answer, or in it; each word counts once. None if the
    question has no other word.
  Without an answer in the passage the last three are None.
"""


def place(question):
  """Where a question's answer stands in its passage, which it must have.

  Returns:
    (start, end), int each, the first answer that the passage has at its
    answer_start is context[start:end], as in training; None without such an answer.
  """
  # Scores need no offsets, so that files may have whatever there.
  answers = [answer for answer in question.answers
             if answer.start_if_known is not None]
  passage = _split_words(question.context)
  return next((found for _, found in questions.places(passage, answers)), None)


# Consecutive questions have the same passage.
_split_words = functools.lru_cache(maxsize=1)(questions.split_words)


@functools.lru_cache(maxsize=1)
def _is_chinese(text):
  """Whether most letters of a text are Chinese characters: bool."""
  return 2 * question_types.count_han(text) > sum(map(str.isalpha, text))


def check_texts(path, asked):
  """Refuses questions without text or passage. Raises ValueError."""
  lacking = [of.id for of in asked if not _text(of.content, "question")
             or _text(of.paragraph, "context") is None]
  if lacking:
    raise ValueError("%s: no \"question\" or no \"context\" for %s; --strata and "
                     "--per_question need both" % (
                         path, json_files.count_ids(lacking)))


def _text(holder, key):
  """A member that is a string, or None."""
  value = holder.get(key)
  return value if isinstance(value, str) else None


def remark(path, asked):
  """Says on stderr how many questions have answers, but none in the passage.

  Args:
    path: str, the data set.
    asked: list of questions.Question.
  """
  lost = [of.id for of in asked if of.answers and not place(of)]
  if lost:
    print("%s: %d of %d questions have no answer that stands in the passage at "
          "answer_start, %r for example; their answer_words, answer_position and "
          "overlap are empty" % (path, len(lost), len(asked), lost[0]),
          file=sys.stderr)


def clusters(asked, by):
  """Puts questions into clusters.

  Args:
    asked: list of questions.Question.
    by: str of CLUSTERS. "paragraph": all questions with the same context, wherever
      it stands in the file; questions without one are a cluster each. "none": every
      question is a cluster.

  Returns:
    (cluster_of, G): int [N], numbered from 0 in the order of the questions, and the
    number of clusters.
  """
  keys = {
      "paragraph": lambda i, of: (
          i if _text(of.paragraph, "context") is None else of.context),
      "article": lambda i, of: of.article,
      "none": lambda i, of: i}[by]
  numbers = {}
  of = [numbers.setdefault(keys(i, of), len(numbers)) for i, of in enumerate(asked)]
  return np.array(of), len(numbers)


# Consecutive questions have the same passage.
@functools.lru_cache(maxsize=16)
def words(text, chinese):
  """Splits a text into words without punctuation, in lower case.

  Args:
    text: str.
    chinese: bool, whether each Chinese character is a word.

  Returns:
    list of (str, int), each word with its offset in the text.
  """
  pattern = _CHINESE_WORD if chinese else _WORD
  stripped = ((re.sub(r"^[\W_]+|[\W_]+$", "", match.group().lower()), match.start())
              for match in pattern.finditer(text))
  return [(word, start) for word, start in stripped if word]


def of_question(asked):
  """Finds out what a question is like.

  Args:
    asked: questions.Question with text and passage.

  Returns:
    Traits.
  """
  kind, begin, end = question_types.classify(asked.text)
  stands = place(asked)
  split = functools.partial(words, chinese=_is_chinese(asked.context))
  passage = split(asked.context)
  lengths = len(split(asked.text)), len(passage)
  if not stands:
    return Traits(kind, *lengths, answer_words=None, answer_position=None,
                  overlap=None)
  others = {word for word, _ in split(asked.text[:begin] + " " + asked.text[end:])}
  first, stop = stands
  before = sum(start + len(word) <= first for word, start in passage)
  until = sum(start < stop for _, start in passage)
  near = {word for word, _ in passage[max(0, before - _NEAR):until + _NEAR]}
  return Traits(
      kind, *lengths, answer_words=len(split(asked.context[first:stop])),
      answer_position=first / len(asked.context),
      overlap=len(others & near) / len(others) if others else None)
