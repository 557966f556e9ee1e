"""run_squad.py's predictions are those of the published code.

A prediction may differ where the n-best list has two candidates within 1e-3 of
each other.
"""

import json
import os

import pytest

import launcher
import tolerances
from tolerances import TIE

# For each model: its folder and its sizes.
MODELS = {
    "tiny": ("tiny-random", (96, 32, 16)),
    "mini": ("minilm-l6", (384, 128, 64)),
}

# Sweeps, as --mask_layer and --mask_zone, and the golden decodes in them: all of
# the tiny model, and of the other, which takes its time, those that need no third
# sweep. The slice is there to be quick.
SETTINGS = {
    ("slice", "tiny"): (
        [("1,2", "all,q2p,p2q")], ["layer1_all", "layer2_p2q", "layer2_q2p"]),
    ("whole", "tiny"): (
        [("0-3", "q2,q2p,p2q,p2,all")],
        ["layer0_p2", "layer0_q2", "layer1_all", "layer2_p2q", "layer2_q2p",
         "layer3_p2", "layer3_q2"]),
    ("whole", "mini"): (
        [("1,3", "p2,q2p"), ("2", "all")],
        ["layer1_p2", "layer2_all", "layer3_q2p"]),
}


def settings_of(*more):
  """Parameters of a test: each of SETTINGS, and what follows from its decodes.

  The whole ones, 124 questions each, take minutes: `bash tests/numeric.sh`.
  """
  return [pytest.param(
      *which, *(make(decode) for make in more),
      marks=[pytest.mark.thorough] if which[0] == "whole" else [])
          for which, (_, decodes) in SETTINGS.items()
          for decode in (decodes if more else decodes[:1])]


EACH = pytest.mark.parametrize("golden, name", settings_of(), indirect=["golden"])


@pytest.fixture(scope="module")
def predict(tmp_path_factory):
  """A function that gives the folder of a model's predictions."""
  folders = {}

  def run(golden, name):
    if (golden, name) not in folders:
      model, sizes = MODELS[name]
      folder = tmp_path_factory.mktemp(name)
      lay_checkpoint(golden.models / model, folder)
      for sweep in SETTINGS[golden.part, name][0]:
        run_squad(golden, model, sizes, folder, sweep)
      folders[golden, name] = folder
    return folders[golden, name]
  return run


def lay_checkpoint(model, folder):
  """Makes a folder the output_dir of a finished training."""
  for suffix in ("index", "data-00000-of-00001"):
    os.symlink(str(model / ("bert_model.ckpt." + suffix)),
               str(folder / ("model.ckpt-1." + suffix)))
  (folder / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-1"\n')


def run_squad(golden, model, sizes, folder, sweep):
  done = launcher.script(
      "run_squad.py",
      "--vocab_file=%s" % (golden.models / "vocab" / "uncased.txt"),
      "--bert_config_file=%s" % (golden.models / model / "bert_config.json"),
      "--predict_file=%s" % (golden.data / "xquad.en.120.json"),
      "--output_dir=%s" % folder, "--do_predict=True",
      "--max_seq_length=%d" % sizes[0], "--doc_stride=%d" % sizes[1],
      "--max_query_length=%d" % sizes[2], "--write_nbest=True",
      "--mask_layer=%s" % sweep[0], "--mask_zone=%s" % sweep[1])
  assert done.returncode == 0, done.stderr


def load(path):
  with open(str(path), encoding="utf-8") as f:
    return json.load(f)


def total(entry):
  return entry["start_logit"] + entry["end_logit"]


@EACH
def test_baseline_predictions(golden, predict, name):
  published = golden.numbers / ("predictions." + name)
  expected = load(published / "predictions.json")
  nbest = load(published / "nbest_predictions.json")
  predictions = load(predict(golden, name) / "predictions.json")
  assert list(predictions) == list(expected)
  assert len(expected) == {"slice": 18, "whole": 124}[golden.part]
  for question, text in predictions.items():
    candidates = nbest[question]
    allowed = {entry["text"] for entry in candidates
               if total(entry) >= total(candidates[0]) - TIE}
    assert {text, expected[question]} <= allowed, question


@pytest.mark.parametrize(
    "golden, name, decode", settings_of(str), indirect=["golden"])
def test_masked_predictions(golden, predict, name, decode):
  file_name = "predictions_%s.json" % decode
  expected = load(golden.numbers / ("predictions." + name) / file_name)
  folder = predict(golden, name)
  predictions = load(folder / file_name)
  nbest = load(folder / ("nbest_" + file_name))
  assert list(predictions) == list(expected)
  for question, text in expected.items():
    # There is no published n-best list here; ours says what is a tie.
    best = nbest[question][0]
    allowed = {entry["text"] for entry in nbest[question]
               if total(entry) >= total(best) - TIE}
    assert predictions[question] == best["text"] and text in allowed, question


@EACH
def test_nbest_lists(golden, predict, name):
  published = load(golden.numbers / ("predictions." + name)
                   / "nbest_predictions.json")
  nbest = load(predict(golden, name) / "nbest_predictions.json")
  assert list(nbest) == list(published)
  equal = 0
  for question, theirs in published.items():
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
  assert equal > len(published) / 2
