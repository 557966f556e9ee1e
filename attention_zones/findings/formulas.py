"""The formulas behind results.stats.csv, each with its source.

Questions about one passage are alike, so what is drawn, and whose sign is flipped,
is a cluster: all questions about a passage. d = masked - baseline, for each
question (exact match 0 or 1, F1 0 to 1); S = sum of d in a cluster.

Dimensions: N = questions, G = clusters, K = training seeds, C = cells (decodes),
D = resamples.
"""

import functools
import math

import numpy as np

from attention_zones.findings import student_t

_TIE = 1e-9  # Sums of floats are equal within this fraction of sum |S|.
_MAX_SIGNS = 20  # The largest number of clusters whose 2^k signs are all tried.
# With fewer changed clusters, a standard error says little.
FEW_CHANGED = 10
_BLOCK = 1 << 18  # Clusters times resamples that are held at the same time: 2 MB.


def cluster_sums(values, cluster_of, num_clusters):
  """Sums float [..., N] in the clusters of int [N], 0 to G-1: float64 [..., G]."""
  rows = values.reshape(-1, values.shape[-1])
  sums = [np.bincount(cluster_of, row, num_clusters) for row in rows]
  return np.array(sums).reshape(values.shape[:-1] + (num_clusters,))


def cluster_se(sums, sizes):
  """Standard error of the mean difference when whole clusters are drawn.

    se = 1/N sqrt(G/(G-1) sum_g (S_g - n_g mean)^2),  mean = sum S / N

  Liang and Zeger, Biometrika 73 (1986), for a mean, with the usual G/(G-1).

  Args:
    sums: float [..., G], S.
    sizes: int [G], n, how many questions each cluster has; G is at least 2.

  Returns:
    float [...]; times 100 it is in points.
  """
  num_clusters, total = len(sizes), sizes.sum()
  rest = sums - sizes * (sums.sum(-1, keepdims=True) / total)
  return np.sqrt(num_clusters / (num_clusters - 1) * (rest ** 2).sum(-1)) / total


def half_width_of_few(changed, num_clusters):
  """The least half-width of a 95 % interval where few clusters changed at all.

    (1 - .05^(1/G)) (1 - k/10),  k below FEW_CHANGED, which is 10

  Where no cluster of G changed, up to 1 - .05^(1/G) of all clusters may change: the
  rule of three (Hanley and Lippman-Hand, JAMA 249, 1983), which tapers off here.

  Args:
    changed: int [...], k.
    num_clusters: int, G.

  Returns:
    float [...]; times 100 it is in points.
  """
  return (1 - .05 ** (1 / num_clusters)) * np.maximum(
      0, 1 - changed / FEW_CHANGED)


def satterthwaite(of_questions, of_seeds, num_clusters, num_seeds):
  """Degrees of freedom of a standard error that has two sources.

    df = (V_q + V_s)^2 / (V_s^2 / (K - 1) + V_q^2 / (G - 1))

  Satterthwaite, Biometrics Bulletin 2 (1946); Welch, Biometrika 34 (1947).

  Args:
    of_questions: float [...], V_q, the squared cluster_se of the mean over seeds.
    of_seeds: float [...], V_s, the variance of the seeds (ddof 1) over K.
    num_clusters, num_seeds: int, G and K.

  Returns:
    float [...]; G - 1 where nothing varies.
  """
  below = of_seeds ** 2 / (num_seeds - 1) + of_questions ** 2 / (num_clusters - 1)
  total = (of_questions + of_seeds) ** 2
  return np.divide(total, below, where=below > 0,
                   out=np.full(np.shape(below), num_clusters - 1.0))


def independent_se(differences):
  """Standard error of the mean of float [..., N]: s / sqrt(N), ddof 1; float [...].

  (cluster_se / independent_se)^2: the design effect (Kish, Survey Sampling, 1965).
  """
  return differences.std(-1, ddof=1) / math.sqrt(differences.shape[-1])


def bootstrap(sums, sizes, resamples, random_seed):
  """Draws clusters with replacement and, where there are several, training seeds.

  A resample's mean is its sum over its size; the percentiles 2.5 and 97.5 of the
  means are an interval (Efron and Tibshirani, An Introduction to the Bootstrap,
  1993, chapter 13; of clusters: Field and Welsh, J. R. Stat. Soc. B 69, 2007).
  Seeds are drawn as in the multi-bootstrap (Sellam et al., The MultiBERTs, ICLR
  2022); their deviations from their mean are multiplied by sqrt(K/(K-1)), because K
  drawn seeds vary too little.

  Args:
    sums: float [K, C, G], S of each seed.
    sizes: int [M, G], one or more sizes of the clusters.
    resamples: int, D.
    random_seed: int, 0 to 2^32-1.

  Returns:
    (sums [D, C], averaged over a resample's seeds, sizes [D, M]), float64.
  """
  num_seeds, num_cells, num_clusters = sums.shape
  rs = np.random.RandomState(random_seed)
  seed_weights = np.ones((resamples, 1))
  if num_seeds > 1:
    drawn = rs.randint(0, num_seeds, (resamples, num_seeds))
    seed_weights = _count(drawn, num_seeds) / num_seeds  # [D, K]
    mean = sums.mean(0)
    sums = mean + math.sqrt(num_seeds / (num_seeds - 1)) * (sums - mean)
  columns = np.concatenate([sums.reshape(-1, num_clusters), sizes]).T
  drawn_sums = np.empty((resamples, num_cells))
  drawn_sizes = np.empty((resamples, len(sizes)))
  # The numbers are those of one randint(0, G, (D, G)), without its memory.
  step = max(1, _BLOCK // num_clusters)
  for first in range(0, resamples, step):
    block = slice(first, min(first + step, resamples))
    drawn = rs.randint(0, num_clusters, (block.stop - first, num_clusters))
    drawn = _count(drawn, num_clusters).dot(columns)
    of_seeds = drawn[:, :num_seeds * num_cells].reshape(-1, num_seeds, num_cells)
    drawn_sums[block] = np.einsum("dk,dkc->dc", seed_weights[block], of_seeds)
    drawn_sizes[block] = drawn[:, num_seeds * num_cells:]
  return drawn_sums, drawn_sizes


def _count(drawn, limit):
  """Counts how often each number below `limit` is in each row: float [D, limit]."""
  drawn += np.arange(len(drawn))[:, None] * limit
  counts = np.bincount(drawn.ravel(), minlength=len(drawn) * limit)
  return counts.reshape(len(drawn), limit).astype(float)


def sign_flip_whole(sums):
  """Exact two-sided p of a sign-flip test of whole numbers, S, int [G].

    p = P(|T| >= |sum S|),  T = sum of +-|S_g|, each sign with probability 1/2

  If masking changes nothing, a cluster's S is as likely as -S (Fisher, The Design
  of Experiments, 1935; of blocks: Winkler et al., NeuroImage 92, 2014). With one
  question in each cluster it is McNemar's exact test (Psychometrika 12, 1947). m
  clusters of one size a make T = a (2 B - m), B binomial; the distributions of all
  sizes are convolved.
  """
  sums = np.asarray(sums, np.int64)
  sizes, counts = np.unique(np.abs(sums[sums != 0]), return_counts=True)
  reach = int(np.dot(sizes, counts))  # T is 2 u - reach, u from 0 to reach.
  probability, top = np.zeros(reach + 1), 0
  probability[0] = 1.0
  for size, count in zip(sizes.tolist(), counts.tolist()):
    before, probability = probability, np.zeros(reach + 1)
    for k, weight in enumerate(_binomial(count)):
      probability[k * size:k * size + top + 1] += weight * before[:top + 1]
    top += size * count
  is_far = np.abs(2 * np.arange(reach + 1) - reach) >= abs(int(sums.sum()))
  return min(1.0, probability[is_far].sum())


@functools.lru_cache(maxsize=None)
def _binomial(count):
  """Probabilities of 0 to `count` heads in as many fair throws: list of float."""
  ways = [1]
  for k in range(count):
    ways.append(ways[-1] * (count - k) // (k + 1))
  return [way / 2 ** count for way in ways]


def sign_flip_real(sums):
  """The test of sign_flip_whole for S that are not whole, float [G].

  All 2^k signs are tried when at most 20 clusters are not 0, otherwise
  `sign_flip_normal` is taken. Sums within 1e-9 sum |S| are equal.
  """
  tie = _TIE * np.abs(sums).sum()
  sizes = np.abs(sums[np.abs(sums) > tie])
  if len(sizes) > _MAX_SIGNS:
    return sign_flip_normal(sums)
  flipped = np.zeros(1)
  for size in sizes:
    flipped = np.concatenate([flipped + size, flipped - size])
  return float(np.mean(np.abs(flipped) >= abs(sums.sum()) - tie))


def sign_flip_normal(sums):
  """The same for many clusters: T is about normal, with variance sum S^2."""
  return normal_p(sums.sum(), math.sqrt((sums ** 2).sum()))


def normal_p(difference, se):
  """Two-sided p of a normal variable with mean 0: erfc(|difference / se| / sqrt 2).

  Without a difference it is 1, also where se is 0.
  """
  if not difference:
    return 1.0
  return math.erfc(abs(difference / se) / math.sqrt(2)) if se else 0.0


def student_p(difference, se, df):
  """As normal_p, of Student's t with so many degrees of freedom, float."""
  if not difference:
    return 1.0
  return student_t.two_sided_p(difference / se, df) if se else 0.0


def detectable(se, df=math.inf):
  """The smallest difference that a test at 5 % finds with probability .8.

    (t(.975; df) + t(.8; df)) se,  which is 2.80 se for the normal distribution

  Bloom, Evaluation Review 19 (1995).

  Args:
    se: float, the standard error of a difference.
    df: float, degrees of freedom; math.inf is the normal distribution.

  Returns:
    float, in the unit of se.
  """
  return (student_t.quantile(.975, df) + student_t.quantile(.8, df)) * se


def change_of_cluster(sums, sizes, changed):
  """How many of a cluster's questions change, net, where one changes: s.

    s = sum S^2 / sum |S|

  It is all of them, N/G, where few clusters changed or where all S are 0.

  Args:
    sums: float [R, G], S.
    sizes: int [G], how many questions each cluster has.
    changed: int [R], how many clusters changed at all.

  Returns:
    float [R].
  """
  total = np.abs(sums).sum(-1)
  is_known = (changed >= FEW_CHANGED) & (total > _TIE)
  return np.divide((sums ** 2).sum(-1), total, where=is_known,
                   out=np.full(total.shape, sizes.sum() / len(sizes)))


def se_at_margin(se, room, change, number):
  """The standard error that a difference as large as the margin would have.

    se0^2 = se^2 + 100 max(room, 0) s / N

  A cell that changes few questions has a small standard error because it changes
  few. If `room` points more of the questions changed, in clusters of s, they would
  have the variance of a Poisson number of clusters.

  Args:
    se, room: float, in points; room is the margin - |difference|.
    change: float, s, as of change_of_cluster.
    number: int, N.

  Returns:
    float, in points.
  """
  return math.sqrt(se ** 2 + 100 * max(room, 0) * change / number)


def equivalence_p(room, se, df=math.inf):
  """p of the hypothesis that a difference is the margin or more, either way.

    P(T >= room / se),  room = margin - |difference|

  The larger p of two one-sided tests (Schuirmann, Journal of Pharmacokinetics and
  Biopharmaceutics 15, 1987).

  Args:
    room, se: float, in one unit.
    df: float, degrees of freedom of T; math.inf is the normal distribution.

  Returns:
    float, 0 to 1; where se is 0, 0 or 1.
  """
  if not se:
    return float(room <= 0)
  beyond = student_t.two_sided_p(room / se, df) / 2
  return beyond if room > 0 else 1 - beyond


def holm(p_values):
  """Adjusts p, float [m], for the chance of any false finding in a family.

    the i-th smallest becomes max over j <= i of min(1, (m - j + 1) p_(j))

  Holm, Scandinavian Journal of Statistics 6 (1979).
  """
  p_values = np.asarray(p_values, float)
  order = np.argsort(p_values)
  raised = np.arange(len(order), 0, -1) * p_values[order]
  adjusted = np.empty(len(order))
  adjusted[order] = np.minimum(1, np.maximum.accumulate(raised))
  return adjusted


def benjamini_hochberg(p_values):
  """Adjusts p, float [m], for the fraction of false findings among the findings.

    the i-th smallest becomes min over j >= i of min(1, m p_(j) / j)

  Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).
  """
  p_values = np.asarray(p_values, float)
  order = np.argsort(p_values)[::-1]
  raised = len(order) / np.arange(len(order), 0, -1) * p_values[order]
  adjusted = np.empty(len(order))
  adjusted[order] = np.minimum(1, np.minimum.accumulate(raised))
  return adjusted


def spearman(x, y):
  """Spearman's rank correlation of float [n] and float [n], 2 or more.

    Pearson's correlation of the ranks, where equal values have their mean rank

  Spearman, American Journal of Psychology 15 (1904).

  Returns:
    float, -1 to 1; None if all of x, or all of y, are equal.
  """
  x, y = (_ranks(np.asarray(values, float)) for values in (x, y))
  x, y = x - x.mean(), y - y.mean()
  size = math.sqrt(x.dot(x) * y.dot(y))
  return float(x.dot(y) / size) if size else None


def _ranks(values):
  """Ranks float [n] from 1, ties averaged: float [n]."""
  _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
  return (np.cumsum(counts) - (counts - 1) / 2)[index]
