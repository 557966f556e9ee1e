"""figure_text.py: titles that a figure can show, and those that it cannot."""

import pytest

from attention_zones.figures import figure_text

DIRECTION = "--title: the figure's text runs from left to right, unlike "
SHAPING = ("--title: the figure's text is drawn without shaping, which is needed "
           "for ")
MISSING = "--title: the figure's font, DejaVu Sans, has no "


@pytest.mark.parametrize("title, message", [
    ("BERT \u05e9\u05dc", DIRECTION + "'\u05dc', '\u05e9'"),
    ("\u0639\u0631\u0628", DIRECTION + "'\u0628', '\u0631', '\u0639'"),
    ("\u07ca", DIRECTION + "'\u07ca'"),  # N'Ko
    ("\u0712", DIRECTION + "'\u0712'"),  # Syriac
    ("a \u202eb", DIRECTION + "'\\u202e'"),  # text from here on reversed
    ("\u0939\u093f", SHAPING + "'\\u093f'"),  # Devanagari
    ("\u0e17", MISSING + "'\u0e17'"),  # Thai
    ("\u1019", MISSING + "'\u1019'"),  # Burmese
    # Hangul in pieces, which NFC makes one syllable of; the font has none.
    ("\u1112\u1169", MISSING + "'\ud638'"),
    ("q\u0303", SHAPING + "'\\u0303'"),  # there is no such letter in Unicode
])
def test_titles_that_would_be_drawn_wrongly(title, message):
  with pytest.raises(ValueError) as caught:
    figure_text.check("--title", title)
  assert str(caught.value) == message


@pytest.mark.parametrize("title, drawn", [
    ("caf\u00e9 \u00df \u0141\u00f3d\u017a Ti\u1ebfng", None),
    ("cafe\u0301 Tie\u0302\u0301ng", "caf\u00e9 Ti\u1ebfng"),
    ("\u0391\u03b8\u03ae\u03bd\u03b1 \u0419\u0451", None),
    ("\u10d0\u10d1 \u0531\u0561", None),  # Georgian, Armenian
    ("P\u00b2 \u2192 Q\u00b2, \u2212 10 %, \u03b1 = \u00bd", None),
    ("\u0661\u0662", None),  # Arabic digits, which do run so
])
def test_titles_that_are_drawn(title, drawn):
  assert figure_text.check("--title", title) == (drawn or title)
