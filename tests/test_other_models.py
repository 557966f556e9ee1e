"""ELECTRA and ALBERT: their logits and predictions are those of official code.

A zone was added to the official encoders by one line; see the golden files' README.
"""

import json
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.zones.decodes import BASELINE
import bert_reference
from bert_reference import build
from bert_reference import features_of
from bert_reference import FILLED
from bert_reference import furthest
from bert_reference import reference_logits
from bert_reference import SHORT
from bert_reference import variables_of
from bert_reference import weights_of
from golden_cells import cells_of
from golden_cells import check_cells
from golden_cells import features_for
import launcher
import modeling
import tiny_model
import tolerances

# The folder of each model; its logits are beside it.
GOLDEN = {"projected": "electra", "square": "electra",
          "shared": "albert", "groups": "albert"}

OTHERS = {
    "electra": dict(model_type="electra", embedding_size=8),
    "square electra": dict(model_type="electra"),
    "albert": dict(model_type="albert", embedding_size=8),
    "albert of two groups": dict(
        model_type="albert", num_hidden_groups=2, embedding_size=8),
}


def config_of(name):
  return modeling.BertConfig(**dict(bert_reference.CONFIG, **OTHERS[name]))


@pytest.fixture(params=sorted(GOLDEN))
def model(request, shared):
  """(config, weights, features [3, B, S], published logits) of a golden model."""
  name, kind = request.param, GOLDEN[request.param]
  folder = shared / "golden" / kind
  config = modeling.BertConfig.from_json_file(
      str(folder / name / ("%s_config.json" % kind)))
  reader = tf.train.load_checkpoint(str(folder / name / ("%s_model.ckpt" % kind)))
  weights = {v: reader.get_tensor(v) for v in variables_of(config)}
  published = np.load(str(folder / ("logits.%s.npz" % name)))
  return config, weights, features_for(shared, published), published


@pytest.mark.slow
def test_published_logits(model):
  config, weights, features, published = model
  cells = dict(cells_of(published))
  cells[BASELINE] = published["baseline"]
  check_cells(config, weights, features, cells, tolerances.PUBLISHED_LOGITS)


@pytest.mark.thorough
@pytest.mark.parametrize("name, kind", [
    ("projected", "electra"), ("shared", "albert")])
def test_published_predictions(name, kind, shared, tmp_path):
  """124 questions, five decodes: the same texts."""
  folder = shared / "golden" / kind
  checkpoint = folder / name / ("%s_model.ckpt" % kind)
  result = launcher.complete(launcher.Run("run_squad.py", (
      "--vocab_file=%s" % (shared / "models/vocab/uncased.txt"),
      "--bert_config_file=%s" % (folder / name / ("%s_config.json" % kind)),
      "--predict_file=%s" % (shared / "data/xquad.en.120.json"),
      "--output_dir=%s" % tmp_path, "--init_checkpoint=%s" % checkpoint,
      "--do_predict=True", "--max_seq_length=96", "--doc_stride=32",
      "--max_query_length=16", "--mask_layer=0-3", "--mask_zone=q2p,p2q,p2,all")))
  assert result.returncode == 0, result.stderr
  published = sorted(
      (folder / ("predictions." + name)).glob("predictions*.json"))
  assert len(published) == 5
  for path in published:
    expected = json.loads(path.read_text(encoding="utf-8"))
    found = json.loads((tmp_path / path.name).read_text(encoding="utf-8"))
    assert len(found) == 124 and found == expected, path.name


@pytest.mark.parametrize("name", sorted(OTHERS))
@pytest.mark.slow
def test_the_formulas(name):
  """In float64, masked, too, for those who have no golden files."""
  config = config_of(name)
  weights = weights_of(config)
  swept = [BASELINE] + bert_reference.parse("1,2", "q2p,p2")
  features = features_of(SHORT, FILLED)
  logits = build(swept, config=config, weights=weights)(features)
  for decode in swept:
    for row in range(2):
      real = features[1, row] == 1
      expected = reference_logits(
          config, weights, features[:, row], decode)[:, real]
      assert furthest(logits[decode][row][:, real], expected) < (
          bert_reference.tolerance_of(expected, config)), decode


def test_variables_of_electra():
  bert = variables_of(bert_reference.TINY)
  named = {re.sub("^bert/", "electra/", name): shape
           for name, shape in bert.items()}
  assert variables_of(config_of("square electra")) == named
  narrower = {name: [8 if "/embeddings/" in name and size == 16 else size
                     for size in shape] for name, shape in named.items()}
  # 16 positions stay.
  narrower["electra/embeddings/position_embeddings"] = [16, 8]
  assert variables_of(config_of("electra")) == dict(narrower, **{
      "electra/embeddings_project/kernel": [8, 16],
      "electra/embeddings_project/bias": [16]})


def test_variables_of_albert():
  groups = lambda name: {
      re.search(r"group_\d", variable).group()
      for variable in variables_of(config_of(name)) if "group_" in variable}
  assert groups("albert") == {"group_0"}
  assert groups("albert of two groups") == {"group_0", "group_1"}
  assert len(variables_of(config_of("albert"))) == 5 + 2 + 16 + 2


@pytest.mark.parametrize("hidden_act, same_as", [
    ("gelu", "gelu_erf"), pytest.param("gelu_new", None, marks=pytest.mark.slow)])
def test_gelu_of_electra_is_the_erf_form(hidden_act, same_as):
  weights = weights_of(config_of("electra"))
  logits = {}
  for act in (hidden_act, "gelu_erf"):
    config = modeling.BertConfig(**dict(
        bert_reference.CONFIG, hidden_act=act, **OTHERS["electra"]))
    logits[act] = build([BASELINE], config=config, weights=weights)(
        features_of(FILLED))[BASELINE]
  # The forms differ by up to 5e-4 for each of the inner numbers.
  difference = furthest(logits[hidden_act], logits["gelu_erf"])
  assert difference == 0 if same_as else difference > 1e-4


def test_layers_that_share_variables_do_not_share_dropout():
  """What the three layers of an ALBERT draw differs, and is BERT's."""
  def drawn(**more):
    config = modeling.BertConfig(**dict(bert_reference.CONFIG, **more))
    with tf.Graph().as_default() as graph, tf.Session() as session:
      ids = tf.ones([1, 4], tf.int32)
      encoder = modeling.Encoder(config, is_training=True, random_seed=3, step=1)
      encoder.encode(encoder.embed(ids, ids), [0.0] * 3)
      return session.run([op.outputs[0] for op in graph.get_operations()
                          if op.type.startswith("StatelessRandomUniform")
                          and "truncated" not in op.name])
  of_albert, of_bert = drawn(model_type="albert"), drawn()
  assert len(of_albert) == 1 + 3 * 3
  assert len({values.tobytes() for values in of_albert}) == 10
  for ours, theirs in zip(of_albert, of_bert):
    assert (ours == theirs).all()


@pytest.fixture(params=[
    "electra", pytest.param("albert", marks=pytest.mark.slow)])
def tiny(request, tmp_path):
  """A folder with a tiny model, whose config has no model_type; and its name."""
  tiny_model.write_files(tmp_path)
  config = dict(tiny_model.CONFIG, embedding_size=6)
  tiny_model.write_checkpoint(
      tmp_path / "model", dict(config, model_type=request.param))
  return tmp_path, dict(config), request.param


def write_config(folder, config):
  (folder / "bert_config.json").write_text(json.dumps(config))


def test_the_architecture_is_found_from_the_checkpoint(tiny):
  folder, config, name = tiny
  write_config(folder, config)
  result = tiny_model.run_squad(
      folder, "--do_predict=True", "--mask_layer=0,1", "--mask_zone=p2")
  assert result.returncode == 0, result.stderr
  assert (folder / "model" / "predictions_layer1_p2.json").exists()
  write_config(folder, dict(config, model_type="bert"))
  result = tiny_model.run_squad(folder, "--do_predict=True")
  assert result.returncode == 1
  assert result.stderr == (
      "run_squad.py: --bert_config_file=%s has model_type 'bert', but checkpoint "
      "%s has the variables of '%s'; should be of the same model\n" % (
          folder / "bert_config.json", folder / "model" / "model.ckpt-1", name))


@pytest.mark.parametrize("kind, variable, head", [
    ("electra", "task_specific/squad/dense/kernel",
     "ELECTRA's joint head"),
    ("albert", "start_logits/dense/kernel",
     "ALBERT's SQuAD 2.0 head")])
def test_other_heads_are_refused(kind, variable, head, tmp_path):
  tiny_model.write_files(tmp_path)
  config = dict(tiny_model.CONFIG, model_type=kind)
  write_config(tmp_path, config)
  shapes = {name: shape for name, shape in variables_of(
      modeling.BertConfig(**config)).items() if not name.startswith("cls/")}
  (tmp_path / "model").mkdir()
  with tf.Graph().as_default(), tf.Session() as session:
    for name, shape in list(shapes.items()) + [(variable, [14, 1])]:
      tf.get_variable(name, shape)
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, str(tmp_path / "model" / "model.ckpt"), 1)
  result = tiny_model.run_squad(tmp_path, "--do_predict=True")
  assert result.returncode == 1
  assert result.stderr == (
      "run_squad.py: checkpoint %s has no answer head (cls/squad/output_bias); it "
      "has %s, which is not decoded here: train one of BERT's, with "
      "--do_train=True (%s)\n" % (
          tmp_path / "model" / "model.ckpt-1", head, variable))
