"""How much of the attention matrix a decode masks, for the manifest.

And how much of a zone its control has in common with it.
"""

import collections
import functools

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import draws
from attention_zones.zones import layouts
from attention_zones.zones import zones


def masked_fractions(path, decodes, num_heads, layout=layouts.BERT):
  """Averages over questions the fraction of a layer's real cells that is masked.

  Of a question, its windows are averaged first, as attention mass is. Zones differ
  much in size: P2 is most of the matrix. The matrices are those of all heads: one
  head of 12 that masks P2 has a twelfth of P2's.

  Args:
    path: str, the TFRecord file of a windows.DataSet.
    decodes: list of decodes.Decode.
    num_heads: int, the number of attention heads of a layer.
    layout: layouts.Layout of the windows.

  Returns:
    dict from each masked decode's file of predictions to float, 0 to 1. Decodes
    without such a fraction (see masked_fraction: those with a flat zone, for
    example) are left out, and all of them if there is no window.
  """
  of_question = collections.defaultdict(list)
  for window in _windows(path):
    of_question[window["example_index"]].append(
        (window["question_length"], window["passage_length"]))
  # What windows of each pair of lengths count.
  weights = collections.Counter()
  for pairs in of_question.values():
    for pair in pairs:
      weights[pair] += 1 / (len(pairs) * len(of_question))
  fraction_of = {}
  for mask in {decode.mask for decode in decodes if decode != BASELINE}:
    fractions = [masked_fraction(mask, *pair, num_heads, layout)
                 for pair in weights]
    if fractions and None not in fractions:
      fraction_of[mask] = float(np.dot(fractions, list(weights.values())))
  return {decode.file_name(): fraction_of[decode.mask]
          for decode in decodes if decode.mask in fraction_of}


def overlaps(path, ids, decodes, layout=layouts.BERT):
  """Averages over questions the fraction of a draw's columns that are the zone's.

  Of a question, its windows are averaged first. P2 has most of the tokens as
  columns, and so most of those that a draw takes for it: such a control masks
  nearly the same.

  Args:
    path: str, the TFRecord file of a windows.DataSet.
    ids: list of str, the id of each example.
    decodes: list of decodes.Decode.
    layout: layouts.Layout of the windows.

  Returns:
    dict from the file of predictions of each decode with draws to float, 0 to 1.
    Decodes without such a fraction (see overlap) are left out.
  """
  # For each mask, the fractions in each question's windows.
  fractions = {decode.mask.in_every_head: collections.defaultdict(list)
               for decode in decodes if decode.mask.draws}
  numbers = draws.needed(decodes)
  for window in _windows(path) if fractions else ():
    index = window["example_index"]
    sizes = [window[name] for name in (
        "question_length", "first_token", "passage_length")]
    ranks = {number: draws.ranks(ids[index], number, *sizes) for number in numbers}
    for mask, of_question in fractions.items():
      fraction = overlap(
          mask, window["question_length"], window["passage_length"], ranks, layout)
      if fraction is not None:
        of_question[index].append(fraction)
  found = {mask: float(np.mean(list(map(np.mean, of_question.values()))))
           for mask, of_question in fractions.items() if of_question}
  return {decode.file_name(): found[decode.mask.in_every_head]
          for decode in decodes if decode.mask.in_every_head in found}


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
      columns = zones.in_numpy(zones.ZONES[zone].columns, tokens)  # [1, S]
      if columns is None:
        return None
      is_drawn = ranks[int(variant)] < columns.sum()
      own += columns[0][is_member][is_drawn].sum()
      drawn += is_drawn.sum()
  return float(own / drawn) if drawn else None


def _windows(path):
  """Yields the numbers of each window: dict from name to int."""
  for record in tf.python_io.tf_record_iterator(path):
    feature = tf.train.Example.FromString(record).features.feature
    yield {name: feature[name].int64_list.value[0] for name in (
        "example_index", "question_length", "first_token", "passage_length")}
