"""Times what a sweep does outside the graph: windows, and answers.

    python tests/benchmarks/bench_host.py --data_file=... --vocab_file=... \\
        --bert_config_file=... --checkpoint=...

Prints questions a second from SQuAD's JSON to the TFRecord file of windows at
(max_seq_length, doc_stride, max_query_length) = (384, 128, 64), and the time for
the answers of 61 decodes to a question together against 61 times the time for
one decode alone; the decodes are those of a real model.
"""

import argparse
import os
import sys
import tempfile
import time
import types

import numpy as np
import tensorflow.compat.v1 as tf

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

from attention_zones.decoding import answer_head
from attention_zones.decoding import answers
from attention_zones.zones import grammar
from attention_zones.data import squad_data
from attention_zones.decoding import sweep
from attention_zones.data import batches
from attention_zones.data import windows
import modeling
import tokenization

SIZES = windows.WindowSizes(384, 128, 64)
# With the baseline and 6 layers these are 61 decodes.
ZONES = "q2,q2p,p2q,p2,all,q2+q2p,q2+p2q,q2+p2,q2p+p2,p2q+p2"
NBEST = 20
TURNS = 5


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data_file", required=True, help="SQuAD JSON")
  parser.add_argument("--vocab_file", required=True)
  parser.add_argument("--bert_config_file", required=True)
  parser.add_argument("--checkpoint", required=True)
  parser.add_argument("--questions", type=int, default=24,
                      help="questions whose answers are timed")
  return parser.parse_args()


def questions_a_second(arguments):
  """From JSON to windows on disk, median of TURNS."""
  rates = []
  for _ in range(TURNS):
    start = time.time()
    examples, _ = squad_data.read_examples(arguments.data_file, False)
    tokenizer = tokenization.FullTokenizer(
        tokenization.load_vocab(arguments.vocab_file))
    with tempfile.TemporaryDirectory() as folder:
      windows.cached_windows(examples, tokenizer, SIZES, False, folder, "")
    rates.append(len(examples) / (time.time() - start))
  return np.median(rates)


def candidates_of_sweep(arguments, examples, tokenizer, zones=ZONES,
                        product=tf.matmul):
  """Predicts the questions with the baseline and with each zone in each layer.

  Args:
    arguments: of the command line.
    examples: list of squad_data.Example.
    tokenizer: tokenization.FullTokenizer.
    zones: str, as --mask_zone.
    product: function that multiplies matrices, as of modeling.Encoder.

  Returns:
    list of (index, windows), as answers.gather_windows yields them.
  """
  config = modeling.BertConfig.from_json_file(arguments.bert_config_file)
  swept = grammar.parse_decodes(
      "0-%d" % (config.num_hidden_layers - 1), zones, config.num_hidden_layers)
  with tempfile.TemporaryDirectory() as folder, tf.Graph().as_default():
    path = windows.cached_windows(
        examples, tokenizer, SIZES, False, folder, "")
    features = tf.data.make_one_shot_iterator(batches.predict_input_fn(
        batches.read(path), SIZES.max_seq_length, batches.BUCKET_WIDTH)(
            {"batch_size": 1})).get_next()
    hidden = sweep.run(modeling.Encoder(config, product=product), features, swept,
                       SIZES.max_seq_length)
    fetches = answer_head.candidates(
        features, answer_head.span_logits(hidden), NBEST)
    names = {v.op.name: v.op.name for v in tf.trainable_variables()}
    tf.train.init_from_checkpoint(arguments.checkpoint, names)
    rows = []
    with tf.Session() as session:
      session.run(tf.global_variables_initializer())
      for _ in range(sum(1 for _ in tf.python_io.tf_record_iterator(path))):
        batch = session.run(fetches)
        rows.append({name: value[0] for name, value in batch.items()})
  return list(answers.gather_windows(rows))


def finder_of(examples, tokenizer):
  """An answers.AnswerFinder with BERT's own settings."""
  return answers.AnswerFinder(examples, tokenizer, types.SimpleNamespace(
      n_best_size=NBEST, max_answer_length=30, version_2_with_negative=False,
      null_score_diff_threshold=0.0))


def seconds_a_question(examples, tokenizer, gathered, with_nbest):
  """Median time for the answers to a question, all decodes together."""
  totals = []
  for _ in range(TURNS):
    finder = finder_of(examples, tokenizer)
    start = time.time()
    for index, some in gathered:
      finder.answers(index, some, with_nbest)
    totals.append((time.time() - start) / len(gathered))
  return np.median(totals)


def only_decode(gathered, number):
  """The same candidates as if one decode had been predicted alone."""
  per_decode = [name for name in gathered[0][1][0]
                if name.endswith(("_logits", "_tokens"))]
  return [(index, [dict(window, **{name: window[name][number:number + 1]
                                   for name in per_decode})
                   for window in windows]) for index, windows in gathered]


def main():
  arguments = parse_arguments()
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.disable_v2_behavior()
  print("| windows, questions/s | %.0f |" % questions_a_second(arguments))
  examples, _ = squad_data.read_examples(arguments.data_file, False)
  examples = examples[:arguments.questions]
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(arguments.vocab_file))
  gathered = candidates_of_sweep(arguments, examples, tokenizer)
  number_of = len(gathered[0][1][0]["start_logits"])
  # The baseline always has its n-best list, masked decodes only if asked for.
  for what, first, rest in (("answers", False, False),
                            ("answers and the baseline's n-best", True, False)):
    together = seconds_a_question(
        examples, tokenizer, gathered, [first] + [rest] * (number_of - 1))
    alone = np.mean([seconds_a_question(
        examples, tokenizer, only_decode(gathered, number), [first])
                     for number in range(0, number_of, 12)])
    print("| %s of %d decodes / %d x one alone with the same | %.4f |" % (
        what, number_of, number_of, together / (number_of * alone)))
  print("| answers of %d decodes, ms a question | %.1f |" % (
      number_of, together * 1e3))


if __name__ == "__main__":
  main()
