"""python -m attention_zones.sample: whole paragraphs of a data set."""

import json
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

from attention_zones import sample
import launcher
from passages import write_data


def paragraphs_of(path):
  return [paragraph for article in json.loads(path.read_text())["data"]
          for paragraph in article["paragraphs"]]


@pytest.fixture
def data(tmp_path):
  path = tmp_path / "dev.json"
  write_data(path, [1, 2, 3, 4, 5, 6, 7, 8])
  return path


def test_draws_whole_paragraphs_in_the_order_of_the_file(data, tmp_path, capsys):
  out = tmp_path / "part.json"
  assert sample.main([str(data), str(out), "--paragraphs=3",
                      "--random_seed=12345"]) == 0
  drawn = sorted(np.random.RandomState(12345).permutation(8)[:3])
  everything = paragraphs_of(data)
  assert paragraphs_of(out) == [everything[p] for p in drawn]
  assert capsys.readouterr().out == (
      "%s: 3 of 8 paragraphs, %d of 36 questions\n" % (
          out, sum(p + 1 for p in drawn)))
  # Another seed draws others; the same draws the same.
  before = out.read_bytes()
  assert sample.main([str(data), str(out), "--paragraphs=3"]) == 0
  assert out.read_bytes() == before
  assert sample.main([str(data), str(out), "--paragraphs=3",
                      "--random_seed=2"]) == 0
  assert out.read_bytes() != before


def test_keeps_all_else_and_drops_empty_articles(tmp_path):
  content = {"version": "1.1", "note": "\u4e2d\ud83d", "data": [
      {"title": "None", "paragraphs": [{"context": "x", "qas": []}]},
      {"title": "A", "id": 7, "paragraphs": [
          {"context": "one", "more": 1, "qas": [
              {"id": "q1", "answers": [], "plus": 2}]}]},
      {"title": "B", "paragraphs": [
          {"context": "two", "qas": [{"id": "q2", "answers": []}]},
          {"context": "one", "qas": [{"id": "q3", "answers": []}]}]}]}
  drawn, _, number = sample.draw(content, 2, 1)
  assert number == 2  # Identical contexts are one, without questions none.
  assert drawn == dict(content, data=content["data"][1:])
  path, out = tmp_path / "in.json", tmp_path / "out.json"
  path.write_text(json.dumps(content))
  assert sample.main([str(path), str(out), "--paragraphs=2"]) == 0
  assert json.loads(out.read_text()) == drawn
  for seed in range(5):
    one, count, _ = sample.draw(content, 1, seed)
    ids = [qa["id"] for article in one["data"]
           for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    assert count == 1 and ids in (["q1", "q3"], ["q2"])


def test_keeps_an_impossible_question_without_answers(tmp_path):
  path, out = tmp_path / "in.json", tmp_path / "out.json"
  write_data(path, [1])
  content = json.loads(path.read_text())
  qa = content["data"][0]["paragraphs"][0]["qas"][0]
  qa.update(is_impossible=True, plausible_answers=qa.pop("answers"))
  path.write_text(json.dumps(content))
  assert sample.main([str(path), str(out), "--paragraphs=1"]) == 0
  assert paragraphs_of(out)[0]["qas"] == [qa]


@pytest.mark.parametrize("arguments, message", [
    (["dev.json", "out.json", "--paragraphs=9"],
     "--paragraphs=9: dev.json has only 8 with questions"),
    (["dev.json", "dev.json", "--paragraphs=2"], "dev.json: OUT is the data set"),
    (["no.json", "out.json", "--paragraphs=2"], "no.json: there is no such file"),
    (["dev.json", "no/out.json", "--paragraphs=2"], "there is no folder no"),
    (["other.json", "out.json", "--paragraphs=2"], "other.json: not JSON"),
])
def test_refuses_in_one_line(data, repository, arguments, message):
  (data.parent / "other.json").write_text("x")
  before = data.read_bytes()
  done = subprocess.run(
      [sys.executable, "-m", "attention_zones.sample"] + arguments,
      cwd=str(data.parent), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      universal_newlines=True, env={"PYTHONPATH": str(repository)})
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith("attention_zones.sample: ")
  assert message in done.stderr and done.stderr.count("\n") == 1
  assert data.read_bytes() == before
  assert not (data.parent / "out.json").exists()


@pytest.mark.parametrize("flags, message", [
    ([], "required: --paragraphs"), (["--paragraphs=0"], "'0' is not a whole"),
    (["--paragraphs=2", "--random_seed=-1"], "'-1' is not a whole number from 0")])
def test_refuses_flags(capsys, flags, message):
  with pytest.raises(SystemExit):
    sample.main(["in.json", "out.json"] + flags)
  assert message in capsys.readouterr().err


def test_layers_at_one_depth(tmp_path):
  """paper/compare_depth.py, on a table of two layers and one of four."""
  (tmp_path / "two.csv").write_text(
      "layer,all,q2,q2p,p2q,p2\n1,1,49,50,48,30\n2,1,50,50,40,45\n1+2,1,1,1,1,1\n")
  (tmp_path / "four.csv").write_text(
      "layer,q2,q2p,p2q,p2\n" + "\n".join(
          "%d,%s" % (layer, row) for layer, row in enumerate((
              "58,60,59,40", "58,60,57,30", "60,60,50,50", "60,61,48,54"), 1)))
  done = launcher.script(
      "paper/compare_depth.py", "two.csv", "50", "four.csv", "60", cwd=tmp_path,
      environment={"PYTHONPATH": launcher.REPOSITORY})
  assert done.stderr == ""
  of_two = [-1, 0, -2, -20, 0, 0, -10, -5]
  of_four = [-2, 0, -2, -25, 0, .5, -11, -8]
  expected = scipy.stats.spearmanr(of_two, of_four)[0]
  assert done.stdout.splitlines() == [
      "zone   mean change        rank correlation over 2 depths",
      "q2      -0.50    -1.00       1.00", "q2p     +0.00    +0.25        nan",
      "p2q     -6.00    -6.50       1.00", "p2     -12.50   -16.50       1.00",
      "all cells: rank correlation %.2f" % expected]


def test_the_part_whose_first_answer_occurs_once(tmp_path):
  """paper/answer_once.py: "a" occurs twice, "b" once; "aa" twice, overlapping."""
  asked = [("twice", ["a"]), ("once", ["b", "a"]), ("overlapping", ["aa"]),
           ("none", []), ("other", ["c"])]
  qas = [{"id": name, "question": "?",
          "answers": [{"text": text, "answer_start": 0} for text in texts]}
         for name, texts in asked]
  (tmp_path / "d.json").write_text(json.dumps({"version": "1.1", "data": [
      {"title": "x", "paragraphs": [{"context": "aaa b", "qas": qas[:2]},
                                    {"context": "aaa b", "qas": qas[2:4]}]},
      {"paragraphs": [{"context": "c", "qas": qas[-1:]}]}]}))
  done = launcher.script("paper/answer_once.py", "d.json", "out.json", cwd=tmp_path,
                         environment={"PYTHONPATH": launcher.REPOSITORY})
  assert done.stdout == "out.json: 2 of 5 questions\n"
  assert json.loads((tmp_path / "out.json").read_text()) == {
      "version": "1.1", "data": [
          {"title": "x", "paragraphs": [{"context": "aaa b", "qas": [qas[1]]}]},
          {"paragraphs": [{"context": "c", "qas": [qas[-1]]}]}]}


def test_spans_of_question_words(tmp_path):
  """paper/question_words.py: the first wh-word, and what is around it."""
  asked = [("first", "Who sang what?"), ("inside", "In which year?"),
           ("alone", "why"), ("none", "Name the whole band.")]
  (tmp_path / "d.json").write_text(json.dumps({"data": [{"paragraphs": [{
      "context": "x", "qas": [{"id": name, "question": text, "answers": []}
                              for name, text in asked]}]}]}))
  done = launcher.script(
      "paper/question_words.py", "d.json", "s.json", cwd=tmp_path,
      environment={"PYTHONPATH": launcher.REPOSITORY})
  assert done.stdout == "s.json: 3 of 4 questions have a wh-word\n"
  assert json.loads((tmp_path / "s.json").read_text()) == {
      "first": {"wh": {"question": [[0, 3]]}, "rest": {"question": [[3, 14]]}},
      "inside": {"wh": {"question": [[3, 8]]},
                 "rest": {"question": [[0, 3], [8, 14]]}},
      "alone": {"wh": {"question": [[0, 3]]}, "rest": {"question": []}}, "none": {}}
