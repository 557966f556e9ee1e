"""What each zone and control does, as a digest: a part of what answers depend on.

An edited zone is another zone. A sweep that is resumed, or a folder with finished
files, must not mix both, so each masked zone has an entry in the keys of journals
and in the manifest, {"zone p2": "035264a935971dd4"}. The digest is of what the zone
adds to the logits, and does to the weights, of fixed windows, as in a sweep.
"""

import hashlib
import itertools

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.zones import draws
from attention_zones.zones import layouts
from attention_zones.zones import masking
from attention_zones.zones import zones

# Two batches of windows, (question, passage) lengths each: without a question, with
# [PAD] and without, short and as long as BERT's longest.
_BATCHES = (((0, 5), (3, 9), (20, 30), (7, 1)), ((64, 445),))

# All draws of a zone are one control: they differ in their numbers only.
_ANY_DRAW = "draw"
# A draw, of questions with such ids, by which an edit of draws.py shows.
_DRAW, _QUESTION_ID = 23, "Q\u00fcestion/%d of a digest"


def of_mask(mask):
  """The names of a mask's zones and controls in keys: {name: (zone, variant)}."""
  return {"zone %s" % "@".join(filter(None, (
      zone, _ANY_DRAW if variant.isdigit() else variant))): (
          zone, str(_DRAW) if variant.isdigit() else variant)
          for zone, variant in mask.zones}


def of_decodes(decodes, session_config=None, spans=None):
  """What decodes mask: dict from each decodes.Decode to a dict of its `digests`.

  Args:
    decodes, session_config: as for `digests`.
    spans: spans.Spans, where the data has spans; then what is in these is said,
      too, under names like "set wh". (`answer` follows from the data set.)
  """
  found = digests({mask for decode in decodes for mask in decode.different_masks},
                  session_config)
  if spans:
    found.update({"set " + name: spans.digest(name) for name in spans.names})
  return {decode: {name: found[name] for name in itertools.chain(
      *map(of_mask, decode.different_masks),
      ("set " + name for name in decode.sets)) if name in found}
          for decode in decodes}


def digests(masks, session_config=None):
  """What masks do: a dict for keys and manifests.

  Args:
    masks: iterable of masking.Mask.
    session_config: tf.ConfigProto, that of the sessions to come, since a process
      keeps the number of threads of its first; None where none are to come.

  Returns:
    dict from "zone p2", "zone p2@draw", "zone p2@zero" and so on to a str of 16
    hexadecimal digits, for all zones and controls in the masks. Heads do not count.
  """
  wanted = {}
  for mask in masks:
    wanted.update(of_mask(mask))
  if not wanted:
    return {}
  parts = {name: masking.Mask((part,), None) for name, part in wanted.items()}
  # Not on a GPU, which rounds in another way and would be taken for good.
  config = tf.ConfigProto(device_count={"GPU": 0})
  if session_config:
    config.MergeFrom(session_config)
  with tf.Graph().as_default(), tf.Session(config=config) as session:
    # One graph for all batches: building it takes longer than running it.
    inputs = {name: tf.placeholder(each.dtype, [None] * each.ndim)
              for name, each in _batch(_BATCHES[0]).items()}
    of_data = set().union(*(mask.sets_of_data for mask in parts.values()))
    tokens = zones.token_sets(inputs, {_DRAW: inputs["input_ids"]}, {
        name: _some(inputs) for name in of_data})
    effects = {name: [mask.additive(tokens)] + (
        [mask.edit(inputs["weights"], tokens, tokens)] if mask.edit else [])
               for name, mask in parts.items()}
    found = [session.run(effects, {
        inputs[name]: each for name, each in _batch(lengths).items()})
             for lengths in _BATCHES]
  return {name: _digest(mask, [of_batch[name] for of_batch in found])
          for name, mask in parts.items()}


def _some(inputs):
  """A set of the data in the fixed windows: every third token, int32 [B, S]."""
  positions = tf.range(tf.shape(inputs["input_ids"])[1])
  return tf.cast(tf.equal(positions % 3, 1) & tf.less(
      positions, inputs["window_end"][:, None] - 1), tf.int32)


def _digest(mask, effects):
  """The digest of what a mask does to each batch: lists of arrays."""
  total = hashlib.sha256(repr(
      (mask.changes_passage_rows, mask.reaches_padding)).encode())
  for arrays in effects:
    for array in arrays:
      total.update(repr(array.shape).encode())
      # Whatever the last bits of a division are, and the sign of 0.
      total.update((np.rint(1000 * array.astype(float)) + 0).tobytes())
  return total.hexdigest()[:16]


def _batch(lengths):
  """Fixed windows, as the model gets them.

  Args:
    lengths: sequence of B (question length, passage length).

  Returns:
    dict: int32 [B], the places of layouts.Layout; int32 [B, S] "input_ids", which
    are the ranks of _DRAW; float32 [B, 1, S, S] "weights" to edit.
  """
  places = layouts.BERT.places(*np.array(lengths, np.int32).T)
  size = places["window_end"].max()
  ranks, = draws.of_batch(
      [_QUESTION_ID % i for i in range(len(lengths))], [_DRAW], size, [
          (i, q, i, p, places["question_start"][i], places["passage_start"][i])
          for i, (q, p) in enumerate(lengths)])
  # Whole numbers, whose sums are exact.
  row, column = np.mgrid[:size, :size]
  weights = (7 * row + 5 * column + row * column) % 13
  return dict(places, input_ids=ranks, weights=np.tile(
      weights.astype(np.float32), [len(lengths), 1, 1, 1]))
