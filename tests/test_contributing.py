"""What CONTRIBUTING.md and docs/data.md show as code does what they say."""

import json
import re
import shutil

import numpy as np
import pytest

from attention_zones.data import squad_data
from attention_zones.zones import zones
import launcher

FILE = re.compile(r"--- a/(.+)\n\+\+\+ b/\1\n")
HUNK = re.compile(r"@@ -[0-9]+,([0-9]+) \+[0-9]+,([0-9]+) @@.*\n")


def blocks(repository, kind):
  """The blocks of CONTRIBUTING.md of one kind, "diff" for example: list of str."""
  text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
  return re.findall(r"^```%s\n(.*?)^```$" % kind, text, re.M | re.S)


def apply_diff(diff, folder):
  """Applies a unified diff to the files of a folder, as git and patch do.

  Line numbers may be off, but what a hunk replaces must be there once.

  Raises:
    ValueError: it does not apply.
  """
  parts = FILE.split(diff)
  for name, hunks in zip(parts[1::2], parts[2::2]):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    counts_and_bodies = HUNK.split(hunks)[1:]
    for counts, body in zip(zip(counts_and_bodies[::3], counts_and_bodies[1::3]),
                            counts_and_bodies[2::3]):
      # An editor may have taken the space from a line that is else empty.
      lines = [line if line.strip() else " \n" for line in body.splitlines(True)]
      sides = [[line[1:] for line in lines if line[0] in " " + sign]
               for sign in "-+"]
      if tuple(map(len, sides)) != tuple(map(int, counts)):
        raise ValueError("%s: a hunk has %d and %d lines, its head says %s" % (
            (name,) + tuple(map(len, sides)) + (counts,)))
      old, new = map("".join, sides)
      if ("\n" + text).count("\n" + old) != 1:
        raise ValueError("%s does not have this once:\n%s" % (name, old))
      text = ("\n" + text).replace("\n" + old, "\n" + new)[1:]
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def as_released():
  """The page's diffs are for the zones of this project."""
  if list(zones.ZONES) != ["all", "q2", "q2p", "p2q", "p2"]:
    pytest.skip("zones.py has other zones than the page's diff expects: %s" % (
        ", ".join(zones.ZONES)))


def copy_of(repository, folder):
  """Copies what the scripts need, nothing else."""
  for path in repository.glob("*.py"):
    shutil.copy(str(path), str(folder))
  shutil.copytree(str(repository / "attention_zones"),
                  str(folder / "attention_zones"))
  return folder


def diff_of(repository, name):
  """The one diff that changes a file."""
  found = [diff for diff in blocks(repository, "diff")
           if "--- a/%s\n" % name in diff]
  assert len(found) == 1, (name, len(found))
  return found[0]


def run_python(folder, code):
  """Runs Python code on the scripts of a folder and returns what it prints."""
  done = launcher.code(code, folder)
  assert done.returncode == 0, done.stderr
  return done.stdout


@pytest.fixture
def changed(repository, tmp_path):
  """A function: applies the diff of one file to a copy and returns its folder."""
  def change(name):
    folder = copy_of(repository, tmp_path)
    apply_diff(diff_of(repository, name), folder)
    return folder
  return change


def test_all_diffs_apply_one_after_the_other(repository, as_released, tmp_path):
  folder = copy_of(repository, tmp_path)
  diffs = blocks(repository, "diff")
  assert len(diffs) == 3  # Each has a test of what it does, below.
  for diff in diffs:
    apply_diff(diff, folder)


def test_a_diff_that_does_not_apply_is_found_out(tmp_path):
  (tmp_path / "a.py").write_text("one\ntwo\nthree\n")
  diff = "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@\n one\n+1.5\n two\n"
  for wrong in (diff.replace(" two", " too"), diff.replace("1,3", "1,2")):
    with pytest.raises(ValueError):
      apply_diff(wrong, tmp_path)
  apply_diff(diff, tmp_path)
  assert (tmp_path / "a.py").read_text() == "one\n1.5\ntwo\nthree\n"
  with pytest.raises(ValueError):
    apply_diff(diff, tmp_path)


def test_the_zone(as_released, changed):
  printed = run_python(changed("attention_zones/zones/zones.py"), """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
from attention_zones.zones import grammar
from attention_zones.zones import layouts
from attention_zones.zones import zones
one = tf.constant([1])
tokens = zones.token_sets(dict(
    layouts.BERT.places(one, one), input_ids=tf.zeros([1, 6])))
decode = grammar.parse_decodes("1", "sp", 2)[1]
print(decode.file_name(), decode.mask.label)
with tf.Session() as session:
  print(session.run(decode.mask.additive(tokens))[0, 0].tolist())
""")
  names, mask = printed.splitlines()
  assert names == "predictions_layer1_sp.json Sp"
  # [CLS] q [SEP] p [SEP] [PAD]
  specials, padding = [0, 2, 4], [5]
  mask = np.array(json.loads(mask))
  wanted = np.zeros([6, 6])
  wanted[np.ix_(range(5), specials)] = -10000
  wanted[:, padding] = -10000
  np.testing.assert_array_equal(mask, wanted)


def test_the_data_set(changed):
  folder = changed("attention_zones/base/questions.py")
  row = {"title": "T", "context": "In 1895, he left."}
  (folder / "flat.json").write_text(json.dumps([
      dict(row, id="q0", question="When?",
           answers={"text": ["1895", "In 1895"], "answer_start": [3, 0]}),
      dict(row, id="q1", question="Who?",
           answers={"text": ["he"], "answer_start": [9]})]))
  (folder / "faulty.json").write_text(json.dumps([dict(row, question="When?")]))
  printed = run_python(folder, """
from attention_zones.data import squad_data
from attention_zones.scores import scoring
examples, dropped = squad_data.read_examples("flat.json", True)
print([(e.qas_id, e.answer_start, e.answer_text) for e in examples], dropped)
print(examples[0].paragraph is examples[1].paragraph)
print([question.golds for question in scoring.load_questions("flat.json").values()])
try:
  squad_data.read_examples("faulty.json", True)
except ValueError as error:
  print(error)
""")
  assert printed.splitlines() == [
      "[('q0', 3, '1895'), ('q1', 9, 'he')] []", "True",
      "[('1895', 'in 1895'), ('he',)]",
      "faulty.json: [0] has no 'answers', which should be an object"]


# A model of the diff, and of BERT.
ERNIE = """
import json
import run_squad
run_squad.tf.disable_v2_behavior()
import tensorflow.compat.v1 as tf
import modeling
sizes = dict(
    vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=16, max_position_embeddings=6, type_vocab_size=2,
    initializer_range=0.5, task_type_vocab_size=3)
configs = {name: modeling.BertConfig.from_dict(dict(sizes, model_type=name))
           for name in ("bert", "ernie")}
"""


def test_the_architecture(changed):
  """Its variables, and those that are made of a folder of Hugging Face."""
  bert, ernie, named = json.loads(run_python(
      changed("modeling.py"), ERNIE + """
from attention_zones import convert_hf
from attention_zones.weights import hf_names
content = dict(sizes, model_type="ernie", architectures=["ErnieModel"])
config, tables, _ = convert_hf.convert_config("config.json", content, "ernie")
assert config["model_type"] == "ernie"
print(json.dumps([run_squad.model_variables(config) for config in configs.values()]
                 + [{v.google: v.shape for v in hf_names.variables(
                     "ernie", config, True, tables)}]))
"""))
  assert ernie.pop("ernie/embeddings/task_type_embeddings") == [3, 8] == named.pop(
      "ernie/embeddings/task_type_embeddings")
  assert named == ernie == {re.sub("^bert/", "ernie/", name): shape
                            for name, shape in bert.items()} != bert


def test_every_token_of_the_architecture_is_of_task_0(changed):
  words, types, positions, tasks, output = map(np.array, json.loads(run_python(
      changed("modeling.py"), ERNIE + """
output = modeling.Encoder(configs["ernie"]).embed(
    tf.constant([[3, 4, 5]]), tf.constant([[0, 1, 1]]))
with tf.Session() as session:
  session.run(tf.global_variables_initializer())
  print(json.dumps([value.tolist() for value in session.run(
      ["ernie/embeddings/%s_embeddings:0" % name
       for name in ("word", "token_type", "position", "task_type")] + [output])]))
""")))
  total = words[[3, 4, 5]] + types[[0, 1, 1]] + positions[[0, 1, 2]] + tasks[0]
  total -= total.mean(1, keepdims=True)
  # Some ten roundings, by 2^-24 of numbers up to 3 each, and the epsilon of 1e-12.
  np.testing.assert_allclose(
      output[0], total / total.std(1, keepdims=True), atol=1e-5)


def test_the_architecture_is_found_from_its_checkpoint(changed, tmp_path):
  printed = run_python(changed("modeling.py"), """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
from attention_zones.weights import checkpoint_names
tf.get_variable("ernie/encoder/layer_0/output/dense/bias", [1])
with tf.Session() as session:
  session.run(tf.global_variables_initializer())
  path = tf.train.Saver().save(session, "%s")
print(checkpoint_names.architecture(path))
""" % (tmp_path / "model.ckpt"))
  assert printed == "ernie\n"


def test_the_drawing_names_modules_that_exist(repository):
  drawing, = blocks(repository, "flow")
  steps = re.findall(r"^ *\|(?: *\|)?  (\w+(?:  \w+)*)$", drawing, re.M)
  words = {word for step in steps for word in step.split()}
  modules = {path.stem for pattern in ("*.py", "attention_zones/**/*.py")
             for path in repository.glob(pattern)}
  assert len(steps) == 10
  assert words <= modules, words - modules


def test_the_data_set_in_the_manual_is_one(repository, tmp_path):
  text = (repository / "docs" / "data.md").read_text(encoding="utf-8")
  start = text.index('    {"version"')
  path = tmp_path / "data.json"
  path.write_text(text[start:text.index("\n\n", start)])
  examples, dropped = squad_data.read_examples(str(path), True)
  assert [example.answer_text for example in examples] == ["Oslo"] and not dropped
