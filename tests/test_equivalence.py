"""get_results.py --margin, and the smallest difference that the data would find."""

import json
import math

import numpy as np
import pytest
from scipy import stats

import get_results
from passages import read_rows, student_interval
from passages import write_data, write_manifest, write_sweep

PASSAGES = 300
# Of each passage's two questions the first is right, so it can be lost only, and
# the second can be gained only.
BASELINE = "10" * PASSAGES


def masked(lost, gained):
  """Answers in which so many passages lose, and the next so many gain, one."""
  return "00" * lost + "11" * gained + "10" * (PASSAGES - lost - gained)


# Of 300 passages and 600 questions: (lost, gained). KINDS says what the first five
# are, with a margin of 5 points.
CELLS = {
    "_layer0_q2": (0, 0), "_layer0_q2p": (100, 80), "_layer0_p2q": (12, 0),
    "_layer0_p2": (200, 20), "_layer1_q2p": (10, 70),
    # Cannot differ; and not a single layer.
    "_layer1_q2": (0, 0), "_layer0+2_p2": (0, 0),
}
KINDS = ["equivalent", "open", "both", "hurt", "help"]


@pytest.fixture
def sweep(tmp_path):
  """(folder, data file) of CELLS, as str."""
  path = tmp_path / "dev.json"
  ids = write_data(path, [2] * PASSAGES)
  folder = write_sweep(tmp_path / "sweep", ids, dict(
      {name: masked(*counts) for name, counts in CELLS.items()}, **{"": BASELINE}))
  write_manifest(folder, 2)
  return folder, str(path)


def run(folders, tmp_path, data_file, *flags):
  """Runs get_results.py: (its status, the rows of results.stats.csv)."""
  status = get_results.main(
      list(folders) + [str(tmp_path / "results.csv"), "--data_file", data_file,
                       "--allow_holes"] + list(flags))
  path = tmp_path / "results.stats.csv"
  return status, read_rows(path) if path.exists() else []


def holm(p_values):
  """Holm's correction, another way than formulas.py: list of float."""
  return [max(min(1, sum(other >= q for other in p_values) * q)
              for q in p_values if q <= p) for p in p_values]


def test_every_kind_of_cell_in_numbers_and_words(tmp_path, sweep, capsys):
  folder, data_file = sweep
  status, rows = run([folder], tmp_path, data_file, "--margin=5")
  assert status == 0
  assert list(rows[0])[-5:] == [
      "p_holm", "q_bh", "mde", "p_equivalent", "masked_fraction"]
  of = {(row["layer"], row["zone"]): row for row in rows}
  tested, mde = [], []
  for name in list(CELLS)[:5]:
    lost, gained = CELLS[name]
    diff, changed = (gained - lost) / 6, gained + lost
    # Every S is -1, 0 or 1.
    squares = changed - (gained - lost) ** 2 / PASSAGES
    se = math.sqrt(PASSAGES / (PASSAGES - 1) * squares) / 6
    room = 5 - abs(diff)
    together = 1 if changed else 2
    tested.append(stats.norm.sf(room / math.sqrt(
        se ** 2 + 100 * max(room, 0) * together / 600)))
    mde.append("%.4f" % (2.801585218112968 * se) if changed else "")
  cells = [of[cell] for cell in (
      ("1", "q2"), ("1", "q2p"), ("1", "p2q"), ("1", "p2"), ("2", "q2p"))]
  assert [float(row["p_equivalent"]) for row in cells] == pytest.approx(
      holm(tested), rel=1e-5)
  assert [row["mde"] for row in cells] == mde
  assert [("hurt" if float(row["diff"]) < 0 else "help")
          if float(row["p_holm"]) < .05 <= float(row["p_equivalent"]) else
          "both" if float(row["p_holm"]) < .05 else
          "equivalent" if float(row["p_equivalent"]) < .05 else "open"
          for row in cells] == KINDS
  for cell in ("2", "q2"), ("1+3", "p2"):
    assert (of[cell]["p_holm"], of[cell]["p_equivalent"]) == ("", "")
  said = capsys.readouterr().out.splitlines()
  assert ("primary family (zones, all heads, exact), 5 cells (Holm, p < .05): "
          "2 differ (1 hurt, 1 help), 1 equivalent within 5 points, 1 both, "
          "1 open") in said
  assert ("both: differs, but by less than 5 points; open: neither was shown, and "
          "what the interval holds is possible") in said


def test_without_a_margin_open_is_not_no_effect(tmp_path, sweep, capsys):
  folder, data_file = sweep
  status, rows = run([folder], tmp_path, data_file)
  assert status == 0 and "mde" in rows[0] and "p_equivalent" not in rows[0]
  said = capsys.readouterr().out
  assert "5 cells (Holm, p < .05): 2 hurt, 1 help, 2 open\n" in said
  assert 'not "no effect"' in said and "equivalent" not in said


def test_a_table_for_latex_underlines_equivalent_cells(tmp_path, sweep):
  folder, data_file = sweep
  status, _ = run([folder], tmp_path, data_file, "--margin=1.0", "--tex",
                  str(tmp_path / "a.tex"))
  assert status == 0
  text = (tmp_path / "a.tex").read_text()
  assert "Underlined: equivalent within 1 point, $p < .05$ after Holm." in text
  # Within 1 point, none is; within 5, one without and one with a difference.
  assert "underline{" not in text
  run([folder], tmp_path, data_file, "--margin=5", "--tex",
      str(tmp_path / "a.tex"))
  text = (tmp_path / "a.tex").read_text()
  assert r"$\underline{0.00}$ $[" in text
  assert r"$\underline{\mathbf{-2.00}}$ $[" in text
  run([folder], tmp_path, data_file, "--tex", str(tmp_path / "a.tex"))
  assert "nderline" not in (tmp_path / "a.tex").read_text()


@pytest.mark.parametrize("seeds", [4, 5])
def test_seeds(tmp_path, seeds):
  """Of 5 the tests are Student's t, of 4 the normal; S is the mean over seeds."""
  path = tmp_path / "dev.json"
  ids = write_data(path, [2] * PASSAGES)
  lost = 10 + 5 * np.arange(seeds)
  folders = [write_sweep(tmp_path / str(k), ids, {
      "": BASELINE, "_layer0_p2": masked(number, 0)})
             for k, number in enumerate(lost)]
  status, (row,) = run(folders, tmp_path, str(path), "--margin=5")
  assert status == 0
  # Of the first 10 passages all seeds lose one, of the next 5 all but one, ...
  sums = np.mean(np.arange(PASSAGES) < lost[:, None], 0)
  se, df, diff = (float(row[name]) for name in ("se", "df", "diff"))
  t = stats.t(df) if seeds == 5 else stats.norm
  assert df < 100 or seeds == 4
  assert diff == pytest.approx(-100 * sums.sum() / 600, abs=1e-4)
  room = 5 + diff
  together = (sums ** 2).sum() / sums.sum()
  assert float(row["p_equivalent"]) == pytest.approx(t.sf(
      room / math.sqrt(se ** 2 + 100 * room * together / 600)), rel=1e-3)
  assert float(row["mde"]) == pytest.approx(
      se * (t.ppf(.975) + t.ppf(.8)), rel=1e-3)


def test_log_probabilities_in_nats(tmp_path, sweep, capsys):
  folder, data_file = sweep
  rs = np.random.RandomState(0)
  before = -rs.rand(2 * PASSAGES)
  change = rs.normal(.25, 1, 2 * PASSAGES)
  for name in ["", *CELLS]:
    values = before + change * (name == "_layer0_p2q")
    (tmp_path / "sweep" / ("gold_logp%s.json" % name)).write_text(json.dumps(
        {"q%d" % i: value for i, value in enumerate(values)}))
  status, rows = run([folder], tmp_path, data_file, "--metric=logp", "--margin=.35")
  assert status == 0
  row, = [row for row in rows if (row["layer"], row["zone"]) == ("1", "p2q")]
  # The largest p of 6 is not multiplied.
  se = student_interval(change, [2] * PASSAGES)[2] / 100
  assert float(row["p_equivalent"]) == pytest.approx(
      stats.norm.sf((.35 - change.mean()) / se), rel=1e-5)
  assert row["mde"] == "%.4f" % (2.801585218112968 * se)
  # Where nothing changed, se is 0.
  assert [row["mde"] for row in rows].count("") == 6
  assert "equivalent within 0.35 nats" in capsys.readouterr().out


@pytest.mark.parametrize("flags, message", [
    (["--margin=0"], "--margin=0: should be a number of points above 0 and below "
     "100, 1 for example"),
    (["--margin=-1"], "--margin=-1: should be"),
    (["--margin=100"], "--margin=100: should be"),
    (["--margin=nan"], "--margin=nan: should be"),
    (["--margin=inf", "--metric=f1"], "--margin=inf: should be"),
    (["--margin=0", "--metric=logp"], "--margin=0: should be a number of nats "
     "above 0, 0.1 for example"),
    (["--margin=inf", "--metric=logp"], "--margin=inf: should be a number of "),
    (["--margin=1", "--cluster=article"], "--margin: "),
])
def test_refused_with_one_line(tmp_path, capsys, flags, message):
  path = tmp_path / "dev.json"
  ids = write_data(path, [2])
  folder = write_sweep(tmp_path / "sweep", ids, {"": "10", "_layer0_p2": "00"})
  for name in "", "_layer0_p2":
    (tmp_path / "sweep" / ("gold_logp%s.json" % name)).write_text(
        json.dumps(dict.fromkeys(ids, -1.0)))
  assert run([folder], tmp_path, str(path), *flags) == (1, [])
  error = capsys.readouterr().err
  assert error.startswith("get_results.py: " + message) and error.count("\n") == 1
