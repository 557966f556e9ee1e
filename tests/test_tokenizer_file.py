"""--tokenizer_file: a tokenizer of Hugging Face, from text to answers."""

import json

import pytest

from attention_zones.base import questions
from attention_zones.data import hf_tokenizer
from attention_zones.data import windows
import hf_tokenizers
import launcher
from more_languages import PASSAGES
import more_languages
import perfect_model
import tiny_model

tokenizers = pytest.importorskip("tokenizers", reason=(
    "the package tokenizers is missing: bash setup_env.sh requirements-models.txt"))


def run(folder, *flags):
  return tiny_model.run_squad(
      folder, "--vocab_file=", "--tokenizer_file=%s" % (folder / "tokenizer.json"),
      "--do_predict=True", *flags)


@pytest.mark.parametrize("flags, said", [
    (["--dataset=cmrc2018"], "the script of --dataset=cmrc2018 knows word pieces"),
    (["--spm_model_file=x"], "and --spm_model_file=x: give one of them"),
    (["--tokenizer_file=no.json"], "=no.json: there is no such file"),
    ([], "is another JSON file; should be a tokenizer.json")])
def test_refusals_of_the_command_line(tmp_path, flags, said):
  tiny_model.write_files(tmp_path)
  (tmp_path / "tokenizer.json").write_text("{}")
  result = run(tmp_path, *flags)
  assert result.returncode == 1 and result.stderr.count("\n") == 1
  assert result.stderr.startswith("run_squad.py: --tokenizer_file=")
  assert said in result.stderr


# A model that always picks the right pieces.

NAMES = ["xquad." + language for language in "en es ru ar hi th zh".split()] + [
    "cmrc2018_trial"]
# All together take minutes.
SLOW = {("byte_level_of_words", "xquad.en"), ("unigram", "xquad.ar")}


@pytest.mark.parametrize("kind, name", [
    pytest.param(kind, name, marks=(
        pytest.mark.slow if (kind, name) in SLOW else pytest.mark.thorough))
    for kind in sorted(hf_tokenizers.KINDS) for name in NAMES])
def test_nothing_is_lost_between_pieces_and_text(kind, name, shared, tmp_path):
  """Of real text of many languages; pieces that go on beyond an answer do lose."""
  data_file = shared / "data" / (name + ".json")
  texts = list(dict.fromkeys(questions.read(str(data_file), lambda q: q.context)))
  size = 4000 if kind == "unigram" else 1000
  path = tmp_path / "tokenizer.json"
  hf_tokenizers.write(path, hf_tokenizers.KINDS[kind](texts[:20], size))
  tokenizer = hf_tokenizer.load(str(path))
  scores = perfect_model.score(str(data_file), tokenizer)
  exact = scores["exact"]
  assert perfect_model.means(exact) == "EM 100.00 F1 100.00 n %d" % len(exact)
  assert len(scores["elsewhere"]) == (5 if name == "cmrc2018_trial" else 0)
  for text in texts:
    passage = windows.tokenize_passage(questions.split_words(text), tokenizer)
    assert passage.num_unexplained == 0
    hf_tokenizers.check_places(passage, tokenizer)


@pytest.mark.parametrize("kind", sorted(hf_tokenizers.KINDS))
def test_nothing_is_lost_in_more_languages(kind, tmp_path):
  texts = [context for context, _ in PASSAGES.values()]
  path = tmp_path / "tokenizer.json"
  hf_tokenizers.write(path, hf_tokenizers.KINDS[kind](texts, 700))
  tokenizer = hf_tokenizer.load(str(path))
  for language, (context, _) in PASSAGES.items():
    data_file = tmp_path / "data.json"
    data_file.write_text(json.dumps(more_languages.data_set(language)))
    exact = perfect_model.score(str(data_file), tokenizer)["exact"]
    assert perfect_model.means(exact) == "EM 100.00 F1 100.00 n 2", language
    passage = windows.tokenize_passage(questions.split_words(context), tokenizer)
    assert passage.num_unexplained == 0
    hf_tokenizers.check_places(passage, tokenizer)


def test_perfect_model_takes_a_tokenizer_file(tmp_path):
  data = {"data": [{"paragraphs": [{"context": "The \u0007first house.", "qas": [
      {"id": "1", "question": "?", "answers": [
          {"text": "first", "answer_start": 5}]}]}]}]}
  (tmp_path / "data.json").write_text(json.dumps(data))
  hf_tokenizers.write(
      tmp_path / "tokenizer.json", hf_tokenizers.byte_level_of_words(
          ["The first house."], 300))
  done = launcher.script(
      perfect_model.__file__, "--data_file=%s" % (tmp_path / "data.json"),
      "--tokenizer_file=%s" % (tmp_path / "tokenizer.json"))
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines()[0] == "EM 100.00 F1 100.00 n 1"
