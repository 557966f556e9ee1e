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
logits near -10000 to steps of 0.00098, so that two implementations agree to about
1e-3 in the model's logits). The true union is written q2+q2p+p2q+p2.

Three controls of a zone ask whether it is important, or only large:

- `p2q@1`, a draw: the rows of the zone, and as many columns as it has, drawn from
  Q and P. Only which tokens these are is chance; see draws.py.
- `p2q@flat`: nothing is masked. After the softmax, each row of the zone spreads the
  weight that it gives the zone's columns equally over them. It keeps its mass in
  the zone, and loses the pattern.
- `p2q@zero`: nothing is masked. After the softmax, the zone's weights are 0, and
  the others stay as they are: each row receives less, and no weight moves to other
  tokens, as it does where a zone is masked.

In a union, zones and draws are masked first. After the softmax zones are zeroed,
and then flat zones are flattened, one after the other. `off` is for single heads:
their weights are 0 after the softmax, so that they add nothing to the layer (Michel
et al., 2019, "Are Sixteen Heads Really Better than One?", equation 2).

Zones of other sets of tokens have two names, of sets.py, with "_" between: cls_p is
what [CLS] attends to in the passage, any_special what all tokens attend to in
special ones. A question that has no token of a set is left out of the zone.

To add a zone, add an entry to ZONES: every command then knows it, and its controls.
CONTRIBUTING.md has an example. The name appears in flags, file names and
results.csv, so use only letters, digits and "_". After a change of an entry, its
files are of another zone (definitions.py): delete them, or give --overwrite=True.

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
from attention_zones.zones.sets import Tokens

# Added to a masked attention logit before the softmax.
MASKED_LOGIT = -10000.0

# Not in ZONES, because it is no set of cells.
OFF = "off"

# Controls that act after the softmax, in this order.
EDITS = ZERO, FLAT = "zero", "flat"


class Zone(collections.namedtuple("Zone", [
    "label", "rows", "columns", "changes_passage_rows", "replaces_padding_mask"])):
  """An entry of ZONES: the cells of some rows and some columns.

  Attributes:
    label: str, the zone's name in figures.
    rows, columns: functions from Tokens to float tensors that broadcast to [B, F]
      and to [B, T]: 1.0 for the queries i and for the keys j of the masked cells
      (i, j), 0.0 for others. Made of +, - and *, they work for numpy arrays, too.
    changes_passage_rows: bool, whether any row of P has a masked cell. If none has,
      the layer's output at passage tokens is that of the unmasked layer, and a
      sweep computes only the few other rows. It is about the sweep's time alone.
    replaces_padding_mask: bool, whether the layer attends to [PAD], up to
      max_seq_length. Such a zone is masked alone, in every head, and has no
      controls.
  """
  __slots__ = ()


def pairs(rows, columns):
  """The cells of some rows and some columns: [B, F] and [B, T] to [B, F, T]."""
  return rows[:, :, None] * columns[:, None, :]


# In the order of the columns of results.csv and of the figure.
ZONES = collections.OrderedDict([
    # Every cell, those of [PAD] as well; one row, [B, 1], stands for all.
    ("all", Zone("All", rows=lambda t: 1 + 0 * t.is_real[:, 0][:, None],
                 columns=lambda t: 1 + 0 * t.is_real,
                 changes_passage_rows=True, replaces_padding_mask=True)),
    ("q2", Zone("Q\u00b2", rows=lambda t: t.in_question,
                columns=lambda t: t.in_question,
                changes_passage_rows=False, replaces_padding_mask=False)),
    ("q2p", Zone("Q2P", rows=lambda t: 1 - t.in_passage,
                 columns=lambda t: t.in_passage,
                 changes_passage_rows=False, replaces_padding_mask=False)),
    ("p2q", Zone("P2Q", rows=lambda t: 1 - t.in_question,
                 columns=lambda t: t.in_question,
                 changes_passage_rows=True, replaces_padding_mask=False)),
    ("p2", Zone("P\u00b2", rows=lambda t: t.in_passage,
                columns=lambda t: t.in_passage,
                changes_passage_rows=True, replaces_padding_mask=False)),
])

# The paper's, which are named by rows and columns.
FOUR = "q2", "q2p", "p2q", "p2"
_IN_SETS = {"q_q": "q2", "notp_p": "q2p", "notq_q": "p2q", "p_p": "p2"}


def entry(name):
  """The Zone of a name: of ZONES, or of two sets of tokens; None if there is none.
  """
  if name in ZONES or name in _IN_SETS:
    return ZONES.get(name)
  rows, columns = map(sets.named, name.partition("_")[::2])
  if not rows or not columns:
    return None
  window = tokens_of_window(1, 1)
  return Zone(
      "%s\u2192%s" % (rows.label, columns.label), rows.of, columns.of,
      changes_passage_rows=bool((rows.of(window) * window.in_passage).any()),
      replaces_padding_mask=False)


def is_of_sets(name):
  """Whether a zone's name is of two sets of tokens: bool."""
  return name not in ZONES and name != OFF


def sets_of(name):
  """The sets that a zone's name has, without "not": list of str, [] for ZONES."""
  return list(map(sets.base_of, name.split("_"))) if is_of_sets(name) else []


def order(name):
  """Key that sorts names of zones: those of ZONES, `off`, then those of sets, and
  at the end those of spans."""
  known = list(ZONES) + [OFF]
  if name in known:
    return known.index(name), ""
  return len(known) + (not sets.SETS.keys() >= set(sets_of(name))), name


def has_draws(name):
  """Whether a zone has draws, whose columns are of the text: bool."""
  if name in ZONES:
    return name in with_controls()
  return sets.named(name.partition("_")[2]).is_text


def token_sets(features, ranks=None, members=None):
  """Finds Q and P by position alone, never by a token's text.

                 [CLS] who ? [SEP] a  b  c  [SEP] [PAD]
    is_real        1    1  1   1   1  1  1    1     0
    in_question    0    1  1   0   0  0  0    0     0
    in_passage     0    0  0   0   1  1  1    0     0

  Args:
    features: dict of int32 Tensors, the input of the model: "input_ids" [B, S], and
      the places of layouts.Layout [B].
    ranks: dict as in Tokens, for the draws; None for none.
    members: dict from the name of each set of the data to int32 [B, S], 1 for
      members; None for none.

  Returns:
    Tokens.
  """
  # Imported here, so that scripts that need only names do not wait for it.
  import tensorflow.compat.v1 as tf
  found = layouts.sets(features, tf.range(tf.shape(features["input_ids"])[1]))
  as_float = lambda of: {
      name: tf.cast(each, tf.float32) for name, each in of.items()}
  return sets.with_complements(
      Tokens(ranks=ranks or {}, members=as_float(members or {}), **as_float(found)),
      lambda x: tf.reduce_max(x, 1, keepdims=True))


class Mask(collections.namedtuple("Mask", ["zones", "heads"])):
  """What is masked in one layer. Callers use its methods, not its attributes.

  Attributes:
    zones: tuple of (zone, variant), in the order of ZONES; () masks nothing. The
      variant is "" for the zone itself, "1", "2" and so on for a draw, or of EDITS.
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
    return self.zones == ((OFF, ""),)

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
    return {name for zone, _ in self.zones for name in sets_of(zone)}

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
    rows = of(tokens_of_window(*lengths))[0] > 0
    return cells is None or any(bool(each[rows].any()) for each in cells)

  @property
  def _entries(self):
    """The zones: list of Zone."""
    return [entry(zone) for zone, _ in self.zones if zone != OFF]

  def cells_of_window(self, question_length, passage_length, layout=layouts.BERT,
                      members=None):
    """Each zone's cells in a window without [PAD]; those of `off` are all.

    Args:
      question_length, passage_length, layout, members: as of tokens_of_window.

    Returns:
      list of float32 [S, S]; None if a zone works for TensorFlow's tensors only.
    """
    tokens = tokens_of_window(question_length, passage_length, layout, members)
    shape = 2 * (tokens.is_real.shape[1],)
    sides = [(in_numpy(zone.rows, tokens), in_numpy(zone.columns, tokens))
             for zone in self._entries]
    if any(side is None for both in sides for side in both):
      return None
    nothing_or_all = np.full(shape, self.is_off, np.float32)
    return [nothing_or_all] + [
        np.broadcast_to(pairs(*both)[0], shape) for both in sides]

  def leaves_no_key(self, question_length, passage_length, layout=layouts.BERT,
                    members=None):
    """Whether it masks all that some token of a window attends to: bool.

    Such a token would attend to [PAD]. Only columns of sets of tokens can do so,
    and with special tokens in them, so that there are no draws.

    Args:
      question_length, passage_length, layout, members: as of tokens_of_window.
    """
    masked = self._replace(zones=tuple(
        (zone, variant) for zone, variant in self.zones if variant not in EDITS))
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
    edits = [(entry(zone), edit) for edit in EDITS
             for zone, variant in self.zones if variant == edit]
    if edits or self.is_off:
      return functools.partial(self._edited, edits)
    return None

  def _edited(self, edits, weights, queries, keys):
    """As `edit`; `edits` is the list of (Zone, one of EDITS)."""
    import tensorflow.compat.v1 as tf
    edited = tf.zeros_like(weights) if self.is_off else weights
    for zone, edit in edits:
      columns = zone.columns(keys)  # [B, T]
      cells = pairs(zone.rows(queries), columns)[:, None]  # [B, 1, F, T]
      if edit == ZERO:
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
    cells = [pairs(entry(zone).rows(tokens), _columns(zone, variant, tokens))
             for zone, variant in self.zones
             if zone != OFF and variant not in EDITS]
    masked = functools.reduce(tf.maximum, cells, padding)  # [B, 1, T] or [B, F, T]
    if not (self.is_per_head and cells):
      return (MASKED_LOGIT * masked)[:, None]
    chosen = self.head_indicator(num_heads)[:, None, None]  # [N, 1, 1]
    return MASKED_LOGIT * tf.maximum(padding[:, None], chosen * masked[:, None])


NOTHING = Mask(zones=(), heads=None)


class _AllThatMayBe(dict):
  """Sets of the data in a window of which nothing is known: all they may have.

  Args:
    tokens: Tokens of the window.
    complements: dict, those of other sets; None for the sets themselves.
  """

  def __init__(self, tokens, complements=None):
    super().__init__(complements or {})
    self._tokens, self._are_complements = tokens, complements is not None

  def __missing__(self, name):
    tokens = self._tokens
    if self._are_complements:
      return tokens.is_real
    return tokens.in_passage + (name != sets.ANSWER) * tokens.in_question


def tokens_of_window(question_length, passage_length, layout=layouts.BERT,
                     members=None):
  """The Tokens of a window without [PAD], numpy float32 [1, S] each.

  Args:
    question_length, passage_length: int, numbers of tokens.
    layout: layouts.Layout of the window.
    members: dict from the name of each set of the data to a sequence of int, the
      positions of its tokens; None if that is not known, so that they have, and
      their complements, all that they may have.
  """
  places = layout.places(np.array([question_length]), np.array([passage_length]))
  length = places["window_end"][0]
  tokens = Tokens(**{name: each.astype(np.float32) for name, each in layouts.sets(
      places, np.arange(length)).items()}, members={
          name: np.isin(np.arange(length), positions)[None].astype(np.float32)
          for name, positions in (members or {}).items()})
  tokens = sets.with_complements(tokens, lambda x: x.max(1, keepdims=True))
  if members is not None:
    return tokens
  return tokens._replace(members=_AllThatMayBe(tokens), complements=_AllThatMayBe(
      tokens, tokens.complements))


def in_numpy(side, tokens):
  """Rows or columns of a zone for numpy arrays; None if only Tensors work."""
  try:
    found = side(tokens)
  except (AttributeError, TypeError, ValueError):
    return None
  return found if isinstance(found, np.ndarray) else None


def _label(zone):
  return "Off" if zone == OFF else entry(zone).label


def _columns(zone, variant, tokens):
  """The columns of a zone, or of a draw: float32 [B, T]."""
  import tensorflow.compat.v1 as tf
  columns = entry(zone).columns(tokens)
  if not variant:
    return columns
  size = tf.reduce_sum(columns, 1, keepdims=True)  # [B, 1]
  is_drawn = tf.less(tf.cast(tokens.ranks[int(variant)], tf.float32), size)
  return (tokens.in_question + tokens.in_passage) * tf.cast(is_drawn, tf.float32)


def names_with(name):
  """The zones whose names a span of this name would make: list of str."""
  return [zone for zone in list(ZONES) + [OFF]
          if name in (zone,) + zone.partition("_")[::2]]


def with_controls():
  """The names of the zones that have controls: list of str."""
  return [name for name, zone in ZONES.items() if not zone.replaces_padding_mask]


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
  found = sorted(map(_zone_and_variant, names), key=lambda item: order(item[0]))
  for name, following in zip(found, found[1:]):
    if name[0] == following[0]:
      raise ValueError("%s is given twice in %s" % (name[0], "+".join(names)))
  for name, _ in found:
    if name in set(ZONES).difference(with_controls()) | {OFF} and len(found) > 1:
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
          name, ", ".join(ZONES), ", ".join(sets.names() + sorted(spans)), OFF))


def _zone_and_variant(text):
  """Reads a zone or control, "p2q@1" for example: (zone, variant)."""
  name, at, variant = text.partition("@")
  if name in _IN_SETS:
    raise ValueError("the zone %s is called %s" % (name, _IN_SETS[name]))
  if name != OFF and not entry(name):
    raise unknown(name)
  if at and not is_of_sets(name) and name not in with_controls():
    raise ValueError("%s: \"%s\" has no controls; zones that have some are %s" % (
        text, name, ", ".join(with_controls())))
  if variant.isdigit() and not has_draws(name):
    raise ValueError("%s: a draw takes question and passage tokens, so %s, whose "
                     "columns are others, too, has none; %s@flat and %s@zero are "
                     "its controls" % (text, name, name, name))
  if at and variant not in EDITS and not re.fullmatch("[1-9][0-9]{0,3}", variant):
    raise ValueError(
        "%s: %r is not a control; those of %s are the draws %s@1 to %s@9999, "
        "%s@flat and %s@zero" % ((text, variant) + 5 * (name,)))
  return name, variant
