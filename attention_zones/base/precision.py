"""How exactly the matrix products of a model are computed: --precision.

- float32: all of it. GPUs would otherwise round factors to TensorFloat-32.
- tf32: an NVIDIA GPU rounds the factors to TensorFloat-32, 10 bits after the point.
- bfloat16: factors and results are rounded to bfloat16, 7 bits after the point.

Only products are rounded. Attention masks, softmax, layer normalization, weights
and optimizer stay float32: around -10000, where masked logits are, the numbers of
bfloat16 are 64 apart. `all`, which adds that to every logit, would lose them.
"""

import tensorflow.compat.v1 as tf

from attention_zones.base import machine

NAMES = ("float32", "tf32", "bfloat16")

# Compute capability of the first NVIDIA GPUs with both formats, Ampere.
_AMPERE = (8, 0)


def problem(name, use_tpu=False):
  """Says why this machine cannot compute with a precision.

  Args:
    name: one of NAMES.
    use_tpu: bool, whether a TPU computes; it has bfloat16.

  Returns:
    str, or None if it can.
  """
  if name == "float32" or (name == "bfloat16" and use_tpu):
    return None
  if not _can_choose_tf32():
    return "TensorFlow %s is too old for it; 2.15.1 is not" % tf.__version__
  gpus = tf.config.experimental.list_physical_devices("GPU")
  if gpus:
    details = tf.config.experimental.get_device_details(gpus[0])
    found = details.get("compute_capability", (0, 0))
    return None if found >= _AMPERE else (
        "it needs a GPU of compute capability 8.0 or more; this one has %d.%d" %
        found)
  if name == "tf32":
    return "it needs an NVIDIA GPU, and TensorFlow finds none"
  return None if machine.has_bfloat16() else (
      "it needs a CPU with AVX512-BF16 or AMX, or a GPU; this CPU has neither, and "
      "TensorFlow finds no GPU")


def set_up(name):
  """Makes float32 products on GPUs exact, or not; before any graph runs."""
  if _can_choose_tf32():
    tf.config.experimental.enable_tensor_float_32_execution(name == "tf32")


def _can_choose_tf32():
  return hasattr(tf.config.experimental, "enable_tensor_float_32_execution")


def product(name):
  """Makes the function that multiplies matrices in a model of this precision.

  Args:
    name: one of NAMES.

  Returns:
    function as tf.matmul, from two float32 Tensors or Variables to a float32
    Tensor. One function is for one graph.
  """
  if name != "bfloat16":
    return tf.matmul
  rounded = {}

  def round_once(factor):
    if not isinstance(factor, tf.Variable):
      return tf.cast(factor, tf.bfloat16)
    if factor.name not in rounded:
      # Free of the order in which blocks of a sweep run: it is the same for all.
      with tf.control_dependencies(None):
        rounded[factor.name] = tf.cast(factor, tf.bfloat16)
    return rounded[factor.name]

  def multiply(a, b, transpose_b=False):
    return tf.cast(tf.matmul(
        round_once(a), round_once(b), transpose_b=transpose_b), tf.float32)
  return multiply
