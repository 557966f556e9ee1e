"""English ALBERT: SentencePiece, and answers by characters, as in ALBERT's code."""

import json
import sys

import numpy as np
import pytest

from attention_zones.base import questions
from attention_zones.data import character_alignment
from attention_zones.data import data_checks
from attention_zones.data import sentencepiece_tokenizer
from attention_zones.data import squad_data
from attention_zones.data import windows
import launcher
import spm_model
import tiny_model

pytest.importorskip("sentencepiece", reason=(
    "the package sentencepiece is missing: bash setup_env.sh "
    "requirements-models.txt"))


@pytest.fixture
def model(tmp_path):
  """The path of a small model."""
  spm_model.write(tmp_path / "spiece.model")
  return tmp_path / "spiece.model"


def tokenizer_of(path, do_lower_case=True):
  return sentencepiece_tokenizer.SentencePieceTokenizer(
      sentencepiece_tokenizer.load(str(path)), do_lower_case)


def passage_of(context, path):
  return windows.tokenize_passage(
      questions.split_words(context), tokenizer_of(path))


# What official code computed.

@pytest.fixture
def golden_folder(shared):
  return shared / "golden" / "albert" / "sentencepiece"


def test_published_pieces(golden_folder):
  path = golden_folder / "model" / "tiny.model"
  tokenizers = [tokenizer_of(path, lower) for lower in (False, True)]
  published = json.loads(
      (golden_folder / "tokenization.json").read_text(encoding="utf-8"))
  assert len(published) == 120
  for entry in published:
    tokenizer = tokenizers[entry["lower"]]
    pieces = tokenizer.tokenize(entry["text"])
    assert sentencepiece_tokenizer.preprocess(
        entry["text"], entry["lower"]) == entry["preprocessed"]
    assert pieces == entry["pieces"]
    assert tokenizer.convert_tokens_to_ids(pieces) == entry["ids"]


@pytest.mark.parametrize("name, sizes, is_training", [
    ("features.xquad.120.96", (96, 32, 16), False),
    ("features.train.xquad.120.128", (128, 48, 24), True)])
def test_published_features(name, sizes, is_training, golden_folder, shared):
  published = dict(np.load(str(golden_folder / (name + ".npz"))))
  starts, ends, max_context = (
      json.loads(str(published["tok_start_to_orig_index"])),
      json.loads(str(published["tok_end_to_orig_index"])),
      json.loads(str(published["token_is_max_context"])))
  tokenizer = tokenizer_of(golden_folder / "model" / "tiny.model")
  examples, dropped = squad_data.read_examples(
      str(shared / "data" / "xquad.en.120.json"), is_training)
  made = list(windows.make_windows(
      examples, tokenizer, windows.WindowSizes(*sizes), is_training))
  assert not dropped and len(made) == len(published["unique_ids"])
  paragraph = None
  for row, window in enumerate(made):
    if examples[window.example_index].paragraph is not paragraph:
      paragraph = examples[window.example_index].paragraph
      passage = windows.tokenize_passage(paragraph, tokenizer)
    tokens = range(window.first_token, window.first_token + window.passage_length)
    length = len(window.input_ids)
    outside = range(1, window.question_length + 2)  # question and [SEP]
    expected = {
        "unique_ids": window.unique_id, "paragraph_len": length,
        "doc_span_index": sum(w.example_index == window.example_index
                              for w in made[:row]),
        "input_ids": window.input_ids + [0] * (sizes[0] - length),
        "input_mask": [int(i < length) for i in range(sizes[0])],
        "segment_ids": [int(outside.stop <= i < length) for i in range(sizes[0])],
        "p_mask": [int(i in outside or i >= length - 1) for i in range(sizes[0])]}
    if is_training:
      expected.update(start_positions=window.start_position,
                      end_positions=window.end_position)
    else:
      expected["example_index"] = window.example_index
    for entry, value in expected.items():
      assert (published[entry][row] == value).all(), (row, entry)
    places = [passage.characters(token) for token in tokens]
    assert [start for start, _ in places] == starts[row]
    assert [end - 1 for _, end in places] == ends[row]
    spans = [(w.first_token, w.passage_length) for w in made
             if w.example_index == window.example_index]
    assert [spans[windows.max_context_window(spans, token)][0] == window.first_token
            for token in tokens] == [
                bool(max_context[row][str(position)])
                for position in range(outside.stop, length - 1)]


@pytest.mark.thorough
def test_published_predictions(golden_folder, shared, tmp_path):
  """124 questions, five decodes: the same texts."""
  model = golden_folder / "model"
  result = launcher.complete(launcher.Run("run_squad.py", (
      "--spm_model_file=%s" % (model / "tiny.model"),
      "--bert_config_file=%s" % (model / "albert_config.json"),
      "--predict_file=%s" % (shared / "data" / "xquad.en.120.json"),
      "--init_checkpoint=%s" % (model / "albert_model.ckpt"),
      "--output_dir=%s" % tmp_path, "--do_predict=True", "--max_seq_length=96",
      "--doc_stride=32", "--max_query_length=16", "--mask_layer=0-3",
      "--mask_zone=q2p,p2q,p2,all")))
  assert result.returncode == 0, result.stderr
  published = sorted((golden_folder / "predictions").glob("predictions*.json"))
  assert len(published) == 5
  for path in published:
    expected = json.loads(path.read_text(encoding="utf-8"))
    found = json.loads((tmp_path / path.name).read_text(encoding="utf-8"))
    assert len(found) == 124 and found == expected, path.name
  check_nbest(*(json.loads(path.read_text(encoding="utf-8")) for path in (
      golden_folder / "predictions" / "nbest_predictions.json",
      tmp_path / "nbest_predictions.json")))


def check_nbest(published, found):
  """The best of each list is the same, and most lists are.

  ALBERT's code spends some of its n_best_size on the question and on padding.
  """
  texts = lambda entries: [entry["text"] for entry in entries]
  same = [texts(found[question]) == texts(entries)
          for question, entries in published.items()]
  assert len(same) == 40 and sum(same) > 30
  for question, entries in published.items():
    assert entries[0]["text"] == found[question][0]["text"]


# By hand.

@pytest.mark.parametrize("characters, joined, of_text, of_joined", [
    (["6", "1\u20442", " ", "i", "n"], " 6 in",
     [1, -1, 2, 3, 4], [-1, 0, 2, 3, 4]),
    # A combining mark is dropped; white space is collapsed.
    (["e", "", " ", "\n", "t"], " e t", [1, -1, 2, -1, 3], [-1, 0, 2, 4]),
    # SentencePiece added a space.
    (list("1,2"), " 1, 2", [1, 2, 4], [-1, 0, 1, -1, 2]),
    # Of equal characters, those further to the left are partners.
    (list("aab"), "ab", [0, -1, 1], [0, 2]),
    (list("ab"), "aab", [0, 2], [0, -1, 1]),
    (list("xyz"), " abc", [-1, -1, -1], [-1, -1, -1, -1]),
])
def test_alignment(characters, joined, of_text, of_joined):
  assert character_alignment.align(characters, joined) == (of_text, of_joined)


def test_alignment_searches_wider_once():
  """Text and pieces are equally long, and 8 characters apart in the middle."""
  text = "0123456789" * 5
  moved = ["#"] * 8 + list(text)
  of_text, _ = character_alignment.align(moved, text + "#" * 8)
  assert of_text == [-1] * 8 + list(range(50))


@pytest.mark.parametrize("partners, num_others, firsts, lasts", [
    ([-1, 0, -1, -1, 3], 5, [0, 0, 1, 1, 3], [0, 0, 2, 2, 3]),
    ([2, -1], 5, [2, 3], [2, 4]), ([2, -1], 3, [2, 2], [2, 2]),
    ([-1, 2], 3, [0, 2], [1, 2]), ([0, -1, 1], 2, [0, 1, 1], [0, 0, 1]),
    ([-1], 4, [0], [3])])
def test_filled(partners, num_others, firsts, lasts):
  assert character_alignment.fill(partners, num_others) == (firsts, lasts)


def test_answers_are_stripped_text_of_the_passage(model):
  context = "Ann\u00e1  lives in\nOSLO. \u00bd"
  passage = passage_of(context, model)
  for word in ("Ann\u00e1", "lives", "OSLO"):
    start = context.index(word)
    first, last = passage.tokens_at(start, start + len(word))
    assert sentencepiece_tokenizer.SentencePieceTokenizer.span_text(
        passage, first, last) == word
  assert passage.text(0, len(passage.tokens) - 1) == context


def test_a_piece_with_digit_and_comma_is_split_anew(model):
  spm_model.write(model, spm_model.PIECES + ("3,", "\u25817,"))
  # The new pieces of "3," have a space that the text has not, as in ALBERT's code.
  assert tokenizer_of(model).tokenize("a 7,3,b,") == [
      "\u2581", "a", "\u2581", "7", ",", "\u2581", "3", ",", "b", ","]


def test_a_passage_that_is_nothing_like_its_pieces(model):
  """The pieces of a fraction are several characters, none of them its partner."""
  passage = passage_of("\u00bd\u00bd\u00bd", model)
  assert passage.tokens and passage.tokens_at(0, 1) is None
  assert passage.text(0, len(passage.tokens) - 1) == "\u00bd\u00bd\u00bd"


def test_questions_that_are_cut(model):
  """They can have more pieces than characters."""
  spm_model.write(model, spm_model.PIECES + ("3,",))
  tokenizer = tokenizer_of(model)
  assert len(tokenizer.tokenize("a,3,3,")) == 9
  example = squad_data.Example(
      "q", "a,3,3,", questions.split_words("anna"), -1, -1, "", False)
  assert not data_checks.remarks([example], tokenizer, 9)
  line, = data_checks.remarks([example], tokenizer, 8)
  assert line.startswith("1 of 1 questions have more than --max_query_length=8 ")


# The command line.

def run_squad(folder, *flags):
  return tiny_model.run_squad(
      folder, "--vocab_file=", "--spm_model_file=%s" % (folder / "spiece.model"),
      "--do_predict=True", *flags)


def write_config(folder, vocab_size):
  config = dict(tiny_model.CONFIG, model_type="albert", embedding_size=6,
                vocab_size=vocab_size)
  (folder / "bert_config.json").write_text(json.dumps(config))
  return config


@pytest.fixture
def project(tmp_path):
  """Data, a SentencePiece model and an ALBERT of random weights for it."""
  tiny_model.write_files(tmp_path)
  config = write_config(tmp_path, spm_model.write(tmp_path / "spiece.model"))
  tiny_model.write_checkpoint(tmp_path / "model", config)
  return tmp_path


@pytest.mark.slow
def test_predicts_and_records_the_model(project):
  (project / "vocab.txt").unlink()
  result = run_squad(project, "--mask_layer=1", "--mask_zone=p2")
  assert result.returncode == 0, result.stderr
  answers = json.loads(
      (project / "model" / "predictions_layer1_p2.json").read_text())
  contexts = [paragraph["context"] for paragraph in
              tiny_model.data_set()["data"][0]["paragraphs"]]
  assert len(answers) == 10
  for question, text in answers.items():
    assert text.strip() == text and text in contexts[int(question[1])]
  run, = json.loads(
      (project / "model" / "manifest.json").read_text())["runs"].values()
  before = run["--spm_model_file"]
  assert len(before) == 64 and "--vocab_file" not in run
  # Another model: other windows, another run.
  spm_model.write(project / "spiece.model", spm_model.PIECES[:-1])
  result = run_squad(project, "--overwrite=True")
  assert result.returncode == 0, result.stderr
  assert "has 3 files with a different --spm_model_file (%s before, " % (
      before[:12]) in result.stderr
  assert "--spm_model_file=%s has " % (project / "spiece.model") in result.stderr
  assert len(list((project / "model").glob("eval.*.tf_record"))) == 2


@pytest.mark.parametrize("spoil, said", [
    (lambda path: path.unlink(), "there is no such file"),
    (lambda path: write_config(path.parent, 20), "but vocab_size is 20 in ")])
def test_refusals_of_the_command_line(project, spoil, said):
  spoil(project / "spiece.model")
  result = run_squad(project)
  assert result.returncode == 1 and result.stderr.count("\n") == 1
  assert result.stderr.startswith(
      "run_squad.py: --spm_model_file=%s" % (project / "spiece.model"))
  assert said in result.stderr


def test_a_model_that_is_cut_at_any_byte_is_refused(model):
  """SentencePiece itself takes one that is cut between two pieces."""
  content = model.read_bytes()
  for length in range(len(content)):
    model.write_bytes(content[:length])
    with pytest.raises(ValueError, match="is truncated, or is not a model" if (
        length > 1) else "is empty; copy"):
      sentencepiece_tokenizer.load(str(model))


@pytest.mark.parametrize("content, words", [
    (b"[PAD]\n[UNK]\n", "is truncated, or is not a model"),
    (b"\xff" * 99, "is truncated, or is not a model"),
    (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
    (b"", "is empty; copy or download it again")])
def test_other_files_are_refused(content, words, model):
  model.write_bytes(content)
  with pytest.raises(ValueError, match=words) as error:
    sentencepiece_tokenizer.load(str(model))
  assert str(error.value).startswith("--spm_model_file=%s " % model)


def test_a_model_without_the_pieces_of_albert_is_refused(model):
  spm_model.write(model, special=("<pad>", "<unk>", "[CLS]"))
  with pytest.raises(ValueError, match=r"has no piece \[SEP\]; should be the "):
    sentencepiece_tokenizer.load(str(model))


def test_without_the_package_the_command_is_named(model, monkeypatch):
  monkeypatch.setitem(sys.modules, "sentencepiece", None)
  with pytest.raises(ValueError, match="bash setup_env.sh requirements-models.txt"):
    sentencepiece_tokenizer.load(str(model))


@pytest.mark.parametrize("split, sees_case", [
    (list, True), (lambda text: list(text.lower()), False)])
def test_some_models_lower_case_by_themselves(split, sees_case):
  vocab = sentencepiece_tokenizer.Vocabulary([("a", 0), ("<unk>", 1)], split)
  assert sentencepiece_tokenizer.SentencePieceTokenizer(
      vocab, False).SEES_CASE == sees_case
