"""What --dataset chooses: ONE table. All data sets are files in SQuAD's format.

An entry names the two modules that have the rest: how to read and decode it (its
RULES), and how to score it (its EVALUATOR). They are imported when asked for, so
that scoring never waits for TensorFlow. Another data set is another entry; one that
only comes in another format is read by questions.read.

    python -m attention_zones.base.data_sets cmrc2018

prints what train_squad.sh and decode_squad.sh need, as assignments of the shell.
"""

import collections
import importlib
import shlex
import sys

_FOR_SCRIPTS = ("model", "lower_case", "epochs", "train_file", "dev_file")


class _Entry(collections.namedtuple("_Entry", ("rules", "scores") + _FOR_SCRIPTS)):
  """A data set.

  Attributes:
    rules, scores: str, the names of modules.
    model: str, the folder of the BERT that its paper fine-tunes.
    lower_case: bool, whether that BERT is uncased.
    epochs: float, of fine-tuning.
    train_file, dev_file: str, where its files are unless a flag says otherwise.
  """
  __slots__ = ()


# The default first.
DATA_SETS = collections.OrderedDict([
    ("squad", _Entry(
        rules="attention_zones.data.squad_data",
        scores="attention_zones.scores.scoring",
        model="cased_L-12_H-768_A-12", lower_case=False, epochs=3.0,
        train_file="squad/train-v1.1.json", dev_file="squad/dev-v1.1.json")),
    ("cmrc2018", _Entry(
        rules="attention_zones.data.cmrc_data",
        scores="attention_zones.scores.cmrc_scoring",
        model="chinese_L-12_H-768_A-12", lower_case=True, epochs=2.0,
        train_file="cmrc2018/cmrc2018_train.json",
        dev_file="cmrc2018/cmrc2018_dev.json")),
])


def rules(name):
  """How a data set is read and decoded: squad_data.Rules. Raises KeyError."""
  return importlib.import_module(DATA_SETS[name].rules).RULES


def evaluator(name):
  """How a data set is scored: scoring.Evaluator. Raises KeyError."""
  return importlib.import_module(DATA_SETS[name].scores).EVALUATOR


def main(name):
  """Prints what the scripts need of a data set; returns the exit status."""
  if name not in DATA_SETS:
    print("should be %s" % " or ".join(DATA_SETS))
    return 1
  for field in _FOR_SCRIPTS:
    print("%s=%s" % (field, shlex.quote(str(getattr(DATA_SETS[name], field)))))
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1]))
