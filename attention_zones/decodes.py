"""Decodes: the grammar of --mask_layer and --mask_zone, and the names of files."""

import collections
import re

from attention_zones import zones

_FILE_NAME = re.compile(
    r"predictions(?:_layer(?P<layers>[0-9]{1,4}(?:\+[0-9]{1,4})*)?"
    r"_(?P<mask>[^.]+))?\.json")


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

  def file_name(self, kind="predictions"):
    """The name of a file of this decode.

    Args:
      kind: str, "predictions", "nbest_predictions" or "null_odds".

    Returns:
      str, "predictions_layer3_q2.json" for example; "predictions_layer_q2.json"
      for every layer, "predictions.json" for the baseline.
    """
    if self == BASELINE:
      return kind + ".json"
    return "%s_layer%s_%s.json" % (
        kind, "+".join(map(str, self.layers or ())), self.mask.name)

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
    layers = match.group("layers")
    try:
      decode = cls(
          layers and tuple(sorted(set(map(int, layers.split("+"))))),
          zones.union(match.group("mask").split("+")))
    except ValueError:
      return None
    # file_name writes neither "layer1+0" nor "layer01".
    return decode if decode.file_name() == name else None


BASELINE = Decode(layers=(), mask=zones.NOTHING)


def parse_decodes(mask_layer, mask_zone, num_layers):
  """Reads --mask_layer and --mask_zone.

  Both flags have one grammar: "," separates decodes, "-" is a range of layers, each
  a decode, and "+" masks together. "0-11" with "q2,p2" is 24 decodes, "0+1" with
  "q2+p2" is one.

  Args:
    mask_layer: str, or None when the flag was left out. "None" or None with a
      zone is one decode that masks every layer.
    mask_zone: str, or None when the flag was left out.
    num_layers: int, the number of layers of the model.

  Returns:
    list of Decode: the baseline, then layer by layer.

  Raises:
    ValueError: a layer or zone is unknown, empty or given twice, or --mask_layer
      comes without --mask_zone.
  """
  if mask_zone is None:
    if mask_layer is not None:
      raise ValueError(
          "--mask_zone is missing: --mask_layer=%r needs a zone to mask, one of "
          "%s" % (mask_layer, ", ".join(zones.ZONES)))
    return [BASELINE]
  layer_sets = _parse_layers(mask_layer, num_layers)
  masks = _parse_zones(mask_zone)
  return [BASELINE] + [
      Decode(layers, mask) for layers in layer_sets for mask in masks]


def _parse_layers(mask_layer, num_layers):
  """Returns a list of ascending tuples of layers, [None] for every layer."""
  if mask_layer is None or mask_layer == "None":
    return [None]
  valid = "layers are 0 to %d, as in 0-%d or 0,2 or 0+1, None is every layer" % (
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
  for layers in layer_sets:
    if len(set(layers)) < len(layers) or layer_sets.count(layers) > 1:
      raise ValueError("--mask_layer=%s: %s is given twice" % (
          mask_layer, "+".join(map(str, layers))))
  return layer_sets


def _parse_zones(mask_zone):
  """Returns a list of zones.Mask."""
  _refuse_line_breaks("--mask_zone", mask_zone)
  masks = []
  for item in mask_zone.split(","):
    try:
      mask = zones.union(zone.strip() for zone in item.split("+"))
      if mask in masks:
        raise ValueError("%s is given twice" % mask.name)
    except ValueError as error:
      raise ValueError("--mask_zone=%s: %s" % (mask_zone, error))
    masks.append(mask)
  return masks


def _refuse_line_breaks(flag, value):
  if len(("|%s|" % value).splitlines()) > 1:
    raise ValueError("%s=%r has a line break in it" % (flag, value))


def column_order(mask):
  """Key that sorts zones.Mask as the columns of results.csv and of the figure.

  Single zones come in the order of zones.ZONES, then unions, smaller ones first.
  """
  order = list(zones.ZONES)
  return len(mask.zones), [order.index(zone) for zone, _ in mask.zones]
