"""--attention_mass: attention_mass.csv, against sums over pairs of tokens."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.decoding import attention_mass
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import layouts
from attention_zones.zones import zones
from bert_reference import reference_logits
from bert_reference import variables_of
import modeling
import tiny_model
from tiny_model import run_squad
import tolerances

# A passage's 15 pieces beside a question of 5: windows of the pieces 0 to 9 and
# 8 to 14; beside a question of 4 tokens, of 0 to 10 and 8 to 14.
MEASURE = ("--do_predict=True", "--attention_mass=True", "--max_seq_length=18",
           "--doc_stride=8")
# The four zones as rows and columns of the file.
ZONES = {"q2": ("q", "q"), "q2p": ("not_p", "p"), "p2q": ("not_q", "q"),
         "p2": ("p", "p")}


def members(kinds):
  """The positions in each set, of the kinds C, Q, S, P and E (the second [SEP])."""
  of = lambda wanted: [i for i, kind in enumerate(kinds) if kind in wanted]
  return {"q": of("Q"), "p": of("P"), "special": of("CSE"), "not_q": of("CSPE"),
          "not_p": of("CQSE"), "cls": of("C"), "sep1": of("S"), "sep2": of("E")}


def mass_of_window(attention, kinds):
  """Mass by FINDINGS' formula, pair by pair: float64 [5, 5]."""
  sets = members(kinds)
  return np.array([[
      sum(attention[i, j] for i in sets[rows] for j in sets[columns])
      / len(sets[rows]) for columns in attention_mass.TO]
                   for rows in attention_mass.FROM])


def test_the_vector_of_the_specification():
  """[CLS] q q [SEP] p p p [SEP], logit_ij = ((3i + 5j) mod 7) / 2."""
  i, j = np.mgrid[:8, :8]
  weights = np.exp((3 * i + 5 * j) % 7 / 2)
  weights /= weights.sum(1, keepdims=True)
  features = layouts.BERT.places(tf.constant([2]), tf.constant([3]))
  with tf.Session() as session:
    tokens = zones.token_sets(dict(features, input_ids=tf.zeros([1, 8])))
    found = session.run(attention_mass.mass_of(
        tf.constant(weights[None, None]), tokens))[0, 0]
  of = lambda zone: found[attention_mass.FROM.index(ZONES[zone][0]),
                          attention_mass.TO.index(ZONES[zone][1])]
  assert [of(zone) for zone in ("q2", "q2p", "p2q", "p2")] == pytest.approx(
      [.273909091642, .462191576297, .269022540803, .328715126891], rel=1e-9)
  np.testing.assert_allclose(
      found, mass_of_window(weights, "CQQSPPPE"), rtol=1e-12)
  np.testing.assert_allclose(found.sum(1), 1, rtol=1e-12)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
  """A folder with attention_mass.csv; its last question has no tokens."""
  folder = tmp_path_factory.mktemp("measured")
  tiny_model.write_files(folder)
  data = tiny_model.data_set()
  data["data"][0]["paragraphs"][1]["qas"][4]["question"] = " "
  # A short passage has one window.
  data["data"][0]["paragraphs"][1]["context"] = "anna lives in oslo ."
  (folder / "data.json").write_text(json.dumps(data))
  tiny_model.write_checkpoint(folder / "model")
  result = run_squad(folder, *MEASURE)
  assert result.returncode == 0, result.stderr
  assert result.stderr.endswith("wrote attention_mass.csv\n")
  return folder


def read(folder):
  with open(str(folder / "model" / "attention_mass.csv")) as f:
    return list(csv.DictReader(f))


def windows_of(data):
  """The word pieces of each question's windows, kinds beside them, by hand."""
  for paragraph in data["data"][0]["paragraphs"]:
    passage = paragraph["context"].split()
    for qa in paragraph["qas"]:
      question = qa["question"].split()
      room, first, found = 18 - 3 - len(question), 0, []
      while True:
        part = passage[first:first + room]
        found.append((
            ["[CLS]"] + question + ["[SEP]"] + part + ["[SEP]"],
            "C" + "Q" * len(question) + "S" + "P" * len(part) + "E"))
        if first + room >= len(passage):
          break
        first += 8
      yield question, found


def test_the_file_has_what_numpy_computes(measured):
  """BERT in float64; means over rows, a question's windows, questions."""
  config = modeling.BertConfig(**tiny_model.CONFIG)
  reader = tf.train.load_checkpoint(str(measured / "model" / "model.ckpt-1"))
  weights = {name: reader.get_tensor(name) for name in variables_of(config)}
  mass, uniform, sizes = [], [], []
  for question, of_question in windows_of(
      json.loads((measured / "data.json").read_text())):
    if not question:
      continue
    of_windows, shares = [], []
    for pieces, kinds in of_question:
      features = np.zeros([3, len(pieces)], int)
      features[0] = list(map(tiny_model.VOCAB.index, pieces))
      features[1], features[2, len(question) + 2:] = 1, 1
      attentions = []
      reference_logits(config, weights, features, BASELINE, attentions=attentions)
      of_windows.append([[mass_of_window(head, kinds) for head in layer]
                         for layer in attentions])
      shares.append([len(members(kinds)[columns]) / len(kinds)
                     for columns in attention_mass.TO])
    sizes.append(len(of_question))
    mass.append(np.mean(of_windows, 0))
    uniform.append(np.mean(shares, 0))
  assert sizes == [2] * 5 + [1] * 4
  mass, uniform = np.mean(mass, 0), np.mean(uniform, 0)  # [L, N, 5, 5], [5]
  rows = read(measured)
  assert [(row["layer"], row["head"]) for row in rows[::25]] == [
      ("1", "mean"), ("1", "1"), ("1", "2"), ("2", "mean"), ("2", "1"), ("2", "2")]
  assert [(row["from"], row["to"]) for row in rows[:25]] == [
      (a, b) for a in attention_mass.FROM for b in attention_mass.TO]
  # Six places; a weight is off by float32's rounding before and in the softmax.
  tolerance = 0.5e-6 + tolerances.float32_tolerance(
      1, tolerances.model_operations(config, 18))
  for row in rows:
    layer, f, t = (int(row["layer"]) - 1, attention_mass.FROM.index(row["from"]),
                   attention_mass.TO.index(row["to"]))
    of_heads = mass[layer, :, f, t]
    expected = of_heads.mean() if row["head"] == "mean" else (
        of_heads[int(row["head"]) - 1])
    assert abs(float(row["mass"]) - expected) < tolerance
    assert row["uniform"] == "%.6f" % uniform[t] and row["n"] == "9"
    assert float(row["lift"]) == pytest.approx(
        expected / uniform[t], abs=1e-4 + tolerance / uniform[t])
  # Heads differ by more than that.
  assert np.abs(mass[:, 0] - mass[:, 1]).max() > 100 * tolerance


def test_over_the_columns_mass_sums_to_one(measured):
  rows = read(measured)
  for first in range(0, len(rows), 5):
    # Five numbers of six places.
    assert sum(float(row["mass"]) for row in rows[first:first + 5]) == (
        pytest.approx(1, abs=5 * 0.5e-6 + 1e-6))


@pytest.fixture
def project(measured, tmp_path):
  """A copy of `measured`, to be changed."""
  shutil.copytree(str(measured), str(tmp_path / "project"))
  return tmp_path / "project"


@pytest.mark.slow
def test_it_is_made_once_for_a_run(project):
  path = project / "model" / "attention_mass.csv"
  before = path.read_bytes()
  content = json.loads((project / "model" / "manifest.json").read_text())
  assert content["files"]["attention_mass.csv"] == (
      content["files"]["predictions.json"])
  path.write_text("changed")
  result = run_squad(project, *MEASURE)
  assert result.returncode == 0, result.stderr
  assert result.stderr.endswith(
      "%s is there already, for these flags, data and checkpoint\n" % path)
  assert path.read_text() == "changed"
  # In other batches, and after a sweep.
  path.unlink()
  result = run_squad(project, *MEASURE, "--predict_batch_size=1",
                     "--mask_layer=0", "--mask_zone=p2")
  assert result.returncode == 0, result.stderr
  assert [line.split(",")[:4] for line in path.read_text().splitlines()] == [
      line.split(",")[:4] for line in before.decode().splitlines()]
  path.write_text("of another run")
  result = run_squad(
      project, *MEASURE, "--max_query_length=3", "--overwrite=True")
  assert result.returncode == 0, result.stderr
  assert path.read_text().startswith("layer,head,from,to,mass,uniform,lift,n\n1,")


@pytest.mark.parametrize("flags, words", [
    (["--shard=1/2"], ["--attention_mass=True averages", "--shard=1/2"]),
    (["--do_predict=False", "--do_train=True"],
     ["--attention_mass=True", "it needs --do_predict=True"]),
])
def test_refused_with_one_line(measured, flags, words):
  result = run_squad(measured, *MEASURE, *flags)
  assert result.returncode == 1
  assert len(result.stderr.splitlines()) == 1, result.stderr
  for word in words:
    assert word in result.stderr


@pytest.mark.thorough
def test_questions_without_tokens_only(project):
  data = json.loads((project / "data.json").read_text())
  for paragraph in data["data"][0]["paragraphs"]:
    for qa in paragraph["qas"]:
      qa["question"] = ""
  (project / "data.json").write_text(json.dumps(data))
  before = (project / "model" / "attention_mass.csv").read_bytes()
  result = run_squad(project, *MEASURE, "--overwrite=True")
  assert result.returncode == 1
  assert "no question has tokens of its own" in result.stderr.splitlines()[-1]
  assert (project / "model" / "attention_mass.csv").read_bytes() == before
