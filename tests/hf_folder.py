"""Writes models in Hugging Face's format, from weights under Google's names."""

import json

import numpy as np

from attention_zones import convert_hf
from attention_zones.weights import hf_models
from attention_zones.weights import hf_names
import bert_reference
import modeling
import tiny_model

TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I8": np.int8}
# Sizes that BERT does not have.
SIZES = {"electra": {"embedding_size": 6, "num_hidden_groups": 2}}
SIZES["albert"] = SIZES["electra"]


def write_safetensors(path, tensors, dtype="F32", form="pt"):
  """Writes a file as the format's description has it.

  Args:
    path: pathlib.Path.
    tensors: dict from name to array.
    dtype: str, of all of them: "BF16" or one of TYPES; or a dict from the names of
      those that are not "F32".
    form: str, the format in the metadata.
  """
  header, data = {"__metadata__": {"format": form}}, b""
  for name, tensor in tensors.items():
    kind = dtype.get(name, "F32") if isinstance(dtype, dict) else dtype
    if kind == "BF16":
      # The upper half of the bits of a float32, cut off.
      values = (np.float32(tensor).view(np.uint32) >> 16).astype(np.uint16)
    else:
      values = np.asarray(tensor, TYPES[kind])
    content = values.tobytes()
    header[name] = {"dtype": kind, "shape": list(np.shape(tensor)),
                    "data_offsets": [len(data), len(data) + len(content)]}
    data += content
  text = json.dumps(header).encode("utf-8")
  path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def config_of(model_type="bert", architecture="ForQuestionAnswering", **more):
  """A config.json, dict, of a model as large as tiny_model's."""
  model = hf_models.MODELS[model_type]
  sizes = dict(tiny_model.CONFIG, **SIZES.get(model_type, {}))
  return dict({model.entries.get(name, name): value
               for name, value in sizes.items() if name not in model.constants},
              model_type=model_type, architectures=[model.stem + architecture],
              **more)


def tensors_of(config, with_head=True):
  """Random tensors: (dict by Google's names, dict by Hugging Face's)."""
  model_type = config["model_type"]
  ours, _ = convert_hf.convert_config("config.json", config, model_type)
  weights = bert_reference.weights_of(modeling.BertConfig.from_dict(ours))
  variables = hf_names.variables(model_type, ours, with_head)
  weights = {v.google: weights[v.google] if v.hf else np.zeros(v.shape, np.float32)
             for v in variables}
  return weights, {v.hf: np.ascontiguousarray(weights[v.google].T) if v.transposed
                   else weights[v.google] for v in variables if v.hf}


def write(folder, config, tensors, **options):
  """Writes config.json, model.safetensors and vocab.txt into a new folder."""
  folder.mkdir()
  (folder / "config.json").write_text(json.dumps(config))
  (folder / "vocab.txt").write_text("\n".join(tiny_model.VOCAB) + "\n")
  write_safetensors(folder / "model.safetensors", tensors, **options)
