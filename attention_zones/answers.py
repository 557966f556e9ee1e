"""The model's candidates to spans, answer texts and BERT's JSON files.

The graph gives for each window and decode the best starts and ends, not all
logits; here they become answers, question by question as the windows come in.

Dimensions: V = decodes, K = candidates of each kind.
"""

import collections
import contextlib
import functools
import itertools
import json
import math
import os

import numpy as np

from attention_zones import files
from attention_zones.windows import TokenizedParagraph
from attention_zones.windows import max_context_window

AnswerOptions = collections.namedtuple("AnswerOptions", [
    "n_best_size", "max_answer_length", "version_2_with_negative",
    "null_score_diff_threshold"])
AnswerOptions.__doc__ = "BERT's four flags of these names."

Answer = collections.namedtuple("Answer", ["text", "null_odds", "nbest"])
Answer.__doc__ = """What one decode says to one question.

Attributes:
  text: str, the answer; "" for none. None where the decode has failed, its
    logits being no finite numbers.
  null_odds: float, by how much the score of no answer exceeds that of the best
    span; None unless version_2_with_negative.
  nbest: list of {"text", "probability", "start_logit", "end_logit"}, best first;
    None unless asked for.
"""

_Ranked = collections.namedtuple("_Ranked", ["text", "start_logit", "end_logit"])

# BERT's word for a question to which no span is an answer.
_NO_SPAN = _Ranked("empty", 0.0, 0.0)

# Paragraphs whose word pieces are kept; windows come nearly in order.
_REMEMBERED_PARAGRAPHS = 64

# Characters that write_files keeps before it appends them to the files.
_BUFFERED = 1 << 25


def gather_windows(windows):
  """Groups a stream of windows by question.

  Args:
    windows: iterable of dict with "example_index", "num_windows", "first_token".

  Yields:
    (example_index, list of the question's windows in passage order), as soon as
    the last of them has come.
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
    tokenizer: tokenization.FullTokenizer.
    options: AnswerOptions.
  """

  def __init__(self, examples, tokenizer, options):
    self._examples = examples
    self._tokenizer = tokenizer
    self._options = options
    self._passages = collections.OrderedDict()

  def answers(self, example_index, windows, with_nbest):
    """Finds the answers to one question.

    Args:
      example_index: int.
      windows: list of dict, the predictions for the question's windows in
        passage order: int "first_token", "passage_length", "question_length";
        with shape [V, K] int "start_positions", "end_positions" and float
        "start_logits", "end_logits"; float [V, 2] "null_logits", the start and
        the end logit of [CLS]; bool [V] "is_finite".
      with_nbest: list of V bool, which decodes want the n-best list.

    Returns:
      list of V Answer.
    """
    scores = _score_pairs(windows, self._options.max_answer_length)
    text_of = functools.lru_cache(maxsize=None)(
        functools.partial(self._span_text, self._examples[example_index]))
    found = []
    for v, wants_nbest in enumerate(with_nbest):
      if not all(window["is_finite"][v] for window in windows):
        found.append(Answer(None, None, [] if wants_nbest else None))
        continue
      null = self._null(windows, v)
      ranked = itertools.islice(
          _rank(scores[v], windows, v, null, text_of),
          self._options.n_best_size)
      found.append(self._choose(ranked, null, wants_nbest))
    return found

  def _null(self, windows, v):
    """The lowest-scoring window's word for no answer; None in SQuAD v1.1."""
    if not self._options.version_2_with_negative:
      return None
    start, end = min((window["null_logits"][v].astype(np.float64)
                      for window in windows), key=sum)
    return _Ranked("", float(start), float(end))

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
    nbest = _with_probabilities(nbest or [_NO_SPAN]) if wants_nbest else None
    if null is None:
      return Answer(nbest[0]["text"], None, nbest)
    odds = (null.start_logit + null.end_logit
            - best.start_logit - best.end_logit)
    is_null = (best is _NO_SPAN
               or odds > self._options.null_score_diff_threshold)
    return Answer("" if is_null else best.text, odds, nbest)

  def _span_text(self, example, first, last):
    return span_text(self._passage(example.paragraph), first, last,
                     self._tokenizer.basic_tokenizer)

  def _passage(self, paragraph):
    passage = self._passages.get(id(paragraph))
    if passage is None:
      passage = TokenizedParagraph(paragraph, self._tokenizer)
      self._passages[id(paragraph)] = passage
      if len(self._passages) > _REMEMBERED_PARAGRAPHS:
        self._passages.popitem(last=False)
    return passage


def _score_pairs(windows, max_answer_length):
  """Scores every pair of a candidate start and a candidate end.

  Returns:
    float64 [V, W, K, K], W the windows: the sum of the logits of the start (next
    to last dimension) and of the end (last), -inf for what is no answer.
  """
  stretches = [(int(w["first_token"]), int(w["passage_length"])) for w in windows]
  scores = []
  for index, (window, (first, length)) in enumerate(zip(windows, stretches)):
    starts = window["start_positions"] - _passage_offset(window)
    ends = window["end_positions"] - _passage_offset(window)
    may_start = np.array([max_context_window(stretches, token) == index
                          for token in range(first, first + length)])
    # A window with fewer passage tokens than candidates has others among them.
    inside = lambda tokens: (tokens >= 0) & (tokens < length)
    start_is_valid = inside(starts) & may_start[np.clip(starts, 0, length - 1)]
    steps = ends[:, None, :] - starts[:, :, None]
    valid = (start_is_valid[:, :, None] & inside(ends)[:, None, :]
             & (steps >= 0) & (steps < max_answer_length))
    total = (window["start_logits"].astype(np.float64)[:, :, None]
             + window["end_logits"].astype(np.float64)[:, None, :])
    scores.append(np.where(valid, total, -np.inf))
  return np.stack(scores, 1)


def _passage_offset(window):
  """The position of the passage's first token: [CLS] question [SEP] passage."""
  return int(window["question_length"]) + 2


def _best_first(scores):
  """Yields the indices of finite scores, best first, earlier ones at a tie."""
  flat = scores.ravel()
  # Most callers want no more than the first, which needs no sorting.
  best = np.argmax(flat)
  if flat[best] > -np.inf:
    yield np.unravel_index(best, scores.shape)
    for index in np.argsort(-flat, kind="stable")[1:]:
      if flat[index] == -np.inf:
        return
      yield np.unravel_index(index, scores.shape)


def _rank(scores, windows, v, null, text_of):
  """Yields _Ranked, best first, each text once, `null` among them if given."""
  seen = set()
  for index, start, end in _best_first(scores):
    if null is not None and "" not in seen and (
        null.start_logit + null.end_logit > scores[index, start, end]):
      seen.add("")
      yield null
    window = windows[index]
    to_token = int(window["first_token"]) - _passage_offset(window)
    text = text_of(int(window["start_positions"][v, start]) + to_token,
                   int(window["end_positions"][v, end]) + to_token)
    if text not in seen:
      seen.add(text)
      yield _Ranked(text, float(window["start_logits"][v, start]),
                    float(window["end_logits"][v, end]))


def _with_probabilities(ranked):
  """Adds softmax probabilities to a ranking: the entries of an n-best list."""
  totals = [entry.start_logit + entry.end_logit for entry in ranked]
  weights = [math.exp(total - max(totals)) for total in totals]
  return [collections.OrderedDict([
      ("text", entry.text), ("probability", weight / sum(weights)),
      ("start_logit", entry.start_logit), ("end_logit", entry.end_logit)])
          for entry, weight in zip(ranked, weights)]


def span_text(passage, first, last, basic_tokenizer):
  """The text of a span of word pieces.

  Args:
    passage: windows.TokenizedParagraph.
    first, last: int, the span's word pieces, indices into passage.tokens.
    basic_tokenizer: tokenization.BasicTokenizer, of the passage's tokenizer.

  Returns:
    str, what the published alignment finds, else what stands in the passage from
    the first piece to the last.
  """
  pieces = " ".join(passage.tokens[first:last + 1])
  pieces = " ".join(pieces.replace(" ##", "").replace("##", "").split())
  words = passage.paragraph.words[
      passage.word_of[first]:passage.word_of[last] + 1]
  text = align_text(pieces, " ".join(words), basic_tokenizer)
  return passage.text(first, last) if text is None else text


# In a script without spaces the words of a span are the whole passage, again and
# again.
@functools.lru_cache(maxsize=64)
def _basic_text(text, basic_tokenizer):
  return " ".join(basic_tokenizer.tokenize(text))


def align_text(tokenized, original, basic_tokenizer):
  """Finds in the original text what a stretch of its tokens stands for.

  Tokens are lower-cased, stripped of accents and split at punctuation, so that
  an answer made of them would lose what exact match looks at:

    align_text("steve smith", "(Steve Smith's)", ...) == "Steve Smith"

  This is the published alignment, whose answers are to be the same: both texts
  are compared without their spaces, character by character, and of several
  places the first is taken.

  Args:
    tokenized: str, the tokens, word pieces joined to words, split by one space.
    original: str, the words of the passage that the tokens come from.
    basic_tokenizer: tokenization.BasicTokenizer.

  Returns:
    str, a part of `original`; None when the two cannot be aligned, because the
    tokenizer dropped or added characters, or tokenized has an [UNK].
  """
  whole = _basic_text(original, basic_tokenizer)
  start = whole.find(tokenized)
  visible = [i for i, character in enumerate(original) if character != " "]
  if not tokenized or start < 0 or (
      len(visible) != len(whole) - whole.count(" ")):
    return None
  last = start + len(tokenized) - 1
  # The position among the characters that are no space is the same in both.
  text = original[visible[start - whole.count(" ", 0, start)]:
                  visible[last - whole.count(" ", 0, last)] + 1]
  # Unless as many were dropped as were added, which shifts what is between.
  is_shifted = "".join(basic_tokenizer.tokenize(text)) != tokenized.replace(" ", "")
  return None if is_shifted else text


def write_files(folder, examples, journal, decodes, with_nbest, with_null_odds):
  """Writes the files of all decodes of a sweep, each whole, BERT's formats.

  The journal is read once, question by question, for all files together; what
  they are to hold passes through memory in parts of _BUFFERED characters.

  Args:
    folder: str, a path or address.
    examples: list of squad_data.Example.
    journal: sweep_journal.Journal with the answers to all examples that have a
      window; a passage without a word has none, its answer is "".
    decodes: list of V zones.Decode.
    with_nbest: list of V bool, which decodes have an n-best list.
    with_null_odds: bool, whether to write null_odds files, for SQuAD v2.0.

  Returns:
    OrderedDict from a failed decode, of which nothing is written, to the id of
    the first question whose logits were no finite numbers.

  Raises:
    OSError: a file cannot be written. None is then replaced, unless it is the
      last step that fails, which gives the files their names.
  """
  outputs = _outputs(decodes, with_nbest, with_null_odds)
  failed = {}
  with contextlib.ExitStack() as stack:
    parts = [_FileInParts(stack, os.path.join(folder, output.name))
             for output in outputs]
    buffered = 0
    for index, example in enumerate(examples):
      record = journal.read(index) if index in journal.finished else None
      if record:
        for v, text in enumerate(record["text"]):
          if text is None:
            failed.setdefault(v, example.qas_id)
      for output, part in zip(outputs, parts):
        if output.decode not in failed:
          buffered += part.add(example.qas_id, _value(output, record))
      if buffered > _BUFFERED:
        for part in parts:
          part.flush()
        buffered = 0
    for output, part in zip(outputs, parts):
      part.close(keep=output.decode not in failed)
  return collections.OrderedDict(
      (decodes[v], failed[v]) for v in sorted(failed))


_Output = collections.namedtuple("_Output", ["name", "column", "decode", "place"])
_Output.__doc__ = """A file to write.

Attributes:
  name: str, the file's name.
  column: "text", "null_odds" or "nbest", what it has of a journal's record.
  decode: int, the index of its decode.
  place: int, the index of its value in the record's column.
"""


def _outputs(decodes, with_nbest, with_null_odds):
  """Lists the files of decodes: list of _Output."""
  # The last one is put in its place first: `predictions` tell of the others.
  kinds = [("predictions", "text", range(len(decodes)))]
  if with_null_odds:
    kinds.append(("null_odds", "null_odds", range(len(decodes))))
  kinds.append(("nbest_predictions", "nbest",
                [v for v, wants in enumerate(with_nbest) if wants]))
  return [_Output(kind + decodes[v].suffix + ".json", column, v, place)
          for kind, column, wanted in kinds for place, v in enumerate(wanted)]


def _value(output, record):
  """What a file says to a question; `record` is None where there is no window."""
  if record is None:
    return {"text": "", "null_odds": 0.0, "nbest": []}[output.column]
  return record[output.column][output.place]


# json's quick encoder cannot indent, but put anything between two members.
_encode_nbest_entry = json.JSONEncoder(separators=(",\n" + " " * 12, ": ")).encode


def _indented(value):
  """Encodes a number, a string or an n-best list, a member of an object that
  json.dumps(..., indent=4) would write, in half of its time."""
  if not isinstance(value, list) or not value:
    return json.dumps(value)
  inner, outer = "\n" + " " * 12, "\n" + " " * 8
  entries = (outer + "{" + inner + _encode_nbest_entry(entry)[1:-1] + outer + "}"
             for entry in value)
  return "[%s\n    ]" % ",".join(entries)


class _FileInParts:
  """A JSON file that grows with many others, of which few can be open at once.

  Its bytes are those of json.dumps(dict of all entries, indent=4) and a line
  feed. It is replaced when `stack` is closed.

  Args:
    stack: contextlib.ExitStack.
    path: str, a path or address.
  """

  def __init__(self, stack, path):
    self._path = path
    self._temporary = stack.enter_context(files.replacing(path))
    self._pieces = []
    self._separator = "{\n"

  def add(self, key, value):
    """Adds an entry; returns how many characters it takes."""
    entry = "%s    %s: %s" % (self._separator, json.dumps(key), _indented(value))
    self._pieces.append(entry)
    self._separator = ",\n"
    return len(entry)

  def flush(self):
    """Writes out what was added. Raises OSError about the file's own path."""
    try:
      files.append_text(self._temporary, self._pieces)
    except OSError as error:
      raise OSError(error.errno, error.strerror, self._path) from error
    self._pieces = []

  def close(self, keep):
    """Ends the file, or leaves what was there before."""
    if keep:
      self._pieces.append("\n}\n")
      self.flush()
    else:
      os.remove(self._temporary)
