"""The frame of an HTML page that needs nothing else: its head, tables, texts.

The style sheet, page.css, and the script, page.js, stand in the page. Its policy
names their digests, and allows nothing else: a browser would run no other script,
and ask no other machine for anything.

All text from a data set, a prediction or a file name is escaped. Text of unknown
language and direction has lang="" and dir="auto", or stands in <bdi>, so that it
does not disturb its neighbours.
"""

import base64
import hashlib
import os

from attention_zones.figures.marked_passage import escape

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'">
<title>%s</title>
<style>%s</style>
</head>
<body>
<a class="skip" href="#lists">Skip to the questions</a>
<main>
"""
HOLE = '<td class="hole"><span class="sr">not decoded</span></td>'
_FOOT = "</main>\n<script>%s</script>\n</body>\n</html>\n"


def frame(title, style):
  """What stands before and after the content of a page.

  Args:
    title: str.
    style: str, rules of style besides page.css.

  Returns:
    (head, foot): str.
  """
  style, script = "\n" + _read("page.css") + style, "\n" + _read("page.js")
  return (_HEAD % (_digest(script), _digest(style), escape(title), style),
          _FOOT % script)


def _read(name):
  """The text of a file beside this one: str."""
  path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
  with open(path, encoding="utf-8") as f:
    return f.read()


def _digest(text):
  """The digest of a script or style as a policy has it: str."""
  return "sha256-" + base64.b64encode(
      hashlib.sha256(text.encode()).digest()).decode()


def foreign(text):
  """HTML of a text from the data, apart from its neighbours; "" is no answer."""
  return '<bdi lang="">%s</bdi>' % escape(text) if text else "<i>no answer</i>"


def code(text):
  """HTML of a command or the name of a file: str."""
  return "<code><bdi>%s</bdi></code>" % escape(text)


def count(number, word):
  """A number of things: "1 question", "1,234 questions"; str."""
  return "%s %s%s" % (format(number, ","), word, "s" * (number != 1))


def link(target, html, attributes=""):
  """A link to a place in the page.

  Args:
    target: str, its id, of letters, digits and "+", ":", "@".
    html: str.
    attributes: str, more attributes.
  """
  return '<a href="#%s"%s>%s</a>' % (target, attributes, html)


def column(label):
  """HTML of a zone's label, which may be broken before or after its signs: str."""
  return escape(label).replace("+", "+<wbr>").replace("@", "<wbr>@")


def table(caption, headers, rows, style, label=None):
  """A table of layers x zones in its box, which scrolls where it is too wide.

  Args:
    caption: str, HTML.
    headers: list of str, HTML of the columns' names, the layers' first.
    rows: list of (layer, cells): str, and a list of the HTML of each cell, with its
      tags.
    style: str, the class of the table.
    label: str, what the box is called if it can have the focus. It should where
      the table is wide and has no links: a browser scrolls only such a box by
      keyboard.

  Returns:
    str.
  """
  focus = label and ' tabindex="0" role="group" aria-label="%s"' % escape(label)
  return (
      '<div class="scroll"%s>\n<table class="%s">\n<caption>%s</caption>\n'
      "<thead><tr>%s</tr></thead>\n<tbody>\n%s</tbody>\n</table>\n</div>\n" % (
          focus or "", style, caption, "".join(
              '<th scope="col">%s</th>' % header for header in headers),
          "".join('<tr><th scope="row">%s</th>%s</tr>\n' % (layer, "".join(cells))
                  for layer, cells in rows)))
