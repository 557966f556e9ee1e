"""Tokenizers of Hugging Face with the components of real ones, trained on texts.

The package is imported where it is used, so that tests can be skipped without it.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys

# Training starts threads; a process that is forked then would warn.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# In fairseq's order, as RoBERTa and XLM-R have them.
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
FIRST, PAD, LAST, UNKNOWN = range(4)


def byte_level(texts, size=600):
  """RoBERTa's kind: pieces of bytes, merged in pairs."""
  from tokenizers import models, pre_tokenizers, processors, Tokenizer, trainers
  tokenizer = Tokenizer(models.BPE())
  tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
      vocab_size=size, special_tokens=SPECIAL, show_progress=False,
      initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
  _add_mask(tokenizer)
  tokenizer.post_processor = processors.RobertaProcessing(
      ("</s>", LAST), ("<s>", FIRST), add_prefix_space=False)
  return tokenizer


def byte_level_of_words(texts, size=600):
  """RobBERT-2023's kind: the same of each word, with a space before it that was not
  there, and offsets without the first letter."""
  from tokenizers import pre_tokenizers
  tokenizer = byte_level(texts, size)
  tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
      pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=True),
      pre_tokenizers.Punctuation()])
  return tokenizer


# With TensorFlow in the same process, SentencePiece's trainer crashes.
_TRAIN = """
import sys, sentencepiece
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=sys.stdin, model_writer=sys.stdout.buffer,
    vocab_size=int(sys.argv[1]), model_type="unigram", minloglevel=2,
    normalization_rule_name="nmt_nfkc", hard_vocab_limit=False)
"""
# transformers has a description of its own of a model's file, under the name of
# SentencePiece's, and a process can have one of a name only.
_READ = """
import base64, json, sys
from sentencepiece import sentencepiece_model_pb2
model = sentencepiece_model_pb2.ModelProto.FromString(sys.stdin.buffer.read())
json.dump([[[piece.piece, piece.score] for piece in model.pieces],
           base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()],
          sys.stdout)
"""


def _of_another_process(code, content, *arguments):
  """What Python code prints that reads some bytes: bytes."""
  return subprocess.run([sys.executable, "-c", code, *arguments], check=True,
                        input=content, stdout=subprocess.PIPE).stdout


def unigram_model(texts, size=600):
  """A SentencePiece model of Unigram, with XLM-R's normalizer, nmt_nfkc: bytes."""
  return _of_another_process(_TRAIN, "\n".join(texts).encode("utf-8"), str(size))


def unigram(texts, size=600):
  """XLM-R's kind: SentencePiece's pieces, and its normalizer."""
  from tokenizers import models, normalizers, pre_tokenizers, processors, Tokenizer
  pieces, charsmap = json.loads(_of_another_process(
      _READ, unigram_model(texts, size)))
  # The first three are <unk>, <s> and </s>.
  tokenizer = Tokenizer(models.Unigram(
      [(token, 0.0) for token in SPECIAL]
      + list(map(tuple, pieces[3:])), UNKNOWN))
  tokenizer.normalizer = normalizers.Precompiled(base64.b64decode(charsmap))
  # With a space before the text, which versions name differently.
  tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
  tokenizer.add_special_tokens(SPECIAL)
  _add_mask(tokenizer)
  tokenizer.post_processor = processors.TemplateProcessing(
      single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
      special_tokens=[("<s>", FIRST), ("</s>", LAST)])
  return tokenizer


def word_pieces(texts, size=600, lower_case=True):
  """BERT's kind, as a tokenizer.json has it."""
  from tokenizers import models, normalizers, pre_tokenizers, processors
  from tokenizers import Tokenizer, trainers
  tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
  tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower_case)
  tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
  tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
      vocab_size=size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"],
      show_progress=False))
  tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
  return tokenizer


KINDS = {"byte_level": byte_level, "byte_level_of_words": byte_level_of_words,
         "unigram": unigram, "word_pieces": word_pieces}


def _add_mask(tokenizer):
  from tokenizers import AddedToken
  # It takes the space before it.
  tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])


def write(path, tokenizer, change=None):
  """Writes a tokenizer.json.

  Args:
    path: pathlib.Path.
    tokenizer: tokenizers.Tokenizer.
    change: function that changes the dict of the file, if given.

  Returns:
    int, how many rows of word embeddings it needs.
  """
  content = json.loads(tokenizer.to_str())
  if change:
    change(content)
  path.write_text(json.dumps(content))
  return tokenizer.get_vocab_size()


def write_all(folder):
  """Makes a folder with KIND.json of each kind, trained on a text that stays."""
  license_of_all = pathlib.Path(__file__).resolve().parent.parent / "LICENSE"
  texts = license_of_all.read_text().split("\n\n")
  folder.mkdir()
  for kind, train in KINDS.items():
    write(folder / (kind + ".json"), train(texts))


def check_places(passage, tokenizer):
  """Each piece stands in order where its own characters are, and no character is
  left out but what the normalizer takes away."""
  context, end, covered = passage.paragraph.context, 0, set()
  own = tokenizer.stream_of_pieces(context, tokenizer.encode(context))
  written = {}
  for character, (first, last) in zip(*own):
    for piece in range(first, last + 1):
      written[piece] = written.get(piece, "") + character
  for piece in range(len(passage.tokens)):
    place = passage.characters(piece)
    if piece not in written:
      continue
    assert end <= place[1] and place[0] < place[1]
    text = context[slice(*place)]
    assert text == text.strip()
    there = tokenizer.stream_of_text(text).text
    assert written[piece] in there
    end = place[1]
    covered.update(range(*place))
  visible = tokenizer.stream_of_text(context).owners
  assert all(covered.issuperset(range(*owner)) for owner in visible)
