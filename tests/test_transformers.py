"""Models of each kind beside the transformers that is installed.

Neither it nor torch is among the tests' requirements: CONTRIBUTING.md says how to
have them. What needs a slow tokenizer or the question-answering pipeline is for
versions 4, which have them.
"""

import re
import unicodedata

import pytest

from attention_zones import convert_hf
from attention_zones.base import questions
from attention_zones.data import windows
from attention_zones.weights import hf_models
import hf_folder
import hf_tokenizers
from more_languages import PASSAGES
import run_squad
import test_hf_models

_WHY = "needs torch and transformers: CONTRIBUTING.md says how to have them"
torch = pytest.importorskip("torch", reason=_WHY)
transformers = pytest.importorskip("transformers", reason=_WHY)
pytest.importorskip("tokenizers", reason=_WHY)
pytestmark = pytest.mark.slow
transformers.logging.set_verbosity_error()

HAS_SLOW = pytest.mark.skipif(
    transformers.__version__[0] != "4", reason="transformers 4 alone has slow "
    "tokenizers and the question-answering pipeline; 4.30.2 is for Python 3.7")
LANGUAGES = ("en", "es", "ru", "ar", "hi", "th", "zh")

SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
             intermediate_size=24, max_position_embeddings=514)
WORD_PIECES, BYTES, UNIGRAM = "word_pieces", "byte_level", "unigram"
TOKENIZERS = {
    "bert": WORD_PIECES, "electra": WORD_PIECES, "albert": WORD_PIECES,
    "distilbert": WORD_PIECES, "roberta": BYTES, "xlm-roberta": UNIGRAM,
    "camembert": UNIGRAM}


def config_of(kind, vocab_size):
  """transformers' configuration of a small model."""
  model = hf_models.MODELS[kind]
  sizes = {model.entries.get(name, name): value for name, value in SIZES.items()}
  if kind in ("electra", "albert"):
    sizes["embedding_size"] = 8
  if model.has_tokenizer:
    sizes.update(type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)
  return getattr(transformers, model.stem + "Config")(
      vocab_size=vocab_size, **sizes)


def write_model(folder, kind, vocab_size, half=False):
  """Writes a random model whose attention is far from flat: transformers' model."""
  torch.manual_seed(0)
  model = getattr(
      transformers, hf_models.MODELS[kind].stem + "ForQuestionAnswering")(
          config_of(kind, vocab_size)).eval()
  with torch.no_grad():
    for name, values in sorted(model.named_parameters()):
      values.copy_(0.4 * torch.randn(values.shape) + (
          1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0))
  if half:
    model = model.half()
  model.save_pretrained(str(folder))
  return model


def write_vocab(path, tokenizer):
  """Writes the vocab.txt of a tokenizer of word pieces."""
  vocab = tokenizer.get_vocab()
  path.write_text("".join(
      token + "\n" for token in sorted(vocab, key=vocab.get)), encoding="utf-8")


@pytest.mark.parametrize("kind, half", [
    (kind, kind == "distilbert") for kind in TOKENIZERS])
def test_verify(kind, half, repository, tmp_path, capsys):
  """All zones in all layers; of half precision both sides take the same numbers."""
  texts = (repository / "LICENSE").read_text(encoding="utf-8").split("\n\n")
  tokenizer = hf_tokenizers.KINDS[TOKENIZERS[kind]](texts)
  folder, out = tmp_path / "hf", tmp_path / "out"
  model = write_model(folder, kind, tokenizer.get_vocab_size(), half)
  if TOKENIZERS[kind] == WORD_PIECES:
    write_vocab(folder / "vocab.txt", tokenizer)
  else:
    tokenizer.save(str(folder / "tokenizer.json"))
  assert convert_hf.main([str(folder), str(out)]) == 0
  capsys.readouterr()
  verify = ["--verify", str(folder), str(out)]
  assert convert_hf.main(verify) == 0
  said = capsys.readouterr().out.splitlines()
  assert re.fullmatch(
      r"%s: \d+ windows of up to 64 tokens, 11 decodes, transformers %s" % (
          out, re.escape(transformers.__version__)), said[1])
  apart, largest = re.fullmatch(
      r"%s: largest difference: (\S+), \S+ of the largest logit, (\S+) \("
      r"(?:baseline|layer[01]_\w+), window \d+, (?:start|end) logit of token \d+\)"
      % out, said[2]).groups()
  assert float(apart) < test_hf_models.LOGITS_OF_TRANSFORMERS < 1 < float(largest)
  with torch.no_grad():
    model.qa_outputs.bias += 1
  model.save_pretrained(str(folder))
  assert convert_hf.main(verify) == 1
  assert capsys.readouterr().err == (
      "attention_zones.convert_hf: {0} is not what convert_hf makes of {1}: "
      "{0}/model.ckpt-0 has another cls/squad/output_bias\n".format(out, folder))


# Pieces and answers.

KINDS = ["bert", "distilbert", "roberta", "xlm-roberta", "camembert"]
ODD = (
    "An e\u0301tude, caf\u00e9, cafe\u0301 \u1112\u1161\u11ab", "One \U0001f600!",
    "  Some\u00a0space\tand\nend \u3000 ", "a\u00adb \ufb01sh \u200bzero",
    "100,000 \u2026 ``quoted'' \u201cagain\u201d \u00bd \u2122 3,")


@pytest.fixture(scope="module")
def texts(shared):
  """Real passages of each language: dict from its name to a list of str."""
  found = {}
  for language in LANGUAGES:
    path = str(shared / "data" / ("xquad.%s.json" % language))
    found[language] = list(dict.fromkeys(
        questions.read(path, lambda q: q.context)))[:8]
  found.update((language, [context]) for language, (context, _) in PASSAGES.items())
  return found


@pytest.fixture(scope="module")
def folder_of(texts, tmp_path_factory):
  """A function from a kind of model to a folder as its publisher has it."""
  everything = [text for some in texts.values() for text in some]
  made = {}

  def make(kind):
    folder = tmp_path_factory.mktemp(kind)
    if TOKENIZERS[kind] == WORD_PIECES:
      write_vocab(folder / "vocab.txt", hf_tokenizers.word_pieces(everything, 2000))
      files = {"vocab_file": "vocab.txt"}
    elif TOKENIZERS[kind] == BYTES:
      hf_tokenizers.byte_level(everything, 1500).model.save(str(folder))
      files = {"vocab_file": "vocab.json", "merges_file": "merges.txt"}
    else:
      (folder / "sentencepiece.bpe.model").write_bytes(
          hf_tokenizers.unigram_model(everything, 3000))
      files = {"vocab_file": "sentencepiece.bpe.model"}
    files = {name: str(folder / file) for name, file in files.items()}
    stem = hf_models.MODELS[kind].stem
    fast = getattr(transformers, stem + "TokenizerFast")(**files)
    fast.save_pretrained(str(folder))
    slow = getattr(transformers, stem + "Tokenizer")(**files)
    return folder, slow, fast, write_model(folder, kind, len(fast))

  def once(kind):
    if kind not in made:
      made[kind] = make(kind)
    return made[kind]
  return once


@HAS_SLOW
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_those_of_the_slow_tokenizer(kind, folder_of, texts, tmp_path):
  folder, slow, fast, _ = folder_of(kind)
  assert convert_hf.main([str(folder), str(tmp_path / "out")]) == 0
  tokenizer = hf_folder.tokenizer_of(tmp_path / "out", kind)
  reordered = 0
  for text in [*ODD, *[text for some in texts.values() for text in some]]:
    pieces = tokenizer.tokenize(text)
    ids = tokenizer.convert_tokens_to_ids(pieces)
    assert ids == fast.encode(text, add_special_tokens=False)
    theirs = slow.encode(text, add_special_tokens=False)
    if TOKENIZERS[kind] == UNIGRAM and text[-1:].isspace():
      # SentencePiece has no piece for white space at the end.
      assert pieces[-1] == "\u2581"
      ids.pop()
    if ids != theirs:
      # Of two ways with the same score each takes another: XX I II and XX II I.
      reordered += 1
      assert sorted(ids) == sorted(theirs)
  assert reordered == 0 or TOKENIZERS[kind] == UNIGRAM and reordered < 5


def windows_of_pipeline(asking, question, context, length, doc_stride):
  """The windows of transformers' pipeline: list of (ids, offsets in the passage).

  Its doc_stride is the overlap of two windows, here it is from start to start.
  """
  special = asking.tokenizer.num_special_tokens_to_add(pair=True)
  room = length - special - len(asking.tokenizer.tokenize(question))
  found = []
  for window in asking.preprocess(
      asking.create_sample(question, context), max_seq_len=length,
      doc_stride=room - doc_stride):
    encoding = window["encoding"]
    found.append((encoding.ids, [
        place for place, sequence in zip(encoding.offsets, encoding.sequence_ids)
        if sequence == 1]))
  return found


def place_here(text, place, starts):
  """Where a piece or an answer stands by the package's offsets, and by the rules
  here: without white space at its ends, and with the combining marks behind it that
  no piece has.

  Args:
    text: str, in which white space is a space: `visible` makes it.
    place: (start, end), int, its offsets.
    starts: list of int, where pieces start by their offsets.

  Returns:
    (start, end), int; None of white space alone.
  """
  inside = text[slice(*place)]
  start = place[0] + len(inside) - len(inside.lstrip())
  end = start + len(inside.strip())
  following = min([each for each in starts if each >= end], default=len(text))
  while start < end < following and unicodedata.category(text[end])[0] == "M":
    end += 1
  return (start, end) if start < end else None


def visible(text, fast):
  """A text with a space for what XLM-R's normalizer makes one of, U+200B too."""
  normalizer = fast.backend_tokenizer.normalizer
  if normalizer is None:
    return text
  return "".join(
      " " if normalizer.normalize_str(each) == " " else each for each in text)


def places_here(context, fast):
  """The pieces of a passage: (their offsets, where they stand here)."""
  encoding = fast(context, add_special_tokens=False)[0]
  context = visible(context, fast)
  starts = [start for start, _ in encoding.offsets]
  # The space that Metaspace puts before a text has the first character's offsets.
  return encoding.offsets, [
      None if token == "\u2581" else place_here(context, place, starts)
      for token, place in zip(encoding.tokens, encoding.offsets)]


@HAS_SLOW
@pytest.mark.parametrize("kind", KINDS)
def test_windows_and_answers_are_those_of_the_pipeline(
    kind, folder_of, shared, tmp_path):
  folder, _, fast, model = folder_of(kind)
  out = tmp_path / "out"
  assert convert_hf.main([str(folder), str(out)]) == 0
  asking = transformers.pipeline(
      "question-answering", model=model, tokenizer=fast, framework="pt")
  pairs = []
  for language in LANGUAGES:
    read = questions.read(
        str(shared / "data" / ("xquad.%s.json" % language)),
        lambda q: (q.text, q.context))
    pairs += read[:2] + read[20:22]
  pairs += [(question, context) for context, asked in PASSAGES.values()
            for question, _ in asked]
  check_windows(pairs, hf_folder.tokenizer_of(out, kind), run_squad.load_model(
      out, max_seq_length=192, doc_stride=48, max_query_length=100), asking)
  check_answers([(question, context[:150]) for question, context in pairs],
                run_squad.load_model(out, max_seq_length=512, max_query_length=100,
                                     n_best_size=512), asking)


def check_windows(pairs, tokenizer, model, asking):
  """Long passages, in several windows; and where each piece stands."""
  places_of = {}
  for _, context in pairs:
    places_of[context] = places_here(context, asking.tokenizer)
    passage = windows.tokenize_passage(questions.split_words(context), tokenizer)
    assert passage.tokens == asking.tokenizer(
        context, add_special_tokens=False)[0].tokens
    found = [passage.characters(piece) for piece in range(len(passage.tokens))]
    assert [(start, end) if start < end else None
            for start, end in found] == places_of[context][1]
  theirs = [(context, *window) for question, context in pairs for window in
            windows_of_pipeline(asking, question, context, 192, 48)]
  ours = model.windows(pairs)
  assert len(ours) == len(theirs) > 2 * len(pairs)
  for window, (context, ids, offsets) in zip(ours, theirs):
    assert window.input_ids == ids
    first = window.first_token
    assert offsets == places_of[context][0][first:first + window.passage_length]


def check_answers(pairs, model, asking):
  """Passages of one window; several compete by probability there, by logits here.
  """
  for found, (question, context) in zip(model.predict(pairs), pairs):
    offsets, places = places_here(context, asking.tokenizer)
    first, second = asking(
        question=question, context=context, max_seq_len=512, max_answer_len=30,
        align_to_words=False, top_k=2)
    expected = [first]
    if (first["start"], first["end"]) in [
        each for each, place in zip(offsets, places) if place is None]:
      # White space alone is no answer here.
      expected.append(second)
    shown, starts = visible(context, asking.tokenizer), [
        start for start, _ in offsets]
    assert (found["start"], found["end"]) in [
        place_here(shown, (said["start"], said["end"]), starts)
        for said in expected]
