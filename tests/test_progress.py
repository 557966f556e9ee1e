"""progress.py: how fast it is, and how long it takes."""

import sys
import time

import pytest

from attention_zones.base.progress import Progress
from attention_zones.decoding.passes import cut_passes
from attention_zones.zones import decodes


@pytest.fixture
def lines(monkeypatch, capsys):
  """A function from Progress's arguments and (second, done) to what is shown."""
  def shown(arguments, *updates, **more):
    progress = Progress(*arguments, **more)
    for second, done in updates:
      monkeypatch.setattr(time, "time", lambda: 1000. + second)
      progress.update(done)
    return capsys.readouterr().err.splitlines()
  assert not sys.stderr.isatty()
  return shown


def test_fast_and_slow(lines):
  assert lines(("predicting", 100, "questions"), (0, 0), (60, 30)) == [
      "predicting: 0/100 questions",
      "predicting: 30/100 questions, 2.0 s/question, 0:02:20 left"]
  assert lines(("training", 1000, "steps"), (0, 0), (60, 300))[1] == (
      "training: 300/1000 steps, 5.0 steps/s, 0:02:20 left")


def test_the_time_of_all_passes_and_of_all_shares(lines):
  """Of a pass with one to come that has half of its decodes."""
  line = lines(("predicting", 100, "questions"), (0, 0), (60, 30), later=.5)[1]
  assert line.endswith("0:02:20 left (0:04:00 with all passes)")
  line = lines(("predicting", 100, "questions", 300), (0, 0), (60, 30))[1]
  assert line.endswith("0:02:20 left (all 300 here: 0:10:00)")


def test_passes_say_which_they_are(tmp_path):
  class Options:
    output_dir = str(tmp_path)
    write_nbest = version_2_with_negative = gold_logp = False
  wanted = decodes.parse_decodes("0-3", "q2", 4)
  turns = [(one.turn, one.later) for one in cut_passes(Options, wanted, 2, set())]
  assert turns == [(", pass 1 of 3", 1.5), (", pass 2 of 3", .5),
                   (", pass 3 of 3", 0)]
  one, = cut_passes(Options, wanted, 5, set())
  assert (one.turn, one.later) == ("", 0)
