"""data_checks.py: what is said about a data set."""

import sys

import pytest

import data_checks
import squad_data
import tokenization

JAMO = "\u1112\u1161\u11ab"  # what NFD makes of one Hangul syllable, U+D55C
PIECES = ["a", "##a", JAMO[0], "##" + JAMO[1], "##" + JAMO[2], "?"]
VOCAB = {token: index for index, token in enumerate(
    tokenization.SPECIAL_TOKENS + tuple(PIECES))}


def examples_of(*texts):
  """An example for each (context, question)."""
  return [
      squad_data.Example("q%d" % i, question,
                         squad_data.Paragraph(context, [], []), -1, -1, "",
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
      "2 of 4 questions have an empty passage, which makes no window; their "
      "answer is \"\"; 'q0' is the first",
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
      "2 of 3 questions have several answers, of which the first is trained on; "
      "'q1' is the first"]


def test_a_letter_or_digit_is_never_lost():
  for do_lower_case in (False, True):
    tokenizer = tokenization.BasicTokenizer(do_lower_case)
    assert all(tokenizer.tokenize(character) for character in map(
        chr, range(sys.maxunicode + 1)) if character.isalnum())


def test_one_in_twenty_may_be_dropped(tmp_path):
  folder = str(tmp_path)
  line = data_checks.report_dropped(
      "train.json", 19, ["caf\u00e9\ud83d"], folder)
  path = tmp_path / "train_dropped_ids.txt"
  assert line == (
      "train.json: 1 of 20 questions left out, their answer does not stand in "
      "the passage at answer_start; their ids are in %s" % path)
  assert path.read_bytes() == b"caf\xc3\xa9\\ud83d\n"
  with pytest.raises(ValueError, match="2 of 39 .* more than 5 % are too many"):
    data_checks.report_dropped("train.json", 37, ["a", "b"], folder)
  assert path.read_text() == "a\nb\n"
