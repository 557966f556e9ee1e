"""results_table.py: tables written in any legal way, and any text."""

import itertools
import math

from hypothesis import example, given, strategies as st
import pytest

from attention_zones.scores import results_table

BASIC = ["q2", "q2p", "p2q", "p2"]
UNIONS = ["+".join(zones) for size in (2, 3, 4)
          for zones in itertools.combinations(BASIC, size)]
# The order in which a table that was read has its columns.
COLUMNS = ["all"] + BASIC + UNIONS

SPACES = st.sampled_from(["", "", " ", "   "])
SCORES = st.one_of(st.none(), st.sampled_from([0.0, 100.0]),
                   st.floats(0, 100).map(lambda score: round(score, 3)))
# As people and spreadsheets write numbers.
NUMBER_FORMATS = ["%.3f", "%r", "%.17e", "+%.3f", "00%.3f"]


@st.composite
def tables(draw):
  """(layers counted from 0, zones, scores by layers and zone, or None)."""
  zones = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=6,
                        unique=True))
  single = draw(st.integers(0, 12))
  layers = [(layer,) for layer in range(single)]
  layers += draw(st.lists(st.lists(
      st.integers(0, 11), min_size=2, max_size=3, unique=True).map(
          lambda union: tuple(sorted(union))), max_size=3, unique=True))
  if not layers or draw(st.booleans()):
    layers.append(())
  return layers, zones, {(row, zone): draw(SCORES)
                         for row in layers for zone in zones}


@st.composite
def written(draw, table, first):
  """A table as bytes, in one of many ways; its layers count from `first`."""
  layers, zones, scores = table

  def cell(text):
    text = draw(SPACES) + text + draw(SPACES)
    # Nothing but the next comma follows a quotation mark.
    quoted = draw(st.integers(0, 3)) == 0
    return draw(SPACES) + '"%s"' % text if quoted else text

  def label(row):
    return "+".join(str(layer + first)
                    for layer in draw(st.permutations(row))) or "all"

  def number(score):
    return "" if score is None else (
        draw(st.sampled_from(NUMBER_FORMATS)) % score)

  def union(zone):
    return "+".join(draw(st.permutations(zone.split("+"))))

  columns = draw(st.permutations(zones))
  lines = [[cell("layer")] + [cell(union(zone)) for zone in columns]]
  for row in draw(st.permutations(layers)):
    lines.append([cell(label(row))]
                 + [cell(number(scores[row, zone])) for zone in columns])
  for _ in range(draw(st.integers(0, 2))):
    blank = draw(st.sampled_from(["", " ", "," * len(zones)]))
    lines.insert(draw(st.integers(0, len(lines))), [blank])
  end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
  text = end.join(",".join(cells) for cells in lines)
  mark = draw(st.sampled_from(["", "\ufeff"]))
  return (mark + text + draw(st.sampled_from(["", end]))).encode("utf-8")


@st.composite
def tables_and_files(draw):
  table = draw(tables())
  # Without layer 0 in it a file that counts from 0 cannot be told.
  may_count_from_0 = any(0 in row for row in table[0])
  first = draw(st.sampled_from([0, 1])) if may_count_from_0 else 1
  return table, first, draw(written(table, first))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  return tmp_path_factory.mktemp("results") / "results.csv"


HOLE = -1


def rows_of(table):
  """The scores of a ResultsTable, HOLE for NaN, which is equal to nothing."""
  return [[HOLE if math.isnan(score) else score for score in scores]
          for scores in table.scores]


@given(tables_and_files())
def test_a_table_is_read_as_meant(path, table_and_file):
  (layers, zones, scores), _, content = table_and_file
  path.write_bytes(content)
  table = results_table.read_results(str(path))
  columns = [zone for zone in COLUMNS if zone in zones]
  order = sorted(layers, key=lambda row: (row == (), len(row), row))
  assert table.zones == columns
  assert table.layers == [
      "+".join(str(layer + 1) for layer in row) or "all" for row in order]
  assert rows_of(table) == [[
      HOLE if scores[row, zone] is None else pytest.approx(
          scores[row, zone], abs=1e-9) for zone in columns] for row in order]


@given(tables_and_files())
def test_what_is_written_is_read(path, table_and_file):
  path.write_bytes(table_and_file[2])
  table = results_table.read_results(str(path))
  path.write_text(results_table.as_text(table))
  again = results_table.read_results(str(path))
  assert (again.layers, again.zones) == (table.layers, table.zones)
  assert rows_of(again) == rows_of(table)


@given(tables(), st.sampled_from(
    ["nan", "NaN", "inf", "-inf", "100.001", "1e3", "x", "8 0", "0x1",
     "80.5%", "--"]), st.data())
def test_a_cell_that_is_no_score_is_refused(path, table, fault, data):
  layers, zones, _ = table
  row = data.draw(st.sampled_from(layers))
  column = data.draw(st.sampled_from(zones))
  lines = [["layer"] + zones] + [
      ["+".join(str(layer + 1) for layer in other) or "all"]
      + [fault if (other, zone) == (row, column) else "80" for zone in zones]
      for other in layers]
  path.write_text("\n".join(map(",".join, lines)), encoding="utf-8")
  with pytest.raises(ValueError) as caught:
    results_table.read_results(str(path))
  assert str(caught.value).startswith("%s, line %d, column %s: %r " % (
      path, layers.index(row) + 2, column, fault))


def check_any_content(path, content):
  path.write_bytes(content)
  try:
    table = results_table.read_results(str(path))
  except (OSError, ValueError) as error:
    assert str(path) in str(error)
    assert len(str(error).splitlines()) == 1
    return
  assert table.layers and table.zones
  assert [len(scores) for scores in table.scores] == (
      [len(table.zones)] * len(table.layers))
  assert all(score == HOLE or 0 <= score <= 100
             for scores in rows_of(table) for score in scores)


TEXT = st.lists(st.one_of(
    st.sampled_from(
        ["layer", "all", "q2", "p2", "q2+p2", "1", "2", "0", "1+2", "80.567",
         "nan", "inf", "-1", "1e3", "1e999", "layer,all,q2\n1,80,79.5\n",
         "\ufeff", "\x00", "\"", "\"\"", "\r", "\r\n", "\u2028", "9" * 40,
         "x" * 140000] + list(",,,,,\n\n\n +-.")),
    st.characters(blacklist_categories=["Cs"]))).map("".join)


@given(TEXT)
@example("layer,q2\n1,80\n1,80\n")
@example("layer,q2\n1,\"8\n0\"\n")
@example("layer,q2\n\"1\n2\",80\n")
@example("layer,\"q\n2\"\n1,80\n")
@example("\"lay\ner\",q2\n1,80\n")
def test_any_text(path, text):
  check_any_content(path, text.encode("utf-8"))


@given(st.binary())
@example(b"\xff\xfel\x00")
def test_any_bytes(path, content):
  check_any_content(path, content)


@given(tables_and_files(), st.data())
def test_a_damaged_table(path, table_and_file, data):
  content = table_and_file[2]
  place = data.draw(st.integers(0, len(content)))
  length = data.draw(st.integers(0, 5))
  put = data.draw(st.one_of(
      st.binary(max_size=4),
      st.sampled_from([b"\"", b"\n", b"\r", b"\0", b",", b"\xff", b"+"])))
  check_any_content(path, content[:place] + put + content[place + length:])
