"""decodes.py: the grammar of the flags, and names of files."""

import pytest

from attention_zones.zones.decodes import BASELINE, Decode
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import masking


def decode(layers, *names, heads=None):
  return Decode.of(layers, masking.union(names)._replace(heads=heads))


def parse(mask_layer, mask_zone, num_layers=12, mask_head=None, mask=None):
  first, *masked = grammar.parse_decodes(
      mask_layer, mask_zone, num_layers, mask_head, num_heads=4, mask=mask)
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
    ("3", "p2q@1", [decode((3,), "p2q@1")]),
    ("3", "p2q@9-11,p2q@flat,p2q", [
        decode((3,), "p2q@9"),
        decode((3,), "p2q@10"),
        decode((3,), "p2q@11"),
        decode((3,), "p2q@flat"),
        decode((3,), "p2q")]),
    ("3", " p2@2 + q2@1, q2+p2@flat, p2@flat+q2@zero", [
        decode((3,), "q2@1", "p2@2"),
        decode((3,), "q2", "p2@flat"),
        decode((3,), "q2@zero", "p2@flat")]),
])
def test_grammar(mask_layer, mask_zone, expected):
  assert parse(mask_layer, mask_zone) == expected


def test_windows_of_layers():
  assert [some.layers for some in parse("0-11/3", "p2")] == [
      (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 6), (5, 6, 7), (6, 7, 8),
      (7, 8, 9), (8, 9, 10), (9, 10, 11)]
  assert [some.file_name() for some in parse("4, 2-4/3", "q2")] == [
      "predictions_layer4_q2.json", "predictions_layer2+3+4_q2.json"]


UNIONS = ["q2", "q2p", "p2q", "p2", "q2+q2p", "q2+p2q", "q2+p2", "q2p+p2q",
          "q2p+p2", "p2q+p2", "q2+q2p+p2q", "q2+q2p+p2", "q2+p2q+p2", "q2p+p2q+p2",
          "q2+q2p+p2q+p2"]


def test_subsets():
  names = lambda zones: [some.mask.name for some in parse("3", zones)]
  assert names("subsets") == UNIONS
  assert names("all, subsets") == ["all"] + UNIONS
  assert names("subsets@zero") == [
      name.replace("+", "@zero+") + "@zero" for name in UNIONS]
  assert names("subsets@flat")[4] == "q2@flat+q2p@flat"
  assert len(parse("0-11/2", "subsets", mask_head="0-2")) == 11 * 3 * 15


PATHS = [
    ("2:p2q+5:p2", "layer2_p2q+layer5_p2", "3:p2q+6:p2"),
    ("5:p2 + 2:p2q", "layer2_p2q+layer5_p2", "3:p2q+6:p2"),
    ("2:p2+p2q+5:q2p", "layer2_p2q+p2+layer5_q2p", "3:p2q+p2+6:q2p"),
    ("2:p2q:head3+5:p2", "layer2_head3_p2q+layer5_p2", "3:p2q:head4+6:p2"),
    ("2:p2q:head3.1+p2+5:p2", "layer2_head1+3_p2q+p2+layer5_p2",
     "3:p2q+p2:head2.4+6:p2"),
    ("1:off:head0+10:off:head0.2", "layer1_head0_off+layer10_head0+2_off",
     "2:off:head1+11:off:head1.3"),
    ("1:q2:head0+2:q2", "layer1_head0_q2+layer2_q2", "2:q2:head1+3:q2"),
    ("2:p2q@1+5:p2@flat+7:p2@zero", "layer2_p2q@1+layer5_p2@flat+layer7_p2@zero",
     "3:p2q@1+6:p2@flat+8:p2@zero"),
    # The same in every layer: these are decodes of the other flags.
    ("1:p2+0:p2", "layer0+1_p2", "1:p2+2:p2"),
    ("3:p2q:head2", "layer3_head2_p2q", "4:p2q:head3"),
]


@pytest.mark.parametrize("text, name, path", PATHS)
def test_paths(text, name, path):
  some, = parse(None, None, mask=text)
  assert some.file_name() == "predictions_%s.json" % name
  assert Decode.parse(some.file_name()) == some
  assert some.as_path(first=1) == path
  assert parse(None, None, mask=some.as_path()) == [some]


def test_the_masks_of_a_path():
  some, = parse(None, None, mask="2:p2q:head3+5:p2+q2")
  assert some.is_path and some.mask is None and some.layers == (2, 5)
  assert [some.mask_at(layer).name for layer in range(7)] == [
      "", "", "p2q", "", "", "q2+p2", ""]
  assert some.mask_at(2).heads == (3,) and some.mask_at(5).heads is None
  several = parse(None, None, mask="2:p2q,\n5:p2+6:q2")
  assert [each.name for each in several] == ["layer2_p2q", "layer5_p2+layer6_q2"]
  assert not several[0].is_path


@pytest.mark.parametrize("mask, words", [
    ("p2q", ["--mask=p2q: p2q: begins without a layer", "2:p2q+5:p2"]),
    ("", ["--mask=: '': begins without a layer"]),
    ("2:p2q,", ["--mask=2:p2q,: '': begins without a layer"]),
    ("2:p2q+2:p2", ["layer 2 comes twice", "2:p2q+p2"]),
    ("12:p2q", ["there is no layer 12; layers are 0 to 11"]),
    ("2:p2q:head4", ["there is no head 4; heads are 0 to 3"]),
    ("2:p2q:head1.1", ["head1.1 has a head twice"]),
    ("2:p2q:head1+p2:head1", ["layer 2 has heads twice", "2:p2q:head3.4"]),
    ("2:p2q:1", ["'2:p2q:1' is not like 2:p2q or 2:p2q:head3.4"]),
    ("2-3:p2q", ["'2-3:p2q' is not like"]),
    ("2:p3", ["--mask=2:p3: 2:p3: 'p3' is not a zone"]),
    ("2:p2+p2", ["p2 is given twice"]),
    ("2:all", ["\"all\" is for --mask_zone"]),
    ("2:off", ["\"off\" needs heads, as in 2:off:head3"]),
    ("2:subsets", ["subsets is for --mask_zone"]),
    ("2:p2q@1-3", ["a range of draws cannot be in a path"]),
    ("2:p2q+5:p2,5:p2+2:p2q", ["5:p2+2:p2q: is given twice"]),
    ("+".join("%d:q2@zero+q2p@zero+p2q@zero+p2%s" % (i, i % 2 * "@zero")
              for i in range(12)),
     ["the name of a file would have", "more than 255"]),
])
def test_refusals_of_paths(mask, words):
  check_refusal(words, None, None, mask=mask)


@pytest.mark.parametrize("flag", ["mask_layer", "mask_zone", "mask_head"])
def test_a_path_excludes_the_other_flags(flag):
  flags = dict(dict(mask_layer=None, mask_zone=None), **{flag: "1"})
  check_refusal(["--mask=2:p2 says layers, zones and heads itself; leave out --%s=1"
                 % flag], mask="2:p2", **flags)


def test_variants_of_zones():
  assert decode((3,), "p2@2", "q2@flat").mask == masking.Mask(
      zones=(("q2", "flat"), ("p2", "2")), heads=None)


@pytest.mark.parametrize("mask_head, mask_zone, expected", [
    ("1", "q2", [decode((0,), "q2", heads=(1,))]),
    ("0-1", "q2,off", [
        decode((0,), "q2", heads=(0,)),
        decode((0,), "off", heads=(0,)),
        decode((0,), "q2", heads=(1,)),
        decode((0,), "off", heads=(1,))]),
    ("3+0,2", "p2@1", [
        decode((0,), "p2@1", heads=(0, 3)),
        decode((0,), "p2@1", heads=(2,))]),
    ("None", "q2", [decode((0,), "q2")]),
])
def test_heads(mask_head, mask_zone, expected):
  assert parse("0", mask_zone, mask_head=mask_head) == expected


def test_heads_in_every_layer():
  assert [some.file_name() for some in parse(None, "off", mask_head="0,1+2")] == [
      "predictions_layer_head0_off.json", "predictions_layer_head1+2_off.json"]


def test_layers_come_before_heads_and_heads_before_zones():
  assert [some.file_name() for some in parse(
      "0-1", "p2,q2@1", mask_head="2,0")][:5] == [
          "predictions_layer0_head2_p2.json", "predictions_layer0_head2_q2@1.json",
          "predictions_layer0_head0_p2.json", "predictions_layer0_head0_q2@1.json",
          "predictions_layer1_head2_p2.json"]


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
    ("0-11/1", "q2", ["0-11/1: windows of a range of 12 layers are 2 to 12 wide"]),
    ("3-5/4", "q2", ["3-5/4: windows of a range of 3 layers are 2 to 3 wide"]),
    ("0-11/0", "q2", ["windows of a range"]),
    ("3/2", "q2", ["'3/2' is not a layer"]),
    ("0-3/2,1+2", "q2", ["1+2 is given twice"]),
    ("0", "subsets+q2", ["subsets, all unions of the four zones, stands alone"]),
    ("0", "subsets@1", ["'subsets' is not a zone"]),
    ("0", "subsets,p2+q2", ["q2+p2 is given twice"]),
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
    ("0", "q2+q2", ["q2 is given twice in q2+q2"]),
    ("0", "all+q2", ["--mask_zone=all+q2", "\"all\" cannot be combined",
                     "q2+q2p+p2q+p2"]),
    ("0", "p2,q2+all", ["\"all\" cannot be combined"]),
    ("0", None, ["--mask_zone is missing", "--mask_layer='0'",
                 "all, q2, q2p, p2q, p2"]),
    ("None", None, ["--mask_zone is missing"]),
    ("0", "all@1", ["--mask_zone=all@1", "\"all\" has no controls",
                    "q2, q2p, p2q, p2"]),
    ("0", "all@flat", ["\"all\" has no controls"]),
    ("0", "all@zero", ["\"all\" has no controls"]),
    ("0", "p2q@flat+p2q@zero", ["p2q is given twice"]),
    ("0", "q3@1", ["'q3' is not a zone", "all, q2, q2p, p2q, p2"]),
    ("0", "p2q@0", ["p2q@0", "'0' is not a control", "p2q@1 to p2q@9999",
                    "p2q@flat and p2q@zero"]),
    ("0", "p2q@x", ["'x' is not a control", "p2q@flat"]),
    ("0", "p2q@", ["'' is not a control"]),
    ("0", "p2q@01", ["'01' is not a control"]),
    ("0", "p2q@1@2", ["'1@2' is not a control"]),
    ("0", "p2q@10000", ["'10000' is not a control"]),
    ("0", "p2q@\u0663", ["'\u0663' is not a control"]),
    ("0", "p2q@1-", ["'1-' is not a control"]),
    ("0", "p2q@3-1", ["the range p2q@3-1 is empty", "p2q@1-3"]),
    ("0", "p2q@0-1", ["'0' is not a control"]),
    ("0", "all@1-2", ["\"all\" has no controls"]),
    ("0", "p2q@1-3,p2q@2", ["p2q@2 is given twice"]),
    ("0", "p2q@flat,p2q@flat", ["p2q@flat is given twice"]),
    ("0", "p2q+p2q@1", ["p2q is given twice in p2q+p2q@1"]),
    ("0", "p2q@1+p2q@2", ["p2q is given twice"]),
    ("0", "q2@1-2+p2", ["a range of draws cannot be in a union", "q2@1+p2@1"]),
    ("0", "off", ["--mask_zone=off", "\"off\" needs --mask_head"]),
    ("0", "off@1", ["\"off\" has no controls"]),
    ("0", "off+q2", ["\"off\" cannot be combined"]),
])
def test_refusals(mask_layer, mask_zone, words):
  check_refusal(words, mask_layer, mask_zone)


def check_refusal(words, *flags, **more_flags):
  with pytest.raises(ValueError) as refusal:
    parse(*flags, **more_flags)
  message = str(refusal.value)
  assert [word for word in words if word not in message] == []
  assert "\n" not in message


@pytest.mark.parametrize("mask_head, mask_zone, words", [
    ("4", "q2", ["--mask_head=4: there is no head 4; heads are 0 to 3"]),
    ("0-4", "q2", ["no head 4"]),
    ("0-3/2", "q2", ["--mask_head=0-3/2: '0-3/2' is not a head"]),
    ("two", "q2", ["--mask_head=two: 'two' is not a head", "0 to 3"]),
    ("2-1", "q2", ["the range 2-1 is empty"]),
    ("0+1,1+0", "q2", ["0+1 is given twice"]),
    ("1\n2", "q2", ["'1 2' is not a head"]),
    ("1", "q2\n\u2028q2p", ["'q2 q2p' is not a zone"]),
    ("1", "q2,all", ["--mask_zone=q2,all: \"all\" is not for --mask_head",
                     "q2, q2p, p2q, p2", ", off"]),
    ("None", "off", ["\"off\" needs --mask_head"]),
    ("1", None, ["--mask_zone is missing: --mask_head='1'"]),
])
def test_refusals_of_heads(mask_head, mask_zone, words):
  check_refusal(words, None, mask_zone, mask_head=mask_head)


def test_a_line_break_is_white_space():
  assert parse("0,\n1\n", "\tq2,\r\nq2 + p2@1") == parse("0,1", "q2,q2+p2@1")


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
    ("predictions_layer3_p2q@1.json", decode((3,), "p2q@1")),
    ("predictions_layer3_q2@flat+p2@12.json", decode((3,), "q2@flat", "p2@12")),
    ("predictions_layer3_head5_p2@zero.json", decode((3,), "p2@zero", heads=(5,))),
    ("predictions_layer3_head5_q2.json", decode((3,), "q2", heads=(5,))),
    ("predictions_layer0+1_head0+10_off.json",
     decode((0, 1), "off", heads=(0, 10))),
    ("predictions_layer_head0_p2@1.json", decode(None, "p2@1", heads=(0,))),
    ("predictions_layer2_q2+layer5_p2.json", Decode(
        decode((2,), "q2").masks + decode((5,), "p2").masks)),
    ("predictions_layer5_p2+layer2_q2.json", None),
    ("predictions_layer2_q2+layer2_p2.json", None),
    ("predictions_layer2_q2+layer5_q2.json", None),
    ("predictions_layer0+1_q2+layer5_p2.json", None),
    ("predictions_layer_q2+layer5_p2.json", None),
    ("predictions_layer2_q2+layer5.json", None),
    ("predictions_layer3_p2q@01.json", None),
    ("predictions_layer3_p2q@1-3.json", None),
    ("predictions_layer3_all@1.json", None),
    ("predictions_layer3_off.json", None),
    ("predictions_layer3_head1_all.json", None),
    ("predictions_layer3_head1+0_q2.json", None),
    ("predictions_layer3_head01_q2.json", None),
    ("predictions_layer3_head_q2.json", None),
    ("predictions_head1_q2.json", None),
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
  for some in parse("0,2+1", "q2,all,p2+q2,p2@flat,q2@3+p2@1") + parse(
      "None", "p2q") + parse("1", "off,q2@2", mask_head="0-2,1+3") + [BASELINE]:
    assert Decode.parse(some.file_name()) == some
  assert BASELINE.file_name("null_odds") == "null_odds.json"
  assert decode((3,), "q2").file_name("nbest_predictions") == (
      "nbest_predictions_layer3_q2.json")


def test_column_order():
  names = ["p2q+p2", "p2", "q2+q2p+p2q+p2", "p2q@zero", "p2q@flat", "q2@1+p2",
           "q2+p2", "off", "p2q@10", "p2q@2", "p2q", "q2p", "q2", "all"]
  masks = sorted([masking.union(name.split("+")) for name in names],
                 key=decodes.column_order)
  assert [mask.name for mask in masks] == [
      "all", "q2", "q2p", "p2q", "p2q@2", "p2q@10", "p2q@flat", "p2q@zero", "p2",
      "off", "q2+p2", "q2@1+p2", "p2q+p2", "q2+q2p+p2q+p2"]
