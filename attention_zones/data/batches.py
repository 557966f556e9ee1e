"""Reads windows back from their file, in batches: the input of the model.

A training shuffles windows and repeats them without end. A prediction reads each
window once, passage after passage in some order (passage_order.py), and leaves out
what is finished.

Dimensions: B = batch, S = sequence length.
"""

import collections
import itertools

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.base import passage_order
from attention_zones.base import seeds
from attention_zones.data import windows
from attention_zones.zones import layouts

# Windows are padded to a multiple of this many tokens, so that shapes repeat.
BUCKET_WIDTH = 8

# Windows to shuffle among: more than SQuAD has, about 1 kB each.
_SHUFFLE_BUFFER = 200000

_IDS = "input_ids"
# Shape and type of each part of a window on disk.
_ON_DISK = dict.fromkeys(windows.Window._fields, tf.FixedLenFeature([], tf.int64))

Record = collections.namedtuple("Record", ["content", "sizes", "length"])
Record.__doc__ = """A window on disk.

Attributes:
  content: bytes.
  sizes: dict from str to int, the numbers of a windows.Window.
  length: int, how many input_ids it has.
"""


def bucket_width(options):
  """Windows are padded to a multiple of this, int; if None, to max_seq_length."""
  by_length = options.bucket_by_length
  if by_length is None:
    # A TPU compiles its program for one shape.
    by_length = not options.use_tpu
  return BUCKET_WIDTH if by_length else None


def train_input_fn(path, max_seq_length, seed, bucket_width=None, first_step=0,
                   layout=layouts.BERT):
  """Makes an input_fn for a training with TPUEstimator.

  Args:
    path: str, a file of windows.cached_windows.
    max_seq_length: int.
    seed: int, of the shuffling. TensorFlow mixes in the graph's seed, which
      the estimator sets.
    bucket_width: int, windows of similar length are batched and padded to a
      multiple of this, so that few lengths occur; None pads to max_seq_length,
      which TPUs require.
    first_step: int, the training step to start with. Batches are the same as if
      all steps before it had been run.
    layout: layouts.Layout of the tokenizer that made the windows.

  Returns:
    function from params, with "batch_size", to a tf.data.Dataset of dicts of
    int32 Tensors: "input_ids", "segment_ids" [B, S], and the other numbers of a
    Window and those of Layout.places [B].
  """
  parsed = dict(_ON_DISK, **{_IDS: tf.FixedLenSequenceFeature(
      [], tf.int64, allow_missing=True)})

  # These functions are graph code already; to convert them takes a second.
  @tf.autograph.experimental.do_not_convert
  def dataset(batch_size):
    shuffled = tf.data.TFRecordDataset(path).shuffle(
        _SHUFFLE_BUFFER, seed=seeds.derive(seed, "shuffle")).repeat().map(
            lambda record: tf.parse_single_example(record, parsed))
    batches = _by_length(
        shuffled, batch_size, max_seq_length, bucket_width, layout.pad_id)
    return batches.skip(first_step).map(
        lambda batch: _features(batch, layout)).prefetch(1)
  return lambda params: dataset(params["batch_size"])


def _by_length(dataset, batch_size, max_seq_length, bucket_width, pad_id):
  """Pads windows and batches them, by length if there is a bucket_width."""
  # The others are scalars, which need no padding.
  padding = dict.fromkeys(_ON_DISK, np.int64(pad_id))
  if bucket_width is None:
    shapes = {name: [] for name in _ON_DISK}
    shapes[_IDS] = [max_seq_length]
    return dataset.padded_batch(batch_size, shapes, padding, drop_remainder=True)
  # Buckets hold lengths below their boundary.
  boundaries = list(range(
      bucket_width + 1, max_seq_length + bucket_width + 1, bucket_width))
  boundaries[-1] = max_seq_length + 1
  return dataset.apply(tf.data.experimental.bucket_by_sequence_length(
      lambda window: tf.shape(window[_IDS])[0],
      boundaries, [batch_size] * (len(boundaries) + 1),
      padding_values=padding, pad_to_bucket_boundary=True, drop_remainder=True))


def read(path):
  """Reads a file of windows.cached_windows: list of Record."""
  return list(map(record, tf.python_io.tf_record_iterator(path)))


def record(content):
  """Makes the Record of a window, given its bytes."""
  values = {name: feature.int64_list.value for name, feature in
            tf.train.Example.FromString(content).features.feature.items()}
  length = len(values.pop(_IDS))
  return Record(
      content, {name: value[0] for name, value in values.items()}, length)


def predict_input_fn(records, max_seq_length, bucket_width=None, places=None,
                     finished=(), add=None, layout=layouts.BERT):
  """Makes an input_fn for a prediction with TPUEstimator.

  Args:
    records: list of Record.
    max_seq_length: int.
    bucket_width: int, batches are padded to a multiple of this; None pads to
      max_seq_length, which TPUs require.
    places: dict from the index of each example to predict to the place of its
      passage, as passage_order has it; None: all examples, in their order.
    finished: collection of int, indices of examples that need no prediction.
      Batches stay the same; those with finished examples only are left out.
    add: function from the dict of a batch's features to one with more; None adds
      nothing.
    layout: layouts.Layout of the tokenizer that made the windows.

  Returns:
    function, as train_input_fn returns it.
  """
  parsed = dict(_ON_DISK, **{_IDS: tf.FixedLenSequenceFeature(
      [], tf.int64, allow_missing=True, default_value=layout.pad_id)})

  @tf.autograph.experimental.do_not_convert
  def features_of(contents, number):
    batch = tf.parse_example(contents[:number], parsed)
    ids, length = batch[_IDS], max_seq_length
    if bucket_width:
      length = tf.minimum(
          -(-tf.shape(ids)[1] // bucket_width) * bucket_width, max_seq_length)
    ids = tf.pad(ids, [[0, 0], [0, length - tf.shape(ids)[1]]],
                 constant_values=layout.pad_id)
    ids.set_shape([None, None if bucket_width else max_seq_length])
    features = _features(dict(batch, **{_IDS: ids}), layout)
    return add(features) if add else features

  def dataset(batch_size):
    batches = _cut(records, places, batch_size, finished)
    # In the graph, about 1 kB each: a TPU's host has no Python to ask.
    contents = np.full([len(batches), batch_size], b"", object)
    for row, batch in zip(contents, batches):
      row[:len(batch)] = [record.content for record in batch]
    return tf.data.Dataset.from_tensor_slices((
        tf.constant(contents, tf.string, contents.shape),
        np.array(list(map(len, batches)), np.int32))).map(features_of).prefetch(1)
  return lambda params: dataset(params["batch_size"])


def _cut(records, places, batch_size, finished):
  """Cuts windows into batches: list of lists of Record.

  A window alone takes its turn in the order. Others are batched with those of
  similar length, of a block of passages.
  """
  index = lambda record: record.sizes["example_index"]
  place = lambda record: places[index(record)] if places else index(record)
  block = lambda record: place(record) // passage_order.BLOCK
  key = place if batch_size == 1 else (
      lambda record: (block(record), record.length))
  ordered = sorted((record for record in records
                    if places is None or index(record) in places), key=key)
  batches = []
  for _, of_block in itertools.groupby(ordered, block):
    of_block = list(of_block)
    batches += [of_block[first:first + batch_size]
                for first in range(0, len(of_block), batch_size)]
  return [batch for batch in batches if not all(
      index(record) in finished for record in batch)]


def _features(batch, layout):
  """Adds segment_ids and where everything stands to a batch of padded windows."""
  features = {name: tf.cast(value, tf.int32) for name, value in batch.items()}
  features.update(layout.places(
      features["question_length"], features["passage_length"]))
  found = layouts.sets(features, tf.range(tf.shape(features[_IDS])[1]))
  # BERT's second segment is the passage and what follows.
  features["segment_ids"] = tf.cast(
      found["in_passage"] | found["after"], tf.int32)
  return features
