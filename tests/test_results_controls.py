"""results.controls.csv: zones against their controls."""

import json
import math

import numpy as np
import pytest

from attention_zones.findings import controls
from attention_zones.zones import decodes
import get_results
from passages import digits, student_interval
from passages import read_rows, write_data, write_manifest, write_sweep

SIZES = [3, 2, 1, 4, 2]
BASELINE = "000001000000"
# masked - baseline, summed in the passages: 2 0 -1 2 1.
ZONE = "101000110001"
CELLS = {"": BASELINE, "_layer0_p2q": ZONE,
         # 0 0 0 0 0, 1 0 0 0 0 and 0 0 0 2 0.
         "_layer0_p2q@1": BASELINE, "_layer0_p2q@2": "100001000000",
         "_layer0_p2q@3": "000001110000",
         # 2 0 0 2 1.
         "_layer0_p2q@flat": "101001110001"}


def run(tmp_path, cells, *flags, sizes=SIZES, overlap=None, num_layers=None):
  """Runs get_results.py on a sweep of `cells`: (status, rows)."""
  path = tmp_path / "dev.json"
  ids = write_data(path, sizes)
  seeds = cells if isinstance(cells, list) else [cells]
  folders = [write_sweep(tmp_path / ("sweep%d" % k), ids, answers)
             for k, answers in enumerate(seeds)]
  if num_layers:
    write_manifest(folders[0], num_layers)
  if overlap:
    names = ["predictions%s.json" % name for name in seeds[0]]
    (tmp_path / "sweep0" / "manifest.json").write_text(json.dumps({
        "files": {name: "r" for name in names},
        "runs": {"r": {"checkpoint": "c", "about": {"overlap": overlap}}}}))
  status = get_results.main(folders + [
      str(tmp_path / "results.csv"), "--data_file", str(path)] + list(flags))
  written = tmp_path / "results.controls.csv"
  return status, read_rows(written) if written.exists() else None


def of(name):
  """The differences of a cell of CELLS: float [12]."""
  return digits(CELLS["_layer0_" + name]) - digits(BASELINE)


DRAWS = (of("p2q@1") + of("p2q@2") + of("p2q@3")) / 3


def interval(differences):
  """The interval of a contrast, as text."""
  return ["%.4f" % value for value in student_interval(differences, SIZES)[:2]]


def ratios(control, zone, sizes):
  """The percentile interval of the ratio of two cells, float [12] each, as text."""
  number = len(sizes)
  drawn = np.random.RandomState(12345).randint(0, number, (10000, number))
  starts = np.cumsum(sizes) - sizes
  control, zone = (np.add.reduceat(each, starts)[drawn].sum(1)
                   for each in (control, zone))
  # 0 has no sign.
  return ["%.4f" % (value + 0.0) for value in np.percentile(
      control[zone != 0] / zone[zone != 0], [2.5, 97.5])]


def test_every_digit(tmp_path, capsys):
  status, rows = run(tmp_path, CELLS)
  assert status == 0
  assert list(rows[0]) == (
      "layer,zone,metric,diff,control_diff,control_sd,overlap,contrast,ci_low,"
      "ci_high,p,p_holm,ratio,ratio_low,ratio_high").split(",")
  # Three times the contrast of the draws is 6-1 0 -3 6-2 3. Of the 16 sums of
  # +-5 +-3 +-4 +-3, three are 9 or more, and three -9 or less. The zone's own
  # interval holds 0, so there is no ratio.
  assert list(rows[0].values()) == [
      "1", "p2q", "exact", "33.3333", "8.3333", "8.3333", "", "25.0000"] + interval(
          of("p2q") - DRAWS) + ["0.375", "0.75", "", "", ""]
  # 0 0 -1 0 0: either sign is as far from 0.
  assert list(rows[1].values()) == [
      "1", "p2q@flat", "exact", "33.3333", "41.6667", "", "", "-8.3333"] + interval(
          of("p2q") - of("p2q@flat")) + ["1", "1", "", "", ""]
  printed = capsys.readouterr().out.splitlines()
  assert ("secondary family (controls): p2q costs more than p2q@k in 0 of 1 cells, "
          "and differs from it in 0 others (Holm, p < .05)" in printed)
  assert printed[-1] == (
      "  python visualize_att_zone.py %s %s --stats=%s --symmetric" % tuple(
          tmp_path / name for name in (
              "results.controls.csv", "results.controls.pdf", "results.stats.csv")))
  assert (tmp_path / "results.csv").read_text() == (
      "layer,p2q,p2q@1,p2q@2,p2q@3,p2q@flat\n"
      "1,41.667,8.333,16.667,25.000,50.000\n")


# Losses in all passages, 3 2 1 3 2, so that their interval ends below 0.
LOST = {"": "1" * 12, "_layer0_p2q": "000" "00" "0" "0001" "00",
        "_layer0_p2q@1": "011" "11" "1" "0111" "11",
        "_layer0_p2q@2": "011" "11" "0" "1111" "11",
        "_layer0_p2q@zero": "111" "01" "1" "0111" "01"}


def lost(name):
  return digits(LOST["_layer0_" + name]) - 1


def test_a_ratio_has_an_interval(tmp_path):
  rows = run(tmp_path, LOST)[1]
  control = (lost("p2q@1") + lost("p2q@2")) / 2
  assert student_interval(lost("p2q"), SIZES)[1] < 0
  # 2 of 11, and 3.
  assert [[row[name] for name in ("zone", "ratio", "ratio_low", "ratio_high")]
          for row in rows] == [
              ["p2q", "0.1818"] + ratios(control, lost("p2q"), SIZES),
              ["p2q@zero", "0.2727"] + ratios(
                  lost("p2q@zero"), lost("p2q"), SIZES)]


def test_a_resample_without_a_loss_has_no_ratio(tmp_path, recwarn):
  """5 of 12 passages lose: 15 of 10,000 resamples have none of them."""
  zone, control, sizes = "000001111111", "011111111111", [1] * 12
  row, = run(tmp_path, {"": "1" * 12, "_layer0_p2q": zone,
                        "_layer0_p2q@1": control}, sizes=sizes)[1]
  assert [row[name] for name in ("ratio", "ratio_low", "ratio_high")] == [
      "0.2000"] + ratios(digits(control) - 1, digits(zone) - 1, sizes)
  assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


@pytest.mark.parametrize("baseline, zone, costs, differs", [
    # Half of the passages lose; with the control none.
    ("1" * 40, "0" * 20 + "1" * 20, 1, 0),
    # The zone costs nothing, but its control is a gain.
    ("1" * 20 + "0" * 20, "1" * 20 + "0" * 20, 0, 1)])
def test_a_zone_costs_more_only_where_it_costs(
    tmp_path, capsys, baseline, zone, costs, differs):
  run(tmp_path, {"": baseline, "_layer0_p2q": zone, "_layer0_p2q@1": "1" * 40},
      sizes=[1] * 40)
  assert ("secondary family (controls): p2q costs more than p2q@k in %d of 1 "
          "cells, and differs from it in %d others" % (costs, differs)
          in capsys.readouterr().out)


def test_controls_are_a_family_of_their_own(tmp_path):
  run(tmp_path, CELLS)
  # p of S = 2 0 -1 2 1 is 6/16, of the draws 1 1 1, of flat's 2 2 1 2/8; of these
  # four the smallest becomes 4 * 2/8.
  assert [(row["zone"], row["p"], row["p_holm"])
          for row in read_rows(tmp_path / "results.stats.csv")] == [
              ("p2q", "0.375", "0.375"), ("p2q@1", "1", "1"), ("p2q@2", "1", "1"),
              ("p2q@3", "1", "1"), ("p2q@flat", "0.25", "1")]


def test_a_large_overlap_leaves_the_ratio_empty(tmp_path, capsys):
  cells = dict(LOST, **{"_layer1" + name[7:]: answers
                        for name, answers in LOST.items() if name})
  names = "predictions_layer%d_p2q@%d.json"
  rows = run(tmp_path, cells, overlap={
      names % (0, 1): 0.25, names % (0, 2): 0.75,
      names % (1, 1): 0.625, names % (1, 2): 0.625})[1]
  # The mean 0.5 is not above 0.5.
  assert [(row["zone"], row["overlap"], row["ratio"], row["ratio_low"] != "")
          for row in rows] == [
              ("p2q", "0.5000", "0.1818", True),
              ("p2q@zero", "", "0.2727", True), ("p2q", "0.6250", "", False),
              ("p2q@zero", "", "0.2727", True)]
  assert "keeps" not in capsys.readouterr().out


def test_a_control_that_is_nearly_the_zone_is_said(tmp_path, capsys):
  run(tmp_path, CELLS, overlap={"predictions_layer0_p2q@1.json": 0.93})
  assert ("; p2q@k keeps 93 % of the zone's columns, so ask p2q@flat and p2q@zero"
          in capsys.readouterr().out)


def test_one_draw_has_no_deviation(tmp_path):
  cells = {name: CELLS[name] for name in ("", "_layer0_p2q", "_layer0_p2q@3")}
  row, = run(tmp_path, cells)[1]
  # 2 0 -1 0 1: of the sums of +-2 +-1 +-1, six of eight are as far from 0 as 2.
  assert (row["control_diff"], row["control_sd"], row["contrast"], row["p"]) == (
      "16.6667", "", "16.6667", "0.75")


def test_what_cancels_is_no_difference(tmp_path):
  """Thirds, of which 1 - 1/3 - 1/3 - 1/3 of a sum is not always 0."""
  wrong = "s1s" "s1" "1" "ss1s" "s1"  # "right there" has F1 2/3.
  names = ["_layer0_p2q"] + ["_layer0_p2q@%d" % k for k in range(1, 8)]
  cells = dict({name: wrong for name in names}, **{"": "1" * 12})
  row, = run(tmp_path, cells, "-use-f1")[1]
  # Nor is a passage changed: the rule of three with k = 0 of 5.
  half = 100 * (1 - .05 ** .2)
  assert [row[name] for name in (
      "metric", "contrast", "ci_low", "ci_high", "p")] == [
          "f1", "0.0000", "%.4f" % -half, "%.4f" % half, "1"]


def test_seeds(tmp_path):
  """The mean of three seeds, which are fixed."""
  seeds = [{"": BASELINE, "_layer0_p2q": zone, "_layer0_p2q@1": control,
            "_layer0_p2q@2": BASELINE}
           for zone, control in ((ZONE, BASELINE), (ZONE, "100001000000"),
                                 (BASELINE, "000001110000"))]
  row, = run(tmp_path, seeds)[1]
  # The seeds' contrasts.
  sums = np.array([[2, 0, -1, 2, 1], [1.5, 0, -1, 2, 1], [0, 0, 0, -1, 0]])
  assert row["contrast"] == "%.4f" % (100 * sums.mean(0).sum() / 12)
  # The control's: 0, 1 and 2 of 12, each beside a draw of 0.
  assert (row["control_diff"], row["control_sd"]) == (
      "4.1667", "%.4f" % (100 / 12 / math.sqrt(2)))
  # S over the seeds, times 2 for two draws: 7 0 -4 6 4.
  flipped = [abs(a + b + c + d) >= 13 for a in (7, -7) for b in (4, -4)
             for c in (6, -6) for d in (4, -4)]
  assert row["p"] == "%.6g" % np.mean(flipped)
  differences = [digits(answers["_layer0_p2q"]) - (
      digits(answers["_layer0_p2q@1"]) + digits(answers["_layer0_p2q@2"])) / 2
                 for answers in seeds]
  assert [row["ci_low"], row["ci_high"]] == interval(differences)


def test_what_cannot_differ_is_not_in_the_family(tmp_path):
  """Q2 of the last layer; the other contrasts are adjusted for each other alone."""
  cells = dict({"_layer%d_q2%s" % (layer, control): BASELINE
                for layer in range(2) for control in ("", "@1")},
               **{"": BASELINE, "_layer0_q2": "101001110001"})
  _, rows = run(tmp_path, cells, num_layers=2)
  # 2 0 0 2 1: two of eight.
  assert [(row["layer"], row["p"], row["p_holm"])
          for row in rows] == [("1", "0.25", "0.25"), ("2", "1", "")]


def test_kinds_of_controls_in_unions():
  names = ["q2", "q2@1+p2@1", "q2@2+p2@2", "q2+p2@1", "q2+p2@2", "q2+p2@flat",
           "q2@flat+p2@flat", "p2q@2", "p2q@flat"]
  cells = [decodes.Decode.parse("predictions_layer0_%s.json" % name)
           for name in names]
  assert [(pair.zone.mask.name, pair.label, len(pair.controls))
          for pair in controls.pairs(cells)] == [
              ("q2+p2", "q2+p2", 2), ("q2+p2", "q2+p2@k", 2),
              ("q2+p2", "q2+p2@flat", 1), ("q2+p2", "q2@flat+p2@flat", 1),
              ("p2q", "p2q", 1), ("p2q", "p2q@flat", 1)]


@pytest.mark.parametrize("cells, control, without", [
    (["_layer0_p2q@1", "_layer1_p2q@1", "_layer1_p2q@2"], "_layer0_p2q@1",
     ["_layer0_p2q", "_layer1_p2q"]),
    (["_layer0_p2q", "_layer0_p2q@1", "_layer_p2q@1"], "_layer_p2q@1",
     ["_layer_p2q"]),
    (["_layer0_q2@1+p2@1", "_layer0_q2", "_layer0_p2"], "_layer0_q2@1+p2@1",
     ["_layer0_q2+p2"]),
    (["_layer0_head3_q2", "_layer0_head1_q2@flat", "_layer0_q2"],
     "_layer0_head1_q2@flat", ["_layer0_head1_q2"]),
])
def test_a_control_without_its_zone_is_refused(
    tmp_path, capsys, cells, control, without):
  cells = dict({name: BASELINE for name in cells}, **{"": BASELINE})
  assert run(tmp_path, cells) == (1, None)
  assert capsys.readouterr().err == (
      "get_results.py: %s: has predictions%s.json, a control, but not its zone: "
      "%s; decode it with the flags of the control, or give --allow_holes\n" % (
          tmp_path / "sweep0", control,
          ", ".join("predictions%s.json" % name for name in without)))
  assert not list(tmp_path.glob("results*"))


def test_with_holes_there_is_no_such_contrast(tmp_path, capsys):
  status, rows = run(tmp_path, {"": BASELINE, "_layer0_p2q@1": BASELINE},
                     "--allow_holes")
  assert (status, rows) == (0, None)
  assert "there is no contrast of such controls" in capsys.readouterr().err
  assert (tmp_path / "results.stats.csv").exists()


def test_a_head_has_a_column(tmp_path):
  _, rows = run(tmp_path, dict(CELLS, **{
      "_layer0_head2_p2q": ZONE, "_layer0_head2_p2q@1": BASELINE}))
  assert [(row["layer"], row["head"], row["zone"], row["contrast"])
          for row in rows] == [
              ("1", "", "p2q", "25.0000"), ("1", "", "p2q@flat", "-8.3333"),
              ("1", "3", "p2q", "33.3333")]
  # .375, 1 and .375 are one family.
  assert [row["p_holm"] for row in rows] == ["1", "1", "1"]


def test_left_out_together(tmp_path, capsys):
  cells = {name: answers for name, answers in CELLS.items() if name}
  assert run(tmp_path, cells) == (0, None)
  assert ("%s and %s are left out: no predictions.json" % (
      tmp_path / "results.stats.csv", tmp_path / "results.controls.csv")
          in capsys.readouterr().out)
