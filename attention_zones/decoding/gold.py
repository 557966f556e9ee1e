"""--gold_logp: how likely a decode finds the gold answer.

EM sees an answer only when it flips; the log-probability of the gold answer sees
every step on the way. Of all gold answers and all windows of a question the most
likely span counts (answer_head.gold_logp).

The file of windows has no answers. Gold spans join the windows in the input
pipeline, so that the graph looks them up and its logits never pile up outside.

Dimensions: N = questions, A = gold answers of a question, V = decodes.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.data import windows


def with_spans(data, source, log):
  """Adds to a data set where its gold answers are.

  Args:
    data: windows.DataSet, whose examples have `gold`.
    source: str, what asks for it and where, for messages.
    log: function that shows the user a line, str.

  Returns:
    windows.DataSet.

  Raises:
    ValueError: the data set has no answers.
  """
  if not any(example.gold for example in data.examples):
    raise ValueError(
        "%s has no answer that stands in its passage at answer_start; gold "
        "log-probabilities need one" % source)
  spans, passage = [], None
  for example in data.examples:
    if passage is None or passage.paragraph is not example.paragraph:
      passage = windows.tokenize_passage(example.paragraph, data.tokenizer)
    places = {passage.tokens_at(*place) for place in example.gold}
    spans.append(sorted(places - {None}))
  lacking = spans.count([])
  if lacking:
    log("--gold_logp: %d of %d questions have no gold answer in their passage; "
        "they are null" % (lacking, len(spans)))
  return data._replace(gold_spans=_padded(spans))


def _padded(spans):
  """Makes one table of lists of (first, last): int32 [N, A, 2], filled up by -1."""
  longest = max([1] + [len(row) for row in spans])
  table = np.full((len(spans), longest, 2), -1, np.int32)
  for row, of_question in zip(table, spans):
    if of_question:
      row[:len(of_question)] = of_question
  return table


def add_spans(input_fn, spans):
  """Adds each window's gold spans to the input of the model.

  Args:
    input_fn: function, as batches.predict_input_fn returns it.
    spans: int32 [N, A, 2], as of windows.DataSet.

  Returns:
    function like input_fn, whose batches have "gold_spans", int32 [B, A, 2].
  """
  @tf.autograph.experimental.do_not_convert
  def add(features):
    return dict(features, gold_spans=tf.gather(spans, features["example_index"]))
  return lambda params: input_fn(params).map(add)


def rate(answers, of_question):
  """Adds the gold log-probability to the answers to a question.

  Args:
    answers: list of V answers.Answer.
    of_question: list of dict, the question's windows, with "gold_logp", float32
      [V], as answer_head.gold_logp returns it.

  Returns:
    list of V answers.Answer. The log-probability is None if no window holds a gold
    span, or the decode has failed.
  """
  best = np.max([window["gold_logp"] for window in of_question], 0)
  return [answer._replace(gold_logp=float(logp) if np.isfinite(logp) else None)
          for answer, logp in zip(answers, best)]
