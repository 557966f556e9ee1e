"""Sets of tokens in a window: ONE table of their names.

                      [CLS] who ? [SEP] a  b  c  [SEP] [PAD]
    q                   0    1  1   0   0  0  0    0     0
    p                   0    0  0   0   1  1  1    0     0
    cls, sep1, sep2     1    0  0   2   0  0  0    3     0
    special             1    0  0   1   0  0  0    1     0
    any                 1    1  1   1   1  1  1    1     0
    notq                1    0  0   1   1  1  1    1     0

`cls`, `sep1` and `sep2` are all special tokens before the question, between it and
the passage, and after that: RoBERTa has two between. `not` before a name is every
token but those; in a window that has none of them, it has none either. Two names
make a zone, cls_p for example: the rows of the first, the columns of the second.

Dimensions: B = batch, S = sequence length.
"""

import collections


class Tokens(collections.namedtuple("Tokens", (
    "is_real", "in_question", "in_passage", "before", "between", "after", "ranks",
    "complements"), defaults=({}, {}))):
  """The sets that the tokens of a batch are in, float32 [B, S] each.

  Attributes:
    is_real: 1.0 for tokens, 0.0 for [PAD].
    in_question: 1.0 for members of Q, 0.0 for others.
    in_passage: 1.0 for members of P, 0.0 for others.
    before, between, after: 1.0 for the special tokens before the question, between
      it and the passage, and after that: [CLS], [SEP] and [SEP]; 0.0 for others.
    ranks: dict from a draw's number to int32 [B, S], in which order the draw takes
      the members of Q and P of each window, from 0; whatever for other tokens.
    complements: dict from a name of SETS to its complement, 1.0 for members; see
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

SETS = collections.OrderedDict([
    ("q", Set("Q", lambda t: t.in_question, True)),
    ("p", Set("P", lambda t: t.in_passage, True)),
    ("cls", Set("CLS", lambda t: t.before, False)),
    ("sep1", Set("SEP1", lambda t: t.between, False)),
    ("sep2", Set("SEP2", lambda t: t.after, False)),
    ("special", Set("special", lambda t: t.before + t.between + t.after, False)),
    ("any", Set("any", lambda t: t.is_real, False)),
])

_NOT = "not"


def named(name):
  """The Set of a name, perhaps with "not" before it; None if there is none."""
  if name in SETS:
    return SETS[name]
  base = name[len(_NOT):]
  # All but any token is no token.
  if not name.startswith(_NOT) or base not in SETS or base == "any":
    return None
  return Set("not " + SETS[base].label, lambda t: t.complements[base], False)


def names():
  """All names: list of str."""
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
  for name in SETS:
    members = SETS[name].of(tokens)
    complements[name] = tokens.is_real * largest(members) - members
  return tokens._replace(complements=complements)
