"""Where question and passage stand in a window: the layout, which a tokenizer has.

    BERT       [CLS] question [SEP] passage [SEP]     Layout(1, 1, 1, pad_id=0)
    RoBERTa    <s> question </s></s> passage </s>     Layout(1, 2, 1, pad_id=1)

Everything follows from the layout and the two lengths of a window, never from a
token's text or its segment: RoBERTa has one segment. The input pipeline adds
`Layout.places` to the features of a batch, and the graph asks these.
"""

import collections
import itertools

# Where the parts of a window end, and the next begin: features of a batch.
PLACES = ("question_start", "question_end", "passage_start", "passage_end",
          "window_end")


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

  def places(self, question_length, passage_length):
    """Where everything stands in windows.

    Args:
      question_length, passage_length: int32 [B], array or Tensor, numbers of
        tokens; or int.

    Returns:
      dict of the same, under PLACES: positions, counted from 0. Each end is the
      position after the last token; after "window_end", all is [PAD].
    """
    return dict(zip(PLACES, itertools.accumulate([
        self.before + 0 * question_length, question_length, self.between,
        passage_length, self.after])))


BERT = Layout(1, 1, 1, pad_id=0)


def sets(places, positions):
  """Which tokens of windows are what.

  Args:
    places: dict of int32 [B], as of Layout.places, arrays or Tensors.
    positions: int32 [S], 0 to S - 1, of the same kind.

  Returns:
    dict of bool [B, S], the sets of zones.Tokens.
  """
  is_up_to = [positions < places[name][:, None] for name in PLACES]
  parts = is_up_to[:1] + [
      later & ~earlier for earlier, later in zip(is_up_to, is_up_to[1:])]
  return dict(zip(
      ("before", "in_question", "between", "in_passage", "after"), parts),
              is_real=is_up_to[-1])
