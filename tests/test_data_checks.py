"""data_checks.py: what is said about a data set."""

import sys

import pytest

from attention_zones.base import questions
from attention_zones.data import data_checks
from attention_zones.data import squad_data
import tokenization

JAMO = "\u1112\u1161\u11ab"  # what NFD makes of one Hangul syllable, U+D55C
PIECES = ["a", "##a", JAMO[0], "##" + JAMO[1], "##" + JAMO[2], "?"]
VOCAB = {token: index for index, token in enumerate(
    tokenization.SPECIAL_TOKENS + tuple(PIECES))}


def examples_of(*texts):
  """An example for each (context, question)."""
  return [
      squad_data.Example("q%d" % i, question,
                         questions.Paragraph(context, [], []), -1, -1, "",
                         False)
      for i, (context, question) in enumerate(texts)]


def remarks(texts, max_query_length, do_lower_case=True):
  tokenizer = tokenization.FullTokenizer(VOCAB, do_lower_case)
  return data_checks.remarks(examples_of(*texts), tokenizer, max_query_length)


def test_nothing_is_said_of_what_is_usual():
  assert remarks([("a", "a a ?"), ("?", "\ud55c")], 3) == []


def test_what_makes_no_token_is_empty():
  # "?" and [UNK] are tokens, a mark that lower-casing strips is none.
  assert remarks([("", "a"), ("\u2603", "?"), ("\u0301", "\u200b"),
                  ("a", "")], 9) == [
      "2 of 4 questions have an empty passage, which makes no window; they "
      "get no answer; 'q0' is the first",
      "2 of 4 questions are empty; 'q2' is the first"]
  assert remarks([("\u0301", "a")], 9, do_lower_case=False) == []


@pytest.mark.parametrize("question, tokens", [
    ("a a a a", 4), ("aaaa", 4), ("a?a?", 4), ("\ud55c a", 4),
    ("\u0130\u0130\u0130\u0130 aa a", 4),
    # Characters that are no token of their own do not count.
    ("  a  a\u0301\u0301\u0301\u0301\u200b aa", 4)])
def test_questions_that_are_cut(question, tokens):
  assert remarks([("a", question)], tokens) == []
  assert remarks([("a", "a"), ("a", question)], tokens - 1) == [
      "1 of 2 questions have more than --max_query_length=%d tokens and are "
      "cut; 'q1' is the first" % (tokens - 1)]


def test_several_answers_are_remarked_on_once():
  one, two, three = (example._replace(num_answers=count) for count, example in
                     zip((1, 2, 3), examples_of(*[("a", "a")] * 3)))
  tokenizer = tokenization.FullTokenizer(VOCAB)
  assert data_checks.remarks([one], tokenizer, 9) == []
  assert data_checks.remarks([one, two, three], tokenizer, 9) == [
      "2 of 3 questions have several answers, of which only the first is used for "
      "training; 'q1' is the first"]
  assert data_checks.remarks(
      [one, two, three._replace(answer_index=2)], tokenizer, 9) == [
      "1 of 3 questions have several answers, of which only the first is used for "
      "training; 'q1' is the first",
      "1 of 3 questions have a first answer that is empty, or not in the passage "
      "at answer_start; the first that stands there is used for training; 'q2' is "
      "the first"]


def test_a_letter_or_digit_is_never_lost():
  for do_lower_case in (False, True):
    tokenizer = tokenization.BasicTokenizer(do_lower_case)
    assert all(tokenizer.tokenize(character) for character in map(
        chr, range(sys.maxunicode + 1)) if character.isalnum())


def dropped(num_kept, num_dropped, folder, is_allowed=False):
  return data_checks.report_dropped(
      "train.json", num_kept, ["a", "b", "c"][:num_dropped], folder, is_allowed)


def test_one_in_twenty_may_be_dropped(tmp_path):
  folder = str(tmp_path)
  line = data_checks.report_dropped(
      "train.json", 19, ["caf\u00e9\ud83d"], folder)
  path = tmp_path / "train_dropped_ids.txt"
  assert line == (
      "train.json: 1 of 20 questions left out, because their answers are empty or "
      "not in the passage at answer_start; their ids are in %s" % path)
  assert path.read_bytes() == b"caf\xc3\xa9\\ud83d\n"
  assert dropped(38, 2, folder).startswith("train.json: 2 of 40 ")
  with pytest.raises(ValueError, match="2 of 39 .* more than 5 % .*"
                     "--allow_dropped=True"):
    dropped(37, 2, folder)
  assert path.read_text() == "a\nb\n"


@pytest.mark.parametrize("num_kept", [1, 5, 18])
def test_one_in_twenty_is_one_in_twenty_in_a_small_file_too(tmp_path, num_kept):
  said = "1 of %d " % (num_kept + 1)
  with pytest.raises(ValueError, match=said + ".* more than 5 %"):
    dropped(num_kept, 1, str(tmp_path))
  assert said in dropped(num_kept, 1, str(tmp_path), is_allowed=True)


def test_more_may_be_dropped_when_allowed(tmp_path):
  assert dropped(1, 3, str(tmp_path), is_allowed=True) == (
      "train.json: 3 of 4 questions left out, because their answers are empty or "
      "not in the passage at answer_start; their ids are in %s" % (
          tmp_path / "train_dropped_ids.txt"))


@pytest.mark.parametrize("is_allowed", [False, True])
@pytest.mark.parametrize("num_dropped", [1, 3])
def test_something_must_be_left_to_train_on(tmp_path, num_dropped, is_allowed):
  with pytest.raises(ValueError, match="%d of %d .* none is left to train on" % (
      num_dropped, num_dropped)) as caught:
    dropped(0, num_dropped, str(tmp_path), is_allowed)
  # No advice that does not help.
  assert "--allow_dropped" not in str(caught.value)


def unknown(texts, do_lower_case=True, vocab=VOCAB):
  tokenizer = tokenization.FullTokenizer(vocab, do_lower_case)
  return [line for line in data_checks.remarks(examples_of(*texts), tokenizer, 99)
          if "[UNK]" in line]


def test_many_unknown_word_pieces_are_remarked_on():
  # 5 of 500 word pieces are 1 %, of 499 more.
  assert unknown([("a " * 493 + "x " * 5, "a ?")]) == []
  assert unknown([("a " * 492 + "x " * 5, "a ?")]) == [
      "1.0 % of the word pieces are [UNK], words that the vocabulary lacks; is "
      "--vocab_file of another language? With --do_lower_case=False: 1.0 %"]
  # Of a passage that several questions share, once.
  paragraph = questions.Paragraph("x x x x", [], [])
  example = squad_data.Example("q", "a", paragraph, -1, -1, "", False)
  tokenizer = tokenization.FullTokenizer(VOCAB)
  assert data_checks.remarks([example] * 3, tokenizer, 9) == []
  assert len(data_checks.remarks(
      [example, example._replace(question="x")], tokenizer, 9)) == 1


def test_a_rare_sign_in_a_small_file_is_not():
  assert unknown([("x x x x", "a")]) == []


def test_the_other_casing_is_advised_where_it_helps():
  # Hangul is in pieces in this vocabulary, as lower-casing leaves it.
  assert unknown([("\ud55c " * 5 + "a", "?")], do_lower_case=False) == [
      "71.4 % of the word pieces are [UNK], words that the vocabulary lacks; give "
      "--do_lower_case=True, which leaves 0.0 %, or another --vocab_file"]
  whole = dict(VOCAB)
  whole.update({"\uc11c": len(whole)})
  assert unknown([("\uc11c " * 5 + "a", "?")], True, whole) == [
      "71.4 % of the word pieces are [UNK], words that the vocabulary lacks; give "
      "--do_lower_case=False, which leaves 0.0 %, or another --vocab_file"]


def test_a_large_file_is_sampled_over_all_of_it():
  texts = [("a a a a", "a")] * 1500 + [("x x x x", "a")] * 500
  assert unknown(texts)[0].startswith("20.0 % of the word pieces are [UNK]")


@pytest.mark.parametrize("name, vocab, do_lower_case, is_remarked", [
    ("xquad.en", "uncased", True, False),
    ("squad-train-head", "uncased", True, False),
    ("cmrc2018_dev", "chinese", True, False),
    ("xquad.zh", "multilingual-cased", False, False),
    ("xquad.th", "multilingual-cased", False, False),
    ("xquad.hi", "multilingual-cased", False, False),
    ("xquad.en", "uncased", False, True),
    ("xquad.ru", "uncased", False, True),
    ("xquad.en", "chinese", False, True),
    ("xquad.hi", "uncased", True, True),
    ("xquad.zh", "uncased", True, True),
    ("xquad.ar", "chinese", True, True),
])
def test_wrong_pairs_of_data_and_vocabulary_are_remarked_on(
    shared, name, vocab, do_lower_case, is_remarked):
  examples, _ = squad_data.read_examples(
      str(shared / "data" / (name + ".json")), False)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(str(shared / "models/vocab" / (vocab + ".txt"))),
      do_lower_case)
  lines = [line for line in data_checks.remarks(examples, tokenizer, 64)
           if "[UNK]" in line]
  assert len(lines) == is_remarked, lines
