"""BERT in numpy's float64, formula by formula: what TensorFlow is compared with.

ELECTRA and ALBERT, too: BERT's layers under other names.

Also a model of 3 layers and windows to try it on.
"""

import math
import zlib

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.decoding import answer_head
from attention_zones.decoding import sweep
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import grammar
from attention_zones.zones import draws
from attention_zones.zones import layouts
from attention_zones.zones import zones
import modeling
import tolerances

FEATURES = ("input_ids", "input_mask", "segment_ids")
CONFIG = dict(
    vocab_size=20, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=16, type_vocab_size=2)
TINY = modeling.BertConfig(**CONFIG)
FULL = 16  # max_seq_length
CLS, SEP = 1, 2

# (question, passage). LONG holds the ids of [SEP] and [PAD] as common tokens.
SHORT = ([5, 6], [7, 8, 9, 10, 11])
LONG = ([12, 2, 13], [14, 2, 0, 15, 16, 17, 18])
FILLED = ([5, 19, 6], [7, 8, 9, 10, 11, 4, 3, 12, 13, 14])
ONE_TOKEN = ([8], [9])
NO_QUESTION = ([], [7, 8, 9, 10])
NO_PASSAGE = ([7, 8, 9, 10], [])


def parse(mask_layer, mask_zone, mask_head=None):
  """The masked decodes of some flags, without the baseline."""
  return grammar.parse_decodes(
      mask_layer, mask_zone, TINY.num_hidden_layers, mask_head,
      TINY.num_attention_heads)[1:]


BASIC_DECODES = (
    parse("0-2", "q2,q2p,p2q,p2,q2+p2,q2+q2p+p2q+p2")
    + parse("0+2", "p2,q2+p2q") + parse("None", "q2,q2p,p2q,p2"))
ALL_DECODES = parse("0-2,0+2", "all") + parse("None", "all")
CONTROLS = (
    parse("0-2", "q2@1,p2q@2,p2q@flat,q2@flat+p2@1") + parse("None", "p2@flat")
    + parse("1", "p2q,q2@1,p2@flat,off", mask_head="0,1,0+1")
    + parse("0+2", "q2p+p2@flat,off", mask_head="1")
    + parse("0-2", "p2@zero,q2@1+q2p@zero+p2@flat")
    + parse("0+2", "q2@zero,p2q@zero+p2", mask_head="1"))
DECODES = [BASELINE] + BASIC_DECODES + CONTROLS + ALL_DECODES
DRAWS = draws.needed(DECODES)


def features_of(*windows, length=FULL):
  """input_ids, input_mask and segment_ids, int32 [3, B, length]."""
  features = np.zeros([3, len(windows), length], np.int32)
  for row, (question, passage) in enumerate(windows):
    ids = [CLS] + question + [SEP] + passage + [SEP]
    features[0, row, :len(ids)] = ids
    features[1, row, :len(ids)] = 1
    features[2, row, len(question) + 2:len(ids)] = 1
  return features


def drawn(features, draw):
  """An order of the members of Q and P of a window, by chance, for a draw.

  Args:
    features: int [3, S]. Padding does not count.
    draw: int.

  Returns:
    list of int, positions.
  """
  ids, mask, segments = features
  num_tokens, first = int(mask.sum()), int((mask - segments).sum())
  members = [i for i in range(1, num_tokens - 1) if i != first - 1]
  seed = zlib.crc32(ids[:num_tokens].astype("<i4").tobytes()) + draw
  return np.random.RandomState(seed % 2**32).permutation(members).tolist()


def with_places(features):
  """The features of a model: dict of int32, [B, S] and [B].

  Args:
    features: int32 [3, B, S], as of features_of.
  """
  ids, mask, segments = features
  passage_length = segments.sum(1, dtype=np.int32) - 1
  return dict(
      layouts.BERT.places(mask.sum(1, dtype=np.int32) - passage_length - 3,
                          passage_length),
      input_ids=ids, segment_ids=segments)


def token_sets(features):
  """The zones.Tokens of features [3, B, S]."""
  return zones.token_sets(with_places(features))


def with_ranks(features, numbers=tuple(DRAWS)):
  """As with_places, with the ranks of draws and two sets of the data, int32
  [B, S]."""
  named = with_places(features)
  for draw in numbers:
    # What is in no set has 0, too, the rank that is drawn first.
    ranks = np.zeros_like(features[0])
    for row in range(len(ranks)):
      for rank, position in enumerate(drawn(features[:, row], draw)):
        ranks[row, position] = rank
    named["ranks_in_draw_%d" % draw] = ranks
  position = np.arange(features.shape[2])
  passage = (position >= named["passage_start"][:, None]) & (
      position < named["passage_end"][:, None])
  question = (position >= named["question_start"][:, None]) & (
      position < named["question_end"][:, None])
  for name, chosen in (("answer", passage & (position % 4 == 2)), (
      "ev", (question | passage) & (position % 3 == 1))):
    named["members_of_" + name] = chosen.astype(np.int32)
  return named


def variables_of(config):
  """A model's variables: dict from name to shape, a list."""
  with tf.Graph().as_default():
    ids = tf.zeros([1, 1], tf.int32)
    encoder = modeling.Encoder(config)
    answer_head.span_logits(encoder.encode(
        encoder.embed(ids, ids), [0.0] * config.num_hidden_layers)[-1])
    return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def weights_of(config):
  """Weights so large that attention is far from flat: dict of float32."""
  random = np.random.RandomState(0)
  return {name: np.float32(0.4 * random.randn(*shape) + name.endswith("gamma"))
          for name, shape in sorted(variables_of(config).items())}


WEIGHTS = weights_of(TINY)


def load(session, weights):
  """Sets the variables of the session's graph, the default one."""
  variables = tf.trainable_variables()
  # The second input of a variable's initializer is the initial value.
  session.run([v.initializer for v in variables],
              {v.initializer.inputs[1]: weights[v.op.name] for v in variables})


def placeholders():
  """The input of a model, as with_ranks makes it: dict of Tensors."""
  return {name: tf.placeholder(tf.int32, [None] * value.ndim)
          for name, value in with_ranks(features_of(SHORT)).items()}


def build(swept, full_length=FULL, config=TINY, weights=None, batch_size=1,
          **options):
  """Builds a sweep.

  Args:
    swept: list of Decode.
    options: further arguments of modeling.Encoder.

  Returns:
    function from features [3, B, S] to a dict from each Decode to its logits,
    float32 [B, 2, S].
  """
  with tf.Graph().as_default() as graph:
    inputs = placeholders()
    hidden = sweep.run(
        modeling.Encoder(config, **options), inputs, swept, full_length, batch_size)
    logits = answer_head.span_logits(hidden)  # [V, B, 2, S]
    session = tf.Session(graph=graph)
    load(session, weights or WEIGHTS)

  def logits_of(features):
    named = with_ranks(np.asarray(features))
    feed = {placeholder: named[name] for name, placeholder in inputs.items()}
    return dict(zip(swept, session.run(logits, feed)))
  return logits_of


def furthest(a, b):
  return np.abs(np.asarray(a) - b).max()


def tolerance_of(logits, config=TINY):
  """How far float32 logits may be from others by the same formulas, not `all`."""
  return tolerances.float32_tolerance(
      np.abs(logits).max(), tolerances.model_operations(config, FULL))


def limit_of_all(window, config=TINY, weights=None):
  """How far logits of any of ALL_DECODES may be from others, of one window."""
  features = features_of(window)[:, 0]
  real = features[1] == 1
  return max(tolerances.limits_of_all(
      lambda **how: reference_logits(
          config, weights or WEIGHTS, features, decode, **how)[:, real]).furthest
             for decode in ALL_DECODES)


def names_of(config, layer):
  """The scopes of a layer's variables, without the last part: dict."""
  if config.architecture != "albert":
    scope = "%s/encoder/layer_%d/" % (
        {"bert": "bert", "electra": "electra"}[config.architecture], layer)
    return {"heads": scope + "attention/self/",
            "attended": scope + "attention/output/dense",
            "attended_norm": scope + "attention/output",
            "inner": scope + "intermediate/dense", "output": scope + "output/dense",
            "output_norm": scope + "output"}
  group = layer * (config.num_hidden_groups or 1) // config.num_hidden_layers
  scope = "bert/encoder/transformer/group_%d/inner_group_0" % group
  return {"heads": scope + "/attention_1/self/",
          "attended": scope + "/attention_1/output/dense", "attended_norm": scope,
          "inner": scope + "/ffn_1/intermediate/dense",
          "output": scope + "/ffn_1/intermediate/output/dense",
          "output_norm": scope + "|_1"}


def layer_norm(x, weights, scope, eps=1e-12):
  mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
  scope, _, suffix = scope.partition("|")
  return ((x - mean) / np.sqrt(variance + eps)
          * weights[scope + "/LayerNorm%s/gamma" % suffix]
          + weights[scope + "/LayerNorm%s/beta" % suffix])


def dense(x, weights, scope):
  return x @ weights[scope + "/kernel"] + weights[scope + "/bias"]


ACTIVATIONS = {
    "gelu": lambda x: x / 2 * (
        1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "gelu_erf": lambda x: x / 2 * (1 + np.vectorize(math.erf)(x / np.sqrt(2))),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}


# For each zone the kinds of its rows and of its columns; or a set of positions.
RECTANGLES = {"q2": ("Q", "Q"), "p2": ("P", "P"), "p2q": ("CPS_", "Q"),
              "q2p": ("CQS_", "P")}


def cells_of(zone, variant, kinds, features):
  """The cells of a zone, or of a draw: a list of columns for each of its rows.

  Args:
    kinds: str, for each position one of C, Q, S, P, _ ([PAD]).
    features: int [3, S].

  Returns:
    dict from row to list of columns.
  """
  rows, columns = [[i for i, kind in enumerate(kinds)
                    if (i if isinstance(side, set) else kind) in side]
                   for side in RECTANGLES[zone]]
  if variant.isdigit():
    columns = drawn(features, int(variant))[:len(columns)]
  return {row: columns for row in rows}


def masked_scores(scores, mask, kinds, features, shift):
  """Adds to attention logits [N, F, T] what a masking.Mask masks, row by row.

  Args:
    kinds, features: as for `cells_of`.
    shift: bool, whether `all` really adds -10000, in float32.
  """
  if mask.zones == (("all", ""),):
    return (scores.astype(np.float32) + np.float32(-10000)).astype(
        np.float64) if shift else scores
  added = np.zeros_like(scores)
  for zone, variant in mask.zones:
    if zone != "off" and variant not in ("flat", "zero"):
      for row, columns in cells_of(zone, variant, kinds, features).items():
        for head in range(len(scores)) if mask.heads is None else mask.heads:
          added[head, row, columns] = -10000
  added[:, :, [kind == "_" for kind in kinds]] = -10000
  return scores + added


def edited(attention, mask, kinds, features):
  """The weights [N, F, T] after `off`, zero and then flat zones, row by row."""
  attention = attention.copy()
  for head in range(len(attention)) if mask.heads is None else mask.heads:
    if mask.zones == (("off", ""),):
      attention[head] = 0
    for edit in "zero", "flat":
      for zone, variant in mask.zones:
        if variant != edit:
          continue
        for row, columns in cells_of(zone, variant, kinds, features).items():
          if columns:
            attention[head, row, columns] = (
                attention[head, row, columns].mean() if edit == "flat" else 0)
  return attention


def reference_logits(config, weights, features, decode, shift=True,
                     rounded=lambda x, num_operations: x, attentions=None,
                     between=1):
  """Start and end logits of one window.

  Args:
    features: int [3, S].
    shift: as of masked_scores.
    rounded: function of what is computed and the length of its sums, from
      tolerances.rounding; left out, all is as exact as float64.
    attentions: list, to which each layer's weights, [N, F, T], are added.
    between: int, special tokens between question and passage.

  Returns:
    float64 [2, S].
  """
  weights = {name: w.astype(np.float64) for name, w in weights.items()}
  ids, is_real, segments = features
  first, second = int(np.sum(is_real - segments)), int(np.sum(segments))
  kinds = ("C" + "Q" * (first - 1 - between) + "S" * between + "P" * (second - 1)
           + "S" + "_" * (len(ids) - first - second))
  size = config.hidden_size
  activation = ACTIVATIONS[
      "gelu_erf" if config.architecture == "electra" else config.hidden_act]
  project = lambda x, name: rounded(dense(x, weights, name), x.shape[-1])
  normalize = lambda x, name: rounded(
      layer_norm(x, weights, name, config.layer_norm_eps), 2 * size)
  model = "electra" if config.architecture == "electra" else "bert"
  scope = model + "/embeddings"
  x = normalize(weights[scope + "/word_embeddings"][ids]
                + weights[scope + "/token_type_embeddings"][segments]
                + weights[scope + "/position_embeddings"][:len(ids)], scope)
  if x.shape[-1] != size:
    x = project(x, {"electra": "electra/embeddings_project",
                    "albert": "bert/encoder/embedding_hidden_mapping_in"}[
                        config.architecture])
  heads = lambda y: y.reshape(
      len(ids), config.num_attention_heads, -1).transpose(1, 0, 2)
  for layer in range(config.num_hidden_layers):
    scopes = names_of(config, layer)
    query, key, value = [
        heads(project(x, scopes["heads"] + name))
        for name in ("query", "key", "value")]
    scores = rounded(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]),
                     query.shape[-1])
    mask = decode.mask_at(layer)
    scores = masked_scores(scores, mask, kinds, features, shift)
    attention = np.exp(scores - scores.max(-1, keepdims=True))
    attention = rounded(attention / attention.sum(-1, keepdims=True), len(ids))
    if attentions is not None:
      attentions.append(attention)
    attention = edited(attention, mask, kinds, features)
    context = rounded(attention @ value, len(ids))
    context = context.transpose(1, 0, 2).reshape(x.shape)
    x = normalize(x + project(context, scopes["attended"]),
                  scopes["attended_norm"])
    inner = activation(project(x, scopes["inner"]))
    x = normalize(x + project(inner, scopes["output"]), scopes["output_norm"])
  logits = weights["cls/squad/output_weights"] @ x.T
  return rounded(logits + weights["cls/squad/output_bias"][:, None], size)
