"""precision.py: what is rounded, what is not, and what a machine refuses."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import machine
from attention_zones.base import precision
import modeling
import tiny_model


def rounded(x):
  """float32 to the nearest numbers with 7 bits after the point, ties to even.

  bfloat16 is the upper half of a float32's bits.
  """
  bits = np.float32(x).view(np.uint32).astype(np.uint64)
  bits = bits + 0x7fff + (bits >> 16 & 1) & 0xffff0000
  return bits.astype(np.uint32).view(np.float32)


def run(build):
  with tf.Graph().as_default(), tf.Session() as session:
    fetches = build()
    session.run(tf.global_variables_initializer())
    return session.run(fetches)


@pytest.fixture(params=["precision", "bfloat16_answers"])
def product(request, repository, monkeypatch):
  """The product of bfloat16, and its emulation in tests/benchmarks."""
  if request.param == "precision":
    return precision.product("bfloat16")
  monkeypatch.syspath_prepend(str(repository / "tests" / "benchmarks"))
  import bfloat16_answers
  return bfloat16_answers.emulated_product


def test_factors_and_results_are_rounded(product):
  a, b = np.random.RandomState(0).randn(2, 64, 64).astype(np.float32)
  got = run(lambda: product(
      tf.constant(a), tf.get_variable("b", initializer=b), transpose_b=True))
  factors = [rounded(x).astype(np.float64) for x in (a, b)]
  exact = factors[0].dot(factors[1].T)
  # A CPU without bfloat16 cuts the result off after 8 binary digits: 2^-7 of it at
  # most; others round. Before that, each of 64 sums may be off by a rounding to
  # float32: 2^-24 of what is added up.
  total = np.abs(factors[0]).dot(np.abs(factors[1]).T)
  assert got.dtype == np.float32
  assert (np.abs(got - exact) <= np.abs(exact) * 2**-7 + 65 * total * 2**-24).all()
  assert (rounded(got) == got).all()
  assert np.abs(got - a.dot(b.T)).max() > 2**-9


@pytest.mark.parametrize("name", ["float32", "tf32"])
def test_else_it_is_tensorflow_that_multiplies(name):
  assert precision.product(name) is tf.matmul


def test_weights_are_rounded_once():
  with tf.Graph().as_default() as graph:
    product = precision.product("bfloat16")
    kernel = tf.get_variable("kernel", [4, 4])
    for _ in range(3):
      with tf.control_dependencies([tf.no_op()]):
        product(tf.ones([2, 4]), kernel)
    # Of the weights 1, of the other factor 3, of the results 3.
    assert [op.type for op in graph.get_operations()].count("Cast") == 7


def test_all_keeps_its_attention():
  """Adding -10000 to each logit changes no weight but for float32's rounding."""
  config = modeling.BertConfig(**tiny_model.CONFIG)
  hidden = np.random.RandomState(1).randn(2, 24, config.hidden_size)

  def build():
    encoder = modeling.Encoder(config, product=precision.product("bfloat16"))
    states = tf.constant(hidden, tf.float32)
    heads = encoder.heads(0, states)
    return [encoder.layer(0, states, heads, mask, keep_weights=True)[1]
            for mask in (0.0, -10000.0)]
  unmasked, masked = run(build)
  # Numbers of float32 around 10000 are 2^-10 apart: a logit is off by 2^-11, the
  # sum of the softmax, too, and a weight by the sum of the two; 1e-5 is for the
  # rest of float32.
  assert np.abs(np.log(masked / unmasked)).max() <= 2**-10 + 1e-5
  # The weights are no constant.
  assert np.log(unmasked).std() > 0.05


@pytest.mark.parametrize("line, has", [
    ("flags\t\t: fpu avx2 avx512f", False), ("flags : avx512_bf16", True),
    ("flags : fpu amx_bf16 amx_tile", True), ("Features : fp asimd bf16", True),
    ("model name : bf16", False)])
def test_what_a_cpu_has(monkeypatch, tmp_path, line, has):
  monkeypatch.setattr(machine, "_ROOT", str(tmp_path))
  (tmp_path / "proc").mkdir()
  (tmp_path / "proc" / "cpuinfo").write_text("processor : 0\n%s\n" % line)
  assert machine.has_bfloat16() == has


def test_what_this_machine_cannot_do_is_refused_at_once(tmp_path):
  if tf.config.experimental.list_physical_devices("GPU"):
    pytest.skip("TensorFlow finds a GPU")
  tiny_model.write_files(tmp_path)
  for name in precision.NAMES:
    if precision.problem(name):
      result = tiny_model.run_squad(
          tmp_path, "--do_train=True", "--precision=" + name)
      assert (result.returncode, result.stdout) == (1, "")
      assert result.stderr == "run_squad.py: --precision=%s: %s\n" % (
          name, precision.problem(name))
  assert precision.problem("float32") is None and precision.problem("tf32")
  assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_precisions_are_not_mixed(swept):
  """The baseline's file is overwritten with a remark."""
  path = swept / "model" / "manifest.json"
  text = path.read_text()
  assert text.count('"--precision": "float32"') == 1
  path.write_text(text.replace('"float32"', '"bfloat16"'))
  result = tiny_model.run_squad(swept, "--do_predict=True")
  assert "different --precision (bfloat16 before, float32 now)" in result.stderr
