"""Pictures of how well no-answer probabilities tell HasAns from NoAns.

They are drawn for eval_squad.py --out-image-dir.
"""

import collections
import os

from attention_zones.base import files
from attention_zones.figures import heatmap
from attention_zones.scores import scoring


def draw(questions, predictions, na_probs, folder):
  """Writes pr_*.png and na_prob_hist_*.png into a folder.

  Args:
    questions, predictions, na_probs: dicts, as scoring.load_* return them.
    folder: str, a path or address.

  Returns:
    OrderedDict with pr_exact_ap, pr_f1_ap and pr_oracle_ap, the average
    precisions in per cent; empty when no question has an answer.

  Raises:
    OSError: a picture cannot be written.
  """
  has_answer = collections.OrderedDict(
      (name, questions[name].has_answer)
      for name in scoring.by_na_prob(questions, na_probs))
  exact, f1 = scoring.score_answers(questions, predictions)
  results = collections.OrderedDict()
  if any(has_answer.values()):
    oracle = {name: 1.0 for name in has_answer}
    for key, scores, title in (
        ("pr_exact", exact, "exact match"), ("pr_f1", f1, "F1"),
        ("pr_oracle", oracle, "telling HasAns from NoAns")):
      average, precisions, recalls = precision_recall(
          has_answer, na_probs, scores)
      results[key + "_ap"] = average
      axes = _new_axes("Precision and recall of " + title, xlabel="Recall",
                       ylabel="Precision", xlim=(0, 1.05), ylim=(0, 1.05))
      axes.step(recalls, precisions, where="post", color="b", alpha=0.2)
      axes.fill_between(recalls, precisions, step="post", color="b", alpha=0.2)
      _write(axes, folder, key)
  for group, wanted in (("hasAns", True), ("noAns", False)):
    probs = [na_probs[name] for name, has in has_answer.items()
             if has == wanted]
    if probs:
      axes = _new_axes(
          "No-answer probabilities: " + group, xlabel="Probability of no answer",
          ylabel="Share of the questions")
      axes.hist(probs, weights=[1 / len(probs)] * len(probs), bins=20,
                range=(0.0, 1.0))
      _write(axes, folder, "na_prob_hist_" + group)
  return results


def precision_recall(has_answer, na_probs, scores):
  """Precision and recall of the answers given, as the threshold rises.

  Args:
    has_answer: OrderedDict from question id to bool, in ascending order of
      na_probs; at least one question has an answer.
    na_probs: dict from question id to the probability that it has no answer.
    scores: dict from question id to the score, 0 to 1, of its answer.

  Returns:
    (average precision in per cent, list of precisions, list of recalls); the
    lists begin with 1 and 0 for no answer given, then have one point for each
    distinct probability.
  """
  order = list(has_answer)
  answerable = sum(has_answer.values())
  precisions, recalls = [1.0], [0.0]
  average = found = 0.0
  for given, name in enumerate(order, start=1):
    if has_answer[name]:
      found += scores[name]
    # Questions with the same probability pass the threshold together.
    if given == len(order) or na_probs[name] != na_probs[order[given]]:
      precision, recall = found / given, found / answerable
      average += precision * (recall - recalls[-1])
      precisions.append(precision)
      recalls.append(recall)
  return 100.0 * average, precisions, recalls


def _new_axes(title, **settings):
  """matplotlib Axes with a title, labels and limits on a figure of their own."""
  return heatmap.new_figure((6.4, 4.8), title, None).add_subplot(**settings)


def _write(axes, folder, name):
  with files.replacing(os.path.join(folder, name + ".png")) as temporary:
    axes.figure.savefig(temporary, format="png")
