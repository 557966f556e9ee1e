"""One training: its steps, how it resumes, what it is made of."""

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
    ValueError: there would be none.
  """
  steps = int(len(data.examples) / options.train_batch_size
              * options.num_train_epochs)
  if not steps:
    raise ValueError(
        "--train_batch_size=%d and --num_train_epochs=%g make no training step "
        "of the %d questions in --train_file=%s" % (
            options.train_batch_size, options.num_train_epochs,
            len(data.examples), options.train_file))
  return steps


def train(options, data, make_estimator, log):
  """Fine-tunes a model, from the newest whole checkpoint if there is one.

  Args:
    options: namespace of run_squad.py's flags.
    data: windows.DataSet to train on.
    make_estimator: function from the number of training steps to an Estimator.
    log: function that tells the user a line.

  Raises:
    ValueError: there is nothing to train on, or what is to be resumed was begun
      with something else.
  """
  folder = options.output_dir
  steps = num_train_steps(options, data)
  newest, faulty = checkpoints.newest_whole(folder)
  oddity = checkpoints.tell(folder, newest, faulty, log)
  if faulty or oddity:
    checkpoints.forget(folder, faulty)
  first_step = tf.train.load_variable(newest, "global_step") if newest else 0
  if first_step >= steps:
    log("nothing to train: %s has %d steps or more" % (newest, steps))
    return
  _record(options, data, newest, log)
  if newest:
    interrupts.keep(lambda: "%s is kept; the same command resumes" % newest)
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

  It would remove the checkpoint that the first is writing.

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


def _record(options, data, newest, log):
  """Writes what a training is made of to output_dir, for one that resumes.

  Args:
    options, data, log: as of `train`.
    newest: str, the checkpoint to resume from, or None.

  Raises:
    ValueError: it was begun with something else. More epochs are all right.
  """
  key = {"--" + name: getattr(options, name) for name in (
      "train_batch_size", "learning_rate", "warmup_proportion", "random_seed")}
  # The name of the file of windows follows from all that determines these.
  windows_name = os.path.basename(data.path)
  key.update({
      "--train_file, --vocab_file or a flag of lengths": windows_name,
      "--bert_config_file": files.digest(options.bert_config_file),
      "--init_checkpoint": (options.init_checkpoint and
                            checkpoints.digest(options.init_checkpoint)),
      "--bucket_by_length": windows.bucket_width(options) is not None,
      "version of seeds.py": seeds.VERSION})
  path = os.path.join(options.output_dir, _RECORD_NAME)
  if newest and files.exists(path):
    begun = dict(checked_json.load(path))
    # Earlier versions wrote its path.
    if begun.get("--init_checkpoint") == options.init_checkpoint:
      begun["--init_checkpoint"] = key["--init_checkpoint"]
    if "version of seeds.py" not in begun:
      begun["version of seeds.py"] = seeds.VERSION
      log("%s is of an earlier version of this program, which drew other random "
          "numbers: other batches and dropout follow than would have then" % newest)
    changed = run_records.changes(begun, key)
    if changed:
      raise ValueError(
          "%s was trained with a different %s; restore it to resume, or train in "
          "another --output_dir" % (newest, ", ".join(changed)))
  files.write_text(
      path, [json.dumps(key, indent=2, sort_keys=True), "\n"])
