"""What is done is not lost, and never mixed with what does not belong to it."""

import json
import re
import shutil
import unicodedata

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import sweep
from attention_zones.zones import grammar
import launcher
import modeling
from tiny_model import run_squad
from tiny_model import train
from tiny_model import TRAINING
import tiny_model

SWEEP = ("--do_predict=True", "--mask_layer=0-1", "--mask_zone=p2,all",
         "--write_nbest=True")
PREDICTIONS = "*predictions*.json"
DATA = "model.ckpt-6.data-00000-of-00001"


# Each takes a training and some runs: `bash tests/numeric.sh` has ELECTRA's.
OTHERS = [pytest.param("electra", marks=pytest.mark.thorough),
          pytest.param("albert", marks=pytest.mark.thorough)]


def refused(result, *words):
  assert result.returncode == 1 and "Traceback" not in result.stderr
  for word in words:
    assert word in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("project", ["bert"] + OTHERS, indirect=True)
@pytest.mark.slow
def test_training_from_a_cut_checkpoint_ends_with_the_same_bytes(project):
  """Goes on from step 3: the same batches, the same dropout."""
  model = project / "model"
  whole = (model / DATA).read_bytes()
  (model / DATA).write_bytes(whole[:len(whole) // 2])
  said = "checkpoint %s is incomplete (" % (model / "model.ckpt-6")
  used = "falling back to %s" % (model / "model.ckpt-3")
  result = run_squad(project, "--do_predict=True")
  assert result.returncode == 0, result.stderr
  assert said in result.stderr and used in result.stderr
  result = train(project, "--save_checkpoints_steps=3")
  assert result.returncode == 0, result.stderr
  assert said in result.stderr and used in result.stderr
  assert "training resumes from %s" % (model / "model.ckpt-3") in result.stderr
  assert (model / DATA).read_bytes() == whole
  again = train(project)
  assert "nothing to train" in again.stderr and "incomplete" not in again.stderr


@pytest.mark.thorough
def test_a_training_is_not_continued_with_something_else(project):
  """Nor with another TensorFlow, unless a flag allows it."""
  state = project / "model" / "checkpoint"
  before = state.read_bytes()
  refused(train(project, "--num_train_epochs=6", "--learning_rate=0.02"),
          str(project / "model" / "model.ckpt-6"),
          "different --learning_rate (0.01 before, 0.02 now);")
  content = (project / "data.json").read_text()
  (project / "data.json").write_text(content.replace("where does", "where did"))
  refused(train(project, "--num_train_epochs=6"), "different --train_file")
  assert state.read_bytes() == before
  (project / "data.json").write_text(content)
  record = project / "model" / "training.json"
  kept = record.read_text()
  record.write_text("[1]")
  refused(train(project, "--num_train_epochs=6"), str(record), "JSON object")

  content = json.loads(kept)
  assert content["TensorFlow"] == tf.__version__
  record.write_text(json.dumps(dict(content, TensorFlow="1.15.2")))
  said = "%s was trained with TensorFlow 1.15.2, and this is TensorFlow %s" % (
      project / "model" / "model.ckpt-6", tf.__version__)
  refused(train(project, "--num_train_epochs=6"), said,
          "resume with 1.15.2 (TENSORFLOW=1 for the scripts)",
          "--allow_other_tensorflow=True")
  assert state.read_bytes() == before
  result = train(
      project, "--num_train_epochs=6", "--allow_other_tensorflow=True")
  assert result.returncode == 0 and said in result.stderr, result.stderr
  assert (project / "model" / "model.ckpt-12.index").exists()
  assert ("model.ckpt-6 was trained with learning rates for --num_train_epochs=3, "
          "now it is 6" in result.stderr)
  # From now on it is this one's.
  assert json.loads(record.read_text()) == dict(
      content, num_train_steps=12, **{"--num_train_epochs": 6.0})


@pytest.mark.thorough
def test_what_an_init_checkpoint_holds_counts_not_its_name(project):
  other = project / "other"
  shutil.copytree(str(project / "model"), str(project / "before"))
  other.mkdir()
  run = lambda init, *flags: train(
      project, "--output_dir=%s" % other, "--save_checkpoints_steps=3",
      "--init_checkpoint=%s" % init, "--learning_rate=0", *flags)
  assert run(project / "before" / "model.ckpt-3").returncode == 0
  name = "bert/encoder/layer_1/attention/self/query/kernel"
  start, end = (tf.train.load_variable(str(path), name) for path in (
      project / "before" / "model.ckpt-3", other / "model.ckpt-6"))
  assert (start == end).all()
  # Moved elsewhere it is the same: nothing but the rate is refused.
  (project / "before").rename(project / "moved")
  moved = project / "moved" / "model.ckpt-3"
  refused(run(moved, "--num_train_epochs=5", "--learning_rate=0.02"),
          "with a different --learning_rate (0.0 before, 0.02 now);")
  refused(run(project / "moved" / "model.ckpt-6", "--num_train_epochs=5"),
          "with a different --init_checkpoint (")
  assert run(moved, "--num_train_epochs=5").returncode == 0


def test_a_manifest_that_lacks_parts(swept):
  """Its runs are others than this one."""
  path = swept / "model" / "manifest.json"
  content = json.loads(path.read_text())
  run, = content["runs"]
  content["runs"] = {"a": {}, "b": {"flags": 3}, "c": {"data": "d"}}
  content["files"] = {
      "predictions.json": "a", "predictions_layer0_p2.json": "b",
      "predictions_layer1_p2.json": "c"}
  path.write_text(json.dumps(content))
  flags = "--do_predict=True", "--mask_layer=0-1", "--mask_zone=p2"
  refused(run_squad(swept, *flags), "has predictions.json and 3 more, of which its "
          "manifest.json says nothing; give another --output_dir")
  result = run_squad(swept, "--overwrite=True", *flags)
  assert result.returncode == 0, result.stderr
  assert "decodes: 3, " in result.stderr
  assert result.stderr.count("1 files with a different") == 3
  assert list(json.loads(path.read_text())["runs"]) == [run]


def test_no_checkpoint_is_whole(project):
  for path in (project / "model").glob("model.ckpt-*.index"):
    path.unlink()
  refused(run_squad(project, "--do_predict=True"), "--output_dir=",
          "model.ckpt-0", "no complete checkpoint")


@pytest.mark.parametrize("project", OTHERS, indirect=True)
def test_a_journal_that_was_cut_ends_with_the_same_answers(project):
  """Those that the uncut journal has, of a run that cannot write its files."""
  model = project / "model"
  lock = model / ".manifest.json.lock"
  lock.mkdir()
  refused(run_squad(project, *SWEEP), str(lock))
  journal, = model.glob("journal.*")
  lines = journal.read_bytes().splitlines(True)
  header, records = json.loads(lines[0].decode("ascii")), sorted(
      (json.loads(line.decode("ascii")) for line in lines[1:]),
      key=lambda record: record["question"])
  assert len(records) == 10
  for path in model.glob("*predictions*"):
    path.unlink()
  journal.write_bytes(b"".join(lines[:5]))
  lock.rmdir()
  result = run_squad(project, *SWEEP)
  assert result.returncode == 0, result.stderr
  assert "4 of 10 questions are done: resuming %s" % journal in result.stderr
  for number, name in enumerate(header["decodes"]):
    found = list(json.loads((model / name).read_text()).values())
    assert found == [record["texts"][record["text_of"][number]]
                     for record in records], name


def test_a_sweep_that_was_cut_goes_on_or_says_what_was_changed(project):
  assert run_squad(project, *SWEEP).returncode == 0
  model = project / "model"
  whole = tiny_model.digests(project, PREDICTIONS)
  assert len(whole) == 10
  for path in model.glob("*.json"):
    path.unlink()
  # A folder in its place makes the run fail after all is predicted.
  lock = model / ".manifest.json.lock"
  lock.unlink()
  lock.mkdir()
  failed = run_squad(project, *SWEEP)
  assert failed.returncode == 1 and "%s: Is a directory" % lock in failed.stderr
  lock.rmdir()
  for path in model.glob("*predictions*.json"):
    path.unlink()
  journal, = model.glob("journal.*")
  lines = journal.read_bytes().splitlines(True)
  journal.write_bytes(b"".join(lines[:5]) + lines[5][:20])
  kept = journal.read_bytes()

  content = (project / "data.json").read_text()
  (project / "data.json").write_text(content.replace("where does", "where did"))
  refused(run_squad(project, *SWEEP), str(journal), "different --predict_file (")
  (project / "data.json").write_text(content)
  refused(run_squad(project, *(SWEEP + ("--n_best_size=3",))),
          "different --n_best_size (20 before, 3 now);")
  shutil.copy(str(model / "checkpoint"), str(project / "checkpoint"))
  tf.train.update_checkpoint_state(
      str(model), str(model / "model.ckpt-3"))
  refused(run_squad(project, *SWEEP), "different checkpoint (")
  shutil.copy(str(project / "checkpoint"), str(model / "checkpoint"))
  assert journal.read_bytes() == kept

  # Another sweep makes the baseline in between, of the same bytes.
  assert run_squad(project, "--do_predict=True").returncode == 0
  assert journal.read_bytes() == kept

  result = run_squad(project, *SWEEP)
  assert result.returncode == 0, result.stderr
  assert ("4 of 10 questions are done: resuming %s" % journal
          in result.stderr)
  assert tiny_model.digests(project, PREDICTIONS) == whole
  assert not journal.exists()


@pytest.mark.slow
def test_a_sweep_in_several_passes_resumes(project):
  """Passes stay as they were cut, whatever another run has made in between."""
  config = modeling.BertConfig.from_json_file(str(project / "bert_config.json"))
  masks = {decode.mask for decode in grammar.parse_decodes("0-1", "p2,all", 2)}
  two = sweep.memory(config, 2, 1, 24, masks) / 1e9
  several = SWEEP + ("--sweep_memory_gb=%.12f" % two,)
  model = project / "model"
  # A folder in its place makes the first pass fail after all is predicted.
  lock = model / ".manifest.json.lock"
  lock.mkdir()
  failed = run_squad(project, *several)
  assert failed.returncode == 1 and "%s: Is a directory" % lock in failed.stderr
  assert "decodes: 5, passes over the data: 3, " in failed.stderr
  lock.rmdir()
  journal, = model.glob("journal.*")
  lines = journal.read_bytes().splitlines(True)
  journal.write_bytes(b"".join(lines[:5]))

  # The first decode of the first pass, and both of the second.
  for flags in ((), ("--mask_layer=0", "--mask_zone=all"),
                ("--mask_layer=1", "--mask_zone=p2")):
    result = run_squad(project, "--do_predict=True", "--write_nbest=True", *flags)
    assert result.returncode == 0, result.stderr
  result = run_squad(project, *several)
  assert result.returncode == 0, result.stderr
  assert ("4 of 10 questions are done: resuming %s" % journal
          in result.stderr)
  # Two that were begun together, and one of the third pass.
  assert "decodes: 3, passes over the data: 2, " in result.stderr
  assert not list(model.glob("journal.*"))
  files = {path.name: path.read_text() for path in model.glob("predictions*")}
  assert len(files) == 5
  again = run_squad(project, *several)
  assert again.returncode == 0 and "nothing to do" in again.stderr

  for name in files:
    (model / name).unlink()
  assert run_squad(project, *SWEEP).returncode == 0
  assert files == {
      path.name: path.read_text() for path in model.glob("predictions*")}


# What another run is, and how the line that refuses it goes on.
OTHERS_FLAGS = [
    (("--n_best_size=3",),
     "has predictions.json and 2 more, made with a different --n_best_size (20 "
     "before, 3 now); restore that to skip what is there, give another "
     "--output_dir, with the model as --init_checkpoint, or --overwrite=True"),
    (("--max_query_length=7",),
     "manifest.json says --max_query_length=8; leave it out to take that, give "
     "another --output_dir, with the model as --init_checkpoint, or "
     "--overwrite=True"),
    # The mass is of the baseline.
    (("--attention_mass=True", "--max_answer_length=3"), "predictions.json and 2"),
]


@pytest.mark.parametrize("flags, words", OTHERS_FLAGS[:1] + [
    pytest.param(*others, marks=pytest.mark.slow) for others in OTHERS_FLAGS[1:]])
def test_files_of_another_run_are_not_replaced(swept, flags, words):
  """Not even the baseline alone, to which a finished sweep belongs."""
  before = tiny_model.digests(swept, "*.json")
  sweep = ("--do_predict=True", "--mask_layer=0", "--mask_zone=p2") + flags
  result = run_squad(swept, *sweep)
  refused(result, words)
  assert tiny_model.digests(swept, "*.json") == before
  result = run_squad(swept, "--overwrite=True", *sweep)
  assert result.returncode == 0, result.stderr
  after = tiny_model.digests(swept, "predictions*.json")
  assert {name for name in after if after[name] != before[name]} <= {
      "predictions.json", "predictions_layer0_p2.json"}
  # 9 other decodes are still of the first run.
  assert "has 12 files with a different %s" % flags[-1].split("=")[0] in (
      result.stderr)


def test_files_that_no_run_knows_are_not_replaced(project):
  path = project / "model" / "predictions.json"
  path.write_text("{}\n")
  refused(run_squad(project, "--do_predict=True"), "has predictions.json, of which "
          "its manifest.json says nothing; give another --output_dir, with the "
          "model as --init_checkpoint, or --overwrite=True")
  assert path.read_text() == "{}\n"
  assert run_squad(
      project, "--do_predict=True", "--overwrite=True").returncode == 0
  assert len(json.loads(path.read_text())) == 10


@pytest.mark.thorough
def test_what_a_killed_run_was_about_to_write_is_replaced(project):
  """It wrote the files, but not the manifest, and its journal is still there."""
  model = project / "model"
  (model / ".manifest.json.lock").mkdir()
  refused(run_squad(project, *SWEEP), "Is a directory")
  assert (model / "predictions.json").exists() and list(model.glob("journal.*"))
  (model / ".manifest.json.lock").rmdir()
  result = run_squad(project, *SWEEP)
  assert result.returncode == 0 and "10 of 10 questions are done" in result.stderr


def test_a_finished_training_is_not_taken_for_another(project):
  """Of another rate, data or seed; the same one has nothing to train."""
  for flag, words in (
      ("--learning_rate=0.02", "--learning_rate (0.01 before, 0.02 now)"),
      ("--random_seed=2", "--random_seed (12345 before, 2 now)"),
      ("--train_file=%s" % (project / "other.json"), "--train_file (")):
    (project / "other.json").write_text(
        (project / "data.json").read_text().replace("where does", "where did"))
    files = set((project / "model").iterdir())
    refused(train(project, flag, "--do_predict=True"),
            "model.ckpt-6 was trained with a different " + words)
    assert set((project / "model").iterdir()) == files
  result = train(project, "--do_predict=True")
  assert result.returncode == 0, result.stderr
  assert "nothing to train: %s already has 6 steps" % (
      project / "model" / "model.ckpt-6") in result.stderr
  # Fewer epochs are another model, too; that is said, and the model is kept.
  result = train(project, "--num_train_epochs=2")
  assert "trained with learning rates for --num_train_epochs=3, now it is 2" in (
      result.stderr)


@pytest.mark.thorough
def test_a_training_does_not_replace_predictions_of_its_earlier_model(project):
  """It says so before it trains."""
  assert run_squad(project, "--do_predict=True").returncode == 0
  longer = ("--num_train_epochs=4", "--do_predict=True")
  refused(train(project, *longer), "predictions.json",
          "different checkpoint (", "before, trained anew now)", "--overwrite=True")
  assert not (project / "model" / "model.ckpt-8.index").exists()
  result = train(project, "--overwrite=True", *longer)
  assert result.returncode == 0, result.stderr
  assert (project / "model" / "model.ckpt-8.index").exists()


TABLES = """
import runpy, sys, unicodedata
class Tables:
  unidata_version = "13.0.0"
  def __getattr__(self, name):
    return getattr(unicodedata, name)
sys.modules["unicodedata"] = Tables()
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def with_other_tables(project, *flags):
  """Runs run_squad.py as a Python does that has other Unicode tables."""
  path = project / "other_python.py"
  path.write_text(TABLES)
  return launcher.script(path, str(launcher.REPOSITORY) + "/run_squad.py", *(
      tiny_model.flags_of(project) + flags), fresh=True)


@pytest.mark.thorough
def test_another_unicode_is_another_run(project):
  """Windows are made anew; files, journals and shares are refused."""
  model = project / "model"
  assert run_squad(project, "--do_predict=True").returncode == 0
  said = "Unicode tables (%s before, 13.0.0 now)" % unicodedata.unidata_version
  refused(with_other_tables(project, "--do_predict=True"), "predictions.json", said)
  windows = set(model.glob("eval.*"))
  result = with_other_tables(project, "--do_predict=True", "--overwrite=True")
  assert result.returncode == 0, result.stderr
  assert len(set(model.glob("eval.*")) - windows) == len(windows) == 1
  refused(with_other_tables(project, *TRAINING), "different " + said)

  for path in model.glob("*.json"):
    if path.name != "training.json":
      path.unlink()
  assert run_squad(project, "--shard=1/2", *SWEEP).returncode == 0
  refused(with_other_tables(project, "--shard=2/2", *SWEEP),
          ".1of2.jsonl was made with a different " + said)
  for path in list(model.glob("share.*")) + [model / ".manifest.json.lock"]:
    path.unlink()
  (model / ".manifest.json.lock").mkdir()
  refused(run_squad(project, *SWEEP), "Is a directory")
  for path in model.glob("*predictions*.json"):
    path.unlink()
  journal, = model.glob("journal.*.jsonl")
  refused(with_other_tables(project, *SWEEP),
          "%s was started with a different %s" % (journal, said))


def write_checkpoint(folder, change):
  """Writes model.ckpt-7: model.ckpt-6 with `change`d variables."""
  old = str(folder / "model.ckpt-6")
  with tf.Graph().as_default(), tf.Session() as session:
    for name, _ in tf.train.list_variables(old):
      value = tf.train.load_variable(old, name)
      tf.get_variable(name, initializer=change(name, value))
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(folder / "model.ckpt"), 7)


@pytest.mark.slow
def test_a_decode_with_nan_fails_and_the_others_finish(project):
  """Only `all` looks at the positions behind a window."""
  def spoil(name, value):
    if name.endswith("position_embeddings"):
      value[24:] = np.nan
    return value
  write_checkpoint(project / "model", spoil)
  data = tiny_model.data_set()
  qas = data["data"][0]["paragraphs"][0]["qas"]
  data["data"][0]["paragraphs"].append(
      {"context": " ", "qas": [dict(qas[0], id="empty")]})
  (project / "data.json").write_text(json.dumps(data))
  result = run_squad(project, "--max_seq_length=32", "--doc_stride=21",
                     "--overwrite=True", *SWEEP)
  assert result.returncode == 1 and "Traceback" not in result.stderr
  line = result.stderr.splitlines()[-1]
  assert "NaN or infinite logits" in line
  assert re.findall(r"(predictions\S*) \(first in question '(.*?)'\)", line) == [
      ("predictions_layer0_all.json", "q0-0"),
      ("predictions_layer1_all.json", "q0-0")]
  model = project / "model"
  assert {path.name for path in model.glob("predictions*.json")} == {
      "predictions.json", "predictions_layer0_p2.json",
      "predictions_layer1_p2.json"}
  assert set(json.loads((model / "manifest.json").read_text())["files"]) == set(
      tiny_model.digests(project, PREDICTIONS))
  assert not list(model.glob("journal.*"))


@pytest.mark.thorough
def test_a_training_whose_loss_is_nan_and_another_seed(project):
  result = train(project, "--learning_rate=1e30", "--random_seed=2",
                 "--output_dir=%s" % (project / "wild"))
  assert result.returncode == 1 and "Traceback" not in result.stderr
  assert "NaN" in result.stderr and "--learning_rate=1e+30" in result.stderr
  name = "bert/encoder/layer_1/attention/self/query/kernel"
  one, other = (tf.train.load_variable(str(project / folder / "model.ckpt-0"), name)
                for folder in ("model", "wild"))
  assert (one != other).all()
