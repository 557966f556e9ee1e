"""One training: its steps, how it resumes, and the record of its settings."""

import contextlib
import fcntl
import json
import os

import tensorflow.compat.v1 as tf

from attention_zones.base import files
from attention_zones.base import interrupts
from attention_zones.base import json_files
from attention_zones.base import manifest
from attention_zones.data import batches
from attention_zones.data import windows
from attention_zones.weights import checkpoints

RECORD_NAME = "training.json"
_LOCK_NAME = ".training.lock"


@contextlib.contextmanager
def alone(folder):
  """Refuses a second training in a folder while this one runs.

  The second would remove the checkpoint that the first is writing.

  Args:
    folder: str, --output_dir, a path or address.

  Raises:
    ValueError: another process trains there.
  """
  if files.is_remote(folder):
    # An object store has no locks.
    yield
    return
  with open(os.path.join(folder, _LOCK_NAME), "a") as f:
    try:
      files.try_lock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise ValueError(
          "--output_dir=%s: another training is running there; wait for it, stop "
          "it, or give another --output_dir" % folder) from None
    yield


def load_record(folder):
  """Reads the settings that a training was started with.

  Args:
    folder: str, --output_dir, a path or address.

  Returns:
    dict under the names of flags, and "num_train_steps"; {} if the folder has no
    record.

  Raises:
    ValueError: the record is damaged.
  """
  path = os.path.join(folder, RECORD_NAME)
  if not files.exists(path):
    return {}
  begun = json_files.load(path)
  if not isinstance(begun, dict):
    raise ValueError(
        "%s should be a JSON object, the settings of a training; train in another "
        "--output_dir" % path)
  return begun


def finished(folder, num_train_epochs):
  """Finds the checkpoint of a training that is done, before data is read.

  Args:
    folder: str, --output_dir, a path or address, whose record is of this training.
    num_train_epochs: float.

  Returns:
    str, the prefix of its files; None if there are steps to train, or may be.
  """
  newest, _ = checkpoints.newest_whole(folder)
  record = load_record(folder) if newest else {}
  is_done = newest and "num_train_steps" in record and (
      num_train_epochs <= record["--num_train_epochs"] and
      tf.train.load_variable(newest, "global_step") >= record["num_train_steps"])
  return newest if is_done else None


class Training:
  """A training of the flags, in --output_dir.

  Args:
    options: namespace of run_squad.py's flags.
    tokenizer: as of windows.DataSet.
    log: function that shows the user a line, str.
  """

  def __init__(self, options, tokenizer, log):
    self._options, self._tokenizer, self._log = options, tokenizer, log

  def check_record(self):
    """Refuses to continue, or to take for finished, a training of other settings.

    Raises:
      ValueError: --output_dir has a checkpoint and the record of a training that
        was started with other settings. --num_train_epochs may differ.
    """
    options, log = self._options, self._log
    newest, _ = checkpoints.newest_whole(options.output_dir)
    if not newest:
      return
    begun = load_record(options.output_dir)
    if not begun:
      log("%s has no %s beside it, so what it was trained with is not known" % (
          newest, RECORD_NAME))
      return
    self._check_tensorflow(begun, newest)
    begun.pop("num_train_steps", None)
    epochs = begun.pop("--num_train_epochs", options.num_train_epochs)
    if epochs != options.num_train_epochs:
      log("%s was trained with learning rates for --num_train_epochs=%g, now it is "
          "%g" % (newest, epochs, options.num_train_epochs))
    # Both go with the Python; _check_tensorflow has allowed it.
    now = self._settings()
    if begun.get("TensorFlow") != now["TensorFlow"]:
      now.update({
          name: begun.get(name) for name in ("TensorFlow", "Unicode tables")})
    changed = manifest.changes(begun, now)
    if changed:
      raise ValueError(
          "%s was trained with a different %s; restore it to resume, or train in "
          "another --output_dir" % (newest, ", ".join(changed)))

  def num_steps(self, data):
    """The number of training steps: int.

    Args:
      data: windows.DataSet to train on.

    Raises:
      ValueError: there would be no step.
    """
    options = self._options
    count, counted = len(data.examples), "questions"
    if data.rules.counts_windows:
      # As run_cmrc2018.py counts.
      count = sum(1 for _ in tf.python_io.tf_record_iterator(data.path))
      counted = "windows"
    steps = int(count / options.train_batch_size * options.num_train_epochs)
    if not steps:
      raise ValueError(
          "--train_batch_size=%d and --num_train_epochs=%g give no training step "
          "for the %d %s in --train_file=%s" % (
              options.train_batch_size, options.num_train_epochs, count, counted,
              options.train_file))
    return steps

  def train(self, data, make_estimator):
    """Fine-tunes a model, from the newest complete checkpoint if there is one.

    `check_record` says before whether that is one of this training.

    Args:
      data: windows.DataSet to train on.
      make_estimator: function from the number of training steps to an Estimator.

    Raises:
      ValueError: there would be no step, or all checkpoints are incomplete.
    """
    options, log, folder = self._options, self._log, self._options.output_dir
    steps = self.num_steps(data)
    newest, remarks = checkpoints.newest_whole(folder)
    for line in remarks:
      log(line)
    if remarks:
      checkpoints.resume_from(folder, newest)
    first_step = tf.train.load_variable(newest, "global_step") if newest else 0
    if first_step >= steps:
      log("nothing to train: %s already has %d steps or more" % (newest, steps))
      return
    self._write_record(steps)
    if newest:
      interrupts.keep(lambda: "%s is kept; rerun the command to resume" % newest)
    if first_step:
      log("training resumes from %s" % newest)
    checkpoints.remove_partial(folder)
    input_fn = batches.train_input_fn(
        data.path, options.max_seq_length, options.random_seed,
        batches.bucket_width(options), first_step, data.tokenizer.LAYOUT)
    try:
      make_estimator(steps).train(
          input_fn, max_steps=steps,
          saving_listeners=[checkpoints.SavingListener(folder)])
    except (tf.errors.OpError, interrupts.Interrupted):
      checkpoints.remove_partial(folder)
      raise

  def _settings(self):
    """What the weights of a training depend on, but its number of steps: dict."""
    options = self._options
    key = windows.describe(options, "train_file", self._tokenizer)
    key.update({"--" + name: getattr(options, name) for name in (
        "train_batch_size", "learning_rate", "warmup_proportion", "random_seed",
        "precision")})
    key.update({
        "--bert_config_file": files.digest(options.bert_config_file),
        "--init_checkpoint": (options.init_checkpoint and
                              checkpoints.digest(options.init_checkpoint)),
        "--bucket_by_length": batches.bucket_width(options) is not None,
        "TensorFlow": tf.__version__})
    return key

  def _write_record(self, steps):
    """Writes a training's settings, and its number of steps, to output_dir."""
    record = dict(self._settings(), num_train_steps=steps, **{
        "--num_train_epochs": self._options.num_train_epochs})
    files.write_text(os.path.join(self._options.output_dir, RECORD_NAME), [
        json.dumps(record, indent=2, sort_keys=True), "\n"])

  def _check_tensorflow(self, begun, newest):
    """Refuses to continue another TensorFlow's training, unless a flag allows it.

    Args:
      begun: dict, the settings that the training was started with.
      newest: str, the checkpoint to resume from.

    Raises:
      ValueError: the versions differ, and --allow_other_tensorflow is not given.
    """
    before = str(begun.get("TensorFlow"))
    if before == tf.__version__:
      return
    other = "%s was trained with TensorFlow %s, and this is TensorFlow %s" % (
        newest, before, tf.__version__)
    if not self._options.allow_other_tensorflow:
      raise ValueError(
          other + "; resume with %s (TENSORFLOW=%s for the scripts), train in "
          "another --output_dir, or give --allow_other_tensorflow=True" % (
              before, before.partition(".")[0]))
    # The two shuffle with the same seeds, but not alike.
    self._log(other + ": from here on, batches, and windows with characters that "
              "only one Python knows, are not those of that version")
