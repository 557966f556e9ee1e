"""modeling.py: one layer and the loop, against formulas in numpy."""

import doctest

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import answer_head
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones.decodes import Decode
from attention_zones.zones import masking
from bert_reference import CONFIG
from bert_reference import features_of
from bert_reference import FILLED
from bert_reference import FULL
from bert_reference import furthest
from bert_reference import parse
from bert_reference import reference_logits
from bert_reference import SHORT
from bert_reference import TINY
from bert_reference import tolerance_of
from bert_reference import variables_of
from bert_reference import WEIGHTS
import bert_reference
import modeling


def test_the_example_of_the_docstring():
  results = doctest.testmod(modeling)
  assert results.attempted == 7 and not results.failed


def encode(features, decode=BASELINE, config=TINY, **options):
  """Logits of one decode by plain `encode`: float32 [B, 2, S].

  Args:
    features: int [3, B, S].
    options: further arguments of Encoder.
  """
  with tf.Graph().as_default(), tf.Session() as session:
    ids, _, segments = [tf.constant(f) for f in features]
    tokens = bert_reference.token_sets(features)
    encoder = modeling.Encoder(config, **options)
    hidden = encoder.embed(ids, segments)
    outputs = encoder.encode(hidden, [
        decode.mask_at(layer).additive(tokens)
        for layer in range(config.num_hidden_layers)])
    logits = answer_head.span_logits(outputs[-1])
    bert_reference.load(session, WEIGHTS)
    return session.run(logits)


@pytest.mark.parametrize("decode", [BASELINE] + parse("1", "q2,q2p,p2q,p2"),
                         ids=lambda d: d.file_name())
def test_formulas(decode):
  features = features_of(SHORT, FILLED)
  logits = encode(features, decode)
  for row in range(2):
    real = features[1, row] == 1
    expected = reference_logits(TINY, WEIGHTS, features[:, row], decode)[:, real]
    assert furthest(logits[row][:, real], expected) < tolerance_of(expected)


@pytest.mark.parametrize("hidden_act", ["relu", "tanh", "gelu_erf"])
def test_other_activations(hidden_act):
  config = modeling.BertConfig(hidden_act=hidden_act, **CONFIG)
  features = features_of(FILLED)
  expected = reference_logits(config, WEIGHTS, features[:, 0], BASELINE)
  assert furthest(encode(features, config=config)[0], expected) < (
      tolerance_of(expected))


def test_the_epsilon_of_layer_norm_is_the_configs():
  """With a variance of about 1, another 1 in the root changes much."""
  features = features_of(FILLED)
  config = modeling.BertConfig(layer_norm_eps=0.99, **CONFIG)
  assert furthest(encode(features, config=config), encode(features)) > 0.1


def test_one_hot_embeddings_give_the_same():
  features = features_of(SHORT, FILLED)
  logits = encode(features)
  assert furthest(encode(features, use_one_hot_embeddings=True), logits) < (
      tolerance_of(logits))


def test_weights_can_be_had():
  """What a query gives to all keys is 1; nothing of it to those masked."""
  features = features_of(SHORT)
  decode = Decode.of((0,), masking.union(["p2q"]))
  with tf.Graph().as_default(), tf.Session() as session:
    ids, _, segments = [tf.constant(f) for f in features]
    tokens = bert_reference.token_sets(features)
    encoder = modeling.Encoder(TINY)
    hidden = encoder.embed(ids, segments)
    additive = decode.mask_at(0).additive(tokens)
    plain = encoder.layer(0, hidden, encoder.heads(0, hidden), additive)
    output, weights = encoder.layer(
        0, hidden, encoder.heads(0, hidden), additive, keep_weights=True)
    session.run(tf.global_variables_initializer())
    plain, output, weights, masked = session.run(
        [plain, output, weights, additive])
  assert (plain == output).all()
  assert weights.shape == (1, 2, FULL, FULL)
  # A sum of 16 numbers, each rounded: 2^-24 for each, and for the sum's steps.
  np.testing.assert_allclose(weights.sum(-1), 1, atol=32 * 2.0 ** -24)
  assert (weights[np.broadcast_to(masked, weights.shape) < 0] == 0).all()


def test_an_edit_acts_between_softmax_and_values():
  """Weights of 0 leave the residual, as if the values were 0."""
  features = features_of(SHORT)
  with tf.Graph().as_default(), tf.Session() as session:
    encoder = modeling.Encoder(TINY)
    hidden = encoder.embed(*map(tf.constant, features[[0, 2]]))
    heads = encoder.heads(0, hidden)
    edited = encoder.layer(0, hidden, heads, 0.0, edit=tf.zeros_like)
    no_values = encoder.layer(
        0, hidden, heads._replace(value=tf.zeros_like(heads.value)), 0.0)
    session.run(tf.global_variables_initializer())
    edited, no_values = session.run([edited, no_values])
  assert (edited == no_values).all()


@pytest.mark.parametrize("hidden, attention", [
    (0.3, 0.0), pytest.param(0.0, 0.3, marks=pytest.mark.slow)])
def test_dropout_is_for_training(hidden, attention):
  config = modeling.BertConfig(hidden_dropout_prob=hidden,
                               attention_probs_dropout_prob=attention, **CONFIG)
  features = features_of(SHORT, length=10)
  logits = encode(features)
  assert furthest(encode(features, config=config), logits) < (
      tolerance_of(logits))
  train = lambda seed, step: encode(
      features, config=config, is_training=True, random_seed=seed, step=step)
  dropped = train(7, 3)
  # The same graph and shapes: sums are split by the number of threads, never by
  # which of them is first, so that all bits are the same.
  assert furthest(dropped, train(7, 3)) == 0
  assert furthest(dropped, train(7, 4)) > 0.1
  assert furthest(dropped, train(8, 3)) > 0.1
  assert furthest(dropped, logits) > 0.1


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
      "type_vocab_size": 16, "initializer_range": 0.02, "pooler_fc_size": 768,
      "model_type": None, "embedding_size": None, "num_hidden_groups": None,
      "layer_norm_eps": 1e-12}
  assert config.architecture == "bert"


@pytest.mark.parametrize("text, words", [
    ("{", "line 1"),
    ("[]", "vocab_size"),
    ('{"vocab_size": 7, "hidden_act": "swish"}', "hidden_act is 'swish'"),
    ('{"vocab_size": 7, "model_type": "roberta"}',
     "model_type is 'roberta'; should be one of albert, bert, electra"),
    ('{"vocab_size": 7, "embedding_size": "8"}', "embedding_size is '8'"),
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
  assert variables_of(one_layer) == {
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
