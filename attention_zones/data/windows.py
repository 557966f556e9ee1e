"""Makes windows of token ids from examples, and their TFRecord file.

A window is one input of BERT: [CLS] question [SEP] span of the passage [SEP], or as
the tokenizer's layout has it. Windows know nothing of zones.
"""

import collections
import os
import socket
import unicodedata

import tensorflow.compat.v1 as tf

from attention_zones.base import files
from attention_zones.base import version
from attention_zones.data import data_checks
from attention_zones.data.passages import TokenizedParagraph

Window = collections.namedtuple("Window", [
    "unique_id", "example_index", "num_windows", "first_token", "passage_length",
    "question_length", "input_ids", "start_position", "end_position"])
Window.__doc__ = """One input of BERT.

Attributes:
  unique_id: int, counted from FIRST_UNIQUE_ID over all windows of a file.
  example_index: int, the index of the window's example.
  num_windows: int, how many windows that example has.
  first_token: int, the index of the first word piece of the passage in it.
  passage_length: int, number of word pieces of the passage in it.
  question_length: int, number of word pieces of the question in it.
  input_ids: list of int, without padding.
  start_position, end_position: int, positions of the answer in input_ids, both 0
    ([CLS]) when the window does not hold the answer; -1 when predicting.
"""

FIRST_UNIQUE_ID = 1000000000

WindowSizes = collections.namedtuple(
    "WindowSizes", ["max_seq_length", "doc_stride", "max_query_length"])
WindowSizes.__doc__ = """BERT's three flags of these names, int each, in tokens."""


DataSet = collections.namedtuple(
    "DataSet", ["examples", "path", "tokenizer", "rules", "gold_spans", "members"],
    defaults=(None, {}))
DataSet.__doc__ = """A SQuAD file that was read.

Attributes:
  examples: list of squad_data.Example.
  path: str, the TFRecord file of their windows.
  tokenizer: tokenization.FullTokenizer, hf_tokenizer.HuggingFaceTokenizer or
    sentencepiece_tokenizer.SentencePieceTokenizer that made them.
  rules: squad_data.Rules.
  gold_spans: int32 [N, A, 2], where gold.py finds the gold answers; None without
    --gold_logp.
  members: dict from each set of tokens that the data says and a zone names to a
    list of (tokens of the question, tokens of the passage), for each example, as
    members.positions takes them (spans.py).
"""


def tokenize_passage(paragraph, tokenizer):
  """Makes the tokens of a passage, with all that is asked of them here.

  Args:
    paragraph: questions.Paragraph.
    tokenizer: as of DataSet.

  Returns:
    TokenizedParagraph; or of the class that the tokenizer's PASSAGE is, with the
    same `paragraph`, `tokens`, `characters`, `text` and `tokens_at`.
  """
  return getattr(tokenizer, "PASSAGE", TokenizedParagraph)(paragraph, tokenizer)


def window_spans(num_tokens, capacity, doc_stride):
  """Splits a passage into overlapping spans.

    window_spans(10, 6, 3) == [(0, 6), (3, 6), (6, 4)]

  Args:
    num_tokens: int, length of the passage.
    capacity: int, the maximum number of passage tokens in a window.
    doc_stride: int, tokens from the start of one span to the start of the next.

  Returns:
    list of (first token, number of tokens); [] for an empty passage.
  """
  spans = []
  first = 0
  while first < num_tokens:
    length = min(capacity, num_tokens - first)
    spans.append((first, length))
    if first + length == num_tokens:
      break
    first += min(length, doc_stride)
  return spans


def max_context_window(spans, token):
  """The span that shows a token in the most context.

  A token that is in several spans can start an answer in only one of them: the one
  with the largest min(left context, right context) + 0.01 * length; of equal ones,
  the first. In

    the man went to the store and bought a gallon of
                    -- window 0 ends with "and"
            to the store and bought a gallon of   is window 1

  "store" has 1 token to its right in window 0, but 2 to its left in window 1.

  Args:
    spans: list of (first token, number of tokens), as window_spans gives it.
    token: int, a word piece of the passage.

  Returns:
    int, index into spans.
  """
  def context(index):
    first, length = spans[index]
    left, right = token - first, first + length - 1 - token
    return min(left, right) + 0.01 * length
  holding = [index for index, (first, length) in enumerate(spans)
             if first <= token < first + length]
  return max(holding, key=context)


def make_windows(examples, tokenizer, sizes, is_training):
  """Turns examples into windows.

  Args:
    examples: iterable of squad_data.Example; consecutive examples of one
      paragraph share its word pieces.
    tokenizer: as of DataSet.
    sizes: WindowSizes.
    is_training: bool, whether to find the answers' positions.

  Yields:
    Window.
  """
  unique_id = FIRST_UNIQUE_ID
  before, between, after = map(tokenizer.convert_tokens_to_ids, tokenizer.AROUND)
  paragraph = None
  for example_index, example in enumerate(examples):
    if example.paragraph is not paragraph:
      paragraph = example.paragraph
      passage = tokenize_passage(paragraph, tokenizer)
      passage_ids = tokenizer.convert_tokens_to_ids(passage.tokens)
    question = tokenizer.convert_tokens_to_ids(
        tokenizer.tokenize(example.question))[:sizes.max_query_length]
    answer = (passage.tokens_at(example.answer_start, example.answer_end)
              if is_training and not example.is_impossible else None)
    outside = tokenizer.LAYOUT.places(len(question), 0)
    capacity = sizes.max_seq_length - outside["window_end"]
    spans = window_spans(len(passage_ids), capacity, sizes.doc_stride)
    for first, length in spans:
      start, end = (_positions(answer, first, length, outside["passage_start"])
                    if is_training else (-1, -1))
      yield Window(
          unique_id, example_index, len(spans), first, length, len(question),
          before + question + between + passage_ids[first:first + length] + after,
          start, end)
      unique_id += 1


def _positions(answer, first, length, offset):
  """The answer's positions in a window; (0, 0), [CLS], if it is not all inside."""
  if answer is None or answer[0] < first or answer[1] >= first + length:
    return 0, 0
  return answer[0] - first + offset, answer[1] - first + offset


def load(options, flag, rules, tokenizer, log, with_gold=False, check=None):
  """Reads a data set, logs what is unusual about it, and makes its windows.

  Args:
    options: namespace of run_squad.py's flags.
    flag: str, the flag with the file's path: "train_file" or "predict_file".
    rules: squad_data.Rules.
    tokenizer: as of DataSet.
    log: function that shows the user a line, str.
    with_gold: bool, whether examples say where all gold answers are.
    check: function of the list of Examples that may raise ValueError, before the
      windows are made; None for none.

  Returns:
    DataSet.

  Raises:
    ValueError: the file is not in SQuAD's format, is faulty, or too many of its
      questions are left out (data_checks.report_dropped).
  """
  path, is_training = getattr(options, flag), flag == "train_file"
  examples, dropped = rules.read_examples(
      path, is_training, options.version_2_with_negative,
      with_gold=with_gold)
  source = "--%s=%s" % (flag, path)
  if dropped:
    log(data_checks.report_dropped(source, len(examples), dropped,
                                   options.output_dir, options.allow_dropped))
  for line in rules.remarks(examples) + data_checks.remarks(
      examples, tokenizer, options.max_query_length):
    log("%s: %s" % (source, line))
  if check:
    check(examples)
  sizes = WindowSizes(
      options.max_seq_length, options.doc_stride, options.max_query_length)
  return DataSet(examples, cached_windows(
      examples, tokenizer, sizes, is_training, options.output_dir,
      describe(options, flag, tokenizer)), tokenizer, rules)


# Flags that windows depend on, besides files.
SETTINGS = ("dataset", "do_lower_case", "max_seq_length", "doc_stride",
            "max_query_length", "version_2_with_negative")


def describe(options, flag, tokenizer):
  """What windows depend on: a flat dict, a part of every run and training.

  Args:
    options, flag, tokenizer: as for `load`.

  Returns:
    dict under the names of flags; of files, the digests of their content.
  """
  described = {"--" + name: getattr(options, name) for name in SETTINGS}
  # None where the tokenizer's own file decides.
  described["--do_lower_case"] = tokenizer.do_lower_case
  described.update(getattr(tokenizer, "made_with", {}))
  for name in (flag, tokenizer.FLAG):
    described["--" + name] = files.digest(getattr(options, name))
  # Python's own: which characters are letters, white space or accents.
  described["Unicode tables"] = unicodedata.unidata_version
  described["version of the numbers"] = version.NUMBERS
  return described


def cached_windows(examples, tokenizer, sizes, is_training, folder, described):
  """Makes the windows of a data set once, for all decodes and later runs.

  Args:
    examples: list of squad_data.Example.
    tokenizer: as of DataSet.
    sizes: WindowSizes.
    is_training: bool.
    folder: str, a folder (or gs:// address) for the file.
    described: dict, as `describe` returns it.

  Returns:
    str, path of the TFRecord file. Its name has a digest of everything that its
    content depends on, so that an existing file can be used as it is.
  """
  path = os.path.join(folder, "%s.%s.tf_record" % (
      "train" if is_training else "eval",
      files.short_digest(
          [sizes, is_training, tokenizer.settings, described])))
  if not tf.gfile.Exists(path):
    # If two processes do this at once, the later one replaces the file with one of
    # the same bytes.
    temporary = "%s.%s.%d" % (path, socket.gethostname(), os.getpid())
    try:
      _write_windows(
          make_windows(examples, tokenizer, sizes, is_training), temporary)
      tf.gfile.Rename(temporary, path, overwrite=True)
    finally:
      if tf.gfile.Exists(temporary):
        tf.gfile.Remove(temporary)
  return path


def _write_windows(windows, path):
  with tf.python_io.TFRecordWriter(path) as writer:
    for window in windows:
      writer.write(serialized(window))


def serialized(window):
  """A Window as its file has it: bytes."""
  example = tf.train.Example()
  for name, value in window._asdict().items():
    example.features.feature[name].int64_list.value.extend(
        value if isinstance(value, list) else [value])
  return example.SerializeToString(deterministic=True)
