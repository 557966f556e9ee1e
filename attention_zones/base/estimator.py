"""TensorFlow's estimator, which trains and predicts on CPU, GPU and TPU.

It makes a graph and reads the checkpoint for each prediction. Kept, for calls from
Python, does so once, on CPU and GPU.
"""

import tensorflow.compat.v1 as tf

from attention_zones.base import machine
from attention_zones.base import seeds

# The hidden_size from which on sharing one operation between threads pays: a
# training of the demo's model, of width 64, takes two thirds of the time without.
_WORTH_SHARING = 128


def session_config(hidden_size, num_decodes):
  """How sessions use cores and GPU: a tf.ConfigProto.

  A sweep has many operations that do not wait for each other. Running several at
  once, with few threads each, wastes less time than running one after the other
  with many threads. An operation of a small model is not worth sharing between
  threads at all. Of a GPU's memory sessions take what they need, not all at once.
  """
  cores = machine.cores()
  at_once = threads = cores
  if num_decodes > 1:
    at_once = min(4, cores)
    threads = cores // at_once
  if hidden_size < _WORTH_SHARING:
    threads = 1
  return tf.ConfigProto(
      gpu_options=tf.GPUOptions(allow_growth=True),
      inter_op_parallelism_threads=at_once, intra_op_parallelism_threads=threads)


def make(options, model_fn, session, predict_batch_size=None):
  """Makes the TPUEstimator, which also runs on CPU and GPU.

  Args:
    options: namespace of run_squad.py's flags.
    model_fn: function, as TPUEstimator takes it.
    session: tf.ConfigProto, as session_config returns it.
    predict_batch_size: int, windows in a step of a prediction.
  """
  resolver = None
  if options.use_tpu and options.tpu_name:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
        options.tpu_name, zone=options.tpu_zone, project=options.gcp_project)
  run_config = tf.estimator.tpu.RunConfig(
      cluster=resolver,
      master=options.master,
      model_dir=options.output_dir,
      tf_random_seed=seeds.derive(options.random_seed, "graph"),
      session_config=session,
      save_checkpoints_steps=options.save_checkpoints_steps,
      tpu_config=tf.estimator.tpu.TPUConfig(
          iterations_per_loop=options.iterations_per_loop,
          num_shards=options.num_tpu_cores,
          per_host_input_for_training=(
              tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2)))
  return tf.estimator.tpu.TPUEstimator(
      use_tpu=options.use_tpu, model_fn=model_fn, config=run_config,
      train_batch_size=options.train_batch_size,
      predict_batch_size=predict_batch_size)


class Kept:
  """A graph and a session that stay, with one copy of a model's weights.

  Each call adds its windows to the graph, about 1 kB each, and so does each new key
  what it computes: a new Kept frees them.

  Args:
    session: tf.ConfigProto, as session_config returns it.
    checkpoint: str, the prefix of the files with the weights.
    make_encoder: function that makes the modeling.Encoder, in the graph.
  """

  def __init__(self, session, checkpoint, make_encoder):
    self._graph = tf.Graph()
    with self._graph.as_default():
      self._encoder = make_encoder()
    self._session = tf.Session(graph=self._graph, config=session)
    self._checkpoint, self._restored = checkpoint, set()
    # From a key to what was made for it: (tf.data.Iterator, dict of Tensors).
    self._made = {}

  def outputs(self, key, compute, make_dataset):
    """Predicts; what is made for a key is made once.

    Args:
      key: hashable, says what `compute` computes.
      compute: function from the Encoder and its features to a dict of Tensors, the
        first dimension of which is that of the batch.
      make_dataset: function that makes the tf.data.Dataset of the features.

    Yields:
      dict of arrays, one for each window.
    """
    with self._graph.as_default():
      dataset = make_dataset()
      shapes = tf.data.get_output_shapes(dataset)
      key = key, str(sorted(shapes.items()))
      if key not in self._made:
        iterator = tf.data.Iterator.from_structure(
            tf.data.get_output_types(dataset), shapes)
        self._made[key] = iterator, compute(self._encoder, iterator.get_next())
        self._restore()
      iterator, wanted = self._made[key]
      start = iterator.make_initializer(dataset)
    self._session.run(start)
    while True:
      try:
        found = self._session.run(wanted)
      except tf.errors.OutOfRangeError:
        return
      names = list(found)
      for row in zip(*found.values()):
        yield dict(zip(names, row))

  def _restore(self):
    """Reads the weights that the graph has now, and had not before."""
    new = [v for v in tf.trainable_variables() if v.op.name not in self._restored]
    if new:
      tf.train.Saver(new).restore(self._session, self._checkpoint)
      self._restored.update(v.op.name for v in new)
