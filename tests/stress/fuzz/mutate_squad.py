"""Damages SQuAD's JSON at random and feeds it to everything that reads it.

    python tests/stress/fuzz/mutate_squad.py --files 100000 --seed 1

Each file must be read, or be refused by a ValueError or an OSError whose
message is one line that names the file: by squad_data.read_examples (to train
on and not, v1.1 and v2.0), by windows.make_windows for what was read,
and by scoring.load_questions. No call may take more than a second of the
processor's time, nor all of them more than a gigabyte of memory. Ends with
status 1 at the first file that breaks this, keeps it and prints its path.
"""

import argparse
import copy
import functools
import itertools
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))

from attention_zones.data import squad_data
from attention_zones.data import windows
from attention_zones.scores import scoring
import tokenization

MAX_SECONDS = 1.0
MAX_BYTES = 10 ** 9
# A call that does not come back is ended after this.
PATIENCE = 30

VOCAB = {piece: index for index, piece in enumerate(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "in", "the", "ann", "met", "bob",
     "##b", "when", "who", "?", ".", ",", "(", ")", "1895", "##5", "x", "##x"])}
TOKENIZER = tokenization.FullTokenizer(VOCAB)
SIZES = windows.WindowSizes(24, 8, 6)

CONTEXT = "In 1895 (the year),  Ann\u00a0Lee met Bob.\nCaf\u00e9 \u4e2d\u6587."


def question(name, text, **others):
  answer = {"answer_start": CONTEXT.index(text), "text": text}
  return dict({"id": name, "question": "Who met %s?" % text,
               "answers": [answer]}, **others)


V1 = {"version": "1.1", "data": [
    {"title": "Ann", "paragraphs": [
        {"context": CONTEXT, "qas": [question("q0", "1895"),
                                     question("q1", "the year")]},
        {"context": CONTEXT * 3, "qas": [question("q2", "Bob")]}]},
    {"title": "Caf\u00e9", "paragraphs": [
        {"context": CONTEXT, "qas": [question("q3", "Caf\u00e9 \u4e2d")]}]}]}
V2 = {"version": "v2.0", "data": [
    {"title": "Ann", "paragraphs": [
        {"context": CONTEXT, "qas": [
            question("q0", "Bob", is_impossible=False),
            question("q1", "1895", is_impossible=True, answers=[],
                     plausible_answers=[{"text": "1895", "answer_start": 3}]),
            question("q2", "met", is_impossible=False)]}]}]}

# Marks in strings, for what json.dumps cannot write.
TWICE, DEEP_LIST, DEEP_OBJECT, TOO_LARGE = (
    "<twice>", "<deep list>", "<deep object>", "<too large>")

VALUES = (
    None, True, False, 0, -1, 1, 7, 1.5, -0.0, 2 ** 31, 2 ** 63, -10 ** 30,
    10 ** 400, 10 ** 4000, 1e308, float("nan"), float("inf"), "", " ", "\n",
    "x", "q0", "1895", "\u0000", "\ud83d", "\u2028", "a\nb", "\u200b", "\ufeff",
    "\U0001f469\u200d", "x" * 5000, "x " * 500, [], {}, [[]], [None], {"": {}},
    TOO_LARGE, DEEP_LIST, DEEP_OBJECT)


def places(tree):
  """All (holder, key) of a tree of lists and dicts, outer ones first."""
  found, holders = [], [tree]
  while holders:
    holder = holders.pop()
    keys = range(len(holder)) if isinstance(holder, list) else list(holder)
    for key in keys:
      found.append((holder, key))
      if isinstance(holder[key], (list, dict)):
        holders.append(holder[key])
  return found


def change_structure(tree, rng):
  """Changes one node of a tree in place, or two."""
  found = places(tree)
  if not found:
    return
  holder, key = rng.choice(found)
  value = holder[key]
  way = rng.randrange(10)
  if way == 0:
    del holder[key]
  elif way == 1 and isinstance(holder, list):
    # Not so often that the file becomes large, which may take its time.
    many = 50 if len(found) < 200 else 1
    holder[key:key] = [copy.deepcopy(value)] * rng.choice([1, 1, 2, many])
  elif way == 1:
    holder[key + TWICE] = copy.deepcopy(value)
  elif way == 2:
    holder[key] = copy.deepcopy(rng.choice(VALUES))
  elif way == 3:
    other, other_key = rng.choice(found)
    holder[key], other[other_key] = copy.deepcopy((other[other_key], value))
  elif way == 4 and isinstance(holder, dict):
    del holder[key]
    holder[rng.choice([key.upper(), key + "s", "", "id", "text", "\n"])] = value
  elif way == 5:
    holder[key] = rng.choice([[value], {"data": value}, json.dumps(key)])
  else:
    holder[key] = changed_scalar(value, rng)


def changed_scalar(value, rng):
  """A neighbour of a number or a string; others become a string."""
  if isinstance(value, (int, float)):
    return rng.choice([-value, value + rng.randrange(-40, 40), value * 1000,
                       str(value)])
  if not isinstance(value, str):
    return "x"
  start, end = sorted(rng.randrange(len(value) + 1) for _ in range(2))
  inserted = rng.choice(["", " ", "\n", "\u00a0", "\u202f", "\u200b", "\u00ad",
                         "\u0301", "[SEP]", value[start:end] * 20])
  return value[:start] + inserted + value[rng.choice([start, end]):]


def to_json(tree, rng):
  """The text of a tree, marks replaced by what they stand for."""
  text = json.dumps(tree, ensure_ascii=rng.random() < 0.5,
                    indent=rng.choice([None, None, 1]))
  depth = rng.choice([3, 90, 900, 5000, 200000])
  for mark, meant in (
      (DEEP_LIST, "[" * depth + "]" * depth), (TOO_LARGE, "-1e999"),
      (DEEP_OBJECT, "{\"data\": " * depth + "1" + "}" * depth)):
    text = text.replace(json.dumps(mark), meant, 2)
  return text.replace(TWICE, "").encode("utf-8", "surrogatepass")


def change_bytes(content, rng):
  """Changes the bytes of a file in one place."""
  start = rng.randrange(len(content) + 1)
  end = min(len(content), start + rng.choice([1, 1, 2, 10, 100]))
  before, within, after = content[:start], content[start:end], content[end:]
  way = rng.randrange(8)
  if way == 0 and within:
    flipped = bytes([within[0] ^ 1 << rng.randrange(8)])
    return before + flipped + content[start + 1:]
  if way == 1:
    return before
  if way == 2:
    return before + after
  if way == 3:
    return before + within * rng.choice([2, 2, 100]) + after
  if way == 4:
    mark = rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0"])
    return mark + content
  if way == 5:
    return content.decode("utf-8", "replace").encode(
        rng.choice(["utf-16", "utf-32", "cp1252", "utf-8-sig"]), "replace")
  inserted = rng.choice([
      b"\0", b"\xff", b"\n", b"\"", b"\\", b"\\u", b"\\ud800", b"{", b"]", b",",
      b":", b"-", b"9" * 1000, b"9" * 5000, b"NaN", b"\xed\xa0\x80",
      b"\xe2\x80\xa8", b"\xc2\xa0", b"\xe2\x80\xaf"])
  return before + inserted + content[rng.choice([start, end]):]


def damaged_file(seed, number):
  """The bytes of file `number` of a run, by its seed."""
  rng = random.Random("%d %d" % (seed, number))
  tree = copy.deepcopy(rng.choice([V1, V2]))
  by_structure = rng.random() < 0.8
  if by_structure:
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
      change_structure(tree, rng)
  content = to_json(tree, rng)
  if not by_structure or rng.random() < 0.1:
    for _ in range(rng.choice([1, 1, 2, 5])):
      content = change_bytes(content, rng)
  return content


class Broken(Exception):
  """What a reader did that it must not do."""


def give_up(*_):
  raise Broken("has not come back after %d s" % PATIENCE)


def peak_bytes():
  """The most memory that this process has had so far.

  Linux counts what the process that started it had, too.
  """
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak if sys.platform == "darwin" else peak * 1024


def check(name, path, call, stats, max_seconds=MAX_SECONDS):
  """Calls a reader of a file.

  Args:
    name: str, what messages call the reader.
    path: str, the file.
    call: function without arguments.
    stats: dict with "read", "refused" and "slowest", which are updated.
    max_seconds: float, the most time of the processor.

  Returns:
    what the call returned, None when it refused the file.

  Raises:
    Broken: it neither worked nor refused the file as it should, or took too
      much time.
  """
  start = time.process_time()
  signal.signal(signal.SIGALRM, give_up)
  signal.alarm(PATIENCE)
  result = None
  try:
    result = call()
    stats["read"] += 1
  except (OSError, ValueError) as error:
    lines = str(error).splitlines()
    if len(lines) != 1 or path not in lines[0]:
      raise Broken("%s: the message should be one line with the file's name: %r"
                   % (name, str(error))) from error
    stats["refused"] += 1
  except Exception as error:  # pylint: disable=broad-except
    raise Broken("%s: %r" % (name, error)) from error
  finally:
    signal.alarm(0)
  seconds = time.process_time() - start
  stats["slowest"] = max(stats["slowest"], seconds)
  if seconds > max_seconds:
    raise Broken("%s took %.2f s" % (name, seconds))
  return result


def feed(path, stats, max_seconds=MAX_SECONDS):
  """Gives a file to all readers; raises Broken."""
  def cut(examples, is_training):
    for _ in windows.make_windows(
        examples, TOKENIZER, SIZES, is_training):
      pass

  for is_training, v2 in itertools.product((False, True), repeat=2):
    flags = "(is_training=%s, version_2_with_negative=%s)" % (is_training, v2)
    found = check("read_examples" + flags, path, functools.partial(
        squad_data.read_examples, path, is_training, v2), stats, max_seconds)
    if found:
      check("make_windows" + flags, path, functools.partial(
          cut, found[0], is_training), stats, max_seconds)
  check("load_questions", path, functools.partial(
      scoring.load_questions, path), stats, max_seconds)


def summary(files, stats):
  return "%d files: %d reads, %d refusals, slowest %.3f s, memory %d MB" % (
      files, stats["read"], stats["refused"], stats["slowest"],
      peak_bytes() / 1e6)


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--files", type=int, default=10000)
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--max_seconds", type=float, default=MAX_SECONDS,
                      help="the most a call may take (default: %(default)s)")
  return parser.parse_args()


def main():
  arguments = parse_arguments()
  stats = {"read": 0, "refused": 0, "slowest": 0.0}
  folder = tempfile.mkdtemp(prefix="mutate_squad")
  path = os.path.join(folder, "squad.json")
  at_first = peak_bytes()
  for number in range(arguments.files):
    with open(path, "wb") as f:
      f.write(damaged_file(arguments.seed, number))
    try:
      feed(path, stats, arguments.max_seconds)
      if peak_bytes() > at_first + MAX_BYTES:
        raise Broken("memory grew from %d to %d MB" % (
            at_first / 1e6, peak_bytes() / 1e6))
    except Broken as error:
      print("file %d of seed %d, kept as %s: %s" % (
          number, arguments.seed, path, error))
      return 1
    if (number + 1) % 10000 == 0:
      print(summary(number + 1, stats), flush=True)
  shutil.rmtree(folder)
  print("done, " + summary(arguments.files, stats))
  return 0


if __name__ == "__main__":
  sys.exit(main())
