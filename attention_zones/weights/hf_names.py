"""Google's and Hugging Face's names of the variables of a model.

Both have the same numbers. Only the kernels of dense layers are transposed.
"""

import collections
import re

from attention_zones.weights import hf_models

Table = collections.namedtuple("Table", ["length", "rows"])
Table.__doc__ = """How many rows a table of Hugging Face has, int, and which of them
Google's has, a sequence of int."""

Variable = collections.namedtuple(
    "Variable", ["google", "hf", "shape", "transposed", "table"])
Variable.__doc__ = """A variable of a model.

Attributes:
  google: str, its name in Google's checkpoints.
  hf: str, its name in Hugging Face's; None if it has none, and is zeros.
  shape: list of int, in Google's.
  transposed: bool, whether Hugging Face's is the transpose.
  table: Table, of one that has other rows than Hugging Face's; else None.
"""

# The heads of pre-training, which a plain encoder is published with.
_HEADS = (r"cls\.(predictions|seq_relationship)\.|predictions\.|sop_classifier\.|"
          r"discriminator_predictions\.|generator_(predictions|lm_head)\.|"
          r"vocab_(transform|layer_norm|projector)\.|lm_head\.")
_UNUSED = re.compile(r"embeddings\.(position|token_type)_ids$|(^|\.)pooler\b")

# What DataParallel, torch.compile, FSDP, checkpointing and Lightning put before the
# names of the model that they wrap, or of a part of it.
WRAPPERS = re.compile(
    r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|"
    r"_checkpoint_wrapped_module|model)\.")
_OF_ENCODER = re.compile(
    r"(embeddings|embeddings_project|encoder|transformer|pooler)\.")
_OLD_ENDS = ((re.compile(r"((?:LayerNorm|layer_norm)\.)gamma$"), r"\1weight"),
             (re.compile(r"((?:LayerNorm|layer_norm)\.)beta$"), r"\1bias"))


def variables(model_type, config, with_head, tables):
  """Lists the variables of a model.

  Args:
    model_type: str, a key of hf_models.MODELS.
    config: dict of int, the sizes, as bert_config.json has them.
    with_head: bool, whether it has the answer head.
    tables: dict from an entry, the length of a table, to its Table.

  Returns:
    list of Variable.
  """
  model = hf_models.MODELS[model_type]
  sizes = {letter: config.get(entry)
           for letter, entry in hf_models.ENTRIES.items()}
  if not model.projection:
    sizes["E"] = sizes["H"]
  parts = list(model.embeddings)
  if sizes["E"] != sizes["H"]:
    parts.append(model.projection)
  parts += [(model.layer[0] % i + google, model.layer[1] % i + hf, shape)
            for i in range(config[model.layers])
            for google, hf, shape in model.parts]
  found = [variable for google, hf, shape in parts for variable in _of_part(
      model.model[0] + google, hf and model.model[1] + hf, shape, sizes,
      tables.get(hf_models.ENTRIES[shape[0]]))]
  if with_head:
    found += [Variable("cls/squad/output_weights", "qa_outputs.weight",
                       [2, sizes["H"]], False, None),
              Variable("cls/squad/output_bias", "qa_outputs.bias", [2], False,
                       None)]
  return found


def _of_part(google, hf, letters, sizes, table):
  """The one or two variables of a part: list of Variable."""
  shape = [sizes[letter] for letter in letters]
  if letters[1:] == "E":
    return [Variable(google, hf and hf + ".weight", shape, False, table)]
  is_norm = len(shape) == 1
  return [Variable(google + ("/gamma" if is_norm else "/kernel"), hf + ".weight",
                   shape, not is_norm, None),
          Variable(google + ("/beta" if is_norm else "/bias"), hf + ".bias",
                   shape[-1:], False, None)]


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
  prefix = hf_models.MODELS[model_type].model[1]
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
  prefix = hf_models.MODELS[model_type].model[1]
  return not name.startswith((prefix, "qa_outputs."))
