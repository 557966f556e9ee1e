"""Which decodes of a sweep are computed together; sweep.py has a picture.

Dimensions: as in sweep.py.
"""

import collections

# Variants times windows in one block: enough rows for fast matrix products, few
# enough that the operations between these find their rows in a cache.
_WINDOWS_IN_BLOCK = 3
# Variants times windows that are computed at the same time: enough to give all
# threads work, and no more, because they take memory.
_WINDOWS_IN_FLIGHT = 40


class Block(collections.namedtuple(
    "Block", ["source", "parents", "masks", "keeps_padding", "sibling"])):
  """Variants that go through a layer together.

  Attributes:
    source: int, the block of the layer below whose variants these come from.
    parents: tuple of int, for each variant its parent, a variant of `source`:
      consecutive ones, or the same one for each of its forks.
    masks: tuple of the masking.Mask of each variant in this layer.
    keeps_padding: bool, whether the hidden states of [PAD] are kept, because a
      higher layer attends to them.
    sibling: (block, variant), a variant of this layer in an earlier block that has
      the same parent and masks nothing; None if there is none.
  """
  __slots__ = ()


class Plan(collections.namedtuple("Plan", ["layers", "place_of"])):
  """The plan of a sweep.

  Attributes:
    layers: for each layer the list of its Blocks.
    place_of: for each decode the (block, variant) of the last layer that holds it.
  """
  __slots__ = ()


def plan(decodes, num_layers, max_forks=_WINDOWS_IN_BLOCK):
  """Plans the forward pass: the variants, and which are computed together.

  Args:
    decodes: list of decodes.Decode, each at most once.
    num_layers: int, the number of layers of the model.
    max_forks: int, the maximum number of forks in one block.

  Returns:
    Plan.
  """
  layers = []
  # Here a block is a list of variants, and a variant a list of indices of decodes.
  below = [[list(range(len(decodes)))]]
  for layer in range(num_layers):
    blocks, members_of = [], []
    for source, variants in enumerate(below):
      unmasked = {}
      for part in _blocks_from(variants, decodes, layer, num_layers, max_forks):
        parents, masks, keeps_padding, members = zip(*part)
        blocks.append(Block(source, parents, masks, keeps_padding[0],
                            unmasked.get(parents[0])))
        members_of.append(list(members))
        unmasked.update((parent, (len(blocks) - 1, v)) for v, parent in enumerate(
            parents) if masks[v].is_empty)
    layers.append(blocks)
    below = members_of
  place_of = [None] * len(decodes)
  for b, block in enumerate(below):
    for v, members in enumerate(block):
      for d in members:
        place_of[d] = (b, v)
  return Plan(layers, place_of)


def _blocks_from(variants, decodes, layer, num_layers, max_forks):
  """Divides the variants of a block below into the blocks of the next layer.

  The first child of each variant continues its block: the child that masks
  nothing, if there is one. The others fork.

  Args:
    variants: list of lists of indices of decodes.
    decodes, num_layers, max_forks: as for `plan`.
    layer: int, the next layer.

  Returns:
    list of blocks, each a list of variants (parent, mask, keeps_padding, members)
    that are computed in the same way.
  """
  going_on, forks = collections.OrderedDict(), collections.OrderedDict()
  for parent, variant in enumerate(variants):
    children = collections.OrderedDict()
    for d in variant:
      children.setdefault(decodes[d].mask_at(layer), []).append(d)
    for n, mask in enumerate(sorted(children, key=_computed_alike)):
      members = children[mask]
      keeps_padding = any(
          decodes[d].mask_at(above).reaches_padding
          for d in members for above in range(layer + 1, num_layers))
      child = (parent, mask, keeps_padding, members)
      if n:
        forks.setdefault((parent, keeps_padding) + _computed_alike(mask),
                         []).append(child)
      else:
        going_on.setdefault((mask.reaches_padding, keeps_padding),
                            []).append(child)
  return list(going_on.values()) + [
      alike[i:i + max_forks] for alike in forks.values()
      for i in range(0, len(alike), max_forks)]


def _computed_alike(mask):
  """Key, equal for masks that are computed in the same way; least for no mask."""
  return (not mask.is_empty, mask.changes_passage_rows, mask.reaches_padding,
          mask.is_per_head, mask.edit is not None)


def block_sizes(batch_size):
  """Returns (maximum forks in a block, blocks computed at the same time)."""
  forks = max(1, _WINDOWS_IN_BLOCK // batch_size)
  return forks, max(2, _WINDOWS_IN_FLIGHT // (forks * batch_size))
