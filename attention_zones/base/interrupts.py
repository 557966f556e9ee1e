"""Ends a script with one line when it is interrupted, and silently when the pipe
that reads its output is closed.

    from attention_zones.base import interrupts
    if __name__ == "__main__":
      interrupts.install("run_squad.py")   # before the slow imports
    ...
    if __name__ == "__main__":
      interrupts.run(main)

Ctrl-C, SIGTERM (Slurm's time limit, `kill`) and SIGHUP (a closed terminal) end the
script with one line that says what is kept, and with the shell's exit status for
that signal: 130, 143, 129. A signal is raised as an exception in the main thread,
so that code that writes files can remove its temporary ones. While the main thread
is inside TensorFlow, the exception cannot be raised, and a step of a large model
takes many seconds. Then a second thread ends the process; nothing is lost, because
a step writes nothing to disk. A checkpoint is completed first. Another signal a
second later ends the process at once.
"""

import os
import select
import signal
import sys
import threading
import time
import types

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# A shell's exit status for a process that wrote to a closed pipe.
_CLOSED_PIPE_STATUS = 128 + signal.SIGPIPE

# Seconds within which signals count as one: a terminal, a shell and Slurm may each
# send the same.
_ONE_SIGNAL = 1
# Seconds for the main thread to notice a signal: Python code needs less, and a user
# does not wait longer.
_NOTICE = 1
# Seconds for the main thread to remove its temporary files and end.
_LEAVE = 10
_TICK = 0.05
# What wakes the main thread; nothing else sends it, and alone it does nothing.
_WAKE = signal.SIGURG

_nothing_kept = lambda: "no file is left half-written; run the same command again"

_state = types.SimpleNamespace(
    script="", kept=_nothing_kept, is_running=False, is_held=False, pending=None,
    told=threading.Lock())


class Interrupted(BaseException):
  """A signal arrived. Not an Exception, so that no library catches it.

  Args:
    number: int, the signal's.
  """

  def __init__(self, number):
    super().__init__(number)
    self.number = number


def install(script):
  """Begins to catch signals, and names a package that is missing in one line.

  Args:
    script: str, the name that begins its messages.
  """
  _state.script = script
  sys.excepthook = _on_exception
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  for number in SIGNALS:
    # nohup ignores SIGHUP, and a shell's background job ignores SIGINT: keep that.
    if signal.getsignal(number) != signal.SIG_IGN:
      signal.signal(number, _on_signal)
  signal.signal(_WAKE, lambda number, frame: None)
  # Python's own handlers wait for the main thread; this pipe does not.
  signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
  threading.Thread(target=_watch, args=(reader,), daemon=True).start()


def _on_exception(kind, error, trace):
  """What Python calls for an exception that nobody catches."""
  if not issubclass(kind, ModuleNotFoundError):
    sys.__excepthook__(kind, error, trace)
    return
  print("%s: %s has no package %s; run \"bash setup_env.sh\", then \"source "
        ".venv/bin/activate\"" % (_state.script, sys.executable, error.name),
        file=sys.stderr)


def keep(text=_nothing_kept):
  """Sets what the line says is kept, if the script is interrupted from now on.

  Args:
    text: function without arguments that returns str, "model.ckpt-3 is kept; rerun
      the command to resume" for example.
  """
  _state.kept = text


def hold():
  """Delays signals until `release`, while something must be written completely."""
  _state.is_held = True


def release():
  """Ends `hold`; ends the script, too, if a signal arrived in the meantime."""
  _state.is_held = False
  if _state.pending:
    _end(_state.pending)


def run(main):
  """Runs a script and ends the process.

  Args:
    main: function without arguments that returns the exit status.
  """
  _state.is_running = True
  try:
    status = _status_of(main)
  finally:
    # Whatever has become of Interrupted: code on its way, C++ for example, may turn
    # it into an error of its own.
    if _state.told.locked() and _state.pending is not None:
      os._exit(128 + _state.pending)
  sys.exit(status)


def _status_of(main):
  """Runs a script: its exit status, 1 where standard output cannot be written."""
  try:
    try:
      status = main()
    except SystemExit as leaving:
      status = leaving.code
    # At Python's own flush, when it ends, an error could no longer be handled.
    if sys.stdout:
      sys.stdout.flush()
  except BrokenPipeError:
    # Silently, like other tools: `| head`, for example, has read enough.
    os._exit(_CLOSED_PIPE_STATUS)
  except OSError as error:
    if error.filename is not None:
      raise
    # Without a file name it is standard output: `> results.txt` on a full disk.
    _silence(sys.stdout)
    print("%s: standard output: %s" % (_state.script, error.strerror),
          file=sys.stderr)
    status = 1
  return status


def _on_signal(number, frame):
  """Python's handler, in the main thread."""
  del frame
  if _state.pending is None:
    _state.pending = number
    if not _state.is_held:
      _end(number)


def _end(number):
  """Ends the script, from the main thread."""
  _tell(number)
  if _state.is_running:
    raise Interrupted(number)
  os._exit(128 + number)


def _tell(number):
  """Prints the one line, once, and then silences stderr for other messages."""
  if not _state.told.acquire(False):
    return
  line = "%s: stopped by %s: %s\n" % (
      _state.script, signal.Signals(number).name, _state.kept())
  # On a terminal there is an unfinished line: progress, or ^C.
  line = "\n" * os.isatty(2) + line
  try:
    os.write(2, line.encode("utf-8", "replace"))
  except OSError:
    pass  # The terminal is closed.
  _silence(sys.stderr)


def _silence(stream):
  """Discards everything that is written to a stream from now on."""
  if stream:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _watch(pipe):
  """Ends the process if the main thread cannot, or does not in time."""
  first = _next_signal(pipe, None)
  began = time.monotonic()
  waited = 0
  while True:
    again = _next_signal(pipe, _TICK)
    if again and time.monotonic() - began > _ONE_SIGNAL:
      os._exit(128 + again)
    # Not by the clock: while the whole process stood still, the main thread could
    # not notice.
    waited = 0 if _state.is_held else waited + _TICK
    if not _state.is_held and not _state.told.locked():
      # The signal came to another thread, or just before the main thread began to
      # wait for something else: that wait ends now, and Python's handler runs.
      signal.pthread_kill(threading.main_thread().ident, _WAKE)
    limit = _LEAVE if _state.told.locked() else _NOTICE
    if waited > limit:
      _tell(first)
      os._exit(128 + first)


def _next_signal(pipe, seconds):
  """Waits for a signal: its number, or None when none came in time."""
  while select.select([pipe], [], [], seconds)[0]:
    number = os.read(pipe, 1)[0]
    if number in SIGNALS:
      return number
  return None
