"""Finds what is unusual about a data set or a vocabulary that can be read."""

import os
import re
import unicodedata

from attention_zones.base import files
from attention_zones.base import json_files

# If the passage lacks the answer of more training questions than this, the cause is
# not a few typing errors but, for example, offsets counted in bytes, or in another
# version of the passages.
MAX_DROPPED = 0.05

# The fraction of [UNK] among the word pieces. With a vocabulary for the language of
# the text it is 0.0 to 0.7 % (XQuAD, SQuAD and CMRC 2018 with BERT's vocabularies).
# With the wrong casing, or a vocabulary for another language, it is mostly 3 to
# 90 %. Fewer than MIN_UNKNOWN may be one or two rare characters in a small file.
MAX_UNKNOWN = 0.01
MIN_UNKNOWN = 5
# Questions, with their passages, that are enough to know it to 0.1 or 0.2 %.
UNKNOWN_SAMPLE = 200

DROPPED_NAME = "train_dropped_ids.txt"

# Entries of a vocabulary that are not words: [unused1], [MASK], <S>.
_SPECIAL = re.compile(r"\[.*\]|<.*>")

ONE_SEGMENT = ("type_vocab_size is 1: segment 1, the passage, has no embedding and "
               "adds zeros, as in Google's code")

# If less than this fraction of a vocabulary has letters with two cases, it does not
# show whether it is cased. BERT's Chinese one, from lower-cased text, has 18 %.
MIN_LETTERS_FRACTION = 0.01


def remarks(examples, tokenizer, max_query_length):
  """Finds empty texts, truncated questions, several answers and many [UNK].

  Args:
    examples: list of squad_data.Example.
    tokenizer: as of windows.DataSet.
    max_query_length: int, the maximum number of word pieces in a question.

  Returns:
    list of str, a line for each kind that there is.
  """
  def has_word(text):
    # The tokenizer never drops a letter or digit, and this test is quick.
    return any(map(str.isalnum, text)) or bool(tokenizer.tokenize(text))

  def is_cut(text):
    # Tokenizing every question would take longer. There are at most as many word
    # pieces as characters, after lower-casing has decomposed these (a Hangul
    # syllable into three). SentencePiece adds a space at the beginning, and before
    # what ends in a comma. Pieces of bytes can be more; they are made quickly.
    decomposed = unicodedata.normalize("NFKD", text.lower())
    may_be = (tokenizer.do_lower_case is None or len(decomposed) + 1
              + decomposed.count(",") > max_query_length)
    return may_be and len(tokenizer.tokenize(text)) > max_query_length

  def has_special(example):
    texts = example.question, example.paragraph.context
    return any(token in text for token in special for text in texts)

  special = getattr(tokenizer, "special_tokens", ())
  kinds = (
      ("have an empty passage, which makes no window; they get no answer",
       lambda example: not has_word(example.paragraph.context)),
      ("are empty", lambda example: not has_word(example.question)),
      ("have more than --max_query_length=%d tokens and are cut" %
       max_query_length, lambda example: is_cut(example.question)),
      ("have several answers, of which only the first is used for training",
       lambda example: example.num_answers > 1 and not example.answer_index),
      ("have a first answer that is empty, or not in the passage at answer_start; "
       "the first that stands there is used for training",
       lambda example: example.answer_index > 0),
      ("have one of %s in their text, which the model reads as a special token" %
       json_files.count_ids(special, "token"), has_special))
  return (count(examples, kinds) + _remark_unknown(examples, tokenizer)
          + _remark_unexplained(examples, tokenizer))


def count(examples, kinds):
  """Says how many examples are of each of some kinds.

  Args:
    examples: list of squad_data.Example.
    kinds: iterable of (str, what such questions are or have; function from an
      Example to whether it is one).

  Returns:
    list of str, a line for each kind that there is.
  """
  lines = []
  for what, is_so in kinds:
    ids = [example.qas_id for example in examples if is_so(example)]
    if ids:
      lines.append("%d of %d questions %s; %r is the first" % (
          len(ids), len(examples), what, ids[0]))
  return lines


def _remark_unexplained(examples, tokenizer):
  """Reports pieces that stand elsewhere than they should: list of one line, or
  empty."""
  passage_of = getattr(tokenizer, "PASSAGE", None)
  if not hasattr(passage_of, "num_unexplained"):
    return []
  passages = {id(example.paragraph): example.paragraph
              for example in _sample(examples)}
  passages = [passage_of(passage, tokenizer) for passage in passages.values()]
  lost = sum(passage.num_unexplained for passage in passages)
  return lost and ["%d of %d pieces in %d passages have a character that does not "
                   "stand in the passage; they stand where the package tokenizers "
                   "says" % (lost, sum(len(passage.tokens) for passage in passages),
                             len(passages))] or []


def _remark_unknown(examples, tokenizer):
  """Reports many word pieces that are [UNK]: list of one line, or empty."""
  unknown, fraction = _count_unknown(examples, tokenizer)
  if unknown < MIN_UNKNOWN or fraction <= MAX_UNKNOWN:
    return []
  hint = "is --%s of another language?" % tokenizer.FLAG
  if tokenizer.do_lower_case is not None:
    other_case = not tokenizer.do_lower_case
    _, other_fraction = _count_unknown(examples, type(tokenizer)(
        tokenizer.vocab, other_case, **tokenizer.settings))
    hint += " With --do_lower_case=%s: %.1f %%" % (other_case, 100 * other_fraction)
    if other_fraction < fraction / 2:
      hint = "give --do_lower_case=%s, which leaves %.1f %%, or another --%s" % (
          other_case, 100 * other_fraction, tokenizer.FLAG)
  return ["%.1f %% of the word pieces are [UNK], words that the vocabulary lacks; "
          "%s" % (100 * fraction, hint)]


def _count_unknown(examples, tokenizer):
  """Counts [UNK] in some questions and their passages.

  Returns:
    (number, fraction): int, and float from 0 to 1.
  """
  unknown_id, = tokenizer.convert_tokens_to_ids(["[UNK]"])
  unknown = total = 0
  paragraph = None
  for example in _sample(examples):
    texts = [example.question]
    if example.paragraph is not paragraph:
      paragraph = example.paragraph
      texts.append(paragraph.context)
    for pieces in map(tokenizer.tokenize, texts):
      unknown += tokenizer.convert_tokens_to_ids(pieces).count(unknown_id)
      total += len(pieces)
  return unknown, unknown / max(total, 1)


def _sample(examples):
  """Some of the examples, evenly spaced, and at most UNKNOWN_SAMPLE."""
  return examples[::-(-len(examples) // UNKNOWN_SAMPLE) or 1]


def report_dropped(source, num_kept, dropped, folder, is_allowed=False):
  """Writes the ids of training questions that were left out to a file.

  Args:
    source: str, names the data set in messages.
    num_kept: int, how many questions are left.
    dropped: list of str, at least one id, as squad_data.read_examples returns it.
    folder: str, a folder (or gs:// address) for DROPPED_NAME, one id per line.
    is_allowed: bool, --allow_dropped: whether any number may be left out.

  Returns:
    str, a line for the log.

  Raises:
    ValueError: no question is left; or more than MAX_DROPPED of all are left out,
      and that is not allowed.
  """
  path = os.path.join(folder, DROPPED_NAME)
  files.write_text(path, [qas_id + "\n" for qas_id in dropped])
  line = ("%s: %d of %d questions left out, because their answers are empty or not "
          "in the passage at answer_start; their ids are in %s" % (
              source, len(dropped), num_kept + len(dropped), path))
  if not num_kept:
    raise ValueError("%s; none is left to train on: correct the file" % line)
  if len(dropped) > MAX_DROPPED * (num_kept + len(dropped)) and not is_allowed:
    raise ValueError(
        "%s; more than %g %% point to a systematic error: correct the file, or "
        "give --allow_dropped=True to train on the rest" % (
            line, 100 * MAX_DROPPED))
  return line


def cased_entries(vocab):
  """Finds the entries that a lower-cased text cannot contain.

  Args:
    vocab: iterable of str, as tokenization.load_vocab returns it.

  Returns:
    list of str: the entries that lower-casing would change, except special ones
    like [MASK] and <S>. "\u211d", a capital without a small letter, does not count:
    uncased vocabularies have it, too.
  """
  return [token for token in vocab if token.lower() != token
          and not _SPECIAL.fullmatch(token)]


def casing(vocab):
  """Finds out whether a vocabulary was made from cased or from lower-cased text.

  Entries with letters of two cases show it: cased text has capitals. A vocabulary
  of a script without case does not show it, even if it has a few units and names in
  Latin letters: less than MIN_LETTERS_FRACTION of its entries is not enough.
  Entries that lower-casing would decompose (BERT's strips accents, and makes three
  characters of a Hangul syllable) outweigh small letters: a Korean vocabulary with
  "kg" is not of lower-cased text. Georgian has capitals in Unicode, but does not
  use them at the start of a sentence; it counts as a script without case.

  Args:
    vocab: iterable of str, as tokenization.load_vocab returns it.

  Returns:
    "cased", "lower-cased", or None if the vocabulary does not show it.
  """
  entries = [token for token in vocab if not _SPECIAL.fullmatch(token)]
  num_letters = sum(token.lower() != token.title() for token in entries)
  if not num_letters or num_letters < MIN_LETTERS_FRACTION * len(entries):
    return None
  if cased_entries(entries):
    return "cased"
  num_apart = sum(unicodedata.normalize("NFD", token) != token
                  for token in entries)
  return "lower-cased" if num_apart < num_letters else None


def check_casing(vocab, name, do_lower_case):
  """Refuses a cased vocabulary for lower-cased text, and the reverse.

  Args:
    vocab: iterable of str, as tokenization.load_vocab returns it.
    name: str, its flag and path, for the message.
    do_lower_case: bool.

  Raises:
    ValueError: `casing` shows that the vocabulary does not suit do_lower_case.
  """
  if casing(vocab) != ("cased" if do_lower_case else "lower-cased"):
    return
  cased = cased_entries(vocab)
  raise ValueError(
      "--do_lower_case=%s does not suit %s, which has %d cased "
      "entries%s; give --do_lower_case=%s, or --allow_case_mismatch=True" % (
          do_lower_case, name, len(cased),
          ", %r for example" % cased[-1] if cased else "", not do_lower_case))
