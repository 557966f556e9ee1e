"""cmrc_scoring.py and eval_cmrc2018.py: the official evaluator's scores."""

import json

import pytest

from attention_zones.scores import cmrc_scoring
import launcher


@pytest.fixture
def nltk():
  return pytest.importorskip("nltk", reason="F1 of CMRC 2018 needs nltk: bash "
                             "setup_env.sh requirements-models.txt")


@pytest.mark.parametrize("one, other, length", [
    ("abcd", "xbcx", 2), ("abab", "babab", 4), ("aaa", "aa", 2), ("abc", "cba", 1),
    ("", "a", 0), ("a", "b", 0), ("abcabd", "abd", 3)])
def test_longest_common_run(one, other, length):
  assert cmrc_scoring.longest_common(one, other) == length
  assert cmrc_scoring.longest_common(other, one) == length


@pytest.mark.parametrize("text, expected", [
    (" 《A》、 b\t", "a b"), ("3.5%", "3.5%"), ("a-b_c:d", "abcd"),
    # What the list lacks, or has only as two characters together.
    ("……！【】‘’'\"(),;", "……【】‘'\"(),;"), ("～·「」『』（）－", "")])
def test_punctuation(text, expected):
  assert cmrc_scoring.normalize(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("在2008年", ["在", "2008", "年"]),
    ("Hello world，你", ["hello", "world", "你"]),
    # Punctuation goes first, so that words grow together; nltk splits the rest.
    ("a-b，c", ["abc"]), ("don't (x)", ["do", "n't", "(", "x", ")"]),
    # Outside of U+4E00 to U+9FA5, a character is no segment of its own.
    ("\u3400\u9fa6か", ["\u3400\u9fa6か"]), ("", []), ("。 ，", [])])
def test_segments(nltk, text, expected):
  assert list(cmrc_scoring.segments(text)) == expected


@pytest.mark.parametrize("golds, prediction, exact, f1", [
    (["一二三"], "一二三。", 1, 1.0),
    # The run 二三 of two segments: precision 2/3, recall 2/4.
    (["一二三四"], "五二三", 0, 4 / 7),
    # Not a bag: of 一, 二, 三 only one stands beside another in this order.
    (["一二三"], "三二一", 0, 1 / 3),
    (["六", "一二"], "一", 0, 2 / 3), (["一"], "", 0, 0), (["。"], "", 1, 0)])
def test_scores_by_hand(nltk, golds, prediction, exact, f1):
  found = cmrc_scoring.answer_scores(tuple(golds), prediction)
  assert found == (exact, pytest.approx(f1, abs=1e-15))


@pytest.mark.parametrize("masked, expected", [
    ("北京。", "same"), ("在北京", "shifted"), ("上海", "elsewhere"),
    ("", "elsewhere")])
def test_how_an_answer_changes(nltk, masked, expected):
  assert cmrc_scoring.compare_texts("北京", masked) == expected


def write(path, content):
  path.write_text(json.dumps(content), encoding="utf-8")
  return path.name


def data_of(**answers):
  return {"data": [{"paragraphs": [{"context": "他在北京。", "qas": [
      {"id": name, "question": "问", "answers": [
          {"text": text, "answer_start": 0} for text in texts]}
      for name, texts in answers.items()]}]}]}


def evaluate(folder, data, predictions, **options):
  """Runs the command in a folder, so that FILE has no path."""
  return launcher.script("eval_cmrc2018.py", write(folder / "data.json", data),
                         write(folder / "pred.json", predictions),
                         cwd=str(folder), **options)


def test_the_command(nltk, tmp_path):
  done = evaluate(tmp_path, data_of(a=["一二三"], b=["一"], c=["二"]),
                  {"a": "一二", "b": "一", "x": "二"})
  # F1 is 4/5, 1 and, without a prediction, 0.
  assert (done.returncode, done.stdout) == (
      0, '{"AVERAGE": "46.667", "F1": "60.000", "EM": "33.333", "TOTAL": 3, '
      '"SKIP": 1, "FILE": "pred.json"}\n')
  assert done.stderr == (
      'pred.json: no prediction for 1 id ("c") of 3 questions; they count 0\n'
      "pred.json: 1 predictions not scored, because their ids are not in "
      "data.json\n")


@pytest.mark.parametrize("data, predictions, line", [
    (data_of(a=[], b=["一"]), {"a": "一", "b": "一"},
     'data.json: no answer to compare with for 1 id ("a") of 2 questions; in CMRC '
     "2018 every question has one"),
    (data_of(a=["一"]), {"a": 1},
     "pred.json: the prediction is not a string, but 1 for example"),
    (data_of(a=["一"]), {"b": "一"},
     'pred.json: no prediction for 1 id ("a") of the data\'s 1; is it of another '
     "data set?"),
    (data_of(), {}, "data.json: has no question")])
def test_refused(nltk, tmp_path, data, predictions, line):
  done = evaluate(tmp_path, data, predictions)
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith("eval_cmrc2018.py: " + line)
  assert done.stderr.count("\n") == 1


def test_without_nltk_the_message_names_the_command(tmp_path):
  (tmp_path / "hidden").mkdir()
  (tmp_path / "hidden" / "nltk.py").write_text(
      "raise ImportError(\"No module named 'nltk'\")")
  done = evaluate(tmp_path, data_of(a=["一"]), {"a": "一"}, fresh=True,
                  environment={"PYTHONPATH": str(tmp_path / "hidden")})
  assert (done.returncode, done.stdout, done.stderr) == (
      1, "", "eval_cmrc2018.py: the F1 of CMRC 2018 needs the package nltk (No "
      "module named 'nltk'); bash setup_env.sh requirements-models.txt installs "
      "it\n")


def golden_eval(shared, name):
  path = shared / "golden" / "cmrc2018" / "eval" / name
  return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dev(shared):
  """The dev set's questions, and the first answer to each."""
  pytest.importorskip("nltk", reason="F1 of CMRC 2018 needs nltk")
  path = shared / "data" / "cmrc2018_dev.json"
  firsts = {qa["id"]: qa["answers"][0]["text"]
            for article in json.loads(path.read_text(encoding="utf-8"))["data"]
            for paragraph in article["paragraphs"] for qa in paragraph["qas"]}
  return cmrc_scoring.load_questions(str(path)), firsts


@pytest.mark.parametrize("name, predict", [
    ("perfect", dict), ("empty", lambda firsts: dict.fromkeys(firsts, "")),
    ("half", lambda firsts: dict(list(firsts.items())[::2]))])
def test_published_scores(shared, dev, name, predict):
  questions, firsts = dev
  found = dict(cmrc_scoring.score(questions, predict(firsts)))
  found["FILE"] = "cmrc2018_dev.%s.pred.json" % name
  assert list(found.items()) == list(
      golden_eval(shared, "cmrc2018_dev.%s.eval.json" % name).items())


def test_published_scores_of_noisy_text(shared, dev):
  """Without nltk's sentence splitter 32 of 3,219 F1 differ, and no exact match.

  The evaluator's is 74.694 on this file, ours 74.732.
  """
  questions, _ = dev
  predictions = golden_eval(shared, "cmrc2018_dev.noisy.pred.json")
  published = golden_eval(shared, "cmrc2018_dev.noisy.per-question.json")
  scores = {name: cmrc_scoring.answer_scores(question.golds, predictions[name])
            for name, question in questions.items()}
  assert [name for name in scores if scores[name][0] != published[name][1]] == []
  assert len([name for name in scores if scores[name][1] != published[name][0]]
             ) == 32
  found = cmrc_scoring.score(questions, predictions)
  assert (found["F1"], found["EM"], found["AVERAGE"]) == (
      "74.732", "39.143", "56.937")


def test_published_scores_of_the_trial_set(nltk, shared):
  questions = cmrc_scoring.load_questions(
      str(shared / "data" / "cmrc2018_trial.json"))
  compared = 0
  for size in ("192", "512"):
    for path in sorted((shared / "golden" / "cmrc2018" / (
        "predictions." + size)).glob("predictions*.json")):
      found = dict(cmrc_scoring.score(
          questions, json.loads(path.read_text(encoding="utf-8"))),
                   FILE=path.name)
      assert found == golden_eval(shared, "trial.%s.%s.eval.json" % (
          size, path.stem))
      compared += 1
  assert compared == 8
