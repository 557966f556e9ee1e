"""TensorFlow's estimator, which trains and predicts on CPU, GPU and TPU."""

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
