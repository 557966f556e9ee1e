"""Zones of two sets of tokens: cls_p, any_special, notq_sep2."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.figures import heatmap
from attention_zones.scores import results_table
from attention_zones.zones import coverage
from attention_zones.zones import layouts
from attention_zones.zones import sets
from attention_zones.zones import masking
from attention_zones.zones import zones

# The kinds of tokens of each set: [CLS] C, question Q, [SEP] S, passage P, in it
# the answer A, last [SEP] E; no complement is any's.
KINDS = {"q": "Q", "p": "PA", "cls": "C", "sep1": "S", "sep2": "E",
         "special": "CSE", "any": "CQSPAE", "answer": "A", "notq": "CSPAE",
         "notp": "CQSE", "notcls": "QSPAE", "notsep1": "CQPAE", "notsep2": "CQSPA",
         "notspecial": "QPA", "notanswer": "CQSPE"}
# Q2 and its like have these names already.
NAMED = {"q_q": "q2", "notp_p": "q2p", "notq_q": "p2q", "p_p": "p2"}
ALLOWED = ["%s_%s" % (rows, columns) for rows in KINDS for columns in KINDS
           if columns != "any" and "%s_%s" % (rows, columns) not in NAMED]
WINDOWS = "CQQSPAAE__", "CQSAE_____"


def lengths_of(windows):
  return np.array([[window.count("Q"), window.count("P") + window.count("A")]
                   for window in windows]).T


def features_of(windows, layout=layouts.BERT):
  return dict(layout.places(*np.int32(lengths_of(windows))), input_ids=np.zeros(
      [len(windows), len(windows[0])], np.int32))


def members(name, window):
  return np.isin(list(window), list(KINDS[name]))


def tokens_of(windows, layout=layouts.BERT):
  """zones.Tokens in TensorFlow."""
  return zones.token_sets(features_of(windows, layout), members={
      "answer": np.int32([members("answer", window) for window in windows])})


def expected(name, window):
  rows, columns = name.split("_")
  return np.outer(members(rows, window), members(columns, window))


def test_the_table_has_all_of_them():
  assert sets.names() == list(KINDS)
  assert len(ALLOWED) == 15 * 14 - 4


def test_cells():
  """Of each of 206 zones, in TensorFlow; and of its whole window in numpy."""
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = tokens_of(WINDOWS)
    masks = {name: masking.union([name]).additive(tokens) for name in ALLOWED}
    found = session.run(masks)
  for name, additive in found.items():
    for mask, window in zip(additive[:, 0], WINDOWS):
      cells = expected(name, window)
      padding = np.array(list(window)) == "_"
      assert (mask == np.where(cells | padding, -10000, 0)).all(), (name, window)
    mask = masking.union([name])
    known = {"answer": [5, 6]}
    _, cells = mask.cells_of_window(2, 3, members=known)
    whole = expected(name, WINDOWS[0])[:8, :8]
    assert (cells == whole).all(), name
    assert mask.changes_passage_rows == whole[4:7].any()
    assert coverage.masked_fraction(mask, 2, 3, members=known) == whole.sum() / 64


def test_another_layout():
  """RoBERTa's, with two special tokens between."""
  window = "CQQSSPAE_"
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = tokens_of([window], layouts.Layout(1, 2, 1, pad_id=1))
    found = session.run({name: sets.named(name).of(tokens) for name in KINDS})
  for name, of in found.items():
    assert (of[0] == members(name, window)).all(), name


def test_a_window_without_a_set_has_no_complement_of_it():
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = tokens_of(["CSPPE", "CQSPE"])
    notq, any_notq = session.run([
        sets.named("notq").of(tokens),
        masking.union(["any_notq"]).additive(tokens)])
  assert notq.tolist() == [[0] * 5, [1, 0, 1, 1, 1]]
  assert (any_notq[0] == 0).all() and (any_notq[1, 0, :, [0, 2, 3, 4]] < 0).all()


def test_edits():
  """@zero and @flat of what the question attends to in special tokens."""
  weights = np.random.RandomState(0).rand(1, 2, 8, 8).astype(np.float32)
  window = "CQQSPPPE"
  with tf.Graph().as_default(), tf.Session() as session:
    tokens = tokens_of([window])
    zero, flat = session.run([
        masking.union(["q_special@" + edit]).edit(
            tf.constant(weights), tokens, tokens) for edit in ("zero", "flat")])
  cells = expected("q_special", window)
  assert (zero == np.where(cells, 0, weights)).all()
  mean = weights[..., [0, 3, 7]].mean(-1, keepdims=True)
  assert flat == pytest.approx(np.where(cells, mean, weights), rel=1e-6)


def test_columns_of_a_figure(tmp_path):
  """In lines, so that they do not run into each other."""
  (tmp_path / "r.csv").write_text(
      "layer,p2,cls_p@zero,notspecial_sep2+q2\n1,1,2,3\n")
  table = results_table.read_results(str(tmp_path / "r.csv"))
  assert heatmap.Panel("r.csv", table, 1, None).column_labels == [
      "P\u00b2", "CLS\u2192\nP\n@zero", "Q\u00b2+\nnot\nspecial\u2192\nSEP2"]


def test_order_and_labels():
  union = masking.union(["q_special", "p2", "cls_p", "q2@zero"])
  assert union.name == "q2@zero+p2+cls_p+q_special"
  assert union.label == "Q\u00b2@zero+P\u00b2+CLS\u2192P+Q\u2192special"
  assert masking.union(["notsep2_sep1"]).label == "not SEP2\u2192SEP1"


@pytest.mark.parametrize("name, words", [
    *((name, "the zone %s is called %s" % of) for name, of in zip(
        NAMED, NAMED.items())),
    ("notany_p", "'notany_p' is not a zone; zones are all, q2"),
    ("notnotq_p", "is not a zone"), ("q_", "is not a zone"), ("_q", "is not a"),
    ("q_p_p", "is not a zone"), ("cls_p_", "is not a"), ("cls", "is not a zone"),
    ("CLS_p", "two of the sets q, p, cls, sep1, sep2, special, any, answer, not"),
    ("cls_p@x", "'x' is not a control"),
    *((name + "@1", "so %s, whose columns are others, too, has none" % name)
      for name in ("q_cls", "p_special", "q_any", "q_notq", "cls_notspecial")),
    ("cls_p+cls_p@zero", "cls_p is given twice"),
    ("cls_p+all", "\"all\" cannot be combined"),
    # No key is left.
    ("p_any", "p_any masks all that some token can attend to"),
    ("any_p+any_notp", "any_notp+any_p masks all"),
    ("q_special+q2+q2p", "q2+q2p+q_special masks all"),
])
def test_refusals(name, words):
  with pytest.raises(ValueError) as refusal:
    masking.union(name.split("+"))
  assert words in str(refusal.value)


def test_what_is_not_refused():
  for name in ("q_any@zero", "p_any@flat", "cls_p@1", "special_q@2",
               "q_special+q2", "any_special", "p2q+p2+p_cls+p_sep1"):
    assert masking.union(name.split("+")).name


def test_keys_that_a_question_without_tokens_does_not_have():
  """Without a question, [CLS] attends to special tokens and the passage only."""
  mask = masking.union(["q2p", "any_special"])
  assert not mask.leaves_no_key(1, 1) and mask.leaves_no_key(0, 1)
  assert not masking.union(["any_special"]).leaves_no_key(0, 1)
