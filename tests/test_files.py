"""files.py: one layer for local paths and addresses."""

import errno
import fcntl
import os
import resource
import stat
import subprocess
import sys

import pytest

from attention_zones.base import files


@pytest.fixture
def old_file(tmp_path):
  path = tmp_path / "results.csv"
  path.write_text("old")
  return path


def replace(path, content):
  with files.replacing(str(path)) as temporary:
    with open(temporary, "w") as f:
      f.write(content)


def test_replaces_the_file_only_after_the_block(old_file):
  with files.replacing(str(old_file)) as temporary:
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
    with files.replacing(str(old_file)) as temporary:
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
    with files.replacing(path):
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
    with files.replacing(str(old_file)):
      open(other)
  assert caught.value.filename == other


def test_a_block_that_gives_up_keeps_the_old_file(old_file):
  for path in (str(old_file), "file://%s" % old_file):
    with files.replacing(path) as temporary:
      os.remove(temporary)
    assert old_file.read_text() == "old"
    assert os.listdir(str(old_file.parent)) == ["results.csv"]


@pytest.fixture(params=["", "file://"])
def root(request, tmp_path):
  """The path of tmp_path, and its address."""
  return request.param + str(tmp_path)


def test_the_same_answers_for_paths_and_addresses(root, tmp_path):
  (tmp_path / "file").write_bytes(b"\xff\r\n")
  assert files.read_bytes(root + "/file") == b"\xff\r\n"
  assert files.exists(root + "/file") and not files.is_folder(root + "/file")
  assert files.exists(root) and files.is_folder(root)
  assert not files.exists(root + "/no") and not files.is_folder(root + "/no")
  files.make_folder(root + "/a/b")
  files.make_folder(root + "/a/b")
  files.check_writable(root + "/a/b")
  assert files.list_folder(root + "/a/b") == []
  files.write_text(root + "/a/b/t", ["caf\u00e9\r\n", "\ud800", "\n"])
  assert (tmp_path / "a/b/t").read_bytes() == b"caf\xc3\xa9\r\n\\ud800\n"
  files.write_text(root + "/a/b/t", ["new"])
  assert (tmp_path / "a/b/t").read_bytes() == b"new"
  assert files.list_folder(root + "/a/b/") == ["t"]
  files.remove(root + "/a/b/t")
  assert files.list_folder(root) == ["a", "file"]
  assert files.identity(root + "/a/") == files.identity(root + "/a")


def test_the_same_errors_for_paths_and_addresses(root, tmp_path):
  (tmp_path / "file").write_text("old")
  for failing, code in (
      (lambda path: files.read_bytes(path), errno.ENOENT),
      (lambda path: files.list_folder(path), errno.ENOENT),
      (lambda path: files.remove(path), errno.ENOENT),
      (lambda path: files.write_text(path + "/t", ["x"]), errno.ENOENT)):
    with pytest.raises(OSError) as caught:
      failing(root + "/no")
    assert caught.value.errno == code
    assert caught.value.filename.startswith(root + "/no")
    assert "\n" not in caught.value.strerror
  with pytest.raises(IsADirectoryError):
    files.write_text(root, ["x"])
  for failing in (files.make_folder, files.check_writable):
    with pytest.raises(OSError, match="[Nn]ot a directory|File exists"):
      failing(root + "/file/below")
  assert os.listdir(str(tmp_path)) == ["file"]


@pytest.mark.parametrize("path, problem", [
    ("file:///tmp/x", None), ("/tmp/x", None), ("C:/x", None),
    ("file://tmp/x", "file:///tmp/x"), ("foo://x", "foo://"),
    ("FILE:///x", "FILE://"), ("http://x/y", "http://"), ("://x", None),
    ("a/b://x", None)])
def test_addresses_that_cannot_be_meant(path, problem):
  said = files.address_problem(path)
  if problem is None:
    assert said is None
    return
  assert problem in said and "\n" not in said
  with pytest.raises(OSError) as caught:
    files.exists(path)
  assert caught.value.filename == path and caught.value.strerror == said


def test_local_paths_need_no_tensorflow(repository):
  """Scoring and drawing are quick, and work where there is none."""
  code = ("import sys, eval_squad, get_results, visualize_att_zone\n"
          "from attention_zones import cases\n"
          "from attention_zones.base import files\n"
          "from attention_zones.figures import eval_pictures\n"
          "files.address_problem('x'), files.exists('x')\n"
          "print([name for name in sys.modules if name == 'tensorflow'])")
  assert subprocess.check_output(
      [sys.executable, "-c", code], cwd=str(repository)) == b"[]\n"


def fails_with(code):
  """A flock of a file system that has none."""
  def flock(file, operation):
    raise OSError(code, os.strerror(code))
  return flock


# The kernel itself answers EINVAL to what is no operation.
NO_LOCKS = [lambda file, operation, lock=fcntl.flock: lock(file, 0)] + [
    fails_with(code) for code in (
        errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)]


@pytest.mark.parametrize("flock", NO_LOCKS)
def test_a_file_system_without_locks_is_remarked_on_once(
    monkeypatch, tmp_path, capsys, flock):
  monkeypatch.setattr(fcntl, "flock", flock)
  path = str(tmp_path / "lock")
  with open(path, "w") as f:
    assert not files.try_lock(f, fcntl.LOCK_EX)
    assert not files.try_lock(f, fcntl.LOCK_EX)
  said = capsys.readouterr().err
  assert said.startswith(path + ": cannot be locked ") and said.count("\n") == 1


def test_a_lock_that_fails_otherwise_is_an_error(monkeypatch, tmp_path):
  with open(str(tmp_path / "lock"), "w") as f, open(f.name, "w") as other:
    assert files.try_lock(f, fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError):
      files.try_lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    monkeypatch.setattr(fcntl, "flock", fails_with(errno.EIO))
    with pytest.raises(OSError):
      files.try_lock(other, fcntl.LOCK_EX)
