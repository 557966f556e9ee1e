"""One training: its steps, how it resumes, and the record of its settings."""

import contextlib
import fcntl
import json
import os

import tensorflow.compat.v1 as tf

from attention_zones import checked_json
from attention_zones import checkpoints
from attention_zones import files
from attention_zones import interrupts
from attention_zones import run_records
from attention_zones import seeds
from attention_zones import windows

_RECORD_NAME = "training.json"
_LOCK_NAME = ".training.lock"


def num_train_steps(options, data):
  """The number of training steps: int.

  Args:
    options: namespace of run_squad.py's flags.
    data: windows.DataSet to train on.

  Raises:
    ValueError: there would be no step.
  """
  count, counted = len(data.examples), "questions"
  if data.rules.is_cmrc:
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


def train(options, data, make_estimator, log):
  """Fine-tunes a model, from the newest complete checkpoint if there is one.

  Args:
    options: namespace of run_squad.py's flags.
    data: windows.DataSet to train on.
    make_estimator: function from the number of training steps to an Estimator.
    log: function that shows the user a line, str.

  Raises:
    ValueError: there would be no step, all checkpoints are incomplete, or the
      training to resume was started with other settings.
  """
  folder = options.output_dir
  steps = num_train_steps(options, data)
  newest, faulty = checkpoints.newest_whole(folder)
  oddity = checkpoints.tell(folder, newest, faulty, log)
  if faulty or oddity:
    checkpoints.forget(folder, faulty)
  first_step = tf.train.load_variable(newest, "global_step") if newest else 0
  if first_step >= steps:
    log("nothing to train: %s already has %d steps or more" % (newest, steps))
    return
  _record(options, data, newest, log)
  if newest:
    interrupts.keep(lambda: "%s is kept; rerun the command to resume" % newest)
  if first_step:
    log("training resumes from %s" % newest)
  checkpoints.remove_partial(folder)
  input_fn = windows.input_fn_builder(
      data.path, options.max_seq_length, is_training=True,
      seed=options.random_seed, bucket_width=windows.bucket_width(options),
      first_step=first_step)
  try:
    make_estimator(steps).train(
        input_fn, max_steps=steps,
        saving_listeners=[checkpoints.SavingListener(folder)])
  except (tf.errors.OpError, interrupts.Interrupted):
    checkpoints.remove_partial(folder)
    raise


@contextlib.contextmanager
def alone_in(folder):
  """Refuses a second training in a folder while this one runs.

  The second would remove the checkpoint that the first is writing.

  Args:
    folder: str, --output_dir.

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


def _settings(options, data):
  """What the weights of a training depend on, but its number of steps: dict."""
  key = {"--" + name: getattr(options, name) for name in (
      "train_batch_size", "learning_rate", "warmup_proportion", "random_seed",
      "precision", "dataset")}
  # The name of the file of windows has a digest of all that they depend on.
  windows_name = os.path.basename(data.path)
  key.update({
      "--train_file, --%s or a flag of lengths" % data.tokenizer.FLAG: windows_name,
      "--bert_config_file": files.digest(options.bert_config_file),
      "--init_checkpoint": (options.init_checkpoint and
                            checkpoints.digest(options.init_checkpoint)),
      "--bucket_by_length": windows.bucket_width(options) is not None,
      "TensorFlow": tf.__version__,
      "version of seeds.py": seeds.VERSION})
  return key


def _record(options, data, newest, log):
  """Writes a training's settings to output_dir; checks them if it resumes.

  Args:
    options, data, log: as for `train`.
    newest: str, the checkpoint to resume from, or None.

  Raises:
    ValueError: the training was started with other settings, or its record is
      damaged. --num_train_epochs may differ.
  """
  key = _settings(options, data)
  path = os.path.join(options.output_dir, _RECORD_NAME)
  if newest and files.exists(path):
    begun = checked_json.load(path)
    if not isinstance(begun, dict):
      raise ValueError(
          "%s should be a JSON object, the settings of a training; train in "
          "another --output_dir" % path)
    begun = run_records.with_all_entries(begun)
    # Earlier versions wrote the path instead of the digest.
    if begun.get("--init_checkpoint") == options.init_checkpoint:
      begun["--init_checkpoint"] = key["--init_checkpoint"]
    if "version of seeds.py" not in begun:
      begun["version of seeds.py"] = seeds.VERSION
      log("%s is of an earlier version of this program, which drew other random "
          "numbers: from here on, batches and dropout are not those of that "
          "version" % newest)
    _check_tensorflow(options, begun, newest, log)
    changed = run_records.changes(begun, dict(key, TensorFlow=begun["TensorFlow"]))
    if changed:
      raise ValueError(
          "%s was trained with a different %s; restore it to resume, or train in "
          "another --output_dir" % (newest, ", ".join(changed)))
  files.write_text(
      path, [json.dumps(key, indent=2, sort_keys=True), "\n"])


def _check_tensorflow(options, begun, newest, log):
  """Refuses to continue another TensorFlow's training, unless a flag allows it.

  Args:
    options, newest, log: as for `_record`.
    begun: dict, the settings that the training was started with.

  Raises:
    ValueError: the versions differ, and --allow_other_tensorflow is not given.
  """
  if begun["TensorFlow"] == tf.__version__:
    return
  other = "%s was trained with TensorFlow %s, and this is TensorFlow %s" % (
      newest, begun["TensorFlow"], tf.__version__)
  if not options.allow_other_tensorflow:
    raise ValueError(
        other + "; resume with %s (TENSORFLOW=%s for the scripts), train in "
        "another --output_dir, or give --allow_other_tensorflow=True" % (
            begun["TensorFlow"], begun["TensorFlow"].partition(".")[0]))
  # The two shuffle with the same seeds, but not alike.
  log(other + ": from here on, batches are not those of that version")
