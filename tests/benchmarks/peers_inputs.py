"""What all engines of bench_peers.py compute with: sizes, windows, weights.

Each engine draws the same numbers for itself, from seeds that numpy keeps stable.
An engine is a process that waits on its standard input for what to do next.
"""

import collections
import json
import os
import sys
import time
import zlib

import numpy as np

SIZES = {
    # To try whether the benchmark runs; its figures say nothing.
    "tiny": {"hidden_size": 48, "num_hidden_layers": 2,
             "num_attention_heads": 4, "intermediate_size": 96},
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6,
               "num_attention_heads": 12, "intermediate_size": 1536},
    "base": {"hidden_size": 768, "num_hidden_layers": 12,
             "num_attention_heads": 12, "intermediate_size": 3072},
}
VOCABULARY = 30522
POSITIONS = 512

# The 5th, 15th, ... 95th percentile of the lengths of the 1,211 windows of XQuAD in
# English, uncased, at (512, 128, 64), in tokens; the median of their questions.
_LENGTHS = (91, 120, 134, 145, 158, 172, 186, 215, 253, 335)
_QUESTION = 12

BATCH_SIZE = 8  # of training, and of padded decodes

Window = collections.namedtuple("Window", ["ids", "question_length"])
Window.__doc__ = """One input of BERT: [CLS] question [SEP] passage [SEP].

Attributes:
  ids: int32 [S], without padding.
  question_length: int, its tokens without [CLS] and [SEP].
"""


def config(size):
  """The entries of a bert_config.json, all sizes given: dict."""
  return dict(SIZES[size], vocab_size=VOCABULARY, type_vocab_size=2,
              max_position_embeddings=POSITIONS, hidden_dropout_prob=0.1,
              attention_probs_dropout_prob=0.1)


def windows(number):
  """Windows of random tokens as long as XQuAD's are, the shortest first.

  Args:
    number: int.

  Returns:
    list of Window.
  """
  share = (np.arange(number) + 0.5) / number
  lengths = np.rint(np.interp(share, np.arange(0.05, 1, 0.1), _LENGTHS)).astype(int)
  random = np.random.RandomState(number)
  return [Window(random.randint(1000, VOCABULARY, length).astype(np.int32),
                 _QUESTION) for length in lengths]


def segments(window, length):
  """The input_mask and segment_ids of a window, padded to a length: int32 [S]."""
  position = np.arange(length)
  real = position < len(window.ids)
  second = real & (position >= window.question_length + 2)
  return real.astype(np.int32), second.astype(np.int32)


def batch(some, width):
  """Pads windows to a multiple of `width` tokens.

  Args:
    some: list of Window.
    width: int.

  Returns:
    dict of int32 "input_ids", "input_mask", "segment_ids", [B, S] each.
  """
  length = -(-max(len(window.ids) for window in some) // width) * width
  rows = []
  for window in some:
    mask, second = segments(window, length)
    ids = np.zeros(length, np.int32)
    ids[:len(window.ids)] = window.ids
    rows.append((ids, mask, second))
  ids, mask, second = (np.stack(column) for column in zip(*rows))
  return {"input_ids": ids, "input_mask": mask, "segment_ids": second}


def training_batches(number):
  """Batches of BATCH_SIZE windows of similar length: list of lists of Window."""
  drawn = windows(number * BATCH_SIZE)
  return [drawn[i:i + BATCH_SIZE] for i in range(0, len(drawn), BATCH_SIZE)]


def answer(some):
  """The position that windows are trained to answer with, twice: int32 [B]."""
  return np.array([window.question_length + 5 for window in some], np.int32)


def weight(name, shape):
  """A variable's value, the same for all engines: float32.

  Kernels keep the size of what they multiply, so that attention is not flat.

  Args:
    name: str, its name in Google's checkpoints.
    shape: list of int, in these.
  """
  random = np.random.RandomState(zlib.crc32(name.encode("utf-8")))
  drawn = random.standard_normal(shape).astype(np.float32)
  if name.endswith("/gamma"):
    return 1 + np.float32(0.1) * drawn
  if name.endswith("/kernel"):
    return drawn / np.float32(np.sqrt(shape[0]))
  return drawn * np.float32(0.1)


def seconds(work, items):
  """Seconds that `work` takes for an item, on average over `items`: float."""
  start = time.perf_counter()
  for item in items:
    work(item)
  return (time.perf_counter() - start) / len(items)


def serve(actions, version):
  """Runs the action that each line of standard input names, until its end.

  Args:
    actions: dict from name to a function without arguments, whose result goes to
      standard output as a line of JSON.
    version: str, the engine's; the first such line, which says that it is ready.
  """
  # What libraries print goes to standard error.
  answers = os.fdopen(os.dup(1), "w")
  os.dup2(2, 1)

  def say(result):
    answers.write(json.dumps(result) + "\n")
    answers.flush()
  say(version)
  for line in sys.stdin:
    say(actions[line.strip()]())
