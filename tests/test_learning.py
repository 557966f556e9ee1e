"""A training step of each architecture: all variables move, the loss falls."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import answer_head
from attention_zones.zones import masking
import architectures
import bert_reference
import modeling
import optimization

STEPS = 40


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    name if name == "bert" else pytest.param(name, marks=pytest.mark.thorough)
    for name in architectures.NAMES])
def test_three_windows_are_learned_by_heart(name):
  config = architectures.config_of(name, dict(
      bert_reference.CONFIG, hidden_dropout_prob=0.0,
      attention_probs_dropout_prob=0.0))
  features = bert_reference.features_of(
      bert_reference.SHORT, bert_reference.LONG, bert_reference.FILLED)
  with tf.Graph().as_default(), tf.Session() as session:
    encoder = modeling.Encoder(config, is_training=True, random_seed=1, step=0)
    tokens = bert_reference.token_sets(features)
    hidden = encoder.encode(
        encoder.embed(tf.constant(features[0]), tf.constant(features[2])),
        [masking.NOTHING.additive(tokens)] * config.num_hidden_layers)[-1]
    loss = answer_head.span_loss(
        {"start_position": tf.constant([5, 6, 9]),
         "end_position": tf.constant([6, 8, 9])},
        answer_head.span_logits(hidden, config.initializer_range, 1))
    update = optimization.create_optimizer(loss, 0.01, STEPS, 0, use_tpu=False)
    session.run(tf.global_variables_initializer())
    weights = {v.op.name: v for v in tf.trainable_variables()}
    first_loss, before = session.run([loss, weights])
    session.run(update)
    after = session.run(weights)
    # A bias of keys adds the same to all logits of a row: softmax ignores it.
    still = [variable for variable in weights if not variable.endswith(
        "key/bias") and (before[variable] == after[variable]).all()]
    assert not still and set(weights) == set(bert_reference.variables_of(config))
    for _ in range(STEPS - 1):
      session.run(update)
    last_loss = session.run(loss)
  # Guessing among 16 positions; then right on all.
  assert first_loss == pytest.approx(np.log(16), rel=0.2)
  assert last_loss < 0.1
