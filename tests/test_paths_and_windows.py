"""Windows of layers, and paths, from their predictions to tables and figures."""

import numpy as np
import pytest

from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.figures import panel_tables
from attention_zones.scores import results_table
from attention_zones.zones import coverage
from attention_zones.zones import grammar
import get_results
import visualize_att_zone
from passages import read_rows, write_data, write_sweep

SIZES = [3, 2, 1, 4, 2]
BASELINE = "000001000000"
# masked - baseline, summed in the passages: 2 0 -1 2 1, whose p is .375.
MASKED = "101000110001"
PATH = "_layer0_head1_q2+layer2_p2q"
CELLS = {"": BASELINE, "_layer0_p2": MASKED, "_layer1_p2": BASELINE,
         "_layer2_p2": BASELINE, "_layer0+1_p2": MASKED, "_layer1+2_p2": BASELINE,
         "_layer0+1+2_p2": BASELINE, "_layer0+2_p2": MASKED, PATH: MASKED,
         # 0 0 0 2 0 and 1 0 0 0 0.
         "_layer0_head1_q2@1+layer2_p2q@1": "000001110000",
         "_layer0_head1_q2@2+layer2_p2q@2": "100001000000"}
TABLE = """layer,p2,path
1,41.667,
2,8.333,
3,8.333,
1+2,41.667,
1+3,41.667,
2+3,8.333,
1+2+3,8.333,
1:q2:head2+3:p2q,,41.667
1:q2@1:head2+3:p2q@1,,25.000
1:q2@2:head2+3:p2q@2,,16.667
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
  """A folder with the tables of CELLS, to run scripts in."""
  monkeypatch.chdir(tmp_path)
  ids = write_data(tmp_path / "dev.json", SIZES)
  folder = write_sweep(tmp_path / "sweep", ids, CELLS)
  assert get_results.main([
      folder, "results.csv", "--data_file=dev.json", "--per_question=q.csv",
      "--contrast", "1:q2:head2+3:p2q", "2:p2"]) == 0
  return tmp_path


def test_tables(written, capsys):
  assert (written / "results.csv").read_text() == TABLE
  # Windows of all widths are one family, of three; other cells alone.
  assert [(row["layer"], row["head"], row["zone"], row["p"], row["p_holm"])
          for row in read_rows(written / "results.stats.csv")] == [
              ("1", "", "p2", "0.375", "1"), ("2", "", "p2", "1", "1"),
              ("3", "", "p2", "1", "1"),
              ("1+2", "", "p2", "0.375", "1"), ("1+3", "", "p2", "0.375", ""),
              ("2+3", "", "p2", "1", "1"), ("1+2+3", "", "p2", "1", "1"),
              ("1:q2:head2+3:p2q", "", "path", "0.375", ""),
              ("1:q2@1:head2+3:p2q@1", "", "path", "1", ""),
              ("1:q2@2:head2+3:p2q@2", "", "path", "1", "")]
  row, = read_rows(written / "results.controls.csv")
  # 5 of 12 - 1, less the mean of 3 of 12 - 1 and 2 of 12 - 1.
  assert [row[name] for name in ("layer", "zone", "diff", "control_diff",
                                 "contrast")] == [
      "1:q2@k:head2+3:p2q@k", "path", "33.3333", "12.5000", "20.8333"]
  row, = read_rows(written / "results.contrasts.csv")
  assert (row["a"], row["contrast"], row["p"]) == (
      "1:q2:head2+3:p2q", "33.3333", "0.375")
  assert (written / "q.csv").read_text().splitlines()[0].endswith(
      ",1+2+3:p2,1:q2:head2+3:p2q,1:q2@1:head2+3:p2q@1,1:q2@2:head2+3:p2q@2")


def test_zones_of_sets(tmp_path, capsys):
  """They are a family of two, beside the paper's zones."""
  ids = write_data(tmp_path / "dev.json", SIZES)
  folder = write_sweep(tmp_path / "sweep", ids, {
      "": BASELINE, "_layer0_p2": MASKED, "_layer0_cls_p": MASKED,
      "_layer0_p2+cls_p": BASELINE, "_layer0_cls_p@zero": MASKED})
  table = str(tmp_path / "results.csv")
  assert get_results.main([
      folder, table, "--data_file=%s" % (tmp_path / "dev.json")]) == 0
  assert (tmp_path / "results.csv").read_text() == (
      "layer,p2,cls_p,cls_p@zero,p2+cls_p\n1,41.667,41.667,41.667,8.333\n")
  assert [(row["zone"], row["p"], row["p_holm"])
          for row in read_rows(tmp_path / "results.stats.csv")] == [
              ("p2", "0.375", "0.375"), ("cls_p", "0.375", "0.75"),
              ("cls_p@zero", "0.375", "0.375"), ("p2+cls_p", "1", "1")]
  printed = capsys.readouterr().out
  assert "primary family (zones, all heads, exact), 1 cells" in printed
  assert "secondary family (zones of sets, exact), 2 cells" in printed
  assert "cls_p costs more than cls_p@zero in 0 of 1 cells" in printed


def test_what_is_said(tmp_path, capsys):
  ids = write_data(tmp_path / "dev.json", SIZES)
  folder = write_sweep(tmp_path / "sweep", ids, CELLS)
  assert get_results.main([folder, str(tmp_path / "results.csv"),
                           "--data_file=%s" % (tmp_path / "dev.json")]) == 0
  printed = capsys.readouterr()
  assert printed.err == ""
  for line in ("primary family (zones, all heads, exact), 3 cells",
               "secondary family (windows of layers, exact), 3 cells",
               "path costs more than path@k in 0 of 1 cells"):
    assert line in printed.out


def test_paths_are_left_out_of_the_figure(written, capsys):
  capsys.readouterr()
  table = results_table.read_results("results.csv")
  assert table.zones == ["p2"] and table.layers == [
      "1", "2", "3", "1+2", "1+3", "2+3", "1+2+3"]
  assert "results.csv: paths are left out: 1:q2:head2+3:p2q, 1:q2@1" in (
      capsys.readouterr().err)
  (written / "paths.csv").write_text("layer,path\n1:q2+3:p2q,41.667\n")
  with pytest.raises(ValueError, match="paths.csv: has no rows but of paths"):
    results_table.read_results("paths.csv")
  assert visualize_att_zone.main(["results.controls.csv", "c.svg"]) == 1
  assert "has no contrast of a zone in all heads, nothing can be drawn" in (
      capsys.readouterr().err)


def test_a_panel_for_each_width(written):
  """Of three layers there is one window, which stays with the single layers."""
  table = results_table.read_results("results.csv")
  panels = panel_tables.of_results("results.csv", table, 8.333)
  assert [(panel.title, panel.table.layers, panel.row_labels)
          for panel in panels] == [
              (None, ["1", "2", "3", "1+3", "1+2+3"],
               ["1\u20133", "1+3", "3", "2", "1"]),
              ("2 layers together", ["1+2", "2+3"], ["2\u20133", "1\u20132"])]
  assert panels[1].differences == pytest.approx(
      np.array([[0], [100 / 3]]), abs=1e-3)
  marked = [marks.with_marks("results.stats.csv", panel, panels)
            for panel in panels]
  assert [panel.marks for panel in marked] == [set(), set()]
  # A window that the table lacks is still found.
  with pytest.raises(ValueError, match="has layer 1[+]2, p2, which results.csv"):
    marks.with_marks("results.stats.csv", panels[0], panels[:1])
  assert visualize_att_zone.main([
      "results.csv", "8.333", "f.svg", "--stats=results.stats.csv"]) == 0
  svg = (written / "f.svg").read_text(encoding="utf-8")
  assert ">2 layers together<" in svg and ">2\u20133<" in svg


def test_windows_beside_heads(tmp_path):
  (tmp_path / "r.csv").write_text(
      "layer,head,p2\n1,,40\n2,,41\n1,2,42\n1+2,,43\n2+3,,44\n")
  panels = panel_tables.of_results(
      "r.csv", results_table.read_results(str(tmp_path / "r.csv")), 50)
  assert [(panel.title, panel.table.layers) for panel in panels] == [
      (panel_tables.ALL_HEADS, ["1", "2"]), ("2 layers together", ["1+2", "2+3"]),
      ("P\u00b2", ["1"])]
  assert heatmap.LETTERS[len(panels) - 1] == "C"


def test_a_path_has_the_mean_of_its_layers():
  """2 question and 3 passage tokens: Q2 has 4 of 64 cells, P2 9, in one of 2 heads
  half of that; the first draw of the question a takes p2's columns."""
  _, some, flat = grammar.parse_decodes(
      None, None, 6, num_heads=2, mask="1:q2:head0+4:p2,1:q2+2:p2@flat")
  windows = {"a": [coverage.Sizes(2, 0, 3)]}
  assert coverage.masked_fractions(windows, [some, flat], 2) == {
      some.file_name(): pytest.approx((2 / 64 + 9 / 64) / 2, rel=1e-12)}
  of = lambda mask: coverage.overlaps(windows, grammar.parse_decodes(
      None, None, 6, num_heads=2, mask=mask))
  both, = of("1:q2@1+2:p2@1").values()
  one, = of("1:q2@1").values()
  other, = of("2:p2@1+3:q2").values()
  assert both == pytest.approx((one + other) / 2, rel=1e-12)
