"""perfect_model.py: nothing is lost between word pieces and text."""

import json

import pytest

import launcher
import perfect_model
import tokenization

# Vocabulary, --do_lower_case, data set, its questions with an answer, and how many
# answers begin or end inside a word piece.
FILES = [
    (vocab, do_lower_case, name, count, inside)
    for vocab, name, count, cased, lower in [
        ("multilingual-cased", "squad-train-head", 3807, 21, 21),
        ("multilingual-cased", "squad-dev-super-bowl-50", 810, 14, 13),
        ("multilingual-cased", "squad2-dev-head", 705, 1, 1),
        ("multilingual-cased", "xquad.en", 1190, 1, 1),
        ("multilingual-cased", "xquad.ar", 1190, 3, 6),
        ("multilingual-cased", "xquad.es", 1190, 1, 1),
        ("multilingual-cased", "xquad.hi", 1190, 2, 2),
        ("multilingual-cased", "xquad.ru", 1190, 0, 0),
        ("multilingual-cased", "xquad.th", 1190, 1, 4),
        ("multilingual-cased", "xquad.zh", 1190, 0, 0),
        ("multilingual-cased", "cmrc2018_dev", 3219, 1, 1),
        ("chinese", "cmrc2018_trial", 1002, 1, 0),
        ("uncased", "squad-train-head", 3807, None, 22),
        ("uncased", "squad-dev-super-bowl-50", 810, None, 16),
        ("uncased", "squad2-dev-head", 705, None, 1),
        ("uncased", "xquad.en", 1190, None, 1)]
    for do_lower_case, inside in ((False, cased), (True, lower))
    if inside is not None]

# Answers that do not stand at answer_start.
ELSEWHERE = {"cmrc2018_dev": 3, "cmrc2018_trial": 5}


# Large ones, and each text with the casing that its model does not have.
@pytest.mark.parametrize("vocab, do_lower_case, name, count, inside", [
    pytest.param(*file, marks=(
        pytest.mark.thorough if file[3] > 1200 or file[:2] == (
            "multilingual-cased", True) else pytest.mark.slow)) for file in FILES])
def test_real_text(shared, vocab, do_lower_case, name, count, inside):
  scores = perfect_model.score(
      str(shared / "data" / (name + ".json")), tokenization.FullTokenizer(
          str(shared / "models" / "vocab" / (vocab + ".txt")), do_lower_case))
  elsewhere = ELSEWHERE.get(name, 0)
  assert [len(scores[kind]) for kind in ("exact", "inside", "elsewhere")] == [
      count - inside - elsewhere, inside, elsewhere]
  assert perfect_model.means(scores["exact"]) == (
      "EM 100.00 F1 100.00 n %d" % (count - inside - elsewhere))


CONTEXT = "Ann (born 1895) met the Smiths."


def answer(number, text, start):
  return {"id": number, "question": "?", "answers": [
      {"text": text, "answer_start": start}]}


def test_prints_what_is_right_and_what_is_left_out(tmp_path):
  data = {"data": [{"paragraphs": [{"context": CONTEXT, "qas": [
      answer(1, "Ann", 0), answer(2, "1895", 10), answer(3, "Smith", 24),
      answer(4, "met", 17),
      {"id": 5, "question": "?", "answers": [], "is_impossible": True}]}]}]}
  (tmp_path / "data.json").write_text(json.dumps(data))
  (tmp_path / "vocab.txt").write_text("\n".join(
      tokenization.SPECIAL_TOKENS + (
          "ann", "(", ")", "born", "1895", "met", "the", "smiths", ".")))
  done = launcher.script(
      perfect_model.__file__, "--data_file=%s" % (tmp_path / "data.json"),
      "--vocab_file=%s" % (tmp_path / "vocab.txt"), "--do_lower_case")
  assert done.returncode == 0, done.stderr
  # At 17 stand "et " and the word pieces of "met the".
  assert done.stdout.splitlines() == [
      "EM 100.00 F1 100.00 n 2",
      "left out: 1 begin or end inside a word piece, 1 not at answer_start",
      "all: EM 75.00 F1 75.00 n 4"]


def test_names_a_file_that_is_no_data_set(tmp_path):
  (tmp_path / "data.json").write_text("[]")
  (tmp_path / "vocab.txt").write_text("a\n")
  done = launcher.script(
      perfect_model.__file__, "--data_file=%s" % (tmp_path / "data.json"),
      "--vocab_file=%s" % (tmp_path / "vocab.txt"))
  assert done.returncode == 1
  assert done.stderr == (
      "perfect_model.py: %s is an array; should be an object with 'data'\n"
      % (tmp_path / "data.json"))
