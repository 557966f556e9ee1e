"""Tokenizers of Hugging Face, from a model's own tokenizer.json.

The two classes stand in for tokenization.FullTokenizer and
passages.TokenizedParagraph, as those of sentencepiece_tokenizer do.
"""

import bisect
import collections
import functools
import itertools
import json
import re
import unicodedata

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.data import piece_places
from attention_zones.data import tokenizer_json

_SURROGATE = re.compile("[\ud800-\udfff]")
Encoded = collections.namedtuple("Encoded", ["tokens", "ids", "offsets"])
Encoded.__doc__ = """The pieces of a text.

Attributes:
  tokens: list of str; of an unknown piece of a Unigram its text.
  ids: list of int.
  offsets: list of (int, int), where the package says that they stand.
"""

# A byte that a piece has for itself, in models with byte_fallback.
_BYTE = re.compile("<0x([0-9A-F]{2})>")


def load(path):
  """Reads a tokenizer.json.

  Args:
    path: str, a path (or gs:// address).

  Returns:
    HuggingFaceTokenizer.

  Raises:
    OSError: it cannot be read.
    ValueError: it is no such file, or has what is not known here; or the package
      tokenizers is missing.
  """
  name = "--tokenizer_file=%s" % path
  try:
    import tokenizers
  except ImportError as error:
    raise ValueError(
        "%s needs the package tokenizers (%s); to add it: bash setup_env.sh "
        "requirements-models.txt" % (name, error)) from error
  content = json_files.parse(name, files.read_bytes(path))
  settings, remarks = tokenizer_json.adapt(name, content)
  # Without its post_processor, which would change offsets.
  text = json.dumps(dict(settings, post_processor=None))
  try:
    tokenizer = tokenizers.Tokenizer.from_str(text)
  except Exception as error:  # The package raises nothing more special.
    raise ValueError(
        "%s cannot be read by version %s of the package tokenizers (%s)" % (
            name, tokenizers.__version__, error)) from error
  vocab = tokenizer.get_vocab()
  layout, around = tokenizer_json.layout_of(name, content, vocab)
  return HuggingFaceTokenizer(
      tokenizer, settings, tokenizer_json.unknown_id(name, settings, vocab), layout,
      around, tokenizers.__version__, remarks)


class HuggingFaceParagraph:
  """The pieces of a passage, shared by all questions about it.

  Args:
    paragraph: questions.Paragraph.
    tokenizer: HuggingFaceTokenizer.

  Attributes:
    paragraph: questions.Paragraph.
    tokens: list of str, the pieces.
  """

  def __init__(self, paragraph, tokenizer):
    self.paragraph = paragraph
    self._tokenizer = tokenizer
    self._encoded = tokenizer.encode(paragraph.context)
    self.tokens = self._encoded.tokens
    # Filled on demand, because most passages are only cut into windows.
    self._placed = None

  def _places(self):
    """As of piece_places.place."""
    if self._placed is None:
      context = self.paragraph.context
      self._placed = piece_places.place(
          context, self._tokenizer.stream_of_text(context),
          self._tokenizer.stream_of_pieces(context, self._encoded),
          self._encoded.offsets)
    return self._placed

  @property
  def num_unexplained(self):
    """How many pieces have a character that was not found in the passage: int."""
    return self._places()[2]

  def characters(self, token):
    """The characters of the passage that a piece stands for.

    Args:
      token: int, index into tokens.

    Returns:
      (start, end), int each: the characters are paragraph.context[start:end], with
      no white space at either end; none if end <= start.
    """
    starts, ends, _ = self._places()
    return starts[token], ends[token]

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
    starts, ends, _ = self._places()
    first = bisect.bisect_right(ends, start)
    last = bisect.bisect_left(starts, end) - 1
    return (first, last) if first <= last else None


class HuggingFaceTokenizer:
  """A tokenizer from text to pieces and their ids.

  Args:
    tokenizer: tokenizers.Tokenizer, without a post_processor.
    settings: dict, the content of its file.
    unknown: int, the id of what is no piece, or None.
    layout: layouts.Layout.
    around: three lists of str, the special tokens.
    version: str, of the package tokenizers.
    remarks: list of str, lines about the file.

  Attributes:
    vocab: dict from token to id.
    LAYOUT, AROUND: layout and around.
    special_tokens: tuple of str, which texts should not have.
    made_with: dict, what pieces depend on besides the file.
    remarks: as given.
  """

  # As of tokenization.FullTokenizer.
  FLAG = "tokenizer_file"
  # The file itself says whether to lower-case.
  SEES_CASE = False
  do_lower_case = None
  settings = {}
  PASSAGE = HuggingFaceParagraph
  basic_tokenizer = None

  def __init__(self, tokenizer, settings, unknown, layout, around, version,
               remarks=()):
    self._tokenizer = tokenizer
    self.vocab = tokenizer.get_vocab()
    self._token_of = {index: token for token, index in self.vocab.items()}
    self.LAYOUT, self.AROUND = layout, around
    self.made_with = {"tokenizers": version}
    self.remarks = list(remarks)
    model = settings["model"]
    # The pieces of a Unigram are text even where they are unknown.
    self._hides_unknown = model["type"] != "Unigram"
    self._unknown = unknown
    pre_tokenizers = tokenizer_json.components(settings["pre_tokenizer"])
    self._bytes_of = {}
    if any(part["type"] == "ByteLevel" for part in pre_tokenizers):
      self._bytes_of = _byte_characters()
    # Signs for a space.
    self._spaces = [part["replacement"] for part in pre_tokenizers
                    if part["type"] == "Metaspace"]
    self._prefix = model.get("continuing_subword_prefix") or ""
    self._suffix = model.get("end_of_word_suffix") or ""
    added = settings.get("added_tokens") or ()
    self._added = {token["content"] for token in added}
    self.special_tokens = tuple(
        token["content"] for token in added if token.get("special"))
    remember = functools.lru_cache(1 << 16)
    self._normalized = remember(self._normalize)
    self._changed = remember(self._change)
    self._written = remember(self._write)

  def encode(self, text):
    """The pieces of a text: Encoded."""
    # A lone surrogate, which JSON can have, is no character.
    encoding = self._tokenizer.encode(
        _SURROGATE.sub("\ufffd", text), add_special_tokens=False)
    ids = encoding.ids
    # The package calls an added token as the text does, with the space before it.
    tokens = [token if index == self._unknown else self._token_of[index]
              for token, index in zip(encoding.tokens, ids)]
    return Encoded(tokens, ids, encoding.offsets)

  def tokenize(self, text):
    """Returns the pieces of a text, list of str."""
    return self.encode(text).tokens

  def convert_tokens_to_ids(self, tokens):
    """Returns the ids of pieces, list of int; of what is no piece that of unknown
    pieces, or None in a model without it."""
    return [self.vocab.get(token, self._unknown) for token in tokens]

  @staticmethod
  def span_text(passage, first, last, basic_tokenizer=None):
    """The text of a span of pieces.

    Args:
      passage: HuggingFaceParagraph.
      first, last: int, the span's pieces, indices into passage.tokens.
      basic_tokenizer: as of answers.span_text; not used.

    Returns:
      str; None if it is white space alone, which is no answer.
    """
    del basic_tokenizer
    return passage.text(first, last) or None

  def stream_of_text(self, text):
    """The characters of a text, as the normalizer changes them: Stream."""
    units = self._units(text)
    changed = list(map(self._changed, units))
    ends = list(itertools.accumulate(map(len, units)))
    owners = [(start, end) for start, end, became in zip([0] + ends, ends, changed)
              for _ in became]
    return piece_places.Stream("".join(changed), owners)

  def stream_of_pieces(self, text, encoded):
    """The characters of the pieces of a text.

    Args:
      text: str.
      encoded: Encoded, its pieces.

    Returns:
      Stream. An unknown piece hides its characters; for them stand those at its
      offsets.
    """
    content, piece_of = bytearray(), []
    for piece, (token, index, (start, end)) in enumerate(zip(*encoded)):
      is_hidden = self._hides_unknown and index == self._unknown
      written = (self.stream_of_text(text[start:end]).text.encode("utf-8")
                 if is_hidden else self._written(token))
      content += written
      piece_of += [piece] * len(written)
    characters, owners, place = [], [], 0
    # Bytes that are no text, because some of a character are unknown, stay alone.
    for character in content.decode("utf-8", "surrogateescape"):
      size = 1 if character < "\x80" else len(
          character.encode("utf-8", "surrogateescape"))
      if not (character.isspace() or character in self._spaces):
        characters.append(character)
        owners.append((piece_of[place], piece_of[place + size - 1]))
      place += size
    return piece_places.Stream("".join(characters), owners)

  def _write(self, token):
    """What a piece has of the changed text: bytes in UTF-8."""
    if token in self._added:
      return self._normalized(token).encode("utf-8")
    if self._bytes_of.keys() >= set(token):
      return bytes(map(self._bytes_of.get, token))
    byte = _BYTE.fullmatch(token)
    if byte:
      return bytes([int(byte.group(1), 16)])
    if self._prefix and token.startswith(self._prefix):
      token = token[len(self._prefix):]
    if self._suffix and token.endswith(self._suffix):
      token = token[:-len(self._suffix)]
    return token.encode("utf-8")

  def _normalize(self, text):
    """A text as the normalizer of the file changes it: str in which lone surrogates
    are U+FFFD."""
    text = _SURROGATE.sub("\ufffd", text)
    normalizer = self._tokenizer.normalizer
    # A Sequence of normalizers has the length 0, whatever is in it.
    return text if normalizer is None else normalizer.normalize_str(text)

  def _change(self, text):
    """A text as normalized, without white space and signs for it: str."""
    return "".join(
        character for character in self._normalized(text)
        if not (character.isspace() or character in self._spaces))

  def _units(self, text):
    """Splits a text into characters, but leaves a letter with its combining marks
    together where these change each other: list of str."""
    # No mark is before U+0300.
    if max(text, default="") < "\u0300":
      return list(text)
    units, start = [], 0
    for end in range(1, len(text) + 1):
      if end < len(text) and text[end] >= "\u0300" and (
          unicodedata.category(text[end])[0] == "M" and not text[start].isspace()):
        continue
      unit = text[start:end]
      is_changed = end > start + 1 and (
          self._normalized(unit) != "".join(map(self._normalized, unit)))
      units += [unit] if is_changed else unit
      start = end
    return units


def _byte_characters():
  """The characters that stand for bytes in byte-level models: dict to int.

  Bytes that are visible characters of Latin-1 stand for themselves, the others are
  U+0100 and what follows, in their order.
  """
  visible = [byte for byte in range(256)
             if 33 <= byte <= 126 or byte >= 161 and byte != 173]
  others = [byte for byte in range(256) if byte not in visible]
  return dict([(chr(byte), byte) for byte in visible]
              + [(chr(256 + n), byte) for n, byte in enumerate(others)])
