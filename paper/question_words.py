"""Writes spans for run_squad.py --spans: the wh-word of questions, and the rest.

    PYTHONPATH=. python paper/question_words.py squad/dev-v1.1.json spans.json

An English question has the spans `wh`, its first wh-word, and `rest`, all else of
it. A question without a wh-word has neither.
"""

import argparse
import json
import re

from attention_zones.base import commands
from attention_zones.base import files
from attention_zones.base import questions

_WORDS = re.compile(r"\b(who|whom|whose|what|which|when|where|why|how)\b", re.I)


def spans_of(text):
  """The spans of a question: a dict as in the file of --spans, {} for none."""
  found = _WORDS.search(text)
  if not found:
    return {}
  start, end = found.span()
  rest = [[first, last] for first, last in ((0, start), (end, len(text)))
          if first < last]
  return {"wh": {"question": [[start, end]]}, "rest": {"question": rest}}


def run(arguments):
  """Reads and writes. Raises OSError and ValueError."""
  found = {of.id: spans_of(of.text) for of in questions.read(arguments.data)}
  files.write_text(arguments.out, [json.dumps(found), "\n"])
  print("%s: %d of %d questions have a wh-word" % (
      arguments.out, sum(map(bool, found.values())), len(found)))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Makes spans of the wh-words of English questions.")
  parser.add_argument("data", metavar="DATA", help="data set, dev-v1.1.json")
  parser.add_argument("out", metavar="OUT", help="spans to write")
  return parser.parse_args(argv)


main = commands.main("question_words.py", parse_arguments, run)

if __name__ == "__main__":
  commands.run(main)
