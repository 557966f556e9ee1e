"""Which questions masking flips: the answers behind the cells of a heatmap.

Dimensions: C = masked decodes, N = questions. A question that a cell loses is right
in the baseline and wrong with the zone masked, in exact match; one that it gains is
the reverse. One that a cell leaves out is neither.
"""

import collections
import itertools
import math

import numpy as np

from attention_zones.base import files
from attention_zones.scores import scoring
from attention_zones.zones.decodes import BASELINE

KEPT, LOST, GAINED, OTHER, LEFT_OUT = (
    "kept", "lost", "gained", "other wrong", "left out")


class Answers(collections.namedtuple("Answers", [
    "decodes", "asked", "texts", "exact", "left_out", "flips", "flipped", "logp",
    "percent", "before", "compare_texts"])):
  """The answers of one folder, the baseline's and those of its masked decodes.

  Attributes:
    decodes: list of C + 1 Decodes, the baseline first, as everywhere here.
    asked: list of N questions.Question.
    texts: list of C + 1 lists of N str, the answers, "" for none.
    exact: int8 [C + 1, N], exact match, 1 or 0.
    left_out: bool [C, N], the questions that a masked decode leaves out.
    flips: int8 [C, N], what masking does to it: -1 lost, 1 gained, 0 neither.
    flipped: int [N], how many masked decodes flip each question.
    logp: float64 [C + 1, N], log-probability of the gold answer, NaN where no
      window holds one; None if a decode has no gold_logp file.
    percent: OrderedDict from metric to the list of the C + 1 scores, as in
      results.csv: per cent, of `logp` nats. It has `logp` only if a question has a
      log-probability in every decode; the others are left out of its mean.
    before: the same of the baseline, of the questions that a decode does not leave
      out.
    compare_texts: function, as in scoring.Evaluator.
  """
  __slots__ = ()

  def outcome(self, cell, question):
    """What a masked decode does to an answer.

    Args:
      cell: int, index of the masked decode, from 0.
      question: int, index.

    Returns:
      LEFT_OUT if it leaves the question out; LOST or GAINED if exact match goes
      from 1 to 0 or from 0 to 1; OTHER if both are wrong, and differ; else KEPT.
    """
    if self.left_out[cell, question]:
      return LEFT_OUT
    before, after = self.texts[0][question], self.texts[cell + 1][question]
    # So are most answers of a sweep.
    if before == after:
      return KEPT
    if self.flips[cell, question]:
      return LOST if self.flips[cell, question] < 0 else GAINED
    if self.exact[0, question] or self.compare_texts(before, after) == "same":
      return KEPT
    return OTHER

  def fall(self, cell, question):
    """By how much a masked decode lowers the gold log-probability, in nats: float,
    NaN where that is not known."""
    if self.logp is None:
      return math.nan
    return float(self.logp[0, question] - self.logp[cell + 1, question])


def read(sweep, masked, asked, gold, left_out):
  """Reads and scores the answers of a folder.

  Args:
    sweep: sweeps.Sweep.
    masked: list of C masked Decodes, of those that the folder has.
    asked: list of N questions.Question.
    gold: evaluators.Gold of these questions, in their order.
    left_out: dict, as sweeps.left_out returns it.

  Returns:
    Answers.

  Raises:
    OSError, ValueError: a file is faulty or lacks a question.
  """
  decodes, ids = [BASELINE] + masked, list(gold.questions)
  has = [[name not in left_out.get(decode, ()) for name in ids]
         for decode in decodes]
  texts, exact, of_baseline = [], [], None
  percent, before = (collections.OrderedDict(exact=[], f1=[]) for _ in range(2))
  for decode, own in zip(decodes, has):
    answers = sweep.answers(decode, gold.questions)
    texts.append([answers[name] for name in ids])
    scores = scoring.score_answers(
        gold.questions, answers, gold.evaluator.answer_scores)
    exact.append(list(scores[0].values()))
    names = list(itertools.compress(ids, own))
    of_baseline = of_baseline or scores
    for found, of_metrics in ((percent, scores), (before, of_baseline)):
      for metric, of_metric in zip(found, of_metrics):
        found[metric].append(scoring.average(of_metric, names))
  logp = _read_logp(sweep, decodes, gold.questions)
  if logp is not None:
    known = [np.flatnonzero(of).tolist() for of in ~np.isnan(logp).any(0) & has]
    if known[0]:
      # Python's floats, for the digits of results.csv.
      percent["logp"], before["logp"] = ([
          scoring.average(of_decode, of, scale=1) if of else math.nan
          for of_decode, of in zip(each, known)] for each in (
              logp.tolist(), [logp[0].tolist()] * len(decodes)))
  exact, has = np.array(exact, np.int8), np.array(has[1:])
  flips = (exact[1:] - exact[0]) * has
  return Answers(decodes, asked, texts, exact, ~has, flips,
                 np.abs(flips).sum(0, int), logp, percent, before,
                 gold.evaluator.compare_texts)


def _read_logp(sweep, decodes, questions):
  """Answers.logp of the decodes of a sweeps.Sweep."""
  there = set(files.list_folder(sweep.folder))
  if not there.issuperset(decode.file_name("gold_logp") for decode in decodes):
    return None
  of_decodes = (sweep.gold_logp(decode, questions) for decode in decodes)
  return np.array([[of_decode[name] for name in questions]
                   for of_decode in of_decodes], float)  # None becomes NaN.


def ranked(answers, cell):
  """The questions that a cell flips, those that show its effect best first.

  Args:
    answers: Answers.
    cell: int, index of the masked decode, from 0.

  Returns:
    (lost, gained): lists of indices of questions. Lost ones come by how far their
    gold log-probability falls, gained ones by how far it rises; those of which it
    is not known come then, by how many decodes flip them; equal ones in the order
    of the data.
  """
  found = []
  for sign in (-1, 1):
    questions = np.flatnonzero(answers.flips[cell] == sign).tolist()
    falls = {question: answers.fall(cell, question) for question in questions}
    found.append(sorted(questions, key=lambda question: (
        (0, sign * falls[question]) if not math.isnan(falls[question])
        else (1, -answers.flipped[question]))))
  return tuple(found)
