"""The grammar of the flags --mask_... of run_squad.py: text to Decodes."""

import collections
import re

from attention_zones.zones import decodes
from attention_zones.zones import sets
from attention_zones.zones import masking
from attention_zones.zones import zones

# Of most file systems, in bytes.
_LONGEST_NAME = 255

# Draws of one zone in --mask_zone: p2q@1-3.
_DRAWS = re.compile(r" *(\w+)@([0-9]{1,4})-([0-9]{1,4}) *")

# All unions of the four zones, in --mask_zone; perhaps with a control of each.
_SUBSETS = re.compile(r" *subsets(@(?:%s))? *" % "|".join(zones.EDITS))


def parse_decodes(mask_layer, mask_zone, num_layers, mask_head=None, num_heads=0,
                  mask=None, spans=()):
  """Reads --mask_layer, --mask_head and --mask_zone, or --mask.

  The flags have one grammar: "," separates decodes, "-" is a range of layers, heads
  or draws, each a decode, and "+" masks together. "0-11" with "q2,p2" is 24
  decodes, "0+1" with "q2+p2" is one. "0-11/3" is ten, of three layers each, and the
  zone "subsets" all unions of the four zones. --mask names a zone for each layer:
  "2:p2q:head3+5:p2,2:q2" is two decodes.

  Args:
    mask_layer: str, or None when the flag was left out. "None" or None with a
      zone is one decode that masks every layer.
    mask_zone: str, or None when the flag was left out.
    num_layers: int, the number of layers of the model.
    mask_head: str, or None when the flag was left out. "None" or None masks every
      head.
    num_heads: int, the number of heads of a layer.
    mask: str, or None when the flag was left out.
    spans: collection of str, the names of spans.

  Returns:
    list of Decode: the baseline, then layer by layer, in it head by head; or the
    paths of --mask, as they stand.

  Raises:
    ValueError: a layer, head or zone is unknown, empty or given twice, a zone does
      not suit --mask_head, a flag comes without --mask_zone, --mask with one of
      the others, or the name of a file would be too long.
  """
  if mask is not None:
    for flag, value in (("--mask_layer", mask_layer), ("--mask_zone", mask_zone),
                        ("--mask_head", mask_head)):
      if value is not None:
        raise ValueError("--mask=%s says layers, zones and heads itself; leave out "
                         "%s=%s" % (mask, flag, value))
    return _checked([decodes.BASELINE] + _parse_paths(
        " ".join(mask.split()), num_layers, num_heads), "--mask=" + mask, spans)
  if mask_zone is None:
    for flag, value in ("--mask_layer", mask_layer), ("--mask_head", mask_head):
      if value is not None:
        raise ValueError("--mask_zone is missing: %s=%r needs a zone to mask, one "
                         "of %s" % (flag, value, ", ".join(zones.ZONES)))
    return [decodes.BASELINE]
  # A line break is white space, too, and would make two lines of a message.
  mask_layer, mask_zone, mask_head = (
      value and " ".join(value.split())
      for value in (mask_layer, mask_zone, mask_head))
  layer_sets = _parse_numbers("layer", mask_layer, num_layers)
  head_sets = _parse_numbers("head", mask_head, num_heads)
  masks = _parse_zones(mask_zone)
  try:
    # For each set of heads the list of masks.
    in_heads = [[decodes.in_heads(mask, heads) for mask in masks]
                for heads in head_sets]
  except ValueError as error:
    raise ValueError("--mask_zone=%s: %s" % (mask_zone, error)) from error
  return _checked([decodes.BASELINE] + [
      decodes.Decode.of(layers, mask) for layers in layer_sets
      for of_heads in in_heads for mask in of_heads],
                  "--mask_zone=" + mask_zone, spans)


def _checked(wanted, flag, spans):
  """Returns the Decodes, and refuses one of an unknown span, or whose files would
  have too long a name."""
  known = set(spans) | {sets.ANSWER}
  for decode in wanted:
    for mask in decode.different_masks:
      for zone, _ in mask.zones:
        lacking = sets.of_data(zones.sets_of(zone)) - known
        if lacking:
          raise ValueError("%s: %s names no set %s; %s" % (
              flag, "--spans" if spans else "no file of --spans",
              " or ".join(sorted(lacking)), masking.unknown(zone, spans)))
    name = decode.file_name("nbest_predictions")
    if len(name) > _LONGEST_NAME:
      raise ValueError("%s: the name of a file would have %d bytes, more than %d; "
                       "mask fewer layers, heads or zones in one decode" % (
                           name, len(name), _LONGEST_NAME))
  return wanted


def _parse_paths(value, num_layers, num_heads):
  """Reads --mask: list of Decode."""
  found = []
  for item in value.split(","):
    try:
      decode = _parse_path(item, num_layers, num_heads)
      if decode in found:
        raise ValueError("is given twice")
    except ValueError as error:
      raise ValueError("--mask=%s: %s: %s" % (
          value, item.strip() or repr(item), error)) from error
    found.append(decode)
  return found


def _parse_path(item, num_layers, num_heads):
  """Reads "2:p2q:head3+5:p2": Decode."""
  names_of, heads_of = collections.OrderedDict(), {}
  layer = None
  for part in item.split("+"):
    match = re.fullmatch(r" *(?:([0-9]{1,4}) *:)? *([^:]*?) *"
                         r"(?:: *head([0-9]{1,4}(?:\.[0-9]{1,4})*))? *", part)
    if not match:
      raise ValueError("%r is not like 2:p2q or 2:p2q:head3.4, a layer, a zone, "
                       "and perhaps heads" % part.strip())
    number, name, heads = match.groups()
    if number is not None:
      layer = int(number)
      if layer in names_of:
        raise ValueError("layer %d comes twice; further zones of a layer stand "
                         "behind its first, as in 2:p2q+p2" % layer)
      if layer >= num_layers:
        raise ValueError("there is no layer %d; layers are 0 to %d" % (
            layer, num_layers - 1))
    if layer is None:
      raise ValueError("begins without a layer; it should be like 2:p2q+5:p2")
    if _SUBSETS.fullmatch(name):
      raise ValueError("subsets is for --mask_zone")
    if _DRAWS.fullmatch(name):
      raise ValueError("a range of draws cannot be in a path; write "
                       "2:p2q@1,2:p2q@2")
    names_of.setdefault(layer, []).append(name)
    if heads is not None:
      if layer in heads_of:
        raise ValueError("layer %d has heads twice; those of a layer stand behind "
                         "one of its zones, as in 2:p2q:head3.4" % layer)
      heads_of[layer] = _heads(heads, num_heads)
  masks = []
  for layer in sorted(names_of):
    mask = masking.union(names_of[layer])
    if mask.reaches_padding:
      raise ValueError("\"%s\" is for --mask_zone; zones for a path are %s" % (
          mask.name, ", ".join(zones.with_controls() + [zones.OFF])))
    if mask.is_off and layer not in heads_of:
      raise ValueError("\"%s\" needs heads, as in 2:off:head3" % mask.name)
    masks.append((layer, decodes.in_heads(mask, heads_of.get(layer))))
  return decodes.Decode(tuple(masks))


def _heads(text, num_heads):
  """Reads "3.4": ascending tuple of int."""
  heads = tuple(sorted(map(int, text.split("."))))
  if heads[-1] >= num_heads:
    raise ValueError("there is no head %d; heads are 0 to %d" % (
        heads[-1], num_heads - 1))
  if len(set(heads)) < len(heads):
    raise ValueError("head%s has a head twice" % text)
  return heads


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
  found = []
  for item in value.split(","):
    match = re.match(r"^ *(?:([0-9]{1,4})-([0-9]{1,4})(?:/([0-9]{1,4}))?"
                     r"|([0-9]{1,4}(?:\+[0-9]{1,4})*)) *$", item)
    if not match or (match.group(3) and kind != "layer"):
      raise ValueError("%s: %r is not a %s; %s" % (flag, item, kind, valid))
    first, last, width, united = match.groups()
    named = [int(number) for number in (united or first + "+" + last).split("+")]
    if max(named) >= count:
      raise ValueError("%s: there is no %s %d; %s" % (
          flag, kind, max(named), valid))
    if united:
      found.append(tuple(sorted(named)))
    elif int(first) > int(last):
      raise ValueError("%s: the range %s is empty; %s" % (
          flag, item.strip(), valid))
    else:
      found += _windows(flag, int(first), int(last), width)
  for numbers in found:
    if len(set(numbers)) < len(numbers) or found.count(numbers) > 1:
      raise ValueError("%s: %s is given twice" % (flag, decodes.plus(numbers)))
  return found


def _windows(flag, first, last, width):
  """Consecutive layers or heads of a range, counted from 0.

  Args:
    flag: str, with its value, for messages.
    first, last: int, of the range.
    width: str, how many layers are masked together; None for one.

  Returns:
    list of ascending tuples of int.
  """
  if width is None:
    return [(number,) for number in range(first, last + 1)]
  if not 2 <= int(width) <= last - first + 1:
    raise ValueError("%s: %d-%d/%s: windows of a range of %d layers are 2 to %d "
                     "wide" % (flag, first, last, width, last - first + 1,
                               last - first + 1))
  return [tuple(range(lowest, lowest + int(width)))
          for lowest in range(first, last - int(width) + 2)]


def _parse_zones(mask_zone):
  """Returns a list of masking.Mask, of every head."""
  masks = []
  try:
    for item in mask_zone.split(","):
      for names in _names_of(item):
        mask = masking.union(names)
        if mask in masks:
          raise ValueError("%s is given twice" % mask.name)
        masks.append(mask)
  except ValueError as error:
    raise ValueError("--mask_zone=%s: %s" % (mask_zone, error))
  return masks


def _names_of(item):
  """The names in an item of --mask_zone: a list of str for each decode it means.
  """
  draws, subsets = _DRAWS.fullmatch(item), _SUBSETS.fullmatch(item)
  if subsets:
    variant = subsets.group(1) or ""
    return [[zone + variant for zone in union] for union in decodes.unions()]
  if not draws:
    names = [name.strip() for name in item.split("+")]
    if any(map(_SUBSETS.fullmatch, names)):
      raise ValueError("%s: subsets, all unions of the four zones, stands alone" %
                       item.strip())
    if any(map(_DRAWS.fullmatch, names)):
      raise ValueError("%s: a range of draws cannot be in a union; write "
                       "q2@1+p2@1,q2@2+p2@2" % item.strip())
    return [names]
  zone, first, last = draws.groups()
  if int(first) > int(last):
    raise ValueError("the range %s is empty; write %s@1-3 for draws 1 to 3" % (
        item.strip(), zone))
  return [["%s@%d" % (zone, draw)] for draw in range(int(first), int(last) + 1)]
