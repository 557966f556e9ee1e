"""version.py: what is computed stays the same as long as its number does."""

import hashlib
import json
import pathlib
import shutil
import subprocess

import pytest

from attention_zones.base import version
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding import journal_writer
from attention_zones.decoding.answers import Answer
import launcher
import tokenization

# What each version computes on the golden slice. If a test below fails and the
# change is wanted, raise version.NUMBERS and write the new digests here. (The
# published logits, random numbers and trainings have tests of their own, which do
# not depend on how a machine rounds.)
KNOWN = {2: {
    "windows": "cf350c806a9b64d2",
    "answers": "4f1ba96e6cf4b2de",
    "journal": ["gold_logp", "nbest", "null_odds", "question", "text_of", "texts",
                "windows"]}}


def digest(content):
  return hashlib.sha256(content).hexdigest()[:16]


@pytest.mark.parametrize("golden", ["slice"], indirect=True)
def test_windows(golden, tmp_path):
  tokenizer = tokenization.FullTokenizer(
      str(golden.models / "vocab" / "uncased.txt"))
  content = b""
  for name, is_training in (
      ("xquad.en.120", False), ("squad-train-head", True)):
    examples, _ = squad_data.read_examples(
        str(golden.data / (name + ".json")), is_training)
    content += pathlib.Path(windows.cached_windows(
        examples, tokenizer, windows.WindowSizes(96, 32, 16), is_training,
        str(tmp_path), name)).read_bytes()
  assert digest(content) == KNOWN[version.NUMBERS]["windows"]


@pytest.mark.parametrize("golden", ["slice"], indirect=True)
def test_answers(golden, tmp_path):
  model = golden.models / "tiny-random"
  for layers, heads, zones in (
      ("1", (), "q2,q2p,p2q,p2,q2+p2q,p2@1,p2q@2,p2@flat,q2@1+p2@flat"),
      ("0+2", ("--mask_head=1",), "p2q,p2@1,p2@flat,off")):
    done = launcher.script(
        "run_squad.py", "--do_predict=True", "--init_checkpoint=%s" % (
            model / "bert_model.ckpt"),
        "--bert_config_file=%s" % (model / "bert_config.json"),
        "--vocab_file=%s" % (golden.models / "vocab" / "uncased.txt"),
        "--predict_file=%s" % (golden.data / "xquad.en.120.json"),
        "--max_seq_length=96", "--doc_stride=32", "--max_query_length=16",
        "--output_dir=%s" % (tmp_path / "x"), "--mask_layer=%s" % layers,
        "--mask_zone=%s" % zones, *heads)
    assert done.returncode == 0, done.stderr
  found = {path.name: json.loads(path.read_text())
           for path in (tmp_path / "x").glob("predictions*.json")}
  assert len(found) == 1 + 9 + 4
  text = json.dumps(found, sort_keys=True)
  assert digest(text.encode()) == KNOWN[version.NUMBERS]["answers"]


def test_lines_of_a_journal(tmp_path):
  journal = journal_writer.Journal(str(tmp_path / "journal"), {})
  journal.append(0, [Answer("a", None, None)])
  line = (tmp_path / "journal").read_text().splitlines()[1]
  assert sorted(json.loads(line)) == KNOWN[version.NUMBERS]["journal"]


def test_the_revision_is_gits(tmp_path, repository):
  """Of this code, not of a clone around it; a change since is told."""
  git = lambda *words: subprocess.run(
      ["git", "-c", "user.name=a", "-c", "user.email=a"] + list(words), check=True,
      cwd=str(tmp_path), stdout=subprocess.PIPE, universal_newlines=True).stdout
  package = tmp_path / "code" / "attention_zones" / "base"
  package.mkdir(parents=True)
  for name in ("__init__.py", "version.py"):
    shutil.copy(str(repository / "attention_zones" / "base" / name), str(package))
  seen = lambda: launcher.code(
      "import sys\nsys.path.insert(0, 'code')\n"
      "from attention_zones.base import version\nprint(version.revision())",
      tmp_path, fresh=True).stdout.strip()
  assert seen() == "unknown"
  git("init", "-q")
  assert seen() == "unknown"
  shutil.rmtree(str(tmp_path / ".git"))
  git("init", "-q", "code")
  git("-C", "code", "add", ".")
  git("-C", "code", "commit", "-q", "-m", "a")
  commit = git("-C", "code", "rev-parse", "--short", "HEAD").strip()
  assert seen() == commit
  (package / "version.py").write_text((package / "version.py").read_text() + "#\n")
  assert seen() == commit + "-dirty"
