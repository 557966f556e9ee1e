"""Decodes: what is masked in each layer, and the names of files."""

import collections
import itertools
import re

from attention_zones.zones import masking
from attention_zones.zones import zones

_FILE_NAME = re.compile(r"predictions(?:_(?P<masked>layer[^.]+))?\.json")
# Layers with one mask, in such a name.
_PART = re.compile(r"layer(?P<layers>[0-9]{1,4}(?:\+[0-9]{1,4})*)?"
                   r"(?:_head(?P<heads>[0-9]{1,4}(?:\+[0-9]{1,4})*))?_(?P<mask>.+)")


class Decode(collections.namedtuple("Decode", ["masks"])):
  """One decode of a data set: what is masked in each layer.

  Attributes:
    masks: tuple of (layer, masking.Mask) of the masked layers, counted from 0, in
      ascending order; one with None for the layer masks every layer; () none.
  """
  __slots__ = ()

  @classmethod
  def of(cls, layers, mask):
    """The Decode that masks some layers alike.

    Args:
      layers: iterable of int, counted from 0; None for every layer.
      mask: masking.Mask of each of these layers.
    """
    return cls(tuple((layer, mask) for layer in (
        [None] if layers is None else sorted(layers))))

  @property
  def layers(self):
    """The masked layers: ascending tuple of int; None for every layer."""
    layers = tuple(layer for layer, _ in self.masks)
    return None if layers == (None,) else layers

  @property
  def different_masks(self):
    """The masks of its layers, each once, lower layers first: list of masking.Mask.
    """
    return list(collections.OrderedDict((mask, None) for _, mask in self.masks))

  @property
  def is_path(self):
    """Whether it masks different zones, or heads, in different layers: bool."""
    return len(self.different_masks) > 1

  @property
  def mask(self):
    """The masking.Mask of each masked layer; None for a path, which has several."""
    if self.is_path:
      return None
    return self.masks[0][1] if self.masks else masking.NOTHING

  @property
  def sets(self):
    """The sets of tokens that its zones name, as of Mask.sets: set of str."""
    return set().union(*(mask.sets for _, mask in self.masks))

  def mask_at(self, layer):
    """The masking.Mask of a layer, counted from 0."""
    of_layer = dict(self.masks)
    return of_layer.get(layer, of_layer.get(None, masking.NOTHING))

  def changed(self, change):
    """The Decode with a function of Mask to Mask applied to each."""
    return Decode(tuple((layer, change(mask)) for layer, mask in self.masks))

  def as_path(self, first=0):
    """What --mask says of it: "2:p2q:head3+5:p2", str.

    Args:
      first: int, the number of the first layer, and of the first head.
    """
    of_layers = []
    for layer, mask in self.masks:
      heads = ":head" + ".".join(str(head + first) for head in mask.heads) if (
          mask.is_per_head) else ""
      of_layers.append("%d:%s%s" % (layer + first, mask.name, heads))
    return "+".join(of_layers)

  @property
  def name(self):
    """What tells its files from others: "layer3_q2", or "baseline"; str."""
    return "baseline" if self == BASELINE else self.file_name("")[1:-len(".json")]

  def file_name(self, kind="predictions"):
    """The name of a file of this decode.

    Args:
      kind: str, "predictions", "nbest_predictions" or "null_odds".

    Returns:
      str, "predictions_layer3_q2.json" for example, "predictions_layer_q2.json"
      for every layer, "predictions_layer3_head5_q2.json" for one head,
      "predictions_layer2_p2q+layer5_p2.json" for a path, and "predictions.json" for
      the baseline.
    """
    if self == BASELINE:
      return kind + ".json"
    parts = [((layer,), mask) for layer, mask in self.masks] if self.is_path else [
        (self.layers or (), self.mask)]
    return "%s_%s.json" % (kind, "+".join("layer%s%s_%s" % (
        plus(layers), "_head" + plus(mask.heads) if mask.heads else "", mask.name)
                                          for layers, mask in parts))

  @classmethod
  def parse(cls, name):
    """Reads the name of a file of predictions.

    Args:
      name: str.

    Returns:
      Decode; None when `file_name` would never write this name.
    """
    match = _FILE_NAME.fullmatch(name)
    if not match:
      return None
    if not match.group("masked"):
      return BASELINE
    masks = []
    for part in re.split(r"\+(?=layer)", match.group("masked")):
      match = _PART.fullmatch(part)
      if not match:
        return None
      layers, heads = [text and tuple(sorted(set(map(int, text.split("+")))))
                       for text in match.group("layers", "heads")]
      try:
        mask = in_heads(masking.union(match.group("mask").split("+")), heads)
      except ValueError:
        return None
      masks += cls.of(layers, mask).masks
    layers = [layer for layer, _ in masks]
    if len(layers) > 1 and (None in layers or layers != sorted(set(layers))):
      return None
    decode = cls(tuple(masks))
    if decode.is_path and any(
        mask.reaches_padding for mask in decode.different_masks):
      return None
    # file_name writes neither "layer1+0" nor "layer01", nor a path of one mask.
    return decode if decode.file_name() == name else None


BASELINE = Decode(masks=())


def plus(numbers):
  """"0+1" of (0, 1): str."""
  return "+".join(map(str, numbers))


def in_heads(mask, heads):
  """The mask in these heads, None for every head: masking.Mask.

  Raises:
    ValueError: it is `off` in every head, or reaches [PAD] in some heads only.
  """
  if mask.is_off and heads is None:
    raise ValueError("\"%s\" needs --mask_head, the heads to switch off" %
                     mask.name)
  if mask.reaches_padding and heads is not None:
    raise ValueError("\"%s\" is not for --mask_head; zones for heads are %s" % (
        mask.name, ", ".join(zones.with_controls() + [zones.OFF])))
  return mask._replace(heads=heads)


def unions():
  """The unions of the paper's four zones: 15 tuples of str, smaller ones first."""
  return [union for size in range(1, len(zones.FOUR) + 1)
          for union in itertools.combinations(zones.FOUR, size)]


# The column of results.csv for paths.
PATH = masking.Mask((("path", ""),), heads=None)


def column_order(mask):
  """Key that sorts masking.Mask as the columns of results.csv and of the figure.

  Single zones come in the order of zones.ZONES, each before its draws and then its
  other controls; then `off`, zones of sets and paths, then unions, smaller ones
  first.
  """
  order = lambda zone: (zone == PATH.name, zones.order(zone))
  # Of the draws, "10" comes after "9".
  return len(mask.zones), [
      (order(zone), variant in zones.EDITS, len(variant), variant)
      for zone, variant in mask.zones], mask.heads or ()
