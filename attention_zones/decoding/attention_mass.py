"""--attention_mass: how much attention each zone gets, in the baseline.

    layer,head,from,to,mass,uniform,lift,n
    1,mean,q,q,0.213400,0.082000,2.6024,10570

Layers and heads count from 1; "mean" is the mean of a layer's heads. In a window,
mass is the mean over the rows of `from` of the weight that a row gives the columns
of `to`; it is averaged over a question's windows, then over questions. uniform is
what equal attention to all tokens would give, |to| / real tokens, averaged in the
same way, and lift = mass / uniform. The five `to` are all real tokens, so that over
these mass sums to 1.

Questions without a token have no attention from or to it; they are left out, of all
rows, and n is the number of the others.

Mass is not causal effect: see docs/findings.md.

Dimensions: as in modeling.py, and L = layers, 5 = sets of rows or of columns.
"""

import collections
import os
import time

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.base import files
from attention_zones.base import interrupts
from attention_zones.base import passage_order
from attention_zones.base.progress import Progress
from attention_zones.base import manifest
from attention_zones.data import batches
from attention_zones.decoding import answers
from attention_zones.zones import masking
from attention_zones.zones import zones

FILE_NAME = manifest.ATTENTION_MASS_NAME

# Sets of rows and of columns. Rows are of real tokens only.
FROM = ("q", "p", "special", "not_q", "not_p")
TO = ("q", "p", "cls", "sep1", "sep2")

# Numbers of a window that leave the graph with its masses.
_WINDOW = ("example_index", "num_windows", "first_token", "question_length",
           "passage_length")


def measure(encoder, features):
  """Runs the model with nothing masked, and sums up its attention in each layer.

  Args:
    encoder: modeling.Encoder, or a model like it.
    features: dict of int32, the input of the model.

  Returns:
    dict: the window's own numbers, int32 [B]; "mass", float32 [B, L, N, 5, 5].
  """
  tokens, of_layers = _attention(encoder, features)
  found = {name: features[name] for name in _WINDOW}
  found["mass"] = tf.stack([mass_of(weights, tokens) for weights in of_layers], 1)
  return found


def maps(encoder, features):
  """Runs the model with nothing masked, and keeps its attention.

  Args:
    encoder, features: as for `measure`.

  Returns:
    dict: "window_end", int32 [B], how many tokens are not [PAD]; "maps", float32
    [B, L, N, S, S], the weights after the softmax, each row's sum 1.
  """
  _, of_layers = _attention(encoder, features)
  return {"window_end": features["window_end"], "maps": tf.stack(of_layers, 1)}


def _attention(encoder, features):
  """zones.Tokens [B, S], and of each layer its weights, float32 [B, N, S, S]."""
  tokens = zones.token_sets(features)
  _, of_layers = encoder.encode(
      encoder.embed(features["input_ids"], features["segment_ids"]),
      [masking.NOTHING.additive(tokens)] * encoder.num_layers, keep_weights=True)
  return tokens, of_layers


def mass_of(weights, tokens):
  """The attention of each set of rows to each set of columns, in one layer.

  Args:
    weights: float [B, N, F, T], after the softmax.
    tokens: zones.Tokens [B, S].

  Returns:
    float [B, N, 5, 5]: 0 from a set without rows, and to one without columns.
  """
  q, p, is_real = tokens.in_question, tokens.in_passage, tokens.is_real
  rows = tf.stack([q, p, is_real - q - p, is_real - q, is_real - p], 1)  # [B, 5, F]
  columns = tf.stack(
      [q, p, tokens.before, tokens.between, tokens.after], 2)  # [B, T, 5]
  rows, columns = (tf.cast(x, weights.dtype)[:, None] for x in (rows, columns))
  sums = tf.matmul(rows, tf.matmul(weights, columns))  # [B, N, 5, 5]
  return sums / tf.maximum(tf.reduce_sum(rows, 3, keepdims=True), 1)


def make(data, model, run, log):
  """Writes attention_mass.csv, unless this run has written it before.

  Args:
    data: windows.DataSet.
    model: run_squad.Model.
    run: runs.Run.
    log: function that shows the user a line, str.

  Raises:
    ValueError: attention is NaN or infinite; nothing is written.
  """
  options = run.options
  path = os.path.join(options.output_dir, FILE_NAME)
  if run.has_made(FILE_NAME):
    log("%s is there already, for these flags, data and checkpoint" % path)
    return
  start = time.time()
  places = passage_order.as_in_data(
      [example.paragraph.context for example in data.examples])
  records = batches.read(data.path)
  results = model.attend(options.predict_batch_size, batches.predict_input_fn(
      records, options.max_seq_length, batches.bucket_width(options),
      dict(enumerate(places)), layout=data.tokenizer.LAYOUT))
  interrupts.keep(lambda: "%s is not finished; rerun the command to make it" % path)
  mass, uniform, number = _average(_in_order(
      answers.gather_windows(results),
      sorted({record.sizes["example_index"] for record in records})), data)
  run.refuse_overwriting([FILE_NAME])
  if files.exists(path):
    files.remove(path)
  # Before the file: whoever is stopped in between leaves none of another run.
  run.record({FILE_NAME: {}}, start)
  files.write_text(path, _lines(mass, uniform, number))
  interrupts.keep()
  log("%s: wrote %s" % (options.output_dir, FILE_NAME))


def _in_order(gathered, indices):
  """Yields what answers.gather_windows yields, in the order of `indices`.

  Sums of floats depend on their order, and batches do not keep the data's. What
  comes early waits: at most the questions about passage_order.BLOCK passages.
  """
  waiting, due = {}, iter(indices)
  following = next(due, None)
  for index, of_question in gathered:
    waiting[index] = of_question
    while following in waiting:
      yield following, waiting.pop(following)
      following = next(due, None)


def _average(results, data):
  """Averages over a question's windows, then over questions.

  Args:
    results: iterable of (index of a question, list of its windows), as
      answers.gather_windows yields them; each window is a dict as of `measure`.
    data: windows.DataSet.

  Returns:
    (mass [L, N, 5, 5], uniform [5], n): float64, and int.
  """
  mass, uniform, number = 0, 0, 0
  progress = Progress("measuring attention", len(data.examples), "questions")
  for done, (index, of_question) in enumerate(results, 1):
    if all(_has_all_tokens(window) for window in of_question):
      of_windows = np.array([window["mass"] for window in of_question], float)
      if not np.isfinite(of_windows).all():
        raise ValueError(
            "NaN or infinite attention in question %r, so %s was not written" % (
                data.examples[index].qas_id, FILE_NAME))
      mass = mass + of_windows.mean(0)
      uniform = uniform + np.mean([
          _uniform(window, data.tokenizer.LAYOUT) for window in of_question], 0)
      number += 1
    progress.update(done)
  if not number:
    raise ValueError("--attention_mass=True: no question has tokens of its own and "
                     "of a passage, so %s was not written" % FILE_NAME)
  return mass / number, uniform / number, number


def _has_all_tokens(window):
  return window["question_length"] > 0 and window["passage_length"] > 0


def _uniform(window, layout):
  """The share of each set of columns in a window's real tokens: float64 [5]."""
  sizes = np.array([window["question_length"], window["passage_length"],
                    layout.before, layout.between, layout.after])
  return sizes / sizes.sum()


def _lines(mass, uniform, number):
  """Yields the lines of the file.

  Args:
    mass: float64 [L, N, 5, 5].
    uniform: float64 [5].
    number: int, n.
  """
  yield "layer,head,from,to,mass,uniform,lift,n\n"
  for layer, of_heads in enumerate(mass, 1):
    heads = collections.OrderedDict([("mean", of_heads.mean(0))])
    heads.update(enumerate(of_heads, 1))
    for head, table in heads.items():
      for f, rows in enumerate(FROM):
        for t, columns in enumerate(TO):
          yield "%d,%s,%s,%s,%.6f,%.6f,%.4f,%d\n" % (
              layer, head, rows, columns, table[f, t], uniform[t],
              table[f, t] / uniform[t], number)
