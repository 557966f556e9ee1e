"""One line of progress: rewritten on a terminal, now and then in a log file."""

import sys
import time

import tensorflow.compat.v1 as tf

_SECONDS_ON_TERMINAL = 0.5
_SECONDS_IN_LOG = 30


class Progress:
  """Shows how much is done, how fast, and the time left, on stderr.

  Args:
    what: str, "training" for example.
    total: int, how much there is to do.
    unit: str, what is counted: "questions".
    done: int, how much was done before.
  """

  def __init__(self, what, total, unit, done=0):
    self._what, self._total, self._unit = what, total, unit
    self._done_before = done
    self._start = time.time()
    self._shown = None

  def update(self, done, note=""):
    """Shows progress, unless it was shown a moment ago.

    Args:
      done: int, how much is done by now.
      note: str, to be added to the line.
    """
    now = time.time()
    interval = (_SECONDS_ON_TERMINAL if sys.stderr.isatty() else _SECONDS_IN_LOG)
    if self._shown is not None and done < self._total and (
        now - self._shown < interval):
      return
    self._shown = now
    rate = (done - self._done_before) / max(now - self._start, 1e-6)
    left = (self._total - done) / rate if rate else None
    line = "%s: %d/%d %s, %.1f %s/s, %s left%s" % (
        self._what, done, self._total, self._unit, rate, self._unit,
        "?" if left is None else _duration(left), note)
    if sys.stderr.isatty():
      sys.stderr.write("\r\033[K" + line + ("\n" if done >= self._total else ""))
    else:
      sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _duration(seconds):
  """Says 5025 as "1:23:45"."""
  minutes, seconds = divmod(int(seconds + 0.5), 60)
  hours, minutes = divmod(minutes, 60)
  return "%d:%02d:%02d" % (hours, minutes, seconds)


class TrainingProgress(tf.train.SessionRunHook):
  """Shows the progress of a training.

  Args:
    num_train_steps: int.
    loss: float scalar Tensor; None where it cannot be fetched (TPU).
  """

  def __init__(self, num_train_steps, loss=None):
    self._num_train_steps = num_train_steps
    self._loss = loss
    self._progress = None

  def begin(self):
    self._fetches = {"step": tf.train.get_global_step()}
    if self._loss is not None:
      self._fetches["loss"] = self._loss

  def after_create_session(self, session, coord):
    self._progress = Progress("training", self._num_train_steps, "steps",
                              done=int(session.run(self._fetches["step"])))

  def before_run(self, run_context):
    return tf.train.SessionRunArgs(self._fetches)

  def after_run(self, run_context, run_values):
    results = run_values.results
    note = ", loss %.4f" % results["loss"] if "loss" in results else ""
    self._progress.update(int(results["step"]), note)
