"""What is random follows from the seed and a name, and from nothing else."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import seeds
from attention_zones.decoding import answer_head
import modeling
import tiny_model

LENGTH = 24

# The first numbers of seed 1, at step 2.
WORDS = ["-0.156764", "-0.133482", "-0.090899"]
HEAD = ["0.184720", "0.005021", "0.248465"]
FIRST = ["0.103588", "0.376625", "0.756418"]
LAST = ["0.787876", "0.161719", "0.162483"]


@functools.lru_cache(maxsize=None)
def numbers_of(seed, before=lambda: None):
  """The initial weights and what each dropout draws, in a training's graph.

  Args:
    seed: int.
    before: function that is called in the graph before the model is built.

  Returns:
    (weights, dropouts): dict from a variable's name to its value; for each of
    the steps 0, 1 and 2 a list of arrays, one for each dropout in the order of
    the layers.
  """
  config = modeling.BertConfig(**tiny_model.CONFIG)
  with tf.Graph().as_default() as graph, tf.Session() as session:
    tf.set_random_seed(seed)
    before()
    old = set(graph.get_operations())
    step = tf.placeholder(tf.int32, [])
    ids = tf.ones([4, LENGTH], tf.int32)
    encoder = modeling.Encoder(
        config, is_training=True, random_seed=seed, step=step)
    outputs = encoder.encode(encoder.embed(ids, ids), [0.0] * 2)
    answer_head.span_logits(outputs[-1], config.initializer_range, seed)
    drawn = [op.outputs[0] for op in graph.get_operations()
             if op.type.startswith("StatelessRandomUniform") and op not in old]
    session.run(tf.global_variables_initializer())
    weights = session.run({v.op.name: v for v in tf.trainable_variables()})
    return weights, [session.run(drawn, {step: number}) for number in range(3)]


def test_numbers_of_derive():
  """Of `printf "1 shuffle" | sha256sum` the first 31 bits."""
  assert seeds.derive(1, "shuffle") == 1578800592
  assert seeds.derive(2, "shuffle") == 1363474445
  name = "bert/encoder/layer_3/attention/output/dropout"
  assert seeds.derive(12345, name) == 266037032


@pytest.mark.slow
def test_dropouts_of_five_seeds_and_two_steps_have_nothing_in_common():
  """70 streams. Of independent ones the correlation over n numbers has the
  deviation 1 / sqrt(n); 6 of these are passed once in 5e8 pairs. Streams that
  are shared have 1."""
  streams = [stream.ravel() for seed in range(1, 6)
             for dropouts in numbers_of(seed)[1][:2] for stream in dropouts]
  # The embeddings, and three in each of two layers.
  assert len(streams) == 5 * 2 * 7
  count = min(stream.size for stream in streams)
  assert count == 4 * LENGTH * 14
  correlations = np.corrcoef([stream[:count] for stream in streams])
  others = correlations[np.triu_indices(len(streams), 1)]
  assert len(others) == 70 * 69 // 2
  assert np.abs(others).max() < 6 / np.sqrt(count)


def test_weights_of_five_seeds_have_nothing_in_common():
  drawn = [np.concatenate([
      value.ravel() for name, value in sorted(numbers_of(seed)[0].items())
      if value.std() > 0]) for seed in range(1, 6)]
  # The standard deviation of a normal distribution cut at 2 is 0.8796 of its
  # own; that of n numbers' is off by about 1 / sqrt(2 n) of it.
  for numbers in drawn:
    assert abs(numbers.std() / (0.8796 * 0.2) - 1) < 6 / np.sqrt(2 * numbers.size)
    assert np.abs(numbers).max() <= 0.4
  for one, other in itertools.combinations(drawn, 2):
    assert abs(np.corrcoef(one, other)[0, 1]) < 6 / np.sqrt(one.size)


def test_the_same_numbers_whatever_else_the_graph_has():
  def more():
    for size in range(1, 20):
      tf.get_variable("other_%d" % size, [size])
      tf.random.uniform([size])
  weights, dropouts = numbers_of(3)
  more_weights, more_dropouts = numbers_of(3, before=more)
  assert set(weights) == set(more_weights) - {
      "other_%d" % size for size in range(1, 20)}
  for name in weights:
    np.testing.assert_array_equal(weights[name], more_weights[name], name)
  for step in range(3):
    assert len(dropouts[step]) == len(more_dropouts[step]) == 7
    for one, other in zip(dropouts[step], more_dropouts[step]):
      np.testing.assert_array_equal(one, other)


def test_numbers_stay_from_version_to_version():
  """Another figure here means that version.NUMBERS has to be raised."""
  weights, dropouts = numbers_of(1)
  shown = lambda array: ["%.6f" % x for x in array.ravel()[:3]]
  assert shown(weights["bert/embeddings/word_embeddings"]) == WORDS
  assert shown(weights["cls/squad/output_weights"]) == HEAD
  assert shown(dropouts[2][0]) == FIRST
  assert shown(dropouts[2][-1]) == LAST
