"""Converts a model of Hugging Face's transformers to Google's checkpoint format.

    python -m attention_zones.convert_hf HF_FOLDER OUTPUT_FOLDER

HF_FOLDER has config.json, model.safetensors or pytorch_model.bin (or several, and
their index), and vocab.txt or tokenizer.json, or spiece.model of an ALBERT.
OUTPUT_FOLDER gets model.ckpt-0.*, checkpoint, bert_config.json, and vocab.txt,
spiece.model or tokenizer.json. --verify compares it with transformers afterwards.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("attention_zones.convert_hf")  # Before TensorFlow's import.

import argparse
import json
import os
import shlex
import tempfile

import numpy as np

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.base import path_checks
from attention_zones.data import data_checks
from attention_zones.data import tokenizer_settings
from attention_zones.weights import hf_kind
from attention_zones.weights import hf_models
from attention_zones.weights import hf_names
from attention_zones.weights import hf_vocab
from attention_zones.weights import safetensors_file

# Hugging Face's "gelu" is the erf form, Google's the tanh form.
_ACTIVATIONS = {"gelu": "gelu_erf", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu",
                "gelu_python": "gelu_erf", "gelu_fast": "gelu", "relu": "relu"}
# The flag of run_squad.py for a vocabulary of another kind than vocab.txt.
_FILE_FLAGS = {hf_vocab.SPM_NAME: "spm_model_file",
               hf_vocab.TOKENIZER_NAME: "tokenizer_file"}


def convert_config(path, content, model_type):
  """Makes the entries of our bert_config.json.

  Args:
    path: str, names config.json in messages.
    content: dict, its entries.
    model_type: str, as of hf_kind.Kind.

  Returns:
    (dict, dict from an entry of it to a hf_names.Table, list of remarks).

  Raises:
    ValueError: it is of a model that cannot be converted.
  """
  model = hf_models.MODELS[model_type]
  theirs = lambda name: model.entries.get(name, name)
  taken = {theirs(name): value for name, value in model.defaults.items()
           if content.get(theirs(name)) is None}
  content = dict(content, **taken)
  for name, right in (("position_embedding_type", "absolute"),
                      ("is_decoder", False), ("inner_group_num", 1)):
    if content.get(name, right) != right:
      raise ValueError("%s: %s is %r; only %r is supported" % (
          path, name, content[name], right))
  sizes = {name: json_files.member(path, content, theirs(name), int)
           for name, value in model.defaults.items() if type(value) is int}
  tables = _tables(path, content, model.rows, sizes)
  sizes.update((name, len(table.rows)) for name, table in tables.items())
  act = content[theirs("hidden_act")]
  if act not in list(_ACTIVATIONS):
    raise ValueError("%s: %s is %r; should be one of %s" % (
        path, theirs("hidden_act"), act, ", ".join(_ACTIVATIONS)))
  if model_type == "albert" and sizes["embedding_size"] == sizes["hidden_size"]:
    raise ValueError("%s: embedding_size is hidden_size, %d; such an ALBERT has no "
                     "embedding_hidden_mapping_in in Google's format" % (
                         path, sizes["hidden_size"]))
  kept = {name: content[theirs(name)] for name in (
      "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range",
      "layer_norm_eps") if content.get(theirs(name)) is not None}
  act = _ACTIVATIONS[act]
  if (model_type, act) == ("electra", "gelu"):
    # In Google's ELECTRA, "gelu" is the erf form.
    act = "gelu_new"
  remarks = ["not in %s, so as transformers takes it: %s" % (path, ", ".join(
      "%s %s" % item for item in sorted(taken.items())))] * bool(taken)
  return dict(sizes, model_type=model.architecture, hidden_act=act, **dict(
      kept, **model.constants)), tables, [*remarks, *model.remarks]


def _tables(path, content, rows, sizes):
  """The tables that have other rows here: dict as of convert_config.

  Args:
    path, content: as of convert_config.
    rows: dict, as of hf_models.Model.
    sizes: dict of int, what config.json has.
  """
  if not rows:
    return {}
  pad_id = content.get("pad_token_id")
  # As transformers takes it.
  pad_id = 1 if pad_id is None else json_files.member(
      path, content, "pad_token_id", int)
  tables = {name: hf_names.Table(sizes[name], rows_of(sizes[name], pad_id))
            for name, rows_of in rows.items()}
  if pad_id < 0 or not all(table.rows for table in tables.values()):
    raise ValueError("%s: pad_token_id is %d, and max_position_embeddings %d; a "
                     "text's positions begin after that of padding" % (
                         path, pad_id, sizes["max_position_embeddings"]))
  return tables


def tokenizer_entries(path, kind):
  """What bert_config.json says of the tokenizer: dict.

  Args:
    path: str, names the folder in messages.
    kind: hf_kind.Kind.

  Raises:
    ValueError: run_squad.py would refuse it.
  """
  if kind.vocabulary.name != hf_vocab.VOCAB_NAME:
    return {}
  entries = {"max_input_chars_per_word": kind.max_chars}
  if kind.vocabulary.added_tokens:
    entries["added_tokens"] = [
        dict(token._asdict()) for token in kind.vocabulary.added_tokens]
  tokenizer_settings.read(path, entries, kind.vocabulary.entries)
  return entries


def match(path, config, tables, kind):
  """Pairs Google's variables with a model's tensors.

  Args:
    path: str, the folder, for messages.
    config, tables: as convert_config returns them.
    kind: hf_kind.Kind.

  Returns:
    (list of (hf_names.Variable, safetensors_file.Tensor or, of a variable that
    Hugging Face's model does not have, None), list of remarks).

  Raises:
    ValueError: a tensor is missing, or unknown within the encoder, has another
      shape than config.json says, or is not of a type for weights.
  """
  spellings = {
      full: names for full, names in hf_names.in_full(
          kind.tensors, kind.model_type).items() if not hf_names.is_unused(full)}
  variables = hf_names.variables(
      kind.model_type, config, kind.with_head, tables)
  wanted = {variable.hf for variable in variables if variable.hf}
  # Where something is lacking, they may be that under another name.
  others = [full for full in spellings if wanted <= set(spellings)
            and hf_names.is_other_head(full, kind.model_type)]
  held = {full: kind.tensors[hf_names.newest(names)]
          for full, names in spellings.items() if full not in others}
  remarks = ["%s: %s" % (what, json_files.count_ids(sorted(names), "tensor"))
             for what, names in (
                 ("not used, because of another head", others),
                 ("what a wrapper put into the names is taken off", [
                     name for full in held for name in spellings[full]
                     if hf_names.WRAPPERS.search(name)]),
                 ("there twice, in the old spelling with gamma or beta, too, which "
                  "is not used, as transformers does",
                  [full for full in held if len(spellings[full]) > 1])) if names]
  problems = [
      "%s %s" % (problem, json_files.count_ids(sorted(names), "tensor"))
      for problem, names in (("lacks", wanted - set(held)),
                             ("also has", set(held) - wanted)) if names]
  if problems:
    raise ValueError("%s: its model %s; is its config.json of another model?" % (
        path, ", and ".join(problems)))
  pairs = [(variable, held.get(variable.hf)) for variable in variables]
  for variable, tensor in pairs:
    if tensor:
      _check_tensor(path, variable, tensor)
  return pairs, remarks


def _check_tensor(path, variable, tensor):
  """Raises ValueError if a tensor cannot be that variable."""
  shape = variable.shape[::-1] if variable.transposed else variable.shape
  if variable.table:
    shape = [variable.table.length] + shape[1:]
  if tensor.shape != shape:
    raise ValueError("%s: %s has shape %s, but should have %s according to "
                     "config.json" % (path, variable.hf, tensor.shape, shape))
  if tensor.dtype not in safetensors_file.FLOATS:
    raise ValueError(
        "%s: %s has dtype %s, but a weight should have one of %s; if the model is "
        "quantized, take the one that it was made from" % (
            path, variable.hf, tensor.dtype, ", ".join(safetensors_file.FLOATS)))


def load(path, variable, tensor):
  """Reads a tensor, or makes one of zeros, as Google's checkpoints have it; raises
  ValueError, with the path of the folder, if a number in it is not finite."""
  if not tensor:
    return np.zeros(variable.shape, np.float32)
  values = np.asarray(tensor.read(), np.float32)
  if variable.table:
    values = values[list(variable.table.rows)]
  if not np.isfinite(values).all():
    raise ValueError("%s: %s has NaN or infinite numbers" % (path, variable.hf))
  return values.T if variable.transposed else values


def write_checkpoint(folder, values):
  """Writes model.ckpt-0 and the file `checkpoint`.

  Args:
    folder: str.
    values: dict from a variable's name to an array.

  Raises:
    ValueError: it cannot be written.
  """
  import tensorflow.compat.v1 as tf
  names = sorted(values)
  with tf.Graph().as_default(), tf.Session() as session:
    inputs = [tf.placeholder(values[name].dtype) for name in names]
    save = tf.raw_ops.SaveV2(
        prefix=os.path.join(folder, "model.ckpt-0"), tensor_names=names,
        shape_and_slices=[""] * len(names), tensors=inputs)
    try:
      session.run(save, {i: values[name] for i, name in zip(inputs, names)})
    except tf.errors.OpError as error:
      raise ValueError("%s: cannot be written: %s" % (
          folder, path_checks.describe(error))) from error
  # It says that it is deprecated.
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.train.update_checkpoint_state(folder, "model.ckpt-0")


def next_command(out, config, with_head, flags):
  """The command that uses the converted model: str; flags: list of str."""
  quoted = shlex.quote(out)
  length = config["max_position_embeddings"]
  flags = flags + ["--max_seq_length=%d" % length] * (length < 512)
  if length < 256:
    # The defaults, 64 and 128, would leave no room for a passage.
    flags += ["--max_query_length=%d" % (length // 4),
              "--doc_stride=%d" % (length // 4)]
  if with_head:
    return "BERT_DIR=%s MODEL_OUTPUT_DIR=%s LAYERS=0-%d bash decode_squad.sh %s" % (
        quoted, quoted, config["num_hidden_layers"] - 1, " ".join(flags))
  return ("BERT_DIR=%s MODEL_OUTPUT_DIR=%s-squad bash train_squad.sh "
          "--init_checkpoint=%s %s" % (
              quoted, quoted, os.path.join(quoted, "model.ckpt-0"),
              " ".join(flags)))


def run(arguments):
  """Reads and checks everything, then writes, or compares. Raises OSError and
  ValueError."""
  source, out = arguments.hf_folder, arguments.output_folder.rstrip("/")
  path_checks.check_input_folder("HF_FOLDER", source, "a folder with a config.json")
  path_checks.check_flag("OUTPUT_FOLDER", out)
  if files.is_remote(out):
    raise ValueError("OUTPUT_FOLDER=%s: should be a local folder; copy it there "
                     "afterwards" % out)
  work = verify if arguments.verify else convert
  # No word from TensorFlow about the CPU.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  if arguments.verify:
    path_checks.check_input_folder("OUTPUT_FOLDER", out, "what convert_hf wrote")
  elif os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
    raise ValueError("OUTPUT_FOLDER=%s is there already; should be a new or empty "
                     "folder" % out)
  kind = hf_kind.read(source, arguments.allow_other_tokenizer)
  print(kind.line)
  config, tables, remarks = convert_config(
      os.path.join(source, "config.json"), kind.config, kind.model_type)
  config.update(tokenizer_entries(source, kind))
  if kind.vocabulary.size > config["vocab_size"]:
    raise ValueError(
        "%s: the vocabulary has %d entries, but vocab_size is %d in config.json; "
        "is it of another model?" % (
            source, kind.vocabulary.size, config["vocab_size"]))
  pairs, more = match(source, config, tables, kind)
  work(source, out, kind, config, pairs, [*remarks, *more, *kind.remarks])


def convert(source, out, kind, config, pairs, remarks):
  """Writes OUTPUT_FOLDER, and says what it is and what to do with it.

  Args:
    source, out: str, the paths of HF_FOLDER and OUTPUT_FOLDER.
    kind: hf_kind.Kind.
    config: dict, what bert_config.json is to have.
    pairs: as `match` returns them.
    remarks: list of str.
  """
  write(source, out, config, kind.vocabulary, pairs)
  print("%s: %d variables, %s" % (out, len(pairs), (
      "with answer head: it can be decoded" if kind.with_head
      else "without answer head: train one first")))
  print(kind.casing.line)
  if config["type_vocab_size"] == 1:
    remarks = remarks + [data_checks.ONE_SEGMENT]
  for line in remarks:
    print("remark: %s" % line)
  flags = list(kind.casing.flags)
  if kind.vocabulary.name in _FILE_FLAGS:
    flags.append("--%s=%s" % (_FILE_FLAGS[kind.vocabulary.name], shlex.quote(
        os.path.join(out, kind.vocabulary.name))))
  print("next: %s" % next_command(out, config, kind.with_head, flags))


def verify(source, out, kind, config, pairs, _):
  """Compares OUTPUT_FOLDER with transformers; arguments as of `convert`."""
  from attention_zones.weights import hf_verify
  if not kind.with_head:
    raise ValueError("%s has no answer head, of which --verify compares the logits"
                     % source)
  hf_verify.packages()
  hf_verify.check_files(source, out, config, kind.vocabulary, (
      (variable.google, load(source, variable, tensor))
      for variable, tensor in pairs))
  # It is what is compared, and the one part of the root that the package imports.
  import run_squad
  length = min(config["max_position_embeddings"], hf_verify.LENGTH)
  settings = {} if kind.casing.lower_case is None else {
      "do_lower_case": kind.casing.lower_case, "allow_case_mismatch": True}
  converted = run_squad.load_model(
      out, max_seq_length=length, max_query_length=length // 4,
      doc_stride=length // 4, **settings)
  for line in hf_verify.compare(
      hf_verify.load(source, kind.model_type), kind.model_type, converted, length):
    print("%s: %s" % (out, line))


def write(source, out, config, vocabulary, pairs):
  """Writes OUTPUT_FOLDER, completely or not at all.

  Args:
    source: str, the path of HF_FOLDER, for messages.
    out: str, its path.
    config: dict, what bert_config.json is to have.
    vocabulary: hf_vocab.Vocabulary.
    pairs: as `match` returns them.
  """
  target = os.path.realpath(out)
  parent = os.path.dirname(target)
  os.makedirs(parent, exist_ok=True)
  with tempfile.TemporaryDirectory(prefix=".convert_hf.", dir=parent) as temporary:
    folder = os.path.join(temporary, "model")
    os.mkdir(folder)
    values = {variable.google: load(source, variable, tensor)
              for variable, tensor in pairs}
    write_checkpoint(folder, dict(values, global_step=np.int64(0)))
    files.write_text(os.path.join(folder, "bert_config.json"), [
        json.dumps(config, indent=2, sort_keys=True) + "\n"])
    with open(os.path.join(folder, vocabulary.name), "wb") as f:
      f.write(vocabulary.content)
    os.rename(folder, target)


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      prog="python -m attention_zones.convert_hf",
      description="Converts a model of Hugging Face to Google's checkpoint format.")
  parser.add_argument("--verify", action="store_true",
                      help="compare the logits of OUTPUT_FOLDER, which was made "
                      "before, with transformers'; needs torch and transformers")
  parser.add_argument("hf_folder", metavar="HF_FOLDER",
                      help="config.json, model.safetensors, vocab.txt")
  parser.add_argument("output_folder", metavar="OUTPUT_FOLDER", help="a new folder")
  parser.add_argument("--allow_other_tokenizer", action="store_true",
                      help="convert a model whose tokenizer is not BERT's, too")
  return parser.parse_args(argv)


main = commands.main("attention_zones.convert_hf", parse_arguments, run)

if __name__ == "__main__":
  commands.run(main)
