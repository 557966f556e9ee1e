"""attention_zones.cases: the page of answers that masking changes, its table."""

import collections
import csv
import html.parser
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys

import pytest

from attention_zones import cases
from attention_zones.base import questions
from attention_zones.figures.cases_page import GAINED, KEPT, LOST, OTHER
from attention_zones.base import data_sets

PASSAGE = "In 2016 the Denver Broncos won. Anna lives in Oslo, not in Bergen."
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>&lt;\0\x85\u202e"


def question(name, text, *golds, **extra):
  answers = [{"text": gold, "answer_start": PASSAGE.find(gold)} for gold in golds]
  return dict({"id": name, "question": text, "answers": answers}, **extra)


def write(path, content):
  path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def sweep(tmp_path, monkeypatch):
  """A folder with dev.json and predictions of 2 layers in `sweep`, to run in."""
  monkeypatch.chdir(tmp_path)
  write(tmp_path / "dev.json", {"version": "v2.0", "data": [{"paragraphs": [{
      "context": PASSAGE, "qas": [
          question("where", "Where does Anna live?", "Oslo"),
          question("who", "Who won?", "Denver Broncos", "the Denver Broncos"),
          question("none", "Who lost?", is_impossible=True),
          question("same", "When?", "2016")]}]}]})
  folder = tmp_path / "sweep"
  folder.mkdir()
  base = {"where": "Bergen", "who": "Denver Broncos", "none": "", "same": "2016"}
  for name, changes in (
      ("", {}), ("_layer0_q2", {"who": "Broncos", "where": "Oslo"}),
      ("_layer0_p2", {"who": "Anna", "where": "Anna", "none": "Oslo"}),
      ("_layer1_p2", {"who": "Broncos", "same": "the 2016"}),
      ("_layer0+1_p2", {"who": "the Denver Broncos"})):
    write(folder / ("predictions%s.json" % name), dict(base, **changes))
  (folder / "nbest_predictions.json").write_text("not read")
  return tmp_path


def run(*arguments):
  return cases.main(list(arguments))


def test_golds_as_training_reads_them(tmp_path):
  """Offsets as strings, a null text, an impossible question without answers."""
  path = tmp_path / "dev.json"
  write(path, {"data": [{"paragraphs": [{"context": PASSAGE, "qas": [
      {"id": "a", "question": "?", "answers": [
          {"text": "Oslo", "answer_start": "46"}, {"text": None},
          {"text": "Anna", "answer_start": "<"}]},
      {"id": "b", "question": "?", "is_impossible": True,
       "plausible_answers": [{"text": "Oslo"}]}]}]}]})
  assert [[(answer.text, answer.start_if_known) for answer in question.answers]
          for question in questions.read(str(path))] == [
              [("Oslo", 46), ("", None), ("Anna", None)], []]


def run_here(*flags):
  return run("sweep", "cases.html", "--data_file=dev.json", *flags)


def table(path="cases.csv"):
  with open(path, encoding="utf-8", newline="") as f:
    return list(csv.DictReader(f))


class Page(html.parser.HTMLParser):
  """What a browser sees of a page.

  Attributes:
    tags: list of (name, dict of attributes), in order.
    text: str, all text but the style sheet's.
    cells: list of (caption, rows) for each table; a row is a list of (tag, scope or
      None, text) for each cell.
  """

  VOID = ("meta", "br", "img", "link")

  def __init__(self, content):
    super().__init__()
    self.tags, self.text, self.cells, self.open = [], "", [], []
    self.feed(content)
    self.close()
    assert self.open == []

  def handle_starttag(self, tag, attributes):
    self.tags.append((tag, dict(attributes)))
    assert len(dict(attributes)) == len(attributes)
    if tag not in self.VOID:
      self.open.append(tag)
    if tag == "table":
      self.cells.append(["", []])
    elif tag == "tr":
      self.cells[-1][1].append([])
    elif tag in ("td", "th"):
      self.cells[-1][1][-1].append([tag, dict(attributes).get("scope"), ""])

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if "style" in self.open:
      return
    self.text += data
    if "caption" in self.open:
      self.cells[-1][0] += data
    elif "td" in self.open or "th" in self.open:
      self.cells[-1][1][-1][-1][2] += data


def read_page(path="cases.html"):
  with open(path, encoding="utf-8", newline="") as f:
    return Page(f.read())


def grids(page):
  """The text of each grid's cells."""
  return [[[text for _, _, text in row] for row in rows]
          for caption, rows in page.cells if caption == "What masking does"]


@pytest.mark.parametrize("golds, baseline, masked, expected", [
    (("a b",), "a b", "a b", KEPT),
    (("b",), "b", "The b!", KEPT),
    (("b", "c"), "b", "c", KEPT),
    (("b",), "b", "c", LOST),
    (("b",), "c", "b", GAINED),
    (("b",), "c", "d", OTHER),
    (("b",), "c", "the c", KEPT),
    (("",), "", "c", LOST),
    (("",), "c", "", GAINED),
])
def test_outcome(golds, baseline, masked, expected):
  assert cases.outcome(golds, baseline, masked) == expected


@pytest.mark.parametrize("dataset, expected", [
    ("squad", GAINED), ("cmrc2018", KEPT)])
def test_the_data_set_decides_what_is_right(dataset, expected):
  if dataset == "cmrc2018":
    pytest.importorskip("nltk", reason="its scores need nltk")
  assert cases.outcome(("北京",), "《北京》", "北京",
                       data_sets.evaluator(dataset)) == expected


def test_the_table_has_all_questions_by_flips(sweep):
  assert run_here() == 0
  rows = table()
  assert list(rows[0]) == list(cases.COLUMNS)
  assert [tuple(row.values()) for row in rows] == [
      ("who", "Who won?", "Denver Broncos | the Denver Broncos", "Denver Broncos",
       "1", "3", "3", "0", "0", "1", "Broncos", "1:q2 1:p2 2:p2"),
      ("where", "Where does Anna live?", "Oslo", "Bergen", "0", "1", "0", "1", "1",
       "2", "Oslo", "1:q2"),
      ("none", "Who lost?", "", "", "1", "1", "1", "0", "0", "3", "Oslo", "1:p2"),
      ("same", "When?", "2016", "2016", "1", "0", "0", "0", "0", "4", "", "")]


def test_the_grid_has_symbols_with_words(sweep):
  run_here()
  who, where, none = grids(read_page())
  assert who == [["layer", "Q\u00b2", "P\u00b2"],
                 ["1", "\u2212lost", "\u2212lost"],
                 ["2", "not decoded", "\u2212lost"],
                 ["1+2", "not decoded", "\u00b7kept"]]
  assert where[1] == ["1", "+gained", "~other wrong"]
  assert none[1:3] == [["1", "\u00b7kept", "\u2212lost"],
                       ["2", "not decoded", "\u00b7kept"]]


def test_controls_are_columns_and_heads_are_left_out(sweep, capsys):
  for name in ("_layer0_p2@1", "_layer0_p2@flat", "_layer0_p2@zero",
               "_layer0_head1_p2", "_layer1_head0_off"):
    shutil.copy("sweep/predictions_layer0_p2.json",
                "sweep/predictions%s.json" % name)
  assert run_here() == 0
  printed = capsys.readouterr()
  assert printed.err == "sweep: 2 decodes of single heads are not on the page\n"
  assert grids(read_page())[0][0] == [
      "layer", "Q\u00b2", "P\u00b2", "P\u00b2@1", "P\u00b2@flat",
      "P\u00b2@zero"]
  assert "1:p2 1:p2@1 1:p2@flat 1:p2@zero" in table()[0]["flipped_cells"]


def test_heads_alone_are_refused(sweep, capsys):
  for path in (sweep / "sweep").glob("predictions_*"):
    path.rename(str(path).replace("layer0+1", "layer5").replace("_p2", "_head1_p2")
                .replace("_q2", "_head0_q2"))
  assert run_here() == 1
  assert "sweep: has decodes of single heads only" in capsys.readouterr().err


def test_answers_are_listed_with_their_cells(sweep):
  run_here()
  page = read_page()
  listed = [[[text for _, _, text in row] for row in rows[1:]]
            for caption, rows in page.cells if caption.startswith("Answers other")]
  assert listed[0] == [
      ["Broncos", "\u2212 lost, shifted", "Q\u00b2 1; P\u00b2 2"],
      ["Anna", "\u2212 lost, elsewhere", "P\u00b2 1"],
      ["the Denver Broncos", "\u00b7 kept, same", "P\u00b2 1+2"]]
  assert "GoldDenver Broncos | the Denver Broncos" in page.text.replace("\n", "")
  assert "Baselineno answer (right)" in page.text.replace("\n", "")
  assert "Broncos (wrong, in 2 of the 3 that flip)" in page.text
  assert "Oslo (right, in 1 of the 1 that flip)" in page.text


def test_a_passage_has_its_own_direction_and_no_known_language(sweep):
  run_here()
  passages = [attributes for tag, attributes in read_page().tags
              if attributes.get("class") == "passage"]
  assert passages == [{"class": "passage", "dir": "auto", "lang": ""}] * 3


def test_hostile_text_is_only_text(sweep):
  folder = sweep / "<b>&'\""
  folder.mkdir()
  data = "<i>'.json"
  write(sweep / data, {"data": [{"title": HOSTILE, "paragraphs": [{
      "context": HOSTILE + " Oslo " + HOSTILE, "qas": [{
          "id": HOSTILE, "question": HOSTILE, "answers": [
              {"text": HOSTILE, "answer_start": 0}, {"text": HOSTILE + "\ud800",
                                                     "answer_start": "<"}]}]}]}]})
  write(folder / "predictions.json", {HOSTILE: HOSTILE})
  write(folder / "predictions_layer0_p2.json", {HOSTILE: HOSTILE + "!<u>"})
  write(folder / "predictions_layer0_q2.json", {HOSTILE: "Oslo" + HOSTILE})
  page_path = "x<s>.html"
  assert run(folder.name, page_path, "--data_file=" + data) == 0
  page = read_page(page_path)
  known = {"html", "head", "meta", "title", "style", "body", "main", "article", "a",
           "h1", "h2", "h3", "p", "bdi", "i", "table", "caption", "thead", "tbody",
           "tr", "th", "td", "div", "span", "dl", "dt", "dd", "mark"}
  assert {tag for tag, _ in page.tags} == known
  assert not [name for _, attributes in page.tags for name in attributes
              if name not in ("class", "id", "lang", "dir", "href", "scope", "role",
                              "tabindex", "aria-label", "aria-labelledby",
                              "aria-hidden", "charset", "name", "content",
                              "http-equiv")]
  # What is shown is the text, but for characters that cannot be shown.
  shown = HOSTILE[:-3] + "\u2400\ufffd\ufffd"
  assert page.text.count(shown) >= 8
  assert not set(page.text) & set("\0\x85\u202e\ud800")
  assert "<b>&'\"" in page.text and data in page.text
  # The table keeps the text as it is.
  assert list(csv.reader(io.StringIO((sweep / "x<s>.csv").read_bytes().decode(
      ).replace("\0", "0"), newline="")))[1][0] == HOSTILE.replace("\0", "0")


def test_the_page_needs_nothing_from_elsewhere(sweep):
  run_here()
  content = (sweep / "cases.html").read_text(encoding="utf-8")
  page = Page(content)
  targets = [attributes["href"] for _, attributes in page.tags
             if "href" in attributes]
  identifiers = [attributes["id"] for _, attributes in page.tags
                 if "id" in attributes]
  assert targets and {target[1:] for target in targets} <= set(identifiers)
  assert len(set(identifiers)) == len(identifiers)
  for word in ("<script", "src=", "url(", "@import", "://", "<link"):
    assert word not in content
  policy, = [attributes["content"] for _, attributes in page.tags
             if "http-equiv" in attributes]
  assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_structure_for_screen_readers_and_screens(sweep):
  run_here()
  content = (sweep / "cases.html").read_text(encoding="utf-8")
  page = Page(content)
  tags = collections.Counter(tag for tag, _ in page.tags)
  assert content.startswith("<!DOCTYPE html>\n<html lang=\"en\">")
  assert (tags["h1"], tags["h2"], tags["h3"], tags["main"]) == (1, 2, 3, 1)
  for caption, rows in page.cells:
    assert caption
    assert all(cell[:2] == ["th", "col"] for cell in rows[0])
    for row in rows[1:]:
      assert ["th", "row"] in [cell[:2] for cell in row], (caption, row)
  boxes = [attributes for _, attributes in page.tags if "tabindex" in attributes]
  assert len(boxes) == 3
  assert all(box["role"] == "group" and box["aria-label"] for box in boxes)
  assert "@media (prefers-color-scheme: dark)" in content
  assert 'content="width=device-width, initial-scale=1"' in content


def luminance(colour):
  """Relative luminance of "#rgb" or "#rrggbb", as WCAG 2.1 defines it."""
  digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
  linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4))]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_is_legible_in_light_and_dark(sweep):
  run_here()
  content = (sweep / "cases.html").read_text(encoding="utf-8")
  schemes = [dict(re.findall(r"--(\w+): (#\w+);", block))
             for block in re.findall(r":root \{([^}]*)\}", content)]
  assert len(schemes) == 2 and set(schemes[0]) == set(schemes[1])
  for scheme in schemes:
    for text, grounds in (
        ("ink", ("paper", "soft", "gold", "lost", "gained", "other")),
        ("muted", ("paper", "gold")), ("link", ("paper", "soft"))):
      for ground in grounds:
        low, high = sorted([luminance(scheme[text]), luminance(scheme[ground])])
        # WCAG 2.1, success criterion 1.4.3 (AA).
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def test_top(sweep, capsys):
  assert run_here("--top=1") == 0
  assert len(grids(read_page())) == 1 and len(table()) == 4
  assert capsys.readouterr().out == (
      "cases.html: 1 of 4 questions, of which masking flips 3; all are in "
      "cases.csv\n")


@pytest.mark.parametrize("flag", ["--top=0", "--top=-1", "--top=x"])
def test_top_is_a_number(sweep, flag, capsys):
  with pytest.raises(SystemExit):
    run_here(flag)
  assert "--top: '%s' is not a whole number above 0" % flag[6:] in (
      capsys.readouterr().err)


def test_nothing_flips(sweep):
  for path in (sweep / "sweep").glob("predictions_*"):
    path.write_bytes((sweep / "sweep" / "predictions.json").read_bytes())
  assert run_here() == 0
  assert "No masked decode flips" in read_page().text
  assert [row["flipped"] for row in table()] == ["0"] * 4


def test_squad_v1_and_numeric_ids(sweep):
  write(sweep / "dev.json", {"version": "1.1", "data": [{"paragraphs": [{
      "context": PASSAGE, "qas": [{"id": 7, "question": "Where?", "answers": [
          {"text": "Oslo", "answer_start": 46}]}]}]}]})
  for path in (sweep / "sweep").glob("predictions*"):
    write(path, {"7": "Oslo" if path.name == "predictions.json" else ""})
  assert run_here() == 0
  assert [row["id"] for row in table()] == ["7"]
  assert table()[0]["lost"] == "4"


def test_the_same_bytes_again_and_from_an_address(sweep):
  run_here()
  page, rows = [(sweep / name).read_bytes() for name in ("cases.html", "cases.csv")]
  assert run_here() == 0
  assert (sweep / "cases.html").read_bytes() == page
  url = "file://%s" % sweep
  result = subprocess.run(
      [sys.executable, "-m", "attention_zones.cases", url + "/sweep",
       url + "/far.html", "--data_file", url + "/dev.json"],
      cwd=os.path.dirname(os.path.dirname(cases.__file__)),
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
  assert (result.returncode, result.stderr) == (0, "")
  assert (sweep / "far.csv").read_bytes() == rows
  far = (sweep / "far.html").read_bytes().replace(url.encode() + b"/", b"")
  assert far.replace(b"far.csv", b"cases.csv") == page


@pytest.mark.parametrize("arguments, said", [
    (["sweep", "cases.txt"], "cases.txt: the second argument is the page to write"),
    (["sweep", "no/cases.html"], "no/cases.html: there is no folder no; "),
    (["sweep", "folder.html"], "folder.html: is a folder; "),
    (["sweep", "table.html"], "table.csv: is not a table of cases, and would be "
     "overwritten; give table.html another name"),
    (["no", "cases.html"], "no: there is no such folder; every argument"),
    (["dev.json", "cases.html"], "dev.json: is a file; every argument"),
    (["empty", "cases.html"], "empty: has no file like predictions_layer0_q2.json"),
    (["unmasked", "cases.html"],
     "unmasked: has no file like predictions_layer0_q2.json"),
    (["masked", "cases.html"], "masked: has no predictions.json, the answers "),
    (["sweep", "cases.html", "--data_file=no.json"],
     "no.json: there is no such file; --data_file should be"),
    (["sweep", "cases.html", "--data_file=other.json"],
     "no prediction for 1 id (\"q\") of the data's 1; is it of another data set?"),
    (["sweep", "cases.html", "--data_file=bare.json"],
     "bare.json: data[0].paragraphs[0].qas[0] has no 'question', which should "),
    (["sweep", "cases.html", "--data_file=table.csv"], "table.csv: not JSON"),
])
def test_refused_with_one_line(sweep, arguments, said, capsys):
  (sweep / "folder.html").mkdir()
  (sweep / "table.csv").write_text("layer,q2\n1,80.0\n")
  for name, copied in (("empty", ()), ("unmasked", ("predictions.json",)),
                       ("masked", ("predictions_layer0_q2.json",))):
    (sweep / name).mkdir()
    for part in copied:
      (sweep / name / part).write_bytes((sweep / "sweep" / part).read_bytes())
  for name, qa in (("other", question("q", "?", "Oslo")),
                   ("bare", {"id": "who", "answers": []})):
    write(sweep / (name + ".json"), {"data": [{"paragraphs": [
        {"context": PASSAGE, "qas": [qa]}]}]})
  before = sorted(os.listdir("."))
  if not any(argument.startswith("--data") for argument in arguments):
    arguments = arguments + ["--data_file=dev.json"]
  assert run(*arguments) == 1
  error = capsys.readouterr().err
  assert error.startswith("attention_zones.cases: ") and said in error
  assert error.count("\n") == 1
  assert sorted(os.listdir(".")) == before


def test_a_write_that_fails_leaves_the_old_files(sweep):
  run_here()
  before = {name: (sweep / name).read_bytes()
            for name in ("cases.html", "cases.csv")}
  # No file may grow past 4 KB; the page is larger.
  result = subprocess.run(
      [sys.executable, "-m", "attention_zones.cases", str(sweep / "sweep"),
       str(sweep / "cases.html"), "--data_file", str(sweep / "dev.json")],
      cwd=os.path.dirname(os.path.dirname(cases.__file__)), stderr=subprocess.PIPE,
      universal_newlines=True, preexec_fn=lambda: resource.setrlimit(
          resource.RLIMIT_FSIZE, (4096, 4096)))
  assert result.returncode == 1
  assert str(sweep / "cases.html") in result.stderr
  assert result.stderr.count("\n") == 1
  assert sorted(os.listdir(".")) == ["cases.csv", "cases.html", "dev.json", "sweep"]
  for name, content in before.items():
    assert (sweep / name).read_bytes() == content
