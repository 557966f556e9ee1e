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

# A part of a name, and what is said of a checkpoint with it that lacks variables.
_HEAD = ", which is not decoded here: train one of BERT's, with --do_train=True"
_OTHERS = (
    ("/.ATTRIBUTES/VARIABLE_VALUE",
     "it was written by tf.train.Checkpoint of TensorFlow 2: take the model's "
     "release for TensorFlow 1, or the one of Hugging Face through "
     "attention_zones.convert_hf"),
    ("task_specific/squad", "it has ELECTRA's joint head" + _HEAD),
    ("start_logits/dense", "it has ALBERT's SQuAD 2.0 head" + _HEAD))


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


def other(names):
  """Finds names that are not of BERT's checkpoints among those of variables.

  Returns:
    str, what that says of the checkpoint, and such a name; None if there is none.
  """
  return next(("%s (%s)" % (words, name) for part, words in _OTHERS
               for name in sorted(names) if part in name), None)
