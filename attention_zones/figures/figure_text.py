"""Which text a figure can show, in matplotlib's font and without shaping."""

import pathlib
import re
import unicodedata

# What browsers take for matplotlib's font: itself, or one that is about as wide.
_SVG_FONTS = b"'DejaVu Sans', Verdana, Arial, sans-serif"


def check(flag, text):
  """Refuses text that would be drawn wrongly, or with missing characters.

  The figure's text is drawn one character after the other, from left to right. It
  is not shaped: some scripts need their letters joined, or placed by others.

  Args:
    flag: str, names the text in messages: "--title".
    text: str.

  Returns:
    str, the text to draw: each accent and its letter are one character, if Unicode
    has one, because a separate accent would be drawn beside the letter.

  Raises:
    ValueError: a character runs from right to left, is a separate accent or
      vowel sign, or is missing in the figure's font, as letters of most scripts
      that need shaping are.
  """
  # Imported here, because it takes a while, and only titles need it.
  from matplotlib import font_manager
  text = unicodedata.normalize("NFC", text)
  font = font_manager.get_font(font_manager.findfont(None))
  is_mark = lambda character: unicodedata.category(character).startswith("M")
  kinds = (
      ("the figure's text runs from left to right, unlike", lambda character:
       unicodedata.bidirectional(character) in ("R", "AL", "RLE", "RLO", "RLI")),
      ("the figure's text is drawn without shaping, which is needed for", is_mark),
      ("the figure's font, %s, has no" % font.family_name,
       lambda character: not font.get_char_index(ord(character))))
  characters = sorted(set("".join(text.split())))
  for problem, is_so in kinds:
    bad = [character for character in characters if is_so(character)]
    if bad:
      # A mark alone would be shown on top of its quotation mark.
      raise ValueError("%s: %s %s" % (flag, problem, ", ".join(
          ascii(character) if is_mark(character) else repr(character)
          for character in bad)))
  return text


def name_fonts(path):
  """Names the font in an SVG file of matplotlib, so that browsers find it.

  matplotlib 3.5 writes 'sans-serif' in quotes, which browsers take for the name of
  a font that is not there; 3.9 writes a list. Here both write the same.

  Args:
    path: str, a local file, which is overwritten.
  """
  svg = pathlib.Path(path)
  # Within a tag: in text, matplotlib writes < as &lt;.
  svg.write_bytes(re.sub(rb"(<text [^>]*\bfont: [^'>]*)'[^;\">]*",
                         rb"\1" + _SVG_FONTS, svg.read_bytes()))


def inches(text, size):
  """The width of a text of `size` points."""
  # Imported here, because it is slow, and bad flags should be refused at once.
  from matplotlib.textpath import TextPath
  # A dollar is text, not the begin of mathematics.
  path = TextPath((0, 0), text.replace("$", r"\$"), size=size)
  return path.get_extents().width / 72
