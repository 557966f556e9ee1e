"""Training step and sweep compiled with XLA, with static shapes: nearest to a TPU.

A TPU runs only what XLA compiles, and knows each shape beforehand. An operation
that XLA cannot compile fails here. The results are those of the graph without XLA.
"""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import answer_head
from attention_zones.decoding import sweep
from attention_zones.zones import grammar
from attention_zones.zones import layouts
from attention_zones.zones import masking
from attention_zones.zones import zones
import architectures
import bert_reference
import modeling
import optimization
import tiny_model
import tolerances

pytestmark = pytest.mark.skipif(
    tf.__version__.startswith("1."),
    reason="XLA of TensorFlow 1.15 compiles the sweep for minutes")

LENGTH, BATCH, STEPS = 24, 4, 3


@pytest.fixture(params=architectures.NAMES)
def config(request):
  return architectures.config_of(request.param, dict(
      tiny_model.CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))


def windows():
  """Features of BATCH windows of LENGTH, of which the last half is padding."""
  random = np.random.RandomState(2)
  length = np.array([LENGTH, LENGTH, 13, 9])[:, None]
  position = np.arange(LENGTH)[None]
  is_real = position < length
  question = np.full(BATCH, 4)
  numbers = dict(layouts.BERT.places(question, length[:, 0] - 7), **{
      "question_length": question, "passage_length": length[:, 0] - 7,
      "input_ids": is_real * random.randint(
          4, len(tiny_model.VOCAB), [BATCH, LENGTH]),
      "segment_ids": is_real & (position >= 6),
      "example_index": np.arange(BATCH), "num_windows": np.ones(BATCH),
      "first_token": np.zeros(BATCH),
      "start_position": np.full(BATCH, 6), "end_position": np.full(BATCH, 7),
      "members_of_answer": (position == 7) | (position == 8),
      # Not the order of a draw, but one.
      "ranks_in_draw_1": np.tile(7 * np.arange(LENGTH) % LENGTH, [BATCH, 1])})
  return {name: value.astype(np.int32) for name, value in numbers.items()}


def run(compute, is_compiled):
  """Runs a computation STEPS times.

  Args:
    compute: function from features to a list of Tensors.
    is_compiled: bool, whether with XLA.

  Returns:
    (list of what each step computed, dict from a variable's name to its value).
  """
  with tf.Graph().as_default(), tf.Session() as session:
    # XLA changes resource variables only; TPUEstimator makes these, too.
    with tf.variable_scope("", use_resource=True):
      tf.train.get_or_create_global_step()
      numbers = windows()
      names = sorted(numbers)
      on = lambda *values: compute(dict(zip(names, values)))
      inputs = [tf.constant(numbers[name]) for name in names]
      outputs = (tf.xla.experimental.compile(on, inputs) if is_compiled
                 else on(*inputs))
    session.run(tf.global_variables_initializer())
    steps = [session.run(outputs) for _ in range(STEPS)]
    return steps, {v.op.name: session.run(v) for v in tf.global_variables()}


def train_step(config, features):
  encoder = modeling.Encoder(
      config, is_training=True, use_one_hot_embeddings=True, random_seed=1, step=0)
  tokens = zones.token_sets(features)
  masks = [masking.NOTHING.additive(tokens)] * config.num_hidden_layers
  hidden = encoder.embed(features["input_ids"], features["segment_ids"])
  loss = answer_head.span_loss(features, answer_head.span_logits(
      encoder.encode(hidden, masks)[-1], config.initializer_range, 1))
  update = optimization.create_optimizer(loss, 1e-3, 10, 0, use_tpu=False)
  with tf.control_dependencies([update]):
    return [tf.identity(loss)]


def all_decodes(config, features):
  """The candidates of a sweep: the five zones of each layer, controls, a head."""
  encoder = modeling.Encoder(config, use_one_hot_embeddings=True, random_seed=1)
  swept = grammar.parse_decodes(
      "0-1", "q2,q2p,p2q,p2,all,p2q@1,q2@1,p2@flat,p2@zero,p_answer,notanswer_p",
      config.num_hidden_layers)
  swept += grammar.parse_decodes(
      "1", "p2,off", config.num_hidden_layers, "1", config.num_attention_heads)[1:]
  logits = answer_head.span_logits(sweep.run(
      encoder, features, swept, LENGTH, BATCH), config.initializer_range, 1)
  outputs = [logits]
  for limits_logits in (False, True):
    found = answer_head.candidates(features, logits, 3, limits_logits)
    outputs += [found[name] for name in sorted(found)]
  return outputs


def test_training_step(config):
  """The loss of each step; the second and third show what the updates did."""
  step = functools.partial(train_step, config)
  (plain, before), (compiled, after) = run(step, False), run(step, True)
  assert before["global_step"] == after["global_step"] == STEPS
  # Each with its two moments.
  assert set(before) == set(after) and (
      len(before) == 1 + 3 * len(bert_reference.variables_of(config)))
  tolerance = tolerances.float32_tolerance(
      np.max(plain), tolerances.model_operations(config, LENGTH))
  assert np.abs(np.subtract(plain, compiled)).max() <= tolerance
  # An update does more than that.
  assert np.abs(np.diff(plain, axis=0)).min() > 10 * tolerance


def test_sweep_with_all_zones_and_controls(config):
  compute = functools.partial(all_decodes, config)
  (plain, _), (compiled, _) = run(compute, False), run(compute, True)
  plain, compiled = plain[0], compiled[0]
  assert plain[0].shape == (1 + 2 * 11 + 2, BATCH, 2, LENGTH)
  size = np.abs(plain[0]).max()
  # A logit of attention that is rounded to the other side, beside -10000, moves the
  # weights by this share of themselves.
  step = tolerances.STEP_AT_MASKED_LOGIT * size
  assert step > tolerances.float32_tolerance(
      size, tolerances.model_operations(config, LENGTH))
  assert plain[0].std() > 100 * step
  # The logits and SQuAD's candidates, then those of CMRC 2018: a log-probability is
  # the difference of two numbers that are off by a step.
  of_squad = 1 + (len(plain) - 1) // 2
  limits = [step] * of_squad + [2 * step] * (of_squad - 1)
  for one, other, limit in zip(plain, compiled, limits):
    if one.dtype == np.float32:
      assert np.abs(one - other).max() <= limit
    else:
      assert (one == other).all()
