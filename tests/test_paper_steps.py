"""Steps 4 to 9 of the paper, typed as they stand there, on a 14-wide model.

Cui et al., STAR Protocols 3, 101481 (2022). What differs from the paper's text:

- `$GS_BUCKET` is a folder, `cp` stands for `gsutil cp`, and -use_tpu is False, as
  the paper's troubleshooting 1 says for CPUs; the other flags of TPUs stay.
- The layers are {0..1}, not {0..11}, and the model of step 3 is a small one with
  random weights; -learning_rate is 1e-2, without which it learns nothing.
- The zones of step 7.c are a loop over two; in the paper one edits the script.
- Slips of the paper: step 5 says run.squad.sh for train_squad.sh, 6.a lacks a
  space, 8.a says predictions_layers*.json, though the names have no s, and does
  not leave the folder "prediction" again.
- The baselines of step 9 are this model's.
"""

import collections
import csv
import json
import os
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

import modeling
import tiny_model

ZONES = ("all", "q2")

# Step 4.b, with the values of 4.c.
TRAIN_SQUAD = r"""
GS_BUCKET=$PWD/temp-bucket
TPU_NAME=t2-1
TPU_ZONE=us-central1-f
MODEL_OUTPUT_DIR=$GS_BUCKET/squad-model
python -u run_squad.py \
  -vocab_file=$GS_BUCKET/bert/cased_L-12_H-768_A-12/vocab.txt \
  -bert_config_file=$GS_BUCKET/bert/cased_L-12_H-768_A-12/bert_config.json \
  -init_checkpoint=$GS_BUCKET/bert/cased_L-12_H-768_A-12/bert_model.ckpt \
  -do_train=True \
  -train_file=./squad/train-v1.1.json \
  -do_predict=True \
  -predict_file=./squad/dev-v1.1.json \
  -train_batch_size=64 \
  -predict_batch_size=32 \
  -num_train_epochs=3.0 \
  -max_seq_length=512 \
  -doc_stride=128 \
  -learning_rate=1e-2 \
  -version_2_with_negative=False \
  -output_dir=$MODEL_OUTPUT_DIR \
  -do_lower_case=False \
  -use_tpu=False \
  -tpu_name=$TPU_NAME \
  -tpu_zone=$TPU_ZONE
"""

# Step 7.b.
DECODE_SQUAD = r"""
GS_BUCKET=$PWD/temp-bucket
TPU_NAME=t2-1
TPU_ZONE=us-central1-f
MODEL_OUTPUT_DIR=$GS_BUCKET/squad-model
for idx in {0..1};
do
python -u run_squad.py \
  -vocab_file=$GS_BUCKET/bert/cased_L-12_H-768_A-12/vocab.txt \
  -bert_config_file=$GS_BUCKET/bert/cased_L-12_H-768_A-12/bert_config.json \
  -init_checkpoint=$GS_BUCKET/bert/cased_L-12_H-768_A-12/bert_model.ckpt \
  -do_train=False \
  -do_predict=True \
  -predict_file=./squad/dev-v1.1.json \
  -predict_batch_size=32 \
  -max_seq_length=512 \
  -doc_stride=128 \
  -mask_layer=$idx \
  -mask_zone="q2" \
  -output_dir=$MODEL_OUTPUT_DIR \
  -do_lower_case=False \
  -use_tpu=False \
  -tpu_name=$TPU_NAME \
  -tpu_zone=$TPU_ZONE
done
"""

TRAIN = "nohup nice bash train_squad.sh &> train.log & wait $!"

SCORE = r"""
cp temp-bucket/squad-model/predictions.json .
python eval_squad.py squad/dev-v1.1.json predictions.json
"""

DECODE = r"""
for zone in q2 all; do
  sed "s/q2/$zone/" decode_squad.sh > decode_zone.sh
  bash decode_zone.sh
done
"""

COLLECT = r"""
mkdir prediction && cd prediction
cp ../temp-bucket/squad-model/predictions_layer*.json .
cd ..
python get_results.py prediction results.csv
"""

DRAW = "python visualize_att_zone.py results.csv %s squad.pdf"

COLLECT_F1 = "python get_results.py prediction results.csv -use-f1"


def capitalized(text):
  """Names and towns as a cased vocabulary has them."""
  for name in tiny_model.NAMES + tiny_model.TOWNS:
    text = text.replace(name, name.capitalize())
  return text


def data_set(copies, to_predict=False):
  """tiny_model's data set, capitalized; each copy has ids of its own.

  To predict, half of the answers are the whole passage: whatever a model says to
  these has an F1 above 0, and is no exact match.
  """
  paragraphs = []
  for copy in range(copies):
    data, = tiny_model.data_set()["data"]
    for paragraph in data["paragraphs"]:
      for question in paragraph["qas"]:
        question["id"] += "-%d" % copy
      for question in paragraph["qas"][1::2] if to_predict else ():
        question["answers"] = [
            {"text": paragraph["context"], "answer_start": 0}]
      paragraphs.append(paragraph)
  return capitalized(json.dumps(
      {"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}))


def make_bert(folder):
  """Steps 3.a to 3.d: a model without an answer head, as Google's are."""
  folder.mkdir(parents=True)
  (folder / "vocab.txt").write_text(
      capitalized("\n".join(tiny_model.VOCAB) + "\n"))
  config = dict(tiny_model.CONFIG, max_position_embeddings=512)
  (folder / "bert_config.json").write_text(json.dumps(config))
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    ids = tf.zeros([1, 1], tf.int32)
    modeling.BertModel(modeling.BertConfig(**config), False, ids, ids, ids)
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(folder / "bert_model.ckpt"))


@pytest.fixture(scope="module")
def folder(repository, tmp_path_factory):
  """The folder after steps 1 to 4, 7.a and 7.b."""
  folder = tmp_path_factory.mktemp("mrc-model-analysis")
  for entry in repository.iterdir():
    if entry.suffix == ".py" or (entry / "__init__.py").exists():
      (folder / entry.name).symlink_to(entry)
  (folder / "squad").mkdir()
  (folder / "squad" / "train-v1.1.json").write_text(data_set(7))
  (folder / "squad" / "dev-v1.1.json").write_text(
      data_set(1, to_predict=True))
  make_bert(folder / "temp-bucket" / "bert" / "cased_L-12_H-768_A-12")
  (folder / "train_squad.sh").write_text(TRAIN_SQUAD)
  (folder / "decode_squad.sh").write_text(DECODE_SQUAD)
  return folder


def type_in(folder, text):
  """Runs what a user types in the folder, and returns stdout."""
  environment = dict(
      os.environ, PYTHONWARNINGS="ignore", TF_CPP_MIN_LOG_LEVEL="3",
      PATH=os.path.dirname(sys.executable) + ":" + os.environ["PATH"])
  done = subprocess.run(
      ["bash", "-e", "-c", text], cwd=str(folder), env=environment,
      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      universal_newlines=True)
  assert done.returncode == 0, done.stdout + done.stderr
  assert "Traceback" not in done.stderr, done.stderr
  return done.stdout


def words_of(text):
  return [word for word in text.lower().split() if word not in (".", "?")]


def scores_by_hand(folder, predictions_path):
  """EM and F1 of a file of predictions; every question here has one answer."""
  predictions = json.loads(predictions_path.read_text())
  data = json.loads((folder / "squad" / "dev-v1.1.json").read_text())
  exact = f1 = 0
  questions = [question for paragraph in data["data"][0]["paragraphs"]
               for question in paragraph["qas"]]
  for question in questions:
    gold = words_of(question["answers"][0]["text"])
    words = words_of(predictions[question["id"]])
    common = sum((collections.Counter(gold) & collections.Counter(words)).values())
    exact += gold == words
    f1 += 2 * common / (len(gold) + len(words))
  return 100 * exact / len(questions), 100 * f1 / len(questions)


def read_table(path):
  with open(str(path)) as f:
    return list(csv.reader(f))


def check_table(folder, metric):
  """Compares results.csv with scores by hand, of EM (0) or F1 (1)."""
  table = read_table(folder / "results.csv")
  assert table[0] == ["layer"] + list(ZONES)
  assert [row[0] for row in table[1:]] == ["1", "2"]
  for layer, row in enumerate(table[1:]):
    for zone, score in zip(ZONES, row[1:]):
      path = folder / "prediction" / ("predictions_layer%d_%s.json" % (layer, zone))
      assert score == "%.3f" % scores_by_hand(folder, path)[metric]
  return table


@pytest.mark.slow
def test_steps_4_to_9(folder):
  type_in(folder, TRAIN)
  model = folder / "temp-bucket" / "squad-model"
  assert (model / "model.ckpt-3.index").exists()  # 70 questions / 64 * 3

  scores = json.loads(type_in(folder, SCORE))
  em, f1 = scores_by_hand(folder, model / "predictions.json")
  assert (scores["exact"], scores["f1"]) == (pytest.approx(em), pytest.approx(f1))
  assert scores["total"] == 10
  assert em < f1  # so that a table of one is not one of the other

  type_in(folder, DECODE)
  type_in(folder, COLLECT)
  names = {path.name for path in (folder / "prediction").iterdir()}
  assert names == {"predictions_layer%d_%s.json" % (layer, zone)
                   for layer in range(2) for zone in ZONES}
  exact = check_table(folder, metric=0)
  # By the last layer's q2, the baseline. So it was the fine-tuned model that was
  # decoded, not the plain one that -init_checkpoint names.
  assert exact[2][2] == "%.3f" % em

  type_in(folder, DRAW % ("%.3f" % em))
  figure = folder / "squad.pdf"
  assert figure.read_bytes().startswith(b"%PDF")
  figure.unlink()

  type_in(folder, COLLECT_F1)
  assert check_table(folder, metric=1) != exact
  type_in(folder, DRAW % ("%.3f" % f1))
  assert figure.read_bytes().startswith(b"%PDF")
