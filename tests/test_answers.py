"""answers.py: from candidates to answers, through numbers by hand."""

import string
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import questions
from attention_zones.data import answer_text
from attention_zones.data import squad_data
from attention_zones.data import batches
from attention_zones.data import windows
from attention_zones.decoding import answer_head
from attention_zones.decoding import answers
from attention_zones.zones import layouts
import tokenization

VOCAB = {piece: index for index, piece in enumerate(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "(", ")", ",", "un", "##aff", "##able",
     "ann", "saw", "bob", "in", "rome"] + list("abcdefghij"))}
TOKENIZER = tokenization.FullTokenizer(VOCAB)
CASED, UNCASED = (tokenization.BasicTokenizer(flag) for flag in (False, True))

# The logit of what fills up a window's candidates, as the graph gives it.
LOWEST = np.finfo(np.float32).min


@pytest.mark.parametrize("tokenized, original, expected", [
    ("steve smith", "(Steve Smith's)", "Steve Smith"),
    ("steve smith ' s", "(Steve Smith's)", "Steve Smith's"),
    ("cafe", "\"Le Caf\u00e9\",", "Caf\u00e9"),
    ("3 . 5", "$3.5bn", "3.5"),
    ("$ 3", "US$3", "$3"),
    ("b", "a   b", "b"),
    ("a b", "A  B.", "A  B"),
    ("\u4e2d \u6587", "x\u4e2d\u6587y", "\u4e2d\u6587"),
    # The first of several, as published.
    ("an", "Ann ran an", "An"),
    # Not alignable: other words; an unknown one; a soft hyphen that the tokenizer
    # drops, a combining accent, Hangul that it takes apart, U+00A0 that it takes
    # for space.
    ("dog", "the (Cat)", None),
    ("[UNK]", "the (Cat)", None),
    ("coop", "a co\u00adop.", None),
    ("cafe", "Cafe\u0301.", None),
    ("ann", "Ann \ud55c", None),
    ("ann", "Ann\u00a0met.", None),
    ("", "A b", None),
    # As many characters were added as dropped: the numbers are equal, the places
    # are not.
    ("ann", "\ud55c Ann\u200b\u200b met", None),
    ("met", "\ud55c Ann\u200b\u200b met", "met"),
])
def test_align_text(tokenized, original, expected):
  assert answer_text.align_text(tokenized, original, UNCASED) == expected


def test_align_text_in_a_cased_model():
  assert answer_text.align_text("Steve", "(Steve)", CASED) == "Steve"
  assert answer_text.align_text("steve", "(Steve)", CASED) is None


def span(context, first, last, tokenizer):
  """The text of the word pieces `first` to `last` of a passage."""
  passage = windows.TokenizedParagraph(
      questions.split_words(context), tokenizer)
  return answer_text.span_text(
      passage, first, last, tokenizer.basic_tokenizer)


def letters(*pieces):
  """A tokenizer of the ASCII letters and marks, and of `pieces`."""
  known = list(string.ascii_letters + ",.()") + list(pieces)
  known += ["##" + piece for piece in known]
  return lambda do_lower_case: tokenization.FullTokenizer(
      {piece: index for index, piece in enumerate(
          list(tokenization.SPECIAL_TOKENS) + known)}, do_lower_case)


@pytest.mark.parametrize("do_lower_case", [False, True])
@pytest.mark.parametrize("context, first, last, expected", [
    # What is unknown, alone, within, and not in the span.
    ("A \u2603\u2603 b", 1, 1, "\u2603\u2603"),
    ("A (\u2603\u2603), b", 1, 4, "(\u2603\u2603),"),
    ("\u6587\u4e2d\u2014\u4e2d\u6587", 1, 3, "\u4e2d\u2014\u4e2d"),
    ("\u6587\u4e2d\u2014\u4e2d\u6587", 1, 1, "\u4e2d"),
    # White space that is a part of words here, and in the whole passage there.
    ("\u3000\u3000\u4e2d\u6587\u4e2d", 1, 2, "\u6587\u4e2d"),
    ("\u4e2d\u6587\u3000\u4e2d\u6587", 1, 2, "\u6587\u3000\u4e2d"),
    ("a\u00a0b\u2009c d", 1, 2, "b\u2009c"),
    ("a b\u2028c\x0b.d", 1, 2, "b\u2028c\x0b"),
    # What vanishes belongs to the piece before, but not past white space.
    ("a\u200bb\u200b c", 0, 0, "a\u200b"),
    ("a\u200bb\u200b \u200bc", 1, 2, "b\u200b \u200bc"),
    ("a (\u200fb\u00ad)", 2, 2, "b\u00ad"),
    ("\ufeffa b\ufeff c", 0, 0, "a"),
    # Space between the words is the passage's own.
    ("a \n\n b\u200b c", 0, 1, "a \n\n b\u200b"),
])
def test_text_is_what_stands_there(context, first, last, expected, do_lower_case):
  tokenizer = letters("\u4e2d", "\u6587")(do_lower_case)
  assert span(context, first, last, tokenizer) == expected


@pytest.mark.parametrize("context, first, last, expected", [
    # Combining marks of Latin, Devanagari, Thai.
    ("(Cafe\u0301, x", 1, 4, "Cafe\u0301"),
    ("(Cafe\u0301, x", 1, 3, "Caf"),
    ("\u0915\u094d\u0937\u093f \u0915\u0941", 0, 1, "\u0915\u094d\u0937"),
    ("\u0915\u094d\u0937\u093f \u0915\u0941", 3, 3, "\u0915\u0941"),
    ("\u0e01\u0e35\u0e48\u0e02", 0, 0, "\u0e01\u0e35\u0e48"),
    # Hangul: two syllables of a word of three; one piece of a syllable.
    ("\ud55c\uad6d\uc758", 0, 5, "\ud55c\uad6d"),
    ("\ud55c\uad6d\uc758", 4, 4, "\uad6d"),
    # A letter that is two in lower case, of which one is an accent.
    ("x\u0130y\u200b", 1, 1, "\u0130"),
])
def test_text_in_lower_case(context, first, last, expected):
  jamo = [chr(code) for code in range(0x1100, 0x1200)]
  tokenizer = letters("\u0915", "\u0937", "\u093f", "\u0e01", "\u0e02",
                      *jamo)(True)
  assert span(context, first, last, tokenizer) == expected


def test_text_is_the_first_that_reads_alike():
  # As published. Where that gives up, it is the one at the word pieces.
  tokenizer = letters()(True)
  assert span("(a)(A)", 4, 4, tokenizer) == "a"
  assert span("(a)(A)\u200b", 4, 4, tokenizer) == "A"


def example(context, qas_id="q"):
  return squad_data.Example(
      qas_id, "", questions.split_words(context), -1, -1, "", False)


def window(length, starts, ends, first=0, null=(0.0, 0.0), size=4):
  """The candidates of one decode in one window, as the graph gives them.

  Args:
    length: int, passage tokens in the window.
    starts, ends: list of (token of the passage, logit), best first.
    first: int, the passage's first token in the window.
    null: the start and the end logit of [CLS].
    size: int, K.
  """
  result = {"first_token": first, "passage_length": length,
            "passage_start": 5,
            "num_windows": 1, "example_index": 0,
            "null_logits": np.array([null], np.float32),
            "is_finite": np.array([True])}
  for kind, entries in (("start", starts), ("end", ends)):
    entries = entries + [(-1, LOWEST)] * (size - len(entries))
    tokens, logits = zip(*entries)
    result[kind + "_tokens"] = np.array([tokens], np.int32)
    result[kind + "_logits"] = np.array([logits], np.float32)
  return result


def find(context, windows, n_best_size=20, max_answer_length=30, v2=False,
         threshold=0.0, with_nbest=(True,), text_of=None, more_in_nbest=()):
  """The answers of all decodes to a question about `context`."""
  finder = answers.AnswerFinder(
      [example(context)], TOKENIZER,
      types.SimpleNamespace(
          n_best_size=n_best_size, max_answer_length=max_answer_length,
          version_2_with_negative=v2, null_score_diff_threshold=threshold), text_of,
      more_in_nbest)
  return finder.answers(0, windows, list(with_nbest))


def totals(answer):
  """The n-best list, shortened: list of (text, start logit + end logit)."""
  return [(entry["text"], entry["start_logit"] + entry["end_logit"])
          for entry in answer.nbest]


ANN = "Ann saw Bob in Rome"


def test_ranks_spans_by_the_sum_of_their_logits():
  answer, = find(ANN, [window(5, [(2, 3.0), (0, 1.0)], [(4, 2.0), (2, 1.5)])])
  assert answer.text == "Bob in Rome"
  assert answer.null_odds is None
  assert totals(answer) == [("Bob in Rome", 5.0), ("Bob", 4.5),
                            ("Ann saw Bob in Rome", 3.0), ("Ann saw Bob", 2.5)]
  assert dict(answer.nbest[1], probability=None) == {
      "text": "Bob", "probability": None, "start_logit": 3.0, "end_logit": 1.5}
  assert list(answer.nbest[0]) == [
      "text", "probability", "start_logit", "end_logit"]


def test_an_answer_does_not_end_before_its_start():
  # 3 to 1 would score 18.
  answer, = find(ANN, [window(5, [(3, 9.0), (0, 2.0)], [(1, 9.0), (4, 1.0)])])
  assert totals(answer) == [
      ("Ann saw", 11.0), ("in Rome", 10.0), ("Ann saw Bob in Rome", 3.0)]


def test_max_answer_length_counts_tokens():
  windows = [window(5, [(0, 4.0)], [(3, 4.0), (2, 2.0), (1, 1.0)])]
  assert find(ANN, windows, max_answer_length=4)[0].text == "Ann saw Bob in"
  assert find(ANN, windows, max_answer_length=3)[0].text == "Ann saw Bob"
  assert totals(find(ANN, windows, max_answer_length=2)[0]) == [
      ("Ann saw", 5.0)]


def test_text_comes_from_the_passage_as_it_stands():
  # Tokens: ann ( un ##aff ##able ) , bob
  find_span = lambda start, end: find("Ann (Unaffable), Bob", [
      window(8, [(start, 1.0)], [(end, 1.0)])])[0].text
  assert find_span(2, 4) == "Unaffable"
  assert find_span(3, 4) == "affable"
  assert find_span(0, 4) == "Ann (Unaffable"
  assert find_span(1, 7) == "(Unaffable), Bob"


def test_what_is_outside_the_passage_is_no_answer():
  answer, = find(ANN, [window(
      5, [(-1, 9.0), (1, 1.0)], [(-1, 9.0), (2, 1.0)])])
  assert totals(answer) == [("saw Bob", 2.0)]


LETTERS = "a b c d e f g h i j"


def letter_windows():
  """Of passage tokens 0-5, 3-8, 6-9; the middle one answers from 5 to 7."""
  return [
      # 5 to 5 scores 11, but 5 has more context in the middle window.
      window(6, [(5, 9.0), (4, 1.0)], [(5, 2.0)], first=0),
      window(6, [(5, 4.0), (8, 3.0)], [(6, 1.0), (8, 6.5)], first=3),
      window(4, [(9, 0.5), (7, 8.0)], [(9, 0.25)], first=6)]


def test_an_answer_starts_where_its_context_is_largest():
  answer, = find(LETTERS, letter_windows())
  # An end need not have its largest context in the window of its start.
  assert totals(answer) == [
      ("f g h i", 10.5), ("f g", 5.0), ("e f", 3.0), ("j", 0.75)]


def test_equal_scores_go_to_the_earlier():
  # Of windows the earlier, of one window's candidates the earlier listed.
  windows = [window(6, [(4, 1.0)], [(5, 2.0)], first=0),
             window(6, [(5, 2.0), (6, 2.0)], [(6, 1.0), (7, 1.0)], first=3)]
  assert totals(find(LETTERS, windows)[0]) == [
      ("e f", 3.0), ("f g", 3.0), ("f g h", 3.0), ("g", 3.0), ("g h", 3.0)]
  assert find(LETTERS, windows, with_nbest=[False])[0].text == "e f"


def test_a_text_counts_once():
  # "Ann" stands there twice, better the second time; case tells texts apart.
  answer, = find("Ann saw Ann ann", [window(
      4, [(2, 3.0), (0, 2.0), (3, 1.0)], [(2, 3.0), (0, 2.5), (3, 1.0)])],
                 max_answer_length=1)
  assert totals(answer) == [("Ann", 6.0), ("ann", 2.0)]


def test_what_is_no_answer_is_passed_over():
  """A piece of white space alone; it takes no place in the n-best list."""
  spans = [(2, 3.0), (0, 2.0), (4, 1.0), (1, 0.0)]
  best, listed = find(
      ANN, [{name: np.repeat(value, 2, 0) if np.ndim(value) else value
             for name, value in window(5, spans, spans).items()}],
      max_answer_length=1, n_best_size=2, with_nbest=[False, True],
      text_of=lambda passage, first, *_: (
          None if first == 2 else passage.tokens[first]))
  assert best.text == "ann"
  assert totals(listed) == [("ann", 4.0), ("rome", 2.0)]


def test_probabilities():
  answer, = find(ANN, [window(5, [(2, 3.0)], [(2, 2.0), (4, 1.0)])])
  # 1 / (1 + exp(-1)) and 1 / (1 + exp(1)), in float64: a handful of roundings of
  # 2^-53, and an exp that may be off by more on another C library.
  assert [(entry["text"], entry["probability"]) for entry in answer.nbest] == [
      ("Bob", pytest.approx(0.7310585786300049, rel=1e-12)),
      ("Bob in Rome", pytest.approx(0.2689414213699951, rel=1e-12))]
  answer, = find(LETTERS, letter_windows())
  assert sum(entry["probability"] for entry in answer.nbest) == (
      pytest.approx(1.0, rel=1e-12))


def test_probabilities_of_large_logits():
  answer, = find(ANN, [window(5, [(2, 1000.0)], [(2, 1000.0), (4, -1000.0)])])
  assert [entry["probability"] for entry in answer.nbest] == [1.0, 0.0]


def test_n_best_size():
  assert totals(find(LETTERS, letter_windows(), n_best_size=2)[0]) == [
      ("f g h i", 10.5), ("f g", 5.0)]


def test_no_span_at_all():
  answer, = find(ANN, [window(5, [(3, 1.0)], [(1, 1.0)])])
  assert answer.text == "empty"
  assert [dict(entry) for entry in answer.nbest] == [
      {"text": "empty", "probability": 1.0, "start_logit": 0.0,
       "end_logit": 0.0}]
  assert find(ANN, [window(5, [], [])], with_nbest=[False])[0] == (
      "empty", None, None, None)


def stack(*decodes):
  """One window's candidates of several decodes, [V, K]."""
  return {name: value if np.ndim(value) == 0 else np.concatenate(
      [decode[name] for decode in decodes])
          for name, value in decodes[0].items()}


def test_each_decode_has_answers_of_its_own():
  windows = [stack(window(5, [(0, 1.0)], [(0, 1.0)], null=(0.0, 1.0)),
                   window(5, [(2, 1.0)], [(2, 3.0)], null=(0.5, 0.25)),
                   window(5, [(1, 2.0)], [(2, 3.0)], null=(0.0, 8.0)))]
  first, second, third = find(ANN, windows, with_nbest=[True, False, True])
  assert (first.text, second.text, third.text) == ("Ann", "Bob", "saw Bob")
  assert second.nbest is None
  assert totals(third) == [("saw Bob", 5.0)]
  answers = find(ANN, windows, v2=True, with_nbest=[False, True, False])
  assert [(a.text, a.null_odds) for a in answers] == [
      ("Ann", -1.0), ("Bob", -3.25), ("", 3.0)]


@pytest.mark.parametrize("threshold, text", [
    (0.0, ""), (0.25, ""), (0.5, "e f"), (1.0, "e f"), (-9.0, "")])
def test_null_score_diff_threshold(threshold, text):
  # No answer scores 3, 1.5 and 4 in the three windows: the lowest counts.
  windows = [window(6, [(4, 0.5)], [(5, 0.5)], first=0, null=(1.0, 2.0)),
             window(6, [], [], first=3, null=(0.5, 1.0)),
             window(4, [(9, 0.25)], [(9, 0.5)], first=6, null=(4.0, 0.0))]
  answer, = find(LETTERS, windows, v2=True, threshold=threshold)
  assert answer.text == text
  assert answer.null_odds == 0.5
  assert totals(answer) == [("", 1.5), ("e f", 1.0), ("j", 0.75)]
  # The same without the list.
  assert find(LETTERS, windows, v2=True, threshold=threshold,
              with_nbest=[False]) == [(text, 0.5, None, None)]


@pytest.mark.parametrize("null, expected", [
    # At a tie the span is better.
    ((2.0, 3.0), [("Bob", 5.0), ("", 5.0)]),
    ((2.0, 3.5), [("", 5.5), ("Bob", 5.0)]),
    # Below the cut it is listed nonetheless, one more than n_best_size.
    ((0.0, 0.0), [("Bob", 5.0), ("Bob in Rome", 4.0), ("", 0.0)])])
def test_no_answer_is_in_the_nbest_list(null, expected):
  windows = [window(5, [(2, 3.0)], [(2, 2.0), (4, 1.0), (3, 0.5)], null=null)]
  answer, = find(ANN, windows, n_best_size=2, v2=True)
  assert totals(answer) == expected
  assert sum(entry["probability"] for entry in answer.nbest) == (
      pytest.approx(1.0))


def test_no_span_at_all_in_squad_2():
  answer, = find(ANN, [window(5, [], [], null=(-3.0, 1.0))], v2=True,
                 threshold=5.0)
  assert answer.text == ""
  assert totals(answer) == [("", -2.0)]


def test_where_answers_stand():
  context = " (Ann  saw\n Bob) in Rome"
  # Pieces: ( ann saw bob ) in rome.
  answer, = find(context, [window(7, [(1, 3.0)], [(3, 2.0), (2, 1.0)])], v2=True,
                 more_in_nbest=answers.CHARACTERS)
  assert [(entry["text"], entry["start"], entry["end"])
          for entry in answer.nbest] == [
              ("Ann saw Bob", 2, 15), ("Ann saw", 2, 10), ("", None, None)]
  assert context[2:15] == "Ann  saw\n Bob"


def test_one_finder_answers_about_many_passages():
  contexts = ["%s Bob" % letter for letter in LETTERS.split() * 10]
  finder = answers.AnswerFinder(
      [example(context) for context in contexts], TOKENIZER,
      types.SimpleNamespace(
          n_best_size=20, max_answer_length=30, version_2_with_negative=False,
          null_score_diff_threshold=0.0))
  # More passages than are remembered, each of them twice.
  for index in list(range(100)) + list(range(100)):
    answer, = finder.answers(
        index, [window(2, [(0, 1.0)], [(1, 1.0)])], [False])
    assert answer.text == contexts[index]


def test_gather_windows_of_a_shuffled_stream():
  stream = [{"example_index": np.int32(index), "num_windows": np.int32(count),
             "first_token": np.int32(first)} for index, count, first in (
                 (2, 3, 64), (0, 1, 0), (2, 3, 0), (1, 2, 32), (2, 3, 32),
                 (1, 2, 0), (3, 1, 0))]
  read = []
  gathered = answers.gather_windows(
      read.append(window) or window for window in stream)
  # With how many windows read each question came, and its windows in order.
  assert [(len(read), index, [int(w["first_token"]) for w in windows])
          for index, windows in gathered] == [
              (2, 0, [0]), (5, 2, [0, 32, 64]), (6, 1, [0, 32]), (7, 3, [0])]


class TwoBetween(tokenization.FullTokenizer):
  """A tokenizer with RoBERTa's layout: two tokens between, another padding."""
  LAYOUT = layouts.Layout(1, 2, 1, pad_id=1)
  AROUND = ["[CLS]"], ["[SEP]", "[SEP]"], ["[SEP]"]


def test_characters_of_an_answer_in_another_layout(tmp_path):
  """From the windows through the graph: "c(d" is in the second window alone."""
  tokenizer = TwoBetween(letters()(True).vocab)
  asked = example("a b f, c(d e")._replace(question="x y")
  path = windows.cached_windows(
      [asked], tokenizer, windows.WindowSizes(11, 3, 4), False, str(tmp_path), "")
  with tf.Graph().as_default(), tf.Session() as session:
    features = tf.data.make_one_shot_iterator(batches.predict_input_fn(
        batches.read(path), 11, layout=tokenizer.LAYOUT)(
            {"batch_size": 2})).get_next()
    ids = features["input_ids"]
    logits = tf.stack([
        tf.cast(tf.equal(ids, tokenizer.vocab[piece]), tf.float32)
        for piece in "cd"], 1)[None]  # [1, B, 2, S]
    found = session.run(answer_head.candidates(features, logits, 3))
  of_question = [{name: value[row] for name, value in found.items()}
                 for row in range(2)]
  answer, = answers.AnswerFinder([asked], tokenizer, types.SimpleNamespace(
      n_best_size=3, max_answer_length=5, version_2_with_negative=False,
      null_score_diff_threshold=0.0), more_in_nbest=answers.POSITIONS).answers(
          0, of_question, [True])
  assert answer.text == "c(d"
  # [CLS] x y [SEP] [SEP] , c ( d e [SEP]
  assert (answer.nbest[0]["start_index"], answer.nbest[0]["end_index"]) == (6, 8)
