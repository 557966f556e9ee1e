"""What differs between data sets: ONE table, an entry for each --dataset.

All are files in SQuAD's format. Another data set with rules of its own is another
entry; one that only comes in another format is read by checked_json.paragraphs.
"""

import collections

from attention_zones import answers
from attention_zones import cmrc_data
from attention_zones import squad_data

Rules = collections.namedtuple("Rules", [
    "name", "read_examples", "read_answers", "remarks", "span_text", "is_cmrc"])
Rules.__doc__ = """The rules of a data set's published script.

Attributes:
  name: str, the --dataset.
  read_examples: function (path, is_training, version_2_with_negative) to
    (examples, dropped), as squad_data.read_examples.
  read_answers: function from a path to where the gold answers are, as
    squad_data.read_answers.
  remarks: function from a list of squad_data.Example to a list of str, lines for
    the log about what is unusual but works.
  span_text: function (passage, first, last, basic_tokenizer) to the text of a span
    of word pieces, as answers.span_text.
  is_cmrc: bool, whether the rest is as in run_cmrc2018.py: only [CLS] and the
    passage have logits, in training, too (answer_head.mask_spans); [CLS] is a
    candidate, and windows compete by log-probabilities (answer_head.candidates);
    steps are counted by windows (training.num_train_steps); n-best lists have
    positions (answers.AnswerFinder); predictions have characters as they are, and
    "empty" for a passage without words (prediction_files.write_files).
"""

_ENTRIES = (
    Rules("squad", squad_data.read_examples, squad_data.read_answers,
          cmrc_data.remark_on_squad, answers.span_text, is_cmrc=False),
    Rules("cmrc2018", cmrc_data.read_examples, cmrc_data.read_answers,
          cmrc_data.remarks, cmrc_data.span_text, is_cmrc=True),
)

# From --dataset to its Rules, the default first.
RULES = collections.OrderedDict((entry.name, entry) for entry in _ENTRIES)
