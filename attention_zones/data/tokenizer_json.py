"""A tokenizer.json of Hugging Face: what version 0.13.3 of tokenizers makes of it.

The last version of the package for Python 3.7 reads later files after two changes,
and does not know everything in them.
"""

from attention_zones.base import json_files
from attention_zones.zones import layouts

# What version 0.13.3 knows, by the parts of the file.
_KNOWN = {
    "normalizer": (
        "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt",
        "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents"),
    "pre_tokenizer": (
        "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits",
        "Metaspace", "Punctuation", "Sequence", "Split", "UnicodeScripts",
        "Whitespace", "WhitespaceSplit"),
    "model": ("BPE", "Unigram", "WordLevel", "WordPiece")}
# Where a Sequence has its parts.
_WITHIN = ("normalizers", "pretokenizers", "processors")
# What would change a passage, or its pieces from one time to the next.
_SWITCHED_OFF = (
    ("truncation", "it would cut passages"),
    ("padding", "windows are padded here"),
    ("dropout", "it would cut words by chance"))
_PAD_TOKENS = ("<pad>", "[PAD]")


def adapt(name, settings):
  """Makes a file one that version 0.13.3 reads as its own version does.

  Args:
    name: str, names the file in messages.
    settings: the file's content, any value as the json module gives it.

  Returns:
    (dict, list of str): the content, to be written or to be read; lines about what
    was switched off.

  Raises:
    ValueError: it is no tokenizer.json, or has what version 0.13.3 cannot express.
  """
  model = settings.get("model") if isinstance(settings, dict) else None
  if not isinstance(model, dict) or not isinstance(
      model.get("vocab"), (dict, list)):
    raise ValueError("%s is %s; should be a tokenizer.json, which has a 'model' "
                     "with a 'vocab'" % (name, "another JSON file" if isinstance(
                         settings, (dict, list)) else json_files.excerpt(settings)))
  settings = dict(settings, model=_adapt_model(name, model))
  for part in _KNOWN:
    for component in components(settings.get(part)):
      kind = component.get("type")
      if kind not in _KNOWN[part]:
        _refuse(name, "a %s of type %s" % (part, json_files.excerpt(kind)))
  settings["pre_tokenizer"] = _adapt_pre_tokenizer(
      name, settings.get("pre_tokenizer"))
  remarks = []
  for holder in (settings, settings["model"]):
    for setting, why in _SWITCHED_OFF:
      if holder.get(setting) is not None:
        holder[setting] = None
        remarks.append("%s: its %s is switched off: %s" % (name, setting, why))
  return settings, remarks


def components(part):
  """The components of a part of the file, those within a Sequence for it.

  Args:
    part: dict or None, the file's "pre_tokenizer" for example.

  Returns:
    list of dict.
  """
  if not isinstance(part, dict):
    return []
  within = [key for key in _WITHIN if isinstance(part.get(key), list)]
  if part.get("type") != "Sequence" or not within:
    return [part]
  return [found for one in part[within[0]] for found in components(one)]


def _refuse(name, what):
  raise ValueError(
      "%s has %s, which version 0.13.3 of the package tokenizers does not know; no "
      "model with it can be read here" % (name, what))


def _adapt_model(name, model):
  """The "model" of the file, with merges as version 0.13.3 writes them: dict."""
  kind = model.get("type") or (
      "BPE" if "merges" in model else "Unigram" if "unk_id" in model else
      "WordPiece")
  for key, kinds in (("ignore_merges", ("BPE",)), ("byte_fallback", ("Unigram",))):
    if model.get(key) and kind in kinds:
      _refuse(name, "a model of type %s with %s" % (kind, key))
  changed = dict(model, type=kind)
  if kind == "BPE":
    merges = json_files.member(name + ": model", model, "merges", list)
    pairs = [merge for merge in merges if not isinstance(merge, str)]
    if not all(isinstance(pair, list) and list(map(type, pair)) == [str, str]
               for pair in pairs):
      raise ValueError("%s: model: 'merges' should be pairs of pieces" % name)
    if any(" " in half for pair in pairs for half in pair):
      _refuse(name, "merges of pieces with spaces inside")
    changed["merges"] = [
        merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
  return changed


def _adapt_pre_tokenizer(name, part):
  """The "pre_tokenizer" of the file, with every Metaspace as version 0.13.3 has it.
  """
  if not isinstance(part, dict):
    return part
  changed = dict(part)
  for key in _WITHIN:
    if isinstance(part.get(key), list):
      changed[key] = [_adapt_pre_tokenizer(name, one) for one in part[key]]
  if part.get("type") == "Metaspace":
    scheme = part.get("prepend_scheme", "always")
    if scheme not in ("always", "never"):
      _refuse(name, "a Metaspace with prepend_scheme %s" %
              json_files.excerpt(scheme))
    if not part.get("split", True):
      _refuse(name, "a Metaspace with split false")
    changed.setdefault("add_prefix_space", scheme == "always")
  return changed


def pad_id(name, settings, vocab):
  """The id that windows are padded with, by the file: int.

  Args:
    name: str, names the file in messages.
    settings: dict, the content of the file as it was.
    vocab: dict from token to id.

  Raises:
    ValueError: the file names no token for padding.
  """
  padding = settings.get("padding")
  if isinstance(padding, dict):
    return json_files.member(name + ": padding", padding, "pad_id", int)
  for token in _PAD_TOKENS:
    if token in vocab:
      return vocab[token]
  raise ValueError("%s has no token for padding: should have a 'padding' with a "
                   "'pad_id', or a token %s" % (name, " or ".join(_PAD_TOKENS)))


def around(name, settings):
  """The special tokens around question and passage, by the file's post_processor.

  Args:
    name: str, names the file in messages.
    settings: dict, the content of the file.

  Returns:
    (before, between, after): three lists of (token, id), str and int, before the
    question, between it and the passage, and after that.

  Raises:
    ValueError: the post_processor does not put them there.
  """
  readers = {"TemplateProcessing": _of_template, "BertProcessing": _of_bert,
             "RobertaProcessing": _of_roberta}
  where = name + ": post_processor"
  found = [readers[component["type"]](where, component)
           for component in components(settings.get("post_processor"))
           if str(component.get("type")) in readers]
  if len(found) != 1 or not (found[0][0] and found[0][1]):
    raise ValueError(
        "%s puts no special tokens before and after a question; should be one of "
        "%s, or a Sequence with one" % (where, ", ".join(sorted(readers))))
  return found[0]


def _of_bert(where, processor):
  cls, sep = (_special(where, processor, key) for key in ("cls", "sep"))
  return [cls], [sep], [sep]


def _of_roberta(where, processor):
  (first, end, _) = _of_bert(where, processor)
  return first, end + end, end


def _special(where, processor, key):
  """A member like ["</s>", 2] of a post_processor: (str, int)."""
  pair = json_files.member(where, processor, key, list)
  if [type(value) for value in pair] != [str, int]:
    raise ValueError("%s: %r should be a token and its id" % (where, key))
  return tuple(pair)


def _of_template(where, processor):
  """As `around`, of a TemplateProcessing, whose "pair" may be in another order."""
  specials = json_files.member(where, processor, "special_tokens", dict)
  parts, order = [[]], []
  for item in json_files.member(where, processor, "pair", list):
    if isinstance(item, dict) and "Sequence" in item:
      order.append(json_files.member(
          where, json_files.member(where, item, "Sequence", dict), "id", str))
      parts.append([])
    else:
      special = json_files.member(
          where, json_files.member(where, item, "SpecialToken", dict), "id", str)
      special = json_files.member(where, specials, special, dict)
      tokens = json_files.member(where, special, "tokens", list)
      parts[-1] += zip(map(str, tokens), json_files.member(
          where, special, "ids", list))
  if order != ["A", "B"]:
    raise ValueError("%s: its pair is %s; should be A, the question, and then B, "
                     "the passage" % (where, ", ".join(order) or "without texts"))
  return parts


def unknown_id(name, settings, vocab):
  """The id of what is no piece, by the file.

  Args:
    name: str, names the file in messages.
    settings: dict, the content of the file after `adapt`.
    vocab: dict from token to id.

  Returns:
    int; None in a BPE without it, which leaves out what is no piece.

  Raises:
    ValueError: there is none, so that a text could not be cut.
  """
  model = settings["model"]
  is_unigram = model["type"] == "Unigram"
  said = model.get("unk_id" if is_unigram else "unk_token")
  found = said if is_unigram else vocab.get(str(said))
  if found is None and not (said is None and model["type"] == "BPE"):
    raise ValueError("%s: model: the unknown piece is %s, which the vocabulary "
                     "does not have" % (name, json_files.excerpt(said)))
  return found


def layout_of(name, settings, vocab):
  """Where question and passage stand, by the file.

  Args:
    name: str, names the file in messages.
    settings: dict, the content of the file as it was.
    vocab: dict from token to id.

  Returns:
    (layouts.Layout, three lists of str): the tokens as of `around`.

  Raises:
    ValueError: as of `around` and `pad_id`; or such a token has another id in the
      vocabulary, or none.
  """
  parts = around(name, settings)
  for token, index in (special for part in parts for special in part):
    if vocab.get(token) != index:
      raise ValueError("%s: %r has id %s in the post_processor, and %s in the "
                       "vocabulary; should be the same" % (
                           name, token, index, vocab.get(token)))
  return layouts.Layout(*map(len, parts), pad_id=pad_id(name, settings, vocab)), [
      [token for token, _ in part] for part in parts]
