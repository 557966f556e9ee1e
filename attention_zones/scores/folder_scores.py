"""Scores the files of a sweep, question by question."""

import collections
import sys

import numpy as np

from attention_zones.scores import metrics
from attention_zones.scores import scoring
from attention_zones.zones import decodes

FolderScores = collections.namedtuple(
    "FolderScores", ["percent", "scores", "exact", "changes"])
FolderScores.__doc__ = """The scores of one folder: four dicts from Decode.

Attributes:
  percent: float, the score of the metric that was asked for: exact and f1 in per
    cent, logp as it is.
  scores: float64 [N], the same for each question: exact and f1 from 0 to 1, logp in
    nats.
  exact: float64 [N], the exact match of each question, whatever the metric.
  changes: collections.Counter of the answers that are "same", "shifted" and
    "elsewhere" compared with the baseline's (Evaluator.compare_texts); the dict is
    empty without a baseline.
"""


def score_folder(sweep, gold, metric):
  """Scores each decode of a folder.

  Args:
    sweep: sweeps.Sweep.
    gold: evaluators.Gold of N questions.
    metric: str of metrics.METRICS.

  Returns:
    FolderScores.

  Raises:
    OSError, ValueError: a file is faulty or lacks a question.
  """
  scores = FolderScores({}, {}, {}, {})
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
    scores.percent[decode] = scoring.average(
        of_metric, ids, metrics.METRICS[metric].scale)
    for kept, values in ((scores.scores, of_metric), (scores.exact, exact)):
      kept[decode] = np.array([values[name] for name in ids], float)
    if decode == decodes.BASELINE:
      baseline = predictions
    elif baseline:
      scores.changes[decode] = _changes(
          ids, baseline, predictions, gold.evaluator.compare_texts)
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
