"""tolerances.py: its limits hold for float64 results disturbed on purpose."""

import numpy as np
import pytest

import tolerances
from bert_reference import DECODES
from bert_reference import FILLED
from bert_reference import FULL
from bert_reference import LONG
from bert_reference import TINY
from bert_reference import WEIGHTS
from bert_reference import features_of
from bert_reference import furthest
from bert_reference import reference_logits


def test_the_step_at_a_masked_logit():
  for logit in (-9990.5, -10000.0, -10009.5):
    assert abs(np.spacing(np.float32(logit))) == tolerances.STEP_AT_MASKED_LOGIT


def test_float32_tolerance_bounds_sums_in_any_order():
  terms = np.random.RandomState(0).uniform(0, 1, 1000).astype(np.float32)
  forwards, backwards = [
      float(np.cumsum(x, dtype=np.float32)[-1]) for x in (terms, terms[::-1])]
  assert forwards != backwards
  bound = tolerances.float32_tolerance(forwards, 1000)
  assert abs(forwards - backwards) < bound
  # 2 * 1000 roundings of 2^-24 of about 500.
  assert bound == pytest.approx(0.06, rel=0.1)


@pytest.mark.parametrize("window", [LONG, FILLED])
def test_layers_do_not_enlarge_errors_beyond_the_bound(window):
  """Every sum off by as much as its roundings can add up to, at random."""
  features = features_of(window)[:, 0]
  bound_rounding = tolerances.rounding(3, growth=lambda n: n)
  for decode in DECODES:
    if decode.mask.reaches_padding:
      continue
    exact = reference_logits(TINY, WEIGHTS, features, decode)
    disturbed = reference_logits(
        TINY, WEIGHTS, features, decode, rounded=bound_rounding)
    bound = tolerances.float32_tolerance(
        np.abs(exact).max(), tolerances.model_operations(TINY, FULL))
    assert 0 < furthest(disturbed, exact) < bound / 2, decode


def test_limits_of_all_follow_the_step():
  """What is rounded to whole steps, and a little noise, as `all` does it."""
  scores = np.random.RandomState(4).uniform(-1, 1, 10000)

  def logits_of(shift=True, rounded=lambda x, n: x):
    moved = rounded(scores, 100)
    step = tolerances.STEP_AT_MASKED_LOGIT
    return np.round(moved / step) * step if shift else moved

  limits = tolerances.limits_of_all(logits_of)
  # Twice half a step, and a rounding by 10 * 2^-24 more.
  assert limits.furthest == pytest.approx(2.0 ** -10, rel=2e-3)
  # Few fall apart. A rounding that is left out is a uniform error of half a step.
  assert limits.root_mean_square < 2.0 ** -11 / np.sqrt(3) / 3
