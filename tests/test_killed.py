"""A run that is killed while it replaces files leaves none under another's name."""

import json

import pytest

import get_results
import launcher
import tiny_model
from tiny_model import kill_at, run_squad

SWEEP = ("--do_predict=True", "--mask_layer=0-1", "--mask_zone=q2,p2")


def refused(result, *words):
  assert result.returncode == 1 and "Traceback" not in result.stderr
  for word in words:
    assert word in result.stderr.splitlines()[-1], result.stderr


@pytest.mark.slow
def test_files_that_it_replaced_are_not_taken_for_the_first_runs(swept):
  model = swept / "model"
  before = tiny_model.digests(swept, "predictions*.json")
  kill_at(swept, "base", "manifest.add", "--max_answer_length=1",
          "--overwrite=True", *SWEEP)
  now = tiny_model.digests(swept, "predictions*.json")
  assert now["predictions.json"] != before["predictions.json"]
  # The baseline alone, which is another pass.
  refused(run_squad(swept, "--do_predict=True"), "has predictions.json and 1 more, "
          "made with a different --max_answer_length (1 before, 30 now); restore")
  for path in model.glob("journal.*"):
    path.unlink()
  refused(run_squad(swept, "--do_predict=True"), "has predictions.json and 1 more, "
          "of which its manifest.json says nothing")
  # The others are what they were.
  assert set(json.loads((model / "manifest.json").read_text())["files"]) == {
      "predictions_layer%d_%s.json" % (layer, zone) for layer in (0, 1)
      for zone in ("all", "p2q", "q2p")}
  assert run_squad(swept, "--overwrite=True", *SWEEP).returncode == 0
  assert tiny_model.digests(swept, "predictions*.json") == before


@pytest.mark.slow
def test_the_journal_of_another_pass_lets_no_other_run_replace_them(project):
  """It says of which run the files are."""
  kill_at(project, "base", "manifest.add", *SWEEP)
  before = tiny_model.digests(project, "predictions*.json")
  refused(run_squad(project, "--do_predict=True", "--max_answer_length=1"),
          "different --max_answer_length (30 before, 1 now)")
  assert tiny_model.digests(project, "predictions*.json") == before
  for sweep in (("--do_predict=True",), SWEEP):
    assert run_squad(project, *sweep).returncode == 0
  assert tiny_model.digests(project, "predictions*.json") == before


@pytest.mark.parametrize("decodes", [
    ["predictions.json", "predictions_layer0_gone.json"],
    pytest.param([3, None], marks=pytest.mark.thorough),
    pytest.param(3, marks=pytest.mark.thorough)])
def test_a_journal_of_a_zone_that_is_gone(project, decodes):
  journal = project / "model" / ("journal.%s.jsonl" % (16 * "0"))
  journal.write_text(json.dumps({"decodes": decodes}) + "\n")
  result = run_squad(project, "--do_predict=True")
  assert result.returncode == 0, result.stderr


@pytest.mark.thorough
def test_attention_mass_is_not_taken_for_the_first_runs(project):
  mass = ("--do_predict=True", "--attention_mass=True")
  path = project / "model" / "attention_mass.csv"
  assert run_squad(project, *mass).returncode == 0
  before = path.read_text()
  for name in ("predictions.json", "nbest_predictions.json", "manifest.json"):
    (project / "model" / name).unlink()
  path.write_text("of an unknown run")
  refused(run_squad(project, *mass), "has attention_mass.csv, of which")
  assert run_squad(project, "--do_predict=True").returncode == 0
  kill_at(project, "base", "manifest.add", "--overwrite=True", *mass)
  assert not path.exists()
  assert run_squad(project, *mass).returncode == 0
  assert path.read_text() == before


# run_squad.py, while which another run moves its files from {0} to {1}.
MEANWHILE = """
import os, runpy, sys
from attention_zones.decoding import prediction_files
write = prediction_files.write_files
def write_files(*arguments):
  for name in os.listdir({0!r}):
    os.rename(os.path.join({0!r}, name), os.path.join({1!r}, name))
  return write(*arguments)
prediction_files.write_files = write_files
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.thorough
def test_files_that_another_run_wrote_meanwhile_are_kept(project):
  model, other = project / "model", project / "other"
  other.mkdir()
  assert run_squad(
      project, "--do_predict=True", "--max_answer_length=1").returncode == 0
  for name in ("predictions.json", "nbest_predictions.json", "manifest.json"):
    (model / name).rename(other / name)
  before = (other / "predictions.json").read_text()
  path = project / "meanwhile.py"
  path.write_text(MEANWHILE.format(str(other), str(model)))
  result = launcher.script(path, launcher.REPOSITORY + "/run_squad.py", *(
      tiny_model.flags_of(project) + ("--do_predict=True",)), fresh=True,
      environment={"PYTHONPATH": launcher.REPOSITORY})
  refused(result, "predictions.json", "--max_answer_length (1 before, 30 now)")
  assert (model / "predictions.json").read_text() == before
  assert not list(model.glob("*.part*"))


def test_files_that_the_manifest_does_not_know_are_no_part_of_a_table(
    swept, tmp_path, capsys):
  """As a killed run leaves them."""
  model, results = swept / "model", tmp_path / "r.csv"
  path = model / "manifest.json"
  content = json.loads(path.read_text())
  for name in ("predictions_layer0_p2.json", "predictions_layer1_p2.json"):
    del content["files"][name], content["zones"][name]
  path.write_text(json.dumps(content))
  flags = [str(model), str(results), "--data_file=%s" % (swept / "data.json")]
  assert get_results.main(flags) == 1
  assert ("9 like predictions.json, 2 like predictions_layer0_p2.json; predictions_"
          "layer0_p2.json has a different run, of which the manifest says nothing; "
          "decode them again" in capsys.readouterr().err)
  assert get_results.main(flags + ["--allow_mixed"]) == 0
  # Files of other programs have no manifest at all.
  path.unlink()
  assert get_results.main(flags) == 0
