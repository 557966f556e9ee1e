"""How a sweep is cut into passes over the data."""

import collections
import os
import tempfile

from attention_zones.base import files
from attention_zones.base import machine
from attention_zones.base import journal
from attention_zones.base import manifest
from attention_zones.decoding import shares
from attention_zones.decoding import sweep

# The most memory that a sweep takes on a CPU when --sweep_memory_gb is left out.
MAX_DEFAULT_SWEEP_GB = 3

# The most decodes in a pass. More share little more, since all that they share is
# the baseline, and a graph of several hundred takes minutes to build.
MAX_DECODES = 100


def begun(folder):
  """What unfinished runs of --output_dir were begun with.

  Args:
    folder: str, --output_dir, a path or address.

  Returns:
    OrderedDict from the name of each journal and finished share to its key.
  """
  keys = journal.begun(folder)
  if files.is_remote(folder):
    keys.update(journal.begun(tempfile.gettempdir()))
  return keys


class _Steps(collections.namedtuple("_Steps", ["batch_size", "limit", "words"])):
  """How a sweep fits into memory.

  Attributes:
    batch_size: int, the maximum number of windows in a step.
    limit: int, the maximum number of decodes in a pass over the data.
    words: str, describes this in the log.
  """
  __slots__ = ()


def plan_steps(options, config, gpu_memory, masks, num_decodes):
  """Fits a sweep into memory, by smaller steps and then by several passes.

  Args:
    options: namespace of run_squad.py's flags.
    config: modeling.BertConfig.
    gpu_memory: int, the bytes that TensorFlow may use on the GPU that predicts;
      None without a GPU.
    masks: set of masking.Mask, those of all passes.
    num_decodes: int.

  Returns:
    _Steps.
  """
  batch_size, memory_gb = options.predict_batch_size, options.sweep_memory_gb
  limit = min(num_decodes, MAX_DECODES)
  if memory_gb is None:
    if options.use_tpu:
      return _Steps(batch_size, limit, "windows in a step: %d" % batch_size)
    memory_gb = default_memory_gb(machine.memory(), gpu_memory)
  if num_decodes > 1 and not options.use_tpu and gpu_memory is None:
    # One window already fills the matrix products; more only spill the caches.
    batch_size = 1
  needs = lambda number: sweep.memory(
      config, number, batch_size, options.max_seq_length, masks) / 1e9
  # On a TPU the batch has to stay a multiple of its cores.
  while needs(limit) > memory_gb and batch_size > 1 and not options.use_tpu:
    batch_size -= 1
  while needs(limit) > memory_gb and limit > 1:
    limit -= 1
  return _Steps(batch_size, limit, (
      "windows in a step: %d, hidden states: up to %.2f GB of "
      "--sweep_memory_gb=%g" % (batch_size, needs(limit), memory_gb)))


def default_memory_gb(memory, gpu_memory):
  """The memory for hidden states when --sweep_memory_gb is left out: GB.

  Half of a GPU's: weights, NVIDIA's libraries and gaps between tensors need the
  rest. In whole GB, at least 1: what is free varies by some MB from run to run, but
  an unfinished sweep resumes only with the same number of windows in a step.

  Args:
    memory: int, the bytes that this process may use.
    gpu_memory: int, as for plan_steps.
  """
  if gpu_memory is None:
    return min(MAX_DEFAULT_SWEEP_GB, memory / 4 / 1e9)
  return max(1, int(gpu_memory / 2 / 1e9))


class Pass(collections.namedtuple(
    "Pass", ["decodes", "journal_path", "part", "turn", "later"],
    defaults=("", 0))):
  """Decodes to make in one pass over the data.

  Attributes:
    decodes: list of decodes.Decode.
    journal_path: str, a local path.
    part: shares.Part, the share of the pass to make; None for all questions.
    turn: str, ", pass 1 of 2" for example; "" for the only one.
    later: float, how many decodes later passes make, for each of its own.
  """
  __slots__ = ()

  @property
  def is_first(self):
    """Whether none of the passes comes before it: bool."""
    return not self.turn or self.turn.startswith(", pass 1 of ")


def cut_passes(run, limit, share=None):
  """Splits a sweep into passes over the data, and leaves out what is done.

  The whole sweep is split, including what is done, so that a pass keeps its journal
  even if another run finishes some decodes in the meantime. Decodes that were
  started together, as the journal or that of another share shows, are resumed
  together.

  Args:
    run: runs.Run.
    limit: int, the maximum number of decodes in a pass.
    share: shares.Share, or None for all questions.

  Returns:
    list of Pass.
  """
  folder, done = run.options.output_dir, run.finished_files()
  is_done = lambda decodes: done.issuperset(run.files_of(decodes))
  passes, keys = [], begun(folder)
  for first in range(0, len(run.wanted), limit):
    group = run.wanted[first:first + limit]
    path, part = _name_pass(folder, group, share)
    key = keys.get(os.path.basename(path)) or next(
        (key for name, key in keys.items()
         if part and key and part.pass_id in name), {})
    together = [d for d in group if d.file_name() in key.get("decodes", ())]
    rest = [d for d in group if d not in together and not is_done([d])]
    if part and is_done(together):
      # Whoever wrote them was stopped before the shares were removed.
      shares.remove(part)
      together = []
    passes += [Pass(some, path, part) for some in (together, rest) if some]
  if len(passes) < 2:
    return passes
  sizes = [len(one.decodes) for one in passes]
  return [one._replace(turn=", pass %d of %d" % (number, len(passes)),
                       later=sum(sizes[number:]) / len(one.decodes))
          for number, one in enumerate(passes, 1)]


def _name_pass(folder, decodes, share):
  """Names the files of a pass: (path of its journal, its shares.Part or None)."""
  of = [decode.file_name("")[:-len(".json")] for decode in decodes]
  where = folder
  if files.is_remote(folder):
    # Objects in a bucket cannot be appended to.
    where, of = tempfile.gettempdir(), [files.identity(folder)] + of
  pass_id = manifest.run_id({"of": of})
  return os.path.join(where, "journal.%s%s.jsonl" % (
      pass_id, share.suffix if share else "")), (
          shares.Part(folder, pass_id, share) if share else None)
