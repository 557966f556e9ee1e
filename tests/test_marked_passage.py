"""marked_passage.py: where the answers are in a passage, and how that is shown."""

import html
import re

import pytest

from attention_zones.base import questions
from attention_zones.figures import marked_passage


def read(marked):
  """The text of a piece of HTML, and the class of each mark: (str, list of str)."""
  return (html.unescape(re.sub("<[^>]*>", "", marked)),
          re.findall('<mark class="([^"]*)">', marked))


def brackets(context, spans):
  """The passage as it is seen without style, with its brackets: str."""
  return read(marked_passage.mark(context, spans))[0]


@pytest.mark.parametrize("context, golds, baseline, masked, expected", [
    ("Anna lives in Oslo.", [("Oslo", 14)], "Oslo", "Anna",
     "1<Anna>1 lives in GB<Oslo>GB."),
    # Nested and crossing.
    ("in the Denver Broncos won", [("Denver Broncos", 7)], "the Denver",
     "Broncos won", "in B<the G<Denver>B 1<Broncos>G won>1"),
    # Golds that overlap are one; an offset that is wrong is looked for.
    ("a the Denver Broncos", [("Denver Broncos", 6), ("the Denver", 0)], "", "x",
     "a G<the Denver Broncos>G"),
    # Nearest to the gold answer; whole words before parts.
    ("1895, in 1895, of 1895", [("1895", 9)], "1895", "",
     "1895, in GB<1895>GB, of 1895"),
    ("banana a", [], "a", "", "banana B<a>B"),
    ("\u4f60\u597d\u5417", [("\u597d", 1)], "\u597d", "\u5417",
     "\u4f60GB<\u597d>GB1<\u5417>1"),
    # What cannot be found is not marked.
    ("Oslo", [("Bergen", 3)], "Bergen", "", "Oslo"),
    ("Oslo", [("", 0)], " ", "", "Oslo"),
    ("a.b", [("a", True), ("b", -1)], "", "", "G<a>G.G<b>G"),
    ("", [("a", 0)], "a", "b", ""),
])
def test_marks(context, golds, baseline, masked, expected):
  golds = [questions.Answer("", text, {"answer_start": start})
           for text, start in golds]
  spans = marked_passage.find_spans(
      context, golds, [("B", baseline), ("1", masked)])
  assert brackets(context, spans) == expected.replace("<", "\u27e8").replace(
      ">", "\u27e9")


def test_marks_have_a_style_for_each_answer():
  marked = marked_passage.mark("the Denver Broncos", [
      (4, 18, ("G", "B")), (11, 18, ("1", "2"))])
  assert read(marked)[1] == ["base gold", "base gold masked"]
  assert read(marked)[0] == "the GB<Denver 1,2<Broncos>1,2>GB".replace(
      "<", "\u27e8").replace(">", "\u27e9")


def test_brackets_turn_with_the_passage():
  hebrew = "\u05d0\u05e0\u05d4 \u05d2\u05e8\u05d4"
  marked = marked_passage.mark(hebrew, [(0, 3, ("G",))])
  assert marked.count('<bdi dir="rtl">') == 2
  assert "dir=" not in marked_passage.mark("1 a " + hebrew, [(0, 1, ("G",))])


@pytest.mark.parametrize("text, shown", [
    ("<a href='x'>&\"", "&lt;a href=&#x27;x&#x27;&gt;&amp;&quot;"),
    ("a\tb\nc\0\x1b\x7f\x9f", "a\tb\nc\u2400\u241b\ufffd\ufffd"),
    # It would reverse what follows; marks of direction are part of the text.
    ("\u202ea\u200f", "\ufffda\u200f"),
])
def test_escape(text, shown):
  assert marked_passage.escape(text) == shown
