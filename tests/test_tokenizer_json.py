"""tokenizer_json.py: what becomes of a tokenizer.json, and what is refused."""

import copy
import json

import pytest

from attention_zones.data import tokenizer_json
from attention_zones.weights import hf_vocab
import hf_folder

# As XLM-R has it.
METASPACE = {"type": "Metaspace", "replacement": "\u2581",
             "prepend_scheme": "always", "split": True}
UNIGRAM = dict(
    hf_folder.TOKENIZER, pre_tokenizer=METASPACE, decoder=METASPACE,
    normalizer={"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Lowercase"}]},
    post_processor={
        "type": "TemplateProcessing", "single": [{"Sequence": {
            "id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 0}}], "special_tokens": {}},
    model={"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [
        ["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0],
        ["\u2581", -2.0], ["an", -1.5], ["a", -2.5], ["n", -2.5]]})


def changed(content, path, value):
  """A copy of a tokenizer.json with another value at a path, "model.type"."""
  content = copy.deepcopy(content)
  *keys, last = path.split(".")
  holder = content
  for key in keys:
    holder = holder[key]
  holder[last] = value
  return content


def adapt(content):
  return tokenizer_json.adapt("t.json", content)


def test_a_byte_level_tokenizer():
  before = copy.deepcopy(hf_folder.TOKENIZER)
  content, remarks = adapt(hf_folder.TOKENIZER)
  assert hf_folder.TOKENIZER == before
  assert content == dict(
      before, truncation=None, decoder=None, model=dict(
          before["model"], merges=["a n", "\u0120 an"]))
  assert remarks == [
      "t.json: its truncation is switched off: it would cut passages"]
  assert adapt(content) == (content, [])
  assert hf_vocab._tokens("t.json", content) == dict(enumerate((
      "<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "n", "\u0120", "an",
      "\u0120an")))


@pytest.mark.parametrize("changes, prefix", [
    ({}, True), ({"prepend_scheme": "never"}, False),
    # As files between the two have it.
    ({"add_prefix_space": True}, True), ({"add_prefix_space": False}, False)])
@pytest.mark.parametrize("is_within", [False, True])
def test_metaspace(changes, prefix, is_within):
  given = dict(METASPACE, **changes)
  content, _ = adapt(dict(UNIGRAM, pre_tokenizer={
      "type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, given]}
      if is_within else given))
  found = content["pre_tokenizer"]
  if is_within:
    assert found["pretokenizers"][0] == {"type": "WhitespaceSplit"}
    found = found["pretokenizers"][1]
  assert found == dict(given, add_prefix_space=prefix)


def test_the_vocabulary_of_unigram():
  content, _ = adapt(UNIGRAM)
  vocabulary = hf_vocab._tokens("t.json", content)
  assert vocabulary[5] == "an" and sorted(vocabulary) == list(range(8))
  # "<mask>" has id 4 among the added tokens.
  assert vocabulary[4] == "<mask>"


def test_what_is_taken_out():
  content, remarks = adapt(dict(
      UNIGRAM, padding={"pad_id": 1}, model=dict(UNIGRAM["model"], dropout=0.1)))
  assert content["padding"] is content["truncation"] is None
  assert content["model"]["dropout"] is None
  assert [remark.split()[2] for remark in remarks] == [
      "truncation", "padding", "dropout"]


@pytest.mark.parametrize("change, words", [
    (("model.ignore_merges", True), "has BPE with ignore_merges true, which "
     "version 0.13.3 of the package tokenizers does not know; no model with it "),
    (("model.merges", [["a b", "c"]]), "has the merge of pieces with spaces "),
    (("model.merges", ["a b c"]), 'has the merge "a b c", which version '),
    (("model.merges", [["a", "b", "c"]]), "has the merge of pieces with spaces"),
    (("model.merges", None), "'merges' is null; should be an array"),
    (("model.type", "Other"), "t.json has model Other, which version 0.13.3 of "),
    (("model", None), "t.json is another JSON file; should be a tokenizer.json"),
    (("normalizer", {"type": "ByteLevel"}), "has normalizer ByteLevel, which "),
    (("normalizer", {"type": "Sequence", "normalizers": [
        {"type": "NFC"}, {"type": "New"}]}), "has normalizer New, which version "),
    (("normalizer", {}), "t.json: normalizer has no 'type', which should be a "),
    (("normalizer", "NFC"), 't.json: normalizer is "NFC"; should be an object'),
    (("pre_tokenizer", {"type": "FixedLength"}), "has pre_tokenizer FixedLength"),
    (("pre_tokenizer", {"type": "Sequence", "pretokenizers": None}),
     "'pretokenizers' is null; should be an array"),
    (("pre_tokenizer", dict(METASPACE, split=False)),
     "has Metaspace with split false, which version "),
    (("pre_tokenizer", dict(METASPACE, prepend_scheme="first")),
     'has Metaspace with prepend_scheme "first", which version '),
    (("post_processor", {"type": "New"}), "has post_processor New, which version "),
])
def test_what_is_refused(change, words):
  with pytest.raises(ValueError) as caught:
    adapt(changed(hf_folder.TOKENIZER, *change))
  assert words in str(caught.value) and str(caught.value).startswith("t.json")
  with pytest.raises(ValueError) as caught:
    adapt(changed(UNIGRAM, "model.byte_fallback", True))
  assert "has Unigram with byte_fallback true" in str(caught.value)


@pytest.mark.parametrize("vocab, words", [
    ([["a", -1.0], []], "should have a token and its score"),
    ({"a": "x"}, "'a' is \"x\"; should be a whole number")])
def test_a_vocabulary_that_is_refused(vocab, words):
  with pytest.raises(ValueError) as caught:
    hf_vocab._tokens("t.json", changed(UNIGRAM, "model.vocab", vocab))
  assert words in str(caught.value)


@pytest.mark.parametrize("given", [hf_folder.TOKENIZER, UNIGRAM])
def test_what_the_package_reads(given):
  """As a later version writes it, 0.13.3 cannot read it."""
  tokenizers = pytest.importorskip(
      "tokenizers", reason="needs tokenizers, in requirements-models.txt")
  read = lambda content: tokenizers.Tokenizer.from_str(json.dumps(content))
  if tokenizers.__version__ == tokenizer_json.VERSION:
    with pytest.raises(Exception, match="did not match any variant"):
      read(given)
  content, _ = adapt(given)
  pieces = read(content).encode("an an", add_special_tokens=False).tokens
  assert pieces == (["\u2581", "an"] * 2 if given is UNIGRAM
                    else ["an", "\u0120an"])
