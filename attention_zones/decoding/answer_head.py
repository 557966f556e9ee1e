"""The answer head of BERT for SQuAD: its logits, loss and best candidates.

Dimensions: B = batch, V = decodes, S = sequence length, H = hidden size,
K = candidates, A = gold answers of a question.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.base import seeds
from attention_zones.zones import masking
from attention_zones.zones import zones


def span_logits(hidden, initializer_range=0.02, random_seed=0):
  """The start and end logits of BERT for SQuAD (Devlin et al., 2019, section 4.2).

  Args:
    hidden: float32 [..., S, H], the last layer's hidden states.
    initializer_range: float, the standard deviation of the initial weights.
    random_seed: int, of these; see seeds.py.

  Returns:
    float32 [..., 2, S], start logits, then end logits.
  """
  with tf.variable_scope("cls/squad", reuse=tf.AUTO_REUSE):
    weights = tf.get_variable(
        "output_weights", [2, hidden.shape[-1].value],
        initializer=seeds.truncated_normal(
            initializer_range, random_seed, "output_weights"))
    bias = tf.get_variable(
        "output_bias", [2], initializer=tf.zeros_initializer())
  return tf.matrix_transpose(tf.tensordot(hidden, weights, [[-1], [1]]) + bias)


def mask_spans(features, logits):
  """Leaves logits to [CLS] and the passage only, as run_cmrc2018.py does.

  Args:
    features: dict of int32, the input of the model.
    logits: float32 [..., B, 2, S].

  Returns:
    float32, of the same shape: MASKED_LOGIT is added at the question, at both
    [SEP] and at [PAD].
  """
  outside = 1 - _may_be_span(features, with_cls=True)  # [B, S]
  return logits + masking.MASKED_LOGIT * outside[:, None, :]


def log_probabilities(features, logits):
  """Turns logits into what run_cmrc2018.py predicts with.

  Args:
    features: dict of int32, the input of the model.
    logits: float32 [..., B, 2, S].

  Returns:
    float32, of the same shape: log-softmax over [CLS] and the passage of each
    window; about MASKED_LOGIT elsewhere.
  """
  return tf.nn.log_softmax(mask_spans(features, logits))


def _may_be_span(features, with_cls):
  """float32 [B, S]: 1.0 at the passage, and at [CLS] if `with_cls`; else 0.0."""
  tokens = zones.token_sets(features)
  return tokens.in_passage + tokens.before if with_cls else tokens.in_passage


def span_loss(features, logits, limits_logits=False):
  """The mean of the cross-entropies of the start and of the end.

  Args:
    features: dict with int32 [B] "start_position" and "end_position"; with
      `limits_logits` also the input of the model.
    logits: float32 [B, 2, S].
    limits_logits: bool, squad_data.Rules.limits_logits.

  Returns:
    float32 scalar.
  """
  positions = tf.stack([features["start_position"], features["end_position"]], 1)
  if limits_logits:
    logits = mask_spans(features, logits)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
      labels=positions, logits=logits)  # [B, 2]
  return tf.reduce_mean(losses)


# Entries of a window that are needed to combine its candidates with those of the
# question's other windows.
_WINDOW = ("example_index", "num_windows", "first_token", "passage_length",
           "passage_start")


def candidates(features, logits, n_best_size, limits_logits=False):
  """Finds the best starts and ends in the logits.

  Only tokens of the passage can be answers.

  Args:
    features: dict of int32, the input of the model.
    logits: float32 [V, B, 2, S].
    n_best_size: int, K.
    limits_logits: bool, squad_data.Rules.limits_logits: whether logits become
      log-probabilities over [CLS] and the passage, and [CLS] can take one of the K
      places.

  Returns:
    dict: the window's own numbers, int32 [B]; "start_tokens" and "end_tokens",
    int32 [B, V, K], word pieces counted from the first of the passage, best
    first, -1 for [CLS] and where a window has fewer than K; "start_logits" and
    "end_logits", float32 [B, V, K]; "null_logits", float32 [B, V, 2], those of
    [CLS]; "is_finite", bool [B, V], whether all logits of the window's tokens are
    finite. If the input has "gold_spans", also "gold_logp", as `gold_logp` returns
    it.
  """
  if limits_logits:
    logits = log_probabilities(features, logits)
  logits = tf.transpose(logits, [1, 0, 2, 3])  # [B, V, 2, S]
  is_padding = tf.equal(zones.token_sets(features).is_real, 0)[:, None, None, :]
  is_finite = tf.reduce_all(tf.logical_or(
      tf.is_finite(logits), is_padding), [2, 3])  # [B, V]
  may_be_span = _may_be_span(features, with_cls=limits_logits)  # [B, S]
  may_be_span = may_be_span[:, None, None, :] + tf.zeros_like(logits)
  scores = tf.where(may_be_span > 0, logits,
                    tf.fill(tf.shape(logits), logits.dtype.min))
  scores = tf.pad(scores, [[0, 0]] * 3 + [[0, n_best_size]],
                  constant_values=logits.dtype.min)
  best, positions = tf.nn.top_k(scores, n_best_size)  # [B, V, 2, K]
  per_window = lambda name: features[name][:, None, None, None]
  tokens = positions - per_window("passage_start")
  tokens = tf.where(
      tf.logical_and(tokens >= 0, tokens < per_window("passage_length")),
      tokens + per_window("first_token"), tf.fill(tf.shape(tokens), -1))
  found = {name: features[name] for name in _WINDOW}
  found.update({
      "start_tokens": tokens[:, :, 0], "start_logits": best[:, :, 0],
      "end_tokens": tokens[:, :, 1], "end_logits": best[:, :, 1],
      "null_logits": logits[:, :, :, 0], "is_finite": is_finite})
  if "gold_spans" in features:
    found["gold_logp"] = gold_logp(features, logits)
  return found


def gold_logp(features, logits):
  """The log-probability of the gold answer that the model finds most likely.

    max over gold spans (s, e) of log softmax(start)[s] + log softmax(end)[e]

  The softmax is over the window's real tokens, [CLS] and question among them.

  Args:
    features: dict of int32, the input of the model; "gold_spans" [B, A, 2] are the
      first and the last word piece of each gold answer, counted from the first of
      the passage, -1 where a question has fewer than A.
    logits: float32 [B, V, 2, S].

  Returns:
    float32 [B, V]; -inf where the window does not hold a whole gold span.
  """
  is_real = tf.equal(zones.token_sets(features).is_real, 1)[:, None, None, :]
  log_p = tf.nn.log_softmax(tf.where(
      tf.logical_and(is_real, tf.ones_like(logits, tf.bool)), logits,
      tf.fill(tf.shape(logits), logits.dtype.min)))  # [B, V, 2, S]
  first_token = features["first_token"][:, None, None]
  tokens = features["gold_spans"] - first_token  # [B, A, 2]
  is_inside = tf.reduce_all(tf.logical_and(
      tokens >= 0, tokens < features["passage_length"][:, None, None]), 2)
  places = tokens + features["passage_start"][:, None, None]
  places *= tf.cast(is_inside, tf.int32)[:, :, None]  # 0 is somewhere inside.
  of_ends = tf.gather(
      tf.transpose(log_p, [0, 2, 3, 1]), tf.transpose(places, [0, 2, 1]),
      batch_dims=2)  # [B, 2, A, V]
  totals = tf.reduce_sum(of_ends, 1)  # [B, A, V]
  is_inside = tf.logical_and(
      is_inside[:, :, None], tf.ones_like(totals, tf.bool))
  return tf.reduce_max(tf.where(
      is_inside, totals, tf.fill(tf.shape(totals), -np.inf)), 1)
