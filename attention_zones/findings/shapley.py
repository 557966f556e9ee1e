"""results.shapley.csv: which zones of a layer stand in for each other?

    layer,head,kind,zone,other,metric,n,clusters,seeds,diff,...,p,p_holm
    3,,shapley,p2,,exact,10570,2067,1,-16.9417,...,0.0001,0.0048
    3,,alone,p2,,exact,10570,2067,1,-6.0000,...,,
    3,,last,p2,,exact,10570,2067,1,-29.1000,...,,
    3,,pair,p2q,p2,exact,10570,2067,1,-20.3333,...,0.0001,0.0072

It needs a decode of each of the 15 unions of the four zones in a layer. Let v(S) be
score - baseline with the union S masked, v() = 0, and N all four zones:

    alone    v(a)
    last     v(N) - v(N without a): what it costs when the others are masked already
    shapley  the mean of v(S + a) - v(S) over the 24 orders in which zones can be
             masked, S being those before a; the four sum to v(N)
    pair     the mean of v(S + a + b) - v(S + a) - v(S + b) + v(S) over the 6
             orders of the two other zones and of a and b as one: below 0, both cost
             more than each by itself, so they stand in for each other

Shapley, A Value for n-Person Games, in Contributions to the Theory of Games II
(1953); Grabisch and Roubens, International Journal of Game Theory 28 (1999), for
pairs. All are weighted sums of decodes, question by question, as contrasts are.

The unions may also be of zones with @zero, or with @flat: the rows say p2@zero.
"""

import collections
import itertools
import math

import numpy as np

from attention_zones.findings import effects
from attention_zones.findings import tables
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.zones import masking
from attention_zones.zones import zones

# Of results.shapley.csv.
COLUMNS = ("layer", "head", "kind", "zone", "other", "metric", "n", "clusters",
           "seeds", "diff", "ci_low", "ci_high", "se", "p", "p_holm")

# N, those of the paper's picture, whatever other zones there are.
ZONES = zones.FOUR
VARIANTS = ("",) + tuple("@" + edit for edit in zones.EDITS)


def _subsets(of):
  """All subsets of a tuple, itself and () among them, small ones first: list."""
  return [some for size in range(len(of) + 1)
          for some in itertools.combinations(of, size)]


# The 15 decodes, tuples of ZONES each.
UNIONS = _subsets(ZONES)[1:]

# For each of VARIANTS, the masking.Mask of UNIONS.
_MASKS = {variant: [masking.union(zone + variant for zone in union)
                    for union in UNIONS] for variant in VARIANTS}


def weights(terms):
  """The weights of a sum of decodes: float64 [15], in the order of UNIONS.

  Args:
    terms: iterable of (weight, collection of ZONES). That of no zone is 0.
  """
  total = np.zeros(len(UNIONS))
  for weight, union in terms:
    if union:
      total[UNIONS.index(tuple(zone for zone in ZONES if zone in union))] += weight
  return total


def interaction(together):
  """The interaction index of a zone, which is its Shapley value, or of a pair.

    sum over S of |S|! (r - |S|)! / (r + 1)! x
        sum over T of (-1)^(|together| - |T|) v(S + T)

  S are the subsets of the r other zones, T those of `together`.

  Args:
    together: tuple of 1 or 2 of ZONES.

  Returns:
    float64 [15], as of `weights`.
  """
  others = tuple(zone for zone in ZONES if zone not in together)
  orders = math.factorial(len(others) + 1)
  return weights(
      ((-1) ** (len(together) - len(part)) * math.factorial(len(before))
       * math.factorial(len(others) - len(before)) / orders, before + part)
      for before in _subsets(others) for part in _subsets(together))


Kind = collections.namedtuple("Kind", [
    "name", "of", "weights", "scale", "reach", "words"])
Kind.__doc__ = """What a row can be of.

Attributes:
  name: str, in the column `kind`.
  of: list of tuples of ZONES, a row each.
  weights: float64 [rows, 15], as of `weights`.
  scale: int, by which all weights become whole numbers.
  reach: int, the most that a question can change: 1 is from wrong to right.
  words: str, what the family of tests is called; None for what is not tested.
"""

_SINGLE, _PAIRS = ([some for some in UNIONS if len(some) == size]
                   for size in (1, 2))
KINDS = (
    Kind("shapley", _SINGLE, np.array(list(map(interaction, _SINGLE))), 24, 1,
         "Shapley values"),
    Kind("alone", _SINGLE, np.array([
        weights([(1, zone)]) for zone in _SINGLE]), 1, 1, None),
    Kind("last", _SINGLE, np.array([
        weights([(1, ZONES), (-1, set(ZONES).difference(zone))])
        for zone in _SINGLE]), 1, 1, None),
    Kind("pair", _PAIRS, np.array(list(map(interaction, _PAIRS))), 6, 2, "pairs"))


Subsets = collections.namedtuple("Subsets", ["row", "variant", "decodes", "family"])
Subsets.__doc__ = """The 15 decodes of a layer, or of some of its heads.

Attributes:
  row: predictions.Row.
  variant: str of VARIANTS.
  decodes: list of 15 Decodes, in the order of UNIONS; some may not be there.
  family: (str, variant), what is tested together, as of predictions.family for the
    zones themselves; (None, variant) for what is in no family.
"""


def find(cells):
  """Finds where any union of the four zones is masked: list of Subsets.

  Args:
    cells: list of masked Decodes.
  """
  there = set(cells)
  rows_of_table = collections.OrderedDict(
      (predictions.place(cell)[0], None) for cell in cells)
  found = []
  for row, (variant, masks) in itertools.product(rows_of_table, _MASKS.items()):
    decodes = [predictions.decode_at(row, mask) for mask in masks]
    if not there.isdisjoint(decodes):
      found.append(Subsets(row, variant, decodes, (
          predictions.family(predictions.decode_at(row, _MASKS[""][0])), variant)))
  return found


def complete(cells):
  """Those of `find` of which no decode lacks: list of Subsets."""
  there = set(cells)
  return [of for of in find(cells) if there.issuperset(of.decodes)]


def lacking(cells):
  """The Decodes without which some Subsets have no rows: list.

  Those that are meant to be complete: others of their family are, or more than half
  of their decodes are there. The paper's four zones alone are no such Subsets.

  Args:
    cells: list of masked Decodes.
  """
  there, families = set(cells), {of.family for of in complete(cells)}
  return [decode for of in find(cells)
          if of.family in families or 2 * len(there.intersection(of.decodes)) > len(
              UNIONS)
          for decode in of.decodes if decode not in there]


def rows(measured, may_differ):
  """Computes alone, last, Shapley values and pairs of each complete Subsets.

  Args:
    measured: effects.Measured.
    may_differ: set of the cells that masking can change at all.

  Returns:
    (rows, families): list of dict, as effects.row makes them of COLUMNS; list of
    (str, list of rows), the families of tests by name. Shapley values are a family,
    and pairs are: those of single heads, of @zero and of @flat each a further one.
    Of several layers together, and of zones that can change nothing, p_holm is
    None.
  """
  found, families = [], collections.OrderedDict()
  place = {cell: c for c, cell in enumerate(measured.cells)}
  for of in complete(measured.cells):
    some = measured.of([place[decode] for decode in of.decodes])
    idle = {zone for zone, decode in zip(ZONES, of.decodes)
            if decode not in may_differ}
    for kind in KINDS:
      for together, estimate in zip(kind.of, effects.estimate(
          some, kind.weights, kind.scale, kind.reach)):
        found.append(_row(some, of, kind, together, estimate))
        if kind.words and of.family[0] and idle.isdisjoint(together):
          families.setdefault(_name(of, kind), []).append(found[-1])
  for family in families.values():
    effects.adjust(family)
  return found, list(families.items())


def _row(measured, of, kind, together, estimate):
  """A row, without p_holm; p of tested kinds only: dict from COLUMNS."""
  zone, *other = (name + of.variant for name in together)
  return effects.row(
      COLUMNS, layer=results_table.layer_label(of.row.layers),
      head=results_table.head_label(of.row.heads), kind=kind.name, zone=zone,
      other=other[0] if other else None, metric=measured.settings.metric,
      n=measured.sizes.sum(), clusters=len(measured.sizes),
      seeds=len(measured.sums), diff=estimate.diff, ci_low=estimate.ci_low,
      ci_high=estimate.ci_high, se=estimate.se,
      p=estimate.p if kind.words else None)


def _name(of, kind):
  """What a family is called: "Shapley values", "pairs of @zero, heads"; str."""
  name, variant = of.family
  return "%s%s%s" % (kind.words, variant and " of " + variant,
                     "" if name == predictions.ZONES else ", " + name)


def findings(families, absent):
  """Says what the values and pairs show, and which file lacks for more of them.

  Args:
    families: as `rows` returns them.
    absent: list of Decodes, as `lacking` returns them.

  Returns:
    list of str, lines.
  """
  lines = [_finding(name, family) for name, family in families]
  if absent:
    lines.append("no Shapley values where one of the 15 unions of a layer is "
                 "missing: %s" % predictions.some(
                     [decode.file_name() for decode in absent]))
  return lines


def _finding(name, family):
  """The line about a family."""
  significant = list(filter(tables.is_finding, family))
  below = sum(row["diff"] < 0 for row in significant)
  is_pairs = family[0]["other"] is not None
  lowest = min(family, key=lambda row: row["diff"])
  return ("secondary family (%s, %s), %d (Holm, p < .05): %d below 0%s, %d above, "
          "%d open; lowest: %s in %s, %+.3f (95 %% interval %+.3f to %+.3f)" % (
              name, lowest["metric"], len(family), below,
              " (they stand in for each other)" * is_pairs,
              len(significant) - below, len(family) - len(significant),
              " and ".join(filter(None, (lowest["zone"], lowest["other"]))),
              results_table.place(lowest["layer"], lowest["head"]),
              lowest["diff"], lowest["ci_low"], lowest["ci_high"]))
