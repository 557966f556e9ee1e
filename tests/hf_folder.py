"""Writes models in Hugging Face's format, from weights under Google's names."""

import json

import numpy as np

from attention_zones import convert_hf
from attention_zones.data import hf_tokenizer
from attention_zones.weights import hf_models
from attention_zones.weights import hf_names
import bert_reference
import modeling
import tiny_model
import tokenization

TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I8": np.int8}
# Sizes that BERT does not have.
SIZES = {"electra": {"embedding_size": 6, "num_hidden_groups": 2}}
SIZES["albert"] = SIZES["electra"]
# RoBERTa's kind of tokenizer.json, as today's transformers write it.
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
         "use_regex": True}
TOKENIZER = {
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 512,
                   "strategy": "LongestFirst", "stride": 0},
    "padding": None,
    "added_tokens": [
        {"id": index, "content": content, "single_word": False,
         "lstrip": content == "<mask>", "rstrip": False, "normalized": False,
         "special": True} for index, content in enumerate((
             "<s>", "<pad>", "</s>", "<unk>", "<mask>"))],
    "normalizer": None, "pre_tokenizer": BYTES, "decoder": BYTES,
    "post_processor": {
        "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
        "trim_offsets": True, "add_prefix_space": False},
    "model": {
        "type": "BPE", "dropout": None, "unk_token": None,
        "continuing_subword_prefix": "", "end_of_word_suffix": "",
        "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5,
                  "n": 6, "\u0120": 7, "an": 8, "\u0120an": 9},
        "merges": [["a", "n"], ["\u0120", "an"]]}}


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
  ours, tables, _ = convert_hf.convert_config("config.json", config, model_type)
  weights = bert_reference.weights_of(modeling.BertConfig.from_dict(ours))
  variables = hf_names.variables(model_type, ours, with_head, tables)
  weights = {v.google: weights[v.google] if v.hf else np.zeros(v.shape, np.float32)
             for v in variables}
  tensors = {v.hf: np.ascontiguousarray(weights[v.google].T) if v.transposed
             else weights[v.google] for v in variables if v.hf}
  for v in variables:
    if v.table:
      tensors[v.hf] = np.random.RandomState(1).randn(
          v.table.length, v.shape[1]).astype(np.float32)
      weights[v.google] = tensors[v.hf][list(v.table.rows)]
  return weights, tensors


def write(folder, config, tensors, **options):
  """Writes config.json, model.safetensors and a vocabulary into a new folder."""
  folder.mkdir()
  (folder / "config.json").write_text(json.dumps(config))
  write_vocabulary(folder, config["model_type"])
  write_safetensors(folder / "model.safetensors", tensors, **options)


def write_vocabulary(folder, model_type):
  """Writes vocab.txt or tokenizer.json, whichever a model has, into a folder."""
  if hf_models.MODELS[model_type].has_tokenizer:
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
  else:
    (folder / "vocab.txt").write_text("\n".join(tiny_model.VOCAB) + "\n")


def tokenizer_of(folder, kind):
  """The tokenizer here of a folder that convert_hf wrote."""
  if hf_models.MODELS[kind].has_tokenizer:
    return hf_tokenizer.load(str(folder / "tokenizer.json"))
  return tokenization.FullTokenizer(tokenization.load_vocab(
      str(folder / "vocab.txt"), tokenization.SPECIAL_TOKENS), True)
