"""Locks between processes, real ones."""

import subprocess
import sys

import locks

TRY = "import sys, locks; print(locks.try_lock(open(sys.argv[1], 'a')))"


def try_elsewhere(repository, path):
  return subprocess.run(
      [sys.executable, "-c", TRY, str(path)], cwd=str(repository),
      stdout=subprocess.PIPE, universal_newlines=True).stdout.strip()


def test_one_process_at_a_time(repository, tmp_path):
  path = tmp_path / "lock"
  with open(str(path), "a") as f:
    assert locks.try_lock(f) is True
    assert try_elsewhere(repository, path) == "False"
  assert try_elsewhere(repository, path) == "True"


def test_a_file_system_without_locks(monkeypatch, tmp_path):
  """As Lustre says it."""
  def flock(f, operation):
    raise OSError(38, "Function not implemented")
  monkeypatch.setattr(locks.fcntl, "flock", flock)
  with open(str(tmp_path / "lock"), "a") as f:
    assert locks.try_lock(f) is None
