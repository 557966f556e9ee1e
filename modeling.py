"""BERT (Devlin et al., 2019) with attention zones masked, many decodes at once.

Variables have the names of Google's checkpoints, so that these can be read.

Dimensions, on each tensor below:
  B = batch            S = sequence length (that of the longest window)
  V = variants         F = from (query) length
  H = hidden size      T = to (key) length
  N = attention heads  D = size of a head, H / N
  I = intermediate size
"""

import collections
import inspect
import itertools
import math

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones import zones as masks
from attention_zones import checked_json
from attention_zones import seeds

_ALL = masks.ALL
_LAYER_NORM_EPSILON = 1e-12

# Variants times windows that go through a layer in one step: enough rows for
# matrix products to be fast, few enough for the passes over memory between these
# to find their rows in a cache. And how many are under way at once: enough for
# all threads to have work, not more, for the memory it takes.
_WINDOWS_PER_STEP = 3
_WINDOWS_IN_FLIGHT = 40

# The pooler of Google's checkpoints is not here: reading comprehension uses the
# sequence output only.


class BertConfig:
  """The numbers of a bert_config.json, under the names they have there.

  Raises:
    ValueError: an entry cannot be, or hidden_size is not a multiple of
      num_attention_heads.
  """

  def __init__(self, vocab_size, hidden_size=768, num_hidden_layers=12,
               num_attention_heads=12, intermediate_size=3072,
               hidden_act="gelu", hidden_dropout_prob=0.1,
               attention_probs_dropout_prob=0.1, max_position_embeddings=512,
               type_vocab_size=16, initializer_range=0.02):
    for name, value in (
        ("vocab_size", vocab_size), ("hidden_size", hidden_size),
        ("num_hidden_layers", num_hidden_layers),
        ("num_attention_heads", num_attention_heads),
        ("intermediate_size", intermediate_size),
        ("max_position_embeddings", max_position_embeddings),
        ("type_vocab_size", type_vocab_size)):
      if type(value) is not int or value < 1:
        raise ValueError("%s is %r; should be a whole number above 0" % (
            name, value))
    for name, value in (
        ("hidden_dropout_prob", hidden_dropout_prob),
        ("attention_probs_dropout_prob", attention_probs_dropout_prob),
        ("initializer_range", initializer_range)):
      if type(value) not in (int, float) or not 0 <= value < 1:
        raise ValueError("%s is %r; should be a number from 0 to below 1" % (
            name, value))
    if hidden_size % num_attention_heads:
      raise ValueError("hidden_size %d is not a multiple of num_attention_heads "
                       "%d" % (hidden_size, num_attention_heads))
    if hidden_act not in list(_ACTIVATIONS):
      raise ValueError("hidden_act is %r; should be one of %s" % (
          hidden_act, ", ".join(sorted(_ACTIVATIONS))))
    self.vocab_size = vocab_size
    self.hidden_size = hidden_size
    self.num_hidden_layers = num_hidden_layers
    self.num_attention_heads = num_attention_heads
    self.intermediate_size = intermediate_size
    self.hidden_act = hidden_act
    self.hidden_dropout_prob = hidden_dropout_prob
    self.attention_probs_dropout_prob = attention_probs_dropout_prob
    self.max_position_embeddings = max_position_embeddings
    self.type_vocab_size = type_vocab_size
    self.initializer_range = initializer_range

  @classmethod
  def from_json_file(cls, path):
    """Reads a bert_config.json.

    Args:
      path: str, a path (or gs:// address).

    Returns:
      BertConfig.

    Raises:
      ValueError: not JSON, an entry is missing or cannot be; names the file.
    """
    known = set(inspect.signature(cls).parameters)
    with tf.gfile.GFile(path, "rb") as f:
      entries = checked_json.parse(path, f.read())
    if not isinstance(entries, dict) or "vocab_size" not in entries:
      raise ValueError("%s has no vocab_size; a bert_config.json has" % path)
    try:
      # The multilingual models' files have entries for the pooler, too.
      return cls(**{key: entries[key] for key in known & set(entries)})
    except ValueError as error:
      raise ValueError("%s: %s" % (path, error))


def gelu(x):
  """The Gaussian error linear unit in BERT's tanh form.

  x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel, 2016).
  """
  return x * (0.5 * (1.0 + tf.tanh(
      math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))


_ACTIVATIONS = {"gelu": gelu, "relu": tf.nn.relu, "tanh": tf.tanh}

# Projections to the heads' queries, keys and values, [V, B, N, S, D] each.
_Heads = collections.namedtuple("_Heads", ["query", "key", "value"])


class BertModel:
  """BERT's embeddings and encoder for one batch and a sweep of decodes.

  Args:
    config: BertConfig.
    is_training: bool, whether dropout is on.
    input_ids: int32 [B, S], padded with 0, [PAD].
    input_mask: int32 [B, S], 1 for real tokens, 0 for padding.
    segment_ids: int32 [B, S], 0 up to and with the first [SEP], then 1.
    decodes: list of masks.Decode, each at most once.
    full_length: int, max_seq_length, up to which `all` attends to [PAD].
    use_one_hot_embeddings: bool, whether to look words up by a matrix product,
      which TPUs do faster.
    batch_size: int, about what B will be; it decides only how many variants go
      through a layer at once.
    random_seed: int, of the initial weights and of dropout; see seeds.py.
    step: int or scalar int Tensor. What dropout drops follows from the seed, its
      variable scope and this alone, so that a training can go on as if it had not
      been stopped.

  Attributes:
    sequence_output: float32 [V, B, S, H], the last layer's hidden states of each
      decode.
  """

  def __init__(self, config, is_training, input_ids, input_mask, segment_ids,
               decodes=(masks.BASELINE,), full_length=None,
               use_one_hot_embeddings=False, batch_size=1, random_seed=0, step=0):
    self._config = config
    self._random_seed, self._training_step = random_seed, step
    self._max_forks, self._steps_in_flight = _step_sizes(batch_size)
    self._hidden_dropout = config.hidden_dropout_prob if is_training else 0.0
    self._attention_dropout = (
        config.attention_probs_dropout_prob if is_training else 0.0)
    in_question, in_passage = masks.token_sets(input_mask, segment_ids)
    self._token_sets = (tf.cast(input_mask, tf.float32), in_question, in_passage)
    self._masks = {}
    self._length = tf.shape(input_ids)[1]
    # Where the length is fixed, on TPUs, the number of rows would have to be, too.
    self._rows = (None if input_ids.shape[1].value is not None
                  else _rows_outside_passage(input_mask, segment_ids))
    if any(map(masks.attends_to_padding, decodes)):
      rest = [[0, 0], [0, full_length - self._length]]
      input_ids, segment_ids = tf.pad(input_ids, rest), tf.pad(segment_ids, rest)
    with tf.variable_scope("bert"):
      with tf.variable_scope("embeddings"):
        embedded = self._embed(input_ids, segment_ids, use_one_hot_embeddings)
      with tf.variable_scope("encoder"):
        self.sequence_output = self._encode(embedded, list(decodes))

  def _embed(self, input_ids, segment_ids, use_one_hot):
    """Sums word, segment and position embeddings: [B, S, H]."""
    config = self._config
    table = lambda name, rows: self._weights(name, [rows, config.hidden_size])
    words = table("word_embeddings", config.vocab_size)
    segments = table("token_type_embeddings", config.type_vocab_size)
    positions = table("position_embeddings", config.max_position_embeddings)
    if use_one_hot:
      embedded = tf.tensordot(tf.one_hot(input_ids, config.vocab_size), words, 1)
    else:
      embedded = tf.gather(words, input_ids)
    embedded += tf.tensordot(
        tf.one_hot(segment_ids, config.type_vocab_size), segments, 1)
    embedded += positions[:tf.shape(input_ids)[1]]
    return self._dropout(self._layer_norm(embedded), self._hidden_dropout)

  def _encode(self, embedded, decodes):
    """Runs all layers over the growing groups of variants."""
    layers, place_of = masks.plan_sweep(
        decodes, self._config.num_hidden_layers, self._max_forks)
    groups = [embedded[None]]  # [V, B, S, H]
    finished = []
    for index, steps in enumerate(layers):
      outputs, heads = [], {}
      for step in steps:
        group = groups[step.group]
        # Else TensorFlow starts all steps of a layer before it ends one.
        with tf.control_dependencies(finished[-self._steps_in_flight:][:1]):
          with tf.variable_scope("layer_%d" % index, reuse=tf.AUTO_REUSE):
            if step.group not in heads:
              heads[step.group] = self._project_group(
                  group, [s for s in steps if s.group == step.group])
            unmasked = step.unmasked and outputs[step.unmasked[0]][
                step.unmasked[1]][:, :self._length]
            outputs.append(self._step(group, heads[step.group], step, unmasked))
        finished.append(outputs[-1])
      groups = outputs
    first = np.cumsum([0] + [group.shape[0].value for group in groups])
    return tf.gather(tf.concat([self._cut(group) for group in groups], 0),
                     [first[group] + variant for group, variant in place_of])

  def _project_group(self, group, steps):
    """Projects a group [Vg, B, S', H] once for all steps from it: _Heads."""
    rows = group if any(step.full for step in steps) else self._cut(group)
    keys = group if any((_ALL,) in step.zones for step in steps) else (
        self._cut(group))
    query, = self._project(rows, ["query"])
    return _Heads(query, *self._project(keys, ["key", "value"]))

  def _cut(self, hidden):
    """Cuts [.., S', H] or [.., S', D] to the batch's length S."""
    return hidden[..., :self._length, :]

  def _step(self, group, heads, step, unmasked):
    """One transformer layer for the variants of one step.

    Args:
      group: [Vg, B, S', H], the hidden states to start from; S' is S, or
        full_length.
      heads: _Heads of the group, likewise as long as any step of it needs.
      step: masks.Step.
      unmasked: [B, S, H], what the layer makes of the forks' parent without
        masks; None where nothing is made of that.

    Returns:
      [V, B, S', H] with V = len(step.parents).
    """
    hidden, query, key, value = (
        _pick(tensor, step.parents) for tensor in (group,) + heads)
    if not step.full:
      hidden, query = self._cut(hidden), self._cut(query)
    parts = []
    for few_rows, to_padding, masked in self._parts(step.zones, unmasked):
      # Who does not attend to [PAD] up to full_length need not look at it.
      seen = [key, value] if to_padding else [self._cut(key), self._cut(value)]
      if few_rows:
        part = self._rows_outside_passage(hidden, seen, masked, unmasked)
      else:
        part = self._layer(hidden, [query] + seen, self._mask(masked), len(masked))
      parts.append(part)
    return parts[0] if len(parts) == 1 else tf.concat(parts, 0)

  def _parts(self, zones, unmasked):
    """Yields (few_rows, to_padding, zones): what is computed in one way."""
    def way(z):
      few_rows = (unmasked is not None and self._rows is not None
                  and masks.keep_passage_rows(z))
      return few_rows, z == (_ALL,)
    for (few_rows, to_padding), part in itertools.groupby(zones, way):
      yield few_rows, to_padding, list(part)

  def _rows_outside_passage(self, hidden, keys_and_values, zones, unmasked):
    """A layer for zones that change no row of P: only the other rows.

    Args:
      hidden: [1, B, S, H].
      keys_and_values: list of two [1, B, N, S, D].
      zones: list of V tuples of zones.
      unmasked: [B, S, H], the rest.

    Returns:
      [V, B, S, H].
    """
    some = tf.gather_nd(hidden[0], self._rows)[None]  # [1, B, R, H]
    query, = self._project(some, ["query"])
    mask = tf.stack([tf.gather_nd(self._zone_mask(z), self._rows)
                     for z in zones])[:, :, None]
    changed = self._layer(some, [query] + keys_and_values, mask, len(zones))
    return tf.stack([
        tf.tensor_scatter_nd_update(unmasked, self._rows, changed[v])
        for v in range(len(zones))])

  def _layer(self, hidden, heads, mask, num_variants):
    """One transformer layer.

    Variants forked from one parent share its projections, they differ by their
    masks only: Vp is 1 for them, else V.

    Args:
      hidden: [Vp, B, F, H].
      heads: its query [Vp, B, N, F, D], and key and value [Vp, B, N, T, D] of
        what it attends to.
      mask: added to the logits [V, B, N, F, T].
      num_variants: int, V.

    Returns:
      [V, B, F, H].
    """
    rows = tf.reshape(hidden, [-1, self._config.hidden_size])
    if hidden.shape[0].value < num_variants:
      rows = tf.tile(rows, [num_variants, 1])
    context = self._attention(*heads, mask=mask)
    with tf.variable_scope("attention/output"):
      attended = self._add_and_norm(context, rows)
    with tf.variable_scope("intermediate"):
      activation = _ACTIVATIONS[self._config.hidden_act]
      intermediate = activation(self._dense(
          "dense", attended, self._config.intermediate_size))
    with tf.variable_scope("output"):
      output = self._add_and_norm(intermediate, attended)
    return tf.reshape(output, tf.concat(
        [[num_variants], tf.shape(hidden)[1:]], 0))

  def _attention(self, query, key, value, mask):
    """Multi-head self-attention (Vaswani et al., 2017, section 3.2).

    Args:
      query, key, value, mask: as of _layer.

    Returns:
      [V B F, H].
    """
    size = self._config.hidden_size // self._config.num_attention_heads
    logits = tf.matmul(query * (1 / math.sqrt(size)), key, transpose_b=True)
    logits += mask
    with tf.variable_scope("attention/self"):
      weights = self._dropout(tf.nn.softmax(logits), self._attention_dropout)
    context = tf.transpose(tf.matmul(weights, value), [0, 1, 3, 2, 4])
    return tf.reshape(context, [-1, self._config.hidden_size])

  def _mask(self, zones):
    """The additive masks of V variants, to be added to [V, B, N, F, T]."""
    if zones[0] == (_ALL,):
      return masks.MASKED_LOGIT
    if len(set(zones)) == 1:
      return self._zone_mask(zones[0])[None, :, None]
    rows = tf.zeros_like(self._token_sets[0])[:, :, None]
    return tf.stack([self._zone_mask(z) + rows for z in zones])[:, :, None]

  def _zone_mask(self, zones):
    """The additive mask of one variant: [B, S, S], or [B, 1, S] for none."""
    if zones not in self._masks:
      self._masks[zones] = masks.additive_mask(
          zones, *self._token_sets)
    return self._masks[zones]

  def _project(self, hidden, names):
    """Projects [V, B, S, H] to heads: list of [V, B, N, S, D], one a name."""
    heads, size = self._config.num_attention_heads, self._config.hidden_size
    rows = tf.reshape(hidden, [-1, size])
    shape = tf.concat([tf.shape(hidden)[:3], [heads, size // heads]], 0)
    with tf.variable_scope("attention/self"):
      return [tf.transpose(
          tf.reshape(self._dense(name, rows, size), shape), [0, 1, 3, 2, 4])
              for name in names]

  def _dense(self, name, rows, size):
    """A dense layer without activation: [rows, in] to [rows, size]."""
    with tf.variable_scope(name):
      kernel = self._weights("kernel", [rows.shape[1].value, size])
      bias = tf.get_variable("bias", [size], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(tf.matmul(rows, kernel), bias)

  def _add_and_norm(self, update, residual):
    """LayerNorm(dense(update) + residual), what ends both halves of a layer."""
    update = self._dense("dense", update, self._config.hidden_size)
    update = self._dropout(update, self._hidden_dropout)
    return self._layer_norm(update + residual)

  def _layer_norm(self, x):
    """Normalizes the last dimension, then scales and shifts it."""
    size = [x.shape[-1].value]
    with tf.variable_scope("LayerNorm"):
      beta = tf.get_variable("beta", size, initializer=tf.zeros_initializer())
      gamma = tf.get_variable("gamma", size, initializer=tf.ones_initializer())
    mean = tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.squared_difference(x, mean), -1, keepdims=True)
    scale = tf.rsqrt(variance + _LAYER_NORM_EPSILON) * gamma
    return x * scale + (beta - mean * scale)

  def _dropout(self, x, rate):
    """Sets a part of x to 0 and scales the rest so that the mean stays.

    A variable scope has one dropout, which is known by the scope's name.
    """
    if not rate:
      return x
    random = seeds.uniform(
        tf.shape(x), self._random_seed, self._training_step)
    return x * (tf.cast(random >= rate, x.dtype) / (1 - rate))

  def _weights(self, name, shape):
    return tf.get_variable(name, shape, initializer=seeds.truncated_normal(
        self._config.initializer_range, self._random_seed, name))


def _pick(tensor, parents):
  """Takes the variants to start from, one only when all have one parent."""
  first, last = parents[0], parents[-1]
  if (first, last) == (0, tensor.shape[0].value - 1):
    return tensor
  return tensor[first:last + 1]


def _rows_outside_passage(input_mask, segment_ids):
  """Where each window has [CLS], the question and both [SEP].

  Args:
    input_mask: int32 [B, S], 1 for real tokens, 0 for padding.
    segment_ids: int32 [B, S], 0 up to and with the first [SEP], then 1.

  Returns:
    int32 [B, R, 2] of (window, position), for tf.gather_nd. R is what the window
    with the longest question needs; the others have more of their rows in it.
  """
  batch = tf.shape(input_mask)[0]
  real = tf.reduce_sum(input_mask, 1)
  first_segment = real - tf.reduce_sum(input_mask * segment_ids, 1)
  positions = tf.concat([
      tf.tile(tf.range(tf.reduce_max(first_segment))[None], [batch, 1]),
      real[:, None] - 1], 1)
  windows = tf.zeros_like(positions) + tf.range(batch)[:, None]
  return tf.stack([windows, positions], 2)


def span_logits(config, hidden, random_seed=0):
  """The start and end logits of BERT for SQuAD (Devlin et al., 2019, section 4.2).

  Args:
    config: BertConfig.
    hidden: float32 [.., S, H], the last layer's hidden states.
    random_seed: int, of the initial weights.

  Returns:
    float32 [.., 2, S], start logits, then end logits.
  """
  with tf.variable_scope("cls/squad", reuse=tf.AUTO_REUSE):
    weights = tf.get_variable(
        "output_weights", [2, config.hidden_size],
        initializer=seeds.truncated_normal(
            config.initializer_range, random_seed, "output_weights"))
    bias = tf.get_variable(
        "output_bias", [2], initializer=tf.zeros_initializer())
  return tf.matrix_transpose(tf.tensordot(hidden, weights, [[-1], [1]]) + bias)


def model_variables(config):
  """What a checkpoint of this model has to hold.

  Args:
    config: BertConfig.

  Returns:
    dict from a variable's name to its shape, a list of int.
  """
  with tf.Graph().as_default():
    ids = tf.zeros([1, 1], tf.int32)
    model = BertModel(config, False, ids, ids, ids)
    span_logits(config, model.sequence_output)
    return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def sweep_bytes(config, num_decodes, batch_size, length):
  """Estimates the memory for the activations of a sweep, an upper bound.

  Args:
    config: BertConfig.
    num_decodes: int, V.
    batch_size: int, B.
    length: int, S.

  Returns:
    int, bytes: the stack of V hidden states, and what the variants that are in
    a layer hold at once: 3 intermediates, 8 hidden states, 3 sets of logits.
  """
  rows = batch_size * length
  stack = num_decodes * rows * config.hidden_size
  in_layer = rows * (3 * config.intermediate_size + 8 * config.hidden_size
                     + 3 * config.num_attention_heads * length)
  forks, steps = _step_sizes(batch_size)
  return 4 * (stack + min(num_decodes, forks * steps) * in_layer)


def _step_sizes(batch_size):
  """Returns (variants in a step, steps under way at once)."""
  forks = max(1, _WINDOWS_PER_STEP // batch_size)
  return forks, max(2, _WINDOWS_IN_FLIGHT // (forks * batch_size))
