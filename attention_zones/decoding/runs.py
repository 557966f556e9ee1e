"""What a run is made of, and which files of --output_dir are of it.

A run is a flat dict, under the names of flags, of all that its answers depend on.
It has the digests of files, which count by their content, not by their names. What
a masked decode's zones do is said beside it (definitions.py).
"""

import platform
import time

import tensorflow.compat.v1 as tf

from attention_zones.base import files
from attention_zones.base import path_checks
from attention_zones.base import manifest
from attention_zones.base import version
from attention_zones.data import spans
from attention_zones.data import windows
from attention_zones.decoding import passes
from attention_zones.weights import checkpoints
from attention_zones.weights import training
from attention_zones.zones import definitions
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones.decodes import Decode

# Flags that the answers depend on, besides those of the windows.
_FLAGS_OF_RUN = ("n_best_size", "max_answer_length", "null_score_diff_threshold",
                 "precision")

# In place of a checkpoint's digest where a training is to come.
_TO_BE_TRAINED = "trained anew"


class Run:
  """A run that predicts, and what --output_dir has of it, read once at its start.

  Args:
    options: namespace of run_squad.py's flags.
    wanted: list of decodes.Decode.
    model: run_squad.Model; without a checkpoint, a training is to write it.
    named: spans.Spans of --spans.

  Attributes:
    options, wanted, named: as given.
    made_from: dict, all that answers depend on but the zones.
    zones_of: dict from each Decode to a dict, what it masks.

  Raises:
    ValueError: as of `refuse_overwriting`, or a folder has the name of a file.
  """

  def __init__(self, options, wanted, model, named=spans.NONE):
    self.options, self.named = options, named
    self._num_layers = model.config.num_hidden_layers
    self.wanted = wanted
    self.made_from = _describe(
        options, model.checkpoint or training.finished(
            options.output_dir, options.num_train_epochs), model.tokenizer)
    self.zones_of = definitions.of_decodes(
        wanted, model.session(1 if options.do_train else len(wanted)), named)
    # What each file is to be made from.
    self._expected = {name: dict(self.made_from, **masked)
                      for name, masked in self.files_of(wanted).items()}
    if options.attention_mass:
      self._expected[manifest.ATTENTION_MASS_NAME] = self.made_from
    path_checks.refuse_folders(options.output_dir, self._expected)
    self.refuse_overwriting(self._expected)

  def wants_nbest(self, decode):
    """Whether a decode gets an nbest_predictions file: bool."""
    return self.options.write_nbest or decode == BASELINE

  def kinds_of(self, decode):
    """The kinds of a decode's files, as prediction_files.write_files takes them."""
    kinds = ["predictions"] + ["nbest_predictions"] * self.wants_nbest(decode)
    return kinds + ["null_odds"] * self.options.version_2_with_negative + [
        "gold_logp"] * self.options.gold_logp

  def names_of(self, decode):
    """The names of a decode's files: list of str, predictions first."""
    return [decode.file_name(kind) for kind in self.kinds_of(decode)]

  def files_of(self, decodes):
    """The files of decodes: dict from name to a dict, what each one masks."""
    return {name: self.zones_of[decode] for decode in decodes
            for name in self.names_of(decode)}

  def has_made(self, name):
    """Whether this run has made a file of --output_dir: bool."""
    return name in self._there and (
        manifest.run_of_file(self._manifest, name) == self._expected[name])

  def finished_files(self):
    """The files that this run has made: set of str."""
    return set(filter(self.has_made, self.files_of(self.wanted)))

  def tell_of_others(self, log):
    """Logs a line for each other run that has files in the folder's manifest."""
    for name, other in self._manifest["runs"].items():
      if name != manifest.run_id(self.made_from):
        log("--output_dir=%s has %d files with a different %s" % (
            self.options.output_dir,
            list(self._manifest["files"].values()).count(name),
            ", ".join(manifest.changes(
                manifest.without_about(other), self.made_from))))

  def record(self, written, start, **more):
    """Adds files to the manifest.

    Args:
      written: dict from each file's name to a dict, what it masks.
      start: float, time.time() when the work on them started.
      **more: what else the manifest says about them.
    """
    at = lambda seconds: time.strftime(
        "%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
    manifest.add(
        self.options.output_dir, list(written), self.made_from, dict({
            "started": at(start), "finished": at(time.time()),
            "python": platform.python_version(), "machine": platform.platform(),
            "revision": version.revision(),
            "--predict_file": self.options.predict_file,
            # In the last one, not all zones can change an answer (readout.py).
            "num_layers": self._num_layers}, **more),
        {name: zones for name, zones in written.items() if zones})

  def before_replacing(self, names):
    """Lets the run replace files, of which the manifest then says nothing.

    Otherwise a run with --overwrite that is killed meanwhile leaves its files under
    another run's name.

    Args:
      names: list of str, the files.

    Raises:
      ValueError: as of `refuse_overwriting`, which is asked again.
    """
    self.refuse_overwriting(names)
    manifest.remove(self.options.output_dir, [
        name for name in names if name in self._manifest["files"]
        and manifest.run_of_file(self._manifest, name) != self._expected[name]])

  def refuse_overwriting(self, names):
    """Refuses to replace files of another run, unless --overwrite allows it.

    Reads the folder anew: another run may have written such files meanwhile.

    Args:
      names: iterable of str, files of this run.

    Raises:
      ValueError: --output_dir has such a file, or one that neither its manifest nor
        the journal of an interrupted run knows.
    """
    self._manifest = manifest.load(self.options.output_dir)
    self._there = set(files.list_folder(self.options.output_dir))
    if self.options.overwrite:
      return
    begun = self._begun_files()
    before = {name: self._before(name, begun)
              for name in names if name in self._there}
    others = [name for name in before if before[name] != self._expected[name]]
    if not others:
      return
    first = before[others[0]]
    raise ValueError(
        "--output_dir=%s has %s%s, %s; %sgive another --output_dir, with the model "
        "as --init_checkpoint, or --overwrite=True to replace such files" % (
            self.options.output_dir, others[0],
            " and %d more" % (len(others) - 1) if len(others) > 1 else "",
            "made with a different " + ", ".join(manifest.changes(
                first, self._expected[others[0]])) if first
            else "of which its manifest.json says nothing",
            "restore that to skip what is there, " if first else ""))

  def _begun_files(self):
    """The files that unfinished runs in --output_dir are about to write.

    A run that is killed after it wrote them, and before it says so in the manifest,
    leaves its journal, or shares.

    Returns:
      dict from the name of a file to its journal's key.
    """
    found = {}
    for key in passes.begun(self.options.output_dir).values():
      # A zone may be gone since.
      for decode in filter(None, map(
          Decode.parse, map(str, key.get("decodes", ())))):
        found.update(dict.fromkeys(self.names_of(decode), key))
    return found

  def _before(self, name, begun):
    """What a file was made from; None if neither manifest nor journal says it."""
    if name in self._manifest["files"] or name not in begun:
      return manifest.run_of_file(self._manifest, name)
    return {entry: begun[name].get(entry) for entry in self._expected[name]}


def _describe(options, checkpoint, tokenizer):
  """Describes a run, all that answers depend on but the zones: a flat dict.

  Args:
    options: namespace of run_squad.py's flags.
    checkpoint: str, the prefix of its files; None if a training is to write it.
    tokenizer: as of windows.DataSet.
  """
  run = windows.describe(options, "predict_file", tokenizer)
  run.update({"--" + name: getattr(options, name) for name in _FLAGS_OF_RUN})
  run["--bert_config_file"] = files.digest(options.bert_config_file)
  run["checkpoint"] = (
      checkpoints.digest(checkpoint) if checkpoint else _TO_BE_TRAINED)
  run["TensorFlow"] = tf.__version__
  return run
