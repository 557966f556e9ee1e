"""Lays out statistics: CSV, LaTeX, and the words that get_results.py ends with.

The rows come from effects.py, contrasts.py and strata.py: a dict from column to
value, None for an empty cell.
"""

import collections
import math

import numpy as np

from attention_zones.base import csv_files
from attention_zones.findings import effects
from attention_zones.findings import question_traits
from attention_zones.scores import metrics
from attention_zones.scores import predictions
from attention_zones.scores import results_table
from attention_zones.zones import decodes
from attention_zones.zones import zones

# Cells with p_holm below this are findings.
LEVEL = 0.05

# With fewer clusters, intervals and p are mostly too small.
FEW_CLUSTERS = 12

# The family of tests that a study is about, in exact match, unless it says before
# that it asks another question.
PRIMARY = "zones, all heads"

# How columns are written; all others as they are. Scores are as in results.csv.
_FORMS = {column: form for form, columns in (
    ("%.4f", "diff ci_low ci_high se deff sd_seeds diff_a diff_b contrast "
             "other_diff control_diff control_sd overlap ratio ratio_low "
             "ratio_high mde"),
    ("%.3f", "baseline score"), ("%.6g", "df p p_holm q_bh p_equivalent"),
    ("%.6f", "masked_fraction")) for column in columns.split()}

# A journal's widths in mm, by --tex_columns; TeX's points in a mm.
TEX_WIDTHS = {1: 85, 2: 174}
_POINTS = 72.27 / 25.4
# Points: of the table's letters and lines, and at either side of a column.
_TEX_SIZE, _TEX_LINE, _TEX_GAP = 7, 8.5, 3
# How wide characters are in Computer Modern, over their size; capitals are 0.85.
_TEX_CHARACTERS = dict(dict.fromkeys("0123456789", 0.6), **dict.fromkeys(
    ".,[] ", 0.33))


def as_csv(rows):
  """Makes the text of a CSV file of rows, at least one, with the same columns."""
  return csv_files.as_text([list(rows[0])] + [
      [_as_text(_FORMS.get(column, "%s"), value) for column, value in row.items()]
      for row in rows])


def _as_text(form, value):
  """Writes a number or str: "" for None, "0.000" for what rounds to -0.000."""
  if value is None:
    return ""
  text = form % value
  return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def per_question_csv(asked, traits, paragraph_of, measured):
  """Makes the text of --per_question: a line for each question.

  Args:
    asked: list of N questions.Question.
    traits: list of N question_traits.Traits.
    paragraph_of: int [N], the passage of each question, from 0.
    measured: effects.Measured.

  Returns:
    str. Scores, 0 to 1 or log-probabilities, are means over seeds; empty for a
    question that a cell leaves out.
  """
  scores = np.concatenate([measured.baseline[None], measured.baseline
                           + measured.differences.mean(0)])  # [1 + C, N]
  lines = [["id", "article", "paragraph"]
           + list(question_traits.Traits._fields) + ["has_answer", "baseline"]
           + list(map(predictions.cell_label, measured.cells))]
  for of, trait, paragraph, of_question in zip(
      asked, traits, paragraph_of, scores.T.tolist()):
    lines.append(
        [of.id, of.title or of.article + 1, paragraph + 1]
        + ["%.6g" % value if isinstance(value, float) else value for value in trait]
        + [int(bool(of.answers))]
        + ["" if math.isnan(score) else "%.6g" % score for score in of_question])
  return csv_files.as_text(lines)


def as_latex(rows, settings, columns):
  """Makes a table of booktabs: differences with intervals, findings in bold.

  Zones that do not fit beside the others stand below them.

  Args:
    rows: list of dict, as effects.cell_rows returns it, those that are is_of_zones.
    settings: effects.Settings.
    columns: int, a key of TEX_WIDTHS.

  Returns:
    str.
  """
  labels = collections.OrderedDict((row["layer"], {}) for row in rows)
  names = list(collections.OrderedDict((row["zone"], None) for row in rows))
  for row in rows:
    labels[row["layer"]][row["zone"]] = row
  beside = _zones_beside(labels, names, columns)
  lines = [r"% \usepackage{booktabs}",
           r"{\fontsize{%g}{%g}\selectfont\setlength{\tabcolsep}{%gpt}%%" % (
               _TEX_SIZE, _TEX_LINE, _TEX_GAP),
           r"\begin{tabular}{@{}l%s@{}}" % ("r" * beside), r"\toprule"]
  for first in range(0, len(names), beside):
    block = names[first:first + beside]
    heads = [results_table.zone_label(name).replace("\u00b2", "$^2$")
             for name in block]
    lines += [r"\midrule"] * (first > 0) + [
        " & ".join(["Layer"] + heads) + r" \\", r"\midrule"]
    lines += [" & ".join([label] + [
        _latex_cell(cells[name]) if name in cells else "" for name in block])
              + r" \\" for label, cells in labels.items()]
  lines += [r"\bottomrule", r"\end{tabular}}", "", r"\smallskip",
            r"{\footnotesize\sloppy %s\par}" % _latex_note(rows, settings)]
  return "\n".join(lines) + "\n"


def _zones_beside(labels, names, columns):
  """How many zones fit beside each other in as many columns of a journal: int.

  Args:
    labels: dict from the layers' labels to a dict from zone to row.
    names: list of the zones.
    columns: int.
  """
  width = lambda text: _TEX_SIZE * sum(
      _TEX_CHARACTERS.get(character, 0.85) for character in text)
  room = _POINTS * TEX_WIDTHS[columns] - max(map(width, ["Layer"] + list(labels)))
  texts = ["%s [%s, %s]" % _numbers(row) for cells in labels.values()
           for row in cells.values()] + list(map(results_table.zone_label, names))
  widest = max(map(width, texts))
  return min(len(names), max(1, int(room / (widest + 2 * _TEX_GAP))))


def _numbers(row):
  """A difference and the ends of its interval, as str, for tables: tuple."""
  return tuple(
      _as_text("%.2f", row[name]) for name in ("diff", "ci_low", "ci_high"))


def _latex_cell(row):
  """A difference, as a finding bold, as an equivalent cell underlined, and its
  interval if it has one: str."""
  if row["ci_low"] is None:
    return "$%s$" % _numbers(row)[0]
  form = r"\mathbf{%s}" if is_finding(row) else "%s"
  if is_equivalent(row):
    form = r"\underline{%s}" % form
  return ("$%s$ $[%%s, %%s]$" % form) % _numbers(row)


def _latex_note(rows, settings):
  """What the table shows, of what, and how it was tested: str."""
  first, metric = rows[0], metrics.METRICS[settings.metric]
  kind = lambda row: ("layers together" if "+" in row["layer"] else
                      "sets" if _is_of_sets(row) else
                      "unions" if "+" in row["zone"] else "zones")
  tested = collections.Counter(map(kind, family(rows)))
  return (
      r"Change of %s in %s when the zone is masked, with its 95\,\%% interval; "
      r"baseline %s. Bold: $p < .05$ after Holm over %d cells%s. %s%s questions, "
      r"%s %s%s, %s. %s" % (
          metric.words, metric.unit, value_range(rows, "baseline", "%.2f"),
          tested.pop("zones", 0),
          "".join(", and over %d of %s" % (number, name)
                  for name, number in sorted(tested.items())),
          "" if settings.margin is None else
          "Underlined: equivalent within %s, $p < .05$ after Holm. " % _margin(
              settings), value_range(rows, "n"), value_range(rows, "clusters"),
          question_traits.CLUSTER_NAMES[settings.cluster][1],
          " (each zone has those with tokens of its sets)" * (
              len({row["n"] for row in rows}) > 1),
          _seeds(first["seeds"]), _test_words(rows, settings)))


def value_range(rows, column, form="%d"):
  """The values of a column: "10", or "6 to 10"; str."""
  values = [row[column] for row in rows if row[column] is not None] or [0]
  ends = form % min(values), form % max(values)
  return " to ".join(dict.fromkeys(ends))


def _seeds(number):
  return "one training seed" if number == 1 else "%d training seeds" % number


def _test_words(rows, settings):
  """Names the test and the interval in a sentence each: str.

  Args:
    rows: list of dict, of effects.cell_rows.
    settings: effects.Settings.
  """
  several = question_traits.CLUSTER_NAMES[settings.cluster][1]
  if rows[0]["seeds"] >= effects.TRAININGS:
    return ("Test and intervals: Student's t, Satterthwaite's degrees of freedom, "
            "standard error of the multi-bootstrap (%d resamples of training seeds "
            "and %s, random seed %d)." % (
                settings.resamples, several, settings.random_seed))
  if (settings.cluster, settings.metric, rows[0]["seeds"]) == (
      "none", "exact", 1):
    test = "exact McNemar test"
  else:
    test = "%ssign-flip test of %s" % (
        "exact " * (settings.metric == "exact"), several)
  return ("Test: %s. Intervals: Student's t with %s degrees of freedom, cluster "
          "standard error of %s." % (test, value_range(rows, "df"), several))


def family(rows):
  """The rows of results.stats.csv that were tested together: list."""
  return [row for row in rows if row["p_holm"] is not None]


def is_finding(row):
  """Whether a row's difference is significant after Holm: bool."""
  return row["p_holm"] is not None and row["p_holm"] < LEVEL


def is_equivalent(row):
  """Whether a cell was shown to change the score by less than the margin: bool."""
  p = row.get("p_equivalent")
  return p is not None and p < LEVEL


def _margin(settings):
  """The margin and its unit, "1 point" for example: str."""
  unit = metrics.METRICS[settings.metric].unit
  return "%g %s" % (
      settings.margin, unit[:-1] if settings.margin == 1 else unit)


def findings(rows, settings):
  """Says what was found in each family, and what the result holds for.

  Args:
    rows: list of dict, as effects.cell_rows returns it.
    settings: effects.Settings.

  Returns:
    list of str, lines. The primary family is that of zones in all heads, in exact
    match: each other one has 5 % of its own for a false finding.
  """
  rows = [row for row in rows if row["se"] is not None]
  if not rows:
    return []
  of_zones = list(filter(is_of_zones, rows))
  of_sets = list(filter(_is_of_sets, of_zones))
  of_layer = [row for row in of_zones
              if "+" not in row["layer"] and row not in of_sets]
  families = [
      (PRIMARY, [row for row in of_layer if "+" not in row["zone"]]),
      ("unions of zones", [row for row in of_layer if "+" in row["zone"]]),
      ("zones of sets", [row for row in of_sets if "+" not in row["layer"]]),
      ("windows of layers", [row for row in of_zones if "+" in row["layer"]]),
      ("single heads", [
          row for row in rows if row["head"] and not is_control(row)])]
  if not any(some for _, some in families):
    families = [("controls", rows)]
  lines = []
  for name, some in families:
    is_primary = (name, settings.metric) == (PRIMARY, "exact")
    lines += _kinds(some, "%s family (%s, %s)" % (
        "primary" if is_primary else "secondary", name,
        settings.metric), settings) if some else []
  if family(rows):
    lines.append(_open(settings))
  lines.append(_scope(max(rows, key=lambda row: row["clusters"]), settings))
  lines += _too_few(families, settings)
  few = [row for row in rows if row["clusters"] < FEW_CLUSTERS]
  if few:
    lines.append("%s %s are few: intervals and p%s are rather too small" % (
        value_range(few, "clusters"),
        question_traits.CLUSTER_NAMES[settings.cluster][1],
        "" if len(few) == len(rows) else " of %d cells" % len(few)))
  return lines


def _too_few(families, settings):
  """Says which cells have too few clusters for any finding: list of str, lines.

  A sign flip of G clusters has no p below 2 / 2^G, and Holm asks the smallest of m
  for less than LEVEL / m.

  Args:
    families: list of (str, list of rows).
    settings: effects.Settings.
  """
  lines = []
  for _, rows in families:
    tested = [row for row in family(rows) if row["seeds"] < effects.TRAININGS]
    hopeless = [row for row in tested
                if 2 * len(tested) / 2 ** row["clusters"] >= LEVEL]
    if hopeless:
      lines.append(
          "%d cells have too few %s for a finding, like %s in %s: of %d, p is %.2g "
          "at least, and Holm over %d cells asks for less than %.2g" % (
              len(hopeless), question_traits.CLUSTER_NAMES[settings.cluster][1],
              hopeless[0]["zone"], results_table.place(
                  hopeless[0]["layer"], hopeless[0]["head"]),
              hopeless[0]["clusters"], 2 / 2 ** hopeless[0]["clusters"],
              len(tested), LEVEL / len(tested)))
  return lines


def _kinds(rows, name, settings):
  """Counts the kinds of cells, which add up to the family, and names the worst.

  Args:
    rows: list of dict, at least one, as effects.cell_rows returns it.
    name: str, the family.
    settings: effects.Settings.

  Returns:
    list of str, lines.
  """
  tested = family(rows)
  hurting = [row for row in tested if is_finding(row) and row["diff"] < 0]
  worst = min(hurting or tested or rows, key=lambda row: row["diff"])
  kinds = collections.Counter(map(_kind, tested))
  counts = "%d hurt, %d help" % (kinds["hurt"], kinds["help"])
  if settings.margin is not None:
    counts = "%d differ (%s), %d equivalent within %s, %d both" % (
        kinds["hurt"] + kinds["help"], counts, kinds["equivalent"],
        _margin(settings), kinds["both"])
  lines = ["%s, %d cells (Holm, p < .05): %s, %d open" % (
      name, len(tested), counts, kinds["open"])] if tested else []
  if not worst["diff"] < 0:
    return lines + ["none of these cells scores below the baseline"]
  return lines + [
      "hurts most: %s in %s, %s %.3f (%+.3f, 95 %% interval %+.3f to %+.3f)" % (
          (worst["zone"], results_table.place(worst["layer"], worst["head"]))
          + tuple(worst[column] for column in (
              "metric", "score", "diff", "ci_low", "ci_high")))]


def _kind(row):
  """What was found of a cell: str, one of "hurt", "help", "equivalent", "both" (it
  differs, by less than the margin) and "open"."""
  if is_finding(row):
    return "both" if is_equivalent(row) else "hurt" if row["diff"] < 0 else "help"
  return "equivalent" if is_equivalent(row) else "open"


def _open(settings):
  """What the kinds of cells mean: str, a line."""
  if settings.margin is None:
    return ("open: no difference was detected, which is not \"no effect\"; "
            "--margin=M tests which cells change the score by less than M")
  return ("both: differs, but by less than %s; open: neither was shown, and what "
          "the interval holds is possible" % _margin(settings))


def is_of_zones(row):
  """Whether a row of results.stats.csv is of zones as such, in all heads: bool."""
  return not row["head"] and not is_control(row)


def is_control(row):
  """Whether a row of results.stats.csv is of a control: bool."""
  return "@" in row["layer"] + row["zone"]


def _is_of_sets(row):
  """Whether a row of results.stats.csv is of a zone of sets of tokens: bool."""
  names = [part.partition("@")[0] for part in row["zone"].split("+")]
  return any(name != decodes.PATH.name and zones.is_of_sets(name)
             for name in names)


def contrast_line(row):
  """Says what a contrast, a row of contrasts.rows, found: str."""
  line = "secondary family (contrasts): %s minus %s: " % (row["a"], row["b"])
  if row["p_holm"] is None:
    return line + "masking can change neither"
  return line + "%+.3f (95 %% interval %+.3f to %+.3f), p_holm %.3g" % tuple(
      row[name] for name in ("contrast", "ci_low", "ci_high", "p_holm"))


def _scope(row, settings):
  """What a result can be said to hold for: str."""
  one, several = question_traits.CLUSTER_NAMES[settings.cluster]
  if settings.cluster == "none":
    questions = ("for questions that are independent of each other, as those about "
                 "one passage are not")
  else:
    questions = "for questions about other %s like these %d" % (
        several, row["clusters"])
  if row["seeds"] == 1:
    return "this holds for this checkpoint only (one training seed), %s" % questions
  if row["seeds"] < effects.TRAININGS:
    return "this holds for these %d checkpoints only, %s" % (
        row["seeds"], questions)
  return "this holds for trainings like these %d, %s" % (row["seeds"], questions)
