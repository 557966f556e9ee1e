"""The vocabulary of a Hugging Face folder, with the added tokens."""

import collections
import json
import string
import unicodedata

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.data import tokenizer_json
from attention_zones.data import sentencepiece_tokenizer
from attention_zones.data.tokenizer_settings import AddedToken
from attention_zones.data import vocab_lines
from attention_zones.weights import hf_models

VOCAB_NAME = "vocab.txt"
SPM_NAME = "spiece.model"
TOKENIZER_NAME = "tokenizer.json"
# Of BERT's code, in which they are found in no text, and of the first vocabularies.
_OWN = vocab_lines.SPECIAL_TOKENS + ("[MASK]", "<S>", "<T>")

Vocabulary = collections.namedtuple("Vocabulary", [
    "name", "content", "size", "entries", "added_tokens", "remarks"])
Vocabulary.__doc__ = """A vocabulary, as run_squad.py reads it.

Attributes:
  name: str, SPM_NAME, VOCAB_NAME or TOKENIZER_NAME.
  content: bytes, its file.
  size: int, how many rows of word embeddings it needs.
  entries: list of str.
  added_tokens: list of tokenizer_settings.AddedToken.
  remarks: list of str, lines about entries that are not used.
"""


def name_in(folder, model_type):
  """The name of the file that a vocabulary becomes: TOKENIZER_NAME of RoBERTa's
  kind, SPM_NAME of an ALBERT that has it and no vocab.txt, else VOCAB_NAME."""
  if hf_models.MODELS[model_type].has_tokenizer:
    return TOKENIZER_NAME
  return SPM_NAME if (
      model_type == "albert" and folder.has(SPM_NAME)
      and not folder.has(VOCAB_NAME)) else VOCAB_NAME


def read(folder, model_type):
  """Reads a vocabulary.

  Args:
    folder: hf_files.Folder.
    model_type: str, "albert" for example.

  Returns:
    Vocabulary.

  Raises:
    OSError: a file cannot be read.
    ValueError: there is none, or it is damaged.
  """
  name = name_in(folder, model_type)
  if name == TOKENIZER_NAME:
    return _of_tokenizer(folder)
  added = _added_tokens(folder)
  if name == SPM_NAME:
    path = folder.path_of(name)
    content = files.read_bytes(path)
    pieces = sentencepiece_tokenizer.pieces_of(path, content)
    lacking = sorted(token.content for _, _, token in added
                     if token.content not in pieces)
    return Vocabulary(name, content, len(pieces), pieces, [], lacking and [
        "not used: %s, added to %s" % (
            json_files.count_ids(lacking, "token"), name)])
  path, by_id = _entries(folder)
  for where, index, token in added:
    if by_id.setdefault(index, token.content) != token.content:
      raise ValueError("%s: %r has id %d, but %s has %r there" % (
          where, token.content, index, path, by_id[index]))
  for expected, index in enumerate(sorted(by_id)):
    if index != expected:
      raise ValueError("%s: %r has id %d, but no entry has id %d" % (
          path, by_id[index], index, expected))
  # An entry with white space, U+2028 for example, matches no text, and could not be
  # read from the file that is written.
  content = "".join("%s\n" % ("" if _has_space(by_id[index]) else by_id[index])
                    for index in range(len(by_id))).encode("utf-8")
  entries = vocab_lines.entries(path, content, vocab_lines.SPECIAL_TOKENS)
  found = [token for _, _, token in added if token.content not in _OWN]
  used = [token for token in found if not _has_space(token.content)]
  return Vocabulary(name, content, vocab_lines.size(
      {entry: index for index, entry in enumerate(entries)}), entries, used,
                    _other_entries(folder, path, entries)
                    + _remarks(path, entries, found, used))


def _of_tokenizer(folder):
  """A tokenizer.json as a Vocabulary."""
  path = folder.path_of(TOKENIZER_NAME)
  if not folder.has(TOKENIZER_NAME):
    raise ValueError(
        "%s has no tokenizer.json; where transformers is installed, AutoTokenizer."
        "from_pretrained reads the folder, and save_pretrained writes it" % (
            folder.path))
  content, remarks = tokenizer_json.adapt(path, folder.find(TOKENIZER_NAME))
  by_id = _tokens(path, content)
  # Refuses here what run_squad.py would refuse.
  tokenizer_json.layout_of(path, content, {
      token: index for index, token in by_id.items()})
  return Vocabulary(
      TOKENIZER_NAME, json.dumps(content, ensure_ascii=False).encode("utf-8"),
      max(by_id, default=-1) + 1, list(by_id.values()), [], remarks)


def _tokens(path, content):
  """Lists the tokens of a tokenizer.json, those added to it among them.

  Args:
    path: str, names the file in messages.
    content: dict, as of tokenizer_json.adapt.

  Returns:
    dict from id to str.

  Raises:
    ValueError: an entry is no token with an id.
  """
  vocab = content["model"]["vocab"]
  if isinstance(vocab, list):  # Of Unigram, [["<s>", -1.5], ...].
    if not all(isinstance(pair, list) and pair and isinstance(pair[0], str)
               for pair in vocab):
      raise ValueError("%s: its vocab should have a token and its score in each "
                       "entry" % path)
    found = {index: pair[0] for index, pair in enumerate(vocab)}
  else:
    found = {json_files.member(path + ": vocab", vocab, token, int): token
             for token in vocab}
  where = path + ": added_tokens"
  for token in content.get("added_tokens") or []:
    found[json_files.member(where, token, "id", int)] = json_files.member(
        where, token, "content", str)
  return found


def _entries(folder):
  """Reads vocab.txt or tokenizer.json: (path, dict from id to str)."""
  path = folder.path_of(VOCAB_NAME)
  if folder.has(VOCAB_NAME):
    return path, dict(enumerate(vocab_lines.entries(path, files.read_bytes(path))))
  path = folder.path_of("tokenizer.json")
  if not folder.has("tokenizer.json"):
    raise ValueError("%s has neither vocab.txt nor tokenizer.json, nor is it an "
                     "ALBERT with %s" % (folder.path, SPM_NAME))
  model = json_files.member(path, folder.find("tokenizer.json"), "model", dict)
  kind = model.get("type", "WordPiece")
  if kind != "WordPiece":
    raise ValueError("%s: its model is of type %s; should be WordPiece, or %s "
                     "beside it, of an ALBERT" % (
                         path, json_files.excerpt(kind), SPM_NAME))
  vocab = json_files.member(path + ": model", model, "vocab", dict)
  by_id = {json_files.member(path + ": vocab", vocab, entry, int): entry
           for entry in vocab}
  twice = [entry for entry in vocab if by_id[vocab[entry]] != entry]
  if twice:
    raise ValueError("%s: %r and %r have the same id, %d" % (
        path, twice[0], by_id[vocab[twice[0]]], vocab[twice[0]]))
  return path, by_id


def _added_tokens(folder):
  """Lists the tokens that were added to a vocabulary, BERT's own among them.

  tokenizer.json has them, tokenizer_config.json of later slow tokenizers, and
  added_tokens.json of earlier ones.

  Returns:
    list of (where it is said, id, AddedToken).
  """
  name = "tokenizer.json"
  said = [(folder.path_of(name) + ": added_tokens", None, entry)
          for entry in folder.find(name, "added_tokens") or []]
  name = "tokenizer_config.json"
  said += [(folder.path_of(name) + ": added_tokens_decoder",
            json_files.as_whole_number(index), entry) for index, entry in (
                folder.find(name, "added_tokens_decoder") or {}).items()]
  name = "added_tokens.json"
  said += [(folder.path_of(name), index, {"content": content})
           for content, index in folder.find(name).items()]
  found = collections.OrderedDict()
  for where, index, entry in said:
    content = json_files.member(where, entry, "content", str)
    index = json_files.member(where, {
        content: entry.get("id") if index is None else index}, content, int)
    if content:
      found.setdefault(content, (where, index, AddedToken(
          content, entry.get("normalized", not entry.get("special")) is True,
          entry.get("single_word") is True)))
  return list(found.values())


def _other_entries(folder, path, entries):
  """Says that tokenizer.json has another vocabulary than vocab.txt: list of str."""
  vocab = folder.find("tokenizer.json", "model", "vocab")
  ids = dict(zip(entries, range(len(entries))))
  other = [entry for entry, index in vocab.items()
           if not _has_space(entry) and ids.get(entry) != index] if isinstance(
               vocab, dict) else []
  return other and ["%s is taken, but tokenizer.json gives others, %s; without "
                    "vocab.txt, tokenizer.json is taken" % (
                        path, json_files.count_ids(other))]


def _remarks(path, entries, found, used):
  """Says which entries are never given: list of str."""
  lines = []
  spaced = [token.content for token in found if token not in used]
  if spaced:
    lines.append("%s: not used, because of white space inside: %s" % (
        path, json_files.count_ids(spaced, "token")))
  added = {token.content for token in used}
  odd = [entry for entry in entries
         if _is_never_given(entry) and entry not in added]
  if odd:
    lines.append("%s has %s with punctuation inside, which word pieces never give; "
                 "no file says that these are added tokens, so texts with them are "
                 "split" % (path, json_files.count_ids(odd, "token")))
  return lines


def _is_never_given(entry):
  """Whether BERT's tokenizer splits an entry, though it is no special one."""
  marks = [character in string.punctuation
           or unicodedata.category(character).startswith("P")
           for character in entry]
  return (any(marks) and any(map(str.isalnum, entry)) and not entry.startswith("##")
          and not entry.lower().startswith("[unused") and entry not in _OWN)


def _has_space(entry):
  return any(map(str.isspace, entry))
