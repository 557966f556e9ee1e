"""--shard: shares of the questions, put together by the last that finishes."""

import collections
import json
import os
import shutil
import signal

import pytest

from attention_zones.base import manifest
from attention_zones.decoding import shares
from attention_zones.decoding.shares import Part
from attention_zones.decoding.shares import Share
import tiny_model

Paragraph = collections.namedtuple("Paragraph", ["context"])
Example = collections.namedtuple("Example", ["paragraph"])

SWEEP = ("--do_predict=True", "--mask_layer=0-1",
         "--mask_zone=p2,all,p2@1,p2q@flat,p2@zero", "--write_nbest=True",
         "--gold_logp=True")
# Ten questions about six passages.
COPIES = 3
RESULTS = "*p*.json"  # All but manifest.json.


def test_parse():
  assert shares.parse(None) is None
  assert shares.parse("2/8") == Share(2, 8)
  assert str(Share(2, 8)) == "2/8" and Share(2, 8).suffix == ".2of8"


@pytest.mark.parametrize("text", [
    "", "0/8", "9/8", "1/1", "1/0", "2", "a/b", "1/8/2", "-1/8", "1.0/2", " 1/2"])
def test_what_is_no_share_is_refused(text):
  with pytest.raises(ValueError, match="--shard=%s: should be k/n" % text):
    shares.parse(text)


def test_passages_stay_whole_and_questions_are_divided_evenly():
  # Two paragraphs with one context are one passage.
  examples = [Example(Paragraph(context)) for context in "aabcccdab"]
  assert shares.questions(examples, Share(1, 2)) == {0, 1, 7, 2, 8}
  assert shares.questions(examples, Share(2, 2)) == {3, 4, 5, 6}
  assert shares.questions(examples, Share(4, 4)) == {6}
  assert shares.questions(examples, Share(5, 5)) == set()
  assert shares.questions(examples, None) == set(range(9))


def test_a_large_passage_first_does_not_make_shares_uneven():
  """As in XQuAD, of whose 124 questions one of two shares had 75."""
  sizes = [9, 2, 8, 2, 9, 3, 8, 2, 9, 2, 8, 3]
  examples = [Example(Paragraph(str(number)))
              for number, size in enumerate(sizes) for _ in range(size)]
  assert [len(shares.questions(examples, Share(k, 2))) for k in (1, 2)] == [33, 32]
  assert [len(shares.questions(examples, Share(k, 3))) for k in (1, 2, 3)] == [
      22, 22, 21]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A folder with data and a model; not to be changed."""
  folder = tmp_path_factory.mktemp("trained")
  tiny_model.write_files(folder, COPIES)
  data = json.loads((folder / "data.json").read_text())
  for number, paragraph in enumerate(data["data"][0]["paragraphs"]):
    paragraph["context"] += " ." * number
  (folder / "data.json").write_text(json.dumps(data))
  tiny_model.write_checkpoint(folder / "model")
  return folder


@pytest.fixture(scope="module")
def alone(trained, tmp_path_factory):
  """A folder after one sweep that is not divided."""
  folder = tmp_path_factory.mktemp("alone") / "project"
  shutil.copytree(str(trained), str(folder))
  run(folder, "--predict_batch_size=1")
  return folder


@pytest.fixture
def project(trained, tmp_path):
  """A copy of `trained`, to be changed."""
  shutil.copytree(str(trained), str(tmp_path / "project"))
  return tmp_path / "project"


def run(folder, *flags):
  """Sweeps; returns what it printed."""
  result = tiny_model.run_squad(folder, *(SWEEP + flags))
  assert result.returncode == 0, result.stderr
  return result.stderr


def refused(folder, *flags):
  """Sweeps in vain; returns the only line."""
  result = tiny_model.run_squad(folder, *(SWEEP + flags))
  assert result.returncode == 1, result.stderr
  line, = result.stderr.splitlines()
  return line


def share_files(folder):
  return sorted(path.name.split(".")[2]
                for path in (folder / "model").glob("share.*"))


def check_whole(project, alone):
  """All files are those of the run alone, and nothing else is left."""
  assert tiny_model.digests(project, RESULTS) == tiny_model.digests(alone, RESULTS)
  names = [set(os.listdir(str(folder / "model"))) - {".manifest.json.lock"}
           for folder in (project, alone)]
  assert names[0] == names[1]
  of_each = [manifest.load(str(folder / "model"))["files"]
             for folder in (project, alone)]
  assert of_each[0] == of_each[1] != {}


@pytest.mark.slow
def test_three_shares_give_the_bytes_of_one_run(project, alone):
  """In any order; one is killed in the middle and resumes."""
  log = run(project, "--shard=3/3")
  assert log.splitlines()[-1].endswith("missing: --shard=1/3, 2/3")
  assert share_files(project) == ["3of3"]
  assert tiny_model.digests(project, RESULTS) == {}

  journal = lambda: list((project / "model").glob("journal.*.1of3.jsonl"))
  killed = tiny_model.begin(project, *(SWEEP + ("--shard=1/3",)))
  killed.wait_until(
      lambda: journal() and journal()[0].read_bytes().count(b"\n") > 1)
  assert killed.signal(signal.SIGKILL)[0] == -signal.SIGKILL
  done = journal()[0].read_bytes().count(b"\n") - 1

  log = run(project, "--shard=2/3")
  assert log.splitlines()[-1].endswith("missing: --shard=1/3")
  log = run(project, "--shard=1/3")
  assert "%d of 10 questions are done: resuming" % done in log
  assert "nbest_predictions" not in share_files(project)
  check_whole(project, alone)


@pytest.mark.slow
def test_a_remote_folder_gets_one_object_for_each_share(
    project, alone, tmp_path, monkeypatch):
  journals = tmp_path / "tmp"
  journals.mkdir()
  monkeypatch.setenv("TMPDIR", str(journals))
  url = "--output_dir=file://%s" % (project / "model")
  run(project, url, "--shard=1/2")
  assert share_files(project) == ["1of2"]
  assert os.listdir(str(journals)) == []
  run(project, url, "--shard=2/2")
  check_whole(project, alone)


@pytest.mark.thorough
def test_another_count_is_refused(project):
  run(project, "--shard=1/3")
  line = refused(project, "--shard=2/4")
  assert "--shard=2/4" in line and "--shard=k/3" in line and "1of3" in line
  assert "has unfinished shares of 3" in run(project)


@pytest.mark.thorough
def test_a_share_of_something_else_is_refused(project):
  run(project, "--shard=1/2", "--n_best_size=3")
  result = tiny_model.run_squad(project, *(SWEEP + ("--shard=2/2",)))
  line = result.stderr.splitlines()[-1]
  assert result.returncode == 1 and "1of2.jsonl was made with a different " in line
  assert "--n_best_size (3 before, 20 now)" in line and "--shard=1/2" in line
  # Nothing is lost.
  assert share_files(project) == ["1of2", "2of2"]
  path, = (project / "model").glob("share.*.1of2.jsonl")
  path.unlink()
  run(project, "--shard=1/2")
  assert share_files(project) == []


@pytest.mark.thorough
def test_a_share_that_was_cut_is_refused(project):
  run(project, "--shard=1/2")
  path, = (project / "model").glob("share.*")
  path.write_bytes(path.read_bytes()[:-4])
  result = tiny_model.run_squad(project, *(SWEEP + ("--shard=2/2",)))
  assert result.returncode == 1
  assert "%s is incomplete" % path in result.stderr.splitlines()[-1]


@pytest.mark.thorough
def test_a_share_that_comes_twice(project):
  for word in "missing: --shard=1/2", "share 2/2 is finished and kept in ":
    line = run(project, "--shard=2/2").splitlines()[-1]
    assert word in line
  assert line.endswith("missing: --shard=1/2")


@pytest.mark.thorough
def test_shares_that_were_left_when_all_was_written_are_removed(project, alone):
  run(project, "--shard=1/2")
  kept, = (project / "model").glob("share.*")
  content = kept.read_bytes()
  run(project, "--shard=2/2")
  kept.write_bytes(content)
  assert "nothing to do" in run(project, "--shard=2/2")
  check_whole(project, alone)


def test_a_training_is_not_divided(project):
  result = tiny_model.train(project, "--shard=1/2")
  assert result.returncode == 1 and "--shard=1/2" in result.stderr
  assert len(result.stderr.splitlines()) == 1


@pytest.mark.thorough
def test_more_shares_than_passages(tmp_path):
  """The third of the two passages is empty."""
  alone, project = tmp_path / "alone", tmp_path / "project"
  alone.mkdir()
  tiny_model.write_files(alone)
  tiny_model.write_checkpoint(alone / "model")
  shutil.copytree(str(alone), str(project))
  run(alone)
  for number in range(1, 4):
    log = run(project, "--shard=%d/3" % number)
  assert "wrote predictions.json" in log
  check_whole(project, alone)


def test_the_last_one_of_a_pass_that_another_has_written(tmp_path):
  """Two finish at the same time: the other has removed the shares meanwhile."""
  part = Part(str(tmp_path), "0" * 16, Share(1, 2))
  with pytest.raises(FileNotFoundError):
    shares.collect(part, {})
  shares.remove(part)
