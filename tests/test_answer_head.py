"""answer_head.py: candidates leave the graph as passage tokens."""

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.decoding import answer_head

# [CLS] q q [SEP] p p p [SEP] [PAD], where p are the passage's tokens 5, 6, 7.
FEATURES = {
    "input_ids": [[0] * 9], "example_index": [3], "num_windows": [2],
    "first_token": [5], "passage_length": [3], "question_start": [1],
    "question_end": [3], "passage_start": [4], "passage_end": [7],
    "window_end": [8]}
# Highest at [CLS], the question, [SEP] and [PAD].
STARTS = [9.0, 8.0, 7.0, 6.0, 1.0, 3.0, 2.0, 5.0, 9.5]
ENDS = [-9.0, 8.0, 7.0, 6.0, 0.5, 0.25, 0.75, 5.0, 9.5]


def candidates(n_best_size, *decodes):
  """The candidates of one window.

  Args:
    decodes: for each decode its start and its end logits.
  """
  with tf.Graph().as_default(), tf.Session() as session:
    features = {name: tf.constant(value) for name, value in FEATURES.items()}
    logits = tf.constant(np.array(decodes, np.float32)[:, None])
    found = session.run(answer_head.candidates(features, logits, n_best_size))
  return {name: value[0] for name, value in found.items()}


def test_only_tokens_of_the_passage_are_candidates():
  found = candidates(2, [STARTS, ENDS])
  assert found["start_tokens"].tolist() == [[6, 7]]
  assert found["start_logits"].tolist() == [[3.0, 2.0]]
  assert found["end_tokens"].tolist() == [[7, 5]]
  assert found["end_logits"].tolist() == [[0.75, 0.5]]
  assert found["null_logits"].tolist() == [[9.0, -9.0]]
  assert (found["example_index"], found["num_windows"], found["first_token"],
          found["passage_length"]) == (3, 2, 5, 3)


def test_a_window_with_fewer_tokens_than_candidates_is_filled_up():
  found = candidates(5, [STARTS, ENDS])
  assert found["start_tokens"].tolist() == [[6, 7, 5, -1, -1]]
  assert (found["start_logits"][0, 3:] == np.finfo(np.float32).min).all()


def test_each_decode_has_its_own():
  found = candidates(1, [STARTS, ENDS], [ENDS, STARTS])
  assert found["start_tokens"].tolist() == [[6], [7]]
  assert found["is_finite"].tolist() == [True, True]


def test_logits_that_are_no_numbers_are_told_but_for_padding():
  at_token, at_padding = list(STARTS), list(STARTS)
  at_token[1], at_padding[-1] = np.nan, np.inf
  found = candidates(1, [at_token, ENDS], [at_padding, ENDS])
  assert found["is_finite"].tolist() == [False, True]


def test_the_loss_by_hand():
  """-ln softmax of 0, 0, 0 at any place is ln 3; of 0, ln 2, 0 at 1 it is ln 2."""
  features = {"start_position": tf.constant([1]), "end_position": tf.constant([1])}
  logits = np.array([[[0, 0, 0], [0, np.log(2), 0]]], np.float32)
  with tf.Session() as session:
    loss = session.run(answer_head.span_loss(features, tf.constant(logits)))
  # A handful of float32 roundings of numbers about 1.
  assert abs(loss - (np.log(3) + np.log(2)) / 2) < 10 * 2.0 ** -24
