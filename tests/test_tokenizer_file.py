"""--tokenizer_file: a tokenizer of Hugging Face, from text to answers."""

import json
import shutil

import numpy as np
import pytest

from attention_zones.base import questions
from attention_zones.data import hf_tokenizer
from attention_zones.data import windows
import hf_tokenizers
import launcher
import modeling
import perfect_model
import run_squad
import tiny_model
import tolerances

tokenizers = pytest.importorskip("tokenizers", reason=(
    "the package tokenizers is missing: bash setup_env.sh requirements-models.txt"))


def run(folder, *flags):
  return tiny_model.run_squad(
      folder, "--vocab_file=", "--tokenizer_file=%s" % (folder / "tokenizer.json"),
      "--do_predict=True", *flags)


SWEEP = ("--mask_layer=1", "--mask_head=1",
         "--mask_zone=q2,q2p,p2q,p2,p2q@1,p2@zero", "--gold_logp=True",
         "--attention_mass=True")


@pytest.mark.slow
def test_from_text_to_files_with_two_separators(tmp_path):
  """A sweep of one head, that was cut, too; RoBERTa's layout and tokenizer."""
  tiny_model.write_files(tmp_path)
  (tmp_path / "vocab.txt").unlink()
  paragraphs = tiny_model.data_set()["data"][0]["paragraphs"]
  contexts = [paragraph["context"] for paragraph in paragraphs]
  config = dict(tiny_model.CONFIG, vocab_size=hf_tokenizers.write(
      tmp_path / "tokenizer.json", hf_tokenizers.byte_level(contexts, 300)))
  (tmp_path / "bert_config.json").write_text(json.dumps(config))
  tiny_model.write_checkpoint(tmp_path / "model", config)
  # It cannot write its files, so that the journal stays.
  lock = tmp_path / "model" / ".manifest.json.lock"
  lock.mkdir()
  assert run(tmp_path, *SWEEP).returncode == 1
  lock.rmdir()
  cut = tmp_path / "cut"
  shutil.copytree(str(tmp_path / "model"), str(cut))
  journal, = cut.glob("journal.*")
  journal.write_bytes(b"".join(journal.read_bytes().splitlines(True)[:5]))
  whole, resumed = run(tmp_path, *SWEEP), run(
      tmp_path, *SWEEP, "--output_dir=%s" % cut)
  assert (whole.returncode, resumed.returncode) == (0, 0), resumed.stderr
  assert "4 of 10 questions are done: resuming" in resumed.stderr
  assert "huggingface" not in resumed.stderr
  made = [path.name for path in cut.glob("*[ps]*.*") if path.suffix in (
      ".json", ".csv") and path.name != "manifest.json"]
  assert len(made) == 7 + 7 + 2
  for name in made:
    assert (cut / name).read_bytes() == (tmp_path / "model" / name).read_bytes()

  answers = json.loads((cut / "predictions_layer1_head1_p2.json").read_text())
  assert len(answers) == 10
  for question, text in answers.items():
    assert text.strip() == text and text in contexts[int(question[1])]
  run_made, = json.loads((cut / "manifest.json").read_text())["runs"].values()
  assert run_made["tokenizers"] == tokenizers.__version__
  assert len(run_made["--tokenizer_file"]) == 64
  assert run_made["--do_lower_case"] is None and "--vocab_file" not in run_made
  rows = [line.split(",") for line in (
      cut / "attention_mass.csv").read_text().splitlines()]
  uniform = {row[3]: float(row[5]) for row in rows if row[:3] == ["1", "mean", "q"]}
  assert uniform["sep1"] == pytest.approx(2 * uniform["cls"], rel=1e-4)
  check_gold_logp(cut, paragraphs, run_squad.load_model(
      str(cut), tokenizer_file=tmp_path / "tokenizer.json",
      bert_config_file=tmp_path / "bert_config.json"), modeling.BertConfig(
          **config))


def check_gold_logp(folder, paragraphs, model, config):
  """The log-probabilities of a sweep are those of plain layers, one by one."""
  asked = [(qa, paragraph["context"]) for paragraph in paragraphs
           for qa in paragraph["qas"]]
  tokenizer = hf_tokenizer.load(str(folder.parent / "tokenizer.json"))
  in_windows = model.windows([(qa["question"], context) for qa, context in asked])
  assert len(in_windows) > len(asked)
  baseline = {}
  for zone in (None, "q2", "q2p", "p2q", "p2"):
    best, limit = {}, 0
    for window in in_windows:
      qa, context = asked[window.example_index]
      logits, = model.logits(window, [masks_of(window, zone)])
      limit = max(limit, 4 * tolerances.float32_tolerance(
          np.abs(logits).max(), tolerances.model_operations(config, 24)))
      start, end = logits - np.log(
          np.exp(logits.astype(float)).sum(1, keepdims=True))
      first, last = windows.tokenize_passage(
          questions.split_words(context), tokenizer).tokens_at(
              qa["answers"][0]["answer_start"],
              qa["answers"][0]["answer_start"] + len(qa["answers"][0]["text"]))
      # <s>, the question, </s></s>.
      shift = window.question_length + 3 - window.first_token
      if window.first_token <= first and (
          last < window.first_token + window.passage_length):
        best[qa["id"]] = max(best.get(qa["id"], -np.inf),
                             start[first + shift] + end[last + shift])
    found = json.loads((folder / ("gold_logp%s.json" % (
        "_layer1_head1_" + zone if zone else ""))).read_text())
    assert found == pytest.approx(best, rel=0, abs=limit)
    # Another decode's would be found out.
    assert not baseline or max(
        abs(found[name] - baseline[name]) for name in found) > 10 * limit
    baseline = baseline or found


def masks_of(window, zone):
  """The masks of layer 1 and its head 1, by hand: float32 [2, 2, S, S]."""
  end, q = len(window.input_ids), window.question_length
  passage = range(q + 3, q + 3 + window.passage_length)
  outside = lambda some: [i for i in range(end) if i not in some]
  rows, columns = {
      None: ((), ()), "q2": (range(1, q + 1),) * 2, "p2": (passage,) * 2,
      "q2p": (outside(passage), passage),
      "p2q": (outside(range(1, q + 1)), range(1, q + 1))}[zone]
  masks = np.zeros([2, 2, end, end], np.float32)
  for row in rows:
    masks[1, 1, row, list(columns)] = -10000
  return masks


@pytest.mark.parametrize("flags, said", [
    (["--dataset=cmrc2018"], "the script of --dataset=cmrc2018 knows word pieces"),
    (["--spm_model_file=x"], "and --spm_model_file=x: give one of them"),
    (["--tokenizer_file=no.json"], "=no.json: there is no such file"),
    ([], "is another JSON file; should be a tokenizer.json")])
def test_refusals_of_the_command_line(tmp_path, flags, said):
  tiny_model.write_files(tmp_path)
  (tmp_path / "tokenizer.json").write_text("{}")
  result = run(tmp_path, *flags)
  assert result.returncode == 1 and result.stderr.count("\n") == 1
  assert result.stderr.startswith("run_squad.py: --tokenizer_file=")
  assert said in result.stderr


# A model that always picks the right pieces.

NAMES = ["xquad." + language for language in "en es ru ar hi th zh".split()] + [
    "cmrc2018_trial"]
# All together take minutes.
SLOW = {("byte_level_of_words", "xquad.en"), ("unigram", "xquad.ar")}


@pytest.mark.parametrize("kind, name", [
    pytest.param(kind, name, marks=(
        pytest.mark.slow if (kind, name) in SLOW else pytest.mark.thorough))
    for kind in sorted(hf_tokenizers.KINDS) for name in NAMES])
def test_nothing_is_lost_between_pieces_and_text(kind, name, shared, tmp_path):
  """Of real text of many languages; pieces that go on beyond an answer do lose."""
  data_file = shared / "data" / (name + ".json")
  texts = list(dict.fromkeys(questions.read(str(data_file), lambda q: q.context)))
  size = 4000 if kind == "unigram" else 1000
  path = tmp_path / "tokenizer.json"
  hf_tokenizers.write(path, hf_tokenizers.KINDS[kind](texts[:20], size))
  tokenizer = hf_tokenizer.load(str(path))
  scores = perfect_model.score(str(data_file), tokenizer)
  exact = scores["exact"]
  assert perfect_model.means(exact) == "EM 100.00 F1 100.00 n %d" % len(exact)
  assert len(scores["elsewhere"]) == (5 if name == "cmrc2018_trial" else 0)
  for text in texts:
    passage = windows.tokenize_passage(questions.split_words(text), tokenizer)
    assert passage.num_unexplained == 0
    hf_tokenizers.check_places(passage, tokenizer)


def test_perfect_model_takes_a_tokenizer_file(tmp_path):
  data = {"data": [{"paragraphs": [{"context": "The \u0007first house.", "qas": [
      {"id": "1", "question": "?", "answers": [
          {"text": "first", "answer_start": 5}]}]}]}]}
  (tmp_path / "data.json").write_text(json.dumps(data))
  hf_tokenizers.write(
      tmp_path / "tokenizer.json", hf_tokenizers.byte_level_of_words(
          ["The first house."], 300))
  done = launcher.script(
      perfect_model.__file__, "--data_file=%s" % (tmp_path / "data.json"),
      "--tokenizer_file=%s" % (tmp_path / "tokenizer.json"))
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines()[0] == "EM 100.00 F1 100.00 n 1"
