"""Fine-tunes BERT on SQuAD, and predicts with attention zones masked.

    python run_squad.py --do_train=True --do_predict=True ...
    python run_squad.py --do_predict=True --mask_layer=0-11 --mask_zone=q2,p2 ...

See train_squad.sh and decode_squad.sh for whole commands.
"""

from attention_zones import interrupts

if __name__ == "__main__":
  # Before the imports, which take seconds.
  interrupts.install("run_squad.py")

import collections
import contextlib
import errno
import fcntl
import json
import os
import platform
import sys
import tempfile
import time

from absl import app
import tensorflow.compat.v1 as tf

from attention_zones import zones
from attention_zones import checked_json
from attention_zones import checkpoints
from attention_zones import data_checks
from attention_zones import files
from attention_zones import machine
from attention_zones import manifest
import modeling
import optimization
from attention_zones import path_checks
from attention_zones import seeds
from attention_zones import squad_data
from attention_zones import windows
from attention_zones import answer_head
from attention_zones import answers
from attention_zones import sweep_journal
import tokenization
from attention_zones.progress import Progress
from attention_zones.progress import TrainingProgress

# Windows are padded to a multiple of this many tokens, so that shapes repeat.
BUCKET_WIDTH = 8

_MAX_DEFAULT_SWEEP_GB = 3

TRAINING_NAME = "training.json"
_TRAINING_LOCK_NAME = ".training.lock"

flags = tf.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("bert_config_file", None, "bert_config.json of the model.")
flags.DEFINE_string("vocab_file", None, "vocab.txt that the model was made with.")
flags.DEFINE_string("output_dir", None, "Where checkpoints and predictions go.")
flags.DEFINE_string("train_file", None, "SQuAD JSON to train on.")
flags.DEFINE_string("predict_file", None, "SQuAD JSON to predict.")
flags.DEFINE_string(
    "init_checkpoint", None,
    "Checkpoint to start the training from, usually a pre-trained BERT model; "
    "without it the model starts from random weights.")
flags.DEFINE_bool(
    "do_lower_case", True,
    "Whether to lower-case: True for uncased models, False for cased ones.")
flags.DEFINE_bool(
    "allow_case_mismatch", False, "Whether to go on when --do_lower_case does "
    "not suit the words in --vocab_file.")
flags.DEFINE_bool(
    "allow_dropped", False, "Whether to train though more than %g %% of the "
    "questions are left out, because their answer does not stand in the passage "
    "at answer_start." % (100 * data_checks.MAX_DROPPED))
flags.DEFINE_integer(
    "max_seq_length", 384, "Most tokens in a window; longer passages are cut "
    "into several windows.",
    lower_bound=1)
flags.DEFINE_integer(
    "doc_stride", 128, "Tokens from the start of a window to that of the next.",
    lower_bound=1)
flags.DEFINE_integer(
    "max_query_length", 64, "Most tokens of a question; longer ones are cut.",
    lower_bound=1)
flags.DEFINE_bool("do_train", False, "Whether to train.")
flags.DEFINE_bool("do_predict", False, "Whether to predict.")
flags.DEFINE_integer(
    "train_batch_size", 32, "Windows in a training step.",
    lower_bound=1)
flags.DEFINE_integer(
    "predict_batch_size", 8, "Windows in a prediction step.",
    lower_bound=1)
flags.DEFINE_float(
    "learning_rate", 5e-5, "Peak learning rate of Adam.",
    lower_bound=0.0)
flags.DEFINE_float(
    "num_train_epochs", 3.0, "Epochs to train.",
    lower_bound=0.0)
flags.DEFINE_float(
    "warmup_proportion", 0.1, "Part of the steps for linear warm-up.",
    lower_bound=0.0)
flags.DEFINE_integer(
    "save_checkpoints_steps", 1000, "Steps between two checkpoints.",
    lower_bound=1)
flags.DEFINE_integer(
    "iterations_per_loop", 1000, "Steps in one call of the estimator on TPU.",
    lower_bound=1)
flags.DEFINE_integer(
    "n_best_size", 20, "Answers in nbest_predictions.json.",
    lower_bound=1)
flags.DEFINE_integer(
    "max_answer_length", 30, "Most tokens of an answer.",
    lower_bound=1)
flags.DEFINE_bool("use_tpu", False, "Whether to use TPU instead of CPU or GPU.")
flags.DEFINE_string("tpu_name", None, "Name or grpc:// address of the TPU.")
flags.DEFINE_string("tpu_zone", None, "Google Cloud zone of the TPU.")
flags.DEFINE_string("gcp_project", None, "Google Cloud project of the TPU.")
flags.DEFINE_string("master", None, "TensorFlow master to connect to.")
flags.DEFINE_integer(
    "num_tpu_cores", 8, "Number of TPU cores.",
    lower_bound=1)
flags.DEFINE_bool("verbose_logging", False, "Whether to log what TensorFlow says.")
flags.DEFINE_bool(
    "version_2_with_negative", False, "Whether some questions have no answer, as "
    "in SQuAD v2.0.")
flags.DEFINE_float(
    "null_score_diff_threshold", 0.0,
    "Answer \"\" when no answer scores higher by more than this.")
flags.DEFINE_string(
    "mask_layer", None,
    "Layers to mask, counted from 0: \",\" separates decodes, \"-\" is a range of "
    "decodes, \"+\" masks together. None, or left out: every layer at once.")
flags.DEFINE_string(
    "mask_zone", None,
    "Attention zones to mask: %s. \",\" separates decodes, \"+\" masks together, "
    "as in q2+p2." % ", ".join(zones.ZONES))
flags.DEFINE_bool(
    "write_nbest", False, "Whether masked decodes get an nbest_predictions file, "
    "too; the baseline always does.")
flags.DEFINE_integer("random_seed", 12345, "Seed of all that is random.")
flags.DEFINE_bool(
    "bucket_by_length", None, "Whether windows of like length make up a batch, "
    "instead of padding all to max_seq_length. Left out: unless on a TPU.")
flags.DEFINE_float(
    "sweep_memory_gb", None, "Memory for the hidden states of a sweep; what does "
    "not fit in one pass over the data takes several. Left out: a quarter of what "
    "this process may use, at most %d." % _MAX_DEFAULT_SWEEP_GB,
    lower_bound=0.0)


DataSet = collections.namedtuple("DataSet", ["examples", "windows"])
DataSet.__doc__ = """A SQuAD file that was read.

Attributes:
  examples: list of squad_data.Example.
  windows: str, path of the TFRecord file of their windows.
"""


def validate_flags():
  """Refuses flags that cannot work, before anything slow starts."""
  for name in ("bert_config_file", "vocab_file", "output_dir"):
    if not FLAGS[name].value:
      raise ValueError("--%s is missing" % name)
  if not FLAGS.do_train and not FLAGS.do_predict:
    raise ValueError("nothing to do: give --do_train=True, --do_predict=True or "
                     "both")
  for name in ["bert_config_file", "vocab_file", "output_dir", "train_file",
               "predict_file"] + ["init_checkpoint"] * FLAGS.do_train:
    path_checks.check_flag("--" + name, FLAGS[name].value)
  wanted = ["bert_config_file", "vocab_file"]
  for task, name in (("do_train", "train_file"), ("do_predict", "predict_file")):
    if FLAGS[task].value:
      if not FLAGS[name].value:
        raise ValueError("--%s=True needs --%s" % (task, name))
      wanted.append(name)
  for name in wanted:
    path = FLAGS[name].value
    if not files.exists(path):
      raise ValueError("--%s=%s: there is no such file; README tells where to "
                       "get data and models" % (name, path))
    if files.is_folder(path):
      raise ValueError("--%s=%s is a folder; should be a file" % (name, path))
  if FLAGS.use_tpu:
    _validate_tpu_flags()
  if files.exists(FLAGS.output_dir) and not files.is_folder(FLAGS.output_dir):
    raise ValueError("--output_dir=%s is a file; should be a folder" %
                     FLAGS.output_dir)


def _validate_tpu_flags():
  if not FLAGS.tpu_name and not FLAGS.master:
    raise ValueError("--use_tpu=True needs --tpu_name")
  # The TPU's own machine reads and writes these.
  for name in ["output_dir"] + ["init_checkpoint"] * FLAGS.do_train:
    path = FLAGS[name].value
    if path and not path.startswith("gs://"):
      raise ValueError("--%s=%s: a TPU cannot reach local files; with "
                       "--use_tpu=True this must be a gs:// path" % (name, path))
  for name in ("train_batch_size", "predict_batch_size"):
    if FLAGS[name].value % FLAGS.num_tpu_cores:
      raise ValueError("--%s=%d is not a multiple of --num_tpu_cores=%d" % (
          name, FLAGS[name].value, FLAGS.num_tpu_cores))


def validate_sizes(config, vocab):
  """Refuses flags and files that do not fit the model.

  Args:
    config: modeling.BertConfig.
    vocab: dict, as tokenization.load_vocab returns it.

  Returns:
    list of str, lines for the log: what is unusual, but works.
  """
  remarks = []
  entries = "--vocab_file=%s has %d entries, but vocab_size is %d in %s" % (
      FLAGS.vocab_file, len(vocab), config.vocab_size,
      "--bert_config_file=%s" % FLAGS.bert_config_file)
  if len(vocab) > config.vocab_size:
    raise ValueError(entries + "; should be the vocabulary that the model was "
                     "made with")
  if len(vocab) < config.vocab_size:
    remarks.append(
        entries + "; the other rows of the word embeddings are not used")
  if FLAGS.max_seq_length > config.max_position_embeddings:
    raise ValueError(
        "--max_seq_length=%d is more than the model's max_position_embeddings, "
        "%d" % (FLAGS.max_seq_length, config.max_position_embeddings))
  # [CLS], two [SEP] and one token of the passage.
  room = FLAGS.max_seq_length - FLAGS.max_query_length - 3
  if room < 1:
    raise ValueError(
        "--max_seq_length=%d leaves no room for a passage beside "
        "--max_query_length=%d and 3 special tokens; at least %d is needed" % (
            FLAGS.max_seq_length, FLAGS.max_query_length,
            FLAGS.max_query_length + 4))
  if FLAGS.doc_stride > room:
    remarks.append(
        "--doc_stride=%d: after a question of --max_query_length=%d tokens %d of "
        "the passage fit in a window, so that its windows do not overlap" % (
            FLAGS.doc_stride, FLAGS.max_query_length, room))
  return remarks


def read_data(flag, is_training, tokenizer):
  """Reads a SQuAD file and makes its windows.

  Args:
    flag: str, the name of the flag with the file's path.
    is_training: bool.
    tokenizer: tokenization.FullTokenizer.

  Returns:
    DataSet.
  """
  path = FLAGS[flag].value
  examples, dropped = squad_data.read_examples(
      path, is_training, FLAGS.version_2_with_negative)
  source = "--%s=%s" % (flag, path)
  if dropped:
    log(data_checks.report_dropped(
        source, len(examples), dropped, FLAGS.output_dir, FLAGS.allow_dropped))
  for line in data_checks.remarks(examples, tokenizer, FLAGS.max_query_length):
    log("%s: %s" % (source, line))
  sizes = windows.WindowSizes(
      FLAGS.max_seq_length, FLAGS.doc_stride, FLAGS.max_query_length)
  key = [checkpoints.file_digest(path), checkpoints.file_digest(FLAGS.vocab_file),
         FLAGS.do_lower_case, FLAGS.version_2_with_negative]
  path = windows.cached_windows(
      examples, tokenizer, sizes, is_training, FLAGS.output_dir, repr(key))
  return DataSet(examples, path)


def log(line):
  """Says something on stderr."""
  print("run_squad.py: " + line, file=sys.stderr, flush=True)


def model_fn_builder(config, decodes, num_train_steps, init_checkpoint,
                     predict_batch_size):
  """Makes the model_fn of the TPUEstimator.

  Args:
    config: modeling.BertConfig.
    decodes: list of zones.Decode, what to predict.
    num_train_steps: int.
    init_checkpoint: str, a checkpoint to start training from, or None.
    predict_batch_size: int, windows in a step of a sweep; None when training.

  Returns:
    function that makes a TPUEstimatorSpec.
  """
  def model_fn(features, labels, mode, params):
    del labels, params
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    model = modeling.BertModel(
        config, is_training, features["input_ids"], features["input_mask"],
        features["segment_ids"],
        decodes=[zones.BASELINE] if is_training else decodes,
        full_length=FLAGS.max_seq_length, use_one_hot_embeddings=FLAGS.use_tpu,
        batch_size=predict_batch_size or 1, random_seed=FLAGS.random_seed,
        step=tf.cast(tf.train.get_or_create_global_step(), tf.int32))
    logits = modeling.span_logits(  # [V, B, 2, S]
        config, model.sequence_output, FLAGS.random_seed)
    if not is_training:
      return tf.estimator.tpu.TPUEstimatorSpec(
          mode, predictions=answer_head.candidates(
              features, tf.transpose(logits, [1, 0, 2, 3]), FLAGS.n_best_size))
    loss = answer_head.span_loss(features, logits[0])
    train_op = optimization.create_train_op(
        loss, FLAGS.learning_rate, num_train_steps,
        int(num_train_steps * FLAGS.warmup_proportion), FLAGS.use_tpu)
    hooks = [TrainingProgress(num_train_steps, None if FLAGS.use_tpu else loss)]
    return tf.estimator.tpu.TPUEstimatorSpec(
        mode, loss=loss, train_op=train_op, training_hooks=hooks,
        scaffold_fn=checkpoints.initializer(
            init_checkpoint, FLAGS.use_tpu))
  return model_fn


def threads(num_decodes):
  """How TensorFlow shares the cores that it may use: a tf.ConfigProto.

  A sweep has operations enough that do not wait for each other. To run several,
  each with few threads, wastes less than to run one after the other with many.
  """
  cores = machine.cores()
  is_sweep = num_decodes > 1
  at_once = min(4, cores) if is_sweep else cores
  return tf.ConfigProto(
      inter_op_parallelism_threads=at_once,
      intra_op_parallelism_threads=cores // at_once if is_sweep else cores)


def has_gpu():
  """Whether TensorFlow has a GPU: not all that are built for one have."""
  return bool(tf.config.experimental.list_physical_devices("GPU"))


def make_estimator(config, decodes, num_train_steps=0, predict_batch_size=None):
  """Makes the TPUEstimator, which serves CPU and GPU as well."""
  resolver = None
  if FLAGS.use_tpu and FLAGS.tpu_name:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
        FLAGS.tpu_name, zone=FLAGS.tpu_zone, project=FLAGS.gcp_project)
  run_config = tf.estimator.tpu.RunConfig(
      cluster=resolver,
      master=FLAGS.master,
      model_dir=FLAGS.output_dir,
      tf_random_seed=seeds.derive(FLAGS.random_seed, "graph"),
      session_config=threads(len(decodes)),
      save_checkpoints_steps=FLAGS.save_checkpoints_steps,
      tpu_config=tf.estimator.tpu.TPUConfig(
          iterations_per_loop=FLAGS.iterations_per_loop,
          num_shards=FLAGS.num_tpu_cores,
          per_host_input_for_training=(
              tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2)))
  return tf.estimator.tpu.TPUEstimator(
      use_tpu=FLAGS.use_tpu,
      model_fn=model_fn_builder(
          config, decodes, num_train_steps, FLAGS.init_checkpoint,
          predict_batch_size),
      config=run_config,
      train_batch_size=FLAGS.train_batch_size,
      predict_batch_size=predict_batch_size)


def num_train_steps(data):
  """The number of training steps: int."""
  steps = int(len(data.examples) / FLAGS.train_batch_size
              * FLAGS.num_train_epochs)
  if not steps:
    raise ValueError(
        "--train_batch_size=%d and --num_train_epochs=%g make no training step "
        "of the %d questions in --train_file=%s" % (
            FLAGS.train_batch_size, FLAGS.num_train_epochs, len(data.examples),
            FLAGS.train_file))
  return steps


def train(config, data):
  """Fine-tunes the model."""
  steps = num_train_steps(data)
  newest, faulty = checkpoints.newest_whole(FLAGS.output_dir)
  oddity = checkpoints.oddity(FLAGS.output_dir)
  if oddity:
    log(oddity)
  log_faulty(newest, faulty)
  if faulty or oddity:
    checkpoints.forget(FLAGS.output_dir, faulty)
  first_step = tf.train.load_variable(newest, "global_step") if newest else 0
  if first_step >= steps:
    log("nothing to train: %s has %d steps or more" % (newest, steps))
    return
  record_training(data, newest)
  if newest:
    interrupts.keep(lambda: "%s is kept; the same command resumes" % newest)
  if first_step:
    log("training goes on from %s" % newest)
  checkpoints.remove_partial(FLAGS.output_dir)
  estimator = make_estimator(config, [], num_train_steps=steps)
  try:
    estimator.train(
        windows.input_fn_builder(
            data.windows, FLAGS.max_seq_length, is_training=True,
            seed=FLAGS.random_seed, bucket_width=bucket_width(),
            first_step=first_step),
        max_steps=steps,
        saving_listeners=[checkpoints.SavingListener(FLAGS.output_dir)])
  except (tf.errors.OpError, interrupts.Interrupted):
    checkpoints.remove_partial(FLAGS.output_dir)
    raise


@contextlib.contextmanager
def only_training():
  """Refuses a second training in --output_dir while this one runs.

  It would remove the checkpoint that the first is writing.

  Raises:
    ValueError: another process trains there.
  """
  if files.is_remote(FLAGS.output_dir):
    # An object store has no locks.
    yield
    return
  path = os.path.join(FLAGS.output_dir, _TRAINING_LOCK_NAME)
  with open(path, "a") as f:
    try:
      files.try_lock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise ValueError(
          "--output_dir=%s: another training is running there; wait for it, stop "
          "it, or give another --output_dir" % FLAGS.output_dir) from None
    yield


def record_training(data, newest):
  """Writes what a training is made of to output_dir, for one that goes on.

  Args:
    data: DataSet.
    newest: str, the checkpoint to go on from, or None.

  Raises:
    ValueError: it was begun with something else. More epochs are all right.
  """
  key = {"--" + name: FLAGS[name].value for name in (
      "train_batch_size", "learning_rate", "warmup_proportion", "random_seed")}
  # The name of the file of windows follows from all that determines these.
  key.update({"--train_file, --vocab_file or a flag of lengths":
                  os.path.basename(data.windows),
              "--bert_config_file": checkpoints.file_digest(FLAGS.bert_config_file),
              "--init_checkpoint": FLAGS.init_checkpoint and checkpoints.digest(
                  FLAGS.init_checkpoint),
              "--bucket_by_length": bucket_width() is not None,
              "version of seeds.py": seeds.VERSION})
  path = os.path.join(FLAGS.output_dir, TRAINING_NAME)
  if newest and files.exists(path):
    begun = dict(checked_json.load(path))
    # Earlier versions wrote its path.
    if begun.get("--init_checkpoint") == FLAGS.init_checkpoint:
      begun["--init_checkpoint"] = key["--init_checkpoint"]
    if "version of seeds.py" not in begun:
      begun["version of seeds.py"] = seeds.VERSION
      log("%s is of an earlier version of this program, which drew other random "
          "numbers: other batches and dropout follow than would have then" % newest)
    changed = sweep_journal.changes(begun, key)
    if changed:
      raise ValueError(
          "%s was trained with another %s; set it back to go on, or train anew in "
          "another --output_dir" % (newest, ", ".join(changed)))
  files.write_text(
      path, [json.dumps(key, indent=2, sort_keys=True), "\n"])


def find_checkpoint(config):
  """Finds the checkpoint to predict with: str, the prefix of its files."""
  path, faulty = checkpoints.newest(FLAGS.output_dir, config)
  oddity = checkpoints.oddity(FLAGS.output_dir)
  if oddity:
    log(oddity)
  log_faulty(path, faulty)
  return path


def log_faulty(newest, faulty):
  """Says which checkpoint is used in place of newer ones, and why."""
  for path, problem in faulty:
    log("%s is no whole checkpoint (%s); %s is used" % (path, problem, newest))


def describe_run(checkpoint):
  """Everything that the answers of a decode follow from, for the manifest."""
  flags_of_run = (
      "do_lower_case", "max_seq_length", "doc_stride", "max_query_length",
      "n_best_size", "max_answer_length", "version_2_with_negative",
      "null_score_diff_threshold")
  return {
      "data": checkpoints.file_digest(FLAGS.predict_file),
      "vocabulary": checkpoints.file_digest(FLAGS.vocab_file),
      "config": checkpoints.file_digest(FLAGS.bert_config_file),
      "checkpoint": checkpoints.digest(checkpoint),
      "flags": {name: FLAGS[name].value for name in flags_of_run},
  }


def by_flag(run):
  """A run, as of describe_run, under the names that a user knows."""
  values = run.get("flags")
  named = {"--" + name: value for name, value in (
      values.items() if isinstance(values, dict) else ())}
  # Of a manifest that somebody edited, parts may be missing.
  named.update({flag: run[name] for flag, name in (
      ("--predict_file", "data"), ("--vocab_file", "vocabulary"),
      ("--bert_config_file", "config"), ("checkpoint", "checkpoint"))
                if name in run})
  return named


def say_what_differs(run, content):
  """Logs it when the folder's manifest has files of another run than this."""
  for name, other in content["runs"].items():
    if name != manifest.run_id(run):
      log("--output_dir=%s has %d files with another %s; what is made now takes "
          "the place of files of the same name" % (
              FLAGS.output_dir, list(content["files"].values()).count(name),
              ", ".join(sweep_journal.changes(by_flag(other), by_flag(run)))))


def files_of(decode):
  """The names of the files of a decode: list of str, predictions first."""
  names = ["predictions"]
  if wants_nbest(decode):
    names.append("nbest_predictions")
  if FLAGS.version_2_with_negative:
    names.append("null_odds")
  return [name + decode.suffix + ".json" for name in names]


def wants_nbest(decode):
  """Whether a decode gets an nbest_predictions file."""
  return FLAGS.write_nbest or decode == zones.BASELINE


def predict(config, data, tokenizer, decodes, checkpoint):
  """Predicts the decodes that are not there yet, and the baseline with them."""
  run = describe_run(checkpoint)
  content = manifest.load(FLAGS.output_dir)
  say_what_differs(run, content)
  there = set(files.list_folder(FLAGS.output_dir))
  done = {name for name, of in content["files"].items()
          if of == manifest.run_id(run) and name in there}
  wanted = [zones.BASELINE] + decodes
  _, limit, _ = plan_passes(config, len(wanted))
  passes = cut_passes(wanted, limit, done)
  if not passes:
    log("nothing to do: %s has the predictions of these flags, data and "
        "checkpoint" % FLAGS.output_dir)
    return
  sizes = [len(together) for together, _ in passes]
  log("decodes: %d, passes over the data: %d, %s" % (
      sum(sizes), len(passes), plan_passes(config, max(sizes))[2]))
  failed = collections.OrderedDict()
  for together, path in passes:
    # Follows from the number of decodes only, so that a journal can be resumed.
    batch_size = plan_passes(config, len(together))[0]
    failed.update(sweep(config, data, tokenizer, together, run, checkpoint,
                        batch_size, path))
  if failed:
    raise ValueError(
        "NaN or infinite logits, so that nothing was written: %s" % ", ".join(
            "%s (question %r the first)" % (files_of(decode)[0], qas_id)
            for decode, qas_id in failed.items()))


def cut_passes(wanted, limit, done):
  """Cuts a sweep into passes over the data, and leaves out what is done.

  The whole sweep is cut, done or not, so that a pass and its journal are the same
  whatever another run has made in between. What was begun together, as the
  journal tells, goes on together.

  Args:
    wanted: list of zones.Decode.
    limit: int, the most decodes in a pass.
    done: set of str, the names of files that need not be made again.

  Returns:
    list of (decodes to make together, path of their journal).
  """
  passes = []
  for first in range(0, len(wanted), limit):
    group = wanted[first:first + limit]
    path = journal_path(group)
    begun = sweep_journal.key_of(path).get("decodes", [])
    together = [d for d in group if d.suffix in begun]
    rest = [d for d in group
            if d not in together and not done.issuperset(files_of(d))]
    passes += [(decodes, path) for decodes in (together, rest) if decodes]
  return passes


def plan_passes(config, num_decodes):
  """Fits a sweep into memory: with smaller steps, else in several passes.

  Returns:
    (batch_size, limit, plan): the most windows in a step, the most decodes in a
    pass over the data, and words on this for the log.
  """
  batch_size, memory_gb = FLAGS.predict_batch_size, FLAGS.sweep_memory_gb
  if memory_gb is None:
    if FLAGS.use_tpu:
      return batch_size, num_decodes, "windows in a step: %d" % batch_size
    memory_gb = min(_MAX_DEFAULT_SWEEP_GB, machine.memory() / 4 / 1e9)
  if num_decodes > 1 and not FLAGS.use_tpu and not has_gpu():
    # The decodes make rows enough; more windows only leave a CPU's caches.
    batch_size = 1
  needs = lambda number: modeling.sweep_bytes(
      config, number, batch_size, FLAGS.max_seq_length) / 1e9
  limit = num_decodes
  while needs(limit) > memory_gb and (batch_size > 1 or limit > 1):
    # On a TPU the batch has to stay a multiple of its cores.
    if batch_size > 1 and not FLAGS.use_tpu:
      batch_size -= 1
    elif limit > 1:
      limit -= 1
    else:
      break
  return batch_size, limit, (
      "windows in a step: %d, hidden states: up to %.2f GB of "
      "--sweep_memory_gb=%g" % (batch_size, needs(limit), memory_gb))


def sweep(config, data, tokenizer, decodes, run, checkpoint, batch_size, path):
  """Predicts decodes in one pass over the data and writes their files.

  Args:
    config: modeling.BertConfig.
    data: DataSet.
    tokenizer: tokenization.FullTokenizer.
    decodes: list of zones.Decode.
    run: dict, as of describe_run.
    checkpoint: str, the prefix of its files.
    batch_size: int, the most windows in a step.
    path: str, where the journal is.

  Returns:
    dict from each decode that failed, as of answers.write_files.
  """
  options = answers.AnswerOptions(
      FLAGS.n_best_size, FLAGS.max_answer_length, FLAGS.version_2_with_negative,
      FLAGS.null_score_diff_threshold)
  finder = answers.AnswerFinder(data.examples, tokenizer, options)
  with_nbest = [wants_nbest(decode) for decode in decodes]
  journal = open_journal(path, decodes, run, batch_size)
  if journal.finished:
    log("%d of %d questions are done: going on with %s" % (
        len(journal.finished), len(data.examples), journal.path))
  interrupts.keep(
      lambda: "%d of %d finished questions are kept in %s; the same command "
      "resumes" % (len(journal.finished), len(data.examples), journal.path))
  start = time.strftime("%Y-%m-%d %H:%M:%S %z")
  progress = Progress(
      "predicting, %d decode%s" % (len(decodes), "s" * (len(decodes) != 1)),
      len(data.examples), "questions")
  results = make_estimator(
      config, decodes, predict_batch_size=batch_size).predict(
      windows.input_fn_builder(
          data.windows, FLAGS.max_seq_length, is_training=False,
          seed=FLAGS.random_seed, bucket_width=bucket_width(),
          finished=journal.finished), checkpoint_path=checkpoint)
  for index, some in answers.gather_windows(results):
    if index not in journal.finished:
      journal.append(index, finder.answers(index, some, with_nbest))
      progress.update(len(journal.finished))
  if len(journal.finished) < len(data.examples):
    # Passages without a word have no window.
    progress.update(len(data.examples))
  failed = answers.write_files(
      FLAGS.output_dir, data.examples, journal, decodes, with_nbest,
      FLAGS.version_2_with_negative)
  written = [decode for decode in decodes if decode not in failed]
  manifest.add(
      FLAGS.output_dir, [name for d in written for name in files_of(d)], run,
      {"started": start, "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
       "tensorflow": tf.__version__, "python": platform.python_version(),
       "machine": platform.platform()})
  journal.close(remove=True)
  interrupts.keep()
  log("%s: wrote %s" % (FLAGS.output_dir, ", ".join(
      files_of(decode)[0] for decode in written) or "nothing"))
  return failed


def open_journal(path, decodes, run, batch_size):
  """Opens the journal of a sweep, with the key of all that it follows from."""
  key = dict(by_flag(run), decodes=[decode.suffix for decode in decodes], **{
      "--predict_batch_size": batch_size, "--write_nbest": FLAGS.write_nbest,
      "--bucket_by_length": bucket_width() is not None})
  return sweep_journal.Journal(path, key)


def journal_path(decodes):
  """Where the journal of decodes that make up a pass is: str, a local path."""
  folder, of = FLAGS.output_dir, [decode.suffix for decode in decodes]
  if files.is_remote(folder):
    # One cannot append to an object of a store.
    folder, of = tempfile.gettempdir(), [files.identity(folder)] + of
  return os.path.join(folder, "journal.%s.jsonl" % manifest.run_id({"of": of}))


def bucket_width():
  """Windows are padded to a multiple of this; None is to max_seq_length."""
  by_length = FLAGS.bucket_by_length
  if by_length is None:
    # A TPU compiles its program for one shape.
    by_length = not FLAGS.use_tpu
  return BUCKET_WIDTH if by_length else None


def make_output_dir(decodes):
  """Makes --output_dir and sees that what is to come can be written there."""
  path_checks.make_output_folder("--output_dir", FLAGS.output_dir)
  if FLAGS.do_predict:
    for decode in [zones.BASELINE] + decodes:
      path_checks.refuse_folders(FLAGS.output_dir, files_of(decode))


def say_why_no_gpu():
  """Logs it when the environment offers a GPU and TensorFlow takes none."""
  offered = os.environ.get("CUDA_VISIBLE_DEVICES", "")
  if FLAGS.use_tpu or offered in ("", "-1"):
    return
  if not tf.test.is_built_with_cuda():
    why = "this TensorFlow, %s, is built without CUDA" % tf.__version__
  elif not has_gpu():
    why = "TensorFlow finds none; see what it says with --verbose_logging"
  else:
    return
  log("CUDA_VISIBLE_DEVICES=%s offers a GPU, but %s: running on the CPU" % (
      offered, why))


def run():
  """Does what the flags ask for: reads, refuses, trains, predicts."""
  validate_flags()
  config = modeling.BertConfig.from_json_file(FLAGS.bert_config_file)
  vocab = tokenization.load_vocab(FLAGS.vocab_file)
  remarks = validate_sizes(config, vocab)
  if not FLAGS.allow_case_mismatch:
    tokenization.check_casing(vocab, FLAGS.vocab_file, FLAGS.do_lower_case)
  decodes = zones.parse_decodes(
      FLAGS.mask_layer, FLAGS.mask_zone, config.num_hidden_layers)
  checkpoint = None if FLAGS.do_train else find_checkpoint(config)
  if FLAGS.do_train and FLAGS.init_checkpoint:
    checkpoints.check(FLAGS.init_checkpoint, config, head_is_wanted=False)
  elif FLAGS.init_checkpoint:
    remarks.append(
        "--init_checkpoint=%s is not used without --do_train=True: predictions "
        "are made with %s" % (FLAGS.init_checkpoint, checkpoint))
  make_output_dir(decodes)
  for line in remarks:
    log(line)
  say_why_no_gpu()
  tokenizer = tokenization.FullTokenizer(vocab, FLAGS.do_lower_case)
  with contextlib.ExitStack() as training:
    if FLAGS.do_train:
      training.enter_context(only_training())
      train_data = read_data("train_file", True, tokenizer)
    if FLAGS.do_predict:
      predict_data = read_data("predict_file", False, tokenizer)
    if FLAGS.do_train:
      train(config, train_data)
  if FLAGS.do_predict:
    predict(config, predict_data, tokenizer, decodes,
            checkpoint or find_checkpoint(config))


def main(argv):
  if len(argv) > 1:
    log("%r is not a flag; flags begin with --" % argv[1])
    sys.exit(1)
  if not FLAGS.verbose_logging:
    # Its errors are caught below, and said in one line.
    tf.logging.set_verbosity(tf.logging.FATAL)
  try:
    run()
  except tf.errors.ResourceExhaustedError as error:
    message = path_checks.describe(error)
    # Of memory, or of a disk.
    if os.strerror(errno.ENOSPC) not in message:
      message = ("out of memory: lower --predict_batch_size=%d, --sweep_memory_gb "
                 "or, when training, --train_batch_size=%d (%s)" % (
                     FLAGS.predict_batch_size, FLAGS.train_batch_size, message))
    log(message)
    sys.exit(1)
  except tf.train.NanLossDuringTrainingError:
    log("the loss became NaN: training needs less than --learning_rate=%g; begin "
        "anew in an empty --output_dir" % FLAGS.learning_rate)
    sys.exit(1)
  except BrokenPipeError:
    raise
  except (ValueError, OSError, tf.errors.OpError) as error:
    if FLAGS.verbose_logging:
      raise
    log(path_checks.describe(error))
    sys.exit(1)


if __name__ == "__main__":
  # Not tf.app.run, which ignores a flag that it does not know.
  interrupts.run(lambda: app.run(main))
