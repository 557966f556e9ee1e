"""What follows from a GPU's memory, and what running out of memory looks like.

No test needs a GPU: what TensorFlow would say of one is given as data.
"""

import collections
import errno
import os
import types

import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import accelerator
from attention_zones.base import estimator
from attention_zones.base import path_checks
from attention_zones.decoding import passes
import modeling

Device = collections.namedtuple("Device", ["device_type", "memory_limit_bytes"])

CPU = Device("CPU", 268435456)


@pytest.mark.parametrize("devices, found", [
    ([CPU], None), ([], None), ([CPU, Device("XLA_GPU", 17179869184)], None),
    ([CPU, Device("GPU", 15 * 10**9), Device("GPU", 23 * 10**9)], 15 * 10**9)])
def test_the_first_gpu_counts(devices, found):
  assert accelerator.memory_of(devices) == found


def test_a_session_lists_such_devices():
  with tf.Session() as session:
    devices = session.list_devices()
  assert devices[0].device_type == "CPU" and devices[0].memory_limit_bytes > 0
  if not accelerator.is_there():
    assert accelerator.memory_of(devices) is None
    assert accelerator.memory(tf.ConfigProto()) is None


@pytest.mark.parametrize("memory, gpu_memory, expected", [
    (8e9, None, 2), (64e9, None, 3),
    # The machine's memory does not matter then, and some MB do not, either.
    (8e9, 15.9e9, 7), (64e9, 15.7e9, 7), (8e9, 79e9, 39), (64e9, 1.5e9, 1)])
def test_default_memory(memory, gpu_memory, expected):
  assert passes.default_memory_gb(memory, gpu_memory) == expected


@pytest.mark.parametrize("gpu_memory, asked, batch_size, limit", [
    # On a CPU one window fills the matrix products.
    (None, 32, 1, 61),
    # A window has 96 MB of hidden states, and takes 69 MB in each of two blocks:
    # 4 GB have room for 17, 40 GB for 170.
    (8e9, 32, 17, 61), (16e9, 32, 32, 61), (80e9, 32, 32, 61), (80e9, 512, 170, 61),
    # 2 GB have room for 28 variants of one window, at 1.6 and 69 MB.
    (4e9, 32, 1, 28)])
def test_windows_in_a_step_of_bert_base(gpu_memory, asked, batch_size, limit):
  """Of 61 decodes at length 512."""
  options = types.SimpleNamespace(
      predict_batch_size=asked, sweep_memory_gb=None, use_tpu=False,
      max_seq_length=512)
  steps = passes.plan_steps(
      options, modeling.BertConfig(28996), gpu_memory, set(), 61)
  assert (steps.batch_size, steps.limit) == (batch_size, limit)


def test_memory_is_taken_as_it_is_needed():
  for num_decodes in (1, 61):
    config = estimator.session_config(768, num_decodes)
    assert config.gpu_options.allow_growth


def too_large():
  """TensorFlow's error for a tensor that no machine has room for, of 35 TB."""
  with tf.Graph().as_default(), tf.Session() as session:
    shape = tf.placeholder(tf.int64, [2])
    product = tf.reduce_sum(tf.fill(shape, 1.0) * 2.0)
    with pytest.raises(tf.errors.ResourceExhaustedError) as raised:
      session.run(product, {shape: [2**22, 2**21]})
  return raised.value


def test_the_processors_memory_is_used_up():
  error = too_large()
  assert accelerator.is_out_of_memory(error)
  assert path_checks.describe(error).startswith(
      "OOM when allocating tensor with shape[4194304,2097152] and type float")


@pytest.mark.parametrize("kind, text, expected", [
    ("ResourceExhaustedError", "OOM when allocating tensor with shape[8,12,512,64] "
     "and type float on /device:GPU:0 by allocator GPU_0_bfc", True),
    ("InternalError", "failed call to cuDevicePrimaryCtxRetain: "
     "CUDA_ERROR_OUT_OF_MEMORY: out of memory; total memory: 1", True),
    ("InternalError", "No cublas handle: CUBLAS_STATUS_ALLOC_FAILED", True),
    ("InternalError", "Blas GEMM launch failed", False),
    ("ResourceExhaustedError", "/full/model.ckpt: No space left on device", False),
    ("InvalidArgumentError", "indices[0] = 7 is not in [0, 7)", False)])
def test_what_tensorflow_says(kind, text, expected):
  error = getattr(tf.errors, kind)(None, None, text)
  assert accelerator.is_out_of_memory(error) == expected


def test_what_python_says():
  of = lambda number: OSError(number, os.strerror(number))
  assert accelerator.is_out_of_memory(MemoryError())
  assert accelerator.is_out_of_memory(of(errno.ENOMEM))
  assert not accelerator.is_out_of_memory(of(errno.ENOSPC))
  assert not accelerator.is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize("text", [
    "disk full\n\t [[node save]]",
    "Graph execution error:\n\nDetected at node 'save' defined at (most recent "
    "call last):\n    File \"x\", line 4\nNode: 'save'\ndisk full\n\t [[save]]",
    "Graph execution error:\n\nNode: 'save'\n1 root error(s) found.\n disk full\n"])
def test_the_cause_is_what_is_said(text):
  error = tf.errors.UnknownError(None, None, text)
  assert path_checks.describe(error) == "disk full"
