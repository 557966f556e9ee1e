"""What a bert_config.json says of the tokenizer; convert_hf.py writes it there.

    "max_input_chars_per_word": 100,
    "added_tokens": [
      {"content": "[abstract]", "normalized": true, "single_word": false}]
"""

import collections
import re

from attention_zones.base import json_files

AddedToken = collections.namedtuple(
    "AddedToken", ["content", "normalized", "single_word"])
AddedToken.__doc__ = """A token that is found in a text before words are.

Attributes:
  content: str, an entry of the vocabulary without white space.
  normalized: bool, whether it is found in capitals, too, when text is lower-cased.
  single_word: bool, whether it is no part of a word.
"""


def read(path, config, vocab):
  """Reads the settings.

  Args:
    path: str, names the file in messages.
    config: dict, the entries of a bert_config.json.
    vocab: dict from token to id.

  Returns:
    dict of arguments for tokenization.FullTokenizer; those of which the file says
    nothing are left out.

  Raises:
    ValueError: an entry has an impossible value.
  """
  settings = {}
  name = "max_input_chars_per_word"
  if name in config:
    settings[name] = json_files.member(path, config, name, int)
    if settings[name] < 1:
      raise ValueError("%s: %s is %d; should be above 0" % (
          path, name, settings[name]))
  name = "added_tokens"
  if name in config:
    where = "%s: %s" % (path, name)
    settings[name] = [AddedToken(
        json_files.member(where, token, "content", str),
        json_files.member(where, token, "normalized", bool),
        json_files.member(where, token, "single_word", bool))
                      for token in json_files.member(path, config, name, list)]
    for token in settings[name]:
      if not token.content or token.content not in vocab:
        raise ValueError("%s: the vocabulary has no %r; is it of another model?" % (
            where, token.content))
  return settings


class Splitter:
  """Splits a text at added tokens, as tokenizers of Hugging Face do.

  Of two that begin at one place, the one that is found as it is comes first, then
  the longer one.

  Args:
    tokens: iterable of AddedToken.
    do_lower_case: bool.
  """

  def __init__(self, tokens, do_lower_case):
    self._tokens = sorted(tokens, key=lambda token: (
        token.normalized, -len(token.content)))
    self._pattern = re.compile("|".join(
        _pattern(token, do_lower_case) for token in self._tokens))

  def parts(self, text):
    """Splits a text, str: list of (start, end, content of the token there, or None
    where there is none)."""
    parts, end = [], 0
    for match in self._pattern.finditer(text) if self._tokens else ():
      parts.append((end, match.start(), None))
      end = match.end()
      parts.append((match.start(), end, self._tokens[match.lastindex - 1].content))
    return parts + [(end, len(text), None)]


def _pattern(token, do_lower_case):
  """The regular expression that finds an AddedToken, with one group."""
  pattern = "(%s)" % re.escape(token.content)
  if token.normalized and do_lower_case:
    pattern = "(?i:%s)" % pattern
  return r"(?<!\w)%s(?!\w)" % pattern if token.single_word else pattern
