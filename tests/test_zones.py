"""attention_zones/zones.py: which logits a zone masks."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import decodes
from attention_zones import sweep
from attention_zones import zones

# One letter a position: [CLS], question, [SEP], passage, [PAD].
WINDOW = "CQSPS_"


def masks_of(*windows):
  """input_mask and segment_ids, int32 [B, S], of windows written in letters."""
  input_mask = [[int(c != "_") for c in w] for w in windows]
  segment_ids = [[int(c != "_" and i > w.index("S")) for i, c in enumerate(w)]
                 for w in windows]
  return np.array(input_mask, np.int32), np.array(segment_ids, np.int32)


def token_sets(*windows):
  """The positions of Q and of P, in 0s and 1s, for each window."""
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = session.run(zones.token_sets(*map(tf.constant, masks_of(*windows))))
  return [found.astype(int).tolist()
          for found in (tokens.in_question, tokens.in_passage)]


def additive_mask(names, *windows):
  """The additive mask of some zones as [B][F][T] in units of -10000."""
  mask = zones.union(names) if names else zones.NOTHING
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = zones.token_sets(*map(tf.constant, masks_of(*windows)))
    additive = session.run(mask.additive(tokens))
  size = len(windows[0])
  additive = np.broadcast_to(additive, [len(windows), 1, size, size])[:, 0]
  assert set(additive.ravel()) <= {0, -10000}
  return (additive == -10000).astype(int).tolist()


# Rows are queries, columns are keys, both C Q S P S _; 1 gets -10000. The last
# column is the padding, which no layer attends to, but for `all`.
MASKS = {
    (): [
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1]],
    ("q2",): [
        [0, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1]],
    ("q2p",): [
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 1, 0, 1]],
    ("p2q",): [
        [0, 1, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 1]],
    ("p2",): [
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1]],
    # Everything alike, which leaves no word of the padding.
    ("all",): [
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1]],
    ("q2", "p2"): [
        [0, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 1]],
    # Only the columns of [CLS] and [SEP] remain.
    ("q2", "q2p", "p2q", "p2"): [
        [0, 1, 0, 1, 0, 1],
        [0, 1, 0, 1, 0, 1],
        [0, 1, 0, 1, 0, 1],
        [0, 1, 0, 1, 0, 1],
        [0, 1, 0, 1, 0, 1],
        [0, 1, 0, 1, 0, 1]],
}


@pytest.mark.parametrize("names", sorted(MASKS), ids="+".join)
def test_additive_mask(names):
  assert additive_mask(names, WINDOW) == [MASKS[names]]


@pytest.mark.parametrize("window, in_question, in_passage", [
    ("CQSPS_", [0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]),
    ("CQQSPPS", [0, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]),
    ("CSPPS_", [0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]),
    ("CQQSS_", [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
    ("CQQSPS", [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]),
    # A passage that holds a literal "[SEP]": its position makes it a member.
    ("CQSPSPS_", [0, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0]),
])
def test_token_sets(window, in_question, in_passage):
  assert token_sets(window) == [[in_question], [in_passage]]


def test_token_sets_of_two_inputs():
  in_question, in_passage = token_sets("CQQSPPS", "CQSPS__")
  assert in_question == [[0, 1, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]]
  assert in_passage == [[0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0, 0]]


def test_each_input_of_a_batch_has_its_own_mask():
  first, second = additive_mask(("p2q",), "CQQSPS", WINDOW)
  assert first == [
      [0, 1, 1, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 1, 1, 0, 0, 0],
      [0, 1, 1, 0, 0, 0],
      [0, 1, 1, 0, 0, 0]]
  assert second == MASKS[("p2q",)]


@pytest.mark.parametrize("zone", ["q2", "p2q"])
def test_an_empty_question_leaves_nothing_to_mask(zone):
  assert additive_mask((zone,), "CSPPS_") == [MASKS[()]]


@pytest.mark.parametrize("names, changes_passage_rows, reaches_padding", [
    ([], False, False), (["q2"], False, False), (["q2", "q2p"], False, False),
    (["q2", "p2"], True, False), (["p2q"], True, False), (["all"], True, True)])
def test_what_a_mask_leaves_alone(names, changes_passage_rows, reaches_padding):
  mask = zones.union(names)
  assert mask.is_empty is (not names)
  assert mask.changes_passage_rows is changes_passage_rows
  assert mask.reaches_padding is reaches_padding


@pytest.mark.parametrize("names", [n for n in sorted(MASKS) if n])
def test_what_leaves_passage_rows_alone_masks_none_of_them(names):
  """The table's word for it is what the cells say."""
  mask = np.array(additive_mask(names, "CQQSPPS"))[0]
  baseline = np.array(additive_mask((), "CQQSPPS"))[0]
  changed = (mask != baseline)[[4, 5]].any()
  assert changed == zones.union(names).changes_passage_rows


def test_names_and_labels():
  union = zones.union(["p2", "q2"])
  assert (union.name, union.label) == ("q2+p2", "Q\u00b2+P\u00b2")
  assert [zone.label for zone in zones.ZONES.values()] == [
      "All", "Q\u00b2", "Q2P", "P2Q", "P\u00b2"]


@pytest.fixture
def cls_zone():
  """A zone that is not in the table: the column of [CLS]."""
  def cells(tokens):
    first = tf.one_hot(0, tf.shape(tokens.is_real)[1])[None]
    return zones.pairs(tokens.is_real, first + 0 * tokens.is_real)
  zones.ZONES["cls"] = zones.Zone("Cls", cells, changes_passage_rows=True,
                                  replaces_padding_mask=False)
  yield "cls"
  del zones.ZONES["cls"]


def test_a_zone_is_one_entry(cls_zone):
  """With it the zone can be masked, alone and in a union, named and read."""
  assert additive_mask((cls_zone,), WINDOW) == [[
      [1, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0, 1],
      [0, 0, 0, 0, 0, 1]]]
  # Every column but that of the last [SEP]; masked once where zones meet.
  every = ("q2", "q2p", "p2q", "p2", cls_zone)
  assert additive_mask(every, WINDOW)[0][:5] == [[1, 1, 0, 1, 0, 1]] * 5
  _, alone, union = decodes.parse_decodes("1", "cls,q2+cls", 2)
  assert union.file_name() == "predictions_layer1_q2+cls.json"
  assert decodes.Decode.parse("predictions_layer1_cls.json") == alone
  assert union.mask.label == "Q\u00b2+Cls"
  assert len(sweep.plan([alone, union], 2).place_of) == 2
