"""What an attention zone is, and which zones a decode masks.

A BERT input for reading comprehension is

    [CLS] question [SEP] passage [SEP] [PAD] ...

Q is the set of question tokens, P the set of passage tokens; [CLS], both [SEP]
and [PAD] are in neither. With (i, j) the attention logit of query row i towards
key column j, the four zones are (Cui et al., STAR Protocols 3, 101481, 2022):

                 key j:   Q      P
    query i:  Q        |  q2  |  q2p  |
              P        |  p2q |  p2   |

    q2    i in Q,      j in Q      question to question
    p2    i in P,      j in P      passage to passage
    p2q   i not in Q,  j in Q      everything outside the question to it
    q2p   i not in P,  j in P      everything outside the passage to it

The rows of [CLS] and [SEP] thus belong to p2q and q2p. The four zones do not
overlap. A masked logit gets MASKED_LOGIT added before the softmax.

                [CLS]  who    ?   [SEP]   a     b   [SEP]
    [CLS]         .    p2q   p2q    .    q2p   q2p    .
    who           .    q2    q2     .    q2p   q2p    .
    ?             .    q2    q2     .    q2p   q2p    .
    [SEP]         .    p2q   p2q    .    q2p   q2p    .
    a             .    p2q   p2q    .    p2    p2     .
    b             .    p2q   p2q    .    p2    p2     .
    [SEP]         .    p2q   p2q    .    q2p   q2p    .

`all`, as published, is not their union: there the *whole* additive mask of the
layer is MASKED_LOGIT. Softmax is invariant to a constant shift, so every weight
stays as it was, except that the padding mask is gone and the layer also attends
to [PAD]. The true union is written q2+q2p+p2q+p2.

Dimensions: B = batch, S = sequence length, F = from (query) length,
T = to (key) length.
"""

import collections
import re

ALL = "all"
BASIC_ZONES = ("q2", "q2p", "p2q", "p2")
# The order of the columns of results.csv and of the figure.
ZONES = (ALL,) + BASIC_ZONES

MASKED_LOGIT = -10000.0


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
    input_mask: int [B, S], 1 for real tokens, 0 for padding.
    segment_ids: int [B, S], 0 up to and with the first [SEP], then 1; 0 again
      for padding.

  Returns:
    (in_question, in_passage): float32 [B, S] each, 1.0 for members, else 0.0.
  """
  # Here, because whoever needs only names of zones and files should not wait
  # seconds for TensorFlow.
  import tensorflow.compat.v1 as tf
  mask = tf.cast(input_mask, tf.float32)
  second = mask * tf.cast(segment_ids, tf.float32)
  first = mask - second
  followed = lambda tokens: tf.pad(tokens[:, 1:], [[0, 0], [0, 1]])
  preceded = lambda tokens: tf.pad(tokens[:, :-1], [[0, 0], [1, 0]])
  in_question = preceded(first) * first * followed(first)
  in_passage = second * followed(second)
  return in_question, in_passage


def zone_mask(zones, in_question, in_passage):
  """The logits that a union of basic zones masks.

  Args:
    zones: tuple of names from BASIC_ZONES.
    in_question: float [B, S], 1.0 for tokens in Q.
    in_passage: float [B, S], 1.0 for tokens in P.

  Returns:
    float [B, F, T]: 1.0 where query i towards key j is masked, 0.0 elsewhere.
  """
  pairs = {
      "q2": (in_question, in_question),
      "p2": (in_passage, in_passage),
      "p2q": (1 - in_question, in_question),
      "q2p": (1 - in_passage, in_passage),
  }
  # The basic zones do not overlap, so that their sum is 0 or 1.
  return sum(pairs[zone][0][:, :, None] * pairs[zone][1][:, None, :]
             for zone in zones)


def additive_mask(zones, input_mask, in_question, in_passage):
  """What one layer adds to its attention logits before the softmax.

  Args:
    zones: tuple of the zones masked in this layer, () for none.
    input_mask: float [B, S], 1.0 for real tokens, 0.0 for padding.
    in_question: float [B, S], 1.0 for tokens in Q.
    in_passage: float [B, S], 1.0 for tokens in P.

  Returns:
    float, broadcastable to [B, F, T]: MASKED_LOGIT where query i may not attend
    to key j, 0.0 elsewhere. For `all`, MASKED_LOGIT everywhere, as published.
  """
  if zones == (ALL,):
    return MASKED_LOGIT + 0 * input_mask[:, None, :]
  mask = MASKED_LOGIT * (1 - input_mask[:, None, :])
  if zones:
    mask += MASKED_LOGIT * zone_mask(zones, in_question, in_passage)
  return mask


BASELINE_NAME = "predictions.json"
_PREDICTION_NAME = re.compile(
    r"predictions_layer(?P<layer>[0-9]{1,4}(?:\+[0-9]{1,4})*)?"
    r"_(?P<zone>[a-z0-9+]+)\.json")


class Decode(collections.namedtuple("Decode", ["layers", "zones", "suffix"])):
  """One decode of a data set.

  Attributes:
    layers: ascending tuple of the masked layers, counted from 0; () masks
      nothing, which is the baseline.
    zones: tuple of the zones that are masked together in each of these layers,
      in the order of ZONES.
    suffix: what the decode's files have between their name and ".json",
      "_layer3_q2" for example, and "" for the baseline.
  """
  __slots__ = ()

  def zones_at(self, layer):
    """The zones that are masked in `layer`, () for none."""
    return self.zones if layer in self.layers else ()


BASELINE = Decode(layers=(), zones=(), suffix="")


def parse_decodes(mask_layer, mask_zone, num_layers):
  """Reads --mask_layer and --mask_zone.

  One grammar for both: "," separates decodes, "-" is a range of decodes, "+"
  masks together. "0-11" and "q2,p2" are 24 decodes, "0+1" and "q2+p2" is one.

  Args:
    mask_layer: str, or None when the flag was left out. "None" or None together
      with a zone is one decode with every layer masked.
    mask_zone: str, or None when the flag was left out.
    num_layers: int, the number of layers of the model.

  Returns:
    list of Decode, layer by layer; [] when both flags were left out.

  Raises:
    ValueError: a layer or zone is unknown, empty or given twice.
  """
  if mask_zone is None:
    if mask_layer is not None:
      raise ValueError(
          "--mask_zone is missing: --mask_layer=%r needs a zone to mask, one of "
          "%s" % (mask_layer, ", ".join(ZONES)))
    return []
  layer_sets = _parse_layers(mask_layer, num_layers)
  zone_sets = _parse_zones(mask_zone)
  return [Decode(layers, zones, "_layer%s_%s" % (name, "+".join(zones)))
          for layers, name in layer_sets for zones in zone_sets]


def _parse_layers(mask_layer, num_layers):
  """Returns [(layers, how a file name says them)]."""
  if mask_layer is None or mask_layer == "None":
    return [(tuple(range(num_layers)), "")]
  valid = "layers are 0 to %d, as in 0-%d or 0,2 or 0+1, None is all of them" % (
      num_layers - 1, num_layers - 1)
  _refuse_line_breaks("--mask_layer", mask_layer)
  layer_sets = []
  for item in mask_layer.split(","):
    match = re.match(r"^ *(?:([0-9]{1,4})-([0-9]{1,4})"
                     r"|([0-9]{1,4}(?:\+[0-9]{1,4})*)) *$", item)
    if not match:
      raise ValueError("--mask_layer=%s: %r is not a layer; %s" % (
          mask_layer, item, valid))
    first, last, united = match.groups()
    named = [int(layer) for layer in (united or first + "+" + last).split("+")]
    if max(named) >= num_layers:
      raise ValueError("--mask_layer=%s: there is no layer %d; %s" % (
          mask_layer, max(named), valid))
    if united:
      layer_sets.append(tuple(sorted(named)))
    elif int(first) > int(last):
      raise ValueError("--mask_layer=%s: the range %s is empty; %s" % (
          mask_layer, item.strip(), valid))
    else:
      layer_sets.extend((layer,) for layer in range(int(first), int(last) + 1))
  _refuse_twice("--mask_layer", mask_layer, layer_sets)
  return [(layers, "+".join(map(str, layers))) for layers in layer_sets]


def _parse_zones(mask_zone):
  """Returns a list of tuples of zones."""
  valid = "zones are %s, unions are written like q2+p2" % ", ".join(ZONES)
  _refuse_line_breaks("--mask_zone", mask_zone)
  zone_sets = []
  for item in mask_zone.split(","):
    zones = [zone.strip() for zone in item.split("+")]
    for zone in zones:
      if zone not in ZONES:
        raise ValueError("--mask_zone=%s: %r is not a zone; %s" % (
            mask_zone, zone, valid))
    if ALL in zones and len(zones) > 1:
      raise ValueError(
          "--mask_zone=%s: \"all\" cannot be united with another zone; the union "
          "of all four is %s" % (mask_zone, "+".join(BASIC_ZONES)))
    zone_sets.append(tuple(sorted(zones, key=ZONES.index)))
  _refuse_twice("--mask_zone", mask_zone, zone_sets)
  return zone_sets


def _refuse_line_breaks(flag, value):
  if len(("|%s|" % value).splitlines()) > 1:
    raise ValueError("%s=%r has a line break in it" % (flag, value))


def _refuse_twice(flag, value, item_sets):
  """Raises ValueError when a set, or an item of one set, comes twice."""
  for items in item_sets:
    if len(set(items)) < len(items) or item_sets.count(items) > 1:
      raise ValueError("%s=%s: %s is given twice" % (
          flag, value, "+".join(map(str, items))))


def parse_prediction_name(name):
  """Reads the name of a file of predictions.

  Args:
    name: str, "predictions_layer3_q2.json" for example.

  Returns:
    (layer, zone), for example ("3", "q2"), ("0+1", "q2+p2"), or ("", "p2") when
    every layer was masked; None when the name is not of this form.
  """
  match = _PREDICTION_NAME.fullmatch(name)
  if not match:
    return None
  layer = match.group("layer") or ""
  layers = [int(part) for part in layer.split("+") if part]
  try:
    zones, = _parse_zones(match.group("zone"))
  except ValueError:
    return None
  # Only as parse_decodes writes it: "layer1+0" or "layer01" are others' files.
  if "+".join(map(str, sorted(set(layers)))) != layer:
    return None
  return layer, "+".join(zones)


def column_order(zones):
  """Sorts names of zones as results.csv and the figure have them.

  Args:
    zones: iterable of str, "q2" or "q2+p2".

  Returns:
    list of str: the five zones in the order of ZONES, then unions, smaller ones
    first.
  """
  def key(zone):
    parts = zone.split("+")
    return len(parts), [ZONES.index(part) for part in parts]
  return sorted(zones, key=key)


def zone_label(zone):
  """The label of a zone in the paper's figures, "Q²+P²" for "q2+p2"."""
  labels = {ALL: "All", "q2": "Q\u00b2", "q2p": "Q2P", "p2q": "P2Q",
            "p2": "P\u00b2"}
  return "+".join(labels[part] for part in zone.split("+"))


Step = collections.namedtuple(
    "Step", ["group", "parents", "zones", "full", "unmasked"])
Step.__doc__ = """One batch of variants that leaves a layer together.

Attributes:
  group: int, which of the groups that left the layer below it starts from.
  parents: tuple of int, for each variant its parent in that group: either
    neighbours in their order, or one parent again and again, for its forks.
  zones: tuple, for each variant the tuple of zones that this layer masks. Forks
    that `keep_passage_rows` come first, `all` comes last.
  full: bool, whether the variants keep their hidden states of [PAD] up to
    max_seq_length, because a layer further up is to attend to them (`all`).
  unmasked: for forks, (step, variant) of their parent's child that this layer
    does not mask, an earlier step of the layer; None when it has none.
"""


def keep_passage_rows(zones):
  """Whether masking zones changes no row of P in that layer: bool.

  Only rows of Q, [CLS] and [SEP] are masked in q2 and q2p. A few tokens of a
  window are to be computed then, the others have the unmasked layer's states.
  """
  return bool(zones) and set(zones) <= {"q2", "q2p"}


def plan_sweep(decodes, num_layers, max_forks=len(ZONES)):
  """Plans one forward pass for many decodes.

  Masking a layer changes nothing below it. The pass therefore carries groups of
  variants of the hidden states: below the lowest masked layer the decodes share
  one variant, and at each layer a variant forks for every set of zones that its
  decodes mask there. For the baseline and 12 layers x 5 zones that is 402 layer
  passes instead of 61 x 12 = 732. Decodes: baseline, layer 1 q2, layer 1 p2:

    layer 0   [(group 0, parents (0,), zones ((),))]
    layer 1   [(group 0, parents (0,), zones ((),)),
               (group 0, parents (0, 0), zones ((q2,), (p2,)), unmasked (0, 0))]
    layer 2   [(group 0, parents (0,), zones ((),)),
               (group 1, parents (0, 1), zones ((), ()))]

  Args:
    decodes: list of Decode, each at most once.
    num_layers: int, the number of layers of the model.
    max_forks: int, the most new variants in one group.

  Returns:
    (layers, place_of): layers has for each layer a list of Step, which make the
    groups that leave it. place_of[d] is the (group, variant) of decodes[d] that
    leaves the last layer.
  """
  layers = []
  # A group is a list of variants, a variant a list of indices of decodes.
  groups = [[list(range(len(decodes)))]]
  for layer in range(num_layers):
    steps, next_groups = [], []
    for g, group in enumerate(groups):
      unmasked = {}
      for variants in _split_group(group, decodes, layer, max_forks):
        parents, zones, full, members = zip(*variants)
        steps.append(Step(
            g, parents, zones, full[0], unmasked.get(parents[0])))
        unmasked.update((parent, (len(steps) - 1, v)) for v, parent in enumerate(
            parents) if not zones[v])
        next_groups.append(list(members))
    layers.append(steps)
    groups = next_groups
  place_of = [None] * len(decodes)
  for g, group in enumerate(groups):
    for v, members in enumerate(group):
      for d in members:
        place_of[d] = (g, v)
  return layers, place_of


def _split_group(group, decodes, layer, max_forks):
  """Sorts a group's variants into those that go on together and the new forks.

  Variants in one step are alike in whether they keep [PAD] for a layer above;
  those that go on, in whether they attend to it here (`all`), too.

  Returns:
    list of steps, each a list of (parent, zones, full, members).
  """
  going_on, forks = collections.OrderedDict(), collections.OrderedDict()
  for parent, variant in enumerate(group):
    children = collections.OrderedDict()
    for d in variant:
      children.setdefault(decodes[d].zones_at(layer), []).append(d)
    # The first child goes on with the group, the one that is not masked if there
    # is one; the others fork from their parent.
    for n, zones in enumerate(sorted(children, key=_step_order)):
      members = children[zones]
      full = any(attends_to_padding(decodes[d], layer + 1) for d in members)
      child = (parent, zones, full, members)
      if n:
        forks.setdefault((parent, full), []).append(child)
      else:
        going_on.setdefault((zones == (ALL,), full), []).append(child)
  return list(going_on.values()) + [
      step[i:i + max_forks] for step in forks.values()
      for i in range(0, len(step), max_forks)]


def _step_order(zones):
  """Sorts what is computed in the same way together; no zones are first."""
  return bool(zones), not keep_passage_rows(zones), zones == (ALL,)


def attends_to_padding(decode, from_layer=0):
  """Whether a decode masks `all` in a layer not below `from_layer`: bool."""
  return decode.zones == (ALL,) and any(l >= from_layer for l in decode.layers)
