"""The file of a WordPiece vocabulary: an entry a line, its id the line's number."""

from attention_zones.base import file_kinds

# Entries that the windows are made with.
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def entries(name, content, required=()):
  """Splits a vocabulary into its entries.

  An empty line is an entry, too, with an id, and matches no text. There may be
  several: BERT's own code gives them all the id of the last.

  Args:
    name: str, its flag or path, for messages.
    content: bytes, the file.
    required: tokens that must be in it, SPECIAL_TOKENS for example.

  Returns:
    list of str, without white space around them.

  Raises:
    ValueError: it is not UTF-8 text, lacks one of `required`, or has a token twice.
  """
  kind = file_kinds.of_bytes(content)
  if kind and b"[PAD]" not in content:
    raise ValueError("%s %s" % (name, kind))
  hint = ("; an ALBERT with SentencePiece has its model in --spm_model_file"
          if b"<pad>" in content[:99] else "")
  try:
    # Not splitlines: U+2028 and its like are entries of multilingual
    # vocabularies, not ends of lines.
    lines = content.decode("utf-8-sig").split("\n")
  except UnicodeDecodeError as error:
    raise ValueError(
        "%s is not text in UTF-8 (%s); should be a vocab.txt of BERT, one token a "
        "line%s" % (name, error.reason, hint)) from error
  if not lines[-1]:
    lines.pop()
  tokens = [line.strip() for line in lines]
  # Checked before repetitions, because a file that is no vocabulary has many.
  lacking = [token for token in required if token not in tokens]
  if lacking:
    raise ValueError(
        "%s has no %s; should be a vocab.txt of BERT, one token a line, among "
        "them %s%s" % (name, ", ".join(lacking), ", ".join(required), hint))
  line_of = {}
  for number, token in enumerate(tokens, 1):
    if token and line_of.setdefault(token, number) != number:
      raise ValueError("%s: line %d repeats %r of line %d" % (
          name, number, token, line_of[token]))
  return tokens


def size(vocab):
  """How many rows of word embeddings a vocabulary needs.

  Args:
    vocab: dict from token to id.

  Returns:
    int; an empty line at the end needs none, because it matches no text.
  """
  return 1 + max((index for token, index in vocab.items() if token), default=-1)
