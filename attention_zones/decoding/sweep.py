"""Many decodes in one forward pass: what they share is computed once.

Masking layer L changes nothing below L. So each decode shares the baseline's
hidden states up to its lowest masked layer, and forks there. The picture shows a
sweep of 3 layers x 2 zones and the baseline, 7 decodes. Each row is a variant, one
set of hidden states, and each box is one pass of one variant through one layer:

              layer 0      layer 1      layer 2
            +---------+  +---------+  +---------+
    embed --|    .    |--|    .    |--|    .    |-- baseline
          | +---------+| +---------+| +---------+
          |            |            |-[   p2    ]-- layer 2, p2
          |            |            '-[   p2q   ]-- layer 2, p2q
          |            |-[   p2    ]--[    .    ]-- layer 1, p2
          |            '-[   p2q   ]--[    .    ]-- layer 1, p2q
          |-[   p2    ]--[    .    ]--[    .    ]-- layer 0, p2
          '-[   p2q   ]--[    .    ]--[    .    ]-- layer 0, p2q

This makes 15 passes instead of 7 x 3 = 21. For BERT-base, 12 layers x 5 zones and
the baseline, it makes 402 instead of 732. The decode "layer 1, p2q", for example,
takes the baseline's layer 0, forks at layer 1, where P2Q is masked, and masks
nothing in layer 2.

Three more things are shared or left out:
- Forks of one parent differ only in their masks, so one projection to queries,
  keys and values serves all of them.
- For a mask that changes no passage row (q2, q2p), only the few rows of [CLS], the
  question and [SEP] are computed; the others are the unmasked layer's, which the
  baseline computes anyway.
- Only `all` attends past the batch's length, up to max_seq_length. The hidden
  states of [PAD] are kept only while such a layer is still to come.

`sweep_plan.plan` decides from the decodes alone what is computed together. `run`
carries the plan out on a model that has `embed`, `heads`, `layer`, `num_layers` and
`num_heads`, such as modeling.Encoder. Neither looks into a mask.

Dimensions: as in modeling.py, and
  V = variants       S' = S, or max_seq_length where [PAD] is kept
"""

import functools
import itertools

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.decoding import sweep_plan
from attention_zones.zones import draws
from attention_zones.zones import members
from attention_zones.zones import masking
from attention_zones.zones import zones


def run(model, features, decodes, max_seq_length, batch_size=1, pad_id=0):
  """Runs a sweep over one batch.

  Args:
    model: modeling.Encoder, or another model with its `embed`, `heads`, `layer`,
      `num_layers` and `num_heads`.
    features: dict of int32 [B, S] "input_ids" and "segment_ids"; [B], the places of
      layouts.Layout; and what draws and members add to them.
    decodes: list of decodes.Decode, each at most once.
    max_seq_length: int, the length up to which `all` attends to [PAD].
    batch_size: int, the usual B; it decides only how many variants are in a block.
    pad_id: int, the id of [PAD].

  Returns:
    float32 [V, B, S, H], the last layer's hidden states of each decode.
  """
  max_forks, blocks_in_flight = sweep_plan.block_sizes(batch_size)
  planned = sweep_plan.plan(decodes, model.num_layers, max_forks)
  ids, segments = features["input_ids"], features["segment_ids"]
  if any(mask.reaches_padding for decode in decodes
         for mask in decode.different_masks):
    rest = [[0, 0], [0, max_seq_length - tf.shape(ids)[1]]]
    ids = tf.pad(ids, rest, constant_values=pad_id)
    segments = tf.pad(segments, rest)
  runner = _Runner(model, features, max_seq_length)
  outputs = [model.embed(ids, segments)[None]]  # [V, B, S', H] each
  finished = []
  for layer, blocks in enumerate(planned.layers):
    below, outputs, heads = outputs, [], {}
    for block in blocks:
      # Otherwise TensorFlow schedules every block of the layer at once.
      with tf.control_dependencies(finished[-blocks_in_flight:][:1]):
        if block.source not in heads:
          heads[block.source] = runner.project(layer, below[block.source], [
              other for other in blocks if other.source == block.source])
        sibling = block.sibling and outputs[block.sibling[0]][
            block.sibling[1]]  # [B, S', H]
        outputs.append(runner.block(
            layer, block, below[block.source], heads[block.source], sibling))
      finished.append(outputs[-1])
  places = list(itertools.accumulate(
      [0] + [output.shape[0].value for output in outputs]))
  return tf.gather(
      tf.concat([runner.cut(output) for output in outputs], 0),
      [places[block] + variant for block, variant in planned.place_of])


class _Runner:
  """Runs the blocks of one batch, and holds what they share.

  Args:
    model, features, max_seq_length: as for `run`.
  """

  def __init__(self, model, features, max_seq_length):
    self._model = model
    self._length = tf.shape(features["input_ids"])[1]
    self._tokens = zones.token_sets(
        features, draws.from_features(features), members.from_features(features))
    rest = [[0, 0], [0, max_seq_length - self._length]]
    # For masks that reach [PAD]; TensorFlow computes them only if there are any.
    self._padded_tokens = tf.nest.map_structure(
        lambda tokens: tf.pad(tokens, rest), self._tokens)
    self._additive = {}
    # With a fixed length (TPU) the number of rows would have to be fixed, too.
    self._few_rows = (
        None if features["input_ids"].shape[1].value is not None
        else _rows_outside_passage(features))

  def cut(self, hidden):
    """Cuts [..., S', H] or [..., S', D] to the batch's length S."""
    return hidden[..., :self._length, :]

  def project(self, layer, hidden, blocks):
    """Projects hidden states [V, B, S', H] once for all blocks that use them.

    Returns:
      Heads, as long as the block that needs the most.
    """
    queries = keys = self.cut(hidden)
    if any(block.keeps_padding for block in blocks):
      queries = hidden
    if any(mask.reaches_padding for block in blocks for mask in block.masks):
      keys = hidden
    query = self._model.heads(layer, queries, ["query"]).query
    return self._model.heads(layer, keys, ["key", "value"])._replace(query=query)

  def block(self, layer, block, hidden, heads, sibling):
    """Runs a block through a layer.

    Args:
      layer: int.
      block: sweep_plan.Block.
      hidden: [Vs, B, S', H], the variants of its source.
      heads: Heads of these, as `project` returns them.
      sibling: [B, S', H], the output of the unmasked layer for the forks' parent;
        None if the sweep does not compute it.

    Returns:
      [V, B, S', H], V variants.
    """
    hidden, query, key, value = (
        _pick(tensor, block.parents) for tensor in (hidden,) + heads)
    first = block.masks[0]
    if not block.keeps_padding:
      hidden, query = self.cut(hidden), self.cut(query)
    if not first.reaches_padding:
      key, value = self.cut(key), self.cut(value)
    heads = heads._replace(query=query, key=key, value=value)
    if sibling is not None and not first.changes_passage_rows and (
        self._few_rows is not None):
      assert not block.keeps_padding
      return self._outside_passage(
          layer, block.masks, hidden, heads, self.cut(sibling))
    queries = self._padded_tokens if block.keeps_padding else self._tokens
    return self._layer(layer, block.masks, hidden, heads, queries)

  def _outside_passage(self, layer, masks, hidden, heads, sibling):
    """Runs forks that change no passage row: computes only the other rows.

    Args:
      hidden: [1, B, S, H], the forks' parent.
      heads: Heads of the parent.
      sibling: [B, S, H], the output of the unmasked layer, for the passage rows.

    Returns:
      [V, B, S, H].
    """
    gather = lambda x: tf.gather_nd(x, self._few_rows)
    some = gather(hidden[0])[None]  # [1, B, F, H]
    query = self._model.heads(layer, some, ["query"]).query
    changed = self._layer(
        layer, masks, some, heads._replace(query=query),
        tf.nest.map_structure(gather, self._tokens), self._few_rows)
    return tf.stack([
        tf.tensor_scatter_nd_update(sibling, self._few_rows, changed[v])
        for v in range(len(masks))])

  def _layer(self, layer, masks, hidden, heads, queries, rows=None):
    """Runs the model's layer with V masks.

    Args:
      hidden: [V, B, F, H], or [1, B, F, H] for forks.
      heads: Heads, with as many variants as `hidden`.
      queries: zones.Tokens [B, F].
      rows: int32 [B, F, 2], which rows of the batch these are; None for all.

    Returns:
      [V, B, F, H].
    """
    if hidden.shape[0].value < len(masks):
      hidden = tf.tile(hidden, [len(masks), 1, 1, 1])
    everywhere = [mask.in_every_head for mask in masks]
    additive = [self._mask(mask) for mask in everywhere]  # [B, 1, 1 or F, T]
    if rows is not None:
      # A mask with one row is the same for all rows.
      additive = [a if a.shape[2].value == 1
                  else _swap(tf.gather_nd(_swap(a), rows)) for a in additive]
    if len(set(everywhere)) == 1:
      stacked = additive[0][None]
    else:
      shape = functools.reduce(
          tf.broadcast_dynamic_shape, map(tf.shape, additive))
      stacked = tf.stack([tf.broadcast_to(a, shape) for a in additive])
    if any(mask.is_per_head for mask in masks):
      stacked = self._per_head(masks, stacked)
    return self._model.layer(
        layer, hidden, heads, stacked, self._edit(masks, queries))

  def _per_head(self, masks, additive):
    """Limits additive masks [V or 1, B, 1, F, T] to their heads: [V, B, N, F, T].

    Made for each block anew: kept for all blocks, they would fill the memory.
    """
    chosen = np.stack([
        mask.head_indicator(self._model.num_heads) for mask in masks])
    padding = self._mask(masking.NOTHING)  # [B, 1, 1, T]
    return padding + chosen[:, None, :, None, None] * (additive - padding)

  def _mask(self, mask):
    """The additive mask of a mask of every head: [B, 1, 1 or F, T]."""
    if mask not in self._additive:
      self._additive[mask] = mask.additive(self._keys(mask))
    return self._additive[mask]

  def _keys(self, mask):
    """The Tokens that a layer with this mask attends to."""
    return self._padded_tokens if mask.reaches_padding else self._tokens

  def _edit(self, masks, queries):
    """Function that edits weights [V, B, N, F, T]; None if no mask edits them."""
    if not any(mask.edit for mask in masks):
      return None
    return lambda weights: tf.stack([
        mask.edit(weights[v], queries, self._keys(mask)) if mask.edit
        else weights[v] for v, mask in enumerate(masks)])


def _pick(tensor, parents):
  """Picks the variants that a block comes from: only one if it forks from one."""
  first, last = parents[0], parents[-1]
  if (first, last) == (0, tensor.shape[0].value - 1):
    return tensor
  return tensor[first:last + 1]


def _swap(mask):
  """Swaps heads and rows: [B, N, F, T] and [B, F, N, T]."""
  return tf.transpose(mask, [0, 2, 1, 3])


def _rows_outside_passage(features):
  """Finds [CLS], the question and both [SEP] in each window.

  Args:
    features: dict with the places of layouts.Layout, int32 [B].

  Returns:
    int32 [B, F, 2] of (window, position), for tf.gather_nd. The window with the
    longest question decides F; the others include more of their rows.
  """
  start, end = features["passage_start"], features["passage_end"]
  batch = tf.shape(start)[0]
  num_after = tf.reduce_max(features["window_end"] - end)
  positions = tf.concat([
      tf.tile(tf.range(tf.reduce_max(start))[None], [batch, 1]),
      end[:, None] + tf.range(num_after)], 1)
  windows = tf.zeros_like(positions) + tf.range(batch)[:, None]
  return tf.stack([windows, positions], 2)


def memory(config, num_decodes, batch_size, length, masks=()):
  """Estimates the memory for the hidden states of a sweep, rather high than low.

  Args:
    config: modeling.BertConfig.
    num_decodes: int, V.
    batch_size: int, B.
    length: int, S.
    masks: set of masking.Mask, those of the sweep.

  Returns:
    int, bytes: V hidden states, the masks, and for each variant that is being
    computed 3 intermediates, 8 hidden states and 3 sets of logits; one more if
    masks differ among the heads, and 2 more if weights are edited.
  """
  rows = batch_size * length
  stack = num_decodes * rows * config.hidden_size
  kept = len({mask.in_every_head for mask in masks}) * rows * length
  logits = 3 + any(mask.is_per_head for mask in masks) + 2 * any(
      mask.edit is not None for mask in masks)
  in_layer = rows * (3 * config.intermediate_size + 8 * config.hidden_size
                     + logits * config.num_attention_heads * length)
  forks, blocks = sweep_plan.block_sizes(batch_size)
  return 4 * (stack + kept + min(num_decodes, forks * blocks) * in_layer)
