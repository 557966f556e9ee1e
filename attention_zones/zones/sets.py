"""Sets of tokens in a window: ONE table of their names.

                      [CLS] who ? [SEP] a  b  c  [SEP] [PAD]
    q                   0    1  1   0   0  0  0    0     0
    p                   0    0  0   0   1  1  1    0     0
    cls, sep1, sep2     1    0  0   2   0  0  0    3     0
    special             1    0  0   1   0  0  0    1     0
    any                 1    1  1   1   1  1  1    1     0
    notq                1    0  0   1   1  1  1    1     0

`cls`, `sep1` and `sep2` are all special tokens before the question, between it and
the passage, and after that: RoBERTa has two between. `answer` is the tokens of all
gold answers that stand in the passage, together; a file of run_squad.py --spans
names more sets like it, which members.py finds: spans. `not` before a name is every
token but those; in a window that has none of them, it has none either. Two names
make a zone, cls_p for example: the rows of the first, the columns of the second.

Dimensions: B = batch, S = sequence length.
"""

import collections
import re


class Tokens(collections.namedtuple("Tokens", (
    "is_real", "in_question", "in_passage", "before", "between", "after", "ranks",
    "members", "complements"), defaults=({}, {}, {}))):
  """The sets that the tokens of a batch are in, float32 [B, S] each.

  Attributes:
    is_real: 1.0 for tokens, 0.0 for [PAD].
    in_question: 1.0 for members of Q, 0.0 for others.
    in_passage: 1.0 for members of P, 0.0 for others.
    before, between, after: 1.0 for the special tokens before the question, between
      it and the passage, and after that: [CLS], [SEP] and [SEP]; 0.0 for others.
    ranks: dict from a draw's number to int32 [B, S], in which order the draw takes
      the members of Q and P of each window, from 0; whatever for other tokens.
    members: dict from `answer` and names of spans to the set, 1.0 for members.
    complements: dict from the name of a set to its complement, 1.0 for members; see
      with_complements.
  """
  __slots__ = ()


Set = collections.namedtuple("Set", ["label", "of", "is_text"])
Set.__doc__ = """A set of tokens.

Attributes:
  label: str, its name in figures.
  of: function from Tokens to float [B, S], 1.0 for members and 0.0 for others.
  is_text: bool, whether all members are of the question or the passage. Only
    columns of such a set have draws, which take theirs from there.
"""


def _span(name):
  """The Set of `answer`, or of a span: whatever the data says."""
  return Set(name, lambda t: t.members[name], True)


ANSWER = "answer"

SETS = collections.OrderedDict([
    ("q", Set("Q", lambda t: t.in_question, True)),
    ("p", Set("P", lambda t: t.in_passage, True)),
    ("cls", Set("CLS", lambda t: t.before, False)),
    ("sep1", Set("SEP1", lambda t: t.between, False)),
    ("sep2", Set("SEP2", lambda t: t.after, False)),
    ("special", Set("special", lambda t: t.before + t.between + t.after, False)),
    ("any", Set("any", lambda t: t.is_real, False)),
    (ANSWER, _span(ANSWER)),
])

_NOT = "not"

# No span's name: these begin something else in flags or in names of files.
_RESERVED = _NOT, "head", "layer"


def named(name):
  """The Set of a name, perhaps with "not" before it; None if there can be none.

  What can be the name of a span has one, whether or not a data set has such spans.
  """
  if name in SETS:
    return SETS[name]
  if not name.startswith(_NOT):
    return _span(name) if can_be_span(name) else None
  base = base_of(name)
  found = named(base) if not base.startswith(_NOT) else None
  # All but any token is no token.
  if found is None or base == "any":
    return None
  return Set("not " + found.label, lambda t: t.complements[base], False)


def can_be_span(name):
  """Whether a span may have this name: bool."""
  return bool(re.fullmatch("[a-z][a-z0-9]*", name)) and (
      name not in SETS and not name.startswith(_RESERVED))


def base_of(name):
  """The name of a set without "not" before it: str."""
  return name[len(_NOT):] if name.startswith(_NOT) else name


def is_of_data(name):
  """Whether the data says which tokens are in a set, as in `answer`: bool."""
  base = base_of(name)
  return base == ANSWER or base not in SETS


def of_data(names_of_sets):
  """Those of some sets of which the data says which tokens are in: set of str."""
  return set(filter(is_of_data, names_of_sets))


def names():
  """All names but those of spans: list of str."""
  return list(SETS) + [_NOT + name for name in SETS if named(_NOT + name)]


def with_complements(tokens, largest):
  """Adds what depends on a whole window, and not on each token by itself.

  Args:
    tokens: Tokens [B, S].
    largest: function from [B, S] to its largest values, [B, 1].

  Returns:
    Tokens with `complements`.
  """
  complements = {}
  for name in set(SETS).difference([ANSWER]).union(tokens.members):
    members = named(name).of(tokens)
    complements[name] = tokens.is_real * largest(members) - members
  return tokens._replace(complements=complements)
