"""Scores a model that always picks the word pieces of the answer.

    python tests/perfect_model.py --data_file=xquad.en.json --vocab_file=vocab.txt

What it loses is lost between word pieces and text, to every model. The pieces
are those at answer_start of a question's first answer; their text is what
run_squad.py would write, and scoring.py's scores are printed:

    EM 100.00 F1 100.00 n 1189
    left out: 1 begin or end inside a word piece, 0 not at answer_start
    all: EM 99.92 F1 99.98 n 1190

--tokenizer_file=tokenizer.json in place of --vocab_file takes a tokenizer of
Hugging Face.

No choice of word pieces gives an answer that ends inside of one, so these are
left out of the first line. Questions without an answer do not count.
"""

import argparse
import collections
import os
import sys

import tensorflow.compat.v1 as tf

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from attention_zones.base import questions
from attention_zones.data import answer_text
from attention_zones.data import hf_tokenizer
from attention_zones.base import path_checks
from attention_zones.data import windows
from attention_zones.scores import scoring
import tokenization

EXACT, INSIDE, ELSEWHERE = "exact", "inside", "elsewhere"


def first_answers(path):
  """Yields (id, passage, text, answer_start) of questions with an answer."""
  for question in questions.read(path):
    for answer in question.answers[:1]:
      yield question.id, question.context, answer.text, answer.start


def pick(passage, text, start):
  """What the model answers to one question.

  Args:
    passage: as of windows.tokenize_passage.
    text: str, the right answer.
    start: int, where it starts.

  Returns:
    (kind, tokens): EXACT where the word pieces are the answer, INSIDE where it
    begins or ends inside of one, ELSEWHERE where it does not stand there; and
    (first, last) word piece, None when there is none.
  """
  tokens = passage.tokens_at(start, start + len(text))
  if not passage.paragraph.context.startswith(text, start):
    return ELSEWHERE, tokens
  # White space at the ends of an answer is in no piece, and makes no difference.
  begin = start + len(text) - len(text.lstrip())
  end = start + len(text.rstrip())
  if tokens is None or (passage.characters(tokens[0])[0],
                        passage.characters(tokens[1])[1]) != (begin, end):
    return INSIDE, tokens
  return EXACT, tokens


def score(data_file, tokenizer):
  """Answers all questions and compares.

  Args:
    data_file: str, SQuAD's JSON.
    tokenizer: as of windows.DataSet.

  Returns:
    dict from EXACT, INSIDE and ELSEWHERE to a list of (exact, f1), each 0 to 1.
  """
  golds = scoring.load_questions(data_file)
  span_text = getattr(tokenizer, "span_text", answer_text.span_text)
  scores = collections.defaultdict(list)
  passage = None
  for name, context, text, start in first_answers(data_file):
    if passage is None or context != passage.paragraph.context:
      passage = windows.tokenize_passage(
          questions.split_words(context), tokenizer)
    kind, tokens = pick(passage, text, start)
    answer = tokens and span_text(
        passage, tokens[0], tokens[1], tokenizer.basic_tokenizer)
    scores[kind].append(
        scoring.answer_scores(golds[name].golds, answer or ""))
  return scores


def means(scores):
  """"EM 100.00 F1 100.00 n 1190" of a list of (exact, f1)."""
  if not scores:
    return "EM - F1 - n 0"
  exact, f1 = (100.0 * sum(column) / len(scores) for column in zip(*scores))
  return "EM %.2f F1 %.2f n %d" % (exact, f1, len(scores))


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data_file", required=True, help="SQuAD JSON")
  parser.add_argument("--do_lower_case", action="store_true")
  kind = parser.add_mutually_exclusive_group(required=True)
  kind.add_argument("--vocab_file")
  kind.add_argument("--tokenizer_file")
  arguments = parser.parse_args()
  try:
    scores = score(
        arguments.data_file, hf_tokenizer.load(arguments.tokenizer_file)
        if arguments.tokenizer_file else tokenization.FullTokenizer(
            arguments.vocab_file, arguments.do_lower_case))
  except (OSError, ValueError, tf.errors.OpError) as error:
    sys.exit("perfect_model.py: " + path_checks.describe(error))
  print(means(scores[EXACT]))
  print("left out: %d begin or end inside a word piece, %d not at answer_start" %
        (len(scores[INSIDE]), len(scores[ELSEWHERE])))
  print("all: " + means(scores[EXACT] + scores[INSIDE] + scores[ELSEWHERE]))


if __name__ == "__main__":
  main()
