"""BERT's tokenizer: basic tokenization, then WordPiece (Devlin et al., 2019).

This is the tokenizer of BERT's first release, which the published numbers were
made with: a character counts as a control character when its Unicode category
starts with "C".
"""

import collections
import re
import unicodedata

import tensorflow.compat.v1 as tf

from attention_zones import file_kinds

# Belongs into the key of everything that is cached of this module's output; to
# be raised when the output changes.
VERSION = 1

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")

# What a vocabulary has beside words: [unused1], [MASK], <S>.
_SPECIAL = re.compile(r"\[.*\]|<.*>")

# Less of a vocabulary than this in letters of two cases does not tell whether it
# is cased. BERT's Chinese one, which is of lower-cased text, has 18 %.
MIN_LETTERS_SHARE = 0.01

# First and last code point of the blocks whose characters BERT takes for words
# of their own: CJK ideographs; Hiragana, Katakana and Hangul are not among them.
_CJK_BLOCKS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))


def load_vocab(vocab_file):
  """Reads a vocabulary of one token a line.

  Args:
    vocab_file: str, a path (or gs:// address) of a UTF-8 file.

  Returns:
    OrderedDict from token (str) to id (int), its line counted from 0.

  Raises:
    ValueError: not UTF-8 text, a token that stands there twice, or one of
      SPECIAL_TOKENS that does not stand there.
  """
  with tf.gfile.GFile(vocab_file, "rb") as f:
    content = f.read()
  kind = file_kinds.of_bytes(content)
  if kind and b"[PAD]" not in content:
    raise ValueError("--vocab_file=%s %s" % (vocab_file, kind))
  try:
    # Not splitlines: U+2028 and its like are entries of multilingual
    # vocabularies, not ends of lines.
    lines = content.decode("utf-8-sig").split("\n")
  except UnicodeDecodeError as error:
    raise ValueError(
        "--vocab_file=%s is not text in UTF-8 (%s); should be a vocab.txt of "
        "BERT, one token a line" % (vocab_file, error.reason)) from error
  if not lines[-1]:
    lines.pop()
  tokens = [line.strip() for line in lines]
  # Before repetitions, of which a file that is no vocabulary has many.
  for token in SPECIAL_TOKENS:
    if token not in tokens:
      raise ValueError(
          "--vocab_file=%s has no %s; should be a vocab.txt of BERT, one token "
          "a line, among them %s" % (
              vocab_file, token, ", ".join(SPECIAL_TOKENS)))
  vocab = collections.OrderedDict()
  for index, token in enumerate(tokens):
    if token in vocab:
      raise ValueError("--vocab_file=%s: line %d repeats %r of line %d" % (
          vocab_file, index + 1, token, vocab[token] + 1))
    vocab[token] = index
  return vocab


def cased_entries(vocab):
  """Finds the entries that a lower-cased text cannot contain.

  Args:
    vocab: iterable of str, as load_vocab returns it.

  Returns:
    list of str: the entries that lower-casing would change, apart from special
    ones like [MASK] and <S>. "\u211d", a capital without a small letter, is in
    uncased vocabularies, too, and is not among them.
  """
  return [token for token in vocab if token.lower() != token
          and not _SPECIAL.fullmatch(token)]


def casing(vocab):
  """Finds out whether a vocabulary was made of cased or of lower-cased text.

  Entries in letters of two cases tell: cased text has capitals among them. A
  vocabulary of a script without case says nothing of either, nor do a few stray
  units and names in Latin letters: less than MIN_LETTERS_SHARE of its entries
  is not enough. Letters as such that lower-casing would take apart (BERT's strips
  accents, and makes three of a Hangul syllable) outweigh small letters: Korean
  and "kg" are not lower-cased text. Georgian has capitals in Unicode, but not
  where a sentence begins; it counts as without case.

  Args:
    vocab: iterable of str, as load_vocab returns it.

  Returns:
    "cased", "lower-cased", or None when the vocabulary does not tell.
  """
  entries = [token for token in vocab if not _SPECIAL.fullmatch(token)]
  num_letters = sum(token.lower() != token.title() for token in entries)
  if not num_letters or num_letters < MIN_LETTERS_SHARE * len(entries):
    return None
  if cased_entries(entries):
    return "cased"
  num_apart = sum(unicodedata.normalize("NFD", token) != token
                  for token in entries)
  return "lower-cased" if num_apart < num_letters else None


def check_casing(vocab, vocab_file, do_lower_case):
  """Refuses a vocabulary of cased words for lower-cased text, and the reverse.

  Args:
    vocab: iterable of str, as load_vocab returns it.
    vocab_file: str, where it is from.
    do_lower_case: bool.

  Raises:
    ValueError: `casing` tells that one is cased, and the other is not.
  """
  if casing(vocab) != ("cased" if do_lower_case else "lower-cased"):
    return
  cased = cased_entries(vocab)
  raise ValueError(
      "--do_lower_case=%s does not suit --vocab_file=%s, which has %d cased "
      "entries%s; give --do_lower_case=%s, or --allow_case_mismatch=True" % (
          do_lower_case, vocab_file, len(cased),
          ", %r for example" % cased[-1] if cased else "", not do_lower_case))


class _CleanedCharacters(dict):
  """For str.translate: what a character becomes, worked out when first seen."""

  def __missing__(self, code):
    self[code] = cleaned = self._clean(code)
    return cleaned

  @staticmethod
  def _clean(code):
    character = chr(code)
    if character in " \t\n\r" or unicodedata.category(character) == "Zs":
      return " "
    if code in (0, 0xFFFD) or unicodedata.category(character).startswith("C"):
      return ""
    if any(first <= code <= last for first, last in _CJK_BLOCKS):
      return " %s " % character
    return character


def _is_punctuation(character):
  # All ASCII that is neither letter, digit, space nor control counts, "$" and
  # "`" for example, though Unicode calls these symbols.
  return ("!" <= character <= "~" and not character.isalnum()
          or unicodedata.category(character).startswith("P"))


def _split_on_punctuation(word):
  """Splits a word so that each punctuation mark stands alone."""
  pieces = []
  start_new = True
  for character in word:
    if _is_punctuation(character):
      pieces.append(character)
      start_new = True
    elif start_new:
      pieces.append(character)
      start_new = False
    else:
      pieces[-1] += character
  return pieces


class BasicTokenizer:
  """Cleans text, splits it into words and punctuation, lower-cases it.

  Args:
    do_lower_case: bool, whether to lower-case and strip accents.
  """

  def __init__(self, do_lower_case=True):
    self.do_lower_case = do_lower_case
    self._characters = _CleanedCharacters()

  def words(self, text):
    """Splits text at white space and around CJK characters: list of str."""
    return text.translate(self._characters).split()

  def split_word(self, word):
    """Lower-cases one of `words` and splits off punctuation: list of str."""
    if self.do_lower_case:
      word = "".join(character
                     for character in unicodedata.normalize("NFD", word.lower())
                     if unicodedata.category(character) != "Mn")
    return _split_on_punctuation(word)

  def tokenize(self, text):
    """Returns the basic tokens of a text, list of str."""
    return [token for word in self.words(text) for token in self.split_word(word)]

  def is_space(self, character):
    """Whether a character separates words, and is part of none."""
    return self._characters[ord(character)].isspace()

  def words_with_origins(self, text):
    """Splits a text as `words` does and remembers where characters come from.

    Args:
      text: str.

    Yields:
      (word, origins): str, and list of int, for each character of the word its
      index in `text`.
    """
    word, origins = "", []
    for index, character in enumerate(text):
      # None where it vanishes, three where a CJK character is set apart.
      for cleaned in self._characters[ord(character)]:
        if not cleaned.isspace():
          word += cleaned
          origins.append(index)
        elif word:
          yield word, origins
          word, origins = "", []
    if word:
      yield word, origins

  def origins_in_word(self, word):
    """Where the characters of `split_word`'s tokens come from.

    Lower-casing can make two characters of one, and decomposition three. Both
    are lengths of the character alone: what its neighbours decide, the small
    letter of a sigma and the order of accents, does not change how many remain.

    Args:
      word: str, one of `words`.

    Returns:
      list of int, for each character of the joined tokens its index in `word`.
    """
    if not self.do_lower_case:
      return list(range(len(word)))
    return [index for index, character in enumerate(word)
            for part in unicodedata.normalize("NFD", character.lower())
            if unicodedata.category(part) != "Mn"]


class FullTokenizer:
  """BERT's tokenizer from text to word pieces and their ids.

  Words are remembered: text repeats them, and to look one up is far quicker than
  to tokenize it again.

  Args:
    vocab: dict from token to id, as load_vocab returns it.
    do_lower_case: bool, whether to lower-case and strip accents.
  """

  # Longer words become [UNK].
  MAX_CHARACTERS_PER_WORD = 200
  # Bounds the memory for remembered words; a corpus like SQuAD has about 100,000.
  MAX_REMEMBERED_WORDS = 500000

  def __init__(self, vocab, do_lower_case=True):
    self.vocab = vocab
    self.basic_tokenizer = BasicTokenizer(do_lower_case)
    self._pieces_of = {}
    self._places_of = {}

  def tokenize(self, text):
    """Returns the word pieces of a text, list of str."""
    pieces = []
    for word in self.basic_tokenizer.words(text):
      known = self._pieces_of.get(word)
      if known is None:
        known = [piece for token in self.basic_tokenizer.split_word(word)
                 for piece in self._word_pieces(token)]
        if len(self._pieces_of) < self.MAX_REMEMBERED_WORDS:
          self._pieces_of[word] = known
      pieces.extend(known)
    return pieces

  def tokenize_with_offsets(self, text):
    """Returns the word pieces of a text, and which characters each stands for.

    Characters that leave no trace in a piece (an accent that lower-casing
    strips, a control character, a zero-width space) belong to the piece before
    them, unless white space stands between. In lower case,

      "Ann\u200b ha\u0308t." has ("ann", 0, 4), ("hat", 5, 9), (".", 9, 10)

    A character of which several pieces are made, like a Hangul syllable that
    lower-casing takes apart, belongs to each of them.

    Args:
      text: str.

    Returns:
      list of (piece, start, end): str as of `tokenize`, and int, the piece
      stands for text[start:end].
    """
    found = []
    for word, origins in self.basic_tokenizer.words_with_origins(text):
      known = self._places_of.get(word)
      if known is None:
        known = self._places_in_word(word)
        if len(self._places_of) < self.MAX_REMEMBERED_WORDS:
          self._places_of[word] = known
      found.extend((piece, origins[first], origins[last] + 1)
                   for piece, first, last in known)
    nexts = [start for _, start, _ in found[1:]] + [len(text)]
    return [(piece, start, self._end_with_dropped(text, end, limit))
            for (piece, start, end), limit in zip(found, nexts)]

  def _places_in_word(self, word):
    """The pieces of a word: list of (piece, its first character, its last)."""
    origins = self.basic_tokenizer.origins_in_word(word)
    places, position = [], 0
    for token in self.basic_tokenizer.split_word(word):
      pieces = self._word_pieces(token)
      for index, piece in enumerate(pieces):
        length = len(piece) - (len("##") if index else 0)
        if pieces == ["[UNK]"]:
          length = len(token)
        places.append((piece, origins[position], origins[position + length - 1]))
        position += length
    return places

  def _end_with_dropped(self, text, end, limit):
    """Moves a piece's end past what is dropped, up to `limit` or white space."""
    while end < limit and not self.basic_tokenizer.is_space(text[end]):
      end += 1
    return end

  def convert_tokens_to_ids(self, tokens):
    """Returns the ids of word pieces, list of int."""
    return [self.vocab[token] for token in tokens]

  def _word_pieces(self, token):
    """Takes the longest known prefix, then the longest of the rest, and so on.

    "unaffable" becomes ["un", "##aff", "##able"]; a token that cannot be taken
    apart so becomes ["[UNK]"] as a whole.
    """
    if len(token) > self.MAX_CHARACTERS_PER_WORD:
      return ["[UNK]"]
    pieces = []
    start = 0
    while start < len(token):
      prefix = "##" if start else ""
      for end in range(len(token), start, -1):
        piece = prefix + token[start:end]
        if piece in self.vocab:
          pieces.append(piece)
          start = end
          break
      else:
        return ["[UNK]"]
    return pieces
