"""The text of an answer: what stands between its first and its last word piece."""

import functools


def span_text(passage, first, last, basic_tokenizer):
  """The text of a span of word pieces.

  Args:
    passage: passages.TokenizedParagraph.
    first, last: int, the span's word pieces, indices into passage.tokens.
    basic_tokenizer: tokenization.BasicTokenizer, of the passage's tokenizer.

  Returns:
    str, the text that the published alignment finds; if it finds none, the text of
    the passage from the first piece to the last.
  """
  pieces = " ".join(passage.tokens[first:last + 1])
  pieces = " ".join(pieces.replace(" ##", "").replace("##", "").split())
  words = passage.paragraph.words[
      passage.word_of[first]:passage.word_of[last] + 1]
  text = align_text(pieces, " ".join(words), basic_tokenizer)
  return passage.text(first, last) if text is None else text


# In a script without spaces, the words of every span are the whole passage, so that
# the same text is asked for again and again.
@functools.lru_cache(maxsize=64)
def _basic_text(text, basic_tokenizer):
  return " ".join(basic_tokenizer.tokenize(text))


def align_text(tokenized, original, basic_tokenizer):
  """Finds the part of the original text that some of its tokens stand for.

  Tokens may be lower-cased, stripped of accents and split at punctuation, so an
  answer made from them would differ from the passage:

    align_text("steve smith", "(Steve Smith's)", ...) == "Steve Smith"

  This is the published alignment, and gives the same answers: both texts are
  compared without their spaces, character by character, and the first of several
  places is taken.

  Args:
    tokenized: str, the tokens, word pieces joined to words, separated by a space.
    original: str, the words of the passage that the tokens come from.
    basic_tokenizer: tokenization.BasicTokenizer.

  Returns:
    str, a part of `original`; None when the two cannot be aligned, because the
    tokenizer dropped or added characters, or tokenized has an [UNK].
  """
  whole = _basic_text(original, basic_tokenizer)
  start = whole.find(tokenized)
  visible = [i for i, character in enumerate(original) if character != " "]
  if not tokenized or start < 0 or (
      len(visible) != len(whole) - whole.count(" ")):
    return None
  last = start + len(tokenized) - 1
  # Counted without spaces, a position is the same in both texts.
  text = original[visible[start - whole.count(" ", 0, start)]:
                  visible[last - whole.count(" ", 0, last)] + 1]
  # Unless as many characters were dropped as were added: that shifts those between.
  is_shifted = "".join(basic_tokenizer.tokenize(text)) != tokenized.replace(" ", "")
  return None if is_shifted else text
