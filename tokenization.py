"""BERT's tokenizer: basic tokenization, then WordPiece (Devlin et al., 2019).

This is the tokenizer of BERT's first release, which the published numbers were
made with: a character counts as a control character when its Unicode category
starts with "C".
"""

import collections
import functools
import unicodedata

import tensorflow.compat.v1 as tf

from attention_zones.base import cjk
from attention_zones.data import tokenizer_settings
from attention_zones.data import vocab_lines
from attention_zones.zones import layouts

# Tokens that every vocabulary must have.
SPECIAL_TOKENS = vocab_lines.SPECIAL_TOKENS


def load_vocab(vocab_file, required=()):
  """Reads a vocabulary with one token per line.

  Args:
    vocab_file: str, a path (or gs:// address) of a UTF-8 file.
    required: tokens that must be in it, SPECIAL_TOKENS for example.

  Returns:
    OrderedDict from token (str) to id (int), its line counted from 0. All empty
    lines are one entry, "", which matches no text.

  Raises:
    tf.errors.OpError: the file cannot be read.
    ValueError: it is not UTF-8 text, has a token twice, or lacks one of `required`.
  """
  with tf.gfile.GFile(vocab_file, "rb") as f:
    tokens = vocab_lines.entries(
        "--vocab_file=%s" % vocab_file, f.read(), required)
  return collections.OrderedDict(zip(tokens, range(len(tokens))))


class _CleanedCharacters(dict):
  """For str.translate: what a character becomes, computed when first needed."""

  def __missing__(self, code):
    self[code] = cleaned = self._clean(code)
    return cleaned

  @staticmethod
  def _clean(code):
    character = chr(code)
    if _is_whitespace(character):
      return " "
    if code in (0, 0xFFFD) or _is_control(character):
      return ""
    if any(first <= code <= last for first, last in cjk.BLOCKS):
      return " %s " % character
    return character


def _is_whitespace(character):
  """Whether a character separates words: bool."""
  return character in " \t\n\r" or unicodedata.category(character) == "Zs"


def _is_control(character):
  """Whether a character is dropped: bool."""
  return character not in "\t\n\r" and (
      unicodedata.category(character).startswith("C"))


def _is_punctuation(character):
  """Whether a character is a token of its own: bool.

  All ASCII that is neither letter, digit, space nor control counts, "$" and "`"
  for example, though Unicode calls these symbols.
  """
  return ("!" <= character <= "~" and not character.isalnum()
          or unicodedata.category(character).startswith("P"))


def convert_to_unicode(text):
  """Returns str or UTF-8 bytes as str; bytes that are not UTF-8 are dropped."""
  if isinstance(text, str):
    return text
  if isinstance(text, bytes):
    return text.decode("utf-8", "ignore")
  raise ValueError("%r is of type %s; should be str or bytes" % (
      text, type(text).__name__))


def printable_text(text):
  """Returns str or UTF-8 bytes as what `print` takes, a str."""
  return convert_to_unicode(text)


def convert_tokens_to_ids(vocab, tokens):
  """Returns the ids of tokens, a list, by a dict as load_vocab returns it."""
  return [vocab[token] for token in tokens]


def convert_ids_to_tokens(inv_vocab, ids):
  """Returns the tokens of ids, a list, by a dict from id to token."""
  return [inv_vocab[index] for index in ids]


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
    return [token for word in self.words(convert_to_unicode(text))
            for token in self.split_word(word)]

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
      # No character if it is dropped; three for a CJK character between spaces.
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

    Lower-casing can turn one character into two, and decomposition into three. The
    number depends on the character alone; its neighbours decide only which small
    sigma it becomes, and the order of accents.

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


class WordpieceTokenizer:
  """Splits words into the longest pieces that a vocabulary has.

  Args:
    vocab: collection of str, the pieces.
    unk_token: str, replaces a word that cannot be split into pieces.
    max_input_chars_per_word: int; longer words become unk_token.
  """

  def __init__(self, vocab, unk_token="[UNK]", max_input_chars_per_word=200):
    self.vocab = vocab
    self.unk_token = unk_token
    self.max_input_chars_per_word = max_input_chars_per_word

  def tokenize(self, text):
    """Returns the word pieces of basic tokens with spaces between, list of str."""
    return [piece for token in convert_to_unicode(text).split()
            for piece in self.pieces(token)]

  def pieces(self, token):
    """Takes the longest known prefix, then the longest of the rest, and so on.

    "unaffable" becomes ["un", "##aff", "##able"]; a token that cannot be split in
    this way becomes [unk_token].
    """
    if len(token) > self.max_input_chars_per_word:
      return [self.unk_token]
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
        return [self.unk_token]
    return pieces


class FullTokenizer:
  """BERT's tokenizer from text to word pieces and their ids.

  Words are remembered: texts repeat them, and looking one up is far faster than
  tokenizing it again.

  Args:
    vocab_file: str, a path (or gs:// address); or the dict of load_vocab.
    do_lower_case: bool, whether to lower-case and strip accents.
    max_input_chars_per_word: int, as of WordpieceTokenizer.
    added_tokens: list of tokenizer_settings.AddedToken; each is one piece.

  Attributes:
    settings: dict, the last two, which word pieces depend on.
  """

  # The flag of run_squad.py that names the vocabulary's file.
  FLAG = "vocab_file"
  # Whether "A" and "a" may be different word pieces when text is not lower-cased.
  SEES_CASE = True
  # Where question and passage stand in a window, and the tokens around them: before
  # the question, between it and the passage, and after that.
  LAYOUT = layouts.BERT
  AROUND = ["[CLS]"], ["[SEP]"], ["[SEP]"]
  # Bounds the memory for remembered words; a corpus like SQuAD has about 100,000.
  MAX_REMEMBERED_WORDS = 500000

  def __init__(self, vocab_file, do_lower_case=True,
               max_input_chars_per_word=200, added_tokens=()):
    self.vocab = vocab_file if isinstance(vocab_file, dict) else (
        load_vocab(vocab_file))
    self.inv_vocab = {index: token for token, index in self.vocab.items()}
    self.do_lower_case = do_lower_case
    self.basic_tokenizer = BasicTokenizer(do_lower_case)
    self.wordpiece_tokenizer = WordpieceTokenizer(
        self.vocab, max_input_chars_per_word=max_input_chars_per_word)
    self.settings = {"max_input_chars_per_word": max_input_chars_per_word,
                     "added_tokens": tuple(added_tokens)}
    self._splitter = tokenizer_settings.Splitter(added_tokens, do_lower_case)
    remember = functools.lru_cache(self.MAX_REMEMBERED_WORDS)
    self._pieces_of = remember(self._pieces_in_word)
    self._places_of = remember(self._places_in_word)

  def tokenize(self, text):
    """Returns the word pieces of a text, list of str."""
    text = convert_to_unicode(text)
    if not self.settings["added_tokens"]:
      # Called for each word of a passage.
      return self._pieces(text)
    pieces = []
    for start, end, added in self._splitter.parts(text):
      pieces += [added] if added else self._pieces(text[start:end])
    return pieces

  def _pieces(self, text):
    """Returns the word pieces of a text without added tokens, list of str."""
    return [piece for word in self.basic_tokenizer.words(text)
            for piece in self._pieces_of(word)]

  def _pieces_in_word(self, word):
    """Returns the word pieces of a word, list of str."""
    return [piece for token in self.basic_tokenizer.split_word(word)
            for piece in self.wordpiece_tokenizer.pieces(token)]

  def tokenize_with_offsets(self, text):
    """Returns the word pieces of a text, and which characters each stands for.

    Characters that leave no trace in a piece (an accent that lower-casing
    strips, a control character, a zero-width space) belong to the piece before
    them, unless white space stands between. In lower case,

      "Ann\u200b ha\u0308t." has ("ann", 0, 4), ("hat", 5, 9), (".", 9, 10)

    A character that becomes several pieces, like a Hangul syllable that
    lower-casing decomposes, belongs to each of them.

    Args:
      text: str.

    Returns:
      list of (piece, start, end): str as `tokenize` returns it, and two int; the
      piece stands for text[start:end].
    """
    found = []
    for start, end, added in self._splitter.parts(text):
      found += [(added, start, end)] if added else [
          (piece, start + first, start + last)
          for piece, first, last in self._placed_pieces(text[start:end])]
    nexts = [start for _, start, _ in found[1:]] + [len(text)]
    return [(piece, start, self._end_with_dropped(text, end, limit))
            for (piece, start, end), limit in zip(found, nexts)]

  def _placed_pieces(self, text):
    """As tokenize_with_offsets, without added tokens and dropped characters."""
    found = []
    for word, origins in self.basic_tokenizer.words_with_origins(text):
      found.extend((piece, origins[first], origins[last] + 1)
                   for piece, first, last in self._places_of(word))
    return found

  def _places_in_word(self, word):
    """The pieces of a word: list of (piece, its first character, its last)."""
    origins = self.basic_tokenizer.origins_in_word(word)
    places, position = [], 0
    for token in self.basic_tokenizer.split_word(word):
      pieces = self.wordpiece_tokenizer.pieces(token)
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
    return convert_tokens_to_ids(self.vocab, tokens)

  def convert_ids_to_tokens(self, ids):
    """Returns the word pieces of ids, list of str."""
    return convert_ids_to_tokens(self.inv_vocab, ids)
