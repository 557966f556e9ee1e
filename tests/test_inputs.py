"""What users give by mistake, and odd text, through the scripts they run."""

import copy
import gzip
import json
import os
import shutil
import subprocess
import sys

import pytest

from attention_zones.base import path_checks
import launcher
from launcher import script
from tiny_model import run_squad
import tiny_model

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCAB = list(tiny_model.VOCAB) + ["[MASK]", "[", "]", "\u4e2d", "\u05d0"] + [
    prefix + letter for prefix in ("", "##") for letter in LETTERS]

# No UTF-8 anywhere, as on a cluster's node with a bare environment.
LOCALE_C = dict(fresh=True, environment={
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})

ODD_TEXTS = [
    "Anna\u00a0lives in\u202foslo", "ze\u200bro\u200cwid\u200dth\ufeff",
    "cafe\u0301 no\u0308el", "\u0130\u0307 \u1e9e \ufb01", "so\u00adft",
    "\U0001f600 \U0001f468\u200d\U0001f469", "\u05d0\u05d1 \u200f\u0639\u0631",
    "\u4e2d\u6587", "\u1112\u1161\u11ab \ud55c", "x" * 150 + " " + "y" * 250,
    "[SEP] [MASK] [CLS] ##a ## [UNK]", "a\u0000b\u0001\u007f\u0085",
    "\ud83d half", "\u2028\u2029line", "\u3000wide", "Omar 'Abd-al' (Lima)."]
BLANK_TEXTS = ["", " \n", "\u200b\u00ad", "\u0301 \u0000"]


def data_of(paragraphs):
  """The JSON of a data set; paragraphs are (context, list of questions)."""
  count = iter(range(1000))
  return {"data": [{"title": "t", "paragraphs": [
      {"context": context, "qas": [
          {"id": "q%d" % next(count), "question": question, "answers": []}
          for question in questions]}
      for context, questions in paragraphs]}]}


def odd_data():
  """Every text as a passage, all together as one, and questions like them."""
  together = "  ".join(ODD_TEXTS)
  return data_of(
      [(text, [text]) for text in ODD_TEXTS]
      + [(together, ["where does anna live ?", together] + BLANK_TEXTS)]
      + [(text, ["who ?"]) for text in BLANK_TEXTS])


def training_data(num_bad):
  """30 questions, of which the answers to the first `num_bad` are not there, and
  the last has none."""
  articles = []
  for i in range(3):
    article = tiny_model.data_set()["data"][0]
    for paragraph in article["paragraphs"]:
      for qa in paragraph["qas"]:
        qa["id"] = "%d-%s" % (i, qa["id"])
    articles.append(article)
  qas = [qa for article in articles for paragraph in article["paragraphs"]
         for qa in paragraph["qas"]]
  for qa in qas[:num_bad]:
    qa["answers"][0]["answer_start"] = -4
  qas[num_bad]["question"] = " "
  qas[num_bad + 1]["question"] = "where does anna, omar or ida live ? ?"
  qas[-1].update(answers=[], is_impossible=True)
  return {"data": articles}


def write_json(path, content):
  path.write_text(json.dumps(content), encoding="ascii")
  return path


def one_line(result, *words):
  """Asserts that a script failed with one line, which has these words in it."""
  assert result.returncode != 0
  assert len(result.stderr.splitlines()) == 1, result.stderr
  assert result.stdout == ""
  for word in words:
    assert word in result.stderr


@pytest.fixture(scope="module")
def training(tmp_path_factory):
  """A folder with a trained model, and what the training printed.

  The data set is a SQuAD v2.0; its model is also one for v1.1.
  """
  folder = tmp_path_factory.mktemp("inputs")
  tiny_model.write_files(folder)
  (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
  write_json(folder / "bert_config.json",
             dict(tiny_model.CONFIG, vocab_size=len(VOCAB)))
  write_json(folder / "train.json", training_data(num_bad=1))
  result = tiny_model.train(folder, "--train_file=%s" % (folder / "train.json"),
                            "--version_2_with_negative=True")
  assert result.returncode == 0, result.stderr
  return folder, result.stderr


@pytest.fixture
def project(training, tmp_path):
  """A copy of the folder, to be changed."""
  folder = tmp_path / "project"
  shutil.copytree(str(training[0]), str(folder))
  return folder


@pytest.fixture(scope="module")
def prediction(training, tmp_path_factory):
  """A folder with answers to odd_data, and what the prediction printed."""
  folder = tmp_path_factory.mktemp("odd") / "project"
  shutil.copytree(str(training[0]), str(folder))
  write_json(folder / "data.json", odd_data())
  result = run_squad(
      folder, "--do_predict=True", "--mask_layer=0", "--mask_zone=p2",
      "--write_nbest=True",
      fresh=True,
      environment=dict(LOCALE_C["environment"], CUDA_VISIBLE_DEVICES="0"))
  assert result.returncode == 0, result.stderr
  return folder, result.stderr


@pytest.mark.slow
def test_dropped_answers_are_said_and_written(training):
  folder, log = training
  path = folder / "model" / "train_dropped_ids.txt"
  assert ("--train_file=%s: 1 of 30 questions left out, because their answers are "
          "empty or not in the passage at answer_start; their ids are in %s\n" % (
              folder / "train.json", path)) in log
  assert path.read_text() == "0-q0-0\n"
  assert ": 1 of 29 questions are empty; '0-q0-1' is the first\n" in log
  assert (": 1 of 29 questions have more than --max_query_length=8 tokens and "
          "are cut; '0-q0-2' is the first\n") in log


@pytest.mark.thorough
def test_many_dropped_answers_are_refused(project, tmp_path):
  train = write_json(project / "train.json", training_data(num_bad=2))
  flags = ("--train_file=%s" % train, "--version_2_with_negative=True")
  output = tmp_path / "new" / "model"
  one_line(
      tiny_model.train(project, *flags, "--output_dir=%s" % output),
      "2 of 30 questions left out", "more than 5 %", str(output),
      "--allow_dropped=True")
  assert (output / "train_dropped_ids.txt").read_text() == "0-q0-0\n0-q0-1\n"
  # Beside the lock of the training.
  assert {path.name for path in output.iterdir()} == {
      "train_dropped_ids.txt", ".training.lock"}
  result = tiny_model.train(project, *flags, "--allow_dropped=True",
                            "--num_train_epochs=1", "--output_dir=%s" % output)
  assert result.returncode == 0, result.stderr
  assert "2 of 30 questions left out" in result.stderr


@pytest.mark.slow
def test_odd_text_is_answered_from_the_passage(prediction):
  folder, _ = prediction
  data = json.loads((folder / "data.json").read_text())["data"][0]
  context_of = {qa["id"]: "".join(paragraph["context"].split())
                for paragraph in data["paragraphs"] for qa in paragraph["qas"]}
  for suffix in ("", "_layer0_p2"):
    model = folder / "model"
    answers = json.loads((model / ("predictions%s.json" % suffix)).read_text())
    nbest = json.loads(
        (model / ("nbest_predictions%s.json" % suffix)).read_text())
    assert list(answers) == list(nbest) == list(context_of)
    for qas_id, context in context_of.items():
      is_blank = context in ["".join(text.split()) for text in BLANK_TEXTS]
      assert (answers[qas_id] == "") == is_blank
      texts = [answers[qas_id]] + [entry["text"] for entry in nbest[qas_id]]
      assert len(texts) > 1 or is_blank
      for text in texts:
        assert "".join(text.split()) in context


def test_odd_questions_and_passages_are_said(prediction):
  folder, log = prediction
  source = "run_squad.py: --predict_file=%s: " % (folder / "data.json")
  assert (source + "4 of 26 questions have an empty passage, which makes no "
          "window; they get no answer; 'q22' is the first\n") in log
  assert source + "4 of 26 questions are empty; 'q18' is the first\n" in log
  # The first is "zerowidth", of which each letter is a word piece.
  assert (source + "5 of 26 questions have more than --max_query_length=8 "
          "tokens and are cut; 'q1' is the first\n") in log


def test_they_are_said_when_windows_are_cached(prediction):
  folder, log = prediction
  said = [line for line in log.splitlines() if "questions have" in line]
  again = run_squad(folder, "--do_predict=True", "--mask_layer=0",
                    "--mask_zone=p2", "--write_nbest=True")
  assert "nothing to do" in again.stderr and len(said) == 2
  assert [line for line in again.stderr.splitlines()
          if "questions have" in line] == said


def test_a_gpu_that_is_not_used_is_said(prediction):
  import tensorflow.compat.v1 as tf
  why = "this TensorFlow, %s, is built without CUDA" % tf.__version__
  if tf.test.is_built_with_cuda():
    if tf.config.experimental.list_physical_devices("GPU"):
      pytest.skip("TensorFlow finds a GPU")
    why = "TensorFlow finds none; TF_CPP_MIN_LOG_LEVEL=0 shows its messages"
  assert ("run_squad.py: CUDA_VISIBLE_DEVICES=0 offers a GPU, but %s: running on "
          "the CPU\n" % why) in prediction[1]


def negative(data):
  """Makes the 3rd and 5th question of tiny_model.data_set impossible."""
  data = copy.deepcopy(data)
  for i in (2, 4):
    data["data"][0]["paragraphs"][0]["qas"][i].update(
        answers=[], is_impossible=True)
  return data


@pytest.mark.parametrize("flags, words", [
    (["--do_predict=True", "--do_lower_case=False"],
     ["--do_lower_case=False", "--vocab_file=", "0 cased entries;",
      "--allow_case_mismatch"]),
    (["--do_predict=True", "--vocab_file=cased.txt"],
     ["--do_lower_case=True", "--vocab_file=cased.txt", "2 cased entries",
      "'Rome' for example", "--allow_case_mismatch"]),
    (["--do_predict=True", "--predict_file=v2.json"],
     ["v2.json: data[0].paragraphs[0].qas[2] is the first of 2 questions",
      "--version_2_with_negative"]),
    (["--do_train=True", "--train_file=v2.json", "--output_dir=empty"],
     ["v2.json: data[0].paragraphs[0].qas[2] is the first of 2 questions",
      "--version_2_with_negative"]),
    (["--do_predict=True", "--predict_file=data.json.gz"],
     ["data.json.gz is packed with gzip; unpack it with gunzip"]),
    (["--do_predict=True", "--vocab_file=data.json.gz"],
     ["--vocab_file=data.json.gz is packed with gzip; unpack it with gunzip"]),
    (["--do_predict=True", "--vocab_file=v2.json"],
     ["--vocab_file=v2.json has no [PAD]", "one token a line"]),
    (["--do_predict=True", "--output_dir=~/model"],
     ["--output_dir=~/model: ~ was not expanded"]),
    (["--do_predict=True", "--output_dir=v2.json"],
     ["--output_dir=v2.json is a file"]),
    (["--do_train=True", "--output_dir=v2.json/model"],
     ["--output_dir=v2.json/model: Not a directory",
      "a folder that can be written to"]),
    pytest.param(
        ["--do_train=True", "--output_dir=/proc"],
        ["--output_dir=/proc: ", "a folder that can be written to"],
        # Where permissions stop nobody, as for root, this still does.
        marks=pytest.mark.skipif(not os.path.isdir("/proc/self"),
                                 reason="no /proc, which nobody can write to")),
    (["--do_predict=True", "--mask_layer=1", "--mask_zone=q2,p2"],
     ["predictions_layer1_p2.json: is a folder"]),
])
def test_run_squad_refuses(project, flags, words):
  write_json(project / "v2.json", negative(tiny_model.data_set()))
  (project / "data.json.gz").write_bytes(
      gzip.compress((project / "data.json").read_bytes()))
  (project / "cased.txt").write_text(
      "\n".join(VOCAB[:-2] + ["Oslo", "Rome"]), encoding="utf-8")
  (project / "model" / "predictions_layer1_p2.json").mkdir()
  (project / "empty").mkdir()
  # The windows of data.json and a lock are all that a refused run may leave.
  kept = lambda: sorted(str(path) for path in project.glob("**/*")
                        if not path.name.startswith(("eval.", ".training.lock")))
  before = kept()
  one_line(run_squad(project, *flags, cwd=str(project)), *words)
  assert kept() == before


def test_a_mismatch_of_casing_can_be_allowed(project):
  write_json(project / "data.json", data_of([("OSLO LIMA " * 9, ["WHO ?"])]))
  result = run_squad(project, "--do_predict=True", "--do_lower_case=False",
                     "--allow_case_mismatch=True", "--overwrite=True")
  assert result.returncode == 0, result.stderr
  # 19 words of 20 pieces; what windows are cached of is said again.
  said = ("run_squad.py: --predict_file=%s: 95.0 %% of the word pieces are [UNK], "
          "words that the vocabulary lacks; give --do_lower_case=True, which "
          "leaves 0.0 %%, or another --vocab_file\n" % (project / "data.json"))
  assert said in result.stderr
  again = run_squad(project, "--do_predict=True", "--do_lower_case=False",
                    "--allow_case_mismatch=True")
  assert "nothing to do" in again.stderr and said in again.stderr


@pytest.mark.thorough
def test_a_path_that_is_not_ascii(project, tmp_path):
  """In a locale of ASCII the scripts without TensorFlow work all the same."""
  folder = tmp_path / "caf\u00e9"
  shutil.copytree(str(project), str(folder))
  one_line(run_squad(folder, "--do_predict=True", **LOCALE_C),
           "--bert_config_file=", "PYTHONUTF8=1")
  assert run_squad(folder, "--do_predict=True", "--mask_layer=0",
                   "--mask_zone=q2").returncode == 0
  scored = script("eval_squad.py", folder / "data.json",
                  folder / "model" / "predictions.json", **LOCALE_C)
  assert json.loads(scored.stdout)["total"] == 10
  collected = script(
      "get_results.py", folder / "model", folder / "results.csv", "--data_file",
      folder / "data.json", **LOCALE_C)
  assert collected.returncode == 0 and collected.stderr == ""
  assert (folder / "results.csv").read_text().startswith("layer,q2\n1,")
  one_line(script("eval_squad.py", folder / "data.json", folder / "no.json",
                  **LOCALE_C), "no.json: there is no such file")


@pytest.fixture
def folder(tmp_path):
  """A folder with a data set, its answers, a sweep and a table."""
  write_json(tmp_path / "data.json", tiny_model.data_set())
  (tmp_path / "sweep").mkdir()
  answers = {"q%d-%d" % (p, i): "oslo" for p in range(2) for i in range(5)}
  for name in ("predictions.json", "predictions_layer0_q2.json"):
    write_json(tmp_path / "sweep" / name, answers)
  write_json(tmp_path / "pred.json", answers)
  (tmp_path / "results.csv").write_text("layer,q2\n1,20\n")
  return tmp_path


QUESTION = {"id": "q", "question": "?", "answers": []}


@pytest.mark.parametrize("content, words", [
    pytest.param(gzip.compress(b"{}"),
                 " is packed with gzip; unpack it with gunzip", id="gzip"),
    (b"<!DOCTYPE html>\n<html></html>", " is a web page"),
    (json.dumps(tiny_model.data_set()).encode("ascii")[:-30],
     "not JSON, or cut off"),
    (b"", " is empty; copy or download it again"),
    ("{\"data\": []}".encode("utf-16"),
     " is UTF-16 text; convert it with iconv -f UTF-16 -t UTF-8"),
    (b"[" * 100000, "nested too deeply"),
    ([], "is an array; should be an object with 'data'"),
    ({"data": {}}, "'data' is an object; should be an array"),
    ({"data": []}, "has no question"),
    ({"data": [{"paragraphs": [{"qas": [dict(QUESTION, id=7.5)]}]}]},
     "data[0].paragraphs[0].qas[0]: 'id' is 7.5; should be a string"),
    ({"data": [{"paragraphs": [{"qas": [QUESTION, QUESTION]}]}]},
     "used more than once: 1 id (\"q\")"),
    (b'{"data": [], "data": []}', "more than once in one object"),
], ids=lambda value: value if isinstance(value, str) else "content")
def test_data_sets_that_are_none(folder, content, words):
  """As eval_squad.py says it; run_squad.py reads with the same module."""
  if not isinstance(content, bytes):
    content = json.dumps(content).encode("ascii")
  (folder / "bad.json").write_bytes(content)
  one_line(script("eval_squad.py", folder / "bad.json", folder / "pred.json"),
           "eval_squad.py: %s" % (folder / "bad.json"), words)


@pytest.mark.parametrize("command", [
    "eval_squad.py data.json bad.json", "eval_squad.py bad.json pred.json",
    "eval_squad.py data.json pred.json -n bad.json",
    "get_results.py sweep results.csv --data_file bad.json",
    "get_results.py bad results.csv --data_file data.json"])
def test_what_a_file_is_is_said_by_all_that_read_one(folder, command):
  (folder / "bad").mkdir()
  for name in ("bad.json", "bad/predictions_layer0_q2.json"):
    (folder / name).write_bytes(gzip.compress(b"{}"))
  name, *arguments = command.split()
  one_line(script(name, *arguments, cwd=str(folder)),
           ".json is packed with gzip; unpack it with gunzip\n")


def test_a_byte_order_mark_does_not_matter(folder):
  path = folder / "data.json"
  path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
  result = script("eval_squad.py", path, folder / "pred.json")
  assert result.returncode == 0 and result.stderr == ""


@pytest.mark.parametrize("command, words", [
    ("eval_squad.py no.json pred.json", "no.json: there is no such file"),
    ("eval_squad.py data.json sweep", "sweep: is a folder"),
    ("eval_squad.py $SQUAD/data.json pred.json",
     "$SQUAD/data.json: $SQUAD was not expanded"),
    ("eval_squad.py data.json pred.json -n no.json",
     "no.json: there is no such file; --na-prob-file"),
    ("eval_squad.py data.json pred.json -o no/eval.json",
     "no/eval.json: there is no folder no; --out-file"),
    ("eval_squad.py data.json pred.json -n pred.json -p ~/x",
     "--out-image-dir=~/x: ~ was not expanded"),
    ("get_results.py no results.csv --data_file data.json",
     "no: there is no such folder"),
    ("get_results.py pred.json results.csv --data_file data.json",
     "pred.json: is a file"),
    ("get_results.py sweep results.csv --data_file no.json",
     "no.json: there is no such file; --data_file"),
    ("get_results.py sweep no/results.csv --data_file data.json",
     "no/results.csv: there is no folder no"),
    ("get_results.py --compare results.csv %ROOT%/b.csv",
     "%ROOT%/b.csv: %ROOT% was not expanded; --compare"),
    ("visualize_att_zone.py no.csv 20 squad.pdf",
     "no.csv: there is no such file"),
    ("visualize_att_zone.py results.csv 20 ~/squad.pdf",
     "~/squad.pdf: ~ was not expanded"),
])
def test_paths_that_are_not_there(folder, command, words):
  name, *arguments = command.split()
  before = sorted(folder.glob("**/*"))
  one_line(script(name, *arguments, cwd=str(folder)), "%s: %s" % (name, words))
  assert sorted(folder.glob("**/*")) == before


@pytest.mark.parametrize("path, flags", [
    ("$HOME/x", True), ("a/${MODEL DIR}/x", True), ("%SQUAD%\\x.json", True),
    ("~/x", True), ("~ann/x", True), ("gs://$BUCKET/x", True),
    ("a/~/x", False), ("a~", False), ("100%", False), ("5%-of-10%", False),
    ("my%20own%20folder", False), ("$", False), ("US$5", False),
    ("gs://bucket/x", False), ("", False), (None, False),
])
def test_variables_that_were_not_expanded(path, flags):
  if flags:
    with pytest.raises(ValueError, match="--output_dir=.*was not expanded"):
      path_checks.check_flag("--output_dir", path)
  else:
    path_checks.check_flag("--output_dir", path)


def test_what_is_really_called_so_is_no_variable(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "$x").mkdir()
  (tmp_path / "$x" / "model.ckpt.index").write_text("")
  path_checks.check_flag("--output_dir", "$x")
  path_checks.check_flag("--init_checkpoint", "$x/model.ckpt")


def decode(folder, *flags, **environment):
  """Runs decode_squad.sh on a model of tiny_model."""
  environment = dict(
      os.environ, BERT_DIR=str(folder), MODEL_OUTPUT_DIR=str(folder / "model"),
      PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
      TF_CPP_MIN_LOG_LEVEL="3", PYTHONWARNINGS="ignore", **environment)
  return subprocess.run(
      ["bash", os.path.join(launcher.REPOSITORY, "decode_squad.sh"),
       "--predict_file=%s" % (folder / "data.json"), "--max_seq_length=24",
       "--doc_stride=8", "--max_query_length=8", "--do_lower_case=True"]
      + list(flags),
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
      env=environment)


@pytest.mark.thorough
def test_zones_of_decode_squad_may_have_spaces(project):
  result = decode(project, ZONES="q2, p2  p2+q2 ", LAYERS="0")
  assert result.returncode == 0, result.stderr
  assert sorted(
      path.name for path in (project / "model").glob("predictions*")) == [
          "predictions.json", "predictions_layer0_p2.json",
          "predictions_layer0_q2+p2.json", "predictions_layer0_q2.json"]
  one_line(decode(project, ZONES="q2, q9", LAYERS="0"),
           "--mask_zone=q2,q9: 'q9' is not a zone", "q2p")


@pytest.mark.parametrize("table, status, line", [
    ("layer,q2\n0,20\n1,20\n", 0,
     "{csv}: counts layers from 0; its layer 0 is called layer 1 from here on"),
    ("layer,q2,p2\n1,20,\n2,20,3\n", 0,
     "visualize_att_zone.py: {csv}: missing cells, drawn hatched: layer 1: p2"),
    ("layer,q2\n1,bad\n", 1,
     "visualize_att_zone.py: {csv}, line 2, column q2: 'bad' is not a score; a "
     "score is a number from 0 to 100, or an empty cell if missing; a "
     "log-probability is 0 at most"),
])
def test_tables_with_something_odd(folder, table, status, line):
  path = folder / "odd.csv"
  path.write_text(table)
  result = script("visualize_att_zone.py", path, "20", folder / "squad.svg")
  assert result.stderr == line.format(csv=path) + "\n"
  assert result.returncode == status
  assert (folder / "squad.svg").exists() == (status == 0)
