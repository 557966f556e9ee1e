"""What is odd about a data set, though it can be read."""

import os
import unicodedata

import files

# More training questions without their answer than this are no slips but, for
# example, offsets counted in bytes, or in another version of the passages.
MAX_DROPPED = 0.05

DROPPED_NAME = "train_dropped_ids.txt"


def remarks(examples, tokenizer, max_query_length):
  """Finds empty passages, empty questions and questions that are cut.

  Args:
    examples: list of squad_data.Example.
    tokenizer: tokenization.FullTokenizer.
    max_query_length: int, the most word pieces of a question.

  Returns:
    list of str, a line for each kind that there is.
  """
  def has_word(text):
    # A letter or digit is never lost, and soon found.
    return any(map(str.isalnum, text)) or bool(tokenizer.tokenize(text))

  def is_cut(text):
    # To tokenize all takes longer. Lower-casing takes characters apart, a
    # Hangul syllable into three; each of these is one word piece at most.
    return (len(unicodedata.normalize("NFD", text.lower())) > max_query_length
            and len(tokenizer.tokenize(text)) > max_query_length)

  kinds = (
      ("have an empty passage, which makes no window; their answer is \"\"",
       lambda example: not has_word(example.paragraph.context)),
      ("are empty", lambda example: not has_word(example.question)),
      ("have more than --max_query_length=%d tokens and are cut" %
       max_query_length, lambda example: is_cut(example.question)))
  lines = []
  for what, is_so in kinds:
    ids = [example.qas_id for example in examples if is_so(example)]
    if ids:
      lines.append("%d of %d questions %s; %r is the first" % (
          len(ids), len(examples), what, ids[0]))
  return lines


def report_dropped(source, num_kept, dropped, folder):
  """Writes the ids of training questions that were left out to a file.

  Args:
    source: str, what messages call the data set.
    num_kept: int, how many questions are left.
    dropped: list of str, ids as of squad_data.read_examples, at least one.
    folder: str, a folder (or gs:// address) for DROPPED_NAME, one id a line.

  Returns:
    str, a line for the log.

  Raises:
    ValueError: more than MAX_DROPPED of all questions.
  """
  path = os.path.join(folder, DROPPED_NAME)
  files.write_text(path, [qas_id + "\n" for qas_id in dropped])
  line = ("%s: %d of %d questions left out, their answer does not stand in the "
          "passage at answer_start; their ids are in %s" % (
              source, len(dropped), num_kept + len(dropped), path))
  if len(dropped) > MAX_DROPPED * (num_kept + len(dropped)):
    raise ValueError("%s; more than %g %% are too many to train, correct the "
                     "file" % (line, 100 * MAX_DROPPED))
  return line
