"""Decodes: the grammar of the flags --mask_..., and the names of files."""

import collections
import re

from attention_zones.zones import zones

_FILE_NAME = re.compile(
    r"predictions(?:_layer(?P<layers>[0-9]{1,4}(?:\+[0-9]{1,4})*)?"
    r"(?:_head(?P<heads>[0-9]{1,4}(?:\+[0-9]{1,4})*))?_(?P<mask>[^.]+))?\.json")

# Draws of one zone in --mask_zone: p2q@1-3.
_DRAWS = re.compile(r" *(\w+)@([0-9]{1,4})-([0-9]{1,4}) *")


class Decode(collections.namedtuple("Decode", ["layers", "mask"])):
  """One decode of a data set.

  Attributes:
    layers: ascending tuple of the masked layers, counted from 0; None for every
      layer, () for none.
    mask: zones.Mask of each of these layers.
  """
  __slots__ = ()

  def mask_at(self, layer):
    """The zones.Mask of a layer, counted from 0."""
    if self.layers is None or layer in self.layers:
      return self.mask
    return zones.NOTHING

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
      for every layer, "predictions_layer3_head5_q2.json" for one head, and
      "predictions.json" for the baseline.
    """
    if self == BASELINE:
      return kind + ".json"
    heads = self.mask.heads
    return "%s_layer%s%s_%s.json" % (
        kind, _plus(self.layers or ()), "_head" + _plus(heads) if heads else "",
        self.mask.name)

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
    if not match.group("mask"):
      return BASELINE
    layers, heads = [text and tuple(sorted(set(map(int, text.split("+")))))
                     for text in match.group("layers", "heads")]
    try:
      decode = cls(layers, _in_heads(
          zones.union(match.group("mask").split("+")), heads))
    except ValueError:
      return None
    # file_name writes neither "layer1+0" nor "layer01".
    return decode if decode.file_name() == name else None


BASELINE = Decode(layers=(), mask=zones.NOTHING)


def _plus(numbers):
  return "+".join(map(str, numbers))


def _in_heads(mask, heads):
  """The mask in these heads, None for every head: zones.Mask.

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


def parse_decodes(mask_layer, mask_zone, num_layers, mask_head=None, num_heads=0):
  """Reads --mask_layer, --mask_head and --mask_zone.

  The flags have one grammar: "," separates decodes, "-" is a range of layers, heads
  or draws, each a decode, and "+" masks together. "0-11" with "q2,p2" is 24
  decodes, "0+1" with "q2+p2" is one.

  Args:
    mask_layer: str, or None when the flag was left out. "None" or None with a
      zone is one decode that masks every layer.
    mask_zone: str, or None when the flag was left out.
    num_layers: int, the number of layers of the model.
    mask_head: str, or None when the flag was left out. "None" or None masks every
      head.
    num_heads: int, the number of heads of a layer.

  Returns:
    list of Decode: the baseline, then layer by layer, in it head by head.

  Raises:
    ValueError: a layer, head or zone is unknown, empty or given twice, a zone does
      not suit --mask_head, or a flag comes without --mask_zone.
  """
  if mask_zone is None:
    for flag, value in ("--mask_layer", mask_layer), ("--mask_head", mask_head):
      if value is not None:
        raise ValueError("--mask_zone is missing: %s=%r needs a zone to mask, one "
                         "of %s" % (flag, value, ", ".join(zones.ZONES)))
    return [BASELINE]
  # A line break is white space, too, and would make two lines of a message.
  mask_layer, mask_zone, mask_head = (
      value and " ".join(value.split())
      for value in (mask_layer, mask_zone, mask_head))
  layer_sets = _parse_numbers("layer", mask_layer, num_layers)
  head_sets = _parse_numbers("head", mask_head, num_heads)
  masks = _parse_zones(mask_zone)
  try:
    # For each set of heads the list of masks.
    in_heads = [[_in_heads(mask, heads) for mask in masks] for heads in head_sets]
  except ValueError as error:
    raise ValueError("--mask_zone=%s: %s" % (mask_zone, error)) from error
  return [BASELINE] + [
      Decode(layers, mask) for layers in layer_sets
      for of_heads in in_heads for mask in of_heads]


def _parse_numbers(kind, value, count):
  """Reads --mask_layer or --mask_head.

  Args:
    kind: str, "layer" or "head".
    value: str, or None.
    count: int, how many layers or heads there are.

  Returns:
    list of ascending tuples of int, [None] for all of them.
  """
  if value is None or value == "None":
    return [None]
  flag = "--mask_%s=%s" % (kind, value)
  valid = "%ss are 0 to %d, as in 0-%d or 0,%d or 0+%d, None is every %s" % (
      (kind,) + (count - 1,) * 4 + (kind,))
  sets = []
  for item in value.split(","):
    match = re.match(r"^ *(?:([0-9]{1,4})-([0-9]{1,4})"
                     r"|([0-9]{1,4}(?:\+[0-9]{1,4})*)) *$", item)
    if not match:
      raise ValueError("%s: %r is not a %s; %s" % (flag, item, kind, valid))
    first, last, united = match.groups()
    named = [int(number) for number in (united or first + "+" + last).split("+")]
    if max(named) >= count:
      raise ValueError("%s: there is no %s %d; %s" % (
          flag, kind, max(named), valid))
    if united:
      sets.append(tuple(sorted(named)))
    elif int(first) > int(last):
      raise ValueError("%s: the range %s is empty; %s" % (
          flag, item.strip(), valid))
    else:
      sets.extend((number,) for number in range(int(first), int(last) + 1))
  for numbers in sets:
    if len(set(numbers)) < len(numbers) or sets.count(numbers) > 1:
      raise ValueError("%s: %s is given twice" % (flag, _plus(numbers)))
  return sets


def _parse_zones(mask_zone):
  """Returns a list of zones.Mask, of every head."""
  masks = []
  try:
    for item in mask_zone.split(","):
      for names in _names_of(item):
        mask = zones.union(names)
        if mask in masks:
          raise ValueError("%s is given twice" % mask.name)
        masks.append(mask)
  except ValueError as error:
    raise ValueError("--mask_zone=%s: %s" % (mask_zone, error))
  return masks


def _names_of(item):
  """The names in an item of --mask_zone: a list of str for each decode it means.
  """
  draws = _DRAWS.fullmatch(item)
  if not draws:
    names = [name.strip() for name in item.split("+")]
    if any(map(_DRAWS.fullmatch, names)):
      raise ValueError("%s: a range of draws cannot be in a union; write "
                       "q2@1+p2@1,q2@2+p2@2" % item.strip())
    return [names]
  zone, first, last = draws.groups()
  if int(first) > int(last):
    raise ValueError("the range %s is empty; write %s@1-3 for draws 1 to 3" % (
        item.strip(), zone))
  return [["%s@%d" % (zone, draw)] for draw in range(int(first), int(last) + 1)]


def column_order(mask):
  """Key that sorts zones.Mask as the columns of results.csv and of the figure.

  Single zones come in the order of zones.ZONES, each before its draws and then its
  other controls; then `off`, then unions, smaller ones first.
  """
  order = list(zones.ZONES) + [zones.OFF]
  # Of the draws, "10" comes after "9".
  return len(mask.zones), [
      (order.index(zone), variant in zones.EDITS, len(variant), variant)
      for zone, variant in mask.zones], mask.heads or ()
