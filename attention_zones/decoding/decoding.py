"""One sweep over a data set: its passes, its journals, its files.

    wanted decodes --cut--> passes --each--> windows stream in, questions are
    answered and go to the journal; at the end all files are written, and the
    manifest records what they were made from.

With --shard, each machine answers a share of the questions; see shares.py.

The model is passed in (run_squad.Model), so that nothing here builds a graph.
"""

import collections
import functools
import shlex
import time

from attention_zones.base import data_sets
from attention_zones.base import files
from attention_zones.base import interrupts
from attention_zones.base import journal
from attention_zones.base import manifest
from attention_zones.base import passage_order
from attention_zones.base.progress import Progress
from attention_zones.data import batches
from attention_zones.decoding import answers
from attention_zones.decoding import gold
from attention_zones.decoding import journal_writer
from attention_zones.decoding import passes
from attention_zones.decoding import prediction_files
from attention_zones.decoding import shares
from attention_zones.zones import coverage
from attention_zones.zones import draws
from attention_zones.zones import members
from attention_zones.zones.decodes import BASELINE


# After so many passages the log says, once, that what is finished can be looked at.
_FIRST_LOOK = 100


def decode(data, model, run, log):
  """Makes the predictions that do not exist yet.

  Args:
    data: windows.DataSet to predict.
    model: run_squad.Model.
    run: runs.Run.
    log: function that shows the user a line, str.

  Raises:
    ValueError: a decode's logits are NaN or infinite; the other decodes are
      written.
  """
  options = run.options
  share = shares.parse(options.shard)
  shares.check_count(options.output_dir, share, log)
  run.tell_of_others(log)
  steps_of = functools.partial(
      passes.plan_steps, options, model.config, model.gpu_memory(len(run.wanted)),
      {mask for decode in run.wanted for mask in decode.different_masks})
  to_make = passes.cut_passes(run, steps_of(len(run.wanted)).limit, share)
  if not to_make:
    log("nothing to do: %s already has the predictions for these flags, data and "
        "checkpoint" % options.output_dir)
    return
  sizes = [len(one.decodes) for one in to_make]
  log("decodes: %d, passes over the data: %d, %s; first the graph is built" % (
      sum(sizes), len(to_make), steps_of(max(sizes)).words))
  failed = collections.OrderedDict()
  for one, size in zip(to_make, sizes):
    # Depends on this pass alone, not on what else is left, so that its journal can
    # be resumed.
    failed.update(_run_pass(
        data, model, run, one, steps_of(size).batch_size, log))
  if failed:
    raise ValueError(
        "NaN or infinite logits, so these files were not written: %s" % ", ".join(
            "%s (first in question %r)" % (decode.file_name(), qas_id)
            for decode, qas_id in failed.items()))


def _run_pass(data, model, run, one, batch_size, log):
  """Predicts decodes in one pass over the data and writes their files.

  Of a share, the files are written only when it is the last to finish.

  Args:
    data, model, run, log: as for `decode`.
    one: passes.Pass.
    batch_size: int, the windows in a step.

  Returns:
    dict of the decodes that failed, as prediction_files.write_files returns it.
  """
  start = time.time()
  key = _key(run, one, batch_size, model)
  records = batches.read(data.path)
  refuse_no_key(data, sizes_of(data, records), one.decodes)
  answered = None
  if not one.part or one.part.share in shares.missing(one.part):
    answered = _answer(data, model, run, one, key, records, log)
  if one.part:
    answered = _join_shares(one.part, answered, key, log)
    if not answered:
      return {}
  failed = prediction_files.write_files(
      run.options.output_dir, data, answered, one.decodes,
      list(map(run.kinds_of, one.decodes)), run.before_replacing)
  written = [decode for decode in one.decodes if decode not in failed]
  sizes = sizes_of(data, records)
  run.record(
      run.files_of(written), start,
      masked_fraction=coverage.masked_fractions(
          sizes, written, model.config.num_attention_heads, data.tokenizer.LAYOUT),
      overlap=coverage.overlaps(sizes, written, data.tokenizer.LAYOUT),
      **{manifest.LACKING: coverage.lacking(sizes, _ids(data), written)})
  if one.part:
    shares.remove(one.part)
  else:
    answered.close(remove=True)
  interrupts.keep()
  log("%s: wrote %s" % (run.options.output_dir, ", ".join(
      decode.file_name() for decode in written) or "nothing"))
  return failed


def refuse_no_key(data, sizes, decodes):
  """Refuses decodes that mask all that a token of some window attends to.

  Args:
    data: windows.DataSet.
    sizes: dict, as `sizes_of` returns it.
    decodes: list of decodes.Decode.

  Raises:
    ValueError: there is such a window of a question that counts in the decode.
  """
  @functools.lru_cache(maxsize=None)
  def leaves_no_key(mask, question_length, passage_length, members):
    return mask.leaves_no_key(
        question_length, passage_length, data.tokenizer.LAYOUT, dict(members))

  for mask, names in {(mask, frozenset(decode.sets)) for decode in decodes
                      for mask in decode.different_masks if mask.sets}:
    for qas_id, of_question in sizes.items():
      if any(coverage.lacks(name, of_question) for name in names):
        continue
      for size in of_question:
        members = tuple((name, tuple(size.members[name]))
                        for name in sorted(mask.sets_of_data))
        # Without sets of the data, only whether there is any token counts.
        lengths = (size.question_length, size.passage_length) if members else (
            min(size.question_length, 1), min(size.passage_length, 1))
        if leaves_no_key(mask, *lengths, members):
          raise ValueError(
              "%s masks all that some token can attend to in question %r%s; leave "
              "out the question, or this zone" % (
                  mask.name, qas_id, "" if size.question_length else
                  ", which has no tokens"))


def _key(run, one, batch_size, model):
  """The key of a pass's journal, as journal.py describes it: dict."""
  key = dict(run.made_from, **{
      "decodes": [decode.file_name() for decode in one.decodes],
      "--predict_batch_size": batch_size, "--write_nbest": run.options.write_nbest,
      "--bucket_by_length": batches.bucket_width(run.options) is not None,
      # All journals of the folder have one order.
      journal.SEED: next((begun[journal.SEED] for begun in journal.begun(
          run.options.output_dir).values() if journal.SEED in begun),
                         run.options.random_seed),
      "num_layers": model.config.num_hidden_layers,
      "num_heads": model.config.num_attention_heads,
      "layout": list(model.tokenizer.LAYOUT)})
  for decode in one.decodes:
    key.update(run.zones_of[decode])
  if run.options.gold_logp:
    key["--gold_logp"] = True
  if one.part:
    key["--shard"] = str(one.part.share)
  return key


def _ids(data):
  """The ids of a data set's questions: list of str."""
  return [example.qas_id for example in data.examples]


def sizes_of(data, records):
  """The sizes of windows: dict from the id of each question that has windows to the
  list of their coverage.Sizes."""
  ids, found = _ids(data), collections.OrderedDict()
  for record in records:
    index = record.sizes["example_index"]
    lengths = [record.sizes[name] for name in coverage.Sizes._fields[:3]]
    places = data.tokenizer.LAYOUT.places(lengths[0], lengths[2])
    found.setdefault(ids[index], []).append(coverage.Sizes(*lengths, {
        name: members.positions(of_set[index], *lengths, places["question_start"],
                                places["passage_start"])
        for name, of_set in data.members.items()}))
  return found


def _join_shares(part, journal, key, log):
  """Finishes a share and, if it is the last one, puts all of them together.

  Args:
    part: shares.Part.
    journal: journal_writer.Journal with the answers of the share; None if it was
      finished before.
    key: dict, the journal's.
    log: as for `decode`.

  Returns:
    journal.JoinedJournals; None if other shares are missing, or another run
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


def _answer(data, model, run, one, key, records, log):
  """Answers the questions of a pass, or of its share, that its journal lacks.

  Args:
    data, model, run, one, log: as for `_run_pass`.
    key: dict, the journal's.
    records: list of batches.Record, all windows.

  Returns:
    journal_writer.Journal with all answers.
  """
  share = one.part.share if one.part else None
  journal = journal_writer.Journal(one.journal_path, key)
  places = passage_order.places(
      [example.paragraph.context for example in data.examples], journal.seed)
  mine = {index: places[index] for index in shares.questions(data.examples, share)}
  if journal.finished:
    log("%d of %d questions are done: resuming %s" % (
        len(journal.finished), len(mine), journal.path))
  interrupts.keep(
      lambda: "%d of %d questions are finished and kept in %s; rerun the command "
      "to resume" % (len(journal.finished), len(mine), journal.path))
  swept = with_baseline(one.decodes)
  results = model.predict(swept, key["--predict_batch_size"], input_of(
      data, run.options, swept, records, mine, journal.finished))
  _answer_questions(data, run, one, journal, results, mine, sizes_of(data, records))
  return journal


def with_baseline(decodes):
  """The decodes, and the baseline before them if it stands in for some answers.

  It costs next to nothing: a sweep computes it anyway, up to the highest mask.
  """
  needs = any(decode.sets for decode in decodes) and BASELINE not in decodes
  return [BASELINE] * needs + decodes


def take_baseline(decodes, found, of_question):
  """Gives decodes whose sets a question lacks the baseline's answer.

  Args:
    decodes: list of decodes.Decode.
    found: list of answers.Answer, those of `with_baseline`.
    of_question: list of coverage.Sizes, the question's windows.

  Returns:
    list of answers.Answer, one for each decode.
  """
  baseline = dict(zip(with_baseline(decodes), found)).get(BASELINE)
  lacking = {name for decode in decodes for name in decode.sets
             if coverage.lacks(name, of_question)}
  return [
      answer if lacking.isdisjoint(decode.sets) else baseline._replace(
          nbest=answer.nbest and baseline.nbest)
      for decode, answer in zip(decodes, found[-len(decodes):])]


def input_of(data, options, decodes, records, places, finished=()):
  """Makes the input_fn of a sweep.

  Args:
    data: windows.DataSet; if it has gold_spans, windows get theirs.
    options: namespace of run_squad.py's flags.
    decodes: list of decodes.Decode.
    records: list of batches.Record, all windows.
    places, finished: as for batches.predict_input_fn.

  Returns:
    function, as of batches.predict_input_fn.
  """
  input_fn = batches.predict_input_fn(
      records, options.max_seq_length, batches.bucket_width(options), places,
      finished, lambda features: members.add_to_features(
          draws.add_to_features(features, _ids(data), draws.needed(decodes)),
          data.members), data.tokenizer.LAYOUT)
  return input_fn if data.gold_spans is None else gold.add_spans(
      input_fn, data.gold_spans)


def _answer_questions(data, run, one, journal, results, mine, sizes):
  """Appends answers to the journal, question by question, as windows arrive.

  Args:
    data, run, one: as for `_run_pass`.
    journal: journal_writer.Journal.
    results: iterable, as Model.predict returns it.
    mine: dict from the index of each question to answer to its passage's place.
    sizes: dict, as `sizes_of` returns it.
  """
  finder = answers.AnswerFinder(
      data.examples, data.tokenizer, run.options, data.rules.span_text,
      answers.POSITIONS if data.rules.positions_in_nbest else ())
  with_nbest = list(map(run.wants_nbest, with_baseline(one.decodes)))
  progress = Progress(
      "predicting, %d decode%s%s%s" % (
          len(one.decodes), "s" * (len(one.decodes) != 1),
          ", share %s" % (one.part.share,) if one.part else "", one.turn),
      len(mine), "questions", len(data.examples), one.later)
  left = collections.Counter(
      place for index, place in mine.items() if index not in journal.finished)
  # The passages that the first look is about, where there are more.
  first = sorted(set(mine.values()))[:_FIRST_LOOK]
  may_look = len(one.decodes) > 1 and len(left) > len(first) == _FIRST_LOOK and (
      one.is_first and not files.is_remote(run.options.output_dir))
  ids = _ids(data)
  for index in sorted(set(mine).difference(journal.finished)):
    if ids[index] not in sizes:
      # A passage without words has no window.
      journal.append(index, [answers.Answer(
          data.rules.empty_answer, 0.0, [] if wants else None)
                             for wants in map(run.wants_nbest, one.decodes)])
      left[mine[index]] -= 1
  for index, of_question in answers.gather_windows(results):
    if index not in journal.finished:
      found = finder.answers(index, of_question, with_nbest)
      if run.options.gold_logp:
        found = gold.rate(found, of_question)
      of_windows = sizes[ids[index]]
      journal.append(
          index, take_baseline(one.decodes, found, of_windows), of_windows)
      left[mine[index]] -= 1
      looks = may_look and mine[index] <= first[-1] and not any(
          left[place] for place in first)
      progress.update(len(journal.finished), _how_to_look(
          run.options) if looks else "", keep=looks)


def _how_to_look(options):
  """What a line of progress says, once, of the questions that are finished: str."""
  usual = data_sets.DATA_SETS[options.dataset].dev_file
  return (
      "; %d passages, a random sample, are finished: python get_results.py %s "
      "interim.csv --unfinished%s shows what they say%s" % (
          _FIRST_LOOK, shlex.quote(options.output_dir),
          "" if files.identity(options.predict_file) == files.identity(usual)
          else " --data_file=" + shlex.quote(options.predict_file),
          ", once all shares have begun" if options.shard else ""))
