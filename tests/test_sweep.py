"""sweep.py: the plan, and that a sweep is a loop of `encode`."""

import collections
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from attention_zones.decoding import answer_head
from attention_zones.decoding import sweep
from attention_zones.decoding import sweep_plan
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones import decodes
from attention_zones.zones import grammar
from attention_zones.zones import draws
from attention_zones.zones import layouts
from attention_zones.zones import members
from attention_zones.zones import masking
from attention_zones.zones import zones
import architectures
from bert_reference import ALL_DECODES
from bert_reference import build
from bert_reference import DECODES
from bert_reference import DRAWS
from bert_reference import features_of
from bert_reference import FILLED
from bert_reference import FULL
from bert_reference import furthest
from bert_reference import limit_of_all
from bert_reference import LONG
from bert_reference import NO_PASSAGE
from bert_reference import NO_QUESTION
from bert_reference import ONE_TOKEN
from bert_reference import parse
from bert_reference import reference_logits
from bert_reference import SHORT
from bert_reference import TINY
from bert_reference import tolerance_of
from bert_reference import WEIGHTS
from bert_reference import with_ranks
import bert_reference
import modeling
import tolerances


def follow(planned):
  """What each variant that leaves the last layer went through.

  Returns:
    list of blocks, each a list of variants, each a list of (name of the mask,
    keeps_padding), one a layer.
  """
  blocks = [[[]]]
  for layer in planned.layers:
    blocks = [[blocks[block.source][parent] + [(mask.name, block.keeps_padding)]
               for parent, mask in zip(block.parents, block.masks)]
              for block in layer]
  return blocks


def count_passes(planned):
  """The number of passes of one variant through one layer: int."""
  return sum(len(block.masks) for blocks in planned.layers for block in blocks)


def test_plan_of_the_docstring():
  swept = grammar.parse_decodes("0-2", "p2,p2q", 3)
  planned = sweep_plan.plan(swept, 3)
  described = [[(block.source, block.parents,
                 tuple(mask.name for mask in block.masks), block.sibling)
                for block in layer] for layer in planned.layers]
  trunk, forks = (0, (0,), ("",), None), (0, (0, 0), ("p2", "p2q"), (0, 0))
  on = lambda source: (source, (0, 1), ("", ""), None)
  assert described == [
      [trunk, forks], [trunk, forks, on(1)], [trunk, forks, on(1), on(2)]]
  assert planned.place_of == [
      (0, 0), (3, 0), (3, 1), (2, 0), (2, 1), (1, 0), (1, 1)]
  assert count_passes(planned) == 15


@pytest.mark.parametrize("layers, names, num_layers, expected", [
    ("0-11", "q2,q2p,p2q,p2,all", 12, 402),
    ("0-11", "q2,q2p,p2q,p2", 12, 12 + 4 * 78),
    ("3", "p2", 12, 12 + 9),
    ("11", "p2", 12, 12 + 1),
    # At layer 0 both of "0" and "0+2" are one variant, which parts at layer 2.
    ("0,0+2", "q2", 3, 3 + 2 + 2),
])
def test_passes(layers, names, num_layers, expected):
  planned = sweep_plan.plan(
      grammar.parse_decodes(layers, names, num_layers), num_layers)
  assert count_passes(planned) == expected


def some_decodes(num_layers):
  """A strategy: lists of distinct decodes, with controls, unions, heads, `all`."""
  layers = st.one_of(
      st.none(), st.sets(st.integers(0, num_layers - 1), min_size=1).map(
          lambda chosen: tuple(sorted(chosen))))
  united = st.lists(
      st.one_of(
          st.tuples(st.sampled_from(["q2", "q2p", "p2q", "p2", "special_p",
                                     "p_answer", "cls_ev"]),
                    st.sampled_from(["", "", "@1", "@2", "@flat", "@zero"])),
          st.tuples(st.sampled_from(["any_sep2", "notq_cls", "ev_notanswer"]),
                    st.sampled_from(["", "@flat", "@zero"]))),
      min_size=1, unique_by=lambda item: item[0]).map(
          lambda items: masking.union(map("".join, items)))
  heads = st.sampled_from([(0,), (1,), (0, 1)])
  in_heads = st.builds(
      lambda mask, chosen: mask._replace(heads=chosen),
      st.one_of(st.just(masking.union(["off"])), united), heads)
  masks = st.one_of(st.just(masking.union(["all"])), united, in_heads)
  # Another zone in each layer, or in some of them the same; `all` is in no path.
  paths = st.dictionaries(
      st.integers(0, num_layers - 1), st.one_of(united, in_heads), min_size=1).map(
          lambda found: decodes.Decode(tuple(
              (layer, found[layer]) for layer in sorted(found))))
  masked = st.one_of(st.builds(decodes.Decode.of, layers, masks), paths)
  return st.lists(st.one_of(st.just(BASELINE), masked), min_size=1, max_size=12,
                  unique=True)


@settings(max_examples=200, deadline=None)
@given(swept=some_decodes(4))
def test_names_of_files_are_read_back(swept):
  assert [decodes.Decode.parse(decode.file_name()) for decode in swept] == swept


@settings(max_examples=200, deadline=None)
@given(swept=some_decodes(4), max_forks=st.integers(1, 5))
def test_each_decode_ends_at_its_own_place(swept, max_forks):
  planned = sweep_plan.plan(swept, 4, max_forks)
  blocks = follow(planned)
  # A decode of every layer and one that names them all are one variant.
  went_through = {tuple(decode.mask_at(layer) for layer in range(4))
                  for decode in swept}
  assert len(set(planned.place_of)) == len(went_through) == sum(map(len, blocks))
  for decode, (block, variant) in zip(swept, planned.place_of):
    way = blocks[block][variant]
    assert [name for name, _ in way] == [
        decode.mask_at(layer).name for layer in range(4)]
    # [PAD] is kept as long as a layer further up attends to it.
    for layer, (_, keeps_padding) in enumerate(way):
      assert keeps_padding or not any(
          decode.mask_at(above).reaches_padding for above in range(layer + 1, 4))


@settings(max_examples=200, deadline=None)
@given(swept=some_decodes(4), max_forks=st.integers(1, 5))
def test_a_block_is_computed_in_one_way(swept, max_forks):
  for layer in sweep_plan.plan(swept, 4, max_forks).layers:
    for index, block in enumerate(layer):
      assert len({mask.reaches_padding for mask in block.masks}) == 1
      # Consecutive parents, or the same parent for all.
      assert len(block.parents) == len(block.masks) and block.parents in (
          tuple(range(block.parents[0], block.parents[0] + len(block.parents))),
          block.parents[:1] * len(block.parents))
      is_fork = len(set(block.parents)) < len(block.parents) or block.sibling
      if is_fork:
        assert len(set(block.parents)) == 1 and len(block.masks) <= max_forks
        assert len({mask.changes_passage_rows for mask in block.masks}) == 1
        # Masks without an edit do not wait for those with one.
        assert len({mask.edit is None for mask in block.masks}) == 1
        assert len({mask.is_per_head for mask in block.masks}) == 1
      if block.sibling:
        number, variant = block.sibling
        sibling = layer[number]
        assert number < index and sibling.source == block.source
        assert sibling.parents[variant] == block.parents[0]
        assert sibling.masks[variant].is_empty


def test_controls_of_few_rows_stay_so():
  """The zones that compute a dozen rows do so with their controls and heads."""
  swept = [BASELINE] + parse("1", "q2@1,p2@1,q2p@flat,q2,p2@flat") + parse(
      "1", "q2@2,p2", mask_head="0,1")
  forks = sweep_plan.plan(swept, 3).layers[1][1:]
  assert {block.sibling for block in forks} == {(0, 0)}
  assert [(block.masks[0].changes_passage_rows, [mask.name for mask in block.masks])
          for block in forks] == [
              (False, ["q2@1", "q2"]), (False, ["q2p@flat"]),
              (False, ["q2@2", "q2@2"]),
              (True, ["p2@1"]), (True, ["p2@flat"]), (True, ["p2", "p2"])]


@pytest.mark.parametrize("max_forks", [1, 3, 5])
def test_forks_follow_the_trunk(max_forks):
  swept = grammar.parse_decodes("0-3", "p2,all,q2,p2q,q2p", 4)
  for number, layer in enumerate(sweep_plan.plan(swept, 4, max_forks).layers):
    assert layer[0] == (0, (0,), (masking.NOTHING,), number < 3, None)
    forks = [block for block in layer if block.sibling]
    assert layer[1:len(forks) + 1] == forks
    # Those that need few rows come first, `all` comes last.
    assert [mask.name for block in forks for mask in block.masks] == [
        "q2", "q2p", "p2", "p2q", "all"]


def test_forks_without_an_unmasked_sibling():
  planned = sweep_plan.plan(parse("1", "q2,q2p"), 2)
  assert [(block.parents, block.masks[0].name, block.sibling)
          for block in planned.layers[1]] == [
              ((0,), "q2", None), ((0,), "q2p", None)]


# What follows runs a model.

@pytest.fixture(scope="module")
def tiny():
  """All of DECODES in one sweep."""
  return build(DECODES)


@pytest.mark.parametrize("window", [
    SHORT, LONG, FILLED, ONE_TOKEN, NO_QUESTION, NO_PASSAGE])
def test_formulas(tiny, window):
  features = features_of(window)
  real = features[1, 0] == 1
  logits = tiny(features)
  for decode in DECODES:
    expected = reference_logits(TINY, WEIGHTS, features[:, 0], decode)
    error = furthest(logits[decode][0][:, real], expected[:, real])
    assert error < (limit_of_all(window) if decode in ALL_DECODES
                    else tolerance_of(expected)), decode


def passage_logits(logits, window):
  """The logits of a batch's first window at its passage tokens."""
  question, passage = window
  start = len(question) + 2
  return logits[0, :, start:start + len(passage)]


@pytest.mark.parametrize("zone, layer, is_changed", [
    ("q2", 2, False), ("q2p", 2, False), ("p2q", 2, True), ("p2", 2, True),
    ("q2", 1, True), ("q2p", 1, True)])
def test_last_layer(tiny, zone, layer, is_changed):
  """Only a row's own attention counts in the last layer.

  Where nothing changes, the passage's hidden states are copies of the baseline's.
  Only the head multiplies them again, in other places of its matrix product,
  which may sum them in another order.
  """
  decode, = parse(str(layer), zone)
  logits = tiny(features_of(LONG))
  baseline = passage_logits(logits[BASELINE], LONG)
  change = furthest(
      passage_logits(logits[decode], LONG), baseline)
  rounding = tolerances.float32_tolerance(
      np.abs(baseline).max(), TINY.hidden_size)
  assert change > 0.01 if is_changed else change < rounding


@pytest.mark.parametrize("decode", ALL_DECODES, ids=lambda d: d.file_name())
def test_all_only_adds_padding(tiny, decode):
  filled, short = tiny(features_of(FILLED)), tiny(features_of(SHORT))
  # What is left is float32 rounding at -10000.
  assert furthest(filled[decode], filled[BASELINE]) < limit_of_all(FILLED)
  assert furthest(passage_logits(short[decode], SHORT),
                  passage_logits(short[BASELINE], SHORT)) > 0.05


@pytest.mark.parametrize("window, names", [
    (NO_QUESTION, "q2,p2q"), (NO_PASSAGE, "p2,q2p")])
def test_an_empty_zone_changes_nothing(tiny, window, names):
  logits = tiny(features_of(window))
  length = sum(map(len, window)) + 3
  for decode in parse("0-2", names) + parse("None", names):
    assert furthest(logits[decode][..., :length],
                    logits[BASELINE][..., :length]) < tolerance_of(logits[BASELINE])


# Each zone and each layer once; the other pairs are for tests/numeric.sh.
ALONE = [BASELINE] + parse("0", "q2") + parse("1", "all") + parse("0+2", "p2")
ALONE_SLOW = (parse("0", "p2") + parse("1", "q2p,q2+p2") + parse("2", "p2q")
              + parse("0+2", "all") + parse("None", "p2,all"))


@pytest.mark.parametrize("decode", ALONE + [
    pytest.param(decode, marks=pytest.mark.slow) for decode in ALONE_SLOW] + [
    pytest.param(decode, marks=pytest.mark.thorough)
    for decode in parse("0-2", "q2,q2p,p2q,p2,all")
    if decode not in ALONE + ALONE_SLOW],
                         ids=lambda d: d.file_name())
def test_a_decode_of_a_sweep_equals_it_alone(tiny, decode):
  windows = SHORT, LONG, FILLED
  features = features_of(*windows)
  alone = build([decode])(features)
  assert list(alone) == [decode]
  together = tiny(features)
  for row, window in enumerate(windows):
    real = features[1, row] == 1
    ours = together[decode][row][:, real]
    assert furthest(alone[decode][row][:, real], ours) < (
        limit_of_all(window) if decode in ALL_DECODES
        else tolerance_of(ours)), window


@pytest.mark.parametrize("batch, length", [
    ([SHORT], 16), ([SHORT, LONG], 13), ([SHORT, FILLED, ONE_TOKEN], 16)])
def test_neighbours_and_padding_change_nothing(tiny, batch, length):
  """For `all`, too, as full_length stays, but for float32 rounding."""
  alone = tiny(features_of(SHORT, length=10))
  together = tiny(features_of(*batch, length=length))
  real = slice(sum(map(len, SHORT)) + 3)
  for decode in DECODES:
    assert together[decode].shape == (len(batch), 2, length)
    ours = together[decode][0, :, real]
    assert furthest(ours, alone[decode][0, :, real]) < (
        limit_of_all(SHORT) if decode in ALL_DECODES
        else tolerance_of(ours)), decode


def test_all_depends_on_full_length(tiny):
  features = features_of(SHORT, length=10)
  nearer = build(ALL_DECODES, full_length=12)(features)
  further = tiny(features)
  for decode in ALL_DECODES:
    assert furthest(nearer[decode], further[decode]) > 0.05


def test_one_hot_embeddings_give_the_same(tiny):
  features = features_of(SHORT, LONG)
  one_hot = build([BASELINE], use_one_hot_embeddings=True)(features)
  logits = tiny(features)[BASELINE]
  assert furthest(one_hot[BASELINE], logits) < tolerance_of(logits)


class Loop:
  """Decodes by plain `encode`, one after the other, with the weights of a test."""

  def __init__(self, config=TINY, weights=WEIGHTS, session_config=None):
    self.config, self.weights = config, weights
    self._graph = tf.Graph()
    with self._graph.as_default():
      self._inputs = bert_reference.placeholders()
      self._tokens = zones.token_sets(self._inputs, {
          draw: self._inputs["ranks_in_draw_%d" % draw] for draw in DRAWS},
                                      members.from_features(self._inputs))
      self._encoder = modeling.Encoder(config)
      self._embedded = self._encoder.embed(
          self._inputs["input_ids"], self._inputs["segment_ids"])
      self._logits = {BASELINE: self._logits_of(BASELINE)}
      self._session = tf.Session(config=session_config)
      bert_reference.load(self._session, weights)

  def _logits_of(self, decode):
    masks = [decode.mask_at(layer)
             for layer in range(self.config.num_hidden_layers)]
    edits = [mask.edit and functools.partial(
        mask.edit, queries=self._tokens, keys=self._tokens) for mask in masks]
    return answer_head.span_logits(self._encoder.encode(
        self._embedded, [mask.additive(self._tokens, TINY.num_attention_heads)
                         for mask in masks], edits)[-1])

  def __call__(self, features, decode):
    """Logits [B, 2, S]. Padded to max_seq_length, to which `all` attends."""
    length = features.shape[2]
    with self._graph.as_default():
      if decode not in self._logits:
        self._logits[decode] = self._logits_of(decode)
    padded = with_ranks(np.pad(
        features, [(0, 0), (0, 0), (0, FULL - length)], "constant"))
    feed = {self._inputs[name]: values for name, values in padded.items()}
    return self._session.run(self._logits[decode], feed)[..., :length]


@pytest.fixture(scope="module")
def loop():
  return Loop()


@pytest.fixture(scope="module", params=[
    name if name == "bert" else pytest.param(name, marks=pytest.mark.slow)
    for name in architectures.NAMES])
def each_loop(request):
  """A Loop of each architecture."""
  config = architectures.config_of(request.param, bert_reference.CONFIG)
  return Loop(config, bert_reference.weights_of(config))


def check_against_loop(loop, swept, windows, batch_size):
  features = features_of(*windows)
  features = features[..., :features[1].sum(1).max()]
  together = build(swept, config=loop.config, weights=loop.weights,
                   batch_size=batch_size)(features)
  for decode in swept:
    alone = loop(features, decode)
    for row, window in enumerate(windows):
      real = features[1, row] == 1
      expected = alone[row][:, real]
      limit = (limit_of_all(window, loop.config, loop.weights)
               if any(mask.reaches_padding for mask in decode.different_masks)
               else tolerance_of(expected, loop.config))
      assert furthest(together[decode][row][:, real], expected) < limit, decode


@settings(max_examples=4, deadline=None)
@given(swept=some_decodes(3), batch_size=st.integers(1, 3),
       windows=st.lists(st.sampled_from([SHORT, LONG, FILLED, ONE_TOKEN]),
                        min_size=1, max_size=2))
def test_a_sweep_equals_a_loop_of_encode(each_loop, swept, batch_size, windows):
  """The test at the heart: both ways share the model, and nothing else."""
  check_against_loop(each_loop, swept, windows, batch_size)


def windows_of_another_layout(layout, *lengths):
  """The input of a model, of common tokens and RoBERTa's layout: dict of int32."""
  places = layout.places(*np.array(lengths, np.int32).T)
  shape = len(lengths), places["window_end"].max()
  after = np.arange(shape[1]) >= places["window_end"][:, None]
  ids = np.random.RandomState(3).randint(4, TINY.vocab_size, shape)
  return dict(
      places, input_ids=np.where(after, layout.pad_id, ids).astype(np.int32),
      segment_ids=np.zeros(shape, np.int32),
      ranks_in_draw_1=draws.of_batch(["q"] * len(lengths), [1], shape[1], [
          (i, q, 0, p, places["question_start"][i], places["passage_start"][i])
          for i, (q, p) in enumerate(lengths)])[0])


@pytest.mark.slow
def test_a_sweep_equals_a_loop_with_another_layout():
  """Two tokens between; [PAD] is 1, in a batch and where `all` goes beyond it."""
  layout = layouts.Layout(1, 2, 1, pad_id=1)
  features = windows_of_another_layout(layout, (2, 4), (3, 7))
  longer = {name: np.pad(value, [(0, 0), (0, 2)], "constant", constant_values=(
      layout.pad_id if name == "input_ids" else 0)) if value.ndim == 2 else value
            for name, value in features.items()}
  swept = [BASELINE] + parse("1", "q2,q2p,p2q,p2,q2@1,p2q@flat,p2@zero,all")
  with tf.Graph().as_default(), tf.Session() as session:
    # Of no known length, so that q2 and q2p compute only few rows.
    inputs = {name: tf.placeholder(tf.int32, [None] * value.ndim)
              for name, value in features.items()}
    encoder = modeling.Encoder(TINY)
    of_sweep = [answer_head.span_logits(sweep.run(
        encoder, inputs, swept, FULL, pad_id=pad_id)) for pad_id in (1, 0)]
    tokens = zones.token_sets(longer, {1: longer["ranks_in_draw_1"]})
    embedded = encoder.embed(
        tf.constant(longer["input_ids"]), tf.constant(longer["segment_ids"]))
    alone = []
    for decode in swept:
      masks = list(map(decode.mask_at, range(3)))
      alone.append(answer_head.span_logits(encoder.encode(
          embedded, [mask.additive(tokens) for mask in masks],
          [mask.edit and functools.partial(mask.edit, queries=tokens, keys=tokens)
           for mask in masks])[-1]))
    bert_reference.load(session, WEIGHTS)
    (together, with_0), alone = session.run([of_sweep, alone], {
        inputs[name]: value for name, value in features.items()})
  for row, end in enumerate(features["window_end"]):
    for v, decode in enumerate(swept):
      expected = alone[v][row, :, :end]
      reaches = any(mask.reaches_padding for mask in decode.different_masks)
      # Of a window of about as many tokens.
      limit = limit_of_all(LONG) if reaches else tolerance_of(expected)
      assert furthest(together[v, row, :, :end], expected) < limit, decode
      # Zones change something, and so does another [PAD], where it is seen.
      assert v == 0 or furthest(alone[v][row], alone[0][row]) > 0.01
      assert not reaches or furthest(with_0[v, row, :, :end], expected) > 0.01


class Dimmed(collections.namedtuple("Dimmed", ["share"])):
  """A mask that a sweep has never heard of: less from the question to Q.

  It has what a sweep asks of a mask, and nothing of masking.Mask's inside. Only few
  rows change, those of the question.
  """
  is_empty, reaches_padding, changes_passage_rows = False, False, False
  is_per_head = False

  @property
  def in_every_head(self):
    return self

  def additive(self, tokens, num_heads=None):
    return masking.NOTHING.additive(tokens)

  def edit(self, weights, queries, keys):
    cells = zones.pairs(queries.in_question, keys.in_question)
    return weights * (1 - self.share * cells[:, None])


def test_edits_after_the_softmax(loop):
  swept = [BASELINE] + [
      decodes.Decode.of(layers, mask) for layers, mask in (
          ((0,), Dimmed(0.25)), ((1, 2), Dimmed(0.25)), ((1, 2), Dimmed(0.5)),
          ((1, 2), masking.union(["p2"])), (None, Dimmed(0.5)))]
  check_against_loop(loop, swept, [SHORT, LONG], batch_size=1)
  features = features_of(SHORT)
  assert furthest(loop(features, swept[1]), loop(features, BASELINE)) > 0.01


@pytest.mark.slow
def test_all_heads_together_are_the_layer():
  """Plain `encode` adds the same numbers, so the logits are the same bit by bit.

  So long as TensorFlow runs the graph as it is written: of c * (x * x * x) in gelu
  its optimizer makes (c * x) * x^2 in some graphs, and (c * x^2) * x in others.
  """
  as_written = tf.ConfigProto()
  as_written.graph_options.rewrite_options.disable_meta_optimizer = True
  loop = Loop(session_config=as_written)
  features = features_of(SHORT, LONG)
  for one, every in zip(
      parse("0,1+2", "q2p,p2@1,q2@flat,p2q@zero", mask_head="0+1"),
      parse("0,1+2", "q2p,p2@1,q2@flat,p2q@zero")):
    assert one != every
    assert (loop(features, one) == loop(features, every)).all()


def test_a_layer_without_attention(loop):
  """With all heads off, a position sees only itself, and the bias of the output."""
  features = features_of(LONG)
  off, = parse("None", "off", mask_head="0+1")
  weights = {name: value.astype(np.float64) for name, value in WEIGHTS.items()}
  ids, _, segments = features[:, 0]
  scope = "bert/embeddings"
  x = bert_reference.layer_norm(
      weights[scope + "/word_embeddings"][ids]
      + weights[scope + "/token_type_embeddings"][segments]
      + weights[scope + "/position_embeddings"], weights, scope)
  for layer in range(3):
    scope = "bert/encoder/layer_%d/" % layer
    x = bert_reference.layer_norm(
        x + weights[scope + "attention/output/dense/bias"], weights,
        scope + "attention/output")
    inner = bert_reference.ACTIVATIONS["gelu"](
        bert_reference.dense(x, weights, scope + "intermediate/dense"))
    x = bert_reference.layer_norm(
        x + bert_reference.dense(inner, weights, scope + "output/dense"), weights,
        scope + "output")
  expected = (weights["cls/squad/output_weights"] @ x.T
              + weights["cls/squad/output_bias"][:, None])
  for logits in loop(features, off), build([off])(features)[off]:
    assert furthest(logits[0], expected) < tolerance_of(expected)
  # One head alone is not enough.
  one, = parse("None", "off", mask_head="1")
  assert furthest(loop(features, one)[0], expected) > 0.05


@pytest.mark.slow
def test_edits_where_the_zone_is_empty_are_the_baseline(loop):
  """Without a question, Q2 and P2Q are empty, and nothing is edited."""
  features = features_of(NO_QUESTION)
  for decode in parse("0,0+2", "q2@flat,p2q@flat,p2q@zero,p2q@1"):
    assert (loop(features, decode) == loop(features, BASELINE)).all()


def test_memory_counts_heads_and_edits():
  """4 bytes for each number of 12 x 20 x 20 logits of each of 40 variants."""
  config = modeling.BertConfig(100, num_attention_heads=12)
  masks = lambda text, heads=None: {
      d.mask for d in grammar.parse_decodes("0", text, 12, heads, 12)}
  needs = lambda *how: sweep.memory(config, 500, 1, 20, masks(*how))
  logits = 4 * min(500, 13 * 3) * 12 * 20 * 20
  # NOTHING and q2 are kept, whichever heads mask it.
  assert needs("q2") - sweep.memory(config, 500, 1, 20) == 4 * 2 * 20 * 20
  assert needs("q2", "0-11") - needs("q2") == logits
  assert needs("q2@flat") - needs("q2") == 2 * logits
  assert needs("q2@zero") == needs("q2@flat")
  assert needs("off", "0") - needs("q2") == 3 * logits


@pytest.mark.slow
def test_a_new_zone_is_decoded(loop):
  """An entry in the table is all that a zone needs; see also test_zones.py."""
  def first(tokens):
    return tf.one_hot(0, tf.shape(tokens.is_real)[1])[None] + 0 * tokens.is_real
  zones.ZONES["cls"] = zones.Zone(
      "Cls", lambda t: t.is_real, first, changes_passage_rows=True,
      replaces_padding_mask=False)
  try:
    swept = grammar.parse_decodes("1,0+2", "cls,q2+cls", 3)
    check_against_loop(loop, swept, [SHORT, LONG], batch_size=1)
    features = features_of(SHORT)
    assert furthest(loop(features, swept[1]), loop(features, BASELINE)) > 0.01
  finally:
    del zones.ZONES["cls"]
