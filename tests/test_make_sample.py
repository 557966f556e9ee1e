"""squad/make_sample.py: the data set of the demo."""

import json
import re
import subprocess
import sys

import pytest

from attention_zones.data import squad_data
import tokenization


def make(repository, folder, *flags):
  return subprocess.run(
      [sys.executable, str(repository / "squad" / "make_sample.py"),
       "--output_dir=%s" % folder] + list(flags),
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


@pytest.fixture(scope="module")
def sample(repository, tmp_path_factory):
  folder = tmp_path_factory.mktemp("sample")
  result = make(repository, folder, "--train_questions=4000")
  assert (result.returncode, result.stderr) == (0, "")
  return folder


def paragraphs(folder, name):
  data = json.loads((folder / name).read_text(encoding="utf-8"))
  return [p for article in data["data"] for p in article["paragraphs"]]


def questions(folder, name):
  """Yields (context, question, answer text, answer_start)."""
  for paragraph in paragraphs(folder, name):
    for qa in paragraph["qas"]:
      answer, = qa["answers"]
      yield (paragraph["context"], qa["question"], answer["text"],
             answer["answer_start"])


@pytest.mark.parametrize("name, count", [("train.json", 4000), ("dev.json", 400)])
def test_answers_stand_where_the_file_says(sample, name, count):
  examples, dropped = squad_data.read_examples(str(sample / name), True)
  assert (len(examples), dropped) == (count, [])
  for context, _, text, start in questions(sample, name):
    assert context[start:start + len(text)] == text


def test_half_of_the_answers_hold_a_word_of_the_question(sample):
  words = lambda text: set(re.findall("[A-Za-z]+", text)) - {"of", "the", "is", "a"}
  matched = [bool(words(question) & words(text))
             for _, question, text, _ in questions(sample, "train.json")]
  assert 0.45 < sum(matched) / len(matched) < 0.6


def test_has_long_passages_long_answers_and_repeated_answers(sample):
  everything = list(questions(sample, "dev.json"))
  lengths = [len(re.findall(r"\w+|\.", context)) for context, _, _, _ in everything]
  # The demo's windows have 40 tokens, the question's included.
  assert sum(length > 37 for length in lengths) > 10
  assert {len(text.split()) for _, _, text, _ in everything} >= {1, 2, 5}
  assert sum(context.count(text) > 1 for context, _, text, _ in everything) > 20


def test_the_vocabulary_covers_the_text(sample):
  vocab = tokenization.load_vocab(str(sample / "vocab.txt"))
  config = json.loads((sample / "bert_config.json").read_text())
  assert config["vocab_size"] == len(vocab)
  tokenizer = tokenization.FullTokenizer(vocab, do_lower_case=False)
  for context, question, _, _ in questions(sample, "dev.json"):
    assert "[UNK]" not in tokenizer.tokenize(context + " " + question)


def test_no_passage_is_in_both_files(sample):
  train, dev = ({p["context"] for p in paragraphs(sample, name)}
                for name in ("train.json", "dev.json"))
  assert not train & dev


def test_depends_on_the_seed_alone(repository, sample, tmp_path):
  same, other = tmp_path / "same", tmp_path / "other"
  make(repository, same, "--train_questions=4000")
  make(repository, other, "--train_questions=4000", "--seed=2")
  read = lambda folder: (folder / "train.json").read_bytes()
  assert read(same) == read(sample) != read(other)


def test_refuses_a_file_for_a_folder(repository, tmp_path):
  (tmp_path / "file").write_text("")
  result = make(repository, tmp_path / "file")
  assert result.returncode == 1
  assert len(result.stderr.splitlines()) == 1 and "file" in result.stderr
