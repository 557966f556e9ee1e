"""hf_kind.py, hf_vocab.py: what a folder of Hugging Face is."""

import json
import os

import numpy as np
import pytest

from attention_zones.data.tokenizer_settings import AddedToken
from attention_zones.weights import hf_files
from attention_zones.weights import hf_kind
from attention_zones.weights import hf_vocab
from attention_zones.weights import safetensors_file
import hf_folder
import spm_model
import tiny_model

POINTER = (b"version https://git-lfs.github.com/spec/v1\n"
           b"oid sha256:" + b"4d7a2146" * 8 + b"\nsize 438064459\n")
LFS = ("is a pointer of Git LFS in place of the file; fetch the file with git lfs "
       "pull")
VOCAB = {token: index for index, token in enumerate(tiny_model.VOCAB)}


@pytest.fixture
def folder(tmp_path):
  """A BertForQuestionAnswering."""
  config = hf_folder.config_of()
  hf_folder.write(tmp_path / "hf", config, hf_folder.tensors_of(config)[1])
  return tmp_path / "hf"


def put(folder, name, content):
  """Writes a file: bytes, or what becomes JSON."""
  (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(
      content).encode("utf-8"))


def configure(folder, **changes):
  """Changes entries of config.json; None leaves one out."""
  config = dict(hf_folder.config_of(), **changes)
  put(folder, "config.json", {
      name: value for name, value in config.items() if value is not None})


def refusal(folder):
  """The message with which a folder is refused."""
  with pytest.raises(ValueError) as caught:
    hf_kind.read(str(folder))
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize("changes, line", [
    ({"transformers_version": "4.57.1"},
     "bert (BertForQuestionAnswering), with answer head; tokenizer not named, "
     "lower-cased; written by transformers 4.57.1, PyTorch"),
    ({"model_type": None, "tokenizer_class": "BertTokenizer"},
     "bert (BertForQuestionAnswering), with answer head; BertTokenizer, "
     "lower-cased; written by PyTorch"),
    ({"model_type": "", "architectures": ["TFBertModel"]},
     "bert (BertModel), with answer head; tokenizer not named, lower-cased; "
     "written by PyTorch"),
    # Of a model without a class, the tensors tell.
    ({"architectures": None}, "bert (class not named), with answer head; tokenizer "
     "not named, lower-cased; written by PyTorch"),
    ({"architectures": []}, "bert (class not named), with answer head; tokenizer "
     "not named, lower-cased; written by PyTorch"),
    ({"architectures": ["BertModel", "BertForQuestionAnswering"]},
     "bert (BertForQuestionAnswering), with answer head; tokenizer not named, "
     "lower-cased; written by PyTorch"),
])
def test_the_line(changes, line, folder):
  configure(folder, **changes)
  assert hf_kind.read(str(folder)).line == "%s: %s" % (folder, line)


def test_an_encoder_whose_class_is_not_named(tmp_path):
  config = hf_folder.config_of("electra")
  hf_folder.write(tmp_path / "hf", dict(config, architectures=None),
                  hf_folder.tensors_of(config, with_head=False)[1], form="mlx")
  assert hf_kind.read(str(tmp_path / "hf")).line == (
      "%s/hf: electra (class not named), without answer head; tokenizer not named, "
      "lower-cased; written by MLX" % tmp_path)


@pytest.mark.parametrize("changes, words", [
    ({"model_type": None, "architectures": None},
     "model_type is None, architectures []; should be one of bert (Bert...), "
     "electra (Electra...), albert (Albert...), distilbert (DistilBert...), "
     "roberta (Roberta...), xlm-roberta (XLMRoberta...), camembert (Camembert...), "
     'as in ["BertForQuestionAnswering"]'),
    ({"model_type": None, "architectures": ["XmodModel"]},
     'model_type is None, architectures ["XmodModel"]; should be one of '),
    ({"model_type": None, "architectures": 3},
     'model_type is None, architectures ["3"]; should be one of '),
    ({"architectures": ["ElectraModel"]},
     "model_type is 'bert', architectures [\"ElectraModel\"]; should be one of "),
    ({"model_type": [3]}, "model_type is [3], architectures "),
    ({"model_type": "roberta"}, 'model_type is \'roberta\', architectures '
     '["BertForQuestionAnswering"]; should be one of '),
    ({"model_type": "modernbert"}, "model_type is 'modernbert', which has other "
     "layers than BERT: its positions are rotations"),
    ({"model_type": "luke"}, "queries of their own between words and entities"),
    ({"model_type": "longformer"}, "its tokens attend to a window around them"),
])
def test_an_architecture_that_is_refused(changes, words, folder):
  configure(folder, **changes)
  assert "config.json" in refusal(folder) and words in refusal(folder)


@pytest.mark.parametrize("name, there", [
    ("README.md", "README.md"), (None, "nothing"),
    ("snapshots/f/config.json", "snapshots")])
def test_a_folder_without_config(name, there, tmp_path):
  if name:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"{}")
  assert refusal(tmp_path) == (
      "HF_FOLDER=%s has no config.json, only %s; should be a model folder of "
      "Hugging Face: config.json, model.safetensors, and vocab.txt or "
      "tokenizer.json. In a download it is snapshots/...; Google's bert_model.ckpt "
      "is read as it is: name its folder in BERT_DIR" % (tmp_path, there))


@pytest.mark.parametrize("form, rename, words", [
    ("tf", lambda name: "tf_bert/" + name.replace(".", "/") + ":0", "TensorFlow"),
    ("pt", lambda name: name + ":0", "TensorFlow"),
    ("tf", lambda name: name.replace("weight", "kernel"), "TensorFlow"),
    ("flax", lambda name: name.replace("weight", "kernel"), "Flax"),
    (None, lambda name: name.replace(".weight", "/kernel"), "TensorFlow or Flax"),
])
def test_tensors_of_other_libraries(form, rename, words, folder):
  _, tensors = hf_folder.tensors_of(hf_folder.config_of())
  renamed = {rename(name): tensor for name, tensor in tensors.items()}
  hf_folder.write_safetensors(folder / "model.safetensors", renamed, form=form)
  assert ("its tensors were written by %s (they have names like '" % words) in (
      refusal(folder))
  # Of several files, too.
  os.rename(str(folder / "model.safetensors"), str(folder / "part.safetensors"))
  put(folder, "model.safetensors.index.json", {
      "weight_map": dict.fromkeys(renamed, "part.safetensors")})
  assert "its tensors were written by %s" % words in refusal(folder)


def test_the_format_alone_refuses_nothing(folder):
  hf_folder.write_safetensors(folder / "model.safetensors", hf_folder.tensors_of(
      hf_folder.config_of())[1], form="tf")
  assert hf_kind.read(str(folder)).line.endswith("; written by TensorFlow")


@pytest.mark.parametrize("name", [
    "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json",
    "added_tokens.json", "model.safetensors", "model.safetensors.index.json"])
def test_a_pointer_of_git_lfs(name, folder):
  if name.endswith("index.json"):
    os.remove(str(folder / "model.safetensors"))
  put(folder, name, POINTER)
  assert refusal(folder) == "%s/%s %s" % (folder, name, LFS)


def test_a_pointer_in_place_of_a_part_or_of_sentencepiece(folder):
  os.rename(str(folder / "model.safetensors"), str(folder / "part.safetensors"))
  put(folder, "model.safetensors.index.json", {
      "weight_map": {"x": "part.safetensors"}})
  put(folder, "part.safetensors", POINTER)
  assert refusal(folder) == "%s/part.safetensors %s" % (folder, LFS)
  configure(folder, model_type="albert", architectures=["AlbertModel"])
  os.remove(str(folder / "vocab.txt"))
  put(folder, "spiece.model", POINTER)
  assert refusal(folder) == "%s/spiece.model %s" % (folder, LFS)


BERT_JSON = {"normalizer": {"type": "BertNormalizer", "lowercase": True},
             "pre_tokenizer": {"type": "BertPreTokenizer"},
             "model": {"type": "WordPiece", "unk_token": "[UNK]",
                       "continuing_subword_prefix": "##", "vocab": VOCAB}}


@pytest.mark.parametrize("name, content, words", [
    ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"},
     "tokenizer_class BertJapaneseTokenizer"),
    ("config.json", dict(hf_folder.config_of(),
                         tokenizer_class="BertJapaneseTokenizer"),
     "tokenizer_class BertJapaneseTokenizer"),
    ("tokenizer_config.json", {"tokenizer_class": "AlbertTokenizerFast"},
     "tokenizer_class AlbertTokenizerFast"),
    ("tokenizer_config.json", {"tokenizer_class": "KoBertTokenizer"},
     "tokenizer_class KoBertTokenizer"),
    ("tokenizer_config.json", {"word_tokenizer_type": "mecab"},
     'word_tokenizer_type "mecab"'),
    ("tokenizer_config.json", {"subword_tokenizer_type": "character"},
     'subword_tokenizer_type "character"'),
    ("tokenizer_config.json", {"do_basic_tokenize": False},
     "do_basic_tokenize false"),
    ("tokenizer.json", dict(BERT_JSON, pre_tokenizer={"type": "Whitespace"}),
     'pre_tokenizer.type "Whitespace"'),
    ("tokenizer_config.json", {"cls_token": "<s>", "sep_token": "[SEP]"},
     'cls_token "<s>"'),
    ("special_tokens_map.json", {"sep_token": {"content": "</s>"}},
     'sep_token "</s>"'),
    ("tokenizer.json", {"model": {"continuing_subword_prefix": "@@"}},
     'model.continuing_subword_prefix "@@"'),
])
def test_another_tokenizer(name, content, words, folder):
  put(folder, name, content)
  problem = ("%s: its tokenizer is not the one here, which is BERT's: %s" % (
      folder, words))
  assert refusal(folder) == (
      "%s; words would be split otherwise than in its training; "
      "--allow_other_tokenizer converts it nevertheless" % problem)
  assert hf_kind.read(str(folder), True).remarks == [problem]


@pytest.mark.parametrize("name, content", [
    ("tokenizer_config.json", {"tokenizer_class": name}) for name in (
        "BertTokenizer", "BertTokenizerFast", "BertWordPieceTokenizer",
        "ElectraTokenizerFast",
        "DistilBertTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend", None)
] + [("tokenizer_config.json", {
    "word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece",
    "do_basic_tokenize": True, "cls_token": "[CLS]",
    "unk_token": {"content": "[UNK]"}}), ("tokenizer.json", BERT_JSON)])
def test_the_tokenizer_of_bert(name, content, folder):
  put(folder, name, content)
  assert hf_kind.read(str(folder)).remarks == []


@pytest.mark.parametrize("contents, lower, why, more", [
    ({"tokenizer_config.json": {"do_lower_case": True}}, True,
     "from {}/tokenizer_config.json", []),
    ({"tokenizer_config.json": {}, "tokenizer.json": BERT_JSON}, True,
     "from the normalizer in {}/tokenizer.json", []),
    ({"tokenizer.json": {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "NFD"}, {"type": "Lowercase"}]}}}, True,
     "from the normalizer in {}/tokenizer.json", []),
    ({}, True, "a guess: the vocabulary is lower-cased", []),
    # As bert-base-chinese has it; run_squad.py refuses False.
    ({"tokenizer_config.json": {"do_lower_case": False}}, True,
     "not False, as {}/tokenizer_config.json has it: the vocabulary is "
     "lower-cased, and words with a capital would be [UNK]", []),
    ({"tokenizer.json": {"normalizer": dict(
        type="BertNormalizer", lowercase=False)}}, True,
     "not False, as the normalizer in {}/tokenizer.json has it: the vocabulary is "
     "lower-cased, and words with a capital would be [UNK]", []),
    ({"tokenizer_config.json": {"do_lower_case": True}, "vocab.txt": "cased"}, True,
     "from {}/tokenizer_config.json; the vocabulary has cased entries",
     ["--allow_case_mismatch=True"]),
    ({"vocab.txt": "cased"}, False, "a guess: the vocabulary is cased", []),
    ({"vocab.txt": "none"}, True,
     "a guess: the vocabulary does not show it, so the default", []),
    ({"vocab.txt": "hangul"}, False, "a guess: the vocabulary has entries that "
     "lower-casing would take apart", []),
    ({"vocab.txt": "none", "tokenizer_config.json": {"do_lower_case": False}},
     False, "from {}/tokenizer_config.json", []),
    # An added token in capitals does not make a vocabulary cased.
    ({"added_tokens.json": {"COVID": 22}}, True,
     "a guess: the vocabulary is lower-cased; the vocabulary has cased entries",
     ["--allow_case_mismatch=True"]),
])
def test_lower_case(contents, lower, why, more, folder):
  vocabularies = {
      "cased": [token if "[" in token else token.title()
                for token in tiny_model.VOCAB],
      "hangul": [token if "[" in token else chr(0xac00 + 30 * i)
                 for i, token in enumerate(tiny_model.VOCAB)],
      "none": [token if "[" in token else chr(0x4e00 + i)
               for i, token in enumerate(tiny_model.VOCAB)]}
  for name, content in contents.items():
    put(folder, name, "\n".join(vocabularies[content]).encode("utf-8")
        if name == "vocab.txt" else content)
  assert hf_kind.read(str(folder)).casing == (
      lower, "--do_lower_case=%s (%s)" % (lower, why.format(folder)),
      ["--do_lower_case=%s" % lower] + more)


def test_the_casing_of_sentencepiece(tmp_path):
  config = hf_folder.config_of("albert", "Model", vocab_size=spm_model.write(
      tmp_path / "spiece.model"))
  folder = tmp_path / "hf"
  hf_folder.write(folder, config, hf_folder.tensors_of(config, with_head=False)[1])
  os.remove(str(folder / "vocab.txt"))
  os.rename(str(tmp_path / "spiece.model"), str(folder / "spiece.model"))
  put(folder, "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
  assert "not the one here, which is ALBERT's: tokenizer_class BertTok" in (
      refusal(folder))
  put(folder, "tokenizer_config.json", {
      "tokenizer_class": "AlbertTokenizer", "do_lower_case": False})
  put(folder, "added_tokens.json", {"[abstract]": config["vocab_size"]})
  kind = hf_kind.read(str(folder))
  assert kind.vocabulary.entries[:4] == ["<pad>", "<unk>", "[CLS]", "[SEP]"]
  assert kind.casing.lower_case and kind.casing.line.startswith(
      "--do_lower_case=True (not False, as ")
  assert kind.remarks[0] == (
      'not used: 1 token ("[abstract]"), added to spiece.model')


@pytest.mark.parametrize("settings, lower, words", [
    ({"strip_accents": False}, True,
     ["strip_accents=false, but accents are removed"]),
    ({"strip_accents": True}, True, []),
    ({"strip_accents": True}, False, ["strip_accents=true, but accents are kept"]),
    ({"strip_accents": False}, False, []),
    ({"tokenize_chinese_chars": False}, True, ["tokenize_chinese_chars=false"]),
    ({"strip_accents": None, "tokenize_chinese_chars": True}, True, []),
])
def test_remarks_on_the_tokenizer(settings, lower, words, folder):
  put(folder, "vocab.txt", "\n".join(list(tiny_model.VOCAB[:4]) + [
      chr(0x4e00 + i) for i in range(18)]).encode("utf-8"))
  in_json = {"type": "BertNormalizer", "lowercase": lower,
             "strip_accents": settings.get("strip_accents"),
             "handle_chinese_chars": settings.get("tokenize_chinese_chars", True)}
  for name, content in (
      ("tokenizer_config.json", dict(settings, do_lower_case=lower)),
      ("tokenizer.json", {"normalizer": in_json})):
    put(folder, name, content)
    found = hf_kind.read(str(folder)).remarks
    assert len(found) == len(words) and all(
        part in line for part, line in zip(words, found)), found
    os.remove(str(folder / name))


def test_tokenizer_config_decides(folder):
  put(folder, "tokenizer.json", {"normalizer": {
      "type": "BertNormalizer", "handle_chinese_chars": False}})
  assert "tokenize_chinese_chars=false" in hf_kind.read(str(folder)).remarks[0]
  put(folder, "tokenizer_config.json", {"tokenize_chinese_chars": True})
  assert hf_kind.read(str(folder)).remarks == []


def test_another_normalizer_is_said(folder):
  put(folder, "tokenizer.json", {"normalizer": {"type": "Sequence", "normalizers": [
      {"type": "NFKC"}, {"type": "BertNormalizer", "lowercase": True}]}})
  assert hf_kind.read(str(folder)).remarks == [
      "%s: tokenizer.json changes text with NFKC, which is not done here" % folder]


@pytest.mark.parametrize("content, number", [
    (None, 100), ({"model": {}}, 100),
    ({"model": {"max_input_chars_per_word": 200}}, 200)])
def test_the_longest_word(content, number, folder):
  if content:
    put(folder, "tokenizer.json", content)
  assert hf_kind.read(str(folder)).max_chars == number


# The three files in which a token can be added.
ADDED = [
    ("tokenizer.json", {"added_tokens": [
        {"id": 0, "content": "[PAD]", "special": True},
        {"id": 22, "content": "[abstract]", "normalized": True,
         "single_word": True}]}, AddedToken("[abstract]", True, True)),
    ("tokenizer_config.json", {"added_tokens_decoder": {
        "1": {"content": "[UNK]", "special": True},
        "22": {"content": "[abstract]", "special": True}}},
     AddedToken("[abstract]", False, False)),
    ("added_tokens.json", {"[abstract]": 22},
     AddedToken("[abstract]", True, False))]


@pytest.mark.parametrize("name, content, token", ADDED)
def test_added_tokens(name, content, token, folder):
  put(folder, name, content)
  found = hf_kind.read(str(folder))
  assert found.vocabulary.added_tokens == [token] and found.remarks == []
  assert found.vocabulary.entries == list(tiny_model.VOCAB) + ["[abstract]"]
  assert found.vocabulary.size == 23


def test_the_vocabulary_of_tokenizer_json(folder):
  os.remove(str(folder / "vocab.txt"))
  vocab = {token: i for i, token in enumerate(reversed(tiny_model.VOCAB))}
  content = {"model": {"type": "WordPiece", "vocab": dict(vocab, **{"\u2028": 22})},
             "added_tokens": [{"content": "[X]", "id": 23}]}
  put(folder, "tokenizer.json", content)
  found = hf_vocab.read(hf_files.Folder(str(folder)), "bert")
  assert found.entries == list(reversed(tiny_model.VOCAB)) + ["", "[X]"]
  assert found.content.decode("utf-8").split("\n") == found.entries + [""]


@pytest.mark.parametrize("content, words", [
    ({"[X]": 23}, "'[X]' has id 23, but no entry has id 22"),
    ({"[X]": 4}, "added_tokens.json: '[X]' has id 4, but "),
    ({"anna": 22}, "line 23 repeats 'anna' of line 13"),
    ({"[X]": "a"}, "'[X]' is \"a\"; should be a whole number")])
def test_added_tokens_that_cannot_be(content, words, folder):
  put(folder, "added_tokens.json", content)
  assert words in refusal(folder)


def test_two_vocabularies_that_differ(folder):
  """transformers takes tokenizer.json's."""
  put(folder, "tokenizer.json", {"model": {"vocab": dict(
      VOCAB, anna=13, omar=12, **{"\u2028": 22})}})
  assert hf_kind.read(str(folder)).remarks == [
      '%s/vocab.txt is taken, but tokenizer.json gives others, 2 ids ("anna", '
      '"omar"); without vocab.txt, tokenizer.json is taken' % folder]


def test_empty_lines(folder):
  put(folder, "vocab.txt", "\n".join(("",) + tiny_model.VOCAB + ("\n\n",)).encode())
  found = hf_kind.read(str(folder)).vocabulary
  assert found.entries == [""] + list(tiny_model.VOCAB) + ["", ""]
  assert found.size == 23 and found.content.count(b"\n") == 25


def test_entries_that_are_never_given(folder):
  """Their number is said where no file says that they were added."""
  lines = tiny_model.VOCAB + (
      "[abstract]", "covid-19", "[unused1]", "[MASK]", "...", "##!", "<S>")
  put(folder, "vocab.txt", "\n".join(lines).encode("utf-8"))
  remark, = hf_kind.read(str(folder)).remarks
  assert remark == (
      '%s/vocab.txt has 2 tokens ("[abstract]", "covid-19") with punctuation '
      "inside, which word pieces never give; no file says that these are added "
      "tokens, so texts with them are split" % folder)
  put(folder, "added_tokens.json", {"[abstract]": 22, "covid-19": 23, "a b": 29})
  assert hf_kind.read(str(folder)).remarks == [
      '%s/vocab.txt: not used, because of white space inside: 1 token ("a b")' %
      folder]


@pytest.mark.parametrize("content, words", [
    (b"the\n" + "\n".join(tiny_model.VOCAB).encode() + b"\nthe\n",
     "vocab.txt: line 24 repeats 'the' of line 1"),
    (b"<html>", "is a web page"), (b"\xff\n", "is not text in UTF-8")])
def test_a_vocabulary_that_is_refused(content, words, folder):
  put(folder, "vocab.txt", content)
  assert words in refusal(folder)


def edited(path, change):
  """Writes a file of three tensors of 8 bytes, with another header and data."""
  header = {name: {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]}
            for i, name in enumerate("abc")}
  change(header)
  text = json.dumps(header).encode("utf-8")
  path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(24))
  return str(path)


def place(**offsets):
  def change(header):
    for name, found in offsets.items():
      header[name]["data_offsets"] = found
  return change


@pytest.mark.parametrize("change, words", [
    (place(b=[0, 8], c=[8, 16]), "'b' begins at byte 0 of the tensors; should "
     "begin at byte 8, where the one before ends"),
    (place(b=[4, 12]), "'b' begins at byte 4 of the tensors; should begin at byte "
     "8"),
    (place(a=[16, 24]), "'b' begins at byte 8 of the tensors; should begin at byte "
     "0"),
    (lambda header: header.pop("b"), "'c' begins at byte 16 of the tensors; should "
     "begin at byte 8"),
    (lambda header: header.pop("c"), ": its tensors end at byte 16, but it has 24 "
     "bytes for them"),
    (lambda header: header.clear(), ": its tensors end at byte 0, but it has 24 "),
])
def test_a_safetensors_file_that_is_not_covered(change, words, tmp_path):
  """The package safetensors 0.8.0 refuses these, too."""
  with pytest.raises(ValueError) as caught:
    safetensors_file.read(edited(tmp_path / "x", change))
  assert str(caught.value).startswith(str(tmp_path / "x")) and words in (
      str(caught.value))


def test_a_safetensors_file_in_another_order(tmp_path):
  def change(header):
    place(a=[16, 24], c=[0, 8])(header)
    header["d"] = {"dtype": "F8_E4M3", "shape": [0], "data_offsets": [8, 8]}
    header["__metadata__"] = {"format": "pt"}
  tensors, metadata = safetensors_file.read(edited(tmp_path / "x", change))
  assert metadata == {"format": "pt"}
  assert tensors["d"].dtype == "F8_E4M3" and tensors["d"].shape == [0]
  np.testing.assert_array_equal(tensors["a"].read(), np.zeros(2, np.float32))
