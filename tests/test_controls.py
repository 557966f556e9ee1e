"""Controls and heads through run_squad.py, on a 14-wide model of 2 x 2 heads."""

import json
import re
import types

import numpy as np
import pytest

from attention_zones.base import manifest
from attention_zones.decoding import flag_checks
from attention_zones.zones import grammar
import modeling
import tiny_model
import tolerances

# Questions of 5 tokens, passages of 15 in one window: 23 tokens.
SHARES = {"p2q": 18 * 5 / 23**2, "p2q@1": 18 * 5 / 23**2,
          "p2q@zero": 18 * 5 / 23**2, "off": 1}


@pytest.fixture
def project(tmp_path):
  """A folder with data and a model whose attention is far from flat."""
  tiny_model.write_files(tmp_path)
  tiny_model.write_checkpoint(tmp_path / "model", spread=1.0)
  return tmp_path


def sweep(project, *flags):
  """Decodes; returns what was printed, and `best_scores`."""
  result = tiny_model.run_squad(
      project, "--do_predict=True", "--write_nbest=True", *flags)
  assert result.returncode == 0, result.stderr
  return result.stderr, best_scores(project)


def best_scores(project):
  """The logits of the best answers: dict from decode to float64 [10 questions].

  An answer's text says less: two random answers are often the same.
  """
  found = {}
  for path in (project / "model").glob("nbest_predictions*.json"):
    found[path.name[len("nbest_predictions"):-len(".json")]] = np.array([
        nbest[0]["start_logit"] + nbest[0]["end_logit"]
        for nbest in json.loads(path.read_text()).values()])
  return found


def forget(project):
  for path in (project / "model").glob("*predictions*.json"):
    path.unlink()


def rounding(scores):
  """How far apart the sums of two logits may be."""
  size = max(np.abs(values).max() for values in scores.values())
  return 2 * tolerances.float32_tolerance(size, tolerances.model_operations(
      modeling.BertConfig(**tiny_model.CONFIG), 24))


def differ(scores, limit):
  """Whether all decodes differ from each other by more than `limit`: bool."""
  values = list(scores.values())
  return min(np.abs(one - other).max() for i, one in enumerate(values)
             for other in values[:i]) > limit


@pytest.mark.slow
def test_controls_and_heads_from_flags_to_files(project):
  flags = ("--mask_layer=0-1", "--mask_head=0,0+1",
           "--mask_zone=p2q,p2q@1,p2q@flat,p2q@zero,off")
  log, whole = sweep(project, *flags)
  assert "decodes: 21, passes over the data: 1," in log
  assert set(whole) == {""} | {
      "_layer%d_head%s_%s" % (layer, heads, zone)
      for layer in range(2) for heads in ("0", "0+1")
      for zone in ("p2q", "p2q@1", "p2q@flat", "p2q@zero", "off")}
  # A flat zone masks nothing.
  assert manifest.masked_fractions(manifest.load(
      str(project / "model"))) == {
          "predictions_layer%d_head%s_%s.json" % (layer, heads, zone):
          pytest.approx(share * (1 if "+" in heads else .5), rel=1e-12)
          for layer in range(2) for heads in ("0", "0+1")
          for zone, share in SHARES.items()}
  limit = rounding(whole)
  assert differ(whole, 10 * limit)
  forget(project)
  log, cut = sweep(project, *flags, "--sweep_memory_gb=0.0001")
  passes, = re.findall("passes over the data: ([0-9]+),", log)
  assert int(passes) > 3
  for name, values in whole.items():
    assert np.abs(cut[name] - values).max() < limit, name


@pytest.mark.slow
def test_a_draw_is_the_same_in_any_batch(project):
  """Alone, in windows of another padding, and among other decodes."""
  zones = "--mask_zone=p2@2,p2@1+q2@3"
  _, together = sweep(project, "--mask_layer=0", zones + ",p2q@2-3,p2,all")
  limit = rounding(together)
  assert differ(together, 10 * limit)
  forget(project)
  _, alone = sweep(project, "--mask_layer=0", zones, "--predict_batch_size=3",
                   "--bucket_by_length=False")
  assert set(alone) == {"", "_layer0_p2@2", "_layer0_q2@3+p2@1"}
  for name, values in alone.items():
    assert np.abs(together[name] - values).max() < limit, name


def test_draws_for_a_tpu_on_another_machine_are_refused():
  """Its host cannot run the Python of the input pipeline."""
  flags = {"use_tpu": True, "tpu_name": "t"}
  for name in "p2q@1", "p_answer":
    wanted = grammar.parse_decodes("0", name, 1)
    with pytest.raises(ValueError, match="^%s: .* --tpu_name=local" % name):
      flag_checks.refuse_remote(types.SimpleNamespace(**flags), wanted)
    for here in {"tpu_name": "local"}, {"use_tpu": False, "tpu_name": None}:
      flag_checks.refuse_remote(
          types.SimpleNamespace(**dict(flags, **here)), wanted)
  flag_checks.refuse_remote(
      types.SimpleNamespace(**flags), grammar.parse_decodes("0", "p2q,cls_p", 1))
