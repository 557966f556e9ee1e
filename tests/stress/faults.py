"""Kills trainings and sweeps at random moments and compares what they end with.

    python tests/stress/faults.py --moments 20 --seed 1

A 14-wide model is trained, and a sweep made with it, once left alone. Then, for
each moment: a fresh folder, the same command, SIGKILL to its process group, and
the same command again to its end. All files must have the bytes of the run left
alone. 20 moments of each kind take some 10 minutes on 2 cores.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import tiny_model

TRAINING = ("--do_train=True", "--train_batch_size=5", "--num_train_epochs=1",
            "--save_checkpoints_steps=5", "--learning_rate=0.01")
SWEEP = ("--do_predict=True", "--mask_layer=0-1", "--mask_zone=p2,all,q2",
         "--write_nbest=True")

# The last of a run's time is Python's own end, when all is written.
LATEST = 0.97

Case = collections.namedtuple(
    "Case", ["name", "flags", "start", "pattern", "wanted", "names", "seconds"])
Case.__doc__ = """A command that is killed, and how it went when left alone.

Attributes:
  name: "training" or "sweep".
  flags: tuple of str, the command's flags.
  start: pathlib.Path, the folder to begin with; not to be changed.
  pattern: str, the files in model/ that must have the same bytes.
  wanted: dict from the names of these files to their SHA-256.
  names: set of str, all files that were in model/ at the end.
  seconds: float, how long it took.
"""

Outcome = collections.namedtuple(
    "Outcome", ["was_killed", "done", "total", "first", "wrong", "left_over"])
Outcome.__doc__ = """What came of a run that was killed and started again.

Attributes:
  was_killed: bool, whether it had not ended before.
  done: int, steps (of the newest checkpoint) or questions (in the journal) that
    were on disk when it was killed.
  total: int, how many there are.
  first: int, how far the second run was by its first word; None if it had none.
  wrong: str, what is not as it should be; "" when all is.
  left_over: list of str, files that the run left alone does not have.
"""


def run(folder, flags, is_time=lambda seconds: False):
  """Runs run_squad.py to its end, or kills it when it is time.

  Args:
    folder: pathlib.Path with the files of tiny_model.write_files.
    flags: tuple of str.
    is_time: function from the seconds since the start to bool.

  Returns:
    (exit status, what it printed, seconds); the status of what was killed is
    -signal.SIGKILL.
  """
  begin = time.time()
  process = tiny_model.begin(folder, *flags)
  try:
    while process.poll() is None and not is_time(time.time() - begin):
      time.sleep(0.005)
  finally:
    status, log = process.signal(signal.SIGKILL)
  return status, log, time.time() - begin


def prepare(name, folder, copies):
  """Makes the run that is left alone.

  Args:
    name: str, "training", or "sweep", of a model with random weights.
    folder: pathlib.Path, an empty folder.
    copies: int, of tiny_model's ten questions, which make two training steps.

  Returns:
    Case.
  """
  begin, alone = folder / "begin", folder / "alone"
  begin.mkdir()
  tiny_model.write_files(begin, copies)
  flags, pattern = TRAINING, "model.ckpt-%d.[di]*" % (2 * copies)
  if name == "sweep":
    # Without the features, so that it is also killed while it makes them.
    tiny_model.write_checkpoint(begin / "model")
    flags, pattern = SWEEP, "*predictions*.json"
  shutil.copytree(str(begin), str(alone))
  status, log, seconds = run(alone, flags)
  if status:
    raise RuntimeError("the %s left alone failed: %s" % (name, log))
  return Case(name, flags, begin, pattern, tiny_model.digests(alone, pattern),
              set(os.listdir(str(alone / "model"))), seconds)


def progress_on_disk(case, folder):
  """How much of a run is on disk: steps of a training, questions of a sweep."""
  model = folder / "model"
  if case.name == "training":
    state = model / "checkpoint"
    newest = state.exists() and re.search(
        r'^model_checkpoint_path: ".*model\.ckpt-(\d+)"', state.read_text())
    return int(newest.group(1)) if newest else 0
  for journal in model.glob("journal.*"):
    # The first line is the key; one that has no end counts for nothing.
    return max(0, journal.read_bytes().count(b"\n") - 1)
  if (model / "manifest.json").exists():
    return len(json.loads((model / "predictions.json").read_text()))
  return 0


def kill_and_repeat(case, folder, is_time):
  """Kills a run when it is time, makes it again and compares.

  Args:
    case: Case.
    folder: pathlib.Path that does not exist yet.
    is_time: function from seconds, as for run.

  Returns:
    Outcome.
  """
  shutil.copytree(str(case.start), str(folder))
  status, log, _ = run(folder, case.flags, is_time)
  if status not in (0, -signal.SIGKILL):
    return Outcome(False, 0, 0, None, "failed before its end: " + log, [])
  done = progress_on_disk(case, folder)
  again, log, _ = run(folder, case.flags)
  shown = re.search(r"(\d+)/(\d+) (?:steps|questions)", log)
  first, total = map(int, shown.groups()) if shown else (None, 0)
  outcome = Outcome(status != 0, done, total, first, "", [
      name for name in sorted(os.listdir(str(folder / "model")))
      if name not in case.names and not name.startswith("events.out")])
  return outcome._replace(wrong=_wrong(case, folder, outcome, again, log))


def _wrong(case, folder, outcome, status, log):
  """Says what is wrong after the second run; "" when nothing is."""
  if status:
    return "the second run failed: " + log
  found = tiny_model.digests(folder, case.pattern)
  differing = [name for name in sorted(set(found) | set(case.wanted))
               if found.get(name) != case.wanted.get(name)]
  if differing:
    return "other bytes than the run left alone: " + ", ".join(differing)
  first, done = outcome.first, outcome.done
  if 0 < done < outcome.total and not done <= first <= done + 1:
    return "%d were done, but the second run began with %d" % (done, first)
  return ""


def random_moments(case, count, generator):
  """Seconds at which to kill: one at random in each of `count` equal parts."""
  return [(part + generator.random()) / count * LATEST * case.seconds
          for part in range(count)]


def report(case, number, count, moment, outcome):
  """Prints a line on one moment."""
  where = "killed at %.2f s with %d done" % (moment, outcome.done)
  if not outcome.was_killed:
    where = "it ended before %.2f s" % moment
  print("%s %d/%d: %s; the second run began at %s; %s%s" % (
      case.name, number, count, where, outcome.first,
      outcome.wrong or "the same bytes",
      "; left over: " + ", ".join(outcome.left_over)
      if outcome.left_over else ""), flush=True)


def main():
  """Runs the command line; returns the exit status."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--moments", type=int, default=20,
                      help="of each kind (default: %(default)s)")
  parser.add_argument("--seed", type=int, default=1,
                      help="of the moments (default: %(default)s)")
  parser.add_argument("--kind", choices=("training", "sweep"),
                      help="only this; left out: both")
  parser.add_argument("--copies", type=int, default=60,
                      help="of the ten questions (default: %(default)s)")
  arguments = parser.parse_args()
  generator = random.Random(arguments.seed)
  bad = 0
  for name in [arguments.kind] if arguments.kind else ["training", "sweep"]:
    with tempfile.TemporaryDirectory() as temporary:
      folder = pathlib.Path(temporary)
      case = prepare(name, folder, arguments.copies)
      bad += _kill_often(case, arguments.moments, generator, folder)
  return int(bad > 0)


def _kill_often(case, count, generator, temporary):
  """Kills a case at random moments; returns how many went wrong."""
  print("%s left alone: %.2f s" % (case.name, case.seconds), flush=True)
  outcomes = []
  for number, moment in enumerate(
      random_moments(case, count, generator), start=1):
    is_done = False
    while not is_done:
      folder = temporary / "killed"
      outcome = kill_and_repeat(case, folder, lambda seconds: seconds > moment)
      report(case, number, count, moment, outcome)
      shutil.rmtree(str(folder))
      # A machine that is less busy by now was through before the moment came.
      is_done = outcome.was_killed or outcome.wrong
      moment *= 0.9
    outcomes.append(outcome)
  bad = sum(bool(outcome.wrong) for outcome in outcomes)
  went_on = sum(0 < o.done < o.total and not o.wrong for o in outcomes)
  print("%s: %d of %d as if left alone, %d of them went on from the middle" % (
      case.name, count - bad, count, went_on), flush=True)
  if not went_on:
    print("%s: no moment was in the middle, give another --seed" % case.name)
  return bad + (not went_on)


if __name__ == "__main__":
  sys.exit(main())
