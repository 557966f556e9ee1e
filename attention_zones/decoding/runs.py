"""What a run is made of, and which files of --output_dir are of it.

A run is a flat dict, under the names of flags, of all that its answers depend on.
It has the digests of files, which count by their content, not by their names. What
a masked decode's zones do is said beside it (definitions.py).
"""

import platform
import time

import tensorflow.compat.v1 as tf

from attention_zones.base import files
from attention_zones.base import run_records
from attention_zones.base import version
from attention_zones.data import windows
from attention_zones.decoding import passes
from attention_zones.weights import checkpoints
from attention_zones.zones import definitions

# Flags that the answers depend on, besides those of the windows.
_FLAGS_OF_RUN = ("n_best_size", "max_answer_length", "null_score_diff_threshold",
                 "precision")

# In place of a checkpoint's digest where a training is to come.
_TO_BE_TRAINED = "trained anew"


def describe(options, checkpoint, tokenizer):
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


def before_replacing(options, wanted, run, zones_of, names):
  """Lets a run replace files, of which the manifest then says nothing.

  Otherwise a run with --overwrite that is killed meanwhile leaves its files under
  another run's name.

  Args:
    options, wanted, run: as for `refuse_overwriting`, which is asked again: another
      run may have written such files since this one started.
    zones_of: dict, as definitions.of_decodes returns it.
    names: list of str, the files.
  """
  refuse_overwriting(options, wanted, run, zones_of)
  content = run_records.load_manifest(options.output_dir)
  records = records_of_files(options, wanted, run, zones_of)
  run_records.remove_from_manifest(options.output_dir, [
      name for name in names if name in content["files"]
      and run_records.run_of_file(content, name) != records[name]])


def refuse_overwriting(options, wanted, run, zones_of=None):
  """Refuses to replace files of another run, unless --overwrite allows it.

  Args:
    options: namespace of run_squad.py's flags.
    wanted: list of decodes.Decode.
    run: dict, as describe returns it.
    zones_of: dict, definitions.of_decodes(wanted), if that is known.

  Raises:
    ValueError: --output_dir has such a file, or one that neither its manifest
      nor the journal of an interrupted run knows.
  """
  if options.overwrite or not files.exists(options.output_dir):
    return
  content = run_records.load_manifest(options.output_dir)
  there = set(files.list_folder(options.output_dir))
  begun = passes.begun_files(options)
  expected = records_of_files(
      options, wanted, run, zones_of or definitions.of_decodes(wanted))
  if options.attention_mass:
    expected[run_records.ATTENTION_MASS_NAME] = run

  def before_of(name):
    """What a file was made from; None if neither manifest nor journal says it."""
    if name in content["files"] or name not in begun:
      return run_records.run_of_file(content, name)
    return {entry: begun[name].get(entry) for entry in expected[name]}
  others = [name for name, record in expected.items()
            if name in there and before_of(name) != record]
  if others:
    before = before_of(others[0])
    raise ValueError(
        "--output_dir=%s has %s%s, %s; %sgive another --output_dir, with the model "
        "as --init_checkpoint, or --overwrite=True to replace such files" % (
            options.output_dir, others[0],
            " and %d more" % (len(others) - 1) if len(others) > 1 else "",
            "made with a different " + ", ".join(run_records.changes(
                before, expected[others[0]])) if before
            else "of which its manifest.json says nothing",
            "restore that to skip what is there, " if before else ""))


def records_of_files(options, wanted, run, zones_of):
  """What each file of decodes is to be made from: dict from its name to dict."""
  return {name: dict(run, **zones_of[decode]) for decode in wanted
          for name in passes.files_of(options, decode)}


def finished_files(options, wanted, run, zones_of, content):
  """Lists the files of decodes that this run has made: list of str."""
  there = set(files.list_folder(options.output_dir))
  return [name for name, record in records_of_files(
      options, wanted, run, zones_of).items()
          if name in there and run_records.run_of_file(content, name) == record]


def tell_of_others(options, run, content, log):
  """Logs a line for each other run that has files in the folder's manifest."""
  for name, other in content["runs"].items():
    if name != run_records.run_id(run):
      log("--output_dir=%s has %d files with a different %s" % (
          options.output_dir, list(content["files"].values()).count(name),
          ", ".join(run_records.changes(
              run_records.without_about(other), run))))


def about(options, reader, start):
  """What a manifest says about a run, besides what its answers depend on: dict.

  Args:
    options: namespace of run_squad.py's flags.
    reader: decoding.Reader.
    start: float, time.time() when it started.
  """
  at = lambda seconds: time.strftime(
      "%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
  return {"started": at(start), "finished": at(time.time()),
          "python": platform.python_version(), "machine": platform.platform(),
          "revision": version.revision(), "--predict_file": options.predict_file,
          # In the last one, not all zones can change an answer (readout.py).
          "num_layers": reader.num_layers}
