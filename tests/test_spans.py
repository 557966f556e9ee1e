"""Sets of tokens that the data says: `answer`, and the spans of --spans."""

import json
import shutil
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import manifest
from attention_zones.base import questions
from attention_zones.data import spans
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding import decoding
from attention_zones.scores import interim
from attention_zones.zones import coverage
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import layouts
from attention_zones.zones import members
from attention_zones.zones import masking
from attention_zones.zones import zones
import bert_reference
import modeling
import tiny_model
from tiny_model import run_squad
import run_squad as run_squad_module
import tokenization
import tolerances

# Windows of 10 of a passage's 15 pieces beside a question of 5: two, of the pieces
# 0 to 9 and 8 to 14.
SIZES = ("--max_seq_length=18", "--doc_stride=8")
ZONES = "--mask_zone=p_wh,p_answer,any_town,p_wh@1,p_notwh@zero,p2q"
SWEEP = ("--do_predict=True", "--mask_layer=0-1", ZONES, "--gold_logp=True") + SIZES


def with_spans(content):
  return spans.of_content("--spans=s.json", content)


@pytest.mark.parametrize("content, words", [
    ([], "--spans=s.json is an array; should be an object from question id"),
    ({"a": []}, "'a' is an array; should be an object"),
    ({"a": {"wh": []}}, "'a': 'wh' is an array; should be an object"),
    ({"a": {"wh": {"context": []}}}, "'wh' has 'context'; should have \"quest"),
    ({"a": {"wh": {"question": {}}}}, "'question' is an object; should be an arr"),
    *(({"a": {"wh": {"question": [pair]}}}, "'question' has %s; should be [start,"
       % pair) for pair in ([3], [3, 3], [4, 3], [-1, 3], [0, 1.0], [True, 2])),
    ({"a": {"wh": {"passage": ["0-3"]}}}, "'passage' has 0-3; should be"),
    *(({"a": {name: {}}}, "'a': %r is no name for a span; should be" % name)
      for name in ("", "Wh", "w_h", "1wh", "q", "any", "answer", "notwh", "header",
                   "layers", "w-h", "wh\n")),
    *(({"a": {name: {}}}, "%r is no name for a span, because %s is a zone" % (
        name, name)) for name in ("q2", "all", "off")),
])
def test_a_faulty_file_is_refused(content, words):
  with pytest.raises(ValueError) as refusal:
    with_spans(content)
  assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_name_that_makes_a_zone_is_refused(monkeypatch):
  monkeypatch.setitem(zones.ZONES, "cls_sp", zones.ZONES["p2"])
  with pytest.raises(ValueError, match="'sp' is no name .* because cls_sp is a z"):
    with_spans({"a": {"sp": {}}})


def test_all_faults_are_counted():
  with pytest.raises(ValueError, match="; the first of 2 faulty places"):
    with_spans({"a": {"Wh": {}}, "b": {"wh": {}}, "c": []})


def example_of(question, context, qas_id="a", gold=()):
  paragraph = squad_data.split_words(context)
  return squad_data.Example(
      qas_id, question, paragraph, -1, -1, "", False, gold=list(gold))


@pytest.mark.parametrize("content, words", [
    ({"b": {"wh": {}}}, "'b' is not a question of the data set"),
    ({"a": {"wh": {"question": [[0, 7]]}}},
     "'a': 'wh': 'question' has [0, 7], but the question has 6 characters"),
    ({"a": {"wh": {"passage": [[0, 1], [2, 99]]}}},
     "'passage' has [2, 99], but the passage has 4 characters"),
])
def test_what_the_data_does_not_have_is_refused(content, words):
  with pytest.raises(ValueError) as refusal:
    spans.check(with_spans(content), [example_of("where?", "Oslo")])
  assert words in str(refusal.value)


def found(example, content=None, wanted=("answer", "wh")):
  """The members of each set, of one question with words of single letters."""
  vocab = {word: i for i, word in enumerate(
      tokenization.SPECIAL_TOKENS + ("a", "##b", "b", "c", "d", "\u4e2d", "?"))}
  data = windows.DataSet(
      [example], None, tokenization.FullTokenizer(vocab), squad_data.RULES)
  members_of = spans.find(data, with_spans(content or {}), wanted).members
  return {name: of_set[0] for name, of_set in members_of.items()}


def test_a_token_is_in_a_span_if_it_shares_a_character():
  # Pieces: a ##b c ? and, of the passage, c a ##b, two of one letter, d.
  example = example_of("ab c?", "c ab \u4e2d\u4e2d  d", gold=[(2, 4), (3, 6)])
  assert found(example, {"a": {"wh": {"question": [[1, 4]], "passage": [
      [7, 8], [0, 1]]}}}) == {"wh": ([1, 2], [0]), "answer": ([], [1, 2, 3])}
  # The space between words is no token's.
  assert found(example, {"a": {"wh": {"question": [[2, 3]]}}})["wh"] == ([], [])
  assert found(example, {"a": {"wh": {"question": [[0, 5]], "passage": [
      [0, 10]]}}})["wh"] == ([0, 1, 2, 3], [0, 1, 2, 3, 4, 5])
  assert found(example_of("ab", "c", "other"), {"a": {"wh": {}}}) == {
      "wh": ([], []), "answer": ([], [])}


def test_positions_in_windows():
  """A part of an answer counts; what max_query_length cuts off does not."""
  of_set = [0, 3], [1, 2, 8, 11]
  at = lambda *sizes: members.positions(of_set, *sizes)
  # [CLS] 4 tokens [SEP] 6 tokens.
  assert at(4, 0, 6, 1, 6) == [1, 4, 7, 8]
  assert at(3, 2, 7, 1, 5) == [1, 5, 11]
  assert members.of_batch([[of_set]], 14, [(0, 3, 2, 7, 1, 5)]).tolist() == [
      [[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]]]


def sizes_of(*windows_of_question):
  return {"a": [coverage.Sizes(*window) for window in windows_of_question]}


def test_masked_fraction_of_a_set_of_the_data():
  """Two windows of 3 + 2 + 4 tokens, and one that lacks the set and counts as 0."""
  decode, = grammar.parse_decodes("0", "p_wh", 1, spans=["wh"])[1:]
  sizes = sizes_of((2, 0, 4, {"wh": [1, 5]}), (2, 3, 4, {"wh": [1]}),
                   (2, 5, 4, {"wh": []}))
  sizes["b"] = [coverage.Sizes(2, 0, 4, {"wh": []})]  # Left out.
  assert coverage.lacking(sizes, ["a", "b", "c"], [decode]) == {
      "p": ["c"], "wh": ["b", "c"]}
  assert coverage.masked_fractions(sizes, [decode], 2) == {
      decode.file_name(): pytest.approx((4 * 2 / 81 + 4 * 1 / 81) / 3, rel=1e-12)}
  # Of two zones, what both mask counts once: rows 4 and columns 1, 4 to 7.
  union, = grammar.parse_decodes("0", "p_wh+p2", 1, spans=["wh"])[1:]
  assert coverage.masked_fractions(
      sizes_of((2, 0, 4, {"wh": [1, 5]})), [union], 2)[
          union.file_name()] == pytest.approx(4 * 5 / 81, rel=1e-12)


def test_a_set_without_any_question_has_no_fraction():
  decode, = grammar.parse_decodes("0", "p_wh", 1, spans=["wh"])[1:]
  assert coverage.masked_fractions(
      sizes_of((2, 0, 4, {"wh": []})), [decode], 2) == {}


@pytest.mark.parametrize("name, of_window, refused", [
    ("p_wh+p_notwh", [1], True),
    ("any_wh+any_notev", {"wh": [1, 4], "ev": [1]}, True),
    ("any_wh+any_notev", {"wh": [4], "ev": [1]}, False),
    # A question without the set is left out, and so is not refused.
    ("any_q+p_ev+any_notwh", {"wh": [1], "ev": [4]}, True),
    ("any_q+p_ev+any_notwh", {"wh": [1], "ev": []}, False),
    ("p_any@zero+p_wh", {"wh": [1]}, False),
])
def test_a_mask_that_leaves_no_key(name, of_window, refused):
  """At once, where no data can help; else with the question's id."""
  if isinstance(of_window, list):
    with pytest.raises(ValueError, match="p_notwh\\+p_wh masks all that some"):
      grammar.parse_decodes("0", name, 1, spans=["wh"])
    return
  wanted = grammar.parse_decodes("0", name, 1, spans=["wh", "ev"])
  data = types.SimpleNamespace(
      tokenizer=types.SimpleNamespace(LAYOUT=layouts.BERT))
  sizes = sizes_of((1, 0, 2, of_window))
  if refused:
    with pytest.raises(ValueError, match="any_.* masks all .* question 'a"):
      decoding.refuse_no_key(data, sizes, wanted)
  else:
    decoding.refuse_no_key(data, sizes, wanted)


def test_unknown_spans_are_refused():
  for flags in {"mask_layer": "0", "mask_zone": "q2,p_why"}, {"mask": "0:p_why"}:
    with pytest.raises(ValueError, match=r"'p_why' is not a zone; .*notanswer, wh"):
      grammar.parse_decodes(**dict(dict.fromkeys(["mask_layer", "mask_zone"]),
                                   num_layers=1, spans=["wh"], **flags))


def test_names_of_files_and_their_order():
  mask = masking.union(["p_wh", "p2", "p_answer@zero", "cls_p"])
  assert mask.name == "p2+cls_p+p_answer@zero+p_wh"
  decode = decodes.Decode.of([3], mask)
  assert decodes.Decode.parse(decode.file_name()) == decode
  assert decode.sets == {"p", "wh", "answer", "cls"}
  assert mask.sets_of_data == {"wh", "answer"}


@pytest.mark.parametrize("name, is_read", [
    ("wh_p", True), ("notwh_p", True), ("p_wh", False), ("cls_answer", False),
    ("notp_wh", False), ("answer_q", True)])
def test_rows_that_a_set_of_the_data_may_have(name, is_read):
  """Whether a mask of the last layer may change what passage tokens get."""
  assert masking.union([name]).changes_passage_rows == (is_read or name == "p_wh")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
  """A folder after a sweep: two of ten questions lack `wh`, eight lack `town`."""
  folder = tmp_path_factory.mktemp("spans")
  tiny_model.write_files(folder)
  tiny_model.write_checkpoint(folder / "model")
  content = {}
  for paragraph in tiny_model.data_set()["data"][0]["paragraphs"]:
    start = paragraph["context"].index("in ") + 3
    for i, qa in enumerate(paragraph["qas"]):
      end = qa["question"].index(" ")
      content[qa["id"]] = {"wh": {"question": [[0, end]]}} if i != 2 else {
          "town": {"passage": [[start, start + 2]], "question": [[0, 1]]}}
  (folder / "spans.json").write_text(json.dumps(content))
  result = run_squad(folder, "--spans=%s" % (folder / "spans.json"), *SWEEP)
  assert result.returncode == 0, result.stderr
  return folder


def predictions(folder, name, kind="predictions"):
  return json.loads((folder / "model" / ("%s%s.json" % (kind, name))).read_text())


WITHOUT = {"wh": ["q0-2", "q1-2"],
           "town": ["q%d-%d" % (p, i) for p in (0, 1) for i in (0, 1, 3, 4)]}


def test_who_lacks_a_set_has_the_baselines_answer(swept):
  for kind in "predictions", "gold_logp":
    baseline = predictions(swept, "", kind)
    for layer in 0, 1:
      for zone in "p_wh", "p_wh@1", "p_notwh@zero", "any_town":
        masked = predictions(swept, "_layer%d_%s" % (layer, zone), kind)
        for name in WITHOUT["town" if zone == "any_town" else "wh"]:
          assert masked[name] == baseline[name]
        assert kind == "predictions" or masked != baseline
  content = manifest.load(str(swept / "model"))
  assert manifest.lacking(content, "predictions_layer0_p_wh.json") == dict(
      WITHOUT, p=[], any=[], answer=[])


@pytest.mark.parametrize("zone", ["p_wh", "p_answer", "any_town", "p_notwh@zero"])
def test_a_sweep_has_what_numpy_computes(swept, zone, monkeypatch):
  """BERT in float64, with what is masked written by hand, and a softmax."""
  config = modeling.BertConfig(**tiny_model.CONFIG)
  reader = tf.train.load_checkpoint(str(swept / "model" / "model.ckpt-1"))
  weights = {name: reader.get_tensor(name)
             for name in bert_reference.variables_of(config)}
  decode, = grammar.parse_decodes("0", zone, 2, spans=["wh", "town"])[1:]
  masked, baseline = (predictions(swept, name, "gold_logp") for name in (
      "_layer0_" + zone, ""))
  word = tiny_model.VOCAB.index
  differing = 0
  for paragraph in tiny_model.data_set()["data"][0]["paragraphs"]:
    passage = paragraph["context"].split()
    for qa in paragraph["qas"]:
      gold = passage.index(qa["answers"][0]["text"])
      question = qa["question"].split()
      best, off = -np.inf, 0
      for first, length in (0, 10), (8, 7):
        if not first <= gold < first + length:
          continue
        start = len(question) + 2  # Of the passage.
        # Every passage's first town is its third word.
        of_window = {
            "p": set(range(start, start + length)), "wh": {1},
            "any": set(range(start + length + 1)), "answer": {start + gold - first},
            "town": {1} | ({start + 2} if first == 0 else set())}
        of_window["notwh"] = of_window["any"] - {1}
        rows, columns = zone.partition("@")[0].split("_")
        monkeypatch.setitem(bert_reference.RECTANGLES, rows + "_" + columns, (
            of_window[rows], of_window[columns]))
        texts = (["[CLS]"] + question + ["[SEP]"] + passage[first:first + length]
                 + ["[SEP]"])
        ids = np.array(list(map(word, texts)))
        features = np.array([ids, 1 + 0 * ids, np.arange(len(ids)) >= start], int)
        logits = bert_reference.reference_logits(config, weights, features, decode)
        logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        best = max(best, logp[:, start + gold - first].sum())
        off = max(off, tolerances.float32_tolerance(
            np.abs(logits).max(), tolerances.model_operations(config, 18)))
      left_out = WITHOUT.get(columns.replace("not", ""), ())
      if qa["id"] not in left_out:
        # Two logits, and two normalizers, which are off by as much as a logit.
        assert abs(masked[qa["id"]] - best) < 4 * off, qa["id"]
        differing += abs(baseline[qa["id"]] - best) > 4 * off
  # The baseline's would be found out.
  assert differing


@pytest.mark.thorough
def test_the_baseline_of_another_run_is_computed_anew(swept, tmp_path):
  """In a sweep that finds predictions.json and lacks all else."""
  shutil.copytree(str(swept), str(tmp_path / "copy"))
  folder = tmp_path / "copy"
  for path in (folder / "model").glob("*layer0*"):
    path.unlink()
  flags = ("--spans=%s" % (folder / "spans.json"),) + SWEEP
  result = run_squad(folder, *flags)
  assert result.returncode == 0 and "decodes: 6," in result.stderr
  assert tiny_model.digests(folder, "predictions*") == tiny_model.digests(
      swept, "predictions*")


@pytest.mark.slow
def test_killed_and_resumed_byte_for_byte(swept, tmp_path):
  shutil.copytree(str(swept), str(tmp_path / "copy"))
  folder = tmp_path / "copy"
  for path in (folder / "model").glob("*.json"):
    path.unlink()
  flags = ("--spans=%s" % (folder / "spans.json"),) + SWEEP
  tiny_model.kill_at(folder, "decoding", "prediction_files.write_files", *flags)
  data_file = str(folder / "data.json")
  at_work = interim.InterimSweep(
      str(folder / "model"), data_file, questions.read(data_file)).manifest
  ended = manifest.load(str(swept / "model"))
  assert manifest.lacking(at_work, "predictions_layer0_p_wh.json")["wh"] == (
      WITHOUT["wh"])
  assert manifest.masked_fractions(at_work) == manifest.masked_fractions(ended)
  # Another span is another sweep.
  spans_file = folder / "spans.json"
  before = spans_file.read_text()
  spans_file.write_text(before.replace("[[0, 5]]", "[[0, 4]]"))
  other = run_squad(folder, *flags)
  assert other.returncode == 1 and "with a different set wh (" in other.stderr
  spans_file.write_text(before)
  result = run_squad(folder, *flags)
  assert result.returncode == 0 and "10 of 10 questions are done" in result.stderr
  assert tiny_model.digests(folder, "*predictions*") == tiny_model.digests(
      swept, "*predictions*")


@pytest.mark.slow
def test_finished_spans_are_read_beside_an_unfinished_sweep(swept, tmp_path):
  """Whose journal knows nothing of them."""
  shutil.copytree(str(swept), str(tmp_path / "copy"))
  folder = tmp_path / "copy"
  tiny_model.kill_at(
      folder, "decoding", "prediction_files.write_files", "--do_predict=True",
      "--mask_zone=q2p", "--gold_logp=True", *SIZES)
  data_file = str(folder / "data.json")
  asked = questions.read(data_file)
  at_work = interim.InterimSweep(str(folder / "model"), data_file, asked)
  assert len(at_work.names) == 1 + 12 + 1
  for name in "predictions_layer0_p_wh.json", "predictions_layer_q2p.json":
    assert manifest.lacking(at_work.manifest, name)["wh"] == WITHOUT["wh"]
  assert at_work.answers(decodes.Decode.parse(
      "predictions_layer0_p_wh.json"), {qa.id: None for qa in asked}) == (
          predictions(swept, "_layer0_p_wh"))


@pytest.mark.parametrize("flags, words", [
    (["--mask_layer=0", "--mask_zone=p_wh"],
     "--mask_zone=p_wh: no file of --spans names no set wh; 'p_wh' is not a zone"),
    (["--mask_zone=q2", "--spans=none.json"], "--spans=none.json: there is no su"),
])
def test_refusals_of_the_command_line(swept, flags, words):
  result = run_squad(swept, "--do_predict=True", *SIZES, *flags)
  assert result.returncode == 1 and result.stderr.splitlines()[-1].startswith(
      "run_squad.py: ") and words in result.stderr and (
          "Traceback" not in result.stderr)


def test_a_set_of_a_folder_is_not_changed_silently(swept, tmp_path):
  other = tmp_path / "spans.json"
  content = (swept / "spans.json").read_text()
  other.write_text(content.replace("[[0, 5]]", "[[0, 4]]"))
  flags = SWEEP[:2] + ("--spans=%s" % other,) + SIZES + ("--gold_logp=True",)
  result = run_squad(swept, "--mask_zone=p_wh,p2q", *flags)
  assert result.returncode == 1 and "with a different set wh (" in result.stderr
  # Zones that do not name it are there already.
  result = run_squad(swept, "--mask_zone=any_town,p2q,p_answer", *flags)
  assert result.returncode == 0 and "nothing to do" in result.stderr


def test_from_python(swept):
  """The same answers as the command line's."""
  model = run_squad_module.load_model(
      swept / "model", vocab_file=swept / "vocab.txt",
      bert_config_file=swept / "bert_config.json", max_seq_length=18, doc_stride=8)
  data = tiny_model.data_set()
  asked = [(qa, paragraph["context"]) for paragraph in data["data"][0]["paragraphs"]
           for qa in paragraph["qas"]]
  results = model.predict(
      [(qa["question"], context) for qa, context in asked],
      mask_layer="0", mask_zone="p_wh,p_answer", ids=[qa["id"] for qa, _ in asked],
      answers=[qa["answers"] for qa, _ in asked],
      spans=json.loads((swept / "spans.json").read_text()))
  for v, name in enumerate(("", "_layer0_p_wh", "_layer0_p_answer")):
    assert {asked[one["question"]][0]["id"]: one["answer"]
            for one in results[v::3]} == predictions(swept, name)
  with pytest.raises(ValueError, match="the set `answer` needs answers="):
    model.predict([("who ?", "anna")], mask_zone="p_answer")
  assert [one["left_out"] for one in results[:9]] == [False] * 7 + [True, False]
  with pytest.raises(ValueError, match="^spans=... needs ids=..., a name"):
    model.predict([("who ?", "anna")], mask_zone="p_wh", spans={"x": {"wh": {}}})
  with pytest.raises(ValueError, match="^spans=...: none is of a question in ids"):
    model.predict([("who ?", "anna")], mask_zone="p_wh", spans={"x": {"wh": {}}},
                  ids=["y"])
