"""Ends a script in one line when it is interrupted, and without a word when nobody
reads what it prints.

    from attention_zones import interrupts
    if __name__ == "__main__":
      interrupts.install("run_squad.py")   # before the slow imports
    ...
    if __name__ == "__main__":
      interrupts.run(main)

Ctrl-C, SIGTERM (Slurm's time limit, `kill`) and SIGHUP (a closed terminal) end the
script with one line that says what is kept, and with the shell's exit status for
that signal: 130, 143, 129. A signal is raised as an exception in the main thread,
so that whoever writes a file removes its temporary ones. While the main thread is
inside TensorFlow it cannot be raised; a step of a large model takes many seconds.
Then a second thread ends the process: nothing of a step is on disk. A checkpoint
is written to its end first. Another signal a second later ends all at once.
"""

import os
import select
import signal
import sys
import threading
import time
import types

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What a shell says of a process that wrote to a closed pipe.
_CLOSED_PIPE_STATUS = 128 + signal.SIGPIPE

# Seconds. A terminal, a shell and Slurm may each send the same signal.
_ONE_SIGNAL = 1
# For the main thread to see a signal: longer than Python code, shorter than a user.
_NOTICE = 1
# For it to remove its temporary files and leave.
_LEAVE = 10
_TICK = 0.05

_nothing_kept = lambda: "no file was left half done; run the same command again"

_state = types.SimpleNamespace(
    script="", kept=_nothing_kept, is_running=False, is_held=False, pending=None,
    told=threading.Lock())


class Interrupted(BaseException):
  """A signal arrived. Not an Exception, so that no library takes it for its own.

  Args:
    number: int, the signal's.
  """

  def __init__(self, number):
    super().__init__(number)
    self.number = number


def install(script):
  """Begins to catch signals.

  Args:
    script: str, the name that begins its messages.
  """
  _state.script = script
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  for number in SIGNALS:
    # nohup has SIGHUP ignored, a shell's background job SIGINT: so it stays.
    if signal.getsignal(number) != signal.SIG_IGN:
      signal.signal(number, _on_signal)
  # Python's own handlers wait for the main thread; this pipe does not.
  signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
  threading.Thread(target=_watch, args=(reader,), daemon=True).start()


def keep(text=_nothing_kept):
  """Tells what a user has when the script is interrupted from now on.

  Args:
    text: function without arguments that returns str, "model.ckpt-3 is kept; the
      same command resumes" for example.
  """
  _state.kept = text


def hold():
  """Lets signals wait until `release`: something is written that must be whole."""
  _state.is_held = True


def release():
  """Ends `hold`, and the script if there was a signal."""
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
    try:
      status = main()
    except SystemExit as leaving:
      status = leaving.code
    # When Python ends it would be too late for more than "Exception ignored".
    if sys.stdout:
      sys.stdout.flush()
  except Interrupted as interrupted:
    os._exit(128 + interrupted.number)
  except BrokenPipeError:
    # Like other tools, not a word: there was `| head`, and it has seen enough.
    os._exit(_CLOSED_PIPE_STATUS)
  except OSError as error:
    if error.filename is not None:
      raise
    # No file, so it is what was printed: `> results.txt` on a full disk.
    _silence(sys.stdout)
    print("%s: standard output: %s" % (_state.script, error.strerror),
          file=sys.stderr)
    status = 1
  sys.exit(status)


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
  """Prints the one line, once; what others say of the end is not shown."""
  if not _state.told.acquire(False):
    return
  line = "%s: stopped by %s: %s\n" % (
      _state.script, signal.Signals(number).name, _state.kept())
  # On a terminal a line of progress, or ^C, stands there without an end.
  line = "\n" * os.isatty(2) + line
  try:
    os.write(2, line.encode("utf-8", "replace"))
  except OSError:
    pass  # The terminal is closed.
  _silence(sys.stderr)


def _silence(stream):
  """Lets everything that is still written to a stream go nowhere."""
  if stream:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _watch(pipe):
  """Ends the process where the main thread cannot, or does not in time."""
  first = _next_signal(pipe, None)
  began = free_since = time.monotonic()
  while True:
    again = _next_signal(pipe, _TICK)
    now = time.monotonic()
    if again and now - began > _ONE_SIGNAL:
      os._exit(128 + again)
    if _state.is_held:
      free_since = now
    limit = _LEAVE if _state.told.locked() else _NOTICE
    if now - free_since > limit:
      _tell(first)
      os._exit(128 + first)


def _next_signal(pipe, seconds):
  """Waits for a signal: its number, or None when none came in time."""
  while select.select([pipe], [], [], seconds)[0]:
    number = os.read(pipe, 1)[0]
    if number in SIGNALS:
      return number
  return None
