"""Everything on addresses: file:// goes the way that gs:// goes, by tf.gfile."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from attention_zones.base import files
import launcher
from launcher import script
import tiny_model

FLAGS = ("--max_seq_length=24", "--doc_stride=8", "--max_query_length=8",
         "--do_lower_case=True")
DECODES = {"predictions_layer%d_%s.json" % (layer, zone)
           for layer in range(2) for zone in ("q2", "q2p", "p2q", "p2", "all")}


class Bucket:
  """A bucket with tiny_model's files, and the scripts run on it.

  Attributes:
    folder: pathlib.Path, where it is.
    url: str, its address.
    journals: pathlib.Path, the folder for temporary files of all runs.
  """

  def __init__(self, folder):
    self.folder, self.url = folder, "file://%s" % folder
    self.journals = folder.parent / "tmp"
    bert = folder / "bert" / "cased_L-12_H-768_A-12"
    for new in (bert, self.journals):
      new.mkdir(parents=True)
    tiny_model.write_files(bert)
    (bert / "data.json").rename(folder / "data.json")
    tiny_model.write_checkpoint(bert / "written")
    for path in (bert / "written").glob("model.ckpt-1.*"):
      path.rename(bert / path.name.replace("model.ckpt-1", "bert_model.ckpt"))

  def run(self, name, *flags, **environment):
    """Runs train_squad.sh or decode_squad.sh: subprocess.CompletedProcess."""
    environment = dict(
        os.environ, GS_BUCKET=self.url, TMPDIR=str(self.journals), LAYERS="0-1",
        TF_CPP_MIN_LOG_LEVEL="3", PYTHONWARNINGS="ignore", **environment)
    # Of a job array that the tests may run in.
    environment.pop("SLURM_SUBMIT_DIR", None)
    environment.pop("SLURM_ARRAY_TASK_ID", None)
    return subprocess.run(
        ["bash", os.path.join(launcher.REPOSITORY, name)] + [
            "--%s_file=%s/data.json" % (kind, self.url)
            for kind in ("train", "predict")] + list(FLAGS + flags),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        env=environment)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
  """A Bucket after train_squad.sh and decode_squad.sh."""
  bucket = Bucket(tmp_path_factory.mktemp("remote") / "bucket")
  for result in (
      bucket.run("train_squad.sh", "--train_batch_size=5",
                 "--learning_rate=0.01"),
      bucket.run("decode_squad.sh")):
    assert result.returncode == 0, result.stderr
  return bucket


@pytest.fixture(scope="module")
def new_bucket(tmp_path_factory):
  """A Bucket with an empty squad-model/."""
  bucket = Bucket(tmp_path_factory.mktemp("remote") / "bucket")
  (bucket.folder / "squad-model").mkdir()
  return bucket


def names(folder):
  return set(os.listdir(str(folder)))


@pytest.mark.slow
def test_the_scripts_write_whole_files_and_leave_nothing(bucket):
  model = bucket.folder / "squad-model"
  written = names(model)
  assert {"predictions.json", "nbest_predictions.json", "manifest.json",
          "training.json"} | DECODES <= written
  assert not [name for name in written if name[0] == "." or "journal" in name]
  assert names(bucket.journals) == set()
  for name in DECODES:
    assert len(json.loads((model / name).read_text())) == 10
  entered = json.loads((model / "manifest.json").read_text())["files"]
  assert set(entered) == {
      "predictions.json", "nbest_predictions.json"} | DECODES


@pytest.mark.thorough
def test_what_is_done_is_not_made_again(bucket):
  """With a slash at the end it is the same folder."""
  result = bucket.run("decode_squad.sh",
                      MODEL_OUTPUT_DIR=bucket.url + "/squad-model/")
  assert result.returncode == 0, result.stderr
  assert result.stderr.count("\n") == 1 and "nothing to do" in result.stderr
  result = bucket.run("train_squad.sh", "--train_batch_size=5",
                      "--learning_rate=0.01", "--do_predict=False")
  assert result.returncode == 0 and "nothing to train" in result.stderr


@pytest.mark.thorough
def test_from_predictions_to_figure(bucket):
  data = bucket.url + "/data.json"
  model = bucket.url + "/squad-model"
  table = bucket.url + "/results.csv"
  result = script("get_results.py", model, table, "--data_file", data)
  assert result.returncode == 0 and not result.stderr, result.stderr
  assert (bucket.folder / "results.csv").read_text() in result.stdout
  assert "visualize_att_zone.py %s " % table in result.stdout
  local = script("get_results.py", bucket.folder / "squad-model",
                 bucket.folder / "local.csv", "--data_file",
                 bucket.folder / "data.json")
  assert local.returncode == 0, local.stderr
  assert (bucket.folder / "results.csv").read_bytes() == (
      bucket.folder / "local.csv").read_bytes()

  result = script("eval_squad.py", data, model + "/predictions.json",
                  "--out-file", bucket.url + "/eval.json")
  assert result.returncode == 0 and not result.stderr, result.stderr
  scores = json.loads((bucket.folder / "eval.json").read_text())
  assert scores["total"] == 10

  (bucket.folder / "odds.json").write_text(json.dumps(
      {"q%d-%d" % (p, i): i / 5 for p in range(2) for i in range(5)}))
  result = script("eval_squad.py", data, model + "/predictions.json",
                  "--na-prob-file", bucket.url + "/odds.json",
                  "--out-image-dir", bucket.url + "/pictures/new")
  assert result.returncode == 0 and not result.stderr, result.stderr
  assert (bucket.folder / "pictures" / "new" / "pr_f1.png").read_bytes(
      ).startswith(b"\x89PNG")

  result = script("visualize_att_zone.py", table, scores["exact"],
                  bucket.url + "/figure.pdf")
  assert result.returncode == 0, result.stderr
  assert (bucket.folder / "figure.pdf").read_bytes().startswith(b"%PDF")
  result = script("get_results.py", "--compare", table, table)
  assert result.stdout.splitlines()[1] == "std" + ",0.000" * 5, result.stderr
  assert not [name for name in names(bucket.folder) if name[0] == "."]


@pytest.mark.slow
def test_a_killed_sweep_resumes(tmp_path, monkeypatch):
  """Its journal is on this machine, and ends with the sweep."""
  journals = tmp_path / "tmp"
  journals.mkdir()
  monkeypatch.setenv("TMPDIR", str(journals))
  tiny_model.write_files(tmp_path, copies=10)
  there = tmp_path / "remote"
  tiny_model.write_checkpoint(there)
  shutil.copytree(str(there), str(tmp_path / "model"))
  sweep = ("--do_predict=True", "--mask_layer=0-1", "--mask_zone=p2,all,q2",
           "--write_nbest=True")
  remote = "--output_dir=file://%s" % there

  def lines():
    return sum(path.read_bytes().count(b"\n")
               for path in journals.glob("journal.*"))
  run = tiny_model.begin(tmp_path, *sweep, remote)
  run.wait_until(lambda: lines() > 20)
  status, log = run.signal(signal.SIGKILL)
  assert status == -signal.SIGKILL, log
  done = lines() - 1
  assert 0 < done < 100 and not list(there.glob("*.json"))
  # With a slash at the end it is the same sweep.
  status, log = tiny_model.begin(tmp_path, *sweep, remote + "/").end()
  assert status == 0, log
  assert "%d of 100 questions are done: resuming %s/journal." % (
      done, journals) in log
  assert not list(journals.glob("journal.*"))
  status, log = tiny_model.begin(tmp_path, *sweep).end()
  assert status == 0, log
  for path in (tmp_path / "model").glob("*predictions*.json"):
    assert (there / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("command, words", [
    (["get_results.py", "{url}/no", "r.csv"],
     "{url}/no: there is no such folder; "),
    (["get_results.py", "{url}/data.json", "r.csv"],
     "{url}/data.json: is a file; "),
    (["get_results.py", "{url}/squad-model", "{url}/no/r.csv"],
     "{url}/no/r.csv: there is no folder {url}/no; "),
    (["get_results.py", "foo://x", "r.csv"], "foo://x: TensorFlow "),
    (["get_results.py", "file://x", "r.csv"], "file:///x; every argument"),
    (["get_results.py", "file:/x", "r.csv"], "as in file:///x; every argument"),
    (["get_results.py", "gs:/x/y", "r.csv"], "as in gs://x/y; every argument"),
    (["eval_squad.py", "{url}/data.json", "{url}/no.json"],
     "{url}/no.json: there is no such file; pred.json "),
    (["eval_squad.py", "{url}/data.json", "{url}"],
     "{url}: is a folder; pred.json "),
    (["eval_squad.py", "foo://d.json", "p.json"], "foo://d.json: "),
    (["visualize_att_zone.py", "{url}/no.csv", "80", "f.pdf"],
     "{url}/no.csv: there is no such file; "),
    (["visualize_att_zone.py", "{url}/data.json", "80", "foo://f.pdf"],
     "foo://f.pdf: "),
] + [(["run_squad.py", "--do_train=True", "--vocab_file=v",
       "--bert_config_file=c", "--output_dir=o", "--train_file=t",
       "--%s=foo://x/y" % flag], "--%s=foo://x/y: TensorFlow " % flag)
     for flag in ("vocab_file", "bert_config_file", "output_dir", "train_file",
                  "predict_file", "init_checkpoint")])
def test_refused_with_one_line(new_bucket, tmp_path, command, words):
  url = new_bucket.url
  result = script(*[word.format(url=url) for word in command],
                  cwd=str(tmp_path))
  assert result.returncode == 1
  assert result.stderr.startswith(command[0] + ": ")
  assert words.format(url=url) in result.stderr
  assert len(result.stderr.splitlines()) == 1, result.stderr
  assert names(tmp_path) == set()


def test_a_bucket_without_a_network(monkeypatch):
  """TensorFlow would try for two minutes. No name ends in .invalid."""
  for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setattr(files, "_GCS_HOST", "storage.invalid")
  files._gcs_problem.cache_clear()
  try:
    with pytest.raises(OSError, match="cannot find storage.invalid") as caught:
      files.read_bytes("gs://bucket/model")
    assert caught.value.filename == "gs://bucket/model"
  finally:
    files._gcs_problem.cache_clear()
