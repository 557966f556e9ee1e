"""eval_squad.py against the formulas of the SQuAD v2.0 evaluator."""

import collections
import itertools
import json

from hypothesis import example, given, strategies as st
import pytest

from attention_zones.figures import eval_pictures
from attention_zones.scores import scoring

ASCII_MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

# Few words, so that answers often share some.
TEXT = st.lists(st.one_of(
    st.sampled_from(
        ["a", "an", "the", "The ", "AN", "x", "X", "y", "z", "x y", "theatre"]
        + list("  \t\n.,-'_()[]") + [
            "\u00a0", "\u2028", "\x1c", "\u200b", "\u201c", "\u0130", "\u00df",
            "\u00e9", "e\u0301", "\u4e2d", "\u05d0", "\U0001f469", "\u0661",
            "\u00b2"]),
    st.characters()), max_size=8).map("".join)
# Equal ones are frequent, which tells what is done at a tie.
NA_PROBS = st.one_of(st.sampled_from([0, 0.5, 1.0]), st.sampled_from([0, 0.5]),
                     st.sampled_from([1, 0.0, -1.0, 0.25]), st.floats(0, 1))


@st.composite
def data_sets(draw):
  """(gold answers, predictions, na_probs): dicts by question id."""
  names = ["q%d" % n for n in range(draw(st.integers(1, 12)))]
  golds = collections.OrderedDict(
      (name, draw(st.lists(TEXT, max_size=3))) for name in names)
  predictions = {name: draw(st.one_of(
      TEXT, st.sampled_from(golds[name] + [""]), st.sampled_from(
          golds[name] or ["x"]))) for name in names}
  others = draw(st.sampled_from([[], ["not in the data"]]))
  na_probs = collections.OrderedDict(
      (name, draw(NA_PROBS)) for name in draw(st.permutations(names + others)))
  return golds, dict(predictions, **dict.fromkeys(others, "x")), na_probs


def normalize(text):
  """Lower case, without punctuation, then without articles."""
  text = "".join(c for c in text.lower() if c not in ASCII_MARKS)
  runs = ["".join(run) for _, run in itertools.groupby(text, str.isalnum)]
  return " ".join("".join(
      " " if run in ("a", "an", "the") else run for run in runs).split())


def token_f1(gold, prediction):
  gold, prediction = normalize(gold).split(), normalize(prediction).split()
  if not gold or not prediction:
    return int(gold == prediction)
  same = sum(min(gold.count(token), prediction.count(token))
             for token in set(gold))
  if same == 0:
    return 0
  precision, recall = same / len(prediction), same / len(gold)
  return (2 * precision * recall) / (precision + recall)


def raw_scores(golds, predictions):
  """(exact, f1): dicts by question id, the best over its gold answers."""
  exact, f1 = {}, {}
  for name, texts in golds.items():
    texts = [text for text in texts if normalize(text)] or [""]
    exact[name] = max(int(normalize(text) == normalize(predictions[name]))
                      for text in texts)
    f1[name] = max(token_f1(text, predictions[name]) for text in texts)
  return exact, f1


def mean_scores(exact, f1, names, prefix):
  count = len(names)
  return [
      (prefix + "exact", 100.0 * sum(exact[name] for name in names) / count),
      (prefix + "f1", 100.0 * sum(f1[name] for name in names) / count),
      (prefix + "total", count)] if names else []


def best_threshold(golds, predictions, scores, na_probs):
  best = current = sum(not texts for texts in golds.values())
  threshold = 0.0
  for name in sorted(na_probs, key=lambda name: na_probs[name]):
    if name not in golds:
      continue
    if golds[name]:
      current += scores[name]
    elif predictions[name]:
      current -= 1
    if current > best:
      best, threshold = current, na_probs[name]
  return 100.0 * best / len(golds), threshold


def official(golds, predictions, na_probs, thresh):
  """What the evaluator prints; na_probs may be None."""
  raw = raw_scores(golds, predictions)
  probs = dict.fromkeys(golds, 0.0) if na_probs is None else na_probs
  above = [name for name in golds if probs[name] > thresh]
  exact, f1 = (dict(scores, **{name: float(not golds[name]) for name in above})
               for scores in raw)
  results = mean_scores(exact, f1, list(golds), "")
  results += mean_scores(
      exact, f1, [name for name in golds if golds[name]], "HasAns_")
  results += mean_scores(
      exact, f1, [name for name in golds if not golds[name]], "NoAns_")
  if na_probs is not None:
    for key, scores in zip(("best_exact", "best_f1"), raw):
      score, threshold = best_threshold(golds, predictions, scores, na_probs)
      results += [(key, score), (key + "_thresh", threshold)]
  return collections.OrderedDict(results)


def average_precision(has_answer, na_probs, scores):
  average = found = last_recall = 0.0
  names = sorted(has_answer, key=lambda name: na_probs[name])
  for i, name in enumerate(names):
    if has_answer[name]:
      found += scores[name]
    if i + 1 == len(names) or na_probs[name] != na_probs[names[i + 1]]:
      recall = found / sum(has_answer.values())
      average += found / (i + 1) * (recall - last_recall)
      last_recall = recall
  return 100.0 * average


@pytest.fixture(scope="module")
def write(tmp_path_factory):
  """A function that writes a JSON file and returns its path."""
  folder = tmp_path_factory.mktemp("evaluator")

  def write_json(name, content):
    (folder / name).write_text(json.dumps(content), encoding="ascii")
    return str(folder / name)
  return write_json


def write_data(write, golds):
  qas = [{"id": name, "question": "?",
          "answers": [{"text": text, "answer_start": 0} for text in texts]}
         for name, texts in golds.items()]
  paragraphs = [{"context": "", "qas": [qa]} for qa in qas]
  return write("data.json", {"data": [{"paragraphs": paragraphs}]})


@given(TEXT)
def test_normalize(text):
  assert scoring.normalize(text) == normalize(text)


LONG_ANSWERS = st.lists(st.sampled_from("xyz"), max_size=40).map(" ".join)


@given(LONG_ANSWERS, LONG_ANSWERS)
@example("x y y", "z " * 45 + "y y y")
def test_f1_of_long_answers(gold, prediction):
  assert scoring.answer_scores((gold,), prediction) == (
      int(gold == prediction), token_f1(gold, prediction))


@given(data_sets(), st.booleans(), NA_PROBS)
def test_scores(write, data_set, with_na_probs, thresh):
  golds, predictions, na_probs = data_set
  questions = scoring.load_questions(write_data(write, golds))
  read = scoring.load_predictions(
      write("predictions.json", predictions), questions)
  read_probs = scoring.load_na_probs(
      write("na_probs.json", na_probs), questions) if with_na_probs else None
  results = scoring.score(questions, read, read_probs, thresh)
  # As text, so that keys, their order and every digit are compared.
  assert json.dumps(results) == json.dumps(official(
      golds, predictions, na_probs if with_na_probs else None, thresh))


@given(data_sets())
def test_average_precision(data_set):
  golds, predictions, na_probs = data_set
  scores = raw_scores(golds, predictions)[1]
  has_answer = collections.OrderedDict(
      (name, bool(golds[name]))
      for name in sorted(na_probs, key=na_probs.get) if name in golds)
  if any(has_answer.values()):
    assert eval_pictures.precision_recall(has_answer, na_probs, scores)[0] == (
        average_precision(has_answer, na_probs, scores))
