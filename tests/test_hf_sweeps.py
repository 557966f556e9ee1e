"""From a folder of Hugging Face to the files of a sweep, for each kind of model.

What the files hold is computed once more in numpy, window by window.
"""

import json
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones import convert_hf
from attention_zones.base import questions
from attention_zones.data import windows
from attention_zones.decoding import attention_mass
from attention_zones.weights import hf_models
from attention_zones.weights import hf_verify
from attention_zones.zones import grammar
from attention_zones.zones.decodes import BASELINE
from bert_reference import reference_logits
from bert_reference import variables_of
from test_attention_mass import mass_of_window
from test_attention_mass import members
import hf_folder
import hf_tokenizers
import modeling
import run_squad
import tiny_model
import tolerances

tokenizers = pytest.importorskip("tokenizers", reason=(
    "the package tokenizers is missing: bash setup_env.sh requirements-models.txt"))

# Of each kind the special tokens between question and passage, and the length of
# windows, of which every passage takes two or more.
KINDS = {"distilbert": (1, 18), "roberta": (2, 22), "xlm-roberta": (2, 28)}
SIZES = {"doc_stride": 6, "max_query_length": 9}
ALL_HEADS = "1:q2,1:q2p,0:p2q,0:p2,1:q2p+p2q,0:p2+1:q2"
EDITED = "1:p2q:head1,0:p2:head0,1:off:head0,1:p2@zero,0:p2q@flat:head1"
SWEEP = ("--do_predict=True", "--mask=%s,%s,1:p2q@1" % (ALL_HEADS, EDITED),
         "--gold_logp=True", "--attention_mass=True")


def convert(folder, kind):
  """Writes tiny_model's files, and what convert_hf makes of a random model.

  Args:
    folder: pathlib.Path; its model/ gets the converted model.
    kind: str, a key of hf_models.MODELS.

  Returns:
    dict, the flag for its vocabulary and a path.
  """
  tiny_model.write_files(folder)
  (folder / "vocab.txt").unlink()
  tokenizer, more = None, {}
  if hf_models.MODELS[kind].has_tokenizer:
    texts = questions.read(
        str(folder / "data.json"), lambda q: q.text + " " + q.context)
    tokenizer = (hf_tokenizers.byte_level(texts, 300) if kind == "roberta" else
                 hf_tokenizers.unigram(texts, 60))
    more = dict(type_vocab_size=1, layer_norm_eps=1e-5,
                vocab_size=tokenizer.get_vocab_size())
  config = hf_folder.config_of(kind, **more)
  hf_folder.write(folder / "hf", config, hf_folder.tensors_of(config)[1])
  if tokenizer:
    hf_tokenizers.write(folder / "hf" / "tokenizer.json", tokenizer)
  model = folder / "model"
  assert convert_hf.main([str(folder / "hf"), str(model)]) == 0
  return ({"tokenizer_file": model / "tokenizer.json"} if tokenizer else
          {"vocab_file": model / "vocab.txt"})


def sweep_and_resume(folder, *flags):
  """Sweeps, once in one go and once after a cut: their files are the same.

  Args:
    folder: pathlib.Path.
    *flags: of run_squad.py, besides SWEEP.

  Returns:
    pathlib.Path, the folder of the files.
  """
  model, cut = folder / "model", folder / "cut"
  run = lambda *more: tiny_model.run_squad(folder, *(SWEEP + flags + (
      "--bert_config_file=%s" % (model / "bert_config.json"),) + more))
  # It cannot write its files, so that the journal stays.
  lock = model / ".manifest.json.lock"
  lock.mkdir()
  assert run().returncode == 1
  lock.rmdir()
  shutil.copytree(str(model), str(cut))
  journal, = cut.glob("journal.*")
  journal.write_bytes(b"".join(journal.read_bytes().splitlines(True)[:5]))
  whole, resumed = run(), run("--output_dir=%s" % cut)
  assert (whole.returncode, resumed.returncode) == (0, 0), resumed.stderr
  assert "4 of 10 questions are done: resuming" in resumed.stderr
  assert "huggingface" not in resumed.stderr
  made = [path.name for path in cut.glob("*") if path.name.startswith((
      "predictions", "gold_logp", "attention_mass"))]
  assert len(made) == 13 + 13 + 1
  for name in made:
    assert (cut / name).read_bytes() == (model / name).read_bytes(), name
  return cut


class Reference:
  """A converted model in numpy's float64, for the windows of some questions.

  Args:
    folder: pathlib.Path, of the converted model.
    between, length: int, as in KINDS.
  """

  def __init__(self, folder, between, length):
    self.config = modeling.BertConfig.from_json_file(
        str(folder / "bert_config.json"))
    reader = tf.train.load_checkpoint(str(folder))
    self.weights = {
        name: reader.get_tensor(name) for name in variables_of(self.config)}
    self.between, self.length = between, length

  def logits(self, window, decode, attentions=None):
    """As reference_logits: float64 [2, S], of a windows.Window."""
    end = len(window.input_ids)
    features = np.zeros([3, end], int)
    features[0], features[1] = window.input_ids, 1
    features[2, end - 1 - window.passage_length:] = 1
    return reference_logits(self.config, self.weights, features, decode,
                            attentions=attentions, between=self.between)

  def tolerance(self, size):
    """How far float32 may be from a number of this size."""
    return tolerances.float32_tolerance(
        size, tolerances.model_operations(self.config, self.length))


# XLM-R has the layers of RoBERTa.
@pytest.mark.slow
@pytest.mark.parametrize("kind", [
    "distilbert", "roberta",
    pytest.param("xlm-roberta", marks=pytest.mark.thorough)])
def test_from_a_folder_to_files(kind, tmp_path):
  vocabulary = convert(tmp_path, kind)
  between, length = KINDS[kind]
  settings = dict(SIZES, max_seq_length=length, **vocabulary)
  folder = sweep_and_resume(tmp_path, "--vocab_file=", *(
      "--%s=%s" % item for item in settings.items()))
  model = run_squad.load_model(folder, **settings)
  asked = [(qa, paragraph["context"]) for paragraph in tiny_model.data_set()[
      "data"][0]["paragraphs"] for qa in paragraph["qas"]]
  in_windows = model.windows([(qa["question"], context) for qa, context in asked])
  assert len(in_windows) >= 2 * len(asked)
  reference = Reference(folder, between, length)
  check_plain_layers(model, in_windows[0], reference)
  check_gold_logp(
      folder, asked, in_windows, hf_folder.tokenizer_of(folder, kind), reference)
  check_attention_mass(folder, in_windows, reference)
  for path in folder.glob("predictions*.json"):
    answers = json.loads(path.read_text())
    assert len(answers) == 10
    for qa, context in asked:
      assert answers[qa["id"]].strip() and answers[qa["id"]] in context
  check_manifest(folder, vocabulary)


def check_plain_layers(model, window, reference):
  """A loop over layers, without a sweep: within float32 of numpy."""
  swept = grammar.parse_decodes(None, None, 2, None, 2, ALL_HEADS)
  masks = [hf_verify.masks_of(
      decode, window, model.layout, 2, len(window.input_ids)) for decode in swept]
  for decode, found in zip(swept, model.logits(window, masks)):
    expected = reference.logits(window, decode)
    assert np.abs(found - expected).max() < reference.tolerance(
        np.abs(expected).max()), decode


def check_gold_logp(folder, asked, in_windows, tokenizer, reference):
  """The log-probabilities of a sweep are those of numpy's layers, one by one."""
  baseline = {}
  for decode in grammar.parse_decodes(
      None, None, 2, None, 2, ALL_HEADS + "," + EDITED):
    best, limit = {}, 0
    for window in in_windows:
      qa, context = asked[window.example_index]
      logits = reference.logits(window, decode)
      # Two logits and two normalizers, which are off by as much as a logit.
      limit = max(limit, 4 * reference.tolerance(np.abs(logits).max()))
      start, end = logits - np.log(np.exp(logits).sum(1, keepdims=True))
      answer = qa["answers"][0]
      first, last = windows.tokenize_passage(
          questions.split_words(context), tokenizer).tokens_at(
              answer["answer_start"], answer["answer_start"] + len(answer["text"]))
      shift = (1 + window.question_length + reference.between
               - window.first_token)
      if window.first_token <= first and (
          last < window.first_token + window.passage_length):
        best[qa["id"]] = max(best.get(qa["id"], -np.inf),
                             start[first + shift] + end[last + shift])
    assert len(best) == len(asked)
    found = json.loads((folder / decode.file_name("gold_logp")).read_text())
    assert found == pytest.approx(best, rel=0, abs=limit), decode
    # Another decode's would be found out.
    assert not baseline or max(
        abs(found[name] - baseline[name]) for name in found) > 10 * limit, decode
    baseline = baseline or found


def check_attention_mass(folder, in_windows, reference):
  """Means over rows, a question's windows, and questions, which are 10."""
  of_question = {}
  for window in in_windows:
    kinds = ("C" + "Q" * window.question_length + "S" * reference.between
             + "P" * window.passage_length + "E")
    attentions = []
    reference.logits(window, BASELINE, attentions)
    of_question.setdefault(window.example_index, []).append([
        [[mass_of_window(head, kinds) for head in layer] for layer in attentions],
        np.broadcast_to([len(members(kinds)[columns]) / len(kinds)
                         for columns in attention_mass.TO], [2, 2, 5, 5])])
  mass, uniform = np.mean([np.mean(each, 0) for each in of_question.values()], 0)
  tolerance = 0.5e-6 + reference.tolerance(1)
  rows = [line.split(",") for line in (
      folder / "attention_mass.csv").read_text().splitlines()]
  of_heads = [row for row in rows[1:] if row[1] != "mean"]
  assert len(of_heads) == 2 * 2 * 5 * 5
  for layer, head, rows, columns, found, even, *_ in of_heads:
    place = (int(layer) - 1, int(head) - 1, attention_mass.FROM.index(rows),
             attention_mass.TO.index(columns))
    assert float(found) == pytest.approx(mass[place], rel=0, abs=tolerance)
    assert float(even) == pytest.approx(uniform[place], rel=0, abs=1e-6)


def check_manifest(folder, vocabulary):
  made, = json.loads((folder / "manifest.json").read_text())["runs"].values()
  name, = vocabulary
  assert len(made["--" + name]) == 64
  if name == "tokenizer_file":
    assert made["tokenizers"] == tokenizers.__version__
    assert made["--do_lower_case"] is None and "--vocab_file" not in made
