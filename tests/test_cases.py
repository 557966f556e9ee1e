"""attention_zones.cases: the page of the heatmap and its questions, its table."""

import argparse
import base64
import collections
import csv
import hashlib
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
from attention_zones.figures import heat_tables
from attention_zones.figures import heatmap
from attention_zones.findings.flips import GAINED, KEPT, LOST, OTHER

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
  return run("sweep", "report.html", "--data_file=dev.json", *flags)


def table(path="report.csv"):
  with open(path, encoding="utf-8", newline="") as f:
    return list(csv.DictReader(f))


class Page(html.parser.HTMLParser):
  """What a browser sees of a page.

  Attributes:
    tags: list of (name, dict of attributes), in order.
    text: str, all text but the style sheet's and the script's.
    cells: list of (caption, rows) for each table; a row is a list of (tag, scope or
      None, text) for each cell.
  """

  VOID = ("meta", "br", "img", "link", "wbr")

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
    if self.open[-1:] in (["style"], ["script"]):
      return
    self.text += data
    if "caption" in self.open:
      self.cells[-1][0] += data
    elif "td" in self.open or "th" in self.open:
      self.cells[-1][1][-1][-1][2] += data


def read_page(path="report.html"):
  with open(path, encoding="utf-8", newline="") as f:
    return Page(f.read())


def tables(page, beginning):
  """The text of each table's cells whose caption begins so."""
  return [[[text for _, _, text in row] for row in rows]
          for caption, rows in page.cells if caption.startswith(beginning)]


def sections(path="report.html"):
  """The lists of the page: dict from a cell's id to [lost, gained], lists of str.
  """
  with open(path, encoding="utf-8") as f:
    text = f.read()
  found = {}
  for name, rest in re.findall(
      '<section id="([^"]*)">(.*?)</section>', text, re.S):
    lost, gained = rest.split("<h4>")[1:]
    found[name] = [re.findall('<li><a href="#(q[0-9]+)">', part)
                   for part in (lost, gained)]
  return found


@pytest.mark.parametrize("golds, baseline, masked, expected", [
    (["a b"], "a b", "a b", KEPT),
    (["b"], "b", "The b!", KEPT),
    (["b", "c"], "b", "c", KEPT),
    (["b"], "b", "c", LOST),
    (["b"], "c", "b", GAINED),
    (["b"], "c", "d", OTHER),
    (["b"], "c", "the c", KEPT),
    ([], "", "c", LOST),
    ([], "c", "", GAINED),
])
def test_outcome(tmp_path, golds, baseline, masked, expected):
  assert outcome(tmp_path, golds, baseline, masked, "squad") == expected


def outcome(folder, golds, baseline, masked, dataset):
  write(folder / "dev.json", {"data": [{"paragraphs": [{"context": "", "qas": [{
      "id": "q", "question": "?", "answers": [
          {"text": gold, "answer_start": 0} for gold in golds]}]}]}]})
  write(folder / "predictions.json", {"q": baseline})
  write(folder / "predictions_layer0_q2.json", {"q": masked})
  _, answers = cases.read(argparse.Namespace(
      folder=str(folder), data_file=str(folder / "dev.json"), dataset=dataset))
  return answers.outcome(0, 0)


@pytest.mark.parametrize("dataset, expected", [
    ("squad", GAINED), ("cmrc2018", KEPT)])
def test_the_data_set_decides_what_is_right(tmp_path, dataset, expected):
  if dataset == "cmrc2018":
    pytest.importorskip("nltk", reason="its scores need nltk")
  assert outcome(tmp_path, ["北京"], "《北京》", "北京", dataset) == expected


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


def test_the_heatmap_has_differences_in_the_figures_colours(sweep):
  run_here()
  page = read_page()
  f1, exact = tables(page, "F1") + tables(page, "EM")
  assert exact == [["layer", "Q\u00b2", "P\u00b2"],
                   ["1+2", "not decoded", "0.0"],
                   ["2", "not decoded", "\u221225.0"],
                   ["1", "0.0", "\u221250.0"]]
  # Of "Broncos", two thirds; of "the Denver Broncos", all.
  assert f1[2:] == [["2", "not decoded", "\u22128.3"],
                    ["1", "+16.7", "\u221250.0"]]
  content = (sweep / "report.html").read_text(encoding="utf-8")
  colours = dict(re.findall(r"^\.(c[0-9]+)\{background:(#\w+)", content, re.M))
  of_cell = lambda cell: {colours[name] for name in re.findall(
      '<td class="(c[0-9]+)"><a href="#%s"' % re.escape(cell), content)}
  # The map's darkest blue, and white, of 256 steps.
  assert of_cell("1:p2") == {"#00004c"} and of_cell("1+2:p2") == {"#fffdfd"}


def test_a_cell_leads_to_its_questions_and_these_back(sweep):
  run_here()
  assert sections() == {
      "1:q2": [["q2"], ["q1"]], "1:p2": [["q2", "q3"], []], "2:p2": [["q2"], []],
      "1+2:p2": [[], []]}
  content = (sweep / "report.html").read_text(encoding="utf-8")
  assert ('<a href="#q2"><bdi lang="">Who won?</bdi></a> <span class="muted">'
          '<bdi lang="">Denver Broncos</bdi> \u2192 <bdi lang="">Anna</bdi>; 3 of '
          "4 decodes flip it</span>") in content
  of_who = content.partition('<article id="q2"')[2].partition("</article>")[0]
  assert re.findall('<a href="#([^"]*)">', of_who) == [
      "1:q2", "1:p2", "2:p2", "heatmap"]
  # Each question stands there once, and those that no cell lists do not.
  assert re.findall('<article id="(q[0-9]+)"', content) == ["q1", "q2", "q3"]


def write_logp(folder, values):
  """Writes gold_logp files; each decode has its own list of the four questions."""
  for name, of_decode in values.items():
    write(folder / ("gold_logp%s.json" % name), dict(zip(
        ("where", "who", "none", "same"), of_decode)))


def test_lists_come_by_the_fall_of_logp(sweep):
  folder = sweep / "sweep"
  base = {"where": "Oslo", "who": "Denver Broncos", "none": "", "same": "2016"}
  write(folder / "predictions.json", base)
  write(folder / "predictions_layer0_p2.json", dict.fromkeys(base, "x"))
  write(folder / "predictions_layer0_q2.json", dict(base, who="x", same="x"))
  write(folder / "predictions_layer0+1_p2.json", dict(base, who="x"))
  # Without log-probabilities: by flips, 2 4 1 2, equal ones in the data's order.
  assert run_here() == 0
  assert sections()["1:p2"][0] == ["q2", "q1", "q4", "q3"]
  values = dict.fromkeys(("_layer0_q2", "_layer1_p2", "_layer0+1_p2"), [-1] * 4)
  values.update({"": [-1, -1, None, -1], "_layer0_p2": [-2, -1.5, None, -3]})
  write_logp(folder, values)
  assert run_here() == 0
  # The one without is the last.
  assert sections()["1:p2"][0] == ["q4", "q1", "q2", "q3"]
  assert "log p \u22122.00, " in read_page().text
  # -6.5 / 3 + 1, of three questions.
  assert tables(read_page(), "log p")[0][3] == ["1", "0.00", "\u22121.17"]
  # The other way round, where a cell gains them.
  write(folder / "predictions.json", dict.fromkeys(base, "x"))
  write(folder / "predictions_layer0_p2.json", base)
  write_logp(folder, {"_layer0_p2": [-0.5, -0.5, None, -0.25]})
  assert run_here("--top=3") == 0
  assert sections()["1:p2"] == [[], ["q4", "q1", "q2"]]


def test_controls_are_columns_and_heads_are_left_out(sweep, capsys):
  for name in ("_layer0_p2@1", "_layer0_p2@flat", "_layer0_p2@zero",
               "_layer0_head1_p2", "_layer1_head0_off"):
    shutil.copy("sweep/predictions_layer0_p2.json",
                "sweep/predictions%s.json" % name)
  assert run_here() == 0
  printed = capsys.readouterr()
  assert printed.err == (
      "sweep: not on the page, which is about zones in all heads: "
      "predictions_layer0_head1_p2.json, predictions_layer1_head0_off.json\n")
  assert "2 decodes of single heads, or paths, are in the folder" in (
      read_page().text)
  for caption in "EM", "Answer of":
    assert tables(read_page(), caption)[0][0] == [
        "layer", "Q\u00b2", "P\u00b2", "P\u00b2@1", "P\u00b2@flat",
        "P\u00b2@zero"]
  assert sections()["1:p2@flat"] == [["q2", "q3"], []]
  assert "1:p2 1:p2@1 1:p2@flat 1:p2@zero" in table()[0]["flipped_cells"]


def test_heads_alone_are_refused(sweep, capsys):
  for path in (sweep / "sweep").glob("predictions_*"):
    path.rename(str(path).replace("layer0+1", "layer5").replace("_p2", "_head1_p2")
                .replace("_q2", "_head0_q2"))
  assert run_here() == 1
  assert "sweep: has decodes of single heads, or paths, only" in (
      capsys.readouterr().err)


def test_a_question_has_its_answers_marked_numbered_and_in_a_grid(sweep):
  run_here()
  page = read_page()
  where, who, none = tables(page, "Answer of each decode")
  assert who == [["layer", "Q\u00b2", "P\u00b2"],
                 ["1+2", "not decoded", "3 \u2713"],
                 ["2", "not decoded", "1 \u2717"],
                 ["1", "1 \u2717", "2 \u2717"]]
  assert where[3] == ["1", "1 \u2713", "2 \u2717"]
  assert none[1:] == [["1+2", "not decoded", "B"], ["2", "not decoded", "B"],
                      ["1", "B", "1 \u2717"]]
  text = page.text.replace("\n", "")
  # The two gold answers overlap, and are one mark.
  assert "In 2016 G 3\u27e8the B\u27e8Denver 1\u27e8Broncos\u27e91" in text
  assert "\u27e92 lives" in text
  assert ("GDenver Broncos | the Denver Broncos gold"
          "BDenver Broncos baseline, right"
          "1Broncos wrong, shifted, 2 decodes"
          "2Anna wrong, elsewhere, 1 decode"
          "3the Denver Broncos right, same, 1 decode") in text
  assert "Gno answer goldBno answer baseline, right1Oslo wrong, elsewhere" in text
  content = (sweep / "report.html").read_text(encoding="utf-8")
  assert re.findall('<td class="(\\w+)">[0-9]', content) == [
      "gained", "other", "kept", "lost", "lost", "lost", "lost"]
  assert re.findall('data-type="(.*?)" data-outcome="(.*?)"', content) == [
      ("where", "gained"), ("who", "lost"), ("who", "lost")]


STATS = ("layer,head,zone,metric,n,clusters,seeds,baseline,score,ci_low,ci_high,"
         "p_holm,p_equivalent\n")
OF_EXACT = [
    "1,,q2,exact,4,1,1,75,75,-1.25,1.5,1,0.01", "1,,p2,exact,4,1,1,75,25,-60,-40,"
    "0.0004,1", "2,,p2,exact,4,1,1,75,50,-30,-20,0.012,0.02",
    "1+2,,p2,exact,4,1,1,75,75,-1,1,,", "1,2,p2,exact,4,1,1,75,30,-1,1,0.001,1"]


def write_stats(path, rows):
  path.write_text(STATS + "".join(row + "\n" for row in rows))


def test_statistics_give_intervals_and_marks(sweep):
  write_stats(sweep / "s.csv", OF_EXACT)
  assert run_here("--stats=s.csv") == 0
  page = read_page()
  exact, = tables(page, "EM")
  assert exact[1:] == [
      ["1+2", "not decoded", "0.0 \u22121.0 to +1.0"],
      ["2", "not decoded", "\u221225.0 \u2299 \u221230.0 to \u221220.0"],
      ["1", "0.0 \u25cb \u22121.2 to +1.5",
       "\u221250.0 \u2022 \u221260.0 to \u221240.0"]]
  titles = {attributes["href"]: attributes["title"] for _, attributes in page.tags
            if "EM" in attributes.get("title", "")}
  assert titles["#1:p2"] == (
      "Layer 1, P\u00b2: EM \u221250.0 points, from 75.0 to 25.0, 95 % interval "
      "\u221260.0 to \u221240.0, p < .001 after Holm (\u2022)")
  assert titles["#1:q2"].endswith("p = 1.000 after Holm (\u25cb)")
  assert titles["#1+2:p2"].endswith("+1.0, not tested")
  for said in ("\u2022 p < .05 after Holm", "\u25cb equivalent", "\u2299 both",
               "marks are from s.csv: 4 questions, 1 cluster.",
               "python get_results.py sweep f1.csv --data_file=dev.json "
               "--metric=f1 makes f1.stats.csv; give it to this page with "
               "--stats=f1.stats.csv"):
    assert said in page.text, said
  assert titles["#1:p2"].partition(": ")[2] + "; F1 \u221250.0" in page.text


@pytest.mark.parametrize("row, flags, said", [
    ("1,,p2,exact,4,1,1,75,26,-60,-40,0.1,1", ["--stats=s.csv"],
     "s.csv: layer 1, p2 has the score 26.000, but in sweep it is 25.000; give the "
     "stats file that was written with sweep"),
    (None, ["--stats=s.csv", "--stats=s.csv"],
     "s.csv: is of the metric exact, as s.csv is; give one file for each"),
    ("1,,p2,exact,4,1,5,75,25,-60,-40,0.1,1", ["--stats=s.csv"],
     "s.csv: is of several folders; the page is of one, sweep, that is of one tra"),
    ("1,,p2,logp,4,1,1,-1,-2,-6,-4,0.1,1", ["--stats=s.csv"],
     "s.csv: is of the metric logp, which the page does not have: it has exact, "),
    (None, ["--stats=dev.json"], "dev.json, line 1: has no column layer"),
    (None, ["--stats=no.csv"], "no.csv: there is no such file; --stats should be"),
])
def test_statistics_of_something_else_are_refused(sweep, row, flags, said, capsys):
  write_stats(sweep / "s.csv", [row] if row and "logp" in row else
              OF_EXACT[:1] + [row or OF_EXACT[1]] + OF_EXACT[2:])
  assert run_here(*flags) == 1
  error = capsys.readouterr().err
  assert said in error and error.count("\n") == 1
  assert not (sweep / "report.html").exists()


RUN = {"--predict_file": "other", "checkpoint": "0123456789abcdef",
       "TensorFlow": "1.15.3", "about": {
           "started": "2026-11-30 08:15:02 +0000", "num_layers": 4,
           "finished": "2026-11-30 10:20:44 +0000", "revision": "5dbd921"}}


def test_what_it_was_made_from(sweep):
  run_here()
  text = read_page().text
  digest = hashlib.sha256((sweep / "dev.json").read_bytes()).hexdigest()
  assert ("Data set dev.json (SHA-256 %s\u2026), 4 questions about 1 passage. "
          "No manifest.json in the folder" % digest[:12]) in text
  assert ("was made with python -m attention_zones.cases sweep report.html "
          "--data_file=dev.json.") in text
  assert ("Not run: other training seeds; zones All, Q2P, P2Q; cells that are "
          "hatched (layer 2: q2; layer 1+2: q2); log-probabilities of the gold "
          "answers (run_squad.py --gold_logp=True); single heads.") in text

  names = [path.name for path in (sweep / "sweep").glob("predictions*")]
  manifest = {"runs": {"a": RUN, "b": dict(RUN, checkpoint="f")}, "zones": {},
              "files": dict.fromkeys(names, "a")}
  write(sweep / "sweep" / "manifest.json", manifest)
  assert run_here() == 0
  text = read_page().text
  assert ("manifest.json says of the baseline: checkpoint 0123456789ab, TensorFlow "
          "1.15.3, decoded from 2026-11-30 08:15:02 +0000 to 2026-11-30 10:20:44 "
          "+0000 with revision 5dbd921. The data set is another file than the one "
          "that was decoded. This page") in text
  assert "Not run: other training seeds; layers 3, 4; zones All" in text
  assert "different runs" not in text

  manifest["files"]["predictions_layer0_p2.json"] = "b"
  manifest["runs"]["a"]["--predict_file"] = digest
  write(sweep / "sweep" / "manifest.json", manifest)
  assert run_here() == 0
  text = read_page().text
  assert "4 like predictions" in text and "is another file" not in text


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
           "h1", "h2", "h3", "h4", "p", "bdi", "i", "table", "caption", "thead",
           "tbody", "tr", "th", "td", "div", "span", "dl", "dt", "dd", "mark",
           "section", "ol", "li", "code", "label", "select", "option", "output",
           "script"}
  assert {tag for tag, _ in page.tags} == known
  assert not [name for _, attributes in page.tags for name in attributes
              if name not in ("class", "id", "lang", "dir", "href", "scope", "role",
                              "title", "aria-label", "aria-current", "data-type",
                              "data-outcome", "value", "autocomplete", "hidden",
                              "charset", "name", "content", "http-equiv")]
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
  content = (sweep / "report.html").read_text(encoding="utf-8")
  page = Page(content)
  targets = [attributes["href"] for _, attributes in page.tags
             if "href" in attributes]
  identifiers = [attributes["id"] for _, attributes in page.tags
                 if "id" in attributes]
  assert targets and {target[1:] for target in targets} <= set(identifiers)
  assert len(set(identifiers)) == len(identifiers)
  for word in ("src=", "url(", "@import", "://", "<link", " style=", " onclick="):
    assert word not in content
  digest = lambda tag: base64.b64encode(hashlib.sha256(re.search(
      "<%s>(.*?)</%s>" % (tag, tag), content, re.S).group(1).encode()).digest()
                                        ).decode()
  policy, = [attributes["content"] for _, attributes in page.tags
             if "http-equiv" in attributes]
  assert policy == (
      "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; base-uri "
      "'none'; form-action 'none'" % (digest("script"), digest("style")))


def test_structure_for_screen_readers_and_screens(sweep):
  run_here()
  content = (sweep / "report.html").read_text(encoding="utf-8")
  page = Page(content)
  tags = collections.Counter(tag for tag, _ in page.tags)
  assert content.startswith("<!DOCTYPE html>\n<html lang=\"en\">")
  assert (tags["h1"], tags["h2"], tags["h3"], tags["main"]) == (1, 2, 4 + 3, 1)
  levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
  assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
  assert len(page.cells) == 2 + 3
  for caption, rows in page.cells:
    assert caption
    assert all(cell[:2] == ["th", "col"] for cell in rows[0])
    for row in rows[1:]:
      assert row[0][:2] == ["th", "row"], (caption, row)
  assert "@media screen and (prefers-color-scheme: dark)" in content
  assert 'content="width=device-width, initial-scale=1"' in content


def luminance(colour):
  """Relative luminance of "#rgb" or "#rrggbb", as WCAG 2.1 defines it."""
  digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
  linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4))]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_is_legible_in_light_and_dark(sweep):
  run_here()
  content = (sweep / "report.html").read_text(encoding="utf-8")
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


def test_numbers_are_legible_on_every_colour_of_the_map():
  look = heatmap.Look(None, False, heatmap.CMAP, -1, 1, None)
  colours = heatmap.hex_colours([i / 128 - 1 for i in range(257)], look)
  assert len(set(colours)) > 200
  for colour in colours:
    low, high = sorted([luminance(colour), luminance(heat_tables.ink(colour))])
    assert (high + 0.05) / (low + 0.05) >= 4.5, colour


def test_top(sweep, capsys):
  assert run_here("--top=1") == 0
  assert sections()["1:p2"] == [["q2"], []] and len(table()) == 4
  assert "Loses 2 questions" in read_page().text
  assert capsys.readouterr().out == (
      "report.html: the heatmap, and the questions behind it; all 4 questions, of "
      "which masking flips 3, are in report.csv\n")


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
  assert not any(map(any, sections().values()))
  assert "Loses 0 questions" in read_page().text
  assert "<article" not in (sweep / "report.html").read_text(encoding="utf-8")
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
  page, rows = [(sweep / name).read_bytes()
                for name in ("report.html", "report.csv")]
  assert run_here() == 0
  assert (sweep / "report.html").read_bytes() == page
  url = "file://%s" % sweep
  result = subprocess.run(
      [sys.executable, "-m", "attention_zones.cases", url + "/sweep",
       url + "/far.html", "--data_file", url + "/dev.json"],
      cwd=os.path.dirname(os.path.dirname(cases.__file__)),
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
  assert (result.returncode, result.stderr) == (0, "")
  assert (sweep / "far.csv").read_bytes() == rows
  far = (sweep / "far.html").read_bytes().replace(url.encode() + b"/", b"")
  assert far.replace(b"far.html", b"report.html").replace(
      b"--data_file ", b"--data_file=") == page


@pytest.mark.parametrize("arguments, said", [
    (["sweep", "cases.txt"], "cases.txt: the second argument is the page to write"),
    (["sweep", "no/report.html"], "no/report.html: there is no folder no; "),
    (["sweep", "folder.html"], "folder.html: is a folder; "),
    (["sweep", "table.html"], "table.csv: is not a table of cases, and would be "
     "overwritten; give table.html another name"),
    (["no", "report.html"], "no: there is no such folder; every argument"),
    (["dev.json", "report.html"], "dev.json: is a file; every argument"),
    (["empty", "report.html"],
     "empty: has no file like predictions_layer0_q2.json"),
    (["unmasked", "report.html"],
     "unmasked: has no file like predictions_layer0_q2.json"),
    (["masked", "report.html"], "masked: has no predictions.json, the answers "),
    (["sweep", "report.html", "--data_file=no.json"],
     "no.json: there is no such file; --data_file should be"),
    (["sweep", "report.html", "--data_file=other.json"],
     "no prediction for 1 id (\"q\") of the data's 1; is it of another data set?"),
    (["sweep", "report.html", "--data_file=bare.json"],
     "bare.json: data[0].paragraphs[0].qas[0] has no 'question', which should "),
    (["sweep", "report.html", "--data_file=table.csv"], "table.csv: not JSON"),
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
            for name in ("report.html", "report.csv")}
  # No file may grow past 4 KB; the page is larger.
  result = subprocess.run(
      [sys.executable, "-m", "attention_zones.cases", str(sweep / "sweep"),
       str(sweep / "report.html"), "--data_file", str(sweep / "dev.json")],
      cwd=os.path.dirname(os.path.dirname(cases.__file__)), stderr=subprocess.PIPE,
      universal_newlines=True, preexec_fn=lambda: resource.setrlimit(
          resource.RLIMIT_FSIZE, (4096, 4096)))
  assert result.returncode == 1
  assert str(sweep / "report.html") in result.stderr
  assert result.stderr.count("\n") == 1
  assert sorted(os.listdir(".")) == [
      "dev.json", "report.csv", "report.html", "sweep"]
  for name, content in before.items():
    assert (sweep / name).read_bytes() == content
