"""How much of the attention matrix a decode masks.

And how much of a zone its control has in common with it. Both follow from the sizes
of the windows, which the manifest's run has, and an unfinished run's journal.
"""

import collections
import functools

import numpy as np

from attention_zones.zones import draws
from attention_zones.zones import layouts
from attention_zones.zones import sets
from attention_zones.zones import zones

Sizes = collections.namedtuple(
    "Sizes", ["question_length", "first_token", "passage_length", "members"],
    defaults=({},))
Sizes.__doc__ = """The sizes of a window, and its sets of the data.

Attributes:
  question_length, first_token, passage_length: int, as of windows.Window.
  members: dict from the name of each set of the data that is asked for, `answer`
    and spans, to a list of int, the positions of its tokens in the window.
"""


def lacks(name, of_question):
  """Whether a question has no token of a set, in any of its windows: bool.

  Args:
    name: str, of a set, without "not".
    of_question: list of Sizes.
  """
  if sets.is_of_data(name):
    return not any(size.members[name] for size in of_question)
  return not any(_has_member(name, size.question_length > 0)
                 for size in of_question)


@functools.lru_cache(maxsize=None)
def _has_member(name, has_question):
  """Whether a window has a token of one of SETS: bool."""
  return bool(sets.SETS[name].of(
      zones.tokens_of_window(int(has_question), 1)).any())


def lacking(windows, ids, decodes):
  """The questions that are left out of zones of sets.

  Args:
    windows: as for masked_fractions, from ids.
    ids: iterable of str, all questions.
    decodes: list of decodes.Decode.

  Returns:
    dict from each set that a zone of the decodes names, without "not", to the list
    of the ids that have no token of it in any window.
  """
  return {name: [qas_id for qas_id in ids if lacks(name, windows.get(qas_id, ()))]
          for name in set().union(*(decode.sets for decode in decodes))}


def masked_fractions(windows, decodes, num_heads, layout=layouts.BERT):
  """Averages over questions the fraction of a layer's real cells that is masked.

  Of a question, its windows are averaged first, as attention mass is. Zones differ
  much in size: P2 is most of the matrix. The matrices are those of all heads: one
  head of 12 that masks P2 has a twelfth of P2's. Questions that lack a set of a
  decode are left out of it; windows that lack it count as 0.

  Args:
    windows: dict from each question that has windows to the list of their Sizes.
    decodes: list of decodes.Decode.
    num_heads: int, the number of attention heads of a layer.
    layout: layouts.Layout of the windows.

  Returns:
    dict from each masked decode's file of predictions to float, 0 to 1; of a path,
    the mean of its masked layers. Decodes without such a fraction (see
    masked_fraction: those with a flat zone, for example) are left out, and those of
    which no question is left.
  """
  @functools.lru_cache(maxsize=None)
  def questions(names):
    return [of_question for of_question in windows.values()
            if not any(lacks(name, of_question) for name in names)]

  # Masks of other heads have the same cells, of which there may be thousands.
  @functools.lru_cache(maxsize=None)
  def fraction(mask, names):
    return _mean_fraction(mask, questions(names), layout)

  found = {}
  for decode in decodes:
    fractions = []
    for _, mask in decode.masks:
      of_mask = fraction(mask.in_every_head, frozenset(decode.sets))
      share = len(mask.heads) / num_heads if mask.is_per_head else 1
      fractions.append(of_mask if of_mask is None else share * of_mask)
    if fractions and None not in fractions:
      found[decode.file_name()] = float(np.mean(fractions))
  return found


def _mean_fraction(mask, questions, layout):
  """The mean of masked_fraction over questions, lists of Sizes: float, or None."""
  # How much windows count that have the same lengths, and the same members.
  weights = collections.Counter()
  for of_question in questions:
    for size in of_question:
      members = tuple(
          (name, tuple(size.members[name])) for name in sorted(mask.sets_of_data))
      weights[size.question_length, size.passage_length, members] += 1 / (
          len(of_question) * len(questions))
  fractions = [masked_fraction(mask, *lengths, members=dict(members), layout=layout)
               for *lengths, members in weights]
  if not fractions or None in fractions:
    return None
  return float(np.dot(fractions, list(weights.values())))


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
      ranks = {number: draws.ranks(
          qas_id, number, size.question_length, size.first_token,
          size.passage_length) for number in numbers}
      for mask, found in fractions.items():
        fraction = overlap(mask, size.question_length, size.passage_length, ranks,
                           layout, size.members)
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
                    layout=layouts.BERT, members=None):
  """The fraction of a window's attention matrices, without [PAD], that is masked.

  A draw masks as many cells as its zone; what is set to zero counts, too. `off`
  counts as all cells of its heads.

  Args:
    mask: masking.Mask.
    question_length, passage_length: int, numbers of tokens.
    num_heads: int, N, which counts for masks of certain heads only.
    layout, members: as of zones.tokens_of_window.

  Returns:
    float, 0 to 1; None for flat zones and for `all`, which mask no real cell; if a
    zone's rows or columns work for TensorFlow's tensors only; and for unions in
    which a draw has rows of another zone, because the cells that both mask are
    chance.
  """
  cells = mask.cells_of_window(question_length, passage_length, layout, members)
  if cells is None or mask.reaches_padding or any(
      variant == zones.FLAT for _, variant in mask.zones):
    return None
  if mask.draws and sum(each.any(1).astype(int) for each in cells).max() > 1:
    return None
  fraction = float(functools.reduce(np.maximum, cells).mean(dtype=np.float64))
  return fraction * len(mask.heads) / num_heads if mask.is_per_head else fraction


def overlap(mask, question_length, passage_length, ranks, layout=layouts.BERT,
            members=None):
  """The fraction of the columns of a mask's draws that are their zone's own.

  Args:
    mask: masking.Mask.
    question_length, passage_length: int, numbers of tokens of a window.
    ranks: dict from a draw's number to int [question_length + passage_length], as
      draws.ranks returns it.
    layout, members: as of zones.tokens_of_window.

  Returns:
    float, 0 to 1; None without drawn columns, or if a zone's columns work for
    TensorFlow's tensors only.
  """
  tokens = zones.tokens_of_window(
      question_length, passage_length, layout, members)
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
