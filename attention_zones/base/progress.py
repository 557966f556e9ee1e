"""A line of progress: rewritten on a terminal, repeated now and then in a log file.
"""

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
    whole: int, how much there is with what other runs do. If it is more than
      total, the line also shows how long all of it would take here.
    later: float, what is to come after this, in times of the total. If it is not
      0, the line also shows the time left with it.
  """

  def __init__(self, what, total, unit, whole=None, later=0):
    self._what, self._total, self._unit = what, total, unit
    self._whole, self._later = whole, later
    # Speed is counted from the first update on: building a graph, restoring a
    # checkpoint and the work of an earlier run do not belong to it.
    self._first = None
    self._shown = None

  def update(self, done, note="", keep=False):
    """Shows progress, unless it was shown a moment ago.

    Args:
      done: int, how much is done by now.
      note: str, to be added to the line.
      keep: bool, whether to show it in any case, and to leave it on a terminal.
    """
    now = time.time()
    if self._first is None:
      self._first = (now, done)
    interval = _SECONDS_ON_TERMINAL if sys.stderr.isatty() else _SECONDS_IN_LOG
    keep = keep or done >= self._total
    if self._shown is not None and not keep and now - self._shown < interval:
      return
    self._shown = now
    line = "%s: %d/%d %s%s%s" % (
        self._what, done, self._total, self._unit, self._speed(now, done), note)
    if sys.stderr.isatty():
      sys.stderr.write("\r\033[K" + line + "\n" * keep)
    else:
      sys.stderr.write(line + "\n")
    sys.stderr.flush()

  def _speed(self, now, done):
    """Formats the speed and the time left, once they are known."""
    seconds, count = now - self._first[0], done - self._first[1]
    if not count or not seconds:
      return ""
    each = seconds / count
    line = ", %s, %s left" % (
        "%.1f %s/s" % (1 / each, self._unit) if each < 1
        else "%.1f s/%s" % (each, self._unit[:-1]),
        _duration((self._total - done) * each))
    if self._later:
      line += " (%s with all passes)" % _duration(
          (self._total * (1 + self._later) - done) * each)
    if (self._whole or 0) > self._total:
      line += " (all %d here: %s)" % (
          self._whole, _duration(self._whole * each))
    return line


def _duration(seconds):
  """Formats 5025 seconds as "1:23:45"."""
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
    self._loss = loss
    self._progress = Progress("training", num_train_steps, "steps")

  def begin(self):
    self._fetches = {"step": tf.train.get_global_step()}
    if self._loss is not None:
      self._fetches["loss"] = self._loss

  def before_run(self, run_context):
    return tf.train.SessionRunArgs(self._fetches)

  def after_run(self, run_context, run_values):
    results = run_values.results
    note = ", loss %.4f" % results["loss"] if "loss" in results else ""
    self._progress.update(int(results["step"]), note)

  def end(self, session):
    step = int(session.run(self._fetches["step"]))
    self._progress.update(step)
