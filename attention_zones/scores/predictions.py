"""The prediction files of one or more sweeps: which there are, and which lack.

A folder holds a sweep of one training seed; get_results.py takes several.
"""

import collections
import contextlib
import os
import sys

from attention_zones.base import data_sets
from attention_zones.base import files
from attention_zones.base import journal
from attention_zones.base import manifest
from attention_zones.base import path_checks
from attention_zones.base import questions
from attention_zones.scores import results_table
from attention_zones.scores.results_table import Row
from attention_zones.zones.decodes import BASELINE
from attention_zones.zones.decodes import Decode
from attention_zones.zones import decodes
from attention_zones.zones import zones

# So many names of files are listed; tables of heads may have hundreds of holes.
MOST_NAMES = 60


def find_predictions(folder):
  """Finds the prediction files of a sweep.

  Args:
    folder: str.

  Returns:
    dict from Decode to file name.

  Raises:
    OSError: the folder cannot be read.
    ValueError: there is no such file.
  """
  names = {}
  for name in files.list_folder(folder):
    decode = Decode.parse(name)
    if decode:
      names[decode] = name
    elif name.startswith("predictions_"):
      print("%s: not read, its name is not like predictions_layer0_q2.json, with a "
            "zone of zones.py" % os.path.join(folder, name), file=sys.stderr)
  if not set(names) - {BASELINE}:
    raise ValueError("%s: has no file like predictions_layer0_q2.json; give "
                     "the folder that a sweep was written to" % folder)
  return names


def unfinished(folders, data_file):
  """Says which sweeps are unfinished: list of str, a line for each.

  Args:
    folders: list of str.
    data_file: str, the data set, whose questions are counted if it is what was
      predicted. It need not exist.
  """
  told = []
  for folder in folders:
    for of_pass in journal.unfinished(folder):
      of_all = ""
      if files.exists(data_file) and files.digest(data_file) in [
          key.get("--predict_file") for key in of_pass.keys.values()]:
        of_all = " of %d" % len(questions.read(data_file))
      told.append(
          "the sweep of %s is unfinished, %d%s questions are done (%s): rerun the "
          "command that decodes, and it resumes; get_results.py --unfinished shows "
          "what is finished" % (
              folder, len(of_pass.records.finished), of_all,
              ", ".join(of_pass.keys)))
  return told


@contextlib.contextmanager
def telling_of_journals(folders, data_file):
  """Adds to a ValueError about missing files what `unfinished` says."""
  try:
    yield
  except ValueError as error:
    raise ValueError("; ".join(
        [str(error)] + unfinished(folders, data_file))) from error


def place(decode):
  """Where a masked Decode stands in results.csv: (Row, the Mask of all heads)."""
  if decode.is_path:
    return Row(layers=(), path=decode), decodes.PATH
  return Row(decode.layers, decode.mask.heads), decode.mask.in_every_head


def decode_at(row, mask):
  """The Decode of a Row and of a column's Mask; None where there is none."""
  if row.path or mask == decodes.PATH:
    return row.path if mask == decodes.PATH else None
  return Decode.of(row.layers, mask._replace(heads=row.heads))


def labels(decode):
  """What tables say of a masked Decode: dict of str, layer, head and zone."""
  row, mask = place(decode)
  return {"layer": row.label, "head": results_table.head_label(row.heads),
          "zone": mask.name}


def cell_label(decode):
  """Names a cell in lists: "3:q2", "3/5:q2" for head 5 of layer 3 only; str."""
  if decode.is_path:
    return place(decode)[0].label
  of = labels(decode)
  return "%s:%s" % ("/".join(filter(None, (of["layer"], of["head"]))), of["zone"])


def plan_table(cells):
  """Finds the rows and columns that hold all cells.

  Args:
    cells: iterable of masked Decodes.

  Returns:
    (rows, masks): the Rows in the order of results_table, and the masking.Mask of
    each column. Of all heads there is every single layer from 0 to the highest
    found; of other heads every layer (or union) that any of them was masked in;
    and each path.
  """
  places = [place(decode) for decode in cells]
  rows = {row for row, _ in places}
  single = [row.layers[0] for row in rows
            if row.heads is None and len(row.layers or ()) == 1]
  rows.update(Row((layer,)) for layer in range(max(single, default=-1) + 1))
  of_heads = [row for row in rows if row.heads is not None]
  rows.update(Row(a.layers, b.heads) for a in of_heads for b in of_heads)
  return (sorted(rows, key=lambda row: row.order),
          sorted({mask for _, mask in places}, key=decodes.column_order))


def is_single(decode):
  """Whether a decode masks one layer: bool."""
  return decode.layers is not None and len(decode.layers) == 1


def is_window(decode):
  """Whether a decode masks consecutive layers alike, two or more: bool."""
  layers = () if decode.is_path else decode.layers or ()
  return len(layers) > 1 and layers == tuple(range(layers[0], layers[-1] + 1))


# Cells that are tested together: those of the paper's table, and more kinds.
ZONES, UNIONS, SETS, CONTROLS, HEADS, WINDOWS = (
    "zones", "unions", "sets", "controls", "heads", "windows")


def family(decode):
  """Which cells a masked decode is tested together with.

  Returns:
    ZONES for the zones of a single layer in all heads, UNIONS for unions of these,
    SETS for those of sets of tokens; WINDOWS for all of them in consecutive layers,
    of any number; CONTROLS for p2q@1, p2q@flat, p2q@zero and unions with these;
    HEADS for certain heads. None for other layers masked together, and for paths,
    whose p stays as it is.
  """
  if not is_single(decode) and not is_window(decode):
    return None
  if decode.mask.has_controls:
    return CONTROLS
  if decode.mask.is_per_head:
    return HEADS
  if is_window(decode):
    return WINDOWS
  if any(zones.is_of_sets(zone) for zone, _ in decode.mask.zones):
    return SETS
  return ZONES if len(decode.mask.zones) == 1 else UNIONS


def refuse_unlike(sweeps):
  """Refuses folders that do not hold the same decodes.

  Args:
    sweeps: list of sweeps.Sweep.

  Raises:
    ValueError: a folder is given twice, or lacks a file that another one has.
  """
  real = [files.identity(sweep.folder) for sweep in sweeps]
  for sweep, identity in zip(sweeps, real):
    if real.count(identity) > 1:
      raise ValueError("%s: the folder is given twice; give the folder of each "
                       "training seed once" % sweep.folder)
  for sweep in sweeps:
    for other in sweeps:
      lacking = [
          name for cell, name in other.names.items() if cell not in sweep.names]
      if lacking:
        raise ValueError("%s: lacks %d files that %s has: %s" % (
            sweep.folder, len(lacking), other.folder, ", ".join(lacking)))


def report_mixed_runs(sweep, allow_mixed):
  """Reports predictions of different runs, according to their manifest.

  Args:
    sweep: sweeps.Sweep.
    allow_mixed: bool, whether to warn on stderr instead of raising.

  Raises:
    ValueError: the runs are mixed, and that is not allowed.
  """
  message = mixed_runs(sweep)
  if not message:
    return
  if not allow_mixed:
    raise ValueError(message + "; decode them again, remove those that do not "
                     "belong here, or give --allow_mixed")
  print(message, file=sys.stderr)


def mixed_runs(sweep):
  """Says how predictions of a folder belong to different runs.

  Args:
    sweep: sweeps.Sweep.

  Returns:
    str, a line: two files differ in their checkpoint, data set, vocabulary,
    configuration or a flag, or the manifest knows only some of them. None if all
    are of one run.
  """
  content, names = sweep.manifest, sweep.names.values()
  files_of = collections.OrderedDict()
  # Those of which the manifest says nothing come last.
  for name in sorted(names, key=lambda name: name not in content["files"]):
    files_of.setdefault(content["files"].get(name), []).append(name)
  changed = _redefined(content, names)
  if len(files_of) > 1:
    first, second = list(files_of)[:2]
    changed = files_of[second][0], (
        ["run, of which the manifest says nothing"] if second is None else
        manifest.changes(*(manifest.without_about(content["runs"][run])
                           for run in (first, second))))
  if not changed:
    return None
  return ("%s: predictions of different runs (manifest.json): %s; %s has a "
          "different %s") % (
      sweep.folder, ", ".join("%d like %s" % (len(alike), alike[0])
                              for alike in files_of.values()),
      changed[0], ", ".join(changed[1]))


def _redefined(content, names):
  """Finds a zone that does one thing in some files, and another in others.

  Returns:
    (str, list of str): the name of a file, and in what it differs; None if each
    zone has one definition.
  """
  seen = {}
  for name in names:
    for zone, definition in content["zones"].get(name, {}).items():
      before = seen.setdefault(zone, definition)
      if before != definition:
        return name, manifest.changes({zone: before}, {zone: definition})
  return None


def settle_data(arguments, folders):
  """Fills in --dataset and --data_file as manifests, or journals, of folders say.

  Args:
    arguments: Namespace with `dataset` and `data_file`, None where not given, to be
      changed. A data file that is elsewhere now, or another one, is not taken;
      without one, it is where the data set's dev set usually is.
    folders: list of str, paths or addresses.

  Raises:
    ValueError: there is no such folder; it was predicted with another --dataset, or
      with one that is not known; a manifest is damaged; or there is no such data
      file.
  """
  for folder in folders:
    path_checks.check_input_folder(
        "every argument but the last", folder,
        "a folder that a sweep was written to")
    content = manifest.load(folder)
    # As find_predictions: the baseline's, or that of any other decode.
    name = min(content["files"], default=None,
               key=lambda name: (name != BASELINE.file_name(), name))
    source, run = manifest.FILE_NAME, manifest.run_of_file(content, name)
    if run is None:
      # Before the first decode is finished, a journal says it.
      source, run = next(iter(journal.begun(folder).items()), (source, {}))
    source = os.path.join(folder, source)
    dataset = run.get("--dataset") or arguments.dataset or "squad"
    if dataset not in data_sets.DATA_SETS:
      raise ValueError("%s says --dataset=%s; should be one of %s" % (
          source, dataset, ", ".join(data_sets.DATA_SETS)))
    if dataset != (arguments.dataset or dataset):
      raise ValueError("%s says --dataset=%s, not %s" % (
          source, dataset, arguments.dataset))
    arguments.dataset = dataset
    path = manifest.path_of_data(content, name) if name else None
    if arguments.data_file is None and path and files.exists(path) and (
        files.digest(path) == run.get("--predict_file")):
      arguments.data_file = path
      print("--dataset=%s --data_file=%s, as %s says" % (dataset, path, source),
            file=sys.stderr)
  if arguments.data_file is None:
    arguments.data_file = data_sets.DATA_SETS[arguments.dataset].dev_file
  with telling_of_journals(folders, arguments.data_file):
    path_checks.check_input(
        "--data_file", arguments.data_file, "the data set that was predicted")


def report_holes(folder, rows, masks, cells, allow_holes):
  """Reports missing files of the table rows x masks, on stderr if allowed.

  A hole is a file missing in the sweep over single layers, or over these and
  single heads. For layers or heads masked together, and for every layer, not all
  zones need be decoded; their rows may have empty cells.

  Args:
    folder: str, for messages.
    rows, masks: as `plan_table` returns them.
    cells: set of the masked Decodes that were found.
    allow_holes: bool, whether to warn on stderr instead of raising.

  Raises:
    ValueError: there are holes, and they are not allowed.
  """
  # A zone that is masked in any single head is to be masked in all of them, but not
  # in all heads together.
  kind = lambda decode: (place(decode)[0].heads is None, place(decode)[1])
  together = lambda decode: len(place(decode)[0].heads or ()) > 1
  swept = {kind(d) for d in cells if is_single(d) and not together(d)}
  table = list(filter(None, (
      decode_at(row, mask) for row in rows for mask in masks)))
  sweep = [d for d in table
           if is_single(d) and not together(d) and kind(d) in swept]
  holes = [d.file_name() for d in sweep if d not in cells]
  kinds, known = set(map(kind, cells)), cells.union(sweep)
  empty = [d.file_name() for d in table
           if kind(d) in kinds and d not in known]
  if holes:
    message = "%s: %d of %d files are missing: %s" % (
        folder, len(holes), len(sweep), some(holes))
    if not allow_holes:
      raise ValueError(message + "; decode them, or give --allow_holes")
    print(message, file=sys.stderr)
  if empty:
    print("%s: not decoded, so their cells stay empty: %s" % (
        folder, some(empty, 3)), file=sys.stderr)


def some(names, most=MOST_NAMES):
  """Lists names, the first ones of many: str."""
  more = len(names) - most
  return ", ".join(names[:most]) + (" and %d more" % more if more > 0 else "")
