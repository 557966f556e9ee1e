"""attention_zones/zones/draws.py: which tokens a control masks, in any batch."""

import hashlib
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.data import squad_data
from attention_zones.data import batches
from attention_zones.data import windows
from attention_zones.zones import grammar
from attention_zones.zones import draws
import tiny_model
import tokenization

ID = "56be4db0acb8001400a502ec"


@pytest.mark.parametrize("state, output", [
    (0, 0xe220a8397b1dcdaf), (1, 0x910a2dec89025cc1)])
def test_splitmix64(state, output):
  assert draws.splitmix64(np.array([state], np.uint64)).tolist() == [output]


def taken(qas_id, draw, question, passage, count):
  """The positions that a draw takes first, in Python's integers.

  Args:
    question: int, the number of word pieces of the question.
    passage: list of int, the window's word pieces, counted in the whole passage.
    count: int.
  """
  def key(kind, i):
    digest = hashlib.sha256(("%s\n%d\n%s" % (qas_id, draw, kind)).encode()).digest()
    z = int.from_bytes(digest[:8], "little") + (i + 1) * 0x9E3779B97F4A7C15
    for shift, factor in (30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB):
      z %= 2**64
      z = (z ^ z >> shift) * factor
    z %= 2**64
    return z ^ z >> 31
  keyed = [(key("q", i), 1 + i) for i in range(question)] + [
      (key("p", i), question + 2 + n) for n, i in enumerate(passage)]
  return sorted(position for _, position in sorted(keyed)[:count])


def positions(qas_id, draw, question, passage, count):
  """As `taken`, by draws.ranks."""
  ranks = draws.ranks(
      qas_id, draw, question, passage[0] if passage else 0, len(passage))
  assert sorted(ranks) == list(range(question + len(passage)))
  return [1 + i + (i >= question) for i, rank in enumerate(ranks) if rank < count]


@pytest.mark.parametrize("passage, count, expected", [
    (range(9), 3, [8, 12, 13]),
    (range(9), 9, [2, 3, 5, 6, 8, 10, 11, 12, 13]),
    # The same keys; two of the three tokens are not in this window.
    (range(4, 9), 3, [3, 8, 9])])
def test_draw_of_three_question_tokens(passage, count, expected):
  assert positions(ID, 1, 3, list(passage), count) == expected
  assert taken(ID, 1, 3, list(passage), count) == expected


@pytest.mark.parametrize("qas_id, draw, question, passage", [
    (ID, 2, 12, range(200, 560)), ("\u95ee\u9898", 9999, 5, range(40)),
    ("q0", 1, 0, range(7)), ("q0", 1, 4, [])])
def test_ranks_in_pythons_integers(qas_id, draw, question, passage):
  passage = list(passage)
  for count in (0, 1, 3, len(passage), question + len(passage) + 5):
    assert positions(qas_id, draw, question, passage, count) == taken(
        qas_id, draw, question, passage, count)


def test_draws_differ():
  takes = {tuple(positions(qas_id, draw, 4, list(range(60)), 4))
           for qas_id in ("a", "b") for draw in (1, 2, 11)}
  assert len(takes) == 6


def test_half_a_surrogate_pair_is_an_id():
  assert sorted(draws.ranks("\ud800", 1, 2, 0, 3)) == [0, 1, 2, 3, 4]


def test_needed():
  assert draws.needed(grammar.parse_decodes(
      "0-1", "p2q@3-4,q2@flat,q2@1+p2@3", 2)) == [1, 3, 4]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
  """Questions of 1 to 3 tokens about passages of 26 and 4, in several windows."""
  folder = tmp_path_factory.mktemp("data")
  (folder / "data.json").write_text(json.dumps({"data": [{"paragraphs": [
      {"context": context, "qas": [
          {"id": "%d %s" % (number, question), "question": question, "answers": []}
          for question in ("who lives ?", "where", "who ?")]}
      for number, context in enumerate(["anna lives in oslo . " * 5 + "omar",
                                        "anna lives in oslo"])]}]}))
  (folder / "vocab.txt").write_text("\n".join(tiny_model.VOCAB) + "\n")
  examples, _ = squad_data.read_examples(str(folder / "data.json"), False)
  tokenizer = tokenization.FullTokenizer(
      tokenization.load_vocab(str(folder / "vocab.txt")))
  return examples, windows.cached_windows(
      examples, tokenizer, windows.WindowSizes(24, 8, 8), False, str(folder), "")


def read(data, numbers, batch_size, **how):
  """The ranks that the input pipeline gives.

  Returns:
    dict from (id, first_token) to int32 [K, S], without padding.
  """
  examples, path = data
  ids = [example.qas_id for example in examples]
  with tf.Graph().as_default(), tf.Session() as session:
    made = batches.predict_input_fn(
        batches.read(path), 24,
        add=lambda features: draws.add_to_features(features, ids, numbers), **how)(
            {"batch_size": batch_size})
    batch = tf.data.make_one_shot_iterator(made).get_next()
    names = ["ranks_in_draw_%d" % number for number in numbers]
    assert set(draws.from_features(batch)) == set(numbers)
    for name in names:
      assert batch[name].dtype == tf.int32
      assert batch[name].shape.as_list() == batch["input_ids"].shape.as_list()
    found = {}
    while True:
      try:
        values = session.run(batch)
      except tf.errors.OutOfRangeError:
        return found
      for row, index in enumerate(values["example_index"]):
        length = values["window_end"][row]
        ranks = np.stack([values[name][row] for name in names])
        assert not ranks[:, length:].any()
        found[ids[index], values["first_token"][row]] = ranks[:, :length].tolist()


def test_the_pipeline_ranks_all_windows_alike(data):
  numbers = [1, 7]
  everywhere = read(data, numbers, 1)
  # The first passage takes two windows, the second one.
  assert len(everywhere) == 3 * (2 + 1) and ("0 where", 8) in everywhere
  for (qas_id, first), ranks in everywhere.items():
    question = len(qas_id[2:].split())
    length = len(ranks[0]) - question - 3
    for number, row in zip(numbers, ranks):
      own = draws.ranks(qas_id, number, question, first, length).tolist()
      assert row == [0] + own[:question] + [0] + own[question:] + [0]
  assert read(data, numbers, 4) == everywhere
  assert read(data, numbers, 3, bucket_width=8) == everywhere
  assert read(data, [7], 2) == {
      window: ranks[1:] for window, ranks in everywhere.items()}
  assert read(data, numbers, 2, bucket_width=8, places={1: 0, 4: 1}) == {
      window: ranks for window, ranks in everywhere.items()
      if window[0] in ("0 where", "1 where")}
  assert read(data, numbers, 1, finished={0, 1, 2}) == {
      window: ranks for window, ranks in everywhere.items() if window[0][0] == "1"}


def test_without_draws_nothing_is_added():
  features = {"input_ids": None}
  assert draws.add_to_features(features, [], []) is features
