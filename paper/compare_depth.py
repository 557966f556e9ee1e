"""Compares what masking costs in two models, layer by layer in relative depth.

    PYTHONPATH=. python paper/compare_depth.py paper/squad.minilm.csv 71.466 \
      paper/table2.csv 80.901

Of the model with more layers, those at the same depth as a layer of the other are
averaged: layers 1 and 2 of 12 stand beside layer 1 of 6. Printed are the mean
change of each zone, and rank correlations (Spearman's) over all cells and over the
layers of each zone.
"""

import argparse

import numpy as np

from attention_zones.base import commands
from attention_zones.scores import results_table
from attention_zones.zones import zones


def changes(path, baseline):
  """The change in each single layer and zone of a results.csv: float [L, 4]."""
  table = results_table.read_results(path)
  rows = [row for label, row in zip(table.layers, table.scores) if label.isdigit()]
  return np.array([[row[table.zones.index(zone)] for zone in zones.FOUR]
                   for row in rows]) - baseline


def at_depth(values, number):
  """Averages layers, float [L, 4], to as many, L being a multiple: [number, 4]."""
  return values.reshape(number, -1, len(zones.FOUR)).mean(1)


def correlation(a, b):
  """Spearman's rank correlation of two arrays: float; equal values share a rank.

  NaN if all values of one are equal.
  """
  ranks = []
  for values in a.ravel(), b.ravel():
    larger_than = values[:, None] > values
    ranks.append((larger_than.sum(1) + (values[:, None] >= values).sum(1)) / 2)
  with np.errstate(invalid="ignore"):
    return np.corrcoef(*ranks)[0, 1]


def run(arguments):
  """Reads and prints. Raises OSError and ValueError."""
  a, b = (changes(path, float(baseline)) for path, baseline in (
      arguments.paths[:2], arguments.paths[2:]))
  number, larger = sorted((len(a), len(b)))
  if larger % number:
    raise ValueError("%d and %d layers: one should be a multiple of the other" % (
        len(a), len(b)))
  a, b = at_depth(a, number), at_depth(b, number)
  print("zone   mean change        rank correlation over %d depths" % number)
  for zone, of_a, of_b in zip(zones.FOUR, a.T, b.T):
    print("%-4s %+8.2f %+8.2f %10.2f" % (
        zone, of_a.mean(), of_b.mean(), correlation(of_a, of_b)))
  print("all cells: rank correlation %.2f" % correlation(a, b))


def parse_arguments(argv):
  """Returns the Namespace of the command line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("paths", nargs=4, metavar="results.csv baseline",
                      help="a results.csv and its baseline, twice")
  return parser.parse_args(argv)


main = commands.main("compare_depth.py", parse_arguments, run)

if __name__ == "__main__":
  commands.run(main)
