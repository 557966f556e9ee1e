"""A SentencePiece model, piece by piece, without a training: no chance in it."""

import struct

import tiny_model

# Types of pieces in SentencePiece's ModelProto.
NORMAL, UNKNOWN, CONTROL = 1, 2, 3

SPECIAL = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")

# Each letter and mark; some words, with the space before them.
PIECES = tuple("\u2581abcdefghijklmnopqrstuvwxyz0123456789.,?") + tuple(
    "\u2581" + word for word in tiny_model.VOCAB[4:] if word.isalpha())


def _field(number, content):
  """A field of a protocol buffer, of bytes."""
  return bytes([number << 3 | 2, len(content)]) + content


def _piece(text, kind):
  # 2 is the score, a float: of two ways to split, that with fewer pieces is taken.
  return _field(1, _field(1, text.encode("utf-8"))
                + bytes([2 << 3 | 5]) + struct.pack("<f", -1)
                + bytes([3 << 3, kind]))


def write(path, pieces=PIECES, special=SPECIAL):
  """Writes a model.

  Args:
    path: pathlib.Path.
    pieces: iterable of str.
    special: the control pieces and <unk>, which come first.

  Returns:
    int, its number of pieces.
  """
  content = b"".join(
      [_piece(text, UNKNOWN if text == "<unk>" else CONTROL) for text in special]
      + [_piece(text, NORMAL) for text in pieces])
  # The trainer's settings (3 is the kind of model, 1 is Unigram); the normalizer's.
  path.write_bytes(content + _field(2, bytes([3 << 3, 1]))
                   + _field(3, _field(1, b"identity")))
  return len(special) + len(pieces)
