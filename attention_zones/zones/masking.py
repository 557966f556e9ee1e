"""Masks: what of one layer's attention is masked, and how.

A Mask is a union of zones and controls (zones.py), in every head or in some. To the
logits of its cells MASKED_LOGIT is added before the softmax. What @flat, @zero and
`off` do is done to the weights after it.

Dimensions: B = batch, S = sequence length, N = heads,
F = from (query) length, T = to (key) length.
"""

import collections
import functools
import itertools
import re

import numpy as np

from attention_zones.zones import layouts
from attention_zones.zones import sets
from attention_zones.zones import zones

# Added to a masked attention logit before the softmax.
MASKED_LOGIT = -10000.0


class Mask(collections.namedtuple("Mask", ["zones", "heads"])):
  """What is masked in one layer. Callers use its methods, not its attributes.

  Attributes:
    zones: tuple of (zone, variant), in the order of ZONES; () masks nothing. The
      variant is "" for the zone itself, "1", "2" and so on for a draw, or one of
      zones.EDITS.
    heads: ascending tuple of the masked heads, counted from 0; None for every head.
  """
  __slots__ = ()

  @property
  def name(self):
    """Its name in flags, "q2@1+p2" for example, without its heads: str."""
    return "+".join("@".join(filter(None, part)) for part in self.zones)

  @property
  def label(self):
    """Its name in figures, "Q²@1+P²" for example, without its heads: str."""
    return "+".join("@".join(filter(None, (_label(zone), variant)))
                    for zone, variant in self.zones)

  @property
  def is_empty(self):
    """Whether nothing is masked: bool."""
    return not self.zones

  @property
  def is_off(self):
    """Whether it is `off`, which is for single heads only: bool."""
    return self.zones == ((zones.OFF, ""),)

  @property
  def is_per_head(self):
    """Whether it is of certain heads only: bool."""
    return self.heads is not None

  @property
  def in_every_head(self):
    """The Mask that does the same in every head."""
    return self._replace(heads=None)

  @property
  def draws(self):
    """The numbers of the draws that it needs: set of int."""
    return {int(variant) for _, variant in self.zones if variant.isdigit()}

  @property
  def sets(self):
    """The names of the sets that its zones name, without "not": set of str."""
    return {name for zone, _ in self.zones for name in zones.sets_of(zone)}

  @property
  def sets_of_data(self):
    """Those of `sets` of which the data says what is in them: set of str."""
    return sets.of_data(self.sets)

  @property
  def has_controls(self):
    """Whether a control is among its zones: bool."""
    return any(variant for _, variant in self.zones)

  @property
  def without_controls(self):
    """The Mask that a control is compared with: the zones themselves."""
    return self._replace(zones=tuple((zone, "") for zone, _ in self.zones))

  @property
  def reaches_padding(self):
    """Whether the layer attends to [PAD], up to max_seq_length: bool."""
    return any(zone.replaces_padding_mask for zone in self._entries)

  @property
  def changes_passage_rows(self):
    """Whether it changes the layer's output at passage tokens: bool."""
    return self.is_off or any(zone.changes_passage_rows for zone in self._entries)

  def changes_rows(self, of):
    """Whether the weights of certain queries change: bool.

    It follows from the zones' cells; of sets of the data all that they may have
    counts. True, too, if a zone's rows or columns work for TensorFlow's tensors
    only.

    Args:
      of: function from Tokens of a window to the queries, float32 [1, S], 1.0 or
        0.0.
    """
    # The longest of BERT's: a zone may single out tokens at either end.
    lengths = 64, 445
    cells = self.cells_of_window(*lengths)
    rows = of(zones.tokens_of_window(*lengths))[0] > 0
    return cells is None or any(bool(each[rows].any()) for each in cells)

  @property
  def _entries(self):
    """The zones: list of Zone."""
    return [zones.entry(zone) for zone, _ in self.zones if zone != zones.OFF]

  def cells_of_window(self, question_length, passage_length, layout=layouts.BERT,
                      members=None):
    """Each zone's cells in a window without [PAD]; those of `off` are all.

    Args:
      question_length, passage_length, layout, members: as of
        zones.tokens_of_window.

    Returns:
      list of float32 [S, S]; None if a zone works for TensorFlow's tensors only.
    """
    tokens = zones.tokens_of_window(
        question_length, passage_length, layout, members)
    shape = 2 * (tokens.is_real.shape[1],)
    sides = [[zones.in_numpy(side, tokens) for side in (zone.rows, zone.columns)]
             for zone in self._entries]
    if any(side is None for both in sides for side in both):
      return None
    nothing_or_all = np.full(shape, self.is_off, np.float32)
    return [nothing_or_all] + [
        np.broadcast_to(zones.pairs(*both)[0], shape) for both in sides]

  def leaves_no_key(self, question_length, passage_length, layout=layouts.BERT,
                    members=None):
    """Whether it masks all that some token of a window attends to: bool.

    Such a token would attend to [PAD]. Only columns of sets of tokens can do so,
    and with special tokens in them, so that there are no draws.

    Args:
      question_length, passage_length, layout, members: as of
        zones.tokens_of_window.
    """
    masked = self._replace(zones=tuple(
        part for part in self.zones if part[1] not in zones.EDITS))
    if not masked.sets:
      return False
    cells = masked.cells_of_window(
        question_length, passage_length, layout, members)
    return cells is not None and bool(
        functools.reduce(np.maximum, cells).all(1).any())

  def always_leaves_no_key(self):
    """Whether it does so in every window with text, whatever the data says: bool.

    It can be told of one set of the data, of two tokens of each side; of more that
    is left to the data.
    """
    of_data = sorted(self.sets_of_data)
    if len(of_data) > 1:
      return False
    if not of_data:
      return self.leaves_no_key(2, 2, members={})
    # Positions 1 and 2 are the question, 4 and 5 the passage.
    text = (4, 5) if of_data == [sets.ANSWER] else (1, 2, 4, 5)
    return all(self.leaves_no_key(2, 2, members={of_data[0]: positions})
               for size in range(1, len(text) + 1)
               for positions in itertools.combinations(text, size))

  @property
  def edit(self):
    """Function that edits the weights after the softmax, or None.

    Its arguments are the weights, float32 [B, N, F, T], the queries, Tokens [B, F],
    and the keys, Tokens [B, T]; it returns weights of the same shape. Where no zone
    has a cell the weights stay the same, bit by bit.
    """
    edits = [(zones.entry(zone), edit) for edit in zones.EDITS
             for zone, variant in self.zones if variant == edit]
    if edits or self.is_off:
      return functools.partial(self._edited, edits)
    return None

  def _edited(self, edits, weights, queries, keys):
    """As `edit`; `edits` is the list of (Zone, one of zones.EDITS)."""
    import tensorflow.compat.v1 as tf
    edited = tf.zeros_like(weights) if self.is_off else weights
    for zone, edit in edits:
      columns = zone.columns(keys)  # [B, T]
      cells = zones.pairs(zone.rows(queries), columns)[:, None]  # [B, 1, F, T]
      if edit == zones.ZERO:
        edited *= 1 - cells
        continue
      mass = tf.reduce_sum(
          edited * columns[:, None, None, :], -1, keepdims=True)  # [B, N, F, 1]
      # Without columns there are no cells.
      size = tf.maximum(tf.reduce_sum(columns, -1), 1)[:, None, None, None]
      edited = (1 - cells) * edited + cells * (mass / size)
    if not self.is_per_head:
      return edited
    chosen = self.head_indicator(weights.shape[1].value)[:, None, None]
    return chosen * edited + (1 - chosen) * weights

  def head_indicator(self, num_heads):
    """Which heads are masked: numpy float32 [N], 1.0 for masked ones, else 0.0."""
    return np.array([not self.is_per_head or head in self.heads
                     for head in range(num_heads)], np.float32)

  def additive(self, tokens, num_heads=None):
    """What the layer adds to its attention logits before the softmax.

    Args:
      tokens: Tokens [B, T].
      num_heads: int, N, which a mask of certain heads needs.

    Returns:
      float32, broadcasts to [B, N, F, T]: MASKED_LOGIT where query i may not
      attend to key j, 0.0 elsewhere. Where zones overlap, MASKED_LOGIT counts
      once.
    """
    import tensorflow.compat.v1 as tf
    padding = 1 - tokens.is_real[:, None, :]  # [B, 1, T]
    cells = [
        zones.pairs(zones.entry(zone).rows(tokens), _columns(zone, variant, tokens))
        for zone, variant in self.zones
        if zone != zones.OFF and variant not in zones.EDITS]
    masked = functools.reduce(tf.maximum, cells, padding)  # [B, 1, T] or [B, F, T]
    if not (self.is_per_head and cells):
      return (MASKED_LOGIT * masked)[:, None]
    chosen = self.head_indicator(num_heads)[:, None, None]  # [N, 1, 1]
    return MASKED_LOGIT * tf.maximum(padding[:, None], chosen * masked[:, None])


NOTHING = Mask(zones=(), heads=None)


def _label(zone):
  return "Off" if zone == zones.OFF else zones.entry(zone).label


def _columns(zone, variant, tokens):
  """The columns of a zone, or of a draw: float32 [B, T]."""
  import tensorflow.compat.v1 as tf
  columns = zones.entry(zone).columns(tokens)
  if not variant:
    return columns
  size = tf.reduce_sum(columns, 1, keepdims=True)  # [B, 1]
  is_drawn = tf.less(tf.cast(tokens.ranks[int(variant)], tf.float32), size)
  return (tokens.in_question + tokens.in_passage) * tf.cast(is_drawn, tf.float32)


def union(names):
  """The Mask of a union of zones and controls, in every head.

  Args:
    names: iterable of str, keys of ZONES or of sets, each once, or "off". With
      "@1", "@2" and so on behind it, it is a draw; with "@flat" or "@zero", that
      control.

  Returns:
    Mask.

  Raises:
    ValueError: a zone is unknown, given twice, has no such control, or cannot be in
      a union; or no key is left for some token.
  """
  names = list(names)
  found = sorted(
      map(_zone_and_variant, names), key=lambda part: zones.order(part[0]))
  for name, following in zip(found, found[1:]):
    if name[0] == following[0]:
      raise ValueError("%s is given twice in %s" % (name[0], "+".join(names)))
  for name, _ in found:
    if zones.stands_alone(name) and len(found) > 1:
      raise ValueError(
          "\"%s\" cannot be combined with another zone; the union of all four is "
          "q2+q2p+p2q+p2" % name)
  mask = Mask(tuple(found), None)
  if mask.always_leaves_no_key():
    raise ValueError("%s masks all that some token can attend to; leave it a key" %
                     mask.name)
  return mask


def unknown(name, spans=()):
  """The ValueError about a name that is not a zone's, given those of spans."""
  return ValueError(
      "%r is not a zone; zones are %s, two of the sets %s with \"_\" between, and "
      "%s with --mask_head; --spans names more sets; unions are written like "
      "q2+p2, controls like p2q@1, p2q@flat, p2q@zero" % (
          name, ", ".join(zones.ZONES), ", ".join(sets.names() + sorted(spans)),
          zones.OFF))


def _zone_and_variant(text):
  """Reads a zone or control, "p2q@1" for example: (zone, variant)."""
  name, at, variant = text.partition("@")
  if name in zones.IN_SETS:
    raise ValueError("the zone %s is called %s" % (name, zones.IN_SETS[name]))
  if name != zones.OFF and not zones.entry(name):
    raise unknown(name)
  if at and not zones.is_of_sets(name) and name not in zones.with_controls():
    raise ValueError("%s: \"%s\" has no controls; zones that have some are %s" % (
        text, name, ", ".join(zones.with_controls())))
  if variant.isdigit() and not zones.has_draws(name):
    raise ValueError("%s: a draw takes question and passage tokens, so %s, whose "
                     "columns are others, too, has none; %s@flat and %s@zero are "
                     "its controls" % (text, name, name, name))
  if at and variant not in zones.EDITS and not re.fullmatch(
      "[1-9][0-9]{0,3}", variant):
    raise ValueError(
        "%s: %r is not a control; those of %s are the draws %s@1 to %s@9999, "
        "%s@flat and %s@zero" % ((text, variant) + 5 * (name,)))
  return name, variant
