"""The order in which passages are predicted: random, and one for all shares.

What is finished of a sweep is then at any moment a fair sample of the passages, and
can be looked at (get_results.py --unfinished).
"""

import hashlib

# Windows that are batched together are of so many passages that follow each other
# in the order, so that what is finished lags by as many at most.
BLOCK = 200


def places(contexts, seed):
  """Finds where in the order the passage of each question stands.

  Passages are ordered by the SHA-256 of "seed\\ncontext" in UTF-8.

    places(["a", "b", "a"], 12345) == [1, 0, 1]

  Args:
    contexts: list of str, the text of each question's passage; equal texts are one
      passage.
    seed: int.

  Returns:
    list of int, from 0.
  """
  # A text from JSON may have half a surrogate pair.
  digest = lambda context: hashlib.sha256(
      ("%d\n%s" % (seed, context)).encode("utf-8", "surrogatepass")).digest()
  return _numbered(contexts, sorted(set(contexts), key=digest))


def as_in_data(contexts):
  """As `places`, for the order in which the data set first has each passage."""
  return _numbered(contexts, dict.fromkeys(contexts))


def _numbered(contexts, ordered):
  place_of = {context: place for place, context in enumerate(ordered)}
  return [place_of[context] for context in contexts]


def finished_beginning(of_questions, finished):
  """Finds the questions before the first passage that is not finished.

    finished_beginning([0, 2, 1, 1], {0, 1, 2}) == [0]

  Args:
    of_questions: list of int, as `places` returns it.
    finished: collection of int, indices of questions.

  Returns:
    list of int, indices of questions, in the data's order.
  """
  end = min((place for index, place in enumerate(of_questions)
             if index not in finished), default=len(of_questions))
  return [index for index, place in enumerate(of_questions) if place < end]
