"""Draws some paragraphs of a SQuAD data set: a first answer in a tenth of the time.

    python -m attention_zones.sample squad/dev-v1.1.json part.json --paragraphs=200

A paragraph is drawn with all of its questions, because questions about one passage
are alike: intervals from a sample of whole paragraphs are honest, only wider.
"""

from attention_zones.base import commands

if __name__ == "__main__":
  commands.install("attention_zones.sample")  # Before numpy's import.

import argparse
import collections
import json

import numpy as np

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.base import path_checks
from attention_zones.scores import scoring


def draw(content, number, random_seed):
  """Draws paragraphs at random, each at most once.

  Args:
    content: a data set of SQuAD as JSON has it.
    number: int, how many paragraphs with questions; those with the same context
      count as one and are drawn together.
    random_seed: int, 0 to 2^32-1.

  Returns:
    (sample, drawn, G): the data set with the drawn paragraphs only, in the order of
    the file, and without articles that have none; how many paragraphs it has; and
    how many the data set has. All other members stay as they are.
  """
  key_of = lambda paragraph: paragraph.get("context", id(paragraph))
  keys = list(collections.OrderedDict.fromkeys(
      key_of(paragraph) for article in content["data"]
      for paragraph in article["paragraphs"] if paragraph["qas"]))
  order = np.random.RandomState(random_seed).permutation(len(keys))
  chosen = {keys[i] for i in order[:number]}
  articles = []
  for article in content["data"]:
    kept = [paragraph for paragraph in article["paragraphs"]
            if key_of(paragraph) in chosen]
    if kept:
      articles.append(dict(article, paragraphs=kept))
  return dict(content, data=articles), len(chosen), len(keys)


def run(arguments):
  """Reads, draws and writes. Raises OSError and ValueError."""
  path_checks.check_input("DATA", arguments.data, "a data set of SQuAD")
  path_checks.check_output("OUT", arguments.out, "the file to write")
  if files.identity(arguments.data) == files.identity(arguments.out):
    raise ValueError("%s: OUT is the data set itself; give another name" %
                     arguments.out)
  # Refuses, with one line, what is no data set.
  questions = scoring.load_questions(arguments.data)
  content = json_files.load(arguments.data)
  sample, drawn, number = draw(
      content, arguments.paragraphs, arguments.random_seed)
  if drawn < arguments.paragraphs:
    raise ValueError("--paragraphs=%d: %s has only %d with questions" % (
        arguments.paragraphs, arguments.data, number))
  files.write_text(
      arguments.out, [json.dumps(sample, ensure_ascii=False), "\n"])
  print("%s: %d of %d paragraphs, %d of %d questions" % (
      arguments.out, drawn, number, sum(
          len(paragraph["qas"]) for article in sample["data"]
          for paragraph in article["paragraphs"]), len(questions)))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      prog="python -m attention_zones.sample",
      description="Draws whole paragraphs of a SQuAD data set.")
  parser.add_argument("data", metavar="DATA", help="data set, dev-v1.1.json")
  parser.add_argument("out", metavar="OUT", help="data set to write")
  parser.add_argument("--paragraphs", type=commands.whole_number(1), required=True,
                      help="how many to draw")
  parser.add_argument("--random_seed", type=commands.seed, default=12345,
                      help="of the drawing (default: %(default)s)")
  return parser.parse_args(argv)


main = commands.main("attention_zones.sample", parse_arguments, run)

if __name__ == "__main__":
  commands.run(main)
