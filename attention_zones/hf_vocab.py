"""The vocabulary of a Hugging Face folder, and whether its text is lower-cased."""

import collections
import os

from attention_zones import checked_json
from attention_zones import data_checks
from attention_zones import files
from attention_zones import sentencepiece_tokenizer
from attention_zones import vocab_lines

VocabularyFile = collections.namedtuple("VocabularyFile", [
    "name", "content", "size", "entries"])
VocabularyFile.__doc__ = """The file of a vocabulary, as run_squad.py reads it.

Attributes:
  name: str, SPM_NAME or "vocab.txt".
  content: bytes.
  size: int, how many rows of word embeddings it needs.
  entries: list of str; [] for SentencePiece, whose case is not looked at.
"""

SPM_NAME = "spiece.model"


def read(folder, model_type):
  """Reads a vocabulary: of an ALBERT without vocab.txt, its SentencePiece model.

  Args:
    folder: str.
    model_type: str, "albert" for example.

  Returns:
    VocabularyFile.

  Raises:
    OSError: a file cannot be read.
    ValueError: there is none, or it is damaged.
  """
  path = os.path.join(folder, SPM_NAME)
  if model_type == "albert" and files.exists(path) and not files.exists(
      os.path.join(folder, "vocab.txt")):
    content = files.read_bytes(path)
    return VocabularyFile(SPM_NAME, content, sentencepiece_tokenizer.count_pieces(
        path, content), [])
  entries = load(folder)
  return VocabularyFile("vocab.txt", as_file(entries), vocab_lines.size(
      {entry: index for index, entry in enumerate(entries)}), entries)


def load(folder):
  """Reads a WordPiece vocabulary, from vocab.txt or tokenizer.json.

  Args:
    folder: str.

  Returns:
    list of str, the entry of each id.

  Raises:
    OSError: a file cannot be read.
    ValueError: there is no WordPiece vocabulary of BERT.
  """
  path = os.path.join(folder, "vocab.txt")
  if files.exists(path):
    content = files.read_bytes(path)
  else:
    path = os.path.join(folder, "tokenizer.json")
    if not files.exists(path):
      others = [name for name in files.list_folder(folder)
                if name.endswith(".model")]
      hint = "; %s may be of SentencePiece, which is read for ALBERT, as %s"
      raise ValueError(
          "%s has neither vocab.txt nor tokenizer.json, nor an ALBERT's %s%s" % (
              folder, SPM_NAME, hint % (others[0], SPM_NAME) if others else ""))
    # An entry with white space, U+2028 for example, matches no text, and could not
    # be read from the file that is written.
    content = as_file("" if any(map(str.isspace, entry)) else entry
                      for entry in _of_tokenizer(path))
  return vocab_lines.entries(path, content, vocab_lines.SPECIAL_TOKENS)


def as_file(entries):
  """The file of a vocabulary: bytes; entries: iterable of str."""
  return "".join(entry + "\n" for entry in entries).encode("utf-8")


def _of_tokenizer(path):
  """The vocabulary in a tokenizer.json: list of str."""
  content = checked_json.load(path)
  model = checked_json.member(path, content, "model", dict)
  kind = model.get("type", "WordPiece")
  if kind != "WordPiece":
    raise ValueError("%s: its model is of type %s; should be WordPiece%s" % (
        path, checked_json.excerpt(kind),
        ", or %s beside it, of an ALBERT" % SPM_NAME if kind == "Unigram" else ""))
  ids = dict(checked_json.member(path + ": model", model, "vocab", dict))
  for token in content.get("added_tokens") or []:
    where = path + ": added_tokens"
    ids.setdefault(checked_json.member(where, token, "content", str),
                   checked_json.member(where, token, "id", int))
  entries = sorted(ids, key=lambda entry: checked_json.member(
      path + ": vocab", ids, entry, int))
  for expected, entry in enumerate(entries):
    if ids[entry] != expected:
      raise ValueError("%s: %r has id %d, but no entry has id %d" % (
          path, entry, ids[entry], expected))
  return entries


def lower_case(folder, entries):
  """Finds out whether text has to be lower-cased.

  Args:
    folder: str.
    entries: list of str, as of VocabularyFile.

  Returns:
    (bool, str): the value of --do_lower_case, and in words where it is from.
  """
  path = os.path.join(folder, "tokenizer_config.json")
  if files.exists(path):
    settings = checked_json.load(path)
    if isinstance(settings, dict) and type(settings.get("do_lower_case")) is bool:
      return settings["do_lower_case"], "from %s" % path
  path = os.path.join(folder, "tokenizer.json")
  if files.exists(path):
    content = checked_json.load(path)
    found = _lowercase_of(content.get("normalizer")
                          if isinstance(content, dict) else None)
    if found is not None:
      return found, "from the normalizer in %s" % path
  shown = data_checks.casing(entries)
  if shown:
    return shown == "lower-cased", "a guess: the vocabulary is %s" % shown
  return True, "a guess: the vocabulary does not show it, so the default"


def remarks(folder, lower, name="vocab.txt"):
  """Finds settings of the tokenizer that the tokenizer here does not follow.

  Args:
    folder: str.
    lower: bool, the value of --do_lower_case.
    name: str, as of VocabularyFile.

  Returns:
    list of str, a line for each.
  """
  path = os.path.join(folder, "tokenizer_config.json")
  settings = checked_json.load(path) if files.exists(path) else None
  if not isinstance(settings, dict):
    settings = {}
  found = []
  if name == SPM_NAME:
    found.append("pieces are those of ALBERT's code; transformers' differ before a "
                 "comma after a digit, and where two ` or ' are a quotation mark")
    if settings.get("keep_accents") is True:
      found.append("%s has keep_accents=true, but accents are removed here" % path)
    return found
  if lower and settings.get("strip_accents") is False:
    found.append("%s has strip_accents=false, but accents are removed here with "
                 "--do_lower_case=True" % path)
  if settings.get("tokenize_chinese_chars") is False:
    found.append("%s has tokenize_chinese_chars=false, but each Chinese character "
                 "is a word here" % path)
  return found


def _lowercase_of(normalizer):
  """What a normalizer of a tokenizer.json says: bool, or None for nothing."""
  if not isinstance(normalizer, dict):
    return None
  if normalizer.get("type") == "Lowercase":
    return True
  parts = normalizer.get("normalizers")
  found = [_lowercase_of(part) for part in parts] if isinstance(
      parts, list) else [normalizer.get("lowercase")]
  return next((value for value in found if type(value) is bool), None)
