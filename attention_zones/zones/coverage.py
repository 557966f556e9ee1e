"""How much of the attention matrix a decode masks.

And how much of a zone its control has in common with it. Both follow from the sizes
of the windows, which the manifest's run has, and an unfinished run's journal.
"""

import collections
import functools

import numpy as np

from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import draws
from attention_zones.zones import layouts
from attention_zones.zones import zones

Sizes = collections.namedtuple(
    "Sizes", ["question_length", "first_token", "passage_length"])
Sizes.__doc__ = """The sizes of a window: int each, as of windows.Window."""


def masked_fractions(windows, decodes, num_heads, layout=layouts.BERT):
  """Averages over questions the fraction of a layer's real cells that is masked.

  Of a question, its windows are averaged first, as attention mass is. Zones differ
  much in size: P2 is most of the matrix. The matrices are those of all heads: one
  head of 12 that masks P2 has a twelfth of P2's.

  Args:
    windows: dict from each question that has windows to the list of their Sizes.
    decodes: list of decodes.Decode.
    num_heads: int, the number of attention heads of a layer.
    layout: layouts.Layout of the windows.

  Returns:
    dict from each masked decode's file of predictions to float, 0 to 1; of a path,
    the mean of its masked layers. Decodes without such a fraction (see
    masked_fraction: those with a flat zone, for example) are left out, and all of
    them if there is no window.
  """
  # What windows of each pair of lengths count.
  weights = collections.Counter()
  for of_question in windows.values():
    for size in of_question:
      weights[size.question_length, size.passage_length] += 1 / (
          len(of_question) * len(windows))
  fraction_of = {}
  # Masks of other heads have the same cells, of which there may be thousands.
  of_all_heads = functools.lru_cache(maxsize=None)(lambda mask: [
      masked_fraction(mask, *pair, layout=layout) for pair in weights])
  for mask in {mask for decode in decodes for mask in decode.different_masks}:
    fractions = of_all_heads(mask.in_every_head)
    if fractions and None not in fractions:
      share = len(mask.heads) / num_heads if mask.is_per_head else 1
      fraction_of[mask] = share * float(np.dot(fractions, list(weights.values())))
  of_layers = {
      decode.file_name(): [fraction_of.get(mask) for _, mask in decode.masks]
      for decode in decodes if decode != BASELINE}
  return {name: float(np.mean(fractions)) for name, fractions in of_layers.items()
          if None not in fractions}


def overlaps(windows, decodes, layout=layouts.BERT):
  """Averages over questions the fraction of a draw's columns that are the zone's.

  Of a question, its windows are averaged first. P2 has most of the tokens as
  columns, and so most of those that a draw takes for it: such a control masks
  nearly the same.

  Args:
    windows: dict from the id of each question that has windows to the list of their
      Sizes.
    decodes: list of decodes.Decode.
    layout: layouts.Layout of the windows.

  Returns:
    dict from the file of predictions of each decode with draws to float, 0 to 1; of
    a path, the mean of its layers with draws. Decodes without such a fraction (see
    overlap) are left out.
  """
  # For each mask, the fractions in each question's windows.
  fractions = {mask.in_every_head: collections.defaultdict(list)
               for decode in decodes for mask in decode.different_masks
               if mask.draws}
  numbers = draws.needed(decodes)
  for qas_id, of_question in windows.items() if fractions else ():
    for size in of_question:
      ranks = {number: draws.ranks(qas_id, number, *size) for number in numbers}
      for mask, found in fractions.items():
        fraction = overlap(
            mask, size.question_length, size.passage_length, ranks, layout)
        if fraction is not None:
          found[qas_id].append(fraction)
  found = {mask: float(np.mean(list(map(np.mean, of_question.values()))))
           for mask, of_question in fractions.items() if of_question}
  of_layers = {decode.file_name(): [
      found[mask.in_every_head] for _, mask in decode.masks
      if mask.in_every_head in found] for decode in decodes}
  return {name: float(np.mean(overlaps)) for name, overlaps in of_layers.items()
          if overlaps}


def masked_fraction(mask, question_length, passage_length, num_heads=1,
                    layout=layouts.BERT):
  """The fraction of a window's attention matrices, without [PAD], that is masked.

  A draw masks as many cells as its zone; what is set to zero counts, too. `off`
  counts as all cells of its heads.

  Args:
    mask: zones.Mask.
    question_length, passage_length: int, numbers of tokens.
    num_heads: int, N, which counts for masks of certain heads only.
    layout: layouts.Layout of the window.

  Returns:
    float, 0 to 1; None for flat zones and for `all`, which mask no real cell; if a
    zone's rows or columns work for TensorFlow's tensors only; and for unions in
    which a draw has rows of another zone, because the cells that both mask are
    chance.
  """
  cells = mask.cells_of_window(question_length, passage_length, layout)
  if cells is None or mask.reaches_padding or any(
      variant == zones.FLAT for _, variant in mask.zones):
    return None
  if mask.draws and sum(each.any(1).astype(int) for each in cells).max() > 1:
    return None
  fraction = float(functools.reduce(np.maximum, cells).mean(dtype=np.float64))
  return fraction * len(mask.heads) / num_heads if mask.is_per_head else fraction


def overlap(mask, question_length, passage_length, ranks, layout=layouts.BERT):
  """The fraction of the columns of a mask's draws that are their zone's own.

  Args:
    mask: zones.Mask.
    question_length, passage_length: int, numbers of tokens of a window.
    ranks: dict from a draw's number to int [question_length + passage_length], as
      draws.ranks returns it.
    layout: layouts.Layout of the window.

  Returns:
    float, 0 to 1; None without drawn columns, or if a zone's columns work for
    TensorFlow's tensors only.
  """
  tokens = zones.tokens_of_window(question_length, passage_length, layout)
  is_member = (tokens.in_question + tokens.in_passage)[0] > 0
  own = drawn = 0
  for zone, variant in mask.zones:
    if variant.isdigit():
      columns = zones.in_numpy(zones.entry(zone).columns, tokens)  # [1, S]
      if columns is None:
        return None
      is_drawn = ranks[int(variant)] < columns.sum()
      own += columns[0][is_member][is_drawn].sum()
      drawn += is_drawn.sum()
  return float(own / drawn) if drawn else None
