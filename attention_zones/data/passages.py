"""The word pieces of a passage, and the characters that they stand for."""

import bisect


class TokenizedParagraph:
  """The word pieces of a passage, shared by all questions about it.

  Args:
    paragraph: questions.Paragraph.
    tokenizer: tokenization.FullTokenizer.

  Attributes:
    paragraph: questions.Paragraph.
    tokens: list of str, the word pieces.
    word_of: list of int, for each word piece its word in paragraph.words.
    first_token_of: list of int, for each word its first word piece.
  """

  def __init__(self, paragraph, tokenizer):
    self.paragraph = paragraph
    self.tokens, self.word_of, self.first_token_of = [], [], []
    for index, word in enumerate(paragraph.words):
      pieces = tokenizer.tokenize(word)
      self.first_token_of.append(len(self.tokens))
      self.tokens.extend(pieces)
      self.word_of.extend([index] * len(pieces))
    self._tokenizer = tokenizer
    # Filled on demand, because only a few words are asked for.
    self._places_of_word = {}

  def _places(self, word):
    """Where the pieces of a word start and end in the passage: two lists of int."""
    if word not in self._places_of_word:
      begin = self.paragraph.starts[word]
      places = self._tokenizer.tokenize_with_offsets(self.paragraph.words[word])
      self._places_of_word[word] = ([begin + start for _, start, _ in places],
                                    [begin + end for _, _, end in places])
    return self._places_of_word[word]

  def characters(self, token):
    """The characters of the passage that a word piece stands for.

    Args:
      token: int, index into tokens.

    Returns:
      (start, end), int each: the characters are paragraph.context[start:end].
    """
    word = self.word_of[token]
    starts, ends = self._places(word)
    index = token - self.first_token_of[word]
    return starts[index], ends[index]

  def text(self, first, last):
    """The text of the passage from one word piece to another, str."""
    return self.paragraph.context[
        self.characters(first)[0]:self.characters(last)[1]]

  def tokens_at(self, start, end):
    """Finds the word pieces of a span of characters of the passage.

    Args:
      start, end: int, the span is paragraph.context[start:end].

    Returns:
      (first, last), int each: the first and the last word piece that stands for
      any of these characters; None if no piece does.
    """
    starts = self.paragraph.starts
    first_word = max(bisect.bisect_right(starts, start) - 1, 0)
    last_word = bisect.bisect_left(starts, end) - 1
    if first_word > last_word:
      return None
    # The first piece that ends after `start`, the last that starts before `end`.
    first = self.first_token_of[first_word] + bisect.bisect_right(
        self._places(first_word)[1], start)
    last = self.first_token_of[last_word] + bisect.bisect_left(
        self._places(last_word)[0], end) - 1
    return (first, last) if first <= last else None
