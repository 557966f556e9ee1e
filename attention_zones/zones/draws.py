"""Draws: which tokens the controls `zone@1`, `zone@2` and so on mask.

A draw puts the members of Q and P of a window in an order, by chance. A control
masks the first of them, as many as its zone has columns, in the zone's rows.

The order follows from the question's id and the draw's number alone, so it is the
same in every layer, batch, bucket and run, and for all zones. Each token has a key,

    splitmix64(seed + i * 0x9E3779B97F4A7C15)    modulo 2^64

where i is its index in the question, or in the whole passage, and `seed` is the
first 8 bytes, little endian, of SHA-256 of "id\\ndraw\\nq" or, for tokens of the
passage, "id\\ndraw\\np". The smallest keys come first; of equal keys, the first
position. So a token of two windows has one key, but not always one rank.

Dimensions: B = batch, S = sequence length, K = draws.
"""

import hashlib

import numpy as np

# 2^64 divided by the golden ratio: what a SplitMix64 generator adds at each step.
_STEP = np.uint64(0x9E3779B97F4A7C15)

# The feature with the ranks of a draw.
_FEATURE = "ranks_in_draw_"

# What of a window its ranks depend on.
_WINDOW = ("example_index", "question_length", "first_token", "passage_length",
           "question_start", "passage_start")


def splitmix64(state):
  """The output of a SplitMix64 generator in a given state.

  Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014,
  figure 16; the constants are those of Vigna's splitmix64.c.

  Args:
    state: uint64 array.

  Returns:
    uint64 array.
  """
  mixed = state + _STEP
  for shift, factor in (30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB):
    mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
  return mixed ^ mixed >> np.uint64(31)


def ranks(qas_id, draw, question_length, first_token, passage_length):
  """In which order a draw takes a window's tokens.

  Args:
    qas_id: str, the question's id.
    draw: int, from 1.
    question_length: int, the number of word pieces of the question.
    first_token: int, the index of the window's first word piece in the passage.
    passage_length: int, the number of word pieces of the passage in the window.

  Returns:
    int array, the rank from 0 of each word piece of the question, then of each of
    the passage in the window.
  """
  keys = np.concatenate([
      _keys(qas_id, draw, "q", np.arange(question_length)),
      _keys(qas_id, draw, "p", first_token + np.arange(passage_length))])
  ranked = np.empty(len(keys), int)
  ranked[np.argsort(keys, kind="stable")] = np.arange(len(keys))
  return ranked


def _keys(qas_id, draw, kind, indices):
  """The keys of tokens of the question, "q", or passage, "p": uint64 array."""
  text = "%s\n%d\n%s" % (qas_id, draw, kind)
  # An id from JSON may have half a surrogate pair.
  digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
  seed = np.frombuffer(digest, "<u8", 1)
  return splitmix64(seed + indices.astype(np.uint64) * _STEP)


def needed(decodes):
  """The draws that decodes need: ascending list of int."""
  return sorted({draw for decode in decodes for mask in decode.different_masks
                 for draw in mask.draws})


def add_to_features(features, ids, numbers):
  """Adds the ranks of draws to a batch of windows, in the input pipeline.

  Args:
    features: dict of int32 Tensors, the numbers of windows and the places of
      layouts.Layout [B], and "input_ids" [B, S].
    ids: list of str, the id of each example.
    numbers: list of int, the draws.

  Returns:
    dict, features with an int32 Tensor [B, S] more for each draw: the rank of each
    word piece of question and passage, 0 for other tokens.
  """
  if not numbers:
    return features
  # Imported here, so that scripts that need only ranks do not wait for it.
  import tensorflow.compat.v1 as tf
  input_ids = features["input_ids"]
  found = tf.numpy_function(
      lambda length, *windows: of_batch(ids, numbers, length, zip(*windows)),
      [tf.shape(input_ids)[1]] + [features[name] for name in _WINDOW], tf.int32)
  found.set_shape([len(numbers)] + input_ids.shape.as_list())
  return dict(features, **{
      _FEATURE + str(number): found[k] for k, number in enumerate(numbers)})


def of_batch(ids, numbers, length, windows):
  """The ranks of draws in some windows.

  Args:
    ids, numbers: as for `add_to_features`.
    length: int, S.
    windows: iterable of (index in ids, question_length, first_token,
      passage_length, question_start, passage_start).

  Returns:
    int32 [K, B, S].
  """
  rows = []
  for index, question_length, first_token, passage_length, q, p in windows:
    row = np.zeros([len(numbers), length], np.int32)
    members = np.r_[q:q + question_length, p:p + passage_length]
    for k, number in enumerate(numbers):
      row[k, members] = ranks(
          ids[index], number, question_length, first_token, passage_length)
    rows.append(row)
  return np.stack(rows, 1)


def from_features(features):
  """Reads what `add_to_features` added: dict from a draw to int32 [B, S]."""
  return {int(name[len(_FEATURE):]): value for name, value in features.items()
          if name.startswith(_FEATURE)}
