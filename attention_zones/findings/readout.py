"""Which cells masking can change at all.

In the last layer only the rows count that are read out: those of passage tokens,
and that of [CLS] in SQuAD v2.0 and CMRC 2018. In every other layer a row reaches
the rows that are read out through the layers above. What a run read out, and how
many layers its model has, its manifest says; without one every cell counts as one
that can differ.
"""

from attention_zones.base import data_sets


def cells_that_may_differ(cells, seeds, manifests, metric):
  """Finds the cells whose scores masking can change.

  Args:
    cells: list of masked Decodes.
    seeds: list of K FolderScores.
    manifests: list of K dict, as manifest.load returns it.
    metric: str of metrics.METRICS.

  Returns:
    set of Decode. A cell with any change is in it, whatever the reason.
  """
  may_differ = lambda cell, manifest, seed: (
      seed.changes[cell]["same"] < sum(seed.changes[cell].values())
      or _reaches_answers(cell, _run_of(cell, manifest), metric))
  return {cell for cell in cells
          if any(may_differ(cell, *pair) for pair in zip(manifests, seeds))}


def _run_of(cell, manifest):
  """The run that made a cell's predictions, {} if that is not known: dict."""
  return manifest["runs"].get(manifest["files"].get(cell.file_name()), {})


def _reaches_answers(cell, run, metric):
  """Whether masking a cell can change what the run reads out: bool."""
  about = run.get("about")
  num_layers = about.get("num_layers") if isinstance(about, dict) else None
  if not isinstance(num_layers, int):
    return True
  lowest, *_ = cell.layers or (0,)
  return lowest < num_layers - 1 or cell.mask_at(lowest).changes_rows(
      _rows_read(run, metric))


def _rows_read(run, metric):
  """The rows from which a run reads its answers, or the gold answer's probability.

  Args:
    run: dict, of a manifest.
    metric: str of metrics.METRICS.

  Returns:
    function from zones.Tokens to float32 [1, S], as Mask.changes_rows takes it.
  """
  dataset = run.get("--dataset")
  cls_takes_part = dataset in data_sets.DATA_SETS and (
      data_sets.evaluator(dataset).cls_takes_part)
  if metric == "logp" and not cls_takes_part:
    # The softmax is over all tokens.
    return lambda tokens: tokens.is_real
  reads_cls = cls_takes_part or run.get("--version_2_with_negative", True)

  def rows(tokens):
    read = tokens.in_passage.copy()
    read[:, 0] = reads_cls
    return read
  return rows
