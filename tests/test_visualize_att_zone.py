"""The heatmap: what is drawn is read back from the figure."""

import math
import os
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from attention_zones.figures import heatmap
from attention_zones.scores import results_table
import visualize_att_zone

SCRIPT = "visualize_att_zone.py"


@pytest.fixture
def tables(repository):
  """The paper's Tables 1 and 2, [None, table, table]."""
  folder = repository / "paper"
  return [None] + [results_table.read_results(str(folder / name))
                   for name in ("table1.csv", "table2.csv")]


@pytest.fixture
def table1_csv(repository):
  """The path of the paper's Table 1."""
  return str(repository / "paper" / "table1.csv")


def draw(table, baseline, **look):
  """Draws the heatmap of one table as the paper has it, but for what is given."""
  usual = dict(title=None, annotate=False, cmap=heatmap.CMAP,
               vmin=visualize_att_zone.VMIN, vmax=visualize_att_zone.VMAX,
               width=None)
  return visualize_att_zone.draw_panels(
      [heatmap.Panel("results", table, baseline, marks=None)],
      heatmap.Look(**dict(usual, **look)))


def cells(figure):
  """The drawn values, the top row first, masked where missing."""
  mesh = figure.axes[0].collections[0]
  rows = len(figure.axes[0].get_yticks())
  return mesh.get_array().reshape(rows, -1)


def cell_colours(figure):
  """The drawn colours as RGBA [rows, columns, 4], the top row first."""
  mesh = figure.axes[0].collections[0]
  mesh.update_scalarmappable()
  return mesh.get_facecolors().reshape(cells(figure).shape + (4,))


def row_labels(figure):
  """The labels of the rows, the top one first."""
  axes = figure.axes[0]
  # Where a label stands on the page, not in which order it was given.
  labels = sorted(zip(axes.transData.transform(
      [(0, y) for y in axes.get_yticks()])[:, 1], axes.get_yticklabels()),
                  key=lambda item: -item[0])
  return [label.get_text() for _, label in labels]


def column_labels(figure):
  """The labels of the columns, from the left."""
  return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def small_table(layers, zones, scores):
  """A ResultsTable from short lists."""
  return results_table.ResultsTable(layers, zones, scores)


def test_draws_table_1(tables):
  figure = draw(tables[1], 80.567)
  values = cells(figure)
  assert values.shape == (12, 5)
  assert row_labels(figure) == [
      "12", "11", "10", "9", "8", "7", "6", "5", "4", "3", "2", "1"]
  assert column_labels(figure) == ["All", "Q\u00b2", "Q2P", "P2Q", "P\u00b2"]
  # Layer 1, at the bottom: 66.982 - 80.567 and 78.344 - 80.567.
  assert values[11, 4] == pytest.approx(-13.585)
  assert values[11, 0] == pytest.approx(-2.223)
  # Layer 11: 76.405 - 80.567 in P2Q, 80.577 - 80.567 in Q2.
  assert values[1, 3] == pytest.approx(-4.162)
  assert values[1, 1] == pytest.approx(0.010)
  # Layer 5: 77.237 - 80.567.
  assert values[7, 0] == pytest.approx(-3.330)
  assert list(figure.get_size_inches()) == pytest.approx([3, 4])


def test_draws_table_2(tables):
  figure = draw(tables[2], 80.901)
  values = cells(figure)
  # Layer 12: q2 and q2p are the baseline; 78.880 - 80.901 in P2.
  assert values[0, 1] == values[0, 2] == 0
  assert values[0, 4] == pytest.approx(-2.021)
  # Layer 11: 72.157 - 80.901 in P2Q. Layer 1: 66.275 - 80.901 in P2.
  assert values[1, 3] == pytest.approx(-8.744)
  assert values[11, 4] == pytest.approx(-14.626)


def test_colours_are_the_papers():
  table = small_table(
      ["1"], ["all", "q2", "q2p", "p2q", "p2"], [[40, 45, 50, 52, 30]])
  colours = cell_colours(draw(table, 50.0))[0, :, :3]
  darkest, blue, white, light_red, below = colours
  # seismic runs from (0, 0, 0.3) by (0, 0, 1), white and (1, 0, 0) on; -10 is
  # its start, 0 its middle, so that 2 is a tenth beyond the middle.
  # A value takes the nearest of 256 colours. From one to the next a channel moves
  # by at most 1 in a quarter of them, so it is off by half of that, or by all of
  # it where the middle falls between two.
  near = lambda colour: pytest.approx(colour, rel=0, abs=4 / 255)
  assert darkest == near([0, 0, 0.3])
  assert blue == near([0, 0, 1])
  assert white == near([1, 1, 1])
  assert light_red == near([1, 0.6, 0.6])
  assert list(below) == list(darkest)


@pytest.mark.parametrize("vmin, vmax", [(-10, 2), (-3.5, 0), (0, 1.25), (-2, 7)])
def test_the_page_has_the_figures_colours(vmin, vmax):
  scores = [float(score) for score in np.linspace(vmin - 1, vmax + 1, 97)]
  zones_of = ["p2@%d" % i for i in range(1, 98)]
  figure = draw(small_table(["1"], zones_of, [[50 + score for score in scores]]),
                50.0, vmin=vmin, vmax=vmax)
  drawn = [matplotlib.colors.to_hex(colour) for colour in cell_colours(figure)[0]]
  look = heatmap.Look(None, False, heatmap.CMAP, vmin, vmax, None)
  differences = [50 + score - 50.0 for score in scores]
  assert heatmap.hex_colours(differences, look) == drawn
  assert len(set(drawn)) > 20


def test_colour_bar_says_that_values_lie_outside():
  def extend(score, **options):
    figure = draw(
        small_table(["1"], ["p2"], [[score]]), 50.0, **options)
    mesh = figure.axes[0].collections[0]
    return mesh.get_clim(), mesh.colorbar.extend
  assert extend(39.9) == ((-10, 2), "min")
  assert extend(40.0) == ((-10, 2), "neither")
  assert extend(52.1) == ((-10, 2), "max")
  assert extend(39.9, vmin=-20.0, vmax=0.0) == ((-20, 0), "neither")


def test_unions_stand_above_and_beside_and_nothing_overlaps():
  layers = [str(layer) for layer in range(1, 25)] + ["1+2", "1+2+3", "all"]
  zones = ["all", "q2", "q2p", "p2q", "p2", "q2+p2", "q2p+p2q",
           "q2+q2p+p2q+p2"]
  table = small_table(layers, zones, [[79.0] * 8] * 27)
  figure = draw(table, 80.0)
  assert row_labels(figure)[:4] == ["all", "1\u20133", "1\u20132", "24"]
  assert row_labels(figure)[-1] == "1"
  assert column_labels(figure)[5:] == [
      "Q\u00b2+\nP\u00b2", "Q2P+\nP2Q", "Q\u00b2+\nQ2P+\nP2Q+\nP\u00b2"]
  width, height = figure.get_size_inches()
  assert 4 < width < 6 and 7.5 < height < 9
  axes = figure.axes[0]
  for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
    boxes = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:]))
    for box in boxes:
      assert box.x0 >= 0 and box.y0 >= 0
      assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


def test_cells_do_not_shrink_for_long_labels(tables):
  def cell_size(figure):
    rows, columns = cells(figure).shape
    box = figure.axes[0].get_window_extent()
    return np.array([box.width / columns, box.height / rows])
  usual = cell_size(draw(tables[1], 80.567))
  wide = tables[1]._replace(layers=tables[1].layers[:-1] + ["1+2+3+4+5+6+7"])
  high = tables[1]._replace(zones=tables[1].zones[:-1] + ["q2+q2p+p2q+p2"])
  for table in (wide, high):
    size = cell_size(draw(table, 80.567))
    assert (size > 0.97 * usual).all()


def test_missing_cells_are_hatched_and_named(tmp_path, capsys):
  results = tmp_path / "results.csv"
  results.write_text("layer,q2,p2\n1,79.5,\n2,,\n3,80.0,71.0\n",
                     encoding="utf-8")
  figure = draw(
      results_table.read_results(str(results)), 80.0)
  hatched = [patch for patch in figure.axes[0].patches
             if isinstance(patch, Rectangle) and patch.get_hatch()]
  # (column, row from the top): layer 2 is the middle row, layer 1 the last.
  assert sorted(patch.get_xy() for patch in hatched) == [
      (0, 1), (1, 1), (1, 2)]
  assert cells(figure).mask.tolist() == [
      [False, False], [True, True], [False, True]]
  output = tmp_path / "squad.svg"
  assert visualize_att_zone.main([str(results), "80", str(output)]) == 0
  assert "layer 1: p2; layer 2: q2, p2" in capsys.readouterr().err
  assert output.stat().st_size > 0


def test_annotate_writes_every_value_that_is_there(tables):
  table = small_table(["1", "2"], ["q2", "p2"],
                      [[79.98, 66.43], [math.nan, 81.0]])
  figure = draw(table, 80.0, annotate=True)
  texts = {text.get_position(): text for text in figure.axes[0].texts}
  assert {place: text.get_text() for place, text in texts.items()} == {
      (1.5, 0.5): "1.0", (0.5, 1.5): "0.0", (1.5, 1.5): "\u221213.6"}
  assert texts[1.5, 1.5].get_color() == "white"
  assert texts[0.5, 1.5].get_color() == "black"
  assert not draw(tables[1], 80.567).axes[0].texts


def test_annotations_fit_their_cells(tables):
  figure = draw(tables[1], 80.567, annotate=True)
  axes = figure.axes[0]
  cell_width = axes.get_window_extent().width / 5
  widest = max(text.get_window_extent().width for text in axes.texts)
  assert len(axes.texts) == 60
  assert widest < cell_width


def test_title_is_plain_text_and_fits():
  title = "From $5 to $6: " + "A LONG TITLE IN CAPITALS " * 3
  figure = draw(
      small_table(["1"], ["p2"], [[70.0]]), 80.0, title=title)
  drawn = figure._suptitle  # there is no public way to it
  assert " ".join(drawn.get_text().split()) == title.strip()
  box = drawn.get_window_extent()
  assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
  assert not drawn.get_parse_math()


def test_accents_of_a_title_are_drawn_with_their_letters():
  figure = draw(
      small_table(["1"], ["p2"], [[70.0]]), 80.0, title="cafe\u0301")
  assert figure._suptitle.get_text() == "caf\u00e9"


def test_pdf_has_truetype_fonts_and_the_papers_size(table1_csv, tmp_path):
  output = tmp_path / "squad.pdf"
  assert visualize_att_zone.main([table1_csv, "80.567", str(output)]) == 0
  pdf = output.read_bytes()
  assert pdf.startswith(b"%PDF-")
  assert b"/FontFile2" in pdf
  assert b"/Type3" not in pdf
  assert b"/MediaBox [ 0 0 216 288 ]" in pdf


def test_svg_has_text_as_text(table1_csv, tmp_path):
  output = tmp_path / "squad.svg"
  assert visualize_att_zone.main(
      [table1_csv, "80.567", str(output), "--title", "Single run"]) == 0
  svg = output.read_text(encoding="utf-8")
  for text in (">Single run</text>", ">12</text>", ">P\u00b2</text>"):
    assert text in svg


def test_svg_names_fonts_that_browsers_find(table1_csv, tmp_path):
  """matplotlib 3.5 quotes 'sans-serif', which then is no font at all."""
  output = tmp_path / "squad.svg"
  title = "<text style=\"font: 'y'\">"
  assert visualize_att_zone.main([table1_csv, "80.567", str(output)] + [
      "--title=" + title, "--panel_title=bold"]) == 0
  svg = output.read_text(encoding="utf-8")
  fonts = re.findall(r"<text [^>]*font: ((?:\d+ )?\d+px) ([^;\">]*)", svg)
  assert len(fonts) == svg.count("<text ") > 20
  assert {font for _, font in fonts} == {
      "'DejaVu Sans', Verdana, Arial, sans-serif"}
  tree = xml.etree.ElementTree.parse(str(output))
  assert title in list(tree.getroot().itertext())


def test_png_has_300_dots_an_inch(table1_csv, tmp_path):
  # The suffix counts in either case.
  output = tmp_path / "squad.PNG"
  assert visualize_att_zone.main([table1_csv, "80.567", str(output)]) == 0
  png = output.read_bytes()
  assert png.startswith(b"\x89PNG")
  assert int.from_bytes(png[16:20], "big") == 900
  assert int.from_bytes(png[20:24], "big") == 1200


@pytest.mark.slow
def test_same_bytes_in_another_process(repository, table1_csv, tmp_path):
  names = ["f.pdf", "f.svg", "f.png"]
  for name in names:
    assert visualize_att_zone.main(
        [table1_csv, "80.567", str(tmp_path / name)]) == 0
  # Another time of day, hash seed and rc file, and a backend for windows.
  (tmp_path / "matplotlibrc").write_text(
      "pdf.fonttype: 3\naxes.labelsize: 20\n", encoding="utf-8")
  environment = dict(
      os.environ, PYTHONHASHSEED="7", MPLBACKEND="TkAgg", LC_ALL="C",
      MATPLOTLIBRC=str(tmp_path), SOURCE_DATE_EPOCH="86400")
  there = tmp_path / "there"
  there.mkdir()
  draw = ("import visualize_att_zone, sys; sys.exit(any(visualize_att_zone.main("
          "[%r, '80.567', name]) for name in %r))" % (table1_csv, names))
  environment["PYTHONPATH"] = str(repository)
  subprocess.run([sys.executable, "-c", draw], cwd=str(there), env=environment,
                 check=True)
  for name in names:
    assert (tmp_path / name).read_bytes() == (there / name).read_bytes()


def test_published_tables_are_drawn_without_a_word(repository, tmp_path,
                                                   capsys):
  for name, baseline in (("table1.csv", "80.567"), ("table2.csv", "80.901")):
    results = str(repository / "paper" / name)
    assert visualize_att_zone.main(
        [results, baseline, str(tmp_path / "squad.png")]) == 0
  captured = capsys.readouterr()
  assert captured.out == "" and captured.err == ""


@pytest.mark.parametrize("arguments, said", [
    (["80.567", "squad.jpg"], ["squad.jpg", "'.jpg'", ".pdf, .svg, .png"]),
    (["80.567", "squad"], ["squad", ".pdf, .svg, .png"]),
    (["80,567", "squad.pdf"], ["baseline '80,567'", "not a number"]),
    (["nan", "squad.pdf"], ["baseline nan", "0 to 100"]),
    (["-1", "squad.pdf"], ["baseline -1", "0 to 100"]),
    (["100.1", "squad.pdf"], ["baseline 100.1", "0 to 100"]),
    (["80", "squad.pdf", "--cmap=seismc"], ["--cmap=seismc", "seismic"]),
    (["80", "squad.pdf", "--vmin=1"], ["--vmin=1", "at most 0"]),
    (["80", "squad.pdf", "--vmax=-1"], ["--vmax=-1", "at least 0"]),
    (["80", "squad.pdf", "--vmin=0", "--vmax=0"], ["--vmin=0 --vmax=0"]),
    (["80", "squad.pdf", "--vmax=inf"], ["--vmax=inf", "finite"]),
    (["80", "squad.pdf", "--title=\u6f22"], ["--title", "'\u6f22'", "font"]),
    (["80", "squad.pdf", "--title=\u05d0"],
     ["--title: the figure's text runs from left to right, unlike '\u05d0'\n"]),
    (["80", "no/squad.pdf"], ["no/squad.pdf", "there is no folder no;"]),
])
def test_refuses_and_leaves_old_files(table1_csv, tmp_path, monkeypatch, capsys,
                                      arguments, said):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "squad.pdf").write_text("old")
  assert visualize_att_zone.main([table1_csv] + arguments) == 1
  error = capsys.readouterr().err
  assert error.startswith(SCRIPT + ": ")
  assert error.count("\n") == 1 and error.endswith("\n")
  for words in said:
    assert words in error
  assert (tmp_path / "squad.pdf").read_text() == "old"
  assert os.listdir(str(tmp_path)) == ["squad.pdf"]


def test_suffix_is_refused_before_anything_is_read(tmp_path, capsys):
  missing = str(tmp_path / "missing.csv")
  assert visualize_att_zone.main([missing, "80", "squad.gif"]) == 1
  assert "'.gif'" in capsys.readouterr().err


def test_a_write_that_fails_leaves_the_old_file(repository, table1_csv,
                                                tmp_path):
  output = tmp_path / "squad.png"
  output.write_text("old", encoding="utf-8")
  # No file may grow past 4 KB; the picture is larger.
  run = subprocess.run(
      [sys.executable, str(repository / SCRIPT), table1_csv, "80.567",
       str(output)], stderr=subprocess.PIPE, universal_newlines=True,
      preexec_fn=lambda: resource.setrlimit(
          resource.RLIMIT_FSIZE, (4096, 4096)))
  assert run.returncode == 1
  assert run.stderr.startswith(SCRIPT + ": ")
  assert str(output) in run.stderr and run.stderr.count("\n") == 1
  assert output.read_text(encoding="utf-8") == "old"
  assert os.listdir(str(tmp_path)) == ["squad.png"]


def test_table_without_a_score_is_refused():
  with pytest.raises(ValueError, match="no cell has a score"):
    draw(
        small_table(["1"], ["q2"], [[math.nan]]), 80.0)


def test_drawing_leaves_the_callers_matplotlib_alone(tables):
  import matplotlib
  with matplotlib.rc_context({"font.size": 17}):
    draw(tables[1], 80.567)
    assert matplotlib.rcParams["font.size"] == 17


def test_readme_figures_are_up_to_date(repository, tmp_path):
  from matplotlib.image import imread
  for name, table, baseline, title in (
      ("figure1a.png", "table1.csv", "80.567", "A  single run"),
      ("figure1b.png", "table2.csv", "80.901", "B  mean of five runs")):
    output = tmp_path / name
    assert visualize_att_zone.main(
        [str(repository / "paper" / table), baseline, str(output),
         "--title", title]) == 0
    # Pixels, not bytes: another zlib compresses differently. Agg draws them with
    # integers, so that processors do not differ.
    assert np.array_equal(imread(str(output)),
                          imread(str(repository / "paper" / name)))
