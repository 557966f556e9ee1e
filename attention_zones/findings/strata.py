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
from attention_zones.scores import results_table
from attention_zones.zones.decodes import BASELINE

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
    strata.extend(_terciles(kind, form + " to " + form, values))
  return strata


def _terciles(kind, form, values):
  """Cuts questions at two of their values into three parts, about equally large.

  Equal values stay together, so a part may be larger than the others, or missing.

  Args:
    kind: str.
    form: str, makes a label from the least and the greatest value.
    values: float [N], NaN for questions without one.

  Returns:
    list of Stratum.
  """
  is_known = ~np.isnan(values)
  if not is_known.any():
    return []
  cuts = np.percentile(values[is_known], [100 / 3, 200 / 3])
  part_of = np.searchsorted(cuts, values)  # 0, 1 or 2
  strata = []
  for part in range(3):
    inside = is_known & (part_of == part)
    if inside.any():
      label = form % (values[inside].min(), values[inside].max())
      strata.append(Stratum(kind, label, inside, is_known & ~inside))
  return strata


def large(strata, effects):
  """Those strata that have enough questions and clusters for numbers: list."""
  return [stratum for stratum in strata if _is_large(stratum.inside, effects)]


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


def remark(path, strata, number, cluster):
  """Says on stderr which types of question are missing, how many strata small.

  Args:
    path: str, the data set.
    strata: list of all its Strata.
    number: int, how many of them are large.
    cluster: as for `needs`.
  """
  types = {stratum.label for stratum in strata if stratum.kind == "question_type"}
  lacking = [name for name in question_types.TYPES if name not in types]
  if lacking:
    print("%s: no question of the type %s, so --strata has no row for it" % (
        path, ", ".join(lacking)), file=sys.stderr)
  if number < len(strata):
    print("%s: %d of %d strata are left out, because %s" % (
        path, len(strata) - number, len(strata), needs(cluster)), file=sys.stderr)


def rows(strata, effects, seeds, may_differ):
  """Makes the rows of results.strata.csv.

  Args:
    strata: list of Stratum, large ones.
    effects: effects.Effects.
    seeds: list of K FolderScores.
    may_differ: set of the cells that masking can change at all; the others are not
      tested.

  Returns:
    list of OrderedDict from column to str, int, float, or None for an empty cell.
    All tests are one family.
  """
  metric, points = effects.settings.metric, effects.settings.scale
  baseline = np.mean([getattr(seed, metric)[BASELINE] for seed in seeds], 0)
  found, family = [], []
  for stratum, drawn in zip(strata, _draw(strata, effects)):
    columns = _compare(stratum, effects, drawn)
    for c, cell in enumerate(effects.cells):
      row = collections.OrderedDict([
          ("kind", stratum.kind), ("stratum", stratum.label),
          ("n", stratum.inside.sum()),
          ("clusters", _num_clusters(stratum.inside, effects)),
          ("layer", results_table.layer_label(cell.layers)),
          ("zone", cell.mask.name), ("metric", metric),
          ("baseline", points * baseline[stratum.inside].mean())])
      row.update((name, values[c]) for name, values in columns)
      row["q_bh"] = None
      if cell not in may_differ:
        row["p"] = None
      found.append(row)
      if row["p"] is not None:
        family.append(row)
  q_values = formulas.benjamini_hochberg([row["p"] for row in family])
  for row, q_bh in zip(family, q_values):
    row["q_bh"] = q_bh
  return found


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


def _compare(stratum, effects, drawn):
  """Compares a stratum with the other questions of its kind.

  Args:
    stratum: Stratum, a large one.
    effects: effects.Effects.
    drawn: (inside, outside), float [D, C] each.

  Returns:
    list of (column, sequence [C]), of None where the others are too few.
  """
  mean = effects.differences.mean(0)  # [C, N]
  points = effects.settings.scale
  diff = points * mean[:, stratum.inside].mean(1)
  low, high = np.nanpercentile(drawn[0], [2.5, 97.5], axis=0)
  other_diff = p = [None] * len(effects.cells)
  if _is_large(stratum.outside, effects):
    other_diff = points * mean[:, stratum.outside].mean(1)
    sd = np.nanstd(drawn[0] - drawn[1], 0, ddof=1)
    p = [formulas.normal_p(*pair) for pair in zip(diff - other_diff, sd)]
  return [("diff", diff), ("ci_low", low), ("ci_high", high),
          ("other_diff", other_diff), ("p", p)]
