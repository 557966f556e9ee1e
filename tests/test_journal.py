"""journal.py, journal_writer.py: the answers of a sweep survive its end."""

import collections
import errno
import fcntl
import json
import os

import pytest

from attention_zones.base.journal import begun
from attention_zones.decoding.journal_writer import Journal
from attention_zones.decoding.answers import Answer

KEY = {"data": "d1", "decodes": ["", "_layer0_q2"]}

NBEST = [collections.OrderedDict([
    ("text", text), ("probability", probability), ("start_logit", 1.5),
    ("end_logit", -0.1)]) for text, probability in (
        ("caf\u00e9", 0.75), ("\u2028 \u6b63 \U0001f600 \"quoted\"\n", 0.25))]

# Of two decodes, the first with an n-best list.
ANSWERS = {
    0: [Answer("caf\u00e9", None, NBEST), Answer("Ann", None, None)],
    7: [Answer("\u2028 \u6b63 \U0001f600 \"quoted\"\n", -0.1, NBEST),
        Answer("", 1e-17, None)],
    3: [Answer("same", 2.5, []), Answer("same", -2.5, None)],
}


@pytest.fixture
def path(tmp_path):
  return tmp_path / "journal.jsonl"


def fill(path, questions=(0, 7, 3)):
  journal = Journal(str(path), KEY)
  for question in questions:
    journal.append(question, ANSWERS[question])
  journal.close(remove=False)
  return path.read_bytes()


def check_answers(journal, questions):
  assert set(journal.finished) == set(questions)
  # Not the last line last, so that the next append is not there by chance.
  for question in reversed(questions):
    answers = ANSWERS[question]
    record = journal.read(question)
    assert record["text"] == [answer.text for answer in answers]
    assert record["null_odds"] == [answer.null_odds for answer in answers]
    assert record["nbest"] == [answers[0].nbest]


def test_reads_back_what_was_appended(path):
  journal = Journal(str(path), KEY)
  assert journal.finished == {}
  journal.append(0, ANSWERS[0])
  check_answers(journal, [0])
  # Reading does not change where the next line goes.
  journal.append(7, ANSWERS[7])
  check_answers(journal, [0, 7])
  journal.append(3, ANSWERS[3])
  check_answers(journal, [0, 7, 3])


def test_keeps_the_order_of_keys_in_the_nbest_list(path):
  fill(path)
  entry = Journal(str(path), KEY).read(7)["nbest"][0][0]
  assert list(entry) == ["text", "probability", "start_logit", "end_logit"]


def test_a_line_is_on_disk_as_soon_as_it_is_appended(path):
  journal = Journal(str(path), KEY)
  journal.append(0, ANSWERS[0])
  # What another process sees, while this one has the file open.
  lines = path.read_bytes().splitlines()
  assert len(lines) == 2
  assert json.loads(lines[1].decode("ascii"))["question"] == 0


def test_is_continued(path):
  fill(path, [0, 7])
  journal = Journal(str(path), KEY)
  check_answers(journal, [0, 7])
  journal.append(3, ANSWERS[3])
  check_answers(journal, [0, 7, 3])
  journal.close(remove=False)
  check_answers(Journal(str(path), KEY), [0, 7, 3])


def test_a_last_line_that_was_cut_off_at_any_byte_is_dropped(path):
  whole = fill(path)
  two_lines = len(whole) - len(whole.splitlines(True)[-1])
  for length in range(two_lines, len(whole)):
    path.write_bytes(whole[:length])
    journal = Journal(str(path), KEY)
    check_answers(journal, [0, 7])
    journal.append(3, ANSWERS[3])
    check_answers(journal, [0, 7, 3])
    journal.close(remove=False)
    assert path.read_bytes() == whole


def test_a_header_that_was_cut_off_at_any_byte_starts_anew(path):
  whole = fill(path)
  header = len(whole.splitlines(True)[0])
  for length in range(header):
    path.write_bytes(whole[:length])
    journal = Journal(str(path), KEY)
    check_answers(journal, [])
    journal.close(remove=False)
    assert fill(path) == whole


@pytest.mark.parametrize("key, words", [
    (dict(KEY, data="d2"), "different data (d1 before, d2 now);"),
    (dict(KEY, data="d2", seed=1),
     "different data (d1 before, d2 now), seed (nothing before, 1 now);"),
    ({"decodes": KEY["decodes"]}, "different data (d1 before, nothing now);")])
def test_another_key_is_refused_and_nothing_lost(path, key, words):
  whole = fill(path)
  with pytest.raises(ValueError) as error:
    Journal(str(path), key)
  assert words in str(error.value) and str(path) in str(error.value)
  assert path.read_bytes() == whole


def test_close_removes_it_when_asked(path):
  fill(path)
  Journal(str(path), KEY).close(remove=True)
  assert not path.exists()


def test_a_folder_in_its_place_is_named(path):
  path.mkdir()
  with pytest.raises(OSError, match="journal.jsonl"):
    Journal(str(path), KEY)


def test_a_journal_has_one_writer(tmp_path):
  path = str(tmp_path / "journal.jsonl")
  first = Journal(path, KEY)
  with pytest.raises(ValueError, match="another run of the same decodes"):
    Journal(path, KEY)
  first.close(remove=False)
  Journal(path, KEY).close(remove=True)


def test_works_where_there_are_no_locks(monkeypatch, path, capsys):
  def flock(file, operation):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
  monkeypatch.setattr(fcntl, "flock", flock)
  for questions in ([0], [0, 7]):
    journal = Journal(str(path), KEY)
    journal.append(questions[-1], ANSWERS[questions[-1]])
    check_answers(journal, questions)
    journal.close(remove=False)
  said = capsys.readouterr().err
  assert said.startswith("%s: cannot be locked" % path) and said.count("\n") == 1


def test_tells_its_key(tmp_path):
  assert begun(str(tmp_path)) == {}
  name = "journal.%s.jsonl" % ("0" * 16)
  fill(tmp_path / name)
  fill(tmp_path / "other.jsonl")
  assert begun(str(tmp_path)) == {name: KEY}
  for content in (b"", b'{"data"', b"[1]\n", b"\xff\n", b'{"decodes": 3}\n'):
    (tmp_path / name).write_bytes(content)
    assert begun(str(tmp_path)) == {name: {}}


@pytest.mark.parametrize("text", ["[1]\n", "{}\n", "{\"a\": 1}\n", "a\n"])
def test_what_is_no_journal_is_refused(path, text):
  path.write_text(text)
  with pytest.raises(ValueError, match="is not a journal"):
    Journal(str(path), KEY)
  assert path.read_text() == text
