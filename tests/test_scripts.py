"""train_squad.sh and decode_squad.sh: where they look, and runs of several seeds.

A stand-in for run_squad.py says what it was called with. And --help of all.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

SCRIPTS = ("train_squad.sh", "decode_squad.sh")
PACKAGE = tuple("attention_zones/" + name for name in (
    "__init__.py", "base/__init__.py", "base/data_sets.py", "base/scripts.sh"))
STAND_IN = """
import os, pathlib, signal, sys, time
words = [w for w in sys.argv if w.startswith(("--output", "--random", "--shard"))]
if os.environ.get("WAIT"):
  def stop(number, frame):
    pathlib.Path("stopped").write_text(str(number))
    sys.exit(128 + number)
  signal.signal(signal.SIGTERM, stop)
with open("calls", "a") as f:
  f.write("%s\\n" % " ".join(words))
if os.environ.get("WAIT"):
  time.sleep(600)
sys.exit(3 if "seed2" in " ".join(words) and os.environ.get("FAIL") else 0)
"""


@pytest.fixture
def project(repository, tmp_path):
  """A repository with the scripts and the stand-in."""
  folder = tmp_path / "a project"
  folder.mkdir()
  (folder / "attention_zones" / "base").mkdir(parents=True)
  for name in SCRIPTS + ("setup_env.sh",) + PACKAGE:
    shutil.copy(str(repository / name), str(folder / name))
  (folder / "run_squad.py").write_text(STAND_IN)
  return folder


def environment(**variables):
  """Has this Python as `python`, and nothing of Slurm."""
  kept = {name: value for name, value in os.environ.items()
          if not name.startswith("SLURM_") and name != "TENSORFLOW"}
  path = "%s%s%s" % (os.path.dirname(sys.executable), os.pathsep, kept["PATH"])
  return dict(kept, PATH=path, **variables)


def run(script, *flags, **options):
  variables = options.pop("variables", {})
  return subprocess.run(
      ["bash", str(script)] + list(flags), stdout=subprocess.PIPE,
      stderr=subprocess.PIPE, universal_newlines=True,
      env=environment(**variables), **options)


def calls(project):
  return (project / "calls").read_text().splitlines()


@pytest.mark.parametrize("name", SCRIPTS)
def test_from_another_folder_and_in_an_allocation(project, tmp_path, name):
  """salloc and srun set SLURM_SUBMIT_DIR, to wherever they were called from."""
  for variables in ({}, {"SLURM_SUBMIT_DIR": str(tmp_path)}):
    result = run(project / name, cwd=str(tmp_path), variables=variables)
    assert (result.returncode, result.stderr) == (0, "")
  assert len(calls(project)) == 2


@pytest.mark.parametrize("name", SCRIPTS)
def test_sbatch(project, tmp_path, name):
  """It runs a copy in a folder of its own."""
  spool = tmp_path / "spool" / "slurm_script"
  spool.parent.mkdir()
  shutil.copy(str(project / name), str(spool))
  result = run(spool, cwd="/", variables={"SLURM_SUBMIT_DIR": str(project)})
  assert (result.returncode, result.stderr) == (0, "")
  assert len(calls(project)) == 1
  for variables, also in (({}, ""), (
      {"SLURM_SUBMIT_DIR": str(tmp_path)},
      " or in SLURM_SUBMIT_DIR=%s" % tmp_path)):
    result = run(spool, cwd=str(project), variables=variables)
    assert result.returncode == 1
    assert result.stderr == (
        "%s: there is no run_squad.py in %s%s; call bash or sbatch from the "
        "repository's folder\n" % (name, spool.parent, also))


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", SCRIPTS + (
    "demo.sh", "setup_env.sh", "tests/run.sh", "tests/lint.sh", "tests/numeric.sh",
    "tests/browser.sh", "tests/slurm/run.sh"))
def test_help_is_the_head_of_the_script(repository, tmp_path, name, flag):
  """And nothing else is done: a copy alone could not."""
  lines = (repository / name).read_text(encoding="utf-8").splitlines()
  head = lines[1:lines.index("set -euo pipefail")]
  script = tmp_path / "a copy.sh"
  shutil.copy(str(repository / name), str(script))
  result = run(script, flag, cwd=str(tmp_path))
  assert (result.returncode, result.stderr) == (0, "")
  assert result.stdout.splitlines() == [line[2:] for line in head]
  assert os.path.basename(name) in result.stdout
  assert os.listdir(str(tmp_path)) == ["a copy.sh"]


def test_every_script_has_help(repository):
  """Those that are run; cluster.sh is read by another."""
  for path in repository.glob("*.sh"), repository.glob("tests/**/*.sh"):
    for script in path:
      text = script.read_text(encoding="utf-8")
      assert not text.startswith("#!") or "in -h | --help)" in text, script


def test_the_demo_takes_no_arguments(repository, tmp_path):
  shutil.copy(str(repository / "demo.sh"), str(tmp_path))
  result = run(tmp_path / "demo.sh", "out", cwd=str(tmp_path))
  assert (result.returncode, result.stdout) == (1, "")
  assert result.stderr == (
      "demo.sh: out: there are no arguments; bash demo.sh --help says what can be "
      "set in the environment\n")
  assert os.listdir(str(tmp_path)) == ["demo.sh"]


def test_seeds(project):
  result = run(project / "train_squad.sh", "--random_seed=9",
               variables={"SEEDS": "1 20,3"})
  assert (result.returncode, result.stderr) == (0, "")
  assert calls(project) == [
      "--output_dir=squad-model/seed%d --random_seed=9 --random_seed=%d" %
      (seed, seed) for seed in (1, 20, 3)]
  (project / "calls").unlink()
  result = run(project / "decode_squad.sh", variables={
      "SEEDS": "1 2", "MODEL_OUTPUT_DIR": "m n"})
  assert (result.returncode, result.stderr) == (0, "")
  assert calls(project) == ["--output_dir=m n/seed%d" % seed for seed in (1, 2)]


ALL_FLAGS = """
import sys
with open("calls", "a") as f:
  f.write("\\n".join(sys.argv[1:]))
"""
CMRC_FLAGS = {
    "--dataset=cmrc2018", "--predict_file=cmrc2018/cmrc2018_dev.json",
    "--vocab_file=chinese_L-12_H-768_A-12/vocab.txt", "--do_lower_case=True",
    "--max_seq_length=512", "--doc_stride=128", "--output_dir=cmrc2018-model"}


@pytest.mark.parametrize("name, dataset, expected", [
    ("train_squad.sh", "cmrc2018", CMRC_FLAGS | {
        "--train_file=cmrc2018/cmrc2018_train.json", "--num_train_epochs=2.0",
        "--init_checkpoint=chinese_L-12_H-768_A-12/bert_model.ckpt",
        "--train_batch_size=64", "--learning_rate=3e-5"}),
    ("decode_squad.sh", "cmrc2018", CMRC_FLAGS | {"--mask_layer=0-11"}),
    ("train_squad.sh", "", {
        "--dataset=squad", "--train_file=squad/train-v1.1.json",
        "--predict_file=squad/dev-v1.1.json", "--num_train_epochs=3.0",
        "--vocab_file=cased_L-12_H-768_A-12/vocab.txt", "--do_lower_case=False",
        "--output_dir=squad-model"}),
    ("decode_squad.sh", "squad", {
        "--dataset=squad", "--predict_file=squad/dev-v1.1.json",
        "--do_lower_case=False", "--output_dir=squad-model"}),
])
def test_the_data_set_chooses_files_and_settings(project, name, dataset, expected):
  (project / "run_squad.py").write_text(ALL_FLAGS)
  result = run(project / name, variables={"DATASET": dataset})
  assert (result.returncode, result.stderr) == (0, "")
  assert expected - set(calls(project)) == set()


# What run_squad.py takes from the folder if it is not given.
RECORDED = ["--dataset=", "--do_lower_case=", "--doc_stride=", "--max_seq_length=",
            "--predict_file="]


@pytest.mark.parametrize("records, dataset, given", [
    ([], "", RECORDED), (["training.json"], "", RECORDED[4:]),
    (["manifest.json"], "", []), (["manifest.json", "training.json"], "", []),
    (["manifest.json"], "squad", RECORDED[:1])])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_decode_leaves_out_what_the_folder_says(
    project, scheme, records, dataset, given):
  (project / "run_squad.py").write_text(ALL_FLAGS)
  (project / "m n").mkdir()
  for name in records:
    (project / "m n" / name).write_text('{"--max_seq_length": 24}')
  result = run(project / "decode_squad.sh", variables={
      "DATASET": dataset,
      "MODEL_OUTPUT_DIR": scheme + str(project / "m n")})
  assert (result.returncode, result.stderr) == (0, "")
  assert [name for name in RECORDED if any(
      call.startswith(name) for call in calls(project))] == given


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_data_set_that_is_none(project, name):
  result = run(project / name, variables={"DATASET": "drcd"})
  assert result.returncode == 1 and not (project / "calls").exists()
  assert result.stderr == (
      "%s: DATASET=drcd: should be squad or cmrc2018\n" % name)


def array(task, first=0, last=None, count=None, **variables):
  """What Slurm sets for a task of a job array."""
  return dict(variables, SLURM_ARRAY_TASK_ID=str(task),
              SLURM_ARRAY_TASK_MIN=str(first),
              SLURM_ARRAY_TASK_MAX=str(count - 1 if last is None else last),
              SLURM_ARRAY_TASK_COUNT=str(count))


@pytest.mark.parametrize("variables, expected", [
    (array(0, count=8), ["--shard=1/8"]),
    (array(7, count=8), ["--shard=8/8"]),
    (array(3, 3, 3, 1, SHARDS="8"), ["--shard=4/8"]),
    (array(9, 8, 9, 2, SHARDS="12"), ["--shard=10/12"]),
    (array(0, count=1), []),
    (array(1, count=2, SEEDS="4 5"), ["--shard=2/2", "--shard=2/2"]),
])
def test_a_job_array_divides_the_questions(project, variables, expected):
  result = run(project / "decode_squad.sh", variables=variables)
  assert (result.returncode, result.stderr) == (0, "")
  assert [word for call in calls(project) for word in call.split(" ")
          if word.startswith("--shard")] == expected


@pytest.mark.parametrize("variables, line", [
    (array(3, 3, 3, 1), "the tasks of this job array are not 0 to 0; set SHARDS"),
    (array(1, 1, 8, 8), "the tasks of this job array are not 0 to 7; set SHARDS"),
    (array(0, 0, 14, 8), "the tasks of this job array are not 0 to 7; set SHARDS"),
    (array(8, 8, 8, 1, SHARDS="8"), "SLURM_ARRAY_TASK_ID=8: should be 0 to 7, one"),
    (array("x", count=2), "SLURM_ARRAY_TASK_ID=x: should be 0 to 1, one task"),
    (array("99999999999999999999", count=2), "SLURM_ARRAY_TASK_ID=999"),
    (array(0, count=2, SHARDS="two"), "SHARDS=two: should be the number of shares"),
    (array(0, count=2, SHARDS="0"), "SHARDS=0: should be the number of shares"),
    ({"SHARDS": "8"}, "SHARDS=8 is for job arrays; without one, give --shard=k/8"),
])
def test_a_job_array_that_cannot_divide(project, variables, line):
  result = run(project / "decode_squad.sh", variables=variables)
  assert result.returncode == 1 and not (project / "calls").exists()
  said, = result.stderr.splitlines()
  assert said.startswith("decode_squad.sh: " + line)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("seeds", ["", " "])
def test_without_seeds_all_stays_as_it_was(project, name, seeds):
  assert run(project / name, variables={"SEEDS": seeds}).returncode == 0
  assert len(calls(project)) == 1
  assert "--output_dir=squad-model" in calls(project)[0].split(" ")
  assert "seed" not in calls(project)[0]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_run_that_fails_ends_the_study(project, name):
  result = run(project / name, variables={"SEEDS": "1 2 3", "FAIL": "1"})
  assert result.returncode == 3
  assert len(calls(project)) == 2


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("seeds", ["1 two", "1-5", "-1", "*"])
def test_seeds_that_are_none(project, name, seeds):
  result = run(project / name, variables={"SEEDS": seeds})
  assert result.returncode == 1 and not (project / "calls").exists()
  assert result.stderr == ("%s: SEEDS=%s: should be whole numbers, as in "
                           "SEEDS=\"1 2 3\"\n" % (name, seeds))


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("number", [
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_script_ends_the_run(project, name, number):
  def default():
    for other in (signal.SIGINT, signal.SIGHUP):
      signal.signal(other, signal.SIG_DFL)
  process = subprocess.Popen(
      ["bash", str(project / name)], preexec_fn=default,
      env=environment(SEEDS="1 2", WAIT="1"))
  while not ((project / "calls").exists() and calls(project)):
    assert process.poll() is None
    time.sleep(0.01)
  process.send_signal(number)
  assert process.wait() == 128 + number
  assert (project / "stopped").read_text() == "15"
  assert len(calls(project)) == 1
