"""setup_env.sh, with stand-ins for the programs that it looks for.

The folder `programs` is all of PATH, so that no Python of the machine is found.
A stand-in for Python makes environments that hold a copy of itself, and writes
what it was asked to do into the file `calls`.
"""

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

# What the script calls, on Linux and macOS alike.
TOOLS = ("bash", "cksum", "cp", "dirname", "find", "flock", "grep", "mkdir",
         "perl", "rm", "rmdir", "sh", "sleep")

PYTHON = """#!/bin/sh
case "$1 $2" in
  "-c import tensorflow") {on_import} ;;
  "-c "*platform*) echo "{about}: $0" ;;
  "-m venv")
    echo "venv by $0" >> "{calls}"
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip")
    shift 4
    [ "$1" = check ] && {{ {on_check}; exit; }}
    echo "pip $*" >> "{calls}"
    {on_pip} ;;
esac
"""
RIGHT = "CPython 3.7.16, Linux-x86_64, 64bit, glibc"
RIGHT_2 = "CPython 3.11.7, Linux-x86_64, 64bit, glibc"
ON_ARM = "CPython 3.7.16, Darwin-arm64, 64bit, "
ON_INTEL_MAC = "CPython 3.7.16, Darwin-x86_64, 64bit, "


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
      if shutil.which(tool):
        (self.programs / tool).symlink_to(shutil.which(tool))
    self.is_a("Linux", "x86_64")
    shutil.copy(str(repository / "setup_env.sh"), str(self.repository))
    self.require("seaborn==0.12.2")
    self.require("seaborn==0.13.2", "requirements-tf2.txt")
    self.require("nvidia-cudnn-cu12==8.9.4.25", "requirements-tf2-gpu.txt")

  def require(self, line, name="requirements.txt"):
    path = self.repository / name
    path.write_text(line + "\n", encoding="utf-8")
    return str(path)

  def program(self, name, text):
    """Adds a shell script, by name to PATH or by its whole path."""
    path = self.programs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path

  def is_a(self, system, processor):
    self.program("uname", "case $1 in -s) echo %s ;; -m) echo %s ;; esac" % (
        system, processor))

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

  def wait_for_call(self, process, call):
    while call not in self.calls_file.read_text(encoding="utf-8"):
      assert process.poll() is None, "ended without %r" % call
      time.sleep(0.02)

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
  """One that runs, after a shim that does not."""
  machine.program(machine.home / "shims/python3.7", "exit 127")
  return machine.python()


def add_pyenv(machine):
  return machine.python(machine.home / "my pyenv/versions/3.7.9/bin/python")


def add_uv(machine):
  """A uv that has not downloaded Python 3.7 yet."""
  python = machine.home / "uv's" / "python"
  kept = machine.python(machine.home / "not downloaded")
  machine.program("uv", """
case "$1 $2" in
  "python find") [ -e "{0}" ] && echo "{0}" ;;
  "tool run") mkdir -p "{0}" && rmdir "{0}" && cp "{1}" "{0}" ;;
esac
""".format(python, kept))
  return python


def add_conda(machine):
  kept = machine.python(machine.home / "not created")
  machine.program("conda", """
[ "$1 $4 $6" = "create --prefix python=3.7" ] || exit 1
mkdir -p "$5/bin" && cp "%s" "$5/bin/python"
""" % kept)
  return machine.venv / "conda/bin/python"


SOURCES = [add_given, add_on_path, add_pyenv, add_uv, add_conda]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_order_of_search(machine, first):
  added = [add(machine) for add in SOURCES[first:]]
  given = {"PYTHON": str(added[0])} if first == 0 else {}
  out = machine.assert_makes_with(
      added[0], PATH="%s:%s" % (machine.home / "shims", machine.programs),
      PYENV_ROOT=str(machine.home / "my pyenv"), **given)
  assert out.startswith(
      "Making .venv (TensorFlow 1.15.3) with %s;" % added[0])
  assert out.count("\n") == 1


def test_conda_helps_where_uv_cannot_download(machine):
  """What conda made is kept when .venv is replaced."""
  machine.program("uv", "echo 'uv: offline' >&2; exit 1")
  python = add_conda(machine)
  status, _, err = machine.run()
  assert (status, err.splitlines()[0]) == (0, "uv: offline")
  assert machine.calls()[0] == "venv by %s" % python
  (machine.programs / "uv").unlink()
  machine.program("conda", "exit 1")
  machine.require("seaborn==0.12.1")
  machine.assert_makes_with(python)


@pytest.mark.parametrize("system, about, given, named", [
    ("Linux x86_64", RIGHT.replace("3.7", "3.12"), True,
     ["PYTHON=python3.7", "3.12.16"]),
    ("Linux x86_64", RIGHT.replace("3.7", "3.1"), True, ["3.1.16"]),
    ("Linux x86_64", RIGHT.replace("CP", "PyP"), True, ["PyPython 3.7.16"]),
    ("Darwin arm64", ON_ARM, True, ["PYTHON=python3.7", "arm64"]),
    ("Linux armv7l", None, False, ["machine is Linux-armv7l"]),
    ("Linux x86_64", None, True, ["PYTHON=python3.7: does not run"]),
    ("Linux x86_64", "", True, ["PYTHON=python3.7: does not run"]),
    ("Linux x86_64", None, False, ["no Python that fits: install one", "uv"]),
    ("MINGW64_NT-10.0 x86_64", None, False, ["MINGW64_NT-10.0", "WSL"]),
])
def test_refused_in_one_line(machine, system, about, given, named):
  """Nothing is made, and nothing is downloaded that cannot be used."""
  machine.is_a(*system.split())
  if about:
    machine.python(about=about)
  elif about == "":
    machine.program("python3.7", "exit 0")
  if given or system != "Linux x86_64":
    for name in ("uv", "conda"):
      machine.program(name, "echo %s >> '%s'" % (name, machine.calls_file))
  status, out, err = machine.run(**{"PYTHON": "python3.7"} if given else {})
  assert (status, out, machine.calls()) == (1, "", [])
  assert not machine.venv.exists()
  assert err.startswith("setup_env.sh: ") and err.count("\n") == 1
  for part in named + ["TensorFlow 1.15.3 needs CPython 3.7",
                       "TensorFlow 2.15.1 needs CPython 3.9 to 3.11"]:
    assert part in err


def asserts_made(machine, python, name, requirements, **variables):
  status, out, err = machine.run(**variables)
  assert (status, err) == (0, "")
  assert out.startswith("Making %s (TensorFlow " % name)
  assert machine.calls() == [
      "venv by %s" % python,
      "pip install -c %s/%s pip setuptools wheel" % (
          machine.repository, requirements[0]),
      "pip install --no-deps --no-build-isolation" + "".join(
          " -r%s/%s" % (machine.repository, each) for each in requirements)]
  assert (machine.repository / name / "bin/python").is_file()


def test_the_variable_chooses_the_tensorflow(machine):
  """Both lie side by side; what is there is used, 1.15.3 first."""
  newer = machine.python("python3.10", RIGHT_2.replace("3.11", "3.10"))
  which = lambda **variables: machine.run("--which", **variables)
  asserts_made(machine, newer, ".venv-tf2", ["requirements-tf2.txt"],
               TENSORFLOW="2")
  python = str(machine.repository / ".venv-tf2/bin/python")
  assert which() == which(TENSORFLOW="2") == (0, python + "\n", "")
  older = add_on_path(machine)
  assert machine.run() == (0, "", "")
  asserts_made(machine, older, ".venv", ["requirements.txt"], TENSORFLOW="1")
  first = str(machine.venv / "bin/python")
  assert which() == which(TENSORFLOW="1") == (0, first + "\n", "")
  assert which(TENSORFLOW="2") == (0, python + "\n", "")
  gpu = str(machine.repository / "requirements-tf2-gpu.txt")
  assert machine.run(TENSORFLOW="2-gpu") == (
      0, "Adding to .venv-tf2 the packages of %s.\n" % gpu, "")
  assert machine.calls()[-1].endswith("-r%s/requirements-tf2.txt -r%s" % (
      machine.repository, gpu))
  assert machine.run(TENSORFLOW="2") == (0, "", "")


@pytest.mark.parametrize("system, about", [
    ("Linux x86_64", RIGHT_2),
    ("Linux aarch64", RIGHT_2.replace("x86_64", "aarch64")),
    ("Darwin arm64", ON_ARM.replace("3.7.16", "3.9.2")),
    ("Darwin x86_64", ON_INTEL_MAC.replace("3.7.16", "3.11.1"))])
def test_the_newer_tensorflow_where_the_older_cannot_be(machine, system, about):
  machine.is_a(*system.split())
  if "x86_64" not in system:
    machine.python(about=ON_ARM)
  python = machine.python("python" + about.split()[1].rpartition(".")[0], about)
  asserts_made(machine, python, ".venv-tf2", ["requirements-tf2.txt"])


def test_a_given_python_chooses_the_tensorflow(machine):
  python = machine.python(machine.home / "given", RIGHT_2)
  add_on_path(machine)
  asserts_made(machine, python, ".venv-tf2", ["requirements-tf2.txt"],
               PYTHON=str(python))


@pytest.mark.parametrize("variables, arguments, message", [
    ({"TENSORFLOW": "3"}, [], "TENSORFLOW=3: should be 1, 2 or 2-gpu"),
    ({"TENSORFLOW": "2"}, ["--which"],
     "TENSORFLOW=2: there is no .venv-tf2; TENSORFLOW=2 bash setup_env.sh makes "
     "it"),
    ({"TENSORFLOW": "2", "PYTHON": "python3.7"}, [],
     "PYTHON=python3.7: CPython 3.7.16, Linux-x86_64, 64bit, glibc; TensorFlow "
     "2.15.1 needs CPython 3.9 to 3.11, 64bit, for Linux or macOS")])
def test_a_choice_that_cannot_be(machine, variables, arguments, message):
  add_on_path(machine)
  assert machine.run(*arguments, **variables) == (
      1, "", "setup_env.sh: %s\n" % message)
  assert machine.calls() == []


def test_which_python_where_none_was_made(machine):
  assert machine.run("--which") == (0, "python\n", "")


def test_python_with_wheels_on_a_machine_without(machine):
  """An x86_64 Python on Apple silicon, after one that is no use."""
  machine.is_a("Darwin", "arm64")
  machine.python(machine.home / "bin" / "python3.7", about=ON_ARM)
  python = machine.python(about=ON_INTEL_MAC)
  path = "%s:%s" % (machine.home / "bin", machine.programs)
  machine.assert_makes_with(python, PATH=path)


@pytest.mark.parametrize("change, problem", [
    ("platform.machine = lambda: 'riscv64'", "-riscv64, 64bit"),
    ("platform.architecture = lambda: ('32bit', '')", "-x86_64, 32bit"),
    ("platform.libc_ver = lambda: ('', '')", "Linux-x86_64, 64bit, ;"),
    ("platform.python_version = lambda: '3.8.1'", "CPython 3.8.1"),
    ("pass", None),
])
def test_what_a_real_python_says_of_itself(machine, change, problem):
  """The questions are put to the Python that runs the tests."""
  if "libc" in change and platform.system() != "Linux":
    pytest.skip("only Linux has a choice of C libraries")
  stand_in = machine.python(machine.home / "stand-in")
  machine.program("python", """exec "%s" -c "import os, platform, sys
sys.executable = '%s'
%s
$2"
""" % (sys.executable, stand_in, change))
  if problem:
    assert problem in machine.run(PYTHON="python")[2]
  else:
    if sys.version_info >= (3, 8):
      machine.venv = machine.repository / ".venv-tf2"
    machine.assert_makes_with(stand_in, PYTHON="python")


def test_right_environment_is_reused(machine):
  python = add_on_path(machine)
  assert machine.run()[0] == 0
  assert machine.calls()[1:] == [
      "pip install -c %s/requirements.txt pip setuptools wheel"
      % machine.repository,
      "pip install --no-deps --no-build-isolation -r%s/requirements.txt"
      % machine.repository]
  python.unlink()
  assert machine.run() == (0, "", "")
  assert machine.calls() == []


@pytest.mark.parametrize("spoil", [
    lambda machine: machine.require("seaborn==0.12.1"),
    lambda machine: machine.program(machine.venv / "bin/python", "exit 127")])
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
  for line in ("pytest==7.4.3", "pytest==7.4.4"):
    machine.calls()
    extra = machine.require(line, "extra.txt")
    assert machine.run(extra) == (
        0, "Adding to .venv the packages of %s.\n" % extra, "")
    assert machine.calls()[-1].endswith(" -r%s/requirements.txt -r%s" % (
        machine.repository, extra))
    # From here on it is right with them and without.
    assert machine.run(extra) == machine.run() == (0, "", "")


@pytest.mark.parametrize("tensorflow, about, name, own", [
    ("1", RIGHT, ".venv", "requirements.txt"),
    ("2", RIGHT_2, ".venv-tf2", "requirements-tf2.txt")])
def test_packages_of_other_models_are_added_from_any_folder(
    machine, tensorflow, about, name, own):
  """As the messages that name the command say: from the folder of the script, too.
  """
  machine.python("python%s" % about.split()[1].rpartition(".")[0], about)
  assert machine.run(TENSORFLOW=tensorflow)[0] == 0
  models = machine.require("nltk==3.8.1", "requirements-models.txt")
  # machine.run starts it in another folder.
  assert machine.run("requirements-models.txt", TENSORFLOW=tensorflow) == (
      0, "Adding to %s the packages of %s.\n" % (name, models), "")
  assert machine.calls()[-1].endswith(" -r%s/%s -r%s" % (
      machine.repository, own, models))
  assert machine.run("requirements-models.txt", TENSORFLOW=tensorflow) == (
      0, "", "")


@pytest.mark.parametrize("name", [
    "requirements.txt", "requirements-tf2.txt", "requirements-tf2-gpu.txt",
    "requirements-models.txt", "tests/requirements.txt"])
def test_every_package_has_its_version(repository, name):
  """Dependencies are not resolved, so nothing else decides on it."""
  lines = (repository / name).read_text(encoding="utf-8").splitlines()
  packages = [line for line in lines if line and not line.startswith("#")]
  assert packages
  for line in packages:
    assert re.match(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*(;|$)", line), line


def test_after_a_failed_addition_all_is_made_again(machine):
  python = add_on_path(machine)
  machine.run()
  machine.python(machine.venv / "bin/python", on_pip="exit 1")
  assert machine.run(machine.require("pytest==7.4.4", "extra.txt"))[0] == 1
  machine.calls()
  machine.assert_makes_with(python)


def test_extra_requirements_that_are_not_there(machine):
  assert machine.run("no.txt") == (1, "", "setup_env.sh: no.txt: no such file\n")


@pytest.mark.parametrize("at, named", [
    ("on_pip", "pip install"), ("on_check", "pip check"),
    ("on_import", "TensorFlow")])
def test_failed_install_is_shown_and_done_again(machine, at, named):
  machine.python(**{at: "echo the cause >&2; exit 1"})
  status, _, err = machine.run()
  cause, last = err.splitlines()
  assert (status, cause) == (1, "the cause")
  assert last.startswith("setup_env.sh: " + named)
  machine.calls()
  machine.assert_makes_with(add_on_path(machine))


def test_killed_install_is_done_again(machine):
  machine.python(on_pip="sleep 60")
  process = machine.start()
  machine.wait_for_call(process, "pip install")
  os.killpg(process.pid, signal.SIGKILL)
  process.communicate()
  machine.calls()
  out = machine.assert_makes_with(add_on_path(machine))
  assert "Waiting" not in out


@pytest.mark.parametrize("tool", ["flock", "perl"])
@pytest.mark.parametrize("killed", [False, True])
def test_two_at_once_never_write_at_the_same_time(machine, tool, killed):
  """Also where the first was killed and left a pip that goes on."""
  if not shutil.which(tool):
    pytest.skip("this machine has no %s" % tool)
  other = machine.programs / {"flock": "perl", "perl": "flock"}[tool]
  if other.exists():
    other.unlink()
  may_end = machine.home / "may_end"
  machine.python(on_pip="while [ ! -e '%s' ]; do sleep 0.02; done; echo end >> "
                 "'%s'" % (may_end, machine.calls_file))
  first = machine.start()
  machine.wait_for_call(first, "pip install")
  if killed:
    first.kill()
  second = machine.start()
  assert second.stdout.readline().startswith("Waiting for another")
  may_end.touch()
  _, err = second.communicate()
  assert (second.returncode, err) == (0, "")
  assert first.wait() == (-signal.SIGKILL if killed else 0)
  first.communicate()
  calls = [call.split()[0] for call in machine.calls()]
  once = ["venv", "pip", "end", "pip", "end"]
  assert calls == (once[:3] + once if killed else once)
