"""eval_squad.py: the official evaluator's digits, and what it refuses."""

import json
import subprocess
import sys

import pytest

from attention_zones.figures import eval_pictures
from attention_zones.scores import scoring
import eval_squad

# The slice has all answers of squad2-dev-head.
GOLDEN = [
    ("whole", "superbowl.bert", "squad-dev-super-bowl-50", []),
    ("whole", "xquad.match-lstm_with_ans-ptr", "xquad.en", []),
    ("slice", "v2.nlnet.t1.0", "squad2-dev-head", ["-n", "v2.nlnet.na.json"]),
    ("slice", "v2.nlnet.t0.5", "squad2-dev-head",
     ["--na-prob-file", "v2.nlnet.na.json", "--na-prob-thresh", "0.5"]),
]


@pytest.mark.parametrize("golden, name, data, flags", GOLDEN, indirect=["golden"])
def test_prints_what_the_official_evaluator_printed(
    golden, capsys, name, data, flags):
  folder = golden.numbers / "eval"
  predictions = folder / (name.split(".t")[0] + ".pred.json")
  flags = [str(folder / flag) if flag.endswith(".json") else flag
           for flag in flags]
  assert eval_squad.main([str(golden.data / (data + ".json")),
                          str(predictions)] + flags) == 0
  printed = capsys.readouterr().out
  # As text, so that keys, their order and every digit are compared.
  assert printed.strip() == (folder / (name + ".eval.json")).read_text().strip()


@pytest.mark.parametrize("text, expected", [
    ("The  Broncos!", "broncos"),
    ("an apple a day", "apple day"),
    ("Theatre and Ana", "theatre and ana"),
    ("don't", "dont"),
    # Punctuation goes before articles do: "the" is a word only afterwards.
    ("(the)", ""),
    ("a-b", "ab"),
    # Only ASCII punctuation goes.
    ("\u201cX\u201d\u00a0Y", "\u201cx\u201d y"),
])
def test_normalize(text, expected):
  assert scoring.normalize(text) == expected


@pytest.mark.parametrize("golds, prediction, expected", [
    (("denver broncos",), "The Denver Broncos", (1, 1.0)),
    # 2 of 3 words, 2 of 2: 2 * (2/3) * 1 / (2/3 + 1).
    (("denver broncos", "x"), "Denver Broncos team", (0, 0.8)),
    # A word counts as often as both have it: 1 of 3, 1 of 2.
    (("b c",), "b b b", (0, 0.4)),
    (("",), "the", (1, 1)),
    (("",), "x", (0, 0)),
    (("x",), "", (0, 0)),
])
def test_answer_scores(golds, prediction, expected):
  exact, f1 = scoring.answer_scores(golds, prediction)
  assert exact == expected[0]
  # Two divisions, two products and a sum in float64, of numbers up to 2.
  assert f1 == pytest.approx(expected[1], rel=0, abs=2 * 5 * 2.0 ** -53 * 2)


def data_set(**answers):
  """A data set in which the question `id` has the listed gold answers."""
  qas = [{"id": name, "question": "?",
          "answers": [{"text": text, "answer_start": 0} for text in texts]}
         for name, texts in answers.items()]
  return {"data": [{"title": "t", "paragraphs": [{"context": "", "qas": qas}]}]}


@pytest.fixture
def files(tmp_path):
  """Writes JSON files; returns their paths."""
  def write(**contents):
    paths = []
    for name, content in contents.items():
      path = tmp_path / (name + ".json")
      if not isinstance(content, str):
        content = json.dumps(content)
      path.write_text(content, encoding="utf-8")
      paths.append(str(path))
    return paths
  return write


def test_a_question_with_only_an_article_as_answer(files, capsys):
  # It has an answer, as the official evaluator counts, whose gold is "".
  assert eval_squad.main(files(
      data=data_set(q1=["the"], q2=[], q3=["x"]),
      pred={"q1": "a", "q2": "", "q3": "y"})) == 0
  assert json.loads(capsys.readouterr().out) == {
      "exact": 200 / 3, "f1": 200 / 3, "total": 3,
      "HasAns_exact": 50.0, "HasAns_f1": 50.0, "HasAns_total": 2,
      "NoAns_exact": 100.0, "NoAns_f1": 100.0, "NoAns_total": 1}


def test_threshold_is_exclusive(files, capsys):
  data, predictions, na_probs = files(
      data=data_set(q1=["x"], q2=[]), pred={"q1": "x", "q2": "y"},
      na={"q1": 0.25, "q2": 0.5})
  assert eval_squad.main([data, predictions, "-n", na_probs, "-t", "0.25"]) == 0
  results = json.loads(capsys.readouterr().out)
  assert (results["HasAns_exact"], results["NoAns_exact"]) == (100.0, 100.0)
  assert (results["best_exact"], results["best_exact_thresh"]) == (100.0, 0.25)


def test_out_file(files, tmp_path, capsys):
  out = tmp_path / "eval.json"
  arguments = files(data=data_set(q1=["x"]), pred={"q1": "x"})
  assert eval_squad.main(arguments + ["--out-file", str(out)]) == 0
  assert capsys.readouterr().out == ""
  assert json.loads(out.read_text())["HasAns_total"] == 1


def test_pictures(files, tmp_path, capsys):
  data, predictions, na_probs = files(
      data=data_set(q1=["x"], q2=["x"], q3=[], q4=["x z"]),
      pred={"q1": "x", "q2": "y", "q3": "x", "q4": "x"},
      na={"q1": 0, "q2": 0.5, "q3": 0.5, "q4": 0.75})
  folder = tmp_path / "pictures"
  assert eval_squad.main([data, predictions, "-n", na_probs,
                          "--out-image-dir", str(folder)]) == 0
  results = json.loads(capsys.readouterr().out)
  assert list(results)[-3:] == ["pr_exact_ap", "pr_f1_ap", "pr_oracle_ap"]
  # Recall 1/3 at precision 1; q2 and q3 come together; q4 has F1 2/3.
  assert results["pr_exact_ap"] == pytest.approx(100 / 3)
  assert results["pr_f1_ap"] == pytest.approx(100 * (1 / 3 + 5 / 12 * 2 / 9))
  assert results["pr_oracle_ap"] == pytest.approx(
      100 * (1 / 3 + 2 / 3 * 1 / 3 + 3 / 4 * 1 / 3))
  assert sorted(path.name for path in folder.iterdir()) == [
      "na_prob_hist_hasAns.png", "na_prob_hist_noAns.png", "pr_exact.png",
      "pr_f1.png", "pr_oracle.png"]
  for path in folder.iterdir():
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("golds, pictures", [
    ([], ["na_prob_hist_noAns.png"]),
    (["x"], ["na_prob_hist_hasAns.png", "pr_exact.png", "pr_f1.png",
             "pr_oracle.png"]),
])
def test_no_picture_of_questions_that_are_not_there(
    files, tmp_path, golds, pictures):
  data, predictions, na_probs = files(
      data=data_set(q1=golds), pred={"q1": "x"}, na={"q1": 0.5})
  folder = tmp_path / "pictures"
  assert eval_squad.main([data, predictions, "-n", na_probs,
                          "-p", str(folder)]) == 0
  assert sorted(path.name for path in folder.iterdir()) == pictures


def test_curve_has_a_point_for_each_distinct_probability():
  has_answer = {"q1": True, "q2": True, "q3": False}
  _, precisions, recalls = eval_pictures.precision_recall(
      has_answer, {"q1": 0.1, "q2": 0.2, "q3": 0.2}, {"q1": 1, "q2": 1})
  assert precisions == [1.0, 1.0, 2 / 3]
  assert recalls == [0.0, 0.5, 1.0]


def test_matplotlib_is_imported_only_for_pictures(repository):
  check = "import sys, eval_squad; sys.exit('matplotlib' in sys.modules)"
  assert subprocess.call(
      [sys.executable, "-c", check], cwd=str(repository)) == 0


def test_numeric_ids(files, capsys):
  data = {"data": [{"paragraphs": [{"qas": [
      {"id": name, "answers": [{"text": text}]}
      for name, text in ((9101, "x"), (9102, "y"))]}]}]}
  pred = {"9101": "x", "9102": "z"}
  assert eval_squad.main(files(data=data, pred=pred)) == 0
  assert json.loads(capsys.readouterr().out)["exact"] == 50.0


def test_what_has_no_answers_and_what_is_null(files, capsys):
  """Impossible questions of KLUE lack "answers"; a null text is an empty one."""
  texts = lambda *texts: [{"text": text} for text in texts]
  data = {"data": [{"paragraphs": [{"qas": [
      {"id": "a", "is_impossible": True, "plausible_answers": texts("x")},
      {"id": "b", "is_impossible": True, "answers": None},
      {"id": "c", "answers": texts(None, "y")},
      {"id": "d", "answers": texts(None)},
      {"id": "e", "answers": {"text": ["x", "y"], "answer_start": [0, 0]}},
      {"id": "f", "is_impossible": "True"}]}]}]}
  assert eval_squad.main(files(data=data, pred=dict(
      a="", b="x", c="y", d="", e="y", f=""))) == 0
  scores = json.loads(capsys.readouterr().out)
  assert (scores["NoAns_total"], scores["NoAns_exact"], scores["HasAns_exact"]) == (
      3, 200 / 3, 100.0)


GOOD = data_set(q1=["x"], q2=["y"])
ANSWERS = {"q1": "x", "q2": "y"}


@pytest.mark.parametrize("data, pred, message", [
    (data_set(**{"q%d" % i: ["x"] for i in range(9)}), {"q0": "x", "q4": "x"},
     'pred.json: no prediction for 7 ids ("q1", "q2", "q3", "q5", "q6", ...) '
     "of the data's 9"),
    (GOOD, {"p1": "x"}, "is it of another data set?"),
    (GOOD, {"q1": None, "q2": 3},
     'pred.json: the prediction is not a string, but null for example, for 2 '
     'ids ("q1", "q2")'),
    (GOOD, ["x", "y"],
     "pred.json: an array; should be an object from question id to prediction"),
    (GOOD, '{"q1": "x", "q2": "y', "pred.json: not JSON, or cut off: "),
    (GOOD, '{"q1": "x", "q1": "y", "q2": "y"}',
     'pred.json: more than once in one object: 1 key ("q1")'),
    (GOOD, "[" * 100000, "pred.json: nested too deeply"),
    ({"data": []}, {}, "data.json: has no question"),
    ([], {}, "data.json is an array; should be an object with 'data'"),
    ({"version": "1.1"}, {},
     "data.json has no 'data', which should be an array"),
    ({"data": [{"paragraphs": [{"qas": [{"id": 7.5, "answers": []}]}]}]}, {},
     "data.json: data[0].paragraphs[0].qas[0]: 'id' is 7.5; should be a string"),
    ({"data": [{"paragraphs": [{"qas": [{"id": "q", "answers": [{}]}]}]}]}, {},
     "data.json: data[0].paragraphs[0].qas[0].answers[0] has no 'text'"),
    ({"data": [5, {"paragraphs": [{}, {"qas": [
        {"id": "q", "answers": [{}, {}]}, {}]}]}]}, {},
     "data.json: data[0] is 5; should be an object with 'paragraphs'; the first "
     "of 4 faulty places"),
    (GOOD, GOOD, "it is a data set, not an object from question id to prediction"),
    ({"data": GOOD["data"] * 3}, ANSWERS,
     'data.json: used more than once: 2 ids ("q1", "q2"); ids must differ'),
    ({"data": [{"paragraphs": [{"qas": [{"id": "q", "answers": None}]}]}]}, {},
     "data.json: data[0].paragraphs[0].qas[0]: 'answers' is null; should be an "
     "array"),
])
def test_refuses(files, capsys, data, pred, message):
  assert eval_squad.main(files(data=data, pred=pred)) == 1
  printed = capsys.readouterr()
  assert printed.out == ""
  assert printed.err.startswith("eval_squad.py: ")
  assert message in printed.err
  assert printed.err.count("\n") == 1


@pytest.mark.parametrize("na_probs, message", [
    ({"q1": 0.5}, 'na.json: no no-answer probability for 1 id ("q2")'),
    ({"q1": 0.5, "q2": float("nan")}, "not a finite number, but NaN"),
    ({"q1": 0.5, "q2": 10 ** 400}, "not a finite number, but 1000"),
    ({"q1": True, "q2": 0}, "not a finite number, but true"),
])
def test_refuses_no_answer_probabilities(files, capsys, na_probs, message):
  data, pred, na = files(data=GOOD, pred=ANSWERS, na=na_probs)
  assert eval_squad.main([data, pred, "-n", na]) == 1
  assert message in capsys.readouterr().err


def test_refuses_text_that_is_not_utf_8(tmp_path, capsys):
  path = tmp_path / "data.json"
  path.write_bytes(b'"caf\xe9"')
  assert eval_squad.main([str(path), str(path)]) == 1
  assert "data.json: not a text file in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("flags, message", [
    (["-p", "pictures"], "it needs --na-prob-file"),
    (["-t", "nan"], "--na-prob-thresh=nan is not a threshold"),
])
def test_refuses_flags(files, capsys, flags, message):
  arguments = files(data=GOOD, pred=ANSWERS)
  with pytest.raises(SystemExit):
    eval_squad.main(arguments + flags)
  assert message in capsys.readouterr().err


def test_extra_predictions_are_said(files, capsys):
  assert eval_squad.main(files(
      data=GOOD, pred=dict(ANSWERS, q3="z", q4="z"))) == 0
  printed = capsys.readouterr()
  assert json.loads(printed.out)["total"] == 2
  assert "pred.json: 2 predictions not scored" in printed.err


def test_byte_order_mark_is_accepted(files, capsys):
  assert eval_squad.main(files(
      data="\ufeff" + json.dumps(GOOD), pred=ANSWERS)) == 0
