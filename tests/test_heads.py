"""The column `head`: in results.csv, in its statistics, as panels of a figure."""

import math

import numpy as np
import pytest

from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.figures import panel_tables
from attention_zones.scores import results_table
import get_results
import visualize_att_zone
from passages import read_rows, write_data, write_sweep

SIZES = [3, 2, 1, 4, 2]
BASELINE = "000001000000"
# masked - baseline, summed in the passages: 2 0 -1 2 1.
MASKED = "101000110001"
CELLS = dict({name: BASELINE for name in (
    "_layer0_p2", "_layer1_p2", "_layer0_head0_p2", "_layer0_head1_p2",
    "_layer0_head0_off", "_layer0_head1_off", "_layer0_head0+1_p2",
    "_layer0_head0+1_off")}, **{
        "": "1" * 12, "_layer0_head1_p2": "0" + "1" * 11,
        "_layer0_head0_off": "001111111111"})
TABLE = ("layer,head,p2,off\n1,,8.333,\n1,1,8.333,83.333\n1,2,91.667,8.333\n"
         "1,1+2,8.333,8.333\n2,,8.333,\n")


def run(tmp_path, cells, *flags):
  path = tmp_path / "dev.json"
  ids = write_data(path, SIZES)
  folder = write_sweep(tmp_path / "sweep", ids, cells)
  return get_results.main([folder, str(tmp_path / "results.csv"), "--data_file",
                           str(path)] + list(flags))


def read(tmp_path, text):
  (tmp_path / "results.csv").write_text(text)
  return results_table.read_results(str(tmp_path / "results.csv"))


def test_results(tmp_path, capsys):
  assert run(tmp_path, CELLS) == 0
  assert (tmp_path / "results.csv").read_text() == TABLE
  printed = capsys.readouterr()
  assert printed.out.startswith(TABLE) and printed.err == ""
  table = results_table.read_results(str(tmp_path / "results.csv"))
  assert table.heads == ["", "1", "2", "1+2", ""]
  assert results_table.as_text(table) == TABLE


def test_heads_are_a_family_of_their_own(tmp_path, capsys):
  """The zones' p is that of two cells, the heads' that of six."""
  assert run(tmp_path, CELLS) == 0
  rows = read_rows(tmp_path / "results.stats.csv")
  # Four passages lose all, the fifth's one question stays right: 2 of 2^4 signs.
  # Where one passage loses one or two, p is 1.
  assert [(row["layer"], row["head"], row["zone"], row["p"], row["p_holm"])
          for row in rows] == [
              ("1", "", "p2", "0.125", "0.25"),
              ("1", "1", "p2", "0.125", "0.75"), ("1", "1", "off", "1", "1"),
              ("1", "2", "p2", "1", "1"), ("1", "2", "off", "0.125", "0.75"),
              ("1", "1+2", "p2", "0.125", "0.75"),
              ("1", "1+2", "off", "0.125", "0.75"),
              ("2", "", "p2", "0.125", "0.25")]
  lines = capsys.readouterr().out.splitlines()
  assert {"primary family (zones, all heads, exact), 2 cells (Holm, p < .05): "
          "0 hurt, 0 help, 2 open",
          "secondary family (single heads, exact), 6 cells (Holm, p < .05): "
          "0 hurt, 0 help, 6 open"} <= set(lines)
  assert [line[:50] for line in lines if line.startswith("hurts most")] == [
      "hurts most: p2 in layer 1, exact 8.333 (-91.667, 9",
      "hurts most: p2 in layer 1, head 1, exact 8.333 (-9"]


def test_heads_alone_and_without_a_baseline(tmp_path, capsys):
  assert run(tmp_path, {
      "_layer1_head3_q2": BASELINE, "_layer1_head4_q2": MASKED}) == 0
  assert (tmp_path / "results.csv").read_text() == (
      "layer,head,q2\n2,4,8.333\n2,5,41.667\n")
  assert ("lowest score: q2 in layer 2, head 4, exact 8.333"
          in capsys.readouterr().out.splitlines())


def test_holes_are_those_of_the_heads(tmp_path, capsys):
  cells = {name: CELLS[name] for name in CELLS if name != "_layer0_head1_off"}
  assert run(tmp_path, cells) == 1
  assert ("1 of 6 files are missing: predictions_layer0_head1_off.json;"
          in capsys.readouterr().err)
  # Every layer with a head has all heads; layers without any need none.
  (tmp_path / "b").mkdir()
  assert run(tmp_path / "b", dict(CELLS, _layer1_head0_p2=BASELINE)) == 1
  assert ("3 of 10 files are missing: predictions_layer1_head0_off.json, "
          "predictions_layer1_head1_p2.json," in capsys.readouterr().err)
  # Heads masked together need not have every zone, as layers masked together.
  (tmp_path / "c").mkdir()
  cells = {name: CELLS[name] for name in CELLS if name != "_layer0_head0+1_off"}
  assert run(tmp_path / "c", cells) == 0
  assert capsys.readouterr().err.endswith(
      ": not decoded, so their cells stay empty: "
      "predictions_layer0_head0+1_off.json\n")


def test_strata_latex_and_questions(tmp_path, capsys):
  table, questions = tmp_path / "t.tex", tmp_path / "q.csv"
  assert run(tmp_path, CELLS, "--strata", "--tex", str(table), "--per_question",
             str(questions), "--contrast", "1:p2", "2:p2") == 0
  assert not (tmp_path / "results.strata.csv").exists()
  assert r"\begin{tabular}{@{}lr@{}}" in table.read_text()
  assert "after Holm over 2 cells" in table.read_text()
  assert questions.read_text().splitlines()[0].endswith(
      ",baseline,1:p2,1/1:p2,1/1:off,1/2:p2,1/2:off,1/1+2:p2,1/1+2:off,2:p2")


@pytest.mark.parametrize("flag", ["--strata", "--tex=t.tex"])
def test_needs_zones_in_all_heads(tmp_path, capsys, flag):
  assert run(tmp_path, {"": BASELINE, "_layer0_head0_q2": BASELINE}, flag) == 1
  assert ("%s: is about zones in all heads; here" % flag.partition("=")[0]
          in capsys.readouterr().err)


@pytest.mark.parametrize("text, message", [
    ("layer,head,q2\n1,0,5\n", "line 2, column head: '0' is not a head; a head is "
     "a number from 1, heads masked together like 1+2, or an empty cell"),
    ("layer,head,q2\n1,x,5\n", "line 2, column head: 'x' is not a head"),
    ("layer,head,q2\n1,-1,5\n", "line 2, column head: '-1' is not a head"),
    ("layer,head,q2\n1,2+2,5\n", "line 2, column head: 2+2 has a head twice"),
    ("layer,head,q2\n1,2,5\n1,2,6\n", "line 3: layer 1 head 2 comes twice"),
    ("layer,head,q2\n0,2,5\n", "line 2, column layer: '0' is not a layer; a "
     "layer is a number from 1"),
    ("layer,head,q2\n1,2\n", "line 2: 2 cells, but the header has 3 columns"),
    ("layer,head\n1,2\n", "line 1: no zone"),
    ("layer,q2,head\n1,2,3\n", "line 1: the column 'head' is not a zone"),
])
def test_refuses_a_table(tmp_path, text, message):
  with pytest.raises(ValueError, match="results.csv") as error:
    read(tmp_path, text)
  assert message in str(error.value)


def test_compare_takes_all_heads_together(tmp_path, capsys):
  (tmp_path / "a.csv").write_text("layer,head,q2\n1,,51\n1,1,90\n2,,63\n2,1,0\n")
  (tmp_path / "b.csv").write_text("layer,head,q2\n1,,50\n1,1,1\n2,,60\n2,1,2\n")
  (tmp_path / "c.csv").write_text("layer,head,q2\n1,,50\n1,2,1\n2,,60\n2,2,2\n")
  a, b, c = (str(tmp_path / name) for name in ("a.csv", "b.csv", "c.csv"))
  assert get_results.main(["--compare", a, b]) == 0
  assert capsys.readouterr().out == "layer,q2\nstd,1.414\n"
  assert get_results.main(["--compare", a, c]) == 1
  assert "has the heads , 1, , 1, but" in capsys.readouterr().err


def values(panel):
  """The differences that are drawn, the top row first, None where missing."""
  return [[None if math.isnan(value) else round(value, 3) for value in row]
          for row in panel.differences]


def test_panels(tmp_path):
  table = read(tmp_path, "layer,head,q2,p2,off\n1,,49,48,\n2,,50,,\n1,1,40,,41\n"
                         "1,11,42,,43\n1,2,44,,45\n3,2,46,,47\n1,1+2,30,,31\n")
  together, q2, off = panel_tables.of_results("r.csv", table, 50.0)
  assert (together.title, together.column_labels) == (
      "all heads", ["Q\u00b2", "P\u00b2"])
  assert values(together) == [[0, None], [-1, -2]]
  # P2 was masked in no single head.
  assert [panel.title for panel in (q2, off)] == ["Q\u00b2", "Off"]
  assert q2.column_labels == off.column_labels == ["1", "2", "11", "1+\n2"]
  assert q2.row_labels == ["3", "1"]
  assert values(q2) == [[None, -4, None, None], [-10, -6, -8, -20]]
  assert values(off) == [[None, -3, None, None], [-9, -5, -7, -19]]


def test_marks_of_heads(tmp_path):
  run(tmp_path, CELLS)
  lines = (tmp_path / "results.stats.csv").read_text().splitlines()
  # Of layer 1: P2 in head 2, and switching off head 1.
  for number, p in ((4, "0.01"), (3, "0.049"), (1, "0.04")):
    cells = lines[number].split(",")
    cells[lines[0].split(",").index("p_holm")] = p
    lines[number] = ",".join(cells)
  (tmp_path / "results.stats.csv").write_text("\n".join(lines) + "\n")
  panels = panel_tables.of_results("results.csv", results_table.read_results(
      str(tmp_path / "results.csv")), 100.0)
  marked = [marks.with_marks(str(tmp_path / "results.stats.csv"), panel).marks
            for panel in panels]
  assert marked == [{("1", "p2")}, {("1", "2")}, {("1", "1")}]
  other = panels[1]._replace(table=panels[1].table._replace(scores=[[1.0, 2, 3]]))
  with pytest.raises(ValueError, match="layer 1, head 1, p2 has the score 8.333, "
                     "but in results.csv it is 1.000"):
    marks.with_marks(str(tmp_path / "results.stats.csv"), other)


def test_a_figure_of_heads(tmp_path, capsys):
  run(tmp_path, CELLS)
  results, stats = tmp_path / "results.csv", tmp_path / "results.stats.csv"
  text = results.read_text().replace("1,2,91.667,8.333", "1,2,91.667,")
  (tmp_path / "holes.csv").write_text(text)
  capsys.readouterr()
  figure = str(tmp_path / "f.svg")
  assert visualize_att_zone.main(
      [str(results), "100", figure, "--stats=%s" % stats]) == 0
  assert capsys.readouterr().err == ""
  svg = (tmp_path / "f.svg").read_text(encoding="utf-8")
  for shown in (">all heads<", ">Off<", ">head<", ">C<", ">no cell has p"):
    assert shown in svg, shown
  assert visualize_att_zone.main([str(tmp_path / "holes.csv"), "100", figure]) == 0
  assert capsys.readouterr().err == (
      "visualize_att_zone.py: %s: missing cells, drawn hatched: layer 1: heads 2 "
      "of off\n" % (tmp_path / "holes.csv"))


@pytest.mark.parametrize("mm", [
    None, 85, pytest.param(174, marks=pytest.mark.thorough)])
def test_legible_at_any_width(mm):
  """Panels of 12 heads and of five zones, with controls."""
  layers, heads = list("123456"), ["%d" % head for head in range(1, 13)]
  zones = ["all", "q2", "q2p", "p2q", "p2q@1", "p2q@flat", "p2"]
  panels = [heatmap.Panel("r.csv", results_table.ResultsTable(
      layers, columns, [[70.0] * len(columns)] * 6), 71.0, None, title, None, zone)
            for columns, title, zone in (
                (zones, "all heads", None), (heads, "Q\u00b2", "q2"),
                (heads, "P2Q", "p2q"))]
  panels[1:] = [panel._replace(labels=heads) for panel in panels[1:]]
  figure = visualize_att_zone.draw_panels(panels, heatmap.Look(
      None, False, "seismic", -10, 2, mm and mm / 25.4))
  for axes in figure.axes[:3]:
    labels = axes.get_xticklabels()
    boxes = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:]))
    assert all(label.get_fontsize() >= 6 for label in labels)
    letter, title = axes._left_title, axes.title
    assert not letter.get_window_extent().overlaps(title.get_window_extent())
  if mm:
    assert np.isclose(figure.get_size_inches()[0], mm / 25.4)
