"""What --dataset chooses: ONE table. All data sets are files in SQuAD's format.

An entry names the two modules that have the rest: how to read and decode it (its
RULES), and how to score it (its EVALUATOR). They are imported when asked for, so
that scoring never waits for TensorFlow. Another data set is another entry; one that
only comes in another format is read by questions.read.
"""

import collections
import importlib

_Entry = collections.namedtuple("_Entry", ["data_file", "rules", "scores"])
_Entry.__doc__ = """A data set.

Attributes:
  data_file: str, where its dev set is unless a flag says otherwise.
  rules, scores: str, the names of modules.
"""

# The default first.
DATA_SETS = collections.OrderedDict([
    ("squad", _Entry(
        "squad/dev-v1.1.json", rules="attention_zones.data.squad_data",
        scores="attention_zones.scores.scoring")),
    ("cmrc2018", _Entry(
        "cmrc2018/cmrc2018_dev.json", rules="attention_zones.data.cmrc_data",
        scores="attention_zones.scores.cmrc_scoring")),
])


def rules(name):
  """How a data set is read and decoded: squad_data.Rules. Raises KeyError."""
  return importlib.import_module(DATA_SETS[name].rules).RULES


def evaluator(name):
  """How a data set is scored: scoring.Evaluator. Raises KeyError."""
  return importlib.import_module(DATA_SETS[name].scores).EVALUATOR
