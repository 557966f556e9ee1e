"""Which character of a passage is which character of its tokens.

SentencePiece's tokens are pieces of a changed text: white space is collapsed,
characters are decomposed, accents dropped, letters lower-cased, and some spaces
added. ALBERT's code for SQuAD finds the passage's characters in it by a longest
common subsequence near the diagonal. This finds the same one.

Dimensions: N = characters of the passage, M = characters of the joined tokens, K =
columns near the diagonal.
"""

import numpy as np

# How the longest common subsequence of two prefixes is made: without the passage's
# last character, without the tokens' last character, or with both.
_WITHOUT_TEXT, _WITHOUT_JOINED, _WITH_BOTH = 0, 1, 2

# If fewer of the passage's characters have a partner, the search is wider once.
_ENOUGH = 0.8


def align(characters, joined):
  """Aligns a passage with its tokens.

    align(["6", "1\u20442", " ", "i", "n"], " 6 in")
    == ([1, -1, 2, 3, 4], [-1, 0, 2, 3, 4])

  Args:
    characters: list of N str, the passage's characters, each as the tokenizer
      changes it alone: to one character, several or none.
    joined: str of M characters, the tokens without anything between them.

  Returns:
    (of_text, of_joined): list of N int, for each character of the passage its
    partner in `joined`; list of M int, the reverse; -1 where there is none.
  """
  width = abs(len(characters) - len(joined)) + 5
  length, steps = _common_subsequence(characters, joined, width)
  if length <= _ENOUGH * len(characters):
    width *= 2
    _, steps = _common_subsequence(characters, joined, width)
  return _follow(steps, len(characters), len(joined), width)


def _common_subsequence(characters, joined, width):
  """Finds the longest common subsequence of each two prefixes near the diagonal.

  Column k of row i is about characters[:i + 1] and joined[:i - width + k + 1].
  Prefixes that are further apart have no common subsequence here. Rows are lists:
  most have 12 columns, for which numpy is slower.

  Args:
    characters, joined: as of `align`.
    width: int, half of K.

  Returns:
    (length, steps): int, of both whole texts; list of N lists of K int, how each is
    made.
  """
  outside = [None] * width
  theirs = outside + list(joined) + outside + [None] * len(characters)
  row, steps = [0] * (2 * width), []  # lengths
  for i, ours_i in enumerate(characters):
    length, lengths, made = 0, [], []
    for before_both, without_text, theirs_j in zip(
        row, row[1:] + [0], theirs[i:i + 2 * width]):
      # So far, length is that without theirs_j.
      step = _WITHOUT_TEXT
      if length > without_text:
        step = _WITHOUT_JOINED
      else:
        length = without_text
      if ours_i == theirs_j and before_both >= length:
        step, length = _WITH_BOTH, before_both + 1
      lengths.append(length)
      made.append(step)
    row = lengths
    steps.append(made)
  return row[len(joined) - len(characters) + width], steps


def _follow(steps, num_ours, num_theirs, width):
  """Follows the steps from the ends of both texts: as `align` returns it."""
  of_text, of_joined = [-1] * num_ours, [-1] * num_theirs
  i, j = num_ours - 1, num_theirs - 1
  while i >= 0 and j >= 0 and 0 <= j - i + width < 2 * width:
    step = steps[i][j - i + width]
    if step == _WITH_BOTH:
      of_text[i], of_joined[j] = j, i
    if step != _WITHOUT_JOINED:
      i -= 1
    if step != _WITHOUT_TEXT:
      j -= 1
  return of_text, of_joined


def fill(partners, num_others):
  """Gives characters without a partner one, next to those of their neighbours.

    fill([-1, 0, -1, -1, 3], 5) == ([0, 0, 1, 1, 3], [0, 0, 2, 2, 3])

  Args:
    partners: list of int, one list of `align`.
    num_others: int, how many characters the other text has.

  Returns:
    (firsts, lasts): two lists of int. What begins with character c of this text
    begins with firsts[c] of the other, what ends with c ends with lasts[c]. Where
    the other text has nothing between the neighbours, lasts[c] < firsts[c].
  """
  known = np.array(partners, np.int64)
  before = np.maximum.accumulate(known)
  after = np.minimum.accumulate(
      np.where(known < 0, num_others, known)[::-1])[::-1]
  firsts = np.where(known < 0, np.minimum(before + 1, num_others - 1), known)
  lasts = np.where(known < 0, np.maximum(after - 1, 0), known)
  return firsts.tolist(), lasts.tolist()
