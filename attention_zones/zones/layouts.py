"""Where question and passage stand in a window: the layout, which a tokenizer has.

    BERT       [CLS] question [SEP] passage [SEP]     Layout(1, 1, 1, pad_id=0)
    RoBERTa    <s> question </s></s> passage </s>     Layout(1, 2, 1, pad_id=1)

Everything follows from the layout and the two lengths of a window, never from a
token's text or its segment: RoBERTa has one segment. The input pipeline adds
`Layout.places` to the features of a batch, and the graph asks these.
"""

import collections


class Layout(collections.namedtuple(
    "Layout", ["before", "between", "after", "pad_id"])):
  """How many special tokens stand where, and what a window is padded with.

  Attributes:
    before: int, special tokens before the question.
    between: int, special tokens between the question and the passage.
    after: int, special tokens after the passage.
    pad_id: int, the id of [PAD].
  """
  __slots__ = ()

  @property
  def num_special(self):
    """The number of special tokens of a window, without [PAD]: int."""
    return self.before + self.between + self.after

  def places(self, question_length, passage_length):
    """Where everything stands in windows.

    Args:
      question_length, passage_length: int32 [B], array or Tensor, numbers of
        tokens; or int.

    Returns:
      dict of the same: these two; "question_start" and "passage_start", positions
      in the window; "window_length", its tokens without [PAD].
    """
    passage_start = self.before + question_length + self.between
    return {"question_length": question_length, "passage_length": passage_length,
            "question_start": self.before + 0 * question_length,
            "passage_start": passage_start,
            "window_length": passage_start + passage_length + self.after}


BERT = Layout(1, 1, 1, pad_id=0)


def sets(places, positions):
  """Which tokens of windows are what.

  Args:
    places: dict of int32 [B], as of Layout.places; array or Tensor.
    positions: int32 [S], 0 to S - 1, of the same kind.

  Returns:
    dict of bool [B, S], the sets of zones.Tokens.
  """
  question, passage, end, question_length, passage_length = (
      places[name][:, None] for name in (
          "question_start", "passage_start", "window_length",
          "question_length", "passage_length"))  # [B, 1]
  edges = [0, question, question + question_length,
           passage, passage + passage_length, end]
  before, in_question, between, in_passage, after = (
      (positions >= first) & (positions < last)
      for first, last in zip(edges, edges[1:]))
  return {"is_real": positions < end, "in_question": in_question,
          "in_passage": in_passage, "before": before, "between": between,
          "after": after}
