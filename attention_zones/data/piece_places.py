"""Where the pieces of a tokenizer.json stand in a passage: checked, not trusted.

The offsets that the package tokenizers gives can be wrong: a normalizer that takes
away the first character shifts all that follow by one, and some pre-tokenizers take
away the first letter of each word. So a passage's own characters, each as the
normalizer changes it, are compared with those of the pieces, and a piece stands
where its characters do.
"""

import bisect
import collections
import difflib
import itertools
import os
import unicodedata

# How many characters of both texts are searched for what is equal, if more and more
# need be; and how many that are equal show that the texts agree again.
_FIRST_WIDTH, _GROWTH = 64, 4
_ENOUGH = 8

Stream = collections.namedtuple("Stream", ["text", "owners"])
Stream.__doc__ = """Characters without white space, and where they come from.

Attributes:
  text: str.
  owners: list of (int, int), for each character: in a passage, the start and the
    end of what became it; in pieces, the first and the last that has a part of it.
"""


def equal_stretches(ours, theirs):
  """Finds what is equal in two texts that differ little, from left to right.

    list(equal_stretches("a…b", "a...b")) == [(0, 0, 1), (2, 4, 1)]

  Args:
    ours, theirs: str.

  Yields:
    (i, j, length), int: ours[i:i + length] is theirs[j:j + length].
  """
  i = j = 0
  while i < len(ours) and j < len(theirs):
    length = len(os.path.commonprefix([ours[i:], theirs[j:]]))
    if length:
      yield i, j, length
    i, j = i + length, j + length
    for block in _blocks_up_to_anchor(ours[i:], theirs[j:]):
      if block.size >= _ENOUGH:
        # The anchor, from which on the texts are compared again.
        i, j = i + block.a, j + block.b
        break
      if block.size:
        yield i + block.a, j + block.b, block.size
    else:
      return


def _blocks_up_to_anchor(ours, theirs):
  """The equal stretches of the beginnings of two texts, long enough to have one of
  _ENOUGH characters; of both texts if there is none: list of difflib.Match."""
  width = _FIRST_WIDTH
  while True:
    blocks = difflib.SequenceMatcher(
        None, ours[:width], theirs[:width], autojunk=False).get_matching_blocks()
    if width >= max(len(ours), len(theirs)) or any(
        block.size >= _ENOUGH for block in blocks):
      return blocks
    width *= _GROWTH


def place(text, ours, theirs, hints):
  """Finds where pieces stand.

  Args:
    text: str, the passage.
    ours: Stream, of the passage.
    theirs: Stream, of the pieces.
    hints: list of (start, end), int, where the package says that each piece stands.

  Returns:
    (starts, ends, num_unexplained): two lists of int, for each piece; int, how many
    pieces have a character that was not found. A piece of white space has the start
    of the next that is more than that, and the end of the one before.
  """
  spans, lost = {}, set(range(len(theirs.text)))
  for i, j, length in equal_stretches(ours.text, theirs.text):
    for (start, end), (first, last) in zip(
        ours.owners[i:i + length], theirs.owners[j:j + length]):
      for piece in range(first, last + 1):
        # From left to right: the first character has the start, the last the end.
        spans[piece] = spans.get(piece, (start,))[0], end
    lost.difference_update(range(j, j + length))
  unexplained = {piece for j in lost
                 for piece in range(theirs.owners[j][0], theirs.owners[j][1] + 1)}
  _take_hints(text, spans, unexplained - set(spans), hints)
  pieces = sorted(spans)
  starts, ends = ([spans[piece][side] for piece in pieces] for side in (0, 1))
  _take_gaps(text, starts, ends)
  return _for_all(len(hints), len(text), pieces, starts, ends) + (len(unexplained),)


def _take_hints(text, spans, lost, hints):
  """Gives pieces without a place that of their hint, if it lies between their
  neighbours, or else all that lies there."""
  known = sorted(spans)
  for piece in sorted(lost):
    at = bisect.bisect(known, piece)
    low = spans[known[at - 1]][1] if at else 0
    high = spans[known[at]][0] if at < len(known) else len(text)
    start, end = _stripped(text, max(low, hints[piece][0]),
                           min(high, hints[piece][1]))
    if start >= end:
      start, end = _stripped(text, low, high)
    if start < end:
      spans[piece] = start, end


def _stripped(text, start, end):
  """A span of a text without white space at its ends: (start, end)."""
  inside = text[start:max(start, end)]
  return (start + len(inside) - len(inside.lstrip()),
          start + len(inside.rstrip()))


def _take_gaps(text, starts, ends):
  """Gives letters, digits and combining marks that no piece covers to the pieces of
  their word, and changes `starts` and `ends`, lists of int, to it."""
  # Hints need not be in order.
  ends[:] = itertools.accumulate(ends, max)
  starts[:] = list(itertools.accumulate(reversed(starts), min))[::-1]
  for k in range(len(starts) + 1) if starts else ():
    low = ends[k - 1] if k else 0
    high = starts[k] if k < len(starts) else len(text)
    # Mostly there is nothing, or a space.
    lost = low < high and text[low:high] != " " and [
        i for i in range(low, high) if _is_of_word(text[i])]
    if not lost:
      continue
    spaces = [i for i in range(low, high) if text[i].isspace()]
    joins = bool(k) and (
        k == len(starts) or _is_of_word(text[low - 1])
        or unicodedata.category(text[lost[0]])[0] == "M")
    # With white space in it, both sides may have a part of a word.
    before = [i for i in lost if i < spaces[0]] if spaces else lost if joins else []
    after = [i for i in lost if i > spaces[-1]] if spaces else (
        [] if joins else lost)
    if before and k:
      ends[k - 1] = before[-1] + 1
    if after and k < len(starts):
      starts[k] = after[0]


def _is_of_word(character):
  """Whether it is a letter, a digit or a combining mark: bool."""
  return unicodedata.category(character)[0] in "LNM"


def _for_all(num_pieces, length, pieces, starts, ends):
  """Spreads what is known of some pieces, in their order, to all: as of `place`."""
  all_starts, all_ends = [], []
  end, following = 0, 0
  for piece in range(num_pieces):
    if following < len(pieces) and pieces[following] == piece:
      end = ends[following]
      all_starts.append(starts[following])
      following += 1
    else:
      all_starts.append(starts[following] if following < len(pieces) else length)
    all_ends.append(end)
  return all_starts, all_ends
