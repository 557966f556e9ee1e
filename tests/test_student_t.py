"""student_t.py against scipy's distribution, and its limits."""

import math

import pytest
from scipy import stats

from attention_zones.findings import student_t

DEGREES = (1, 1.3, 2, 4.7, 11, 47, 239, 2066, 10569)


@pytest.mark.parametrize("df", DEGREES)
def test_tails_and_quantiles(df):
  # The tail is the exponential of a sum of which lgamma is the largest term, so its
  # rounding is that of numbers of the size of lgamma(df / 2).
  rel = 8 * 2 ** -52 * max(100, math.lgamma(df / 2))
  for t in (1e-8, .1, .7, 1, 1.96, 2.5, 6, 20):
    expected = 2 * stats.t.sf(t, df)
    assert student_t.two_sided_p(t, df) == pytest.approx(expected, rel=rel)
    assert student_t.two_sided_p(-t, df) == student_t.two_sided_p(t, df)
  for probability in (.8, .95, .975, .9999):
    # 1 - .9999 has 4 digits less than .9999.
    assert student_t.quantile(probability, df) == pytest.approx(
        stats.t.ppf(probability, df), rel=1e4 * rel)


def test_a_table():
  """Fisher and Yates, Statistical Tables, 1938."""
  assert round(student_t.quantile(.975, 10), 3) == 2.228
  assert round(student_t.quantile(.995, 4), 3) == 4.604


def test_limits():
  assert student_t.two_sided_p(0, 3) == 1
  assert student_t.two_sided_p(math.inf, 3) == 0
  assert student_t.two_sided_p(1.5, math.inf) == math.erfc(1.5 / math.sqrt(2))
  assert student_t.quantile(.975, math.inf) == pytest.approx(1.959963984540054)
