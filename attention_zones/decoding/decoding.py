"""One sweep over a data set: its passes, its journals, its files.

    wanted decodes --cut--> passes --each--> windows stream in, questions are
    answered and go to the journal; at the end all files are written, and the
    manifest records what they were made from.

With --shard, each machine answers a share of the questions; see shares.py.

The model is passed in as a Reader, so that nothing here builds a graph.
"""

import collections
import functools
import time

from attention_zones.base import interrupts
from attention_zones.base.progress import Progress
from attention_zones.base import run_records
from attention_zones.data import windows
from attention_zones.decoding import answers
from attention_zones.decoding import coverage
from attention_zones.decoding import gold
from attention_zones.decoding import passes
from attention_zones.decoding import prediction_files
from attention_zones.decoding import runs
from attention_zones.decoding import shares
from attention_zones.zones import definitions
from attention_zones.zones import draws

Reader = collections.namedtuple(
    "Reader", [
        "checkpoint", "num_layers", "num_heads", "memory", "gpu_memory", "predict",
        "attend"])
Reader.__doc__ = """What a sweep needs of a fine-tuned model.

Attributes:
  checkpoint: str, the prefix of its files.
  num_layers: int, the number of the model's layers.
  num_heads: int, the number of attention heads of a layer.
  memory: function (number of decodes, windows in a step) to bytes.
  gpu_memory: int, the bytes that TensorFlow may use on the GPU that predicts; None
    without a GPU.
  predict: function (decodes, windows in a step, input_fn) to an iterable of
    dicts, one per window, with the entries of answer_head.candidates.
  attend: function (windows in a step, input_fn) to one with those of
    attention_mass.measure.
"""


def decode(options, data, wanted, reader, log):
  """Makes the predictions that do not exist yet.

  Args:
    options: namespace of run_squad.py's flags.
    data: windows.DataSet to predict.
    wanted: list of decodes.Decode.
    reader: Reader.
    log: function that shows the user a line, str.

  Raises:
    ValueError: a decode's logits are NaN or infinite; the other decodes are
      written.
  """
  share = shares.parse(options.shard)
  shares.check_count(options.output_dir, share, log)
  run = runs.describe(options, reader.checkpoint, data.tokenizer)
  zones_of = definitions.of_decodes(wanted)
  runs.refuse_overwriting(options, wanted, run, zones_of)
  content = run_records.load_manifest(options.output_dir)
  runs.tell_of_others(options, run, content, log)
  done = set(runs.finished_files(options, wanted, run, zones_of, content))
  limit = passes.plan_steps(options, reader, len(wanted)).limit
  to_make = passes.cut_passes(options, wanted, limit, done, share)
  if not to_make:
    log("nothing to do: %s already has the predictions for these flags, data and "
        "checkpoint" % options.output_dir)
    return
  sizes = [len(one.decodes) for one in to_make]
  log("decodes: %d, passes over the data: %d, %s" % (
      sum(sizes), len(to_make),
      passes.plan_steps(options, reader, max(sizes)).words))
  failed = collections.OrderedDict()
  for one in to_make:
    failed.update(_run_pass(options, data, one, run, zones_of, reader, log))
  if failed:
    raise ValueError(
        "NaN or infinite logits, so these files were not written: %s" % ", ".join(
            "%s (first in question %r)" % (decode.file_name(), qas_id)
            for decode, qas_id in failed.items()))


def _run_pass(options, data, one, run, zones_of, reader, log):
  """Predicts decodes in one pass over the data and writes their files.

  Of a share, the files are written only when it is the last to finish.

  Args:
    options, data, reader, log: as for `decode`.
    one: passes.Pass.
    run: dict, as runs.describe returns it.
    zones_of: dict, as definitions.of_decodes returns it.

  Returns:
    dict of the decodes that failed, as prediction_files.write_files returns it.
  """
  start = time.time()
  # Depends on this pass alone, not on what else is left, so that its journal can be
  # resumed.
  batch_size = passes.plan_steps(options, reader, len(one.decodes)).batch_size
  key = dict(run, **{
      "decodes": [decode.file_name() for decode in one.decodes],
      "--predict_batch_size": batch_size, "--write_nbest": options.write_nbest,
      "--bucket_by_length": windows.bucket_width(options) is not None})
  for decode in one.decodes:
    key.update(zones_of[decode])
  if options.gold_logp:
    key["--gold_logp"] = True
  if one.part:
    key["--shard"] = str(one.part.share)
  answered = None
  if not one.part or one.part.share in shares.missing(one.part):
    answered = _answer(options, data, one, key, reader, log)
  if one.part:
    answered = _join_shares(one.part, answered, key, log)
    if not answered:
      return {}
  failed = prediction_files.write_files(
      options.output_dir, data, answered, one.decodes,
      [passes.kinds_of(options, d) for d in one.decodes],
      functools.partial(
          runs.before_replacing, options, one.decodes, run, zones_of))
  written = [decode for decode in one.decodes if decode not in failed]
  of_written = {name: zones_of[decode] for decode in written
                for name in passes.files_of(options, decode)}
  run_records.add_to_manifest(
      options.output_dir, list(of_written), run,
      dict(runs.about(options, reader, start),
           masked_fraction=coverage.masked_fractions(
               data.path, written, reader.num_heads),
           overlap=coverage.overlaps(data.path, _ids(data), written)),
      {name: zones for name, zones in of_written.items() if zones})
  if one.part:
    shares.remove(one.part)
  else:
    answered.close(remove=True)
  interrupts.keep()
  log("%s: wrote %s" % (options.output_dir, ", ".join(
      decode.file_name() for decode in written) or "nothing"))
  return failed


def _ids(data):
  """The ids of a data set's questions: list of str."""
  return [example.qas_id for example in data.examples]


def _join_shares(part, journal, key, log):
  """Finishes a share and, if it is the last one, puts all of them together.

  Args:
    part: shares.Part.
    journal: run_records.Journal with the answers of the share; None if it was
      finished before.
    key: dict, the journal's.
    log: as for `decode`.

  Returns:
    run_records.JoinedJournals; None if other shares are missing, or another run
    writes the files.
  """
  if journal:
    shares.finish(journal, part)
    interrupts.keep()
  missing = shares.missing(part)
  if missing:
    log("share %s is finished and kept in %s; the files are written with the last "
        "one; missing: --shard=%s" % (
            part.share, part.path, ", ".join(map(str, missing))))
    return None
  try:
    return shares.collect(part, key)
  except FileNotFoundError:
    log("share %s is finished; the run of another share has written the files" %
        part.share)
    return None


def _answer(options, data, one, key, reader, log):
  """Answers the questions of a pass, or of its share, that its journal lacks.

  Args:
    options, data, one, reader, log: as for `_run_pass`.
    key: dict, the journal's.

  Returns:
    run_records.Journal with all answers.
  """
  share = one.part.share if one.part else None
  mine = shares.questions(data.examples, share)
  journal = run_records.Journal(one.journal_path, key)
  if journal.finished:
    log("%d of %d questions are done: resuming %s" % (
        len(journal.finished), len(mine), journal.path))
  interrupts.keep(
      lambda: "%d of %d questions are finished and kept in %s; rerun the command "
      "to resume" % (len(journal.finished), len(mine), journal.path))
  input_fn = windows.input_fn_builder(
      data.path, options.max_seq_length, is_training=False,
      bucket_width=windows.bucket_width(options), finished=journal.finished,
      share=mine if share else None, layout=data.tokenizer.LAYOUT,
      add=functools.partial(
          draws.add_to_features, ids=_ids(data), numbers=draws.needed(one.decodes)))
  if options.gold_logp:
    input_fn = gold.add_spans(input_fn, data.gold_spans)
  results = reader.predict(one.decodes, key["--predict_batch_size"], input_fn)
  _answer_questions(options, data, one, journal, results, mine)
  return journal


def _answer_questions(options, data, one, journal, results, mine):
  """Appends answers to the journal, question by question, as windows arrive.

  Args:
    options, data, one: as for `_run_pass`.
    journal: run_records.Journal.
    results: iterable, as Reader.predict returns it.
    mine: set of int, the questions to answer, indices of examples.
  """
  finder = answers.AnswerFinder(
      data.examples, data.tokenizer, options, data.rules.span_text,
      with_positions=data.rules.positions_in_nbest)
  with_nbest = [passes.wants_nbest(options, decode) for decode in one.decodes]
  progress = Progress(
      "predicting, %d decode%s%s%s" % (
          len(one.decodes), "s" * (len(one.decodes) != 1),
          ", share %s" % (one.part.share,) if one.part else "", one.turn),
      len(mine), "questions", len(data.examples), one.later)
  for index, of_question in answers.gather_windows(results):
    if index not in journal.finished:
      found = finder.answers(index, of_question, with_nbest)
      if options.gold_logp:
        found = gold.rate(found, of_question)
      journal.append(index, found)
      progress.update(len(journal.finished))
  if len(journal.finished) < len(mine):
    # Passages without words have no window.
    progress.update(len(mine))
