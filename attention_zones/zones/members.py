"""Sets of tokens that the data says, `answer` and spans, in the model's input.

spans.py has found the tokens of the question and of the whole passage. Here they
become positions in a window: those of the passage that lie in it, a part of an
answer included.

Dimensions: B = batch, S = sequence length, K = sets.
"""

import numpy as np

# The feature with the members of a set.
_FEATURE = "members_of_"

# What of a window its members depend on.
_WINDOW = ("example_index", "question_length", "first_token", "passage_length",
           "question_start", "passage_start")


def positions(members, question_length, first_token, passage_length,
              question_start, passage_start):
  """Where the members of a set are in a window.

  Args:
    members: (list of int, list of int), the tokens of the question and of the whole
      passage.
    question_length, first_token, passage_length: int, as of windows.Window; of a
      question that was cut off, the rest is not there.
    question_start, passage_start: int, as of layouts.Layout.places.

  Returns:
    ascending list of int.
  """
  of_question, of_passage = members
  return [question_start + token for token in of_question
          if token < question_length] + [
              passage_start + token - first_token for token in of_passage
              if first_token <= token < first_token + passage_length]


def add_to_features(features, members):
  """Adds the members of sets to a batch of windows, in the input pipeline.

  Args:
    features: dict of int32 Tensors, as for draws.add_to_features.
    members: dict from the name of each set to a list of each question's members, as
      for `positions`.

  Returns:
    dict, features with an int32 Tensor [B, S] more for each set: 1 for members, 0
    for others.
  """
  if not members:
    return features
  # Imported here, so that scripts that need only positions do not wait for it.
  import tensorflow.compat.v1 as tf
  input_ids = features["input_ids"]
  of_sets = list(members.values())
  found = tf.numpy_function(
      lambda length, *windows: of_batch(of_sets, length, zip(*windows)),
      [tf.shape(input_ids)[1]] + [features[name] for name in _WINDOW], tf.int32)
  found.set_shape([len(members)] + input_ids.shape.as_list())
  return dict(features, **{
      _FEATURE + name: found[k] for k, name in enumerate(members)})


def of_batch(members, length, windows):
  """The members of sets in some windows.

  Args:
    members: list of K lists of each question's members, as for `positions`.
    length: int, S.
    windows: iterable of (index of a question, and what else `positions` takes).

  Returns:
    int32 [K, B, S], 1 for members and 0 for others.
  """
  rows = []
  for index, *window in windows:
    row = np.zeros([len(members), length], np.int32)
    for k, of_set in enumerate(members):
      row[k, positions(of_set[index], *window)] = 1
    rows.append(row)
  return np.stack(rows, 1)


def from_features(features):
  """Reads what `add_to_features` added: dict from a set to int32 [B, S]."""
  return {name[len(_FEATURE):]: value for name, value in features.items()
          if name.startswith(_FEATURE)}
