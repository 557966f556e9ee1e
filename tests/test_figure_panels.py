"""Several panels, dots of significance, and figures of a journal's width.

As in test_visualize_att_zone.py, what is drawn is read back from the figure.
"""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.scores import results_table
import visualize_att_zone

# Those of get_results.py; only some are read.
COLUMNS = (
    "layer,head,zone,metric,n,clusters,seeds,baseline,score,diff,ci_low,ci_high,se,"
    "deff,lost,gained,changed,shifted,elsewhere,sd_seeds,seeds_same_sign,p,p_holm,"
    "q_bh,masked_fraction").split(",")
LOOK = heatmap.Look(title=None, annotate=False, cmap="seismic", vmin=-10, vmax=2,
                    width=None)
SMALL = "layer,q2,p2\n1,80.5,66.982\n2,80.567,\n1+2,70.0,60.0\n"
SMALL_STATS = [
    ("1", "", "q2", "exact", 80.56764, 80.5, 0.05),
    ("1", "", "p2", "exact", 80.56764, 66.98234, 0.0499),
    ("2", "", "q2", "exact", 80.56764, 80.56764, ""),
    ("1+2", "", "q2", "exact", 80.56764, 70.0, ""),
    ("1+2", "", "p2", "exact", 80.56764, 60.0, 1e-9),
    ("1", "3", "p2", "exact", 80.56764, 80.5, 0.0001),
]


@pytest.fixture
def panels(repository):
  """The paper's Tables 1 and 2 as panels, without dots."""
  return [heatmap.Panel(name, results_table.read_results(
      str(repository / "paper" / name)), baseline, None)
          for name, baseline in (("table1.csv", 80.567), ("table2.csv", 80.901))]


@pytest.fixture
def small(tmp_path, monkeypatch):
  """A folder with r.csv and r.stats.csv, to run the script in."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / "r.csv").write_text(SMALL)
  write_stats(tmp_path / "r.stats.csv", SMALL_STATS)
  return tmp_path


def write_stats(path, rows, equivalent=None):
  """Writes a results.stats.csv, if asked for with a list of p_equivalent."""
  columns = COLUMNS + [marks.EQUIVALENT] * bool(equivalent)
  lines = [",".join(columns)]
  for row, p in zip(rows, equivalent or rows):
    filled = dict(zip(marks.COLUMNS, row), **{marks.EQUIVALENT: p})
    lines.append(",".join(str(filled.get(name, "7")) for name in columns))
  path.write_text("\n".join(lines) + "\n")


def run(*arguments):
  return visualize_att_zone.main(list(arguments))


def values(axes):
  mesh = axes.collections[0]
  return mesh.get_array().reshape(len(axes.get_yticks()), -1)


def dots(axes):
  """(column, row from the top) of each dot's cell: dict to its colour."""
  return signs(axes, "full")


def circles(axes):
  """The same of circles."""
  return signs(axes, "none")


def signs(axes, fill):
  return {(int(line.get_xdata()[0]), int(line.get_ydata()[0])): line.get_color()
          for line in axes.lines if line.get_fillstyle() == fill}


def shown_texts(figure):
  return [text for text in figure.findobj(Text)
          if text.get_visible() and text.get_text().strip()]


def test_panels_have_letters_and_one_colour_bar(panels):
  figure = visualize_att_zone.draw_panels(panels, LOOK)
  a, b, bar = figure.axes
  assert [axes.get_title(loc="left") for axes in (a, b)] == ["A", "B"]
  # Layer 11 stands second from the top, P2Q fourth: 76.405 and 72.157.
  assert values(a)[1, 3] == pytest.approx(76.405 - 80.567)
  assert values(b)[1, 3] == pytest.approx(72.157 - 80.901)
  assert bar.get_ylabel() == "score \u2212 baseline, points"
  assert a.collections[0].get_clim() == b.collections[0].get_clim() == (-10, 2)
  assert a.get_window_extent().x1 < b.get_window_extent().x0
  assert a.get_window_extent().width == pytest.approx(
      b.get_window_extent().width, rel=0.01)


def test_the_colour_bar_is_about_all_panels(panels):
  # Only Table 2 is below -14: its P2 in layer 1, 66.275 - 80.901 = -14.626.
  extend = lambda *drawn: visualize_att_zone.draw_panels(
      list(drawn), LOOK._replace(vmin=-14)).axes[0].collections[0].colorbar.extend
  assert extend(panels[0], panels[0]) == "neither"
  assert extend(panels[0], panels[1]) == "min"


def test_a_single_panel_has_no_letter(panels):
  figure = visualize_att_zone.draw_panels(panels[:1], LOOK)
  assert figure.axes[0].get_title(loc="left") == ""
  assert len(figure.axes) == 2


def test_panels_of_other_layers_and_zones_stand_in_rows(panels):
  table = results_table.ResultsTable(["1", "2"], ["q2", "q2+p2"], [[70, 71]] * 2)
  drawn = panels + [heatmap.Panel("x", table, 71.0, None)] * 2
  figure = visualize_att_zone.draw_panels(drawn, LOOK)
  boxes = [axes.get_window_extent() for axes in figure.axes[:4]]
  assert boxes[0].y0 == pytest.approx(boxes[1].y0, abs=1)
  assert boxes[2].y1 < boxes[0].y0 and boxes[2].x1 < boxes[3].x0
  assert values(figure.axes[3]).tolist() == [[-1, 0], [-1, 0]]


def test_dots_are_the_cells_below_five_per_cent(small):
  table = results_table.read_results("r.csv")
  panel = heatmap.Panel("r.csv", table, 80.567, None)
  marked = marks.with_marks("r.stats.csv", panel)
  # .05 is not below .05; empty was not tested; head 3 is no cell of the table.
  assert marked.marks == {("1", "p2"), ("1+2", "p2")}
  figure = visualize_att_zone.draw_panels([marked], LOOK)
  # 1+2 stands above 2 and 1; both cells are darker than the map's end.
  assert dots(figure.axes[0]) == {(1, 0): "white", (1, 2): "white"}
  assert [text.get_text() for text in figure.texts] == [
      "\u2022 p < .05 after Holm\u2019s correction"]


def test_circles_are_equivalent_cells(small):
  table = results_table.read_results("r.csv")
  panel = heatmap.Panel("r.csv", table, 80.567, None)
  note = lambda *drawn: visualize_att_zone.draw_panels(
      list(drawn), LOOK)._supxlabel.get_text().splitlines()
  of = lambda *p: write_stats(small / "e.csv", SMALL_STATS, p) or marks.with_marks(
      "e.csv", panel)
  marked = of(.0499, .01, .05, "", 1, 0)
  # .05 is not below .05; empty was not tested; head 3 is no cell of the table.
  assert marked.equivalent == {("1", "q2"), ("1", "p2")}
  axes = visualize_att_zone.draw_panels([marked], LOOK).axes[0]
  assert circles(axes) == {(0, 2): "black", (1, 2): "white"}
  assert dots(axes) == {(1, 0): "white", (1, 2): "white"}
  dot, circle = (line.get_markersize() for line in axes.lines
                 if (line.get_xdata()[0], line.get_ydata()[0]) == (1.5, 2.5))
  assert circle > 2 * dot
  said = ["\u2022 p < .05 after Holm\u2019s correction",
          "\u25cb equivalent to the baseline within the margin",
          "\u2299 both: differs, by less than the margin"]
  assert note(marked) == said
  assert note(of(.01, 1, 1, 1, 1, 1)) == said[:2]
  assert note(of(1, 1, 1, 1, 1, 1)) == [
      said[0], "no cell is shown to be " + said[1][2:]]
  assert marks.with_marks("r.stats.csv", panel).equivalent is None
  assert note(marks.with_marks("r.stats.csv", panel), marked)[1:] == [
      said[1].replace("equivalent", "in B: equivalent"), said[2]]
  with pytest.raises(ValueError, match="line 2, column p_equivalent: '2' is not"):
    of(2, 1, 1, 1, 1, 1)


def test_dots_are_legible_on_light_cells_and_beside_numbers(panels):
  marked = panels[0]._replace(marks={("12", "q2"), ("1", "p2")},
                              equivalent={("12", "q2")})
  figure = visualize_att_zone.draw_panels([marked], LOOK._replace(annotate=True))
  axes = figure.axes[0]
  assert dots(axes) == {(1, 0): "black", (4, 11): "white"}
  for text in axes.texts:
    box = text.get_window_extent()
    for line in axes.lines:
      x, y = axes.transData.transform((line.get_xdata()[0], line.get_ydata()[0]))
      assert not box.contains(x, y)


def test_no_dot_is_said_and_no_statistics_are_not(panels):
  note = lambda marks: visualize_att_zone.draw_panels(
      [panels[0]._replace(marks=marks)], LOOK)._supxlabel
  assert "no cell has p < .05" in note(set()).get_text()
  assert note(None) is None


def test_statistics_of_each_panel_in_their_order(small):
  (small / "s.csv").write_text("layer,p2\n1,50.0\n")
  write_stats(small / "s.stats.csv", [("1", "", "p2", "f1", 60, 50, 1)])
  two = ["r.csv", "80.567", "s.csv", "60", "f.svg"]
  assert run(*two, "--stats=r.stats.csv", "--stats=s.stats.csv") == 0
  svg = (small / "f.svg").read_text(encoding="utf-8")
  # One has EM, the other F1.
  assert "Holm" in svg and ">score \u2212 baseline, points<" in svg
  assert run(
      *two, "--stats=r.stats.csv", "--stats=s.stats.csv", "--no_caption") == 0
  assert "Holm" not in (small / "f.svg").read_text(encoding="utf-8")


def test_the_bar_says_metric_and_unit(small):
  assert run("r.csv", "80.567", "f.svg", "--stats=r.stats.csv") == 0
  assert ">EM \u2212 baseline, points<" in (
      small / "f.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [None, 174 / 25.4])
def test_titles_of_panels(panels, width):
  """In lines that fit; a dollar is no mathematics."""
  title = "A run of $5 or $6\nthat was not too\nexpensive"
  drawn = visualize_att_zone.with_titles(panels, ["cafe\u0301", title])
  figure = visualize_att_zone.draw_panels(drawn, LOOK._replace(width=width))
  titles = [axes.title for axes in figure.axes[:2]]
  assert [text.get_text() for text in titles] == ["caf\u00e9", title]
  for axes in figure.axes[:2]:
    box = axes.title.get_window_extent()
    assert not box.overlaps(axes._left_title.get_window_extent())
    assert box.x1 <= figure.axes[2].get_window_extent().x0
  assert not titles[1].get_parse_math()


def test_the_metric_that_fits_is_taken(small):
  table = results_table.read_results("r.csv")
  others = [row[:3] + ("f1", 88, 80, 0.0001) for row in SMALL_STATS[:5]]
  write_stats(small / "both.csv", others + SMALL_STATS)
  panel = heatmap.Panel("r.csv", table, 80.567, None)
  marked = marks.with_marks("both.csv", panel)
  assert marked.marks == {("1", "p2"), ("1+2", "p2")}
  assert marked.metric == "exact"


@pytest.mark.parametrize("mm, count, annotate", [
    (85, 4, False)] + [
    pytest.param(*case, marks=pytest.mark.thorough)
    for case in ((85, 1, True), (85, 4, True), (114, 2, True), (174, 1, False))])
def test_width_in_mm_with_legible_text(panels, mm, count, annotate):
  cells = {("1", "p2")}
  drawn = [panel._replace(marks=cells, equivalent=cells)
           for panel in (panels * 2)[:count]]
  figure = visualize_att_zone.draw_panels(drawn, LOOK._replace(
      width=mm / 25.4, annotate=annotate, title="Zones"))
  assert figure.get_size_inches()[0] == pytest.approx(mm / 25.4)
  for text in shown_texts(figure):
    assert text.get_fontsize() >= 6, text
    box = text.get_window_extent()
    assert box.x0 >= 0 and box.y0 >= 0, text
    assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
  for axes in figure.axes[:count]:
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
      boxes = [label.get_window_extent() for label in labels]
      assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:]))
    cell = axes.get_window_extent().width / 5
    assert all(text.get_window_extent().width < cell for text in axes.texts)


def test_pdf_is_as_wide_as_a_column(small):
  assert run("r.csv", "80.567", "f.pdf", "--width=85") == 0
  width, = re.findall(
      rb"/MediaBox \[ 0 0 ([\d.]+) ", (small / "f.pdf").read_bytes())
  # A point is 25.4 / 72 mm.
  assert float(width) * 25.4 / 72 == pytest.approx(85, abs=0.01)


def test_symmetric_goes_from_the_largest_loss_to_the_largest_gain(panels):
  args = visualize_att_zone.parse_args(
      ["a.csv", "1", "b.csv", "2", "f.pdf", "--symmetric"])
  look = visualize_att_zone.make_look(args, panels)
  # Table 2's P2 in layer 1, and its Q2 in layer 11: 80.935 - 80.901.
  assert (look.vmin, look.vmax) == pytest.approx((-14.626, 0.034))
  table = results_table.ResultsTable(["1"], ["q2", "p2"], [[71.0, 69.5]])

  def ends(baseline, table=table):
    look = visualize_att_zone.make_look(
        args, [heatmap.Panel("x", table, baseline, None)])
    return look.vmin, look.vmax
  assert ends(70.0) == (-0.5, 1)
  # Where nothing is gained, or lost, 0 is the end.
  assert ends(71.5) == (-2, 0) and ends(69.0) == (0, 2)
  assert ends(70.0, table._replace(scores=[[70.0, np.nan]])) == (-1, 1)


def test_symmetric_colours_are_as_strong_for_a_loss_as_for_a_gain():
  table = results_table.ResultsTable(
      ["1"], ["all", "q2", "q2p", "p2"], [[60, 69, 71, 70]])
  args = visualize_att_zone.parse_args(["a.csv", "70", "f.pdf", "--symmetric"])
  panel = heatmap.Panel("x", table, 70.0, None)
  figure = visualize_att_zone.draw_panels(
      [panel], visualize_att_zone.make_look(args, [panel]))
  mesh = figure.axes[0].collections[0]
  mesh.update_scalarmappable()
  end, loss, gain, none = mesh.get_facecolors()[:, :3]
  near = lambda colour: pytest.approx(colour, rel=0, abs=4 / 255)
  # seismic has (0, 0, 0.3) at its start; a tenth of the way from white to it is a
  # fifth to (0, 0, 1).
  assert list(end) == near([0, 0, 0.3]) and list(none) == near([1, 1, 1])
  assert list(loss) == near([0.8, 0.8, 1]) and list(gain) == near([1, 0.8, 0.8])


def test_the_colour_blind_map_can_be_read_in_grey_and_without_red():
  assert visualize_att_zone.parse_args(
      ["r.csv", "80", "f.pdf", "--colorblind"]).cmap == "RdBu_r"
  colours = matplotlib.colormaps["RdBu_r"](np.linspace(0, 1, 33))[:, :3]
  # Rec. 709: what is left in grey. It rises to the middle, and falls from there.
  linear = np.where(colours <= 0.04045, colours / 12.92,
                    ((colours + 0.055) / 1.055) ** 2.4)
  steps = np.diff(linear @ [0.2126, 0.7152, 0.0722])
  assert (steps[:16] > 0).all() and (steps[16:] < 0).all()
  # Who does not tell red from green tells yellow from blue: losses are the bluer.
  blue = colours[:, 2] - colours[:, :2].mean(axis=1)
  assert (blue[:12] > 0.1).all() and (blue[-12:] < -0.05).all()


@pytest.mark.parametrize("arguments", [
    ["r.csv", "80.567"], ["r.csv", "80.567", "r.csv", "f.pdf"], [],
    ["r.csv", "80.567", "f.pdf", "--symmetric", "--vmin=-3"],
    ["r.csv", "80.567", "f.pdf", "--colorblind", "--cmap=seismic"],
])
def test_usage(small, arguments, capsys):
  with pytest.raises(SystemExit) as caught:
    run(*arguments)
  assert caught.value.code == 2
  assert "error: " in capsys.readouterr().err


def stats_with(row, *changed):
  """SMALL_STATS with one row changed, from its `score` on."""
  rows = list(SMALL_STATS)
  rows[row] = rows[row][:6 - len(changed) + 1] + changed
  return rows


@pytest.mark.parametrize("rows, said", [
    (SMALL_STATS[1:], "bad.csv: has no score for layer 1, q2, which r.csv has; "),
    (SMALL_STATS + [("3", "", "q2", "exact", 80.56764, 80, 1)],
     "bad.csv: has layer 3, q2, which r.csv has not; give the stats file that"),
    (SMALL_STATS + [("1", "", "all", "exact", 80.56764, 80, 1)],
     "bad.csv: has layer 1, all, which r.csv has not"),
    (stats_with(1, 66.984, 0.01),
     "layer 1, p2 has the score 66.984, but in r.csv it is 66.982"),
    (stats_with(0, 81, 80.5, 0.01),
     "its baseline is 81.000, but r.csv is drawn with 80.567"),
    (stats_with(1, 66.982, "1.5"),
     "bad.csv, line 3, column p_holm: '1.5' is not a number from 0 to 1"),
    (stats_with(1, "x", 0.1), "bad.csv, line 3, column score: 'x' is not"),
    (stats_with(1, "nan", 0.1), "bad.csv, line 3, column score: 'nan' is not"),
    (SMALL_STATS + SMALL_STATS[:1], "bad.csv, line 8: layer 1, q2 comes twice"),
    (SMALL_STATS[5:], "bad.csv: has no row about all heads together"),
    ([], "bad.csv: has no row"),
])
def test_statistics_of_another_table_are_refused(small, rows, said, capsys):
  write_stats(small / "bad.csv", rows)
  (small / "f.pdf").write_text("old")
  assert run("r.csv", "80.567", "f.pdf", "--stats=bad.csv") == 1
  error = capsys.readouterr().err
  assert said in error and error.count("\n") == 1
  assert (small / "f.pdf").read_text() == "old"


@pytest.mark.parametrize("flags, said", [
    (["--stats=r.csv"], "r.csv, line 1: has no column head, zone, metric"),
    (["--stats=no.csv"], "no.csv: there is no such file; --stats should be"),
    (["--stats=picture"], "picture: not a table in UTF-8"),
    (["--stats=r.stats.csv", "--stats=r.stats.csv"],
     "--stats: 2 files for 1 tables"),
    (["--width=0"], "--width=0: should be a number of mm up to 420"),
    (["--width=nan"], "--width=nan: should be"),
    (["--width=26"],
     "--width=26: too narrow for 2 zones, whose labels and title need 3"),
    (["--width=85", "--panel_title=" + 50 * "W"],
     "--width=85: too narrow for 2 zones, whose labels and title need 97"),
    (["--panel_title=a", "--panel_title=b"],
     "--panel_title: 2 titles for 1 panels; give one for each, in their order"),
    (["--panel_title=\u6f22"],
     "--panel_title: the figure's font, DejaVu Sans, has no '\u6f22'"),
])
def test_refused_with_one_line(small, flags, said, capsys):
  (small / "picture").write_bytes(b"\x89PNG\r\n\0")
  assert run("r.csv", "80.567", "f.pdf", *flags) == 1
  error = capsys.readouterr().err
  assert said in error and error.count("\n") == 1
  assert not (small / "f.pdf").exists()


def test_the_width_that_is_said_to_be_needed_is_enough(small, capsys):
  run("r.csv", "80.567", "f.pdf", "--width=26", "--annotate")
  needed, = re.findall(r"need (\d+) mm", capsys.readouterr().err)
  assert run("r.csv", "80.567", "f.pdf", "--annotate", "--width=" + needed) == 0


def test_more_panels_than_letters(panels):
  with pytest.raises(ValueError, match="27 tables: .* holds 26"):
    visualize_att_zone.draw_panels(panels[:1] * 27, LOOK)


def test_a_hole_is_named_with_its_table(small, capsys):
  (small / "s.csv").write_text("layer,p2\n1,50.0\n2,\n")
  assert run("r.csv", "80.567", "s.csv", "60", "f.png") == 0
  error = capsys.readouterr().err
  assert "r.csv: missing cells, drawn hatched: layer 2: p2\n" in error
  assert "s.csv: missing cells, drawn hatched: layer 2: p2\n" in error


def test_a_table_without_a_score_is_named(small, capsys):
  (small / "s.csv").write_text("layer,p2\n1,\n")
  assert run("r.csv", "80.567", "s.csv", "60", "f.png", "--symmetric") == 1
  assert "s.csv: no cell has a score" in capsys.readouterr().err
