"""--dataset=cmrc2018: from its file to predictions, as the published script."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import answer_head
from attention_zones.zones.decodes import BASELINE
import bert_reference
from bert_reference import FEATURES
import golden_cells
import launcher
import modeling
import tiny_model
import tolerances

# [CLS] q q [SEP] p p p [SEP] [PAD], as in test_answer_head.py.
WINDOW = {
    "input_ids": [[0] * 9], "example_index": [3], "num_windows": [2],
    "first_token": [5], "passage_length": [3], "question_start": [1],
    "question_end": [3], "passage_start": [4], "passage_end": [7],
    "window_end": [8]}
# [CLS] has ln 4, the passage 0, ln 2 and 0: softmax is 4, 1, 2 and 1 eighths.
LOGITS = [np.log(4), 9.0, 8.0, 7.0, 0.0, np.log(2), 0.0, 9.0, 9.0]


def in_graph(function, logits, **more):
  """Runs a function of answer_head on the window and logits [2, S]."""
  with tf.Graph().as_default(), tf.Session() as session:
    features = {name: tf.constant(value) for name, value in dict(
        WINDOW, **more).items()}
    return session.run(function(features, tf.constant(
        np.array([logits], np.float32))))


def test_probabilities_are_over_cls_and_the_passage():
  found = in_graph(answer_head.log_probabilities, [LOGITS, LOGITS])
  # Logits of about 10 in float32, and a sum of a few.
  limit = tolerances.float32_tolerance(10, 20)
  allowed = [0, 4, 5, 6]
  for of in found[0]:
    assert np.abs(of[allowed] - np.log(np.array([4, 1, 2, 1]) / 8)).max() < limit
    assert (np.delete(of, allowed) < -9000).all()


def test_cls_takes_one_of_the_places():
  found = in_graph(
      lambda features, logits: answer_head.candidates(
          features, logits[None], 2, limits_logits=True), [LOGITS, LOGITS])
  assert found["start_tokens"].tolist() == [[[-1, 6]]]
  assert found["start_logits"][0, 0] == pytest.approx(
      [np.log(4 / 8), np.log(2 / 8)], abs=1e-5)


def test_the_loss_is_over_cls_and_the_passage():
  """At the second token of the passage it is -ln 2/8, at the first -ln 1/8."""
  loss = in_graph(lambda features, logits: answer_head.span_loss(
      features, logits, limits_logits=True), [LOGITS, LOGITS],
                  start_position=[4], end_position=[5])
  assert loss == pytest.approx((np.log(8) + np.log(4)) / 2, abs=1e-5)


@pytest.fixture(scope="module")
def golden(shared):
  return shared / "golden" / "cmrc2018"


def log_probabilities(logits, may_be_span):
  """The same in numpy: logits [2, S] at bool [S], 0 elsewhere."""
  logits = np.where(may_be_span, logits, -np.inf).astype(np.float64)
  found = logits - logits.max(1, keepdims=True)
  found -= np.log(np.exp(found).sum(1, keepdims=True))
  return np.where(may_be_span, found, 0)


@pytest.mark.slow
def test_published_logits(golden):
  config = modeling.BertConfig.from_json_file(
      str(golden / "model" / "bert_config.json"))
  reader = tf.train.load_checkpoint(str(golden / "model" / "bert_model.ckpt"))
  weights = {v: reader.get_tensor(v) for v in bert_reference.variables_of(config)}
  published = np.load(str(golden / "logits.trial.192.npz"))
  features = np.load(str(golden / "features.trial.192.npz"))
  spans = features["input_span_mask"][published["rows"]] == 1  # [B, S]
  features = np.stack([features[name][published["rows"]]
                       for name in FEATURES]).astype(np.int32)
  cells = golden_cells.cells_of(published)
  cells[BASELINE] = published["baseline"]
  logits = bert_reference.build(list(cells), 192, config, weights)(features)
  masked = in_graph_of(features, logits[BASELINE], answer_head.mask_spans)
  assert np.abs(masked - published["raw"])[
      np.repeat(features[1][:, None] == 1, 2, 1)].max() < (
          tolerances.PUBLISHED_LOGITS)
  allowed = np.repeat(spans[:, None], 2, 1)
  for decode, expected in cells.items():
    found = in_graph_of(features, logits[decode], answer_head.log_probabilities)
    errors = np.abs(found - expected)[allowed]
    if decode.mask.reaches_padding:
      limits = tolerances.limits_of_all(lambda **how: np.concatenate([
          log_probabilities(bert_reference.reference_logits(
              config, weights, features[:, row], decode, **how), spans[row])
          for row in range(4)]))
      assert errors.max() < limits.furthest, decode
    else:
      assert errors.max() < tolerances.PUBLISHED_LOGITS, decode
  assert len(cells) == 10


def in_graph_of(features, logits, function):
  """Runs a function of answer_head on features [3, B, S] and logits [B, 2, S]."""
  with tf.Graph().as_default(), tf.Session() as session:
    return session.run(function(
        bert_reference.with_places(features),
        tf.constant(logits)))


def first_questions(shared, folder, count):
  """Writes the first questions of the trial set: the path."""
  content = json.loads((shared / "data" / "cmrc2018_trial.json").read_text(
      encoding="utf-8"))
  for article in content["data"]:
    for paragraph in article["paragraphs"]:
      paragraph["qas"] = paragraph["qas"][:count]
      count -= len(paragraph["qas"])
  path = folder / "data.json"
  path.write_text(json.dumps(content), encoding="utf-8")
  return path


@pytest.mark.parametrize("count, sizes, sweep, num_files", [
    pytest.param(30, ("512", "128", "64"), ("2", "all"), 2,
                 marks=pytest.mark.slow),
    pytest.param(150, ("512", "128", "64"), ("2", "all"), 2,
                 marks=pytest.mark.thorough),
    pytest.param(150, ("192", "64", "32"), ("0-3", "q2p,p2q,p2,all"), 6,
                 marks=pytest.mark.thorough)])
def test_published_predictions(
    shared, golden, tmp_path, count, sizes, sweep, num_files):
  """The first 30 or all 150: the same bytes; n-best lists: the same spans."""
  model = golden / "model"
  result = launcher.complete(launcher.Run("run_squad.py", (
      "--dataset=cmrc2018", "--do_predict=True", "--output_dir=%s" % tmp_path,
      "--vocab_file=%s" % (shared / "models" / "vocab" / "chinese.txt"),
      "--bert_config_file=%s" % (model / "bert_config.json"),
      "--init_checkpoint=%s" % (model / "bert_model.ckpt"),
      "--predict_file=%s" % first_questions(shared, tmp_path, count),
      "--max_seq_length=%s" % sizes[0], "--doc_stride=%s" % sizes[1],
      "--max_query_length=%s" % sizes[2],
      "--mask_layer=%s" % sweep[0], "--mask_zone=%s" % sweep[1])))
  assert result.returncode == 0, result.stderr
  published = sorted((golden / ("predictions." + sizes[0])).glob("pred*.json"))
  assert len(published) == num_files
  for path in published:
    ours, theirs = (tmp_path / path.name).read_bytes(), path.read_bytes()
    end = b"\n}\n"
    assert ours.endswith(end) and theirs.startswith(ours[:-len(end)]), path.name
    assert count < 150 or ours == theirs
  check_nbest(tmp_path, golden / ("predictions." + sizes[0]))


def check_nbest(folder, published):
  """Compares the baseline's n-best lists, of the first questions."""
  ours, theirs = (json.loads((where / "nbest_predictions.json").read_text(
      encoding="utf-8")) for where in (folder, published))
  assert len(theirs) in (30, 60) and set(theirs) <= set(ours)
  spans = lambda entries: [(entry["text"], entry["start_index"],
                            entry["end_index"]) for entry in entries]
  for name, entries in theirs.items():
    assert spans(ours[name]) == spans(entries), name
    for one, other in zip(ours[name], entries):
      assert list(one) == list(other)
      assert one == pytest.approx(other, abs=tolerances.PUBLISHED_LOGITS, rel=0)


PASSAGE = "他买了iPhone 6s，在北京。"
# Id, question, answer in the file, in predictions.
QUESTIONS = [("A", "买了什么", "iPhone 6s", "iPhone6s"),
             ("B", "在哪里", "北京", "北京"), ("C", "谁", "他", "他")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Data set, vocabulary and configuration of a model that learns by heart."""
  path = tmp_path_factory.mktemp("cmrc")
  paragraphs = [{"context": context, "qas": [
      {"id": name, "question": question, "answers": [
          {"text": text, "answer_start": context.find(text)}]}
      for name, question, text, _ in questions]}
                for context, questions in (
                    (PASSAGE, QUESTIONS), ("", [("D", "谁", "", "")]))]
  (path / "data.json").write_text(json.dumps(
      {"data": [{"title": "t", "paragraphs": paragraphs}]}))
  vocab = list(tiny_model.VOCAB[:4]) + sorted(
      set("他买了，在北京。什么哪里谁") | {"iphone", "6", "##s"})
  (path / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
  (path / "bert_config.json").write_text(json.dumps(dict(
      tiny_model.CONFIG, vocab_size=len(vocab), hidden_size=16,
      hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)))
  return path


def run(folder, *flags):
  return tiny_model.run_squad(folder, *(
      ("--dataset=cmrc2018", "--max_seq_length=16", "--doc_stride=4",
       "--max_query_length=4", "--learning_rate=0.01") + flags))


@pytest.mark.thorough
def test_from_training_to_predictions(folder):
  done = run(folder, "--do_train=True", "--do_predict=True",
             "--train_batch_size=2", "--num_train_epochs=60",
             "--allow_dropped=True")
  assert done.returncode == 0, done.stderr
  model = folder / "model"
  texts = json.loads((model / "predictions.json").read_text(encoding="utf-8"))
  expected = {name: text for name, _, _, text in QUESTIONS}
  # As published: the word for no answer at all.
  assert texts == dict(expected, D="empty")
  assert "1 of 4 questions left out" in done.stderr
  # The 11 word pieces need two windows for A and B, which leave room for 9 and 10,
  # and one for C. int(5 windows / 2 * 60) steps; with 3 questions it would be 90.
  assert (model / "model.ckpt-150.index").exists()
  record = json.loads((model / "training.json").read_text())
  assert record["--dataset"] == "cmrc2018"
  run_of, = json.loads((model / "manifest.json").read_text())["runs"].values()
  assert run_of["--dataset"] == "cmrc2018"
  best = json.loads((model / "nbest_predictions.json").read_text())["C"][0]
  # [CLS] 谁 [SEP] 他
  assert (best["text"], best["start_index"], best["end_index"]) == ("他", 3, 3)

  # The same folder as SQuAD: no training to resume, and other windows.
  names = {path.name for path in model.glob("*.tf_record")}
  other = run(folder, "--dataset=squad", "--do_train=True",
              "--train_batch_size=1", "--num_train_epochs=200")
  assert other.returncode == 1
  assert "--dataset (cmrc2018 before, squad now)" in other.stderr
  assert {path.name for path in model.glob("*.tf_record")} == names
  predict = "--dataset=squad", "--do_predict=True"
  assert "manifest.json says --dataset=cmrc2018;" in run(folder, *predict).stderr
  changed = run(folder, "--overwrite=True", *predict)
  assert changed.returncode == 0, changed.stderr
  assert len({path.name for path in model.glob("*.tf_record")} - names) == 1


@pytest.mark.parametrize("flags, message", [
    (["--version_2_with_negative=True"],
     "--version_2_with_negative=True needs --dataset=squad, not cmrc2018, where "
     "every question has an answer"),
    (["--predict_file={english}"],
     "{english}: no passage has a Chinese character, and --dataset=cmrc2018 joins "
     "words without spaces; give --dataset=squad"),
    (["--do_train=True", "--train_file={unanswered}"],
     "{unanswered}: data[0].paragraphs[0].qas[0] has no answer; a question to "
     "train on should have one")])
def test_refused(folder, tmp_path, flags, message):
  paths = {"english": tmp_path / "english.json",
           "unanswered": tmp_path / "unanswered.json"}
  paths["english"].write_text(json.dumps(tiny_model.data_set()))
  paths["unanswered"].write_text(json.dumps({"data": [{"paragraphs": [
      {"context": "他在北京。", "qas": [
          {"id": "q", "question": "谁", "answers": []}]}]}]}))
  tiny_model.write_files(tmp_path)
  result = run(folder, "--do_predict=True", "--output_dir=%s" % (tmp_path / "out"),
               "--init_checkpoint=%s" % write_model(folder, tmp_path), *[
                   flag.format(**paths) for flag in flags])
  assert result.returncode == 1
  line, = [line for line in result.stderr.splitlines() if message[:20].format(
      **paths) in line]
  assert line.startswith("run_squad.py: " + message.format(**paths))
  assert "Traceback" not in result.stderr
  assert list((tmp_path / "out").glob("predictions*")) == []


def write_model(folder, tmp_path):
  """A checkpoint of random weights for the configuration in `folder`."""
  tiny_model.write_checkpoint(tmp_path / "weights", json.loads(
      (folder / "bert_config.json").read_text()))
  return tmp_path / "weights" / "model.ckpt-1"


def test_cmrc_that_is_read_as_squad_is_told(folder, tmp_path):
  content = json.loads((folder / "data.json").read_text())
  for paragraph in content["data"][0]["paragraphs"]:
    for i, qa in enumerate(paragraph["qas"]):
      qa["id"] = "DEV_%d_QUERY_%d" % (len(paragraph["qas"]), i)
  (tmp_path / "data.json").write_text(json.dumps(content))
  result = run(folder, "--dataset=squad", "--do_predict=True",
               "--predict_file=%s" % (tmp_path / "data.json"),
               "--output_dir=%s" % (tmp_path / "out"),
               "--init_checkpoint=%s" % write_model(folder, tmp_path))
  assert result.returncode == 0, result.stderr
  assert ("%s: has the ids of CMRC 2018; --dataset=cmrc2018 has the words, labels "
          "and answers of its published script" % (tmp_path / "data.json")
          ) in result.stderr
