"""tests/benchmarks/bench_peers.py: its windows, and the ratios in its table."""

import numpy as np
import pytest


@pytest.fixture
def benchmarks(repository, monkeypatch):
  """The folder of the benchmarks, whose modules can be imported."""
  folder = str(repository / "tests" / "benchmarks")
  monkeypatch.syspath_prepend(folder)
  return folder


def test_windows(benchmarks):
  import peers_inputs
  lengths = [len(window.ids) for window in peers_inputs.windows(10)]
  assert lengths == [91, 120, 134, 145, 158, 172, 186, 215, 253, 335]
  one, other = peers_inputs.windows(10)[:2]
  assert (one.ids == peers_inputs.windows(10)[0].ids).all()
  features = peers_inputs.batch([one, other], 16)
  assert features["input_ids"].shape == (2, 128)
  assert features["input_mask"].sum(1).tolist() == [91, 120]
  # All but [CLS], 12 tokens of the question and [SEP].
  assert features["segment_ids"].sum(1).tolist() == [91 - 14, 120 - 14]
  assert features["segment_ids"][0, 13:15].tolist() == [0, 1]


def test_ratios_are_of_the_same_turn(benchmarks):
  import bench_peers
  times = {"sweep 2.15.1": [2, 4], "sweep with all 2.15.1": [3, 6],
           "padded 2.15.1": [1, 4], "PyTorch shared float32": [6, 8],
           "train 2.15.1": [1, 2], "train PyTorch": [2, 5],
           "tf.matmul 2.15.1": [1e9, 2e9]}
  rows = dict(bench_peers.rows_of(
      {name: np.array(values) for name, values in times.items()}, 3e9, layers=2))
  expected = {
      "sweep 2.15.1, s a window": [2, 4], "train PyTorch, s a step": [2, 5],
      "tf.matmul 2.15.1, GFLOP/s": [1, 2],
      # The baseline and two layers with four zones, or five.
      "9 x padded 2.15.1 / sweep 2.15.1": [4.5, 9],
      "11 x padded 2.15.1 / sweep with all 2.15.1": [11 / 3, 44 / 6],
      "PyTorch shared float32 / sweep 2.15.1": [3, 2],
      "train PyTorch / train 2.15.1": [2, 2.5],
      "products of sweep 2.15.1 / time / tf.matmul": [1.5, 0.375]}
  assert len(rows) == 12
  for name, values in expected.items():
    assert rows[name].tolist() == values, name
