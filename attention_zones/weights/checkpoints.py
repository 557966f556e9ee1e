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
  if not tf.train.checkpoint_exists(path):
    raise ValueError(
        "there is no checkpoint %s; a checkpoint is named without .index and "
        ".data-*, as in cased_L-12_H-768_A-12/bert_model.ckpt" % path)
  pointer = _pointer(path)
  if pointer:
    raise ValueError("checkpoint %s cannot be read: %s" % (path, pointer))
  try:
    shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
  except checkpoint_names.READ_ERRORS as error:
    raise ValueError("checkpoint %s cannot be read: %s" % (
        path, str(error).splitlines()[0]))
  wanted = dict(variables)
  if head_is_wanted:
    # TensorFlow restores it with the model.
    wanted["global_step"] = []
  lacking = [name for name in sorted(wanted) if name not in shapes
             and (head_is_wanted or not name.startswith("cls/"))]
  of_keras = lacking and checkpoint_names.object_based(shapes)
  if of_keras:
    raise ValueError(
        "checkpoint %s was written by tf.train.Checkpoint of TensorFlow 2: it has "
        "names like %s, not like %s; take the model's release for TensorFlow 1, or "
        "the one of Hugging Face through attention_zones.convert_hf" % (
            path, of_keras, lacking[0]))
  if {name for name in lacking if name != "global_step"} == {
      name for name in wanted if name.startswith("cls/squad/")} != set():
    other = checkpoint_names.other_head(shapes)
    other = ", but %s, which is not decoded here" % other if other else ""
    raise ValueError(
        "checkpoint %s has no answer head (%s)%s; train one first, with "
        "--do_train=True" % (path, lacking[0], other))
  if lacking:
    raise ValueError(
        "checkpoint %s lacks %d of the %d variables of the model in "
        "bert_config.json, for example %s; is it of another model?" % (
            path, len(lacking), len(wanted), lacking[0]))
  for name in sorted(wanted):
    if name in shapes and list(shapes[name]) != wanted[name]:
      raise ValueError(
          "%s has shape %s in checkpoint %s, but should have %s according to "
          "bert_config.json" % (
              name, list(shapes[name]), path, wanted[name]))
  problem = _problem_of(path)
  if problem:
    raise ValueError("checkpoint %s is incomplete (%s)" % (path, problem))


def to_predict_with(folder, init_checkpoint, variables, log, beside=None):
  """Finds the checkpoint to predict with: a training's newest, or another one.

  Args:
    folder: str, the training's output folder.
    init_checkpoint: str, the prefix of the files of a fine-tuned model, for a
      folder without checkpoints; None if there is none.
    variables: dict from the name of each variable of the model to its shape.
    log: function that shows the user a line, str.
    beside: str, the folder of the model's configuration, to be looked through for
      a fine-tuned checkpoint if there is none; None: nowhere.

  Returns:
    str, the prefix of its files.

  Raises:
    ValueError: there is none, or it does not fit the model.
  """
  path, faulty = newest_whole(folder)
  if path:
    check(path, variables, head_is_wanted=True)
    tell(folder, path, faulty, log)
    return path
  nothing = "--output_dir=%s has no checkpoint to predict with" % folder
  if not init_checkpoint:
    raise ValueError("%s; %s" % (
        nothing, _advice_beside(beside) or _advice(folder)))
  try:
    check(init_checkpoint, variables, head_is_wanted=True)
  except ValueError as error:
    raise ValueError("%s, and --init_checkpoint cannot be decoded: %s" % (
        nothing, error)) from error
  log("%s; predictions are made with --init_checkpoint=%s, which has an answer "
      "head" % (nothing, init_checkpoint))
  return init_checkpoint


def _advice_beside(folder):
  """Names a checkpoint with an answer head in a model's folder: str, or None."""
  path = os.path.join(folder, "bert_model.ckpt") if folder is not None else None
  if path and tf.train.checkpoint_exists(path) and "cls/squad/output_weights" in (
      name for name, _ in tf.train.list_variables(path)):
    return "%s has an answer head; to use it, give --init_checkpoint=%s" % (
        path, path)
  return None


def _advice(folder):
  """What to do about a folder without a file `checkpoint` and model.ckpt-N."""
  others = _prefixes(folder)
  if others:
    return ("it has %s; if that is fine-tuned, write the line "
            "model_checkpoint_path: \"%s\" into %s" % (
                others[-1], others[-1], os.path.join(folder, "checkpoint")))
  return ("train one there first, with --do_train=True, or give a fine-tuned one "
          "as --init_checkpoint")


def _prefixes(folder):
  """The checkpoints in a folder, whatever they are called: sorted list of str.

  model.ckpt-N come last, in the order of N.
  """
  names = tf.gfile.ListDirectory(folder) if tf.gfile.IsDirectory(folder) else []
  numbered = list(map(os.path.basename, _present(folder)))
  return sorted({name[:-len(".index")] for name in names
                 if name.endswith(".index")} - set(numbered)) + numbered


def newest_whole(folder):
  """Finds the newest checkpoint that can be read completely.

  Args:
    folder: str, a training's output folder.

  Returns:
    (path, faulty): the prefix of the checkpoint's files, None when the folder has
    none; and a list of (prefix, what is wrong) of newer ones that were skipped,
    because one of their files is missing, truncated or damaged.

  Raises:
    ValueError: there are checkpoints, but none of them is complete.
  """
  faulty = []
  for path in reversed(_paths(folder)):
    problem = _problem_of(path)
    if not problem:
      return path, faulty
    faulty.append((path, problem))
  if faulty:
    raise ValueError("--output_dir=%s has no complete checkpoint: %s" % (
        folder, "; ".join("%s: %s" % entry for entry in faulty)))
  return None, []


def tell(folder, newest, faulty, log):
  """Logs which checkpoint is used instead of others, and why.

  Args:
    folder: str, the training's output folder.
    newest, faulty: as newest_whole returns them.
    log: function that shows the user a line, str.

  Returns:
    str or None, as `oddity` returns it.
  """
  odd = oddity(folder)
  if odd:
    log(odd)
  for path, problem in faulty:
    log("checkpoint %s is incomplete (%s); falling back to %s" % (
        path, problem, newest))
  return odd


def forget(folder, faulty):
  """Makes a training resume from the newest checkpoint that is not faulty.

  Args:
    folder: str, the training's output folder.
    faulty: list of (prefix, what is wrong), as newest_whole returns it.
  """
  names = [name for name, _ in faulty]
  kept = [path for path in _paths(folder) if path not in names]
  tf.train.update_checkpoint_state(folder, kept[-1], kept)


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


def oddity(folder):
  """Reports checkpoints that are not where the file `checkpoint` says.

  Args:
    folder: str, a training's output folder.

  Returns:
    str, a line for the log that says what is used; None if all is as usual.

  Raises:
    ValueError: no checkpoint is found.
  """
  return _locate(folder)[1]


def _paths(folder):
  """Lists the checkpoints of a training, the newest last; raises as `oddity`."""
  return _locate(folder)[0]


def _locate(folder):
  """Finds checkpoints, also those of a folder that was moved: (paths, oddity)."""
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
    if _exists(paths[-1]) and paths != named:
      present = [path for path in paths if _exists(path)]
    elif any(map(_exists, paths)):
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


def _exists(path):
  """Whether there is a checkpoint, or a part of one."""
  if not tf.gfile.IsDirectory(os.path.dirname(path) or "."):
    return False
  # The older format is a single file.
  return tf.gfile.Exists(path + ".index") or tf.gfile.Exists(path) or bool(
      tf.gfile.Glob(path + ".data-*"))


def _as_moved(folder, path):
  """The path of a checkpoint: `path`, or that in `folder` if only it exists."""
  moved = os.path.join(folder, os.path.basename(path))
  return moved if not _exists(path) and _exists(moved) else path


def _present(folder):
  """The checkpoints model.ckpt-N that have an index file, the newest last."""
  names = tf.gfile.ListDirectory(folder) if tf.gfile.IsDirectory(folder) else []
  steps = [int(name[len("model.ckpt-"):-len(".index")]) for name in names
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
  return sorted(tf.gfile.Glob(path + ".index") + tf.gfile.Glob(path + ".data-*"))


def _pointer(path):
  """Says which of a checkpoint's files is a pointer of Git LFS; None if none is."""
  return next(("%s %s" % (name, _kind(name)) for name in _files(path)
               if _kind(name)), None)


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
  del stamps
  pointer = _pointer(path)
  if pointer:
    return pointer
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


def initializer(path, use_tpu):
  """Initializes the model with the variables that a checkpoint holds.

  Variables that it does not hold, those of the answer head, stay random.

  Args:
    path: str, the prefix of the checkpoint's files; None for random weights.
    use_tpu: bool.

  Returns:
    the scaffold_fn that does so on a TPU; None elsewhere, where it is already done.
  """
  if not path:
    return None
  held = set(name for name, _ in tf.train.list_variables(path))
  names = {v.op.name: v.op.name for v in tf.trainable_variables()
           if v.op.name in held}

  def scaffold_fn():
    tf.train.init_from_checkpoint(path, names)
    return tf.train.Scaffold()
  if use_tpu:
    return scaffold_fn
  scaffold_fn()
  return None
