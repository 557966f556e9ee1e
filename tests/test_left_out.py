"""Cells that leave questions out: those without a token of one of a zone's sets."""

import csv
import itertools
import json
import re

import numpy as np
import pytest

from attention_zones import cases
from attention_zones.base import files
import get_results
from passages import read_rows, student_interval
from passages import write_data, write_manifest, write_sweep
import visualize_att_zone

SIZES = [3, 2, 1, 4]
#           * *  **    * *     the questions that have the span
BASELINE = "110" "11" "1" "1011"
MASKED = "011" "00" "1" "0011"
LACKING = {"p": [], "wh": ["q1", "q5", "q7", "q9"]}
CELLS = {"": BASELINE, "_layer0_p2": MASKED, "_layer0_p_wh": MASKED}
FILES = ["predictions%s.json" % name for name in CELLS]


def collect(folder, tmp_path, *flags):
  """Runs get_results.py with dev.json and results.csv in tmp_path: its status."""
  folders = [folder] if isinstance(folder, str) else folder
  return get_results.main(folders + [
      str(tmp_path / "results.csv"), "--data_file", str(tmp_path / "dev.json"),
      "--resamples=200", "--allow_holes"] + list(flags))


def make(tmp_path, cells=CELLS, lacking=LACKING, sizes=SIZES):
  """Writes a sweep: (ids, its folder)."""
  ids = write_data(tmp_path / "dev.json", sizes)
  folder = write_sweep(tmp_path / "sweep", ids, cells)
  if lacking is not None:
    write_manifest(folder, None, lacking)
  return ids, folder


def of_zone(tmp_path, zone, kind="stats"):
  """The row of a zone in results.stats.csv, or another table."""
  row, = [row for row in read_rows(tmp_path / ("results.%s.csv" % kind))
          if row["zone"] == zone]
  return row


def test_a_cell_is_about_its_own_questions(tmp_path, capsys):
  _, folder = make(tmp_path)
  assert collect(folder, tmp_path) == 0
  # Of six questions the baseline has five right, masked it has two.
  assert (tmp_path / "results.csv").read_text() == (
      "layer,p2,p_wh\n1,50.000,33.333\n")
  whole, own = of_zone(tmp_path, "p2"), of_zone(tmp_path, "p_wh")
  names = "n", "clusters", "baseline", "score", "diff", "lost", "gained", "df"
  assert [whole[name] for name in names] == [
      "10", "4", "80.000", "50.000", "-30.0000", "4", "1", "3"]
  # The passage of q5 has no question here.
  assert [own[name] for name in names] == [
      "6", "3", "83.333", "33.333", "-50.0000", "4", "1", "2"]
  # Passages of two questions: -1 + 1, -1 - 1, -1 + 0.
  sums = [0, -2, -1]
  flipped = [abs(sum(np.multiply(signs, sums)))
             for signs in itertools.product((-1, 1), repeat=3)]
  assert float(own["p"]) == np.mean(np.array(flipped) >= 3) == .5
  assert [own["ci_low"], own["ci_high"], own["se"]] == [
      "%.4f" % value for value in student_interval([-1, 1, -1, -1, -1, 0], [2] * 3)]
  assert ("1 cells leave out questions without tokens of their sets: their scores, "
          "and their baselines, are of 6 questions, not of 10"
          in capsys.readouterr().out.splitlines())


def with_questions(tmp_path, folders, keep):
  """Copies dev.json and folders to tmp_path / "few", with some questions only.

  Args:
    tmp_path: pathlib.Path.
    folders: list of str.
    keep: set of ids.

  Returns:
    (the new folder, list of str, those of its sweeps).
  """
  few = tmp_path / "few"
  few.mkdir()
  content = json.loads((tmp_path / "dev.json").read_text())
  for article in content["data"]:
    for paragraph in article["paragraphs"]:
      paragraph["qas"] = [qa for qa in paragraph["qas"] if qa["id"] in keep]
    article["paragraphs"] = [
        paragraph for paragraph in article["paragraphs"] if paragraph["qas"]]
  (few / "dev.json").write_text(json.dumps(content))
  copies = []
  for folder in folders:
    copies.append(str(few / folder.rpartition("/")[2]))
    (few / copies[-1]).mkdir()
    for path in (tmp_path / folder).glob("*.json"):
      answers = json.loads(path.read_text())
      (few / copies[-1] / path.name).write_text(json.dumps(
          {name: text for name, text in answers.items() if name in keep}))
    write_manifest(copies[-1], None, {"p": [], "wh": [], "answer": []})
  return few, copies


@pytest.fixture
def random_sweeps(tmp_path):
  """(ids, lacking, list of 5 folders) of 330 questions about 60 passages.

  About half begin with who, the others with what.
  """
  rs = np.random.RandomState(3)
  data = tmp_path / "dev.json"
  ids = write_data(data, [4, 7] * 30)
  data.write_text(re.sub("What", lambda _: rs.choice(["Who", "What"]),
                         data.read_text()))
  lacking = {"p": [], "wh": [name for name in ids if rs.rand() < .3],
             "answer": [name for name in ids if rs.rand() < .5]}
  folders = []
  for seed in range(5):
    base = rs.choice(list("110s"), len(ids))
    cells = {"": "".join(base), "_layer0_p2": "".join(rs.choice(
        list("110s"), len(ids)))}
    for zone in "p_wh", "p_wh@1", "p_wh@2", "p_wh@flat", "p_answer":
      masked = rs.choice(list("1000s"), len(ids))
      out = np.isin(ids, lacking[zone.partition("@")[0][2:]])
      cells["_layer0_" + zone] = "".join(np.where(out, base, masked))
    folders.append(write_sweep(tmp_path / ("seed%d" % seed), ids, cells))
    write_manifest(folders[-1], None, lacking)
  return ids, lacking, folders


@pytest.mark.parametrize("flags, seeds", [
    (("--margin=2",), 1), (("-use-f1", "--cluster=none"), 1), (("-use-f1",), 5)])
def test_every_digit_is_that_of_a_data_set_of_its_questions(
    tmp_path, random_sweeps, flags, seeds):
  ids, lacking, folders = random_sweeps
  flags += "--strata",
  assert collect(folders[:seeds], tmp_path, *flags) == 0
  few, copies = with_questions(
      tmp_path, folders[:seeds], set(ids) - set(lacking["wh"]))
  # Without the zone of other questions the family of sets is another.
  adjusted = "p_holm", "q_bh", "p_equivalent"
  assert collect(copies, few, *flags) == 0
  for kind, number in ("stats", 4), ("controls", 2), ("strata", 2):
    # Bounds of terciles are those of all questions; so compare types.
    wanted, found = ([
        {name: value for name, value in row.items() if name not in adjusted}
        for row in read_rows(folder / ("results.%s.csv" % kind))
        if row["zone"].startswith("p_wh")
        and row.get("kind", "question_type") == "question_type"]
                     for folder in (few, tmp_path))
    assert found == wanted and len(found) == number
  # A stratum is large, or is not, by the questions of the cell.
  asked = re.findall('"id": "(q[0-9]+)", "question": "(W[a-z]+)',
                     (tmp_path / "dev.json").read_text())
  counts = {(kind, zone): sum(word.lower() == kind and name not in lacking[lacked]
                              for name, word in asked)
            for kind in ("who", "what") for zone, lacked in (
                ("p2", "p"), ("p_wh", "wh"), ("p_answer", "answer"))}
  assert sorted(counts.values())[0] < 100 <= sorted(counts.values())[1]
  assert {(row["stratum"], row["zone"]): int(row["n"])
          for row in read_rows(tmp_path / "results.strata.csv")
          if row["kind"] == "question_type"} == {
              key: number for key, number in counts.items() if number >= 100}
  assert of_zone(tmp_path, "p2")["n"] == str(len(ids))
  assert of_zone(tmp_path, "p_wh", "controls")["ratio_low"]


def test_articles_are_compared_on_the_questions_of_a_cell(tmp_path, capsys):
  """All four of one article are lost, none of the other's twelve: 3.4 times."""
  _, folder = make(
      tmp_path, {"": "1" * 24, "_layer0_p2": "1" * 24,
                 "_layer0_p_wh": "1" * 8 + "0" * 4 + "1" * 12},
      {"p": [], "wh": ["q%d" % k for k in range(8)]}, [1] * 24)
  assert collect(folder, tmp_path) == 0
  assert ("in 1 of 2 tested cells the standard error by article is more than 1.2 "
          "times that by passage: intervals may be too small, but 2 articles are "
          "too few to cluster by"
          in capsys.readouterr().out.splitlines())


def test_a_contrast_is_about_the_questions_of_both_sides(tmp_path, random_sweeps):
  ids, lacking, folders = random_sweeps
  flags = "--contrast", "1:p_wh", "1:p_answer"
  assert collect(folders[0], tmp_path, *flags) == 0
  found, = read_rows(tmp_path / "results.contrasts.csv")
  common = set(ids).difference(lacking["wh"], lacking["answer"])
  assert found["n"] == str(len(common))
  few, copies = with_questions(tmp_path, folders[:1], common)
  assert collect(copies, few, *flags) == 0
  assert read_rows(few / "results.contrasts.csv") == [found]
  # Not the differences of the two cells, which are of other questions.
  assert found["diff_a"] == of_zone(few, "p_wh")["diff"]
  assert found["diff_a"] != of_zone(tmp_path, "p_wh")["diff"]


def test_a_question_that_one_seed_lacks_is_left_out_of_all(tmp_path):
  ids, first = make(tmp_path)
  # q7 and q9 change in the second, whose manifest does not lack them.
  second = write_sweep(tmp_path / "second", ids, dict(
      CELLS, _layer0_p_wh="011" "00" "1" "0110"))
  write_manifest(second, None, {"p": [], "wh": ["q1", "q5"]})
  assert collect([first, second], tmp_path) == 0
  row = of_zone(tmp_path, "p_wh")
  assert [row[name] for name in (
      "n", "baseline", "score", "lost", "gained", "changed")] == [
          "6", "83.333", "33.333", "8", "2", "10"]


def test_per_question_has_empty_cells(tmp_path):
  _, folder = make(tmp_path)
  path = tmp_path / "questions.csv"
  assert collect(folder, tmp_path, "--per_question=%s" % path) == 0
  with open(str(path)) as f:
    rows = list(csv.DictReader(f))
  assert [row["1:p_wh"] for row in rows] == [
      "0", "", "1", "0", "0", "", "0", "", "1", ""]
  assert [row["1:p2"] for row in rows] == list(MASKED)


@pytest.mark.parametrize("lacking", [None, {"p": []}])
def test_all_count_where_the_manifest_says_nothing(tmp_path, capsys, lacking):
  _, folder = make(tmp_path, lacking=lacking)
  assert collect(folder, tmp_path) == 0
  assert of_zone(tmp_path, "p_wh")["n"] == "10"
  assert capsys.readouterr().err == (
      "%s: manifest.json does not say which questions have no token of wh, so all "
      "of them count\n" % folder)


def test_a_cell_without_a_question_stays_empty(tmp_path, capsys):
  ids, folder = make(tmp_path)
  write_manifest(folder, None, dict(LACKING, wh=ids))
  assert collect(folder, tmp_path) == 0
  line = ("%s: no question has tokens of all sets that are masked in "
          "predictions_layer0_p_wh.json" % folder)
  assert capsys.readouterr().err == line + "; their cells stay empty\n"
  assert (tmp_path / "results.csv").read_text() == "layer,p2,p_wh\n1,50.000,\n"
  row, = read_rows(tmp_path / "results.stats.csv")
  assert row["zone"] == "p2"
  (tmp_path / "sweep" / "predictions_layer0_p2.json").unlink()
  assert collect(folder, tmp_path) == 1
  assert capsys.readouterr().err == "get_results.py: %s\n" % line


@pytest.mark.parametrize("others", ["_layer0_p2", None])
def test_a_cell_of_one_passage_has_no_statistics(tmp_path, capsys, others):
  cells = {name: CELLS[name] for name in ("", "_layer0_p_wh", others) if (
      name is not None)}
  ids, folder = make(tmp_path, cells)
  write_manifest(folder, None, dict(LACKING, wh=ids[:6] + ids[9:]))
  tex = tmp_path / "table.tex"
  assert collect(folder, tmp_path, "--strata", "--tex=%s" % tex) == 0
  row = of_zone(tmp_path, "p_wh")
  assert {name: value for name, value in row.items() if value} == dict(
      layer="1", zone="p_wh", metric="exact", n="3", clusters="1", seeds="1",
      baseline="66.667", score="33.333", diff="-33.3333", lost="1", gained="0",
      changed="1", shifted="0", elsewhere="1")
  assert ("no interval and no p of cells whose questions are not of several "
          "passages: 1:p_wh" in capsys.readouterr().out.splitlines())
  assert "$-33.33$ \\\\" in tex.read_text()
  assert collect(folder, tmp_path, "--contrast", "1:p_wh", "1:p_wh") == 1
  assert ("--contrast 1:p_wh 1:p_wh: too few questions have tokens of all sets of "
          "both" in capsys.readouterr().err)


def test_latex_says_that_cells_have_other_questions(tmp_path):
  _, folder = make(tmp_path)
  tex = tmp_path / "table.tex"
  assert collect(folder, tmp_path, "--tex=%s" % tex) == 0
  text = " ".join(tex.read_text().split())
  assert "baseline 80.00 to 83.33." in text
  assert "6 to 10 questions, 3 to 4 passages (each zone has those with" in text
  assert "Student's t with 2 to 3 degrees of freedom" in text


def test_without_statistics_the_worst_is_that_of_its_own_baseline(tmp_path, capsys):
  """cls_p has the lowest score; p_wh loses more, of fewer questions."""
  _, folder = make(tmp_path, {
      "": "11111" "00000", "_layer0_cls_p": "11110" "00000",
      "_layer0_p_wh": "11100" "00000"}, {"p": [], "cls": [], "wh": [
          "q5", "q6", "q7", "q8", "q9"]}, [10])
  assert collect(folder, tmp_path) == 0
  assert "hurts most: p_wh in layer 1, exact 60.000 (-40.000)" in (
      capsys.readouterr().out)


def test_an_unfinished_sweep_leaves_out_the_same(tmp_path):
  """A journal of ten questions that are done says which windows have the span."""
  ids, folder = make(tmp_path)
  assert collect(folder, tmp_path) == 0
  wanted = read_rows(tmp_path / "results.stats.csv")
  answers = [[json.loads(path.read_text())[name] for path in (
      tmp_path / "sweep" / decode for decode in FILES)] for name in ids]
  for path in (tmp_path / "sweep").iterdir():
    path.unlink()
  lines = [{"--predict_file": files.digest(str(tmp_path / "dev.json")),
            "--random_seed": 1, "num_layers": 2, "num_heads": 2,
            "layout": [1, 1, 1, 0], "decodes": FILES}] + [
                {"question": k, "texts": texts, "text_of": [0, 1, 2],
                 "gold_logp": [None] * 3, "windows": [
                     [4, 0, 6, {"wh": [] if name in LACKING["wh"] else [1]}]]}
                for k, (name, texts) in enumerate(zip(ids, answers))]
  (tmp_path / "sweep" / "journal.0123456789abcdef.jsonl").write_text(
      "".join(json.dumps(line) + "\n" for line in lines))
  assert collect(folder, tmp_path, "--unfinished") == 0
  found = read_rows(tmp_path / "results.stats.csv")
  # One of 13 columns, in the six rows of the passage.
  assert found[1].pop("masked_fraction") == "%.6f" % (6 / 13 ** 2)
  found[0].pop("masked_fraction")
  assert found == [{name: value for name, value in row.items()
                    if name != "masked_fraction"} for row in wanted]


def draw(tmp_path, *flags):
  return visualize_att_zone.main([
      str(tmp_path / "results.csv"), "80", str(tmp_path / "figure.svg")]
                                 + list(flags))


def test_the_figure_needs_the_statistics(tmp_path, capsys):
  # q5 has no word in its passage.
  _, folder = make(tmp_path, dict(CELLS, _layer0_cls_p=MASKED),
                   dict(LACKING, cls=["q5"], p=["q5"]))
  assert collect(folder, tmp_path) == 0
  stats = "--stats=%s" % (tmp_path / "results.stats.csv")
  assert "%s\n" % stats in capsys.readouterr().out.replace(" --symmetric", "")
  assert draw(tmp_path) == 1
  assert capsys.readouterr().err == (
      "visualize_att_zone.py: %s: the column p_wh is about questions with tokens "
      "of its sets only, whose baseline may not be 80; give "
      "--stats=results.stats.csv, which has it\n" % (tmp_path / "results.csv"))
  assert not (tmp_path / "figure.svg").exists()
  assert draw(tmp_path, stats) == 0
  # Each cell against its own baseline, but for rounding.
  panel, = visualize_att_zone.read_panels(visualize_att_zone.parse_args([
      str(tmp_path / "results.csv"), "80", "figure.svg", stats]))
  assert panel.table.zones == ["p2", "cls_p", "p_wh"]
  np.testing.assert_allclose(
      panel.differences, [[-30, -300 / 9, -50]], atol=1.1e-3)


@pytest.mark.parametrize("change, words", [
    (lambda text: text.replace(",83.333,33.333,", ",,33.333,"),
     "has no baseline for layer 1, p_wh"),
    (lambda text: text.replace(",83.333,33.333,", ",83.333,43.333,"),
     "layer 1, p_wh has the score 43.333, but in")])
def test_statistics_that_do_not_fit_are_refused(tmp_path, capsys, change, words):
  _, folder = make(tmp_path)
  assert collect(folder, tmp_path) == 0
  stats = tmp_path / "results.stats.csv"
  assert change(stats.read_text()) != stats.read_text()
  stats.write_text(change(stats.read_text()))
  assert draw(tmp_path, "--stats=%s" % stats) == 1
  assert words in capsys.readouterr().err


def test_heads_have_their_own_baseline(tmp_path, capsys):
  make(tmp_path, {"": BASELINE, "_layer0_p2": MASKED, "_layer0_head2_p_wh": MASKED})
  assert collect(str(tmp_path / "sweep"), tmp_path) == 0
  assert draw(tmp_path) == 1
  assert "the column p_wh is about" in capsys.readouterr().err
  _, panel = visualize_att_zone.read_panels(visualize_att_zone.parse_args([
      str(tmp_path / "results.csv"), "80", "figure.svg",
      "--stats=%s" % (tmp_path / "results.stats.csv")]))
  np.testing.assert_allclose(panel.differences, [[-50]], atol=1.1e-3)


def test_the_page_of_cases(tmp_path):
  _, folder = make(tmp_path, dict(CELLS, _layer0_p2="001" "00" "1" "0011"))
  # What is left out counts nowhere, whatever the file says: q9 is not lost.
  path = tmp_path / "sweep" / "predictions_layer0_p_wh.json"
  path.write_text(json.dumps(dict(json.loads(path.read_text()), q9="wrong")))
  assert collect(folder, tmp_path) == 0
  page = tmp_path / "report.html"
  assert cases.main([
      folder, str(page), "--data_file", str(tmp_path / "dev.json"),
      "--stats=%s" % (tmp_path / "results.stats.csv")]) == 0
  text = page.read_text(encoding="utf-8")
  assert ('title="Layer 1, P\u2192wh: EM \u221250.0 points, from 83.3 to 33.3, '
          "95 % interval") in text
  assert ('title="Layer 1, P\u00b2: EM \u221240.0 points, from 80.0 to 40.0, '
          in text)
  assert "score and baseline are of the other questions." in text
  heading, lost, gained = text.partition('<section id="1:p_wh">')[2].partition(
      "</section>")[0].split("<h4>")
  assert "<p>Of 6 of 10 questions: EM \u221250.0 points, from" in heading
  assert text.count(" of 10 questions: ") == 1
  assert lost.startswith("Loses 4 questions") and (
      gained.startswith("Gains 1 question<"))
  rows = {row["id"]: row for row in csv.DictReader(
      (tmp_path / "report.csv").read_text(encoding="utf-8").splitlines())}
  assert [(row["flipped_cells"], row["kept"]) for row in (
      rows["q1"], rows["q9"], rows["q8"])] == [("1:p2", "0"), ("", "1"), ("", "2")]
  grid = text.partition('<article id="q2"')[2].partition('class="grid"')[2]
  assert re.findall("<td.*?</td>", grid)[:2] == [
      '<td class="lost">1 \u2717</td>', "<td><i>left out</i></td>"]
  assert "<i>Left out</i>: the question has no token of a set of the zone" in text
