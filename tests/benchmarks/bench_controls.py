"""Times the passes of sweeps with controls or heads against those without.

    python tests/benchmarks/bench_controls.py --data_file=... --vocab_file=...

Prints for each --sweep, ZONES or ZONES/HEADS as of --mask_zone and --mask_head, how
many passes of one variant through one layer it makes, seconds a window, and the
time of a pass as a ratio to that of the first sweep. All are timed in turns in one
process, so that a slow moment of the machine meets all of them; the medians of the
turns are printed. The ranks of draws are computed within that time.
"""

import time

import numpy as np

import bench_sweep  # Before TensorFlow, which it sets up.
import tensorflow.compat.v1 as tf

from attention_zones.base import estimator
from attention_zones.data.batches import BUCKET_WIDTH
from attention_zones.decoding import answer_head
from attention_zones.decoding import sweep
from attention_zones.decoding import sweep_plan
from attention_zones.zones import grammar
from attention_zones.zones import draws
import modeling

SWEEPS = ("q2,q2p,p2q,p2",
          "q2,q2p,p2q,p2,q2@1-2,q2p@1-2,p2q@1-2,p2@1-2",
          "q2,q2p,p2q,p2,q2@flat,q2p@flat,p2q@flat,p2@flat",
          "q2,q2p,p2q,p2/0-1")


def parse_arguments():
  parser = bench_sweep.make_parser(__doc__.splitlines()[0])
  parser.add_argument("--sweep", action="append", metavar="ZONES[/HEADS]",
                      help="left out: the four zones, with controls, of two heads")
  return parser.parse_args()


def decodes_of(text, config):
  zones, _, heads = text.partition("/")
  layers = config.num_hidden_layers
  return grammar.parse_decodes(
      "0-%d" % (layers - 1), zones, layers, heads or None,
      config.num_attention_heads)


class Timed:
  """A sweep, ready to be timed."""

  _NUMBERS = ("question_length", "first_token", "passage_length")

  def __init__(self, config, swept, full_length):
    planned = sweep_plan.plan(swept, config.num_hidden_layers)
    self.passes = sum(
        len(block.masks) for blocks in planned.layers for block in blocks)
    self._inputs = bench_sweep.placeholders()
    for name in self._NUMBERS + ("example_index",):
      self._inputs[name] = tf.placeholder(tf.int32, [None])
    features = draws.add_to_features(
        self._inputs, ["question"], draws.needed(swept))
    self._fetch = tf.reduce_sum(answer_head.span_logits(sweep.run(
        modeling.Encoder(config), features, swept, full_length)))

  def seconds(self, session, timed):
    """Seconds for all windows, one after the other."""
    start = time.time()
    for window in timed:
      batch, = bench_sweep.batches([window], 1, BUCKET_WIDTH)
      feed = dict(batch, example_index=[0])
      feed.update((name, [getattr(window, name)]) for name in self._NUMBERS)
      session.run(self._fetch, {
          self._inputs[name]: value for name, value in feed.items()})
    return time.time() - start


def main():
  arguments = parse_arguments()
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.disable_v2_behavior()
  config = bench_sweep.read_config(arguments)
  timed = bench_sweep.read_windows(arguments)
  names = arguments.sweep or SWEEPS
  ways = [Timed(config, decodes_of(name, config), arguments.max_seq_length)
          for name in names]
  turns = []
  threads = estimator.session_config(config.hidden_size, 2)
  with tf.Session(config=threads) as session:
    session.run(tf.global_variables_initializer())
    for way in ways:
      way.seconds(session, timed[:1])
    for _ in range(arguments.turns):
      turns.append([way.seconds(session, timed) / len(timed) for way in ways])
  seconds = np.array(turns)
  a_pass = seconds / [way.passes for way in ways]
  for i, name in enumerate(names):
    print("| %-48s | %5d | %8.3f | %.3f |" % (
        name, ways[i].passes, np.median(seconds[:, i]),
        np.median(a_pass[:, i] / a_pass[:, 0])))


if __name__ == "__main__":
  main()
