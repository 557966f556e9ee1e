"""Figures of attention_mass.csv: what is drawn is read back from them."""

import re

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from attention_zones.decoding import attention_mass
from attention_zones.figures import mass_figures
from attention_zones.findings import formulas
import visualize_att_zone

# From q to q, not_p to p, not_q to q, p to p, in each layer.
MASS = [[0.4, 0.3, 0.1, 0.6], [0.2, 0.5, 0.05, 0.8], [0.1, 0.4, 0.2, 0.7]]
LIFT = [[8.0, 0.5, 1.0, 0.9], [4.0, 0.25, 2.0, 1.1], [2.0, 0.75, 3.25, 1.5]]
STATS = [
    "layer,head,zone,metric,diff,p_holm",
    "1,,q2,exact,-1.0,.1", "2,,q2,exact,-3.0,.1", "3,,q2,exact,-2.0,.1",
    "1,,p2,exact,-9.5,.1", "2,,p2,exact,-9.5,",
    # Neither single layers nor a zone nor all heads.
    "1+2,,q2,exact,-50,", "all,,p2,exact,-50,", "1,,q2+p2,exact,-50,",
    "1,,all,exact,-50,", "3,4,p2,exact,-50,"]


def write_mass(path, left_out=()):
  """Writes an attention_mass.csv of three layers and a head, 9 in all other cells.
  """
  pairs = list(mass_figures.PAIRS.values())
  lines = ["layer,head,from,to,mass,uniform,lift,n"]
  for layer in range(3):
    for head in ("mean", "1"):
      for rows in attention_mass.FROM:
        for columns in attention_mass.TO:
          mass = lift = 9
          if head == "mean" and (rows, columns) in pairs:
            column = pairs.index((rows, columns))
            mass, lift = MASS[layer][column], LIFT[layer][column]
          line = "%d,%s,%s,%s,%g,0.5,%g,77" % (
              layer + 1, head, rows, columns, mass, lift)
          if not line.startswith(tuple(left_out)):
            lines.append(line)
  path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """A folder with attention_mass.csv and results.stats.csv, to run in."""
  monkeypatch.chdir(tmp_path)
  write_mass(tmp_path / "attention_mass.csv")
  (tmp_path / "results.stats.csv").write_text("\n".join(STATS) + "\n")
  return tmp_path


def run(*arguments):
  return visualize_att_zone.main(list(arguments))


def texts_of(figure):
  return [text for text in figure.findobj(Text)
          if text.get_visible() and text.get_text().strip()]


def all_text(figure):
  return " ".join(" ".join(text.get_text() for text in texts_of(figure)).split())


def test_spearman_by_hand():
  """Ranks 1 2.5 2.5 4 and 1 3 2 4: 4.5 / sqrt(4.5 * 5)."""
  assert formulas.spearman([10, 20, 20, 30], [1, 3, 2, 9]) == (
      pytest.approx(0.9486832980505138, rel=1e-12))
  # Without ties 1 - 6 sum d^2 / (n (n^2 - 1)): d is -1 1 -1 1.
  assert formulas.spearman([1, 2, 3, 4], [20, 10, 40, 30]) == (
      pytest.approx(1 - 6 * 4 / 60, rel=1e-12))
  assert formulas.spearman([1, 2, 3], [0, -1, -1e9]) == pytest.approx(-1)
  assert formulas.spearman([1, 2, 3], [5, 5, 5]) is None


def test_lift_by_layer_and_zone(folder):
  figure = mass_figures.draw_lift(mass_figures.read_mass("attention_mass.csv"))
  axes, bar = figure.axes
  mesh = axes.collections[0]
  drawn = mesh.get_array().reshape(3, 4)
  # Layer 3 at the top, as in the heatmap of results.csv.
  np.testing.assert_allclose(drawn, np.log2(LIFT[::-1]), rtol=1e-12)
  assert [label.get_text() for label in axes.get_xticklabels()] == [
      "Q\u00b2", "Q2P", "P2Q", "P\u00b2"]
  of_top = axes.transData.transform((0, axes.get_yticks()[0]))[1]
  assert axes.get_yticklabels()[0].get_text() == "3"
  assert of_top > axes.transData.transform((0, axes.get_yticks()[2]))[1]
  # 8 is the largest, 1 the middle of the colours.
  assert mesh.get_clim() == (-3, 3)
  assert [label.get_text() for label in bar.get_yticklabels()] == [
      "1/8", "1/4", "1/2", "1", "2", "4", "8"]
  assert [text.get_text() for text in axes.texts] == [
      "2.0", "0.75", "3.2", "1.5", "4.0", "0.25", "2.0", "1.1",
      "8.0", "0.50", "1.0", "0.90"]


def test_mass_against_what_masking_costs(folder):
  mass = mass_figures.read_mass("attention_mass.csv")
  metric, diff = mass_figures.read_effects("results.stats.csv", mass)
  figure = mass_figures.draw_against(mass, (metric, diff))
  points = {line.get_label(): list(zip(line.get_xdata(), line.get_ydata()))
            for line in figure.axes[0].lines[1:]}
  # Q2: masses .4 .2 .1 and -1 -3 -2 have the ranks 3 2 1 and 3 1 2.
  assert list(points) == ["Q\u00b2 (0.50)", "P\u00b2 (\u2013)"]
  assert points["Q\u00b2 (0.50)"] == [(0.4, -1.0), (0.2, -3.0), (0.1, -2.0)]
  assert points["P\u00b2 (\u2013)"][:2] == [(0.6, -9.5), (0.8, -9.5)]
  # All: masses .4 .2 .1 .6 .8 have the ranks 3 2 1 4 5, costs 5 3 4 1.5 1.5.
  # Of both, less 3: 0 -1 -2 1 2 and 2 0 1 -1.5 -1.5; -6.5 / sqrt(10 * 9.5).
  assert "\u03c1 = \u22120.67 over all 5 cells" in all_text(figure)
  assert "EM \u2212 baseline, points" in all_text(figure)
  # The largest effects first: P2's two, then Q2's 2, 3 and 1.
  assert [text.get_text() for text in figure.axes[0].texts] == [
      "1", "2", "2", "3", "1"]


@pytest.mark.parametrize("layers, width, crowd, fewest", [
    (12, None, 1, 40), (24, None, .1, 8), (24, 2.75, 1, 40)])
def test_numbers_hide_neither_points_nor_each_other(layers, width, crowd, fewest):
  """Also in a crowd; then some are left out, those of the smallest effects."""
  rs = np.random.RandomState(0)
  mass = crowd * rs.rand(layers, 4)
  diff = -10 * crowd * rs.rand(layers, 4)
  mass[0], diff[0] = [0, 1, 0, 1], [0, 0, -20, -20]  # in the corners of the axes
  mass[1], diff[1] = .5, -5  # all at one place
  figure = mass_figures.draw_against(mass_figures.Mass(
      list(range(1, layers + 1)), mass, mass, 77), ("exact", diff), width=width)
  figure.canvas.draw()
  axes = figure.axes[0]
  # Without the room below the line, which digits do not use.
  below = 0.24 * 6 * figure.dpi / 72
  boxes = [Bbox([[box.x0, box.y0 + below], [box.x1, box.y1]]) for box in (
      text.get_window_extent() for text in axes.texts)]
  points = [axes.transData.transform(point) for line in axes.lines[1:]
            for point in zip(line.get_xdata(), line.get_ydata())]
  assert len(points) == 4 * layers and fewest < len(boxes) < 4 * layers
  assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
  assert not any(box.contains(*point) for box in boxes for point in points)
  for box in boxes:
    assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
    assert axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1
  # Of the corners, the two of the largest effects have theirs for certain.
  assert [text.get_text() for text in axes.texts[:2]] == ["1", "1"]
  assert "left out where there is no room" in all_text(figure)


def figures(folder):
  mass = mass_figures.read_mass("attention_mass.csv")
  effects = mass_figures.read_effects("results.stats.csv", mass)
  for width in (None, 2.75, 6.85):
    yield mass_figures.draw_lift(mass, "Title", width)
    yield mass_figures.draw_against(mass, effects, "Title", width)


def test_text_is_inside_and_6_pt_or_more(folder):
  for figure in figures(folder):
    assert all(text.get_fontsize() >= 6 for text in texts_of(figure))
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox(figure.canvas.get_renderer())  # In inches.
    assert box.x0 >= 0 and box.x1 <= width
    assert box.y0 >= 0 and box.y1 <= height


@pytest.mark.slow
def test_the_caption_says_that_mass_is_not_effect(folder):
  for figure in figures(folder):
    assert "Attention mass is not causal effect" in all_text(figure)


def test_without_a_caption_the_figure_is_lower_and_says_nothing(folder):
  mass = mass_figures.read_mass("attention_mass.csv")
  effects = mass_figures.read_effects("results.stats.csv", mass)
  for draw in (
      lambda **options: mass_figures.draw_lift(mass, **options),
      lambda **options: mass_figures.draw_against(mass, effects, **options)):
    assert "causal effect" not in all_text(draw(has_caption=False))
    heights = [draw(has_caption=has_caption).get_size_inches()[1]
               for has_caption in (True, False)]
    assert heights[0] - heights[1] > 0.3


@pytest.mark.parametrize("arguments", [
    ["mass.pdf"], ["mass.svg", "--width=85", "--title=Mass"],
    ["mass.png", "--cmap=PuOr"],
    ["--against=results.stats.csv", "effect.pdf", "--no_caption"]])
def test_the_command(folder, capsys, arguments):
  assert run("attention_mass.csv", *arguments) == 0
  assert capsys.readouterr().err == ""
  path, = [folder / name for name in arguments if not name.startswith("--")]
  assert path.stat().st_size > 1000


@pytest.mark.parametrize("arguments, message", [
    (["attention_mass.csv", "m.pdf", "--annotate"],
     "--annotate: is for results.csv"),
    (["attention_mass.csv", "m.pdf", "--vmin=-1"], "--vmin: is for results.csv"),
    (["attention_mass.csv", "m.pdf", "--stats=results.stats.csv"],
     "--stats: is for results.csv"),
    (["attention_mass.csv", "m.pdf", "--panel_title=a"],
     "--panel_title: is for results.csv"),
    (["attention_mass.csv", "m.pdf", "--width=50"], "--width=50: too narrow"),
    (["attention_mass.csv", "m.pdf", "--cmap=none"], "--cmap=none: no such"),
    (["attention_mass.csv", "m.pdf", "--against=no.csv"],
     "no.csv: there is no such file"),
    (["attention_mass.csv", "m.pdf", "--against=attention_mass.csv"],
     "line 1: has no column zone, metric, diff; a results.stats.csv of "),
    (["r.csv", "m.pdf"], "r.csv, line 1: has no column"),
    (["results.stats.csv", "m.pdf", "--against=results.stats.csv"],
     "--against=results.stats.csv: is for attention_mass.csv"),
    (["r.csv", "80", "m.pdf", "--against=results.stats.csv"],
     "--against=results.stats.csv: is for attention_mass.csv"),
])
def test_refused_with_one_line(folder, capsys, arguments, message):
  (folder / "r.csv").write_text("layer,q2\n1,80\n")
  assert run(*arguments) == 1
  error = capsys.readouterr().err
  assert error.startswith("visualize_att_zone.py: ") and message in error
  assert error.count("\n") == 1
  assert not list(folder.glob("m.*"))


@pytest.mark.parametrize("left_out, message", [
    (["2,mean,not_q,q"], "lacks layer 2, mean, from not_q to q"),
    (["2,mean"], "has the layers 1, 3 in the mean of heads; should have 1, 2, 3"),
    (["1,mean", "2,mean", "3,mean"], "has the layers none in the mean"),
])
def test_a_mass_file_that_lacks_something(folder, left_out, message):
  write_mass(folder / "attention_mass.csv", left_out)
  with pytest.raises(ValueError, match="attention_mass.csv: " + re.escape(message)):
    mass_figures.read_mass("attention_mass.csv")


@pytest.mark.parametrize("lines, message", [
    (["1,,q2,exact,-1,", "1,,p2,exact,-1,"], "2 cells of single layers"),
    (["4,,q2,exact,-1,"], "line 2: layer 4, but attention_mass.csv has 3"),
    (["1,,q2,exact,x,"], "line 2, column diff: 'x' is not a number"),
    (["1,,q2,f1,-1,", "2,,q2,exact,-1,"],
     "line 3, column metric: 'exact', but the lines before have 'f1'"),
])
def test_statistics_of_something_else(folder, lines, message):
  (folder / "results.stats.csv").write_text("\n".join(STATS[:1] + lines))
  mass = mass_figures.read_mass("attention_mass.csv")
  with pytest.raises(ValueError, match=re.escape(message)):
    mass_figures.read_effects("results.stats.csv", mass)
