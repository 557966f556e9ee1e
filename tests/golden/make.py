"""Slices this folder's files out of the complete golden files.

    python tests/golden/make.py /path/to/shared [folder to write to]

The complete files are not part of the repository. Running this again writes the
same bytes. README.md tells what each file is.
"""

import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import numpy as np
import tensorflow.compat.v1 as tf

import tokenization

# How many paragraphs, from the start of the file. Their questions are the file's
# first ones, too, so that the numbers of questions and windows stay as they were.
PARAGRAPHS = {"xquad.en.120": 3, "squad-train-head": 1, "squad-train-one": 1}

# Which of the file's logits: the windows of the third question. The last of them
# is the only one with padding in the complete file.
LOGIT_ROWS = slice(12, 19)

# One sweep makes these: test_golden_predictions.py runs it.
PREDICTIONS = ("predictions", "nbest_predictions", "predictions_layer1_all",
               "predictions_layer2_p2q", "predictions_layer2_q2p")

# max_seq_length of training.npz, the longest here; and of how many positions the
# embeddings after the training are kept.
NUM_POSITIONS = 384
NUM_TRAINED_POSITIONS = 96

# The hard strings, three lines in English and three in Chinese, each tokenized
# with three vocabularies.
TOKENIZED = list(range(3 * 30)) + list(range(3 * 87, 3 * 90))


def load_json(path):
  return json.loads(path.read_text(encoding="utf-8"))


def write_json(path, content, indent=None):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")


def write_npz(path, arrays):
  path.parent.mkdir(parents=True, exist_ok=True)
  np.savez_compressed(str(path), **arrays)


def slice_data(source, target):
  """Writes the first paragraphs of each data set.

  Returns:
    dict from the name of a data set to its paragraphs, as SQuAD's JSON has them.
  """
  kept = {}
  for name, count in PARAGRAPHS.items():
    content = load_json(source / "data" / (name + ".json"))
    kept[name], articles = [], []
    for article in content["data"]:
      paragraphs = article["paragraphs"][:count - len(kept[name])]
      kept[name] += paragraphs
      if paragraphs:
        articles.append(dict(article, paragraphs=paragraphs))
    write_json(target / "data" / (name + ".json"),
               dict(content, data=articles))
  return kept


def slice_evaluation(source, target):
  """Keeps of a data set what an evaluator reads: ids and answers' texts."""
  name = "squad2-dev-head.json"
  content = load_json(source / "data" / name)
  for article in content["data"]:
    for paragraph in article["paragraphs"]:
      del paragraph["context"]
      paragraph["qas"] = [
          {"id": qa["id"],
           "answers": [{"text": answer["text"]} for answer in qa["answers"]]}
          for qa in paragraph["qas"]]
  write_json(target / "data" / name, content)
  (target / "eval").mkdir(exist_ok=True)
  for path in sorted((source / "golden" / "eval").glob("v2.nlnet.*.json")):
    shutil.copyfile(str(path), str(target / "eval" / path.name))


def slice_vocabularies(source, target, texts, cases):
  """Writes those entries of each vocabulary that are used, in their old order.

  A word is cut greedily: at each step the longest entry that fits is taken. An
  entry that was the longest among all is the longest among fewer, too, so a word
  has the same pieces as before. It is less sure for a word that becomes [UNK], so
  all are compared.

  Args:
    texts: list of str, the passages and questions, for the model's vocabulary.
    cases: list, entries of tokenization.json.

  Returns:
    int32 array: the old id of each entry of the model's vocabulary.
  """
  texts_of = {"uncased": [(text, True) for text in texts]}
  for case in cases:
    texts_of.setdefault(case["vocab"], []).append(
        (case["text"], case["do_lower_case"]))
  (target / "models" / "vocab").mkdir(parents=True, exist_ok=True)
  old_ids = {}
  for name, named_texts in texts_of.items():
    vocab = tokenization.load_vocab(
        str(source / "models" / "vocab" / (name + ".txt")))
    pieces = [tokenization.FullTokenizer(vocab, lower).tokenize(text)
              for text, lower in named_texts]
    used = set(tokenization.SPECIAL_TOKENS).union(*pieces)
    kept = sorted(used, key=vocab.get)
    small = {piece: number for number, piece in enumerate(kept)}
    for (text, lower), expected in zip(named_texts, pieces):
      tokenizer = tokenization.FullTokenizer(small, lower)
      assert tokenizer.tokenize(text) == expected, text
    (target / "models" / "vocab" / (name + ".txt")).write_text(
        "".join(piece + "\n" for piece in kept), encoding="utf-8")
    old_ids[name] = np.array([vocab[piece] for piece in kept], np.int32)
  return old_ids["uncased"]


def slice_model(source, target, old_ids):
  """Writes the model with the embeddings of these words and positions alone."""
  folder = target / "models" / "tiny-random"
  folder.mkdir(parents=True, exist_ok=True)
  source = source / "models" / "tiny-random"
  config = load_json(source / "bert_config.json")
  config.update(vocab_size=len(old_ids), max_position_embeddings=NUM_POSITIONS)
  write_json(folder / "bert_config.json", config, indent=2)
  reader = tf.train.load_checkpoint(str(source / "bert_model.ckpt"))
  rows_of = {"bert/embeddings/word_embeddings": old_ids,
             "bert/embeddings/position_embeddings": np.arange(NUM_POSITIONS)}
  with tf.Graph().as_default(), tf.Session() as session:
    for name in sorted(reader.get_variable_to_shape_map()):
      value = reader.get_tensor(name)
      tf.get_variable(name, initializer=value[rows_of.get(name, Ellipsis)])
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(folder / "bert_model.ckpt"),
                          write_meta_graph=False, write_state=False)


def slice_features(source, target, name, questions, old_ids):
  """Writes the features of the first questions, with the new ids of words."""
  features = np.load(str(source / "golden" / "features" / (name + ".npz")))
  ids = json.loads(str(features["qas_ids"]))
  assert ids[:len(questions)] == questions
  count = int(np.sum(features["example_index"] < len(questions)))
  sliced = {}
  for key in features.files:
    if features[key].ndim:
      sliced[key] = features[key][:count]
    else:
      objects = json.loads(str(features[key]))
      sliced[key] = np.array(json.dumps(
          objects[:len(questions) if key == "qas_ids" else count]))
  new_ids = np.searchsorted(old_ids, sliced["input_ids"])
  assert np.array_equal(old_ids[new_ids], sliced["input_ids"])
  sliced["input_ids"] = new_ids.astype(np.int32)
  write_npz(target / "features" / (name + ".npz"), sliced)


def slice_results(source, target, questions):
  """Writes logits, predictions, and what a training came to."""
  source = source / "golden"
  logits = np.load(str(source / "logits.tiny.npz"))
  write_npz(target / "logits.tiny.npz", {
      key: logits[key][LOGIT_ROWS] for key in logits.files})
  for name in PREDICTIONS:
    path = pathlib.Path("predictions.tiny", name + ".json")
    predictions = load_json(source / path)
    write_json(target / path, {question: predictions[question]
                               for question in questions}, indent=1)
  training = np.load(str(source / "training.npz"))
  positions = "final:bert/embeddings/position_embeddings"
  write_npz(target / "training.npz", {
      key: training[key][:NUM_TRAINED_POSITIONS] if key == positions
      else training[key] for key in training.files})
  shutil.copyfile(str(source / "optimizer.0.npz"),
                  str(target / "optimizer.0.npz"))


def main(source, target=HERE):
  source, target = pathlib.Path(source), pathlib.Path(target)
  paragraphs = slice_data(source, target)
  questions = {name: [qa["id"] for paragraph in some for qa in paragraph["qas"]]
               for name, some in paragraphs.items()}
  slice_evaluation(source, target)
  cases = load_json(source / "golden" / "tokenization.json")
  cases = [cases[number] for number in TOKENIZED]
  write_json(target / "tokenization.json", cases, indent=1)
  texts = [text for some in paragraphs.values() for paragraph in some
           for text in [paragraph["context"]] + [
               qa["question"] for qa in paragraph["qas"]]]
  old_ids = slice_vocabularies(source, target, texts, cases)
  slice_model(source, target, old_ids)
  for name, data in (("xquad.120.96", "xquad.en.120"),
                     ("train-head.128", "squad-train-head")):
    slice_features(source, target, name, questions[data], old_ids)
  slice_results(source, target, questions["xquad.en.120"])


if __name__ == "__main__":
  if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
  main(*sys.argv[1:])
