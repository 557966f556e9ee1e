"""A sweep that is not finished, as if the data set had only what is finished of it.

    python get_results.py FOLDER interim.csv --unfinished

Passages are predicted in random order (passage_order.py). The sample is the longest
beginning of that order in which every passage is finished: in every journal at
work, each of which has decodes of its own, and in every share. Files that are
finished have every passage.

interim.json, beside the tables, says of each how many questions the sample has, and
how many the data set:

    {"interim.csv": {"finished": 2310, "questions": 10570, "digest": "..."}, ...}
"""

import collections
import hashlib
import itertools
import json
import os
import sys

from attention_zones.base import files
from attention_zones.base import journal
from attention_zones.base import json_files
from attention_zones.base import manifest
from attention_zones.base import passage_order
from attention_zones.scores import sweeps
from attention_zones.zones import coverage
from attention_zones.zones import layouts
from attention_zones.zones import sets
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones.decodes import Decode

FILE_NAME = "interim.json"

WARNING = ("whoever looks often, and stops when it suits, finds effects by chance "
           "more often")

# Entries of keys in which the journals of one sweep may differ: which decodes, and
# how many of their windows fit into a step.
_OF_PASS = ("decodes", "--shard", "--predict_batch_size")
# What decodes mask, in keys: "zone p2" and "set wh".
_MASKED = "zone ", "set "


class InterimSweep(sweeps.Sweep):
  """What is finished of a sweep.

  Args:
    folder: str.
    data_file: str, the data set that is predicted.
    asked: list of questions.Question, all of its questions.

  Attributes:
    folder, names, manifest: as of sweeps.Sweep; a decode that failed, because its
      logits were NaN or infinite, has no name.
    sample: list of int, indices of the questions that are finished.

  Raises:
    OSError: a file cannot be read.
    ValueError: nothing is at work in the folder, or nothing is finished; a share
      has not begun; journals are of other data, or of different runs.
  """

  def __init__(self, folder, data_file, asked):
    self.folder = folder
    at_work = journal.unfinished(folder)
    key = _common_key(folder, at_work, data_file)
    places = passage_order.places([of.context for of in asked], key[journal.SEED])
    done = set.intersection(
        *(set(of_pass.records.finished) for of_pass in at_work))
    self.sample = passage_order.finished_beginning(places, done)
    if not self.sample:
      raise ValueError(
          "--unfinished: %s has no passage that is finished in all journals (%s); "
          "look again later, or move what is not at work any more" % (
              folder, ", ".join("%s: %d questions" % (
                  next(iter(of_pass.keys)), len(of_pass.records.finished))
                                for of_pass in at_work)))
    self._of_decode, sizes = self._read(at_work, asked)
    self.names = {decode: decode.file_name() for decode in self._of_decode}
    self._finished = _finished_files(folder, key, at_work)
    self.names.update(self._finished)
    if not set(self.names) - {BASELINE}:
      raise ValueError("--unfinished: %s has no masked decode" % folder)
    layout = layouts.Layout(*key["layout"])
    # The journals know the sets of their own decodes only.
    known = set(next(iter(sizes.values()), [coverage.Sizes(0, 0, 0)])[0].members)
    decodes = [decode for decode in self.names
               if known.issuperset(sets.of_data(decode.sets))]
    about = {"num_layers": key["num_layers"],
             "masked_fraction": coverage.masked_fractions(
                 sizes, decodes, key["num_heads"], layout),
             "overlap": coverage.overlaps(sizes, decodes, layout),
             manifest.LACKING: dict(_lacking_of_finished(
                 folder, self._finished.values()), **coverage.lacking(
                     sizes, [asked[index].id for index in self.sample], decodes))}
    self.manifest = {
        "runs": {"": dict(key, about=about)}, "zones": {},
        "files": dict.fromkeys(self.names.values(), "")}

  def _read(self, at_work, asked):
    """Reads the sample's answers.

    Returns:
      (dict from each decode at work to a dict from question id to its (answer, gold
      log-probability); dict from question id to the list of its coverage.Sizes).
    """
    found, sizes = collections.OrderedDict(), collections.OrderedDict()
    for of_pass in at_work:
      key = next(iter(of_pass.keys.values()))
      decodes = list(map(Decode.parse, key["decodes"]))
      for index in self.sample:
        name, record = asked[index].id, of_pass.records.read(index)
        if record["windows"]:
          sizes[name] = [coverage.Sizes(*window) for window in record["windows"]]
        answers = zip(record["text"], record["gold_logp"])
        for decode, answer in zip(decodes, answers):
          found.setdefault(decode, {})[name] = answer
    for decode in list(found):
      # A zone may be gone since; logits may have been NaN or infinite.
      if decode is None or None in (text for text, _ in found[decode].values()):
        del found[decode]
    return found, sizes

  def answers(self, decode, questions):
    if decode in self._finished:
      found = super().answers(decode, questions)
      return {name: found[name] for name in questions}
    return {name: self._of_decode[decode][name][0] for name in questions}

  def gold_logp(self, decode, questions):
    if decode in self._finished:
      return super().gold_logp(decode, questions)
    if "--gold_logp" not in self.manifest["runs"][""]:
      raise ValueError("--metric=logp: the sweep of %s runs without "
                       "--gold_logp=True" % self.folder)
    return {name: self._of_decode[decode][name][1] for name in questions}


def _common_key(folder, at_work, data_file):
  """What all journals at work have in common: the key of one of them.

  Raises:
    ValueError: as of InterimSweep.
  """
  if not at_work:
    how = "leave the flag out"
    if files.is_remote(folder):
      how = ("of a bucket, copy the journals, which are in $TMPDIR of the machine "
             "at work, and the manifest to a local folder")
    raise ValueError("--unfinished: no sweep of %s is at work, or was stopped; "
                     "%s" % (folder, how))
  for of_pass in at_work:
    if of_pass.lacking:
      raise ValueError(
          "--unfinished: %s has no journal of --shard=%s; a sample needs all "
          "shares, so start it, or copy its journal here" % (
              folder, of_pass.lacking[0]))
    for name, key in of_pass.keys.items():
      if not key:
        raise ValueError("--unfinished: %s has only begun; look again later" %
                         os.path.join(folder, name))
      if not {journal.SEED, *journal.ABOUT} <= set(key):
        raise ValueError("--unfinished: %s is of another version of run_squad.py, "
                         "whose order is not known" % os.path.join(folder, name))
    decodes = [key["decodes"] for key in of_pass.keys.values()]
    if any(other != decodes[0] for other in decodes):
      raise ValueError("--unfinished: %s have different decodes; shares of one "
                       "sweep have the same" % ", ".join(of_pass.keys))
  keys = collections.OrderedDict(
      itertools.chain(*(of_pass.keys.items() for of_pass in at_work)))
  zones = collections.ChainMap(*keys.values())
  first, common = next(iter(keys.items()))
  for name, key in keys.items():
    differing = manifest.changes(_of_run(common), _of_run(key)) + manifest.changes(
        {zone: zones[zone] for zone in key if zone.startswith(_MASKED)},
        {zone: key[zone] for zone in key if zone.startswith(_MASKED)})
    if differing:
      raise ValueError(
          "--unfinished: %s has a different %s than %s; only decodes may differ, "
          "so move one of them to another folder" % (
              os.path.join(folder, name), ", ".join(differing), first))
  if common.get("--predict_file") != files.digest(data_file):
    raise ValueError("--data_file=%s is not what the sweep of %s predicts; give "
                     "the file of its --predict_file" % (data_file, folder))
  return common


def _of_run(key):
  """The part of a journal's key that all journals of a sweep have: dict."""
  return {name: value for name, value in key.items()
          if name not in _OF_PASS and not name.startswith(_MASKED)}


def _finished_files(folder, key, at_work):
  """Finds files of predictions that the same run has finished.

  Files of other runs are left out, and a line on stderr says so.

  Args:
    folder: str.
    key: dict, what the journals have in common.
    at_work: list of journal.Pass.

  Returns:
    dict from Decode to file name.
  """
  content, found, others = manifest.load(folder), {}, []
  at_hand = set(itertools.chain(*(
      key["decodes"] for of_pass in at_work for key in of_pass.keys.values())))
  zones = collections.ChainMap(*itertools.chain(
      *(of_pass.keys.values() for of_pass in at_work)))
  for name in files.list_folder(folder):
    decode = Decode.parse(name)
    if decode:
      made_from = manifest.run_of_file(content, name)
      if made_from and all(
          value == (zones.get(entry, value) if entry.startswith(_MASKED)
                    else key.get(entry)) for entry, value in made_from.items()):
        found[decode] = name
      elif name not in at_hand:
        # A run that is killed before it writes its manifest leaves its files.
        others.append(name)
  if others:
    print("%s: %d files of another run are not read, like %s" % (
        folder, len(others), others[0]), file=sys.stderr)
  return found


def _lacking_of_finished(folder, names):
  """What the manifest says of finished files, as of manifest.lacking: dict."""
  content, found = manifest.load(folder), {}
  for name in names:
    found.update(manifest.lacking(content, name))
  return found


def record(results_path, texts, finished, questions):
  """Makes interim.json, which says of tables that they are of a sample.

  Args:
    results_path: str, one of the tables.
    texts: dict from each table's path to its text.
    finished, questions: int, of the sample and of the data set.

  Returns:
    (path, text) of the file. It keeps what it says of other tables that are still
    as they were.
  """
  folder = os.path.dirname(results_path)
  path = os.path.join(folder, FILE_NAME)
  content = {name: entry for name, entry in _load(path).items()
             if _counts(os.path.join(folder, name), entry)}
  for table, text in texts.items():
    if os.path.dirname(table) == folder:
      content[os.path.basename(table)] = {
          "finished": finished, "questions": questions,
          # As files.write_text writes it.
          "digest": hashlib.sha256(
              text.encode("utf-8", "backslashreplace")).hexdigest()}
  return path, _as_text(content)


def forget(tables):
  """Takes tables that are of all questions out of the interim.json beside them.

  Args:
    tables: iterable of str, their paths.
  """
  for folder in set(map(os.path.dirname, tables)):
    path = os.path.join(folder, FILE_NAME)
    content = _load(path)
    kept = {name: entry for name, entry in content.items()
            if os.path.join(folder, name) not in tables}
    if kept != content:
      files.write_text(path, [_as_text(kept)])


def _as_text(content):
  return json.dumps(content, indent=2, sort_keys=True) + "\n"


def remarks(tables):
  """What the figure of tables says: "interim: 2,310 of 10,570 questions".

  Args:
    tables: list of str, the paths of tables of get_results.py.

  Returns:
    list of str, a line for each sample that a table is of, as an interim.json
    beside it says of the table as it is.
  """
  counts = collections.OrderedDict()
  for table in tables:
    content = _load(os.path.join(os.path.dirname(table), FILE_NAME))
    counts[_counts(table, content.get(os.path.basename(table)))] = None
  return [words(*both) for both in counts if both]


def words(finished, questions):
  """How much is finished: str."""
  return "interim: {:,} of {:,} questions".format(finished, questions)


def _load(path):
  """Reads an interim.json: dict, {} if there is none, or it is damaged."""
  try:
    content = json_files.load(path) if files.exists(path) else {}
  except ValueError as error:
    print("%s; so no table is known to be interim" % error, file=sys.stderr)
    return {}
  return content if isinstance(content, dict) else {}


def _counts(table, entry):
  """The two counts of a table's entry: tuple; None if the table is another now."""
  if isinstance(entry, dict) and files.exists(table) and (
      entry.get("digest") == files.digest(table)):
    counts = entry.get("finished"), entry.get("questions")
    return counts if all(type(count) is int for count in counts) else None
  return None
