"""The logits of a sweep are those of the published code."""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.zones.decodes import BASELINE
from attention_zones.zones.decodes import Decode
from attention_zones.zones import grammar
from attention_zones.zones import masking
from bert_reference import build
from bert_reference import reference_logits
from bert_reference import variables_of
import modeling
import tolerances

GOLDEN = {  # logits: model, features, layers
    "tiny": ("tiny-random", "xquad.120.96", "0-3"),
    "mini": ("minilm-l6", "xquad.120.384", "0,2,5"),
}
# These take minutes: `bash tests/numeric.sh`.
THOROUGH = pytest.mark.thorough
BOTH = pytest.mark.parametrize(
    "golden", ["slice", pytest.param("whole", marks=THOROUGH)], indirect=True)
WHOLE = pytest.mark.parametrize("golden", ["whole"], indirect=True)


def golden_name(decode):
  """What the golden file calls a decode, "layer0_q2" or "baseline"."""
  if decode == BASELINE:
    return "baseline"
  return decode.file_name("")[1:-len(".json")]


@functools.lru_cache(maxsize=None)
def load_golden(golden, name):
  """Returns (config, weights, features [3, B, S], logits, decodes)."""
  model, data, layers = GOLDEN[name]
  folder = golden.models / model
  config = modeling.BertConfig.from_json_file(str(folder / "bert_config.json"))
  reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
  weights = {v: reader.get_tensor(v) for v in variables_of(config)}
  published = np.load(str(golden.numbers / ("logits.%s.npz" % name)))
  features = np.load(str(golden.numbers / "features" / (data + ".npz")))
  features = np.stack([features[key][published["rows"]] for key in (
      "input_ids", "input_mask", "segment_ids")]).astype(np.int32)
  swept = grammar.parse_decodes(
      layers, "q2,q2p,p2q,p2,all", config.num_hidden_layers)
  logits = {d: published[golden_name(d)] for d in swept}
  assert len(published.files) == len(logits) + 1
  return config, weights, features, logits, swept


@functools.lru_cache(maxsize=None)
def golden_limits_of_all(golden, name, num_windows):
  """Limits for a golden model's decodes of `all`: dict from Decode to them.

  Args:
    num_windows: int, how many of the first windows they are derived from.
  """
  config, weights, features, _, swept = load_golden(golden, name)
  windows = features[:, :num_windows].transpose(1, 0, 2)
  return {decode: tolerances.limits_of_all(lambda **how: np.concatenate([
      reference_logits(config, weights, window, decode, **how)[:, window[1] == 1]
      for window in windows], 1))
          for decode in swept if decode.mask.reaches_padding}


def check_published(golden, name, logits, features, swept):
  """Compares decodes' logits with published ones at all tokens.

  Args:
    golden, name: of load_golden.
    logits: dict of a Decode to [rows, 2, S], of the first rows, cut to a
      length.
    features: [3, B, S] of these.
    swept: list of Decode.
  """
  published = load_golden(golden, name)[3]
  limits_of = golden_limits_of_all(golden, name, {"tiny": 8, "mini": 1}[name])
  rows, length = features.shape[1:]
  real = np.repeat(features[1, :, None] == 1, 2, axis=1)
  for decode in swept:
    errors = np.abs(logits[decode]
                    - published[decode][:rows, :, :length])[real]
    if decode.mask.reaches_padding:
      limits = limits_of[decode]
      assert errors.max() < limits.furthest, decode
      assert tolerances.root_mean_square(
          errors) < limits.root_mean_square, decode
    else:
      assert errors.max() < tolerances.PUBLISHED_LOGITS, decode


@THOROUGH
@WHOLE
@pytest.mark.parametrize("num_windows", [2, 6])
def test_published_logits_of_a_larger_model(golden, num_windows):
  config, weights, features, _, swept = load_golden(golden, "mini")
  features = features[:, :num_windows]
  full_length = features.shape[2]
  run = build(swept, full_length, config, weights)
  longest = features[1].sum(1).max()
  # A few as they are, and all cut to the longest, as length buckets cut them.
  for rows, length in ((num_windows // 2, full_length), (num_windows, longest)):
    part = features[:, :rows, :length]
    check_published(golden, "mini", run(part), part, swept)


@pytest.mark.parametrize(
    "golden, batch_size", [
        pytest.param("whole", 1, marks=THOROUGH), ("slice", 2),
        pytest.param("whole", 3, marks=THOROUGH)], indirect=["golden"])
def test_published_logits_in_every_bucket_and_grouping(golden, batch_size):
  """Windows in batches of like length; the sizes part the forks differently."""
  config, weights, features, published, swept = load_golden(golden, "tiny")
  run = build(swept, features.shape[2], config, weights, batch_size=batch_size)
  lengths = -(-features[1].sum(1) // 8) * 8
  assert len(set(lengths)) > 1
  logits = {decode: np.full(published[BASELINE].shape, np.nan)
            for decode in swept}
  for length in set(lengths):
    rows = np.flatnonzero(lengths == length)
    for first in range(0, len(rows), batch_size):
      some = rows[first:first + batch_size]
      for suffix, values in run(features[:, some, :length]).items():
        logits[suffix][some, :, :length] = values
  check_published(golden, "tiny", logits, features, swept)


@WHOLE
@THOROUGH
@pytest.mark.parametrize("decode", [BASELINE] + [
    Decode.of((layer,), masking.union([zone])) for layer, zone in (
        (0, "q2"), (1, "q2p"), (2, "p2q"), (3, "p2"), (1, "all"))],
                         ids=lambda d: d.file_name())
def test_published_logits_of_a_single_decode(golden, decode):
  config, weights, features, _, _ = load_golden(golden, "tiny")
  run = build([decode], features.shape[2], config, weights)
  check_published(golden, "tiny", run(features), features, [decode])


@BOTH
@pytest.mark.parametrize("layer", range(4))
def test_published_all_adds_the_shift(golden, layer):
  """`all` without -10000, which only drops the padding mask, is found out."""
  config, weights, features, _, _ = load_golden(golden, "tiny")
  decode = Decode.of((layer,), masking.union(["all"]))
  features = features[:, :8]
  logits = {shift: {decode: np.stack([
      reference_logits(config, weights, window, decode, shift)
      for window in features.transpose(1, 0, 2)])} for shift in (True, False)}
  check_published(golden, "tiny", logits[True], features, [decode])
  with pytest.raises(AssertionError):
    check_published(golden, "tiny", logits[False], features, [decode])
