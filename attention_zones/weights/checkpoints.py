"""Finds the checkpoint that a run reads, and checks that it fits the model."""

import functools
import hashlib
import os
import re

import tensorflow.compat.v1 as tf

from attention_zones.base import file_kinds
from attention_zones.base import files
from attention_zones.base import interrupts
from attention_zones.weights import checkpoint_names


def check(path, variables, head_is_wanted):
  """Refuses a checkpoint that does not fill the model's variables.

  Args:
    path: str, the prefix of the checkpoint's files.
    variables: dict from the name of each variable of the model to its shape.
    head_is_wanted: bool, whether it must hold the answer head (cls/squad) and
      global_step, which a pre-trained model does not have.

  Raises:
    ValueError: it cannot be read completely, lacks a variable, or has one of
      another shape.
  """
  if tf.gfile.IsDirectory(path) and not _files(path):
    # TensorFlow accepts a folder in some places, and not in others.
    held = _prefixes(path)
    raise ValueError("%s is a folder%s" % (
        path, "; should be a checkpoint in it: %s" % os.path.join(path, held[-1])
        if held else " without a checkpoint"))
  if not _files(path):
    raise ValueError(
        "there is no checkpoint %s; a checkpoint is named without .index and "
        ".data-*, as in cased_L-12_H-768_A-12/bert_model.ckpt" % path)
  problem = _problem_of(path)
  if problem:
    raise ValueError("checkpoint %s cannot be read: %s" % (path, problem))
  shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
  wanted = dict(variables)
  if head_is_wanted:
    # TensorFlow restores it with the model.
    wanted["global_step"] = []
  lacking = [name for name in sorted(wanted) if name not in shapes
             and (head_is_wanted or not name.startswith("cls/"))]
  if lacking:
    problem = ("lacks %d of the %d variables of the model in bert_config.json, for "
               "example %s" % (len(lacking), len(wanted), lacking[0]))
    hint = "is it of another model?"
    head = [name for name in sorted(wanted) if name.startswith("cls/squad/")]
    if head and [name for name in lacking if name != "global_step"] == head:
      problem = "has no answer head (%s)" % head[0]
      hint = "train one first, with --do_train=True"
    raise ValueError("checkpoint %s %s; %s" % (
        path, problem, checkpoint_names.other(shapes) or hint))
  for name in sorted(wanted):
    if name in shapes and list(shapes[name]) != wanted[name]:
      raise ValueError(
          "%s has shape %s in checkpoint %s, but should have %s according to "
          "bert_config.json" % (
              name, list(shapes[name]), path, wanted[name]))


def to_predict_with(folder, init_checkpoint, variables, log, beside):
  """Finds the checkpoint to predict with: a training's newest, or another one.

  Args:
    folder: str, the training's output folder.
    init_checkpoint: str, the prefix of the files of a fine-tuned model, for a
      folder without checkpoints; None if there is none.
    variables: dict from the name of each variable of the model to its shape.
    log: function that shows the user a line, str.
    beside: str, the folder of the model's configuration, to be looked through for
      a fine-tuned checkpoint if there is none.

  Returns:
    str, the prefix of its files.

  Raises:
    ValueError: there is none, or it does not fit the model.
  """
  path, remarks = newest_whole(folder)
  if path:
    check(path, variables, head_is_wanted=True)
    for line in remarks:
      log(line)
    return path
  nothing = "--output_dir=%s has no checkpoint to predict with" % folder
  if not init_checkpoint:
    raise ValueError("%s; %s" % (nothing, _advice(folder, beside)))
  try:
    check(init_checkpoint, variables, head_is_wanted=True)
  except ValueError as error:
    raise ValueError("%s, and --init_checkpoint cannot be decoded: %s" % (
        nothing, error)) from error
  log("predictions are made with --init_checkpoint=%s, which has an answer "
      "head; %s has none" % (init_checkpoint, folder))
  return init_checkpoint


def _advice(folder, beside):
  """What to do without a file `checkpoint` and model.ckpt-N: str; arguments as of
  to_predict_with."""
  path = os.path.join(beside, "bert_model.ckpt")
  if _files(path) and "cls/squad/output_weights" in dict(
      tf.train.list_variables(path)):
    return "%s has an answer head; to use it, give --init_checkpoint=%s" % (
        path, path)
  others = _prefixes(folder)
  if others:
    return ("it has %s; if that is fine-tuned, write the line "
            "model_checkpoint_path: \"%s\" into %s" % (
                others[-1], others[-1], os.path.join(folder, "checkpoint")))
  return ("train one there first, with --do_train=True, or give a fine-tuned one "
          "as --init_checkpoint")


def _names(folder):
  """The names of everything in a folder: list of str, [] if there is no folder."""
  return tf.gfile.ListDirectory(folder) if tf.gfile.IsDirectory(folder) else []


def _prefixes(folder):
  """The checkpoints in a folder, whatever they are called: sorted list of str.

  model.ckpt-N come last, in the order of N.
  """
  numbered = list(map(os.path.basename, _present(folder)))
  return sorted({name[:-len(".index")] for name in _names(folder)
                 if name.endswith(".index")} - set(numbered)) + numbered


def newest_whole(folder):
  """Finds the newest checkpoint that can be read completely.

  Args:
    folder: str, a training's output folder.

  Returns:
    (path, remarks): the prefix of the checkpoint's files, None when the folder has
    none; and a list of str, lines for the log about why it is not the one that the
    file `checkpoint` names as the newest: that one is elsewhere, or one of its
    files is missing, truncated or damaged.

  Raises:
    ValueError: the file `checkpoint` names none that there is, or none of them is
      complete.
  """
  paths, oddity = _locate(folder)
  faulty = []
  for path in reversed(paths):
    problem = _problem_of(path)
    if not problem:
      return path, ([oddity] if oddity else []) + [
          "checkpoint %s is incomplete (%s); falling back to %s" % (
              *other, path) for other in faulty]
    faulty.append((path, problem))
  if faulty:
    raise ValueError("--output_dir=%s has no complete checkpoint: %s" % (
        folder, "; ".join("%s: %s" % entry for entry in faulty)))
  return None, []


def resume_from(folder, path):
  """Makes a training resume from a checkpoint, and forget those after it.

  Args:
    folder: str, the training's output folder.
    path: str, as newest_whole returns it.
  """
  paths, _ = _locate(folder)
  tf.train.update_checkpoint_state(
      folder, path, paths[:paths.index(path) + 1])


def remove_partial(folder):
  """Removes the temporary files of a checkpoint that was not completed.

  Args:
    folder: str, the training's output folder.
  """
  for pattern in ("model.ckpt-*.tmp*", "model.ckpt-*_temp_*", "checkpoint.tmp*",
                  "graph.pbtxt.tmp*"):
    for path in tf.gfile.Glob(os.path.join(folder, pattern)):
      if tf.gfile.IsDirectory(path):
        tf.gfile.DeleteRecursively(path)
      else:
        tf.gfile.Remove(path)


def _locate(folder):
  """Lists the checkpoints of a training, also in a folder that was moved.

  Returns:
    (paths, oddity): list of str, the newest last; a line for the log that says what
    is used, None if all is as usual.

  Raises:
    ValueError: the file `checkpoint` is damaged, or names one that does not exist,
      and there is no other.
  """
  state_file = os.path.join(folder, "checkpoint")
  present = _present(folder)
  if not tf.gfile.Exists(state_file):
    return present, present and "%s has no file `checkpoint`; using %s" % (
        folder, present[-1]) or None
  named = _named(folder)
  if not named:
    problem = "%s %s" % (state_file, _kind(state_file) or "is empty or damaged")
  else:
    problem = "%s names %s, which does not exist" % (state_file, named[-1])
    paths = [_as_moved(folder, path) for path in named]
    if _files(paths[-1]) and paths != named:
      present = [path for path in paths if _files(path)]
    elif any(map(_files, paths)):
      # An older one is used, and the newest is reported as faulty.
      return paths, None
  if present:
    return present, "%s; using %s" % (problem, present[-1])
  name = os.path.basename(named[-1]) if named else "model.ckpt-N"
  raise ValueError(
      "%s; copy the checkpoint's files, %s.*, to %s and write the line "
      "model_checkpoint_path: \"%s\" into that file" % (
          problem, name, folder, name))


def _named(folder):
  """The checkpoints that the file `checkpoint` names, the newest last."""
  try:
    state = tf.train.get_checkpoint_state(folder)
  except ValueError:
    # The file is empty.
    state = None
  if not state:
    return []
  # In a file edited by hand, the newest may be any of these, or another one.
  return [path for path in state.all_model_checkpoint_paths
          if path != state.model_checkpoint_path] + [state.model_checkpoint_path]


def _as_moved(folder, path):
  """The path of a checkpoint: `path`, or that in `folder` if only it exists."""
  moved = os.path.join(folder, os.path.basename(path))
  return moved if not _files(path) and _files(moved) else path


def _present(folder):
  """The checkpoints model.ckpt-N that have an index file, the newest last."""
  steps = [int(name[len("model.ckpt-"):-len(".index")]) for name in _names(folder)
           if re.fullmatch(r"model\.ckpt-\d+\.index", name)]
  return [os.path.join(folder, "model.ckpt-%d" % step) for step in sorted(steps)]


def _problem_of(path):
  """Reads a checkpoint completely: None, or one line on why that fails."""
  return _problem_once(path, tuple(map(_stamp, _files(path))))


def digest(path):
  """Returns the SHA-256 of all files of a checkpoint, str of hexadecimals."""
  return _digest_once(tuple(map(_stamp, _files(path))))


def _files(path):
  """The files that hold the content of a checkpoint: list of str."""
  folder, prefix = os.path.split(path)
  return [os.path.join(folder, name) for name in sorted(_names(folder or "."))
          if re.fullmatch(re.escape(prefix) + r"\.(index|data-.*)", name)]


def _kind(name):
  """As file_kinds.git_lfs says of a file."""
  with tf.gfile.GFile(name, "rb") as f:
    return file_kinds.git_lfs(f.read(100))


def _stamp(name):
  """A tuple that changes when a file is replaced or written again."""
  if os.path.exists(name):
    stat = os.stat(name)
    return name, stat.st_size, stat.st_mtime_ns, stat.st_ino
  # For objects in a bucket; for local files its times are whole seconds only.
  stat = tf.gfile.Stat(name)
  return name, stat.length, stat.mtime_nsec


@functools.lru_cache(maxsize=None)
def _problem_once(path, stamps):
  """`_problem_of` files that have these stamps.

  TensorFlow checks the CRC of each tensor as it reads it. (That the file is read
  again for its digest costs BERT-base 0.1 of 2 seconds: it is in memory by then.)
  """
  for name, *_ in stamps:
    if _kind(name):
      return "%s %s" % (name, _kind(name))
  try:
    reader = tf.train.load_checkpoint(path)
    # In this order they stand in the file.
    for name in sorted(reader.get_variable_to_shape_map()):
      reader.get_tensor(name)
  except checkpoint_names.READ_ERRORS as error:
    return str(getattr(error, "message", error)).splitlines()[0]
  return None


@functools.lru_cache(maxsize=None)
def _digest_once(stamps):
  """The digest of the files that have these stamps."""
  total = hashlib.sha256()
  for name, *_ in stamps:
    total.update(files.digest(name).encode("ascii"))
  return total.hexdigest()


class SavingListener(tf.train.CheckpointSaverListener):
  """Delays signals until a checkpoint is complete, and reports which is kept.

  Args:
    folder: str, the training's output folder.
  """

  def __init__(self, folder):
    self._folder = folder

  def before_save(self, session, global_step_value):
    interrupts.hold()

  def after_save(self, session, global_step_value):
    path = os.path.join(self._folder, "model.ckpt-%d" % global_step_value)
    interrupts.keep(lambda: "%s is kept; rerun the command to resume" % path)
    interrupts.release()
