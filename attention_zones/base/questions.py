"""Passages of a data set, and where an answer stands in its passage."""

import bisect
import collections
import re

from attention_zones.base import json_files

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


def places(paragraph, answers, find=find_answer):
  """Yields where the answers to a question stand in their passage.

  Args:
    paragraph: Paragraph.
    answers: list of json_files.Answer.
    find: as for read_examples.

  Yields:
    (index, (start, end)), int each, for each answer that is more than white space
    and that the passage has at its answer_start.

  Raises:
    ValueError: an answer_start is not a whole number.
  """
  for index, answer in enumerate(answers):
    if answer.text.strip():
      place = find(paragraph, answer.text, json_files.whole_number(
          answer.where, answer.content, "answer_start"))
      if place:
        yield index, place
