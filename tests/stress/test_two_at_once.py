"""Two runs at once in one output folder: right or refused, never mixed."""

import os
import shutil
import signal

import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import manifest
import tiny_model

# 150 questions: a sweep is in its loop for half a second.
COPIES = 15

P2, Q2 = (("--do_predict=True", "--write_nbest=True", "--mask_layer=0-1",
           "--mask_zone=" + zone) for zone in ("p2", "q2"))
MASKED = "*predictions_layer*.json"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A folder with data and a model, but without features; not to be changed."""
  folder = tmp_path_factory.mktemp("trained")
  tiny_model.write_files(folder, COPIES)
  tiny_model.write_checkpoint(folder / "model")
  return folder


@pytest.fixture(scope="module")
def alone(trained, tmp_path_factory):
  """Folders in which one run was made at a time: {flags: folder}."""
  folders = {}
  for flags in (P2, Q2):
    folder = tmp_path_factory.mktemp("alone") / "project"
    shutil.copytree(str(trained), str(folder))
    result = tiny_model.run_squad(folder, *flags)
    assert result.returncode == 0, result.stderr
    folders[flags] = folder
  return folders


@pytest.fixture
def project(trained, tmp_path):
  """A copy of `trained`, to be changed."""
  shutil.copytree(str(trained), str(tmp_path / "project"))
  return tmp_path / "project"


@pytest.fixture
def begin():
  """Function from folder and flags to a launcher.Run, which ends with the test."""
  runs = []

  def start(folder, flags):
    runs.append(tiny_model.begin(folder, *flags))
    return runs[-1]
  yield start
  for run in runs:
    run.signal(signal.SIGKILL)


def stop(run):
  """Stops a run, unless it has ended, and returns whether it stands still."""
  run.send(signal.SIGSTOP)
  while run.poll() is None:
    # Its state follows the name in brackets.
    with open("/proc/%d/stat" % run.pid) as f:
      if f.read().rpartition(")")[2].split()[0] == "T":
        return True
  return False


def stop_when(begin, folder, flags, happened):
  """Starts a run and stops it as soon as something has happened, while that is
  still so; a run that was too quick is made again. Returns the Run."""
  for _ in range(10):
    run = begin(folder, flags)
    run.wait_until(happened)
    if stop(run) and happened():
      return run
    run.signal(signal.SIGKILL)
    for path in (folder / "model").glob("eval.*"):
      path.unlink()
  pytest.fail("no run could be stopped in time")


def check_whole(project, *folders):
  """The files of masked decodes are those of the runs alone, the baseline is of
  one of them, all are entered in the manifest, and nothing is left over."""
  wanted, baselines = {}, []
  for folder in folders:
    wanted.update(tiny_model.digests(folder, MASKED))
    baselines.append(tiny_model.digests(folder, "*predictions.json"))
  assert tiny_model.digests(project, MASKED) == wanted != {}
  baseline = tiny_model.digests(project, "*predictions.json")
  assert all(any(digest == other[name] for other in baselines)
             for name, digest in baseline.items())
  model = project / "model"
  files = manifest.load(str(model))["files"]
  assert set(files) == set(wanted) | set(baseline)
  names = set(os.listdir(str(model)))
  assert names == {name for folder in folders
                   for name in os.listdir(str(folder / "model"))}


def check_refused(status, log):
  """Refused in one line, after those on how much there is to do."""
  lines = log.splitlines()
  assert status == 1 and len(lines) <= 2, log
  assert lines[0].startswith("run_squad.py: decodes: 3, ") or not lines[1:]
  assert lines[-1].startswith("run_squad.py: ") and "another run" in lines[-1]
  assert "journal." in lines[-1]


def windows(folder):
  """Reads the features file to its end, whose records have a checksum each."""
  path, = (folder / "model").glob("eval.*.tf_record")
  return [tf.train.Example.FromString(record)
          for record in tf.python_io.tf_record_iterator(str(path))]


@pytest.mark.thorough
def test_different_decodes_finish_side_by_side(project, alone, begin):
  for run in [begin(project, flags) for flags in (P2, Q2)]:
    status, log = run.end()
    assert status == 0, log
  check_whole(project, alone[P2], alone[Q2])
  assert windows(project) == windows(alone[P2])


@pytest.mark.slow
def test_the_same_decodes_started_at_once(project, alone, begin):
  """One finishes; the other is refused, or comes late enough to finish, too."""
  ends = [run.end() for run in [begin(project, P2) for _ in range(2)]]
  assert 0 in [status for status, _ in ends]
  for status, log in ends:
    if status:
      check_refused(status, log)
  check_whole(project, alone[P2])


@pytest.mark.slow
def test_the_same_decodes_are_refused_meanwhile(project, alone, begin):
  first = stop_when(begin, project, P2, lambda: [
      path for path in (project / "model").glob("journal.*")
      if path.stat().st_size > 10000])
  check_refused(*begin(project, P2).end())
  status, log = first.signal(signal.SIGCONT)
  assert status == 0, log
  check_whole(project, alone[P2])


@pytest.mark.thorough
def test_both_make_the_features(project, alone, begin):
  """The first is stopped in the middle of the file; the second makes its own,
  which the first then replaces."""
  model = project / "model"
  unfinished = lambda: list(model.glob("eval.*.tf_record.*"))
  first = stop_when(begin, project, Q2, unfinished)
  status, log = begin(project, P2).end()
  assert status == 0, log
  assert windows(project) == windows(alone[P2])
  status, log = first.signal(signal.SIGCONT)
  assert status == 0, log
  assert windows(project) == windows(alone[P2])
  check_whole(project, alone[P2], alone[Q2])


@pytest.mark.slow
def test_a_second_training_in_a_folder_is_refused(project, begin):
  """The first goes on, with the checkpoint that it was writing."""
  flags = ("--do_train=True", "--train_batch_size=10", "--num_train_epochs=2",
           "--save_checkpoints_steps=5")
  for path in (project / "model").iterdir():
    path.unlink()
  first = begin(project, flags)
  first.wait_until(
      lambda: list((project / "model").glob("model.ckpt-5.index")))
  assert stop(first)
  before = set(os.listdir(str(project / "model")))
  status, log = begin(project, flags).end()
  assert status == 1
  assert log == (
      "run_squad.py: --output_dir=%s: another training is running there; wait for "
      "it, stop it, or give another --output_dir\n" % (project / "model"))
  assert set(os.listdir(str(project / "model"))) == before
  status, log = first.signal(signal.SIGCONT)
  assert status == 0, log
  # Its end frees the folder.
  status, log = begin(project, flags).end()
  assert status == 0 and "nothing to train" in log
