"""The GPU that TensorFlow uses, if there is one: its memory, and running out of it.

Which GPUs there are is CUDA_VISIBLE_DEVICES' choice; TensorFlow sees no others. Of
several, the first one computes. Not run on a GPU in this project.
"""

import errno
import os

import tensorflow.compat.v1 as tf

# How TensorFlow and NVIDIA's libraries say that there is no memory left.
_OUT_OF_MEMORY = ("OOM when allocating", "out of memory", "OUT_OF_MEMORY",
                  "ALLOC_FAILED")


def is_there():
  """Whether TensorFlow finds a GPU, bool; one built with CUDA may find none."""
  return bool(tf.config.experimental.list_physical_devices("GPU"))


def say_why_unused(log):
  """Logs why TensorFlow does not use the GPU that the environment offers, if so.

  Args:
    log: function that shows the user a line, str.
  """
  offered = os.environ.get("CUDA_VISIBLE_DEVICES", "")
  if offered in ("", "-1"):
    return
  if not tf.test.is_built_with_cuda():
    why = "this TensorFlow, %s, is built without CUDA" % tf.__version__
  elif not is_there():
    why = "TensorFlow finds none; TF_CPP_MIN_LOG_LEVEL=0 shows its messages"
  else:
    return
  log("CUDA_VISIBLE_DEVICES=%s offers a GPU, but %s: running on the CPU" % (
      offered, why))


def memory(session_config):
  """How many bytes of the GPU's memory TensorFlow may use: int, or None.

  None stands for no GPU. Otherwise this opens a session.

  Args:
    session_config: tf.ConfigProto, that of the sessions to come, since a process
      keeps the settings of the first.
  """
  if not is_there():
    return None
  with tf.Graph().as_default(), tf.Session(config=session_config) as session:
    return memory_of(session.list_devices())


def memory_of(devices):
  """The memory of the first GPU among a session's devices: bytes, int, or None.

  Args:
    devices: list of what has device_type and memory_limit_bytes, as
      tf.Session.list_devices returns it.
  """
  limits = [device.memory_limit_bytes for device in devices
            if device.device_type == "GPU"]
  return limits[0] if limits else None


def is_out_of_memory(error):
  """Whether an exception says that the memory, a GPU's or not, is used up: bool.

  TensorFlow raises ResourceExhaustedError, also when a disk is full, and
  InternalError when one of NVIDIA's libraries finds no memory to start with.

  Args:
    error: Exception.
  """
  text = str(error)
  if isinstance(error, tf.errors.OpError):
    return os.strerror(errno.ENOSPC) not in text and (
        isinstance(error, tf.errors.ResourceExhaustedError)
        or any(words in text for words in _OUT_OF_MEMORY))
  return isinstance(error, MemoryError) or (
      isinstance(error, OSError) and error.errno == errno.ENOMEM)
