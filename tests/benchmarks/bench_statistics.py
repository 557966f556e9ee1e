"""Times the statistics of get_results.py on generated predictions.

    python tests/benchmarks/bench_statistics.py

Makes a data set of SQuAD dev's size (10,570 questions about 2,067 passages) and the
predictions of 12 layers x 5 zones and the baseline. Prints, as medians of a few
turns, the processor's seconds, the seconds that passed (more on a busy machine) and
the largest memory of three processes: reading and scoring alone, get_results.py,
and get_results.py --strata; and the processor's seconds beyond the first.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

import numpy as np

from attention_zones.scores import scoring
from attention_zones.scores import predictions
import get_results

QUESTIONS, PASSAGES, ARTICLES = 10570, 2067, 48
LAYERS, ZONES = 12, ("q2", "q2p", "p2q", "p2", "all")
# How often masking changes an answer, from the first layer's q2 to the last's all.
LEAST, MOST = 0.002, 0.25
ASKING = ("What is", "Who is", "How many are", "When was", "Where is", "Why is")
SCORING, PLAIN = "scoring alone", "get_results.py"
STRATA = PLAIN + " --strata"


def generate(folder):
  """Writes dev.json and 61 files of predictions."""
  rng = random.Random(1)
  words = ["w%d" % i for i in range(3000)]
  cuts = sorted(rng.sample(range(1, QUESTIONS), PASSAGES - 1))
  articles = [{"title": "T%d" % a, "paragraphs": []} for a in range(ARTICLES)]
  golds = []
  for p, (first, last) in enumerate(zip([0] + cuts, cuts + [QUESTIONS])):
    context = rng.choices(words, k=120)
    qas = []
    for i in range(first, last):
      start = rng.randrange(115)
      text = " ".join(context[start:start + rng.randint(1, 4)])
      golds.append(text)
      qas.append({"id": "id%d" % i, "answers": [
          {"text": text, "answer_start": len(" ".join(context[:start] + [""]))}],
                  "question": "%s %s?" % (
                      rng.choice(ASKING), " ".join(rng.choices(words, k=8)))})
    articles[p * ARTICLES // PASSAGES]["paragraphs"].append(
        {"context": " ".join(context), "qas": qas})
  write(folder, "dev.json", {"version": "1.1", "data": articles})
  baseline = [gold if rng.random() < 0.8 else rng.choice(words) for gold in golds]
  write(folder, "predictions.json", by_id(baseline))
  cells = ["layer%d_%s" % (layer, zone)
           for layer in range(LAYERS) for zone in ZONES]
  for cell, rate in zip(cells, np.geomspace(LEAST, MOST, len(cells))):
    changed = [answer if rng.random() > rate else rng.choice(
        [gold, rng.choice(words), answer + " " + rng.choice(words)])
               for answer, gold in zip(baseline, golds)]
    write(folder, "predictions_%s.json" % cell, by_id(changed))


def by_id(answers):
  return {"id%d" % i: answer for i, answer in enumerate(answers)}


def write(folder, name, content):
  with open(os.path.join(folder, name), "w") as f:
    json.dump(content, f)


def run(what, folder):
  """What a timed process does; prints processor's seconds, seconds, and MB."""
  start = time.process_time(), time.time()
  data_file = os.path.join(folder, "dev.json")
  if what == SCORING:
    questions = scoring.load_questions(data_file)
    for name in predictions.find_predictions(folder).values():
      exact, _ = scoring.score_answers(questions, scoring.load_predictions(
          os.path.join(folder, name), questions))
      scoring.average(exact, list(questions))
  else:
    status = get_results.main(
        [folder, os.path.join(folder, "results.csv"), "--data_file", data_file]
        + what.split()[1:])
    assert status == 0
  print(time.process_time() - start[0], time.time() - start[1],
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(what, folder):
  """Runs a process: (processor's seconds, seconds, MB)."""
  printed = subprocess.check_output(
      [sys.executable, os.path.abspath(__file__), "--run", what, folder],
      universal_newlines=True)
  return tuple(map(float, printed.splitlines()[-1].split()))


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--turns", type=int, default=3)
  parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.run:
    run(*arguments.run)
    return
  kinds = (SCORING, PLAIN, STRATA)
  with tempfile.TemporaryDirectory() as folder:
    generate(folder)
    turns = [[measure(what, folder) for what in kinds]
             for _ in range(arguments.turns)]
  medians = np.median(turns, 0)  # [kinds, 3]
  for what, (used, passed, memory) in zip(kinds, medians):
    print("%-24s processor %6.2f s (beyond scoring %5.2f s), passed %6.2f s, "
          "largest memory %4.0f MB" % (
              what, used, used - medians[0][0], passed, memory))


if __name__ == "__main__":
  main()
