"""results.strata.csv: what masking costs questions of one type, length or place.

A stratum is compared with all other questions of its kind, in the same bootstrap.
Layers count from 1, as in results.csv.
"""

import collections
import sys

import numpy as np

from attention_zones.findings import formulas
from attention_zones.findings import question_traits
from attention_zones.findings import question_types
from attention_zones.findings.effects import adjust, row
from attention_zones.scores import predictions

COLUMNS = ("kind", "stratum", "n", "clusters", "layer", "zone", "metric",
           "baseline", "diff", "ci_low", "ci_high", "other_diff", "p", "q_bh")

# Smaller strata are left out.
MIN_QUESTIONS = 100
MIN_CLUSTERS = 20

# Traits that are cut into terciles, and how their bounds are written.
_TERCILES = (("question_words", "%d"), ("passage_words", "%d"),
             ("answer_words", "%d"), ("answer_position", "%.3f"),
             ("overlap", "%.3f"))

Stratum = collections.namedtuple("Stratum", ["kind", "label", "inside", "outside"])
Stratum.__doc__ = """Some of the questions.

Attributes:
  kind: str, a field of question_traits.Traits.
  label: str, a type, or the least and the greatest value: "3 to 9".
  inside: bool [N], the questions in it.
  outside: bool [N], the others that have this trait.
"""


def find(traits):
  """Finds all strata of a data set.

  Args:
    traits: list of N question_traits.Traits.

  Returns:
    list of Stratum, each with at least one question.
  """
  types = np.array([trait.question_type for trait in traits])
  strata = [Stratum("question_type", name, types == name, types != name)
            for name in question_types.TYPES if (types == name).any()]
  for kind, form in _TERCILES:
    values = np.array([getattr(trait, kind) for trait in traits], float)
    is_known = ~np.isnan(values)
    if is_known.any():
      # Two values cut the questions into three parts, about equally large. Equal
      # values stay together, so a part may be larger than the others, or missing.
      cuts = np.percentile(values[is_known], [100 / 3, 200 / 3])
      part_of = np.searchsorted(cuts, values)  # 0, 1 or 2
      for part in np.unique(part_of[is_known]):
        inside = is_known & (part_of == part)
        ends = form % values[inside].min(), form % values[inside].max()
        strata.append(
            Stratum(kind, "%s to %s" % ends, inside, is_known & ~inside))
  return strata


def large(strata, measured, path):
  """Finds the strata that have enough questions and clusters for numbers.

  If there are any, stderr says which types of question are missing, and how many
  strata are small.

  Args:
    strata: list of all Strata.
    measured: effects.Measured.
    path: str, the data set, for messages.

  Returns:
    list of Stratum.
  """
  found = [stratum for stratum in strata if _is_large(stratum.inside, measured)]
  types = {stratum.label for stratum in strata if stratum.kind == "question_type"}
  lacking = [name for name in question_types.TYPES if name not in types]
  if found and lacking:
    print("%s: no question of the type %s, so --strata has no row for it" % (
        path, ", ".join(lacking)), file=sys.stderr)
  if 0 < len(found) < len(strata):
    print("%s: %d of %d strata are left out, because %s" % (
        path, len(strata) - len(found), len(strata),
        needs(measured.settings.cluster)), file=sys.stderr)
  return found


def needs(cluster):
  """Says what a stratum needs: str.

  Args:
    cluster: str of question_traits.CLUSTERS.
  """
  words = "a stratum needs %d questions" % MIN_QUESTIONS
  if cluster != "none":
    several = question_traits.CLUSTER_NAMES[cluster][1]
    words += " and %d %s" % (MIN_CLUSTERS, several)
  return words


def rows(strata, measured, indices, may_differ):
  """Makes the rows of results.strata.csv.

  Args:
    strata: list of Stratum, large ones.
    measured: effects.Measured.
    indices: list of int, of the cells that have rows: in strata that are large
      without the questions that they leave out.
    may_differ: set of the cells that masking can change at all; the others are not
      tested.

  Returns:
    list of dict, as row makes them of COLUMNS. All tests are one family.
  """
  found = {}
  for alike in measured.alike(indices):
    own, of_cells = measured.questions(alike), measured.of(alike)
    if of_cells is not None:
      there = {s: stratum._replace(inside=stratum.inside[own],
                                   outside=stratum.outside[own])
               for s, stratum in enumerate(strata)}
      there = {s: stratum for s, stratum in there.items()
               if _is_large(stratum.inside, of_cells)}
      for s, of_stratum in zip(there, _rows(there.values(), of_cells, may_differ)):
        found.update(((s, c), of) for c, of in zip(alike, of_stratum))
  found = [of for _, of in sorted(found.items(), key=lambda item: item[0])]
  adjust([of for of in found if of["p"] is not None])
  return found


def _rows(strata, effects, may_differ):
  """Yields for each Stratum the rows of cells that have the same questions.

  Args:
    strata: collection of Stratum, of these questions.
    effects: effects.Effects.
    may_differ: as for `rows`.

  Yields:
    list of dict, one for each cell, without q_bh.
  """
  points, mean = effects.settings.scale, effects.differences.mean(0)  # [C, N]
  for stratum, (inside, outside) in zip(strata, _draw(strata, effects)):
    found = []
    diff = points * mean[:, stratum.inside].mean(1)
    low, high = np.nanpercentile(inside, [2.5, 97.5], axis=0)
    has_others = _is_large(stratum.outside, effects)
    if has_others:
      other_diff = points * mean[:, stratum.outside].mean(1)
      sd = np.nanstd(inside - outside, 0, ddof=1)
    for c, cell in enumerate(effects.cells):
      labels = predictions.labels(cell)
      found.append(row(
          COLUMNS, kind=stratum.kind, stratum=stratum.label, n=stratum.inside.sum(),
          clusters=_num_clusters(stratum.inside, effects),
          layer=labels["layer"], zone=labels["zone"],
          metric=effects.settings.metric,
          baseline=points * effects.baseline[stratum.inside].mean(), diff=diff[c],
          ci_low=low[c], ci_high=high[c]))
      if has_others:
        found[-1]["other_diff"] = other_diff[c]
        if cell in may_differ:
          found[-1]["p"] = formulas.normal_p(diff[c] - other_diff[c], sd[c])
    yield found


def _num_clusters(questions, effects):
  """The number of clusters with any of the questions, bool [N]: int."""
  return len(np.unique(effects.cluster_of[questions]))


def _is_large(questions, effects):
  """Whether the questions, bool [N], are enough for numbers: bool."""
  return (questions.sum() >= MIN_QUESTIONS
          and _num_clusters(questions, effects) >= MIN_CLUSTERS)


def _draw(strata, effects):
  """Yields for each stratum the bootstrap means of both its sides.

  All are drawn at once, from the same clusters and seeds as results.stats.csv.

  Yields:
    (inside, outside), float [D, C] each, in points; NaN where a draw has no such
    question.
  """
  num_cells, num_clusters = len(effects.cells), len(effects.sizes)
  points = effects.settings.scale
  kinds = collections.OrderedDict(
      (stratum.kind, stratum.inside | stratum.outside) for stratum in strata)
  parts = list(kinds.values()) + [stratum.inside for stratum in strata]
  sums = np.concatenate([formulas.cluster_sums(
      effects.differences * part, effects.cluster_of, num_clusters)
                         for part in parts], 1)  # [K, parts * C, G]
  sizes = formulas.cluster_sums(
      np.array(parts, float), effects.cluster_of, num_clusters)
  sums, sizes = formulas.bootstrap(
      sums, sizes, effects.settings.resamples, effects.settings.random_seed)
  sums = sums.reshape(len(sums), len(parts), num_cells)
  for s, stratum in enumerate(strata, len(kinds)):
    of_kind = list(kinds).index(stratum.kind)
    with np.errstate(invalid="ignore", divide="ignore"):
      yield (points * sums[:, s] / sizes[:, s, None],
             points * (sums[:, of_kind] - sums[:, s])
             / (sizes[:, of_kind] - sizes[:, s])[:, None])
