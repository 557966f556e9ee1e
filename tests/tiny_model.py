"""A ten-question data set and a 14-wide BERT, and how to run scripts on them."""

import json
import os
import subprocess
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NAMES = ("anna", "omar", "ida", "leo", "mei")
TOWNS = ("oslo", "lima", "rome", "bonn", "bern")
VOCAB = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "where", "who", "lives", "in", "does",
         "live", "?", ".") + NAMES + TOWNS

CONFIG = {
    "vocab_size": len(VOCAB), "hidden_size": 14, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 28, "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 32, "type_vocab_size": 2,
    "initializer_range": 0.2}


def data_set():
  """Two passages of three sentences, five questions each."""
  paragraphs = []
  for p in range(2):
    facts = [(NAMES[(i + p) % 5], TOWNS[(i * 2 + p) % 5]) for i in range(3)]
    context = " ".join("%s lives in %s ." % fact for fact in facts)
    qas = []
    for i in range(5):
      name, town = facts[i % 3]
      question, answer = (("where does %s live ?" % name, town) if i < 3
                          else ("who lives in %s ?" % town, name))
      qas.append({"id": "q%d-%d" % (p, i), "question": question, "answers": [
          {"text": answer, "answer_start": context.index(answer)}]})
    paragraphs.append({"context": context, "qas": qas})
  return {"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}


def write_files(folder):
  """Writes vocab.txt, bert_config.json and data.json."""
  (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
  (folder / "bert_config.json").write_text(json.dumps(CONFIG))
  (folder / "data.json").write_text(json.dumps(data_set()))


def script(name, *arguments, **options):
  """Runs a script of the repository as a user does.

  Returns:
    subprocess.CompletedProcess with text in stdout and stderr.
  """
  environment = dict(os.environ, PYTHONWARNINGS="ignore", TF_CPP_MIN_LOG_LEVEL="2")
  environment.update(options.pop("environment", {}))
  return subprocess.run(
      [sys.executable, os.path.join(REPOSITORY, name)] + list(map(str, arguments)),
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
      env=environment, **options)


def run_squad(folder, *arguments, **options):
  """Runs run_squad.py on the files of write_files, with small sizes.

  Flags of `arguments` override those given here.
  """
  flags = ["--vocab_file=%s" % (folder / "vocab.txt"),
           "--bert_config_file=%s" % (folder / "bert_config.json"),
           "--train_file=%s" % (folder / "data.json"),
           "--predict_file=%s" % (folder / "data.json"),
           "--output_dir=%s" % (folder / "model"),
           "--max_seq_length=24", "--doc_stride=8", "--max_query_length=8"]
  return script("run_squad.py", *(flags + list(arguments)), **options)


def train(folder, *arguments, **options):
  """Trains for 6 steps."""
  return run_squad(folder, "--do_train=True", "--train_batch_size=5",
                   "--num_train_epochs=3", "--learning_rate=0.01", *arguments,
                   **options)
