"""Tokenizers of Hugging Face: pieces, where they stand, and what is refused."""

import json
import re
import sys

import pytest

from attention_zones.base import questions
from attention_zones.data import data_checks
from attention_zones.data import hf_tokenizer
from attention_zones.data import piece_places
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.zones import layouts
import hf_tokenizers

tokenizers = pytest.importorskip("tokenizers", reason=(
    "the package tokenizers is missing: bash setup_env.sh requirements-models.txt"))

ROBERTA = layouts.Layout(1, 2, 1, pad_id=1)
KINDS = sorted(hf_tokenizers.KINDS)
# Those that keep the case and the accents of a text.
CASED = [kind for kind in KINDS if kind != "word_pieces"]


@pytest.fixture(scope="session")
def tokenizer_files(make_once):
  """A folder with a tokenizer.json of each kind."""
  return make_once("tokenizer-files", hf_tokenizers.write_all)


@pytest.fixture
def load(tokenizer_files):
  """A function from a kind to its HuggingFaceTokenizer."""
  return lambda kind: hf_tokenizer.load(str(tokenizer_files / (kind + ".json")))


def passage_of(context, tokenizer):
  return windows.tokenize_passage(questions.split_words(context), tokenizer)


def found_at(passage, text):
  """What the pieces of a stretch of the passage are as an answer."""
  start = passage.paragraph.context.index(text)
  return hf_tokenizer.HuggingFaceTokenizer.span_text(
      passage, *passage.tokens_at(start, start + len(text)))


# Where pieces stand.

ODD = [
    # The space before a piece is no part of it; each word has its first letter.
    ("The house was there.", ["The", "house", "was", "there", "."]),
    # A special token, which takes the spaces before it.
    ("Say  <mask> again to me", ["Say", "<mask>", "again", "me"]),
    # What the normalizer of XLM-R takes away, or makes a space of, or several
    # characters.
    ("\u0007Bell and wait\u2026 then go", ["Bell", "wait", "\u2026", "then", "go"]),
    ("a\u0007\u0007b \u200fHouse \ufeff of \ufb01sh", ["House", "of", "\ufb01sh"]),
    # An emoji is four pieces, a combining mark two.
    ("One \U0001f600 two \U0001f600\U0001f601!", ["One", "\U0001f600", "two"]),
    ("An e\u0301tude, caf\u00e9, cafe\u0301", ["e\u0301tude", "cafe\u0301"]),
    ("  Some\u00a0space\tand\nend \u3000 ", ["Some", "space", "and", "end"]),
    # Half of a surrogate pair is no character.
    ("Half \ud83d of it", ["Half", "of", "it"]),
    ("\u0e01\u0e33 \u0915\u093f \u1112\u1161\u11ab end", [
        "\u0e01\u0e33", "\u0915\u093f", "\u1112\u1161\u11ab", "end"])]


@pytest.mark.parametrize("kind", CASED)
@pytest.mark.parametrize("context, words", ODD)
def test_answers_are_what_stands_in_the_passage(context, words, kind, load):
  passage = passage_of(context, load(kind))
  assert [found_at(passage, word) for word in words] == words
  assert passage.num_unexplained == 0


@pytest.mark.parametrize("context, words", [
    ("\u0007There was the R\u00e9sume\u0301, \U0001f600 of a\u00adb", [
        "There", "R\u00e9sume\u0301", "\U0001f600", "a\u00adb"]),
    # [UNK] hides what it stands for.
    ("Then \u4e2d\u6587 was", ["Then", "\u4e2d", "\u6587", "was"])])
def test_word_pieces(context, words, load):
  passage = passage_of(context, load("word_pieces"))
  assert [found_at(passage, word) for word in words] == words
  assert passage.num_unexplained == 0


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_those_of_the_package_and_stand_at_their_characters(
    kind, load, tokenizer_files, repository):
  tokenizer = load(kind)
  theirs = tokenizers.Tokenizer.from_file(str(tokenizer_files / (kind + ".json")))
  texts = [context for context, _ in ODD if "\ud83d" not in context]
  for text in texts + [(repository / "README.md").read_text(encoding="utf-8")]:
    encoding = theirs.encode(text, add_special_tokens=False)
    pieces = tokenizer.tokenize(text)
    assert pieces == [token.strip() for token in encoding.tokens]
    assert tokenizer.convert_tokens_to_ids(pieces) == encoding.ids
    hf_tokenizers.check_places(passage_of(text, tokenizer), tokenizer)


def test_the_package_alone_would_be_wrong(tokenizer_files):
  """Else the cases above would not test anything."""
  def offsets(kind, text):
    return tokenizers.Tokenizer.from_file(
        str(tokenizer_files / (kind + ".json"))).encode(
            text, add_special_tokens=False).offsets
  assert offsets("unigram", "\u0007ab")[-1] == (1, 2)
  first, last = (offsets("byte_level_of_words", "a the")[piece][0]
                 for piece in (1, -1))
  assert first == last == 3


def test_a_character_that_several_pieces_share(load):
  passage = passage_of("a \U0001f600 b", load("byte_level"))
  places = [passage.characters(piece) for piece in range(len(passage.tokens))]
  assert places[2:-1] == [(2, 3)] * 4 and places[1][1] <= places[1][0]
  assert passage.tokens_at(2, 3) == (2, 5)


@pytest.mark.parametrize("kind", ["byte_level", "unigram"])
def test_white_space_alone_is_no_answer(kind, load):
  tokenizer = load(kind)
  passage = passage_of("One \u3000  \U0001f600", tokenizer)
  white = [piece for piece in range(len(passage.tokens))
           if passage.characters(piece)[0] >= passage.characters(piece)[1]]
  assert white and all(
      tokenizer.span_text(passage, piece, piece) is None for piece in white)
  # At the end of a longer one it is left out.
  assert tokenizer.span_text(passage, 0, white[-1]) == "One"
  assert passage.tokens_at(3, 5) is None


def stream(text):
  """A Stream of a text's own characters, or of a list of pieces."""
  return piece_places.Stream("".join("".join(text).split()), [
      (i, i + 1) if isinstance(text, str) else (i, i)
      for i, part in enumerate(text) for _ in "".join(part.split())])


@pytest.mark.parametrize("text, pieces, hints, spans, num_unexplained", [
    ("ab cd", ["ab", "cd"], [(0, 0)] * 2, [(0, 2), (3, 5)], 0),
    # Letters that no piece has belong to their word.
    ("\u00f1andu n\u00f1 x\u00f1y", ["andu", "n", "x", "y"], [(0, 0)] * 4,
     [(0, 5), (6, 8), (9, 11), (11, 12)], 0),
    ("(\u00f1a) \u00f1", ["(", "a", ")"], [(0, 0)] * 3,
     [(0, 1), (1, 3), (3, 4)], 0),
    ("e\u0301, \u200fx", ["e", ",", "x"], [(0, 0)] * 3,
     [(0, 2), (2, 3), (5, 6)], 0),
    # Pieces that are nothing like the passage stand where the package says, as long
    # as that is between their neighbours.
    ("one ``two'' six", ["one", "\"", "two", "\"", "six"],
     [(0, 3), (4, 6), (6, 9), (0, 3), (12, 15)],
     [(0, 3), (4, 6), (6, 9), (9, 11), (12, 15)], 2),
    # What follows them is found again. None begins or ends before its neighbour.
    ("++++++++, ijklmnopq", ["xyzw", "u", ",", "ijklmnopq"], [(9, 9), (3, 5)] + (
        [(0, 0)] * 2), [(0, 8), (3, 8), (8, 9), (10, 19)], 2),
    ("++++++++, ijklmnopq", ["xyzw", "u", ",", "ijklmnopq"], [(1, 5), (9, 9)] + (
        [(0, 0)] * 2), [(0, 5), (0, 8), (8, 9), (10, 19)], 2),
    ("", [], [], [], 0), ("ab", ["x"], [(0, 0)], [(0, 2)], 1),
    (" ", ["x"], [(0, 0)], [(1, 0)], 1)])
def test_places_by_hand(text, pieces, hints, spans, num_unexplained):
  starts, ends, unexplained = piece_places.place(
      text, stream(text), stream(pieces), hints)
  assert list(zip(starts, ends)) == spans
  assert unexplained == num_unexplained


def test_equal_stretches_of_long_texts():
  """What was left out is longer than the part that is searched first."""
  text = " ".join("word %d" % number for number in range(200))
  changed = text[:400] + "#" + text[700:]
  assert list(piece_places.equal_stretches(text, changed)) == [
      (0, 0, 400), (700, 401, len(text) - 700)]


# Files.

@pytest.mark.parametrize("kind, layout, around", [
    ("byte_level", ROBERTA, (["<s>"], ["</s>", "</s>"], ["</s>"])),
    ("unigram", ROBERTA, (["<s>"], ["</s>", "</s>"], ["</s>"])),
    ("word_pieces", layouts.BERT, (["[CLS]"], ["[SEP]"], ["[SEP]"]))])
def test_the_layout_is_the_files(kind, layout, around, load):
  tokenizer = load(kind)
  assert tokenizer.LAYOUT == layout
  assert tuple(tokenizer.AROUND) == around


SMALL = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
    "normalizer": None, "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2],
                       "cls": ["<s>", 0], "trim_offsets": True,
                       "add_prefix_space": False},
    "decoder": None,
    "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
              "continuing_subword_prefix": None, "end_of_word_suffix": None,
              "fuse_unk": False, "merges": ["a b"],
              "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4,
                        "b": 5, "ab": 6}}}
BERT_PROCESSING = {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}
METASPACE = {"type": "Metaspace", "replacement": "\u2581"}


def template(*pair):
  item = lambda part: {("Sequence" if part in "AB" else "SpecialToken"): {
      "id": part, "type_id": 0}}
  return {"type": "TemplateProcessing", "single": [], "pair": [
      item(part) for part in pair], "special_tokens": {
          "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
          "both": {"id": "both", "ids": [2, 0], "tokens": ["</s>", "<s>"]}}}


def small(path, **parts):
  """Writes SMALL with other parts, of its "model", too; str, the path."""
  content = dict(SMALL, model=dict(SMALL["model"]))
  for name, value in parts.items():
    holder = content if name in content else content["model"]
    holder[name] = value
  path.write_text(json.dumps(content))
  return str(path)


@pytest.fixture
def path(tmp_path):
  return tmp_path / "tokenizer.json"


@pytest.mark.parametrize("parts, layout, between", [
    ({"post_processor": BERT_PROCESSING}, (1, 1, 1, 1), ["</s>"]),
    ({"post_processor": {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "trim_offsets": True, "add_prefix_space": True},
        BERT_PROCESSING]}}, (1, 1, 1, 1), ["</s>"]),
    ({"post_processor": template("</s>", "A", "both", "B")}, (1, 2, 0, 1),
     ["</s>", "<s>"]),
    ({"padding": {"strategy": "BatchLongest", "direction": "Right", "pad_id": 5,
                  "pad_to_multiple_of": None, "pad_type_id": 0, "pad_token": "b"}},
     (1, 2, 1, 5), ["</s>", "</s>"])])
def test_layouts_by_hand(parts, layout, between, path):
  tokenizer = hf_tokenizer.load(small(path, **parts))
  assert tokenizer.LAYOUT == layout and tokenizer.AROUND[1] == between


def test_what_would_cut_a_passage_is_switched_off(path):
  tokenizer = hf_tokenizer.load(small(
      path, dropout=0.5,
      truncation={"direction": "Right", "max_length": 2, "stride": 0,
                  "strategy": "LongestFirst"},
      padding={"strategy": {"Fixed": 9}, "direction": "Right", "pad_id": 1,
               "pad_to_multiple_of": None, "pad_type_id": 0, "pad_token": "<pad>"}))
  assert tokenizer.tokenize("ab ab ab") == ["ab"] * 3
  assert [line.split("its ")[1].split()[0] for line in tokenizer.remarks] == [
      "truncation", "padding", "dropout"]
  assert not hf_tokenizer.load(small(path)).remarks


@pytest.mark.parametrize("parts, added, context, pieces", [
    ({"end_of_word_suffix": "</w>", "merges": ["a b</w>"]}, ["b</w>", "ab</w>"],
     "ab", ["ab</w>"]),
    ({"byte_fallback": True, "merges": []}, ["<0xC3>", "<0xA9>"],
     "a \u00e9", ["a", "<0xC3>", "<0xA9>"])])
def test_signs_within_pieces(parts, added, context, pieces, path):
  """Those for the end of a word and for a byte are no characters of a passage."""
  vocab = dict(SMALL["model"]["vocab"], **{
      piece: 7 + index for index, piece in enumerate(added)})
  tokenizer = hf_tokenizer.load(small(path, vocab=vocab, **parts))
  passage = passage_of(" %s " % context, tokenizer)
  assert passage.tokens == pieces and passage.num_unexplained == 0
  assert passage.text(0, len(pieces) - 1) == context


def test_files_of_later_versions(path):
  """Merges are pairs, and a Metaspace has a scheme."""
  for scheme, pieces in (("always", ["\u2581ab"]), ("never", ["ab"])):
    tokenizer = hf_tokenizer.load(small(
        path, merges=[["a", "b"], ["\u2581", "ab"]],
        vocab=dict(SMALL["model"]["vocab"], **{"\u2581": 7, "\u2581ab": 8}),
        pre_tokenizer={"type": "Sequence", "pretokenizers": [
            dict(METASPACE, prepend_scheme=scheme, split=True)]}))
    assert tokenizer.tokenize("ab") == pieces


@pytest.mark.parametrize("parts, words", [
    ({"merges": ["a c"]}, "cannot be read by version "),
    ({"merges": [["a"]]}, "has the merge of pieces with spaces inside, which"),
    ({"unk_token": "<x>"}, "the unknown piece is \"<x>\", which the vocabulary "),
    ({"type": "Unigram", "vocab": [
        ["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0]]}, "unknown piece is null, "),
    ({"post_processor": None}, "puts no special tokens before and after a "),
    ({"post_processor": template("A", "</s>", "B")}, "puts no special tokens "),
    ({"post_processor": template("</s>", "B", "A")}, "its pair is B, A; should "),
    ({"post_processor": dict(BERT_PROCESSING, sep="x")}, "'sep' is \"x\"; "),
    ({"post_processor": dict(BERT_PROCESSING, sep=["</s>", 4])},
     "'</s>' has id 4 in the post_processor, and 2 in the vocabulary"),
    ({"vocab": {"<s>": 0, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6}},
     "has no token for padding: should have a 'padding' with a 'pad_id', or a ")])
def test_refusals(parts, words, path):
  with pytest.raises(ValueError, match=re.escape(words)) as error:
    hf_tokenizer.load(small(path, **parts))
  assert str(error.value).startswith("--tokenizer_file=%s" % path)
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("content, words", [
    (b"{\"a\": 1}", "is another JSON file; should be a tokenizer.json, which has "),
    (b"[]", "is another JSON file; should be a tokenizer.json"),
    (b"3", "is 3; should be a tokenizer.json"), (b"[PAD]\n", "not JSON, or cut "),
    (b"", "is empty; copy"), (b"\x1f\x8b", "is packed with gzip"),
    (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS")])
def test_other_files_are_refused(content, words, path):
  path.write_bytes(content)
  with pytest.raises(ValueError, match=re.escape(words)) as error:
    hf_tokenizer.load(str(path))
  assert str(error.value).startswith("--tokenizer_file=%s" % path)


def test_without_the_package_the_command_is_named(path, monkeypatch):
  monkeypatch.setitem(sys.modules, "tokenizers", None)
  with pytest.raises(ValueError, match="setup_env.sh requirements-models.txt"):
    hf_tokenizer.load(small(path))


# What is said about texts.

def remarks(tokenizer, context, question="?", max_query_length=9):
  return data_checks.remarks([squad_data.Example(
      "q", question, questions.split_words(context), -1, -1, "", False)],
                             tokenizer, max_query_length)


def test_remarks_on_texts(load):
  tokenizer = load("byte_level")
  assert not remarks(tokenizer, "The house.")
  line, = remarks(tokenizer, "The house.", "\U0001f600" * 3)
  assert line.startswith("1 of 1 questions have more than --max_query_length=9 ")
  line, = remarks(tokenizer, "The <pad> house.")
  assert line.startswith("1 of 1 questions have one of 5 tokens (\"<s>\", \"<pad")
  line, = remarks(load("unigram"), "\u4e2d a \u4e2d a \u4e2d a \u4e2d a \u4e2d")
  assert line.endswith("; is --tokenizer_file of another language?")


def test_a_sequence_of_normalizers_explains_what_it_changes(path):
  """As the files of XLM-R's kind have it that transformers 4 made."""
  tokenizer = hf_tokenizer.load(small(path, normalizer={
      "type": "Sequence", "normalizers": [{"type": "Lowercase"}]}))
  passage = passage_of("AB b", tokenizer)
  assert passage.num_unexplained == 0
  assert [passage.characters(piece) for piece in range(2)] == [(0, 2), (3, 4)]


def test_a_remark_counts_what_cannot_be_explained(path):
  tokenizer = hf_tokenizer.load(small(path, normalizer={
      "type": "Replace", "pattern": {"String": "ba"}, "content": "ab"}))
  line, = remarks(tokenizer, "ab ba", "a")
  assert line.startswith("1 of 2 pieces in 1 passages have a character that does ")
