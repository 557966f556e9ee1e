"""get_results.py --metric=logp: log-probabilities of gold answers, as F1 is tested.
"""

import json
import math

import pytest

from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.scores import results_table
import get_results
from passages import read_rows, write_data, write_manifest, write_sweep
import visualize_att_zone

SIZES = [3, 2, 1, 4, 2]
RIGHT = "1" * 12
# Of cluster sums -2, 0, 1, -2, -1: those of vector 7.
BASELINE = [-1.0] * 12
MASKED = [-2.0, -1.5, -1.5, -1.25, -0.75, 0.0, -2.0, -2.0, -1.0, -1.0, -1.75, -1.25]


@pytest.fixture
def data(tmp_path):
  """(ids, the data set's path as str)."""
  path = tmp_path / "dev.json"
  return write_data(path, SIZES), str(path)


def write_logp(folder, ids, values_of):
  """Writes gold_logp files beside predictions that are all right: the folder."""
  path = write_sweep(folder, ids, dict.fromkeys(values_of, RIGHT))
  for name, values in values_of.items():
    (folder / ("gold_logp%s.json" % name)).write_text(
        json.dumps(dict(zip(ids, values))))
  return path


def run(folders, tmp_path, data_file, *flags):
  """Runs get_results.py: its status; the table is results.csv in tmp_path."""
  return get_results.main(
      list(folders) + [str(tmp_path / "results.csv"), "--data_file", data_file,
                       "--metric=logp"] + list(flags))


def test_a_cell_in_nats(tmp_path, data, capsys):
  ids, data_file = data
  folder = write_logp(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": MASKED})
  assert run([folder], tmp_path, data_file, "--resamples=1000") == 0
  # The means are -12 / 12 and -16 / 12.
  assert (tmp_path / "results.csv").read_text() == "layer,p2\n1,-1.333\n"
  row, = read_rows(tmp_path / "results.stats.csv")
  assert [row[name] for name in (
      "metric", "n", "baseline", "score", "diff", "lost", "changed")] == [
          "logp", "12", "-1.000", "-1.333", "-0.3333", "0", "0"]
  # |-2 - 2 + 1 - 1| = 4: of the signs of 2, 1, 2, 1 six in sixteen reach it.
  assert (row["p"], row["p_holm"]) == ("0.375", "0.375")
  # Centred with n = 3 2 1 4 2 and the mean -1/3: -1, 2/3, 4/3, -2/3, -1/3.
  se = math.sqrt(5 / 4 * (9 + 4 + 16 + 4 + 1) / 9) / 12
  assert row["se"] == "%.4f" % se
  # Student's t with four degrees of freedom, and no least half-width.
  low, high = -1 / 3 - 2.7764451052 * se, -1 / 3 + 2.7764451052 * se
  assert (row["ci_low"], row["ci_high"]) == ("%.4f" % low, "%.4f" % high)
  said = capsys.readouterr().out.splitlines()
  assert ("hurts most: p2 in layer 1, logp -1.333 (-0.333, 95 %% interval %+.3f to "
          "%+.3f)" % (low, high)) in said
  assert said[-2] == "baseline (predictions.json): logp -1.000; next:"


def test_what_is_null_anywhere_is_left_out_everywhere(tmp_path, data, capsys):
  ids, data_file = data
  masked = list(MASKED)
  masked[3] = None
  other = list(MASKED)
  other[3], other[5] = None, None
  folder = write_logp(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_q2": masked, "_layer0_p2": other})
  assert run([folder], tmp_path, data_file) == 0
  # Without -1.25 and 0 of a sum of -16.
  assert (tmp_path / "results.csv").read_text() == (
      "layer,q2,p2\n1,%.3f,%.3f\n" % (-14.75 / 10, -14.75 / 10))
  for row in read_rows(tmp_path / "results.stats.csv"):
    # The third passage had one question.
    assert (row["n"], row["clusters"], row["baseline"]) == ("10", "4", "-1.000")
  assert capsys.readouterr().err == (
      "--metric=logp: 2 of 12 questions are left out of all cells, because no "
      "window holds a gold answer\n")


def test_in_the_last_layer_every_cell_may_differ(tmp_path, data):
  """q2 changes [CLS] and the question there, and all tokens are in the softmax."""
  ids, data_file = data
  folder = write_logp(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_q2": MASKED})
  write_manifest(folder, 1)
  assert run([folder], tmp_path, data_file) == 0
  row, = read_rows(tmp_path / "results.stats.csv")
  assert row["p_holm"] == "0.375"
  assert get_results.main([folder, str(tmp_path / "em.csv"), "--data_file",
                           data_file]) == 0
  row, = read_rows(tmp_path / "em.stats.csv")
  assert row["p_holm"] == ""


def test_the_unit_in_all_files(tmp_path, data):
  ids, data_file = data
  folders = [write_logp(tmp_path / name, ids, {
      "": BASELINE, "_layer0_p2": MASKED, "_layer0_q2": BASELINE})
             for name in "ab"]
  assert run(folders, tmp_path, data_file, "--contrast", "1:p2", "1:q2", "--strata",
             "--tex", str(tmp_path / "a.tex"), "--per_question",
             str(tmp_path / "q.csv")) == 0
  row, = read_rows(tmp_path / "results.contrasts.csv")
  assert (row["diff_a"], row["diff_b"], row["contrast"]) == (
      "-0.3333", "0.0000", "-0.3333")
  q2, p2 = read_rows(tmp_path / "results.stats.csv")
  assert (p2["sd_seeds"], p2["seeds_same_sign"]) == ("0.0000", "2")
  assert ("Change of the log-probability of the gold answer in nats when" in
          (tmp_path / "a.tex").read_text())
  first = read_rows(tmp_path / "q.csv")[0]
  assert (first["baseline"], first["1:p2"]) == ("-1", "-2")


def test_strata_in_nats(tmp_path):
  path = tmp_path / "dev.json"
  ids = write_data(path, [5] * 40)
  folder = write_logp(tmp_path / "sweep", ids[:0], {})
  for name, value in (("", -1.0), ("_layer0_p2", -1.5)):
    for kind, values in (("predictions", ["right"] * 200),
                         ("gold_logp", [value] * 200)):
      (tmp_path / "sweep" / ("%s%s.json" % (kind, name))).write_text(
          json.dumps(dict(zip(ids, values))))
  assert run([folder], tmp_path, str(path), "--strata") == 0
  row = read_rows(tmp_path / "results.strata.csv")[0]
  assert [row[name] for name in (
      "stratum", "n", "baseline", "diff", "ci_low")] == [
          "what", "200", "-1.000", "-0.5000", "-0.5000"]


@pytest.mark.parametrize("values, message", [
    (None, "--metric=logp: there is no %s; decode again with run_squad.py "
     "--gold_logp=True"),
    ([None] * 12, "--metric=logp: every question is null"),
    (["x"] * 12, "%s: the log-probability is not a finite number or null, but"),
    ([-1] * 11, "%s: no log-probability for 1 id"),
])
def test_refused_with_one_line(tmp_path, data, capsys, values, message):
  ids, data_file = data
  folder = write_logp(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": values or MASKED})
  path = tmp_path / "sweep" / "gold_logp_layer0_p2.json"
  if values is None:
    path.unlink()
  assert run([folder], tmp_path, data_file) == 1
  error = capsys.readouterr().err
  assert error.count("\n") == 1 and "Traceback" not in error
  assert error.startswith("get_results.py: ")
  assert (message.replace("%s", str(path))) in error
  assert not list(tmp_path.glob("results*"))


def test_f1_can_be_asked_for_in_two_ways(tmp_path, data):
  ids, data_file = data
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": RIGHT, "_layer0_p2": "s" * 12})
  tables = []
  for flag in ("-f1", "--metric=f1"):
    assert get_results.main([folder, str(tmp_path / "r.csv"), "--data_file",
                             data_file, flag]) == 0
    tables.append((tmp_path / "r.csv").read_text())
  # "right there" has F1 2/3.
  assert tables == ["layer,p2\n1,66.667\n"] * 2


LOGP_TABLE = "layer,q2,p2\n1,-1.5,-4.25\n2,-1.25,-2\n"


def test_the_heatmap_of_log_probabilities(tmp_path, capsys):
  path = tmp_path / "r.csv"
  path.write_text(LOGP_TABLE)
  args = visualize_att_zone.parse_args([str(path), "-1.25", "a.pdf", "--annotate"])
  panels = visualize_att_zone.read_panels(args)
  figure = visualize_att_zone.draw_panels(
      panels, visualize_att_zone.make_look(args, panels))
  axes, bar = figure.axes
  assert axes.collections[0].get_array().reshape(2, 2).tolist() == [
      [0, -0.75], [-0.25, -3]]
  # From the largest loss to the largest gain; a nat has two places.
  assert axes.collections[0].get_clim() == (-3, 0)
  assert [text.get_text() for text in axes.texts] == [
      "0.00", "\u22120.75", "\u22120.25", "\u22123.00"]
  assert bar.get_ylabel() == "log p(gold) \u2212 baseline, nats"
  assert visualize_att_zone.main(
      [str(path), "-1.250", str(tmp_path / "a.pdf")]) == 0
  assert (tmp_path / "a.pdf").exists() and capsys.readouterr().err == ""


def test_dots_on_log_probabilities(tmp_path):
  (tmp_path / "r.csv").write_text(LOGP_TABLE)
  (tmp_path / "s.csv").write_text(
      "layer,head,zone,metric,baseline,score,p_holm\n1,,q2,logp,-1.25,-1.5,.01\n"
      "1,,p2,logp,-1.25,-4.25,.2\n2,,q2,logp,-1.25,-1.25,1\n"
      "2,,p2,logp,-1.25,-2,.04\n")
  panel = heatmap.Panel("r.csv", results_table.read_results(
      str(tmp_path / "r.csv")), -1.25, None)
  assert marks.with_marks(str(tmp_path / "s.csv"), panel).marks == {
      ("1", "q2"), ("2", "p2")}


@pytest.mark.parametrize("table, arguments, message", [
    ("layer,q2\n1,-2\n", ["80", "{}/f.pdf"],
     "baseline 80: {}/r.csv has log-probabilities"),
    ("layer,q2\n1,-2\n2,80\n", ["80", "{}/f.pdf"],
     "{}/r.csv: has cells below 0, like -2, and above 0, like 80"),
    ("layer,q2\n1,-2\n", ["-1", "{}/em.csv", "80", "{}/f.pdf"],
     "{}/r.csv and {}/em.csv: one has scores, the other log-probabilities"),
])
def test_scores_and_log_probabilities_are_not_mixed(
    tmp_path, capsys, table, arguments, message):
  (tmp_path / "r.csv").write_text(table)
  (tmp_path / "em.csv").write_text("layer,q2\n1,80\n")
  assert visualize_att_zone.main([str(tmp_path / "r.csv")] + [
      text.replace("{}", str(tmp_path)) for text in arguments]) == 1
  error = capsys.readouterr().err
  assert message.replace("{}", str(tmp_path)) in error and error.count("\n") == 1
  assert not (tmp_path / "f.pdf").exists()
