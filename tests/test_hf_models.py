"""hf_models.py: each model of Hugging Face computes here what it does there."""

import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import convert_hf
from attention_zones.weights import hf_models
from attention_zones.zones.decodes import BASELINE
from bert_reference import FEATURES
from bert_reference import variables_of
from golden_cells import cells_of
from golden_cells import check_cells
import hf_folder
import modeling

MODELS = ["distilbert", "roberta"]
# How near the logits of transformers have to be; docs/models.md says so.
LOGITS_OF_TRANSFORMERS = 1e-4


def check_logits(published, source, out):
  """Converts a folder, and compares with the logits of make_hf.py."""
  assert convert_hf.main([str(source), str(out)]) == 0
  config = modeling.BertConfig.from_json_file(str(out / "bert_config.json"))
  reader = tf.train.load_checkpoint(str(out))
  names = set(reader.get_variable_to_shape_map()) - {"global_step"}
  assert names == set(variables_of(config))
  cells = dict(cells_of(published))
  cells[BASELINE] = published["baseline"]
  check_cells(
      config, {name: reader.get_tensor(name) for name in names},
      np.stack([published[name] for name in FEATURES]), cells,
      LOGITS_OF_TRANSFORMERS)


@pytest.mark.parametrize("name", MODELS)
def test_logits_of_transformers(name, repository, tmp_path):
  published = np.load(str(repository / "tests/golden/hf" / ("%s.npz" % name)))
  hf_folder.write(tmp_path / "hf", json.loads(str(published["config"])), {
      key[len("tensor."):]: published[key] for key in published.files
      if key.startswith("tensor.")})
  check_logits(published, tmp_path / "hf", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("is_safe", [True, False])
def test_logits_of_the_transformers_that_is_installed(
    name, is_safe, repository, monkeypatch, tmp_path):
  """A folder that it saves itself; and its own way to mask padding."""
  for package in "torch", "transformers":
    pytest.importorskip(package, reason="needs torch and transformers: "
                        "CONTRIBUTING.md says how to have them")
  import torch
  monkeypatch.syspath_prepend(str(repository / "tests/golden"))
  import make_hf
  model, published = make_hf.make(name)
  folder = tmp_path / "hf"
  # Versions before 4.35 have to be asked for safetensors, 5 write nothing else.
  model.save_pretrained(str(folder), safe_serialization=True)
  if not is_safe:
    os.remove(str(folder / "model.safetensors"))
    torch.save(model.state_dict(), str(folder / "pytorch_model.bin"))
  hf_folder.write_vocabulary(folder, name)
  ids, mask, _ = (published[key] for key in FEATURES)
  with torch.no_grad():
    output = model(
        input_ids=torch.tensor(np.where(
            mask, ids, model.config.pad_token_id)).long(),
        attention_mask=torch.tensor(mask).long())
  logits = np.stack([output.start_logits, output.end_logits], 1)
  real = np.repeat(mask[:, None] == 1, 2, 1)
  assert np.abs(logits - published["baseline"])[real].max() < (
      LOGITS_OF_TRANSFORMERS)
  check_logits(published, folder, tmp_path / "out")


@pytest.mark.parametrize("name", ["roberta", "xlm-roberta", "camembert"])
def test_the_kind_of_roberta(name, tmp_path, capsys):
  """Positions 2 to 31 of 32, and one segment; tokenizer.json, rewritten."""
  config = hf_folder.config_of(name, type_vocab_size=1, layer_norm_eps=1e-5)
  weights, tensors = hf_folder.tensors_of(config)
  positions, segments = ("roberta.embeddings.%s_embeddings.weight" % table
                         for table in ("position", "token_type"))
  assert tensors[positions].shape == (32, 14)
  hf_folder.write(tmp_path / "hf", config, dict(
      tensors, **{"roberta.embeddings.position_ids": np.zeros([1, 32])}))
  out = tmp_path / "out"
  assert convert_hf.main([str(tmp_path / "hf"), str(out)]) == 0
  reader = tf.train.load_checkpoint(str(out))
  for variable, values in weights.items():
    np.testing.assert_array_equal(reader.get_tensor(variable), values, variable)
  np.testing.assert_array_equal(reader.get_tensor(
      "bert/embeddings/position_embeddings"), tensors[positions][2:])
  np.testing.assert_array_equal(reader.get_tensor(
      "bert/embeddings/token_type_embeddings"), tensors[segments][[0, 0]])
  ours = modeling.BertConfig.from_json_file(str(out / "bert_config.json"))
  assert (ours.max_position_embeddings, ours.type_vocab_size, ours.layer_norm_eps,
          ours.hidden_act, ours.model_type) == (30, 2, 1e-5, "gelu_erf", "bert")
  assert sorted(os.listdir(str(out))) == [
      "bert_config.json", "checkpoint", "model.ckpt-0.data-00000-of-00001",
      "model.ckpt-0.index", "tokenizer.json"]
  written = json.loads((out / "tokenizer.json").read_text(encoding="utf-8"))
  assert written["model"]["merges"] == ["a n", "\u0120 an"]
  assert written["truncation"] is None
  assert capsys.readouterr().out.splitlines() == [
      "%s/hf: %s (%sForQuestionAnswering), with answer head; tokenizer not named, "
      "with tokenizer.json; written by PyTorch" % (
          tmp_path, name, hf_models.MODELS[name].stem),
      "%s: %d variables, with answer head: it can be decoded" % (out, len(weights)),
      "--do_lower_case is not used: tokenizer.json says what becomes of capitals",
      "remark: " + hf_models.MODELS[name].remarks[0],
      "remark: %s/hf/tokenizer.json: its truncation is switched off: it would "
      "cut passages" % tmp_path,
      "next: BERT_DIR={0} MODEL_OUTPUT_DIR={0} LAYERS=0-1 bash decode_squad.sh "
      "--tokenizer_file={0}/tokenizer.json --max_seq_length=30 "
      "--max_query_length=7 --doc_stride=7".format(out)]


@pytest.mark.parametrize("changes, rows", [
    ({"pad_token_id": 5}, range(6, 32)), ({"pad_token_id": 0}, range(1, 32)),
    ({"pad_token_id": None}, range(2, 32)), ({}, range(2, 32))])
def test_positions_begin_after_that_of_padding(changes, rows):
  config, tables, _ = convert_hf.convert_config(
      "config.json", hf_folder.config_of("roberta", **changes), "roberta")
  assert tables["max_position_embeddings"] == (32, rows)
  assert config["max_position_embeddings"] == len(rows)
  assert tables["type_vocab_size"] == (2, (0, 0)) and config["type_vocab_size"] == 2


def test_a_class_of_the_same_kind(tmp_path):
  """Some say XLM-R and name RoBERTa's class. A head of pre-training is not used."""
  config = dict(hf_folder.config_of("xlm-roberta"), architectures=[
      "RobertaForMaskedLM"])
  weights, tensors = hf_folder.tensors_of(config, with_head=False)
  tensors["lm_head.dense.weight"] = np.zeros([14, 14])
  hf_folder.write(tmp_path / "hf", config, tensors)
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  assert len(tf.train.list_variables(str(tmp_path / "out"))) == len(weights) + 1


def edit_tokenizer(**changes):
  return lambda folder: (folder / "tokenizer.json").write_text(json.dumps(
      dict(hf_folder.TOKENIZER, **changes)))


def edit_config(**changes):
  return lambda folder: (folder / "config.json").write_text(json.dumps(
      hf_folder.config_of("roberta", **changes)))


@pytest.mark.parametrize("edit, words", [
    (lambda folder: os.remove(str(folder / "tokenizer.json")),
     "hf has no tokenizer.json; where transformers is installed, AutoTokenizer"),
    (edit_tokenizer(pre_tokenizer={"type": "FixedLength", "length": 5}),
     "tokenizer.json has pre_tokenizer FixedLength, which version 0.13.3 of "),
    (edit_tokenizer(added_tokens=[{"id": 22, "content": "x"}]),
     "the vocabulary has 23 entries, but vocab_size is 22 in config.json"),
    (edit_config(pad_token_id=31), "pad_token_id is 31, and "
     "max_position_embeddings 32; a text's positions begin after that of padding"),
    (edit_config(pad_token_id=-3), "pad_token_id is -3, and max_position_"),
    (edit_config(pad_token_id="1"), "'pad_token_id' is \"1\"; should be a whole "),
    (edit_config(max_position_embeddings=34), "position_embeddings.weight has "
     "shape [32, 14], but should have [34, 14]"),
    (edit_config(type_vocab_size=1), "token_type_embeddings.weight has shape "
     "[2, 14], but should have [1, 14]"),
])
def test_what_is_refused_of_the_kind_of_roberta(edit, words, tmp_path, capsys):
  config = hf_folder.config_of("roberta")
  hf_folder.write(tmp_path / "hf", config, hf_folder.tensors_of(config)[1])
  edit(tmp_path / "hf")
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 1
  error = capsys.readouterr().err
  assert words in error and error.count("\n") == 1, error
  assert os.listdir(str(tmp_path)) == ["hf"]
