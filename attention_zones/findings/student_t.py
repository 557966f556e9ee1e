"""Student's t distribution, for degrees of freedom that need not be whole.

Its tail is the regularized incomplete beta function (Abramowitz and Stegun,
Handbook of Mathematical Functions, 1964, 26.5.27):

    P(|T| >= t) = I_x(df/2, 1/2),  x = df / (df + t^2)
"""

import functools
import math

_EXACT = 2 ** -52  # A factor this near to 1 is 1, but for rounding.


def two_sided_p(t, df):
  """P(|T| >= |t|).

    two_sided_p(2.2281388519649385, 10) == 0.05, but for rounding

  Args:
    t: float.
    df: float, above 0; math.inf is the normal distribution.

  Returns:
    float, 0 to 1.
  """
  # A numpy scalar's arithmetic takes ten times as long.
  t, df = float(t), float(df)
  if math.isinf(df):
    return math.erfc(abs(t) / math.sqrt(2))
  if math.isinf(t):
    return 0.0
  total = df + t * t
  return _incomplete_beta(df / 2, .5, df / total, t * t / total)


@functools.lru_cache(maxsize=None)
def quantile(probability, df):
  """The t with P(T <= t) = probability: float.

    quantile(.975, 10) == 2.2281388519649385, but for rounding

  Args:
    probability: float, .5 to below 1.
    df: float, as for two_sided_p.
  """
  tail = 2 * (1 - probability)
  low, high = 0.0, 1.0
  while two_sided_p(high, df) > tail:
    low, high = high, 2 * high
  # Until no number lies between.
  while low < (low + high) / 2 < high:
    middle = (low + high) / 2
    low, high = (middle, high) if two_sided_p(middle, df) > tail else (low, middle)
  return high


def _incomplete_beta(a, b, x, y):
  """I_x(a, b); a, b > 0; y is 1 - x, which the caller knows to every digit."""
  if not x or not y:
    return x
  front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
                   + a * math.log(x) + b * math.log(y))
  # The fraction needs few terms on this side only.
  if x < (a + 1) / (a + b + 2):
    return front / a * _fraction(a, b, x)
  return 1 - front / b * _fraction(b, a, y)


def _fraction(a, b, x):
  """The continued fraction of I_x(a, b) (Abramowitz and Stegun, 26.5.8).

    1 / (1 + d_1 / (1 + d_2 / (1 + ...))),
    d_2m+1 = -(a + m)(a + b + m) x / ((a + 2m)(a + 2m + 1)),
    d_2m = m (b - m) x / ((a + 2m - 1)(a + 2m))

  From front to back, by the ratios of following numerators and denominators (Lentz,
  Applied Optics 15, 1976). It needs about sqrt(max(a, b)) terms.
  """
  value = upper = 1.0
  lower, n, factor = 0.0, 0, 0.0
  while abs(factor - 1) > _EXACT:
    n += 1
    m = n // 2
    if n % 2:
      term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    else:
      term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    upper, lower = 1 + term / upper, 1 / (1 + term * lower)
    factor = upper * lower
    value *= factor
  return 1 / value
