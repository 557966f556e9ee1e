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

# Google's name of a part, Hugging Face's, and its shape; [one number]: a LayerNorm.
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


def variables(model_type, config, with_head):
  """Lists the variables of a model.

  Args:
    model_type: str, "bert", "electra" or "albert".
    config: dict of int, the sizes in its config.json.
    with_head: bool, whether it has the answer head.

  Returns:
    list of Variable.
  """
  sizes = {"H": config["hidden_size"], "I": config["intermediate_size"],
           "E": config["hidden_size"] if model_type == "bert"
           else config["embedding_size"]}
  parts = [("embeddings/LayerNorm", "embeddings.LayerNorm", "E")]
  if model_type == "electra" and sizes["E"] != sizes["H"]:
    parts.append(("embeddings_project", "embeddings_project", "EH"))
  if model_type == "albert":
    name = "embedding_hidden_mapping_in"
    parts.append(("encoder/" + name, "encoder." + name, "EH"))
    layers = [("encoder/transformer/group_%d/inner_group_0/" % i,
               "encoder.albert_layer_groups.%d.albert_layers.0." % i)
              for i in range(config["num_hidden_groups"])]
  else:
    layers = [("encoder/layer_%d/" % i, "encoder.layer.%d." % i)
              for i in range(config["num_hidden_layers"])]
  of_layer = _ALBERT_LAYER if model_type == "albert" else _BERT_LAYER
  parts += [(google + part, hf + other, shape) for google, hf in layers
            for part, other, shape in of_layer]
  scope = ("electra/" if model_type == "electra" else "bert/", model_type + ".")
  found = _tables(scope, config, sizes["E"])
  for google, hf, shape in parts:
    found += _weight_and_bias(
        scope[0] + google, scope[1] + hf, [sizes[letter] for letter in shape])
  if with_head:
    found += [Variable("cls/squad/output_weights", "qa_outputs.weight",
                       [2, sizes["H"]], False),
              Variable("cls/squad/output_bias", "qa_outputs.bias", [2], False)]
  return found


def _tables(scope, config, width):
  """The tables of embeddings: list of Variable."""
  return [Variable(scope[0] + "embeddings/" + name,
                   scope[1] + "embeddings.%s.weight" % name,
                   [config[entries], width], False)
          for name, entries in (("word_embeddings", "vocab_size"),
                                ("position_embeddings", "max_position_embeddings"),
                                ("token_type_embeddings", "type_vocab_size"))]


def _weight_and_bias(google, hf, shape):
  """The two variables of a dense layer, or of a LayerNorm: list of Variable."""
  is_norm = len(shape) == 1
  return [Variable(google + ("/gamma" if is_norm else "/kernel"), hf + ".weight",
                   shape, not is_norm),
          Variable(google + ("/beta" if is_norm else "/bias"), hf + ".bias",
                   shape[-1:], False)]


def in_full(name, names, model_type):
  """The name that a tensor has in a model with a head, in today's spelling.

  Args:
    name: str, as the file has it: an encoder's lack the prefix "bert.", and old
      files say LayerNorm.gamma for LayerNorm.weight.
    names: collection of all names in the file.
    model_type: str, as for `variables`.
  """
  prefix = model_type + "."
  if not any(other.startswith(prefix) for other in names):
    name = prefix + name
  return re.sub(r"(LayerNorm)\.gamma$", r"\1.weight",
                re.sub(r"(LayerNorm)\.beta$", r"\1.bias", name))


def is_unused(name, with_head):
  """Whether a tensor, named as in_full names it, has no place in our model."""
  return bool(_UNUSED.search(name)
              or not with_head and re.match(_HEADS, name))
