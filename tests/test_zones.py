"""attention_zones.py: zones, the grammar of the flags, and the sweep's plan."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import zones as masks
from attention_zones.zones import BASELINE, Decode

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
    return [found.astype(int).tolist() for found in session.run(
        masks.token_sets(*map(tf.constant, masks_of(*windows))))]


def additive_mask(zones, *windows):
  """The additive mask of some zones as [B][F][T] in units of -10000."""
  with tf.Graph().as_default(), tf.Session() as session:
    input_mask, segment_ids = map(tf.constant, masks_of(*windows))
    sets = masks.token_sets(input_mask, segment_ids)
    mask = session.run(masks.additive_mask(
        zones, tf.cast(input_mask, tf.float32), *sets))
  size = len(windows[0])
  mask = np.broadcast_to(mask, [len(windows), size, size])
  assert set(mask.ravel()) <= {0, -10000}
  return (mask == -10000).astype(int).tolist()


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


@pytest.mark.parametrize("zones", sorted(MASKS), ids="+".join)
def test_additive_mask(zones):
  assert additive_mask(zones, WINDOW) == [MASKS[zones]]


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
  assert second == MASKS["p2q",]


@pytest.mark.parametrize("zone", ["q2", "p2q"])
def test_an_empty_question_leaves_nothing_to_mask(zone):
  assert additive_mask((zone,), "CSPPS_") == [MASKS[()]]


def parse(mask_layer, mask_zone, num_layers=12):
  return masks.parse_decodes(mask_layer, mask_zone, num_layers)


@pytest.mark.parametrize("mask_layer, mask_zone, decodes", [
    (None, None, []),
    ("3", "q2", [Decode((3,), ("q2",), "_layer3_q2")]),
    ("11", "all", [Decode((11,), ("all",), "_layer11_all")]),
    ("0,2", "q2,p2", [
        Decode((0,), ("q2",), "_layer0_q2"),
        Decode((0,), ("p2",), "_layer0_p2"),
        Decode((2,), ("q2",), "_layer2_q2"),
        Decode((2,), ("p2",), "_layer2_p2")]),
    ("4-6", "p2q", [
        Decode((4,), ("p2q",), "_layer4_p2q"),
        Decode((5,), ("p2q",), "_layer5_p2q"),
        Decode((6,), ("p2q",), "_layer6_p2q")]),
    ("7-7", "q2p", [Decode((7,), ("q2p",), "_layer7_q2p")]),
    ("9,0-1,0+1", "p2", [
        Decode((9,), ("p2",), "_layer9_p2"),
        Decode((0,), ("p2",), "_layer0_p2"),
        Decode((1,), ("p2",), "_layer1_p2"),
        Decode((0, 1), ("p2",), "_layer0+1_p2")]),
    ("10+2+0", "all", [Decode((0, 2, 10), ("all",), "_layer0+2+10_all")]),
    ("1", "p2+q2", [Decode((1,), ("q2", "p2"), "_layer1_q2+p2")]),
    ("1", "p2+p2q+q2p+q2", [Decode(
        (1,), ("q2", "q2p", "p2q", "p2"), "_layer1_q2+q2p+p2q+p2")]),
    ("0, 2", "q2, p2 + q2", [
        Decode((0,), ("q2",), "_layer0_q2"),
        Decode((0,), ("q2", "p2"), "_layer0_q2+p2"),
        Decode((2,), ("q2",), "_layer2_q2"),
        Decode((2,), ("q2", "p2"), "_layer2_q2+p2")]),
])
def test_grammar(mask_layer, mask_zone, decodes):
  assert parse(mask_layer, mask_zone) == decodes


@pytest.mark.parametrize("mask_layer", ["None", None])
def test_every_layer(mask_layer):
  assert parse(mask_layer, "p2,all", num_layers=3) == [
      Decode((0, 1, 2), ("p2",), "_layer_p2"),
      Decode((0, 1, 2), ("all",), "_layer_all")]


def test_the_published_sweep():
  decodes = parse("0-11", "q2,q2p,p2q,p2,all")
  assert [decode.suffix for decode in decodes] == [
      "_layer%d_%s" % (layer, zone) for layer in range(12)
      for zone in ("q2", "q2p", "p2q", "p2", "all")]


@pytest.mark.parametrize("mask_layer, mask_zone, words", [
    ("12", "q2", ["--mask_layer=12", "no layer 12", "0 to 11"]),
    ("0,3+12", "q2", ["--mask_layer=0,3+12", "no layer 12", "0 to 11"]),
    ("0-12", "q2", ["--mask_layer=0-12", "no layer 12", "0 to 11"]),
    ("-1", "q2", ["--mask_layer=-1", "'-1' is not a layer", "0 to 11"]),
    ("two", "q2", ["--mask_layer=two", "'two' is not a layer", "0 to 11"]),
    ("1.5", "q2", ["'1.5' is not a layer"]),
    ("0-2-4", "q2", ["'0-2-4' is not a layer"]),
    ("0-2+4", "q2", ["'0-2+4' is not a layer"]),
    ("1+", "q2", ["'1+' is not a layer"]),
    ("None,1", "q2", ["'None' is not a layer"]),
    ("\u0663", "q2", ["'\u0663' is not a layer"]),
    ("", "q2", ["--mask_layer=: ", "'' is not a layer"]),
    ("1,,2", "q2", ["--mask_layer=1,,2", "'' is not a layer"]),
    ("5-2", "q2", ["--mask_layer=5-2", "the range 5-2 is empty"]),
    ("3,1,3", "q2", ["--mask_layer=3,1,3", "3 is given twice"]),
    ("0-3,2", "q2", ["2 is given twice"]),
    ("0+1,1+0", "q2", ["0+1 is given twice"]),
    ("1+1", "q2", ["1+1 is given twice"]),
    ("0", "q3", ["--mask_zone=q3", "'q3' is not a zone",
                 "all, q2, q2p, p2q, p2"]),
    ("0", "Q2", ["'Q2' is not a zone"]),
    ("0", "", ["--mask_zone=: ", "'' is not a zone"]),
    ("0", "q2,", ["--mask_zone=q2,:", "'' is not a zone"]),
    ("0", "q2+", ["'' is not a zone"]),
    ("0", "None", ["'None' is not a zone"]),
    ("0", "q2,p2,q2", ["--mask_zone=q2,p2,q2", "q2 is given twice"]),
    ("0", "p2+q2,q2+p2", ["q2+p2 is given twice"]),
    ("0", "q2+q2", ["q2+q2 is given twice"]),
    ("0", "all+q2", ["--mask_zone=all+q2", "\"all\" cannot be united",
                     "q2+q2p+p2q+p2"]),
    ("0", "p2,q2+all", ["\"all\" cannot be united"]),
    ("0", None, ["--mask_zone is missing", "--mask_layer='0'",
                 "all, q2, q2p, p2q, p2"]),
    ("None", None, ["--mask_zone is missing"]),
])
def test_refusals(mask_layer, mask_zone, words):
  with pytest.raises(ValueError) as refusal:
    parse(mask_layer, mask_zone)
  message = str(refusal.value)
  assert [word for word in words if word not in message] == []
  assert "\n" not in message


def test_zones_at():
  decode, = parse("0+2", "q2+p2")
  assert [decode.zones_at(layer) for layer in range(4)] == [
      ("q2", "p2"), (), ("q2", "p2"), ()]
  assert BASELINE.zones_at(0) == ()


@pytest.mark.parametrize("name, layer_and_zone", [
    ("predictions_layer3_q2.json", ("3", "q2")),
    ("predictions_layer11_all.json", ("11", "all")),
    ("predictions_layer0+1_q2+p2.json", ("0+1", "q2+p2")),
    ("predictions_layer_p2.json", ("", "p2")),
    ("predictions.json", None),
    ("predictions_layer_.json", None),
    ("predictions_layer3_q3.json", None),
    ("predictions_layer3_all+q2.json", None),
    ("predictions_layer3_q2.json.tmp", None),
    ("predictions_layer3-4_q2.json", None),
    ("nbest_predictions_layer3_q2.json", None),
])
def test_parse_prediction_name(name, layer_and_zone):
  assert masks.parse_prediction_name(name) == layer_and_zone


def test_names_of_a_sweep_are_read_back():
  decodes = parse("0,2+1", "q2,all,p2+q2") + parse("None", "p2q")
  assert [masks.parse_prediction_name("predictions%s.json" % d.suffix)
          for d in decodes] == [
              ("0", "q2"), ("0", "all"), ("0", "q2+p2"),
              ("1+2", "q2"), ("1+2", "all"), ("1+2", "q2+p2"), ("", "p2q")]


def test_column_order():
  assert masks.column_order([
      "p2q+p2", "p2", "q2+q2p+p2q+p2", "q2+p2", "p2q", "q2p", "q2", "all"]) == [
          "all", "q2", "q2p", "p2q", "p2", "q2+p2", "p2q+p2", "q2+q2p+p2q+p2"]


def test_zone_label():
  assert [masks.zone_label(zone) for zone in (
      "all", "q2", "q2p", "p2q", "p2", "q2+p2")] == [
          "All", "Q\u00b2", "Q2P", "P2Q", "P\u00b2", "Q\u00b2+P\u00b2"]


def follow(layers):
  """What each variant of the groups that leave the last layer went through.

  Returns:
    list of groups, each a list of variants, each a list of (zones, full), one a
    layer.
  """
  groups = [[[]]]
  for steps in layers:
    groups = [[groups[step.group][parent] + [(zones, step.full)]
               for parent, zones in zip(step.parents, step.zones)]
              for step in steps]
  return groups


def passes(layers):
  return sum(len(step.zones) for steps in layers for step in steps)


def test_plan_of_the_docstring():
  decodes = [BASELINE] + parse("1", "q2,p2", 3)
  layers, place_of = masks.plan_sweep(decodes, 3)
  first = (0, (0,), ((),), False, None)
  assert [[tuple(step) for step in steps] for steps in layers] == [
      [first],
      [first, (0, (0, 0), (("q2",), ("p2",)), False, (0, 0))],
      [first, (1, (0, 1), ((), ()), False, None)]]
  assert place_of == [(0, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize("layers, zones, num_layers, expected", [
    ("0-11", "q2,q2p,p2q,p2,all", 12, 402),
    ("0-11", "q2,q2p,p2q,p2", 12, 12 + 4 * 78),
    ("3", "p2", 12, 12 + 9),
    ("11", "p2", 12, 12 + 1),
    # At layer 0 both of "0" and "0+2" are one variant, which parts at layer 2.
    ("0,0+2", "q2", 3, 3 + 2 + 2),
])
def test_layer_passes(layers, zones, num_layers, expected):
  decodes = [BASELINE] + parse(layers, zones, num_layers)
  assert passes(masks.plan_sweep(decodes, num_layers)[0]) == expected


@pytest.mark.parametrize("decodes, max_forks", [
    ([BASELINE], 5),
    (parse("2", "all", 4), 5),
    ([BASELINE] + parse("0-3", "q2,q2p,p2q,p2,all", 4), 5),
    ([BASELINE] + parse("0-3", "q2,q2p,p2q,p2,all", 4), 2),
    ([BASELINE] + parse("0-3", "q2,q2p,p2q,p2,all", 4), 1),
    ([BASELINE] + parse("0,1+3,0+3,0+1+2+3,2", "all,p2,q2+p2", 4)
     + parse("None", "q2,q2p+p2q", 4), 5),
])
def test_each_decode_ends_at_its_own_place(decodes, max_forks):
  layers, place_of = masks.plan_sweep(decodes, 4, max_forks)
  groups = follow(layers)
  assert len(set(place_of)) == len(decodes) == sum(map(len, groups))
  for decode, (group, variant) in zip(decodes, place_of):
    way = groups[group][variant]
    assert [zones for zones, _ in way] == [
        decode.zones_at(layer) for layer in range(4)]
    # [PAD] is kept as long as a layer further up attends to it.
    for layer, (_, full) in enumerate(way):
      assert full or not masks.attends_to_padding(decode, layer + 1)


@pytest.mark.parametrize("max_forks", [1, 3, 5])
def test_steps_of_a_sweep(max_forks):
  decodes = [BASELINE] + parse("0-3", "p2,all,q2,p2q,q2p", 4)
  layers, _ = masks.plan_sweep(decodes, 4, max_forks)
  for layer, steps in enumerate(layers):
    # The baseline, its forks (few rows first, `all` last), then earlier ones.
    assert steps[0] == (0, (0,), ((),), layer < 3, None)
    forks = [step for step in steps if step.unmasked]
    assert steps[1:len(forks) + 1] == forks
    assert sum((step.zones for step in forks), ()) == (
        ("q2",), ("q2p",), ("p2",), ("p2q",), ("all",))
    for step in forks:
      assert step.group == 0 and step.unmasked == (0, 0)
      assert set(step.parents) == {0} and len(step.parents) <= max_forks


def test_forks_without_an_unmasked_sibling():
  layers, _ = masks.plan_sweep(parse("1", "q2,q2p", 2), 2)
  assert layers[1] == [(0, (0,), (("q2",),), False, None),
                       (0, (0,), (("q2p",),), False, None)]


@pytest.mark.parametrize("zones, expected", [
    ((), False), (("q2",), True), (("q2", "q2p"), True), (("q2", "p2"), False),
    (("p2q",), False), (("all",), False)])
def test_keep_passage_rows(zones, expected):
  assert masks.keep_passage_rows(zones) is expected


def test_attends_to_padding():
  decode, = parse("1+3", "all", 6)
  assert [masks.attends_to_padding(decode, layer)
          for layer in range(5)] == [True, True, True, True, False]
  assert not masks.attends_to_padding(parse("1+3", "p2", 6)[0])
