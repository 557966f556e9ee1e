"""What a folder says of its model supplies the flags that are left out."""

import json
import shutil

import pytest

import get_results
from attention_zones import cases
import launcher
import tiny_model

MODEL = ("--vocab_file={0}/vocab.txt", "--bert_config_file={0}/bert_config.json",
         "--output_dir={0}/model", "--do_predict=True")


def decode(folder, *flags):
  """Decodes with no other flags than the model's files."""
  return launcher.script("run_squad.py", *(
      [flag.format(folder) for flag in MODEL] + list(flags)))


@pytest.mark.slow
def test_a_decode_takes_what_its_training_had(project):
  result = decode(project, "--mask_layer=0", "--mask_zone=q2")
  assert result.returncode == 1
  assert result.stderr == (
      "run_squad.py: --do_predict=True needs --predict_file\n")
  data = "--predict_file=%s" % (project / "data.json")
  result = decode(project, data)
  assert result.returncode == 0, result.stderr
  assert ("run_squad.py: --max_seq_length=24 --doc_stride=8 --max_query_length=8, "
          "as %s says\n" % (project / "model" / "training.json")) in result.stderr
  expected = tiny_model.digests(project, "predictions.json")
  shutil.rmtree(str(project / "other"), ignore_errors=True)
  other = tiny_model.run_squad(
      project, "--do_predict=True", "--output_dir=%s" % (project / "other"),
      "--init_checkpoint=%s" % (project / "model" / "model.ckpt-6"))
  assert other.returncode == 0, other.stderr
  assert (project / "other" / "predictions.json").read_bytes() == (
      project / "model" / "predictions.json").read_bytes()

  # The manifest also knows the data. Nothing else has to be given.
  result = decode(project, "--mask_layer=0", "--mask_zone=q2")
  assert result.returncode == 0, result.stderr
  assert ("--max_query_length=8 --predict_file=%s, as %s says\n" % (
      project / "data.json", project / "model" / "manifest.json")) in result.stderr
  assert "decodes: 1, " in result.stderr
  assert tiny_model.digests(project, "predictions.json") == expected


def test_other_settings_are_refused(project):
  """Those of the training, when there are no predictions yet."""
  data = "--predict_file=%s" % (project / "data.json")
  result = decode(project, data, "--max_seq_length=28")
  assert result.returncode == 1
  assert result.stderr.splitlines()[-1] == (
      "run_squad.py: --max_seq_length=28: %s says --max_seq_length=24; leave it "
      "out to take that, give another --output_dir, with the model as "
      "--init_checkpoint, or --overwrite=True" % (
          project / "model" / "training.json"))
  result = decode(project, data, "--max_seq_length=28", "--overwrite=True")
  assert result.returncode == 0, result.stderr
  # From now on it is the baseline's.
  result = decode(project)
  assert "--max_seq_length=28 " in result.stderr
  assert "nothing to do" in result.stderr


@pytest.fixture
def decoded(swept):
  """`swept`, whose manifest says where its own data is."""
  path = swept / "model" / "manifest.json"
  content = json.loads(path.read_text())
  for run in content["runs"].values():
    run["about"]["--predict_file"] = str(swept / "data.json")
  path.write_text(json.dumps(content))
  return swept


@pytest.mark.thorough
def test_data_that_moved_or_changed_has_to_be_given(decoded):
  swept, data = decoded, decoded / "data.json"
  kept = data.read_text()
  data.write_text(kept.replace("where does", "where did"))
  result = decode(swept)
  assert result.returncode == 1 and "needs --predict_file" in result.stderr
  data.unlink()
  result = decode(swept)
  assert result.returncode == 1
  assert result.stderr.splitlines()[-1] == (
      "run_squad.py: --do_predict=True needs --predict_file; %s, of %s, is not "
      "there, or has changed" % (data, swept / "model" / "manifest.json"))


def test_scores_and_cases_take_the_data_of_the_folder(decoded, tmp_path, capsys):
  model, data = decoded / "model", decoded / "data.json"
  said = "--dataset=squad --data_file=%s, as %s says\n" % (
      data, model / "manifest.json")
  results = tmp_path / "results.csv"
  assert get_results.main([str(model), str(results)]) == 0
  assert capsys.readouterr().err == said
  assert cases.main([str(model), str(tmp_path / "report.html")]) == 0
  assert capsys.readouterr().err == said
  # What is given is not asked for, and says nothing.
  assert get_results.main([str(model), str(tmp_path / "given.csv"),
                           "--data_file=%s" % data]) == 0
  assert capsys.readouterr().err == ""
  assert (tmp_path / "given.csv").read_text() == results.read_text()


@pytest.mark.parametrize("recorded, flags, said", [
    ("cmrc2018", ["--dataset=squad"],
     "manifest.json says --dataset=cmrc2018, not squad"),
    ("drcd", [], "manifest.json says --dataset=drcd; should be one of squad, cmrc"),
])
def test_another_data_set_is_refused(
    swept, tmp_path, capsys, recorded, flags, said):
  path = swept / "model" / "manifest.json"
  content = json.loads(path.read_text())
  for run in content["runs"].values():
    run["--dataset"] = recorded
  path.write_text(json.dumps(content))
  arguments = [str(swept / "model")] + flags
  for main, name in (get_results.main, "r.csv"), (cases.main, "r.html"):
    assert main(arguments[:1] + [str(tmp_path / name)] + flags) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
  assert not list(tmp_path.glob("r.*"))


@pytest.mark.parametrize("has_head", [True, False])
def test_a_fine_tuned_model_beside_its_configuration_is_named(
    project, tmp_path, has_head):
  folder = tmp_path / "bert"
  folder.mkdir()
  tiny_model.write_files(folder)
  name = "model.ckpt-6" if has_head else "nothing"
  for path in (project / "model").glob(name + ".*"):
    shutil.copy(str(path), str(folder / path.name.replace(name, "bert_model.ckpt")))
  result = tiny_model.run_squad(folder, "--do_predict=True")
  assert result.returncode == 1
  line, = result.stderr.splitlines()
  path = folder / "bert_model.ckpt"
  assert line.endswith(
      "has no checkpoint to predict with; %s has an answer head; to use it, give "
      "--init_checkpoint=%s" % (path, path)) == has_head
