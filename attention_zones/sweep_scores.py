"""Scores the files of a sweep, question by question."""

import collections
import os
import sys

import numpy as np

from attention_zones import decodes
from attention_zones import scoring

METRICS = ("exact", "f1")

FolderScores = collections.namedtuple(
    "FolderScores", ["percent", "exact", "f1", "changes"])
FolderScores.__doc__ = """The scores of one folder: four dicts from Decode.

Attributes:
  percent: float, the score in per cent of the metric that was asked for.
  exact, f1: float64 [N], the score of each question from 0 to 1.
  changes: collections.Counter of the answers that are "same", "shifted" and
    "elsewhere" compared with the baseline's (Evaluator.compare_texts); the dict is
    empty without a baseline.
"""


def score_folder(folder, names, gold, metric):
  """Scores each file of a folder.

  Args:
    folder: str.
    names: dict from Decode to file name, as sweep_files.find_predictions makes it.
    gold: evaluators.Gold of N questions.
    metric: str of METRICS.

  Returns:
    FolderScores.

  Raises:
    OSError, ValueError: a file is faulty or lacks a question.
  """
  scores = FolderScores({}, {}, {}, {})
  questions, ids = gold.questions, list(gold.questions)
  with_extra, baseline = [], None
  # The baseline comes first, because the others are compared with it.
  for decode in sorted(names, key=lambda decode: decode != decodes.BASELINE):
    path = os.path.join(folder, names[decode])
    predictions = scoring.load_predictions(path, questions)
    if len(predictions) > len(questions):
      with_extra.append(names[decode])
    exact, f1 = scoring.score_answers(
        questions, predictions, gold.evaluator.answer_scores)
    scores.percent[decode] = scoring.percentage(
        exact if metric == "exact" else f1, ids)
    for kept, values in ((scores.exact, exact), (scores.f1, f1)):
      kept[decode] = np.fromiter(values.values(), float, len(values))
    if decode == decodes.BASELINE:
      baseline = predictions
    elif baseline:
      scores.changes[decode] = _changes(
          ids, baseline, predictions, gold.evaluator.compare_texts)
  if with_extra:
    print("%s: %d files, for example %s, have predictions for ids that are not "
          "in %s; these are not scored" % (
              folder, len(with_extra), with_extra[0], gold.path),
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
