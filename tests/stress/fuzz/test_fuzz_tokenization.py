"""tokenization.py against BERT's tokenizer written the slow way."""

import unicodedata

from hypothesis import example, given, strategies as st
import pytest

import tokenization

# Characters that some step treats as special: white space of all kinds, control
# characters, what looks like white space, punctuation and symbols, letters that
# change their length when lower-cased or decomposed, accents, the ends of the
# CJK blocks and their neighbours, Kana, Hangul, right-to-left letters, emoji
# with a joiner, U+FFFD, private use, not assigned, half of a surrogate pair.
SPECIAL = (
    "\t\n\r \u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\x0b\x0c\x1c\x85"
    "\x00\x07\x7f\u00ad\u200b\u200d\u200f\u2060\ufeff\ufffd\ue000\u0378\ud83d"
    "!$+<=>@[]^_`{|}~#,.'\u00ab\u2014\u2026\u20ac\u00b0\u037e\u1fef\u2000"
    "\u0130\u0131\u00df\u1e9e\u03a3\u03c2\u212b\u2126\ufb01\u00c9e\u0301\u0308"
    "\u3400\u4dbf\u4dc0\u4dff\u4e00\u9fff\ua000\uf8ff\uf900\ufaff\ufb00"
    "\U00020000\U0002a6df\U0002a6e0\U0002a700\U0002b73f\U0002b740\U0002b81f"
    "\U0002b820\U0002ceaf\U0002ceb0\U0002f7ff\U0002f800\U0002fa1f\U0002fa20"
    "\u30ab\u30ac\ud55c\u05d0\u0627\u0651\U0001f469\u0661\u00b2")
TEXT = st.lists(st.one_of(
    st.sampled_from(list("abAB") * 8 + list(SPECIAL)),
    st.sampled_from([" ", "ab", "ba ", "abab", "[SEP]", "[MASK]", "##a",
                     "a" * 99, "b" * 101]),
    st.characters())).map("".join)


def numbered(pieces):
  return {token: index for index, token in enumerate(
      ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + sorted(pieces))}


# Pieces of few letters, so that many words can be taken apart, in several ways,
# and many cannot.
PIECES = st.text("ab", min_size=1, max_size=3)
VOCABS = st.sets(st.one_of(
    PIECES, PIECES.map("##{}".format), st.sampled_from(
        ["A", "B", "##A", "##B", "Ab", ",", "#", "[", "]", "\u4e00", "e",
         "##\u0301", "\u00e9", "\u05d0", "##\u05d0"])),
                 min_size=8, max_size=30).map(numbered)

CJK = ["\u4e00\u9fff", "\u3400\u4dbf", "\U00020000\U0002a6df",
       "\U0002a700\U0002b73f", "\U0002b740\U0002b81f", "\U0002b820\U0002ceaf",
       "\uf900\ufaff", "\U0002f800\U0002fa1f"]
ASCII_MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def clean(text):
  """Drops control characters, makes all white space " ", sets CJK apart."""
  cleaned = ""
  for character in text:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
      cleaned += " "
    elif category[0] == "C" or character == "\ufffd":
      continue
    elif any(block[0] <= character <= block[1] for block in CJK):
      cleaned += " " + character + " "
    else:
      cleaned += character
  return cleaned


def basic_tokens(text, do_lower_case):
  """Words in lower case without accents, punctuation marks on their own."""
  spaced = ""
  for word in clean(text).split():
    if do_lower_case:
      word = unicodedata.normalize("NFD", word.lower())
      word = "".join(c for c in word if unicodedata.category(c) != "Mn")
    for character in word:
      if character in ASCII_MARKS or unicodedata.category(character)[0] == "P":
        character = " " + character + " "
      spaced += character
    spaced += " "
  return spaced.split()


def word_pieces(word, vocab):
  """The longest known prefix, then the longest of the rest, and so on."""
  if len(word) > 200:
    return ["[UNK]"]
  pieces = []
  prefix = ""
  while word:
    lengths = [n for n in range(1, len(word) + 1) if prefix + word[:n] in vocab]
    if not lengths:
      return ["[UNK]"]
    pieces.append(prefix + word[:max(lengths)])
    word = word[max(lengths):]
    prefix = "##"
  return pieces


@given(TEXT, st.booleans())
@example(SPECIAL, True)
@example(SPECIAL, False)
def test_basic_tokens(text, do_lower_case):
  tokenizer = tokenization.BasicTokenizer(do_lower_case)
  assert tokenizer.tokenize(text) == basic_tokens(text, do_lower_case)


@given(VOCABS, TEXT, st.booleans())
@example({"[UNK]": 0, "a": 1, "##a": 2}, "a" * 200 + " " + "a" * 201, True)
def test_word_pieces(vocab, text, do_lower_case):
  tokenizer = tokenization.FullTokenizer(vocab, do_lower_case)
  # Words come again, some in another case, and are remembered.
  text = " ".join([text, text.swapcase(), text])
  expected = [piece for word in basic_tokens(text, do_lower_case)
              for piece in word_pieces(word, vocab)]
  assert tokenizer.tokenize(text) == expected
  assert tokenizer.tokenize(text) == expected
  assert tokenizer.convert_tokens_to_ids(expected) == [
      vocab[piece] for piece in expected]


@pytest.mark.slow
@pytest.mark.parametrize("do_lower_case", [False, True])
def test_every_character(do_lower_case):
  tokenizer = tokenization.BasicTokenizer(do_lower_case)
  known, unknown = [], []
  for character in map(chr, range(0x110000)):
    vanishes = unicodedata.category(character) in ("Cn", "Co", "Cs")
    (unknown if vanishes else known).append(character)
  assert tokenizer.tokenize("a%sb" % "".join(unknown)) == ["ab"]
  for first in range(0, len(known), 100):
    text = "".join("a%sb" % c for c in known[first:first + 100])
    assert tokenizer.tokenize(text) == basic_tokens(text, do_lower_case)
