"""Fine-tunes BERT on SQuAD, and predicts with attention zones masked.

    python run_squad.py --do_train=True --do_predict=True ...
    python run_squad.py --do_predict=True --mask_layer=0-11 --mask_zone=q2,p2 ...

See train_squad.sh and decode_squad.sh for whole commands. From Python, load_model
loads a model to ask: docs/python.md.
"""

from attention_zones.base import interrupts
from attention_zones.base import machine

if __name__ == "__main__":
  # Before the imports, which take seconds.
  interrupts.install("run_squad.py")
  machine.use_onednn()

import contextlib
import functools
import os
import sys
import types

from absl import app
import tensorflow.compat.v1 as tf

from attention_zones.base import accelerator
from attention_zones.base import data_sets
from attention_zones.base import estimator
from attention_zones.base import path_checks
from attention_zones.base import precision
from attention_zones.base.progress import TrainingProgress
from attention_zones.data import data_checks
from attention_zones.data.hf_tokenizer import load as load_tokenizer_file
from attention_zones.data.sentencepiece_tokenizer import load as load_spm_model
from attention_zones.data.sentencepiece_tokenizer import SentencePieceTokenizer
from attention_zones.data import spans
from attention_zones.data import tokenizer_settings
from attention_zones.data import windows
from attention_zones.decoding import answer_head
from attention_zones.decoding import attention_mass
from attention_zones.decoding import decoding
from attention_zones.decoding import flag_checks
from attention_zones.decoding import gold
from attention_zones.decoding import loaded
from attention_zones.decoding import passes
from attention_zones.decoding import recorded
from attention_zones.decoding import runs
from attention_zones.decoding import sweep
from attention_zones.weights import checkpoint_names
from attention_zones.weights import checkpoints
from attention_zones.weights import training
from attention_zones.zones import grammar
from attention_zones.zones import sets
from attention_zones.zones import masking
from attention_zones.zones import zones
import modeling
import optimization
import tokenization

flags = tf.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("bert_config_file", None, "bert_config.json of the model.")
flags.DEFINE_string("vocab_file", None, "vocab.txt of the model.")
flags.DEFINE_string(
    "spm_model_file", None, "SentencePiece model of an English ALBERT: spiece.model"
    " or 30k-clean.model; --vocab_file is then not read.")
flags.DEFINE_string(
    "tokenizer_file", None, "tokenizer.json of a model from Hugging Face; "
    "--vocab_file and --do_lower_case are then not used.")
flags.DEFINE_string("output_dir", None, "Where checkpoints and predictions go.")
flags.DEFINE_enum(
    "dataset", "squad", list(data_sets.DATA_SETS), "Whose words, answers and "
    "training to take; the files of all have SQuAD's format.")
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
    "questions are left out, because their answers are empty or not in the passage "
    "at answer_start." % (100 * data_checks.MAX_DROPPED))
flags.DEFINE_bool(
    "overwrite", False, "Whether to replace files in --output_dir that were made "
    "with other flags, files, code or by another checkpoint.")
flags.DEFINE_bool(
    "allow_other_tensorflow", False, "Whether to continue a training that was "
    "started with another version of TensorFlow.")
flags.DEFINE_integer(
    "max_seq_length", 384, "Maximum number of tokens in a window; longer "
    "passages are split into several windows.", lower_bound=1)
flags.DEFINE_integer(
    "doc_stride", 128,
    "Tokens from the start of one window to the start of the next.", lower_bound=1)
flags.DEFINE_integer(
    "max_query_length", 64, "Maximum number of tokens in a question; longer ones "
    "are truncated.", lower_bound=1)
flags.DEFINE_bool("do_train", False, "Whether to train.")
flags.DEFINE_bool("do_predict", False, "Whether to predict.")
flags.DEFINE_integer(
    "train_batch_size", 32, "Windows in a training step.", lower_bound=1)
flags.DEFINE_integer(
    "predict_batch_size", 8, "Windows in a prediction step.", lower_bound=1)
flags.DEFINE_float(
    "learning_rate", 5e-5, "Peak learning rate of Adam.", lower_bound=0.0)
flags.DEFINE_float(
    "num_train_epochs", 3.0, "Epochs to train.", lower_bound=0.0)
flags.DEFINE_float(
    "warmup_proportion", 0.1, "Fraction of the steps used for linear warm-up.",
    lower_bound=0.0)
flags.DEFINE_integer(
    "save_checkpoints_steps", 1000, "Steps between two checkpoints.", lower_bound=1)
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
    "num_tpu_cores", 8, "Number of TPU cores.", lower_bound=1)
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
    "decodes, \"+\" masks layers together, and 0-11/3 is ten decodes of three "
    "neighbours. Without this flag, or with None, every layer is masked at once.")
flags.DEFINE_string(
    "mask_zone", None,
    "Attention zones to mask: %s. \",\" separates decodes, \"+\" masks zones "
    "together, as in q2+p2. Controls: p2q@1 masks as many columns drawn by chance, "
    "p2q@1-3 is three such draws; p2q@flat keeps each row's mass in the zone and "
    "spreads it equally; p2q@zero sets it to 0 after the softmax. With --mask_head "
    "also off: the head adds nothing. subsets is the 15 unions of the four zones. "
    "Two sets of tokens are a zone, too, as cls_p and q_special: %s; --spans names "
    "more." % (
        ", ".join(zones.ZONES), ", ".join(sets.names())))
flags.DEFINE_string(
    "mask_head", None,
    "Attention heads in which to mask, counted from 0, written as --mask_layer: "
    "0-11, 0,2 or 0+1. Without this flag, or with None, every head.")
flags.DEFINE_string(
    "mask", None,
    "Paths, with another zone in each layer, in place of the flags --mask_...: "
    "2:p2q+5:p2 is one decode, 2:p2q:head3.4,2:q2+p2 are two.")
flags.DEFINE_string(
    "spans", None,
    "JSON file that names sets of tokens: {\"QUESTION_ID\": {\"wh\": "
    "{\"question\": [[0, 3]]}, \"name\": {\"passage\": [[120, 188]]}}}, ranges of "
    "characters without their end; p_wh and name_answer are then zones.")
flags.DEFINE_bool(
    "write_nbest", False, "Whether masked decodes also get an nbest_predictions "
    "file; the baseline always gets one.")
flags.DEFINE_bool(
    "gold_logp", False, "Whether each decode also gets a gold_logp file: the "
    "log-probability of the most likely gold answer to each question.")
flags.DEFINE_bool(
    "attention_mass", False, "Whether to write attention_mass.csv: how much "
    "attention each zone gets in the baseline, layer by layer and head by head.")
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
    "sweep that needs more takes smaller steps, or several passes over the data. "
    "Without this flag: a quarter of the memory that this process may use, at most "
    "%d GB; on a GPU half of its memory." % passes.MAX_DEFAULT_SWEEP_GB,
    lower_bound=0.0)
flags.DEFINE_string(
    "shard", None, "k/n: predict share k of n of the questions only, for sweeps on "
    "several machines; the last share to finish writes all files.")


def log(line):
  """Prints a line to stderr."""
  print("run_squad.py: " + line, file=sys.stderr, flush=True)


def model_variables(config):
  """The variables in a checkpoint of the model: dict from name to shape."""
  with tf.Graph().as_default():
    ids = tf.zeros([1, 1], tf.int32)
    encoder = modeling.Encoder(config)
    answer_head.span_logits(encoder.encode(
        encoder.embed(ids, ids), [0.0] * config.num_hidden_layers)[-1])
    return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def initializer(path):
  """Makes the scaffold_fn that takes what a checkpoint holds as initial values.

  Variables that it does not hold, those of the answer head, stay random.

  Args:
    path: str, the prefix of the checkpoint's files; None for random weights.
  """
  names = path and modeling.get_assignment_map_from_checkpoint(
      tf.trainable_variables(), path)[0]

  def scaffold_fn():
    if path:
      tf.train.init_from_checkpoint(path, names)
    return tf.train.Scaffold()
  return scaffold_fn


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
    tokens = zones.token_sets(features)
    hidden = encoder.embed(features["input_ids"], features["segment_ids"])
    masks = [masking.NOTHING.additive(tokens)] * config.num_hidden_layers
    logits = answer_head.span_logits(  # [B, 2, S]
        encoder.encode(hidden, masks)[-1], config.initializer_range,
        options.random_seed)
    loss = answer_head.span_loss(
        features, logits, data_sets.rules(options.dataset).limits_logits)
    train_op = optimization.create_optimizer(
        loss, options.learning_rate, num_train_steps,
        int(num_train_steps * options.warmup_proportion), options.use_tpu)
    shown = None if options.use_tpu else loss
    return tf.estimator.tpu.TPUEstimatorSpec(
        mode, loss=loss, train_op=train_op,
        training_hooks=[TrainingProgress(num_train_steps, shown)],
        scaffold_fn=initializer(options.init_checkpoint))
  return model_fn


class Model:
  """The model that the flags name: what it is, its training, what it predicts.

  Args:
    options: namespace of the flags.

  Attributes:
    config: modeling.BertConfig.
    variables: dict from the name of each variable in a checkpoint to its shape.
    tokenizer: as of windows.DataSet.
    checkpoint: str, the prefix of the files to predict with, once they are found.

  Raises:
    ValueError: a file of the model is faulty, or contradicts its checkpoint.
  """

  def __init__(self, options):
    self._options = options
    self.config = modeling.BertConfig.from_json_file(options.bert_config_file)
    self._settle_architecture()
    self.variables = model_variables(self.config)
    self.tokenizer = self._make_tokenizer()
    self.checkpoint = None
    self._kept = None

  def _settle_architecture(self):
    """Takes the architecture from the checkpoint, and refuses a contradiction."""
    options, config = self._options, self.config
    newest, _ = checkpoints.newest_whole(options.output_dir)
    path = newest or options.init_checkpoint
    found = path and checkpoint_names.architecture(path)
    if found and config.model_type not in (None, found):
      raise ValueError(
          "--bert_config_file=%s has model_type %r, but checkpoint %s has the "
          "variables of %r; should be of the same model" % (
              options.bert_config_file, config.model_type, path, found))
    config.model_type = found or config.model_type

  def _make_tokenizer(self):
    """The tokenizer of the flags: of word pieces, Hugging Face's, or ALBERT's."""
    options = self._options
    if options.tokenizer_file:
      return load_tokenizer_file(options.tokenizer_file)
    if options.spm_model_file:
      return SentencePieceTokenizer(
          load_spm_model(options.spm_model_file), options.do_lower_case)
    vocab = tokenization.load_vocab(options.vocab_file, tokenization.SPECIAL_TOKENS)
    where = "--bert_config_file=%s" % options.bert_config_file
    settings = tokenizer_settings.read(where, vars(self.config), vocab)
    return tokenization.FullTokenizer(vocab, options.do_lower_case, **settings)

  def find_checkpoint(self):
    """Finds the checkpoint to predict with; raises ValueError if none fits."""
    options = self._options
    self.checkpoint = checkpoints.to_predict_with(
        options.output_dir, None if options.do_train else options.init_checkpoint,
        self.variables, log, os.path.dirname(options.bert_config_file))

  def gpu_memory(self, num_decodes):
    """The memory on the GPU that predicts, for a sweep of as many decodes.

    Returns:
      int, the bytes that TensorFlow may use; None without a GPU.
    """
    return None if self._options.use_tpu else accelerator.memory(
        self.session(num_decodes))

  def to_train(self, num_train_steps):
    """An Estimator that trains for so many steps."""
    return estimator.make(
        self._options, training_fn(self._options, self.config, num_train_steps),
        self.session(num_decodes=1))

  def predict(self, swept, batch_size, input_fn):
    """Runs a sweep.

    Args:
      swept: list of decodes.Decode.
      batch_size: int, the windows in a step.
      input_fn: function, as batches.predict_input_fn returns it.

    Returns:
      iterable of dict, one for each window, as of answer_head.candidates.
    """
    options = self._options

    def candidates(encoder, features):
      hidden = sweep.run(  # [V, B, S, H]
          encoder, features, swept, options.max_seq_length, batch_size,
          self.tokenizer.LAYOUT.pad_id)
      return answer_head.candidates(
          features, answer_head.span_logits(hidden), options.n_best_size,
          data_sets.rules(options.dataset).limits_logits)
    return self._outputs(
        candidates, len(swept), batch_size, input_fn, (tuple(swept), batch_size))

  def attend(self, batch_size, input_fn, of=attention_mass.measure):
    """Measures attention with nothing masked, as `predict` predicts.

    Returns:
      iterable of dict, one for each window, as of `of`, attention_mass.measure or
      attention_mass.maps.
    """
    return self._outputs(of, 1, batch_size, input_fn, of)

  def keep(self):
    """From now on, graphs and weights stay from one prediction to the next."""
    self._kept = estimator.Kept(self.session(2), self.checkpoint, self._encoder)

  def _encoder(self):
    return modeling.Encoder(
        self.config, use_one_hot_embeddings=self._options.use_tpu,
        product=precision.product(self._options.precision))

  def _outputs(self, compute, num_decodes, batch_size, input_fn, key):
    """What `compute`, of an Encoder and its features, says of each window.

    Whatever computes the same has the same key.
    """
    options = self._options
    if self._kept:
      return self._kept.outputs(
          key, compute, lambda: input_fn({"batch_size": batch_size}))

    def model_fn(features, labels, mode, params):
      del labels, params
      return tf.estimator.tpu.TPUEstimatorSpec(
          mode, predictions=compute(self._encoder(), features))
    return estimator.make(
        options, model_fn, self.session(num_decodes), batch_size).predict(
            input_fn, checkpoint_path=self.checkpoint)

  def session(self, num_decodes):
    """The tf.ConfigProto of sessions for so many decodes in a step."""
    return estimator.session_config(self.config.hidden_size, num_decodes)


def make_model(options):
  """Makes the Model of checked flags: (Model, list of str, lines for the log)."""
  precision.set_up(options.precision)
  model = Model(options)
  remarks = flag_checks.validate_sizes(options, model.config, model.tokenizer)
  flag_checks.check_casing(options, model.tokenizer)
  return model, remarks


def check(options, given):
  """Checks flags and files, before anything slow, and makes --output_dir.

  Args:
    options, given: as for `run`.

  Returns:
    (Model, training.Training or None, runs.Run or None), what is to be trained and
    what is to be predicted.
  """
  flag_checks.validate_flags(options)
  refusal = recorded.supply(options, given, log)
  named = spans.load(options.spans)
  model, remarks = make_model(options)
  config, tokenizer = model.config, model.tokenizer
  wanted = grammar.parse_decodes(
      options.mask_layer, options.mask_zone, config.num_hidden_layers,
      options.mask_head, config.num_attention_heads, options.mask, named.names)
  flag_checks.refuse_remote(options, wanted)
  this_training = None
  if options.do_train:
    if options.init_checkpoint:
      checkpoints.check(
          options.init_checkpoint, model.variables, head_is_wanted=False)
    this_training = training.Training(options, tokenizer, log)
    this_training.check_record()
  else:
    model.find_checkpoint()
    remarks += flag_checks.check_init_checkpoint(options, model.checkpoint)
  path_checks.make_output_folder("--output_dir", options.output_dir)
  if refusal:
    raise ValueError(refusal)
  this_run = (
      runs.Run(options, wanted, model, named) if options.do_predict else None)
  for line in remarks:
    log(line)
  return model, this_training, this_run


def load_to_train(options, tokenizer):
  """Reads --train_file and makes its windows: windows.DataSet."""
  return windows.load(
      options, "train_file", data_sets.rules(options.dataset), tokenizer, log)


def load_to_predict(this_run, tokenizer):
  """Reads --predict_file, makes its windows, and finds what a run asks of its
  tokens: windows.DataSet."""
  options, named = this_run.options, this_run.named
  of_data = set().union(*(sets.of_data(decode.sets) for decode in this_run.wanted))
  data = windows.load(
      options, "predict_file", data_sets.rules(options.dataset), tokenizer, log,
      options.gold_logp or sets.ANSWER in of_data,
      functools.partial(spans.check, named))
  if options.gold_logp:
    data = gold.with_spans(
        data, "--gold_logp=True: --predict_file=" + options.predict_file, log)
  data = spans.find(data, named, of_data)
  for line in spans.remarks(data):
    log(line)
  return data


def run(options, given):
  """Does what the flags ask for: checks flags and files, trains, predicts.

  Args:
    options: namespace of the flags.
    given: set of str, the names of those on the command line.
  """
  model, this_training, this_run = check(options, given)
  if not options.use_tpu:
    accelerator.say_why_unused(log)
  with contextlib.ExitStack() as stack:
    if this_training:
      stack.enter_context(training.alone(options.output_dir))
      train_data = load_to_train(options, model.tokenizer)
    if this_run:
      predict_data = load_to_predict(this_run, model.tokenizer)
    if this_training:
      this_training.train(train_data, model.to_train)
  if this_run:
    if this_training:
      model.find_checkpoint()
      this_run = runs.Run(options, this_run.wanted, model, this_run.named)
    decoding.decode(predict_data, model, this_run, log)
    if options.attention_mass:
      attention_mass.make(predict_data, model, this_run, log)


def load_model(folder, **settings):
  """Loads a model to ask from Python, as docs/python.md shows; writes no file.

  The settings are flags, such as max_seq_length=384; what is left out is as the
  folder's records say, or else the flag's default. See loaded.load for the rest.
  """
  set_up_tensorflow()
  return loaded.load(
      folder, settings, {name: FLAGS[name] for name in FLAGS}, make_model, log)


def set_up_tensorflow(verbose=False):
  """Lets TensorFlow 2 make graphs and sessions, as TensorFlow 1 does."""
  if not verbose:
    # Errors are caught, or raised, and reported in one line.
    tf.logging.set_verbosity(tf.logging.FATAL)
  tf.disable_v2_behavior()


def main(argv):
  if len(argv) > 1:
    log("%r is not a flag; flags begin with --" % argv[1])
    sys.exit(1)
  set_up_tensorflow(FLAGS.verbose_logging)
  try:
    run(types.SimpleNamespace(**FLAGS.flag_values_dict()), {
        name for name in FLAGS if not FLAGS[name].using_default_value})
  except tf.train.NanLossDuringTrainingError:
    log("the loss became NaN: use less than --learning_rate=%g, and start over in "
        "an empty --output_dir" % FLAGS.learning_rate)
    sys.exit(1)
  except BrokenPipeError:
    raise
  except (MemoryError, ValueError, OSError, tf.errors.OpError) as error:
    message = path_checks.describe(error)
    if accelerator.is_out_of_memory(error):
      message = ("out of memory: lower --predict_batch_size=%d, --sweep_memory_gb "
                 "or, when training, --train_batch_size=%d (%s)" % (
                     FLAGS.predict_batch_size, FLAGS.train_batch_size,
                     message or type(error).__name__))
    elif FLAGS.verbose_logging:
      raise
    log(message)
    sys.exit(1)


if __name__ == "__main__":
  # Not tf.app.run, which ignores unknown flags.
  interrupts.run(lambda: app.run(main))
