"""prediction_files.write_files: BERT's files, each whole or not at all."""

import collections
import json
import os
import resource

import pytest

from attention_zones.base import questions
from attention_zones.base import data_sets
from attention_zones.decoding.journal_writer import Journal
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding.answers import Answer
from attention_zones.decoding import prediction_files
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones.decodes import Decode
from attention_zones.zones import masking

MASKED = Decode.of((0,), masking.union(["q2"]))

NBEST = [{"text": "caf\u00e9", "probability": 0.75, "start_logit": 1.5,
          "end_logit": -2.0}]


@pytest.fixture
def folder(tmp_path):
  path = tmp_path / "output"
  path.mkdir()
  return path


# Of a passage without a word, which has no window.
NO_WINDOW = [Answer("", 0.0, []), Answer("", 0.0, None)]


@pytest.fixture
def journal(tmp_path):
  """Answers to questions 2, 1 and 0, in this order."""
  journal = Journal(str(tmp_path / "journal.jsonl"), {})
  journal.append(2, NO_WINDOW)
  journal.append(1, [Answer("caf\u00e9", 0.25, NBEST), Answer("", 2.0, None)])
  journal.append(
      0, [Answer("Ann \"A\"", -0.5, NBEST), Answer("Bob", 1.5, None)])
  return journal


def kinds(with_nbest, with_null_odds=False, with_gold_logp=False):
  """The kinds of files of decodes, with_nbest a bool for each."""
  return [["predictions"] + ["nbest_predictions"] * has_nbest
          + ["null_odds"] * with_null_odds + ["gold_logp"] * with_gold_logp
          for has_nbest in with_nbest]


def data_set(*ids, dataset="squad"):
  paragraph = questions.Paragraph("", [], [])
  examples = [squad_data.Example(name, "", paragraph, -1, -1, "", False)
              for name in ids or ("q9", "q1", "q5")]
  return windows.DataSet(examples, None, None, data_sets.rules(dataset))


def write(folder, journal, with_nbest=(True, False), **with_others):
  prediction_files.write_files(
      str(folder), data_set(), journal, [BASELINE, MASKED],
      kinds(with_nbest, **with_others))


def test_bytes_of_the_files(folder, journal):
  write(folder, journal)
  assert sorted(os.listdir(str(folder))) == [
      "nbest_predictions.json", "predictions.json",
      "predictions_layer0_q2.json"]
  # In the order of the data set.
  assert (folder / "predictions.json").read_bytes() == (
      b'{\n    "q9": "Ann \\"A\\"",\n    "q1": "caf\\u00e9",\n    '
      b'"q5": ""\n}\n')
  assert (folder / "predictions_layer0_q2.json").read_bytes() == (
      b'{\n    "q9": "Bob",\n    "q1": "",\n    "q5": ""\n}\n')
  text = (folder / "nbest_predictions.json").read_text()
  assert text.startswith(
      '{\n    "q9": [\n        {\n            "text": "caf\\u00e9",\n'
      '            "probability": 0.75,\n            "start_logit": 1.5,\n'
      '            "end_logit": -2.0\n        }\n    ],\n    "q1": [\n')
  assert text.endswith('    ],\n    "q5": []\n}\n')


def test_null_odds_of_squad_2(folder, journal):
  write(folder, journal, with_nbest=(False, False), with_null_odds=True)
  assert sorted(os.listdir(str(folder))) == [
      "null_odds.json", "null_odds_layer0_q2.json", "predictions.json",
      "predictions_layer0_q2.json"]
  assert (folder / "null_odds.json").read_text() == (
      '{\n    "q9": -0.5,\n    "q1": 0.25,\n    "q5": 0.0\n}\n')
  assert json.loads((folder / "null_odds_layer0_q2.json").read_text()) == {
      "q9": 1.5, "q1": 2.0, "q5": 0.0}


def test_gold_log_probabilities(folder, tmp_path):
  journal = Journal(str(tmp_path / "other.jsonl"), {})
  journal.append(0, [Answer("a", None, None, -0.5), Answer("b", None, None, -2.25)])
  journal.append(1, [Answer("a", None, None), Answer("b", None, None)])
  journal.append(2, NO_WINDOW)
  write(folder, journal, (False, False), with_gold_logp=True)
  # No window holds the gold answer of q1; q5 has no window.
  assert (folder / "gold_logp.json").read_text() == (
      '{\n    "q9": -0.5,\n    "q1": null,\n    "q5": null\n}\n')
  assert (folder / "gold_logp_layer0_q2.json").read_text() == (
      '{\n    "q9": -2.25,\n    "q1": null,\n    "q5": null\n}\n')


def test_nbest_of_the_second_decode_only(folder, tmp_path):
  journal = Journal(str(tmp_path / "other.jsonl"), {})
  for question in range(3):
    journal.append(
        question, [Answer("a", None, None), Answer("b", None, NBEST)])
  write(folder, journal, with_nbest=(False, True))
  assert sorted(os.listdir(str(folder))) == [
      "nbest_predictions_layer0_q2.json", "predictions.json",
      "predictions_layer0_q2.json"]
  assert json.loads(
      (folder / "nbest_predictions_layer0_q2.json").read_text()) == {
          "q9": NBEST, "q1": NBEST, "q5": NBEST}


def test_no_space_left_keeps_the_old_file(folder, tmp_path):
  (folder / "predictions.json").write_text("old")
  journal = Journal(str(tmp_path / "long.jsonl"), {})
  for question in range(3):
    journal.append(question, [Answer("long " * 1000, None, None)] * 2)
  # A limit on the size of files stops a write half-way, as a full disk does.
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (10000, limits[1]))
  try:
    with pytest.raises(OSError, match="predictions.json"):
      write(folder, journal, with_nbest=(False, False))
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert os.listdir(str(folder)) == ["predictions.json"]
  assert (folder / "predictions.json").read_text() == "old"


def test_a_folder_that_is_not_there_is_named(folder, journal):
  with pytest.raises(FileNotFoundError, match="absent/predictions.json"):
    write(folder / "absent", journal)


class CountingJournal(Journal):
  """A Journal that counts how often each question is read."""

  def __init__(self, path, key):
    super().__init__(path, key)
    self.reads = collections.Counter()

  def read(self, question):
    self.reads[question] += 1
    return super().read(question)


@pytest.mark.parametrize("buffered", [0, prediction_files._BUFFERED])
def test_each_question_is_read_once(folder, tmp_path, monkeypatch, buffered):
  """Whether the files are written at once or in parts, question by question."""
  monkeypatch.setattr(prediction_files, "_BUFFERED", buffered)
  # More files than a process may have open.
  decodes = [BASELINE] + [Decode.of((layer,), masking.union(["q2"]))
                          for layer in range(40)]
  journal = CountingJournal(str(tmp_path / "many.jsonl"), {})
  for question in range(3):
    journal.append(question, [
        Answer("%d of %d" % (v, question), v / 4, NBEST)
        for v in range(len(decodes))])
  limits = resource.getrlimit(resource.RLIMIT_NOFILE)
  resource.setrlimit(resource.RLIMIT_NOFILE, (
      len(os.listdir("/proc/self/fd")) + 20, limits[1]))
  try:
    failed = prediction_files.write_files(
        str(folder), data_set(), journal, decodes,
        kinds([True] * len(decodes), True))
  finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
  assert not failed and journal.reads == {0: 1, 1: 1, 2: 1}
  assert len(os.listdir(str(folder))) == 3 * 41
  for v, decode in enumerate(decodes):
    for name, wanted in (
        ("predictions", ["%d of %d" % (v, q) for q in range(3)]),
        ("null_odds", [v / 4] * 3), ("nbest_predictions", [NBEST] * 3)):
      content = collections.OrderedDict(zip(("q9", "q1", "q5"), wanted))
      assert (folder / decode.file_name(name)).read_text() == (
          json.dumps(content, indent=4) + "\n")


def test_of_a_failed_decode_nothing_is_written(folder, journal):
  """Also when only the last question tells that it has failed."""
  (folder / "predictions_layer0_q2.json").write_text("old")
  journal.append(2, [Answer("Eve", 0.5, NBEST), Answer(None, None, None)])
  assert prediction_files.write_files(
      str(folder), data_set(), journal, [BASELINE, MASKED],
      kinds([True, False], True)) == {MASKED: "q5"}
  assert sorted(os.listdir(str(folder))) == [
      "nbest_predictions.json", "null_odds.json", "predictions.json",
      "predictions_layer0_q2.json"]
  assert (folder / "predictions_layer0_q2.json").read_text() == "old"


def test_bytes_of_cmrc_2018(folder, journal):
  """Predictions as they are, n-best lists in ASCII."""
  journal.append(2, [Answer("\ud800\u4e2d", None, NBEST), Answer("", None, None)])
  journal.append(3, [Answer("empty", 0.0, []), Answer("empty", 0.0, None)])
  prediction_files.write_files(
      str(folder), data_set("q9", "q1", "q5", "\u95ee", dataset="cmrc2018"),
      journal, [BASELINE, MASKED], kinds([True, False]))
  # Half of a surrogate pair cannot be written as it is.
  assert (folder / "predictions.json").read_bytes() == (
      '{\n    "q9": "Ann \\"A\\"",\n    "q1": "caf\u00e9",\n    '
      '"q5": "\\ud800\u4e2d",\n    "\u95ee": "empty"\n}\n').encode("utf-8")
  nbest = (folder / "nbest_predictions.json").read_bytes()
  assert b'"text": "caf\\u00e9"' in nbest and b'"\\u95ee": []' in nbest
