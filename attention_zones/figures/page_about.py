"""What the numbers of a page were made from, and what was not run, in HTML."""

import shlex

from attention_zones.base import files
from attention_zones.base import manifest
from attention_zones.figures import heatmap
from attention_zones.figures.marked_passage import escape
from attention_zones.figures.page_html import code, count
from attention_zones.findings import question_traits
from attention_zones.scores import predictions
from attention_zones.zones import zones
from attention_zones.zones.decodes import BASELINE

_DIGITS = 12  # Of a digest.
# Entries of a run, and what they are called.
_ENTRIES = (("checkpoint", "checkpoint"), ("TensorFlow", "TensorFlow"),
            ("--max_seq_length", "max_seq_length"), ("--precision", "precision"))
_OF_RUN = (("started", "from"), ("finished", "to"), ("revision", "with revision"))


def paragraphs(command, data_file, sweep, answers, panel):
  """What the numbers were made from, and what was not run.

  Args:
    command: str, that of the page.
    data_file: str, a path or address.
    sweep: sweeps.Sweep.
    answers: flips.Answers of the decodes of it that are shown.
    panel: heatmap.Panel of exact match.

  Returns:
    list of str, HTML. It is the same for the same files.
  """
  asked = answers.asked
  _, passages = question_traits.clusters(asked, "paragraph")
  digest = files.digest(data_file)
  return [
      "Data set %s (SHA-256 %s&hellip;), %s about %s. %s This page is of one "
      "folder, that is of one training seed, and was made with %s." % (
          code(data_file), digest[:_DIGITS], count(len(asked), "question"),
          count(passages, "passage"), _of_manifest(sweep, digest), code(command)),
      "Not run: %s." % "; ".join(_not_run(data_file, sweep, answers, panel))]


def _of_manifest(sweep, data_digest):
  """What the manifest says: str, sentences."""
  content = sweep.manifest
  run = manifest.run_of_file(content, BASELINE.file_name())
  if run is None:
    return ("No manifest.json in the folder says of which checkpoint, and when, "
            "the predictions were made.")
  about = content["runs"][content["files"][BASELINE.file_name()]]["about"]
  said = ", ".join("%s %s" % (words, escape(str(run[name])[:_DIGITS]))
                   for name, words in _ENTRIES if name in run)
  when = " ".join("%s %s" % (words, escape(str(about[name])))
                  for name, words in _OF_RUN if name in about)
  sentences = ["manifest.json says of the baseline: %s." % ", ".join(filter(None, (
      said, when and "decoded " + when)))]
  if run.get("--predict_file", data_digest) != data_digest:
    sentences.append("The data set is another file than the one that was decoded.")
  mixed = predictions.mixed_runs(sweep)
  if mixed:
    sentences.append(escape(mixed) + ".")
  return " ".join(sentences)


def _not_run(data_file, sweep, answers, panel):
  """What a reader might look for on the page: list of str, HTML."""
  single = {decode.layers[0] for decode in answers.decodes[1:]
            if predictions.is_single(decode)}
  found = ["other training seeds"]
  layers = max((run.get("about", {}).get("num_layers", 0)
                for run in sweep.manifest["runs"].values()), default=0)
  missing = sorted(set(range(layers)) - single)
  if missing:
    found.append("layers %s" % ", ".join(str(layer + 1) for layer in missing))
  lacking = [of.label for name, of in zones.ZONES.items()
             if name not in panel.table.zones]
  if lacking:
    found.append("zones %s" % ", ".join(map(escape, lacking)))
  holes = heatmap.missing_cells(panel)
  if holes:
    found.append("cells that are hatched (%s)" % escape(holes))
  if "logp" not in answers.percent:
    found.append("log-probabilities of the gold answers (%s)" % code(
        "run_squad.py --gold_logp=True"))
  others = len(sweep.names) - len(answers.decodes)
  found.append(("%d decodes of single heads, or paths, are in the folder, but not "
                "shown" % others) if others else "single heads")
  return found + [escape(line)
                  for line in predictions.unfinished([sweep.folder], data_file)]


def command_of(name, arguments):
  """A command line that a shell reads as it is meant: str.

  Args:
    name: str, "python get_results.py" for example.
    arguments: list of str.
  """
  return " ".join([name] + list(map(shlex.quote, arguments)))
