"""tokenization.py: exact pieces, and what is refused as a vocabulary."""

import json

import pytest

from attention_zones.data import data_checks
from attention_zones.data import tokenizer_settings
from attention_zones.data.tokenizer_settings import AddedToken
from attention_zones.data import vocab_lines
import tokenization

VOCAB = {token: index for index, token in enumerate(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "un", "##a", "##aff", "##able",
     ","])}

SPECIAL = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n"


@pytest.mark.parametrize("text, pieces", [
    ("", []),
    (" \t\r\n\u00a0\u2003 ", []),
    ("unaffable", ["un", "##aff", "##able"]),
    ("The UN,the", ["the", "un", ",", "the"]),
    # The longest piece is taken, and nothing is taken back: after "##a" no
    # piece starts with "f", so that the whole word is unknown.
    ("unaa unaaff unaf", ["un", "##a", "##a", "un", "##a", "##aff", "[UNK]"]),
    # A word's own pieces do not stand at the start of a word.
    ("able", ["[UNK]"]),
    # Only the token between punctuation marks is unknown, not its neighbours.
    ("un,xx,un", ["un", ",", "[UNK]", ",", "un"]),
    # Special tokens in the text are text.
    ("[SEP]", ["[UNK]", "[UNK]", "[UNK]"]),
    ("Th\u00e9, the\u0301", ["the", ",", "the"]),
])
def test_pieces(text, pieces):
  tokenizer = tokenization.FullTokenizer(VOCAB)
  assert tokenizer.tokenize(text) == pieces
  # The second time the words are remembered.
  assert tokenizer.tokenize(text + " " + text) == pieces + pieces


def test_cased_tokenizer_keeps_case_and_accents():
  tokenizer = tokenization.FullTokenizer(VOCAB, do_lower_case=False)
  assert tokenizer.tokenize("the The th\u00e9") == ["the", "[UNK]", "[UNK]"]


@pytest.mark.parametrize("text, pieces", [
    ("", []),
    ("\u200b \u0301", []),
    ("The un,the", [("the", 0, 3), ("un", 4, 6), (",", 6, 7), ("the", 7, 10)]),
    ("unaffable", [("un", 0, 2), ("##aff", 2, 5), ("##able", 5, 9)]),
    # An unknown word is one piece, its punctuation others.
    ("xx,xx un", [("[UNK]", 0, 2), (",", 2, 3), ("[UNK]", 3, 5), ("un", 6, 8)]),
    ("a" * 201 + ",", [("[UNK]", 0, 201), (",", 201, 202)]),
    # What is dropped belongs to the piece before it, unless there is none.
    ("\u200bu\u200bn\u200b\u0308a\u0301 \u200b,\u00ad\u3000,",
     [("un", 1, 6), ("##a", 6, 8), (",", 10, 12), (",", 13, 14)]),
    # Two characters in lower case, one of them an accent.
    ("\u0130,", [("[UNK]", 0, 1), (",", 1, 2)]),
    # One character, three pieces.
    ("\ud55c,", [("\u1112", 0, 1), ("##\u1161", 0, 1), ("##\u11ab", 0, 1),
                 (",", 1, 2)]),
    ("the\u4e2d\u0301the", [("the", 0, 3), ("\u4e2d", 3, 5), ("the", 5, 8)]),
    # Accents stand in another order once they are sorted.
    ("u\u0301\u0323n", [("un", 0, 4)]),
])
def test_offsets(text, pieces):
  vocab = dict(VOCAB)
  for piece in ("\u1112", "##\u1161", "##\u11ab", "\u4e2d"):
    vocab[piece] = len(vocab)
  tokenizer = tokenization.FullTokenizer(vocab)
  assert tokenizer.tokenize_with_offsets(text) == pieces
  assert tokenizer.tokenize(text) == [piece for piece, _, _ in pieces]


def test_offsets_as_the_text_is():
  tokenizer = tokenization.FullTokenizer(
      dict(VOCAB, e=10, **{"##\u0301": 11}), do_lower_case=False)
  assert tokenizer.tokenize_with_offsets("e\u0301\u200b un") == [
      ("e", 0, 1), ("##\u0301", 1, 3), ("un", 4, 6)]


def test_ids():
  tokenizer = tokenization.FullTokenizer(VOCAB)
  assert tokenizer.convert_tokens_to_ids(
      ["[CLS]", "un", "##aff", "##able", ",", "[UNK]"]) == [2, 5, 7, 8, 9, 1]


@pytest.mark.parametrize("length, pieces", [
    (200, ["un"] + ["##a"] * 198), (201, ["[UNK]"])])
def test_a_word_of_more_than_200_characters_is_unknown(length, pieces):
  tokenizer = tokenization.FullTokenizer(VOCAB)
  word = "un" + "a" * (length - 2)
  assert tokenizer.tokenize("the %s, the" % word) == (
      ["the"] + pieces + [",", "the"])


@pytest.mark.parametrize("length, piece", [(100, "un"), (101, "[UNK]")])
def test_the_longest_word_is_a_setting(length, piece):
  tokenizer = tokenization.FullTokenizer(VOCAB, max_input_chars_per_word=100)
  word = "un" + "a" * (length - 2)
  assert tokenizer.tokenize(word)[0] == piece
  assert tokenizer.settings == {
      "max_input_chars_per_word": 100, "added_tokens": ()}


ADDED = [AddedToken("[abstract]", True, False), AddedToken("[E1]", False, False),
         AddedToken("[E", False, False), AddedToken("\u6458", True, False),
         AddedToken("un-x", True, True)]


# What tokenizers 0.23.3 gives for these five.
@pytest.mark.parametrize("text, pieces", [
    ("[abstract] the", [("[abstract]", 0, 10), ("the", 11, 14)]),
    # In capitals, too, because it is normalized; no part of the words beside it.
    ("un[ABStract]able,", [("un", 0, 2), ("[abstract]", 2, 12), ("[UNK]", 12, 16),
                           (",", 16, 17)]),
    # As it is only; the longer one is taken.
    ("[E1][E[e1]", [("[E1]", 0, 4), ("[E", 4, 6), ("[UNK]", 6, 7), ("[UNK]", 7, 9),
                    ("[UNK]", 9, 10)]),
    ("the\u6458the", [("the", 0, 3), ("\u6458", 3, 4), ("the", 4, 7)]),
    # Not inside a word.
    ("un-x,un-xa", [("un-x", 0, 4), (",", 4, 5), ("un", 5, 7), ("[UNK]", 7, 8),
                    ("[UNK]", 8, 10)]),
    # Special tokens in a text stay text, as in Google's code.
    ("[SEP]", [("[UNK]", 0, 1), ("[UNK]", 1, 4), ("[UNK]", 4, 5)]),
])
def test_added_tokens(text, pieces):
  vocab = dict(VOCAB)
  for token in ADDED:
    vocab[token.content] = len(vocab)
  tokenizer = tokenization.FullTokenizer(vocab, added_tokens=ADDED)
  for _ in range(2):
    assert tokenizer.tokenize_with_offsets(text) == pieces
    assert tokenizer.tokenize(text) == [piece for piece, _, _ in pieces]


def test_added_tokens_as_the_text_is():
  vocab = dict(VOCAB, **{"[abstract]": 10})
  tokenizer = tokenization.FullTokenizer(vocab, False, added_tokens=ADDED[:1])
  assert tokenizer.tokenize("[abstract] [ABSTRACT]") == [
      "[abstract]", "[UNK]", "[UNK]", "[UNK]"]


def test_settings_of_the_tokenizer():
  read = lambda **config: tokenizer_settings.read("x.json", config, VOCAB)
  token = {"content": "un", "normalized": True, "single_word": False}
  assert read(vocab_size=9) == {}
  assert read(max_input_chars_per_word=100, added_tokens=[token]) == {
      "max_input_chars_per_word": 100,
      "added_tokens": [AddedToken("un", True, False)]}
  for config, words in (
      ({"max_input_chars_per_word": "x"}, "'max_input_chars_per_word' is \"x\"; "),
      ({"max_input_chars_per_word": 0}, "is 0; should be above 0"),
      ({"added_tokens": ["un"]}, "added_tokens is \"un\"; should be an object"),
      ({"added_tokens": [dict(token, content="no")]}, "the vocabulary has no 'no'"),
      ({"added_tokens": [dict(token, content="")]}, "the vocabulary has no ''")):
    with pytest.raises(ValueError) as caught:
      read(**config)
    assert str(caught.value).startswith("x.json: ") and words in str(caught.value)


def test_only_so_many_words_are_remembered(monkeypatch):
  monkeypatch.setattr(tokenization.FullTokenizer, "MAX_REMEMBERED_WORDS", 1)
  tokenizer = tokenization.FullTokenizer(VOCAB)
  for _ in range(2):
    assert tokenizer.tokenize("the un unable") == ["the", "un", "un", "##able"]


@pytest.mark.parametrize("text, tokens", [
    ("Steve's co-op.", ["steve", "'", "s", "co", "-", "op", "."]),
    # ASCII symbols count as punctuation, though not all are in Unicode.
    ("a$b`c^d+e=f|g~h<i>j", list("a$b`c^d+e=f|g~h<i>j")),
    ("\u201cyes\u201d\u2014no\u2026",
     ["\u201c", "yes", "\u201d", "\u2014", "no", "\u2026"]),
    # Symbols that are not ASCII do not: the euro sign, the degree sign.
    ("5\u20ac 3\u00b0c", ["5\u20ac", "3\u00b0c"]),
    # A character of a category that starts with "C" vanishes: NUL, a bell, a
    # soft hyphen, a zero-width space, private use, not assigned; and U+FFFD.
    ("a\x00b\x07c\u00add\u200be\ue000f\u0378g\ufffdh", ["abcdefgh"]),
    ("a\tb\nc\rd\u00a0e\u202ff\u3000g", list("abcdefg")),
    # U+0085 is a control character, though str.split takes it for space.
    ("a\u0085b", ["ab"]),
    # Of category Zl and Zp; str.split takes them for space.
    ("a\u2028b\u2029c", ["a", "b", "c"]),
    ("\u0130 \u00c5ngstr\u00f6m \u00df", ["i", "angstrom", "\u00df"]),
    # CJK ideographs stand alone, of the first block and of a late one; Kana and
    # Hangul do not. Hangul falls apart into its letters without accents.
    ("x\u4e2d\u6587y\U0002f800\u30ab\u30bf",
     ["x", "\u4e2d", "\u6587", "y", "\u4e3d", "\u30ab\u30bf"]),
    ("\ud55c", ["\u1112\u1161\u11ab"]),
])
def test_basic_tokens_in_lower_case(text, tokens):
  assert tokenization.BasicTokenizer(True).tokenize(text) == tokens


def test_basic_tokens_as_they_are():
  assert tokenization.BasicTokenizer(False).tokenize(
      "\u00c9t\u00e9\u4e2dE\u0301, X\u0000Y") == [
          "\u00c9t\u00e9", "\u4e2d", "E\u0301", ",", "XY"]


@pytest.mark.parametrize("golden, num_cases, sizes", [
    ("slice", 99, (635, 257, 266)),
    pytest.param("whole", 381, (30522, 119547, 21128), marks=pytest.mark.slow)],
                         indirect=["golden"])
def test_agrees_with_the_published_tokenizer(golden, num_cases, sizes):
  cases = json.loads(
      (golden.numbers / "tokenization.json").read_text(encoding="utf-8"))
  assert len(cases) == num_cases
  names = "uncased", "multilingual-cased", "chinese"
  vocabs = {name: tokenization.load_vocab(
      str(golden.models / "vocab" / (name + ".txt"))) for name in names}
  assert tuple(len(vocabs[name]) for name in names) == sizes
  for case in cases:
    tokenizer = tokenization.FullTokenizer(
        vocabs[case["vocab"]], case["do_lower_case"])
    assert tokenizer.tokenize(case["text"]) == case["tokens"], case["text"]
    assert [piece for piece, _, _ in tokenizer.tokenize_with_offsets(
        case["text"])] == case["tokens"], case["text"]


@pytest.fixture
def vocab_file(tmp_path):
  """A function that writes bytes to a file and returns its path."""
  def write(content):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    return str(path)
  return write


@pytest.mark.parametrize("content", [
    SPECIAL + b"the\nun\n", SPECIAL + b"the\nun",
    b"\xef\xbb\xbf" + SPECIAL + b"the\nun\n",
    (SPECIAL + b"the\nun\n").replace(b"\n", b"\r\n")])
def test_load_vocab(vocab_file, content):
  assert list(tokenization.load_vocab(vocab_file(content)).items()) == [
      ("[PAD]", 0), ("[UNK]", 1), ("[CLS]", 2), ("[SEP]", 3), ("the", 4),
      ("un", 5)]


def test_load_vocab_counts_line_feeds_only(vocab_file):
  # U+2028 ends a line for str.splitlines; here it is an entry, which has an id.
  vocab = tokenization.load_vocab(vocab_file(
      SPECIAL + "\u2028\na\u2028b\ncaf\u00e9\n".encode("utf-8")))
  assert len(vocab) == 7
  assert vocab["a\u2028b"] == 5
  assert vocab["caf\u00e9"] == 6


@pytest.mark.parametrize("content, ids, size", [
    # Google's loader: each line has an id, and all empty ones that of the last.
    (SPECIAL + b"the\n\n\nun\n", {"the": 4, "": 6, "un": 7}, 8),
    (SPECIAL + b"\nthe\n \n\t\n\r\n", {"": 8, "the": 5}, 6),
    (b"\n\n" + SPECIAL + b"the\nun", {"": 1, "the": 6, "un": 7}, 8),
    # The last line has no line feed.
    (SPECIAL + b"the\n\n ", {"the": 4, "": 6}, 5)])
def test_empty_lines_of_a_vocabulary(vocab_file, content, ids, size):
  vocab = tokenization.load_vocab(
      vocab_file(content), tokenization.SPECIAL_TOKENS)
  assert {token: index for token, index in vocab.items() if "[" not in token} == ids
  assert vocab_lines.size(vocab) == size
  assert tokenization.FullTokenizer(vocab).tokenize("the ## #") == [
      "the"] + ["[UNK]"] * 3


@pytest.mark.parametrize("content, message", [
    (SPECIAL + b"\n\nthe\n\nthe\n", "line 9 repeats 'the' of line 7"),
    (SPECIAL + b"the\nun\nthe\n", "line 7 repeats 'the' of line 5"),
    (b"[PAD]\n[UNK]\n[CLS]\n", "has no [SEP]; should be a vocab.txt of BERT, "
     "one token a line, among them [PAD], [UNK], [CLS], [SEP]"),
    (b"", "is empty; copy or download it again"),
    (b"the\n", "has no [PAD]"),
    # JSON has many a line twice, which is not what is wrong with it.
    (b'{"[PAD]": [\n0\n],\n"[UNK]": [\n1\n],\n', "has no [PAD]"),
    (SPECIAL + b"caf\xe9\n", "is not text in UTF-8"),
    # Of an ALBERT with SentencePiece: 30k-clean.model, 30k-clean.vocab.
    (b"\n\x0e\n\x05<pad>\x15\0\0\x80\xbf\x18\x03", "in --spm_model_file"),
    (b"<pad>\t0\n<unk>\t0\n", "in --spm_model_file"),
    (b"\x1f\x8b\x08\0", "is packed with gzip; unpack it with gunzip"),
    (SPECIAL.decode("ascii").encode("utf-16"), "is UTF-16 text"),
    (b"<!DOCTYPE html>\n<html>\n", "is a web page"),
])
def test_load_vocab_refuses(vocab_file, content, message):
  path = vocab_file(content)
  with pytest.raises(ValueError) as caught:
    tokenization.load_vocab(path, tokenization.SPECIAL_TOKENS)
  assert "--vocab_file=%s" % path in str(caught.value)
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


def test_a_vocabulary_may_begin_with_anything(vocab_file):
  assert list(tokenization.load_vocab(vocab_file(b"<html\n" + SPECIAL)))[0] == (
      "<html")


@pytest.mark.parametrize("tokens, cased", [
    (["[PAD]", "[MASK]", "[unused1]", "<S>", "##un", "caf\u00e9", "1"], []),
    # A capital that has no small letter is in BERT's uncased vocabulary.
    (["\u211d", "##\u211d"], []),
    (["the", "The", "##A", "\u00c9a", "[A", "U.S"],
     ["The", "##A", "\u00c9a", "[A", "U.S"]),
])
def test_cased_entries(tokens, cased):
  assert data_checks.cased_entries(tokens) == cased


@pytest.mark.parametrize("name, count", [
    ("uncased", 0), ("chinese", 0), ("multilingual-cased", 18992)])
def test_cased_entries_of_the_vocabularies_of_bert(shared, name, count):
  path = str(shared / "models" / "vocab" / (name + ".txt"))
  assert len(data_checks.cased_entries(tokenization.load_vocab(path))) == count


HANGUL = ["\ud55c", "##\uad6d", "\uc11c\uc6b8"]


@pytest.mark.parametrize("entries, casing", [
    (["the", "##s"], "lower-cased"),
    (["the", "The"], "cased"),
    (["\u03b1\u03b2"], "lower-cased"),
    (["\u043c\u0438\u0440", "\u041c\u0438\u0440"], "cased"),
    (["caf\u00e9", "the", "of"], "lower-cased"),
    # Chinese, Korean, Arabic, Hebrew, Devanagari, Thai, Georgian; numbers.
    (["\u4e2d", "##\u6587"], None),
    (HANGUL, None),
    (["\u0639\u0631\u0628\u064a", "\u05d0"], None),
    (["\u0939\u093f\u0928\u094d\u0926\u0940"], None),
    (["\u0e44\u0e17\u0e22"], None),
    (["\u10e5\u10d0\u10e0\u10d7"], None),
    (["1820", "?", "##5"], None),
    ([], None),
    # Special entries are no text.
    (["[unused1]", "<S>", "\u4e2d"], None),
    # 2 of 201 entries are less than 1 %, 2 of 200 are not.
    (["kg", "km"] + [chr(0x4e00 + i) for i in range(199)], None),
    (["kg", "km"] + [chr(0x4e00 + i) for i in range(198)], "lower-cased"),
    (["TV", "km"] + [chr(0x4e00 + i) for i in range(199)], None),
    (["TV", "km"] + [chr(0x4e00 + i) for i in range(198)], "cased"),
    # To take Hangul apart would do more harm than to keep "Kg".
    (["kg", "km"] + HANGUL, None),
    (["kg", "km", "cm", "mm"] + HANGUL, "lower-cased"),
    (["TV", "km"] + HANGUL, "cased"),
])
def test_what_a_vocabulary_tells_of_casing(entries, casing):
  vocab = list(tokenization.SPECIAL_TOKENS) + entries
  assert data_checks.casing(vocab) == casing
  refused = {"cased": [True], "lower-cased": [False], None: []}[casing]
  for do_lower_case in (False, True):
    if do_lower_case in refused:
      with pytest.raises(ValueError, match="give --do_lower_case=%s, or "
                         "--allow_case_mismatch" % (not do_lower_case)):
        data_checks.check_casing(vocab, "vocab.txt", do_lower_case)
    else:
      data_checks.check_casing(vocab, "vocab.txt", do_lower_case)


@pytest.mark.parametrize("name, casing", [
    ("uncased", "lower-cased"), ("chinese", "lower-cased"),
    ("multilingual-cased", "cased")])
def test_casing_of_the_vocabularies_of_bert(shared, name, casing):
  path = str(shared / "models" / "vocab" / (name + ".txt"))
  assert data_checks.casing(tokenization.load_vocab(path)) == casing


@pytest.mark.parametrize("words", [
    "\u4e2d \u6587 ##\u6587", "\ud55c \uad6d ##\uc5b4", "\u05d0 \u05d1 ##\u05d2"])
def test_a_script_without_case_has_none(words):
  vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "?", "1895"] + words.split()
  assert data_checks.casing({word: i for i, word in enumerate(vocab)}) is None
