"""results.stats.csv, beside results.csv, and the last lines of get_results.py."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from attention_zones.findings import tables
from attention_zones.zones import zones
import get_results
from passages import digits, student_interval
from passages import read_rows, write_data, write_manifest, write_sweep

COLUMNS = (
    "layer,head,zone,metric,n,clusters,seeds,baseline,score,diff,ci_low,ci_high,se,"
    "deff,lost,gained,changed,shifted,elsewhere,sd_seeds,seeds_same_sign,df,p,"
    "p_holm,q_bh,mde,masked_fraction")
SIZES = [3, 2, 1, 4, 2]
# masked - baseline is 1 0 1, 0 0, -1, 1 1 0 0, 0 1.
BASELINE, MASKED = "000001000000", "101000110001"


@pytest.fixture
def data(tmp_path):
  """(ids, the data set's path as str)."""
  path = tmp_path / "dev.json"
  return write_data(path, SIZES), str(path)


def run(folders, tmp_path, data_file, *flags):
  """Runs get_results.py: its status; the table is results.csv in tmp_path."""
  return get_results.main(
      list(folders) + [str(tmp_path / "results.csv"), "--data_file", data_file]
      + list(flags))


def test_one_cell_in_every_digit(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": MASKED})
  assert run([folder], tmp_path, data_file) == 0
  header, line = (tmp_path / "results.stats.csv").read_text().splitlines()
  assert header == COLUMNS
  # Vector 6 of the specification; p is vector 2's, of S = 2, 0, -1, 2, 1.
  # 2.7764451 is Student's t of 4 degrees of freedom at .975.
  half = 2.7764451051977987 * 18.108895700073578
  assert line == (
      "1,,p2,exact,12,5,1,8.333,41.667,33.3333,%.4f,%.4f,18.1089,0.9276,1,5,6,0,6,"
      ",,4,0.375,0.375,0.375,," % (100 / 3 - half, 100 / 3 + half))


@pytest.mark.parametrize("passages, changed, half", [
    # 1 - .05^(1/G), which one changed passage makes a tenth smaller.
    (240, 0, 1.240473), (2067, 0, .144827), (240, 1, .9 * 1.240473)])
def test_where_few_passages_change_the_interval_is_wide(
    tmp_path, passages, changed, half):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2] * passages)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 2 * passages,
      "_layer0_p2": "0" * changed + "1" * (2 * passages - changed)})
  assert run([folder], tmp_path, str(path)) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  mean = -100 * changed / (2 * passages)
  assert [float(row[name]) for name in ("diff", "ci_low", "ci_high")] == (
      pytest.approx([mean, mean - half, mean + half], abs=6e-5))
  assert row["df"] == str(passages - 1)


def test_log_probabilities_have_no_least_width(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": BASELINE})
  for name in ("", "_layer0_p2"):
    (tmp_path / "sweep" / ("gold_logp%s.json" % name)).write_text(
        json.dumps(dict.fromkeys(ids, -1.0)))
  assert run([folder], tmp_path, data_file, "--metric=logp") == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  assert (row["ci_low"], row["ci_high"]) == ("0.0000", "0.0000")


def test_questions_as_clusters_are_mcnemars_test(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": MASKED})
  assert run([folder], tmp_path, data_file, "--cluster=none") == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  # 1 lost and 5 gained of 6: 2 (1 + 6) / 64; independent se of vector 6.
  assert (row["p"], row["se"], row["deff"], row["clusters"]) == (
      "0.21875", "18.8025", "1.0000", "12")
  assert run([folder], tmp_path, data_file, "--cluster=article") == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  assert row["clusters"] == "2"


def test_identical_passages_are_one_cluster(tmp_path, data):
  ids, data_file = data
  with open(data_file) as f:
    content = json.load(f)
  paragraphs = [paragraph for article in content["data"]
                for paragraph in article["paragraphs"]]
  paragraphs[4]["context"] = paragraphs[0]["context"]
  with open(data_file, "w") as f:
    json.dump(content, f)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": MASKED})
  assert run([folder], tmp_path, data_file) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  # S = 3, 0, -1, 2: of the sums +-3 +-1 +-2, four of eight are 4 or more.
  assert (row["clusters"], row["p"]) == ("4", "0.5")


def test_f1_and_changed_answers(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 12, "_layer0_p2": "s11" "1s" "1" "110-" "11"})
  assert run([folder], tmp_path, data_file, "-use-f1") == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  # "right there" has F1 2/3: S = -1/3, -1/3, 0, -2, 0; all signs the same: 2 of 8.
  assert (row["metric"], row["diff"], row["p"]) == ("f1", "-22.2222", "0.25")
  assert [row[name] for name in (
      "lost", "gained", "changed", "shifted", "elsewhere")] == [
          "4", "0", "4", "2", "2"]


def test_the_family_leaves_out_what_cannot_differ(tmp_path, data, capsys):
  ids, data_file = data
  same = {name: BASELINE for name in (
      "_layer1_q2", "_layer1_q2p", "_layer0_q2", "_layer0_p2", "_layer1_p2")}
  folder = write_sweep(tmp_path / "sweep", ids, dict(same, **{
      "": BASELINE, "_layer0_q2p": MASKED, "_layer0+1_q2": MASKED,
      "_layer_q2": MASKED}))
  write_manifest(folder, 2)
  assert run([folder], tmp_path, data_file) == 0
  rows = read_rows(tmp_path / "results.stats.csv")
  found = [(row["layer"], row["zone"], row["p"], row["p_holm"], row["q_bh"])
           for row in rows]
  # Four cells are tested, three of which could differ, but do not.
  assert found == [
      ("1", "q2", "1", "1", "1"), ("1", "q2p", "0.375", "1", "1"),
      ("1", "p2", "1", "1", "1"), ("2", "q2", "1", "", ""),
      ("2", "q2p", "1", "", ""), ("2", "p2", "1", "1", "1"),
      # Neighbouring layers together are a family of their own.
      ("1+2", "q2", "0.375", "0.375", "0.375"), ("all", "q2", "0.375", "", "")]
  assert rows[0]["deff"] == "" and rows[0]["se"] == "0.0000"
  assert ", 4 cells (Holm, p < .05): 0 hurt, 0 help, 4 open\n" in (
      capsys.readouterr().out)


# The zones of the last layer that can change what a run reads out.
READ = [
    # SQuAD v1.1: the rows of the passage.
    ({}, "exact", ["all", "p2q", "p2", "p2q@1", "p2@flat", "q2+p2"]),
    # SQuAD v2.0: [CLS], too, whose row has cells of q2p.
    ({"version_2_with_negative": True}, "f1", [
        "all", "q2p", "p2q", "p2", "q2p@flat", "p2q@1", "p2@flat", "q2+q2p",
        "q2+p2"]),
    # A softmax over all tokens; in CMRC 2018 over [CLS] and the passage.
    ({}, "logp", ["all", "q2", "q2p", "p2q", "p2", "q2@1", "q2p@flat", "p2q@1",
                  "p2@flat", "q2+q2p", "q2+p2"]),
    ({"dataset": "cmrc2018"}, "logp", [
        "all", "q2p", "p2q", "p2", "q2p@flat", "p2q@1", "p2@flat", "q2+q2p",
        "q2+p2"]),
]


@pytest.mark.parametrize("run_entries, metric, zones_read", READ)
def test_the_last_layer_of_every_kind_of_run(
    tmp_path, data, run_entries, metric, zones_read):
  ids, data_file = data
  zones = READ[2][2]
  names = ["", "_layer0_q2"] + ["_layer1_" + zone for zone in zones]
  folder = write_sweep(tmp_path / "sweep", ids, dict.fromkeys(names, BASELINE))
  write_manifest(folder, 2, **run_entries)
  if metric == "logp":
    for name in names:
      (tmp_path / "sweep" / ("gold_logp%s.json" % name)).write_text(
          json.dumps(dict.fromkeys(ids, -1.0)))
  assert run([folder], tmp_path, data_file, "--allow_holes",
             "--metric=" + metric) == 0
  rows = read_rows(tmp_path / "results.stats.csv")
  assert {row["zone"] for row in rows if row["layer"] == "2" and row["p_holm"]} == (
      set(zones_read))
  assert [row["p_holm"] for row in rows if row["layer"] == "1"] == ["1"]


@pytest.mark.parametrize("num_layers, p_holm", [
    # Layer 2 is the last of 2; of 3 it is not, and without a word on it may not be.
    (2, ["0.75", ""]), (3, ["0.75", "1"]), (None, ["0.75", "1"])])
def test_which_layer_is_the_last_the_manifest_says(
    tmp_path, data, num_layers, p_holm):
  ids, data_file = data
  # p of S = 2 0 -1 2 1 is .375, twice.
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_q2": MASKED, "_layer1_q2": BASELINE,
      "_layer0_p2": MASKED, "_layer1_p2": MASKED})
  write_manifest(folder, num_layers)
  assert run([folder], tmp_path, data_file) == 0
  of = {(row["layer"], row["zone"]): row["p_holm"]
        for row in read_rows(tmp_path / "results.stats.csv")}
  assert [of["1", "p2"], of["2", "q2"]] == [
      "1" if number == "0.75" else number for number in p_holm]


def test_a_cell_stays_that_one_folder_does_not_know(tmp_path, data):
  ids, data_file = data
  folders = [write_sweep(tmp_path / name, ids, dict.fromkeys(
      ("", "_layer0_q2", "_layer0_p2"), BASELINE)) for name in "ab"]
  tested = lambda: run(folders, tmp_path, data_file) or [
      row["zone"] for row in read_rows(tmp_path / "results.stats.csv")
      if row["p_holm"]]
  write_manifest(folders[0], 1)
  assert tested() == ["q2", "p2"]
  write_manifest(folders[1], 1)
  assert tested() == ["p2"]


@pytest.fixture
def special_zone():
  """A zone of one's own, said to be in doubt: what [CLS] attends to."""
  first = lambda tokens: tokens.is_real * (np.arange(tokens.is_real.shape[1]) == 0)
  zones.ZONES["cls"] = zones.Zone(
      "Cls", first, lambda t: t.is_real, changes_passage_rows=True,
      replaces_padding_mask=False)
  yield "cls"
  del zones.ZONES["cls"]


def test_a_zone_of_ones_own_is_judged_by_its_cells(tmp_path, data, special_zone):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, dict.fromkeys(
      ("", "_layer0_cls", "_layer0_q2+cls", "_layer0_p2+cls"), BASELINE))
  tested = lambda: run([folder], tmp_path, data_file) or [
      row["zone"] for row in read_rows(tmp_path / "results.stats.csv")
      if row["p_holm"]]
  write_manifest(folder, 1)
  assert tested() == ["p2+cls"]
  write_manifest(folder, 1, version_2_with_negative=True)
  assert tested() == ["cls", "q2+cls", "p2+cls"]


def test_a_change_counts_whatever_the_manifest_says(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_q2": MASKED})
  write_manifest(folder, 1)
  assert run([folder], tmp_path, data_file) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  assert row["p_holm"] == "0.375"


def test_five_seeds_without_a_flip_are_not_sure(tmp_path):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2] * 240)
  folders = [write_sweep(tmp_path / ("seed%d" % k), ids, dict.fromkeys(
      ("", "_layer0_p2"), "1" * 480)) for k in range(5)]
  assert run(folders, tmp_path, str(path)) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  assert [row[name] for name in ("se", "df", "p", "ci_low", "ci_high")] == [
      "0.0000", "239", "1", "-1.2405", "1.2405"]


SEEDS = (MASKED, BASELINE, "000000000000")


def test_few_seeds_are_these_checkpoints(tmp_path, data, capsys):
  """Seeds are fixed: signs of passages flip, whose S is summed over the seeds."""
  ids, data_file = data
  folders = [write_sweep(tmp_path / ("seed%d" % k), ids, {
      "": BASELINE, "_layer0_p2": masked}) for k, masked in enumerate(SEEDS)]
  assert run(folders, tmp_path, data_file) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  # The seeds' differences are 4, 0 and -1 of 12: mean 1/12, deviation sqrt(7)/12.
  assert (row["seeds"], row["diff"], row["sd_seeds"], row["seeds_same_sign"]) == (
      "3", "8.3333", "%.4f" % (100 * math.sqrt(7) / 12), "1")
  assert (row["lost"], row["gained"], row["score"]) == ("2", "5", "16.667")
  # S = 2 0 -2 2 1: of the 16 sums of +-2 +-2 +-2 +-1, ten are 3 or more from 0.
  assert (row["p"], row["df"]) == ("0.625", "4")
  expected = student_interval(
      [digits(masked) - digits(BASELINE) for masked in SEEDS], SIZES)
  assert [row["ci_low"], row["ci_high"], row["se"]] == [
      "%.4f" % value for value in expected]
  printed = capsys.readouterr()
  assert "this holds for these 3 checkpoints only, for questions about other" in (
      printed.out)
  assert printed.err == (
      "3 training seeds: too few to say how trainings differ, so the results are "
      "about these checkpoints; 5 or more, as in the paper, are about trainings\n")


def test_five_seeds_are_trainings(tmp_path, data, capsys):
  """Seeds are drawn, too; p and interval from t, with Satterthwaite's df."""
  ids, data_file = data
  masked = SEEDS + ("100000110000", "000001010000")
  folders = [write_sweep(tmp_path / ("seed%d" % k), ids, {
      "": BASELINE, "_layer0_p2": each}) for k, each in enumerate(masked)]
  assert run(folders, tmp_path, data_file) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  # S of the seeds; their deviations from the mean are multiplied by sqrt(5/4).
  of_seeds = np.array([[2, 0, -1, 2, 1], [0] * 5, [0, 0, -1, 0, 0],
                       [1, 0, -1, 2, 0], [0, 0, 0, 1, 0]])
  assert row["diff"] == "%.4f" % (100 * of_seeds.sum() / 5 / 12)
  sums = of_seeds.mean(0) + math.sqrt(5 / 4) * (of_seeds - of_seeds.mean(0))
  rs = np.random.RandomState(12345)
  seeds, drawn = rs.randint(0, 5, (10000, 5)), rs.randint(0, 5, (10000, 5))
  means = [100 * sums[seeds[d]].mean(0)[drawn[d]].sum() / sum(
      SIZES[g] for g in drawn[d]) for d in range(10000)]
  se = np.std(means, ddof=1)
  of_questions = student_interval(
      [digits(each) - digits(BASELINE) for each in masked], SIZES)[2] ** 2
  of_trainings = np.var(100 * of_seeds.sum(1) / 12, ddof=1) / 5
  df = (of_questions + of_trainings) ** 2 / (
      of_trainings ** 2 / 4 + of_questions ** 2 / 4)
  assert float(row["df"]) == pytest.approx(df, rel=1e-5)
  mean = 100 * of_seeds.sum() / 60
  assert float(row["p"]) == pytest.approx(
      2 * stats.t.sf(mean / se, df), rel=1e-5)
  half = stats.t.ppf(.975, df) * se
  # Wider than where 5 of 5 passages changed.
  assert half > 100 * (1 - .05 ** .2) * .5
  assert [row["se"], row["ci_low"], row["ci_high"]] == [
      "%.4f" % value for value in (se, mean - half, mean + half)]
  printed = capsys.readouterr()
  assert "this holds for trainings like these 5, for questions about other" in (
      printed.out)
  assert printed.err == ""


def test_the_last_lines(tmp_path, capsys):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2] * 25)
  # As unlike within articles as between them.
  last = "1" * 22 + "00" + "1" * 24 + "00"
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 50, "_layer0_p2": "10" * 25, "_layer1_p2": last})
  assert run([folder], tmp_path, str(path)) == 0
  printed = capsys.readouterr()
  assert printed.out.splitlines()[4:] == [
      "primary family (zones, all heads, exact), 2 cells (Holm, p < .05): 1 hurt, "
      "0 help, 1 open",
      "hurts most: p2 in layer 1, exact 50.000 (-50.000, 95 % interval -50.000 to "
      "-50.000)",
      "open: no difference was detected, which is not \"no effect\"; --margin=M "
      "tests which cells change the score by less than M",
      "this holds for this checkpoint only (one training seed), for questions "
      "about other passages like these 25",
      "written: %s, %s" % (
          tmp_path / "results.csv", tmp_path / "results.stats.csv"),
      "baseline (predictions.json): exact 100.000; next:",
      "  python visualize_att_zone.py %s 100.000 %s --stats=%s --symmetric" % tuple(
          tmp_path / name for name in (
              "results.csv", "results.pdf", "results.stats.csv"))]
  assert printed.err == ""
  assert run([folder], tmp_path, str(path), "--cluster=none") == 0
  assert ("for questions that are independent of each other, as those about one "
          "passage are not" in capsys.readouterr().out)


def test_one_family_is_primary(tmp_path, data, capsys):
  """The zones in all heads, in exact match; without unions and heads."""
  ids, data_file = data
  masked = "_layer0_p2", "_layer0_q2+p2", "_layer0_head1_p2", "_layer0_p2@1"
  folder = write_sweep(tmp_path / "sweep", ids, dict(
      dict.fromkeys(masked, MASKED), **{"": BASELINE}))
  for flags, first, metric in (
      ((), "primary", "exact"), (("-use-f1",), "secondary", "f1")):
    assert run([folder], tmp_path, data_file, "--allow_holes", *flags) == 0
    printed = capsys.readouterr().out
    for kind, name in (
        (first, "zones, all heads"), ("secondary", "unions of zones"),
        ("secondary", "single heads")):
      assert "%s family (%s, %s), 1 cells (Holm, p < .05): 0 hurt" % (
          kind, name, metric) in printed
    assert "secondary family (controls): p2 costs more than p2@k in 0" in printed
  # .375 each, in a family of one.
  rows = read_rows(tmp_path / "results.stats.csv")
  assert {row["p_holm"] for row in rows} == {"0.375"} and len(rows) == 4


def test_cells_with_too_few_passages_for_a_finding_are_named(tmp_path, capsys):
  """Of 6, p is 2 / 64 at least: enough for one cell, not for two."""
  path = tmp_path / "dev.json"
  ids = write_data(path, [1] * 6)
  cells = {"": "1" * 6, "_layer0_p2": "0" * 6}
  folder = write_sweep(tmp_path / "one", ids, cells)
  assert run([folder], tmp_path, str(path)) == 0
  assert "for a finding" not in capsys.readouterr().out
  folder = write_sweep(tmp_path / "two", ids, dict(cells, _layer1_p2="1" * 6))
  assert run([folder], tmp_path, str(path)) == 0
  assert (
      "2 cells have too few passages for a finding, like p2 in layer 1: of 6, p is "
      "0.031 at least, and Holm over 2 cells asks for less than 0.025"
      in capsys.readouterr().out.splitlines())


def test_articles_that_are_alike_are_said(tmp_path, capsys):
  """All of one article's passages lose, none of the other's."""
  path = tmp_path / "dev.json"
  ids = write_data(path, [1] * 24)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": "1" * 24, "_layer0_p2": "0" * 12 + "1" * 12,
      "_layer1_p2": "01" * 12})
  line = ("in 1 of 2 tested cells the standard error by article is more than 1.2 "
          "times that by passage: ")
  assert run([folder], tmp_path, str(path)) == 0
  assert line + ("intervals may be too small, but 2 articles are too few to "
                 "cluster by") in capsys.readouterr().out.splitlines()
  # Twelve articles of two passages each.
  data = json.loads(path.read_text())
  paragraphs = [of for article in data["data"] for of in article["paragraphs"]]
  data["data"] = [{"title": str(a), "paragraphs": paragraphs[2 * a:2 * a + 2]}
                  for a in range(12)]
  path.write_text(json.dumps(data))
  folder = write_sweep(tmp_path / "other", ids, {
      "": "1" * 24, "_layer0_p2": "0011" * 6, "_layer1_p2": "01" * 12})
  assert run([folder], tmp_path, str(path)) == 0
  line += "take --cluster=article"
  assert line in capsys.readouterr().out.splitlines()
  assert run([folder], tmp_path, str(path), "--cluster=article") == 0
  assert "take --cluster=article" not in capsys.readouterr().out


def test_few_passages_are_said(tmp_path, data, capsys):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": MASKED})
  assert run([folder], tmp_path, data_file) == 0
  printed = capsys.readouterr()
  assert "5 passages are few: intervals and p are rather too small" in (
      printed.out.splitlines())
  assert printed.err == ""


@pytest.mark.parametrize("answers, sizes, flags, why", [
    ({"_layer0_p2": MASKED}, SIZES, (), "no predictions.json in the folder"),
    ({"": BASELINE, "_layer0_p2": MASKED}, [12], (), "has one passage only"),
    ({"": BASELINE, "_layer0_p2": MASKED}, [12], ("--cluster=article",),
     "has one article only"),
])
def test_left_out_with_a_line(tmp_path, capsys, answers, sizes, flags, why):
  path = tmp_path / "dev.json"
  ids = write_data(path, sizes)
  folder = write_sweep(tmp_path / "sweep", ids, answers)
  assert run([folder], tmp_path, str(path), *flags) == 0
  line, = [line for line in capsys.readouterr().out.splitlines()
           if "is left out" in line]
  assert line.startswith(
      "%s is left out: " % (tmp_path / "results.stats.csv")) and why in line
  assert (tmp_path / "results.csv").exists()
  assert not (tmp_path / "results.stats.csv").exists()
  # A flag that needs them is refused, and nothing is written.
  (tmp_path / "results.csv").unlink()
  assert run([folder], tmp_path, str(path), "--strata", *flags) == 1
  error = capsys.readouterr().err
  assert error.startswith("get_results.py: --strata: ") and why in error
  assert error.count("\n") == 1
  assert not list(tmp_path.glob("results*"))


def test_folders_with_different_questions_are_refused(tmp_path, data, capsys):
  ids, data_file = data
  answers = {"": BASELINE, "_layer0_p2": MASKED}
  folders = [write_sweep(tmp_path / "a", ids, answers),
             write_sweep(tmp_path / "b", ["x" + name for name in ids], answers)]
  assert run(folders, tmp_path, data_file) == 1
  error = capsys.readouterr().err
  assert "b/predictions.json: no prediction for 12 ids" in error
  assert error.count("\n") == 1 and not list(tmp_path.glob("results*"))


def test_zero_has_no_sign():
  assert tables.as_csv([{"diff": -1e-9, "score": -0.0, "se": -1}]) == (
      "diff,score,se\n0.0000,0.000,-1.0000\n")


def test_what_a_decode_masks_is_copied_from_the_manifest(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_q2": BASELINE, "_layer0_p2": MASKED})
  names = ["predictions.json", "predictions_layer0_q2.json",
           "predictions_layer0_p2.json"]
  (tmp_path / "sweep" / "manifest.json").write_text(json.dumps({
      "files": {name: "r" for name in names},
      "runs": {"r": {"checkpoint": "c", "about": {
          "masked_fraction": {"predictions_layer0_p2.json": .8313149}}}}}))
  assert run([folder], tmp_path, data_file) == 0
  assert [(row["zone"], row["masked_fraction"])
          for row in read_rows(tmp_path / "results.stats.csv")] == [
              ("q2", ""), ("p2", "0.831315")]


def test_the_old_name_of_resamples_says_the_new_one(capsys):
  """Whether or not it has a value, and before anything else is read."""
  for flags in ["--draws=1000"], ["--draws", "1000"], ["--draws"]:
    with pytest.raises(SystemExit) as ended:
      get_results.main(["prediction", "results.csv"] + flags)
    assert ended.value.code == 2
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith("get_results.py: --draws is called --resamples (")


@pytest.mark.parametrize("flags, message", [
    (["--resamples=1"], "--resamples: '1' is not a whole number from 2 to"),
    (["--random_seed=4294967296"], "is not a whole number from 0 to 4294967295"),
    (["--cluster=passage"], "--cluster: invalid choice: 'passage'"),
])
def test_refuses_flags(capsys, flags, message):
  with pytest.raises(SystemExit):
    get_results.main(["prediction", "results.csv"] + flags)
  assert message in capsys.readouterr().err
