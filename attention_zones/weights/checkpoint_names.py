"""What the names of a checkpoint's variables say about its model."""

import tensorflow.compat.v1 as tf

# What TensorFlow raises when a checkpoint cannot be read: in 2.15, an IndexError
# where a file is too short.
READ_ERRORS = (tf.errors.OpError, ValueError, IndexError)

# The first that fits; the generator of an ELECTRA has names of its own.
_ARCHITECTURES = (
    ("electra", "electra/encoder/layer_"),
    ("albert", "bert/encoder/transformer/group_"),
    ("bert", "bert/encoder/layer_"))

_OTHER_HEADS = (
    ("task_specific/squad", "ELECTRA's joint head"),
    ("start_logits/dense", "ALBERT's SQuAD 2.0 head"))


def architecture(path):
  """Finds the architecture of a checkpoint.

  Args:
    path: str, the prefix of its files.

  Returns:
    str, a model_type; None if its names do not show it, or it cannot be read.
  """
  try:
    names = [name for name, _ in tf.train.list_variables(path)]
  except READ_ERRORS:
    return None
  return next((model_type for model_type, start in _ARCHITECTURES
               if any(name.startswith(start) for name in names)), None)


def other_head(names):
  """Finds an answer head other than BERT's among the names of variables.

  Returns:
    str, "ELECTRA's joint head (task_specific/squad)" for example; None if there is
    none.
  """
  return next(("%s (%s)" % (words, start) for start, words in _OTHER_HEADS
               if any(name.startswith(start) for name in names)), None)


def object_based(names):
  """Finds a name of tf.train.Checkpoint, of TensorFlow 2, among those of variables.

  Returns:
    str, "model/layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE" for example;
    None if there is none.
  """
  return next((name for name in sorted(names)
               if name.endswith("/.ATTRIBUTES/VARIABLE_VALUE")), None)
