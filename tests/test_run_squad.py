"""The protocol through the scripts a user runs, on a 14-wide model."""

import json
import shutil

import pytest
import tensorflow.compat.v1 as tf

from launcher import script
import tiny_model
from tiny_model import run_squad
from tiny_model import train
from tiny_model import write_checkpoint
from tolerances import TIE

IDS = ["q%d-%d" % (p, i) for p in range(2) for i in range(5)]
ZONES = ("q2", "q2p", "p2q", "p2", "all")


def predictions(folder, suffix=""):
  path = folder / "model" / ("predictions%s.json" % suffix)
  return json.loads(path.read_text())


def nbest_lists(folder, suffix):
  path = folder / "model" / ("nbest_predictions%s.json" % suffix)
  return json.loads(path.read_text())


def total(entry):
  return entry["start_logit"] + entry["end_logit"]


def test_protocol_from_json_to_figure(swept):
  project = swept
  files = {"predictions.json"} | {
      "predictions_layer%d_%s.json" % (layer, zone)
      for layer in range(2) for zone in ZONES}
  model = project / "model"
  assert {p.name for p in model.glob("predictions*.json")} == files
  context = tiny_model.data_set()["data"][0]["paragraphs"][0]["context"]
  for name in files:
    answers = json.loads((model / name).read_text())
    assert list(answers) == IDS
    assert answers["q0-0"] in context
  # In the last layer these two cannot change a passage token's hidden states.
  assert predictions(project, "_layer1_q2") == predictions(project)
  assert predictions(project, "_layer1_q2p") == predictions(project)
  nbest = json.loads((model / "nbest_predictions.json").read_text())
  assert nbest["q0-0"][0]["text"] == predictions(project)["q0-0"]
  assert sum(a["probability"] for a in nbest["q0-0"]) == (
      # 20 numbers at most, in float64.
      pytest.approx(1, rel=1e-12))
  assert not list(model.glob("nbest_predictions_*"))
  assert not list(model.glob("journal.*"))

  collected = script("get_results.py", model, project / "results.csv",
                     "--data_file", project / "data.json")
  assert collected.returncode == 0, collected.stderr
  lines = (project / "results.csv").read_text().splitlines()
  assert lines[0] == "layer,all,q2,q2p,p2q,p2"
  assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
  baseline = json.loads(script(
      "eval_squad.py", project / "data.json",
      model / "predictions.json").stdout)["exact"]
  assert lines[2].split(",")[2] == "%.3f" % baseline
  # The manifest says that layer 2 is the last one, and that [CLS] is not read.
  stats = [line.split(",") for line in (
      project / "results.stats.csv").read_text().splitlines()]
  p_holm = stats[0].index("p_holm")
  assert {(row[0], row[2]) for row in stats if not row[p_holm]} == {
      ("2", "q2"), ("2", "q2p")}
  drawn = script("visualize_att_zone.py", project / "results.csv", baseline,
                 project / "figure.pdf")
  assert drawn.returncode == 0, drawn.stderr
  assert (project / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_sweep_equals_single_decodes_in_every_grouping(project):
  zones = "--mask_zone=q2+p2,all,p2"
  assert run_squad(project, "--do_predict=True", "--mask_layer=0,0+1",
                   zones, "--write_nbest=True").returncode == 0
  together = {suffix: nbest_lists(project, suffix) for suffix in (
      "_layer0_q2+p2", "_layer0+1_all")}
  for suffix, answers in together.items():
    layer, zone = suffix[len("_layer"):].split("_")
    shutil.rmtree(str(project / "single"), ignore_errors=True)
    shutil.copytree(str(project / "model"), str(project / "single"))
    for path in (project / "single").glob("predictions*"):
      path.unlink()
    result = run_squad(
        project, "--do_predict=True", "--mask_layer=" + layer,
        "--mask_zone=" + zone, "--output_dir=%s" % (project / "single"),
        "--predict_batch_size=3", "--bucket_by_length=False",
        "--sweep_memory_gb=0.00004")
    assert result.returncode == 0, result.stderr
    assert "decodes: 2, passes over the data: 2" in result.stderr
    path = project / "single" / ("predictions%s.json" % suffix)
    alone = json.loads(path.read_text())
    assert list(alone) == list(answers)
    # Batches of other shapes round otherwise, which can turn a tie.
    for question, nbest in answers.items():
      assert alone[question] in {
          entry["text"] for entry in nbest
          if total(entry) >= total(nbest[0]) - TIE}


def test_a_zone_alone_masks_every_layer(project):
  assert run_squad(project, "--do_predict=True", "--mask_layer=None",
                   "--mask_zone=p2", "--write_nbest=True").returncode == 0
  assert list(predictions(project, "_layer_p2")) == IDS
  assert (project / "model" / "nbest_predictions_layer_p2.json").exists()


def test_what_is_finished_is_not_made_again(swept):
  before = {p.name: p.stat().st_mtime_ns
            for p in (swept / "model").glob("predictions*")}
  again = run_squad(swept, *tiny_model.PROTOCOL)
  assert again.returncode == 0 and "nothing to do" in again.stderr
  (swept / "model" / "predictions_layer1_p2.json").unlink()
  result = run_squad(swept, *tiny_model.PROTOCOL)
  assert "decodes: 1," in result.stderr
  after = {p.name: p.stat().st_mtime_ns
           for p in (swept / "model").glob("predictions*")}
  assert {name for name in after if after[name] != before[name]} == {
      "predictions_layer1_p2.json"}


@pytest.mark.thorough
def test_the_baseline_alone_and_of_another_data_set_or_checkpoint(project):
  assert run_squad(project, "--do_predict=True").returncode == 0
  assert {p.name for p in (project / "model").glob("*predictions*.json")} == {
      "predictions.json", "nbest_predictions.json"}
  data = tiny_model.data_set()
  data["data"][0]["paragraphs"][0]["qas"][0]["id"] = "new"
  (project / "new.json").write_text(json.dumps(data))
  predict = ("--do_predict=True", "--predict_file=%s" % (project / "new.json"),
             "--overwrite=True")
  assert run_squad(project, *predict).returncode == 0
  assert list(predictions(project))[0] == "new"
  old = (project / "model" / "nbest_predictions.json").read_text()
  tf.train.update_checkpoint_state(
      str(project / "model"), str(project / "model" / "model.ckpt-3"))
  assert run_squad(project, *predict).returncode == 0
  assert (project / "model" / "nbest_predictions.json").read_text() != old


def test_version_2(project):
  data = tiny_model.data_set()
  data["data"][0]["paragraphs"][0]["qas"][0].update(
      answers=[], is_impossible=True)
  (project / "data.json").write_text(json.dumps(data))
  result = run_squad(project, "--version_2_with_negative=True",
                     "--do_predict=True", "--null_score_diff_threshold=-1000")
  assert result.returncode == 0, result.stderr
  assert set(predictions(project).values()) == {""}
  odds = json.loads((project / "model" / "null_odds.json").read_text())
  assert list(odds) == IDS and all(isinstance(x, float) for x in odds.values())


@pytest.mark.parametrize("flags, words", [
    (["--do_predict=True", "--mask_layer=2", "--mask_zone=q2"],
     ["--mask_layer=2", "no layer 2", "0 to 1"]),
    (["--do_predict=True", "--mask_layer=0", "--mask_zone=q3"],
     ["--mask_zone=q3", "'q3'", "q2p"]),
    (["--do_predict=True", "--mask_layer=0"], ["--mask_zone is missing"]),
    (["--do_predict=True", "--mask_head=2", "--mask_zone=q2"],
     ["--mask_head=2", "no head 2", "0 to 1"]),
    (["--do_predict=True", "--mask_head=0", "--mask_zone=q2,all"],
     ["--mask_zone=q2,all", "\"all\" is not for --mask_head", "off"]),
    (["--do_predict=True", "--mask_layer=0", "--mask_zone=off"],
     ["--mask_zone=off", "needs --mask_head"]),
    (["--do_predict=True", "--mask_layer=0", "--mask_zone=q2,p2q@0"],
     ["p2q@0", "p2q@1 to p2q@9999", "p2q@flat"]),
    (["--do_predict=True", "--output_dir=/nonexistent/model"],
     ["--output_dir=/nonexistent/model", "no checkpoint"]),
    (["--do_predict=True", "--predict_file=no.json"],
     ["--predict_file=no.json", "no such file"]),
    ([], ["--do_train=True"]),
    (["--do_predict=True", "--max_seq_length=64"],
     ["--max_seq_length=64", "max_position_embeddings", "32"]),
    (["--do_predict=True", "--max_seq_length=11"],
     ["--max_seq_length=11", "at least 12"]),
    (["--do_train=True", "--train_batch_size=50"],
     ["was trained with a different", "--train_batch_size (5 before, 50 now)"]),
    (["--do_train=True", "--init_checkpoint=nothing"],
     ["there is no checkpoint nothing;", "bert_model.ckpt"]),
    (["--do_predict=True", "--use_tpu=True"], ["--tpu_name"]),
    (["--do_predict=True", "--use_tpu=True", "--tpu_name=t"],
     ["--output_dir=", "gs://"]),
    # A TPU VM reaches its own files.
    (["--do_predict=True", "--use_tpu=True", "--tpu_name=local",
      "--predict_batch_size=12"],
     ["--predict_batch_size=12", "--num_tpu_cores=8"]),
    (["--do_predict=True", "--use_tpu=True", "--tpu_name=t",
      "--output_dir=gs://b/o", "--predict_batch_size=12"],
     ["--predict_batch_size=12", "--num_tpu_cores=8"]),
])
def test_refused_with_one_line(trained, flags, words):
  result = run_squad(trained, *flags)
  assert result.returncode == 1
  assert len(result.stderr.splitlines()) == 1, result.stderr
  for word in words:
    assert word in result.stderr


@pytest.mark.parametrize("flag, word", [
    ("--mask_layers=0", "mask_layers"),
    ("--n_best_size=0", "n_best_size"),
    ("--doc_stride=0", "doc_stride"),
    ("--doc_stride=-1", "doc_stride"),
    ("--do_predict=maybe", "maybe"),
    ("stray", "stray"),
])
def test_a_flag_that_is_none_is_refused(trained, flag, word):
  result = run_squad(trained, "--do_predict=True", "--mask_zone=q2", flag)
  assert result.returncode == 1
  assert word in result.stderr and "Traceback" not in result.stderr
  assert not list((trained / "model").glob("predictions*"))


def test_a_finished_training_is_not_done_again(project):
  again = train(project)
  assert again.returncode == 0 and "nothing to train" in again.stderr


def test_what_is_unusual_about_a_model_and_works(tmp_path):
  """Fewer entries than rows, empty lines at the end, segment 1 without a row."""
  tiny_model.write_files(tmp_path)
  with open(str(tmp_path / "vocab.txt"), "a") as f:
    f.write("\n\n")
  config = dict(tiny_model.CONFIG, vocab_size=30, type_vocab_size=1)
  (tmp_path / "bert_config.json").write_text(json.dumps(config))
  write_checkpoint(tmp_path / "model", config)
  result = run_squad(tmp_path, "--do_predict=True")
  assert result.returncode == 0, result.stderr
  assert ("run_squad.py: --vocab_file=%s has 22 entries, but vocab_size is 30 in "
          "--bert_config_file=%s; the other rows of the word embeddings are not "
          "used\n" % (tmp_path / "vocab.txt", tmp_path / "bert_config.json")
          ) in result.stderr
  assert ("run_squad.py: --bert_config_file=%s: type_vocab_size is 1: segment 1, "
          "the passage, has no embedding and adds zeros, as in Google's code\n" % (
              tmp_path / "bert_config.json")) in result.stderr
  answers = json.loads((tmp_path / "model" / "predictions.json").read_text())
  assert list(answers) == IDS


def test_settings_of_the_tokenizer_that_cannot_be(tmp_path):
  tiny_model.write_files(tmp_path)
  (tmp_path / "bert_config.json").write_text(json.dumps(dict(
      tiny_model.CONFIG, max_input_chars_per_word=0)))
  result = run_squad(tmp_path, "--do_predict=True")
  assert result.returncode == 1
  assert result.stderr == (
      "run_squad.py: --bert_config_file=%s: max_input_chars_per_word is 0; should "
      "be above 0\n" % (tmp_path / "bert_config.json"))


@pytest.mark.parametrize("flags, spans", [
    # A passage has 15 word pieces, of which 10 fit beside a question of 5.
    (["--max_seq_length=18", "--doc_stride=128"], [(0, 10), (10, 5)]),
    (["--max_seq_length=18", "--doc_stride=8"], [(0, 10), (8, 7)]),
])
def test_doc_stride_may_be_larger_than_a_window(project, flags, spans):
  result = run_squad(project, "--do_predict=True", "--overwrite=True", *flags)
  assert result.returncode == 0, result.stderr
  remark, = [line for line in result.stderr.splitlines()
             if "do not overlap" in line]
  assert flags[1] + ":" in remark and "only 7 tokens" in remark
  path, = (project / "model").glob("eval.*.tf_record")
  read = []
  for record in tf.python_io.tf_record_iterator(str(path)):
    feature = tf.train.Example.FromString(record).features.feature
    if feature["example_index"].int64_list.value[0] == 0:
      read.append(tuple(feature[name].int64_list.value[0]
                        for name in ("first_token", "passage_length")))
  assert read == spans


def test_vocabulary_and_checkpoint_must_fit_the_config(project):
  config = dict(tiny_model.CONFIG, vocab_size=21)
  (project / "bert_config.json").write_text(json.dumps(config))
  result = run_squad(project, "--do_predict=True")
  assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
  assert "22 entries" in result.stderr and "vocab_size is 21" in result.stderr
  config = dict(tiny_model.CONFIG, num_hidden_layers=3)
  (project / "bert_config.json").write_text(json.dumps(config))
  result = run_squad(project, "--do_predict=True")
  assert result.returncode == 1
  assert "lacks" in result.stderr and "layer_2" in result.stderr
  config = dict(tiny_model.CONFIG, intermediate_size=30)
  (project / "bert_config.json").write_text(json.dumps(config))
  result = run_squad(project, "--do_predict=True")
  assert result.returncode == 1
  assert "28]" in result.stderr and "30]" in result.stderr


def test_a_checkpoint_of_no_training_is_refused(project):
  checkpoint = str(project / "model" / "model.ckpt-6")
  with tf.Graph().as_default(), tf.Session() as session:
    for name, _ in tf.train.list_variables(checkpoint):
      if name != "global_step":
        tf.get_variable(
            name, initializer=tf.train.load_variable(checkpoint, name))
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(project / "model" / "model.ckpt"), 7)
  result = run_squad(project, "--do_predict=True")
  assert result.returncode == 1
  assert "lacks 1 of" in result.stderr and "global_step" in result.stderr
  assert len(result.stderr.splitlines()) == 1
