"""The figure of a results.shapley.csv: alone, Shapley, last."""

import math

import pytest

from attention_zones.figures import panel_tables
import visualize_att_zone

HEADER = ("layer,head,kind,zone,other,metric,n,clusters,seeds,diff,ci_low,ci_high,"
          "se,p,p_holm\n")
ROW = "%s,%s,%s,%s,%s,exact,12,5,1,%g,-1,1,.5,.1,%s\n"
ZONES = ["q2", "q2p", "p2q", "p2"]


def rows_of(layer, values, p_holm, head="", variant=""):
  """The rows of a layer: `values` of the kinds shapley, alone and last."""
  text = "".join(
      ROW % (layer, head, kind, zone + variant, "", value,
             p if kind == "shapley" else "")
      for kind, of_kind in zip(("shapley", "alone", "last"), values)
      for zone, value, p in zip(ZONES, of_kind, p_holm))
  return text + ROW % (
      layer, head, "pair", "p2q" + variant, "p2" + variant, -123, 0)


FIRST = rows_of(1, [[-1, -2, -14, -17], [0, 0, -3, -6], [-3, -5.5, -27, -29]],
                ["1", ".0501", ".0499", "1e-9"])
THIRD = rows_of(3, [[0, 1, -4, 2], [0, 1, -4, 2], [0, 1, -4, 2.5]], [""] * 4)
HEADS = rows_of(2, [[-50] * 4] * 3, ["0"] * 4, head="5")


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """A folder with s.csv, to run the script in."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / "s.csv").write_text(HEADER + FIRST + HEADS + THIRD)
  return tmp_path


def values(panel):
  """The differences that are drawn, the top row first, None where missing."""
  return [[None if math.isnan(value) else value for value in row]
          for row in panel.differences]


def test_what_is_drawn(folder):
  args = visualize_att_zone.parse_args(["s.csv", "f.pdf", "--symmetric"])
  panels = visualize_att_zone.read_panels(args)
  assert [panel.title for panel in panels] == ["alone", "Shapley", "last"]
  for panel in panels:
    assert panel.column_labels == ["Q\u00b2", "Q2P", "P2Q", "P\u00b2"]
    # Nothing is known of layer 2 in all heads.
    assert panel.row_labels == ["3", "2", "1"]
  none = [None] * 4
  assert list(map(values, panels)) == [
      [[0, 1, -4, 2], none, [0, 0, -3, -6]],
      [[0, 1, -4, 2], none, [-1, -2, -14, -17]],
      [[0, 1, -4, 2.5], none, [-3, -5.5, -27, -29]]]
  assert [panel.marks for panel in panels] == [
      None, {("1", "p2q"), ("1", "p2")}, None]
  figure = visualize_att_zone.draw_panels(
      panels, visualize_att_zone.make_look(args, panels))
  *axes, colours = figure.axes
  # One scale for all, whatever pairs and heads have.
  assert [each.collections[0].get_clim() for each in axes] == [(-29, 2.5)] * 3
  assert colours.get_ylabel() == "difference in EM, points"
  assert [len(each.lines) for each in axes] == [0, 2, 0]
  assert figure._supxlabel.get_text() == (
      "\u2022 in B: p < .05 after Holm\u2019s correction")


def test_the_script(folder, capsys):
  (folder / "stats.csv").write_text(
      "layer,head,zone,metric,baseline,score,p_holm\n" + "".join(
          "%d,,%s,exact,80,%g,%s\n" % (layer, zone, 80 + diff, p)
          for layer, diffs, p in ((1, [0, 0, -3, -6], .01), (3, [0, 1, -4, 2], .2))
          for zone, diff in zip(ZONES, diffs)))
  assert visualize_att_zone.main(["s.csv", "f.svg", "--stats=stats.csv"]) == 0
  assert capsys.readouterr().err == 3 * (
      "visualize_att_zone.py: s.csv: missing cells, drawn hatched: layer 2: q2, "
      "q2p, p2q, p2\n")
  assert "in A, B: p &lt; .05" in (folder / "f.svg").read_text(encoding="utf-8")


def test_zeroed_zones_stand_beside_the_others(folder):
  (folder / "s.csv").write_text(HEADER + FIRST + rows_of(
      1, [[-1, -1, -2, -2]] * 3, [".04"] + 3 * ["1"], variant="@zero"))
  _, panel, _ = panel_tables.of_shapley("s.csv")
  assert panel.column_labels == [
      "Q\u00b2", "Q\u00b2\n@zero", "Q2P", "Q2P\n@zero", "P2Q", "P2Q\n@zero",
      "P\u00b2", "P\u00b2\n@zero"]
  assert values(panel) == [[-1, -1, -2, -1, -14, -2, -17, -2]]
  assert panel.marks == {("1", "q2@zero"), ("1", "p2q"), ("1", "p2")}


@pytest.mark.parametrize("text, said", [
    (HEADER + FIRST.replace("alone", "first"), "line 6, column kind: 'first' "
     "should be one of alone, shapley, last, pair"),
    (HEADER + FIRST.replace("q2p", "q3p"), "column zone: 'q3p' is not a zone"),
    (HEADER + FIRST + FIRST, "layer 1, q2 comes twice"),
    (HEADER + FIRST.replace("-29", "-129"), "line 13, column diff: '-129' is not"),
    (HEADER + HEADS, "has no row of the kind alone in all heads"),
    (HEADER, "has no row of the kind alone in all heads"),
    (HEADER.replace("p_holm", "q"), "has no column p_holm; a results.shapley.csv "
     "of get_results.py is needed")],
    ids=["kind", "zone", "twice", "diff", "heads", "empty", "column"])
def test_bad_files_are_refused(folder, text, said, capsys):
  (folder / "bad.csv").write_text(text)
  assert visualize_att_zone.main(["bad.csv", "f.pdf"]) == 1
  error = capsys.readouterr().err
  assert error.startswith("visualize_att_zone.py: bad.csv") and said in error
  assert error.count("\n") == 1 and not (folder / "f.pdf").exists()
