"""Counts the answers that --precision=bfloat16 changes, and what it does to EM.

    python tests/benchmarks/bfloat16_answers.py --data_file=dev.json \\
        --vocab_file=vocab.txt --bert_config_file=bert_config.json \\
        --checkpoint=model.ckpt-1

Predicts a data set with a fine-tuned model twice, in float32 and in bfloat16: the
baseline, and each zone in each layer. Prints one table.

On a machine that --precision=bfloat16 refuses, bfloat16 is emulated: factors are
rounded to it, multiplied and summed up in float32, and the result is rounded to it.
That is what the hardware computes but for the order of its sums, so counts differ
a little from those of real hardware. The table says which of the two it was.
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

from attention_zones.base import machine
machine.use_onednn()

import tensorflow.compat.v1 as tf

from attention_zones.base import precision
from attention_zones.data import squad_data
from attention_zones.scores import scoring
import bench_host
import tokenization


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data_file", required=True,
                      help="SQuAD v1.1 JSON; attention_zones.sample draws a part")
  parser.add_argument("--vocab_file", required=True)
  parser.add_argument("--do_lower_case", choices=("True", "False"), default="True")
  parser.add_argument("--bert_config_file", required=True)
  parser.add_argument("--checkpoint", required=True)
  parser.add_argument("--mask_zone", default="q2,q2p,p2q,p2,all")
  return parser.parse_args()


def emulated_product(a, b, transpose_b=False):
  """As tf.matmul of float32 Tensors, with factors and result rounded to bfloat16.
  """
  rounded = lambda x: tf.cast(tf.cast(x, tf.bfloat16), tf.float32)
  return rounded(tf.matmul(rounded(a), rounded(b), transpose_b=transpose_b))


def predict(arguments, examples, tokenizer, product):
  """Predicts all decodes.

  Args:
    arguments: of the command line.
    examples: list of squad_data.Example.
    tokenizer: tokenization.FullTokenizer.
    product: function that multiplies matrices.

  Returns:
    list of one dict for each decode, the baseline first: question id to answer.
  """
  gathered = bench_host.candidates_of_sweep(
      arguments, examples, tokenizer, arguments.mask_zone, product)
  finder = bench_host.finder_of(examples, tokenizer)
  number_of = len(gathered[0][1][0]["is_finite"])
  texts = [{} for _ in range(number_of)]
  for index, some in gathered:
    found = finder.answers(index, some, [False] * number_of)
    for predictions, answer in zip(texts, found):
      predictions[examples[index].qas_id] = answer.text
  return texts


def compare(questions, before, after):
  """Compares the answers of two precisions.

  Args:
    questions: dict, as scoring.load_questions returns it.
    before, after: list of dict, as `predict` returns them.

  Returns:
    (share of answers with another text, float [V]; EM before and after, [V] each).
  """
  names = list(before[0])
  changed = [np.mean([one[name] != other[name] for name in names])
             for one, other in zip(before, after)]
  exact = [[scoring.average(scoring.score_answers(
      {name: questions[name] for name in names}, predictions)[0], names)
            for predictions in texts] for texts in (before, after)]
  return (np.array(changed),) + tuple(map(np.array, exact))


def main():
  arguments = parse_arguments()
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.disable_v2_behavior()
  is_real = precision.problem("bfloat16") is None
  examples, _ = squad_data.read_examples(arguments.data_file, False)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(arguments.vocab_file),
      arguments.do_lower_case == "True")
  before, after = [predict(arguments, examples, tokenizer, product)
                   for product in (tf.matmul, precision.product("bfloat16")
                                   if is_real else emulated_product)]
  changed, exact, rounded = compare(
      scoring.load_questions(arguments.data_file), before, after)
  moved = rounded - exact
  cost = (rounded - rounded[0]) - (exact - exact[0])
  print("TensorFlow %s, bfloat16 %s: %d questions, the baseline and %d masked "
        "decodes" % (
            tf.__version__, "of this machine" if is_real else
            "EMULATED, since this machine has none", len(before[0]),
            len(changed) - 1))
  for text, values in (
      ("baseline: EM in float32, in bfloat16", (exact[0], rounded[0])),
      ("baseline: answers that change, %", (100 * changed[0],)),
      ("masked decodes: answers that change, %: mean, most",
       (100 * changed[1:].mean(), 100 * changed[1:].max())),
      ("masked decodes: EM moves by, points: mean, least, most",
       (moved[1:].mean(), moved[1:].min(), moved[1:].max())),
      ("EM minus the baseline's moves by: root mean square, most",
       (np.sqrt(np.mean(cost[1:]**2)), np.abs(cost[1:]).max()))):
    print("| %-57s | %s |" % (text, " ".join("%.2f" % value for value in values)))


if __name__ == "__main__":
  main()
