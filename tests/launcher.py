"""Runs the scripts of the repository as a user does, in processes of their own.

A process is forked from one that has already imported what the scripts import;
that saves it 2 s of TensorFlow's import. What depends on how Python starts (the
locale, `-u`, signals that come early) asks for a fresh one.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

QUIET = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}

_CONTEXT = multiprocessing.get_context("forkserver")
# A name that cannot be imported would be passed over.
_CONTEXT.set_forkserver_preload([
    "tensorflow.compat.v1",
    "tensorflow_estimator.python.estimator.tpu.tpu_estimator", "seaborn"])


def default_signals():
  """A test runner in the background has some of them ignored."""
  for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
  signal.signal(signal.SIGINT, signal.default_int_handler)


def _run_script(command, folder, environment, stdout, stderr):
  """What a forked process does: it becomes `python command`, with this output."""
  assert "tensorflow" in sys.modules and "seaborn" in sys.modules
  os.setsid()
  default_signals()
  for path, number in ((stdout, 1), (stderr, 2)):
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, number)
    os.close(descriptor)
  os.chdir(folder)
  os.environ.clear()
  os.environ.update(environment)
  tempfile.tempdir = None
  sys.argv = command
  sys.path[0] = os.path.dirname(command[0])
  try:
    runpy.run_path(command[0], run_name="__main__")
  except SystemExit as error:
    # As Python itself does; multiprocessing takes sys.exit() for a failure.
    sys.exit(error.code if error.code is not None else 0)


class Run:
  """A script at work, in a process group of its own.

  Attributes:
    pid: int, which is also its process group.
  """

  def __init__(self, name, arguments, cwd=None, environment=None, fresh=False,
               python=(), preexec_fn=default_signals):
    """Starts it.

    Args:
      name: the script, a path from the repository.
      arguments: sequence, each written as str.
      cwd: where it runs; None: in the repository.
      environment: dict, added to this process's environment.
      fresh: bool, whether a new Python is started.
      python: sequence of str, options of the new Python.
      preexec_fn: function that a new Python's process calls first.
    """
    self._files = [tempfile.NamedTemporaryFile("w+") for _ in range(2)]
    command = [os.path.join(REPOSITORY, str(name))] + list(map(str, arguments))
    cwd = str(cwd or REPOSITORY)
    environment = dict(os.environ, **QUIET, **(environment or {}))
    if fresh:
      self._process = subprocess.Popen(
          [sys.executable] + list(python) + command, cwd=cwd, env=environment,
          stdin=subprocess.DEVNULL, stdout=self._files[0],
          stderr=self._files[1], start_new_session=True, preexec_fn=preexec_fn)
    else:
      self._process = _CONTEXT.Process(target=_run_script, args=(
          command, cwd, environment, self._files[0].name, self._files[1].name))
      self._process.start()
    self.pid = self._process.pid

  def poll(self):
    """Its exit status, or -signal; None while it runs."""
    if isinstance(self._process, subprocess.Popen):
      return self._process.poll()
    return self._process.exitcode

  def wait(self):
    """Waits for its end and returns its exit status, or -signal."""
    if isinstance(self._process, subprocess.Popen):
      return self._process.wait()
    self._process.join()
    return self._process.exitcode

  def output(self):
    """What it has printed so far: (stdout, stderr)."""
    texts = []
    for file in self._files:
      with open(file.name) as f:
        texts.append(f.read())
    return tuple(texts)

  def log(self):
    """What it has printed so far, stdout first."""
    return "".join(self.output())

  def end(self):
    """Waits for its end: (exit status, what it printed)."""
    return self.wait(), self.log()

  def send(self, number):
    """Sends a signal to the process and to those that it has started."""
    if self.poll() is None:
      os.killpg(self.pid, number)

  def signal(self, number):
    """Sends a signal and waits for the end: (exit status, what it printed)."""
    self.send(number)
    return self.end()

  def wait_until(self, happened):
    """Waits until a function returns something true, before the run's end."""
    while not happened():
      assert self.poll() is None, self.log()
      time.sleep(0.001)


def complete(run):
  """Waits for a Run's end: subprocess.CompletedProcess with text in it."""
  try:
    status = run.wait()
  finally:
    run.send(signal.SIGKILL)
  return subprocess.CompletedProcess([], status, *run.output())


def script(name, *arguments, **options):
  """Runs a script to its end.

  Args:
    name: str, the script, a path in the repository.
    *arguments: each written as str.
    **options: as for Run.

  Returns:
    subprocess.CompletedProcess with text in stdout and stderr.
  """
  return complete(Run(name, arguments, **options))


def code(text, folder, **options):
  """Runs Python code as `script` does; it can import what lies in the folder.

  Args:
    text: str.
    folder: pathlib.Path, where it is written to a file and run.
    **options: as for Run.

  Returns:
    subprocess.CompletedProcess.
  """
  path = folder / "code_of_a_test.py"
  path.write_text(text)
  return script(path, cwd=folder, **options)
