"""How much of the attention matrix a decode masks, for the manifest."""

import collections

import tensorflow.compat.v1 as tf

from attention_zones.decodes import BASELINE


def masked_shares(path, decodes, num_heads):
  """Averages over windows the share of real cells that decodes mask in a layer.

  Zones differ much in size: P2 is most of the matrix. `all` counts with all of its
  cells, though a softmax does not notice what is added to all of them. The share is
  of the matrices of all heads: one head of 12 that masks P2 has a twelfth of P2's.

  Args:
    path: str, the TFRecord file of a windows.DataSet.
    decodes: list of decodes.Decode.
    num_heads: int, the number of attention heads of a layer.

  Returns:
    dict from each masked decode's file of predictions to float, 0 to 1. Decodes
    without such a share (zones.Mask.masked_share: those with a flat zone, for
    example) are left out, and all of them if there is no window.
  """
  lengths = collections.Counter(_lengths(path))
  total = sum(lengths.values())
  share_of = {}
  for mask in {decode.mask for decode in decodes if decode != BASELINE}:
    shares = [mask.masked_share(*pair, num_heads) for pair in lengths]
    if shares and None not in shares:
      share_of[mask] = sum(
          share * count for share, count in zip(shares, lengths.values())) / total
  return {decode.file_name(): share_of[decode.mask]
          for decode in decodes if decode.mask in share_of}


def _lengths(path):
  """Yields each window's (question_length, passage_length)."""
  for record in tf.python_io.tf_record_iterator(path):
    feature = tf.train.Example.FromString(record).features.feature
    yield tuple(feature[name].int64_list.value[0]
                for name in ("question_length", "passage_length"))
