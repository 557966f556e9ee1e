"""Times what the last of several shares does: it writes the files of all.

    python tests/benchmarks/bench_shares.py

Generates answers of 61 decodes to 10,000 questions, once in one journal and once in
8 finished shares, and checks that the files written from both are the same. Prints,
as medians of a few turns, the processor's seconds, the seconds that passed (more on
a busy machine) and the largest memory of the process that writes them.
"""

import argparse
import filecmp
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

# pylint: disable=wrong-import-position
import numpy as np

from attention_zones.base import data_sets
from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.decoding import answers
from attention_zones.decoding import journal_writer
from attention_zones.decoding import prediction_files
from attention_zones.decoding import shares
from attention_zones.zones import decodes
from attention_zones.zones import grammar

QUESTIONS_OF_A_PASSAGE = 5
WANTED = grammar.parse_decodes("0-11", "q2,q2p,p2q,p2,all", 12)
WITH_NBEST = [decode == decodes.BASELINE for decode in WANTED]
NBEST = 20
# Most decodes give one of a few answers.
DIFFERENT = 6
KEY = {"--shard": None, "decodes": []}
START, JOURNAL, SHARES = "imports alone", "one journal", "all shares"


def generate(folder, examples, count):
  """Writes the same answers to journal.jsonl and to `count` finished shares."""
  whole = journal_writer.Journal(os.path.join(folder, "journal.jsonl"), KEY)
  parts = parts_of(folder, count)
  journals = [journal_writer.Journal(
      os.path.join(folder, "journal%s.jsonl" % part.share.suffix),
      dict(KEY, **{"--shard": str(part.share)})) for part in parts]
  mine = [shares.questions(examples, part.share) for part in parts]
  rng = random.Random(1)
  words = ["w%d" % i for i in range(3000)]
  for index in range(len(examples)):
    found = random_answers(rng, words)
    whole.append(index, found)
    for journal, questions in zip(journals, mine):
      if index in questions:
        journal.append(index, found)
  for journal, part in zip(journals, parts):
    shares.finish(journal, part)
  whole.close(remove=False)


def random_answers(rng, words):
  """Makes the answers of all decodes to a question: list of answers.Answer."""
  texts = [" ".join(rng.choices(words, k=rng.randint(1, 5)))
           for _ in range(max(NBEST, DIFFERENT))]
  nbest = [{"text": text, "probability": rng.random(), "start_logit": rng.random(),
            "end_logit": rng.random()} for text in texts[:NBEST]]
  return [answers.Answer(rng.choice(texts[:DIFFERENT]), None,
                         nbest if with_nbest else None)
          for with_nbest in WITH_NBEST]


def parts_of(folder, count):
  """The shares: list of shares.Part."""
  return shares.Part(folder, "0" * 16, shares.Share(1, count)).all()


def make_examples(number):
  """Questions without text, since writing needs their ids and passages only."""
  passages = [object() for _ in range(number // QUESTIONS_OF_A_PASSAGE + 1)]
  return [squad_data.Example(
      "id%d" % i, "", passages[i // QUESTIONS_OF_A_PASSAGE], -1, -1, "", False)
          for i in range(number)]


def run(what, folder, examples, count):
  """What a timed process does; prints processor's seconds, seconds, and MB."""
  start = time.process_time(), time.time()
  if what != START:
    output = os.path.join(folder, what)
    os.makedirs(output, exist_ok=True)
    part = parts_of(folder, count)[0]
    answered = (shares.collect(part, KEY) if what == SHARES else
                journal_writer.Journal(os.path.join(folder, "journal.jsonl"), KEY))
    data = windows.DataSet(examples, None, None, data_sets.rules("squad"))
    prediction_files.write_files(
        output, data, answered, WANTED,
        [["predictions"] + ["nbest_predictions"] * wants for wants in WITH_NBEST])
  print(time.process_time() - start[0], time.time() - start[1],
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(what, folder, arguments):
  """Runs a process: (processor's seconds, seconds, MB)."""
  printed = subprocess.check_output(
      [sys.executable, os.path.abspath(__file__), "--run", what, folder,
       "--questions=%d" % arguments.questions, "--shares=%d" % arguments.shares],
      universal_newlines=True)
  return tuple(map(float, printed.splitlines()[-1].split()))


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--questions", type=int, default=10000)
  parser.add_argument("--shares", type=int, default=8)
  parser.add_argument("--turns", type=int, default=3)
  parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  examples = make_examples(arguments.questions)
  if arguments.run:
    run(*arguments.run, examples, arguments.shares)
    return
  kinds = (START, JOURNAL, SHARES)
  with tempfile.TemporaryDirectory() as folder:
    generate(folder, examples, arguments.shares)
    turns = [[measure(what, folder, arguments) for what in kinds]
             for _ in range(arguments.turns)]
    one, other = [os.path.join(folder, what) for what in (JOURNAL, SHARES)]
    names = os.listdir(one)
    same, _, _ = filecmp.cmpfiles(one, other, names, shallow=False)
    assert len(same) == len(names) == len(os.listdir(other)) == len(WANTED) + 1
  medians = np.median(turns, 0)  # [kinds, 3]
  for what, (used, passed, memory) in zip(kinds, medians):
    print("%-14s processor %6.2f s (%.2f of one journal), passed %6.2f s, largest "
          "memory %4.0f MB" % (what, used, used / medians[1][0], passed, memory))


if __name__ == "__main__":
  main()
