"""Reads and writes tables of comma-separated values.

Spaces around cells do not matter, nor do blank lines.
"""

import csv
import io
import math

from attention_zones.base import files


def read_lines(path, kind):
  """Reads the lines of a table.

  Args:
    path: str, a path or address.
    kind: str, what the file should be, for messages: "a results.csv".

  Returns:
    list of (str, list of str): file and line for messages, and the cells.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is not such a table.
  """
  try:
    # A spreadsheet may put a byte order mark first, which utf-8-sig drops.
    text = files.read_bytes(path).decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise ValueError("%s: not a table in UTF-8 (%s); %s is needed" % (
        path, error.reason, kind)) from error
  reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
  try:
    lines = [("%s, line %d" % (path, reader.line_num),
              [cell.strip() for cell in cells]) for cells in reader]
  except csv.Error as error:
    raise ValueError("%s, line %d: %s; %s is needed" % (
        path, reader.line_num, error, kind)) from error
  return [(where, cells) for where, cells in lines if any(cells)]


def has_columns(path, columns):
  """Whether the first line of a file names these columns, among others: bool.

  Args:
    path: str, a path or address.
    columns: set of str.

  Raises:
    OSError: the file cannot be read.
  """
  with files.open_bytes(path) as f:
    # Of a file that is no table, the first line may be all of it.
    first = f.readline(1000)
  names = first.decode("utf-8-sig", "replace").strip().split(",")
  return columns <= {name.strip() for name in names}


def read_rows(path, columns, kind):
  """Reads the rows of a table with a header.

  Args:
    path, kind: as for read_lines.
    columns: tuple of str, those that it must have.

  Returns:
    list of (str, dict from column to str): file and line for messages, and the
    cells.

  Raises:
    OSError, ValueError: as read_lines.
  """
  (_, header), *lines = read_lines(path, kind) or [("", [])]
  lacking = [name for name in columns if name not in header]
  if lacking:
    raise ValueError("%s, line 1: has no column %s; %s is needed" % (
        path, ", ".join(lacking), kind))
  for where, cells in lines:
    if len(cells) != len(header):
      raise ValueError("%s: %d cells, but the header has %d columns" % (
          where, len(cells), len(header)))
  return [(where, dict(zip(header, cells))) for where, cells in lines]


def number(where, row, column, limits=(-math.inf, math.inf), empty=None):
  """Reads a number.

  Args:
    where, row: of a row of read_rows.
    column: str.
    limits: (lowest, highest).
    empty: float, what an empty cell stands for; None: it is refused.

  Returns:
    float.

  Raises:
    ValueError: it is not a finite number, or not within the limits.
  """
  if row[column] == "" and empty is not None:
    return empty
  try:
    value = float(row[column])
  except ValueError:
    value = math.nan
  if not (limits[0] <= value <= limits[1] and math.isfinite(value)):
    raise ValueError("%s, column %s: %r is not a number from %g to %g" % (
        where, column, row[column], *limits))
  return value


def as_text(lines):
  """The text of a table, given its lines: iterable of a list of cells each."""
  text = io.StringIO()
  csv.writer(text, lineterminator="\n").writerows(lines)
  return text.getvalue()
