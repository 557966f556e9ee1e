"""The answers of one folder, one training seed's: a sweep that has ended."""

import collections
import os
import sys

from attention_zones.base import files
from attention_zones.base import manifest
from attention_zones.scores import predictions
from attention_zones.scores import scoring
from attention_zones.zones import sets
from attention_zones.zones.decodes import BASELINE


class Sweep:
  """A folder of predictions.

  Args:
    folder: str.

  Attributes:
    folder: str.
    names: dict from Decode to the name of its file of predictions.
    manifest: dict, as manifest.load returns it.

  Raises:
    OSError: the folder cannot be read.
    ValueError: it has no masked decode, or its manifest is damaged.
  """

  def __init__(self, folder):
    self.folder = folder
    self.names = predictions.find_predictions(folder)
    self.manifest = manifest.load(folder)

  def answers(self, decode, questions):
    """The answers of a decode.

    Args:
      decode: Decode, one of `names`.
      questions: dict, as scoring.load_questions returns it.

    Returns:
      dict, as scoring.load_predictions returns it.

    Raises:
      OSError, ValueError: the file is faulty or lacks a question.
    """
    return scoring.load_predictions(
        os.path.join(self.folder, self.names[decode]), questions)

  def gold_logp(self, decode, questions):
    """The gold log-probabilities of a decode.

    Args:
      decode, questions: as for `answers`.

    Returns:
      dict, as scoring.load_gold_logp returns it.

    Raises:
      OSError, ValueError: there is no such file, or it is faulty or lacks a
        question.
    """
    path = os.path.join(self.folder, decode.file_name("gold_logp"))
    if not files.exists(path):
      raise ValueError("--metric=logp: there is no %s; decode again with "
                       "run_squad.py --gold_logp=True" % path)
    return scoring.load_gold_logp(path, questions)


def left_out(sweeps, questions):
  """Finds the questions that decodes leave out.

  These have no token of a set that a zone names, in any window, as the manifest of
  one of the sweeps says: they are left out in all. Where none says it of a set of
  the data, a line on stderr says that all questions count. A decode of which no
  question is left is taken out of the sweeps, and a line says so.

  Args:
    sweeps: list of Sweep, all with the same decodes; may be changed.
    questions: OrderedDict, as scoring.load_questions returns it.

  Returns:
    dict from Decode to the set of the ids that it leaves out; decodes that leave
    none out may be missing.

  Raises:
    ValueError: no masked decode has a question.
  """
  found = collections.defaultdict(set)
  for sweep in sweeps:
    unknown = set()
    for decode, file_name in sweep.names.items():
      lacking = manifest.lacking(sweep.manifest, file_name)
      for name in decode.sets:
        found[decode].update(lacking.get(name, ()))
        if name not in lacking and sets.is_of_data(name):
          unknown.add(name)
    if unknown:
      print("%s: %s does not say which questions have no token of %s, so all of "
            "them count" % (sweep.folder, manifest.FILE_NAME,
                            ", ".join(sorted(unknown))), file=sys.stderr)
  empty = [decode for decode, out in found.items() if out.issuperset(questions)]
  for sweep in sweeps:
    names = [sweep.names.pop(decode) for decode in empty]
    if names:
      line = "%s: no question has tokens of all sets that are masked in %s" % (
          sweep.folder, predictions.some(names))
      if not set(sweep.names) - {BASELINE}:
        raise ValueError(line)
      print(line + "; their cells stay empty", file=sys.stderr)
  return found


def with_logp(sweeps, questions):
  """Finds the questions that have a gold log-probability in every file.

  Args:
    sweeps: list of Sweep.
    questions: OrderedDict, as scoring.load_questions returns it.

  Returns:
    OrderedDict of some of `questions`.

  Raises:
    OSError, ValueError: a file is missing or faulty, or no question is left.
  """
  lacking = set()
  for sweep in sweeps:
    for decode in sweep.names:
      logp = sweep.gold_logp(decode, questions)
      lacking.update(name for name in questions if logp[name] is None)
  left = collections.OrderedDict(
      (name, question) for name, question in questions.items()
      if name not in lacking)
  if not left:
    raise ValueError("--metric=logp: every question is null in a gold_logp file of "
                     "%s; no window holds a gold answer" % ", ".join(
                         sweep.folder for sweep in sweeps))
  if lacking:
    print("--metric=logp: %d of %d questions are left out of all cells, because no "
          "window holds a gold answer" % (len(lacking), len(questions)),
          file=sys.stderr)
  return left
