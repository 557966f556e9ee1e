"""What --output_dir says of its model, for flags that a decode leaves out.

A sweep belongs to its baseline and to its training. What these were made with is in
manifest.json and training.json, so that nobody has to say it again.
"""

import os

from attention_zones.base import files
from attention_zones.base import manifest
from attention_zones.data import windows
from attention_zones.weights import training
from attention_zones.zones.decodes import BASELINE

# The entry of a record with where its data set is.
_PATH = "path of the data"
# The same, where it is not there any more, or not the same.
_LOST_PATH = "lost path of the data"


def supply(options, given, log):
  """Sets flags that were not given to what --output_dir was made with.

  These are windows.SETTINGS, the data set, the casing and the lengths; and
  --predict_file, if that is where it was, and still the same.

  Args:
    options: namespace of run_squad.py's flags, to be changed.
    given: collection of str, the names of the flags on the command line.
    log: function that shows the user a line, str.

  Returns:
    str, why not to decode, as flags were given with another value, and not
    --overwrite; "" if that is not so. Errors in the flags themselves come first.

  Raises:
    ValueError: --predict_file is needed, and cannot be found out; or a record is
      damaged.
  """
  others, refused, source, record = {}, {}, None, {}
  if not options.do_train:
    record, source = _of_folder(options.output_dir)
    differing = {name: record["--" + name] for name in windows.SETTINGS
                 if record.get("--" + name) not in (None, getattr(options, name))}
    refused = {name: value for name, value in differing.items() if name in given}
    others = {name: value for name, value in differing.items() if name not in given}
    if options.do_predict and options.predict_file is None and record.get(_PATH):
      others["predict_file"] = record[_PATH]
  for name, value in others.items():
    setattr(options, name, value)
  if options.do_predict and not options.predict_file:
    lost = record.get(_LOST_PATH)
    raise ValueError("--do_predict=True needs --predict_file" + (
        "; %s, of %s, is not there, or has changed" % (lost, source)
        if lost else ""))
  if others:
    log("%s, as %s says" % (_written(others), source))
  if options.overwrite or not refused:
    return ""
  return ("%s: %s says %s; leave it out to take that, give another --output_dir, "
          "with the model as --init_checkpoint, or --overwrite=True" % (
              _written({name: getattr(options, name) for name in refused}), source,
              _written(refused)))


def _written(values):
  return " ".join("--%s=%s" % item for item in values.items())


def _of_folder(folder):
  """What a folder's baseline or, without one, its training was made with.

  Returns:
    (dict, str): the settings under the names of flags, {} if none are known, with
    _PATH if the data set is still there, else _LOST_PATH; the path of the record.
  """
  content = manifest.load(folder)
  baseline = BASELINE.file_name()
  record = manifest.run_of_file(content, baseline)
  if record and files.exists(os.path.join(folder, baseline)):
    path = manifest.path_of_data(content, baseline)
    is_there = path and files.exists(path) and (
        files.digest(path) == record.get("--predict_file"))
    record[_PATH if is_there else _LOST_PATH] = path
    return record, os.path.join(folder, manifest.FILE_NAME)
  record = training.load_record(folder)
  # A model of SQuAD v2.0 also answers v1.1, and the other way round.
  record.pop("--version_2_with_negative", None)
  return record, os.path.join(folder, training.RECORD_NAME)
