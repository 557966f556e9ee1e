"""get_results.py --unfinished: a sweep at work, as if it were of fewer passages."""

import hashlib
import itertools
import json
import re
import shutil

import pytest

from attention_zones.base import passage_order
from attention_zones.scores import interim
import get_results
import launcher
import tiny_model
from tiny_model import kill_at
import visualize_att_zone

SWEEP = ("--do_predict=True", "--mask_layer=0-1", "--gold_logp=True",
         "--predict_batch_size=1")
# Where a journal is complete, and there are no files yet.
ANSWERED = "decoding", "prediction_files.write_files"
ZONES = "--mask_zone=p2,q2,p2@1,p2@flat,all"
PASSAGES = 20
SOME_OF_THREE = [some for size in (1, 2, 3)
                 for some in itertools.combinations(("q2", "q2p", "p2q"), size)]


def data_of(passages):
  """A data set of three articles, the second without a word in its first passage.

  Args:
    passages: collection of int, which of PASSAGES it has.
  """
  paragraphs = tiny_model.large_data_set(PASSAGES // 2)["data"][0]["paragraphs"]
  for number, paragraph in enumerate(paragraphs):
    paragraph["context"] = (
        " " * 9 if number == 7 else paragraph["context"] + " ." * (number % 7)
        + " lives" * (number // 7))
    # Longer and shorter passages, of more and fewer questions.
    del paragraph["qas"][number % 5 + 1:]
    for question in paragraph["qas"] if number == 7 else ():
      question["answers"] = [{"text": "", "answer_start": 0}]
  articles = [range(0, 7), range(7, 9), range(9, PASSAGES)]
  return {"version": "1.1", "data": [
      {"paragraphs": [paragraphs[p] for p in article if p in passages]}
      for article in articles if set(article) & set(passages)]}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
  """A folder with data and a model; not to be changed."""
  folder = tmp_path_factory.mktemp("begun")
  tiny_model.write_files(folder)
  (folder / "data.json").write_text(json.dumps(data_of(range(PASSAGES))))
  tiny_model.write_checkpoint(folder / "model")
  return folder


@pytest.fixture(scope="module")
def journaled(begun, tmp_path_factory):
  """The same after a sweep whose journal is complete; not to be changed."""
  folder = tmp_path_factory.mktemp("journaled") / "project"
  shutil.copytree(str(begun), str(folder))
  kill_at(folder, *ANSWERED, *SWEEP, ZONES)
  return folder


@pytest.fixture
def project(journaled, tmp_path):
  """A copy of `journaled`, to be changed."""
  shutil.copytree(str(journaled), str(tmp_path / "project"))
  return tmp_path / "project"


def journals(project):
  return sorted((project / "model").glob("journal.*"))


def cut(path, fraction):
  """Takes lines from a journal's end, and half of the last that is left."""
  lines = path.read_bytes().splitlines(True)
  kept = lines[:1 + int(fraction * (len(lines) - 1))]
  path.write_bytes(b"".join(kept) + lines[len(kept)][:40])


def sample_of(*passes, seed=12345):
  """The passages before the first that a pass lacks, by the journals themselves.

  Args:
    *passes: list of the paths of a pass's journals, for each pass.
    seed: int.
  """
  paragraphs = [paragraph for article in data_of(range(PASSAGES))["data"]
                for paragraph in article["paragraphs"]]
  # The indices of each passage's questions.
  ends = list(itertools.accumulate(len(p["qas"]) for p in paragraphs))
  questions = [set(range(end - len(paragraph["qas"]), end))
               for end, paragraph in zip(ends, paragraphs)]
  done = [{int(number) for path in paths for number in re.findall(
      r'\{"question": (\d+), .*\}\n', path.read_text())} for paths in passes]
  order = sorted(range(PASSAGES), key=lambda p: hashlib.sha256(
      ("%d\n%s" % (seed, paragraphs[p]["context"])).encode()).digest())
  return list(itertools.takewhile(
      lambda p: all(questions[p] <= of_pass for of_pass in done), order))


def results(folder, data, output, *flags):
  """Runs get_results.py: dict from each file that it writes to its text."""
  output.mkdir()
  assert get_results.main([
      str(folder), str(output / "r.csv"), "--data_file=%s" % data, "--strata",
      "--per_question=%s" % (output / "q.csv"), "--tex=%s" % (output / "t.tex"),
      "--contrast", "1:p2", "2:p2", "--resamples=50"] + list(flags)) == 0
  return {path.name: path.read_text() for path in output.iterdir()}


def check(project, passages, tmp_path, *flags, sweep=(ZONES,)):
  """What --unfinished writes is what a sweep of these passages alone gives."""
  other = tmp_path / "other"
  shutil.copytree(str(project), str(other))
  for path in (other / "model").iterdir():
    if not path.name.startswith(("model.ckpt", "checkpoint")):
      path.unlink()
  (other / "data.json").write_text(json.dumps(data_of(passages)))
  for zones in sweep:
    finished = tiny_model.run_squad(other, zones, *SWEEP)
    assert finished.returncode == 0, finished.stderr
  wanted = results(
      other / "model", other / "data.json", tmp_path / "wanted", *flags)
  before = [path.read_bytes() for path in journals(project)]
  found = results(project / "model", project / "data.json", tmp_path / "found",
                  "--unfinished", *flags)
  interim = json.loads(found.pop("interim.json"))
  assert found == wanted
  number = sum(len(paragraph["qas"]) for article in data_of(passages)["data"]
               for paragraph in article["paragraphs"])
  everything = len(list(re.finditer('"id"', json.dumps(data_of(range(PASSAGES))))))
  assert {name: (entry["finished"], entry["questions"])
          for name, entry in interim.items()} == dict.fromkeys(
              wanted, (number, everything))
  assert [path.read_bytes() for path in journals(project)] == before
  return found


def test_half_of_a_sweep(project, tmp_path, capsys):
  path, = journals(project)
  cut(path, .5)
  passages = sample_of([path])
  assert 3 < len(passages) < PASSAGES - 3 and passages != sorted(passages)
  found = check(project, passages, tmp_path)
  assert set(found) == {"r.csv", "r.stats.csv", "r.controls.csv", "r.contrasts.csv",
                        "q.csv", "t.tex"}
  out = capsys.readouterr().out
  assert re.search(r"^interim: \d\d of \d\d questions, as .*/interim.json says; "
                   r"whoever looks often,", out, re.M)


@pytest.mark.slow
@pytest.mark.parametrize("fraction, metric", [(.15, "f1"), (.9, "logp")])
def test_a_part_of_a_sweep(project, tmp_path, fraction, metric):
  path, = journals(project)
  cut(path, fraction)
  check(project, sample_of([path]), tmp_path, "--metric=" + metric)


@pytest.mark.slow
def test_a_sample_ends_before_a_line_that_is_lost(project, tmp_path):
  path, = journals(project)
  before = sample_of([path])
  lines = path.read_bytes().splitlines(True)
  del lines[len(lines) // 2]
  path.write_bytes(b"".join(lines))
  passages = sample_of([path])
  assert 0 < len(passages) < len(before)
  check(project, passages, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("has_ended", [True, False])
def test_two_passes(begun, tmp_path, has_ended):
  """Other zones on another machine: one pass has ended, or neither.

  Together they have all unions of the four zones.
  """
  project = tmp_path / "project"
  shutil.copytree(str(begun), str(project))
  first, second = ("--mask_zone=p2,all" + "".join(
      ",%s+p2" % "+".join(some) for some in SOME_OF_THREE), "--mask_zone=p2@1," +
                   ",".join(map("+".join, SOME_OF_THREE)))
  if has_ended:
    assert tiny_model.run_squad(project, first, *SWEEP).returncode == 0
  else:
    kill_at(project, *ANSWERED, *SWEEP, first)
  kill_at(project, *ANSWERED, *SWEEP, second, "--random_seed=7")
  paths = journals(project)
  for path, fraction in zip(paths, (.4, .7)):
    cut(path, fraction)
  # A journal takes the order of the others; alone, that of its flag.
  passages = (sample_of(paths, seed=7) if has_ended
              else sample_of(*([path] for path in paths)))
  found = check(project, passages, tmp_path, sweep=(first, second))
  assert found["r.shapley.csv"].count("\n") == 1 + 2 * 18


@pytest.mark.slow
def test_shares(begun, tmp_path):
  """One has ended; one is at work; then one has no journal."""
  project = tmp_path / "project"
  shutil.copytree(str(begun), str(project))
  assert tiny_model.run_squad(
      project, "--shard=1/2", ZONES, *SWEEP).returncode == 0
  kill_at(project, "decoding", "shares.finish", *SWEEP, "--shard=2/2",
          "--random_seed=7", ZONES)
  path, = journals(project)
  cut(path, .6)
  share, = (project / "model").glob("share.*")
  check(project, sample_of([path, share]), tmp_path)
  path.unlink()
  assert "has no journal of --shard=2/2; a sample needs all" in refused(project)


@pytest.mark.thorough
@pytest.mark.parametrize("passages, times", [(101, 1), (100, 0)])
def test_the_log_says_when_to_look(begun, tmp_path, passages, times):
  project = tmp_path / "project"
  shutil.copytree(str(begun), str(project))
  paragraph = tiny_model.data_set()["data"][0]["paragraphs"][0]
  (project / "data.json").write_text(json.dumps({"data": [{"paragraphs": [
      {"context": paragraph["context"] + " %d" % number,
       "qas": [dict(paragraph["qas"][0], id=str(number))]}
      for number in range(passages)]}]}))
  log = tiny_model.run_squad(project, ZONES, *SWEEP).stderr
  command = "get_results.py %s interim.csv --unfinished --data_file=%s shows" % (
      project / "model", project / "data.json")
  assert times == log.count(command) == log.count("; 100 passages, a random ")


def refused(project, *more):
  """Runs get_results.py --unfinished in vain; returns what it says."""
  result = launcher.script(
      "get_results.py", project / "model", project / "r.csv", "--unfinished",
      "--data_file=%s" % (project / "data.json"), *more)
  assert result.returncode != 0 and not list(project.glob("*.csv"))
  assert "Traceback" not in result.stderr
  return result.stderr.splitlines()[-1]


def test_refused(project):
  path, = journals(project)
  content = path.read_bytes()
  first, *lines = content.splitlines(True)
  (project / "data.json").write_text(json.dumps(data_of(range(PASSAGES))) + " ")
  assert "data.json is not what the sweep of" in refused(project)
  (project / "data.json").write_text(json.dumps(data_of(range(PASSAGES))))
  path.write_bytes(first + lines[0])
  assert "has no passage that is finished in all journals (%s: 1 questions)" % (
      path.name) in refused(project)
  path.write_bytes(first[:50])
  assert "has only begun" in refused(project)
  path.unlink()
  assert "leave the flag out" in refused(project)
  path.write_bytes(content)
  key = json.loads(first.decode())
  lacking = {name: value for name, value in key.items() if name != "num_heads"}
  path.write_bytes((json.dumps(lacking) + "\n").encode() + b"".join(lines))
  assert "is of another version of run_squad.py" in refused(project)
  path.write_bytes(content)
  for change in {"--n_best_size": 3}, {"zone p2": "0" * 16}:
    path.with_name("journal.%s.jsonl" % ("1" * 16)).write_bytes(
        (json.dumps(dict(key, **change)) + "\n").encode() + b"".join(lines))
    assert "has a different %s (" % list(change)[0] in refused(project)
  path.with_name("journal.%s.jsonl" % ("1" * 16)).unlink()
  # Shares of other decodes; one that is left beside a sweep of all does not count.
  for number, decodes in (1, key["decodes"]), (2, key["decodes"][1:]):
    path.with_name("journal.%s.%dof2.jsonl" % ("2" * 16, number)).write_bytes(
        (json.dumps(dict(key, decodes=decodes)) + "\n").encode() + b"".join(lines))
  assert "have different decodes; shares" in refused(project)
  path.with_name("journal.%s.jsonl" % ("2" * 16)).write_bytes(first + lines[0])
  assert "%s: 1 questions" % ("journal.%s.jsonl" % ("2" * 16)) in refused(project)
  assert "--unfinished takes one folder, not 2" in refused(
      project, project / "x.csv")


def test_a_failed_decode_and_files_of_another_run_are_left_out(project, capsys):
  path, = journals(project)
  lines = [json.loads(line) for line in path.read_text().splitlines()]
  name = "predictions_layer1_q2.json"
  lines[1]["texts"].append(None)
  lines[1]["text_of"][lines[0]["decodes"].index(name)] = len(lines[1]["texts"]) - 1
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  (project / "model" / "predictions_layer1_p2q.json").write_text("{}")
  found = results(project / "model", project / "data.json", project / "out",
                  "--unfinished")
  header, first, second = (line.split(",") for line in found["r.csv"].splitlines())
  assert second[header.index("q2")] == "" != first[header.index("q2")]
  assert "p2q" not in header
  error = capsys.readouterr().err
  assert "1 files of another run are not read, like predictions_layer1_p2q" in error
  assert "1 of 10 files are missing: " + name in error


def test_a_figure_says_that_it_is_interim(project, tmp_path, capsys):
  """As long as the table is the one that was made so."""
  path, = journals(project)
  cut(path, .5)
  out = tmp_path / "out"
  results(project / "model", project / "data.json", out, "--unfinished")
  counts, = {(entry["finished"], entry["questions"]) for entry in json.loads(
      (out / "interim.json").read_text()).values()}
  words = "interim: %d of %d questions" % counts

  def drawn(*arguments):
    visualize_att_zone.main(list(map(str, arguments)) + [str(out / "f.svg")])
    return (out / "f.svg").read_text()
  whole = out / "r.csv", 50
  assert drawn(*whole).count(words) == 1
  assert drawn(*whole, "--stats=%s" % (out / "r.stats.csv")).count(words) == 1
  assert words in drawn(out / "r.controls.csv")
  assert words not in drawn(*whole, "--no_caption")
  with open(str(out / "r.csv"), "a") as table:
    table.write("\n")
  assert words not in drawn(*whole)
  interim.forget([str(out / "r.stats.csv"), str(out / "none.csv")])
  kept = json.loads((out / "interim.json").read_text())
  assert "r.controls.csv" in kept and "r.stats.csv" not in kept
  (out / "interim.json").write_text("{")
  assert words not in drawn(out / "r.controls.csv")
  assert "interim.json: not JSON, or cut off" in capsys.readouterr().err


def test_the_order_of_passages():
  """Numbers by sha256sum of "12345\\na" and so on; equal texts are one passage."""
  assert passage_order.places(["a", "b", "a", "\ud800"], 12345) == [2, 1, 2, 0]
  assert passage_order.places(["a", "b"], 5) == [0, 1]
  assert passage_order.as_in_data(["b", "a", "b", "c"]) == [0, 1, 0, 2]


@pytest.mark.parametrize("finished, found", [
    ({0, 1, 2, 3}, [0, 1, 2, 3]), ({0, 1, 3}, [1]), ({0, 2, 3}, []),
    ({1, 2, 0}, [0, 1, 2]), (set(), [])])
def test_the_beginning_that_is_finished(finished, found):
  assert passage_order.finished_beginning([1, 0, 1, 2], finished) == found
