"""Writes a small English reading-comprehension set for the demo.

    python squad/make_sample.py --output_dir=demo_output/sample

makes train.json and dev.json (SQuAD v1.1 format), vocab.txt and
bert_config.json (BERT's formats). A passage has one fact about each of a few
people:

    Clara Benson lives in Cairo. Chen Costa bought a red bell. Ada Keller lives
    in Lima.

At least two facts of a passage are of the same kind, so that only the question
says which one is meant. There are four sorts of questions:

    naming     What is the full name of Chen?          Chen Costa
    telling    What does the text say about Lima?      Ada Keller lives in Lima
    asking     What is the home town of Clara?         Cairo
    searching  Which of the people bought a bell?      Chen Costa

The answer to a naming or telling question contains a word of the question; half
of all questions are of these two sorts. They let a small BERT learn from random
weights. First it learns to find the same word in question and passage (naming),
then what else is said in the same sentence (telling), and the other two sorts build
on that. Without them it only learns to pick an answer of the right kind.

The files depend only on the flags.
"""

import argparse
import collections
import json
import os
import random
import re
import sys

# For the package attention_zones, which is in the parent folder.
sys.path.insert(
    0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from attention_zones.base import commands
from attention_zones.base import files

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PUNCTUATION = (".", "?")

# The fewer words a model has to tell apart, the sooner it learns that.
FIRST_NAMES = (
    "Ada", "Anna", "Boris", "Carlos", "Chen", "Clara", "David", "Elena")
# "|" is where the vocabulary splits a word into two word pieces.
LAST_NAMES = (
    "Abe", "Baros", "Benson", "Costa", "Eriks|son", "Keller", "Lind|qvist",
    "Zhang")
TOWNS = (
    "Accra", "Athens", "Berlin", "Cairo", "Delhi", "Lima", "Madrid", "Osaka")
JOBS = (
    "baker", "carpenter", "dentist", "doctor", "farmer", "gardener", "lawyer",
    "nurse")
INSTRUMENTS = (
    "banjo", "cello", "clarinet", "drums", "flute", "guitar", "harp", "oboe")
COLOURS = (
    "black", "blue", "brown", "green", "grey", "pink", "red", "white")
THINGS = (
    "basket", "bell", "boat", "chair", "clock", "coat", "desk", "hat")


class Kind(collections.namedtuple(
    "Kind", ["statement", "parts", "asking", "searching", "naming"])):
  """One kind of fact.

  Attributes:
    statement: what a passage says after a person's full name.
    parts: tuple of tuples of words; a {value} has one word of each, and its last
      word, the {key}, tells the values of a passage apart.
    asking: question by the person's {first} name, answered by the value.
    searching: question by the key, answered by the person's full name.
    naming: question by the key, answered by the value that contains it; None
      where a value is one word.
  """
  __slots__ = ()


KINDS = (
    Kind("lives in {value}", (TOWNS,), "What is the home town of {first}?",
         "Which of the people lives in {key}?", None),
    Kind("is a {value}", (JOBS,), "What is the present job of {first}?",
         "Which of the people is a {key}?", None),
    Kind("plays the {value}", (INSTRUMENTS,),
         "What is the favourite instrument of {first}?",
         "Which of the people plays the {key}?", None),
    Kind("bought a {value}", (COLOURS, THINGS),
         "What is the latest purchase of {first}?",
         "Which of the people bought a {key}?",
         "Which of the things is a {key}?"),
)
NAMING_A_PERSON = "What is the full name of {first}?"
TELLING = "What does the text say about {word}?"

QUESTIONS_PER_PASSAGE = 4
PEOPLE = 3
KINDS_PER_PASSAGE = 2
# The last of this many passages is long.
LONG_PASSAGE_EVERY = 20
PEOPLE_OF_LONG = (6, 7)
KINDS_PER_LONG = 3
# How often the first two facts of a kind have the same value.
REPEATED_VALUE = 0.3
PASSAGES_PER_ARTICLE = 25


def choose_facts(rng, num_people, num_kinds):
  """Chooses the facts of a passage, one for each person.

  Args:
    rng: random.Random.
    num_people: int, how many people the passage is about.
    num_kinds: int, how many kinds of facts there are; fewer than the people, so
      that at least one kind comes twice.

  Returns:
    list of (Kind, value); a value is a tuple of words. The values of a kind have
    different keys, but now and then the first two are the same, so that this
    text occurs twice in the passage.
  """
  kinds = rng.sample(KINDS, num_kinds)
  kind_of = [rng.choice(kinds) for _ in range(num_people)]
  facts = [None] * num_people
  for kind in kinds:
    people = [p for p in range(num_people) if kind_of[p] is kind]
    keys = rng.sample(kind.parts[-1], len(people))
    values = [tuple(rng.choice(part) for part in kind.parts[:-1]) + (key,)
              for key in keys]
    if len(people) > 1 and rng.random() < REPEATED_VALUE:
      values[1] = values[0]
    for person, value in zip(people, values):
      facts[person] = (kind, value)
  return facts


def make_passage(rng, num_people, num_kinds):
  """Makes one passage and the questions that it answers.

  Args:
    rng: random.Random.
    num_people: int, how many people the passage is about, a sentence each.
    num_kinds: int, how many kinds of facts there are, fewer than the people.

  Returns:
    (context, matching, others): str, and two lists of (question, answer text,
    answer_start): the naming and telling questions, whose answers contain a word
    of the question, and the asking and searching ones.
  """
  people = zip(rng.sample(FIRST_NAMES, num_people),
               rng.sample(LAST_NAMES, num_people))
  facts = choose_facts(rng, num_people, num_kinds)
  context = ""
  matching, others = [], []
  for (first, last), (kind, value) in zip(people, facts):
    context += " " if context else ""
    text = written(*value)
    sentence = kind.statement.format(value=text)
    full_name = (written(first, last), len(context))
    told = (full_name[0] + " " + sentence, len(context))
    answer = (text, told[1] + len(told[0]) - len(text))
    words = {"first": first, "key": value[-1]}
    matching.append((NAMING_A_PERSON.format(**words),) + full_name)
    matching.append((TELLING.format(word=first),) + told)
    others.append((kind.asking.format(**words),) + answer)
    if facts.count((kind, value)) == 1:
      matching.append((TELLING.format(word=words["key"]),) + told)
      others.append((kind.searching.format(**words),) + full_name)
      if kind.naming:
        matching.append((kind.naming.format(**words),) + answer)
    context += told[0] + "."
  return context, matching, others


def written(*words):
  """Joins words of the tables above as a text has them."""
  return " ".join(words).replace("|", "")


def make_dataset(rng, name, num_questions, used_contexts):
  """Makes one file of questions.

  Args:
    rng: random.Random.
    name: str, what titles and ids begin with.
    num_questions: int.
    used_contexts: set of str, passages that must not be repeated; the new ones
      are added.

  Returns:
    dict, as SQuAD v1.1 has it.
  """
  paragraphs = []
  made = 0
  while made < num_questions:
    is_long = len(paragraphs) % LONG_PASSAGE_EVERY == LONG_PASSAGE_EVERY - 1
    if is_long:
      passage = make_passage(rng, rng.randint(*PEOPLE_OF_LONG), KINDS_PER_LONG)
    else:
      passage = make_passage(rng, PEOPLE, KINDS_PER_PASSAGE)
    context, matching, others = passage
    if context in used_contexts:
      continue
    used_contexts.add(context)
    half = QUESTIONS_PER_PASSAGE // 2
    asked = rng.sample(matching, half) + rng.sample(others, half)
    rng.shuffle(asked)
    qas = []
    for question, text, start in asked[:num_questions - made]:
      made += 1
      qas.append({
          "id": "%s-%d" % (name, made),
          "question": question,
          "answers": [{"text": text, "answer_start": start}]})
    paragraphs.append({"context": context, "qas": qas})
  starts = range(0, len(paragraphs), PASSAGES_PER_ARTICLE)
  return {"version": "1.1", "data": [
      {"title": "%s people %d" % (name, 1 + start // PASSAGES_PER_ARTICLE),
       "paragraphs": paragraphs[start:start + PASSAGES_PER_ARTICLE]}
      for start in starts]}


def make_vocabulary():
  """The word pieces of everything that a passage or question can contain.

  Returns:
    list of str, BERT's special tokens first, then the rest sorted.
  """
  templates = (NAMING_A_PERSON, TELLING) + tuple(
      template for kind in KINDS
      for template in (kind.statement, kind.asking, kind.searching, kind.naming)
      if template)
  words = set(FIRST_NAMES + LAST_NAMES)
  for kind in KINDS:
    words.update(*kind.parts)
  for template in templates:
    words.update(re.findall(r"\w+", re.sub(r"{\w+}", "", template)))
  pieces = set(PUNCTUATION)
  for word in words:
    first, *rest = word.split("|")
    pieces.add(first)
    pieces.update("##" + piece for piece in rest)
  return list(SPECIAL_TOKENS) + sorted(pieces)


def bert_config(vocab_size):
  """The model that the demo trains, small and quick to learn.

  Beside its size, it differs from BERT in four ways: no dropout, which would only
  slow learning; an initializer_range of 1 / sqrt(hidden_size), so that a layer's
  output is of the size of its input; two heads, with which most trials learned
  sooner than with four; and an intermediate_size of half the hidden_size, to save
  time.
  """
  return {
      "attention_probs_dropout_prob": 0.0,
      "hidden_act": "gelu",
      "hidden_dropout_prob": 0.0,
      "hidden_size": 64,
      "initializer_range": 0.125,
      "intermediate_size": 32,
      "max_position_embeddings": 128,
      "num_attention_heads": 2,
      "num_hidden_layers": 3,
      "type_vocab_size": 2,
      "vocab_size": vocab_size,
  }


def as_json(content):
  """The text of a JSON file."""
  return json.dumps(content, indent=1, sort_keys=True) + "\n"


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(
      description="Writes a small English reading-comprehension set.")
  parser.add_argument("--output_dir", required=True, help="made if missing")
  for flag, default in ("--train_questions", 16000), ("--dev_questions", 400):
    parser.add_argument(flag, type=commands.whole_number(1), default=default)
  parser.add_argument("--seed", type=int, default=1)
  return parser.parse_args(argv)


def write(arguments):
  """Writes the four files. Raises OSError."""
  rng = random.Random(arguments.seed)
  used_contexts = set()
  vocabulary = make_vocabulary()
  contents = {
      "train.json": as_json(make_dataset(
          rng, "train", arguments.train_questions, used_contexts)),
      "dev.json": as_json(make_dataset(
          rng, "dev", arguments.dev_questions, used_contexts)),
      "vocab.txt": "".join(piece + "\n" for piece in vocabulary),
      "bert_config.json": as_json(bert_config(len(vocabulary))),
  }
  files.make_folder(arguments.output_dir)
  for name, content in contents.items():
    files.write_text(os.path.join(arguments.output_dir, name), [content])


main = commands.main("make_sample.py", parse_arguments, write)

if __name__ == "__main__":
  commands.run(main)
