"""A checkpoint is not read again and again; its digest stays as it was."""

import hashlib
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.weights import checkpoints

DATA = "model.ckpt-1.data-00000-of-00001"


def write(folder, values):
  """Writes model.ckpt-1 of these variables and returns its path."""
  with tf.Graph().as_default(), tf.Session() as session:
    for name, value in values.items():
      tf.get_variable(name, initializer=value)
    session.run(tf.global_variables_initializer())
    return tf.train.Saver().save(session, str(folder / "model.ckpt"), 1)


@pytest.fixture
def checkpoint(tmp_path):
  """One of 4 MB, in which variables of different types stand."""
  generator = np.random.RandomState(1)
  values = {"b/kernel_%d" % n: generator.rand(250, 200).astype(np.float32)
            for n in range(20)}
  values.update({"a": np.float32([1, 2, 3]), "global_step": np.int64(7),
                 "c/is_it": np.array([True, False]), "empty": np.zeros([0, 3])})
  return write(tmp_path, values)


def digest_of_files(path):
  """What manifests and journals have: SHA-256 of the files' SHA-256."""
  total = hashlib.sha256()
  for suffix in (".data-00000-of-00001", ".index"):
    with open(path + suffix, "rb") as f:
      total.update(hashlib.sha256(f.read()).hexdigest().encode("ascii"))
  return total.hexdigest()


def test_the_digest_is_that_of_the_files(checkpoint):
  assert checkpoints.digest(checkpoint) == digest_of_files(checkpoint)


def test_published_checkpoints(shared):
  path = str(shared / "models/tiny-random/bert_model.ckpt")
  assert checkpoints.digest(path) == digest_of_files(path)


def test_one_with_strings(tmp_path):
  path = write(tmp_path, {"text": np.array([b"one", b"three"]),
                          "x": np.float32([1])})
  assert checkpoints.newest_whole(str(tmp_path)) == (path, [])
  assert checkpoints.digest(path) == digest_of_files(path)


@pytest.mark.skipif(not os.path.exists("/proc/self/io"),
                    reason="what a process reads is not told here")
def test_read_once(checkpoint):
  """Once for whether it is whole, and once for its digest, however often asked."""
  def bytes_read():
    with open("/proc/self/io") as f:
      return int(f.readline().split()[1])
  folder = os.path.dirname(checkpoint)
  size = os.path.getsize(checkpoint + ".data-00000-of-00001")
  before = bytes_read()
  assert checkpoints.newest_whole(folder) == (checkpoint, [])
  checkpoints.digest(checkpoint)
  assert checkpoints.newest_whole(folder) == (checkpoint, [])
  checkpoints.digest(checkpoint)
  assert 2 * size < bytes_read() - before < 2.5 * size


def test_a_damaged_one_is_found_and_a_mended_one_too(checkpoint, tmp_path):
  whole = (tmp_path / DATA).read_bytes()
  spoilt = bytearray(whole)
  spoilt[len(whole) // 2] ^= 1
  (tmp_path / DATA).write_bytes(spoilt)
  with pytest.raises(ValueError, match="model.ckpt-1: .*[Cc]hecksum"):
    checkpoints.newest_whole(str(tmp_path))
  assert checkpoints.digest(checkpoint) == digest_of_files(checkpoint)
  (tmp_path / DATA).write_bytes(whole[:-4])
  with pytest.raises(ValueError, match="no complete checkpoint"):
    checkpoints.newest_whole(str(tmp_path))
  (tmp_path / DATA).write_bytes(whole)
  assert checkpoints.newest_whole(str(tmp_path)) == (checkpoint, [])
