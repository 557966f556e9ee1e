"""A passage as HTML, with the answers to a question marked in it.

    In 2016 1⟨the GB⟨Denver 2⟨Broncos⟩2⟩GB⟩1 won.

Answers may overlap. Each stands between brackets with its label, and has a style of
its own. The gold answer is G, the baseline's B, others have numbers.
"""

import collections
import html
import re
import unicodedata

GOLD, BASE = "G", "B"

# Classes of the style sheet; of a label that is not there, _OTHER.
_STYLES, _OTHER = {GOLD: "gold", BASE: "base"}, "masked"

# Control characters, which HTML does not allow, as their pictures. Two that reverse
# the text around them would also reverse the brackets.
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"}
_CONTROLS.update({code: 0xFFFD for code in range(0x7F, 0xA0)})
_CONTROLS.update({0x202D: 0xFFFD, 0x202E: 0xFFFD})


def escape(text):
  """The HTML of a text that may contain anything: str."""
  return html.escape(text.translate(_CONTROLS))


def find_spans(context, golds, answers):
  """Finds answers in their passage.

  Args:
    context: str, the passage.
    golds: list of questions.Answer.
    answers: list of (label, text), each other answer.

  Returns:
    list of (start, end, labels): offsets in the passage, and a tuple of str. Golds
    that overlap are one. An answer that the passage does not have is left out; of
    several equal texts the nearest to the gold answer is taken.
  """
  merged = []
  for start, end in sorted(_places_of_golds(context, golds)):
    if merged and start <= merged[-1][1]:
      merged[-1] = merged[-1][0], max(end, merged[-1][1])
    elif start < end:
      merged.append((start, end))
  labels = collections.OrderedDict((span, (GOLD,)) for span in merged)
  near = merged[0][0] if merged else 0
  for label, text in answers:
    places = _occurrences(context, text)
    if places:
      span = min(places, key=lambda span: abs(span[0] - near))
      labels[span] = labels.get(span, ()) + (label,)
  return [span + (of_span,) for span, of_span in labels.items()]


def _places_of_golds(context, golds):
  """Yields (start, end) of gold answers, as `find_spans` takes them."""
  for gold in golds:
    text, start = gold.text, gold.start_if_known
    if start is not None and start >= 0 and context.startswith(text, start):
      yield start, start + len(text)
    else:
      yield from _occurrences(context, text)[:1]


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
    spans: list of (start, end, labels), as `find_spans` returns them.

  Returns:
    str.
  """
  # Brackets turn with the passage's direction; they do not decide on it.
  direction = ' dir="rtl"' if _is_right_to_left(context) else ""
  bracket = lambda *texts: "<bdi%s>%s</bdi>" % (direction, "".join(texts))
  points = sorted({0, len(context)}.union(*(span[:2] for span in spans)))
  out, is_open = [], []
  for point, following in zip(points, points[1:] + [len(context)]):
    for span in [span for span in reversed(is_open) if span[1] == point]:
      is_open.remove(span)
      out.append(bracket("\N{MATHEMATICAL RIGHT ANGLE BRACKET}", _text(span)))
    # The longer one opens first, so that brackets are nested where they can be.
    for span in sorted((span for span in spans if span[0] == point),
                       key=lambda span: -span[1]):
      is_open.append(span)
      out.append(bracket(_text(span), "\N{MATHEMATICAL LEFT ANGLE BRACKET}"))
    piece = escape(context[point:following])
    styles = {_STYLES.get(label, _OTHER) for span in is_open for label in span[2]}
    out.append('<mark class="%s">%s</mark>' % (" ".join(sorted(styles)), piece)
               if styles and piece else piece)
  return "".join(out)


def _text(span):
  """The labels of a span, "GB", "1" or "B 2" for example: str."""
  letters = "".join(label for label in span[2] if label in _STYLES)
  numbers = ",".join(label for label in span[2] if label not in _STYLES)
  return " ".join(filter(None, (letters, numbers)))


def _is_right_to_left(text):
  """Whether the first letter with a direction runs from right to left: bool."""
  for character in text:
    kind = unicodedata.bidirectional(character)
    if kind in ("L", "R", "AL"):
      return kind != "L"
  return False
