"""formulas.py against scipy and statsmodels, on random numbers.

They may sum in another order: a relative 1e-9 is far above rounding and far below
what another formula would give.
"""

import numpy as np
import pytest
import scipy.stats
import statsmodels.api
import statsmodels.stats.contingency_tables
import statsmodels.stats.multitest

from attention_zones.findings import formulas

close = lambda value: pytest.approx(value, rel=1e-9)


def test_exact_mcnemar_is_statsmodels():
  for lost, gained in np.random.RandomState(1).randint(0, 60, (30, 2)):
    expected = statsmodels.stats.contingency_tables.mcnemar(
        [[0, lost], [gained, 0]], exact=True).pvalue
    assert formulas.sign_flip_whole(
        [-1] * lost + [1] * gained) == close(min(1, expected))
    # binom_test and binomtest are of scipy's before and after 1.7.
    assert formulas.sign_flip_whole([-1] * lost + [1] * gained) == close(
        min(1, 2 * scipy.stats.binom.cdf(min(lost, gained), lost + gained, .5)))


def test_cluster_se_is_statsmodels():
  """Least squares on a constant, with errors in clusters; its factor is G/(G-1)
  times (N-1)/(N-1)."""
  rs = np.random.RandomState(2)
  cluster_of = np.sort(np.append(np.arange(20), rs.randint(0, 20, 80)))
  differences = rs.randint(-1, 2, 100) + .5 * rs.randn(20)[cluster_of]
  fit = statsmodels.api.OLS(differences, np.ones(100)).fit(
      cov_type="cluster", cov_kwds={"groups": cluster_of})
  assert formulas.cluster_se(
      formulas.cluster_sums(differences, cluster_of, 20),
      np.bincount(cluster_of)) == close(fit.bse[0])
  assert formulas.independent_se(differences) == close(
      scipy.stats.sem(differences))


def test_families_are_statsmodels():
  p = np.random.RandomState(3).rand(40) ** 3
  p[5:9] = p[4]
  for name, ours in (("holm", formulas.holm),
                     ("fdr_bh", formulas.benjamini_hochberg)):
    assert ours(p) == close(
        statsmodels.stats.multitest.multipletests(p, method=name)[1])


def test_normal_p_is_scipy():
  for z in (.1, 1.96, 5, 30):
    assert formulas.normal_p(-2 * z, 2) == close(2 * scipy.stats.norm.sf(z))
