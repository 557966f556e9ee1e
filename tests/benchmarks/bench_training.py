"""Times training steps with length buckets against padding to max_seq_length.

    python tests/benchmarks/bench_training.py --train_file=... --vocab_file=... \\
        --bert_config_file=...

Prints steps a second of both and their ratio, taken in turns.
"""

import argparse
import os
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

from attention_zones.base import machine
machine.use_onednn()

import tensorflow.compat.v1 as tf

from attention_zones.data import squad_data
from attention_zones.data import batches
from attention_zones.data import windows
from attention_zones.decoding import answer_head
import modeling
import optimization
import tokenization


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--train_file", required=True, help="SQuAD JSON")
  parser.add_argument("--vocab_file", required=True)
  parser.add_argument("--bert_config_file", required=True)
  parser.add_argument("--max_seq_length", type=int, default=512)
  parser.add_argument("--batch_size", type=int, default=8)
  parser.add_argument("--steps", type=int, default=6, help="steps in a turn")
  parser.add_argument("--turns", type=int, default=4)
  return parser.parse_args()


def training_session(config, path, width, arguments):
  """Returns (session, train op), ready to train."""
  with tf.Graph().as_default():
    tf.set_random_seed(1)
    features = tf.data.make_one_shot_iterator(batches.train_input_fn(
        path, arguments.max_seq_length, 1, width)(
            {"batch_size": arguments.batch_size})).get_next()
    model = modeling.BertModel(
        config, True, features["input_ids"],
        tf.sequence_mask(features["window_end"], tf.shape(
            features["input_ids"])[1], tf.int32), features["segment_ids"])
    loss = answer_head.span_loss(
        features, answer_head.span_logits(model.get_sequence_output()))
    train_op = optimization.create_optimizer(loss, 3e-5, 1000, 100, False)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session, train_op


def main():
  arguments = parse_arguments()
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.disable_v2_behavior()
  config = modeling.BertConfig.from_json_file(arguments.bert_config_file)
  examples, _ = squad_data.read_examples(arguments.train_file, True)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(arguments.vocab_file))
  rates = {"buckets": [], "padded": []}
  with tempfile.TemporaryDirectory() as folder:
    path = windows.cached_windows(
        examples, tokenizer,
        windows.WindowSizes(arguments.max_seq_length, 128, 64), True,
        folder, "")
    trainings = {
        "buckets": training_session(
            config, path, batches.BUCKET_WIDTH, arguments),
        "padded": training_session(config, path, None, arguments)}
    for turn in range(arguments.turns + 1):
      for way, (session, train_op) in trainings.items():
        start = time.time()
        for _ in range(arguments.steps):
          session.run(train_op)
        if turn:
          # The first one warms up.
          rates[way].append(arguments.steps / (time.time() - start))
  ratios = np.array(rates["buckets"]) / np.array(rates["padded"])
  print("| training, steps/s in buckets | %.2f |" % np.median(rates["buckets"]))
  print("| training, steps/s padded to %d | %.2f |" % (
      arguments.max_seq_length, np.median(rates["padded"])))
  print("| their ratio, median of %d turns | %.2f |" % (
      len(ratios), np.median(ratios)))


if __name__ == "__main__":
  main()
