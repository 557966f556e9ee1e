"""Turns the model's candidates into spans and answer texts.

The graph returns the best starts and ends of each window and decode, not all
logits. Here they become answers, question by question, as the windows arrive.

Dimensions: V = decodes, K = candidates of each kind.
"""

import collections
import functools
import itertools
import math

import numpy as np

from attention_zones.data.answer_text import span_text
from attention_zones.data.windows import max_context_window
from attention_zones.data.windows import tokenize_passage


class Answer(collections.namedtuple(
    "Answer", ["text", "null_odds", "nbest", "gold_logp"], defaults=(None,))):
  """The answer of one decode to one question.

  Attributes:
    text: str, the answer; "" for none. None if the decode has failed, because its
      logits are NaN or infinite.
    null_odds: float, by how much the score of no answer exceeds that of the best
      span; None unless version_2_with_negative.
    nbest: list of {"text", "probability", "start_logit", "end_logit"}, best first,
      with what AnswerFinder's `more_in_nbest` adds; None unless asked for.
    gold_logp: float, the log-probability of the gold answer (gold.py); None if no
      window holds one, and unless asked for.
  """
  __slots__ = ()


_Ranked = collections.namedtuple("_Ranked", [
    "text", "start_logit", "end_logit", "start_index", "end_index", "start", "end"],
                                 defaults=(None, None))

# BERT's answer to a question if no span can be the answer.
_NO_SPAN = _Ranked("empty", 0.0, 0.0, 0, 0)

# What an entry of an n-best list can have besides: positions in the window, as in
# CMRC 2018, and characters of the passage, the end excluded; None for no answer.
POSITIONS = ("start_index", "end_index")
CHARACTERS = ("start", "end")

# Paragraphs whose word pieces are kept; windows arrive nearly in order.
_REMEMBERED_PARAGRAPHS = 64


def gather_windows(windows):
  """Groups a stream of windows by question.

  Args:
    windows: iterable of dict with "example_index", "num_windows", "first_token".

  Yields:
    (example_index, list of the question's windows in passage order), as soon as
    the last of them has arrived.
  """
  waiting = collections.defaultdict(list)
  for window in windows:
    index = int(window["example_index"])
    waiting[index].append(window)
    if len(waiting[index]) == window["num_windows"]:
      yield index, sorted(waiting.pop(index), key=lambda w: w["first_token"])


class AnswerFinder:
  """Finds the answers of all decodes to a question.

  Args:
    examples: list of squad_data.Example.
    tokenizer: as of windows.DataSet; its span_text, if it has one, is used in place
      of that below.
    options: namespace with BERT's flags n_best_size, max_answer_length,
      version_2_with_negative and null_score_diff_threshold.
    text_of: function from a span to its text, as span_text; None is no answer, and
      passed over.
    more_in_nbest: sequence of str, which of POSITIONS and CHARACTERS the entries of
      n-best lists have, too.
  """

  def __init__(self, examples, tokenizer, options, text_of=None, more_in_nbest=()):
    self._examples = examples
    self._tokenizer = tokenizer
    self._options = options
    self._text_of = getattr(tokenizer, "span_text", text_of or span_text)
    self._more_in_nbest = more_in_nbest
    self._passages = collections.OrderedDict()

  def answers(self, example_index, windows, with_nbest):
    """Finds the answers to one question.

    Args:
      example_index: int.
      windows: list of dict, the predictions for the question's windows in
        passage order, as answer_head.candidates gives them: int "first_token",
        "passage_length" and "passage_start"; with shape [V, K] int
        "start_tokens", "end_tokens" and float "start_logits", "end_logits"; float
        [V, 2] "null_logits", the start and the end logit of [CLS]; bool [V]
        "is_finite".
      with_nbest: list of V bool, which decodes want the n-best list.

    Returns:
      list of V Answer.
    """
    scores = _score_pairs(windows, self._options.max_answer_length)
    text_of = functools.lru_cache(maxsize=None)(
        functools.partial(self._span_text, self._examples[example_index]))
    place_of = functools.partial(
        self._place, self._examples[example_index].paragraph)
    found = []
    for v, wants_nbest in enumerate(with_nbest):
      if not all(window["is_finite"][v] for window in windows):
        found.append(Answer(None, None, [] if wants_nbest else None))
        continue
      null = self._null(windows, v)
      ranked = itertools.islice(
          _rank(scores[v], windows, v, null, text_of, place_of),
          self._options.n_best_size)
      found.append(self._choose(ranked, null, wants_nbest))
    return found

  def _null(self, windows, v):
    """The lowest-scoring [CLS] of the windows, as no answer; None in SQuAD v1.1."""
    if not self._options.version_2_with_negative:
      return None
    start, end = min((window["null_logits"][v].astype(np.float64)
                      for window in windows), key=sum)
    return _Ranked("", float(start), float(end), 0, 0)

  def _choose(self, ranked, null, wants_nbest):
    """Turns a ranking, best first, into an Answer."""
    if null is None and not wants_nbest:
      return Answer(next(ranked, _NO_SPAN).text, None, None)
    nbest = []
    for entry in ranked:
      nbest.append(entry)
      if entry.text and not wants_nbest:
        break
    best = next((entry for entry in nbest if entry.text), _NO_SPAN)
    if null is not None and all(entry.text for entry in nbest):
      nbest.append(null)
    nbest = _with_probabilities(
        nbest or [_NO_SPAN], self._more_in_nbest) if wants_nbest else None
    if null is None:
      return Answer(nbest[0]["text"], None, nbest)
    odds = (null.start_logit + null.end_logit
            - best.start_logit - best.end_logit)
    is_null = (best is _NO_SPAN
               or odds > self._options.null_score_diff_threshold)
    return Answer("" if is_null else best.text, odds, nbest)

  def _span_text(self, example, first, last):
    return self._text_of(self._passage(example.paragraph), first, last,
                         self._tokenizer.basic_tokenizer)

  def _place(self, paragraph, first, last):
    """The characters of a span, without white space at either end: (start, end).

    (None, None) unless they are asked for: to find them takes time.
    """
    if CHARACTERS[0] not in self._more_in_nbest:
      return None, None
    passage = self._passage(paragraph)
    start, end = passage.characters(first)[0], passage.characters(last)[1]
    text = paragraph.context[start:end]
    return end - len(text.lstrip()), start + len(text.rstrip())

  def _passage(self, paragraph):
    passage = self._passages.get(id(paragraph))
    if passage is None:
      passage = tokenize_passage(paragraph, self._tokenizer)
      self._passages[id(paragraph)] = passage
      if len(self._passages) > _REMEMBERED_PARAGRAPHS:
        self._passages.popitem(last=False)
    return passage


def _score_pairs(windows, max_answer_length):
  """Scores every pair of a candidate start and a candidate end.

  Returns:
    float64 [V, W, K, K], W the windows: the sum of the logits of the start (next
    to last dimension) and of the end (last), -inf for pairs that are no span.
  """
  stretches = [(int(w["first_token"]), int(w["passage_length"])) for w in windows]
  scores = []
  for index, (window, (first, length)) in enumerate(zip(windows, stretches)):
    starts, ends = window["start_tokens"] - first, window["end_tokens"] - first
    may_start = np.array([max_context_window(stretches, token) == index
                          for token in range(first, first + length)])
    # A window with fewer passage tokens than candidates has -1 among them.
    inside = lambda tokens: (tokens >= 0) & (tokens < length)
    start_is_valid = inside(starts) & may_start[np.clip(starts, 0, length - 1)]
    steps = ends[:, None, :] - starts[:, :, None]
    valid = (start_is_valid[:, :, None] & inside(ends)[:, None, :]
             & (steps >= 0) & (steps < max_answer_length))
    total = (window["start_logits"].astype(np.float64)[:, :, None]
             + window["end_logits"].astype(np.float64)[:, None, :])
    scores.append(np.where(valid, total, -np.inf))
  return np.stack(scores, 1)


def _best_first(scores):
  """Yields the indices of finite scores, best first, equal ones in their order."""
  flat = scores.ravel()
  # Most callers want only the first, which needs no sorting.
  best = np.argmax(flat)
  if flat[best] > -np.inf:
    yield np.unravel_index(best, scores.shape)
    for index in np.argsort(-flat, kind="stable")[1:]:
      if flat[index] == -np.inf:
        return
      yield np.unravel_index(index, scores.shape)


def _rank(scores, windows, v, null, text_of, place_of):
  """Yields _Ranked, best first, each text once, including `null` if given."""
  seen = set()
  for index, start, end in _best_first(scores):
    if null is not None and "" not in seen and (
        null.start_logit + null.end_logit > scores[index, start, end]):
      seen.add("")
      yield null
    window = windows[index]
    first = int(window["start_tokens"][v, start])
    last = int(window["end_tokens"][v, end])
    text = text_of(first, last)
    if text is not None and text not in seen:
      seen.add(text)
      offset = int(window["passage_start"] - window["first_token"])
      yield _Ranked(text, float(window["start_logits"][v, start]),
                    float(window["end_logits"][v, end]),
                    first + offset, last + offset, *place_of(first, last))


def _with_probabilities(ranked, more):
  """Adds softmax probabilities to a ranking: the entries of an n-best list."""
  totals = [entry.start_logit + entry.end_logit for entry in ranked]
  weights = [math.exp(total - max(totals)) for total in totals]
  entries = []
  for entry, weight in zip(ranked, weights):
    entries.append(collections.OrderedDict([
        ("text", entry.text), ("probability", weight / sum(weights)),
        ("start_logit", entry.start_logit), ("end_logit", entry.end_logit)]))
    entries[-1].update((name, getattr(entry, name)) for name in more)
  return entries
