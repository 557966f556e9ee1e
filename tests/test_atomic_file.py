"""atomic_file.py: a file is replaced whole or not at all."""

import os
import resource
import stat

import pytest

import atomic_file


@pytest.fixture
def old_file(tmp_path):
  path = tmp_path / "results.csv"
  path.write_text("old")
  return path


def replace(path, content):
  with atomic_file.replacing(str(path)) as temporary:
    with open(temporary, "w") as f:
      f.write(content)


def test_replaces_the_file_only_after_the_block(old_file):
  with atomic_file.replacing(str(old_file)) as temporary:
    with open(temporary, "w") as f:
      f.write("new")
    assert old_file.read_text() == "old"
    assert os.path.dirname(temporary) == str(old_file.parent)
  assert old_file.read_text() == "new"
  assert os.listdir(str(old_file.parent)) == ["results.csv"]


def test_makes_a_file_that_was_not_there(tmp_path):
  replace(tmp_path / "new.txt", "new")
  assert (tmp_path / "new.txt").read_text() == "new"


def test_takes_a_relative_path(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  replace("new.txt", "new")
  assert (tmp_path / "new.txt").read_text() == "new"
  assert os.listdir(".") == ["new.txt"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()])
def test_keeps_the_old_file_when_the_block_raises(old_file, error):
  with pytest.raises(type(error)):
    with atomic_file.replacing(str(old_file)) as temporary:
      with open(temporary, "w") as f:
        f.write("half of the ne")
      raise error
  assert old_file.read_text() == "old"
  assert os.listdir(str(old_file.parent)) == ["results.csv"]


@pytest.mark.parametrize("umask, mode", [(0o027, 0o640), (0o000, 0o666)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
  old_umask = os.umask(umask)
  try:
    replace(tmp_path / "new.txt", "new")
    assert os.umask(umask) == umask
  finally:
    os.umask(old_umask)
  assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == mode


def test_no_such_folder(tmp_path):
  path = str(tmp_path / "absent" / "results.csv")
  with pytest.raises(FileNotFoundError, match="No such file") as caught:
    replace(path, "new")
  assert caught.value.filename == path
  assert path in str(caught.value)


def test_a_folder_in_the_place_of_the_file(tmp_path):
  (tmp_path / "results.csv").mkdir()
  path = str(tmp_path / "results.csv")
  with pytest.raises(IsADirectoryError) as caught:
    with atomic_file.replacing(path):
      pytest.fail("what is to be written is made, though it has no place")
  assert caught.value.filename == path
  assert path in str(caught.value)
  assert os.listdir(str(tmp_path)) == ["results.csv"]


def test_no_space_left(old_file):
  # A limit on the size of files stops a write half-way, as a full disk does.
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (10000, limits[1]))
  try:
    with pytest.raises(OSError, match="File too large") as caught:
      replace(old_file, "new" * 10000)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert caught.value.filename == str(old_file)
  assert old_file.read_text() == "old"
  assert os.listdir(str(old_file.parent)) == ["results.csv"]


def test_an_error_about_another_file_keeps_its_name(old_file):
  other = str(old_file.parent / "other.csv")
  with pytest.raises(FileNotFoundError) as caught:
    with atomic_file.replacing(str(old_file)):
      open(other)
  assert caught.value.filename == other
