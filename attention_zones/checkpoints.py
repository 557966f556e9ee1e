"""Which checkpoint a run reads, and whether it fits the model."""

import collections
import functools
import hashlib
import os
import re

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones import bundle_index
from attention_zones import files
from attention_zones import interrupts

_Content = collections.namedtuple("_Content", ["problem", "digest"])
_Content.__doc__ = """What one reading of a checkpoint tells.

Attributes:
  problem: str, in a line why it cannot be read to its end; None when it can.
  digest: str, the SHA-256 of its files; None where `problem` is not.
"""


def check(path, variables, head_is_wanted):
  """Refuses a checkpoint that does not fill the model's variables.

  Args:
    path: str, the prefix of the checkpoint's files.
    variables: dict from the name of each variable of the model to its shape.
    head_is_wanted: bool, whether it must hold the answer head (cls/squad) and
      global_step, which a pre-trained model does not have.

  Raises:
    ValueError: it cannot be read to its end, or lacks a variable, or has another
      shape.
  """
  try:
    shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
  except (tf.errors.OpError, ValueError) as error:
    raise ValueError("%s is not a checkpoint that can be read: %s" % (
        path, str(error).splitlines()[0]))
  wanted = dict(variables)
  if head_is_wanted:
    # TensorFlow restores it with the model.
    wanted["global_step"] = []
  lacking = [name for name in sorted(wanted) if name not in shapes
             and (head_is_wanted or not name.startswith("cls/"))]
  if lacking:
    raise ValueError(
        "the checkpoint %s lacks %d of the %d variables of the model of "
        "bert_config.json, %s the first; is it another model's?" % (
            path, len(lacking), len(wanted), lacking[0]))
  for name in sorted(wanted):
    if name in shapes and list(shapes[name]) != wanted[name]:
      raise ValueError(
          "%s has shape %s in the checkpoint %s, but %s by bert_config.json" % (
              name, list(shapes[name]), path, wanted[name]))
  problem = _problem_of(path)
  if problem:
    raise ValueError("%s is no whole checkpoint (%s)" % (path, problem))


def newest(folder, variables, log):
  """Finds the newest checkpoint of a training, to predict with.

  Args:
    folder: str, the training's output folder.
    variables: dict from the name of each variable of the model to its shape.
    log: function that tells the user a line.

  Returns:
    str, the prefix of its files.

  Raises:
    ValueError: there is none, or it does not fit the model.
  """
  path, faulty = newest_whole(folder)
  if not path:
    raise ValueError("--output_dir=%s has no checkpoint to predict with; %s" % (
        folder, _advice(folder)))
  check(path, variables, head_is_wanted=True)
  tell(folder, path, faulty, log)
  return path


def _advice(folder):
  """What to do about a folder without a file `checkpoint` and model.ckpt-N."""
  names = tf.gfile.ListDirectory(folder) if tf.gfile.IsDirectory(folder) else []
  others = sorted(name[:-len(".index")] for name in names
                  if name.endswith(".index"))
  if others:
    return ("it has %s; if that is fine-tuned, write the line "
            "model_checkpoint_path: \"%s\" into %s" % (
                others[-1], others[-1], os.path.join(folder, "checkpoint")))
  return "train one there first, with --do_train=True"


def newest_whole(folder):
  """Finds the newest checkpoint that can be read to its end.

  Args:
    folder: str, a training's output folder.

  Returns:
    (path, faulty): the prefix of the checkpoint's files, None when the folder has
    none; and a list of (prefix, what is wrong) of newer ones that were passed
    over, because a file of theirs is missing, cut off or damaged.

  Raises:
    ValueError: there are checkpoints, but none of them is whole.
  """
  faulty = []
  for path in reversed(_paths(folder)):
    problem = _problem_of(path)
    if not problem:
      return path, faulty
    faulty.append((path, problem))
  if faulty:
    raise ValueError("--output_dir=%s has no checkpoint that is whole: %s" % (
        folder, "; ".join("%s: %s" % entry for entry in faulty)))
  return None, []


def tell(folder, newest, faulty, log):
  """Says which checkpoint is used in place of others, and why.

  Args:
    folder: str, the training's output folder.
    newest, faulty: as newest_whole returns them.
    log: function that tells the user a line.

  Returns:
    str, as of `oddity`.
  """
  odd = oddity(folder)
  if odd:
    log(odd)
  for path, problem in faulty:
    log("checkpoint %s is incomplete (%s); falling back to %s" % (
        path, problem, newest))
  return odd


def forget(folder, faulty):
  """Lets a training go on from the newest checkpoint that is not faulty.

  Args:
    folder: str, the training's output folder.
    faulty: list of (prefix, what is wrong), as newest_whole returns it.
  """
  names = [name for name, _ in faulty]
  kept = [path for path in _paths(folder) if path not in names]
  tf.train.update_checkpoint_state(folder, kept[-1], kept)


def remove_partial(folder):
  """Removes the temporary files of a checkpoint that was not written to its end.

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
  """Says it when checkpoints are not where the file `checkpoint` names them.

  Args:
    folder: str, a training's output folder.

  Returns:
    str, a line for the log that says what is used; None when nothing is odd.

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
    return present, present and "%s has no file `checkpoint`; %s is taken" % (
        folder, present[-1]) or None
  named = _named(folder)
  if not named:
    problem = "%s is empty or damaged" % state_file
  else:
    problem = "%s names %s, which is not there" % (state_file, named[-1])
    paths = [_as_moved(folder, path) for path in named]
    if _exists(paths[-1]) and paths != named:
      present = [path for path in paths if _exists(path)]
    elif any(map(_exists, paths)):
      # An older one is taken, and the newest said to be faulty.
      return paths, None
  if present:
    return present, "%s; %s is taken" % (problem, present[-1])
  name = os.path.basename(named[-1]) if named else "model.ckpt-N"
  raise ValueError(
      "%s; copy the checkpoint's files, %s.*, to %s and let that file say "
      "model_checkpoint_path: \"%s\"" % (problem, name, folder, name))


def _named(folder):
  """The checkpoints that the file `checkpoint` names, the newest last."""
  try:
    state = tf.train.get_checkpoint_state(folder)
  except ValueError:
    # It is empty.
    state = None
  if not state:
    return []
  # Who edits that file by hand may name one of them, or another, as the newest.
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
  """Where a checkpoint is: at `path`, else in `folder` if it is there."""
  moved = os.path.join(folder, os.path.basename(path))
  return moved if not _exists(path) and _exists(moved) else path


def _present(folder):
  """The checkpoints model.ckpt-N of which there are files, the newest last."""
  names = tf.gfile.ListDirectory(folder) if tf.gfile.IsDirectory(folder) else []
  steps = [int(name[len("model.ckpt-"):-len(".index")]) for name in names
           if re.fullmatch(r"model\.ckpt-\d+\.index", name)]
  return [os.path.join(folder, "model.ckpt-%d" % step) for step in sorted(steps)]


def _problem_of(path):
  """Reads a checkpoint to its end: None, or in a line why that fails."""
  return _read(path).problem


def digest(path):
  """Returns the SHA-256 of all files of a checkpoint, str of hexadecimals."""
  return _read(path).digest or _digest_of_files(
      map(files.digest, _files(path)))


def _files(path):
  """The files of a checkpoint that its content is in: list of str."""
  return sorted(tf.gfile.Glob(path + ".index") + tf.gfile.Glob(path + ".data-*"))


def _digest_of_files(digests):
  total = hashlib.sha256()
  for each in digests:
    total.update(each.encode("ascii"))
  return total.hexdigest()


def _read(path):
  """Reads a checkpoint, once for all who ask while its files stay the same."""
  return _read_once(path, tuple(map(_stamp, _files(path))))


def _stamp(name):
  """What tells a file from others that had its name before: a tuple."""
  if os.path.exists(name):
    stat = os.stat(name)
    return name, stat.st_size, stat.st_mtime_ns, stat.st_ino
  # Of a bucket's objects; of local files it would tell whole seconds only.
  stat = tf.gfile.Stat(name)
  return name, stat.length, stat.mtime_nsec


@functools.lru_cache(maxsize=None)
def _read_once(path, stamp):
  """Finds out in one reading whether a checkpoint is whole, and its digest.

  With Adam's moments BERT-base has 1.3 GB. TensorFlow checks each tensor as it
  reads it, fast and in C++; the bytes that it hands out are those of the data
  file. In that file's order they give its SHA-256, which has been the digest of a
  checkpoint in manifests and journals all along. (The other way round, to read
  the file and compute TensorFlow's CRC of each tensor in Python, is far slower.)

  Args:
    path: str, the prefix of the checkpoint's files.
    stamp: tuple of what _stamp tells of each file.

  Returns:
    _Content.
  """
  del stamp
  order = bundle_index.tensors_in_order(path)
  data = hashlib.sha256()
  try:
    reader = tf.train.load_checkpoint(path)
    names = [name for name, _ in order] if order else (
        reader.get_variable_to_shape_map())
    for name in names:
      data.update(np.asarray(reader.get_tensor(name)).tobytes())
  except (tf.errors.OpError, ValueError) as error:
    return _Content(str(getattr(error, "message", error)).splitlines()[0], None)
  return _Content(None, _digest_of_files(
      data.hexdigest() if order and ".data-" in name[len(path):]
      else files.digest(name) for name in _files(path)))


class SavingListener(tf.train.CheckpointSaverListener):
  """Lets a signal wait until a checkpoint is whole, and says which is kept.

  Args:
    folder: str, the training's output folder.
  """

  def __init__(self, folder):
    self._folder = folder

  def before_save(self, session, global_step_value):
    interrupts.hold()

  def after_save(self, session, global_step_value):
    path = os.path.join(self._folder, "model.ckpt-%d" % global_step_value)
    interrupts.keep(lambda: "%s is kept; the same command resumes" % path)
    interrupts.release()


def initializer(path, use_tpu):
  """Lets the model start from the variables that a checkpoint holds.

  Variables that it does not hold, those of the answer head, stay random.

  Args:
    path: str, the prefix of the checkpoint's files; None for random weights.
    use_tpu: bool.

  Returns:
    the scaffold_fn that does so on a TPU; None elsewhere, where it is done.
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
