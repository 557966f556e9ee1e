"""The shell of a command: signals, flags, one-line errors, and the exit status.

    from attention_zones.base import commands
    if __name__ == "__main__":
      commands.install("get_results.py")   # before the slow imports
    ...
    main = commands.main("get_results.py", parse_arguments, work)
    if __name__ == "__main__":
      commands.run(main)
"""

import argparse
import sys

from attention_zones.base import interrupts
from attention_zones.base import path_checks

install, run = interrupts.install, interrupts.run


def main(script, parse, work):
  """Makes the main function of a command.

  Args:
    script: str, the name that begins its messages.
    parse: function from a list of str, or None for the command line, to the
      Namespace of its flags.
    work: function of this Namespace. Its OSError or ValueError becomes one line on
      stderr.

  Returns:
    function like `parse` that returns the exit status, 0 or 1.
  """
  def of_command_line(argv=None):
    arguments = parse(argv)
    try:
      work(arguments)
    except BrokenPipeError:
      raise
    except (OSError, ValueError) as error:
      print("%s: %s" % (script, path_checks.describe(error)), file=sys.stderr)
      return 1
    return 0
  return of_command_line


def whole_number(least, most=None):
  """Makes the argparse type of a flag that is a whole number within limits."""
  def read(text):
    if not text.isdigit() or int(text) < least or most and int(text) > most:
      raise argparse.ArgumentTypeError("%r is not a whole number %s" % (
          text, "from %d to %d" % (least, most) if most else
          "above %d" % (least - 1)))
    return int(text)
  return read


seed = whole_number(0, 2 ** 32 - 1)
"""The argparse type of a seed of numpy."""
