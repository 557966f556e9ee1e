"""Golden logits of models other than BERT's, and how they are compared."""

import re

import numpy as np

from attention_zones.zones.decodes import Decode
from attention_zones.zones import masking
from bert_reference import build
from bert_reference import FEATURES
from bert_reference import reference_logits
import tolerances


def features_for(shared, published):
  """The input of golden logits, int32 [3, B, S]."""
  if "input_ids" in published:
    return np.stack([published[name] for name in FEATURES]).astype(np.int32)
  features = np.load(str(shared / "golden/features/xquad.120.96.npz"))
  return np.stack([features[name][published["rows"]] for name in FEATURES]).astype(
      np.int32)


def cells_of(published):
  """dict from each Decode in a golden file to its logits, [B, 2, S]."""
  found = {}
  for name in published:
    cell = re.fullmatch(r"layer(\d)_(\w+)", name)
    if cell:
      found[Decode.of((int(cell.group(1)),), masking.union([cell.group(2)]))] = (
          published[name])
  assert len(found) >= 8
  return found


def check_cells(config, weights, features, published, limit):
  """Compares all cells at all tokens; `all` as test_golden_logits.py does it."""
  windows = features[:, :8].transpose(1, 0, 2)
  # Fewer windows have few attention logits that fall apart.
  num_disturbed = 2 if len(windows) == 8 else 8
  logits = build(list(published), features.shape[2], config, weights)(features)
  real = np.repeat(features[1, :, None] == 1, 2, axis=1)
  for decode, expected in published.items():
    errors = np.abs(logits[decode] - expected)[real]
    if decode.mask.reaches_padding:
      limits = tolerances.limits_of_all(lambda **how: np.concatenate([
          reference_logits(config, weights, window, decode, **how)[
              :, window[1] == 1] for window in windows], 1), num_disturbed)
      assert errors.max() < limits.furthest, decode
      assert tolerances.root_mean_square(errors) < limits.root_mean_square, decode
    else:
      assert errors.max() < limit, decode
