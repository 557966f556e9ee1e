"""A ten-question data set and a 14-wide BERT, and run_squad.py on them."""

import hashlib
import json
import signal

import numpy as np
import tensorflow.compat.v1 as tf

import architectures
import bert_reference
import launcher
import modeling

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


SIZES = ("--max_seq_length=24", "--doc_stride=8", "--max_query_length=8")
TRAINING = ("--do_train=True", "--train_batch_size=5", "--num_train_epochs=3",
            "--learning_rate=0.01")
PROTOCOL = ("--do_predict=True", "-mask_layer=0-1",
            "-mask_zone=q2,q2p,p2q,p2,all")


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


def large_data_set(copies):
  """The passages of data_set many times, each question with an id of its own."""
  data = data_set()
  data["data"][0]["paragraphs"] = paragraphs = []
  for copy in range(copies):
    for paragraph in data_set()["data"][0]["paragraphs"]:
      for question in paragraph["qas"]:
        question["id"] += "-%d" % copy
      paragraphs.append(paragraph)
  return data


def write_files(folder, copies=None, architecture="bert"):
  """Writes vocab.txt, bert_config.json and data.json.

  Args:
    folder: pathlib.Path.
    copies: int, of the ten questions; None: themselves.
    architecture: str, one of architectures.NAMES.
  """
  (folder / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
  (folder / "bert_config.json").write_text(json.dumps(
      dict(CONFIG, **architectures.ALL[architecture])))
  (folder / "data.json").write_text(json.dumps(
      data_set() if copies is None else large_data_set(copies)))


def write_checkpoint(folder, config=None, spread=CONFIG["initializer_range"]):
  """Writes model.ckpt-1, of random weights, as a training leaves it.

  Args:
    folder: pathlib.Path, the output_dir; it is made.
    config: dict as in bert_config.json; None: CONFIG.
    spread: float, the standard deviation of all weights.
  """
  folder.mkdir()
  generator = np.random.RandomState(1)
  with tf.Graph().as_default(), tf.Session() as session:
    for name, shape in bert_reference.variables_of(
        modeling.BertConfig(**(config or CONFIG))).items():
      tf.get_variable(name, initializer=generator.normal(
          0, spread, shape).astype(np.float32))
    tf.get_variable("global_step", initializer=np.int64(1))
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(folder / "model.ckpt"), 1,
                          write_meta_graph=False)


def flags_of(folder):
  """Flags of run_squad.py for the files of write_files, with small sizes."""
  return (
      "--vocab_file=%s" % (folder / "vocab.txt"),
      "--bert_config_file=%s" % (folder / "bert_config.json"),
      "--train_file=%s" % (folder / "data.json"),
      "--predict_file=%s" % (folder / "data.json"),
      "--output_dir=%s" % (folder / "model")) + SIZES


def begin(folder, *flags, **options):
  """Starts run_squad.py on the files of write_files, with small sizes.

  Args:
    folder: pathlib.Path.
    *flags: override those of `flags_of`.
    **options: of launcher.Run.

  Returns:
    launcher.Run.
  """
  return launcher.Run("run_squad.py", flags_of(folder) + flags, **options)


def run_squad(folder, *flags, **options):
  """Runs run_squad.py as begin does: subprocess.CompletedProcess."""
  return launcher.complete(begin(folder, *flags, **options))


def train(folder, *flags, **options):
  """Trains for 6 steps."""
  return run_squad(folder, *(TRAINING + flags), **options)


# run_squad.py, killed where it calls the function {1} of a module of {0}.
KILLED = """
import os, runpy, signal, sys
from attention_zones.{0} import {2}
{1} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def kill_at(folder, room, function, *flags):
  """Runs run_squad.py as run_squad does, up to where it calls a function.

  Args:
    folder: pathlib.Path.
    room, function: str, "base" and "manifest.add" for example.
    *flags: override those of `flags_of`.
  """
  path = folder / "killed.py"
  path.write_text(KILLED.format(room, function, function.partition(".")[0]))
  result = launcher.script(
      path, launcher.REPOSITORY + "/run_squad.py", *(flags_of(folder) + flags),
      fresh=True, environment={"PYTHONPATH": launcher.REPOSITORY})
  assert result.returncode == -signal.SIGKILL, result.stderr


def digests(folder, pattern):
  """The SHA-256 of files in a folder's model/: dict from name."""
  return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
          for path in (folder / "model").glob(pattern)}
