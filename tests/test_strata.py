"""Question types, what a question is like, and --strata, --per_question."""

import csv
import json

import numpy as np
import pytest

import get_results
from attention_zones.findings import formulas
from attention_zones.base import questions
from attention_zones.findings import question_traits
from attention_zones.findings import question_types
from attention_zones.findings import strata
from passages import read_rows, write_data, write_manifest, write_sweep


@pytest.mark.parametrize("question, kind", [
    ("In what year did the war end?", "what"),
    ("To whom did she write?", "who"),
    ("Whose idea was it, and why?", "who"),
    ("How  many layers are there?", "how_many"),
    ("How much is it?", "how_many"),
    ("How do layers differ?", "how"),
    ("Which city, and when?", "which"),
    ("When and where?", "when"),
    ("WHERE is it?", "where"),
    ("Why?", "why"),
    ("Name the whatnot of Showhow.", "other"),
    ("\u00bfQu\u00e9 es?", "other"),
    ("这种现象称为什么？", "what"),
    ("他在哪一场比赛受伤？", "which"),
    ("他为什么离开？", "why"),
    ("几月几日？", "when"),
    ("哪年出生？", "when"),
    ("有几个人？", "how_many"),
    ("河有多长？", "how_many"),
    ("哪位将军？", "who"),
    ("位于哪个省？", "where"),
    ("在哪出生？", "where"),
    ("如何评价？", "how"),
    ("有哪些？", "which"),
    ("何物？", "what"),
    ("请说出他的名字。", "other"),
    ("Where is 紫禁城?", "where"),
])
def test_types(question, kind):
  assert question_types.classify(question)[0] == kind


def asked(question, context, answer="", start=None):
  """A Question; its answer stands at `start`, or nowhere."""
  return questions.Question(
      "dev.json: data[0].paragraphs[0].qas[0]", {
          "id": "q", "question": question,
          "answers": [{"text": answer, "answer_start": start}]},
      {"context": context}, 0, "")


def test_what_a_question_is_like():
  context = ("One two three. Four five six seven, eight nine ten: the NORMANS came "
             "from France to England in 1066.")
  of = question_traits.of_question(asked(
      "From what country, then, did the Normans come?", context, "France",
      context.index("France")))
  # Three of from, country, then, did, the, normans, come are near.
  assert of == ("what", 8, 19, 1, context.index("France") / len(context), 3 / 7)


def test_words_beyond_ten_are_not_near():
  context = "near " + "x " * 9 + "answer " + "x " * 9 + "far away"
  start = context.index("answer")
  of = question_traits.of_question(asked("What near far away?", context, "answer",
                                         start))
  # near is the tenth word before the answer, far the tenth after it.
  assert of.overlap == 2 / 3


def test_chinese_characters_are_words():
  of = question_traits.of_question(asked(
      "谁在1066年来？", "诺曼人在1066年来到英国。", "诺曼人", 0))
  assert of == ("who", 5, 10, 3, 0.0, 1.0)


def test_chinese_names_in_an_english_passage_are_words():
  """As they stand between spaces, in the question and the answer, too."""
  context = "The Forbidden City (紫禁城) is in 北京市, Beijing."
  of = question_traits.of_question(asked(
      "Where is 紫禁城?", context, "北京市", context.index("北京市")))
  # Where, is, 紫禁城; nine words less the comma and the full stop: 8.
  assert of == ("where", 3, 8, 1, context.index("北京市") / len(context), 1.0)


def test_latin_names_in_a_chinese_passage_are_words():
  of = question_traits.of_question(asked(
      "BERT是什么？", "BERT是一个模型。", "模型", 7))
  # BERT and 是 of BERT 是 什 么; in the passage BERT 是 一 个 模 型.
  assert of == ("what", 4, 6, 2, 7 / 10, 1.0)


def test_without_an_answer():
  of = question_traits.of_question(asked("Who?", "A text.", "France"))
  assert of == ("who", 1, 2, None, None, None)
  of = question_traits.of_question(asked("Who?", "A text.", "text", 2))
  assert of.overlap is None


@pytest.mark.parametrize("answers, place", [
    ([("right", 2)], (2, 7)), ([("right", "2")], (2, 7)),
    # An offset within the word, white space, and a later answer, as in training.
    ([("right", 4)], (2, 7)), ([("right \u2009answer", 2)], (2, 14)),
    ([("", 0), (None, None), (" ", 1), ("right", 9), ("answer", 8)], (8, 14)),
    ([("right", 9)], None), ([("right", -1)], None), ([("right", 99)], None),
    ([("right", None)], None), ([("right", "<")], None), ([("right", True)], None),
    ([], None)])
def test_where_the_answer_is(tmp_path, answers, place):
  path = tmp_path / "dev.json"
  write_data(path, [1], answers=[
      {"text": text, "answer_start": start} for text, start in answers])
  of, = questions.read(str(path))
  assert question_traits.place(of) == place


def test_a_wrong_offset_leaves_columns_empty_and_is_said(tmp_path, capsys):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2, 2])
  content = json.loads(path.read_text())
  first = content["data"][0]["paragraphs"][0]["qas"][0]
  # Counted in UTF-16, of a passage with eight characters that take two units.
  first["answers"][0]["answer_start"] = 10
  path.write_text(json.dumps(content))
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1111", "_layer0_p2": "1010"})
  questions = tmp_path / "questions.csv"
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--per_question", str(questions),
      "--data_file", str(path)]) == 0
  # "A right answer in passage 0.": right is at 2 of 28.
  assert [[row[name] for name in (
      "answer_words", "answer_position", "overlap", "has_answer")]
          for row in read_rows(questions)[:2]] == [
              ["", "", "", "1"], ["1", "0.0714286", "0", "1"]]
  assert ("%s: 1 of 4 questions have no answer that stands in the passage at "
          "answer_start, 'q0' for example; their answer_words, answer_position and "
          "overlap are empty\n" % path) in capsys.readouterr().err


def traits(**columns):
  """A list of Traits; columns that are not given are the same for all."""
  number = len(next(iter(columns.values())))
  same = dict(question_type="who", question_words=1, passage_words=1,
              answer_words=1, answer_position=0.5, overlap=None)
  return [question_traits.Traits(**dict(same, **{
      name: values[i] for name, values in columns.items()}))
          for i in range(number)]


def test_terciles_have_their_bounds_in_the_label():
  found = strata.find(traits(question_words=[9, 3, 4, 5, 6, 8, 7, 4, 20],
                             answer_position=[.1, None] + [.5] * 7))
  words = [s for s in found if s.kind == "question_words"]
  assert [s.label for s in words] == ["3 to 4", "5 to 7", "8 to 20"]
  assert [s.inside.tolist() for s in words][1] == [
      False, False, False, True, True, False, True, False, False]
  # Equal values stay together; a question without a value is on neither side.
  places = [s for s in found if s.kind == "answer_position"]
  assert [s.label for s in places] == ["0.100 to 0.500"]
  assert places[0].inside.tolist() == [True, False] + [True] * 7
  assert not places[0].outside.any()
  assert [s.label for s in found if s.kind == "question_type"] == ["who"]
  assert not [s for s in found if s.kind == "overlap"]


@pytest.fixture
def sweep(tmp_path):
  """(folder, data set's path): 240 questions in 60 passages; `what` and `who` take
  turns; masking p2 in layer 1 loses half of `who`, in layer 2 nothing."""
  path = tmp_path / "dev.json"
  ids = write_data(path, [4] * 60)
  content = json.loads(path.read_text())
  questions = [qa for article in content["data"]
               for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
  for qa in questions[::2]:
    qa["question"] = "Who is it?"
  questions[7]["question"] = "Why, %s?" % "and " * 9
  path.write_text(json.dumps(content))
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 240, "_layer0_p2": "0111" * 60, "_layer1_p2": "1" * 240,
      "_layer1_q2": "1" * 240})
  write_manifest(folder, 2)
  return folder, str(path)


def test_strata(sweep, tmp_path, capsys):
  folder, data_file = sweep
  assert get_results.main([folder, str(tmp_path / "results.csv"), "--strata",
                           "--allow_holes", "--data_file", data_file]) == 0
  text = (tmp_path / "results.strata.csv").read_text()
  assert text.splitlines()[0] == (
      "kind,stratum,n,clusters,layer,zone,metric,baseline,diff,ci_low,ci_high,"
      "other_diff,p,q_bh")
  rows = [row for row in read_rows(tmp_path / "results.strata.csv")
          if row["kind"] == "question_type"]
  assert [(row["stratum"], row["n"], row["clusters"], row["layer"], row["zone"],
           row["diff"], row["other_diff"]) for row in rows] == [
               ("who", "120", "60", "1", "p2", "-50.0000", "0.0000"),
               ("who", "120", "60", "2", "q2", "0.0000", "0.0000"),
               ("who", "120", "60", "2", "p2", "0.0000", "0.0000"),
               ("what", "119", "60", "1", "p2", "0.0000", "-49.5868"),
               ("what", "119", "60", "2", "q2", "0.0000", "0.0000"),
               ("what", "119", "60", "2", "p2", "0.0000", "0.0000")]
  # Every passage has two `who`, so no draw differs: p is 0; q2 is not tested.
  assert [(row["ci_low"], row["ci_high"], row["p"]) for row in rows[:3]] == [
      ("-50.0000", "-50.0000", "0"), ("0.0000", "0.0000", ""),
      ("0.0000", "0.0000", "1")]
  assert [row["baseline"] for row in rows[::3]] == ["100.000", "100.000"]
  assert capsys.readouterr().err.endswith(
      "{0}: no question of the type how_many, when, where, which, how, other, so "
      "--strata has no row for it\n"
      # `why`, a single question; 11 words, the same one; the 40 of passages 0 to 9.
      "{0}: 3 of 11 strata are left out, because a stratum needs 100 questions and "
      "20 passages\n".format(data_file))


def test_small_strata_are_left_out(tmp_path):
  """100 questions about 20 passages are enough, 99 or 19 are not."""
  path = tmp_path / "dev.json"
  sizes = [5] * 18 + [10] + [5] * 20 + [3] * 33
  ids = write_data(path, sizes)
  content = json.loads(path.read_text())
  questions = [qa for article in content["data"]
               for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
  for i, qa in enumerate(questions):
    qa["question"] = "Who?" if i < 100 else "Where?" if i < 200 else "When?"
  path.write_text(json.dumps(content))
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 299, "_layer0_p2": "10" * 149 + "1"})
  assert get_results.main([folder, str(tmp_path / "results.csv"), "--strata",
                           "--data_file", str(path)]) == 0
  rows = read_rows(tmp_path / "results.strata.csv")
  assert [(row["stratum"], row["n"], row["clusters"], row["diff"])
          for row in rows if row["kind"] == "question_type"] == [
              ("where", "100", "20", "-50.0000")]


@pytest.mark.parametrize("flags, needed", [
    ((), "100 questions and 20 passages"),
    (("--cluster=article",), "100 questions and 20 articles"),
    (("--cluster=none",), "100 questions")])
def test_a_small_data_set_has_no_strata(tmp_path, capsys, flags, needed):
  path = tmp_path / "dev.json"
  ids = write_data(path, [9] * 11)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 99, "_layer0_p2": "1" * 99})
  assert get_results.main([folder, str(tmp_path / "results.csv"), "--strata",
                           "--data_file", str(path)] + list(flags)) == 0
  printed = capsys.readouterr()
  assert ("%s is left out: a stratum needs %s, and none in %s has as many" % (
      tmp_path / "results.strata.csv", needed, path)) in printed.out.splitlines()
  assert printed.err == ""
  assert (tmp_path / "results.stats.csv").exists()
  assert not (tmp_path / "results.strata.csv").exists()


def test_a_stratum_is_compared_in_the_same_bootstrap(tmp_path):
  """p of the difference between two strata, drawn here once more by hand."""
  path = tmp_path / "dev.json"
  rs = np.random.RandomState(5)
  sizes = rs.randint(3, 9, 50)
  ids = write_data(path, sizes.tolist())
  is_who = rs.rand(len(ids)) < .5
  lost = rs.rand(len(ids)) < np.where(is_who, .2, .1)
  content = json.loads(path.read_text())
  questions = [qa for article in content["data"]
               for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
  for qa, who in zip(questions, is_who):
    qa["question"] = "Who?" if who else "What?"
  path.write_text(json.dumps(content))
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * len(ids), "_layer0_p2": "".join("10"[int(x)] for x in lost)})
  assert get_results.main([folder, str(tmp_path / "results.csv"), "--strata",
                           "--resamples=500", "--data_file", str(path)]) == 0
  row = read_rows(tmp_path / "results.strata.csv")[0]
  cluster_of = np.repeat(np.arange(50), sizes)
  draws = np.random.RandomState(12345).randint(0, 50, (500, 50))
  means = []
  for drawn in draws:
    members = np.concatenate([np.flatnonzero(cluster_of == g) for g in drawn])
    who, other = (members[is_who[members]], members[~is_who[members]])
    means.append((-100 * lost[who].mean(), -100 * lost[other].mean()))
  inside, outside = np.array(means).T
  assert row["stratum"] == "who"
  assert [row["ci_low"], row["ci_high"]] == [
      "%.4f" % value for value in np.percentile(inside, [2.5, 97.5])]
  difference = float(row["diff"]) - float(row["other_diff"])
  # Both differences are rounded to 1e-4 points; p changes by less than that.
  assert float(row["p"]) == pytest.approx(
      formulas.normal_p(difference, (inside - outside).std(ddof=1)), abs=1e-4)


def test_per_question(sweep, tmp_path):
  folder, data_file = sweep
  path = tmp_path / "questions.csv"
  assert get_results.main([
      folder, str(tmp_path / "results.csv"), "--per_question", str(path),
      "--allow_holes", "--data_file", data_file]) == 0
  with open(str(path)) as f:
    header, first, second, *_ = csv.reader(f)
  assert header == [
      "id", "article", "paragraph", "question_type", "question_words",
      "passage_words", "answer_words", "answer_position", "overlap", "has_answer",
      "baseline", "1:p2", "2:q2", "2:p2"]
  # "A right answer in passage 0." against "Who is it?", "What is number 2?"
  assert first == ["q0", "One", "1", "who", "3", "6", "1", "0.0714286", "0", "1",
                   "1", "0", "1", "1"]
  assert second[:6] == ["q1", "One", "1", "what", "4", "6"]


def test_texts_are_needed(tmp_path, capsys):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2, 2], question=None)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1111", "_layer0_p2": "1010"})
  arguments = [folder, str(tmp_path / "results.csv"), "--data_file", str(path)]
  assert get_results.main(arguments) == 0
  (tmp_path / "results.csv").unlink()
  assert get_results.main(arguments + ["--strata"]) == 1
  assert ('dev.json: no "question" or no "context" for 4 ids ("q0", "q1", "q2", '
          in capsys.readouterr().err)
  assert not (tmp_path / "results.csv").exists()
