"""cmrc_data.py: words, labels and texts are those of the published script."""

import json

import numpy as np
import pytest

from attention_zones.data import cmrc_data
from attention_zones.data import windows
from attention_zones.data.windows import WindowSizes
import tokenization


def paragraph(context):
  return cmrc_data.split_words(context)


@pytest.mark.parametrize("context, words", [
    ("在2008年", ["在", "2008", "年"]),
    ("iPhone 6s，A-b", ["iPhone", "6s", "，", "A", "-", "b"]),
    ("a\t\r\n\u202fb\u2581c", ["a", "b", "c"]),
    # What is no word of its own: other punctuation, other spaces, kana, Hangul.
    ("a.b:c!d【e】…\u3000\u00a0\u200bか한", ["a.b:c!d【e】…\u3000\u00a0\u200bか한"]),
    ("“a”‘b’『c』", ["“", "a", "”", "‘", "b", "’", "『", "c", "』"]),
    # One of each end of a block, and their neighbours outside.
    ("\u33ff\u3400\u4dbf\u4dc0\U0002a6df\U0002a6e0",
     ["\u33ff", "\u3400", "\u4dbf", "\u4dc0", "\U0002a6df", "\U0002a6e0"]),
    ("", []), (" \u2581", [])])
def test_words(context, words):
  split = paragraph(context)
  assert split.words == words and split.context == context
  assert all(context.startswith(word, start)
             for word, start in zip(split.words, split.starts))


@pytest.mark.parametrize("context, text, start, label", [
    ("他在北京。", "北京", 2, "北京"),
    # Whole words, however little of them is the answer.
    ("在iPhone里", "Phone", 2, "iPhone"),
    # Up to 3 characters to the left; then the last try is kept.
    ("一二三四五六七八", "二三", 4, "二三"),
    ("一二三四五六七八", "二三", 5, "三四"),
    # The script would go on from the end of the passage.
    ("一二三四五六七八", "九", 1, "一"), ("一二", "二三", 1, "一二"),
    # White space at the ends, and one mark at the start, are left out.
    ("一 二三 四", " 二三 ", 1, "二三"),
    ("一。二三", "。二三", 1, "二三"),
    ("一。，二三", "。，二三", 1, "，二三"),
    ("一？二三", "？二三", 1, "？二三"),
    # The script would label what follows the answer.
    ("一。二", "。", 1, "。"),
    # The script shifts what follows U+2581, or stops.
    ("一\u2581二三", "二三", 2, "二三"), ("一二\u2581", "二\u2581", 1, "二"),
    # The script stops with an IndexError.
    ("", "", 0, None), ("一", "", 0, None), ("一 二", " ", 1, None),
    ("一二", "二三四", 1, None), ("一二", "一", 9, None), ("一二", "一", -1, None)])
def test_labels(context, text, start, label):
  found = cmrc_data.find_answer(paragraph(context), text, start)
  assert (found and context[found[0]:found[1]]) == label


def tokenizer_of(*pieces):
  return tokenization.FullTokenizer({
      piece: i for i, piece in enumerate(tokenization.SPECIAL_TOKENS + pieces)})


@pytest.mark.parametrize("context, first, last, expected", [
    # With nothing between words, and in the passage's own case.
    ("Ab ab，", 0, 1, "Abab"), ("xAb", 1, 1, "Ab"), ("xÁb", 1, 1, "Áb"),
    # Where the two cannot be aligned: all words that the span touches.
    ("xab\u200b yx", 1, 1, "xab\u200b"), ("abz y", 0, 0, "abz"),
    ("ab\u3000y x", 0, 1, "ab\u3000y"),
    # The first that reads alike, wherever the pieces are.
    ("xAB ab", 1, 2, "ABab"), ("ab xAb", 2, 2, "Ab")])
def test_text_of_a_span(context, first, last, expected):
  tokenizer = tokenizer_of("ab", "x", "y", "，", "##ab")
  passage = windows.TokenizedParagraph(paragraph(context), tokenizer)
  assert cmrc_data.span_text(
      passage, first, last, tokenizer.basic_tokenizer) == expected


def write(folder, *paragraphs, **members):
  """A data set of paragraphs (context, answers): its path, a str."""
  path = folder / "data.json"
  path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": [
      {"context": context, "qas": [dict(
          {"id": "Q%d" % i, "question": "问？", "answers": answers}, **members)]}
      for i, (context, answers) in enumerate(paragraphs)]}]}))
  return str(path)


def answer(text, start):
  return [{"text": text, "answer_start": start}]


def test_reads_words_and_labels(tmp_path):
  path = write(tmp_path, ("他 在北京。", answer("，在北", 2)), ("", answer("", 0)))
  examples, _ = cmrc_data.read_examples(path, False)
  assert [e.paragraph.words for e in examples] == [
      ["他", "在", "北", "京", "。"], []]
  (example,), dropped = cmrc_data.read_examples(path, True)
  assert (example.answer_start, example.answer_end) == (0, 3)
  assert dropped == ["Q1"]
  assert cmrc_data.remarks([example]) == [
      "1 of 1 questions are labelled with words that do not read like their "
      "answer, as in the published script; 'Q0' is the first"]


def test_questions_without_answers_can_be_predicted_only(tmp_path):
  """The published script stops in both cases."""
  path = write(tmp_path, ("他在北京。", []))
  examples, dropped = cmrc_data.read_examples(path, False)
  assert [e.qas_id for e in examples] == ["Q0"] and dropped == []
  with pytest.raises(ValueError) as caught:
    cmrc_data.read_examples(path, True)
  assert str(caught.value).startswith(
      path + ": data[0].paragraphs[0].qas[0] has no answer; a question to train on "
      "should have one")


@pytest.mark.parametrize("paragraphs, members, message", [
    ([("Oslo is here.", answer("Oslo", 0))], {}, "no passage has a Chinese char"),
    ([("他在北京。", [])], {"is_impossible": True},
     "data[0].paragraphs[0].qas[0] is the first of 1 questions with is_impossible "
     "true, as SQuAD v2.0 has them; they need --version_2_with_negative=True, with "
     "--dataset=squad")])
def test_squad_is_refused(tmp_path, paragraphs, members, message):
  path = write(tmp_path, *paragraphs, **members)
  with pytest.raises(ValueError) as caught:
    cmrc_data.read_examples(path, False)
  assert str(caught.value).startswith("%s: %s" % (path, message))


def test_remarks():
  one = cmrc_data.squad_data.Example(
      "DEV_1_QUERY_0", "问", paragraph("一\u2581二"), 2, 3, "二", False)
  assert cmrc_data.remarks([one]) == [
      "1 of 1 questions have U+2581 in their passage, which ends a word and is in "
      "no answer; 'DEV_1_QUERY_0' is the first"]
  line, = cmrc_data.squad_data.RULES.remarks([one])
  assert line.startswith("has the ids of CMRC 2018; --dataset=cmrc2018 ")
  assert cmrc_data.squad_data.RULES.remarks([one, one._replace(qas_id="q")]) == []


@pytest.fixture(scope="module")
def chinese(shared):
  return tokenization.FullTokenizer(tokenization.load_vocab(
      str(shared / "models" / "vocab" / "chinese.txt")))


@pytest.mark.parametrize("name, is_training, sizes", [
    ("features.trial.192", False, (192, 64, 32)),
    ("features.trial.512", False, (512, 128, 64)),
    ("features.train-trial.192", True, (192, 64, 32))])
def test_agrees_with_the_published_features(
    shared, chinese, name, is_training, sizes):
  published = np.load(str(shared / "golden" / "cmrc2018" / (name + ".npz")))
  examples, dropped = cmrc_data.read_examples(
      str(shared / "data" / "cmrc2018_trial.json"), is_training)
  assert (len(examples), dropped) == (1002, [])
  examples = examples[:200]
  words = json.loads(published["doc_tokens"].tobytes().decode("utf-8"))
  assert [e.paragraph.words for e in examples] == [
      words[i] for i in published["doc_of_example"]]
  made = list(windows.make_windows(
      examples, chinese, WindowSizes(*sizes), is_training))
  assert [w.example_index for w in made] == published["example_index"].tolist()
  lengths = published["input_mask"].sum(1)
  assert [w.input_ids for w in made] == [
      ids[:length].tolist() for ids, length in zip(published["input_ids"], lengths)]
  # The span mask is 1 at [CLS] and in the passage.
  for window, span_mask in zip(made, published["input_span_mask"]):
    first = window.question_length + 2
    assert np.flatnonzero(span_mask).tolist() == [0] + list(
        range(first, first + window.passage_length))
  if is_training:
    for ours, theirs in (("start_position", "start_positions"),
                         ("end_position", "end_positions")):
      assert [getattr(w, ours) for w in made] == published[theirs].tolist()
  else:
    check_most_context(made, published["token_is_max_context"])


def check_most_context(made, published):
  """Compares where a token may start an answer; -1 is not in the passage."""
  spans = {}
  for window in made:
    spans.setdefault(window.example_index, []).append(
        (window.first_token, window.passage_length))
  for window, marks in zip(made, published):
    of_question = spans[window.example_index]
    number = of_question.index((window.first_token, window.passage_length))
    assert marks[marks >= 0].tolist() == [
        windows.max_context_window(of_question, token) == number
        for token in range(window.first_token,
                           window.first_token + window.passage_length)]


def test_agrees_with_the_published_script_on_hard_text(shared, chinese):
  folder = shared / "golden" / "cmrc2018"
  published = json.loads(
      (folder / "hard.features.json").read_text(encoding="utf-8"))
  compared = 0
  for is_training, part in ((False, "prediction"), (True, "training")):
    examples, dropped = cmrc_data.read_examples(
        str(folder / "hard.json"), is_training)
    # Where it stops with an IndexError, a question is left out.
    assert dropped == (["HARD_14_0"] if is_training else [])
    expected = {q["id"]: (passage, q) for passage in published.values()
                for q in passage[part].get("questions", ())}
    assert sorted(expected) == sorted(e.qas_id for e in examples)
    for example in examples:
      passage, question = expected[example.qas_id]
      assert example.paragraph.words == passage[part]["doc_tokens"]
      made = list(windows.make_windows(
          [example], chinese, WindowSizes(96, 32, 16), is_training))
      if is_training:
        assert [(w.start_position, w.end_position) for w in made] == [
            (w["start_position"], w["end_position"]) for w in question["windows"]]
        continue
      assert [w.input_ids for w in made] == [
          w["input_ids"] for w in question["windows"]]
      if question is passage[part]["questions"][0]:
        compared += check_texts(example, chinese, made, passage["final_texts"])
  assert compared == 660


def check_texts(example, tokenizer, made, published):
  """Compares the texts of spans; returns how many."""
  passage = windows.TokenizedParagraph(example.paragraph, tokenizer)
  for number, first, last, _, _, text in published:
    offset = made[number].first_token - made[number].question_length - 2
    assert cmrc_data.span_text(passage, first + offset, last + offset,
                               tokenizer.basic_tokenizer) == text
  return len(published)
