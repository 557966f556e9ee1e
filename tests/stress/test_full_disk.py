"""A disk that is full in the middle of a write costs that write, nothing else.

The old file stays as it was, one line says which file found no room, nothing
temporary is left, and the same command goes on once there is room. The disk is
a small tmpfs; where none can be mounted these tests are skipped.
"""

import errno
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from attention_zones.base import files
from attention_zones.base import manifest
from attention_zones.decoding import answers
from attention_zones.decoding import journal_writer
import faults
import launcher
import tiny_model

MEGABYTES = 32

# What a tmpfs gives out.
PAGE = os.sysconf("SC_PAGE_SIZE")

# 40 questions.
COPIES = 4

# The options of unshare: for root, and for users who may make user namespaces.
NAMESPACES = ("-m", "-rm")

MOUNT = 'mount -t tmpfs -o size=%dm tmpfs "$0" && echo mounted && exec cat' % (
    MEGABYTES)


def mount(folder):
  """Mounts a tmpfs in a mount namespace, which ends with its only process.

  Returns:
    (subprocess.Popen that ends with its stdin, pathlib.Path of the tmpfs); None
    and why when it cannot be done.
  """
  for options in NAMESPACES:
    try:
      keeper = subprocess.Popen(
          ["unshare", options, "sh", "-c", MOUNT, str(folder)],
          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
          stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as error:
      return None, str(error)
    root = pathlib.Path("/proc/%d/root" % keeper.pid)
    path = root / folder.relative_to("/")
    if keeper.stdout.readline() and os.access(str(path), os.W_OK):
      return keeper, path
    why = keeper.communicate()[1].strip() or "%s is not writable" % path
  return None, why


@pytest.fixture
def disk(tmp_path):
  """An empty tmpfs."""
  folder = tmp_path / "disk"
  folder.mkdir()
  keeper, path = mount(folder)
  if not keeper:
    pytest.skip("no tmpfs can be mounted here to be filled: %s" % path)
  yield path
  keeper.communicate()


def fill(disk, room):
  """Fills a disk but for `room` bytes, rounded up to pages."""
  filler = disk / "filler"
  with open(str(filler), "wb", buffering=0) as f:
    with pytest.raises(OSError) as caught:
      while True:
        f.write(b"\0" * 65536)
  assert caught.value.errno == errno.ENOSPC
  size = filler.stat().st_size
  assert size > room
  os.truncate(str(filler), (size - room) // PAGE * PAGE)


def make_room(disk):
  (disk / "filler").unlink()


def in_pages(*paths):
  """How many bytes of a tmpfs these files take."""
  return sum(-(-path.stat().st_size // PAGE) * PAGE for path in paths)


def contents(folder):
  """The digest of each file of a folder, whatever begins its name."""
  return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
          for name in os.listdir(str(folder))}


def check_log(log, script, path):
  """One line, the last, is the error; it names the file and says what is wrong.
  Before it, a run may tell what it does and how far it is."""
  lines = log.splitlines()
  assert lines, "nothing on stderr"
  for line in lines:
    assert line.startswith((script + ": ", "predicting, ", "training: ")), log
  assert [line for line in lines if "space" in line] == lines[-1:], log
  assert lines[-1].startswith(script + ": "), log
  assert str(path) in lines[-1] and "No space left" in lines[-1], log
  assert "memory" not in lines[-1], log


def test_a_replaced_file(disk):
  path = disk / "results.csv"
  path.write_text("old")

  def replace():
    with files.replacing(str(path)) as temporary:
      with open(temporary, "w") as f:
        f.write("new" * PAGE)
  fill(disk, PAGE)
  with pytest.raises(OSError, match="No space left") as caught:
    replace()
  assert caught.value.filename == str(path)
  assert path.read_text() == "old"
  assert set(os.listdir(str(disk))) == {"results.csv", "filler"}
  make_room(disk)
  replace()
  assert path.read_text() == "new" * PAGE


def test_the_manifest(disk):
  manifest.add(str(disk), ["a.json"], {"data": "1", "decodes": []}, {})
  before = contents(disk)
  names = ["predictions_layer%d_q2.json" % layer for layer in range(200)]
  fill(disk, PAGE)
  with pytest.raises(OSError, match="No space left") as caught:
    manifest.add(str(disk), names, {"data": "2"}, {})
  assert caught.value.filename == str(disk / "manifest.json")
  make_room(disk)
  assert contents(disk) == before
  manifest.add(str(disk), names, {"data": "2"}, {})
  files = manifest.load(str(disk))["files"]
  assert set(files) == set(names + ["a.json"])


def test_the_journal(disk):
  """The questions before stay, and the one that found no room can come anew."""
  path = disk / "journal.jsonl"
  short, long = (
      [answers.Answer("x" * length, None, None)]
      for length in (10, 3 * PAGE))
  journal = journal_writer.Journal(str(path), {"data": "1", "decodes": []})
  journal.append(0, short)
  fill(disk, PAGE)
  with pytest.raises(OSError, match="No space left") as caught:
    journal.append(1, long)
  assert caught.value.filename == str(path)
  make_room(disk)
  # What Python still holds of the line may be written when the file is closed.
  journal.close(remove=False)
  again = journal_writer.Journal(str(path), {"data": "1", "decodes": []})
  assert 0 in again.finished
  again.append(1, long)
  assert again.read(0)["text"] == ["x" * 10]
  assert again.read(1)["text"] == ["x" * 3 * PAGE]


def write_inputs(folder):
  """Writes a data set, answers of two decodes, odds and a table to draw."""
  tiny_model.write_files(folder)
  answers = {"q%d-%d" % (p, i): "oslo" for p in range(2) for i in range(5)}
  for seed in ("seed1", "seed2", "seed3"):
    (folder / seed).mkdir()
    for name in ("predictions.json", "predictions_layer0_q2.json"):
      (folder / seed / name).write_text(json.dumps(answers))
  odds = {name: n / 10 for n, name in enumerate(answers)}
  (folder / "odds.json").write_text(json.dumps(odds))
  (folder / "table.csv").write_text("layer,q2,p2\n1,80.5,66.9\n2,80.0,76.4\n")


EVAL = ("eval_squad.py", "data.json", "seed1/predictions.json")


@pytest.mark.parametrize("command, name, room", [
    (("get_results.py", "seed1", "{disk}/results.csv", "--data_file=data.json"),
     "results.csv", 0),
    (("get_results.py", "seed1", "seed2", "seed3", "{disk}/r.csv",
      "--data_file=data.json"), "r.std.csv", 0),
    (("visualize_att_zone.py", "table.csv", "80.5", "{disk}/f.pdf"),
     "f.pdf", PAGE),
    (("visualize_att_zone.py", "table.csv", "80.5", "{disk}/f.png"),
     "f.png", PAGE),
    (("visualize_att_zone.py", "table.csv", "80.5", "{disk}/f.svg"),
     "f.svg", PAGE),
    (EVAL + ("--out-file={disk}/eval.json",), "eval.json", 0),
    (EVAL + ("--na-prob-file=odds.json", "--out-image-dir={disk}"),
     "pr_exact.png", PAGE),
])
def test_scripts(disk, tmp_path, command, name, room):
  write_inputs(tmp_path)
  command = [word.format(disk=disk) for word in command]
  run = lambda: launcher.script(*command, cwd=str(tmp_path))
  # get_results.py replaces tables only.
  (disk / name).write_text("layer,q2\n1,50.000\n")
  before = contents(disk)
  fill(disk, room)
  result = run()
  make_room(disk)
  assert result.returncode == 1
  # A remark may stand before.
  *_, line = result.stderr.splitlines(True)
  assert "Traceback" not in result.stderr
  check_log(line, command[0], disk / name)
  assert contents(disk) == before
  assert run().returncode == 0
  assert contents(disk)[name] != before[name]
  assert not [other for other in os.listdir(str(disk)) if other[0] == "."]


def fails_for_want_of_room(disk, room, flags, path):
  """Runs run_squad.py in disk / "project", where it has to fail at a file.

  Args:
    disk: pathlib.Path of the tmpfs.
    room: int, how many bytes are left on it.
    flags: tuple of str.
    path: pathlib.Path that the error names.

  Returns:
    str, what it printed.
  """
  fill(disk, room)
  status, log = tiny_model.begin(disk / "project", *flags).end()
  make_room(disk)
  assert status == 1, log
  check_log(log, "run_squad.py", path)
  return log


def run_with_room(folder, flags):
  status, log = tiny_model.begin(folder, *flags).end()
  assert status == 0, log
  return log


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A model of 7 steps with its baseline predictions, not to be changed."""
  folder = tmp_path_factory.mktemp("trained")
  tiny_model.write_files(folder, COPIES)
  data = tiny_model.large_data_set(COPIES)
  question = data["data"][0]["paragraphs"][0]["qas"][0]
  # Dropped from training; its id fills more than a page of their list.
  question["id"] = "x" * (PAGE + 100)
  question["answers"][0]["text"] = "nobody"
  (folder / "data.json").write_text(json.dumps(data))
  run_with_room(folder, faults.TRAINING + ("--do_predict=True",))
  return folder


def copy_of(trained, folder):
  """Copies what a run needs, and nothing that differs from run to run."""
  shutil.copytree(str(trained), str(folder), ignore=shutil.ignore_patterns(
      "events.*", "graph.*", "*.meta", "*.tf_record"))


@pytest.fixture
def model(trained, disk):
  """The output folder of a copy of `trained` on the disk that is to be full."""
  copy_of(trained, disk / "project")
  return disk / "project" / "model"


SWEEP = ("--do_predict=True", "--write_nbest=True", "--mask_layer=0-1",
         "--mask_zone=p2")


def rehearse(trained, folder):
  """Makes the sweep with all room, up to where it would remove its journal."""
  copy_of(trained, folder)
  lock = folder / "model" / ".manifest.json.lock"
  lock.unlink()
  lock.mkdir()
  assert tiny_model.run_squad(folder, *SWEEP).returncode == 1
  lock.rmdir()
  return folder / "model"


@pytest.mark.slow
def test_a_sweep(disk, model, trained, tmp_path):
  """Full at the features, the journal, the predictions and the manifest."""
  alone = rehearse(trained, tmp_path / "alone")
  features, = alone.glob("eval.*.tf_record")
  journal, = alone.glob("journal.*")
  predictions = sorted(alone.glob("*predictions_layer*"))
  assert len(predictions) == 4
  nbest = model / "nbest_predictions_layer0_p2.json"
  # Empty, so that to replace it gives no room to the manifest.
  nbest.write_text("")
  sweep = tuple(SWEEP) + ("--overwrite=True",)
  before = contents(model)
  fails = functools.partial(fails_for_want_of_room, disk, flags=sweep)

  fails(PAGE, path=model / features.name)
  assert contents(model) == before

  fails(in_pages(features) + in_pages(journal) // 2, path=model / "journal.")
  half, = model.glob("journal.*")
  now = contents(model)
  assert set(now) == set(before) | {half.name, features.name}
  assert {name: now[name] for name in before} == before

  log = fails(in_pages(journal) - in_pages(half) + PAGE,
              path=model / "predictions_layer0_p2.json")
  assert " 1/%d questions" % (10 * COPIES) not in log
  assert set(contents(model)) == set(now)
  assert nbest.read_text() == ""

  fails(in_pages(*predictions), path=model / "manifest.json")
  assert contents(model)["manifest.json"] == before["manifest.json"]

  run_with_room(disk / "project", sweep)
  now, wanted = contents(model), contents(alone)
  names = {path.name for path in predictions}
  assert set(now) == set(before) | names | {features.name}
  assert {name: now[name] for name in names} == {
      name: wanted[name] for name in names}
  assert names <= set(manifest.load(str(model))["files"])


TRAINING = faults.TRAINING + (
    "--num_train_epochs=2", "--save_checkpoints_steps=2")


def is_temporary(name):
  return ".tmp" in name or "_temp_" in name or ".tempstate" in name


@pytest.mark.slow
def test_a_training(disk, model, trained):
  """Full at the list of dropped questions, features, graph and checkpoint."""
  made = trained / "model"
  dropped = model / "train_dropped_ids.txt"
  dropped.write_text("old")
  before = contents(model)
  fails = functools.partial(fails_for_want_of_room, disk, flags=TRAINING)

  fails(PAGE, path=dropped)
  assert contents(model) == before

  features, = (path.name for path in made.glob("train.*.tf_record"))
  fails(2 * PAGE, path=model / features)
  assert set(contents(model)) == set(before)
  assert dropped.read_text() == "x" * (PAGE + 100) + "\n"

  # The checkpoint of step 7 is there already, and is not to be lost.
  room = in_pages(made / features, made / "graph.pbtxt") + in_pages(
      *made.glob("events.*")) + in_pages(*made.glob("model.ckpt-7.*")) // 2
  fails(room, path=model)
  now = contents(model)
  assert {name: now[name] for name in before if "ckpt-7" in name} == {
      name: before[name] for name in before if "ckpt-7" in name}
  assert [name for name in now if is_temporary(name)] == []

  run_with_room(disk / "project", TRAINING)
  assert {"model.ckpt-%d.index" % step for step in (7, 9, 11, 13, 15)} <= set(
      contents(model))
