"""CMRC 2018: its words, labels and answer texts, as the published script has them.

The data set (Cui et al., EMNLP 2019) is in SQuAD's format. Its script,
run_cmrc2018.py of Cui et al. (2022), differs from run_squad.py: each Chinese
character and most punctuation is a word, words are joined with nothing, and an
answer is labelled by whole words.
"""

import bisect
import functools
import re

from attention_zones.base import cjk
from attention_zones.base import questions
from attention_zones.data import data_checks
from attention_zones.data import squad_data

# Ends a word and is in none. U+2581 is the script's own mark between words.
_SPACES = " \t\r\n\u202f\u2581"
# Punctuation that is a word of its own; all other sticks to what stands beside it.
_MARKS = "。，！？；、：（）－~「」《》,\"“”$『』—;()-～‘’`"
_ALONE = cjk.RANGES + re.escape(_MARKS)
_WORD = re.compile("[{0}]|[^{0}{1}]+".format(_ALONE, _SPACES))
_CHINESE = re.compile("[%s]" % cjk.RANGES)

# No answer begins with these, whatever the file says.
_NOT_FIRST = frozenset("。，：:.,")
# Some answers stand up to this many characters before their answer_start.
_REPAIR = 3

_joined = "".join


def split_words(context):
  """Makes the Paragraph of a passage, given its text."""
  words = list(_WORD.finditer(context))
  return questions.Paragraph(context, [word.group() for word in words],
                             [word.start() for word in words])


def find_answer(paragraph, text, offset):
  """Finds the words of an answer, with the published repairs.

  Where the passage does not have the text at its offset, it is looked for up to
  _REPAIR characters to the left; the last try is kept even if that fails. White
  space and one mark of _NOT_FIRST at the start are left out.

  Three things are not as published: the script goes on to the left from the end of
  the passage; an answer that is one such mark gets the word after it; and U+2581
  moves all that follows it. CMRC 2018 itself has none of these.

  Args:
    paragraph: questions.Paragraph of split_words.
    text: str, the answer.
    offset: int, answer_start in the file.

  Returns:
    (start, end), int each: context[start:end] are the answer's words, whole ones;
    None where the script stops with an IndexError, because the answer is empty, or
    not within the passage.
  """
  context, start = paragraph.context, offset
  while (not context.startswith(text, start)
         and start > max(0, offset - _REPAIR)):
    start -= 1
  end = start + len(text)
  if offset < 0 or end > len(context):
    return None
  while start < end and context[start] in _SPACES:
    start += 1
  if start == end:
    return None
  # White space at the end belongs to the word before it.
  first, last = (bisect.bisect_right(paragraph.starts, place) - 1
                 for place in (start, end - 1))
  if first < last and paragraph.words[first] in _NOT_FIRST:
    first += 1
  return paragraph.starts[first], paragraph.starts[last] + len(
      paragraph.words[last])


def read_examples(
    path, is_training, version_2_with_negative=False, with_gold=False):
  """Reads a file of CMRC 2018 in SQuAD's format.

  Args:
    path: str, a path (or gs:// address).
    is_training: bool, whether to read the answers.
    version_2_with_negative: bool, False: all questions have an answer.
    with_gold: as for squad_data.read_examples.

  Returns:
    (examples, dropped), as squad_data.read_examples.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a file; the message says what it is.
  """
  del version_2_with_negative
  examples, dropped = squad_data.read_examples(
      path, is_training, False, with_gold, split_words, find_answer)
  passages = {id(e.paragraph): e.paragraph for e in examples}.values()
  if any(p.words for p in passages) and not any(
      _CHINESE.search(p.context) for p in passages):
    raise ValueError(
        "%s: no passage has a Chinese character, and --dataset=cmrc2018 joins "
        "words without spaces; give --dataset=squad" % path)
  return examples, dropped


def remarks(examples):
  """Finds what the published script takes in its own way: list of str, lines."""
  return data_checks.count(examples, (
      ("are labelled with words that do not read like their answer, as in the "
       "published script", _is_mismatch),
      ("have U+2581 in their passage, which ends a word and is in no answer",
       lambda example: "\u2581" in example.paragraph.context)))


def _is_mismatch(example):
  """Whether an Example's label reads differently from its answer in the file."""
  labelled = example.paragraph.context[example.answer_start:example.answer_end]
  return bool(example.answer_text) and (
      _joined(_WORD.findall(labelled)) != _joined(example.answer_text.split()))


def span_text(passage, first, last, basic_tokenizer):
  """The text of a span of word pieces, as the published script finds it.

  Args:
    passage: passages.TokenizedParagraph.
    first, last: int, the span's word pieces, indices into passage.tokens.
    basic_tokenizer: tokenization.BasicTokenizer, of the passage's tokenizer.

  Returns:
    str, the part of the words, joined with nothing, that the pieces stand for; all
    the words that the span touches where the two cannot be aligned, for example
    because of an [UNK].
  """
  pieces = _joined(passage.tokens[first:last + 1]).replace("##", "")
  words = _joined(passage.paragraph.words[
      passage.word_of[first]:passage.word_of[last] + 1])
  whole = _joined(basic_tokenizer.tokenize(words))
  start = whole.find(pieces)
  if start < 0 or not pieces or len(whole) != len(words):
    return words
  return words[start:start + len(pieces)]


RULES = squad_data.Rules(
    "cmrc2018", read_examples, functools.partial(
        squad_data.to_predict, split=split_words, find=find_answer),
    remarks, span_text,
    limits_logits=True, counts_windows=True, positions_in_nbest=True,
    empty_answer="empty", ascii_texts=False)
