"""run_squad.py's predictions are those of the published code.

A prediction may differ where the n-best list has two candidates within 1e-3 of
each other.
"""

import json
import os
import subprocess
import sys

import pytest

import tolerances
from tolerances import TIE

# For each model: its sizes, and sweeps as --mask_layer and --mask_zone.
SETTINGS = {
    "tiny": ("tiny-random", (96, 32, 16), [("0-3", "q2,q2p,p2q,p2,all")]),
    "mini": ("minilm-l6", (384, 128, 64), [("1,3", "p2,q2p"), ("2", "all")]),
}

# The golden decodes in these sweeps: all of the tiny model, and of the other,
# which takes its time, those that need no third sweep.
DECODES = [("tiny", decode) for decode in (
    "layer0_p2", "layer0_q2", "layer1_all", "layer2_p2q", "layer2_q2p",
    "layer3_p2", "layer3_q2")] + [("mini", decode) for decode in (
        "layer1_p2", "layer2_all", "layer3_q2p")]


@pytest.fixture(scope="module")
def predict(shared, repository, tmp_path_factory):
  """A function that gives the folder of a model's predictions."""
  folders = {}

  def run(name):
    if name not in folders:
      model, sizes, sweeps = SETTINGS[name]
      folder = tmp_path_factory.mktemp(name)
      lay_checkpoint(shared / "models" / model, folder)
      for sweep in sweeps:
        run_squad(repository, shared, model, sizes, folder, sweep)
      folders[name] = folder
    return folders[name]
  return run


def lay_checkpoint(model, folder):
  """Makes a folder the output_dir of a finished training."""
  for suffix in ("index", "data-00000-of-00001"):
    os.symlink(str(model / ("bert_model.ckpt." + suffix)),
               str(folder / ("model.ckpt-1." + suffix)))
  (folder / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-1"\n')


def run_squad(repository, shared, model, sizes, folder, sweep):
  models = shared / "models"
  done = subprocess.run(
      [sys.executable, str(repository / "run_squad.py"),
       "--vocab_file=%s" % (models / "vocab" / "uncased.txt"),
       "--bert_config_file=%s" % (models / model / "bert_config.json"),
       "--predict_file=%s" % (shared / "data" / "xquad.en.120.json"),
       "--output_dir=%s" % folder, "--do_predict=True",
       "--max_seq_length=%d" % sizes[0], "--doc_stride=%d" % sizes[1],
       "--max_query_length=%d" % sizes[2],
       "--write_nbest=True",
       "--mask_layer=%s" % sweep[0], "--mask_zone=%s" % sweep[1]],
      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
  assert done.returncode == 0, done.stderr.decode("utf-8")


def load(path):
  with open(str(path), encoding="utf-8") as f:
    return json.load(f)


def total(entry):
  return entry["start_logit"] + entry["end_logit"]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_baseline_predictions(shared, predict, name):
  golden = shared / "golden" / ("predictions." + name)
  expected = load(golden / "predictions.json")
  nbest = load(golden / "nbest_predictions.json")
  predictions = load(predict(name) / "predictions.json")
  assert list(predictions) == list(expected) and len(expected) == 124
  for question, text in predictions.items():
    candidates = nbest[question]
    allowed = {entry["text"] for entry in candidates
               if total(entry) >= total(candidates[0]) - TIE}
    assert text == expected[question] or text in allowed, question


@pytest.mark.parametrize("name, decode", DECODES)
def test_masked_predictions(shared, predict, name, decode):
  file_name = "predictions_%s.json" % decode
  golden = load(shared / "golden" / ("predictions." + name) / file_name)
  predictions = load(predict(name) / file_name)
  nbest = load(predict(name) / ("nbest_" + file_name))
  assert list(predictions) == list(golden)
  for question, text in golden.items():
    # There is no published n-best list here; ours says what is a tie.
    best = nbest[question][0]
    allowed = {entry["text"] for entry in nbest[question]
               if total(entry) >= total(best) - TIE}
    assert predictions[question] == best["text"] and text in allowed, question


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_nbest_lists(shared, predict, name):
  golden = load(shared / "golden" / ("predictions." + name)
                / "nbest_predictions.json")
  nbest = load(predict(name) / "nbest_predictions.json")
  assert list(nbest) == list(golden)
  equal = 0
  for question, theirs in golden.items():
    ours = nbest[question]
    if [entry["text"] for entry in ours] == [e["text"] for e in theirs]:
      equal += 1
      for our_entry, entry in zip(ours, theirs):
        # A probability moves less than a logit: by p (1 - p) times what the sum
        # of two logits moves against those of other spans, 4 times a logit's.
        assert our_entry == pytest.approx(
            entry, abs=tolerances.PUBLISHED_LOGITS, rel=0)
    # The published code looked at fewer candidates, having spent some of its
    # n_best_size on padding and the question: ours scores as high or higher.
    ours_by_text = {entry["text"]: entry for entry in ours}
    for entry in theirs:
      if total(entry) > total(ours[-1]) + TIE:
        assert entry["text"] in ours_by_text, question
        assert total(ours_by_text[entry["text"]]) >= total(entry) - TIE
  # So that something was compared above. Ties, and candidates that the published
  # cut left out, make the others differ.
  assert equal > len(golden) / 2
