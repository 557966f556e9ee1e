"""The heatmap as tables of HTML, one for each metric, in the figure's colours.

Each cell has its difference, and what results.stats.csv says of it; it leads to the
questions behind it.
"""

import collections
import math

from attention_zones.figures import arrangement
from attention_zones.figures import heatmap
from attention_zones.figures import marks
from attention_zones.figures import page_html
from attention_zones.figures.marked_passage import escape
from attention_zones.scores import metrics
from attention_zones.scores import results_table

# Stops of the colour bar; the paper's map is linear between 5.
_STOPS = 17


class Heat(collections.namedtuple("Heat", ["panel", "rows", "path", "command"])):
  """The heatmap of a metric.

  Attributes:
    panel: heatmap.Panel of single zones or unions in all heads, with its metric.
    rows: dict, an entry of marks.read_rows; None without statistics.
    path: str, the file of statistics; without one, that which the command makes.
    command: str, the command that makes the file.
  """
  __slots__ = ()

  @property
  def look(self):
    """The heatmap.Look of the figure whose command get_results.py prints."""
    measure, ends = self.panel.measure, heatmap.span([self.panel])
    if measure.lowest is not None and metrics.is_seen(measure, ends):
      ends = measure.lowest, measure.highest
    return heatmap.Look(None, False, heatmap.CMAP, *ends, width=None)

  @property
  def cells(self):
    """The differences that are there: OrderedDict from (layer, zone) to float."""
    return collections.OrderedDict(
        ((layer, zone), float(value))
        for layer, line in zip(
            self.panel.table.layers[::-1], self.panel.differences)
        for zone, value in zip(self.panel.table.zones, line)
        if not math.isnan(value))

  def score(self, value):
    """A score as text, "80.6" for example."""
    return arrangement.annotation(value, self.panel.measure.places)

  def difference(self, value):
    """A difference as text, "−13.6" or "+1.0" for example."""
    return signed(value, self.panel.measure.places)

  def sign(self, cell):
    """The figure's sign of a cell: a dot, a circle, both, or "": str."""
    return {(True, True): heatmap.DOT_IN_CIRCLE, (True, False): heatmap.DOT,
            (False, True): heatmap.CIRCLE}.get((
                cell in (self.panel.marks or ()),
                cell in (self.panel.equivalent or ())), "")

  def interval(self, cell):
    """The interval of a cell, "−15.0 to −12.2"; "" where there is none: str."""
    ends = [(self.rows or {}).get(cell, {}).get(name, math.nan)
            for name in marks.INTERVAL]
    if any(map(math.isnan, ends)):
      return ""
    return " to ".join(self.difference(end) for end in ends)

  def describe(self, cell):
    """What is known of a cell, in words: str."""
    measure, value = self.panel.measure, self.cells[cell]
    before = self.panel.before(cell)
    parts = ["%s %s %s, from %s to %s" % (
        measure.label, self.difference(value), measure.unit, self.score(before),
        self.score(before + value))]
    if self.interval(cell):
      parts.append("95 %% interval %s" % self.interval(cell))
    if self.rows is not None:
      p = self.rows[cell]["p_holm"]
      parts.append("not tested" if math.isnan(p) else "p %s after Holm" % (
          "= %.3f" % p if p >= 0.001 else "< .001"))
    if self.sign(cell):
      parts[-1] += " (%s)" % self.sign(cell)
    return ", ".join(parts)


def signed(value, places):
  """A number with its sign, "−13.6", "+1.0" or "0.0" for example: str."""
  text = arrangement.annotation(value, places)
  return "+" + text if value > 0 and text.strip("0.") else text


def cell_id(layer, zone):
  """The id of a cell's list of questions, "3:p2" as of predictions.cell_label."""
  return "%s:%s" % (layer, zone)


def ink(colour):
  """What contrasts most with a colour, "#000" or "#fff"; both are str."""
  channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
  red, green, blue = (value / 12.92 if value <= 0.04045 else
                      ((value + 0.055) / 1.055) ** 2.4 for value in channels)
  # WCAG's relative luminance. At 0.179 both contrast by 4.58 to 1.
  return "#fff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 else "#000"


def _classes(heats):
  """The classes of all colours: dict from "#0000a5" to "c0" and so on."""
  colours = sorted({colour for heat in heats for colour in heatmap.hex_colours(
      list(heat.cells.values()), heat.look)})
  return {colour: "c%d" % i for i, colour in enumerate(colours)}


def style(heats):
  """The rules of style for the colours of the tables: str."""
  rules = [".%s{background:%s;color:%s}" % (name, colour, ink(colour))
           for colour, name in _classes(heats).items()]
  for heat in heats:
    low, high = heat.look.vmin, heat.look.vmax
    stops = heatmap.hex_colours([
        low + (high - low) * i / (_STOPS - 1) for i in range(_STOPS)], heat.look)
    rules.append(".scale-%s{background:linear-gradient(to right,%s)}" % (
        heat.panel.metric, ",".join(stops)))
  return "".join(rule + "\n" for rule in rules)


def sections(heats):
  """Yields a section for each metric.

  Args:
    heats: list of Heat, EM first.

  Yields:
    str.
  """
  classes = _classes(heats)
  # The style sheet shows the last one, unless a link leads to another.
  for heat in heats[1:] + heats[:1]:
    metric, measure = heat.panel.metric, heat.panel.measure
    yield '<section class="metric" id="%s" aria-label="%s">\n' % (
        metric, measure.label)
    yield '<p class="switch">%s</p>\n' % "".join(page_html.link(
        other.panel.metric, other.panel.measure.label,
        ' aria-current="true"' if other is heat else "") for other in heats)
    yield _table(heat, classes)
    yield _scale(heat)
    for line in (heatmap.signs_note([heat.panel]) or "").splitlines():
      yield "<p>%s</p>\n" % escape(line)
    yield '<p class="muted">%s</p>\n</section>\n' % _of_statistics(heat)


def _table(heat, classes):
  """The table of a Heat: str."""
  panel, cells = heat.panel, heat.cells
  colours = dict(zip(cells, heatmap.hex_colours(list(cells.values()), heat.look)))
  labels = {zone: results_table.zone_label(zone) for zone in panel.table.zones}

  def html(cell):
    if cell not in cells:
      return page_html.HOLE
    small = heat.interval(cell)
    return '<td class="%s">%s</td>' % (
        classes[colours[cell]], page_html.link(
            cell_id(*cell), "%s%s%s" % (
                heat.difference(cells[cell]),
                " " + heat.sign(cell) if heat.sign(cell) else "",
                " <small>%s</small>" % small if small else ""),
            ' title="%s"' % escape("Layer %s, %s: %s" % (
                cell[0], labels[cell[1]], heat.describe(cell)))))

  caption = ("%s with the zone of a column masked in the layer of a row, minus the "
             "baseline&rsquo;s %s, in %s." % (
                 panel.measure.label, heat.score(panel.baseline),
                 panel.measure.unit))
  if panel.own_baselines:
    caption += (" Where a zone leaves questions out, which have no token of its "
                "sets, score and baseline are of the other questions.")
  return page_html.table(
      caption, ["layer"] + list(map(page_html.column, labels.values())), [
          (layer, [html((layer, zone)) for zone in panel.table.zones])
          for layer in panel.table.layers[::-1]], "heat")


def _scale(heat):
  """The colour bar of a Heat: str."""
  look, values = heat.look, list(heat.cells.values())
  low = heat.difference(look.vmin) + " or less" * (min(values) < look.vmin)
  high = heat.difference(look.vmax) + " or more" * (max(values) > look.vmax)
  return ('<p class="scale"><span>%s</span><i class="scale-%s"></i><span>%s</span>'
          "<span>White is no change.</span></p>\n" % (
              low, heat.panel.metric, high))


def _of_statistics(heat):
  """Where intervals and signs are from, or how to make them: str, HTML."""
  if heat.rows is None:
    return ("Intervals and marks: %s makes %s; give it to this page with "
            "%s." % tuple(map(page_html.code, (
                heat.command, heat.path, "--stats=" + heat.path))))
  # Zones may leave questions out.
  most = {name: max(row.get(name, math.nan) for row in heat.rows.values())
          for name in ("n", "clusters")}
  sizes = [page_html.count(int(most[name]), word) for name, word in (
      ("n", "question"), ("clusters", "cluster")) if not math.isnan(most[name])]
  return "Intervals (95 %%) and marks are from %s%s." % (
      page_html.code(heat.path), ": " + ", ".join(sizes) if sizes else "")
