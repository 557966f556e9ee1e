"""What a folder of Hugging Face is: decided before anything of it is converted."""

import collections
import json
import os
import re
import unicodedata

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.data import data_checks
from attention_zones.weights import hf_files
from attention_zones.weights import hf_models
from attention_zones.weights import hf_vocab
from attention_zones.weights import safetensors_file
from attention_zones.weights import torch_file

# What follows the stem in the name of a class; of all but one the encoder is taken.
_CLASSES = r"(Model|LMHeadModel|For\w+)$"
_ANSWERING = "ForQuestionAnswering"
# A file of weights, what reads it, the first that is there; several have an index.
_WEIGHTS = (("model.safetensors", safetensors_file.read),
            ("pytorch_model.bin", torch_file.read))
_INDEX = ".index.json"

# Tokenizers that are BERT's, by the start of their class; and those of any kind, of
# which tokenizer.json says more.
_TOKENIZERS = {
    hf_vocab.VOCAB_NAME: ("Bert", "BertWordPiece", "Electra", "DistilBert",
                          "MobileBert", "SqueezeBert", "ConvBert", "LayoutLM",
                          "Lxmert"),
    hf_vocab.SPM_NAME: ("Albert",)}
_ANY_TOKENIZER = ("PreTrained", "TokenizersBackend")
# Tokens that windows are made with.
_TOKENS = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
# Settings with which words are others than BERT's, and the value of BERT's.
_OF_BERT = {
    "tokenizer_config.json": dict(
        _TOKENS, word_tokenizer_type="basic", subword_tokenizer_type="wordpiece",
        do_basic_tokenize=True, do_word_tokenize=True, do_subword_tokenize=True),
    "special_tokens_map.json": _TOKENS,
    "tokenizer.json": {
        "pre_tokenizer.type": "BertPreTokenizer", "model.unk_token": "[UNK]",
        "model.continuing_subword_prefix": "##"}}
_NORMALIZERS = ("BertNormalizer", "Lowercase", "NFD", "StripAccents", "Sequence")
_DEFAULT_CHARS = 100
_WRITERS = {"pt": "PyTorch", "tf": "TensorFlow", "flax": "Flax", "mlx": "MLX"}
# The ends of names of TensorFlow's and of Flax's.
_OTHER_NAMES = re.compile(r":0$|[./](kernel|embedding)$")

Kind = collections.namedtuple("Kind", [
    "config", "model_type", "with_head", "vocabulary", "max_chars", "casing",
    "tensors", "line", "remarks"])
Kind.__doc__ = """What a folder is.

Attributes:
  config: dict, its config.json.
  model_type: str, a key of hf_models.MODELS.
  with_head: bool, whether it has an answer head.
  vocabulary: hf_vocab.Vocabulary.
  max_chars: int, longer words are [UNK].
  casing: Casing.
  tensors: dict from name to safetensors_file.Tensor, of all files.
  line: str, all this in one line.
  remarks: list of str, in what the tokenizer here differs from the folder's.
"""

Casing = collections.namedtuple("Casing", ["lower_case", "line", "flags"])
Casing.__doc__ = """Whether text is lower-cased.

Attributes:
  lower_case: bool, the value of --do_lower_case; None where the tokenizer decides.
  line: str, that, and where it is from.
  flags: list of str, the flags of run_squad.py that say so.
"""
_OF_TOKENIZER = Casing(
    None, "--do_lower_case is not used: tokenizer.json says what becomes of "
    "capitals", [])


def read(folder, allow_other_tokenizer=False):
  """Finds out what a folder is.

  Args:
    folder: str.
    allow_other_tokenizer: bool, whether its tokenizer may be another than BERT's.

  Returns:
    Kind.

  Raises:
    OSError: a file cannot be read.
    ValueError: it is no model that can be converted.
  """
  folder = hf_files.Folder(folder)
  if not folder.has("config.json"):
    raise ValueError(
        "HF_FOLDER=%s has no config.json, only %s; should be a model folder of "
        "Hugging Face: config.json, model.safetensors, and vocab.txt or "
        "tokenizer.json. In a download it is snapshots/...; Google's "
        "bert_model.ckpt is read as it is: name its folder in BERT_DIR" % (
            folder.path,
            ", ".join(files.list_folder(folder.path)[:5]) or "nothing"))
  model_type, architecture = _architecture(folder)
  name, remarks = _tokenizer(
      folder, hf_vocab.name_in(folder, model_type), allow_other_tokenizer)
  vocabulary = hf_vocab.read(folder, model_type)
  casing = _OF_TOKENIZER if vocabulary.name == hf_vocab.TOKENIZER_NAME else (
      lower_case(folder, vocabulary))
  tensors, metadata = _tensors(folder)
  writer = _writer(folder, tensors, metadata)
  # A class that is not named right loses no head, and the other way round.
  with_head = architecture.endswith(_ANSWERING) or any(
      "qa_outputs." in name for name in tensors)
  line = "%s: %s (%s), %s answer head; %s, %s; written by %s" % (
      folder.path, model_type, architecture or "class not named",
      "with" if with_head else "without", name or "tokenizer not named",
      {None: "with tokenizer.json", True: "lower-cased", False: "cased"}[
          casing.lower_case], writer)
  max_chars = folder.find("tokenizer.json", "model", "max_input_chars_per_word")
  return Kind(
      folder.find("config.json"), model_type, with_head, vocabulary,
      _DEFAULT_CHARS if max_chars is None else max_chars, casing, tensors, line,
      remarks + vocabulary.remarks + (
          [] if casing is _OF_TOKENIZER else _tokenizer_remarks(
              folder, casing.lower_case, vocabulary.name)))


def _architecture(folder):
  """What a config.json is of: (model_type, name of the class or "")."""
  path = folder.path_of("config.json")
  given = folder.find("config.json", "model_type")
  names = folder.find("config.json", "architectures") or []
  names = [re.sub("^(TF|Flax)", "", str(name))
           for name in (names if isinstance(names, list) else [names])]
  models = hf_models.MODELS
  type_of = lambda name: next((
      model_type for model_type, model in models.items()
      if re.match(model.stem + _CLASSES, name)), None)
  model_type = given or next(filter(None, map(type_of, names)), None)
  if model_type in list(hf_models.REFUSED):
    raise ValueError("%s: model_type is %r, which has other layers than BERT: %s"
                     % (path, model_type, hf_models.REFUSED[model_type]))
  if model_type not in list(models) or not all(
      type_of(name) and models[type_of(name)].model == models[model_type].model
      for name in names):
    raise ValueError(
        "%s: model_type is %r, architectures %s; should be one of %s, as in %s"
        % (path, given, json.dumps(names), ", ".join(
            "%s (%s...)" % (name, model.stem) for name, model in models.items()),
           json.dumps([models.get(str(given), models["bert"]).stem + _ANSWERING])))
  return model_type, next(
      (name for name in names if name.endswith(_ANSWERING)), (names + [""])[0])


def _tokenizer(folder, vocabulary, is_allowed):
  """Finds the class of the tokenizer: (str or None, list of remarks).

  Args:
    folder: hf_files.Folder.
    vocabulary: str, as of hf_vocab.name_in.
    is_allowed: bool, whether it may be another than BERT's, with a remark.
  """
  name = (folder.find("tokenizer_config.json", "tokenizer_class")
          or folder.find("config.json", "tokenizer_class"))
  if vocabulary == hf_vocab.TOKENIZER_NAME:
    return name, []
  odd = []
  if name and not re.match("(%s)(Tokenizer|$)" % "|".join(
      _TOKENIZERS[vocabulary] + _ANY_TOKENIZER), str(name)):
    odd.append("tokenizer_class %s" % name)
  for file, settings in (
      _OF_BERT.items() if vocabulary == hf_vocab.VOCAB_NAME else ()):
    for key, right in settings.items():
      value = folder.find(file, *key.split("."))
      value = value.get("content") if isinstance(value, dict) else value
      if value not in (None, right):
        odd.append("%s %s" % (key, json.dumps(value)))
  if not odd:
    return name, []
  problem = "%s: its tokenizer is not the one here, which is %s's: %s" % (
      folder.path, "ALBERT" if vocabulary == hf_vocab.SPM_NAME else "BERT",
      ", ".join(odd))
  if not is_allowed:
    raise ValueError("%s; words would be split otherwise than in its training; "
                     "--allow_other_tokenizer converts it nevertheless" % problem)
  return name, [problem]


def _tensors(folder):
  """Finds the tensors of a model: (dict from name to safetensors_file.Tensor, the
  metadata of the first file).

  Raises:
    OSError: a file cannot be read.
    ValueError: there are none, or they are truncated or damaged.
  """
  for name, reader in _WEIGHTS:
    if folder.has(name):
      return reader(folder.path_of(name))
    if folder.has(name + _INDEX):
      return _shards(folder, name + _INDEX, reader)
  others = [name for name in files.list_folder(folder.path)
            if name.endswith((".safetensors", ".bin", ".h5", ".msgpack"))]
  raise ValueError(
      "%s has neither %s nor, of several files, their %s%s; save_pretrained(..., "
      "safe_serialization=True) writes them" % (
          folder.path, " nor ".join(name for name, _ in _WEIGHTS), _INDEX,
          ", only %s, which is not read" % ", ".join(others) if others else ""))


def _shards(folder, index_name, reader):
  """As _tensors, of several files, which an index names."""
  index = folder.path_of(index_name)
  held = json_files.member(index, folder.find(index_name), "weight_map", dict)
  shards = collections.OrderedDict()
  for name in held:
    shard = json_files.member(index + ": weight_map", held, name, str)
    if shard not in shards:
      shards[shard] = reader(folder.path_of(os.path.basename(shard)))
    if name not in shards[shard][0]:
      raise ValueError("%s says that %s has %r, but it does not" % (
          index, shard, name))
  return ({name: shards[shard][0][name] for name, shard in held.items()},
          next((metadata for _, metadata in shards.values()), {}))


def _writer(folder, tensors, metadata):
  """What wrote the folder, str; raises ValueError if tensors have other names than
  PyTorch's."""
  form = metadata.get("format")
  library = _WRITERS.get(form, form)
  other = next(filter(_OTHER_NAMES.search, sorted(tensors)), None)
  if other:
    raise ValueError(
        "%s: its tensors were written by %s (they have names like %r); should be "
        "as save_pretrained of a PyTorch model writes them (with TensorFlow "
        "installed, transformers 4 loads this folder into one)" % (folder.path, (
            "TensorFlow" if other.endswith(":0") else library
            or "TensorFlow or Flax"), other))
  version = folder.find("config.json", "transformers_version")
  return ", ".join(["transformers %s" % version] * bool(version)
                   + [str(library)] * bool(library)) or "a program not named"


def lower_case(folder, vocabulary):
  """Finds out whether text has to be lower-cased.

  What the tokenizer says holds, also of a cased vocabulary, which a fine-tuning
  may have read with lower-cased text. But with a lower-cased vocabulary and cased
  text, as bert-base-chinese has it, each word with a capital would be [UNK].

  Args:
    folder: hf_files.Folder.
    vocabulary: hf_vocab.Vocabulary.

  Returns:
    Casing.
  """
  says, source = _said_of_case(folder)
  why = "from %s" % source
  shown = data_checks.casing(vocabulary.entries)
  if says is None:
    added = {token.content for token in vocabulary.added_tokens}
    guess = data_checks.casing(
        [entry for entry in vocabulary.entries if entry not in added])
    # Lower-casing takes accents and Hangul apart: no text would have these entries.
    apart = not guess and any(unicodedata.normalize("NFD", entry) != entry
                              for entry in vocabulary.entries)
    says = guess != "cased" and not apart
    why = "a guess: the vocabulary " + (
        "is %s" % guess if guess
        else "has entries that lower-casing would take apart" if apart
        else "does not show it, so the default")
  elif (says, shown) == (False, "lower-cased"):
    says = True
    why = ("not False, as %s has it: the vocabulary is lower-cased, and words with "
           "a capital would be [UNK]" % source)
  flags = ["--do_lower_case=%s" % says]
  if (says, shown) == (True, "cased"):
    why += "; the vocabulary has cased entries"
    flags.append("--allow_case_mismatch=True")
  return Casing(says, "--do_lower_case=%s (%s)" % (says, why), flags)


def _said_of_case(folder):
  """What the files say: (bool, where it is from), both None if nothing."""
  name = "tokenizer_config.json"
  said = folder.find(name, "do_lower_case")
  if type(said) is bool:
    return said, folder.path_of(name)
  for part in _normalizers(folder):
    said = True if part.get("type") == "Lowercase" else part.get("lowercase")
    if type(said) is bool:
      return said, "the normalizer in %s" % folder.path_of("tokenizer.json")
  return None, None


def _normalizers(folder):
  """The parts of the normalizer in a tokenizer.json, from first to last: dicts."""
  found = []
  left = [folder.find("tokenizer.json", "normalizer")]
  while left:
    part = left.pop(0)
    if isinstance(part, dict):
      found.append(part)
      inner = part.get("normalizers")
      left = (inner if isinstance(inner, list) else []) + left
  return found


def _tokenizer_remarks(folder, lower, vocabulary):
  """Finds settings of the tokenizer that the one here does not follow.

  Args:
    folder: hf_files.Folder.
    lower: bool, the value of --do_lower_case.
    vocabulary: str, as of hf_vocab.name_in.

  Returns:
    list of str, a line for each.
  """
  parts = _normalizers(folder)
  settings = {}
  for part in parts + [folder.find("tokenizer_config.json")]:
    settings.update(part)
  if vocabulary == hf_vocab.SPM_NAME:
    found = [
        (True, "pieces are those of ALBERT's code; transformers' differ before a "
         "comma after a digit, and where two ` or ' are a quotation mark"),
        (settings.get("keep_accents") is True,
         "keep_accents=true, but accents are removed here")]
  else:
    other = [str(part["type"]) for part in parts
             if part.get("type") not in _NORMALIZERS + (None,)]
    found = [
        (settings.get("strip_accents") is (not lower),
         "strip_accents=%s, but accents are %s here with --do_lower_case=%s" % (
             json.dumps(not lower), "removed" if lower else "kept", lower)),
        # The former is tokenizer_config.json's, which transformers lets decide.
        (settings.get("tokenize_chinese_chars",
                      settings.get("handle_chinese_chars")) is False,
         "tokenize_chinese_chars=false, but each Chinese character is a word here"),
        (other, "tokenizer.json changes text with %s, which is not done here" %
         ", ".join(other))]
  return ["%s: %s" % (folder.path, line) for is_so, line in found if is_so]
