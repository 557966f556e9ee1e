"""convert_hf.py: what it writes is the model, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import convert_hf
from attention_zones.data import tokenizer_settings
from attention_zones.weights import hf_models
from attention_zones.weights import hf_names
from attention_zones.zones.decodes import BASELINE
from bert_reference import variables_of
from golden_cells import cells_of
from golden_cells import check_cells
from golden_cells import features_for
import hf_folder
import modeling
import spm_model
import tiny_model
import tokenization
import torch_pickle

# How near the logits of transformers have to be; docs/models.md says so.
LOGITS_OF_TRANSFORMERS = 1e-4

# What a model of 32 positions needs.
SHORT = "--max_seq_length=32 --max_query_length=8 --doc_stride=8"


def read(folder):
  """What a converted folder holds: (BertConfig, dict of arrays)."""
  config = modeling.BertConfig.from_json_file(str(folder / "bert_config.json"))
  reader = tf.train.load_checkpoint(str(folder))
  return config, {name: reader.get_tensor(name)
                  for name in reader.get_variable_to_shape_map()}


def check_weights(folder, expected):
  """Compares a converted folder's variables with those expected, bit by bit."""
  _, weights = read(folder)
  assert weights.pop("global_step") == 0
  assert set(weights) == set(expected)
  for name, values in expected.items():
    assert weights[name].dtype == np.float32
    np.testing.assert_array_equal(weights[name], values, name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "electra", "albert"])
def test_logits_of_transformers(kind, shared, tmp_path):
  published = np.load(str(shared / "golden/hf" / ("logits.%s.npz" % kind)))
  source = tmp_path / "hf"
  source.mkdir()
  for path in (shared / "golden/hf" / kind).iterdir():
    os.symlink(str(path), str(source / path.name))
  if "original_ids" in published:
    words = (shared / "models/vocab/uncased.txt").read_text(
        encoding="utf-8").split("\n")
    words = [words[i] for i in published["original_ids"]]
    # It has only the words of these windows, no [UNK].
    (source / "vocab.txt").write_text(
        "\n".join(words[:-1] + ["[UNK]"]), encoding="utf-8")
  assert convert_hf.main([str(source), str(tmp_path / "out")]) == 0
  config, weights = read(tmp_path / "out")
  assert set(weights) == set(variables_of(config)) | {"global_step"}
  cells = dict(cells_of(published))
  cells[BASELINE] = published["logits"]
  check_cells(config, weights, features_for(shared, published), cells,
              LOGITS_OF_TRANSFORMERS)


def test_names_of_hugging_face(shared):
  names = json.loads((shared / "golden/hf/names.json").read_text())
  assert len(names) == 3
  for title, expected in names.items():
    kind = title.split("For")[0].lower()
    found = hf_names.variables(kind, dict(
        vocab_size=9, hidden_size=8, embedding_size=4, intermediate_size=5,
        max_position_embeddings=7, type_vocab_size=2, num_hidden_layers=1,
        num_hidden_groups=1), with_head=True, tables={})
    assert sorted((v.google, v.hf, v.transposed) for v in found) == sorted(
        (e["google"], e["hf"], e["transposed"]) for e in expected), title


@pytest.mark.parametrize("kind", ["bert", "electra", "albert", "distilbert"])
def test_a_model_with_a_head(kind, tmp_path, capsys):
  config = hf_folder.config_of(kind)
  weights, tensors = hf_folder.tensors_of(config)
  tensors[kind + ".embeddings.position_ids"] = np.zeros([1, 32])
  tensors[kind + ".pooler.dense.weight"] = np.zeros([14, 14])
  hf_folder.write(tmp_path / "hf", config, tensors)
  out = tmp_path / "made" / "here"
  assert convert_hf.main([str(tmp_path / "hf"), str(out) + "/"]) == 0
  check_weights(out, weights)
  assert sorted(os.listdir(str(out))) == [
      "bert_config.json", "checkpoint", "model.ckpt-0.data-00000-of-00001",
      "model.ckpt-0.index", "vocab.txt"]
  assert os.listdir(str(tmp_path / "made")) == ["here"]
  assert (out / "vocab.txt").read_text() == "\n".join(tiny_model.VOCAB) + "\n"
  assert read(out)[0].hidden_act == "gelu_erf"
  assert capsys.readouterr().out.splitlines() == [
      "%s/hf: %s (%sForQuestionAnswering), with answer head; tokenizer not named, "
      "lower-cased; written by PyTorch" % (
          tmp_path, kind, hf_models.MODELS[kind].stem),
      "%s: %d variables, with answer head: it can be decoded" % (
          out, len(weights)),
      "--do_lower_case=True (a guess: the vocabulary is lower-cased)",
      "next: BERT_DIR=%s MODEL_OUTPUT_DIR=%s LAYERS=0-1 bash decode_squad.sh "
      "--do_lower_case=True %s" % (out, out, SHORT)]


@pytest.mark.parametrize("kind, of_pretraining", [
    ("bert", "cls.predictions.bias"),
    ("electra", "discriminator_predictions.dense"),
    ("albert", "predictions.LayerNorm.weight"),
    ("distilbert", "vocab_layer_norm.weight")])
def test_a_plain_encoder_with_old_names(kind, of_pretraining, tmp_path, capsys):
  config = hf_folder.config_of(kind, "ForPreTraining")
  weights, tensors = hf_folder.tensors_of(config, with_head=False)
  tensors = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
      "LayerNorm.bias", "LayerNorm.beta"): tensor
             for name, tensor in tensors.items()}
  hf_folder.write(tmp_path / "hf", config, dict(
      tensors, **{of_pretraining: np.zeros(3)}))
  out = tmp_path / "out"
  assert convert_hf.main([str(tmp_path / "hf"), str(out)]) == 0
  check_weights(out, weights)
  assert capsys.readouterr().out.splitlines()[-1] == (
      "next: BERT_DIR={0} MODEL_OUTPUT_DIR={0}-squad bash train_squad.sh "
      "--init_checkpoint={0}/model.ckpt-0 --do_lower_case=True {1}".format(
          out, SHORT))


def test_an_encoder_without_prefix(tmp_path):
  config = hf_folder.config_of("bert", "Model")
  weights, tensors = hf_folder.tensors_of(config, with_head=False)
  hf_folder.write(tmp_path / "hf", config, {
      name[len("bert."):]: tensor for name, tensor in tensors.items()})
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  check_weights(tmp_path / "out", weights)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision_becomes_float32(dtype, tmp_path):
  config = hf_folder.config_of()
  weights, tensors = hf_folder.tensors_of(config)
  hf_folder.write(tmp_path / "hf", config, tensors, dtype=dtype)
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  cut = {"F16": lambda x: x.astype(np.float16).astype(np.float32),
         "BF16": lambda x: (x.view(np.uint32) & 0xffff0000).view(np.float32)}
  check_weights(tmp_path / "out", {
      name: cut[dtype](np.ascontiguousarray(values))
      for name, values in weights.items()})


def shard(folder, tensors, name, write):
  """Writes the tensors as two files and their index, in place of model.safetensors.

  Args:
    folder: pathlib.Path.
    tensors: dict from name to array.
    name: str, "model%s.safetensors" for example.
    write: function of a path and a dict of tensors.
  """
  os.remove(str(folder / "model.safetensors"))
  parts = {name % ("-0000%d-of-00002" % (i + 1)): dict(
      sorted(tensors.items())[i::2]) for i in range(2)}
  for part, held in parts.items():
    write(folder / part, held)
  (folder / (name % "" + ".index.json")).write_text(json.dumps({
      "metadata": {}, "weight_map": {
          tensor: part for part, held in parts.items() for tensor in held}}))


@pytest.mark.parametrize("name, write", [
    ("model%s.safetensors", hf_folder.write_safetensors),
    ("pytorch_model%s.bin", torch_pickle.save)])
def test_shards(name, write, tmp_path, capsys):
  config = hf_folder.config_of()
  weights, tensors = hf_folder.tensors_of(config)
  hf_folder.write(tmp_path / "hf", config, tensors)
  shard(tmp_path / "hf", tensors, name, write)
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  check_weights(tmp_path / "out", weights)
  second = tmp_path / "hf" / (name % "-00002-of-00002")
  os.remove(str(second))
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "two")]) == 1
  assert capsys.readouterr().err == (
      "attention_zones.convert_hf: %s: No such file or directory\n" % second)


@pytest.mark.parametrize("dtype", ["F32", "F16"])
def test_a_file_of_torch(dtype, tmp_path, capsys):
  config = hf_folder.config_of("distilbert")
  weights, tensors = hf_folder.tensors_of(config)
  hf_folder.write(tmp_path / "hf", config, tensors)
  os.remove(str(tmp_path / "hf" / "model.safetensors"))
  torch_pickle.save(tmp_path / "hf" / "pytorch_model.bin", tensors, dtype)
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  check_weights(tmp_path / "out", {
      name: np.float32(np.asarray(values, torch_pickle.TYPES[dtype][1]))
      for name, values in weights.items()})
  assert "lower-cased; written by PyTorch\n" in capsys.readouterr().out


def edit_config(**changes):
  return lambda folder, tensors: (folder / "config.json").write_text(
      json.dumps(hf_folder.config_of(**changes)))


def edit_tensors(**changes):
  """Writes the tensors with some of them changed, or left out where None."""
  def edit(folder, tensors):
    changed = dict(tensors, **{
        name.replace("__", "."): values for name, values in changes.items()})
    hf_folder.write_safetensors(folder / "model.safetensors", {
        name: values for name, values in changed.items() if values is not None})
  return edit


def edit_bytes(change):
  def edit(folder, tensors):
    path = folder / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
  return edit


def edit_types(**types):
  return lambda folder, tensors: hf_folder.write_safetensors(
      folder / "model.safetensors", tensors, {
          name.replace("__", "."): dtype for name, dtype in types.items()})


def code_in_bin(folder, tensors):
  os.remove(str(folder / "model.safetensors"))
  torch_pickle.write(folder / "pytorch_model.bin", b"cos\nsystem\n.")


def unigram(folder, tensors):
  os.remove(str(folder / "vocab.txt"))
  (folder / "tokenizer.json").write_text(json.dumps(
      {"model": {"type": "Unigram", "vocab": []}}))


@pytest.mark.parametrize("edit, words", [
    (edit_config(architecture="GenerationEncoder"),
     '["BertGenerationEncoder"]; should be one of bert (Bert...), '),
    (edit_tensors(**{"bert__encoder__layer__0__output__dense__bias": None,
                     "x__layer__bias": np.zeros(2)}),
     'and also has 1 tensor ("x.layer.bias")'),
    (lambda folder, tensors: os.rename(
        str(folder / "model.safetensors"), str(folder / "bert.safetensors")),
     "has neither model.safetensors nor pytorch_model.bin nor, of several files, "
     "their .index.json, only bert.safetensors, which is not read"),
    (lambda folder, tensors: (folder / "config.json").write_text(
        '{"model_type": "deberta-v2", "architectures": ["DebertaV2Model"]}'),
     "model_type is 'deberta-v2', which has other layers than BERT: its attention "
     "depends on the distance between tokens"),
    (edit_config(position_embedding_type="relative_key"),
     "position_embedding_type is 'relative_key'; only 'absolute'"),
    (edit_config(hidden_act="silu"), "hidden_act is 'silu'; should be one of gelu"),
    (edit_config(hidden_size=16, num_attention_heads=2), "has shape"),
    (edit_config(num_hidden_layers=3), "lacks 16 tensors (\"bert.encoder.layer.2."),
    (edit_config(vocab_size=20), "vocab_size is 20 in config.json"),
    (edit_tensors(qa_outputs__bias=None), 'lacks 1 tensor ("qa_outputs.bias")'),
    (edit_tensors(bert__extra=np.zeros(2)), 'also has 1 tensor ("bert.extra")'),
    (edit_tensors(qa_outputs__bias=np.zeros(3)),
     "qa_outputs.bias has shape [3], but should have [2]"),
    (edit_tensors(qa_outputs__bias=np.array([0, np.nan])),
     "hf: qa_outputs.bias has NaN"),
    (edit_bytes(lambda content: content[:-1]), "the file is truncated"),
    (edit_bytes(lambda content: content[:100]),
     "truncated, or no safetensors file"),
    (edit_bytes(lambda content: b""), "is empty; copy or download it again"),
    (edit_bytes(lambda content: content + b"0123"),
     ": its tensors end at byte "),
    (edit_types(qa_outputs__bias="I8"), "qa_outputs.bias has dtype I8, but a "
     "weight should have one of F64, F32, F16, BF16; if the model is quantized"),
    (edit_tensors(module__qa_outputs__bias=np.zeros(2)),
     "'module.qa_outputs.bias' and 'qa_outputs.bias' are names of the same tensor; "
     "keep one"),
    (edit_bytes(lambda content: content.replace(b'"F32"', b'"F99"')), "dtype F99"),
    (edit_bytes(lambda content: content.replace(b"[2]", b"[3]")), "is 12 bytes"),
    (code_in_bin, "hf/pytorch_model.bin would call \"os.system\": "),
    (unigram, "type \"Unigram\"; should be WordPiece, or spiece.model beside it"),
    (lambda folder, tensors: os.remove(str(folder / "vocab.txt")),
     "has neither vocab.txt nor tokenizer.json"),
    (lambda folder, tensors: (folder / "vocab.txt").write_text("<s>\n"),
     "has no [PAD]"),
])
def test_what_is_refused(edit, words, tmp_path, capsys):
  config = hf_folder.config_of()
  _, tensors = hf_folder.tensors_of(config)
  hf_folder.write(tmp_path / "hf", config, tensors)
  edit(tmp_path / "hf", tensors)
  if "vocab_size is 20" in words:
    (tmp_path / "hf" / "vocab.txt").write_text(
        "\n".join(tiny_model.VOCAB + ("more",)))
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 1
  error = capsys.readouterr().err
  assert error.startswith("attention_zones.convert_hf: ") and words in error, error
  assert len(error.splitlines()) == 1
  assert os.listdir(str(tmp_path)) == ["hf"]


def test_nothing_is_overwritten(tmp_path, capsys):
  config = hf_folder.config_of()
  hf_folder.write(tmp_path / "hf", config, hf_folder.tensors_of(config)[1])
  (tmp_path / "real").mkdir()
  os.symlink("real", str(tmp_path / "out"))
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  assert (tmp_path / "real" / "vocab.txt").exists()
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 1
  assert "should be a new or empty folder" in capsys.readouterr().err


@pytest.mark.parametrize("hidden_act, kind, ours", [
    ("gelu_new", "bert", "gelu"), ("gelu_pytorch_tanh", "albert", "gelu"),
    ("gelu_new", "electra", "gelu_new"), ("relu", "bert", "relu")])
def test_activations(hidden_act, kind, ours, tmp_path):
  assert convert_hf.convert_config("config.json", hf_folder.config_of(
      kind, hidden_act=hidden_act), kind)[0]["hidden_act"] == ours


@pytest.mark.parametrize("kind, taken", [
    ("bert", {"hidden_size": 768, "num_attention_heads": 12, "type_vocab_size": 2,
              "hidden_act": "gelu_erf"}),
    ("electra", {"embedding_size": 128, "hidden_size": 256,
                 "num_attention_heads": 4, "intermediate_size": 1024,
                 "hidden_act": "gelu_erf"}),
    ("albert", {"num_hidden_groups": 1, "num_attention_heads": 64,
                "hidden_size": 4096, "vocab_size": 30000, "hidden_act": "gelu"})])
def test_what_config_json_leaves_out(kind, taken):
  """As transformers; null is left out, too, which run_squad.py would refuse."""
  content = dict.fromkeys(taken)
  content["hidden_dropout_prob"] = None
  config, _, (remark,) = convert_hf.convert_config("config.json", dict(
      hf_folder.config_of(kind), **content), kind)
  assert {name: config[name] for name in taken} == taken
  assert "hidden_dropout_prob" not in config
  assert remark.startswith("not in config.json, so as transformers takes it: ")
  assert "hidden_size %d, " % taken["hidden_size"] in remark


@pytest.mark.parametrize("kind, others", [
    ("bert", ["classifier.weight", "classifier.bias"]),
    ("electra", ["classifier.dense.weight"]), ("albert", ["classifier.bias"])])
@pytest.mark.parametrize("end, with_head", [
    ("ForSequenceClassification", False), ("ForTokenClassification", False),
    ("ForQuestionAnswering", True), ("ForMaskedLM", True)])
def test_another_head_is_not_used(kind, others, end, with_head, tmp_path, capsys):
  """Whatever the class says, an answer head that is there is taken."""
  config = hf_folder.config_of(kind, end)
  weights, tensors = hf_folder.tensors_of(config, with_head)
  hf_folder.write(tmp_path / "hf", config, dict(
      tensors, **{name: np.zeros(3) for name in others},
      **{"cls.predictions.bias": np.zeros(3)}))
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  check_weights(tmp_path / "out", weights)
  assert "remark: not used, because of another head: %d tensor" % len(others) in (
      capsys.readouterr().out)


def test_both_spellings_of_a_norm(tmp_path, capsys):
  """As transformers 4.57.1 does, whichever stands last."""
  config = hf_folder.config_of()
  weights, tensors = hf_folder.tensors_of(config)
  for order in (dict, lambda pairs: dict(reversed(list(dict(pairs).items())))):
    old = {name.replace("Norm.weight", "Norm.gamma").replace(
        "Norm.bias", "Norm.beta"): 9 * tensor for name, tensor in tensors.items()}
    shutil.rmtree(str(tmp_path / "hf"), ignore_errors=True)
    shutil.rmtree(str(tmp_path / "out"), ignore_errors=True)
    hf_folder.write(tmp_path / "hf", config, order(dict(old, **tensors)))
    assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
    check_weights(tmp_path / "out", weights)
    assert ('remark: there twice, in the old spelling with gamma or beta, too, '
            'which is not used, as transformers does: 10 tensors '
            '("bert.embeddings.LayerNorm.bias"') in capsys.readouterr().out


@pytest.mark.parametrize("wrap", [
    lambda name: "module." + name, lambda name: "_orig_mod." + name,
    lambda name: "_orig_mod.module." + name,
    lambda name: "module._orig_mod." + name, lambda name: "model." + name,
    lambda name: name.replace("encoder.", "encoder._orig_mod.module.")])
@pytest.mark.parametrize("is_bare", [False, True])
def test_names_of_wrappers(wrap, is_bare, tmp_path, capsys):
  config = hf_folder.config_of(
      "bert", "Model" if is_bare else "ForQuestionAnswering")
  weights, tensors = hf_folder.tensors_of(config, with_head=not is_bare)
  hf_folder.write(tmp_path / "hf", config, {
      wrap(name[len("bert."):] if is_bare else name): tensor
      for name, tensor in tensors.items()})
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  check_weights(tmp_path / "out", weights)
  assert "remark: what a wrapper put into the names is taken off: " in (
      capsys.readouterr().out)


def test_the_tokenizer_goes_into_bert_config(tmp_path, capsys):
  """The longest word, and added tokens; run_squad.py takes them from there."""
  config = hf_folder.config_of(vocab_size=23, type_vocab_size=1)
  hf_folder.write(tmp_path / "hf", config, hf_folder.tensors_of(config)[1])
  (tmp_path / "hf" / "tokenizer.json").write_text(json.dumps({
      "added_tokens": [{"id": 22, "content": "[abstract]", "normalized": True}],
      "model": {"max_input_chars_per_word": 150, "vocab": {
          token: index for index, token in enumerate(tiny_model.VOCAB)}}}))
  assert convert_hf.main([str(tmp_path / "hf"), str(tmp_path / "out")]) == 0
  assert ("remark: type_vocab_size is 1: segment 1, the passage, has no embedding "
          "and adds zeros") in capsys.readouterr().out
  entries = json.loads((tmp_path / "out" / "bert_config.json").read_text())
  vocab = tokenization.load_vocab(str(tmp_path / "out" / "vocab.txt"))
  assert vocab["[abstract]"] == 22
  tokenizer = tokenization.FullTokenizer(
      vocab, **tokenizer_settings.read("x", entries, vocab))
  assert tokenizer.tokenize("[abstract] anna lives") == [
      "[abstract]", "anna", "lives"]
  assert tokenizer.settings["max_input_chars_per_word"] == 150


@pytest.fixture
def with_pieces(tmp_path):
  """The folder of an ALBERT with spiece.model, not vocab.txt."""
  folder = tmp_path / "hf"
  size = spm_model.write(tmp_path / "spiece.model")
  config = hf_folder.config_of("albert", vocab_size=size)
  hf_folder.write(folder, config, hf_folder.tensors_of(config)[1])
  os.remove(str(folder / "vocab.txt"))
  os.rename(str(tmp_path / "spiece.model"), str(folder / "spiece.model"))
  (folder / "tokenizer.json").write_text(json.dumps({
      "model": {"type": "Unigram", "vocab": []}, "normalizer": {
          "type": "Sequence", "normalizers": [{"type": "Lowercase"}]}}))
  return folder


def test_an_albert_with_sentencepiece(with_pieces, tmp_path, capsys):
  """Without the package sentencepiece, which only run_squad.py needs."""
  (with_pieces / "tokenizer_config.json").write_text('{"keep_accents": true}')
  out = tmp_path / "out"
  assert convert_hf.main([str(with_pieces), str(out)]) == 0
  model = (with_pieces / "spiece.model").read_bytes()
  assert (out / "spiece.model").read_bytes() == model
  assert not (out / "vocab.txt").exists()
  lines = capsys.readouterr().out.splitlines()
  assert [line.split(":")[0] for line in lines[3:]] == ["remark", "remark", "next"]
  assert "keep_accents=true" in lines[4]
  assert lines[-1] == (
      "next: BERT_DIR={0} MODEL_OUTPUT_DIR={0} LAYERS=0-1 bash decode_squad.sh "
      "--do_lower_case=True --spm_model_file={0}/spiece.model {1}".format(
          out, SHORT))


@pytest.mark.parametrize("edit, words", [
    (lambda path: path.write_bytes(path.read_bytes()[:-9]),
     "spiece.model is truncated, or is not a model of SentencePiece"),
    (lambda path: spm_model.write(path, spm_model.PIECES + ("x", "y")),
     "the vocabulary has %d entries, but vocab_size is %d in config.json" % (
         len(spm_model.SPECIAL + spm_model.PIECES) + 2,
         len(spm_model.SPECIAL + spm_model.PIECES))),
    (lambda path: os.remove(str(path)), "or spiece.model beside it, of an ALBERT")])
def test_what_is_refused_of_sentencepiece(
    edit, words, with_pieces, tmp_path, capsys):
  edit(with_pieces / "spiece.model")
  assert convert_hf.main([str(with_pieces), str(tmp_path / "out")]) == 1
  error = capsys.readouterr().err
  assert words in error and error.count("\n") == 1, error
  assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_printed_command_works(repository, tmp_path):
  """On a folder that says cased and has a lower-cased vocabulary, as
  bert-base-chinese, which has empty lines at the end, too; the ten questions."""
  tiny_model.write_files(tmp_path)
  config = hf_folder.config_of("albert")
  hf_folder.write(tmp_path / "hf", config, hf_folder.tensors_of(config)[1])
  (tmp_path / "hf" / "tokenizer_config.json").write_text('{"do_lower_case": false}')
  with open(str(tmp_path / "hf" / "vocab.txt"), "a") as f:
    f.write("\n\n")
  done = subprocess.run(
      [sys.executable, "-m", "attention_zones.convert_hf", str(tmp_path / "hf"),
       str(tmp_path / "model")], cwd=str(repository), stdout=subprocess.PIPE)
  assert done.returncode == 0
  flags = done.stdout.decode("utf-8").splitlines()[-1].split("decode_squad.sh ")[1]
  assert flags == "--do_lower_case=True " + SHORT
  result = tiny_model.run_squad(
      tmp_path, "--do_predict=True", "--mask_layer=1", "--mask_zone=p2",
      "--bert_config_file=%s" % (tmp_path / "model" / "bert_config.json"),
      "--vocab_file=%s" % (tmp_path / "model" / "vocab.txt"), *flags.split())
  assert result.returncode == 0, result.stderr
  assert len(json.loads((
      tmp_path / "model" / "predictions_layer1_p2.json").read_text())) == 10
