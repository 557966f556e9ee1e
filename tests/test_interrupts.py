"""A signal ends a run in one line, with what it did kept; a closed pipe in none."""

import json
import os
import signal
import re
import subprocess
import sys
import time

import pytest

import launcher
from launcher import Run
import tiny_model

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHECKPOINT_FILES = ("model.ckpt-*.tmp*", "model.ckpt-*temp*", "checkpoint.tmp*",
                    "graph.pbtxt.tmp*")


@pytest.fixture
def run_python(tmp_path):
  """Function from lines and options to a Run of them, which has printed "ready"."""
  def start(text, fresh=True, **options):
    path = tmp_path / "script.py"
    path.write_text(
        "import os, sys, time\n"
        "sys.path.insert(0, %r)\n"
        "from attention_zones.base import interrupts\n"
        "interrupts.install('script')\n"
        "def main():\n"
        "  print('ready', flush=True)\n  %s\n"
        "interrupts.run(main)" % (
            launcher.REPOSITORY, "\n  ".join(text.splitlines())))
    run = Run(path, (), fresh=fresh, python=["-u"], **options)
    run.wait_until(lambda: "ready\n" in run.log())
    return run
  return start


def catches_signals(run):
  """Whether the process has a handler for SIGTERM, as Python alone has not."""
  with open("/proc/%d/status" % run.pid) as f:
    caught = [line.split()[1] for line in f if line.startswith("SigCgt:")]
  return int(caught[0], 16) >> (signal.SIGTERM - 1) & 1


def check_line(status, log, number, script, *words):
  """The run ended by the signal, and its last line, of its own, says so."""
  assert status == 128 + number, log
  lines = log.splitlines()
  assert lines[-1].startswith("%s: stopped by %s: " % (
      script, signal.Signals(number).name)), log
  assert sum("stopped by" in line for line in lines) == 1
  assert "Traceback" not in log and "ignored" not in log, log
  for word in words:
    assert word in lines[-1]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_line_and_the_exit_status(run_python, number):
  run = run_python("time.sleep(600)")
  status, log = run.signal(number)
  check_line(status, log, number, "script", "no file is left half-written")
  assert len(log.splitlines()) == 2


def test_temporary_files_are_removed_on_the_way_out(run_python, tmp_path):
  run = run_python("from attention_zones.base import files\n"
                   "with files.replacing(%r) as temporary:\n"
                   "  print('in it')\n"
                   "  time.sleep(600)" % str(tmp_path / "x.json"))
  run.wait_until(lambda: "in it" in run.log())
  check_line(*run.signal(signal.SIGTERM), signal.SIGTERM, "script")
  assert os.listdir(str(tmp_path)) == ["script.py"]


def test_the_main_thread_is_woken(run_python, tmp_path):
  """A signal to another thread does not end what the main thread waits for."""
  run = run_python(
      "import signal, threading\n"
      "from attention_zones.base import files\n"
      "with files.replacing(%r) as temporary:\n"
      "  threading.Timer(0.2, lambda: signal.pthread_kill(\n"
      "      threading.get_ident(), signal.SIGTERM)).start()\n"
      "  time.sleep(600)" % str(tmp_path / "x.json"))
  check_line(*run.end(), signal.SIGTERM, "script")
  assert os.listdir(str(tmp_path)) == ["script.py"]


def test_what_others_say_of_the_end_is_not_shown(run_python):
  run = run_python("try:\n  time.sleep(600)\n"
                   "finally:\n  os.write(2, b'a hundred lines')")
  status, log = run.signal(signal.SIGINT)
  check_line(status, log, signal.SIGINT, "script")
  assert "hundred" not in log


@pytest.mark.parametrize("other", ["ValueError('other')", "SystemExit(1)"])
def test_another_error_on_the_way_out_changes_nothing(run_python, other):
  run = run_python("try:\n  time.sleep(600)\n"
                   "except BaseException:\n  raise %s" % other)
  check_line(*run.signal(signal.SIGTERM), signal.SIGTERM, "script")


def test_a_signal_does_not_wait_for_a_step_of_tensorflow(run_python):
  """One that would take 100 s, after which it fails."""
  run = run_python(
      "import tensorflow.compat.v1 as tf\n"
      "tf.disable_v2_behavior()\n"
      "queue = tf.FIFOQueue(1, tf.int32)\n"
      "config = tf.ConfigProto(operation_timeout_in_ms=100000)\n"
      "print('step', flush=True)\n"
      "tf.Session(config=config).run(queue.dequeue())", fresh=False)
  run.wait_until(lambda: "step" in run.log())
  time.sleep(0.5)
  check_line(*run.signal(signal.SIGINT), signal.SIGINT, "script")


HELD = ("with open(%r, 'w') as f:\n"
        "  interrupts.hold()\n"
        "  print('held')\n"
        "  end = time.time() + %d\n"
        "  while time.time() < end:\n"
        "    time.sleep(0.01)\n"
        "  f.write('whole')\n"
        "interrupts.release()\n"
        "print('went on')")


def test_what_must_be_whole_is_written_first(run_python, tmp_path):
  path = tmp_path / "x"
  run = run_python(HELD % (str(path), 3))
  run.wait_until(lambda: "held" in run.log())
  status, log = run.signal(signal.SIGINT)
  check_line(status, log, signal.SIGINT, "script")
  assert path.read_text() == "whole" and "went on" not in log


def test_another_signal_later_ends_at_once(run_python, tmp_path):
  path = tmp_path / "x"
  run = run_python(HELD % (str(path), 100))
  run.wait_until(lambda: "held" in run.log())
  run.send(signal.SIGINT)
  # One more within a second is taken for the same.
  run.send(signal.SIGTERM)
  time.sleep(1.5)
  assert run.poll() is None
  assert run.signal(signal.SIGINT)[0] == 130
  assert path.read_text() == ""


def test_nohup(run_python, tmp_path):
  """A signal that is ignored stays ignored."""
  def ignore():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
  run = run_python("while not os.path.exists(%r):\n  time.sleep(0.01)\n"
                   "return 3" % str(tmp_path / "go"), preexec_fn=ignore)
  run.send(signal.SIGHUP)
  (tmp_path / "go").write_text("")
  assert run.end() == (3, "ready\n")


SCRIPTS = ("run_squad.py", "get_results.py", "eval_squad.py",
           "visualize_att_zone.py")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"),
                    reason="what a process catches is not told here")
@pytest.mark.parametrize("script", SCRIPTS)
def test_while_importing(script):
  run = Run(script, ["--help"], fresh=True)
  run.wait_until(lambda: catches_signals(run))
  status, log = run.signal(signal.SIGINT)
  check_line(status, log, signal.SIGINT, script)
  assert len(log.splitlines()) == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_the_environment(script, tmp_path):
  """A Python without packages."""
  python = os.path.realpath(sys.executable)
  result = subprocess.run(
      [python, "-I", "-S", "-c", "import runpy, sys; sys.path.insert(0, '.'); "
       "sys.argv = [%r, '--help']; runpy.run_path(%r, run_name='__main__')" % (
           script, script)], cwd=launcher.REPOSITORY, stdout=subprocess.PIPE,
      stderr=subprocess.PIPE, universal_newlines=True)
  line, = result.stderr.splitlines() or [""]
  if script != "eval_squad.py":
    assert result.returncode == 1
    assert line.startswith("%s: %s has no package " % (script, python))
    assert line.endswith('"source .venv/bin/activate"')
  else:
    assert (result.returncode, line) == (0, "")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
  """Data, 300 questions, for a model of 1.6 million weights."""
  folder = tmp_path_factory.mktemp("empty")
  tiny_model.write_files(folder, 30)
  (folder / "bert_config.json").write_text(json.dumps(dict(
      tiny_model.CONFIG, hidden_size=256, intermediate_size=1024,
      max_position_embeddings=48)))
  return folder


TRAINING = ("--do_train=True", "--train_batch_size=2", "--num_train_epochs=100",
            "--save_checkpoints_steps=1", "--learning_rate=0")
SWEEP = ("--do_predict=True", "--mask_layer=0-1", "--mask_zone=p2,all,q2",
         "--write_nbest=True")


def newest_step(folder):
  """The step of the checkpoint that a training wrote last; 0 if there is none."""
  state = folder / "model" / "checkpoint"
  newest = state.exists() and re.search(
      r'^model_checkpoint_path: ".*model\.ckpt-(\d+)"', state.read_text())
  return int(newest.group(1)) if newest else 0


def left_over(folder):
  return [path for pattern in CHECKPOINT_FILES
          for path in (folder / "model").glob(pattern)]


@pytest.mark.slow
def test_a_run_at_every_stage(empty):
  """Making windows, writing a checkpoint, sweeping; then to the end."""
  model = empty / "model"
  run = tiny_model.begin(empty, *TRAINING)
  run.wait_until(lambda: list(model.glob("train.*.tf_record*")))
  check_line(*run.signal(signal.SIGHUP), signal.SIGHUP, "run_squad.py")
  assert len(list(model.glob("train.*.tf_record.*"))) == 0

  run = tiny_model.begin(empty, *TRAINING)
  run.wait_until(lambda: newest_step(empty) > 1 and left_over(empty))
  check_line(*run.signal(signal.SIGTERM), signal.SIGTERM, "run_squad.py",
             "model.ckpt-%d is kept; rerun the command to resume" %
             newest_step(empty))
  assert left_over(empty) == []

  run = tiny_model.begin(empty, *SWEEP)
  journal = lambda: [p for p in model.glob("journal.*") if p.stat().st_size > 9999]
  run.wait_until(journal)
  status, log = run.signal(signal.SIGTERM)
  path, = journal()
  kept = path.read_bytes().count(b"\n") - 1
  check_line(status, log, signal.SIGTERM, "run_squad.py",
             "questions are finished and kept in %s;" % path)
  said = int(re.search(r"(\d+) of 300 questions", log.splitlines()[-1]).group(1))
  # The signal may come when a question is on disk and not yet counted.
  assert kept - 1 <= said <= kept
  status, log = tiny_model.begin(empty, *SWEEP).end()
  assert status == 0 and "%d of 300 questions are done" % kept in log


@pytest.fixture
def closed_pipe():
  """The end to write to of a pipe that nobody reads."""
  reader, writer = os.pipe()
  os.close(reader)
  yield writer
  os.close(writer)


# argparse of newer Pythons passes over what a write without a buffer raises.
BUFFERED = dict(os.environ, PYTHONUNBUFFERED="")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_into_a_closed_pipe(script, closed_pipe):
  result = subprocess.run(
      [sys.executable, "-W", "ignore", script, "--help"], stdout=closed_pipe,
      stderr=subprocess.PIPE, universal_newlines=True, cwd=launcher.REPOSITORY,
      env=BUFFERED)
  assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize("python", [["-u"], []])
def test_results_into_a_closed_pipe(tmp_path, closed_pipe, python):
  tiny_model.write_files(tmp_path)
  (tmp_path / "p.json").write_text('{"q0-0": "oslo"}')
  data = json.loads((tmp_path / "data.json").read_text())
  paragraph = data["data"][0]["paragraphs"][0]
  paragraph["qas"] = paragraph["qas"][:1]
  data["data"][0]["paragraphs"] = [paragraph]
  (tmp_path / "data.json").write_text(json.dumps(data))
  result = subprocess.run(
      [sys.executable] + python + [
          "eval_squad.py", str(tmp_path / "data.json"), str(tmp_path / "p.json")],
      stdout=closed_pipe, stderr=subprocess.PIPE, universal_newlines=True,
      cwd=launcher.REPOSITORY)
  assert (result.returncode, result.stderr) == (141, "")


def test_messages_into_a_closed_pipe(empty, closed_pipe):
  """2>&1 | head: it ends with the first line that finds no reader."""
  result = subprocess.run(
      [sys.executable, "-W", "ignore", "eval_squad.py", "no.json", "no.json"],
      stdout=closed_pipe, stderr=closed_pipe, cwd=launcher.REPOSITORY)
  assert result.returncode == 141


def test_a_full_device():
  if not os.path.exists("/dev/full"):
    pytest.skip("no /dev/full")
  with open("/dev/full", "w") as full:
    result = subprocess.run(
        [sys.executable, "eval_squad.py", "--help"], stdout=full,
        stderr=subprocess.PIPE, universal_newlines=True,
        cwd=launcher.REPOSITORY, env=BUFFERED)
  assert (result.returncode, result.stderr) == (
      1, "eval_squad.py: standard output: No space left on device\n")
