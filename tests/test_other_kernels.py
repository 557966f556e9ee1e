"""The tests of small models hold with other matrix products, too.

TensorFlow 1.15 multiplies matrices with code that MKL-DNN writes for the processor
at hand, so that another processor's last bits differ. Without it, Eigen's code is
used, which was compiled for every processor with AVX: the nearest thing to another
machine that this one has. tests/numeric.sh runs all tests of numbers so.
"""

import os
import subprocess
import sys

import pytest

import launcher

OTHER_KERNELS = {"TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false"}

MATRIX_PRODUCT = """
import hashlib
import numpy as np
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
a, b = np.random.RandomState(0).randn(2, 64, 64).astype(np.float32)
with tf.Session() as session:
  product = session.run(tf.matmul(tf.placeholder_with_default(a, [64, 64]), b))
print(hashlib.sha256(product.tobytes()).hexdigest())
"""


def product(folder, **variables):
  done = launcher.code(MATRIX_PRODUCT, folder, environment=variables)
  assert done.returncode == 0, done.stderr
  return done.stdout


@pytest.mark.thorough
def test_small_models_with_other_kernels(repository, tmp_path):
  environment = {name: value for name, value in OTHER_KERNELS.items()
                 if os.environ.get(name) != value}
  if not environment:
    pytest.skip("this is a run with the other kernels")
  if product(tmp_path, **environment) == product(tmp_path):
    pytest.skip("this TensorFlow has no other kernels for this processor")
  tests = repository / "tests"
  done = subprocess.run(
      [sys.executable, "-m", "pytest", "-c", str(repository / "setup.cfg"), "-p",
       "no:cacheprovider", str(tests / "test_sweep.py"), "-k",
       "(formulas or empty_zone) and window1"],
      universal_newlines=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      env=dict(os.environ, **launcher.QUIET, **environment))
  assert done.returncode == 0, done.stdout
