"""This project's sweep and training step for bench_peers.py, which starts this.

A process has one role: "sweep", "padded" or "train". A sweep has other threads than
the others, as run_squad.py sets them, and TensorFlow fixes them once in a process.
"""

import json
import os
import sys
import types

import numpy as np
import tensorflow.compat.v1 as tf

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

from attention_zones.base import estimator
from attention_zones.base import precision
from attention_zones.data.batches import BUCKET_WIDTH
from attention_zones.decoding import answer_head
from attention_zones.decoding import sweep
from attention_zones.zones import grammar
from attention_zones.zones import layouts
import bench_sweep
import modeling
import peers_inputs
import run_squad


def features_of(some, width):
  """The features of windows: dict of int32, as bench_sweep.placeholders."""
  features = peers_inputs.batch(some, width)
  length = features.pop("input_mask").sum(1)
  question = np.array([window.question_length for window in some])
  return dict(features, **layouts.BERT.places(
      question, length - question - layouts.BERT.places(0, 0)["window_end"]))


class Benchmark:
  """The graph and session of one process.

  Args:
    settings: dict, as bench_peers.py makes it.
  """

  def __init__(self, settings):
    self._settings = settings
    self._config = modeling.BertConfig.from_dict(
        peers_inputs.config(settings["size"]))
    self._timed = peers_inputs.windows(settings["windows"])
    self._inputs = bench_sweep.placeholders()
    self._encoder = self._session = None

  def swept(self, zones):
    """The baseline, and each zone in each layer: list of decodes.Decode."""
    layers = self._config.num_hidden_layers
    return grammar.parse_decodes("0-%d" % (layers - 1), ",".join(zones), layers)

  def logits(self, swept, batch_size=1):
    """Adds a sweep to the graph: float32 [V, B, 2, S]."""
    # Several sweeps share one model's variables.
    self._encoder = self._encoder or modeling.Encoder(
        self._config, product=precision.product(self._settings["precision"]))
    return answer_head.span_logits(sweep.run(
        self._encoder, self._inputs, swept, peers_inputs.POSITIONS, batch_size))

  def start(self, threads, random_ones=()):
    """Opens the session, and gives the model's variables their values."""
    self._session = tf.Session(config=threads)
    self._session.run(tf.global_variables_initializer())
    for variable in tf.trainable_variables():
      if variable not in random_ones:
        variable.load(peers_inputs.weight(
            variable.op.name, variable.shape.as_list()), self._session)

  def run(self, fetch, some, width=BUCKET_WIDTH):
    """Runs the graph on windows that are padded to a multiple of `width`."""
    numbers = features_of(some, width)
    return self._session.run(
        fetch, {self._inputs[name]: numbers[name] for name in numbers})

  def sweep_actions(self):
    """Sweeps over the zones, and over these and `all`; tf.matmul beside them."""
    settings = self._settings
    fetches = {"sweep": self.swept(settings["zones"]),
               "sweep with all": self.swept(["all"] + settings["zones"])}
    if settings["precision"] != "float32":
      del fetches["sweep with all"]
    actions = {}
    for name, swept in fetches.items():
      fetches[name] = swept, self.logits(swept)
    threads = estimator.session_config(
        self._config.hidden_size, len(fetches["sweep"][0]))
    with tf.variable_scope("matmul"):
      products, matrices = self._matrix_products(threads)
    self.start(threads, matrices)

    def timed(name):
      fetch = fetches[name][1]
      return peers_inputs.seconds(
          lambda window: self.run(fetch, [window]), self._timed)

    def rate():
      return bench_sweep.matmul_rate(self._session, products)

    for name, (_, fetch) in fetches.items():
      for window in self._timed[:2]:
        self.run(fetch, [window])
      actions[name] = lambda name=name: timed(name)
    actions["tf.matmul"] = rate
    actions["work"] = lambda: self._work(fetches["sweep"][0])
    actions["logits"] = lambda: self._save(fetches["sweep"][1])
    return actions

  def _matrix_products(self, threads):
    """As many products as run at once: (list of operations, their matrices)."""
    kind = tf.bfloat16 if self._settings["precision"] == "bfloat16" else tf.float32
    matrices = [tf.get_variable("left", [2048, 768])]
    matrices += [tf.get_variable("right%d" % i, [768, 3072])
                 for i in range(threads.inter_op_parallelism_threads or 1)]
    if kind == tf.bfloat16:
      # Variables, so that the casts are not timed.
      matrices += [tf.Variable(tf.cast(matrix.initialized_value(), kind))
                   for matrix in matrices]
    left, *right = [m for m in matrices if m.dtype.base_dtype == kind]
    return [tf.matmul(left, matrix).op for matrix in right], matrices

  def _work(self, swept):
    """Operations of the matrix products of a sweep, for an average window."""
    some = [types.SimpleNamespace(input_ids=window.ids) for window in self._timed]
    return bench_sweep.sweep_products(
        self._config, swept, some, BUCKET_WIDTH,
        peers_inputs.POSITIONS) / len(some)

  def _save(self, fetch):
    """Writes the logits of the first window, float32 [V, 2, S]: the path."""
    path = self._settings["logits"] % self._settings["name"].replace(" ", "-")
    window = self._timed[0]
    logits = self.run(fetch, [window])[:, 0, :, :len(window.ids)]
    np.save(path, logits)
    return path

  def padded_actions(self):
    """One decode, padded to the full length."""
    some = self._timed[:peers_inputs.BATCH_SIZE]
    fetch = self.logits(self.swept(self._settings["zones"])[:1], len(some))
    self.start(estimator.session_config(self._config.hidden_size, 1))
    work = lambda _: self.run(fetch, some, peers_inputs.POSITIONS)
    work(None)
    return {"padded": lambda: peers_inputs.seconds(work, [None]) / len(some)}

  def train_actions(self):
    """A training step."""
    train_op = self._train_op()
    self.start(estimator.session_config(self._config.hidden_size, 1))
    batches = peers_inputs.training_batches(self._settings["training_batches"])
    step = lambda some: self._train(train_op, some)
    step(batches[0])
    return {"train": lambda: peers_inputs.seconds(step, batches)}

  def _train_op(self):
    """Adds run_squad.py's training step to the graph."""
    tf.train.get_or_create_global_step()
    options = types.SimpleNamespace(
        use_tpu=False, random_seed=1, precision=self._settings["precision"],
        learning_rate=1e-5, warmup_proportion=0.1, init_checkpoint=None,
        dataset="squad")
    self._inputs.update({name: tf.placeholder(tf.int32, [None])
                         for name in ("start_position", "end_position")})
    return run_squad.training_fn(options, self._config, 1000)(
        self._inputs, None, tf.estimator.ModeKeys.TRAIN, {}).train_op

  def _train(self, train_op, some):
    numbers = features_of(some, BUCKET_WIDTH)
    numbers["start_position"] = numbers["end_position"] = peers_inputs.answer(some)
    self._session.run(
        train_op, {self._inputs[name]: numbers[name] for name in numbers})


def main():
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.disable_v2_behavior()
  settings = json.loads(sys.argv[1])
  benchmark = Benchmark(settings)
  actions = {"sweep": benchmark.sweep_actions, "padded": benchmark.padded_actions,
             "train": benchmark.train_actions}[settings["role"]]()
  peers_inputs.serve(actions, tf.__version__)


if __name__ == "__main__":
  main()
