"""setup_env.sh, with stand-ins for the programs that it looks for.

The folder of programs is all of PATH, so that no Python of the machine is
found. A stand-in for Python makes environments that hold a copy of itself, and
writes what it was asked to do into the file `calls`.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import time

import pytest

# What the script calls, on Linux and macOS alike.
TOOLS = ("basename", "bash", "cat", "cmp", "cp", "dirname", "find", "grep",
         "ln", "ls", "mkdir", "mv", "readlink", "rm", "rmdir", "sh", "sleep")

PYTHON = """#!/bin/sh
case "$1 $2" in
  "-c import tensorflow") {on_import} ;;
  "-c "*platform*) echo "{about} $0" ;;
  "-m venv")
    echo "venv by $0" >> "{calls}"
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip")
    [ "$3" = check ] && {{ {on_check}; exit; }}
    shift 4
    echo "pip $*" >> "{calls}"
    {on_pip} ;;
esac
"""
RIGHT = "CPython-3.7.16 Linux-x86_64"
BROKEN_SHIM = """#!/bin/sh
echo "pyenv: python3.7: command not found" >&2
exit 127
"""


class Machine:
  """A machine with a checkout, and with no Python but what a test adds."""

  def __init__(self, folder, repository):
    self.home = folder / "home"
    self.programs = folder / "programs"
    self.repository = folder / "my checkout"
    self.venv = self.repository / ".venv"
    self.calls_file = folder / "calls"
    self.calls_file.touch()
    for made in (self.home, self.programs, self.repository):
      made.mkdir()
    for tool in TOOLS:
      (self.programs / tool).symlink_to(shutil.which(tool))
    self.is_a("Linux", "x86_64")
    shutil.copy(str(repository / "setup_env.sh"), str(self.repository))
    self.require("seaborn==0.12.2")

  def require(self, line, name="requirements.txt"):
    (self.repository / name).write_text(line + "\n", encoding="utf-8")

  def program(self, name, text):
    """Adds a program, by name to PATH or by its whole path."""
    path = self.programs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path

  def is_a(self, system, processor):
    self.program("uname", """#!/bin/sh
case $1 in -s) echo %s ;; -m) echo %s ;; -n) echo here ;; esac
""" % (system, processor))

  def python(self, name="python3.7", about=RIGHT, **reactions):
    """Adds a stand-in; reactions are shell commands on_pip and so on."""
    commands = dict(on_pip=":", on_check=":", on_import=":")
    commands.update(reactions)
    return self.program(name, PYTHON.format(
        about=about, calls=self.calls_file, **commands))

  def start(self, *arguments, **variables):
    environment = {"PATH": str(self.programs), "HOME": str(self.home)}
    environment.update(variables)
    return subprocess.Popen(
        ["bash", str(self.repository / "setup_env.sh")] + list(arguments),
        env=environment, cwd=str(self.home), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, start_new_session=True)

  def run(self, *arguments, **variables):
    """Runs setup_env.sh; returns (exit status, stdout, stderr)."""
    process = self.start(*arguments, **variables)
    out, err = process.communicate()
    return process.returncode, out, err

  def calls(self):
    """What the stand-ins were asked to do, a line each; forgets it."""
    text = self.calls_file.read_text(encoding="utf-8")
    self.calls_file.write_text("", encoding="utf-8")
    return text.splitlines()

  def assert_makes_with(self, python, **variables):
    """Checks that .venv is made with this Python; returns stdout."""
    status, out, err = self.run(**variables)
    assert (status, err) == (0, "")
    assert self.calls()[0] == "venv by %s" % python
    assert (self.venv / "bin/python").is_file()
    return out


@pytest.fixture
def machine(tmp_path, repository):
  return Machine(tmp_path, repository)


def add_given(machine):
  return machine.python(machine.home / "given")


def add_on_path(machine):
  return machine.python()


def add_pyenv(machine):
  return machine.python(machine.home / ".pyenv/versions/3.7.9/bin/python")


def add_uv(machine):
  """A uv that has not downloaded Python 3.7 yet."""
  python = machine.home / "uv's" / "python"
  kept = machine.python(machine.home / "not downloaded")
  machine.program("uv", """#!/bin/sh
case "$1 $2" in
  "python find") [ -e "{0}" ] && echo "{0}" ;;
  "tool run") mkdir -p "{0}" && rmdir "{0}" && cp "{1}" "{0}" ;;
esac
""".format(python, kept))
  return python


def add_conda(machine):
  kept = machine.python(machine.home / "not created")
  machine.program("conda", """#!/bin/sh
[ "$1 $4 $6" = "create --prefix python=3.7" ] || exit 1
mkdir -p "$5/bin" && cp "{0}" "$5/bin/python"
""".format(kept))
  return machine.venv / "conda/bin/python"


SOURCES = [add_given, add_on_path, add_pyenv, add_uv, add_conda]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_order_of_search(machine, first):
  added = [add(machine) for add in SOURCES[first:]]
  given = {"PYTHON": str(added[0])} if first == 0 else {}
  assert machine.assert_makes_with(added[0], **given) == (
      "Making .venv with CPython 3.7.16 from %s; this takes a minute or two.\n"
      % added[0])


def test_python_that_uv_has_is_not_downloaded(machine):
  python = machine.python(machine.home / "uv's" / "python")
  machine.program("uv", """#!/bin/sh
[ "$*" = "python find 3.7" ] && echo "%s"
""" % python)
  machine.assert_makes_with(python)


def test_pyenv_root_is_followed(machine):
  add_pyenv(machine)
  python = machine.python(machine.home / "elsewhere/versions/3.7.1/bin/python")
  machine.assert_makes_with(python, PYENV_ROOT=str(machine.home / "elsewhere"))


@pytest.mark.parametrize("place", ["bin/python3.7",
                                   ".pyenv/versions/3.7.9/bin/python"])
def test_broken_shim_is_skipped(machine, place):
  machine.program("python3.7", BROKEN_SHIM)
  python = machine.python(machine.home / place)
  path = "%s:%s" % (machine.programs, machine.home / "bin")
  machine.assert_makes_with(python, PATH=path)


def test_uv_that_cannot_download_is_shown_and_skipped(machine):
  machine.program("uv", "#!/bin/sh\necho 'uv: offline' >&2\nexit 1\n")
  python = add_conda(machine)
  assert machine.run()[::2] == (0, "uv: offline\n")
  assert machine.calls()[0] == "venv by %s" % python


def refused(machine, **variables):
  """The one line that setup_env.sh refuses with, having made nothing."""
  status, out, err = machine.run(**variables)
  assert (status, out) == (1, "")
  assert not machine.venv.exists()
  assert machine.calls() == []
  assert err.startswith("setup_env.sh: ") and err.count("\n") == 1
  return err[len("setup_env.sh: "):-1]


@pytest.mark.parametrize("version", ["CPython-3.11.7", "PyPy-3.7.13"])
def test_given_python_of_another_kind_is_refused(machine, version):
  add_on_path(machine)
  python = machine.python("python", about=version + " Linux-x86_64")
  assert refused(machine, PYTHON=str(python)) == "PYTHON=%s is %s, not %s" % (
      python, version.replace("-", " "), "CPython 3.7")


def test_given_python_that_does_not_run_is_refused(machine):
  add_on_path(machine)
  assert refused(machine, PYTHON="/no/python") == (
      "PYTHON=/no/python does not run; it must be a CPython 3.7")


def test_no_python_at_all(machine):
  assert refused(machine) == (
      'no Python 3.7 found: install it ("pyenv install 3.7.17"), or uv or '
      'conda, which can download it, or set PYTHON to its path')


NO_WHEEL = ("TensorFlow 1.15.3 has no wheel for %s: this needs a 64-bit "
            "CPython 3.7 on x86_64 Linux (with glibc) or macOS")


@pytest.mark.parametrize("given", [{}, {"PYTHON": "python3.7"}])
def test_python_for_a_platform_without_wheel(machine, given):
  machine.python(about="CPython-3.7.16 Darwin-arm64")
  named = " (PYTHON=python3.7)" if given else ""
  assert refused(machine, **given) == NO_WHEEL % ("Darwin-arm64" + named)


def test_nothing_is_downloaded_on_a_platform_without_wheel(machine):
  machine.is_a("Darwin", "arm64")
  for name in ("uv", "conda"):
    machine.program(name, "#!/bin/sh\necho %s >> '%s'\n" % (
        name, machine.calls_file))
  assert refused(machine) == NO_WHEEL % "Darwin-arm64"


def test_python_with_wheels_on_a_machine_without(machine):
  """An x86_64 Python on Apple silicon."""
  machine.is_a("Darwin", "arm64")
  machine.python(machine.home / "bin" / "python3.7",
                 about="CPython-3.7.16 Darwin-arm64")
  python = machine.python(about="CPython-3.7.16 Darwin-x86_64")
  path = "%s:%s" % (machine.home / "bin", machine.programs)
  machine.assert_makes_with(python, PATH=path)


@pytest.mark.parametrize("change, problem", [
    ("platform.machine = lambda: 'arm64'", "-arm64 (PYTHON=python)"),
    ("sys.maxsize = 2**31 - 1", "-x86_64-32bit (PYTHON=python)"),
    ("platform.libc_ver = lambda: ('', '')",
     "Linux-x86_64-without-glibc (PYTHON=python)"),
    ("platform.python_version = lambda: '3.8.1'", "is CPython 3.8.1, not"),
    ("pass", None),
])
def test_what_a_real_python_says_of_itself(machine, change, problem):
  """The questions are put to the Python that runs the tests."""
  if "libc" in change and platform.system() != "Linux":
    pytest.skip("only Linux has a choice of C libraries")
  stand_in = machine.python(machine.home / "stand-in")
  machine.program("python", """#!/bin/sh
exec "%s" -c "import os, platform, sys
sys.executable = '%s'
%s
$2"
""" % (sys.executable, stand_in, change))
  if problem:
    assert problem in refused(machine, PYTHON="python")
  else:
    machine.assert_makes_with(stand_in, PYTHON="python")


def test_other_systems_are_refused(machine):
  machine.is_a("MINGW64_NT-10.0", "x86_64")
  assert refused(machine) == (
      "runs on Linux and macOS, not on MINGW64_NT-10.0; Windows has WSL")


def test_right_environment_is_reused(machine):
  python = add_on_path(machine)
  assert machine.run()[0] == 0
  assert len(machine.calls()) == 2
  python.unlink()
  assert machine.run() == (0, "", "")
  assert machine.calls() == []


def test_installs_pip_first_and_without_looking_for_dependencies(machine):
  add_on_path(machine)
  machine.require("seaborn==0.12.2\npip==24.0\nsetuptools==68.0.0")
  assert machine.run()[0] == 0
  assert machine.calls()[1:] == [
      "pip install --no-deps --no-build-isolation pip==24.0 setuptools==68.0.0",
      "pip install --no-deps --no-build-isolation -r %s/requirements.txt"
      % machine.repository]


@pytest.mark.parametrize("spoil", [
    lambda machine: machine.require("seaborn==0.12.1"),
    lambda machine: machine.program(machine.venv / "bin/python", BROKEN_SHIM)])
def test_environment_that_is_not_right_is_replaced(machine, spoil):
  python = add_on_path(machine)
  machine.run()
  (machine.venv / "left over").touch()
  machine.calls()
  spoil(machine)
  machine.assert_makes_with(python)
  assert not (machine.venv / "left over").exists()
  assert machine.run() == (0, "", "")


def test_extra_requirements_are_added(machine):
  add_on_path(machine)
  assert machine.run()[0] == 0
  machine.calls()
  machine.require("pytest==7.4.4", "extra.txt")
  extra = str(machine.repository / "extra.txt")
  assert machine.run(extra) == (
      0, "Adding to .venv what %s asks for.\n" % extra, "")
  assert machine.calls() == [
      "pip install --no-deps --no-build-isolation -r %s/requirements.txt -r %s"
      % (machine.repository, extra)]
  # From here on it is right with them and without.
  assert machine.run(extra) == machine.run() == (0, "", "")
  assert machine.calls() == []


def test_extra_requirements_that_are_not_there(machine):
  assert machine.run("no.txt") == (
      1, "", "setup_env.sh: no.txt: no such requirements file\n")


@pytest.mark.parametrize("at, last_line", [
    ("on_pip", "pip could not install into .venv (its output is above); run "
     "again when the cause is gone"),
    ("on_check", "the requirements do not fit together (pip's output is "
     "above)"),
    ("on_import", "TensorFlow is installed but does not import (its output is "
     "above; its wheels need a CPU with AVX)"),
])
def test_failed_install_is_shown_and_done_again(machine, at, last_line):
  machine.python(**{at: "echo the cause >&2; exit 1"})
  status, _, err = machine.run()
  assert status == 1
  assert err == "the cause\nsetup_env.sh: %s\n" % last_line
  machine.calls()
  machine.assert_makes_with(add_on_path(machine))


def wait_for_call(machine, process, call):
  while call not in machine.calls_file.read_text(encoding="utf-8"):
    assert process.poll() is None, "ended without %r" % call
    time.sleep(0.05)


def test_killed_install_is_done_again(machine):
  machine.python(on_pip="sleep 60")
  process = machine.start()
  wait_for_call(machine, process, "pip install")
  os.killpg(process.pid, signal.SIGKILL)
  process.communicate()
  assert (machine.venv / "lock").is_symlink()
  machine.calls()
  machine.assert_makes_with(add_on_path(machine))
  assert not (machine.venv / "lock").is_symlink()


def test_interrupted_install_releases_its_lock_last(machine):
  machine.python(on_pip="sleep 1; echo slept >> '%s'" % machine.calls_file)
  process = machine.start()
  wait_for_call(machine, process, "pip install")
  process.terminate()
  assert (process.communicate()[1], process.returncode) == ("", 1)
  assert machine.calls()[-1] == "slept"
  assert not (machine.venv / "lock").is_symlink()
  assert not (machine.venv / "installed").exists()


def test_two_at_the_same_time_make_one_environment(machine):
  may_end = machine.home / "may_end"
  machine.python(on_pip="while [ ! -e '%s' ]; do sleep 0.1; done" % may_end)
  first = machine.start()
  wait_for_call(machine, first, "venv by")
  second = machine.start()
  waiting = second.stdout.readline()
  may_end.write_text("")
  assert first.communicate()[1] == ""
  rest, err = second.communicate()
  assert waiting + rest == (
      "Waiting for process %d on here, which is making %s (if it is not, "
      "delete that folder).\n" % (first.pid, machine.venv))
  assert (first.returncode, second.returncode, err) == (0, 0, "")
  assert [call.split()[0] for call in machine.calls()] == ["venv", "pip"]
