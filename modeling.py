"""BERT (Devlin et al., 2019): its configuration, embeddings, layer, and their loop.

ELECTRA (Clark et al., 2020) and ALBERT (Lan et al., 2020) have BERT's layers, under
other names; embeddings narrower than the layers; and, in ALBERT, layers that share
their variables.

This file knows no zones, no sweep and no SQuAD. attention_zones/decoding/sweep.py
calls `embed`, `heads` and `layer`; everything else calls `embed` and `encode`.

  >>> import tensorflow.compat.v1 as tf
  >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2,
  ...                     num_attention_heads=2, intermediate_size=16)
  >>> encoder = Encoder(config)
  >>> hidden = encoder.embed(tf.constant([[2, 7, 3, 8, 3]]),
  ...                        tf.constant([[0, 0, 0, 1, 1]]))
  >>> nothing_masked = tf.zeros([1, 1, 1, 5])
  >>> outputs = encoder.encode(hidden, [nothing_masked] * 2)
  >>> [output.shape.as_list() for output in outputs]
  [[1, 5, 8], [1, 5, 8]]

Variables are named as in Google's checkpoints, so that these can be loaded.

Dimensions of the tensors below. "..." stands for B, or for V, B in a sweep, which
has V variants of the hidden states at once:
  B = batch             S = sequence length
  H = hidden size       F = from (query) length
  E = embedding size, H in BERT
  N = attention heads   T = to (key) length
  D = head size, H / N  R = rows, all leading dimensions in one
  I = intermediate size
"""

import collections
import contextlib
import copy
import inspect
import json
import math

import tensorflow.compat.v1 as tf

from attention_zones.base import json_files
from attention_zones.base import seeds

# The variable scopes of each architecture. "projection" is of embeddings that are
# narrower than the layers.
_SCOPES = {
    "bert": {
        "model": "bert",
        "embeddings": "embeddings",
        "layer": "encoder/layer_%d",
        "attention": "attention/self",
        "attention_output": "attention/output",
        "attention_norm": "attention/output/LayerNorm",
        "intermediate": "intermediate",
        "output": "output",
        "output_norm": "output/LayerNorm",
    },
}
_SCOPES["electra"] = dict(
    _SCOPES["bert"], model="electra", projection="embeddings_project")
_SCOPES["albert"] = {
    "model": "bert",
    "embeddings": "embeddings",
    "projection": "encoder/embedding_hidden_mapping_in",
    "layer": "encoder/transformer/group_%d/inner_group_0",
    "attention": "attention_1/self",
    "attention_output": "attention_1/output",
    "attention_norm": "LayerNorm",
    "intermediate": "ffn_1/intermediate",
    "output": "ffn_1/intermediate/output",
    "output_norm": "LayerNorm_1",
}


def gelu(x):
  """The Gaussian error linear unit in BERT's tanh form.

  x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (Hendrycks and Gimpel, 2016).
  """
  return x * (0.5 * (1.0 + tf.tanh(
      math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))


def gelu_erf(x):
  """The Gaussian error linear unit without approximation, as Hugging Face's "gelu".

  x (1 + erf(x / sqrt(2))) / 2 (Hendrycks and Gimpel, 2016).
  """
  return x * (0.5 * (1.0 + tf.math.erf(x / math.sqrt(2))))


_ACTIVATIONS = {"gelu": gelu, "gelu_erf": gelu_erf, "gelu_new": gelu,
                "relu": tf.nn.relu, "tanh": tf.tanh}


class BertConfig:
  """The entries of a bert_config.json, under the same names.

  Some have no effect in every architecture: model_type is "bert", "electra" or
  "albert"; None means that nothing says which. embedding_size, of ELECTRA and
  ALBERT, is hidden_size where it is None. num_hidden_groups is of ALBERT. "gelu" is
  the erf form in ELECTRA and the tanh form in the others, as in Google's code;
  "gelu_erf" and "gelu_new" (tanh) are the same in all.

  Raises:
    ValueError: an entry has an impossible value.
  """

  def __init__(self, vocab_size, hidden_size=768, num_hidden_layers=12,
               num_attention_heads=12, intermediate_size=3072,
               hidden_act="gelu", hidden_dropout_prob=0.1,
               attention_probs_dropout_prob=0.1, max_position_embeddings=512,
               type_vocab_size=16, initializer_range=0.02, model_type=None,
               embedding_size=None, num_hidden_groups=None, layer_norm_eps=1e-12):
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
    self.model_type = model_type
    self.embedding_size = embedding_size
    self.num_hidden_groups = num_hidden_groups
    self.layer_norm_eps = layer_norm_eps
    self._check()

  def _check(self):
    for name in ("vocab_size", "hidden_size", "num_hidden_layers",
                 "num_attention_heads", "intermediate_size",
                 "max_position_embeddings", "type_vocab_size", "embedding_size",
                 "num_hidden_groups"):
      value = getattr(self, name)
      if value is None and name in ("embedding_size", "num_hidden_groups"):
        continue
      if type(value) is not int or value < 1:
        raise ValueError("%s is %r; should be a whole number above 0" % (
            name, value))
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob",
                 "initializer_range", "layer_norm_eps"):
      value = getattr(self, name)
      if type(value) not in (int, float) or not 0 <= value < 1:
        raise ValueError("%s is %r; should be a number from 0 to below 1" % (
            name, value))
    if self.hidden_act not in list(_ACTIVATIONS):
      raise ValueError("hidden_act is %r; should be one of %s" % (
          self.hidden_act, ", ".join(sorted(_ACTIVATIONS))))
    if self.model_type not in [None] + list(_SCOPES):
      raise ValueError("model_type is %r; should be one of %s" % (
          self.model_type, ", ".join(sorted(_SCOPES))))

  @property
  def architecture(self):
    """model_type or, where it is None, what the entries look like: str."""
    return self.model_type or ("albert" if self.num_hidden_groups else "bert")

  @classmethod
  def from_dict(cls, entries):
    """Makes a BertConfig from the entries of a bert_config.json, a dict.

    Unknown entries become attributes: multilingual models have some for the
    pooler.
    """
    known = set(inspect.signature(cls).parameters)
    config = cls(**{key: entries[key] for key in known & set(entries)})
    vars(config).update(entries)
    return config

  @classmethod
  def from_json_file(cls, path):
    """Reads a bert_config.json.

    Args:
      path: str, a path (or gs:// address).

    Returns:
      BertConfig.

    Raises:
      tf.errors.OpError: the file cannot be read.
      ValueError: it is not JSON, has no vocab_size, or an entry has an impossible
        value; the message names the file.
    """
    with tf.gfile.GFile(path, "rb") as f:
      entries = json_files.parse(path, f.read())
    if not isinstance(entries, dict) or "vocab_size" not in entries:
      raise ValueError("%s has no vocab_size; should be a bert_config.json" % path)
    try:
      return cls.from_dict(entries)
    except ValueError as error:
      raise ValueError("%s: %s" % (path, error))

  def to_dict(self):
    """Returns the entries as a dict."""
    return copy.deepcopy(vars(self))

  def to_json_string(self):
    """Returns the entries as the text of a bert_config.json."""
    return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"


Heads = collections.namedtuple("Heads", ["query", "key", "value"])
Heads.__doc__ = """A layer's projections, split into heads.

Attributes:
  query: float32 [..., N, F, D].
  key, value: float32 [..., N, T, D].
"""


class Encoder:
  """The embeddings and layers of BERT, ELECTRA or ALBERT.

  Each method builds its part of the graph; parts that are built twice share
  their variables.

  Args:
    config: BertConfig.
    is_training: bool, whether dropout is on.
    use_one_hot_embeddings: bool, whether to look words up by a matrix product,
      which is faster on TPUs.
    scope: str, the variable scope; None means "bert" ("electra" for ELECTRA), or
      "bert_1" for a second model in the same graph.
    product: function as tf.matmul, which multiplies the matrices of the layers;
      see precision.py.
    random_seed: int, for initial weights and dropout; see seeds.py.
    step: int or scalar int Tensor, the training step. Dropout depends only on the
      seed, the layer and the step, so that an interrupted training resumes with the
      same dropout. None draws new numbers each time that the graph runs.

  Raises:
    ValueError: hidden_size is not a multiple of num_attention_heads.
  """

  def __init__(self, config, is_training=False, use_one_hot_embeddings=False,
               scope=None, random_seed=0, step=None, product=tf.matmul):
    if config.hidden_size % config.num_attention_heads:
      raise ValueError("hidden_size %d is not a multiple of num_attention_heads "
                       "%d" % (config.hidden_size, config.num_attention_heads))
    self._config = config
    self._scopes = _SCOPES[config.architecture]
    self._activation = _ACTIVATIONS[
        "gelu_erf" if (config.architecture, config.hidden_act) == (
            "electra", "gelu") else config.hidden_act]
    # BERT's embeddings are as wide as its layers, whatever its file says.
    self._width = ("projection" in self._scopes and config.embedding_size
                   or config.hidden_size)
    self._one_hot = use_one_hot_embeddings
    self._is_training = is_training
    self._random_seed, self._step = random_seed, step
    self._head_size = config.hidden_size // config.num_attention_heads
    with tf.variable_scope(
        scope, default_name=self._scopes["model"]) as self._variables:
      pass
    self._product = product

  @property
  def num_layers(self):
    """The number of layers: int."""
    return self._config.num_hidden_layers

  @property
  def num_heads(self):
    """The number of attention heads of a layer: int."""
    return self._config.num_attention_heads

  def embedding_table(self):
    """The word embeddings: float32 variable [vocab_size, E]."""
    with self._scope(self._scopes["embeddings"]):
      return self._table("word_embeddings", self._config.vocab_size)

  def embed(self, ids, segments):
    """Sums word, segment and position embeddings, and normalizes the sum.

    Embeddings that are narrower than the layers are then projected to their width.

    Args:
      ids: int32 [B, S], word pieces.
      segments: int32 [B, S], 0 for the first segment, 1 for the second.

    Returns:
      float32 [B, S, H].

    Raises:
      ValueError: ids or segments have another rank, or S is more than
        max_position_embeddings.
    """
    config = self._config
    _check_rank("ids", ids, 2)
    _check_rank("segments", segments, 2)
    if (ids.shape[1].value or 0) > config.max_position_embeddings:
      raise ValueError("%d tokens in a sequence are more than "
                       "max_position_embeddings, %d" % (
                           ids.shape[1].value, config.max_position_embeddings))
    words = self.embedding_table()
    with self._scope(self._scopes["embeddings"]):
      types = self._table("token_type_embeddings", config.type_vocab_size)
      positions = self._table(
          "position_embeddings", config.max_position_embeddings)
      total = _look_up(words, ids, self._one_hot)  # [B, S, E]
      total += _look_up(types, segments, one_hot=True)
      total += positions[:tf.shape(ids)[1]]
      embedded = self._dropout(
          self._layer_norm(total), config.hidden_dropout_prob,
          seeds.scoped("dropout"))
    if self._width == config.hidden_size:
      return embedded
    with self._scope(self._scopes["projection"]):
      rows = tf.reshape(embedded, [-1, self._width])
      return tf.reshape(self._affine(rows, config.hidden_size), tf.concat(
          [tf.shape(ids), [config.hidden_size]], 0))

  def heads(self, index, hidden, names=Heads._fields):
    """Projects hidden states to the queries, keys and values of a layer.

    Args:
      index: int, the layer, counted from 0.
      hidden: float32 [..., S, H].
      names: which of Heads' fields to compute; the others are None.

    Returns:
      Heads [..., N, S, D].
    """
    width = self._config.hidden_size
    rows = tf.reshape(hidden, [-1, width])  # [R, H]
    split = tf.concat([tf.shape(hidden)[:-1], [
        self._config.num_attention_heads, self._head_size]], 0)
    projected = {}
    with self._layer_scope(index), self._scope_within("attention"):
      for name in names:
        projected[name] = _swap(tf.reshape(
            self._dense(name, rows, width), split),
            hidden.shape.ndims + 1)  # [..., N, S, D]
    return Heads(*map(projected.get, Heads._fields))

  def layer(self, index, hidden, heads, mask, edit=None, keep_weights=False):
    """One transformer layer (Vaswani et al., 2017, section 3.1).

    Args:
      index: int, the layer, counted from 0.
      hidden: float32 [..., F, H], with all leading dimensions of the result.
      heads: Heads. Leading dimensions broadcast: variants that differ only in
        their masks share one projection, [1, B, N, F, D] and [1, B, N, T, D].
      mask: float32, broadcasts to [..., N, F, T]. It is added to the attention
        logits: 0.0 where a query may attend to a key, -10000.0 where not.
      edit: function from the weights after the softmax, float32 [..., N, F, T], to
        edited weights of this shape; None leaves them unchanged.
      keep_weights: bool, whether to return the weights, too.

    Returns:
      float32 [..., F, H]; with keep_weights also the weights [..., N, F, T], after
      `edit` and before dropout.
    """
    config = self._config
    rows = tf.reshape(hidden, [-1, config.hidden_size])  # [R, H]
    with self._layer_scope(index):
      context, weights = self._attend(index, heads, mask, edit)  # [R, H]
      attended = self._add_and_norm(
          index, "attention_output", "attention_norm", context, rows)  # [R, H]
      with self._scope_within("intermediate"):
        inner = self._activation(self._dense(
            "dense", attended, config.intermediate_size))  # [R, I]
      output = self._add_and_norm(
          index, "output", "output_norm", inner, attended)  # [R, H]
      output = tf.reshape(output, tf.shape(hidden))
    output.set_shape(hidden.shape)
    return (output, weights) if keep_weights else output

  def encode(self, hidden, masks, edits=None, keep_weights=False):
    """Runs all layers, one after the other.

    Args:
      hidden: float32 [B, S, H], as `embed` returns it.
      masks: list of one mask for each layer, as `layer` takes them.
      edits: list of one edit for each layer; None edits nothing.
      keep_weights: bool, whether to return the attention maps, too.

    Returns:
      list of float32 [B, S, H], the output of each layer; with keep_weights also
      the list of its weights, float32 [B, N, F, T], as `layer` returns them.

    Raises:
      ValueError: the number of masks is not the number of layers.
    """
    if len(masks) != self.num_layers:
      raise ValueError("%d masks for %d layers; each layer needs one" % (
          len(masks), self.num_layers))
    outputs, maps = [], []
    for index, (mask, edit) in enumerate(
        zip(masks, edits or [None] * len(masks))):
      hidden, weights = self.layer(
          index, hidden, self.heads(index, hidden), mask, edit, keep_weights=True)
      outputs.append(hidden)
      maps.append(weights)
    return (outputs, maps) if keep_weights else outputs

  def pooled(self, hidden):
    """A dense layer on [CLS], from hidden states [B, S, H] to float32 [B, H].

    Reading comprehension does not use it, so a checkpoint need not have it.
    """
    with self._scope("pooler"):
      return tf.tanh(self._dense(
          "dense", hidden[:, 0], self._config.hidden_size))

  def _attend(self, index, heads, mask, edit):
    """Multi-head attention (Vaswani et al., 2017, section 3.2).

    Information flows from keys to queries: weights[..., i, j] is how much query
    i takes from value j.

    Returns:
      ([R, H], weights [..., N, F, T]).
    """
    query = heads.query * (1 / math.sqrt(self._head_size))
    logits = self._product(
        query, heads.key, transpose_b=True) + mask  # [..., N, F, T]
    weights = tf.nn.softmax(logits)  # [..., N, F, T]
    if edit:
      weights = edit(weights)
    kept = self._dropout(weights, self._config.attention_probs_dropout_prob,
                         self._stream(index, "attention"))
    context = self._product(kept, heads.value)  # [..., N, F, D]
    context = _swap(context, heads.value.shape.ndims)  # [..., F, N, D]
    return tf.reshape(context, [-1, self._config.hidden_size]), weights

  def _add_and_norm(self, index, part, norm, update, residual):
    """LayerNorm(dropout(dense(update)) + residual): the end of half a layer.

    Args:
      index: int, the layer.
      part, norm: str, the scopes of the dense layer and of the LayerNorm.
      update: float32 [R, H], or [R, I] at the end of the second half.
      residual: float32 [R, H].

    Returns:
      float32 [R, H].
    """
    with self._scope_within(part):
      update = self._dense("dense", update, self._config.hidden_size)
    update = self._dropout(
        update, self._config.hidden_dropout_prob, self._stream(index, part))
    return self._layer_norm(update + residual, self._scopes[norm])

  def _dense(self, name, rows, size):
    """A dense layer without activation: [R, in] to [R, size]."""
    with tf.variable_scope(name):
      return self._affine(rows, size)

  def _affine(self, rows, size):
    """As _dense, with the variables of the current scope."""
    kernel = self._weights("kernel", [rows.shape[1].value, size])
    bias = tf.get_variable("bias", [size], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(self._product(rows, kernel), bias)

  def _layer_norm(self, x, scope="LayerNorm"):
    """Normalizes the last dimension, then scales and shifts it."""
    size = [x.shape[-1].value]
    with tf.variable_scope(scope):
      beta = tf.get_variable("beta", size, initializer=tf.zeros_initializer())
      gamma = tf.get_variable("gamma", size, initializer=tf.ones_initializer())
    mean = tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.squared_difference(x, mean), -1, keepdims=True)
    scale = tf.rsqrt(variance + self._config.layer_norm_eps) * gamma
    return x * scale + (beta - mean * scale)

  def _stream(self, index, part):
    """The name of the random numbers of a layer's dropout: str.

    It is BERT's scope in every architecture: it has the layer's number, so that
    layers that share their variables do not share their dropout.
    """
    return "/".join([self._variables.name, _SCOPES["bert"]["layer"] % index,
                     _SCOPES["bert"][part], "dropout"])

  def _dropout(self, x, rate, stream):
    """Sets a fraction `rate` of x to 0 and scales the rest to keep the mean."""
    if not rate or not self._is_training:
      return x
    random = seeds.uniform(
        tf.shape(x), self._random_seed, self._step, stream)
    return x * (tf.cast(random >= rate, x.dtype) / (1 - rate))

  def _weights(self, name, shape):
    return tf.get_variable(name, shape, initializer=seeds.truncated_normal(
        self._config.initializer_range, self._random_seed, name))

  def _table(self, name, entries):
    return self._weights(name, [entries, self._width])

  @contextlib.contextmanager
  def _scope(self, name):
    """Opens one of the model's scopes, whatever the current scope is."""
    with tf.variable_scope(self._variables, auxiliary_name_scope=False) as model:
      with tf.name_scope(model.original_name_scope):
        with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
          yield

  def _layer_scope(self, index):
    config = self._config
    if config.architecture == "albert":
      # Rounded as in ALBERT's code: 29 / 100 * 100 is in group 28.
      index = int(index / config.num_hidden_layers * (
          config.num_hidden_groups or 1))
    return self._scope(self._scopes["layer"] % index)

  def _scope_within(self, part):
    return tf.variable_scope(self._scopes[part])


class BertModel:
  """The model under the names of Google's BERT, for code written for these.

  Args:
    config: BertConfig.
    is_training: bool, whether dropout is on. It draws new numbers at each step.
    input_ids: int32 [B, S].
    input_mask: int32 [B, S], 1 for real tokens, 0 for padding; None: all real.
    token_type_ids: int32 [B, S], the segments; None: all 0.
    use_one_hot_embeddings: bool, as for Encoder.
    scope: str, as for Encoder.
  """

  def __init__(self, config, is_training, input_ids, input_mask=None,
               token_type_ids=None, use_one_hot_embeddings=False, scope=None):
    _check_rank("input_ids", input_ids, 2)
    if input_mask is None:
      input_mask = tf.ones_like(input_ids)
    if token_type_ids is None:
      token_type_ids = tf.zeros_like(input_ids)
    self._encoder = Encoder(config, is_training, use_one_hot_embeddings, scope)
    self._embedding_output = self._encoder.embed(input_ids, token_type_ids)
    padding = 1.0 - tf.cast(input_mask, tf.float32)
    mask = -10000.0 * padding[:, None, None, :]  # [B, 1, 1, T]
    self._layers, self._attention_maps = self._encoder.encode(
        self._embedding_output, [mask] * config.num_hidden_layers,
        keep_weights=True)
    self._pooled_output = None

  def get_embedding_output(self):
    """The input of the first layer: float32 [B, S, H]."""
    return self._embedding_output

  def get_all_encoder_layers(self):
    """The output of each layer: list of float32 [B, S, H]."""
    return self._layers

  def get_all_attention_maps(self):
    """The attention of each layer, after the softmax and before dropout.

    Returns:
      list of float32 [B, N, F, T]: how much query i takes from key j. Each row sums
      to 1; keys that are [PAD] get 0.
    """
    return self._attention_maps

  def get_sequence_output(self):
    """The output of the last layer: float32 [B, S, H]."""
    return self._layers[-1]

  def get_pooled_output(self):
    """[CLS] through a dense layer: float32 [B, H]. Built at the first call."""
    if self._pooled_output is None:
      self._pooled_output = self._encoder.pooled(self.get_sequence_output())
    return self._pooled_output

  def get_embedding_table(self):
    """The word embeddings: float32 variable [vocab_size, H]."""
    return self._encoder.embedding_table()


def get_assignment_map_from_checkpoint(tvars, init_checkpoint):
  """Finds the variables that a checkpoint holds.

  Args:
    tvars: list of tf.Variable.
    init_checkpoint: str, the prefix of the checkpoint's files.

  Returns:
    (assignment_map, initialized_variable_names): OrderedDict from the name in
    the checkpoint to that in the model, for tf.train.init_from_checkpoint; and
    dict with a key for each such variable's name, with and without ":0".
  """
  held = {name for name, _ in tf.train.list_variables(init_checkpoint)}
  assignment_map = collections.OrderedDict(
      (v.op.name, v.op.name) for v in tvars if v.op.name in held)
  initialized = {name + suffix: 1 for name in assignment_map
                 for suffix in ("", ":0")}
  return assignment_map, initialized


def _look_up(table, ids, one_hot):
  """Takes rows of a table [entries, E] by ids [B, S]: [B, S, E]."""
  if not one_hot:
    return tf.gather(table, ids)
  entries, width = table.shape.as_list()
  rows = tf.one_hot(tf.reshape(ids, [-1]), entries)  # [R, entries]
  return tf.reshape(tf.matmul(rows, table), tf.concat([tf.shape(ids), [width]], 0))


def _swap(x, rank):
  """Swaps the two dimensions before the last: [..., S, N, D] and [..., N, S, D].
  """
  order = list(range(rank))
  order[-3], order[-2] = order[-2], order[-3]
  return tf.transpose(x, order)


def _check_rank(name, tensor, rank):
  """Raises ValueError when a tensor has another rank."""
  if tensor.shape.ndims != rank:
    raise ValueError("%s has rank %s, shape %s; should have rank %d" % (
        name, tensor.shape.ndims, tensor.shape, rank))
