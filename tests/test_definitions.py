"""definitions.py: an edited zone, or control, is another one."""

import collections
import os
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

from attention_zones.zones import coverage
from attention_zones.zones import definitions
from attention_zones.zones import draws
from attention_zones.zones import masking
from attention_zones.zones import zones
import tiny_model
from tiny_model import run_squad

NAMES = ["all", "q2", "q2p", "p2q", "p2", "p2@1", "p2@7", "p2q@1", "p2@flat",
         "p2q@flat", "p2@zero", "off"]

# The draws of a zone are one control.
KNOWN = {
    "zone all": "2cfd9dd0cdb7a876", "zone q2": "59a5571914ebc478",
    "zone q2p": "abea08bc4ca0574b", "zone p2q": "379885531b25472d",
    "zone p2": "035264a935971dd4", "zone p2@draw": "7abc166a8f9a059b",
    "zone p2q@flat": "ff319ac5efde5ed7", "zone off": "0a870b68b076457e"}


def digests(names=NAMES):
  return definitions.digests([masking.union([name]) for name in names])


def test_digests_are_the_same_on_every_machine():
  found = digests()
  assert {name: found[name] for name in KNOWN} == KNOWN
  assert len(found) == 11 and len(set(found.values())) == 11


THREADS = """
import os
import tensorflow.compat.v1 as tf
from attention_zones.zones import definitions, masking
many = tf.ConfigProto(intra_op_parallelism_threads=7)
definitions.digests([masking.union(["p2"])], %s)
tf.Session(config=many).close()
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="counts in /proc")
def test_a_sweep_to_come_has_its_own_threads(repository):
  """A process keeps the number of its first session, 2 on 2 cores."""
  one = "tf.ConfigProto(intra_op_parallelism_threads=1)"
  few, some = (int(subprocess.check_output(
      [sys.executable, "-c", THREADS % config], cwd=str(repository),
      stderr=subprocess.DEVNULL)) for config in (one, "many"))
  assert some - few >= 7 - 1


def test_a_union_has_those_of_its_parts():
  mask = masking.union(["q2", "p2@3", "p2q@flat"])._replace(heads=(1,))
  assert set(definitions.digests([mask])) == {
      "zone q2", "zone p2@draw", "zone p2q@flat"}


def edited(monkeypatch, zone, **fields):
  entry = zones.ZONES[zone]._replace(**fields)
  monkeypatch.setattr(zones, "ZONES", collections.OrderedDict(
      (name, entry if name == zone else other)
      for name, other in zones.ZONES.items()))


@pytest.mark.parametrize("zone, fields, changed", [
    # What the last row, of [SEP], does; whether the passage is computed.
    ("p2", {"rows": lambda t: t.is_real},
     {"zone p2", "zone p2@draw", "zone p2@flat", "zone p2@zero"}),
    ("p2q", {"columns": lambda t: t.is_real},
     {"zone p2q", "zone p2q@draw", "zone p2q@flat"}),
    ("q2", {"changes_passage_rows": True}, {"zone q2"}),
    # The label is not what is computed.
    ("q2", {"label": "QQ"}, set()),
    # Cells that differ in long passages only, or only where there is no question.
    ("q2p", {"columns": lambda t: t.in_passage * tf.cast(
        tf.range(tf.shape(t.in_passage)[1]) < 300, tf.float32)}, {"zone q2p"}),
    ("q2p", {"columns": lambda t: t.in_passage * tf.sign(
        tf.reduce_sum(t.in_question, 1, keepdims=True))}, {"zone q2p"}),
    # The same cells by other means, which numpy arrays do not have.
    ("q2p", {"columns": lambda t: tf.identity(t.in_passage)}, set()),
])
def test_what_an_edit_changes(monkeypatch, zone, fields, changed):
  before = digests()
  edited(monkeypatch, zone, **fields)
  after = digests()
  assert {name for name in after if after[name] != before[name]} == changed


def test_what_controls_do_counts(monkeypatch):
  before = digests()
  monkeypatch.setattr(masking, "_columns", lambda zone, variant, tokens: (
      zones.ZONES[zone].columns(tokens)))
  after = digests()
  assert {name for name in after if after[name] != before[name]} == {
      "zone p2@draw", "zone p2q@draw"}
  monkeypatch.undo()
  monkeypatch.setattr(masking.Mask, "_edited", (
      lambda mask, edits, weights, queries, keys: 0 * weights))
  after = digests()
  assert {name for name in after if after[name] != before[name]} == {
      "zone p2@flat", "zone p2q@flat", "zone p2@zero"}


def test_which_tokens_a_draw_takes_counts(monkeypatch):
  """They follow from the question's id, too."""
  before, keys = digests(), draws._keys
  for other in (lambda qas_id, *of: keys("", *of),
                lambda qas_id, draw, *of: keys(qas_id, 1, *of)):
    monkeypatch.setattr(draws, "_keys", other)
    after = digests()
    assert {name for name in after if after[name] != before[name]} == {
        "zone p2@draw", "zone p2q@draw"}


def test_large_logits_count(monkeypatch):
  found = set()
  for logit in (-1e4, -1e7, -1e9):
    monkeypatch.setattr(masking, "MASKED_LOGIT", logit)
    found.add(digests(["p2"])["zone p2"])
  assert len(found) == 3


def test_a_zone_that_only_tensors_work_for(monkeypatch):
  """Its shares are not known, which is no reason to fail."""
  edited(monkeypatch, "p2", columns=lambda t: t.in_passage * tf.cast(
      tf.range(tf.shape(t.in_passage)[1]) < 9, tf.float32))
  mask = masking.union(["p2@1"])
  assert len(definitions.digests([mask])) == 1
  assert coverage.masked_fraction(mask.without_controls, 3, 9) is None
  assert coverage.overlap(mask, 3, 9, {1: None}) is None
  assert mask.changes_rows(lambda t: t.in_passage)


EDIT = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
from attention_zones.zones import zones
zones.ZONES["p2"] = zones.ZONES["p2"]._replace(rows=lambda t: t.is_real)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_edited(project, *flags):
  """Runs run_squad.py with another p2."""
  import launcher
  path = project / "edited.py"
  path.write_text(EDIT)
  return launcher.script(path, launcher.REPOSITORY + "/run_squad.py", *(
      tiny_model.flags_of(project) + flags), fresh=True)


@pytest.mark.slow
def test_files_and_journals_of_another_definition_are_refused(swept):
  model = swept / "model"
  said = "zone p2 (035264a93597 before, 9d05dfa33a59 now)"
  sweep = ("--do_predict=True", "--mask_layer=0", "--mask_zone=p2,q2")
  result = run_edited(swept, *sweep)
  assert result.returncode == 1
  assert ("has predictions_layer0_p2.json, made with a different %s; " % said
          in result.stderr.splitlines()[-1])
  # Other zones are what they were.
  assert "nothing to do" in run_edited(
      swept, "--do_predict=True", "--mask_layer=0", "--mask_zone=q2").stderr
  before = tiny_model.digests(swept, "predictions*.json")
  result = run_edited(swept, "--overwrite=True", *sweep)
  assert result.returncode == 0 and "decodes: 1, " in result.stderr
  after = tiny_model.digests(swept, "predictions*.json")
  assert {name for name in after if after[name] != before[name]} <= {
      "predictions_layer0_p2.json"}
  # Layers 1 and 2 of p2 are now two zones, and no table.
  import get_results
  assert get_results.main([str(model), str(swept / "r.csv")]) == 1

  for path in model.glob("*predictions*.json"):
    path.unlink()
  (model / "manifest.json").unlink()
  (model / ".manifest.json.lock").unlink()
  (model / ".manifest.json.lock").mkdir()
  assert run_squad(swept, *sweep).returncode == 1
  for path in model.glob("*predictions*.json"):
    path.unlink()
  journal, = model.glob("journal.*.jsonl")
  result = run_edited(swept, *sweep)
  assert result.stderr.splitlines()[-1].startswith(
      "run_squad.py: %s was started with a different %s;" % (journal, said))
