"""Scores the files of a sweep, question by question."""

import collections
import functools
import math
import sys

import numpy as np

from attention_zones.scores import metrics
from attention_zones.scores import scoring
from attention_zones.zones import decodes

FolderScores = collections.namedtuple(
    "FolderScores", ["percent", "before", "scores", "exact", "changes"])
FolderScores.__doc__ = """The scores of one folder: five dicts from Decode.

All are about the questions that a decode does not leave out.

Attributes:
  percent: float, the score of the metric that was asked for: exact and f1 in per
    cent, logp as it is.
  before: float, the baseline's score, of the same questions.
  scores: float64 [N], the same for each question: exact and f1 from 0 to 1, logp in
    nats; NaN for those that are left out.
  exact: float64 [N], the exact match of each question, whatever the metric.
  changes: collections.Counter of the answers that are "same", "shifted" and
    "elsewhere" compared with the baseline's (Evaluator.compare_texts).
  `before` and `changes` are empty without a baseline.
"""


def score_folder(sweep, gold, metric, left_out):
  """Scores each decode of a folder.

  Args:
    sweep: sweeps.Sweep.
    gold: evaluators.Gold of N questions.
    metric: str of metrics.METRICS.
    left_out: dict, as sweeps.left_out returns it.

  Returns:
    FolderScores.

  Raises:
    OSError, ValueError: a file is faulty or lacks a question.
  """
  scores = FolderScores({}, {}, {}, {}, {})
  questions, ids = gold.questions, list(gold.questions)
  with_extra, baseline = [], None
  # The baseline comes first, because the others are compared with it.
  for decode in sorted(sweep.names, key=lambda decode: decode != decodes.BASELINE):
    predictions = sweep.answers(decode, questions)
    if len(predictions) > gold.total:
      with_extra.append(sweep.names[decode])
    exact, f1 = scoring.score_answers(
        questions, predictions, gold.evaluator.answer_scores)
    of_metric = {"exact": exact, "f1": f1}.get(metric) or sweep.gold_logp(
        decode, questions)
    out = left_out.get(decode, ())
    own = [name for name in ids if name not in out]
    mean = functools.partial(
        scoring.average, names=own, scale=metrics.METRICS[metric].scale)
    scores.percent[decode] = mean(of_metric)
    for kept, values in ((scores.scores, of_metric), (scores.exact, exact)):
      kept[decode] = np.array(
          [math.nan if name in out else values[name] for name in ids], float)
    if decode == decodes.BASELINE:
      baseline, of_baseline = predictions, of_metric
    elif baseline:
      scores.changes[decode] = _changes(
          own, baseline, predictions, gold.evaluator.compare_texts)
    if baseline:
      scores.before[decode] = mean(of_baseline) if out else (
          scores.percent[decodes.BASELINE])
  if with_extra:
    print("%s: %d files, for example %s, have predictions for ids that are not "
          "in %s; these are not scored" % (
              sweep.folder, len(with_extra), with_extra[0], gold.path),
          file=sys.stderr)
  return scores


def _changes(ids, baseline, masked, compare_texts):
  """Counts the kinds of changes between two dicts from id to answer: Counter."""
  # Most answers of a sweep equal the baseline's in every character.
  changed = [name for name in ids if masked[name] != baseline[name]]
  counts = collections.Counter(
      compare_texts(baseline[name], masked[name]) for name in changed)
  counts["same"] += len(ids) - len(changed)
  return counts
