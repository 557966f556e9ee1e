"""A passage as HTML, with the answers to a question marked in it.

    In 2016 G⟨the B⟨Denver M⟨Broncos⟩M⟩B⟩G won.

Answers may overlap. Each stands between brackets with a letter, which screen
readers get as words, and has a style of its own.
"""

import collections
import html
import re
import unicodedata

# Kind of answer: its letter in the passage, and what it is.
KINDS = collections.OrderedDict([
    ("gold", ("G", "gold answer")),
    ("base", ("B", "answer of the baseline")),
    ("masked", ("M", "answer of a masked decode")),
])

# Control characters, which HTML does not allow, as their pictures. Two that reverse
# the text around them would also reverse the brackets.
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"}
_CONTROLS.update({code: 0xFFFD for code in range(0x7F, 0xA0)})
_CONTROLS.update({0x202D: 0xFFFD, 0x202E: 0xFFFD})


def escape(text):
  """The HTML of a text that may contain anything: str."""
  return html.escape(text.translate(_CONTROLS))


def find_spans(case):
  """Finds the answers of a case in its passage.

  Args:
    case: cases_page.Case.

  Returns:
    list of (start, end, kind), offsets in the passage and a key of KINDS; golds
    that overlap are one. An answer that the passage does not have is left out.
  """
  context, golds = case.context, []
  for gold in case.golds:
    text, start = gold.text, gold.start_if_known
    if start is not None and start >= 0 and context.startswith(text, start):
      golds.append((start, start + len(text)))
    else:
      golds.extend(_occurrences(context, text)[:1])
  spans = []
  for start, end in sorted(golds):
    if spans and start <= spans[-1][1]:
      spans[-1] = (spans[-1][0], max(end, spans[-1][1]), "gold")
    elif start < end:
      spans.append((start, end, "gold"))
  near = spans[0][0] if spans else 0
  for kind, answer in (("base", case.baseline), ("masked", case.masked_answer)):
    places = _occurrences(context, answer)
    if places:
      spans.append(min(places, key=lambda span: abs(span[0] - near)) + (kind,))
  return spans


def _occurrences(context, answer):
  """Where a passage has an answer: list of (start, end).

  Whole words if there are any: "a" is not to be found in "Oslo and Bergen". In a
  script without spaces there may be none.
  """
  if not answer.strip():
    return []
  pattern = re.escape(answer)
  for bounded in (r"(?<!\w)%s(?!\w)" % pattern, pattern):
    found = [match.span() for match in re.finditer(bounded, context)]
    if found:
      return found
  return []


def mark(context, spans):
  """The HTML of a passage with its answers marked, which may overlap.

  Args:
    context: str.
    spans: list of (start, end, kind), as `find_spans` returns them.

  Returns:
    str.
  """
  # Brackets turn with the passage's direction; they do not decide on it.
  direction = "rtl" if _is_right_to_left(context) else "ltr"
  points = sorted({0, len(context)}.union(*(span[:2] for span in spans)))
  out, is_open = [], []
  for point, following in zip(points, points[1:] + [len(context)]):
    for span in [span for span in reversed(is_open) if span[1] == point]:
      is_open.remove(span)
      out.append(_bracket(span[2], direction, is_start=False))
    # The longer one opens first, so that brackets are nested where they can be.
    for span in sorted((span for span in spans if span[0] == point),
                       key=lambda span: -span[1]):
      is_open.append(span)
      out.append(_bracket(span[2], direction, is_start=True))
    piece = escape(context[point:following])
    kinds = " ".join(kind for kind in KINDS
                     if kind in [span[2] for span in is_open])
    out.append('<mark class="%s">%s</mark>' % (kinds, piece)
               if kinds and piece else piece)
  return "".join(out)


def _bracket(kind, direction, is_start):
  """HTML of the bracket at one end of a marked answer, and its words: str."""
  letter, meaning = KINDS[kind]
  if is_start:
    shown, said = (letter + "\N{MATHEMATICAL LEFT ANGLE BRACKET}",
                   " [%s: " % meaning)
  else:
    shown, said = ("\N{MATHEMATICAL RIGHT ANGLE BRACKET}" + letter,
                   " end of %s] " % meaning)
  return ('<bdi class="tag" lang="en" dir="%s"><span aria-hidden="true">%s</span>'
          '<span class="sr">%s</span></bdi>' % (direction, shown, said))


def _is_right_to_left(text):
  """Whether the first letter with a direction runs from right to left: bool."""
  for character in text:
    kind = unicodedata.bidirectional(character)
    if kind in ("L", "R", "AL"):
      return kind != "L"
  return False
