"""A short run of mutate_squad.py, and that it notices what it is to notice."""

import copy
import json
import os
import random
import re
import subprocess
import sys

import pytest

import mutate_squad

FILES = int(os.environ.get("FUZZ_EXAMPLES", "500"))


def run(tmp_path, *flags):
  """Runs the script in a process of its own, whose memory it measures."""
  return subprocess.run(
      [sys.executable, mutate_squad.__file__] + list(flags),
      env=dict(os.environ, TMPDIR=str(tmp_path)), stdout=subprocess.PIPE,
      stderr=subprocess.PIPE, universal_newlines=True)


def test_damaged_files_are_read_or_refused(tmp_path):
  result = run(tmp_path, "--files=%d" % FILES)
  assert (result.returncode, result.stderr) == (0, ""), result.stdout
  closing = re.fullmatch(
      r"done, %d files: (\d+) reads, (\d+) refusals, slowest \d\.\d+ s, "
      r"memory \d+ MB" % FILES, result.stdout.splitlines()[-1])
  # Damage that is always fatal would not test much.
  assert all(int(count) > FILES // 2 for count in closing.groups())
  assert list(tmp_path.iterdir()) == []


def test_the_file_that_breaks_something_is_kept(tmp_path):
  result = run(tmp_path, "--files=1", "--max_seconds=0")
  assert result.returncode == 1
  kept, = tmp_path.glob("*/squad.json")
  assert "file 0 of seed 1, kept as %s: read_examples" % kept in result.stdout
  assert kept.read_bytes() == mutate_squad.damaged_file(1, 0)


def test_a_file_follows_from_its_seed_and_number():
  numbers = range(300)
  files = [mutate_squad.damaged_file(2, number) for number in numbers]
  assert files == [mutate_squad.damaged_file(2, n) for n in numbers]
  assert len(set(files)) > 250
  assert mutate_squad.damaged_file(3, 0) != files[0]


@pytest.mark.parametrize("tree, v1", [
    (mutate_squad.V1, True), (mutate_squad.V2, False)])
def test_undamaged_files_are_read(tmp_path, tree, v1):
  path = tmp_path / "squad.json"
  path.write_bytes(mutate_squad.to_json(tree, random.Random(1)))
  stats = {"read": 0, "refused": 0, "slowest": 0.0}
  mutate_squad.feed(str(path), stats)
  # v2.0 is refused as v1.1, to train on and not.
  assert (stats["read"], stats["refused"]) == ((9, 0) if v1 else (5, 2))


def test_a_long_answer_takes_no_long_time(tmp_path):
  """It starts within a word, so that no word pieces read like it."""
  tree = copy.deepcopy(mutate_squad.V1)
  paragraph = tree["data"][0]["paragraphs"][0]
  paragraph["context"] = "1895 " * 1500
  paragraph["qas"] = [{"id": "q0", "question": "When?", "answers": [
      {"text": "895 " + "1895 " * 1499, "answer_start": 1}]}]
  path = tmp_path / "squad.json"
  path.write_text(json.dumps(tree), encoding="ascii")
  stats = {"read": 0, "refused": 0, "slowest": 0.0}
  mutate_squad.feed(str(path), stats)
  assert stats["refused"] == 0


def raises(error):
  """A function that raises an exception, as a reader would."""
  def call():
    raise error
  return call


@pytest.mark.parametrize("call, message", [
    (raises(KeyError("id")), "reader: KeyError('id'"),
    (raises(RecursionError("deep")), "reader: RecursionError"),
    (raises(ValueError("squad.json")), "one line with the file's name"),
    (raises(ValueError("/squad.json: a\nb")), "one line with the file's name"),
    (lambda: sum(range(10 ** 6)), "reader took 0."),
])
def test_what_breaks_the_rules_is_noticed(call, message):
  stats = {"read": 0, "refused": 0, "slowest": 0.0}
  with pytest.raises(mutate_squad.Broken) as caught:
    mutate_squad.check("reader", "/squad.json", call, stats, max_seconds=0.001)
  assert message in str(caught.value)


def test_a_good_refusal_is_counted():
  stats = {"read": 0, "refused": 0, "slowest": 0.0}
  call = raises(ValueError("/squad.json: data is 5"))
  assert mutate_squad.check("reader", "/squad.json", call, stats) is None
  assert (stats["read"], stats["refused"]) == (0, 1)
