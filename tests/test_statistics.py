"""formulas.py: the numbers of its specification."""

import math

import numpy as np
import pytest
from scipy import stats

from attention_zones.findings import formulas

# The specification's relative tolerance.
close = lambda value: pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("lost, gained, p", [
    (10, 3, .09228515625), (5, 0, .0625), (137, 92, .0035501279745504847),
    (0, 0, 1)])
def test_one_question_in_a_cluster_is_exact_mcnemar(lost, gained, p):
  assert formulas.sign_flip_whole([-1] * lost + [1] * gained + [0]) == close(p)


@pytest.mark.parametrize("sums, p", [
    ([2, 0, -1, 2, 1], .375), ([5, -2, 0, 4, 1, 1, -1, 3], .203125),
    ([2, 2, 2, 2, 2], .0625)])
def test_sign_flips_of_clusters(sums, p):
  assert formulas.sign_flip_whole(sums) == close(p)
  assert formulas.sign_flip_real(np.array(sums, float)) == close(p)


def test_sign_flips_of_fractions():
  sums = np.array([.5, .25, -.125, 1, .75])
  assert formulas.sign_flip_real(sums) == close(.125)


def test_sums_of_fractions_tie_though_they_are_rounded():
  # 10 of 16 signs reach .2; in binary, only some sums are a bit more than that.
  assert -.1 - .1 - .1 + .1 < -.2 == .1 - .1 - .1 - .1
  assert formulas.sign_flip_real(np.array([-.1, -.1, -.1, .1])) == close(.625)
  assert formulas.sign_flip_real(np.array([.3, .2, .1])) == close(.25)


def test_normal_form():
  sums = np.array([12., -3, 7, 0, 1, -2, 6, -1, 4, 4, -5, 2])
  assert formulas.sign_flip_normal(sums) == close(.15228815958799943)


def test_more_than_20_clusters_are_taken_as_normal():
  sums = np.array([1.] * 14 + [-1.] * 6 + [0.])
  exact = formulas.sign_flip_whole(sums)
  assert formulas.sign_flip_real(sums) == close(exact)
  longer = np.append(sums, 1.)
  assert formulas.sign_flip_real(longer) == close(
      math.erfc(9 / math.sqrt(2 * 21)))


def test_degrees_of_freedom_are_welchs():
  """Of two samples, which scipy compares with as many."""
  one, other = np.array([3., 1, 4, 1, 5]), np.array([2., 7, 1, 8, 2, 8, 1, 8])
  of_one, of_other = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
  df = formulas.satterthwaite(of_other, of_one, len(other), len(one))
  t, p = stats.ttest_ind(one, other, equal_var=False)
  assert formulas.student_p(t, 1, df) == close(p)
  # Where one source varies only, or none.
  found = formulas.satterthwaite(
      np.array([2., 0, 0]), np.array([0., 3, 0]), 240, 5)
  assert found == close([239, 4, 239])


def test_few_changed_clusters_have_a_least_half_width():
  # No cluster of G changed with probability .05, if the rate is this.
  for number in 12, 240, 2067:
    rate = formulas.half_width_of_few(np.array([0, 4, 10, 50]), number)
    assert (1 - rate[0]) ** number == close(.05)
    assert rate[1:] == close([.6 * rate[0], 0, 0])


def test_without_a_difference_p_is_1():
  assert formulas.sign_flip_whole(np.zeros(5)) == 1
  assert formulas.sign_flip_real(np.zeros(5)) == 1
  assert formulas.sign_flip_normal(np.zeros(30)) == 1
  assert formulas.normal_p(0, 0) == 1
  assert formulas.normal_p(1, 0) == 0
  assert formulas.student_p(0, 0, 4) == 1 and formulas.student_p(1, 0, 4) == 0


def test_the_smallest_difference_that_is_found():
  assert formulas.detectable(1) == close(2.801585218112968)
  assert formulas.detectable(.3, 7.5) == close(
      .3 * (stats.t.ppf(.975, 7.5) + stats.t.ppf(.8, 7.5)))


@pytest.mark.parametrize("se, diff, number, change, p", [
    (.3, -.4, 1000, 1.5, .0786496035251426), (.2, .9, 10570, 1.2, .310987922310527),
    # Beyond the margin, se stays what it is.
    (.3, -1.2, 1000, 1.5, .747507462453077),
    (0, 0, 1200, 1200 / 240, .0606676251792411),
    (0, 0, 10570, 10570 / 2067, 2.72821195515897e-6)])
def test_two_one_sided_tests_of_a_margin_of_1(se, diff, number, change, p):
  room = 1 - abs(diff)
  se_0 = formulas.se_at_margin(se, room, change, number)
  assert formulas.equivalence_p(room, se_0) == close(p)
  assert formulas.equivalence_p(room, se_0, 6.5) == close(
      stats.t.sf(room / se_0, 6.5))


def test_without_an_error_equivalence_is_certain():
  assert [formulas.equivalence_p(room, 0) for room in (.1, 0, -.1)] == [0, 1, 1]


def test_how_many_questions_of_a_cluster_change_together():
  sizes = np.array([3] * 12 + [6] * 3)
  sums = np.zeros((4, 15))
  sums[:3, :10] = [2, -1] * 5
  sums[1, 14] = 6
  # (25 / 15), (25 + 36) / (15 + 6); of few changed clusters, or where all S are 0,
  # all of the 54 / 15 questions of a cluster.
  assert formulas.change_of_cluster(sums, sizes, np.array([10, 11, 9, 12])) == (
      close([25 / 15, 61 / 21, 54 / 15, 54 / 15]))


def test_holm_and_benjamini_hochberg():
  p = [.01, .04, .03, .005, .5, .04]
  assert formulas.holm(p) == close([.05, .12, .12, .03, .5, .12])
  assert formulas.benjamini_hochberg(p) == close(
      [.03, .048, .048, .03, .5, .048])
  assert formulas.holm([]).size == formulas.benjamini_hochberg([]).size == 0


DIFFERENCES = np.array([1., 0, 1, 0, 0, -1, 1, 1, 0, 0, 0, 1])
CLUSTERS = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 4])


def test_standard_errors_and_design_effect():
  sizes = np.bincount(CLUSTERS)
  sums = formulas.cluster_sums(DIFFERENCES, CLUSTERS, 5)
  assert sums.tolist() == [2, 0, -1, 2, 1]
  assert sums.sum() / sizes.sum() == close(1 / 3)
  se = formulas.cluster_se(sums, sizes)
  independent = formulas.independent_se(DIFFERENCES)
  assert se == close(.18108895570007358)
  assert independent == close(.18802535827258873)
  assert (se / independent) ** 2 == close(.9275793650793651)


def test_sums_keep_the_shape():
  values = np.arange(24.).reshape(2, 3, 4)
  sums = formulas.cluster_sums(values, np.array([0, 1, 1, 0]), 3)
  assert sums.shape == (2, 3, 3)
  assert sums[1, 2].tolist() == [20 + 23, 21 + 22, 0]


SUMS, SIZES = np.array([-2., 0, 1, -2, -1]), np.array([3, 2, 1, 4, 2])


def test_bootstrap_of_clusters():
  sums, sizes = formulas.bootstrap(SUMS[None, None], SIZES[None], 1000, 12345)
  means = 100 * sums[:, 0] / sizes[:, 0]
  assert np.percentile(means, [2.5, 97.5]) == close([-56.25, 12.5])
  assert means.std(ddof=1) == close(18.674773608223788)
  # The first resamples are the clusters 2 1 4 1 2 and 1 1 3 1 3.
  assert sums[:2, 0].tolist() == [1 + 0 - 1 + 0 + 1, 0 + 0 - 2 + 0 - 2]
  assert sizes[:2, 0].tolist() == [1 + 2 + 2 + 2 + 1, 2 + 2 + 4 + 2 + 4]


def test_bootstrap_in_blocks_draws_the_same_numbers(monkeypatch):
  whole = formulas.bootstrap(SUMS[None, None], SIZES[None], 100, 1)
  monkeypatch.setattr(formulas, "_BLOCK", 35)  # 7 resamples at a time
  blocks = formulas.bootstrap(SUMS[None, None], SIZES[None], 100, 1)
  for one, other in zip(whole, blocks):
    assert np.array_equal(one, other)


def test_bootstrap_of_seeds_and_clusters():
  """The same as drawing seeds and clusters one by one, as the paper says."""
  rs = np.random.RandomState(7)
  sums = rs.randint(-3, 4, (3, 2, 5)).astype(float)  # [K, C, G]
  drawn, sizes = formulas.bootstrap(sums, SIZES[None], 50, 12345)
  rs = np.random.RandomState(12345)
  seeds_of, clusters_of = rs.randint(0, 3, (50, 3)), rs.randint(0, 5, (50, 5))
  for d in range(50):
    assert sizes[d, 0] == sum(SIZES[g] for g in clusters_of[d])
    for c in range(2):
      total = 0
      for k in seeds_of[d]:
        for g in clusters_of[d]:
          mean = sum(sums[:, c, g]) / 3
          total += mean + math.sqrt(3 / 2) * (sums[k, c, g] - mean)
      assert drawn[d, c] == pytest.approx(total / 3, rel=1e-9, abs=1e-12)
