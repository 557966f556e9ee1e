"""From a data set's text to spans of word pieces, and from spans to text."""

import itertools
import json
import re
import types

from hypothesis import example, given, strategies as st
import numpy as np
import pytest

from attention_zones.data import answer_text
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding import answers
import tokenization

VOCAB = {piece: index for index, piece in enumerate(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "an", "##n", "##na", "e",
     "##e", "##\u0301", "\u00e9", "\u4e2d", "\u05d0", "##\u05d0", "##a", "##b"]
    + list("ab.,-#[]()'$"))}
TOKENIZERS = {do_lower_case: tokenization.FullTokenizer(VOCAB, do_lower_case)
              for do_lower_case in (False, True)}

# The only white space between words. All other kinds stay within a word, so
# that an answer may differ from its passage in these characters alone.
SEPARATORS = " \t\r\n\u202f"
PLAIN_WORDS = st.sampled_from(
    ["a", "an", "Ann", "anna", "bob", "B", "(Ann's)", "A.a", "a.b",
     "$3.5", "##a", "[SEP]", "[MASK]", "b" * 101, "a" * 201, "caf\u00e9",
     "\u4e2d\u6587", "\u05d0\u05d1"])
WORDS = st.one_of(PLAIN_WORDS, PLAIN_WORDS, st.lists(st.one_of(
    PLAIN_WORDS,
    # White space that separates nothing, what has no width, what vanishes or
    # changes its length in the tokenizer.
    st.sampled_from(
        list("\u00a0\u3000\u2028\x0b\x1c\x85\u200b\u200f\u2060\ufeff\u00ad"
             "\u0301\u0130\u00df\ufb01\ud55c\x00\x07\ufffd\ue000\ud83d")
        + ["\U0001f469\u200d\U0001f52c"]),
    st.characters()), min_size=1, max_size=3).map("".join))
SPACE = st.sampled_from([" ", " ", " ", "  ", "\n", "\t\r\n", "\u202f", ""])
CONTEXTS = st.tuples(SPACE, st.one_of([
    st.lists(st.tuples(WORDS, SPACE).map("".join), min_size=size,
             max_size=size + 5).map("".join)
    for size in (0, 5, 15)])).map("".join)
QUESTIONS = st.lists(WORDS, max_size=3).map(" ".join)


@st.composite
def window_sizes(draw):
  """As run_squad.py allows them: no token of a passage is skipped."""
  room, max_query_length = draw(st.integers(1, 12)), draw(st.integers(1, 4))
  return windows.WindowSizes(
      room + max_query_length + 3, draw(st.integers(1, room)), max_query_length)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  return tmp_path_factory.mktemp("answers") / "squad.json"


def read(path, context, question="", is_training=False, **answer):
  """Reads a data set of one question: (examples, dropped)."""
  qa = {"id": "q", "question": question, "answers": [answer] * is_training}
  path.write_text(json.dumps({"data": [
      {"paragraphs": [{"context": context, "qas": [qa]}]}]}), encoding="ascii")
  return squad_data.read_examples(str(path), is_training)


def split(text):
  """Offsets of the words of a text: list of (start, end)."""
  return [word.span() for word in re.finditer("[^%s]+" % SEPARATORS, text)]


def without_separators(text):
  return "".join(c for c in text if c not in SEPARATORS)


def tokens_of(paragraph, tokenizer):
  """The word pieces of a passage: list of (piece, index of its word)."""
  return [(piece, index) for index, word in enumerate(paragraph.words)
          for piece in tokenizer.tokenize(word)]


def places_of(context, tokenizer):
  """Where each word piece of a passage stands: list of (start, end).

  What a character makes alone tells how many of the tokens' are its own.
  """
  basic = tokenizer.basic_tokenizer.tokenize
  makes = [len("".join(basic(character))) for character in context]
  origins = [i for i, count in enumerate(makes) for _ in range(count)]
  places, used = [], 0
  for token in basic(context):
    pieces = tokenizer.tokenize(token)
    for n, piece in enumerate(pieces):
      length = len(token) if pieces == ["[UNK]"] else len(piece) - 2 * (n > 0)
      start, end = origins[used], origins[used + length - 1] + 1
      # What makes nothing and does not separate belongs to the piece before.
      while end < len(context) and not makes[end] and (
          len(basic("a%sa" % context[end])) == 1):
        end += 1
      used += length
      places.append((start, end))
  assert used == len(origins)
  return places


def published_text(tokens, words, tokenizer):
  """What BERT's code answers for a span of `tokens`, step by step.

  Returns:
    str, None where it gives up and answers all words of the span.
  """
  pieces = " ".join(piece for piece, _ in tokens)
  pieces = pieces.replace(" ##", "").replace("##", "").strip()
  original = " ".join(words[tokens[0][1]:tokens[-1][1] + 1])
  whole = " ".join(tokenizer.basic_tokenizer.tokenize(original))
  if pieces not in whole:
    return None
  if len(whole.replace(" ", "")) != len(original.replace(" ", "")):
    return None
  skipped = len(whole[:whole.index(pieces)].replace(" ", ""))
  wanted = len(pieces.replace(" ", ""))
  places = [i for i, c in enumerate(original) if c != " "][skipped:][:wanted]
  return original[places[0]:places[-1] + 1]


def span_text(first, last, tokens, found, tokenizer):
  """What is to be answered for tokens[first:last + 1] of an example's passage."""
  span = tokens[first:last + 1]
  text = published_text(span, found.paragraph.words, tokenizer)
  if text is not None:
    # Its characters may be others, if as many were added as dropped before them.
    tokenized = "".join(tokenizer.basic_tokenizer.tokenize(text))
    if tokenized == "".join(piece[2 * (len(piece) > 2 and piece[:2] == "##"):]
                            for piece, _ in span):
      return text
  places = places_of(found.paragraph.context, tokenizer)
  return found.paragraph.context[places[first][0]:places[last][1]]


@given(CONTEXTS)
def test_words_of_a_passage(path, context):
  (found,), _ = read(path, context)
  words = split(context)
  assert found.paragraph.context == context
  assert found.paragraph.starts == [start for start, _ in words]
  assert found.paragraph.words == [context[start:end] for start, end in words]


@given(CONTEXTS, QUESTIONS, window_sizes(), st.booleans())
def test_windows_cover_the_passage(path, context, question, sizes, lower):
  tokenizer = TOKENIZERS[lower]
  (found,), _ = read(path, context, question)
  made = list(windows.make_windows([found], tokenizer, sizes, False))
  ids = [VOCAB[piece] for piece, _ in tokens_of(found.paragraph, tokenizer)]
  asked = [VOCAB[piece] for piece in tokenizer.tokenize(question)]
  asked = asked[:sizes.max_query_length]
  covered = 0
  for window in made:
    first, last = window.first_token, window.first_token + window.passage_length
    assert first <= covered < last
    covered = last
    assert window.input_ids == [2] + asked + [3] + ids[first:last] + [3]
    assert len(window.input_ids) <= sizes.max_seq_length
    assert window.num_windows == len(made)
  assert covered == len(ids)


# A stretch that is longer by 100 may show a token with 1 less on one side.
@example(410, 400, 200)
@given(st.integers(1, 600), st.integers(50, 400), st.integers(20, 200))
def test_where_a_token_has_most_context(num_tokens, capacity, doc_stride):
  spans = windows.window_spans(
      num_tokens, capacity, min(doc_stride, capacity))
  for token in range(0, num_tokens, 3):
    assert windows.max_context_window(spans, token) == (
        most_context(spans, token))


def most_context(spans, token):
  """Which of the (first token, length) shows a token best, the first at a tie.
  """
  best, found = -1, None
  for n, (first, length) in enumerate(spans):
    if first <= token < first + length:
      left, right = token - first, first + length - 1 - token
      if min(left, right) + 0.01 * length > best:
        best, found = min(left, right) + 0.01 * length, n
  return found


@st.composite
def candidates(draw, windows, sizes):
  """For each window its candidates; no two sums of their logits are equal."""
  size = draw(st.integers(1, min(6, sizes.max_seq_length)))
  count = size * len(windows)
  logits = draw(st.permutations(range(count)))

  def tokens(window):
    inside = st.integers(window.first_token,
                         window.first_token + window.passage_length - 1)
    return np.array([draw(st.lists(
        st.one_of(inside, inside, st.just(-1)), min_size=size, max_size=size))])

  predicted = []
  for n, window in enumerate(windows):
    own = np.array([logits[n * size:(n + 1) * size]], np.float32)
    predicted.append(dict(
        window._asdict(), passage_start=window.question_length + 2,
        start_tokens=tokens(window),
        end_tokens=tokens(window), start_logits=own * count,
        end_logits=own[:, ::-1], is_finite=np.array([True]),
        null_logits=np.array([[draw(st.integers(-9, count ** 2)), 0.5]])))
  return predicted


def ranked_spans(predicted, max_answer_length):
  """All (sum of logits, first token, last token) that may be answers."""
  stretches = [(w["first_token"], w["passage_length"]) for w in predicted]
  spans = []
  for n, window in enumerate(predicted):
    stop = window["first_token"] + window["passage_length"]
    starts, ends = (
        zip(window[kind + "_tokens"][0], window[kind + "_logits"][0])
        for kind in ("start", "end"))
    for (start, s), (end, e) in itertools.product(starts, ends):
      first, last = int(start), int(end)
      if window["first_token"] <= first <= last < stop and (
          last - first < max_answer_length
          and most_context(stretches, first) == n):
        spans.append((float(s) + float(e), first, last))
  return sorted(spans, reverse=True)


@given(CONTEXTS, QUESTIONS, window_sizes(), st.booleans(), st.booleans(),
       st.sampled_from([1, 3, 30]), st.sampled_from([2, 20]), st.data())
def test_answers(path, context, question, sizes, lower, v2, max_answer_length,
                 n_best_size, data):
  tokenizer = TOKENIZERS[lower]
  (found,), _ = read(path, context, question)
  made = list(windows.make_windows([found], tokenizer, sizes, False))
  if not made:
    return
  predicted = data.draw(candidates(made, sizes))
  finder = answers.AnswerFinder(
      [found], tokenizer, types.SimpleNamespace(
          n_best_size=n_best_size, max_answer_length=max_answer_length,
          version_2_with_negative=v2, null_score_diff_threshold=0.0))
  answer, = finder.answers(0, predicted, [True])
  alone, = finder.answers(0, predicted, [False])
  assert (alone.text, alone.null_odds) == (answer.text, answer.null_odds)

  tokens = tokens_of(found.paragraph, tokenizer)
  expected = []
  for total, first, last in ranked_spans(predicted, max_answer_length):
    text = span_text(first, last, tokens, found, tokenizer)
    assert without_separators(text) in without_separators(context)
    if text not in [known for _, known in expected]:
      expected.append((total, text))
  listed = [(entry["start_logit"] + entry["end_logit"], entry["text"])
            for entry in answer.nbest]
  # BERT's word for a question to which no span is an answer.
  best = expected[0] if expected else (0.0, "empty")
  if not v2:
    assert listed == (expected[:n_best_size] or [best])
    assert answer.text == best[1]
    return
  null = min(window["null_logits"][0].sum() for window in predicted)
  assert [entry for entry in listed if entry[1]] == [
      entry for entry in expected if entry in listed]
  assert answer.null_odds == null - best[0]
  assert answer.text == ("" if null > best[0] or not expected else best[1])


@given(st.lists(st.one_of(CONTEXTS, WORDS)).map(" ".join), st.booleans(),
       st.data())
def test_any_stretch_of_tokens_is_aligned(text, lower, data):
  tokenizer = TOKENIZERS[lower]
  original = " ".join(text[start:end] for start, end in split(text))
  tokens = tokenizer.basic_tokenizer.tokenize(original)
  first = data.draw(st.integers(0, len(tokens)))
  last = data.draw(st.integers(first, len(tokens)))
  aligned = answer_text.align_text(
      " ".join(tokens[first:last]), original, tokenizer.basic_tokenizer)
  assert aligned is None or aligned and aligned in original


@given(CONTEXTS, window_sizes(), st.booleans(), st.data())
def test_gold_answers(path, context, sizes, lower, data):
  start = data.draw(st.integers(0, len(context)))
  text = context[start:data.draw(st.integers(start, len(context)))]
  # Some offsets are wrong.
  start += data.draw(st.one_of(st.just(0), st.just(0), st.integers(-9, 9)))
  check_gold_answer(path, context, sizes, lower, start, text)


@pytest.mark.parametrize("context", ["a \u200b b", "a \u200b", "\u200b b"])
def test_gold_answer_without_a_word_piece(path, context):
  sizes = windows.WindowSizes(12, 3, 4)
  check_gold_answer(
      path, context, sizes, True, context.index("\u200b"), "\u200b")


def check_gold_answer(path, context, sizes, lower, start, text):
  """Trains on a stretch of the passage, all the way to its positions."""
  tokenizer = TOKENIZERS[lower]
  examples, dropped = read(
      path, context, is_training=True, text=text, answer_start=start)
  stands_there = text.strip() and start >= 0 and context.startswith(text, start)
  if not examples:
    assert dropped == ["q"] and not stands_there
    return
  found, = examples
  answer = context[found.answer_start:found.answer_end]
  if stands_there:
    assert (answer, found.answer_start) == (text, start)
  else:
    assert answer.split() == text.split()
  own = [i for i, place in enumerate(places_of(context, tokenizer))
         if place[0] < found.answer_end and place[1] > found.answer_start]
  for window in windows.make_windows([found], tokenizer, sizes, True):
    shift = window.question_length + 2 - window.first_token
    within = range(window.first_token,
                   window.first_token + window.passage_length)
    expected = (0, 0)
    if own and own[0] in within and own[-1] in within:
      expected = (own[0] + shift, own[-1] + shift)
    assert (window.start_position, window.end_position) == expected
