"""A model that answers from Python: run_squad.load_model makes it.

Questions take the road of the command line, and none of its files: windows stay in
memory, and there is no journal. docs/python.md shows how to use it.
"""

import functools
import itertools
import os
import types

import tensorflow.compat.v1 as tf

from attention_zones.base import data_sets
from attention_zones.base import files
from attention_zones.base import passage_order
from attention_zones.base import precision
from attention_zones.base import questions
from attention_zones.data import batches
from attention_zones.data import data_checks
from attention_zones.data import spans as span_sets
from attention_zones.data import windows
from attention_zones.decoding import answer_head
from attention_zones.decoding import answers as answer_spans
from attention_zones.decoding import attention_mass
from attention_zones.decoding import decoding
from attention_zones.decoding import flag_checks
from attention_zones.decoding import gold
from attention_zones.decoding import passes
from attention_zones.decoding import recorded
from attention_zones.zones import coverage
from attention_zones.zones import grammar
from attention_zones.zones import sets

# The file of each flag, in the order in which a folder is looked through.
_VOCABULARIES = (("vocab_file", "vocab.txt"), ("spm_model_file", "spiece.model"),
                 ("tokenizer_file", "tokenizer.json"))

# The flags that load_model takes.
SETTINGS = windows.SETTINGS + (
    "bert_config_file", "init_checkpoint", "allow_case_mismatch",
    "predict_batch_size", "n_best_size", "max_answer_length",
    "null_score_diff_threshold", "precision", "bucket_by_length",
    "sweep_memory_gb") + tuple(flag for flag, _ in _VOCABULARIES)


def load(folder, settings, flags, make_model, log):
  """Loads a model; writes no file.

  Args:
    folder: str, what convert_hf wrote, or a training's --output_dir.
    settings: dict from the names of flags, of SETTINGS, to their values.
    flags: dict from the name of each flag of run_squad.py to its definition, with
      `default` and `parser`.
    make_model: function, run_squad.make_model.
    log: function that shows the user a line, str.

  Returns:
    LoadedModel.

  Raises:
    ValueError: a setting or a file is faulty.
  """
  folder = os.fspath(folder)
  options = types.SimpleNamespace(
      **{name: flag.default for name, flag in flags.items()})
  options.output_dir, options.do_predict = folder, True
  for name, value in settings.items():
    setattr(options, name, _parsed(name, value, flags))
  for name, path in _files_in(folder, settings).items():
    setattr(options, name, path)
  flag_checks.validate_flags(options)
  # There is no --predict_file.
  options.do_predict = False
  recorded.supply(options, set(settings), log)
  model, remarks = make_model(options)
  model.find_checkpoint()
  model.keep()
  for line in remarks:
    log(line)
  return LoadedModel(model, options, data_sets.rules(options.dataset), log)


def _parsed(name, value, flags):
  """The value of a setting; ValueError if it has none."""
  if name not in SETTINGS:
    raise ValueError("load_model: %s=%r is no setting; these are: %s" % (
        name, value, ", ".join(sorted(SETTINGS))))
  if value is None and flags[name].default is None:
    return None
  try:
    return flags[name].parser.parse(
        os.fspath(value) if isinstance(value, os.PathLike) else value)
  except (TypeError, ValueError) as error:
    raise ValueError("load_model: %s=%r: %s" % (name, value, error)) from error


def _files_in(folder, settings):
  """The flags of a folder's files that were not given: dict from name to path."""
  found = {}
  if not any(settings.get(flag) for flag, _ in _VOCABULARIES):
    paths = [(flag, os.path.join(folder, name)) for flag, name in _VOCABULARIES]
    found.update([next(
        (item for item in paths if files.exists(item[1])), paths[0])])
  if not settings.get("bert_config_file"):
    found["bert_config_file"] = os.path.join(folder, "bert_config.json")
  return found


class LoadedModel:
  """A fine-tuned model that answers questions with attention masked.

  Args:
    model: run_squad.Model, with a checkpoint.
    options: namespace of run_squad.py's flags.
    rules: squad_data.Rules.
    log: function that shows the user a line, str.

  Attributes:
    num_layers, num_heads: int.
    layout: layouts.Layout, where question and passage stand.
  """

  def __init__(self, model, options, rules, log):
    self._model, self._options, self._rules = model, options, rules
    self._log = log
    self.layout = model.tokenizer.LAYOUT
    self.num_layers = model.config.num_hidden_layers
    self.num_heads = model.config.num_attention_heads

  def predict(self, pairs, mask_layer=None, mask_zone=None, mask_head=None,
              ids=None, answers=None, mask=None, spans=None):
    """Answers questions, with nothing masked and then in each decode.

    Args:
      pairs: list of (question, passage), str each.
      mask_layer, mask_zone, mask_head, mask: str or None, as of the flags.
      ids: list of str, a name for each question, of which the controls' draws are
        made (p2q@1); None: a digest of both texts.
      answers: list of the gold answers of each question, as SQuAD has them:
        [{"text": "Oslo", "answer_start": 14}]. Each result then has "gold_logp".
        Zones of `answer` (p_answer) need them.
      spans: dict as the file of --spans has it, from the names in `ids`.

    Returns:
      list of dict, for each question the baseline and then each decode:
        question: int, the index of the pair.
        decode: str, "baseline", or as in the names of files: "layer3_p2q".
        answer: str, as in predictions.json; "" for none.
        start, end: int, the answer's characters, passage[start:end], which can
          differ from `answer` in white space; None for no answer.
        logit: float, the start logit plus the end logit.
        probability: float, among the entries of nbest.
        null_odds: float, by how much no answer is better than the best span; None
          unless version_2_with_negative.
        nbest: list of dict, best first: text, start, end, probability, start_logit,
          end_logit.
        gold_logp: float or None, only with `answers`: the log-probability of the
          gold answer that the model finds most likely.
        left_out: bool, whether the question has no token of a set that a zone of
          the decode names, so that nothing is masked, and the answer is the
          baseline's.
      A passage without words has no logit, no probability and an empty nbest.

    Raises:
      ValueError: an argument is faulty, or logits are NaN or infinite.
    """
    config = self._model.config
    for name, value in (("mask_layer", mask_layer), ("mask_zone", mask_zone),
                        ("mask_head", mask_head), ("mask", mask)):
      if value is not None:
        _check_text(name, value)
    named = span_sets.NONE
    if spans is not None:
      if ids is None:
        raise ValueError("spans=... needs ids=..., a name for each question, which "
                         "spans are of")
      named = span_sets.of_content("spans", spans)
      if not set(ids).intersection(named.ranges):
        raise ValueError("spans=...: none is of a question in ids=%.60r" % (ids,))
    wanted = grammar.parse_decodes(
        mask_layer, mask_zone, config.num_hidden_layers, mask_head,
        config.num_attention_heads, mask, named.names)
    data, records = self._read(pairs, ids, answers)
    of_data = set().union(*(sets.of_data(decode.sets) for decode in wanted))
    if sets.ANSWER in of_data and answers is None:
      raise ValueError("mask_zone=%r: the set `answer` needs answers=..., the gold "
                       "answers of each question" % (mask_zone or mask))
    span_sets.check(named.of_questions(ids or ()), data.examples)
    data = span_sets.find(data, named, of_data)
    sizes = decoding.sizes_of(data, records)
    decoding.refuse_no_key(data, sizes, wanted)
    steps_of = functools.partial(
        passes.plan_steps, self._options, config,
        self._model.gpu_memory(len(wanted)),
        {of for decode in wanted for of in decode.different_masks})
    limit = steps_of(len(wanted)).limit
    found = [[] for _ in data.examples]
    for first in range(0, len(wanted), limit):
      some = wanted[first:first + limit]
      for index, of_question in self._answer(
          data, records, some, steps_of(len(some)).batch_size):
        of_windows = sizes.get(data.examples[index].qas_id, ())
        found[index] += [
            dict(_result(data, index, decode, answer), left_out=any(
                coverage.lacks(name, of_windows) for name in decode.sets))
            for decode, answer in zip(some, of_question)]
    return list(itertools.chain.from_iterable(found))

  def attention(self, question, passage):
    """The attention of every layer and head, with nothing masked.

    Args:
      question, passage: str.

    Returns:
      (tokens, maps): list of S str, [CLS], [SEP] and their like among them; and
      float32 [L, N, S, S], where maps[layer, head, i, j] is how much token i takes
      from token j. Layers and heads count from 0.

    Raises:
      ValueError: the passage does not fit into one window.
    """
    options, tokenizer = self._options, self._model.tokenizer
    data, records = self._read([(question, passage)])
    if len(records) != 1:
      raise ValueError(
          "the passage takes %d windows of max_seq_length=%d; attention is that of "
          "one window: give %s" % (
              len(records), options.max_seq_length,
              "a part of it" if records else "a passage with words"))
    precision.set_up(options.precision)
    window, = self._model.attend(1, decoding.input_of(
        data, options, [], records, {0: 0}), attention_mass.maps)
    before, between, after = map(list, tokenizer.AROUND)
    tokens = (
        before + tokenizer.tokenize(question)[:options.max_query_length] + between
        + windows.tokenize_passage(data.examples[0].paragraph, tokenizer).tokens
        + after)
    length = int(window["window_end"])
    assert len(tokens) == length
    return tokens, window["maps"][:, :, :length, :length]

  def windows(self, pairs):
    """The windows of pairs of question and passage: list of windows.Window."""
    return self._windows(_examples(pairs, None, None, self._rules))

  def padded(self, window, length):
    """A windows.Window as the model takes it: (ids, segments), `length` of each."""
    rest = [self.layout.pad_id] * (length - len(window.input_ids))
    first = self.layout.places(window.question_length, 0)["passage_start"]
    segments = [0] * first + [1] * (len(window.input_ids) - first)
    return window.input_ids + rest, segments + [0] * len(rest)

  def logits(self, window, masks):
    """The logits of a window with masks of your own, by plain layers, not a sweep.

    Args:
      window: windows.Window.
      masks: iterable of float32 [L, N or 1, S, S], of each layer what is added to
        its attention logits: 0.0 where a token (row) may attend to another
        (column), -10000.0 where not. What the window does not fill is [PAD].

    Returns:
      iterator of float32 [2, S], start and end logits, for each of `masks`.
    """
    def features():
      for mask in masks:
        ids, segments = self.padded(window, mask.shape[-1])
        yield {"input_ids": [ids], "segment_ids": [segments], "masks": mask[None]}
    of_ids, of_masks = [1, None], [1, self.num_layers, None, None, None]
    make = lambda params: tf.data.Dataset.from_generator(
        features,
        {"input_ids": tf.int32, "segment_ids": tf.int32, "masks": tf.float32},
        {"input_ids": of_ids, "segment_ids": of_ids, "masks": of_masks})
    precision.set_up(self._options.precision)
    return (found["logits"] for found in self._model.attend(1, make, _logits))

  def _read(self, pairs, ids=None, answers=None):
    """Makes a data set of pairs: (windows.DataSet without a path, its Records)."""
    options, tokenizer = self._options, self._model.tokenizer
    examples = _examples(pairs, ids, answers, self._rules)
    for line in data_checks.remarks(examples, tokenizer, options.max_query_length):
      self._log("pairs: " + line)
    data = windows.DataSet(examples, None, tokenizer, self._rules)
    if answers is not None:
      data = gold.with_spans(data, "answers", self._log)
    return data, [batches.record(windows.serialized(window))
                  for window in self._windows(examples)]

  def _windows(self, examples):
    """The windows of examples: list of windows.Window."""
    options = self._options
    return list(windows.make_windows(
        examples, self._model.tokenizer, windows.WindowSizes(
            options.max_seq_length, options.doc_stride, options.max_query_length),
        False))

  def _answer(self, data, records, some, batch_size):
    """Answers all questions in some decodes.

    Yields:
      (index of a question, list of an answers.Answer for each decode).
    """
    rules, options = self._rules, self._options
    has_window = {record.sizes["example_index"] for record in records}
    without_words = answer_spans.Answer(
        rules.empty_answer, 0.0 if options.version_2_with_negative else None, [])
    for index in set(range(len(data.examples))) - has_window:
      yield index, [without_words] * len(some)
    if not records:
      return
    precision.set_up(options.precision)
    sizes, swept = decoding.sizes_of(data, records), decoding.with_baseline(some)
    places = passage_order.places(
        [example.paragraph.context for example in data.examples],
        options.random_seed)
    finder = answer_spans.AnswerFinder(
        data.examples, data.tokenizer, options, rules.span_text,
        answer_spans.CHARACTERS)
    for index, of_question in answer_spans.gather_windows(self._model.predict(
        swept, batch_size, decoding.input_of(
            data, options, swept, records, dict(enumerate(places))))):
      found = finder.answers(index, of_question, [True] * len(swept))
      if data.gold_spans is not None:
        found = gold.rate(found, of_question)
      yield index, decoding.take_baseline(
          some, found, sizes[data.examples[index].qas_id])


def _logits(encoder, features):
  """Runs plain layers with the features' masks: dict of the logits."""
  hidden = encoder.embed(features["input_ids"], features["segment_ids"])
  return {"logits": answer_head.span_logits(encoder.encode(
      hidden, tf.unstack(features["masks"], axis=1))[-1])}


def _examples(pairs, ids, answers, rules):
  """Makes an Example of each pair; arguments as of LoadedModel.predict."""
  what = "pairs=%.100r; should be a list of (question, passage)" % (pairs,)
  if isinstance(pairs, (str, bytes)):
    raise ValueError(what)
  try:
    pairs = [(question, passage) for question, passage in pairs]
  except (TypeError, ValueError) as error:
    raise ValueError(what) from error
  for name, values in ("ids", ids), ("answers", answers):
    if values is not None and len(values) != len(pairs):
      raise ValueError("%s has %d entries, but pairs has %d; should have one for "
                       "each question" % (name, len(values), len(pairs)))
  examples, paragraph_of = [], {}
  for index, (question, passage) in enumerate(pairs):
    where = "pairs[%d]" % index
    _check_text(where + "[0], a question", question)
    _check_text(where + "[1], a passage", passage)
    if ids is not None:
      _check_text("ids[%d]" % index, ids[index])
    content = {"question": question, "id": files.short_digest(
        [question, passage]) if ids is None else ids[index]}
    if answers is not None:
      content["answers"] = answers[index]
    example = rules.to_predict(questions.Question(
        where, content, {"context": passage}, 0, ""), answers is not None)
    # Those about one passage share its word pieces.
    examples.append(example._replace(paragraph=paragraph_of.setdefault(
        passage, example.paragraph)))
  if ids is not None:
    questions.refuse_repeated("ids", ids)
  return examples


def _check_text(name, value):
  if not isinstance(value, str):
    raise ValueError("%s is %.100r; should be a str" % (name, value))


def _result(data, index, decode, answer):
  """What `predict` says of a question's answers.Answer in a decode: dict."""
  if answer.text is None:
    raise ValueError("NaN or infinite logits in decode %s of question %d, %r" % (
        decode.name, index, data.examples[index].qas_id))
  nbest = list(map(dict, answer.nbest))
  # Each text is there once.
  chosen = next((entry for entry in nbest if entry["text"] == answer.text), {})
  logit = chosen["start_logit"] + chosen["end_logit"] if chosen else None
  result = {
      "question": index, "decode": decode.name, "answer": answer.text,
      "start": chosen.get("start"), "end": chosen.get("end"),
      "logit": logit, "probability": chosen.get("probability"),
      "null_odds": answer.null_odds, "nbest": nbest}
  if data.gold_spans is not None:
    result["gold_logp"] = answer.gold_logp
  return result
