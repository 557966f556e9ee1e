"""attention_zones/decodes.py: the grammar of the flags, and names of files."""

import pytest

from attention_zones import decodes
from attention_zones.decodes import BASELINE, Decode
from attention_zones import zones


def decode(layers, *names):
  return Decode(layers, zones.union(names))


def parse(mask_layer, mask_zone, num_layers=12):
  first, *masked = decodes.parse_decodes(mask_layer, mask_zone, num_layers)
  assert first == BASELINE
  return masked


@pytest.mark.parametrize("mask_layer, mask_zone, expected", [
    (None, None, []),
    ("3", "q2", [decode((3,), "q2")]),
    ("11", "all", [decode((11,), "all")]),
    ("0,2", "q2,p2", [
        decode((0,), "q2"),
        decode((0,), "p2"),
        decode((2,), "q2"),
        decode((2,), "p2")]),
    ("4-6", "p2q", [
        decode((4,), "p2q"),
        decode((5,), "p2q"),
        decode((6,), "p2q")]),
    ("7-7", "q2p", [decode((7,), "q2p")]),
    ("9,0-1,0+1", "p2", [
        decode((9,), "p2"),
        decode((0,), "p2"),
        decode((1,), "p2"),
        decode((0, 1), "p2")]),
    ("10+2+0", "all", [decode((0, 2, 10), "all")]),
    ("1", "p2+q2", [decode((1,), "q2", "p2")]),
    ("1", "p2+p2q+q2p+q2", [decode((1,), "q2", "q2p", "p2q", "p2")]),
    ("0, 2", "q2, p2 + q2", [
        decode((0,), "q2"),
        decode((0,), "q2", "p2"),
        decode((2,), "q2"),
        decode((2,), "q2", "p2")]),
])
def test_grammar(mask_layer, mask_zone, expected):
  assert parse(mask_layer, mask_zone) == expected


@pytest.mark.parametrize("mask_layer", ["None", None])
def test_every_layer(mask_layer):
  every, = parse(mask_layer, "p2", num_layers=3)
  assert every == decode(None, "p2")
  assert every.file_name() == "predictions_layer_p2.json"
  assert [every.mask_at(layer).name for layer in range(3)] == ["p2"] * 3


def test_the_published_sweep():
  swept = parse("0-11", "q2,q2p,p2q,p2,all")
  assert [decode.file_name() for decode in swept] == [
      "predictions_layer%d_%s.json" % (layer, zone) for layer in range(12)
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
    ("0", "all+q2", ["--mask_zone=all+q2", "\"all\" cannot be combined",
                     "q2+q2p+p2q+p2"]),
    ("0", "p2,q2+all", ["\"all\" cannot be combined"]),
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


def test_mask_at():
  some, = parse("0+2", "q2+p2")
  assert [some.mask_at(layer).name for layer in range(4)] == [
      "q2+p2", "", "q2+p2", ""]
  assert BASELINE.mask_at(0).is_empty


@pytest.mark.parametrize("name, expected", [
    ("predictions_layer3_q2.json", decode((3,), "q2")),
    ("predictions_layer11_all.json", decode((11,), "all")),
    ("predictions_layer0+1_q2+p2.json", decode((0, 1), "q2", "p2")),
    ("predictions_layer_p2.json", decode(None, "p2")),
    ("predictions.json", BASELINE),
    ("predictions_layer_.json", None),
    ("predictions_layer3_q3.json", None),
    ("predictions_layer3_p2+q2.json", None),
    ("predictions_layer1+0_q2.json", None),
    ("predictions_layer03_q2.json", None),
    ("predictions_layer3_all+q2.json", None),
    ("predictions_layer3_q2.json.tmp", None),
    ("predictions_layer3-4_q2.json", None),
    ("nbest_predictions_layer3_q2.json", None),
])
def test_parse(name, expected):
  assert Decode.parse(name) == expected


def test_file_names_are_read_back():
  for some in parse("0,2+1", "q2,all,p2+q2") + parse("None", "p2q") + [BASELINE]:
    assert Decode.parse(some.file_name()) == some
  assert BASELINE.file_name("null_odds") == "null_odds.json"
  assert decode((3,), "q2").file_name("nbest_predictions") == (
      "nbest_predictions_layer3_q2.json")


def test_column_order():
  names = ["p2q+p2", "p2", "q2+q2p+p2q+p2", "q2+p2", "p2q", "q2p", "q2", "all"]
  masks = sorted([zones.union(name.split("+")) for name in names],
                 key=decodes.column_order)
  assert [mask.name for mask in masks] == [
      "all", "q2", "q2p", "p2q", "p2", "q2+p2", "p2q+p2", "q2+q2p+p2q+p2"]
