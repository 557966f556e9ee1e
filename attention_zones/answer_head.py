"""The answer head of BERT for SQuAD: its loss, and its best candidates.

Dimensions: B = batch, V = decodes, S = sequence length, K = candidates.
"""

import tensorflow.compat.v1 as tf

from attention_zones import zones


def span_loss(features, logits):
  """The mean of the cross-entropies of the start and of the end.

  Args:
    features: dict with int32 [B] "start_position" and "end_position".
    logits: float32 [B, 2, S].

  Returns:
    float32 scalar.
  """
  positions = tf.stack([features["start_position"], features["end_position"]], 1)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
      labels=positions, logits=logits)
  return tf.reduce_mean(losses)


def candidates(features, logits, n_best_size):
  """Takes the best starts and ends out of the logits.

  Only tokens of the passage can be answers. What fills up a window that has
  fewer of them than n_best_size has positions outside the passage.

  Args:
    features: dict of int32, the input of the model.
    logits: float32 [B, V, 2, S].
    n_best_size: int, K.

  Returns:
    dict: the window's own numbers [B]; "start_positions" and "end_positions"
    int32, "start_logits" and "end_logits" float32 [B, V, K], best first;
    "null_logits" float32 [B, V, 2], those of [CLS]; "is_finite" bool [B, V],
    whether all logits of the window's tokens are numbers.
  """
  is_padding = tf.equal(features["input_mask"], 0)[:, None, None, :]
  is_finite = tf.reduce_all(tf.logical_or(
      tf.is_finite(logits), is_padding), [2, 3])
  _, in_passage = zones.token_sets(
      features["input_mask"], features["segment_ids"])
  in_passage = in_passage[:, None, None, :] + tf.zeros_like(logits)
  scores = tf.where(in_passage > 0, logits,
                    tf.fill(tf.shape(logits), logits.dtype.min))
  scores = tf.pad(scores, [[0, 0]] * 3 + [[0, n_best_size]],
                  constant_values=logits.dtype.min)
  best, positions = tf.nn.top_k(scores, n_best_size)
  predictions = {name: features[name] for name in (
      "example_index", "num_windows", "first_token", "passage_length",
      "question_length")}
  predictions.update({
      "start_logits": best[:, :, 0], "start_positions": positions[:, :, 0],
      "end_logits": best[:, :, 1], "end_positions": positions[:, :, 1],
      "null_logits": logits[:, :, :, 0], "is_finite": is_finite})
  return predictions
