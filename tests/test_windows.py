"""windows.py, batches.py: windows of token ids, their file, batches of it."""

import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import questions
from attention_zones.data import batches
from attention_zones.data.sentencepiece_tokenizer import SentencePieceTokenizer
from attention_zones.data import squad_data
from attention_zones.data.tokenizer_settings import AddedToken
from attention_zones.data import windows
from attention_zones.data.windows import WindowSizes
from attention_zones.zones import layouts
import tokenization

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "who", "?", "a", "b", "c", "d",
          "##d", "(", ")", "e", "f", "g", "h"]
TOKENIZER = tokenization.FullTokenizer(
    {piece: index for index, piece in enumerate(PIECES)})
CLS, SEP = 2, 3
WHO, QUESTION_MARK, A, B, C, D = 4, 5, 6, 7, 8, 9


def example(context, question="who", answer="", start=None,
            is_impossible=False):
  """An Example; the answer is the first stretch that reads so, or at `start`."""
  if start is None:
    start = context.index(answer) if answer else -1
  end = start + len(answer)
  return squad_data.Example("q", question, questions.split_words(context),
                            start, end, answer, is_impossible)


def windows_of(examples, sizes, is_training=False):
  return list(windows.make_windows(
      examples, TOKENIZER, sizes, is_training))


@pytest.mark.parametrize("arguments, spans", [
    ((10, 6, 3), [(0, 6), (3, 6), (6, 4)]),
    ((6, 6, 3), [(0, 6)]),
    ((7, 6, 3), [(0, 6), (3, 4)]),
    ((1, 6, 3), [(0, 1)]),
    ((0, 6, 3), []),
    ((6, 3, 3), [(0, 3), (3, 3)]),
    # A stride beyond the window skips no token.
    ((10, 3, 5), [(0, 3), (3, 3), (6, 3), (9, 1)]),
])
def test_window_spans(arguments, spans):
  assert windows.window_spans(*arguments) == spans


def test_max_context_window():
  spans = [(0, 6), (3, 6), (6, 4)]
  # Token 4 has a context of 1 in windows 0 and 1, which are as long: the first.
  # Token 7 has a context of 1 in windows 1 and 2: the longer.
  assert [windows.max_context_window(spans, token)
          for token in range(10)] == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]


def test_ids_of_windows():
  # 10 tokens a window: [CLS] who ? [SEP], 5 of the passage, [SEP].
  made = windows_of([example("a b c dd d c b a", "Who?"), example("a")],
                    WindowSizes(10, 3, 4))
  passage = [A, B, C, D, 10, D, C, B, A]
  assert [window.input_ids for window in made] == [
      [CLS, WHO, QUESTION_MARK, SEP] + passage[0:5] + [SEP],
      [CLS, WHO, QUESTION_MARK, SEP] + passage[3:8] + [SEP],
      [CLS, WHO, QUESTION_MARK, SEP] + passage[6:9] + [SEP],
      [CLS, WHO, SEP, A, SEP]]
  assert [tuple(window)[:6] for window in made] == [
      (1000000000, 0, 3, 0, 5, 2), (1000000001, 0, 3, 3, 5, 2),
      (1000000002, 0, 3, 6, 3, 2), (1000000003, 1, 1, 0, 1, 1)]
  assert {(w.start_position, w.end_position) for w in made} == {(-1, -1)}


class TwoBetween(tokenization.FullTokenizer):
  """A tokenizer with RoBERTa's layout: two tokens between, another padding."""
  LAYOUT = layouts.Layout(1, 2, 1, pad_id=1)
  AROUND = ["[CLS]"], ["[SEP]", "[SEP]"], ["[SEP]"]


@pytest.mark.parametrize("tokenizer", [
    tokenization.FullTokenizer, SentencePieceTokenizer, TwoBetween])
def test_a_layout_counts_the_tokens_around(tokenizer):
  assert tuple(tokenizer.LAYOUT[:3]) == tuple(map(len, tokenizer.AROUND))


def test_windows_of_another_layout(tmp_path):
  """Each has room for 4 tokens of the passage; the answer is token 3."""
  tokenizer = TwoBetween(TOKENIZER.vocab)
  examples = [example("a b c d b a", "who ?", "d")]
  path = windows.cached_windows(
      examples, tokenizer, WindowSizes(10, 3, 4), True, str(tmp_path), "key")
  for width in None, 4:
    made = batches_of(batches.predict_input_fn(
        batches.read(path), 10, width, layout=tokenizer.LAYOUT), 2)
    rows = {first: {name: batch[name][i] for name in batch} for batch in made
            for i, first in enumerate(batch["first_token"])}
    assert rows[0]["input_ids"].tolist() == [
        CLS, WHO, QUESTION_MARK, SEP, SEP, A, B, C, D, SEP]
    assert rows[3]["input_ids"].tolist()[:9] == [
        CLS, WHO, QUESTION_MARK, SEP, SEP, D, B, A, SEP]
    assert (rows[3]["input_ids"][9:] == 1).all()
    assert rows[3]["segment_ids"].tolist()[:9] == [0] * 5 + [1] * 4
    assert [(row["start_position"], row["passage_start"], row["window_end"])
            for _, row in sorted(rows.items())] == [(8, 5, 10), (5, 5, 9)]


def test_a_long_question_is_cut():
  window, = windows_of([example("a", "who who a b c")], WindowSizes(10, 3, 3))
  assert window.input_ids == [CLS, WHO, WHO, A, SEP, A, SEP]
  assert window.question_length == 3


def test_empty_question_and_empty_passage():
  window, = windows_of([example("a b", ""), example("")], WindowSizes(10, 3, 3))
  assert window.input_ids == [CLS, SEP, A, B, SEP]


def test_answer_positions():
  sizes = WindowSizes(9, 3, 1)  # [CLS] who [SEP], 5 of the passage, [SEP]
  words = "a b c d e f g h"
  made = windows_of([example(words, answer="e f"),
                     example(words, answer="c d e"),
                     example(words, is_impossible=True)], sizes, True)
  # Windows are a b c d e, and d e f g h; the answer must be within, whole.
  assert [(w.start_position, w.end_position) for w in made] == [
      (0, 0), (4, 5), (5, 7), (0, 0), (0, 0), (0, 0)]


@pytest.mark.parametrize("context, answer, start, first, last", [
    # Part of a word; with space around it; of several that read alike.
    ("c (a)", "a", 3, 2, 2),
    ("c (a) b", " (a) ", 1, 1, 3),
    ("a b a b a", "a", 4, 2, 2),
    ("(a)(a)(a)", "a", 7, 7, 7),
    # Begins, ends or lies inside a word piece: the pieces that hold it.
    ("a efg h", "fg", 3, 1, 1),
    ("a dd h", "d", 2, 1, 1),
    ("a dd h", "d", 3, 2, 2),
    ("a dd h", "a d", 0, 0, 1),
    # White space of other kinds, and what the tokenizer drops.
    ("a\u00a0b\u3000c d", "b\u3000c", 2, 1, 2),
    ("\u3000\u3000a b", "a", 2, 0, 0),
    ("a\u200b\u0301 b", "\u0301", 2, 0, 0),
])
def test_labels_are_the_pieces_at_the_answer(context, answer, start, first, last):
  # After [CLS] who [SEP].
  made, = windows_of([example(context, answer=answer, start=start)],
                     WindowSizes(20, 3, 1), True)
  assert (made.start_position, made.end_position) == (first + 3, last + 3)


def test_an_answer_without_a_word_piece():
  made, = windows_of([example("a \u200b b", answer="\u200b")],
                     WindowSizes(20, 3, 1), True)
  assert (made.start_position, made.end_position) == (0, 0)


def test_a_label_in_a_script_without_spaces():
  context = ("\u6c5f\u6865\u5efa\u4e8e1820\u5e74\u30021820\u5e74\u524d\u5750\u8239"
             "\u30021820\u5e74\u6d2a\u6c34\u3002")
  pieces = tokenization.SPECIAL_TOKENS + ("1820", "\u5e74", "?")
  tokenizer = tokenization.FullTokenizer(
      {piece: index for index, piece in enumerate(pieces)})
  third = context.rindex("1820")
  made, = windows.make_windows(
      [example(context, "?", "1820\u5e74", third)], tokenizer,
      WindowSizes(40, 30, 4), True)
  # The first stands at 4 to 5 in the passage, the second at 7 to 8; before the
  # passage are [CLS] ? [SEP].
  assert (made.start_position, made.end_position) == (3 + 13, 3 + 14)


GOLDEN = [
    ("slice", "xquad.120.96", "xquad.en.120", False, None, (96, 32, 16)),
    ("slice", "train-head.128", "squad-train-head", True, None, (128, 48, 24))]
GOLDEN += [pytest.param("whole", *case, marks=pytest.mark.slow) for case in [
    ("xquad.120.384", "xquad.en.120", False, None, (384, 128, 64)),
    ("xquad.120.96", "xquad.en.120", False, None, (96, 32, 16)),
    ("train-head.384", "squad-train-head", True, 400, (384, 128, 64)),
    ("train-head.128", "squad-train-head", True, 250, (128, 48, 24))]]


@pytest.fixture(scope="module")
def uncased(golden):
  return tokenization.FullTokenizer(
      tokenization.load_vocab(str(golden.models / "vocab" / "uncased.txt")))


@pytest.mark.parametrize("golden, name, data, is_training, count, sizes", GOLDEN,
                         indirect=["golden"])
def test_agrees_with_the_published_features(
    golden, uncased, tmp_path, name, data, is_training, count, sizes):
  published = np.load(str(golden.numbers / "features" / (name + ".npz")))
  examples, _ = squad_data.read_examples(
      str(golden.data / (data + ".json")), is_training)
  examples, sizes = examples[:count], WindowSizes(*sizes)
  path = windows.cached_windows(
      examples, uncased, sizes, is_training, str(tmp_path), "key")
  # As the model gets them, in one batch padded to max_seq_length.
  batch, = batches_of(batches.predict_input_fn(
      batches.read(path), sizes.max_seq_length,
      places=dict.fromkeys(range(len(examples)), 0)), 10000)
  rows = np.argsort(batch["unique_id"])
  batch = {name: values[rows] for name, values in batch.items()}
  for ours, theirs in (
      ("unique_id", "unique_ids"), ("example_index", "example_index"),
      ("input_ids", "input_ids"), ("segment_ids", "segment_ids")):
    np.testing.assert_array_equal(batch[ours], published[theirs], ours)
  np.testing.assert_array_equal(
      batch["window_end"], published["input_mask"].sum(1))
  if is_training:
    np.testing.assert_array_equal(
        batch["start_position"], published["start_positions"])
    np.testing.assert_array_equal(
        batch["end_position"], published["end_positions"])
  check_token_maps(examples, uncased, batch, published)


def check_token_maps(examples, tokenizer, batch, published):
  """Compares the max-context mark and the word of each passage token."""
  is_max_context = json.loads(str(published["token_is_max_context"]))
  word_of = json.loads(str(published["token_to_orig_map"]))
  passages = {}
  spans = [[] for _ in examples]
  for row, index in enumerate(batch["example_index"]):
    spans[index].append(
        (batch["first_token"][row], batch["passage_length"][row]))
  for row, index in enumerate(batch["example_index"]):
    paragraph = examples[index].paragraph
    if id(paragraph) not in passages:
      passages[id(paragraph)] = windows.TokenizedParagraph(
          paragraph, tokenizer)
    first, length = batch["first_token"][row], batch["passage_length"][row]
    number = spans[index].index((first, length))
    assert batch["num_windows"][row] == len(spans[index])
    to_token = first - batch["passage_start"][row]
    positions = [str(token - to_token)
                 for token in range(first, first + length)]
    assert word_of[row] == dict(zip(
        positions, passages[id(paragraph)].word_of[first:first + length]))
    assert is_max_context[row] == {
        position: windows.max_context_window(
            spans[index], int(position) + to_token) == number
        for position in positions}


def cache(folder, examples=None, sizes=(10, 3, 4), is_training=False, key="k",
          **settings):
  tokenizer = tokenization.FullTokenizer(TOKENIZER.vocab, **settings)
  return windows.cached_windows(
      examples or [example("a b c")], tokenizer, WindowSizes(*sizes),
      is_training, str(folder), key)


def test_cached_windows_are_made_once(tmp_path):
  path = cache(tmp_path)
  before = os.stat(path)
  # The same name, though not what is in it, tells that the file is reused.
  assert cache(tmp_path, [example("b b b b")]) == path
  after = os.stat(path)
  assert (after.st_ino, after.st_mtime_ns, after.st_size) == (
      before.st_ino, before.st_mtime_ns, before.st_size)
  assert os.listdir(str(tmp_path)) == [os.path.basename(path)]


@pytest.mark.parametrize("change", [
    {"sizes": (11, 3, 4)}, {"sizes": (10, 2, 4)}, {"sizes": (10, 3, 3)},
    {"key": "other"}, {"max_input_chars_per_word": 100},
    {"added_tokens": [AddedToken("a", True, False)]}])
def test_cached_windows_of_something_else_have_another_name(tmp_path, change):
  assert cache(tmp_path, **change) != cache(tmp_path)
  assert len(os.listdir(str(tmp_path))) == 2


def test_windows_to_train_on_have_another_name(tmp_path):
  examples = [example("a b c", answer="b")]
  assert cache(tmp_path, examples, is_training=True) != cache(
      tmp_path, examples, is_training=False)


def test_cached_windows_leave_nothing_when_they_fail(tmp_path):
  with pytest.raises(ValueError):
    cache(tmp_path, [example("a b c"), example("a b c", question=None)])
  assert os.listdir(str(tmp_path)) == []
  # Nor does a failed attempt stand in the way of the next.
  assert os.path.exists(cache(tmp_path))


def batches_of(input_fn, batch_size, count=None):
  """Runs an input_fn: list of dict of arrays, of the first `count` made."""
  made = []
  with tf.Graph().as_default(), tf.Session() as session:
    dataset = input_fn({"batch_size": batch_size})
    batch = tf.data.make_one_shot_iterator(dataset).get_next()
    try:
      while count is None or len(made) < count:
        made.append(session.run(batch))
    except tf.errors.OutOfRangeError:
      pass
  return made


# Numbers of passage tokens; with [CLS] who [SEP] [SEP] a window has 4 more.
PASSAGES = (1, 9, 4, 8, 2, 10, 5, 1, 3, 7)


@pytest.fixture
def windows_file(tmp_path):
  """A file of ten windows, of lengths 5 to 14, one of each example."""
  return cache(tmp_path, [example(" ".join("a" * length))
                          for length in PASSAGES], sizes=(14, 3, 4))


def predict_batches(path, batch_size, **options):
  return batches_of(batches.predict_input_fn(
      batches.read(path), 14, **options), batch_size)


def test_batches_of_one_length(windows_file):
  made = predict_batches(windows_file, 4)
  assert [batch["input_ids"].shape for batch in made] == [
      (4, 14), (4, 14), (2, 14)]
  # Passages of 1, 1, 2, 3 words; 4, 5, 7, 8; 9, 10.
  assert np.concatenate([b["example_index"] for b in made]).tolist() == [
      0, 7, 4, 8, 2, 6, 9, 3, 1, 5]
  assert all(value.dtype == np.int32 for value in made[0].values())
  assert made[0]["input_ids"][0].tolist() == (
      [CLS, WHO, SEP, A, SEP] + [0] * 9)
  assert made[0]["window_end"].tolist() == [5, 5, 6, 7]
  # The question's segment is [CLS] who [SEP], the passage's has the last [SEP].
  assert made[0]["segment_ids"][[0, 3]].tolist() == [
      [0] * 3 + [1] * 2 + [0] * 9, [0] * 3 + [1] * 4 + [0] * 7]


def test_windows_alone_are_read_passage_after_passage(windows_file):
  """Of examples 8, 3 and 1 only, in the order of their places."""
  made = predict_batches(windows_file, 1, places={3: 1, 8: 0, 1: 7})
  assert [batch["example_index"].tolist() for batch in made] == [[8], [3], [1]]
  assert [batch["input_ids"].shape for batch in made] == [(1, 14)] * 3


def test_windows_together_are_of_a_block_of_passages(windows_file):
  """Passages of 9, 8, 7 words are in the first block, of 1 and 4 in the second."""
  places = {3: 0, 9: 1, 1: 199, 2: 200, 0: 399}
  made = predict_batches(windows_file, 2, places=places)
  assert [batch["example_index"].tolist() for batch in made] == [
      [9, 3], [1], [0, 2]]


def test_padding_is_told_from_tokens_by_position(tmp_path):
  # A passage's own "[SEP]" is three pieces like any other, here three [UNK],
  # as the vocabulary has no "[", "sep" or "]".
  path = cache(tmp_path, [example("a [SEP] b", question="who?")], (14, 3, 4))
  batch, = predict_batches(path, 1)
  assert batch["input_ids"][0].tolist() == [
      CLS, WHO, QUESTION_MARK, SEP, A, 1, 1, 1, B, SEP, 0, 0, 0, 0]
  assert batch["window_end"].tolist() == [10]
  assert batch["segment_ids"][0].tolist() == [0] * 4 + [1] * 6 + [0] * 4


@pytest.mark.parametrize("width, widths", [
    # Never more than max_seq_length, though 14 is no multiple of these.
    (4, [8, 8, 12, 12, 14]), (5, [5, 10, 10, 14, 14]), (16, [14] * 5),
    (7, [7, 7, 14, 14, 14]), (1, [5, 7, 9, 12, 14])])
def test_buckets(windows_file, width, widths):
  made = predict_batches(windows_file, 2, bucket_width=width)
  assert [batch["example_index"].tolist() for batch in made] == [
      [0, 7], [4, 8], [2, 6], [9, 3], [1, 5]]
  # The smallest multiple that the longer window fits in.
  assert [batch["input_ids"].shape[1] for batch in made] == widths
  for batch, padded in zip(made, widths):
    for row, index in enumerate(batch["example_index"]):
      length = PASSAGES[index] + 4
      assert batch["input_ids"][row].tolist() == (
          [CLS, WHO, SEP] + [A] * (length - 4) + [SEP]
          + [0] * (padded - length))
      assert batch["window_end"][row] == length


@pytest.mark.parametrize("width", [None, 4])
@pytest.mark.parametrize("finished", [
    {0, 1, 2}, {9}, {0, 3, 9}, set(range(10))])
def test_finished_batches_are_left_out(windows_file, width, finished):
  every = predict_batches(windows_file, 2, bucket_width=width)
  some = predict_batches(windows_file, 2, bucket_width=width, finished=finished)
  wanted = [batch for batch in every
            if not finished.issuperset(batch["example_index"].tolist())]
  assert len(some) == len(wanted)
  for ours, theirs in zip(some, wanted):
    for name in theirs:
      np.testing.assert_array_equal(ours[name], theirs[name], name)


def training_order(path, seed, count, bucket_width):
  """The examples of the first `count` steps of a training with batch 1."""
  made = batches_of(batches.train_input_fn(path, 14, seed, bucket_width), 1, count)
  return [batch["example_index"].item() for batch in made]


@pytest.mark.parametrize("width", [None, 4])
def test_the_training_stream_is_shuffled_by_its_seed(windows_file, width):
  order = training_order(windows_file, 1, 30, width)
  # Every example once an epoch, and each epoch in an order of its own.
  epochs = [order[first:first + 10] for first in (0, 10, 20)]
  assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
  assert len({tuple(epoch) for epoch in epochs + [range(10)]}) == 4
  assert training_order(windows_file, 1, 30, width) == order
  assert training_order(windows_file, 2, 30, width) != order


def test_training_batches_are_full(windows_file):
  input_fn = batches.train_input_fn(windows_file, 14, seed=1)
  with tf.Graph().as_default():
    shapes = tf.data.get_output_shapes(input_fn({"batch_size": 4}))
  # A TPU needs to know the shape before it sees a batch.
  assert shapes["input_ids"].as_list() == [4, 14]
  made = batches_of(input_fn, 4, count=5)
  assert [batch["input_ids"].shape for batch in made] == [(4, 14)] * 5
  seen = np.concatenate([batch["example_index"] for batch in made])
  assert sorted(seen) == sorted(list(range(10)) * 2)
