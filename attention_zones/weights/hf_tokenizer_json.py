"""Makes a tokenizer.json one that version 0.13.3 of the package tokenizers reads.

It is the last version for Python 3.7. Later ones write some things otherwise, and
can do what it cannot; that is refused, since it would be left out without a word.
"""

from attention_zones.base import json_files

VERSION = "0.13.3"
# What this version knows, by the parts of the file. The decoder is not used here.
_KNOWN = {
    "normalizer": (
        "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt",
        "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents"),
    "pre_tokenizer": (
        "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits",
        "Metaspace", "Punctuation", "Sequence", "Split", "UnicodeScripts",
        "Whitespace", "WhitespaceSplit"),
    "post_processor": ("BertProcessing", "ByteLevel", "RobertaProcessing",
                       "Sequence", "TemplateProcessing"),
    "model": ("BPE", "Unigram", "WordLevel", "WordPiece")}
# Where a Sequence has its components.
_WITHIN = ("normalizers", "pretokenizers", "processors")
# Settings of a component that it does not know, and the value that changes nothing.
_MEANS_NOTHING = {
    "BPE": {"ignore_merges": (False,)}, "Unigram": {"byte_fallback": (False,)},
    "Metaspace": {"split": (True,), "prepend_scheme": ("always", "never")}}


def adapt(path, content):
  """Rewrites the content of a tokenizer.json.

  Args:
    path: str, names the file in messages.
    content: any value as the json module gives it.

  Returns:
    (dict, list of str): the new content, which cuts no text and pads none; a line
    for each setting that would have done so.

  Raises:
    ValueError: it is no tokenizer.json, or has what this version cannot express.
  """
  model = json_files.member(path, content, "model", dict)
  adapted = dict(content, model=_component(path, "model", model), decoder=None)
  for part in ("normalizer", "pre_tokenizer", "post_processor"):
    adapted[part] = _component(path, part, content.get(part))
  remarks = []
  for holder, setting, why in (
      (adapted, "truncation", "it would cut passages"),
      (adapted, "padding", "windows are padded here"),
      (adapted["model"], "dropout", "it would split words by chance")):
    if holder.get(setting):
      remarks.append("%s: %s is taken out, since %s" % (path, setting, why))
    if setting in holder:
      holder[setting] = None
  return adapted, remarks


def vocabulary(path, content):
  """Lists the tokens of a tokenizer.json, those added to it among them.

  Args:
    path, content: as of `adapt`, which must not have refused them.

  Returns:
    dict from id to str.

  Raises:
    ValueError: an entry is no token with an id.
  """
  vocab = content["model"].get("vocab")
  if isinstance(vocab, list):  # Of Unigram, [["<s>", -1.5], ...].
    if not all(isinstance(pair, list) and pair and isinstance(pair[0], str)
               for pair in vocab):
      raise ValueError("%s: its vocab should have a token and its score in each "
                       "entry" % path)
    found = {index: pair[0] for index, pair in enumerate(vocab)}
  else:
    vocab = json_files.member(path + ": model", content["model"], "vocab", dict)
    found = {json_files.member(path + ": vocab", vocab, token, int): token
             for token in vocab}
  where = path + ": added_tokens"
  for token in content.get("added_tokens") or []:
    found[json_files.member(where, token, "id", int)] = json_files.member(
        where, token, "content", str)
  return found


def _component(path, part, component):
  """Rewrites a component, and those within it: dict, None if there is none."""
  if component is None:
    return None
  if part == "model" and "type" not in component:
    # As files of versions before 0.10 are.
    component = dict(component, type="BPE" if "merges" in component else (
        "Unigram" if "unk_id" in component else "WordPiece"))
  kind = json_files.member("%s: %s" % (path, part), component, "type", str)
  if kind not in _KNOWN[part]:
    raise _beyond(path, "%s %s" % (part, kind))
  for setting, values in _MEANS_NOTHING.get(kind, {}).items():
    if component.get(setting, values[0]) not in values:
      raise _beyond(path, "%s with %s %s" % (
          kind, setting, json_files.excerpt(component[setting])))
  changed = dict(component)
  if kind == "Metaspace":
    changed.setdefault("add_prefix_space",
                       component.get("prepend_scheme") != "never")
  if kind == "BPE":
    changed["merges"] = [_merge(path, merge) for merge in json_files.member(
        path + ": model", component, "merges", list)]
  for key in _WITHIN:
    if key in component:
      changed[key] = [_component(path, part, one) for one in json_files.member(
          "%s: %s" % (path, part), component, key, list)]
  return changed


def _merge(path, merge):
  """A merge of BPE as "a b", whether it is that or ["a", "b"]."""
  halves = merge.split(" ") if isinstance(merge, str) else merge
  if not isinstance(halves, list) or len(halves) != 2 or not all(
      isinstance(half, str) and half and " " not in half for half in halves):
    raise _beyond(path, "the merge %s" % (
        json_files.excerpt(merge) if isinstance(merge, str) else "of pieces with "
        "spaces inside"))
  return " ".join(halves)


def _beyond(path, what):
  return ValueError("%s has %s, which version %s of the package tokenizers does "
                    "not know; such a model is not converted" % (
                        path, what, VERSION))
