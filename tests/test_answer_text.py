"""From training to predictions.json on text that is not like English.

A 16-wide BERT learns three questions by heart.
"""

import json

import pytest

import launcher
import tiny_model

# Ideographic spaces at the start; an answer that holds a character that is not in
# the vocabulary.
CHINESE = ("\u3000\u3000\u6c5f\u57ce\u7684\u6865\u4e8e1820\u5e74\u5efa\uff0c"
           "1820\u5e74\u6d2a\u6c34\uff0c\u4ed6\u5199"
           "\u300a\u6cb3\u2014\u5cb8\u300b\u3002")
# Lower-casing takes Hangul apart.
KOREAN = "\uc11c\uc6b8\uc740 \ub300\ud55c\ubbfc\uad6d\uc758 \uc218\ub3c4."
FRENCH = "Il a 30\u00a0% de sel."

# Numeric ids, several answers.
QUESTIONS = [
    (9101, CHINESE, "\u4ec0\u4e48", "\u6cb3\u2014\u5cb8"),
    (9102, KOREAN, "\uc5b4\ub290", "\ub300\ud55c\ubbfc\uad6d"),
    (9103, FRENCH, "combien", "30\u00a0%")]

EXPECTED = {str(number): text for number, _, _, text in QUESTIONS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Data set, vocabulary and configuration."""
  path = tmp_path_factory.mktemp("text")
  paragraphs = [
      {"context": context, "qas": [
          {"id": number, "question": question, "answers": [
              {"text": text, "answer_start": context.index(text)}] * 3}]}
      for number, context, question, text in QUESTIONS]
  (path / "data.json").write_text(json.dumps({"data": [
      {"title": "t", "paragraphs": paragraphs}]}))
  jamo = [chr(code) for code in range(0x1100, 0x1200)]
  pieces = sorted(set(CHINESE + "\u4ec0\u4e48") - set("\u2014\u3000")) + jamo + [
      "1820", "il", "a", "30", "%", "de", "sel", ".", "combien"]
  vocab = list(tiny_model.VOCAB[:4]) + sorted(
      set(pieces + ["##" + piece for piece in jamo]))
  (path / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
  (path / "bert_config.json").write_text(json.dumps(dict(
      tiny_model.CONFIG, vocab_size=len(vocab), hidden_size=16,
      hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
      max_position_embeddings=64)))
  return path


@pytest.mark.slow
def test_answers_are_what_stands_in_the_passage(folder):
  done = tiny_model.run_squad(
      folder, "--do_train=True", "--do_predict=True", "--do_lower_case=True",
      "--max_seq_length=64", "--max_query_length=16", "--doc_stride=32",
      "--train_batch_size=3", "--num_train_epochs=80", "--learning_rate=0.01",
      "--max_answer_length=12")
  assert done.returncode == 0, done.stderr
  remark = ("3 of 3 questions have several answers, of which only the first is "
            "used for training; '9101' is the first")
  assert done.stderr.count(remark) == 1
  assert json.loads(
      (folder / "model" / "predictions.json").read_text()) == EXPECTED
  scored = launcher.script(
      "eval_squad.py", folder / "data.json", folder / "model" / "predictions.json")
  assert json.loads(scored.stdout)["exact"] == 100.0
