"""--gold_logp: the log-probability of the gold answer, of every decode."""

import functools
import json
import shutil
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding import answer_head
from attention_zones.decoding import answers
from attention_zones.decoding import gold
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import grammar
from bert_reference import reference_logits
from bert_reference import variables_of
import modeling
import tiny_model
from tiny_model import run_squad
import tokenization
import tolerances

# Windows of 10 of a passage's 15 pieces beside a question of 5: two, of the pieces
# 0 to 9 and 8 to 14.
SIZES = ("--max_seq_length=18", "--doc_stride=8")
SWEEP = ("--do_predict=True", "--mask_layer=0-1", "--mask_zone=q2,p2,all",
         "--gold_logp=True") + SIZES


def log_softmax(x):
  x = np.asarray(x, np.float64) - np.max(x)
  return x - np.log(np.exp(x).sum())


def graph_logp(features, logits):
  """answer_head.gold_logp of one window: list of V float."""
  with tf.Graph().as_default(), tf.Session() as session:
    return session.run(answer_head.gold_logp(
        {name: tf.constant(value) for name, value in features.items()},
        tf.constant(np.array(logits, np.float32)[None])))[0].tolist()


# [CLS] q [SEP] p p p [SEP] [PAD], where p are the passage's tokens 4, 5, 6.
WINDOW = {
    "input_ids": [[0] * 8], "first_token": [4], "passage_length": [3],
    "question_start": [1], "question_end": [2], "passage_start": [3],
    "passage_end": [6], "window_end": [7]}
LOGITS = [[1, 2, 0, 3, -1, 0.5, 2, 90], [0, 1, 0, -2, 4, 1, 3, 90]]


@pytest.mark.parametrize("spans, places", [
    ([[4, 5]], [(3, 4)]),
    # The larger of two; an answer that is cut by the window's end does not count.
    ([[6, 6], [5, 5], [6, 7], [3, 4]], [(4, 4), (5, 5)]),
    ([[4, 6], [-1, -1]], [(3, 5)]),
    ([[7, 7], [3, 3], [-1, -1]], []),
])
def test_the_formula_over_real_tokens(spans, places):
  """Two decodes, the second with start and end the other way round."""
  found = graph_logp(
      dict(WINDOW, gold_spans=[spans]), [LOGITS, LOGITS[::-1]])
  for logits, logp in zip((LOGITS, LOGITS[::-1]), found):
    start, end = [log_softmax(row[:7]) for row in logits]
    expected = max([start[s] + end[e] for s, e in places], default=-np.inf)
    # Seven terms are summed up, two logarithms added.
    assert logp == expected or abs(logp - expected) < (
        tolerances.float32_tolerance(10, 20))


def test_a_value_by_hand():
  """Softmax of ln 1, ln 2, ln 5: the second is 1/4; of zeros it is 1/3."""
  window = {"input_ids": [[0, 0, 0]], "first_token": [0], "passage_length": [1],
            "question_start": [1], "question_end": [1], "passage_start": [1],
            "passage_end": [2], "window_end": [3], "gold_spans": [[[0, 0]]]}
  found = graph_logp(window, [[np.log([1, 2, 5]), [0, 0, 0]]])
  assert found == [pytest.approx(np.log(1 / 12), rel=1e-6)]


def test_the_best_window_counts_and_a_failed_decode_has_none():
  of_question = [{"gold_logp": np.array([-3, -np.inf, np.nan], np.float32)},
                 {"gold_logp": np.array([-2, -np.inf, -1], np.float32)}]
  rated = gold.rate([answers.Answer("x", None, None)] * 3, of_question)
  assert [answer.gold_logp for answer in rated] == [-2.0, None, None]
  assert rated[0].text == "x"


def test_all_answers_of_a_question_are_read(tmp_path):
  context = "Anna lives in Oslo. Omar\u00a0lives in Lima."
  answer = lambda text, start: {"text": text, "answer_start": start}
  qas = [
      {"id": "a", "question": "?", "answers": [
          answer("Oslo", 14), answer("in Oslo", 11), answer("Oslo", 2)]},
      {"id": "b", "question": "?", "answers": [], "is_impossible": True},
      {"id": "c", "question": "?"},
      {"id": 7, "question": "?", "answers": [answer("Omar lives", 20)]}]
  path = tmp_path / "data.json"
  path.write_text(json.dumps(
      {"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}))
  # The third is not where it is said to be.
  examples, _ = squad_data.read_examples(str(path), False, True, with_gold=True)
  assert {example.qas_id: list(example.gold) for example in examples} == {
      "a": [(14, 18), (11, 18)], "b": [], "c": [], "7": [(20, 30)]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
  """A folder after a sweep, whose questions have answers of several kinds."""
  folder = tmp_path_factory.mktemp("swept")
  tiny_model.write_files(folder)
  data = tiny_model.data_set()
  for paragraph in data["data"][0]["paragraphs"]:
    answer = lambda first, last: {
        "text": " ".join(paragraph["context"].split()[first:last + 1]),
        "answer_start": len(" ".join(
            paragraph["context"].split()[:first] + [""]))}
    for qa, spans in zip(paragraph["qas"], (
        # In both windows, in one each, in none; cut by both; not there.
        [(8, 9)], [(0, 0), (14, 14), (3, 3)], [(7, 10)], [(5, 12), (2, 4)], [])):
      qa["answers"] = [answer(*span) for span in spans]
      qa["spans"] = spans
    paragraph["qas"][4]["answers"] = [{"text": "oslo", "answer_start": 1}]
  (folder / "data.json").write_text(json.dumps(data))
  tiny_model.write_checkpoint(folder / "model")
  result = run_squad(folder, *SWEEP)
  assert result.returncode == 0, result.stderr
  assert ("run_squad.py: --gold_logp: 2 of 10 questions have no gold answer in "
          "their passage; they are null\n") in result.stderr
  return folder


def gold_logp(folder, decode):
  return json.loads(
      (folder / "model" / decode.file_name("gold_logp")).read_text())


def all_decodes():
  return grammar.parse_decodes("0-1", "q2,p2,all", 2)


@functools.lru_cache(maxsize=None)
def model_and_windows(folder):
  """(config, weights, list of windows.Window)."""
  config = modeling.BertConfig(**tiny_model.CONFIG)
  reader = tf.train.load_checkpoint(str(folder / "model" / "model.ckpt-1"))
  vocab = tokenization.load_vocab(
      str(folder / "vocab.txt"), tokenization.SPECIAL_TOKENS)
  examples, _ = squad_data.read_examples(str(folder / "data.json"), False)
  return config, {
      name: reader.get_tensor(name) for name in variables_of(config)}, list(
          windows.make_windows(
              examples, tokenization.FullTokenizer(vocab, True),
              windows.WindowSizes(18, 8, 8), False))


def computed_by_numpy(folder, decode):
  """BERT in float64, window by window, and a softmax over its real tokens.

  Returns:
    (dict from id to log-probability or None, how far float32 may be from it).
  """
  config, weights, all_windows = model_and_windows(folder)
  qas = [qa for paragraph in json.loads((folder / "data.json").read_text())[
      "data"][0]["paragraphs"] for qa in paragraph["qas"]]
  best, off = {qa["id"]: None for qa in qas}, 0
  for window in all_windows:
    length = len(window.input_ids)
    features = np.zeros([3, 18], int)
    features[0, :length], features[1, :length] = window.input_ids, 1
    features[2, window.question_length + 2:length] = 1
    logits_of = lambda **how: reference_logits(
        config, weights, features, decode, **how)[:, :length]
    start, end = map(log_softmax, logits_of())
    off = max(off, tolerances.float32_tolerance(
        np.abs(logits_of()).max(), tolerances.model_operations(config, 18)))
    if decode.mask.reaches_padding:
      off = max(off, tolerances.limits_of_all(logits_of).furthest)
    qa = qas[window.example_index]
    shift = window.question_length + 2 - window.first_token
    for first, last in qa["spans"]:
      if window.first_token <= first and (
          last < window.first_token + window.passage_length):
        logp = start[first + shift] + end[last + shift]
        best[qa["id"]] = max(logp, best[qa["id"]] or -np.inf)
  # Two logits, and two normalizers, which are off by as much as a logit.
  return best, 4 * off


def check_near(found, expected, tolerance):
  assert list(found) == list(expected)
  assert [name for name, value in found.items() if value is None] == [
      "q0-2", "q0-4", "q1-2", "q1-4"]
  for name, value in found.items():
    assert value is None and expected[name] is None or (
        abs(value - expected[name]) < tolerance), name


@pytest.mark.parametrize("decode", all_decodes(), ids=lambda d: d.file_name(""))
def test_a_sweep_has_what_numpy_computes(swept, decode):
  expected, tolerance = computed_by_numpy(swept, decode)
  check_near(gold_logp(swept, decode), expected, tolerance)
  # Another decode's would be found out.
  if decode != BASELINE:
    with pytest.raises(AssertionError):
      check_near(gold_logp(swept, BASELINE), expected, tolerance)


@pytest.fixture
def project(swept, tmp_path):
  """A copy of `swept`, to be changed."""
  shutil.copytree(str(swept), str(tmp_path / "project"))
  return tmp_path / "project"


@pytest.mark.thorough
def test_one_shape_for_all_windows_gives_the_same(project, swept):
  for path in (project / "model").glob("*p*.json"):
    path.unlink()
  result = run_squad(project, *SWEEP, "--bucket_by_length=False",
                     "--predict_batch_size=3", "--sweep_memory_gb=0.00004")
  assert result.returncode == 0, result.stderr
  assert "passes over the data: 7" in result.stderr
  for decode in all_decodes():
    check_near(gold_logp(project, decode), *computed_by_numpy(swept, decode))


@pytest.mark.slow
def test_a_sweep_without_it_is_decoded_again_for_it(project, swept):
  """As for --write_nbest: only decodes that lack a file, and all of their files."""
  model = project / "model"
  sweep = lambda *flags: run_squad(project, *(SWEEP + flags)).stderr
  before = {path.name for path in model.glob("*p*.json")}
  assert "nothing to do" in sweep()
  for name in ("gold_logp_layer1_p2.json", "gold_logp.json"):
    (model / name).unlink()
  assert "nothing to do" in sweep("--gold_logp=False")
  assert "decodes: 2," in sweep()
  manifest = json.loads((model / "manifest.json").read_text())
  assert len(manifest["runs"]) == 1
  assert before == set(manifest["files"])
  # Two decodes alone may differ from seven together in a last digit.
  for decode in (BASELINE, all_decodes()[-2]):
    assert decode.file_name() in ("predictions.json", "predictions_layer1_p2.json")
    check_near(gold_logp(project, decode), *computed_by_numpy(swept, decode))


@pytest.mark.slow
def test_an_unfinished_sweep_resumes_with_it_only(project):
  model = project / "model"
  before = tiny_model.digests(project, "*p*.json")
  for path in model.glob("*p*.json"):
    path.unlink()
  journal = lambda: list(model.glob("journal.*"))
  killed = tiny_model.begin(project, *SWEEP)
  killed.wait_until(
      lambda: journal() and journal()[0].read_bytes().count(b"\n") > 1)
  assert killed.signal(signal.SIGKILL)[0] == -signal.SIGKILL
  result = run_squad(project, *SWEEP, "--gold_logp=False")
  assert result.returncode == 1
  assert "different --gold_logp (True before, nothing now)" in result.stderr
  result = run_squad(project, *SWEEP)
  assert result.returncode == 0 and "questions are done: resuming" in result.stderr
  assert tiny_model.digests(project, "*p*.json") == before


@pytest.mark.parametrize("flags, words", [
    (["--do_predict=False", "--do_train=True"],
     ["--gold_logp=True", "--do_predict=True"]),
    (["--predict_file={}/unanswered.json", "--doc_stride=4", "--overwrite=True"],
     ["--gold_logp=True: --predict_file=", "unanswered.json has no answer"]),
    (["--predict_file={}/faulty.json", "--doc_stride=4", "--overwrite=True"],
     ["faulty.json: data[0].paragraphs[0].qas[0].answers[0]", "'answer_start'"]),
])
def test_refused_with_one_line(project, flags, words):
  for name, answered in (
      ("unanswered", []), ("faulty", [{"text": "oslo", "answer_start": "x"}])):
    data = tiny_model.data_set()
    for paragraph in data["data"][0]["paragraphs"]:
      for qa in paragraph["qas"]:
        qa["answers"] = answered
    (project / (name + ".json")).write_text(json.dumps(data))
  result = run_squad(
      project, *SWEEP, *(flag.format(project) for flag in flags))
  assert result.returncode == 1
  assert len(result.stderr.splitlines()) == 1, result.stderr
  for word in words:
    assert word in result.stderr
