"""decodes.py: the grammar of the flags, and the names of files."""

import itertools

from hypothesis import example, given, strategies as st
import pytest

from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import masking

# Published names, in the order of the columns of results.csv.
BASIC = ["q2", "q2p", "p2q", "p2"]
CONTROLS = ["@1", "@2", "@10", "@flat"]
ZONE_SETS = [["all"], ["q2@1", "p2"], ["q2@flat", "p2q@12"]] + [
    list(united) for size in (1, 2, 3, 4)
    for united in itertools.combinations(BASIC, size)] + [
        [zone + control] for zone in BASIC for control in CONTROLS]

SPACES = st.sampled_from(["", "", " ", "  "])
NUM_LAYERS = st.integers(1, 24)
# What the grammar is made of, whole words of it, and everything else.
TEXT = st.lists(st.one_of(
    st.sampled_from(list("0123456789,,-++ \n\t") + BASIC
                    + ["all", "None", "q2+p2", "0-1", "ALL", "\u0663", "off",
                       "@", "@1-3", "p2q@"] + CONTROLS),
    st.characters())).map("".join)


def spaced(draw, text):
  return draw(SPACES) + text + draw(SPACES)


@st.composite
def layer_flags(draw):
  """(num_layers, value of --mask_layer, the layers it means, their names)."""
  num_layers = draw(NUM_LAYERS)
  if draw(st.integers(0, 9)) == 0:
    return (num_layers, draw(st.sampled_from([None, "None"])),
            [list(range(num_layers))], [""])
  written, meant = [], []
  for _ in range(draw(st.integers(1, 4))):
    layers = draw(st.lists(st.integers(0, num_layers - 1), min_size=1,
                           max_size=4, unique=True))
    text = "+".join("0" * draw(st.integers(0, 1)) + str(layer) for layer in layers)
    sets = [sorted(layers)]
    if draw(st.booleans()):
      text = "%d-%d" % (min(layers), max(layers))
      sets = [[layer] for layer in range(min(layers), max(layers) + 1)]
    if not any(layers in meant for layers in sets):
      written.append(spaced(draw, text))
      meant.extend(sets)
  names = ["+".join(map(str, layers)) for layers in meant]
  return num_layers, ",".join(written), meant, names


@st.composite
def zone_flags(draw):
  """(value of --mask_zone, the zones it means)."""
  meant = draw(st.lists(st.sampled_from(ZONE_SETS), min_size=1, max_size=5,
                        unique_by=tuple))
  return ",".join(
      "+".join(spaced(draw, zone) for zone in draw(st.permutations(united)))
      for united in meant), meant


@given(layer_flags(), zone_flags())
def test_what_is_written_is_what_is_meant(layer_flag, zone_flag):
  num_layers, mask_layer, layer_sets, names = layer_flag
  mask_zone, zone_sets = zone_flag
  first, *masked = grammar.parse_decodes(mask_layer, mask_zone, num_layers)
  assert first == decodes.BASELINE
  assert masked == [
      decodes.Decode.of(tuple(layers) if name else None, masking.union(united))
      for layers, name in zip(layer_sets, names) for united in zone_sets]
  for decode in masked:
    for layer in range(num_layers):
      assert decode.mask_at(layer) == (
          decode.mask if decode.layers is None or layer in decode.layers
          else masking.NOTHING)


@given(layer_flags(), zone_flags())
def test_names_of_files_tell_layer_and_zone(layer_flag, zone_flag):
  num_layers, mask_layer, _, names = layer_flag
  mask_zone, zone_sets = zone_flag
  swept = grammar.parse_decodes(mask_layer, mask_zone, num_layers)
  assert [decode.file_name() for decode in swept] == ["predictions.json"] + [
      "predictions_layer%s_%s.json" % (name, "+".join(united))
      for name in names for united in zone_sets]
  assert [decodes.Decode.parse(decode.file_name()) for decode in swept] == swept


def refusal(mask_layer, mask_zone, num_layers):
  """The message that refuses two flags, None when they are taken."""
  try:
    swept = grammar.parse_decodes(mask_layer, mask_zone, num_layers)
  except ValueError as error:
    return str(error)
  for decode in swept[1:]:
    layers = range(num_layers) if decode.layers is None else decode.layers
    assert tuple(layers) == tuple(sorted(set(layers)))
    assert set(layers) <= set(range(num_layers))
    plain = [zone for zone, _ in decode.mask.zones]
    assert plain in ZONE_SETS
    assert all(variant in ("", "flat") or 1 <= int(variant) <= 9999
               for _, variant in decode.mask.zones)
    assert "all" not in plain or decode.mask.name == "all"
    assert decodes.Decode.parse(decode.file_name()) == decode
  assert len({decode.file_name() for decode in swept}) == len(swept)
  return None


@given(TEXT, NUM_LAYERS)
@example("0\n1", 12)
# Python refuses to read a number of more than 4300 digits.
@example("9" * 5000, 12)
def test_any_text_as_layers(text, num_layers):
  message = refusal(text, "q2", num_layers)
  if message is not None:
    assert message.startswith("--mask_layer")
    assert len(message.splitlines()) == 1


@given(TEXT, st.sampled_from(["q2", "q2,all", "off,p2@1"]))
def test_any_text_as_heads(text, mask_zone):
  try:
    swept = grammar.parse_decodes("0", mask_zone, 1, text, 4)
  except ValueError as error:
    assert str(error).startswith("--mask_")
    assert len(str(error).splitlines()) == 1
    return
  for decode in swept[1:]:
    heads = decode.mask.heads
    assert heads is None or heads == tuple(sorted(set(heads) & set(range(4))))
    assert decodes.Decode.parse(decode.file_name()) == decode


@given(TEXT)
@example("q2\np2")
def test_any_text_as_zones(text):
  message = refusal("0", text, 12)
  if message is not None:
    assert message.startswith("--mask_zone")
    assert len(message.splitlines()) == 1


@given(TEXT)
@example("0\n1")
def test_layers_without_a_zone(text):
  message = refusal(text, None, 12)
  assert message.startswith("--mask_zone")
  assert len(message.splitlines()) == 1


@given(layer_flags(), st.data())
def test_a_fault_in_a_list_of_layers_is_found(layer_flag, data):
  num_layers, mask_layer, layer_sets, _ = layer_flag
  if mask_layer in (None, "None"):
    mask_layer, layer_sets = "0", [[0]]
  items = mask_layer.split(",")
  repeated = "+".join(map(str, data.draw(st.sampled_from(layer_sets))))
  items.insert(data.draw(st.integers(0, len(items))), data.draw(
      st.sampled_from([
          repeated, str(num_layers), "0-%d" % num_layers, "0+%d" % num_layers,
          "1-0", "0-", "-0", "0+", "0+0", "", " ", "None", "0 1", "0-0-0",
          "0 +1", "-1", "1.0", "all", "\u0660", "\u0660-0", "0+\u0660"])))
  with pytest.raises(ValueError, match="^--mask_layer"):
    grammar.parse_decodes(",".join(items), "q2", num_layers)


@given(zone_flags(), st.data())
def test_a_fault_in_a_list_of_zones_is_found(zone_flag, data):
  mask_zone, zone_sets = zone_flag
  items = mask_zone.split(",")
  items.insert(data.draw(st.integers(0, len(items))), data.draw(
      st.sampled_from([
          "+".join(data.draw(st.sampled_from(zone_sets))), "Q2", "q", "p2 q",
          "q2+", "+q2", "q2++p2", "q2+q2", "all+q2", "p2+all", "None", "", " ",
          "q2-p2", "q\u00b2"])))
  with pytest.raises(ValueError, match="^--mask_zone"):
    grammar.parse_decodes("0", ",".join(items), 12)


NAMES = st.lists(st.one_of(
    st.sampled_from(["predictions", "_layer", "_", ".json", "+", "0", "1", "12",
                     "all", "\n"] + BASIC), st.characters())).map("".join)


@given(st.one_of(NAMES, NAMES.map(
    lambda text: "predictions_layer%s.json" % text)))
@example("predictions_layer1+0_q2.json")
@example("predictions_layer01_q2.json")
@example("predictions_layer0_q2.json\n")
@example("predictions_layer%s_q2.json" % ("9" * 5000))
def test_any_name_of_a_file(name):
  decode = decodes.Decode.parse(name)
  assert decode is None or decode.file_name() == name
