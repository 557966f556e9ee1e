"""progress.py: how fast it is, and how long it takes."""

import sys
import time
import types

import pytest

from attention_zones.base.progress import Progress
from attention_zones.decoding.passes import cut_passes
from attention_zones.zones import grammar


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
  class Run:
    """Of runs.Run, what passes are cut by: nothing is finished yet."""
    options = types.SimpleNamespace(output_dir=str(tmp_path))
    wanted = grammar.parse_decodes("0-3", "q2", 4)
    finished_files = lambda self: set()
    files_of = lambda self, decodes: [decode.file_name() for decode in decodes]
  turns = [(one.turn, one.later) for one in cut_passes(Run(), 2)]
  assert turns == [(", pass 1 of 3", 1.5), (", pass 2 of 3", .5),
                   (", pass 3 of 3", 0)]
  one, = cut_passes(Run(), 5)
  assert (one.turn, one.later) == ("", 0)
