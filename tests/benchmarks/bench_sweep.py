"""Times a sweep against single decodes, window for window.

    python tests/benchmarks/bench_sweep.py --data_file=... --vocab_file=...

Prints one table: seconds a window of (a) a sweep with length buckets, (b) one
decode padded to max_seq_length, as the published code runs it, (c) one decode
with buckets; the ratios; and the arithmetic rate of the sweep, the matrix
products of its layers over its time, against tf.matmul of 2048 x 768 x 3072 in
the same process, on all threads. All are timed in turns, so that a slow moment
of the machine meets all of them; medians are printed, then each turn.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

from attention_zones.base import machine
machine.use_onednn()

import tensorflow.compat.v1 as tf

from attention_zones.base import estimator
from attention_zones.data import squad_data
from attention_zones.data.batches import BUCKET_WIDTH
from attention_zones.data import windows
from attention_zones.decoding import answer_head
from attention_zones.decoding import sweep
from attention_zones.decoding import sweep_plan
from attention_zones.zones import grammar
from attention_zones.zones import layouts
import modeling
import tokenization


def make_parser(description):
  """The flags that bench_controls.py has, too."""
  parser = argparse.ArgumentParser(description=description)
  parser.add_argument("--data_file", required=True, help="SQuAD JSON")
  parser.add_argument("--vocab_file", required=True)
  parser.add_argument("--bert_config_file", help="left out: BERT-base")
  parser.add_argument("--max_seq_length", type=int, default=512)
  parser.add_argument("--windows", type=int, default=16,
                      help="spread evenly over the data's")
  parser.add_argument("--turns", type=int, default=3)
  return parser


def parse_arguments():
  parser = make_parser(__doc__.splitlines()[0])
  parser.add_argument("--mask_zone", default="q2,q2p,p2q,p2,all")
  parser.add_argument("--batch_size", type=int, default=1,
                      help="windows in a step of the sweep")
  parser.add_argument("--single_batch_size", type=int, default=8,
                      help="windows in a step of a single decode")
  parser.add_argument("--way", choices=("sweep", "padded", "buckets"),
                      help="time this one only, and print JSON")
  return parser.parse_args()


def read_windows(arguments):
  """Returns the token ids and question lengths of the windows to time."""
  examples, _ = squad_data.read_examples(arguments.data_file, False)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(arguments.vocab_file))
  sizes = windows.WindowSizes(arguments.max_seq_length, 128, 64)
  made = list(windows.make_windows(examples, tokenizer, sizes, False))
  made.sort(key=lambda window: len(window.input_ids))
  step = max(1, len(made) // arguments.windows)
  return made[step // 2::step][:arguments.windows]


def batches(windows, batch_size, width):
  """Yields the features of a sweep: dict of int32, [B, S] or [B]."""
  for i in range(0, len(windows), batch_size):
    part = windows[i:i + batch_size]
    longest = max(len(window.input_ids) for window in part)
    length = -(-longest // width) * width
    ids, segments = np.zeros([2, len(part), length], np.int32)
    for row, window in enumerate(part):
      n = len(window.input_ids)
      ids[row, :n] = window.input_ids
      segments[row, window.question_length + 2:n] = 1
    lengths = np.array([
        (window.question_length, window.passage_length) for window in part])
    yield dict(layouts.BERT.places(*lengths.T), input_ids=ids, segment_ids=segments)


def placeholders():
  """The features that `batches` yields, to be fed: dict of Tensors."""
  features = {name: tf.placeholder(tf.int32, [None, None])
              for name in ("input_ids", "segment_ids")}
  features.update((name, tf.placeholder(tf.int32, [None]))
                  for name in layouts.PLACES)
  return features


class Timed:
  """One way to predict, ready to be timed."""

  def __init__(self, config, swept, batch_size, width, arguments):
    self._shape = (batch_size, width)
    self._inputs = placeholders()
    self._fetch = tf.reduce_sum(answer_head.span_logits(sweep.run(
        modeling.Encoder(config), self._inputs, swept,
        arguments.max_seq_length, batch_size)))

  def seconds(self, session, windows):
    """Seconds for all windows."""
    start = time.time()
    for batch in batches(windows, *self._shape):
      session.run(self._fetch, {
          self._inputs[name]: value for name, value in batch.items()})
    return time.time() - start


def sweep_products(config, swept, windows, width, full_length):
  """Floating-point operations of the matrix products of a sweep.

  Counted for each variant that goes through a layer, at the lengths it has
  there: 24 S H^2 for projections and feed-forward, 4 F T H for attention. What
  forks save, as they share projections and need few rows for q2 and q2p, is
  counted, too: it is the work that the sweep has to show for, not what it does.
  """
  planned = sweep_plan.plan(swept, config.num_hidden_layers)
  hidden, inner = config.hidden_size, config.intermediate_size
  total = 0
  for window in windows:
    length = -(-len(window.input_ids) // width) * width
    for block in (block for layer in planned.layers for block in layer):
      rows = full_length if block.keeps_padding else length
      for mask in block.masks:
        keys = full_length if mask.reaches_padding else length
        total += (4 * rows * hidden * hidden + 4 * keys * hidden * hidden
                  + 4 * rows * hidden * inner + 4 * rows * keys * hidden)
  return total


def matmul_rate(session, products):
  """Operations a second of tf.matmul 2048 x 768 x 3072, median of 15.

  Args:
    session: tf.Session.
    products: as many of these operations as the session runs at once.
  """
  seconds = []
  for _ in range(15):
    start = time.time()
    session.run(products)
    seconds.append(time.time() - start)
  return len(products) * 2 * 2048 * 768 * 3072 / np.median(seconds)


def time_one_way(arguments):
  """Times one way to predict in this process.

  Returns:
    dict: "seconds" a window, and "rate", that of tf.matmul just before and just
    after, on as many threads.
  """
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.disable_v2_behavior()
  config = read_config(arguments)
  timed = read_windows(arguments)
  swept = sweep_decodes(arguments, config)
  if arguments.way == "sweep":
    shape = (arguments.batch_size, BUCKET_WIDTH)
  else:
    swept = swept[:1]
    shape = (arguments.single_batch_size, arguments.max_seq_length
             if arguments.way == "padded" else BUCKET_WIDTH)
  way = Timed(config, swept, shape[0], shape[1], arguments)
  threads = estimator.session_config(config.hidden_size, len(swept))
  left = tf.get_variable("left", [2048, 768])
  products = [
      tf.matmul(left, tf.get_variable("right%d" % i, [768, 3072])).op
      for i in range(threads.inter_op_parallelism_threads or 1)]
  with tf.Session(config=threads) as session:
    session.run(tf.global_variables_initializer())
    way.seconds(session, timed[:shape[0] * 2])
    before = matmul_rate(session, products)
    seconds = way.seconds(session, timed) / len(timed)
    rate = (before + matmul_rate(session, products)) / 2
  return {"seconds": seconds, "rate": rate}


def read_config(arguments):
  if arguments.bert_config_file:
    return modeling.BertConfig.from_json_file(arguments.bert_config_file)
  return modeling.BertConfig(30522)


def sweep_decodes(arguments, config):
  """The baseline and every layer with every zone."""
  layers = config.num_hidden_layers
  return grammar.parse_decodes(
      "0-%d" % (layers - 1), arguments.mask_zone, layers)


def main():
  arguments = parse_arguments()
  if arguments.way:
    print(json.dumps(time_one_way(arguments)))
    return
  ways = ("sweep", "padded", "buckets")
  # As train_squad.sh and decode_squad.sh set them.
  os.environ.update(MALLOC_MMAP_THRESHOLD_="1000000000",
                    MALLOC_TRIM_THRESHOLD_="4000000000")
  turns = {way: [] for way in ways}
  for _ in range(arguments.turns):
    for way in ways:
      # Each in a process of its own: TensorFlow fixes the number of threads of
      # an operation once in a process, and a sweep wants another.
      output = subprocess.check_output(
          [sys.executable] + sys.argv + ["--way", way], stderr=subprocess.DEVNULL)
      turns[way].append(json.loads(output.decode().splitlines()[-1]))
  config, timed = read_config(arguments), read_windows(arguments)
  swept = sweep_decodes(arguments, config)
  work = sweep_products(config, swept, timed, BUCKET_WIDTH,
                        arguments.max_seq_length) / len(timed)
  seconds = {way: np.array([turn["seconds"] for turn in turns[way]])
             for way in ways}
  rate = np.array([turn["rate"] for turn in turns["sweep"]])
  print("%d decodes (%s), %d layers of width %d, %d windows of %.0f tokens" % (
      len(swept), arguments.mask_zone, config.num_hidden_layers,
      config.hidden_size, len(timed),
      np.mean([len(window.input_ids) for window in timed])))
  for name, values in (
      ("sweep, s a window", seconds["sweep"]),
      ("one decode padded to %d, s a window" % arguments.max_seq_length,
       seconds["padded"]),
      ("one decode in buckets, s a window", seconds["buckets"]),
      ("decodes x padded / sweep",
       len(swept) * seconds["padded"] / seconds["sweep"]),
      ("decodes x buckets / sweep",
       len(swept) * seconds["buckets"] / seconds["sweep"]),
      ("arithmetic rate of the sweep / tf.matmul",
       work / seconds["sweep"] / rate),
      ("tf.matmul, GFLOP/s", rate / 1e9)):
    print("| %-42s | %8.3f | %s |" % (
        name, np.median(values), " ".join("%.3f" % value for value in values)))


if __name__ == "__main__":
  main()
