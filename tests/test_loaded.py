"""run_squad.load_model: answers from Python are those of the command line."""

import json
import shutil
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import loaded
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import masking
from bert_reference import reference_logits
from bert_reference import variables_of
import modeling
import run_squad
import tiny_model
import tolerances

# A passage's 15 pieces take two windows, as in test_attention_mass.py.
SIZES = {"max_seq_length": 18, "doc_stride": 8, "max_query_length": 8}
PAIR = "where does anna live ?", "Anna lives in Oslo . Omar lives in  Lima ."


def load(folder, model="model", **settings):
  """The model of a folder of tiny_model's files."""
  return run_squad.load_model(folder / model, **dict({
      "vocab_file": folder / "vocab.txt",
      "bert_config_file": folder / "bert_config.json"}, **settings))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """tiny_model's files and a checkpoint; nothing was decoded."""
  path = tmp_path_factory.mktemp("loaded")
  tiny_model.write_files(path)
  tiny_model.write_checkpoint(path / "model")
  return path


@pytest.fixture(scope="module")
def model(folder):
  return load(folder, **SIZES)


def as_flags(settings):
  return ["--%s=%s" % item for item in settings.items()]


def read(folder, decode, kind):
  path = folder / "model" / decode.file_name(kind)
  return json.loads(path.read_text()) if path.exists() else {}


def content(folder):
  """What lies in a folder's model/: dict from each path to its bytes."""
  return {path: path.read_bytes() for path in (folder / "model").iterdir()}


@pytest.mark.parametrize("masks, settings", [
    ({"mask_zone": "p2q@1+p2@zero", "mask_head": "1"},
     {"version_2_with_negative": True, "null_score_diff_threshold": 0.4}),
    pytest.param({"mask": "0:q2+1:p2q@1+p2@zero:head1,1:p2"}, {},
                 marks=pytest.mark.slow),
    pytest.param({"mask_layer": "0,0+1", "mask_zone": "q2,p2q@1,p2@zero,all"}, {},
                 marks=pytest.mark.slow)])
def test_the_same_as_the_command_line(folder, tmp_path, masks, settings):
  """Every number of every file, where passages take several windows."""
  shutil.copytree(str(folder), str(tmp_path / "copy"))
  folder = tmp_path / "copy"
  data = tiny_model.data_set()
  first, second = data["data"][0]["paragraphs"]
  # One window; white space that answers have otherwise; a passage without words.
  second["context"] = "  anna\tlives in  oslo ."
  second["qas"] = second["qas"][:3]
  data["data"][0]["paragraphs"].append({"context": " ", "qas": [
      {"id": "empty", "question": "who ?", "answers": []}]})
  (folder / "data.json").write_text(json.dumps(data))
  done = tiny_model.run_squad(
      folder, "--do_predict=True", "--write_nbest=True", "--gold_logp=True",
      *as_flags(dict(SIZES, **masks)), *as_flags(settings))
  assert done.returncode == 0, done.stderr
  before = content(folder)

  # The sizes, and whether it is v2.0, are in the folder's records.
  model = load(folder, **{name: value for name, value in settings.items()
                          if name == "null_score_diff_threshold"})
  asked = [(qa, paragraph["context"]) for paragraph in data["data"][0]["paragraphs"]
           for qa in paragraph["qas"]]
  found = model.predict(
      [(qa["question"], context) for qa, context in asked], **masks,
      ids=[qa["id"] for qa, _ in asked], answers=[qa["answers"] for qa, _ in asked])
  assert content(folder) == before

  wanted = grammar.parse_decodes(num_layers=2, num_heads=2, **dict(
      dict.fromkeys(["mask_layer", "mask_zone", "mask_head"]), **masks))
  assert [(one["question"], one["decode"]) for one in found] == [
      (index, decode.name) for index in range(len(asked)) for decode in wanted]
  texts = set()
  for v, decode in enumerate(wanted):
    files = {kind: read(folder, decode, kind) for kind in (
        "predictions", "nbest_predictions", "null_odds", "gold_logp")}
    for one, (qa, context) in zip(found[v::len(wanted)], asked):
      nbest = [dict(entry) for entry in one["nbest"]]
      places = {entry["text"]: (entry.pop("start"), entry.pop("end"))
                for entry in nbest}
      said = {"predictions": one["answer"], "nbest_predictions": nbest,
              "null_odds": one["null_odds"], "gold_logp": one["gold_logp"]}
      assert said == {kind: of.get(qa["id"]) for kind, of in files.items()}
      for text, (start, end) in places.items():
        assert (start is None) == (text == "")
        assert start is None or context[start:end].split() == text.split()
      texts.add(one["answer"])
      if nbest:
        chosen, = [entry for entry in nbest if entry["text"] == one["answer"]]
        assert places[one["answer"]] == (one["start"], one["end"])
        assert (one["logit"], one["probability"]) == (
            chosen["start_logit"] + chosen["end_logit"], chosen["probability"])
      else:
        assert (qa["id"], one["start"], one["logit"]) == ("empty", None, None)
  assert len(texts) > 2


def test_ids(model):
  """A draw follows from the id; without one, from both texts."""
  masks = {"mask_layer": "0", "mask_zone": "p2q@1"}
  other = (PAIR[0], PAIR[1] + " ")
  found = model.predict([PAIR, PAIR, other], **masks)
  assert [one["decode"] for one in found] == ["baseline", "layer0_p2q@1"] * 3
  assert "gold_logp" not in found[0]
  first, again, differently = [one["logit"] for one in found[1::2]]
  assert first == again != differently
  assert found[0]["logit"] == found[4]["logit"]
  named = model.predict([PAIR, other], **masks, ids=["a", "b"])
  assert len({one["logit"] for one in named[1::2]} | {first, differently}) == 4


def test_weights_are_read_once(folder, tmp_path):
  """No later call needs the files."""
  shutil.copytree(str(folder), str(tmp_path / "copy"))
  model = load(tmp_path / "copy", **SIZES)
  found = model.predict([PAIR])
  shutil.rmtree(str(tmp_path / "copy"))
  assert model.predict([PAIR]) == found
  baseline, masked = model.predict([PAIR], mask_layer="0", mask_zone="p2")
  assert baseline["answer"] == found[0]["answer"]
  assert masked["logit"] != found[0]["logit"]


def weights_of(folder):
  """The configuration of tiny_model, and the weights of its checkpoint."""
  config = modeling.BertConfig(**tiny_model.CONFIG)
  reader = tf.train.load_checkpoint(str(folder / "model" / "model.ckpt-1"))
  return config, {name: reader.get_tensor(name) for name in variables_of(config)}


def test_attention_is_that_of_the_reference(folder, model):
  tokens, maps = model.attention(*PAIR)
  question, passage = (text.lower().split() for text in PAIR)
  assert tokens == ["[CLS]"] + question + ["[SEP]"] + passage + ["[SEP]"]
  config, weights = weights_of(folder)
  features = np.zeros([3, len(tokens)], int)
  features[0] = list(map(tiny_model.VOCAB.index, tokens))
  features[1], features[2, len(question) + 2:] = 1, 1
  expected = []
  reference_logits(
      config, weights, features, decodes.BASELINE, attentions=expected)
  assert maps.shape == (2, 2, len(tokens), len(tokens))
  np.testing.assert_allclose(
      maps, expected, rtol=0, atol=tolerances.float32_tolerance(
          1, tolerances.model_operations(config, 18)))


def test_logits_with_masks_of_your_own_are_those_of_the_reference(folder, model):
  """P2Q in the second layer, by hand; and nothing masked, not even [PAD]."""
  window, = model.windows([PAIR])
  length, num_question = len(window.input_ids) + 2, window.question_length
  masks = np.zeros([2, 2, 1, length, length], np.float32)
  masks[0, :, :, :, -2:] = -10000
  masks[0, 1, :, [row for row in range(length - 2) if not 1 <= row <= num_question],
        1:num_question + 1] = -10000
  found = list(model.logits(window, iter(masks)))
  config, weights = weights_of(folder)
  features = np.zeros([3, length], int)
  features[0, :-2], features[1, :-2] = window.input_ids, 1
  features[2, num_question + 2:-2] = 1
  expected = [
      reference_logits(config, weights, features, decodes.Decode.of(
          (1,), masking.union(["p2q"])))[:, :-2],
      reference_logits(config, weights, features, decodes.Decode.of(
          (0, 1), masking.union(["all"])))[:, :-2]]
  limit = tolerances.float32_tolerance(
      np.abs(expected).max(), tolerances.model_operations(config, length))
  assert np.abs(expected[0] - expected[1]).max() > 10 * limit
  for logits, wanted in zip(found, expected):
    assert logits.shape == (2, length)
    np.testing.assert_allclose(logits[:, :-2], wanted, rtol=0, atol=limit)


@pytest.mark.parametrize("call, expected", [
    (lambda model: model.attention(PAIR[0], 2 * PAIR[1]),
     "the passage takes 3 windows of max_seq_length=18; attention is that of one "
     "window: give a part of it"),
    (lambda model: model.attention(PAIR[0], " "),
     "the passage takes 0 windows of max_seq_length=18; attention is that of one "
     "window: give a passage with words"),
    (lambda model: model.predict(PAIR),
     "pairs=%r; should be a list of (question, passage)" % (PAIR,)),
    (lambda model: model.predict("who ?"),
     "pairs='who ?'; should be a list of (question, passage)"),
    (lambda model: model.predict([PAIR, ("who ?", None)]),
     "pairs[1][1], a passage is None; should be a str"),
    (lambda model: model.predict([PAIR], mask_zone="p3"),
     "--mask_zone=p3: 'p3' is not a zone; "),
    (lambda model: model.predict([PAIR], mask_layer="0-2", mask_zone="p2"),
     "--mask_layer=0-2: there is no layer 2; "),
    (lambda model: model.predict([PAIR], mask_layer="0"),
     "--mask_zone is missing: --mask_layer='0' needs a zone"),
    (lambda model: model.predict([PAIR], mask_layer=0, mask_zone="p2"),
     "mask_layer is 0; should be a str"),
    (lambda model: model.predict([PAIR, PAIR], ids=["a"]),
     "ids has 1 entries, but pairs has 2; should have one for each question"),
    (lambda model: model.predict([PAIR, PAIR], ids=["a", "a"]),
     "ids: used more than once: "),
    (lambda model: model.predict([PAIR], ids=[7]),
     "ids[0] is 7; should be a str"),
    (lambda model: model.predict([PAIR], answers=[[{"text": "Oslo"}]]),
     "answers has no answer that stands in its passage at answer_start"),
    (lambda model: model.predict([PAIR], answers=[["Oslo"]]),
     "pairs[0].answers[0] is \"Oslo\""),
])
def test_what_a_model_refuses(model, call, expected):
  with pytest.raises(ValueError) as raised:
    call(model)
  assert expected in str(raised.value)
  assert "\n" not in str(raised.value)


@pytest.mark.parametrize("settings, expected", [
    ({"max_seq_len": 18}, "load_model: max_seq_len=18 is no setting; these are: "),
    ({"output_dir": "x"}, "load_model: output_dir='x' is no setting; "),
    ({"max_seq_length": 0}, "load_model: max_seq_length=0: "),
    ({"max_seq_length": "long"}, "load_model: max_seq_length='long': "),
    ({"max_seq_length": 18.5}, "load_model: max_seq_length=18.5: "),
    ({"precision": "half"}, "load_model: precision='half': "),
    ({}, "--max_seq_length=384 is more than the model's max_position_embeddings"),
    ({"vocab_file": None},
     "--vocab_file={folder}/model/vocab.txt: there is no such file"),
    ({"bert_config_file": None}, "--bert_config_file={folder}/model/bert_config"
     ".json: there is no such file"),
    ({"model": "other", **SIZES},
     "--output_dir={folder}/other has no checkpoint to predict with; "),
])
def test_what_load_model_refuses(folder, settings, expected):
  with pytest.raises(ValueError) as raised:
    load(folder, **settings)
  assert str(raised.value).startswith(expected.format(folder=folder))
  assert "\n" not in str(raised.value)


def test_files_beside_the_checkpoint_are_found(folder, tmp_path):
  """As convert_hf leaves them."""
  path = tmp_path / "converted"
  shutil.copytree(str(folder / "model"), str(path))
  for name in ("vocab.txt", "bert_config.json"):
    shutil.copy(str(folder / name), str(path))
  model = run_squad.load_model(str(path), **SIZES)
  assert (model.num_layers, model.num_heads) == (2, 2)


@pytest.mark.slow
def test_broken_weights(tmp_path):
  tiny_model.write_files(tmp_path)
  tiny_model.write_checkpoint(tmp_path / "model", spread=np.inf)
  with pytest.raises(ValueError) as raised:
    load(tmp_path, **SIZES).predict([PAIR], ids=["q7"])
  assert str(raised.value) == (
      "NaN or infinite logits in decode baseline of question 0, 'q7'")


def test_settings_are_flags():
  known = types.SimpleNamespace(**run_squad.FLAGS.flag_values_dict())
  assert all(hasattr(known, name) for name in loaded.SETTINGS)
