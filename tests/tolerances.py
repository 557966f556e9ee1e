"""How far apart two correct results may lie: from float32's rounding alone.

No figure here was measured. Processors, numbers of threads and shapes of a batch
change the order in which a sum is taken and whether a product is rounded before
it is added; what follows holds for every such order.
"""

import collections
import itertools

import numpy as np

# A float32 has 24 bits; rounding to the nearest moves a number by at most this
# share of itself.
UNIT_ROUNDOFF = 2.0 ** -24

# Float32 numbers from 8192 to 16384 are 2^-10 = 0.00098 apart. `all` adds -10000
# to attention logits, so they are rounded to multiples of this.
STEP_AT_MASKED_LOGIT = 2.0 ** -10

# PROTOCOL.md, section 3: how near the published logits a logit has to be.
PUBLISHED_LOGITS = 5e-4

# And predictions: what scores within this of each other is a tie.
TIE = 1e-3


def float32_tolerance(size, num_operations):
  """How far apart two float32 results of one formula can be.

  Each of n operations in a row rounds what it gives, by at most 2^-24 of it, so
  that a result is off by at most n 2^-24 times the largest number on the way, and
  two results are apart by twice that. A sum of n terms is n operations, in any
  order. This is the bound; what is seen grows with the square root of n
  (Higham and Mary, 2019), which makes it a tenth of the bound and less.

  Args:
    size: float, the largest magnitude of the result and of what is summed up.
    num_operations: int, n, roundings one after the other.

  Returns:
    float.
  """
  return 2 * num_operations * UNIT_ROUNDOFF * size


def model_operations(config, length):
  """The roundings one after the other from BERT's input to its span logits.

  LayerNorm, softmax and the residual sums keep numbers near the same size, so the
  errors of the layers add up. Softmax and LayerNorm can also enlarge an error:
  test_tolerances.py checks that the weights of the tests do not.

  Args:
    config: modeling.BertConfig.
    length: int, how many positions a row attends to.

  Returns:
    int.
  """
  hidden, inner = config.hidden_size, config.intermediate_size
  layer_norm = 2 * hidden  # the mean, the variance
  layer = (
      hidden + hidden // config.num_attention_heads  # projections, logits
      + 2 * length  # the softmax's sum, the weighted sum of values
      + hidden + layer_norm  # output projection
      + hidden + inner + layer_norm)  # feed-forward
  return 3 + layer_norm + config.num_hidden_layers * layer + hidden


def rounding(seed, growth=np.sqrt):
  """Makes float64 results as inexact as float32's, in a way of one's choice.

  Args:
    seed: int; another one rounds otherwise, as another machine would.
    growth: function from n, the length of a sum, to how many unit roundoffs the
      sum is off by at most. The square root is what independent roundings make;
      the identity is their bound.

  Returns:
    function from (array, n) to the array with each number moved at random.
  """
  random = np.random.RandomState(seed)
  return lambda x, n: x * (
      1 + growth(n) * UNIT_ROUNDOFF * random.uniform(-1, 1, x.shape))


AllLimits = collections.namedtuple("AllLimits", ["furthest", "root_mean_square"])
AllLimits.__doc__ = """How far apart two correct results of `all` may lie.

Attributes:
  furthest: float, any logit.
  root_mean_square: float, over all logits.
"""


def limits_of_all(logits_of, num_disturbed=2):
  """Derives the limits for `all`, where attention logits are rounded coarsely.

  A rounded attention logit lies up to half a step, 2^-11, from the exact one. Two
  machines whose matrix products differ in the last bits round most of them alike;
  the few near the middle between two steps fall apart by a whole step. So:

  - each result is about as far from that without rounding as a float64 evaluation
    with rounding is; two are apart by at most twice that. This is the largest
    over the logits given, no proven bound: for that, all roundings would have to
    be taken with the sign that does most harm, and nothing would ever fail.
  - how many fall apart, and what it does, is seen from two float64 evaluations
    disturbed as float32 disturbs them (see rounding()), or more where logits are
    few: of two windows one attention logit falls apart, or three, or none. This
    limit is below what an `all` without the shift, that is, without the rounding,
    comes to.

  Args:
    logits_of: function (shift=True, rounded=function or nothing) to float64
      logits, an array: reference_logits() at the tokens of some windows.
    num_disturbed: int, how many disturbed evaluations there are; the two that are
      furthest apart count.

  Returns:
    AllLimits.
  """
  unrounded = logits_of(shift=False)
  disturbed = [logits_of(rounded=rounding(1 + n)) for n in range(num_disturbed)]
  return AllLimits(2 * np.abs(disturbed[0] - unrounded).max(),
                   max(root_mean_square(one - other) for one, other in
                       itertools.combinations(disturbed, 2)))


def root_mean_square(x):
  return np.sqrt(np.mean(np.square(x)))
