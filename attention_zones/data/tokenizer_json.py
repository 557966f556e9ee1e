"""A tokenizer.json of Hugging Face: what version 0.13.3 of tokenizers makes of it.

It is the last version of the package for Python 3.7. Later ones write some things
otherwise, and can do what it cannot; that is refused, since it would be left out
without a word.
"""

from attention_zones.base import json_files
from attention_zones.zones import layouts

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
    (dict, list of str): the content, to be written or to be read, without its
    decoder; lines about what was switched off.

  Raises:
    ValueError: it is no tokenizer.json, or has what version 0.13.3 cannot express.
  """
  model = settings.get("model") if isinstance(settings, dict) else None
  if not isinstance(model, dict) or not isinstance(
      model.get("vocab"), (dict, list)):
    raise ValueError("%s is %s; should be a tokenizer.json, which has a 'model' "
                     "with a 'vocab'" % (name, "another JSON file" if isinstance(
                         settings, (dict, list)) else json_files.excerpt(settings)))
  adapted = dict(settings, decoder=None, **{
      part: _component(name, part, settings.get(part)) for part in _KNOWN})
  remarks = []
  for holder in (adapted, adapted["model"]):
    for setting, why in _SWITCHED_OFF:
      if holder.get(setting) is not None:
        holder[setting] = None
        remarks.append("%s: its %s is switched off: %s" % (name, setting, why))
  return adapted, remarks


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


def _component(name, part, component):
  """Rewrites a component, and those within it: dict, None if there is none."""
  if component is None:
    return None
  if part == "model" and "type" not in component:
    # As files of versions before 0.10 are.
    component = dict(component, type="BPE" if "merges" in component else (
        "Unigram" if "unk_id" in component else "WordPiece"))
  kind = json_files.member("%s: %s" % (name, part), component, "type", str)
  if kind not in _KNOWN[part]:
    raise _beyond(name, "%s %s" % (part, kind))
  for setting, values in _MEANS_NOTHING.get(kind, {}).items():
    if component.get(setting, values[0]) not in values:
      raise _beyond(name, "%s with %s %s" % (
          kind, setting, json_files.excerpt(component[setting])))
  changed = dict(component)
  if kind == "Metaspace":
    changed.setdefault("add_prefix_space",
                       component.get("prepend_scheme") != "never")
  if kind == "BPE":
    changed["merges"] = [_merge(name, merge) for merge in json_files.member(
        name + ": model", component, "merges", list)]
  for key in _WITHIN:
    if key in component:
      changed[key] = [_component(name, part, one) for one in json_files.member(
          "%s: %s" % (name, part), component, key, list)]
  return changed


def _merge(name, merge):
  """A merge of BPE as "a b", whether it is that or ["a", "b"]."""
  halves = merge.split(" ") if isinstance(merge, str) else merge
  if not isinstance(halves, list) or len(halves) != 2 or not all(
      isinstance(half, str) and half and " " not in half for half in halves):
    raise _beyond(name, "the merge %s" % (
        json_files.excerpt(merge) if isinstance(merge, str) else "of pieces with "
        "spaces inside"))
  return " ".join(halves)


def _beyond(name, what):
  return ValueError("%s has %s, which version %s of the package tokenizers does "
                    "not know; no model with it can be read here" % (
                        name, what, VERSION))


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
