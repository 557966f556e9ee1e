"""Which of run_squad.py's flags are refused, and why.

Each check raises ValueError with one line that names the flag, the value and what
would be right. `options` is the namespace of the flags.
"""

from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.base import precision
from attention_zones.data import data_checks
from attention_zones.data import vocab_lines
from attention_zones.decoding import shares


def validate_flags(options):
  """Refuses flags that cannot work, before anything slow starts."""
  vocabulary = next((name for name in ("tokenizer_file", "spm_model_file")
                     if getattr(options, name)), "vocab_file")
  for name in ("bert_config_file", vocabulary, "output_dir"):
    _refuse(not getattr(options, name), "--%s is missing", name)
  _refuse(not options.do_train and not options.do_predict,
          "nothing to do: give --do_train=True, --do_predict=True or both")
  _refuse(options.do_train and not options.train_file,
          "--do_train=True needs --train_file")
  # recorded.supply may find --predict_file.
  wanted = ["bert_config_file", vocabulary] + [
      name for task, name in (("do_train", "train_file"),
                              ("do_predict", "predict_file"))
      if getattr(options, task) and getattr(options, name)]
  for name in ["bert_config_file", vocabulary, "output_dir", "train_file",
               "predict_file", "spans"] + ["init_checkpoint"] * options.do_train:
    path_checks.check_flag("--" + name, getattr(options, name))
  wanted += ["spans"] * (options.spans is not None)
  for name in wanted:
    path = getattr(options, name)
    _refuse(not files.exists(path), "--%s=%s: there is no such file; %s", name,
            path, "docs/zones.md says how to make one" if name == "spans" else
            "README.md says where to get data and models")
    _refuse(files.is_folder(path), "--%s=%s is a folder; should be a file", name,
            path)
  _validate_combinations(options)
  if options.use_tpu:
    _validate_tpu_flags(options)
  _refuse(
      files.exists(options.output_dir) and not files.is_folder(options.output_dir),
      "--output_dir=%s is a file; should be a folder", options.output_dir)


def _refuse(is_wrong, problem, *values):
  """Raises a ValueError, `problem` with `values` in it, if something is wrong."""
  if is_wrong:
    raise ValueError(problem % values)


def _validate_combinations(options):
  """Refuses flags that do not go together, or not with this machine."""
  for name in ("gold_logp", "attention_mass"):
    _refuse(getattr(options, name) and not options.do_predict,
            "--%s=True is about --predict_file; it needs --do_predict=True", name)
  _refuse(options.spans and not options.do_predict,
          "--spans=%s is about --predict_file; it needs --do_predict=True",
          options.spans)
  share = shares.parse(options.shard)
  _refuse(share and options.attention_mass,
          "--attention_mass=True averages over all questions, and --shard=%s has a "
          "part of them; give it to a run without --shard, before or after", share)
  _refuse(share and options.do_train, "--shard=%s divides predictions, not "
          "trainings; train first, without it", share)
  problem = precision.problem(options.precision, options.use_tpu)
  _refuse(problem, "--precision=%s: %s", options.precision, problem)
  is_squad = options.dataset == "squad"
  _refuse(options.version_2_with_negative and not is_squad,
          "--version_2_with_negative=True needs --dataset=squad, not %s, where "
          "every question has an answer", options.dataset)
  _refuse(options.spm_model_file and not is_squad,
          "--spm_model_file=%s is of an English ALBERT, and --dataset=%s is "
          "Chinese; give --vocab_file", options.spm_model_file, options.dataset)
  _refuse(options.tokenizer_file and not is_squad,
          "--tokenizer_file=%s: the script of --dataset=%s knows word pieces only; "
          "give --vocab_file, or --dataset=squad, which reads the same files",
          options.tokenizer_file, options.dataset)
  _refuse(options.tokenizer_file and options.spm_model_file,
          "--tokenizer_file=%s and --spm_model_file=%s: give one of them, the "
          "model's own", options.tokenizer_file, options.spm_model_file)


def _validate_tpu_flags(options):
  _refuse(not options.tpu_name and not options.master,
          "--use_tpu=True needs --tpu_name")
  for name in ["output_dir"] + ["init_checkpoint"] * options.do_train:
    refuse_local(options, name)
  for name in ("train_batch_size", "predict_batch_size"):
    _refuse(getattr(options, name) % options.num_tpu_cores,
            "--%s=%d is not a multiple of --num_tpu_cores=%d", name,
            getattr(options, name), options.num_tpu_cores)


def refuse_local(options, name):
  """Refuses a local path in a flag where a TPU on another machine reads it."""
  path = getattr(options, name)
  is_here = not options.use_tpu or options.tpu_name == "local"
  _refuse(path and not is_here and not path.startswith("gs://"),
          "--%s=%s: a TPU cannot reach local files; with --use_tpu=True this must "
          "be a gs:// path", name, path)


def check_init_checkpoint(options, checkpoint):
  """Refuses an --init_checkpoint to predict with that a TPU cannot read.

  Args:
    options: namespace of the flags.
    checkpoint: str, the prefix of the files that predictions are made with.

  Returns:
    list of str, a line for the log if the flag is not used, or empty.
  """
  if checkpoint == options.init_checkpoint:
    refuse_local(options, "init_checkpoint")
  elif options.init_checkpoint:
    return [
        "--init_checkpoint=%s is not used without --do_train=True: predictions "
        "are made with %s" % (options.init_checkpoint, checkpoint)]
  return []


def refuse_remote(options, wanted):
  """Refuses draws, and sets of the data, where the input pipeline runs on another
  machine."""
  asked = [mask.name for decode in wanted for mask in decode.different_masks
           if mask.draws or mask.sets_of_data]
  _refuse(asked and options.use_tpu and options.tpu_name != "local",
          "%s: draws such as p2q@1, answers and spans are made by Python in the "
          "input pipeline, which a TPU on another machine cannot call; run on the "
          "TPU VM with --tpu_name=local, or on a CPU or GPU", *asked[:1])


def validate_sizes(options, config, tokenizer):
  """Refuses flags and files that do not fit the model.

  Args:
    options: namespace of the flags.
    config: modeling.BertConfig.
    tokenizer: as of windows.DataSet.

  Returns:
    list of str, lines for the log about what is unusual but works.
  """
  remarks = list(getattr(tokenizer, "remarks", ()))
  config_file = "--bert_config_file=%s" % options.bert_config_file
  size = vocab_lines.size(tokenizer.vocab)
  entries = "--%s=%s has %d entries, but vocab_size is %d in %s; " % (
      tokenizer.FLAG, getattr(options, tokenizer.FLAG), size, config.vocab_size,
      config_file)
  _refuse(size > config.vocab_size, "%sshould be the vocabulary that the model was "
          "trained with", entries)
  if size < config.vocab_size:
    remarks.append(entries + "the other rows of the word embeddings are not used")
  if config.type_vocab_size == 1:
    remarks.append("%s: %s" % (config_file, data_checks.ONE_SEGMENT))
  _refuse(options.max_seq_length > config.max_position_embeddings,
          "--max_seq_length=%d is more than the model's max_position_embeddings, "
          "%d", options.max_seq_length, config.max_position_embeddings)
  special = tokenizer.LAYOUT.places(0, 0)["window_end"]
  room = options.max_seq_length - options.max_query_length - special
  _refuse(room < 1, "--max_seq_length=%d leaves no room for a passage after "
          "--max_query_length=%d and %d special tokens; at least %d is needed",
          options.max_seq_length, options.max_query_length, special,
          options.max_query_length + special + 1)
  if options.doc_stride > room:
    remarks.append(
        "--doc_stride=%d: after a question of --max_query_length=%d tokens, a "
        "window has room for only %d tokens of the passage, so windows do not "
        "overlap" % (options.doc_stride, options.max_query_length, room))
  return remarks


def check_casing(options, tokenizer):
  """Refuses a vocabulary that does not suit --do_lower_case."""
  if tokenizer.SEES_CASE and not options.allow_case_mismatch:
    data_checks.check_casing(tokenizer.vocab, "--%s=%s" % (
        tokenizer.FLAG, getattr(options, tokenizer.FLAG)), options.do_lower_case)
