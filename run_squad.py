"""Fine-tunes BERT on SQuAD, and predicts with attention zones masked.

    python run_squad.py --do_train=True --do_predict=True ...
    python run_squad.py --do_predict=True --mask_layer=0-11 --mask_zone=q2,p2 ...

See train_squad.sh and decode_squad.sh for whole commands.
"""

from attention_zones import interrupts

if __name__ == "__main__":
  # Before the imports, which take seconds.
  interrupts.install("run_squad.py")

import contextlib
import errno
import functools
import os
import sys
import types

from absl import app
import tensorflow.compat.v1 as tf

from attention_zones import answer_head
from attention_zones import checkpoint_names
from attention_zones import checkpoints
from attention_zones import data_checks
from attention_zones import decodes
from attention_zones import decoding
from attention_zones import draws
from attention_zones import files
from attention_zones import machine
from attention_zones import path_checks
from attention_zones import precision
from attention_zones.progress import TrainingProgress
from attention_zones import seeds
from attention_zones import shares
from attention_zones import sweep
from attention_zones import training
from attention_zones import windows
from attention_zones import zones
import modeling
import optimization
import tokenization

flags = tf.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("bert_config_file", None, "bert_config.json of the model.")
flags.DEFINE_string("vocab_file", None, "vocab.txt of the model.")
flags.DEFINE_string("output_dir", None, "Where checkpoints and predictions go.")
flags.DEFINE_string("train_file", None, "SQuAD JSON to train on.")
flags.DEFINE_string("predict_file", None, "SQuAD JSON to predict.")
flags.DEFINE_string(
    "init_checkpoint", None,
    "Checkpoint to start the training from, usually a pre-trained BERT model; "
    "without it the model starts from random weights. Without a training: a "
    "fine-tuned model to predict with, when --output_dir has no checkpoint.")
flags.DEFINE_bool(
    "do_lower_case", True,
    "Whether to lower-case: True for uncased models, False for cased ones.")
flags.DEFINE_bool(
    "allow_case_mismatch", False, "Whether to continue when --do_lower_case does "
    "not suit the words in --vocab_file.")
flags.DEFINE_bool(
    "allow_dropped", False, "Whether to train even if more than %g %% of the "
    "questions are left out, because the passage does not have their answer at "
    "answer_start." % (100 * data_checks.MAX_DROPPED))
flags.DEFINE_bool(
    "allow_other_tensorflow", False, "Whether to continue a training that was "
    "started with another version of TensorFlow.")
flags.DEFINE_integer(
    "max_seq_length", 384, "Maximum number of tokens in a window; longer "
    "passages are split into several windows.",
    lower_bound=1)
flags.DEFINE_integer(
    "doc_stride", 128,
    "Tokens from the start of one window to the start of the next.",
    lower_bound=1)
flags.DEFINE_integer(
    "max_query_length", 64, "Maximum number of tokens in a question; longer ones "
    "are truncated.",
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
    "warmup_proportion", 0.1, "Fraction of the steps used for linear warm-up.",
    lower_bound=0.0)
flags.DEFINE_integer(
    "save_checkpoints_steps", 1000, "Steps between two checkpoints.",
    lower_bound=1)
flags.DEFINE_integer(
    "iterations_per_loop", 1000, "Steps in one call of the estimator on TPU.",
    lower_bound=1)
flags.DEFINE_integer(
    "n_best_size", 20, "Answers per question in nbest_predictions.json.",
    lower_bound=1)
flags.DEFINE_integer(
    "max_answer_length", 30, "Maximum number of tokens in an answer.",
    lower_bound=1)
flags.DEFINE_bool("use_tpu", False, "Whether to use TPU instead of CPU or GPU.")
flags.DEFINE_string(
    "tpu_name", None, "Name or grpc:// address of the TPU; local on a TPU VM.")
flags.DEFINE_string("tpu_zone", None, "Google Cloud zone of the TPU.")
flags.DEFINE_string("gcp_project", None, "Google Cloud project of the TPU.")
flags.DEFINE_string("master", None, "TensorFlow master to connect to.")
flags.DEFINE_integer(
    "num_tpu_cores", 8, "Number of TPU cores.",
    lower_bound=1)
flags.DEFINE_bool(
    "verbose_logging", False, "Whether to show TensorFlow's own messages.")
flags.DEFINE_bool(
    "version_2_with_negative", False, "Whether some questions have no answer, as "
    "in SQuAD v2.0.")
flags.DEFINE_float(
    "null_score_diff_threshold", 0.0,
    "With --version_2_with_negative: predict \"\" when the score of [CLS] exceeds "
    "that of the best span by more than this.")
flags.DEFINE_string(
    "mask_layer", None,
    "Layers to mask, counted from 0: \",\" separates decodes, \"-\" is a range of "
    "decodes, \"+\" masks layers together. Without this flag, or with None, every "
    "layer is masked at once.")
flags.DEFINE_string(
    "mask_zone", None,
    "Attention zones to mask: %s. \",\" separates decodes, \"+\" masks zones "
    "together, as in q2+p2. Controls: p2q@1 masks as many columns drawn by chance, "
    "p2q@1-3 is three such draws; p2q@flat keeps each row's mass in the zone and "
    "spreads it equally. With --mask_head also off: the head adds nothing." %
    ", ".join(zones.ZONES))
flags.DEFINE_string(
    "mask_head", None,
    "Attention heads in which to mask, counted from 0, written as --mask_layer: "
    "0-11, 0,2 or 0+1. Without this flag, or with None, every head.")
flags.DEFINE_bool(
    "write_nbest", False, "Whether masked decodes also get an nbest_predictions "
    "file; the baseline always gets one.")
flags.DEFINE_integer(
    "random_seed", 12345, "Seed of initial weights, dropout and shuffling.")
flags.DEFINE_enum(
    "precision", "float32", precision.NAMES, "Of matrix products; tf32 is for "
    "NVIDIA GPUs, bfloat16 also for CPUs with AVX512-BF16 or AMX.")
flags.DEFINE_bool(
    "bucket_by_length", None, "Whether to batch windows of similar length, "
    "instead of padding all windows to max_seq_length. Without this flag: True, "
    "but False on a TPU.")
flags.DEFINE_float(
    "sweep_memory_gb", None, "Memory in GB for the hidden states of a sweep; a "
    "sweep that needs more takes several passes over the data. Without this flag: "
    "a quarter of the memory that this process may use, at most %d GB." %
    decoding.MAX_DEFAULT_SWEEP_GB,
    lower_bound=0.0)
flags.DEFINE_string(
    "shard", None, "k/n: predict share k of n of the questions only, for sweeps on "
    "several machines; the last share to finish writes all files.")


def validate_flags(options):
  """Refuses flags that cannot work, before anything slow starts."""
  for name in ("bert_config_file", "vocab_file", "output_dir"):
    if not getattr(options, name):
      raise ValueError("--%s is missing" % name)
  if not options.do_train and not options.do_predict:
    raise ValueError("nothing to do: give --do_train=True, --do_predict=True or "
                     "both")
  for name in ["bert_config_file", "vocab_file", "output_dir", "train_file",
               "predict_file"] + ["init_checkpoint"] * options.do_train:
    path_checks.check_flag("--" + name, getattr(options, name))
  wanted = ["bert_config_file", "vocab_file"]
  for task, name in (("do_train", "train_file"), ("do_predict", "predict_file")):
    if getattr(options, task):
      if not getattr(options, name):
        raise ValueError("--%s=True needs --%s" % (task, name))
      wanted.append(name)
  for name in wanted:
    path = getattr(options, name)
    if not files.exists(path):
      raise ValueError("--%s=%s: there is no such file; README.md says where to "
                       "get data and models" % (name, path))
    if files.is_folder(path):
      raise ValueError("--%s=%s is a folder; should be a file" % (name, path))
  if shares.parse(options.shard) and options.do_train:
    raise ValueError("--shard=%s divides predictions, not trainings; train first, "
                     "without it" % options.shard)
  problem = precision.problem(options.precision, options.use_tpu)
  if problem:
    raise ValueError("--precision=%s: %s" % (options.precision, problem))
  if options.use_tpu:
    _validate_tpu_flags(options)
  if files.exists(options.output_dir) and not files.is_folder(options.output_dir):
    raise ValueError("--output_dir=%s is a file; should be a folder" %
                     options.output_dir)


def _validate_tpu_flags(options):
  if not options.tpu_name and not options.master:
    raise ValueError("--use_tpu=True needs --tpu_name")
  for name in ["output_dir"] + ["init_checkpoint"] * options.do_train:
    _refuse_local(options, name)
  for name in ("train_batch_size", "predict_batch_size"):
    if getattr(options, name) % options.num_tpu_cores:
      raise ValueError("--%s=%d is not a multiple of --num_tpu_cores=%d" % (
          name, getattr(options, name), options.num_tpu_cores))


def _refuse_local(options, name):
  """Refuses a local path in a flag where a TPU on another machine reads it."""
  path = getattr(options, name)
  is_here = not options.use_tpu or options.tpu_name == "local"
  if path and not is_here and not path.startswith("gs://"):
    raise ValueError("--%s=%s: a TPU cannot reach local files; with "
                     "--use_tpu=True this must be a gs:// path" % (name, path))


def refuse_remote_draws(options):
  """Refuses draws where the input pipeline runs on another machine."""
  if options.use_tpu and options.tpu_name != "local":
    raise ValueError(
        "--mask_zone=%s: draws such as p2q@1 are made by Python in the input "
        "pipeline, which a TPU on another machine cannot call; run on the TPU VM "
        "with --tpu_name=local, or on a CPU or GPU" % options.mask_zone)


def validate_sizes(options, config, vocab):
  """Refuses flags and files that do not fit the model.

  Args:
    options: namespace of the flags.
    config: modeling.BertConfig.
    vocab: dict, as tokenization.load_vocab returns it.

  Returns:
    list of str, lines for the log about what is unusual but works.
  """
  remarks = []
  entries = "--vocab_file=%s has %d entries, but vocab_size is %d in %s" % (
      options.vocab_file, len(vocab), config.vocab_size,
      "--bert_config_file=%s" % options.bert_config_file)
  if len(vocab) > config.vocab_size:
    raise ValueError(entries + "; should be the vocabulary that the model was "
                     "trained with")
  if len(vocab) < config.vocab_size:
    remarks.append(
        entries + "; the other rows of the word embeddings are not used")
  if options.max_seq_length > config.max_position_embeddings:
    raise ValueError(
        "--max_seq_length=%d is more than the model's max_position_embeddings, "
        "%d" % (options.max_seq_length, config.max_position_embeddings))
  # [CLS], two [SEP] and one token of the passage.
  room = options.max_seq_length - options.max_query_length - 3
  if room < 1:
    raise ValueError(
        "--max_seq_length=%d leaves no room for a passage after "
        "--max_query_length=%d and 3 special tokens; at least %d is needed" % (
            options.max_seq_length, options.max_query_length,
            options.max_query_length + 4))
  if options.doc_stride > room:
    remarks.append(
        "--doc_stride=%d: after a question of --max_query_length=%d tokens, a "
        "window has room for only %d tokens of the passage, so windows do not "
        "overlap" % (
            options.doc_stride, options.max_query_length, room))
  return remarks


def log(line):
  """Prints a line to stderr."""
  print("run_squad.py: " + line, file=sys.stderr, flush=True)


def settle_architecture(options, config):
  """Takes the architecture from the checkpoint, and refuses a contradiction.

  Args:
    options: namespace of the flags.
    config: modeling.BertConfig; its model_type is set.
  """
  path = checkpoints.newest_whole(options.output_dir)[0] or options.init_checkpoint
  found = path and checkpoint_names.architecture(path)
  if found and config.model_type not in (None, found):
    raise ValueError(
        "--bert_config_file=%s has model_type %r, but checkpoint %s has the "
        "variables of %r; should be of the same model" % (
            options.bert_config_file, config.model_type, path, found))
  config.model_type = found or config.model_type


def model_variables(config):
  """The variables in a checkpoint of the model: dict from name to shape."""
  with tf.Graph().as_default():
    ids = tf.zeros([1, 1], tf.int32)
    encoder = modeling.Encoder(config)
    answer_head.span_logits(encoder.encode(
        encoder.embed(ids, ids), [0.0] * config.num_hidden_layers)[-1])
    return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def training_fn(options, config, num_train_steps):
  """Makes the model_fn for training.

  Args:
    options: namespace of the flags.
    config: modeling.BertConfig.
    num_train_steps: int.

  Returns:
    function, a model_fn for TPUEstimator.
  """
  def model_fn(features, labels, mode, params):
    del labels, params
    encoder = modeling.Encoder(
        config, is_training=True, use_one_hot_embeddings=options.use_tpu,
        random_seed=options.random_seed,
        step=tf.cast(tf.train.get_or_create_global_step(), tf.int32),
        product=precision.product(options.precision))
    tokens = zones.token_sets(features["input_mask"], features["segment_ids"])
    hidden = encoder.embed(features["input_ids"], features["segment_ids"])
    masks = [zones.NOTHING.additive(tokens)] * config.num_hidden_layers
    logits = answer_head.span_logits(  # [B, 2, S]
        encoder.encode(hidden, masks)[-1], config.initializer_range,
        options.random_seed)
    loss = answer_head.span_loss(features, logits)
    train_op = optimization.create_optimizer(
        loss, options.learning_rate, num_train_steps,
        int(num_train_steps * options.warmup_proportion), options.use_tpu)
    shown = None if options.use_tpu else loss
    return tf.estimator.tpu.TPUEstimatorSpec(
        mode, loss=loss, train_op=train_op,
        training_hooks=[TrainingProgress(num_train_steps, shown)],
        scaffold_fn=checkpoints.initializer(
            options.init_checkpoint, options.use_tpu))
  return model_fn


def sweep_fn(options, config, swept, batch_size):
  """Makes the model_fn for a sweep.

  Args:
    options: namespace of the flags.
    config: modeling.BertConfig.
    swept: list of decodes.Decode.
    batch_size: int, windows in a step.

  Returns:
    function, a model_fn for TPUEstimator.
  """
  def model_fn(features, labels, mode, params):
    del labels, params
    encoder = modeling.Encoder(
        config, use_one_hot_embeddings=options.use_tpu,
        product=precision.product(options.precision))
    hidden = sweep.run(  # [V, B, S, H]
        encoder, features, swept, options.max_seq_length, batch_size)
    return tf.estimator.tpu.TPUEstimatorSpec(
        mode, predictions=answer_head.candidates(
            features, answer_head.span_logits(hidden), options.n_best_size))
  return model_fn


def threads(num_decodes):
  """Divides the cores among TensorFlow's operations: a tf.ConfigProto.

  A sweep has many operations that do not wait for each other. Running several at
  once, with few threads each, wastes less time than running one after the other
  with many threads.
  """
  cores = machine.cores()
  is_sweep = num_decodes > 1
  at_once = min(4, cores) if is_sweep else cores
  return tf.ConfigProto(
      inter_op_parallelism_threads=at_once,
      intra_op_parallelism_threads=cores // at_once if is_sweep else cores)


def make_estimator(options, model_fn, num_decodes=1, predict_batch_size=None):
  """Makes the TPUEstimator, which also runs on CPU and GPU."""
  resolver = None
  if options.use_tpu and options.tpu_name:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
        options.tpu_name, zone=options.tpu_zone, project=options.gcp_project)
  run_config = tf.estimator.tpu.RunConfig(
      cluster=resolver,
      master=options.master,
      model_dir=options.output_dir,
      tf_random_seed=seeds.derive(options.random_seed, "graph"),
      session_config=threads(num_decodes),
      save_checkpoints_steps=options.save_checkpoints_steps,
      tpu_config=tf.estimator.tpu.TPUConfig(
          iterations_per_loop=options.iterations_per_loop,
          num_shards=options.num_tpu_cores,
          per_host_input_for_training=(
              tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2)))
  return tf.estimator.tpu.TPUEstimator(
      use_tpu=options.use_tpu, model_fn=model_fn, config=run_config,
      train_batch_size=options.train_batch_size,
      predict_batch_size=predict_batch_size)


def make_reader(options, config, checkpoint, wanted):
  """Makes the decoding.Reader of a fine-tuned model, for these decodes."""
  def predict(swept, batch_size, input_fn):
    return make_estimator(
        options, sweep_fn(options, config, swept, batch_size), len(swept),
        batch_size).predict(input_fn, checkpoint_path=checkpoint)
  return decoding.Reader(
      checkpoint, config.num_attention_heads, functools.partial(
          sweep.memory, config, length=options.max_seq_length,
          masks={decode.mask for decode in wanted}), predict)


def make_output_dir(options, wanted):
  """Makes --output_dir and checks that all files can be written there."""
  path_checks.make_output_folder("--output_dir", options.output_dir)
  if options.do_predict:
    for decode in wanted:
      path_checks.refuse_folders(
          options.output_dir, decoding.files_of(options, decode))


def say_why_no_gpu(options):
  """Logs why TensorFlow does not use the GPU that the environment offers."""
  offered = os.environ.get("CUDA_VISIBLE_DEVICES", "")
  if options.use_tpu or offered in ("", "-1"):
    return
  if not tf.test.is_built_with_cuda():
    why = "this TensorFlow, %s, is built without CUDA" % tf.__version__
  elif not decoding.has_gpu():
    why = "TensorFlow finds none; TF_CPP_MIN_LOG_LEVEL=0 shows its messages"
  else:
    return
  log("CUDA_VISIBLE_DEVICES=%s offers a GPU, but %s: running on the CPU" % (
      offered, why))


def run(options):
  """Does what the flags ask for: checks flags and files, trains, predicts."""
  validate_flags(options)
  precision.set_up(options.precision)
  config = modeling.BertConfig.from_json_file(options.bert_config_file)
  settle_architecture(options, config)
  variables = model_variables(config)
  vocab = tokenization.load_vocab(
      options.vocab_file, tokenization.SPECIAL_TOKENS)
  remarks = validate_sizes(options, config, vocab)
  if not options.allow_case_mismatch:
    data_checks.check_casing(vocab, options.vocab_file, options.do_lower_case)
  wanted = decodes.parse_decodes(
      options.mask_layer, options.mask_zone, config.num_hidden_layers,
      options.mask_head, config.num_attention_heads)
  if draws.needed(wanted):
    refuse_remote_draws(options)
  find_checkpoint = lambda: checkpoints.to_predict_with(
      options.output_dir, None if options.do_train else options.init_checkpoint,
      variables, log)
  checkpoint = None if options.do_train else find_checkpoint()
  if options.do_train and options.init_checkpoint:
    checkpoints.check(options.init_checkpoint, variables, head_is_wanted=False)
  elif options.init_checkpoint and checkpoint == options.init_checkpoint:
    _refuse_local(options, "init_checkpoint")
  elif options.init_checkpoint:
    remarks.append(
        "--init_checkpoint=%s is not used without --do_train=True: predictions "
        "are made with %s" % (options.init_checkpoint, checkpoint))
  make_output_dir(options, wanted)
  for line in remarks:
    log(line)
  say_why_no_gpu(options)
  tokenizer = tokenization.FullTokenizer(vocab, options.do_lower_case)
  load = lambda flag, is_training: windows.load(
      options, flag, is_training, tokenizer, log)
  with contextlib.ExitStack() as alone:
    if options.do_train:
      alone.enter_context(training.alone_in(options.output_dir))
      train_data = load("train_file", True)
    if options.do_predict:
      predict_data = load("predict_file", False)
    if options.do_train:
      training.train(
          options, train_data, lambda steps: make_estimator(
              options, training_fn(options, config, steps)), log)
  if options.do_predict:
    decoding.decode(
        options, predict_data, wanted, make_reader(
            options, config, checkpoint or find_checkpoint(), wanted), log)


def main(argv):
  if len(argv) > 1:
    log("%r is not a flag; flags begin with --" % argv[1])
    sys.exit(1)
  if not FLAGS.verbose_logging:
    # Errors are caught below and reported in one line.
    tf.logging.set_verbosity(tf.logging.FATAL)
  # TensorFlow 2 then makes graphs and sessions, as TensorFlow 1 does.
  tf.disable_v2_behavior()
  try:
    run(types.SimpleNamespace(**FLAGS.flag_values_dict()))
  except tf.errors.ResourceExhaustedError as error:
    message = path_checks.describe(error)
    # Either the memory or the disk is full.
    if os.strerror(errno.ENOSPC) not in message:
      message = ("out of memory: lower --predict_batch_size=%d, --sweep_memory_gb "
                 "or, when training, --train_batch_size=%d (%s)" % (
                     FLAGS.predict_batch_size, FLAGS.train_batch_size, message))
    log(message)
    sys.exit(1)
  except tf.train.NanLossDuringTrainingError:
    log("the loss became NaN: use less than --learning_rate=%g, and start over in "
        "an empty --output_dir" % FLAGS.learning_rate)
    sys.exit(1)
  except BrokenPipeError:
    raise
  except (ValueError, OSError, tf.errors.OpError) as error:
    if FLAGS.verbose_logging:
      raise
    log(path_checks.describe(error))
    sys.exit(1)


if __name__ == "__main__":
  # Not tf.app.run, which ignores unknown flags.
  interrupts.run(lambda: app.run(main))
