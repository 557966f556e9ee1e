"""Converts a model of Hugging Face's transformers to Google's checkpoint format.

    python -m attention_zones.convert_hf HF_FOLDER OUTPUT_FOLDER

HF_FOLDER has config.json, model.safetensors (or several, and their
model.safetensors.index.json), and vocab.txt or tokenizer.json, or spiece.model of
an ALBERT. OUTPUT_FOLDER gets model.ckpt-0.*, checkpoint, bert_config.json, and
vocab.txt or spiece.model.
"""

from attention_zones import interrupts

if __name__ == "__main__":
  interrupts.install("attention_zones.convert_hf")  # Before TensorFlow's import.

import argparse
import json
import os
import shlex
import sys
import tempfile

import numpy as np

from attention_zones import checked_json
from attention_zones import files
from attention_zones import hf_names
from attention_zones import hf_vocab
from attention_zones import path_checks
from attention_zones import safetensors_file

_MODEL_TYPES = {"bert": "Bert", "electra": "Electra", "albert": "Albert"}
_ENCODERS = ("Model", "ForPreTraining", "ForMaskedLM")
_ANSWERING = "ForQuestionAnswering"
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
          "intermediate_size", "max_position_embeddings", "type_vocab_size")
_MORE_SIZES = {"bert": (), "electra": ("embedding_size",),
               "albert": ("embedding_size", "num_hidden_groups")}
# Hugging Face's "gelu" is the erf form, Google's the tanh form.
_ACTIVATIONS = {"gelu": "gelu_erf", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu",
                "relu": "relu"}
_WEIGHTS = "model.safetensors"


def read_config(path):
  """Reads a config.json.

  Args:
    path: str.

  Returns:
    (dict, bool): the entries of our bert_config.json; whether the model has an
    answer head.

  Raises:
    OSError: it cannot be read.
    ValueError: it is of a model that cannot be converted.
  """
  content = checked_json.load(path)
  model_type, with_head = _architecture(path, content)
  for name, right in (("position_embedding_type", "absolute"),
                      ("is_decoder", False), ("inner_group_num", 1)):
    if content.get(name, right) != right:
      raise ValueError("%s: %s is %r; only %r is supported" % (
          path, name, content[name], right))
  sizes = {name: checked_json.member(path, content, name, int)
           for name in _SIZES + _MORE_SIZES[model_type]}
  act = content.get("hidden_act")
  if act not in list(_ACTIVATIONS):
    raise ValueError("%s: hidden_act is %r; should be one of %s" % (
        path, act, ", ".join(_ACTIVATIONS)))
  if model_type == "albert" and sizes["embedding_size"] == sizes["hidden_size"]:
    raise ValueError("%s: embedding_size is hidden_size, %d; such an ALBERT has no "
                     "embedding_hidden_mapping_in in Google's format" % (
                         path, sizes["hidden_size"]))
  kept = {name: content[name] for name in (
      "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range",
      "layer_norm_eps") if name in content}
  act = _ACTIVATIONS[act]
  if (model_type, act) == ("electra", "gelu"):
    # In Google's ELECTRA, "gelu" is the erf form.
    act = "gelu_new"
  return dict(sizes, model_type=model_type, hidden_act=act, **kept), with_head


def _architecture(path, content):
  """What a config.json is of: (model_type, whether the model has an answer head).
  """
  model_type = checked_json.member(path, content, "model_type", str)
  names = checked_json.member(path, content, "architectures", list)
  if model_type not in _MODEL_TYPES:
    raise ValueError(
        "%s: model_type is %r, architectures %s; should be one of %s" % (
            path, model_type, json.dumps(names), ", ".join(_MODEL_TYPES)))
  known = [_MODEL_TYPES[model_type] + end for end in (_ANSWERING,) + _ENCODERS]
  if len(names) != 1 or names[0] not in known:
    raise ValueError("%s: architectures is %s; should be one of %s" % (
        path, json.dumps(names), ", ".join(known)))
  return model_type, names[0] == known[0]


def read_tensors(folder):
  """Finds the tensors of a model.

  Args:
    folder: str.

  Returns:
    dict from a name to a function that reads the tensor, of all files.

  Raises:
    OSError: a file cannot be read.
    ValueError: there are none, or they are truncated or damaged.
  """
  path = os.path.join(folder, _WEIGHTS)
  if files.exists(path):
    return safetensors_file.read(path)
  index = path + ".index.json"
  if not files.exists(index):
    others = [name for name in files.list_folder(folder)
              if name.endswith((".bin", ".h5", ".msgpack"))]
    raise ValueError("%s has no %s%s" % (folder, _WEIGHTS, others and (
        ", only %s, which is not read; save it with save_pretrained(..., "
        "safe_serialization=True)" % others[0]) or ""))
  held = checked_json.member(index, checked_json.load(index), "weight_map", dict)
  shards = {}
  for name in held:
    shard = checked_json.member(index + ": weight_map", held, name, str)
    if shard not in shards:
      shards[shard] = safetensors_file.read(
          os.path.join(folder, os.path.basename(shard)))
    if name not in shards[shard]:
      raise ValueError("%s says that %s has %r, but it does not" % (
          index, shard, name))
  return {name: shards[shard][name] for name, shard in held.items()}


def match(path, config, with_head, tensors):
  """Pairs Google's variables with a model's tensors.

  Args:
    path: str, the folder, for messages.
    config, with_head: as read_config returns them.
    tensors: dict, as read_tensors returns it.

  Returns:
    list of (hf_names.Variable, function that reads the tensor).

  Raises:
    ValueError: a tensor is missing or unknown.
  """
  held = {}
  for name, read in tensors.items():
    full = hf_names.in_full(name, tensors, config["model_type"])
    if not hf_names.is_unused(full, with_head):
      held[full] = read
  variables = hf_names.variables(config["model_type"], config, with_head)
  wanted = {variable.hf for variable in variables}
  for problem, names in (("lacks", wanted - set(held)),
                         ("also has", set(held) - wanted)):
    if names:
      raise ValueError("%s: its model %s %s; is its config.json of another "
                       "model?" % (path, problem, checked_json.count_ids(
                           sorted(names), "tensor")))
  return [(variable, held[variable.hf]) for variable in variables]


def load(variable, read):
  """Reads a tensor as Google's checkpoints have it; raises ValueError if it has
  another shape than config.json says, or numbers that are not finite."""
  tensor = np.asarray(read(), np.float32)
  shape = variable.shape[::-1] if variable.transposed else variable.shape
  if list(tensor.shape) != shape:
    raise ValueError("%s has shape %s, but should have %s according to "
                     "config.json" % (variable.hf, list(tensor.shape), shape))
  if not np.isfinite(tensor).all():
    raise ValueError("%s has NaN or infinite numbers" % variable.hf)
  return tensor.T if variable.transposed else tensor


def write_checkpoint(folder, values):
  """Writes model.ckpt-0 and the file `checkpoint`.

  Args:
    folder: str.
    values: dict from a variable's name to an array.

  Raises:
    ValueError: it cannot be written.
  """
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
  files.write_text(os.path.join(folder, "checkpoint"), [
      'model_checkpoint_path: "model.ckpt-0"\n'
      'all_model_checkpoint_paths: "model.ckpt-0"\n'])


def next_command(out, config, with_head, flags):
  """The command that uses the converted model: str; flags: list of str."""
  quoted = shlex.quote(out)
  length = config["max_position_embeddings"]
  flags = flags + ["--max_seq_length=%d" % length] * (length < 512)
  if with_head:
    return "BERT_DIR=%s MODEL_OUTPUT_DIR=%s LAYERS=0-%d bash decode_squad.sh %s" % (
        quoted, quoted, config["num_hidden_layers"] - 1, " ".join(flags))
  return ("BERT_DIR=%s MODEL_OUTPUT_DIR=%s-squad bash train_squad.sh "
          "--init_checkpoint=%s %s" % (
              quoted, quoted, os.path.join(quoted, "model.ckpt-0"),
              " ".join(flags)))


def run(arguments):
  """Reads and checks everything, then writes. Raises OSError and ValueError."""
  source, out = arguments.hf_folder, arguments.output_folder.rstrip("/")
  path_checks.check_input_folder("HF_FOLDER", source, "a folder with a config.json")
  path_checks.check_flag("OUTPUT_FOLDER", out)
  if files.is_remote(out):
    raise ValueError("OUTPUT_FOLDER=%s: should be a local folder; copy it there "
                     "afterwards" % out)
  if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
    raise ValueError("OUTPUT_FOLDER=%s is there already; should be a new or empty "
                     "folder" % out)
  config, with_head = read_config(os.path.join(source, "config.json"))
  vocabulary = hf_vocab.read(source, config["model_type"])
  if vocabulary.size > config["vocab_size"]:
    raise ValueError(
        "%s: the vocabulary has %d entries, but vocab_size is %d in config.json; "
        "is it of another model?" % (
            source, vocabulary.size, config["vocab_size"]))
  lower, why = hf_vocab.lower_case(source, vocabulary.entries)
  tensors = match(source, config, with_head, read_tensors(source))
  target = os.path.realpath(out)
  parent = os.path.dirname(target)
  os.makedirs(parent, exist_ok=True)
  with tempfile.TemporaryDirectory(prefix=".convert_hf.", dir=parent) as temporary:
    # Renamed at the end, so that OUTPUT_FOLDER is whole or not there.
    folder = os.path.join(temporary, "model")
    os.mkdir(folder)
    values = {variable.google: load(variable, read)
              for variable, read in tensors}
    write_checkpoint(folder, dict(values, global_step=np.int64(0)))
    files.write_text(os.path.join(folder, "bert_config.json"), [
        json.dumps(config, indent=2, sort_keys=True) + "\n"])
    with open(os.path.join(folder, vocabulary.name), "wb") as f:
      f.write(vocabulary.content)
    os.rename(folder, target)
  print("%s: %d variables, %s" % (out, len(tensors), (
      "with answer head: it can be decoded" if with_head
      else "without answer head: train one first")))
  print("--do_lower_case=%s (%s)" % (lower, why))
  for line in hf_vocab.remarks(source, lower, vocabulary.name):
    print("remark: %s" % line)
  flags = ["--do_lower_case=%s" % lower]
  if vocabulary.name == hf_vocab.SPM_NAME:
    flags.append("--spm_model_file=%s" % shlex.quote(
        os.path.join(out, vocabulary.name)))
  print("next: %s" % next_command(out, config, with_head, flags))


def main(argv=None):
  """Runs the command line; returns the exit status."""
  parser = argparse.ArgumentParser(
      prog="python -m attention_zones.convert_hf",
      description="Converts a model of Hugging Face to Google's checkpoint format.")
  parser.add_argument("hf_folder", metavar="HF_FOLDER",
                      help="config.json, model.safetensors, vocab.txt")
  parser.add_argument("output_folder", metavar="OUTPUT_FOLDER", help="a new folder")
  arguments = parser.parse_args(argv)
  try:
    run(arguments)
  except BrokenPipeError:
    raise
  except (OSError, ValueError) as error:
    print("attention_zones.convert_hf: %s" % path_checks.describe(error),
          file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  interrupts.run(main)
