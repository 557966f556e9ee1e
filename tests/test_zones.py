"""attention_zones/zones/zones.py: which logits a zone masks."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.zones import coverage
from attention_zones.decoding import sweep_plan
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import layouts
from attention_zones.zones import masking
from attention_zones.zones import zones

# One letter a position: [CLS], question, [SEP], passage, [PAD].
WINDOW = "CQSPS_"


def features_of(*windows, layout=layouts.BERT):
  """The input of a model, of windows written in letters."""
  ends = [(w.index("S"), len(w.rstrip("_"))) for w in windows]
  lengths = [(first - layout.before, end - first - layout.between - layout.after)
             for first, end in ends]
  return dict(layout.places(*np.array(lengths, np.int32).T),
              input_ids=np.zeros([len(windows), len(windows[0])], np.int32))


def token_sets(*windows, layout=layouts.BERT):
  """The positions of Q and of P, in 0s and 1s, for each window."""
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = session.run(zones.token_sets(features_of(*windows, layout=layout)))
  return [found.astype(int).tolist()
          for found in (tokens.in_question, tokens.in_passage)]


def additive_mask(names, *windows):
  """The additive mask of some zones as [B][F][T] in units of -10000."""
  mask = masking.union(names) if names else masking.NOTHING
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = zones.token_sets(features_of(*windows))
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


def controls(mask, window, ranks=None, num_heads=2):
  """What a mask does to a window: (its additive mask, edited weights).

  Args:
    ranks: list of int, the ranks of the window's tokens in draw 1.

  Returns:
    (bool [N, S, S], True for -10000; float32 [N, S, S]). Before the edit, the
    weights are those of `some_weights`.
  """
  weights = some_weights(num_heads, len(window))
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = zones.token_sets(
        features_of(window), {1: tf.constant([ranks or [0]])})
    additive = session.run(mask.additive(tokens, num_heads))
    if mask.edit:
      weights, = session.run(mask.edit(tf.constant(weights[None]), tokens, tokens))
  assert set(additive.ravel()) <= {0, -10000}
  masked = np.broadcast_to(additive == -10000, (1,) + weights.shape)[0]
  return masked, weights


def some_weights(num_heads, size):
  """Rows that sum to 1: float32 [N, S, S]."""
  weights = np.random.RandomState(0).rand(num_heads, size, size)
  return np.float32(weights / weights.sum(-1, keepdims=True))


def test_a_draw_masks_as_many_columns_of_the_same_rows():
  # Of Q and P, the second Q and the third P come first.
  window, ranks = "CQQSPPPS__", [9, 3, 0, 9, 2, 4, 1, 9, 0, 0]
  mask, _ = controls(masking.union(["p2q@1"]), window, ranks)
  expected = np.zeros([10, 10], int)
  expected[:, 8:] = 1
  expected[np.ix_([0, 3, 4, 5, 6, 7, 8, 9], [2, 6])] = 1
  assert mask[0].astype(int).tolist() == expected.tolist()
  assert masking.union(["p2q@1", "q2@20"]).draws == {1, 20}


def test_a_draw_of_more_than_there_is_takes_all(cls_zone):
  columns = lambda t: t.is_real - t.in_passage
  zones.ZONES[cls_zone] = zones.ZONES[cls_zone]._replace(columns=columns)
  mask, _ = controls(masking.union(["cls@1"]), "CQSPS_", [0, 0, 0, 1, 0, 0])
  assert mask[0].astype(int).tolist() == [[0, 1, 0, 1, 0, 1]] * 5 + [[0] * 5 + [1]]


def test_a_flat_zone_keeps_the_mass_of_each_row():
  before = some_weights(2, 9)
  mask, after = controls(masking.union(["p2q@flat"]), "CQQQSPPS_")
  assert mask[0].astype(int).tolist() == [[0] * 8 + [1]] * 9
  rows, question = [0, 4, 5, 6, 7, 8], slice(1, 4)
  # 3 numbers are added and divided by 3.
  for row in rows:
    mass = before[:, row, question].sum(-1, keepdims=True)
    np.testing.assert_allclose(
        after[:, row, question], np.repeat(mass / 3, 3, -1), rtol=6 * 2**-24)
    np.testing.assert_allclose(
        after[:, row, question].sum(-1), mass[:, 0], rtol=8 * 2**-24)
  after[:, rows, question] = before[:, rows, question]
  assert (after == before).all()


@pytest.mark.parametrize("zone, window", [
    ("q2@flat", "CSPPS_"), ("p2q@flat", "CSPPS_"), ("p2@flat", "CQQSS_")])
def test_an_empty_flat_zone_changes_nothing(zone, window):
  _, after = controls(masking.union([zone]), window)
  assert (after == some_weights(2, 6)).all()


def test_a_zone_is_masked_and_another_is_flat():
  mask, after = controls(masking.union(["q2", "p2@flat"]), "CQQSPPS")
  alone, before = controls(masking.union(["q2"]), "CQQSPPS")
  assert (mask == alone).all() and mask[0, 1:3, 1:3].all() and mask.sum() == 8
  changed = np.argwhere(after[0] != before[0]).tolist()
  assert changed == [[4, 4], [4, 5], [5, 4], [5, 5]]


# Vector 15: the mean row sum that is left of vector 10's attention. Logits are
# ((3 i + 5 j) mod 7) / 2 in a window of two question and three passage tokens.
LEFT = {"q2": .726090908358, "q2p": .537808423703, "p2q": .730977459197,
        "p2": .671284873109}


@pytest.mark.parametrize("zone", LEFT)
def test_a_zone_is_zero_and_rows_are_not_renormalized(zone):
  i, j = np.mgrid[:8, :8]
  before = np.exp((3 * i + 5 * j) % 7 / 2)
  before = np.float32(before / before.sum(-1, keepdims=True))
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = zones.token_sets(features_of("CQQSPPPS"))
    mask = masking.union([zone + "@zero"])
    additive, after = session.run([
        mask.additive(tokens), mask.edit(tf.constant(before[None, None]), tokens,
                                         tokens)])
  # Nothing is masked.
  assert not additive.any()
  question, passage = [1, 2], [4, 5, 6]
  rows, columns = {
      "q2": (question, question), "q2p": ([0, 1, 2, 3, 7], passage),
      "p2q": ([0, 3, 4, 5, 6, 7], question), "p2": (passage, passage)}[zone]
  expected = before.copy()
  expected[np.ix_(rows, columns)] = 0
  assert (after[0, 0] == expected).all()
  # A row sums 8 float32.
  assert after[0, 0, rows].sum(-1).mean() == pytest.approx(
      LEFT[zone], abs=8 * 2**-24)


def test_what_is_masked_and_zeroed_is_zero():
  """A draw of Q2, which has columns of P, and Q2P: whatever the order of names."""
  # The first and the last of q q p p come first.
  ranks = [9, 0, 3, 9, 2, 1, 9]
  mask, after = controls(masking.union(["q2@1", "q2p@zero"]), "CQQSPPS", ranks)
  assert mask[0].astype(int).tolist() == [
      [0] * 7, [0, 1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1, 0]] + [[0] * 7] * 4
  before = some_weights(2, 7)
  # Whatever weight the masked cells still had.
  rows = [0, 1, 2, 3, 6]
  assert not after[:, rows, 4:6].any()
  after[:, rows, 4:6] = before[:, rows, 4:6]
  assert (after == before).all()


def test_zero_comes_before_flat(cls_zone):
  """Q2 and the column of [CLS] of all rows do not overlap, so one that does."""
  zones.ZONES[cls_zone] = zones.ZONES[cls_zone]._replace(
      rows=lambda t: t.is_real, columns=lambda t: t.in_question)
  before = some_weights(2, 7)
  for names in ["q2@flat", "cls@zero"], ["q2@zero", "cls@flat"]:
    _, after = controls(masking.union(names), "CQQSPPS")
    expected = before.copy()
    if "cls@zero" in names:
      expected[:, :, 1:3] = 0
    else:
      expected[:, 1:3, 1:3] = 0
      expected[:, :, 1:3] = expected[:, :, 1:3].mean(-1, keepdims=True)
    np.testing.assert_allclose(after, expected, rtol=6 * 2**-24)


@pytest.mark.parametrize("zone, window", [
    ("q2@zero", "CSPPS_"), ("p2q@zero", "CSPPS_"), ("p2@zero", "CQQSS_")])
def test_an_empty_zero_zone_changes_nothing(zone, window):
  _, after = controls(masking.union([zone]), window)
  assert (after == some_weights(2, 6)).all()


def test_a_mask_of_one_head():
  mask, _ = controls(masking.union(["q2"])._replace(heads=(1,)), WINDOW)
  assert mask.astype(int).tolist() == [MASKS[()], MASKS[("q2",)]]
  # In all heads it is that of the layer.
  for zone in ("q2", "p2q@1"):
    mask = masking.union([zone])
    ranks = [0, 1, 0, 0, 0, 0]
    both, _ = controls(mask._replace(heads=(0, 1)), WINDOW, ranks)
    assert (both == controls(mask, WINDOW, ranks)[0]).all()


@pytest.mark.parametrize("edit", zones.EDITS)
def test_an_edit_of_one_head(edit):
  mask = masking.union(["p2@" + edit])
  _, one = controls(mask._replace(heads=(1,)), "CQQSPPS")
  _, every = controls(mask, "CQQSPPS")
  assert (one[0] == some_weights(2, 7)[0]).all() and (one[1] == every[1]).all()
  assert (one[1] != some_weights(2, 7)[1]).any()


def test_off_takes_all_weights_of_a_head():
  mask, after = controls(masking.union(["off"])._replace(heads=(0,)), WINDOW)
  assert mask[0].astype(int).tolist() == MASKS[()]
  assert not after[0].any() and (after[1] == some_weights(2, 6)[1]).all()


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


def test_token_sets_of_another_layout():
  """RoBERTa: <s> q q </s></s> p </s>, then padding; and one without a question."""
  layout = layouts.Layout(1, 2, 1, pad_id=1)
  windows = "CQQSSPS__", "CSSPPS___"
  assert token_sets(*windows, layout=layout) == [
      [[0, 1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0]],
      [[0, 0, 0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0, 0, 0, 0]]]
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = session.run(zones.token_sets(features_of(*windows, layout=layout)))
  assert tokens.before.tolist() == [[1] + [0] * 8] * 2
  assert tokens.between[0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0]
  assert tokens.after.argmax(1).tolist() == [6, 5] and tokens.after.sum() == 2
  assert tokens.is_real.sum(1).tolist() == [7, 6]
  # Of 7 x 7 cells.
  assert coverage.masked_fraction(
      masking.union(["q2"]), 2, 1, layout=layout) == pytest.approx(4 / 49)


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
    (["q2", "p2"], True, False), (["p2q"], True, False), (["all"], True, True),
    (["q2@1", "q2p@flat"], False, False), (["p2@1"], True, False),
    (["q2@zero", "q2p"], False, False), (["p2@zero"], True, False),
    (["off"], True, False)])
def test_what_a_mask_leaves_alone(names, changes_passage_rows, reaches_padding):
  mask = masking.union(names)
  assert mask.is_empty is (not names)
  assert mask.changes_passage_rows is changes_passage_rows
  assert mask.reaches_padding is reaches_padding


@pytest.mark.parametrize("zone, passage, cls", [
    ("q2", False, False), ("q2p", False, True), ("p2q", True, True),
    ("p2", True, False), ("all", True, True), ("off", True, True),
    ("q2+p2", True, False), ("q2+q2p", False, True), ("q2@1", False, False),
    ("p2q@1", True, True), ("q2p@flat", False, True), ("q2p@zero", False, True)])
def test_which_rows_change(zone, passage, cls):
  mask = masking.union(zone.split("+"))
  first = lambda t: t.is_real * (np.arange(t.is_real.shape[1]) == 0)
  assert mask.changes_rows(lambda t: t.in_passage) is passage
  assert mask.changes_rows(first) is cls
  assert mask.changes_rows(lambda t: t.is_real) is True
  assert not masking.NOTHING.changes_rows(lambda t: t.is_real)


def test_rows_far_behind_change(monkeypatch):
  """A zone of the passage's words from the 100th on."""
  monkeypatch.setitem(zones.ZONES, "far", zones.ZONES["p2"]._replace(
      rows=lambda t: t.in_passage * (np.arange(t.is_real.shape[1]) > 164)))
  assert masking.union(["far"]).changes_rows(lambda t: t.in_passage) is True


def test_of_what_numpy_cannot_compute_every_row_may_change(cls_zone):
  assert masking.union([cls_zone]).changes_rows(lambda t: 0 * t.is_real) is True


@pytest.mark.parametrize("names", [n for n in sorted(MASKS) if n])
def test_what_leaves_passage_rows_alone_masks_none_of_them(names):
  """The table's word for it is what the cells say."""
  mask = np.array(additive_mask(names, "CQQSPPS"))[0]
  baseline = np.array(additive_mask((), "CQQSPPS"))[0]
  changed = (mask != baseline)[[4, 5]].any()
  assert changed == masking.union(names).changes_passage_rows


def test_names_and_labels():
  union = masking.union(["p2", "q2"])
  assert (union.name, union.label) == ("q2+p2", "Q\u00b2+P\u00b2")
  union = masking.union(["p2@flat", "q2@12"])
  assert (union.name, union.label) == ("q2@12+p2@flat", "Q\u00b2@12+P\u00b2@flat")
  assert masking.union(["p2@zero"]).label == "P\u00b2@zero"
  assert masking.union(["off"]).label == "Off"
  assert [zone.label for zone in zones.ZONES.values()] == [
      "All", "Q\u00b2", "Q2P", "P2Q", "P\u00b2"]


@pytest.fixture
def cls_zone():
  """A zone that is not in the table: the column of [CLS]."""
  def first(tokens):
    return tf.one_hot(0, tf.shape(tokens.is_real)[1])[None] + 0 * tokens.is_real
  zones.ZONES["cls"] = zones.Zone(
      "Cls", lambda t: t.is_real, first, changes_passage_rows=True,
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
  _, alone, union = grammar.parse_decodes("1", "cls,q2+cls", 2)
  assert union.file_name() == "predictions_layer1_q2+cls.json"
  assert decodes.Decode.parse("predictions_layer1_cls.json") == alone
  assert union.mask.label == "Q\u00b2+Cls"
  assert len(sweep_plan.plan([alone, union], 2).place_of) == 2
