"""Shares of the questions: one sweep on several machines, each with --shard=k/n.

A share has whole passages, and about as many questions as the others. It makes all
decodes of these, so that the trunk of the sweep is computed once for each question.
A share at work has a journal, as a whole sweep has. When it ends, the journal
becomes a file of the output folder:

    journal.<pass>.2of8.jsonl --finish--> share.<pass>.2of8.jsonl

Who finishes last finds all n of them, and writes the predictions. Two that do so at
the same time write the same bytes.
"""

import collections
import os
import re
import shutil

from attention_zones.base import files
from attention_zones.base import journal
from attention_zones.base import manifest


class Share(collections.namedtuple("Share", ["number", "count"])):
  """One share of the questions.

  Attributes:
    number: int, k, from 1.
    count: int, n, how many shares there are.
  """
  __slots__ = ()

  def __str__(self):
    return "%d/%d" % self

  @property
  def suffix(self):
    """What tells its files from those of other shares: str, ".2of8"."""
    return ".%dof%d" % self


def parse(text):
  """Reads --shard.

    parse("2/8") == Share(2, 8)

  Args:
    text: str, or None where there is no such flag.

  Returns:
    Share, or None for None.

  Raises:
    ValueError: it is not k/n, with n from 2 and k from 1 to n.
  """
  if text is None:
    return None
  match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
  share = Share(*map(int, match.groups())) if match else None
  if not share or share.count < 2 or not 1 <= share.number <= share.count:
    raise ValueError(
        "--shard=%s: should be k/n, share k of n, as in 1/8 to 8/8; leave it out "
        "to decode all questions in one run" % text)
  return share


def questions(examples, share):
  """Finds the questions of a share.

  Args:
    examples: list of squad_data.Example.
    share: Share, or None for all.

  Returns:
    set of int, indices of examples.
  """
  if share is None:
    return set(range(len(examples)))
  passages = collections.OrderedDict()
  for index, example in enumerate(examples):
    passages.setdefault(example.paragraph.context, []).append(index)
  of_share = [[] for _ in range(share.count)]
  # The largest first, each to the share that has the fewest; sorted() is stable.
  for indices in sorted(passages.values(), key=len, reverse=True):
    min(of_share, key=len).extend(indices)
  return set(of_share[share.number - 1])


class Part(collections.namedtuple("Part", ["folder", "pass_id", "share"])):
  """One share of one pass over the data.

  Attributes:
    folder: str, the output folder, a path or address.
    pass_id: str, the name of the pass in the names of journals.
    share: Share.
  """
  __slots__ = ()

  @property
  def path(self):
    """Where it is once it is finished: str, a path or address."""
    return os.path.join(self.folder, "share.%s%s.jsonl" % (
        self.pass_id, self.share.suffix))

  def all(self):
    """The parts of the pass, itself among them: list of Part."""
    return [self._replace(share=Share(number, self.share.count))
            for number in range(1, self.share.count + 1)]


def check_count(folder, share, log):
  """Refuses another number of shares than the folder's unfinished ones have.

  Args:
    folder: str, the output folder, a path or address.
    share: Share, or None for a run that is not divided.
    log: function that shows the user a line, str.

  Raises:
    ValueError: the folder has files of another division.
  """
  for name in files.list_folder(folder):
    match = journal.FILE_NAME.fullmatch(name)
    if not match or not match.group(3):
      continue
    count = int(match.group(3))
    if share is None:
      log("--output_dir=%s has unfinished shares of %d, which a run without "
          "--shard does not use" % (folder, count))
      return
    if count != share.count:
      raise ValueError(
          "--shard=%s: --output_dir=%s has unfinished shares of %d (%s); give "
          "--shard=k/%d, or delete these files" % (
              share, folder, count, name, count))


def finish(writer, part):
  """Turns the journal of a share, all of whose questions are done, into its file.

  Args:
    writer: journal_writer.Journal.
    part: Part.
  """
  writer.end()
  if not files.is_remote(part.folder):
    os.replace(writer.path, part.path)
    writer.close(remove=False)
    return
  with files.replacing(part.path) as temporary:
    shutil.copyfile(writer.path, temporary)
  writer.close(remove=True)


def missing(part):
  """The shares of the part's pass that are not finished: list of Share."""
  names = set(files.list_folder(part.folder))
  return [other.share for other in part.all()
          if os.path.basename(other.path) not in names]


def collect(part, key):
  """Opens all shares of a pass.

  Args:
    part: Part.
    key: dict, the key of its journal.

  Returns:
    journal.Records of all questions.

  Raises:
    FileNotFoundError: another run that finished at the same time has removed them.
    ValueError: a share is incomplete, or of another checkpoint, flag or data set.
  """
  found = {}
  for other in part.all():
    begun, finished = journal.read_share(other.path)
    differing = manifest.changes(begun, dict(key, **{
        "--shard": str(other.share), journal.SEED: begun.get(journal.SEED)}))
    if differing:
      raise ValueError(
          "%s was made with a different %s; restore it, or delete the file and run "
          "--shard=%s again" % (other.path, ", ".join(differing), other.share))
    found.update(finished)
  return journal.Records(found)


def remove(part):
  """Removes the shares of a pass, whose predictions are written."""
  for other in part.all():
    try:
      files.remove(other.path)
    except FileNotFoundError:
      # Another run that finished at the same time was quicker.
      pass
