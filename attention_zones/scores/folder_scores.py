"""Scores the files of a sweep, question by question."""

import collections
import os
import sys

import numpy as np

from attention_zones.base import files
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


def score_folder(folder, names, gold, metric):
  """Scores each file of a folder.

  Args:
    folder: str.
    names: dict from Decode to file name, as predictions.find_predictions makes it.
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
  for decode in sorted(names, key=lambda decode: decode != decodes.BASELINE):
    path = os.path.join(folder, names[decode])
    predictions = scoring.load_predictions(path, questions)
    if len(predictions) > gold.total:
      with_extra.append(names[decode])
    exact, f1 = scoring.score_answers(
        questions, predictions, gold.evaluator.answer_scores)
    of_metric = {"exact": exact, "f1": f1}.get(metric) or _load_logp(
        folder, decode, questions)
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
              folder, len(with_extra), with_extra[0], gold.path),
          file=sys.stderr)
  return scores


def _load_logp(folder, decode, questions):
  """Reads a gold_logp file, as scoring.load_gold_logp does.

  Raises:
    OSError, ValueError: there is none, or it is faulty or lacks a question.
  """
  path = os.path.join(folder, decode.file_name("gold_logp"))
  if not files.exists(path):
    raise ValueError("--metric=logp: there is no %s; decode again with "
                     "run_squad.py --gold_logp=True" % path)
  return scoring.load_gold_logp(path, questions)


def with_logp(folders, sweeps, questions):
  """Finds the questions that have a gold log-probability in every file.

  Args:
    folders: list of str.
    sweeps: list of dict from Decode to file name, one for each folder.
    questions: OrderedDict, as scoring.load_questions returns it.

  Returns:
    OrderedDict of some of `questions`.

  Raises:
    OSError, ValueError: a file is missing or faulty, or no question is left.
  """
  lacking = set()
  for folder, names in zip(folders, sweeps):
    for decode in names:
      logp = _load_logp(folder, decode, questions)
      lacking.update(name for name in questions if logp[name] is None)
  left = collections.OrderedDict(
      (name, question) for name, question in questions.items()
      if name not in lacking)
  if not left:
    raise ValueError("--metric=logp: every question is null in a gold_logp file of "
                     "%s; no window holds a gold answer" % ", ".join(folders))
  if lacking:
    print("--metric=logp: %d of %d questions are left out of all cells, because no "
          "window holds a gold answer" % (len(lacking), len(questions)),
          file=sys.stderr)
  return left


def _changes(ids, baseline, masked, compare_texts):
  """Counts the kinds of changes between two dicts from id to answer: Counter."""
  # Most answers of a sweep equal the baseline's in every character.
  changed = [name for name in ids if masked[name] != baseline[name]]
  counts = collections.Counter(
      compare_texts(baseline[name], masked[name]) for name in changed)
  counts["same"] += len(ids) - len(changed)
  return counts
