"""The tokenizer of English ALBERT (Lan et al., 2020): SentencePiece, and no words.

The two classes stand in for tokenization.FullTokenizer and
passages.TokenizedParagraph: windows.py and answers.py do not know which it is.
"""

import bisect
import collections
import functools
import unicodedata

from attention_zones.base import file_kinds
from attention_zones.base import files
from attention_zones.data import character_alignment
from attention_zones.zones import layouts

# SentencePiece's sign for a space before a piece.
UNDERLINE = "\u2581"
# Pieces that the windows are made with.
SPECIAL_PIECES = ("[CLS]", "[SEP]")
_UNKNOWN = "<unk>"

# Parts of a model's file, by their numbers in SentencePiece's ModelProto: each
# piece is one, and the others come after them.
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Vocabulary(collections.OrderedDict):
  """A SentencePiece model: the ids of its pieces, and how it splits a text.

  Args:
    ids: iterable of (piece, id).
    split: function from str to list of str, the pieces of a text.
  """

  def __init__(self, ids, split):
    super().__init__(ids)
    self.split = split


def load(path):
  """Reads a SentencePiece model.

  Args:
    path: str, a path (or gs:// address).

  Returns:
    Vocabulary.

  Raises:
    OSError: it cannot be read.
    ValueError: it is not such a model, truncated, or lacks SPECIAL_PIECES; or the
      package sentencepiece is missing.
  """
  name = "--spm_model_file=%s" % path
  try:
    import sentencepiece
  except ImportError as error:
    raise ValueError(
        "%s needs the package sentencepiece (%s); to add it: bash setup_env.sh "
        "requirements-models.txt" % (name, error)) from error
  content = files.read_bytes(path)
  pieces_of(name, content)
  try:
    model = sentencepiece.SentencePieceProcessor(model_proto=content)
  except RuntimeError as error:
    raise ValueError(
        "%s is truncated, or is not a model of SentencePiece (%s)" % (
            name, error)) from error
  vocab = Vocabulary(
      [(model.id_to_piece(i), i) for i in range(model.get_piece_size())],
      functools.partial(model.encode, out_type=str))
  lacking = [p for p in SPECIAL_PIECES + (_UNKNOWN,) if p not in vocab]
  if lacking:
    raise ValueError("%s has no piece %s; should be the model of an ALBERT, of "
                     "which they are pieces" % (name, ", ".join(lacking)))
  return vocab


def pieces_of(name, content):
  """Reads the pieces of a model, without the package sentencepiece.

  SentencePiece itself takes a file that ends after any piece.

  Args:
    name: str, its flag or path, for the message.
    content: bytes, the file.

  Returns:
    list of str.

  Raises:
    ValueError: it is not such a model, or truncated.
  """
  parts = _parts(content)
  if not all(parts[number] for number in (_PIECE, _TRAINER, _NORMALIZER)):
    raise ValueError("%s %s" % (name, file_kinds.of_bytes(content) or (
        "is truncated, or is not a model of SentencePiece; should be the "
        "spiece.model or 30k-clean.model of an ALBERT")))
  # The text of a piece is its first part.
  return [b"".join(_parts(piece)[1]).decode("utf-8", "replace")
          for piece in parts[_PIECE]]


def _parts(content):
  """The parts of a serialized protocol buffer: dict from their numbers to lists of
  bytes, empty for what is no text; without any if the file does not end with a
  part."""
  found, place = collections.defaultdict(list), 0
  try:
    while place < len(content):
      key, place = _varint(content, place)
      kind, start = key & 7, place
      if kind == _VARINT:
        _, place = _varint(content, place)
      elif kind == _BYTES:
        length, start = _varint(content, place)
        place = start + length
      else:
        place += {_FIXED64: 8, _FIXED32: 4}[kind]
      found[key >> 3].append(content[start:place] if kind == _BYTES else b"")
  except (IndexError, KeyError):
    place = None
  return found if place == len(content) else collections.defaultdict(list)


def _varint(content, place):
  """Reads an integer of 7 bits a byte, lowest first: (int, the place after it)."""
  value = shift = 0
  while True:
    byte = content[place]
    value |= (byte & 127) << shift
    place, shift = place + 1, shift + 7
    if byte < 128:
      return value, place


def without_accents(text, do_lower_case):
  """Decomposes a text (NFKD), drops combining marks, maybe lower-cases it: str."""
  text = "".join(character for character in unicodedata.normalize("NFKD", text)
                 if not unicodedata.combining(character))
  return text.lower() if do_lower_case else text


def preprocess(text, do_lower_case):
  """Changes a text as ALBERT does before splitting: white space, accents, case."""
  return without_accents(" ".join(text.split()), do_lower_case)


class SentencePieceParagraph:
  """The pieces of a passage, shared by all questions about it.

  There are no words: pieces stand for characters by an alignment.

  Args:
    paragraph: questions.Paragraph.
    tokenizer: SentencePieceTokenizer.

  Attributes:
    paragraph: questions.Paragraph.
    tokens: list of str, the pieces.
  """

  def __init__(self, paragraph, tokenizer):
    self.paragraph = paragraph
    self.tokens = tokenizer.tokenize(paragraph.context)
    # Where each piece starts in the joined pieces, and where the last one ends.
    self._starts = [0]
    for token in self.tokens:
      self._starts.append(self._starts[-1] + len(token))
    self._do_lower_case = tokenizer.do_lower_case
    # Filled on demand, because most passages are only cut into windows.
    self._aligned = None

  def _align(self):
    """Aligns the passage with the joined pieces.

    Returns:
      two of character_alignment.fill: the passage's characters by those of the
      joined pieces, and the reverse.
    """
    if self._aligned is None:
      context = self.paragraph.context
      of_text, of_joined = character_alignment.align(
          [without_accents(character, self._do_lower_case)
           for character in context],
          "".join(self.tokens).replace(UNDERLINE, " "))
      # As in ALBERT's code, what is past the last partner stands for no character
      # of the passage.
      self._aligned = (character_alignment.fill(of_joined, len(context)),
                       character_alignment.fill(of_text, max(of_text) + 1))
    return self._aligned

  def characters(self, token):
    """The characters of the passage that a piece stands for.

    Args:
      token: int, index into tokens.

    Returns:
      (start, end), int each: the characters are paragraph.context[start:end]; none
      if end <= start.
    """
    (firsts, lasts), _ = self._align()
    return firsts[self._starts[token]], lasts[self._starts[token + 1] - 1] + 1

  def text(self, first, last):
    """The text of the passage from one piece to another, str."""
    return self.paragraph.context[
        self.characters(first)[0]:self.characters(last)[1]]

  def tokens_at(self, start, end):
    """Finds the pieces of a span of characters of the passage.

    Args:
      start, end: int, the span is paragraph.context[start:end].

    Returns:
      (first, last), int each: the first and the last piece that stands for any of
      these characters; None if no piece does.
    """
    _, (firsts, lasts) = self._align()
    first, last = (bisect.bisect_right(self._starts, place) - 1
                   for place in (firsts[start], lasts[end - 1]))
    return (first, last) if 0 <= first <= last else None


class SentencePieceTokenizer:
  """ALBERT's tokenizer from text to pieces and their ids.

  Args:
    vocab: Vocabulary.
    do_lower_case: bool, whether to lower-case; accents are dropped anyway.
  """

  # As of tokenization.FullTokenizer.
  FLAG = "spm_model_file"
  LAYOUT = layouts.BERT
  AROUND = ["[CLS]"], ["[SEP]"], ["[SEP]"]
  settings = {}
  # What windows.tokenize_passage makes of a passage.
  PASSAGE = SentencePieceParagraph
  basic_tokenizer = None

  def __init__(self, vocab, do_lower_case=True):
    self.vocab = vocab
    self.do_lower_case = do_lower_case
    # Some models lower-case by themselves.
    self.SEES_CASE = vocab.split("A") != vocab.split("a")

  def tokenize(self, text):
    """Returns the pieces of a text, list of str.

    A piece that ends in digit and comma, "▁1990,", is split anew, without its
    comma. The first of the new pieces then begins with "▁", even if the piece did
    not: ALBERT's code means to take that away, but compares str with bytes.
    """
    pieces = []
    for piece in self.vocab.split(preprocess(text, self.do_lower_case)):
      if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit():
        pieces += self.vocab.split(piece[:-1].replace(UNDERLINE, "")) + [","]
      else:
        pieces.append(piece)
    return pieces

  @staticmethod
  def span_text(passage, first, last, basic_tokenizer=None):
    """The text of a span of pieces: that of the passage, stripped.

    Args:
      passage: SentencePieceParagraph.
      first, last: int, the span's pieces, indices into passage.tokens.
      basic_tokenizer: as of answers.span_text; not used.

    Returns:
      str.
    """
    del basic_tokenizer
    return passage.text(first, last).strip()

  def convert_tokens_to_ids(self, tokens):
    """Returns the ids of pieces, list of int; <unk>'s for what is no piece."""
    unknown = self.vocab[_UNKNOWN]
    return [self.vocab.get(token, unknown) for token in tokens]
