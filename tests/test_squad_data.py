"""squad_data.py: SQuAD's JSON to validated examples."""

import gzip
import json

import pytest

from attention_zones.data import squad_data

#          0  3    8    13     20  24  28
CONTEXT = "In 1895 (the year), Ann met Bob."


def qa(name="q0", text="1895", offset=3, **others):
  return dict({"id": name, "question": "When?",
               "answers": [{"text": text, "answer_start": offset}]}, **others)


def squad(*qas, context=CONTEXT):
  return {"version": "1.1", "data": [
      {"title": "t", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


@pytest.fixture
def data_file(tmp_path):
  """A function that writes JSON, or bytes, to a file and returns its path."""
  def write(content):
    path = tmp_path / "train.json"
    if not isinstance(content, bytes):
      content = json.dumps(content).encode("ascii")
    path.write_bytes(content)
    return str(path)
  return write


@pytest.mark.parametrize("context, words, starts", [
    ("Ann met  Bob.", ["Ann", "met", "Bob."], [0, 4, 9]),
    ("a\u00a0b c\u202fd\te\r\nf", ["a\u00a0b", "c", "d", "e", "f"],
     [0, 4, 6, 8, 11]),
    # Of white space that is not ASCII only U+202F separates words.
    (" a\u3000b\u2003c\u2028d\x0be ", ["a\u3000b\u2003c\u2028d\x0be"], [1]),
    ("", [], []),
    (" \n", [], []),
])
def test_words(data_file, context, words, starts):
  path = data_file(squad(qa(), context=context))
  examples, _ = squad_data.read_examples(path, False)
  assert examples[0].paragraph == (context, words, starts)


def test_reads_questions_in_their_order(data_file):
  second = {"paragraphs": [{"context": "x", "qas": [qa("q9")]},
                           {"context": "y", "qas": [qa("q3")]}]}
  content = squad(qa("q2"), qa("q1", question="Who?"))
  content["data"].append(second)
  examples, dropped = squad_data.read_examples(data_file(content), False)
  assert dropped == []
  assert [(e.qas_id, e.question, e.paragraph.context) for e in examples] == [
      ("q2", "When?", CONTEXT), ("q1", "Who?", CONTEXT), ("q9", "When?", "x"),
      ("q3", "When?", "y")]
  # One object, so that its tokens are found once.
  assert examples[0].paragraph is examples[1].paragraph


def test_prediction_does_not_look_at_answers(data_file):
  for answers in ({}, {"answers": []}, {"answers": 5}):
    question = dict({"id": "q0", "question": "When?"}, **answers)
    examples, _ = squad_data.read_examples(data_file(squad(question)), False)
    assert examples[0][3:8] == (-1, -1, "", False, 0)


@pytest.mark.parametrize("text, offset, start, end", [
    ("In", 0, 0, 2),
    ("1895", 3, 3, 7),
    # Parts of words, space at the ends.
    ("the year", 9, 9, 17),
    ("ear), A", 14, 14, 21),
    ("Bob", 28, 28, 31),
    ("Bob.", 28, 28, 32),
    (CONTEXT, 0, 0, 32),
    (" Ann", 19, 19, 23),
    ("1895 ", 3, 3, 8),
    # An offset that is wrong within its word still finds it.
    ("895", 3, 4, 7),
])
def test_where_answers_stand(data_file, text, offset, start, end):
  path = data_file(squad(qa(text=text, offset=offset)))
  examples, dropped = squad_data.read_examples(path, True)
  assert dropped == []
  assert examples[0][3:8] == (start, end, text, False, 1)


# All white space of Unicode, of which some are control characters, too.
SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("pattern, text, offset", [
    ("Up to 30_% of it", "30_%", 6), ("Up to 30__% of it", "30__%", 6),
    ("__30 %", "_30 %", 1), ("30 %__", "30 %_", 0), ("_a_", "_a_", 0)])
def test_an_answer_that_stands_there_is_taken(
    data_file, space, pattern, text, offset):
  pattern, text = pattern.replace("_", space), text.replace("_", space)
  path = data_file(squad(qa(text=text, offset=offset), context=pattern))
  examples, dropped = squad_data.read_examples(path, True)
  assert dropped == []
  assert examples[0][3:8] == (offset, offset + len(text), text, False, 1)


@pytest.mark.parametrize("context, text, offset, found", [
    ("a b \n c d", "b \n c", 2, "b \n c"),
    ("a b \n c d", "b\t\u202f\nc", 2, "b \n c"),
    ("a b \n c d", "b c", 2, "b \n c"),
    ("a b\u00a0c d", "b c", 2, "b\u00a0c"),
    ("a b\u3000c d", "b  c", 2, "b\u3000c"),
    ("a b c d", "b\u2009c", 2, "b c"),
    ("b c", "b \n c", 0, "b c"),
    ("\u3000\u3000b c", " b", 1, "b"),
    ("a b c", " c", 4, "c"),
])
def test_white_space_may_differ(data_file, context, text, offset, found):
  path = data_file(squad(qa(text=text, offset=offset), context=context))
  (example,), dropped = squad_data.read_examples(path, True)
  assert dropped == []
  assert context[example.answer_start:example.answer_end] == found
  assert example.answer_text == text


@pytest.mark.parametrize("offset, start", [(0, 4), (8, 4), (13, 16), (14, 16)])
def test_a_wrong_offset_finds_the_nearest(data_file, offset, start):
  # No space between words: all that stands there is one word.
  context = "\u5efa\u4e8e\u5728\u72821820\u5e74\uff0c\u53c8\u4e8e\u72821820\u5e74"
  context = context[:12] + "xxxx" + context[13:]
  path = data_file(squad(qa(text="1820", offset=offset), context=context))
  (example,), _ = squad_data.read_examples(path, True)
  assert (example.answer_start, example.answer_end) == (start, start + 4)


@pytest.mark.parametrize("text, offset", [
    ("1895", 8), ("1896", 3), ("", 3), ("1895", -1), ("Bob.", 29),
    ("1895", 10 ** 12), ("ann", 20), (" ", 2), (" \u00a0", 2)])
def test_drops_an_answer_that_does_not_stand_there(data_file, text, offset):
  path = data_file(squad(qa("good"), qa("bad", text, offset), qa("fine")))
  examples, dropped = squad_data.read_examples(path, True)
  assert [example.qas_id for example in examples] == ["good", "fine"]
  assert dropped == ["bad"]


def test_drops_an_answer_in_space_before_the_first_word(data_file):
  path = data_file(squad(qa("good", "a", 2), qa("bad", " ", 0), context="  a"))
  assert squad_data.read_examples(path, True)[1] == ["bad"]


def test_the_first_of_several_answers_is_taken(data_file):
  year, name = ({"text": text, "answer_start": CONTEXT.index(text)}
                for text in ("1895", "Ann"))
  path = data_file(squad(
      qa("q0", answers=[name, year]), qa("q1", answers=[year] * 3),
      qa("q2", answers=[year])))
  examples, dropped = squad_data.read_examples(path, True)
  assert [e[3:9] for e in examples] == [
      (20, 23, "Ann", False, 2, 0), (3, 7, "1895", False, 3, 0),
      (3, 7, "1895", False, 1, 0)]
  assert dropped == []


@pytest.mark.parametrize("first", [
    {"text": "1896", "answer_start": 3}, {"text": "1895", "answer_start": 10},
    {"text": "", "answer_start": 3}, {"text": " ", "answer_start": 2},
    # SQuAD-es, and what exports make of it.
    {"text": "", "answer_start": -1}, {"text": None, "answer_start": None},
    {"text": ""}])
def test_a_later_answer_is_taken_where_the_first_does_not_stand(data_file, first):
  name = {"text": "Ann", "answer_start": 20}
  path = data_file(squad(
      qa("later", answers=[first, first, name]), qa("none", answers=[first]),
      qa("good")))
  (later, _), dropped = squad_data.read_examples(path, True)
  assert later[3:9] == (20, 23, "Ann", False, 3, 2)
  assert dropped == ["none"]
  # --gold_logp has all that stand there.
  assert gold_of(path) == {
      "later": [(20, 23)], "none": [], "good": [(3, 7)]}


def gold_of(path):
  """Where --gold_logp finds the answers: dict from id to list of (start, end)."""
  examples, _ = squad_data.read_examples(path, False, True, with_gold=True)
  return {example.qas_id: list(example.gold) for example in examples}


@pytest.mark.parametrize("offset", ["3", " 3 ", "3.0", 3.0])
def test_an_offset_may_be_a_string(data_file, offset):
  path = data_file(squad(qa(offset=offset)))
  (example,), _ = squad_data.read_examples(path, True)
  assert example.answer_start == 3
  assert gold_of(path) == {"q0": [(3, 7)]}


@pytest.mark.parametrize("answer", [
    {"text": "1895", "answer_start": None}, {"text": "1895"}])
def test_an_answer_without_offset_stands_nowhere(data_file, answer):
  path = data_file(squad(qa("q0", answers=[answer]), qa("q1")))
  examples, dropped = squad_data.read_examples(path, True)
  assert [example.qas_id for example in examples] == ["q1"] and dropped == ["q0"]
  assert gold_of(path) == {"q0": [], "q1": [(3, 7)]}


def test_answers_may_be_columns(data_file):
  """As in Hugging Face's data sets, where impossible questions have empty ones."""
  columns = lambda *pairs: {"text": [text for text, _ in pairs],
                            "answer_start": [start for _, start in pairs]}
  path = data_file(squad(
      qa("q0", answers=columns(("1896", 3), ("1895", 3))),
      qa("q1", answers=columns()), qa("q2", answers=[])))
  examples, _ = squad_data.read_examples(path, True, version_2_with_negative=True)
  assert [example[3:9] for example in examples] == [
      (3, 7, "1895", False, 2, 1)] + 2 * [(-1, -1, "", True, 0, 0)]
  assert gold_of(path) == {"q0": [(3, 7)], "q1": [], "q2": []}


@pytest.mark.parametrize("value, right", [
    ("true", True), ("True", True), (1, True), (" false", False), ("FALSE", False),
    (0, False), (None, False)])
def test_how_is_impossible_is_spelled(data_file, value, right):
  path = data_file(squad(qa("q0"), qa("q1", is_impossible=value)))
  for is_training in (True, False):
    examples, _ = squad_data.read_examples(path, is_training, True)
    assert [example.is_impossible for example in examples] == [False, right]


def test_the_ids_of_klue(data_file):
  path = data_file(squad({"guid": "g0", **without("id")},
                         {"guid": "g1", **qa("q1")}))
  examples, _ = squad_data.read_examples(path, True)
  assert [example.qas_id for example in examples] == ["g0", "q1"]
  assert list(gold_of(path)) == ["g0", "q1"]


@pytest.mark.parametrize("is_training", [True, False])
def test_numeric_ids(data_file, is_training):
  path = data_file(squad(*[qa(name) for name in (9101, 0, -3, 10 ** 30, "x")]))
  examples, _ = squad_data.read_examples(path, is_training)
  assert [example.qas_id for example in examples] == [
      "9101", "0", "-3", "1" + "0" * 30, "x"]


def test_questions_without_an_answer(data_file):
  impossible = {"id": "q1", "question": "Why?", "answers": [],
                "is_impossible": True}
  path = data_file(squad(qa("q0", is_impossible=False), impossible, qa("q2")))
  examples, dropped = squad_data.read_examples(
      path, True, version_2_with_negative=True)
  assert dropped == []
  assert [example[3:8] for example in examples] == [
      (3, 7, "1895", False, 1), (-1, -1, "", True, 0),
      (3, 7, "1895", False, 1)]


@pytest.mark.parametrize("others", [{}, {"answers": None}, {"answers": []}])
def test_an_impossible_question_may_lack_answers(data_file, others):
  """KLUE has only plausible_answers there."""
  path = data_file(squad(qa("q0"), dict({
      "id": "q1", "question": "Why?", "is_impossible": True,
      "plausible_answers": [{"text": "1895", "answer_start": 3}]}, **others)))
  examples, _ = squad_data.read_examples(path, True, version_2_with_negative=True)
  assert [example.is_impossible for example in examples] == [False, True]
  assert gold_of(path) == {"q0": [(3, 7)], "q1": []}


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_accepts_a_byte_order_mark(data_file, prefix):
  path = data_file(prefix + json.dumps(
      squad(qa(), context="1\u00e9\u20ac\U0001f600"),
      ensure_ascii=False).encode("utf-8"))
  examples, _ = squad_data.read_examples(path, False)
  assert examples[0].paragraph.context == "1\u00e9\u20ac\U0001f600"


def without(key):
  return {name: value for name, value in qa("q1").items() if name != key}


IN_PARAGRAPH = ": data[0].paragraphs[0]"

REFUSED = [
    (b"", " is empty"),
    (json.dumps(squad(qa())).encode("ascii")[:-20], "not JSON, or cut off"),
    (b"<!DOCTYPE html><html></html>", " is a web page"),
    # An id of its own: the bytes have the time of day in them.
    pytest.param(gzip.compress(b"{}"),
                 " is packed with gzip; unpack it with gunzip", id="gzip"),
    (b'"caf\xe9"', "not a text file in UTF-8"),
    (b'{"data": [], "data": []}',
     'more than once in one object: 1 key ("data"); keep one'),
    (b"[" * 100000, "nested too deeply"),
    ([], " is an array; should be an object with 'data'"),
    ({}, " has no 'data', which should be an array"),
    ({"data": {}}, ": 'data' is an object; should be an array"),
    ({"data": []}, " holds no question"),
    ({"data": ["x"]},
     ': data[0] is "x"; should be an object with \'paragraphs\''),
    ({"data": [{"paragraphs": None}]},
     ": data[0]: 'paragraphs' is null; should be an array"),
    (squad(qa(), context=5),
     IN_PARAGRAPH + ": 'context' is 5; should be a string"),
    ({"data": [{"paragraphs": [{"context": ""}]}]},
     IN_PARAGRAPH + " has no 'qas', which should be an array"),
    (squad(qa(), without("id")),
     IN_PARAGRAPH + ".qas[1] has no 'id', which should be a string"),
    (squad(qa(), without("question")),
     IN_PARAGRAPH + ".qas[1] has no 'question', which should be a string"),
    (squad(qa(), without("answers")),
     IN_PARAGRAPH + ".qas[1] has no 'answers', which should be an array"),
    (squad(qa(), 7),
     IN_PARAGRAPH + ".qas[1] is 7; should be an object with 'id'"),
    (squad(qa(7.0)), IN_PARAGRAPH + ".qas[0]: 'id' is 7.0; should be a string"),
    (squad(qa(True)),
     IN_PARAGRAPH + ".qas[0]: 'id' is true; should be a string"),
    (squad(qa(None)),
     IN_PARAGRAPH + ".qas[0]: 'id' is null; should be a string"),
    (squad(qa(7), qa("7")),
     ': used more than once: 1 id ("7"); ids must differ'),
    (squad(qa(), qa("q1", answers=[])),
     IN_PARAGRAPH + ".qas[1] has no answer; a question to train on should have "
     "one, or be marked is_impossible and read with "
     "--version_2_with_negative=True"),
    (squad(qa(answers=["1895"])),
     IN_PARAGRAPH + ".qas[0].answers[0] is \"1895\"; should be an object with "
     "'text'"),
    (squad(qa(answers={"text": ["1895"], "answer_start": [3, 4]})),
     IN_PARAGRAPH + ".qas[0].answers has arrays of different lengths"),
    (squad(qa(answers={"text": "1895"})),
     IN_PARAGRAPH + ".qas[0].answers: 'text' is \"1895\"; should be an array"),
    (squad(qa(text=5)),
     IN_PARAGRAPH + ".qas[0].answers[0]: 'text' is 5; should be a string"),
    (squad(qa(offset="3rd")),
     IN_PARAGRAPH + ".qas[0].answers[0]: 'answer_start' is \"3rd\"; should be a "
     "whole number"),
    (squad(qa(offset=3.5)),
     IN_PARAGRAPH + ".qas[0].answers[0]: 'answer_start' is 3.5; should be a whole "
     "number"),
    (squad(qa(offset=True)),
     IN_PARAGRAPH + ".qas[0].answers[0]: 'answer_start' is true; should be a "
     "whole number"),
    (squad(qa("a"), qa("b"), qa("b"), qa("a"), qa("c")),
     ': used more than once: 2 ids ("a", "b"); ids must differ'),
    (squad(qa(), qa("q1", is_impossible="yes")),
     IN_PARAGRAPH + ".qas[1]: 'is_impossible' is \"yes\"; should be true or "
     "false"),
]


@pytest.mark.parametrize("content, message", REFUSED)
def test_refuses(data_file, content, message):
  path = data_file(content)
  with pytest.raises(ValueError) as caught:
    squad_data.read_examples(path, True)
  assert str(caught.value).startswith(path)
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


def test_counts_the_faulty_places(data_file):
  """A paragraph or an article counts as one, whatever it holds."""
  content = squad(qa("q0"), without("id"), 7, qa("q3", question=None),
                  qa("q4", offset="x"))
  content["data"] += [
      5, {"paragraphs": [{"qas": [qa("q5")]}, {"context": "x"}]}]
  for is_training, count in ((True, 7), (False, 6)):
    with pytest.raises(ValueError) as caught:
      squad_data.read_examples(data_file(content), is_training)
    assert str(caught.value).endswith(
        IN_PARAGRAPH + ".qas[1] has no 'id', which should be a string; the "
        "first of %d faulty places" % count)


def test_one_faulty_place_is_not_counted(data_file):
  with pytest.raises(ValueError) as caught:
    squad_data.read_examples(data_file(squad(qa("q0"), without("id"))), True)
  assert str(caught.value).endswith("which should be a string")


@pytest.mark.parametrize("is_training", [True, False])
def test_refuses_negative_questions_without_the_flag(data_file, is_training):
  impossible = {"answers": [], "is_impossible": True}
  path = data_file(squad(qa("q0"), qa("q1", **impossible), qa("q2"),
                         qa("q3", **impossible)))
  with pytest.raises(ValueError) as caught:
    squad_data.read_examples(path, is_training)
  assert str(caught.value) == (
      path + IN_PARAGRAPH + ".qas[1] is the first of 2 questions with "
      "is_impossible true, as SQuAD v2.0 has them; they need "
      "--version_2_with_negative=True, with --dataset=squad")


def test_all_answers_may_be_dropped(data_file):
  path = data_file(squad(qa("q0", text="1896"), qa("q1", offset=-3)))
  assert squad_data.read_examples(path, True) == ([], ["q0", "q1"])


def test_an_absent_file_is_named(tmp_path):
  path = str(tmp_path / "absent.json")
  with pytest.raises(FileNotFoundError, match="absent.json"):
    squad_data.read_examples(path, False)


@pytest.mark.parametrize("name, is_training, count", [
    ("xquad.en.120", False, 124), ("xquad.en", False, 1190),
    ("squad-train-head", True, 3807)])
def test_real_text(shared, name, is_training, count):
  path = str(shared / "data" / (name + ".json"))
  examples, dropped = squad_data.read_examples(path, is_training)
  assert (len(examples), len(dropped)) == (count, 0)
