"""Where random numbers come from: a hash of the seed and of a name.

Initial weights, dropout and shuffling each draw from a stream of their own. The
stream depends on --random_seed and a name (of a variable, of a layer's dropout,
"shuffle"), but not on the number of operations in a graph, so that a later change
of the code draws the same numbers. Streams of two seeds have nothing in common, so
that trainings with the seeds 1 to 5 are independent runs.
"""

import hashlib

import tensorflow.compat.v1 as tf


def derive(seed, name):
  """Makes the seed of one use of random numbers.

    derive(1, "shuffle") == 1578800592

  Args:
    seed: int, --random_seed.
    name: str, what the numbers are for.

  Returns:
    int of 31 bits, the first of SHA-256 of "SEED NAME".
  """
  text = "%d %s" % (seed, name)
  digest = hashlib.sha256(text.encode("utf-8")).digest()
  return int.from_bytes(digest[:4], "big") >> 1


def scoped(name):
  """The name that a variable called `name` has in the current variable scope."""
  scope = tf.get_variable_scope().name
  return scope + "/" + name if scope else name


def truncated_normal(stddev, seed, name):
  """Makes an initializer whose numbers follow from the seed and the name alone.

  Args:
    stddev: float; numbers further than two of these from 0 are drawn again.
    seed: int, --random_seed.
    name: str, the variable's, within the current variable scope.

  Returns:
    function as tf.get_variable takes it.
  """
  pair = [derive(seed, scoped(name)), 0]

  def initializer(shape, dtype=tf.float32, partition_info=None):
    del partition_info
    return tf.random.stateless_truncated_normal(
        shape, pair, stddev=stddev, dtype=dtype)
  return initializer


def uniform(shape, seed, step, name):
  """Draws the random numbers of a dropout.

  Args:
    shape: int32 Tensor.
    seed: int, --random_seed.
    step: int or int32 scalar Tensor, the training step. Numbers of two steps, or
      of two names, are independent: (name's hash, step) is the generator's key.
      None draws new numbers each time that the graph runs.
    name: str, "bert/encoder/layer_3/attention/output/dropout" for example.

  Returns:
    float32 Tensor of `shape`, from 0 to below 1.
  """
  key = derive(seed, name)
  if step is None:
    return tf.random.uniform(shape, seed=key)
  return tf.random.stateless_uniform(shape, tf.stack([key, step]))
