"""What an attention zone is: ONE table of zones, and the masks made from it.

A BERT input for reading comprehension is

    [CLS] question [SEP] passage [SEP] [PAD] ...

Q is the set of question tokens, P the set of passage tokens; [CLS], both [SEP]
and [PAD] are in neither. With (i, j) the attention logit of query row i towards
key column j, the four zones are (Cui et al., STAR Protocols 3, 101481, 2022):

                 key j:   Q      P
    query i:  Q        |  q2  |  q2p  |
              P        |  p2q |  p2   |

The rows of [CLS] and [SEP] belong to p2q and q2p, so that the picture is

                [CLS]  who    ?   [SEP]   a     b   [SEP]
    [CLS]         .    p2q   p2q    .    q2p   q2p    .
    who           .    q2    q2     .    q2p   q2p    .
    ?             .    q2    q2     .    q2p   q2p    .
    [SEP]         .    p2q   p2q    .    q2p   q2p    .
    a             .    p2q   p2q    .    p2    p2     .
    b             .    p2q   p2q    .    p2    p2     .
    [SEP]         .    p2q   p2q    .    q2p   q2p    .

`all`, as published, is not their union: there the *whole* additive mask of the
layer is -10000. Softmax is invariant to a constant shift, so the only effect is
that the padding mask is gone: the layer also attends to [PAD] (and float32 rounds
logits near -10000 to steps of 0.00098). The true union is written q2+q2p+p2q+p2.

To add a zone, add an entry to ZONES: every command then knows it. The columns of
[CLS] and both [SEP], for example, are

    ("sp", Zone("Sp", lambda t: pairs(
        t.is_real, t.is_real - t.in_question - t.in_passage),
                     changes_passage_rows=True, replaces_padding_mask=False)),

The name appears in flags, file names and results.csv, so use only letters, digits
and "_". Predictions that already exist are skipped: after changing an entry,
delete its files.

Dimensions: B = batch, S = sequence length, N = heads,
F = from (query) length, T = to (key) length.
"""

import collections
import functools

import numpy as np

# Added to a masked attention logit before the softmax.
MASKED_LOGIT = -10000.0

Tokens = collections.namedtuple("Tokens", ["is_real", "in_question", "in_passage"])
Tokens.__doc__ = """The sets that the tokens of a batch are in, float32 [B, S] each.

Attributes:
  is_real: 1.0 for tokens, 0.0 for [PAD].
  in_question: 1.0 for members of Q, 0.0 for others.
  in_passage: 1.0 for members of P, 0.0 for others.
"""

Zone = collections.namedtuple("Zone", [
    "label", "cells", "changes_passage_rows", "replaces_padding_mask"])
Zone.__doc__ = """An entry of ZONES.

Attributes:
  label: str, the zone's name in figures.
  cells: function from Tokens to a float tensor that broadcasts to [B, F, T]:
    1.0 where query i towards key j is masked, 0.0 elsewhere. Made of +, -, * and
    pairs(), it works for numpy arrays, too.
  changes_passage_rows: bool, whether any row of P has a masked cell. If none has,
    the layer's output at passage tokens is that of the unmasked layer, and a
    sweep computes only the few other rows.
  replaces_padding_mask: bool, whether the layer attends to [PAD], up to
    max_seq_length. Such a zone is masked alone, never in a union.
"""


def pairs(rows, columns):
  """The cells of some rows and some columns: [B, F] and [B, T] to [B, F, T]."""
  return rows[:, :, None] * columns[:, None, :]


# In the order of the columns of results.csv and of the figure.
ZONES = collections.OrderedDict([
    # Every cell, those of [PAD] as well: ones [B, 1, T].
    ("all", Zone("All", lambda t: 1 + 0 * t.is_real[:, None, :],
                 changes_passage_rows=True, replaces_padding_mask=True)),
    ("q2", Zone("Q\u00b2", lambda t: pairs(t.in_question, t.in_question),
                changes_passage_rows=False, replaces_padding_mask=False)),
    ("q2p", Zone("Q2P", lambda t: pairs(1 - t.in_passage, t.in_passage),
                 changes_passage_rows=False, replaces_padding_mask=False)),
    ("p2q", Zone("P2Q", lambda t: pairs(1 - t.in_question, t.in_question),
                 changes_passage_rows=True, replaces_padding_mask=False)),
    ("p2", Zone("P\u00b2", lambda t: pairs(t.in_passage, t.in_passage),
                changes_passage_rows=True, replaces_padding_mask=False)),
])


def token_sets(input_mask, segment_ids):
  """Finds Q and P by position alone, never by a token's text.

  The question is the first segment without its first and last token, [CLS] and
  [SEP]; the passage is the second segment without its last token, [SEP]:

                 [CLS] who ? [SEP] a  b  c  [SEP] [PAD]
    input_mask     1    1  1   1   1  1  1    1     0
    segment_ids    0    0  0   0   1  1  1    1     0
    in_question    0    1  1   0   0  0  0    0     0
    in_passage     0    0  0   0   1  1  1    0     0

  Args:
    input_mask: int32 [B, S], 1 for real tokens, 0 for padding.
    segment_ids: int32 [B, S], 0 up to and including the first [SEP], then 1; 0
      again for padding.

  Returns:
    Tokens.
  """
  # Imported here, so that scripts that need only names do not wait for it.
  import tensorflow.compat.v1 as tf
  is_real = tf.cast(input_mask, tf.float32)
  second = is_real * tf.cast(segment_ids, tf.float32)
  first = is_real - second
  followed = lambda tokens: tf.pad(tokens[:, 1:], [[0, 0], [0, 1]])
  preceded = lambda tokens: tf.pad(tokens[:, :-1], [[0, 0], [1, 0]])
  return Tokens(is_real, in_question=preceded(first) * first * followed(first),
                in_passage=second * followed(second))


class Mask(collections.namedtuple("Mask", ["zones", "heads"])):
  """What is masked in one layer. Callers use its methods, not its attributes.

  Attributes:
    zones: tuple of (zone, variant), in the order of ZONES; () masks nothing. "" is
      the zone itself, the only variant so far.
    heads: which heads; None is every head, the only choice so far.
  """
  __slots__ = ()

  @property
  def name(self):
    """Its name in flags and file names, "q2+p2" for example: str."""
    return "+".join(zone for zone, _ in self.zones)

  @property
  def label(self):
    """Its name in figures, "Q²+P²" for example: str."""
    return "+".join(ZONES[zone].label for zone, _ in self.zones)

  @property
  def is_empty(self):
    """Whether nothing is masked: bool."""
    return not self.zones

  @property
  def reaches_padding(self):
    """Whether the layer attends to [PAD], up to max_seq_length: bool."""
    return any(ZONES[zone].replaces_padding_mask for zone, _ in self.zones)

  @property
  def changes_passage_rows(self):
    """Whether it changes the layer's output at passage tokens: bool."""
    return any(ZONES[zone].changes_passage_rows for zone, _ in self.zones)

  @property
  def changes_cls_row(self):
    """Whether [CLS] attends to less: bool."""
    cells = self._cells_of_window(question_length=1, passage_length=1)
    return cells is None or bool(cells[0].any())

  def masked_share(self, question_length, passage_length):
    """The share of a window's attention matrix, without [PAD], that is masked.

    Args:
      question_length, passage_length: int, numbers of tokens.

    Returns:
      float, 0 to 1; None if a zone's cells work for TensorFlow's tensors only.
    """
    cells = self._cells_of_window(question_length, passage_length)
    return None if cells is None else float(cells.mean(dtype=np.float64))

  def _cells_of_window(self, question_length, passage_length):
    """The masked cells of a window without [PAD]: float32 [S, S], or None."""
    position = np.arange(question_length + passage_length + 3)[None, :]
    is_in = lambda first, length: np.logical_and(
        position >= first, position < first + length).astype(np.float32)
    tokens = Tokens(
        np.ones(position.shape, np.float32), in_question=is_in(1, question_length),
        in_passage=is_in(question_length + 2, passage_length))
    cells = [ZONES[zone].cells(tokens) for zone, _ in self.zones]
    if not all(isinstance(each, np.ndarray) for each in cells):
      return None
    shape = 2 * (position.shape[1],)
    return np.broadcast_to(
        functools.reduce(np.maximum, cells, np.zeros((1, 1, 1)))[0], shape)

  @property
  def edit(self):
    """Function that edits the weights after the softmax, or None; so far None.

    Its arguments are the weights, float32 [B, N, F, T], the queries, Tokens [B, F],
    and the keys, Tokens [B, T]; it returns weights of the same shape.
    """
    return None

  def additive(self, tokens):
    """What the layer adds to its attention logits before the softmax.

    Args:
      tokens: Tokens [B, T].

    Returns:
      float32, broadcasts to [B, N, F, T]: MASKED_LOGIT where query i may not
      attend to key j, 0.0 elsewhere. Where zones overlap, MASKED_LOGIT counts
      once.
    """
    import tensorflow.compat.v1 as tf
    masked = functools.reduce(
        tf.maximum, [ZONES[zone].cells(tokens) for zone, _ in self.zones],
        1 - tokens.is_real[:, None, :])  # [B, 1, T] or [B, F, T]
    return (MASKED_LOGIT * masked)[:, None]


NOTHING = Mask(zones=(), heads=None)


def union(names):
  """The Mask of a union of zones.

  Args:
    names: iterable of str, keys of ZONES, each once.

  Returns:
    Mask.

  Raises:
    ValueError: a zone is unknown, given twice, or cannot be in a union.
  """
  names = list(names)
  for name in names:
    if name not in ZONES:
      raise ValueError("%r is not a zone; zones are %s, unions are written like "
                       "q2+p2" % (name, ", ".join(ZONES)))
    if names.count(name) > 1:
      raise ValueError("%s is given twice" % "+".join(names))
    if ZONES[name].replaces_padding_mask and len(names) > 1:
      raise ValueError(
          "\"%s\" cannot be combined with another zone; the union of all four is "
          "q2+q2p+p2q+p2" % name)
  order = list(ZONES)
  return Mask(tuple((name, "") for name in sorted(names, key=order.index)), None)
