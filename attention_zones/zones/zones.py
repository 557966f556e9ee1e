"""What an attention zone is: ONE table of zones; masking.py makes masks of them.

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

import numpy as np

from attention_zones.zones import layouts
from attention_zones.zones import sets
from attention_zones.zones.sets import Tokens

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
IN_SETS = {"q_q": "q2", "notp_p": "q2p", "notq_q": "p2q", "p_p": "p2"}


def entry(name):
  """The Zone of a name: of ZONES, or of two sets of tokens; None if there is none.
  """
  if name in ZONES or name in IN_SETS:
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


def names_with(name):
  """The zones whose names a span of this name would make: list of str."""
  return [zone for zone in list(ZONES) + [OFF]
          if name in (zone,) + zone.partition("_")[::2]]


def stands_alone(name):
  """Whether a zone is in no union: bool."""
  return name == OFF or name in ZONES and ZONES[name].replaces_padding_mask


def with_controls():
  """The names of the zones that have controls: list of str."""
  return [name for name, zone in ZONES.items() if not zone.replaces_padding_mask]
