"""Google's and Hugging Face's names of the variables of BERT, ELECTRA and ALBERT.

Both have the same numbers. Only the kernels of dense layers are transposed.

Dimensions: V = vocabulary, P = positions, T = segments, E = width of the
embeddings, H = hidden size, I = intermediate size.
"""

import collections
import re

Variable = collections.namedtuple(
    "Variable", ["google", "hf", "shape", "transposed"])
Variable.__doc__ = """A variable of a model.

Attributes:
  google: str, its name in Google's checkpoints.
  hf: str, its name in Hugging Face's.
  shape: list of int, in Google's.
  transposed: bool, whether Hugging Face's is the transpose.
"""

# The heads of pre-training, which a plain encoder is published with.
_HEADS = (r"cls\.(predictions|seq_relationship)\.|predictions\.|sop_classifier\.|"
          r"discriminator_predictions\.|generator_(predictions|lm_head)\.")
_UNUSED = re.compile(r"embeddings\.(position|token_type)_ids$|(^|\.)pooler\b")

# What DataParallel, torch.compile, FSDP, checkpointing and Lightning put before the
# names of the model that they wrap, or of a part of it.
WRAPPERS = re.compile(
    r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|"
    r"_checkpoint_wrapped_module|model)\.")
_OF_ENCODER = re.compile(r"(embeddings|embeddings_project|encoder|pooler)\.")
_OLD_ENDS = ((re.compile(r"((?:LayerNorm|layer_norm)\.)gamma$"), r"\1weight"),
             (re.compile(r"((?:LayerNorm|layer_norm)\.)beta$"), r"\1bias"))

# Google's name of a part, Hugging Face's, and its shape. [one number]: a LayerNorm;
# a first letter of V, P or T: a table of embeddings; others are dense layers.
_EMBEDDINGS = (
    ("embeddings/word_embeddings", "embeddings.word_embeddings", "VE"),
    ("embeddings/position_embeddings", "embeddings.position_embeddings", "PE"),
    ("embeddings/token_type_embeddings", "embeddings.token_type_embeddings", "TE"),
    ("embeddings/LayerNorm", "embeddings.LayerNorm", "E"))
_BERT_LAYER = (
    ("attention/self/query", "attention.self.query", "HH"),
    ("attention/self/key", "attention.self.key", "HH"),
    ("attention/self/value", "attention.self.value", "HH"),
    ("attention/output/dense", "attention.output.dense", "HH"),
    ("attention/output/LayerNorm", "attention.output.LayerNorm", "H"),
    ("intermediate/dense", "intermediate.dense", "HI"),
    ("output/dense", "output.dense", "IH"),
    ("output/LayerNorm", "output.LayerNorm", "H"))
_ALBERT_LAYER = (
    ("attention_1/self/query", "attention.query", "HH"),
    ("attention_1/self/key", "attention.key", "HH"),
    ("attention_1/self/value", "attention.value", "HH"),
    ("attention_1/output/dense", "attention.dense", "HH"),
    ("LayerNorm", "attention.LayerNorm", "H"),
    ("ffn_1/intermediate/dense", "ffn", "HI"),
    ("ffn_1/intermediate/output/dense", "ffn_output", "IH"),
    ("LayerNorm_1", "full_layer_layer_norm", "H"))

# What stands before the names of a model, and of a layer of it; what a layer has;
# which entry of config.json counts the layers with variables of their own; and the
# layer that makes embeddings as wide as the layers, where they are not.
_MODELS = {"bert": {
    "model": ("bert/", "bert."),
    "layer": ("encoder/layer_%d/", "encoder.layer.%d."),
    "parts": _BERT_LAYER, "layers": "num_hidden_layers", "projection": None}}
_MODELS["electra"] = dict(
    _MODELS["bert"], model=("electra/", "electra."),
    projection=("embeddings_project", "embeddings_project", "EH"))
_MODELS["albert"] = {
    "model": ("bert/", "albert."),
    "layer": ("encoder/transformer/group_%d/inner_group_0/",
              "encoder.albert_layer_groups.%d.albert_layers.0."),
    "parts": _ALBERT_LAYER, "layers": "num_hidden_groups",
    "projection": ("encoder/embedding_hidden_mapping_in",
                   "encoder.embedding_hidden_mapping_in", "EH")}


def variables(model_type, config, with_head):
  """Lists the variables of a model.

  Args:
    model_type: str, "bert", "electra" or "albert".
    config: dict of int, the sizes in its config.json.
    with_head: bool, whether it has the answer head.

  Returns:
    list of Variable.
  """
  model = _MODELS[model_type]
  sizes = {"V": config["vocab_size"], "P": config["max_position_embeddings"],
           "T": config["type_vocab_size"], "H": config["hidden_size"],
           "I": config["intermediate_size"], "E": config[
               "embedding_size" if model["projection"] else "hidden_size"]}
  parts = list(_EMBEDDINGS)
  if sizes["E"] != sizes["H"]:
    parts.append(model["projection"])
  parts += [(model["layer"][0] % i + google, model["layer"][1] % i + hf, shape)
            for i in range(config[model["layers"]])
            for google, hf, shape in model["parts"]]
  found = [variable for google, hf, shape in parts for variable in _of_part(
      model["model"][0] + google, model["model"][1] + hf, shape, sizes)]
  if with_head:
    found += [Variable("cls/squad/output_weights", "qa_outputs.weight",
                       [2, sizes["H"]], False),
              Variable("cls/squad/output_bias", "qa_outputs.bias", [2], False)]
  return found


def _of_part(google, hf, letters, sizes):
  """The one or two variables of a part: list of Variable."""
  shape = [sizes[letter] for letter in letters]
  if letters[0] in "VPT":
    return [Variable(google, hf + ".weight", shape, False)]
  is_norm = len(shape) == 1
  return [Variable(google + ("/gamma" if is_norm else "/kernel"), hf + ".weight",
                   shape, not is_norm),
          Variable(google + ("/beta" if is_norm else "/bias"), hf + ".bias",
                   shape[-1:], False)]


def in_full(names, model_type):
  """Finds today's spelling of the names in a file, as a model with a head has them.

  Args:
    names: collection of str, as the file has them: an encoder's lack the prefix
      "bert.", old files say LayerNorm.gamma for LayerNorm.weight, and programs that
      wrap a model leave their own names, as in module.bert.
    model_type: str, as for `variables`.

  Returns:
    dict from the name in full to a list of those in the file.
  """
  prefix = model_type + "."
  plain = {name: WRAPPERS.sub("", name) for name in names}
  is_bare = not any(name.startswith(prefix) for name in plain.values())
  found = {}
  for name, full in plain.items():
    if is_bare and _OF_ENCODER.match(full):
      full = prefix + full
    for old, new in _OLD_ENDS:
      full = old.sub(new, full)
    found.setdefault(full, []).append(name)
  return found


def newest(names):
  """The one of several names of the same tensor that is spelled as today.

  Raises:
    ValueError: there is none, or more than one.
  """
  new = [name for name in names
         if not any(old.search(name) for old, _ in _OLD_ENDS)]
  if len(names) > 1 and len(new) != 1:
    raise ValueError("%s are names of the same tensor; keep one" % " and ".join(
        map(repr, sorted(names))))
  return (new or names)[0]


def is_unused(name):
  """Whether a tensor, named as in_full names it, has no place in our model."""
  return bool(_UNUSED.search(name) or re.match(_HEADS, name))


def is_other_head(name, model_type):
  """Whether a tensor, named as in_full names it, is of a head for another task."""
  return not name.startswith((model_type + ".", "qa_outputs."))
