"""Writes the part of a SQuAD data set in which the first answer occurs once.

    PYTHONPATH=. python paper/answer_once.py squad/dev-v1.1.json once.json

Where an answer occurs several times in its passage, only answer_start says which
one is meant, and some copies of SQuAD guess it. Of the other questions, tables can
be made that do not depend on a guess: of --gold_logp, of strata by position.
"""

import argparse
import json

from attention_zones.base import commands
from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.base import questions


def occurs_once(question):
  """Whether a questions.Question has a first answer that its passage has once."""
  text = question.answers[0].text if question.answers else ""
  first = question.context.find(text)
  return bool(text) and first >= 0 and first == question.context.rfind(text)


def part_of(content, kept):
  """A data set as JSON with some of its questions; `kept` is a set of their ids."""
  articles = []
  for article in content["data"]:
    paragraphs = [dict(paragraph, qas=[
        qa for qa in paragraph["qas"] if qa["id"] in kept])
                  for paragraph in article["paragraphs"]]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph["qas"]]
    if paragraphs:
      articles.append(dict(article, paragraphs=paragraphs))
  return dict(content, data=articles)


def run(arguments):
  """Reads and writes. Raises OSError and ValueError."""
  asked = questions.read(arguments.data)
  kept = {of.id for of in asked if occurs_once(of)}
  files.write_text(arguments.out, [json.dumps(
      part_of(json_files.load(arguments.data), kept), ensure_ascii=False), "\n"])
  print("%s: %d of %d questions" % (arguments.out, len(kept), len(asked)))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Keeps the questions whose first answer their passage has once.")
  parser.add_argument("data", metavar="DATA", help="data set, dev-v1.1.json")
  parser.add_argument("out", metavar="OUT", help="data set to write")
  return parser.parse_args(argv)


main = commands.main("answer_once.py", parse_arguments, run)

if __name__ == "__main__":
  commands.run(main)
