"""coverage.py: how much of the attention matrix a decode masks."""

import json

import pytest

from attention_zones.base import manifest
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.zones import coverage
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import draws
from attention_zones.zones import masking
import tiny_model
import tokenization

# A window of 2 question and 3 passage tokens has 8 x 8 cells.
SHARES = {"q2": 2 * 2 / 64, "q2p": (8 - 3) * 3 / 64, "p2q": (8 - 2) * 2 / 64,
          "p2": 3 * 3 / 64, "q2+p2": (2 * 2 + 3 * 3) / 64,
          # No cell is in both.
          "q2p+p2q": (5 * 3 + 6 * 2) / 64,
          # A draw has as many cells as its zone, wherever they are.
          "p2q@1": 6 * 2 / 64, "q2@1+p2@2": (2 * 2 + 3 * 3) / 64,
          # What is set to zero counts as what is masked.
          "p2q@zero": 6 * 2 / 64, "q2@zero+p2": (2 * 2 + 3 * 3) / 64}


@pytest.mark.parametrize("zone", SHARES)
def test_share_of_a_window(zone):
  mask = masking.union(zone.split("+"))
  whole = coverage.masked_fraction(mask, 2, 3)
  assert whole == pytest.approx(SHARES[zone], rel=1e-12)
  in_two = coverage.masked_fraction(mask._replace(heads=(0, 5)), 2, 3, 12)
  assert in_two == pytest.approx(SHARES[zone] / 6, rel=1e-12)


def test_share_of_heads_that_are_off():
  assert coverage.masked_fraction(
      masking.union(["off"])._replace(heads=(3,)), 2, 3, 4) == 1 / 4


@pytest.mark.parametrize("zone", [
    # `all` masks no real cell, nor does a flat zone.
    "all", "p2@flat", "q2+p2@flat",
    # The draws share the rows of Q, and maybe some columns.
    "q2@1+q2p@1", "q2@1+q2p", "q2@1+q2p@zero"])
def test_what_has_no_share(zone):
  assert coverage.masked_fraction(masking.union(zone.split("+")), 2, 3) is None


def sizes_of(tmp_path, contexts, asked, sizes):
  """The sizes of the windows of each question about each passage, as by id.

  Args:
    tmp_path: pathlib.Path.
    contexts: list of str.
    asked: dict from id (with a number behind it from the second passage on) to str.
    sizes: windows.WindowSizes.
  """
  (tmp_path / "data.json").write_text(json.dumps({"data": [{"paragraphs": [
      {"context": context, "qas": [
          {"id": name + str(i or ""), "question": question, "answers": []}
          for name, question in asked.items()]}
      for i, context in enumerate(contexts)]}]}))
  (tmp_path / "vocab.txt").write_text("\n".join(tiny_model.VOCAB) + "\n")
  examples, _ = squad_data.read_examples(str(tmp_path / "data.json"), False)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(str(tmp_path / "vocab.txt")))
  found = {}
  for window in windows.make_windows(examples, tokenizer, sizes, False):
    found.setdefault(examples[window.example_index].qas_id, []).append(
        coverage.Sizes(window.question_length, window.first_token,
                       window.passage_length))
  return found


def test_mean_over_questions(tmp_path):
  """Passages of 4 and 2 word pieces, questions of 3, 1 and 1 about each."""
  sizes = sizes_of(
      tmp_path, ["anna lives in oslo", "omar ."],
      {"a": "who lives ?", "b": "where", "c": "who"}, windows.WindowSizes(24, 8, 8))
  shares = coverage.masked_fractions(
      sizes, grammar.parse_decodes("0-1", "p2,q2,all", 2), num_heads=2)
  p2 = sum(p ** 2 / (q + p + 3) ** 2 for p in (4, 2) for q in (3, 1, 1)) / 6
  q2 = sum(q ** 2 / (q + p + 3) ** 2 for p in (4, 2) for q in (3, 1, 1)) / 6
  assert shares == {
      "predictions_layer%d_%s.json" % (layer, zone): pytest.approx(share, rel=1e-12)
      for layer in range(2) for zone, share in (("p2", p2), ("q2", q2))}


ID = "56be4db0acb8001400a502ec"


@pytest.mark.parametrize("zone, first, passage, overlap", [
    # Three question tokens at 1 to 3, nine of the passage at 5 to 13: a draw of
    # three is 8 12 13, one of nine 2 3 5 6 8 10 11 12 13.
    ("p2q@1", 0, 9, 0), ("q2@1", 0, 9, 0), ("p2@1", 0, 9, 7 / 9),
    ("q2p@1", 0, 9, 7 / 9), ("p2q+p2@1", 0, 9, 7 / 9),
    ("p2q@1+p2@1", 0, 9, (0 + 7) / (3 + 9)),
    # In the window of the passage's tokens 4 to 8 it is 3 8 9.
    ("p2q@1", 4, 5, 1 / 3), ("p2q@flat", 0, 9, None), ("p2q", 0, 9, None),
    ("p2q@1", 0, 0, 1),
])
def test_overlap_of_a_window(zone, first, passage, overlap):
  ranks = {1: draws.ranks(ID, 1, 3, first, passage)}
  assert coverage.overlap(
      masking.union(zone.split("+")), 3, passage, ranks) == overlap


def test_no_question_has_no_overlap():
  ranks = {1: draws.ranks(ID, 1, 0, 0, 5)}
  assert coverage.overlap(masking.union(["p2q@1"]), 0, 5, ranks) is None


def test_of_a_question_its_windows_are_averaged_first(tmp_path):
  """Two windows of 3 + 5 + 3 tokens for one question, one of 3 + 2 + 3 for the
  other."""
  sizes = sizes_of(
      tmp_path, ["anna lives in oslo . omar . oslo in", "omar ."],
      {ID: "who lives ?"}, windows.WindowSizes(11, 4, 8))
  assert [windows.window_spans(length, 5, 4) for length in (9, 2)] == [
      [(0, 5), (4, 5)], [(0, 2)]]
  found = coverage.masked_fractions(
      sizes, grammar.parse_decodes("0", "p2,p2q", 1), num_heads=1)
  assert found == {
      "predictions_layer0_p2.json": pytest.approx(
          (5 ** 2 / 11 ** 2 + 2 ** 2 / 8 ** 2) / 2, rel=1e-12),
      "predictions_layer0_p2q.json": pytest.approx(
          (8 * 3 / 11 ** 2 + 5 * 3 / 8 ** 2) / 2, rel=1e-12)}
  # Of a draw of p2q's three columns, those that the zone has.
  own = [(draws.ranks(name, 1, 3, *span)[:3] < 3).sum() / 3 for name, span in (
      (ID, (0, 5)), (ID, (4, 5)), (ID + "1", (0, 2)))]
  assert own[0] + own[1] != 2 * own[2]
  draw = grammar.parse_decodes("0", "p2q@1", 1)
  assert coverage.overlaps(sizes, draw) == {
      "predictions_layer0_p2q@1.json": pytest.approx(
          ((own[0] + own[1]) / 2 + own[2]) / 2, rel=1e-12)}


def test_overlap_is_the_mean_over_windows(tmp_path):
  sizes = sizes_of(
      tmp_path, ["anna lives in oslo . omar . oslo in"], {ID: "who lives ?"},
      windows.WindowSizes(11, 4, 8))
  of = lambda layer, name: "predictions_layer%d_%s.json" % (layer, name)
  cells = [decodes.Decode.parse(of(*cell)) for cell in (
      (0, "p2q"), (0, "p2q@1"), (1, "p2q@1"), (0, "p2@1"), (0, "p2q@flat"))]
  cells.append(decodes.Decode.parse("predictions_layer0_head1_p2q@1.json"))
  spans = windows.window_spans(9, 11 - 3 - 3, 4)
  assert spans == [(0, 5), (4, 5)]
  # The second is the window above: 1/3. Of the first, by the draw of its tokens.
  taken = [i for i, rank in enumerate(draws.ranks(ID, 1, 3, 0, 5)) if rank < 3]
  mean = (sum(i < 3 for i in taken) / 3 + 1 / 3) / 2
  found = coverage.overlaps(sizes, cells)
  assert set(found) == {cell.file_name() for cell in cells if cell.mask.draws}
  assert (found[of(0, "p2q@1")] == found[of(1, "p2q@1")]
          == found["predictions_layer0_head1_p2q@1.json"]
          == pytest.approx(mean, rel=1e-12))
  assert coverage.overlaps(sizes, cells[:1]) == {}


def test_the_manifest_keeps_the_shares_of_other_passes(tmp_path):
  folder = str(tmp_path)
  run = {"checkpoint": "c"}
  for name, share in (("a.json", .5), ("b.json", .25)):
    manifest.add(
        folder, [name], run, {"machine": name, "masked_fraction": {name: share}})
  content = manifest.load(folder)
  assert manifest.masked_fractions(content) == {"a.json": .5, "b.json": .25}
  assert content["runs"][manifest.run_id(run)]["about"]["machine"] == "b.json"
  assert manifest.overlaps(content) == {}
  manifest.add(
      folder, ["c.json"], run, {"overlap": {"c.json": .125}})
  content = manifest.load(folder)
  assert manifest.masked_fractions(content) == {"a.json": .5, "b.json": .25}
  assert manifest.overlaps(content) == {"c.json": .125}
  # Another run of the same name forgets them.
  manifest.add(
      folder, ["a.json", "b.json", "c.json"], {"checkpoint": "d"}, {})
  content = manifest.load(folder)
  assert manifest.masked_fractions(content) == manifest.overlaps(content) == {}


@pytest.mark.parametrize("about", [{}, {"masked_fraction": {"a.json": "x"}}])
def test_a_manifest_without_shares(about):
  assert manifest.masked_fractions(
      {"files": {"a.json": "r"}, "runs": {"r": {"about": about}}}) == {}


@pytest.mark.slow
def test_a_sweep_writes_them(project):
  for zone in ("q2", "p2,p2@1"):
    result = tiny_model.run_squad(
        project, "--do_predict=True", "--mask_layer=0-1", "--mask_zone=" + zone)
    assert result.returncode == 0, result.stderr
  content = manifest.load(str(project / "model"))
  name = "predictions_layer%d_%s.json"
  # Questions of 5 tokens, passages of 15 in one window: 23 tokens.
  q2, p2 = 5 ** 2 / 23 ** 2, 15 ** 2 / 23 ** 2
  assert manifest.masked_fractions(content) == {
      name % (layer, zone): pytest.approx(share, rel=1e-12)
      for layer in range(2)
      for zone, share in (("q2", q2), ("p2", p2), ("p2@1", p2))}
  # Of 20 tokens 15 are drawn: those of the passage are P2's own.
  taken = [draws.ranks(qa["id"], 1, 5, 0, 15)[5:] < 15
           for article in json.loads((project / "data.json").read_text())["data"]
           for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
  overlap = sum(each.sum() for each in taken) / (15 * len(taken))
  assert manifest.overlaps(content) == {
      name % (layer, "p2@1"): pytest.approx(overlap, rel=1e-12)
      for layer in range(2)}
