"""The figure of a results.controls.csv: zone, control, zone - control."""

import math
import re

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from attention_zones.figures import heatmap
from attention_zones.figures import panel_tables
import visualize_att_zone

HEADER = ("layer,zone,metric,diff,control_diff,control_sd,overlap,contrast,ci_low,"
          "ci_high,p,p_holm,ratio,ratio_low,ratio_high\n")
ROWS = ["1,p2q,exact,-4.0,-1.5,0.2,0.06,-2.5,-4,-1,0.01,0.0499,0.375,0.1,0.7",
        "1,p2q@flat,exact,-4.0,-3.0,,,-1.0,-2,0,0.2,0.2,0.75,0.5,1.1",
        "1,p2@flat,exact,-12.0,1.0,,,-13.0,-15,-11,0,1e-9,-0.083,-0.2,0.1",
        "1,p2@zero,exact,-12.0,-7.0,,,-5.0,-7,-3,0,1e-8,0.583,0.4,0.8",
        "3,p2q,exact,-2.0,-2.5,0.3,0.06,0.5,-1,2,0.05,0.05,,,",
        "1+2,q2+p2@k,exact,-6.0,-5.0,,,-1.0,-2,0,0.2,,0.8,0.6,1"]
STATS = "layer,head,zone,metric,baseline,score,p_holm\n" + (
    "1,,p2q,exact,80,76,0.001\n1,,p2q@1,exact,80,78.5,1\n1,,p2,exact,80,68,0.6\n"
    "3,,p2q,exact,80,78,0.04\n1+2,,q2+p2,exact,80,74,\n2,,p2,exact,80,1,0\n"
    "1,4,p2q,exact,80,80,0.01\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """A folder with c.csv and s.csv, to run the script in."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / "c.csv").write_text(HEADER + "\n".join(ROWS) + "\n")
  (tmp_path / "s.csv").write_text(STATS)
  return tmp_path


def run(*arguments):
  return visualize_att_zone.main(list(arguments))


def values(panel):
  """The differences that are drawn, the top row first, None where missing."""
  return [[None if math.isnan(value) else value for value in row]
          for row in panel.differences]


def test_three_panels(folder):
  zone, control, contrast = panel_tables.of_controls("c.csv")
  assert [panel.title for panel in (zone, control, contrast)] == [
      "zone", "control", "zone \u2212 control"]
  # A zone has one column, however many controls it has.
  assert zone.column_labels == ["P2Q", "P\u00b2", "Q\u00b2+\nP\u00b2"]
  assert control.column_labels == contrast.column_labels == [
      "P2Q\n@k", "P2Q\n@flat", "P\u00b2\n@flat", "P\u00b2\n@zero",
      "Q\u00b2+\nP\u00b2\n@k"]
  # Nothing is known of layer 2 alone.
  assert zone.row_labels == control.row_labels == ["1\u20132", "3", "2", "1"]
  none = None
  assert values(zone) == [
      [none, none, -6], [-2, none, none], [none] * 3, [-4, -12, none]]
  assert values(control) == [
      [none, none, none, none, -5], [-2.5, none, none, none, none], [none] * 5,
      [-1.5, -3, 1, -7, none]]
  assert values(contrast) == [
      [none, none, none, none, -1], [0.5, none, none, none, none], [none] * 5,
      [-2.5, -1, -13, -5, none]]
  assert (zone.marks, control.marks) == (None, None)
  assert contrast.marks == {("1", "p2q@k"), ("1", "p2@flat"), ("1", "p2@zero")}


def test_what_is_drawn(folder, capsys):
  panels = panel_tables.of_controls("c.csv")
  args = visualize_att_zone.parse_args(
      ["c.csv", "f.pdf", "--symmetric", "--colorblind", "--annotate"])
  figure = visualize_att_zone.draw_panels(
      panels, visualize_att_zone.make_look(args, panels))
  a, b, c, colours = figure.axes
  assert [axes.get_title(loc="left") for axes in (a, b, c)] == ["A", "B", "C"]
  assert colours.get_ylabel() == "difference in EM, points"
  # One bar for all, from the largest loss to the largest gain.
  assert {axes.collections[0].get_clim() for axes in (a, b, c)} == {(-13, 1)}
  assert (len(a.lines), len(b.lines)) == (0, 0)
  assert sorted((int(line.get_xdata()[0]), int(line.get_ydata()[0]))
                for line in c.lines) == [(0, 3), (2, 3), (3, 3)]
  assert figure._supxlabel.get_text() == (
      "\u2022 in C: p < .05 after Holm\u2019s correction")
  hatched = {patch.get_xy() for patch in a.patches
             if isinstance(patch, Rectangle) and patch.get_hatch()}
  assert len(hatched) == 8 and (0, 1) not in hatched and (2, 3) in hatched
  assert {text.get_text() for text in b.texts} == {
      "\u22125.0", "\u22122.5", "\u22121.5", "\u22123.0", "1.0",
      "\u22127.0"}


def test_the_script_names_missing_cells_and_takes_statistics(folder, capsys):
  (folder / "c.csv").write_text(HEADER + "\n".join(ROWS[:2] + [ROWS[4]]) + "\n")
  assert run("c.csv", "f.svg", "--stats=s.csv") == 0
  assert capsys.readouterr().err.splitlines() == [
      "visualize_att_zone.py: c.csv: missing cells, drawn hatched: layer 2: p2q",
      "visualize_att_zone.py: c.csv: missing cells, drawn hatched: layer 2: p2q@k, "
      "p2q@flat; layer 3: p2q@flat",
      "visualize_att_zone.py: c.csv: missing cells, drawn hatched: layer 2: p2q@k, "
      "p2q@flat; layer 3: p2q@flat"]
  svg = (folder / "f.svg").read_text(encoding="utf-8")
  assert "in A, C: p &lt; .05" in svg


def test_the_dots_of_zones_are_those_of_their_cells(folder):
  args = visualize_att_zone.parse_args(["c.csv", "f.pdf", "--stats=s.csv"])
  zone, control, contrast = visualize_att_zone.read_panels(args)
  assert zone.marks == {("1", "p2q"), ("3", "p2q")}
  assert control.marks is None and len(contrast.marks) == 3


def test_without_a_finding(folder):
  (folder / "c.csv").write_text(HEADER + ROWS[1] + "\n")
  panels = panel_tables.of_controls("c.csv")
  look = heatmap.Look(None, False, "seismic", -10, 2, None)
  assert heatmap.draw(panels, look)._supxlabel.get_text() == (
      "no cell of C has p < .05 after Holm\u2019s correction")
  assert heatmap.draw(panels, look._replace(caption=False))._supxlabel is None


def test_f1_and_heads(folder):
  """Contrasts of single heads are not drawn."""
  rows = [re.sub("^([^,]*),", r"\1,,", row).replace("exact", "f1") for row in ROWS]
  (folder / "c.csv").write_text(HEADER.replace("layer", "layer,head") + "\n".join(
      rows + ["1,3,p2q,f1,-7.0,-1.5,0.2,0.06,-5.5,-4,-1,0.01,0.01,0.2,0.1,"
              "0.3"]) + "\n")
  zone, _, contrast = panel_tables.of_controls("c.csv")
  assert zone.measure.label == "F1"
  assert values(zone)[3] == [-4, -12, None] and len(contrast.marks) == 3


def test_log_probabilities_are_known_from_their_column(folder, capsys):
  """Nats have colours and decimals of their own, and no limit of 100."""
  (folder / "c.csv").write_text(HEADER + (
      "1,p2q,logp,-0.25,-0.125,,,-0.125,-1,0,0.01,0.04,0.5,0.2,0.8\n"
      "2,p2q,logp,-0.75,-0.5,,,0.05,-1,0,0.01,0.04,0.5,0.2,0.8\n"))
  args = visualize_att_zone.parse_args(["c.csv", "f.pdf", "--annotate"])
  panels = visualize_att_zone.read_panels(args)
  look = visualize_att_zone.make_look(args, panels)
  assert (look.vmin, look.vmax) == (-0.75, 0.05)
  a, b, c, bar = visualize_att_zone.draw_panels(panels, look).axes
  assert bar.get_ylabel() == "difference in log p(gold), nats"
  assert [text.get_text() for text in c.texts] == ["0.05", "\u22120.12"]
  (folder / "c.csv").write_text(HEADER + "1,p2q,logp,-250,-1,,,-249" + "," * 7)
  assert run("c.csv", "f.pdf") == 0
  assert capsys.readouterr().err == ""


def test_only_one_may_be_set_of_symmetric_and_its_ends(folder, capsys):
  with pytest.raises(SystemExit):
    run("c.csv", "f.pdf", "--symmetric", "--vmin=-3")
  assert "--symmetric sets --vmin and --vmax" in capsys.readouterr().err


@pytest.mark.parametrize("mm, count", [(85, 1)] + [
    pytest.param(mm, count, marks=pytest.mark.thorough)
    for mm in (85, 114, 174) for count in (1, 6) if (mm, count) != (85, 1)])
def test_legible_at_any_width(folder, mm, count):
  (folder / "c.csv").write_text(HEADER + "\n".join(ROWS[:count]) + "\n")
  panels = panel_tables.of_controls("c.csv")
  figure = heatmap.draw(panels, heatmap.Look(
      None, True, "seismic", -10, 2, mm / 25.4))
  assert np.isclose(figure.get_size_inches()[0], mm / 25.4)
  for text in figure.findobj(Text):
    if text.get_visible() and text.get_text().strip():
      assert text.get_fontsize() >= 6, text
      box = text.get_window_extent()
      assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, text
  for axes in figure.axes[:3]:
    assert not axes._left_title.get_window_extent().overlaps(
        axes.title.get_window_extent())


@pytest.mark.parametrize("text, said", [
    ("layer,q2,p2\n1,50,60\n", "bad.csv, line 1: has no column zone, metric, diff, "
     "control_diff, contrast, p_holm; a results.controls.csv (or a results.csv "
     "with its baseline) of get_results.py is needed"),
    (HEADER.replace("contrast", "x") + ROWS[0], "line 1: has no column contrast;"),
    (HEADER, "bad.csv: has no contrast of a zone in all heads"),
    (HEADER + ROWS[0] + "\n" + ROWS[1].replace("exact", "logp"), "line 3, column "
     "metric: 'logp', but the lines before have 'exact'; a figure has one metric"),
    (HEADER + ROWS[0].replace("exact", "logp").replace("-4.0", "-inf"),
     "line 2, column diff: '-inf' is not a number"),
    (HEADER + ROWS[0].replace("p2q", "p3q"), "line 2, column zone: 'p3q' is not a"),
    (HEADER + ROWS[0].replace("p2q", "p2q@x"), "line 2, column zone: p2q@x: 'x'"),
    (HEADER + ROWS[0].replace("p2q", "all"), "column zone: all@1: \"all\" has no"),
    (HEADER + ROWS[0].replace("1,", "0,", 1), "column layer: '0' is not a layer"),
    (HEADER + ROWS[0].replace("1,", "x,", 1), "column layer: 'x' is not a layer"),
    (HEADER + ROWS[0].replace("-4.0", "-400"),
     "line 2, column diff: '-400' is not a number from -100 to 100"),
    (HEADER + ROWS[0].replace("0.0499", "2"), "column p_holm: '2' is not a number"),
    (HEADER + ROWS[0] + "\n" + ROWS[0], "line 3: layer 1, p2q comes twice"),
    (HEADER + "1,p2q\n", "line 2: 2 cells, but the header has"),
    (HEADER + "1,p2q,exact" + 12 * "," + "\n", "no cell has a score, nothing can"),
])
def test_bad_files_are_refused(folder, text, said, capsys):
  (folder / "bad.csv").write_text(text)
  (folder / "f.pdf").write_text("old")
  assert run("bad.csv", "f.pdf") == 1
  error = capsys.readouterr().err
  assert said in error and error.count("\n") == 1
  assert error.startswith("visualize_att_zone.py: bad.csv")
  assert (folder / "f.pdf").read_text() == "old"


@pytest.mark.parametrize("stats, said", [
    (STATS.replace("80,76,", "80,75,"), "layer 1, p2q differs from the baseline by "
     "-5.0000, but in c.csv by -4.0000; give the stats file that was written with"),
    (STATS.replace("1,,p2,exact", "1,,q2,exact"),
     "has no score for layer 1, p2, which c.csv has"),
])
def test_statistics_of_another_table_are_refused(folder, stats, said, capsys):
  (folder / "s.csv").write_text(stats)
  assert run("c.csv", "f.pdf", "--stats=s.csv") == 1
  error = capsys.readouterr().err
  assert said in error and error.count("\n") == 1
  assert not (folder / "f.pdf").exists()


def test_usage(folder, capsys):
  with pytest.raises(SystemExit):
    run("c.csv", "80.567")
  assert ("or results.controls.csv controls.pdf, or results.shapley.csv "
          "shapley.pdf; not c.csv 80.567" in capsys.readouterr().err)
