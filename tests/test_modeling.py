"""modeling.py: against formulas in numpy, the published logits, and itself."""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import zones
import modeling
import tolerances
from attention_zones.zones import BASELINE

CONFIG = dict(
    vocab_size=20, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=16, type_vocab_size=2)
TINY = modeling.BertConfig(**CONFIG)
FULL = 16  # max_seq_length of the tests on TINY
CLS, SEP = 1, 2

# (question, passage). LONG holds the ids of [SEP] and [PAD] as common tokens.
SHORT = ([5, 6], [7, 8, 9, 10, 11])
LONG = ([12, 2, 13], [14, 2, 0, 15, 16, 17, 18])
FILLED = ([5, 19, 6], [7, 8, 9, 10, 11, 4, 3, 12, 13, 14])
ONE_TOKEN = ([8], [9])
NO_QUESTION = ([], [7, 8, 9, 10])
NO_PASSAGE = ([7, 8, 9, 10], [])


def make_weights():
  """Weights for TINY, so large that attention is far from flat."""
  random = np.random.RandomState(0)
  return {name: np.float32(0.4 * random.randn(*shape) + name.endswith("gamma"))
          for name, shape in sorted(modeling.model_variables(TINY).items())}


WEIGHTS = make_weights()


def parse(mask_layer, mask_zone):
  return zones.parse_decodes(
      mask_layer, mask_zone, TINY.num_hidden_layers)


BASIC_DECODES = (
    parse("0-2", "q2,q2p,p2q,p2,q2+p2,q2+q2p+p2q+p2")
    + parse("0+2", "p2,q2+p2q") + parse("None", "q2,q2p,p2q,p2"))
ALL_DECODES = parse("0-2,0+2", "all") + parse("None", "all")
DECODES = [BASELINE] + BASIC_DECODES + ALL_DECODES


def features_of(*windows, length=FULL):
  """input_ids, input_mask and segment_ids, int32 [3, B, length]."""
  features = np.zeros([3, len(windows), length], np.int32)
  for row, (question, passage) in enumerate(windows):
    ids = [CLS] + question + [SEP] + passage + [SEP]
    features[0, row, :len(ids)] = ids
    features[1, row, :len(ids)] = 1
    features[2, row, len(question) + 2:len(ids)] = 1
  return features


def build(decodes, full_length=FULL, config=TINY, weights=None,
          is_training=False, **options):
  """Builds a model.

  Returns:
    function from features [3, B, S] to a dict from a decode's suffix to its
    logits, float32 [B, 2, S].
  """
  weights = weights or WEIGHTS
  with tf.Graph().as_default() as graph:
    inputs = [tf.placeholder(tf.int32, [None, None]) for _ in range(3)]
    model = modeling.BertModel(config, is_training, *inputs, decodes=decodes,
                               full_length=full_length, **options)
    logits = dict(zip(
        [decode.suffix for decode in decodes],
        tf.unstack(modeling.span_logits(config, model.sequence_output))))
    variables = tf.trainable_variables()
    session = tf.Session(graph=graph)
    # The second input of a variable's initializer is the initial value.
    session.run([v.initializer for v in variables],
                {v.initializer.inputs[1]: weights[v.op.name]
                 for v in variables})
  return lambda features: session.run(logits, dict(zip(inputs, features)))


@pytest.fixture(scope="module")
def sweep():
  """All of DECODES in one model."""
  return build(DECODES)


def furthest(a, b):
  return np.abs(np.asarray(a) - b).max()


def tolerance_of(logits, config=TINY):
  """How far float32 logits may be from others by the same formulas, not `all`."""
  return tolerances.float32_tolerance(
      np.abs(logits).max(), tolerances.model_operations(config, FULL))


def limit_of_all(window):
  """How far logits of any of ALL_DECODES may be from others, of one window."""
  features = features_of(window)[:, 0]
  real = features[1] == 1
  return max(tolerances.limits_of_all(
      lambda **how: reference_logits(
          TINY, WEIGHTS, features, decode, **how)[:, real]).furthest
             for decode in ALL_DECODES)


def layer_norm(x, weights, scope):
  mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
  return ((x - mean) / np.sqrt(variance + 1e-12)
          * weights[scope + "/LayerNorm/gamma"]
          + weights[scope + "/LayerNorm/beta"])


def dense(x, weights, scope):
  return x @ weights[scope + "/kernel"] + weights[scope + "/bias"]


ACTIVATIONS = {
    "gelu": lambda x: x / 2 * (
        1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
}


def masked_scores(scores, zones, kinds, shift):
  """Adds to attention logits [N, F, T] what zones mask, pair by pair.

  Args:
    kinds: str, for each position one of C, Q, S, P, _ ([PAD]).
    shift: bool, whether `all` really adds -10000, in float32.
  """
  if zones == ("all",):
    return (scores.astype(np.float32) + np.float32(-10000)).astype(
        np.float64) if shift else scores
  masked = {
      "q2": lambda i, j: i == "Q" and j == "Q",
      "p2": lambda i, j: i == "P" and j == "P",
      "p2q": lambda i, j: i != "Q" and j == "Q",
      "q2p": lambda i, j: i != "P" and j == "P",
  }
  return scores + [[
      -10000.0 * (j == "_" or any(masked[zone](i, j) for zone in zones))
      for j in kinds] for i in kinds]


def reference_logits(config, weights, features, decode, shift=True,
                     rounded=lambda x, num_operations: x):
  """Start and end logits of one window.

  Args:
    features: int [3, S].
    shift: as of masked_scores.
    rounded: function of what is computed and the length of its sums, from
      tolerances.rounding; left out, all is as exact as float64.

  Returns:
    float64 [2, S].
  """
  weights = {name: w.astype(np.float64) for name, w in weights.items()}
  ids, mask, segments = features
  first, second = int(np.sum(mask - segments)), int(np.sum(segments))
  kinds = ("C" + "Q" * (first - 2) + "S" + "P" * (second - 1) + "S"
           + "_" * (len(ids) - first - second))
  size = config.hidden_size
  project = lambda x, name: rounded(dense(x, weights, name), x.shape[-1])
  normalize = lambda x, name: rounded(layer_norm(x, weights, name), 2 * size)
  scope = "bert/embeddings"
  x = normalize(weights[scope + "/word_embeddings"][ids]
                + weights[scope + "/token_type_embeddings"][segments]
                + weights[scope + "/position_embeddings"][:len(ids)], scope)
  heads = lambda y: y.reshape(
      len(ids), config.num_attention_heads, -1).transpose(1, 0, 2)
  for layer in range(config.num_hidden_layers):
    scope = "bert/encoder/layer_%d" % layer
    query, key, value = [
        heads(project(x, scope + "/attention/self/" + name))
        for name in ("query", "key", "value")]
    scores = rounded(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]),
                     query.shape[-1])
    scores = masked_scores(scores, decode.zones_at(layer), kinds, shift)
    attention = np.exp(scores - scores.max(-1, keepdims=True))
    attention = rounded(attention / attention.sum(-1, keepdims=True), len(ids))
    context = rounded(attention @ value, len(ids))
    context = context.transpose(1, 0, 2).reshape(x.shape)
    x = normalize(x + project(context, scope + "/attention/output/dense"),
                  scope + "/attention/output")
    inner = ACTIVATIONS[config.hidden_act](
        project(x, scope + "/intermediate/dense"))
    x = normalize(x + project(inner, scope + "/output/dense"), scope + "/output")
  logits = weights["cls/squad/output_weights"] @ x.T
  return rounded(logits + weights["cls/squad/output_bias"][:, None], size)


@pytest.mark.parametrize("window", [
    SHORT, LONG, FILLED, ONE_TOKEN, NO_QUESTION, NO_PASSAGE])
def test_formulas(sweep, window):
  features = features_of(window)
  real = features[1, 0] == 1
  logits = sweep(features)
  for decode in DECODES:
    expected = reference_logits(TINY, WEIGHTS, features[:, 0], decode)
    error = furthest(logits[decode.suffix][0][:, real], expected[:, real])
    assert error < (limit_of_all(window) if decode in ALL_DECODES
                    else tolerance_of(expected)), decode


@pytest.mark.parametrize("hidden_act", ["relu", "tanh"])
def test_other_activations(hidden_act):
  config = modeling.BertConfig(hidden_act=hidden_act, **CONFIG)
  features = features_of(FILLED)
  logits = build([BASELINE], config=config)(features)[""][0]
  expected = reference_logits(config, WEIGHTS, features[:, 0], BASELINE)
  assert furthest(logits, expected) < tolerance_of(expected)


def passage_logits(logits, window):
  """The logits of a batch's first window at its passage tokens."""
  question, passage = window
  start = len(question) + 2
  return logits[0, :, start:start + len(passage)]


@pytest.mark.parametrize("zone, layer, is_changed", [
    ("q2", 2, False), ("q2p", 2, False), ("p2q", 2, True), ("p2", 2, True),
    ("q2", 1, True), ("q2p", 1, True)])
def test_last_layer(sweep, zone, layer, is_changed):
  """Only a row's own attention counts in the last layer.

  Where nothing changes, the passage's hidden states are copies of the baseline's.
  Only the head multiplies them again, in other places of its matrix product,
  which may sum them in another order.
  """
  logits = sweep(features_of(LONG))
  baseline = passage_logits(logits[""], LONG)
  change = furthest(
      passage_logits(logits["_layer%d_%s" % (layer, zone)], LONG), baseline)
  rounding = tolerances.float32_tolerance(
      np.abs(baseline).max(), TINY.hidden_size)
  assert change > 0.01 if is_changed else change < rounding


@pytest.mark.parametrize("decode", ALL_DECODES, ids=lambda d: d.suffix)
def test_all_only_adds_padding(sweep, decode):
  filled, short = sweep(features_of(FILLED)), sweep(features_of(SHORT))
  # What is left is float32 rounding at -10000.
  assert furthest(filled[decode.suffix], filled[""]) < limit_of_all(FILLED)
  assert furthest(passage_logits(short[decode.suffix], SHORT),
                  passage_logits(short[""], SHORT)) > 0.05


@pytest.mark.parametrize("window, zones", [
    (NO_QUESTION, "q2,p2q"), (NO_PASSAGE, "p2,q2p")])
def test_an_empty_zone_changes_nothing(sweep, window, zones):
  logits = sweep(features_of(window))
  length = sum(map(len, window)) + 3
  for decode in parse("0-2", zones) + parse("None", zones):
    assert furthest(logits[decode.suffix][..., :length],
                    logits[""][..., :length]) < tolerance_of(logits[""])


@pytest.mark.parametrize("decode", [BASELINE] + parse(
    "0-2", "q2,q2p,p2q,p2,all") + parse("1", "q2+p2") + parse("0+2", "p2,all")
                         + parse("None", "p2,all"),
                         ids=lambda d: d.suffix or "baseline")
def test_a_decode_of_a_sweep_equals_it_alone(sweep, decode):
  windows = SHORT, LONG, FILLED
  features = features_of(*windows)
  alone = build([decode])(features)
  assert list(alone) == [decode.suffix]
  together = sweep(features)
  for row, window in enumerate(windows):
    real = features[1, row] == 1
    ours = together[decode.suffix][row][:, real]
    assert furthest(alone[decode.suffix][row][:, real], ours) < (
        limit_of_all(window) if decode in ALL_DECODES
        else tolerance_of(ours)), window


@pytest.mark.parametrize("batch, length", [
    ([SHORT], 16), ([SHORT, LONG], 13), ([SHORT, FILLED, ONE_TOKEN], 16)])
def test_neighbours_and_padding_change_nothing(sweep, batch, length):
  """For `all`, too, as full_length stays, but for float32 rounding."""
  alone = sweep(features_of(SHORT, length=10))
  together = sweep(features_of(*batch, length=length))
  real = slice(sum(map(len, SHORT)) + 3)
  for decode in DECODES:
    assert together[decode.suffix].shape == (len(batch), 2, length)
    ours = together[decode.suffix][0, :, real]
    assert furthest(ours, alone[decode.suffix][0, :, real]) < (
        limit_of_all(SHORT) if decode in ALL_DECODES
        else tolerance_of(ours)), decode


def test_all_depends_on_full_length(sweep):
  features = features_of(SHORT, length=10)
  nearer = build(ALL_DECODES, full_length=12)(features)
  further = sweep(features)
  for decode in ALL_DECODES:
    assert furthest(nearer[decode.suffix], further[decode.suffix]) > 0.05


def test_one_hot_embeddings_give_the_same(sweep):
  features = features_of(SHORT, LONG)
  one_hot = build([BASELINE], use_one_hot_embeddings=True)(features)
  logits = sweep(features)[""]
  assert furthest(one_hot[""], logits) < tolerance_of(logits)


@pytest.mark.parametrize("hidden, attention", [(0.3, 0.0), (0.0, 0.3)])
def test_dropout_is_for_training(sweep, hidden, attention):
  config = modeling.BertConfig(hidden_dropout_prob=hidden,
                               attention_probs_dropout_prob=attention, **CONFIG)
  features = features_of(SHORT, length=10)
  predict = build([BASELINE], config=config)
  logits = sweep(features)[""]
  assert furthest(predict(features)[""], logits) < tolerance_of(logits)
  train = lambda **options: build(
      [BASELINE], config=config, is_training=True, **options)(features)[""]
  dropped = train(random_seed=7, step=3)
  # The same graph and shapes: sums are split by the number of threads, never by
  # which of them is first, so that all bits are the same.
  assert furthest(dropped, train(random_seed=7, step=3)) == 0
  assert furthest(dropped, train(random_seed=7, step=4)) > 0.1
  assert furthest(dropped, train(random_seed=1007, step=3)) > 0.1
  assert furthest(dropped, sweep(features)[""]) > 0.1


def test_dropout_keeps_the_mean():
  """The dropout of each scope has numbers of its own; what stays is scaled."""
  config = modeling.BertConfig(hidden_dropout_prob=0.25, **CONFIG)
  with tf.Graph().as_default(), tf.Session() as session:
    ids = tf.zeros([1, 1], tf.int32)
    model = modeling.BertModel(config, True, ids, ids, ids)
    dropped = []
    for scope in ("first", "second"):
      with tf.variable_scope(scope):
        dropped.append(model._dropout(tf.ones([100, 200]), 0.25))
    first, second = session.run(dropped)
  # Shares of 20,000 numbers scatter by sqrt(0.25 * 0.75 / 20000) = 0.003, and by
  # sqrt(0.0625 * 0.9375 / 20000) = 0.0017; 5 times that is never seen.
  for dropped in (first, second):
    assert set(dropped.ravel()) == {0, np.float32(1 / 0.75)}
    assert abs((dropped == 0).mean() - 0.25) < 0.016
  assert abs(((first == 0) & (second == 0)).mean() - 0.0625) < 0.009


GOLDEN = {  # logits, model, features, layers
    "tiny": ("tiny-random", "xquad.120.96", "0-3"),
    "mini": ("minilm-l6", "xquad.120.384", "0,2,5"),
}


def load_golden(shared, name):
  """Returns (config, weights, features [3, B, S], logits, decodes)."""
  model, data, layers = GOLDEN[name]
  folder = shared / "models" / model
  config = modeling.BertConfig.from_json_file(str(folder / "bert_config.json"))
  reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
  weights = {v: reader.get_tensor(v) for v in modeling.model_variables(config)}
  golden = np.load(str(shared / "golden" / ("logits.%s.npz" % name)))
  features = np.load(str(shared / "golden/features" / (data + ".npz")))
  features = np.stack([features[key][golden["rows"]] for key in (
      "input_ids", "input_mask", "segment_ids")]).astype(np.int32)
  decodes = [BASELINE] + zones.parse_decodes(
      layers, "q2,q2p,p2q,p2,all", config.num_hidden_layers)
  logits = {d.suffix: golden[d.suffix[1:] or "baseline"] for d in decodes}
  assert len(golden.files) == len(logits) + 1
  return config, weights, features, logits, decodes


@functools.lru_cache(maxsize=None)
def golden_limits_of_all(shared, name, num_windows):
  """Limits for a golden model's decodes of `all`: dict from a suffix to them.

  Args:
    num_windows: int, how many of the first windows they are derived from.
  """
  config, weights, features, _, decodes = load_golden(shared, name)
  windows = features[:, :num_windows].transpose(1, 0, 2)
  return {decode.suffix: tolerances.limits_of_all(lambda **how: np.concatenate([
      reference_logits(config, weights, window, decode, **how)[:, window[1] == 1]
      for window in windows], 1))
          for decode in decodes if decode.zones == ("all",)}


def check_published(shared, name, logits, features, decodes):
  """Compares decodes' logits with published ones at all tokens.

  Args:
    shared, name: of load_golden.
    logits: dict of a decode's suffix to [rows, 2, S], of the first rows, cut to a
      length.
    features: [3, B, S] of these.
    decodes: list of Decode.
  """
  golden = load_golden(shared, name)[3]
  limits_of = golden_limits_of_all(shared, name, {"tiny": 8, "mini": 1}[name])
  rows, length = features.shape[1:]
  real = np.repeat(features[1, :, None] == 1, 2, axis=1)
  for decode in decodes:
    errors = np.abs(logits[decode.suffix]
                    - golden[decode.suffix][:rows, :, :length])[real]
    if decode.zones == ("all",):
      limits = limits_of[decode.suffix]
      assert errors.max() < limits.furthest, decode
      assert tolerances.root_mean_square(
          errors) < limits.root_mean_square, decode
    else:
      assert errors.max() < tolerances.PUBLISHED_LOGITS, decode


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_published_logits(shared, name):
  config, weights, features, golden, decodes = load_golden(shared, name)
  full_length = features.shape[2]
  run = build(decodes, full_length, config, weights)
  longest = features[1].sum(1).max()
  # A few as they are, and all cut to the longest, as length buckets cut them.
  for rows, length in ((2, full_length), (len(features[0]), longest)):
    part = features[:, :rows, :length]
    check_published(shared, name, run(part), part, decodes)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_published_logits_in_every_bucket_and_grouping(shared, batch_size):
  """Windows in batches of like length; the sizes part the forks differently."""
  config, weights, features, golden, decodes = load_golden(shared, "tiny")
  run = build(decodes, features.shape[2], config, weights, batch_size=batch_size)
  lengths = -(-features[1].sum(1) // 8) * 8
  assert len(set(lengths)) > 1
  logits = {decode.suffix: np.full(golden[""].shape, np.nan) for decode in decodes}
  for length in set(lengths):
    rows = np.flatnonzero(lengths == length)
    for first in range(0, len(rows), batch_size):
      some = rows[first:first + batch_size]
      for suffix, values in run(features[:, some, :length]).items():
        logits[suffix][some, :, :length] = values
  check_published(shared, "tiny", logits, features, decodes)


@pytest.mark.parametrize("suffix", [
    "", "_layer0_q2", "_layer1_q2p", "_layer2_p2q", "_layer3_p2", "_layer1_all"])
def test_published_logits_of_a_single_decode(shared, suffix):
  config, weights, features, golden, decodes = load_golden(shared, "tiny")
  decode, = [decode for decode in decodes if decode.suffix == suffix]
  run = build([decode], features.shape[2], config, weights)
  check_published(shared, "tiny", run(features), features, [decode])


@pytest.mark.parametrize("layer", range(4))
def test_published_all_adds_the_shift(shared, layer):
  """`all` without -10000, which only drops the padding mask, is found out."""
  config, weights, features, _, decodes = load_golden(shared, "tiny")
  decode, = [d for d in decodes if d.suffix == "_layer%d_all" % layer]
  features = features[:, :8]
  logits = {shift: {decode.suffix: np.stack([
      reference_logits(config, weights, window, decode, shift)
      for window in features.transpose(1, 0, 2)])} for shift in (True, False)}
  check_published(shared, "tiny", logits[True], features, [decode])
  with pytest.raises(AssertionError):
    check_published(shared, "tiny", logits[False], features, [decode])


def test_config(tmp_path):
  path = tmp_path / "bert_config.json"
  path.write_text("""{"vocab_size": 7, "hidden_size": 24, "hidden_act": "relu",
      "hidden_dropout_prob": 0.25, "pooler_fc_size": 768}""")
  config = modeling.BertConfig.from_json_file(str(path))
  assert vars(config) == {
      "vocab_size": 7, "hidden_size": 24, "num_hidden_layers": 12,
      "num_attention_heads": 12, "intermediate_size": 3072,
      "hidden_act": "relu", "hidden_dropout_prob": 0.25,
      "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 512,
      "type_vocab_size": 16, "initializer_range": 0.02}


@pytest.mark.parametrize("text, words", [
    ("{", "line 1"),
    ("[]", "vocab_size"),
    ('{"vocab_size": 7, "hidden_act": "swish"}', "hidden_act is 'swish'"),
    ('{"vocab_size": 7, "hidden_size": 10}', "10 is not a multiple of"),
])
def test_config_is_refused(tmp_path, text, words):
  path = tmp_path / "bert_config.json"
  path.write_text(text)
  with pytest.raises(ValueError) as refusal:
    modeling.BertConfig.from_json_file(str(path))
  assert "%s" % path in str(refusal.value)
  assert words in str(refusal.value)


def test_variables_have_the_names_of_googles_checkpoints():
  one_layer = modeling.BertConfig(**dict(CONFIG, num_hidden_layers=1))
  dense = lambda name, inputs, size: {
      name + "/kernel": [inputs, size], name + "/bias": [size]}
  norm = lambda name: {
      name + "/LayerNorm/beta": [16], name + "/LayerNorm/gamma": [16]}
  layer = "bert/encoder/layer_0/"
  assert modeling.model_variables(one_layer) == {
      "bert/embeddings/word_embeddings": [20, 16],
      "bert/embeddings/token_type_embeddings": [2, 16],
      "bert/embeddings/position_embeddings": [16, 16],
      **norm("bert/embeddings"),
      **dense(layer + "attention/self/query", 16, 16),
      **dense(layer + "attention/self/key", 16, 16),
      **dense(layer + "attention/self/value", 16, 16),
      **dense(layer + "attention/output/dense", 16, 16),
      **norm(layer + "attention/output"),
      **dense(layer + "intermediate/dense", 16, 24),
      **dense(layer + "output/dense", 24, 16),
      **norm(layer + "output"),
      "cls/squad/output_weights": [2, 16],
      "cls/squad/output_bias": [2],
  }
