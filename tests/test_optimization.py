"""optimization.py: the schedule, the update, and the published code's steps."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding import answer_head
import modeling
import optimization
import tokenization
import tolerances


# Roundings one after the other: in the schedule, the conversion of its numbers
# included, and in one update of a variable, that of the gradients' norm included.
SCHEDULE_OPERATIONS = 8
UPDATE_OPERATIONS = 30


def near(expected, size):
  """Compares what one update makes of numbers up to `size`."""
  return pytest.approx(expected, rel=0, abs=tolerances.float32_tolerance(
      size, UPDATE_OPERATIONS))


def rates_near(expected):
  """Compares learning rates with a peak of 0.3."""
  return pytest.approx(expected, rel=0, abs=tolerances.float32_tolerance(
      0.3, SCHEDULE_OPERATIONS))


def learning_rates(steps, num_warmup_steps):
  with tf.Graph().as_default(), tf.Session() as session:
    step = tf.placeholder(tf.int64, [])
    rate = optimization.learning_rate_at(step, 0.3, 10, num_warmup_steps)
    return [session.run(rate, {step: s}) for s in steps]


def test_learning_rate_with_warmup():
  assert learning_rates(range(12), 3) == rates_near(
      [0.0, 0.1, 0.2, 0.21, 0.18, 0.15, 0.12, 0.09, 0.06, 0.03, 0.0, 0.0])


def test_learning_rate_without_warmup():
  assert learning_rates(range(12), 0) == rates_near(
      [0.3, 0.27, 0.24, 0.21, 0.18, 0.15, 0.12, 0.09, 0.06, 0.03, 0.0, 0.0])


def linear_loss(variables, gradients):
  """A loss that has these gradients."""
  return tf.add_n([tf.reduce_sum(gradient * variable)
                   for variable, gradient in zip(variables, gradients)])


def step_once(initial, gradient, learning_rate=0.5, num_warmup_steps=0):
  """One step, of 10, for a variable: all values after it, by their names."""
  with tf.Graph().as_default(), tf.Session() as session:
    kernel = tf.get_variable("kernel", initializer=initial)
    train_op = optimization.create_optimizer(
        linear_loss([kernel], [gradient]), learning_rate, 10, num_warmup_steps,
        use_tpu=False)
    session.run(tf.global_variables_initializer())
    session.run(train_op)
    return session.run({v.op.name: v for v in tf.global_variables()})


def test_one_step_by_hand():
  after = step_once([1.0, -2.0], [0.3, -0.4])
  assert sorted(after) == [
      "global_step", "kernel", "kernel/adam_m", "kernel/adam_v"]
  assert after["global_step"] == 1
  assert after["kernel/adam_m"] == near([0.03, -0.04], 0.04)
  assert after["kernel/adam_v"] == near([0.00009, 0.00016], 0.00016)
  # 0.03 / (sqrt(0.00009) + 1e-6) = 3.161944, and 3.162028 for the second; bias
  # correction would make both 1. Then 0.01 times the variable, times 0.5.
  assert after["kernel"] == near([
      1 - 0.5 * (3.161944 + 0.01), -2 - 0.5 * (-3.162028 - 0.02)], 2.0)


def test_gradients_are_clipped_to_norm_1():
  assert step_once([1.0, 1.0], [3.0, -4.0])["kernel/adam_m"] == near(
      [0.06, -0.08], 0.08)


def test_the_first_step_of_a_warmup_changes_nothing():
  after = step_once([1.0, -2.0], [0.3, -0.4], num_warmup_steps=3)
  assert after["kernel"].tolist() == [1.0, -2.0]
  assert after["kernel/adam_m"] == near([0.03, -0.04], 0.04)
  assert after["global_step"] == 1


def apply(rate, initial, gradient, steps=1):
  """Steps of the optimizer alone, with one gradient for all of the variables.

  Returns:
    dict from a variable's name to its value, a float.
  """
  with tf.Graph().as_default(), tf.Session() as session:
    variables = [tf.get_variable(name, initializer=value)
                 for name, value in initial.items()]
    train_op = optimization.AdamWeightDecayOptimizer(
        rate, weight_decay_rate=0.01, exclude_from_weight_decay=[
            "LayerNorm", "bias"]).apply_gradients(
        [(tf.constant(gradient), variable) for variable in variables])
    session.run(tf.global_variables_initializer())
    for _ in range(steps):
      session.run(train_op)
    return dict(zip(initial, session.run(variables)))


def test_weight_decay_spares_layer_norm_and_bias():
  names = ["layer_0/output/dense/kernel", "word_embeddings",
           "layer_0/output/dense/bias", "output_bias",
           "layer_0/output/LayerNorm/gamma", "layer_0/output/LayerNorm/beta"]
  after = apply(0.5, {name: 2.0 for name in names}, gradient=0.0)
  # 2 - 0.5 * 0.01 * 2
  assert [after[name] for name in names] == near(
      [1.99, 1.99, 2.0, 2.0, 2.0, 2.0], 2.0)


def test_a_variable_without_gradient_stays():
  with tf.Graph().as_default(), tf.Session() as session:
    used, unused = [tf.get_variable(n, initializer=2.0) for n in ("a", "b")]
    train_op = optimization.create_optimizer(0.1 * used, 0.5, 10, 0, use_tpu=False)
    session.run(tf.global_variables_initializer())
    session.run(train_op)
    assert session.run(used) < 1 and session.run(unused) == 2


def test_moments_are_kept_between_steps():
  # m = 0.1, 0.19; v = 0.001, 0.001999 for a gradient of 1.
  after = apply(0.5, {"output_bias": 2.0}, gradient=1.0, steps=2)
  assert after["output_bias"] == near(
      2 - 0.5 * 0.1 / (math.sqrt(0.001) + 1e-6)
      - 0.5 * 0.19 / (math.sqrt(0.001999) + 1e-6), 2.0)


def test_gradients_of_a_row_that_is_looked_up_twice_add_up():
  with tf.Graph().as_default(), tf.Session() as session:
    table = tf.get_variable("table", initializer=[[1.0], [1.0], [1.0]])
    loss = 0.25 * tf.reduce_sum(tf.gather(table, [0, 2, 0]))
    train_op = optimization.create_optimizer(loss, 0.5, 10, 0, use_tpu=False)
    session.run(tf.global_variables_initializer())
    session.run(train_op)
    moments = session.run(tf.get_default_graph().get_tensor_by_name(
        "table/adam_m:0"))
  assert moments.ravel() == near([0.05, 0.0, 0.025], 0.05)


# The variables of the golden runs tell which learning rate each step had: that
# of the next step most of the time, now and then its own, as if the step
# counter were read while it is counted up. Here a step always has its own. To
# follow the golden runs, the counter is set ahead by one, but for the steps
# listed.
STEPS_WITH_THEIR_OWN_RATE = {
    "optimizer.0": (2, 3), "optimizer.1": (0,), "optimizer.2": (),
    "training": (1, 5)}


class CountedSteps:
  """Runs a train_op with the step counter of a golden run."""

  def __init__(self, session, name, train_op):
    global_step = tf.train.get_global_step()
    self._run = session.run
    self._own_rate = STEPS_WITH_THEIR_OWN_RATE[name]
    self._counter = tf.placeholder(tf.int64, [])
    self._set_counter = global_step.assign(self._counter)
    self._global_step = global_step
    self._train_op = train_op

  def __call__(self, step, fetches=(), feed=None):
    """Runs a step: values of `fetches` before it changes variables."""
    counter = step if step in self._own_rate else step + 1
    self._run(self._set_counter, {self._counter: counter})
    values, _ = self._run([fetches, self._train_op], feed)
    assert self._run(self._global_step) == counter + 1
    return values


# How large m / sqrt(v) can be: by the inequality of Cauchy and Schwarz, with
# m = 0.1 sum 0.9^k g_k and v = 0.001 sum 0.999^k g_k^2.
LARGEST_STEP = 0.1 / math.sqrt(0.001) / math.sqrt(1 - 0.9 ** 2 / 0.999)


def updates_tolerance(size, peak_rate, num_steps, error_of_a_step=None):
  """How far apart variables can be after some steps from the same start.

  Args:
    size: float, the largest value.
    peak_rate: float, the largest learning rate.
    num_steps: int.
    error_of_a_step: float, of m / sqrt(v); left out: that of its roundings, when
      the gradients are the same.

  Returns:
    float.
  """
  if error_of_a_step is None:
    # What the moments were off by before comes along.
    error_of_a_step = tolerances.float32_tolerance(
        LARGEST_STEP, UPDATE_OPERATIONS + 4 * num_steps)
  return (tolerances.float32_tolerance(size, num_steps)
          + num_steps * peak_rate * error_of_a_step)


# The slice's file is the whole one.
@pytest.mark.parametrize("golden, name", [
    ("slice", "optimizer.0"), ("whole", "optimizer.1"), ("whole", "optimizer.2")],
                         indirect=["golden"])
def test_published_optimizer(golden, name):
  published = np.load(str(golden.numbers / (name + ".npz")))
  names = [key[len("init:"):] for key in published if key.startswith("init:")]
  num_train_steps = int(published["num_train_steps"])
  learning_rate = float(published["learning_rate"])
  with tf.Graph().as_default(), tf.Session() as session:
    variables = [tf.get_variable(n, initializer=published["init:" + n])
                 for n in names]
    gradients = [tf.placeholder(tf.float32, v.shape) for v in variables]
    train_op = optimization.create_optimizer(
        linear_loss(variables, gradients), learning_rate, num_train_steps,
        int(published["num_warmup_steps"]), use_tpu=False)
    run_step = CountedSteps(session, name, train_op)
    session.run(tf.global_variables_initializer())
    for step in range(num_train_steps):
      run_step(step, feed={placeholder: published["grads:" + n][step]
                           for placeholder, n in zip(gradients, names)})
      for n, value in zip(names, session.run(variables)):
        expected = published["after:" + n][step]
        np.testing.assert_allclose(
            value, expected, rtol=0, atol=updates_tolerance(
                np.abs(expected).max(), learning_rate, step + 1))


def training_features(golden):
  """The one window of squad-train-one.json, padded to 384."""
  examples, _ = squad_data.read_examples(
      str(golden.data / "squad-train-one.json"), is_training=True)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(str(golden.models / "vocab/uncased.txt")), True)
  window, = windows.make_windows(
      examples, tokenizer, windows.WindowSizes(384, 128, 64),
      is_training=True)
  length = len(window.input_ids)
  position = np.arange(384)
  input_ids = np.zeros(384, np.int32)
  input_ids[:length] = window.input_ids
  is_second = (position >= window.question_length + 2) & (position < length)
  features = {
      "input_ids": input_ids, "input_mask": position < length,
      "segment_ids": is_second, "start_position": window.start_position,
      "end_position": window.end_position}
  return {key: tf.constant(np.array([value], np.int32))
          for key, value in features.items()}


# The slice's losses are the whole ones.
@pytest.mark.parametrize("golden", ["slice"], indirect=True)
def test_published_training(golden):
  published = np.load(str(golden.numbers / "training.npz"))
  folder = golden.models / "tiny-random"
  config = modeling.BertConfig.from_json_file(str(folder / "bert_config.json"))
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
  with tf.Graph().as_default() as graph, tf.Session() as session:
    features = training_features(golden)
    model = modeling.BertModel(
        config, True, features["input_ids"], features["input_mask"],
        features["segment_ids"], scope="bert")
    loss = answer_head.span_loss(
        features, answer_head.span_logits(model.get_sequence_output()))
    names = [v.op.name for v in tf.trainable_variables()]
    train_op = optimization.create_optimizer(
        loss, float(published["learning_rate"]),
        int(published["num_train_steps"]), int(published["num_warmup_steps"]),
        use_tpu=False)
    tf.train.init_from_checkpoint(
        str(folder / "bert_model.ckpt"), dict(zip(names, names)))
    run_step = CountedSteps(session, "training", train_op)
    session.run(tf.global_variables_initializer())
    losses = [run_step(step, loss) for step in range(30)]
    final = {key: session.run(graph.get_tensor_by_name(
        key[len("final:"):] + ":0"))
             for key in published if key.startswith("final:")}
  # Logits within 5e-4 of the published ones move a loss -log p by at most
  # 2 * 5e-4 * (1 - p), which is below 1e-3 of it. And near p = 1 the softmax's sum
  # of 384 terms is 1 and little more, rounded like 1.
  relative = 2 * tolerances.PUBLISHED_LOGITS
  np.testing.assert_allclose(
      losses, published["loss"], rtol=relative,
      atol=tolerances.float32_tolerance(1.0, 384))
  assert len(final) == 4
  for key, value in final.items():
    # Of the position embeddings, the first are kept. The gradients are as near
    # each other as the losses.
    np.testing.assert_allclose(
        value[:len(published[key])], published[key], rtol=0, atol=updates_tolerance(
            np.abs(published[key]).max(), float(published["learning_rate"]), 30,
            error_of_a_step=relative * LARGEST_STEP))
