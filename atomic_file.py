"""Writes a file whole or not at all."""

import contextlib
import errno
import os
import tempfile


@contextlib.contextmanager
def replacing(path):
  """Replaces the file `path` when, and only when, the block ends well.

    with replacing("results.csv") as temporary:
      with open(temporary, "w") as f:
        f.write(...)

  Args:
    path: str, a local path; its folder must exist.

  Yields:
    str, the path of a new empty file in the same folder, for the block to write.
    It is renamed to `path` after the block, which no reader sees half done; if
    the block raises it is removed, and what was at `path` stays as it was.

  Raises:
    OSError: as the system says it (no such folder, not permitted, disk full);
      its `filename` is `path`, not the temporary name.
  """
  temporary = None
  folder, name = os.path.split(os.path.abspath(path))
  try:
    if os.path.isdir(path):
      raise IsADirectoryError(
          errno.EISDIR, "is a folder, not a file to write", path)
    handle, temporary = tempfile.mkstemp(prefix=".%s." % name, dir=folder)
    os.close(handle)
    # mkstemp gives 0600; a result should be as readable as any other file.
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    yield temporary
    with open(temporary, "rb") as written:
      os.fsync(written.fileno())
    os.replace(temporary, path)
  except BaseException as error:
    if temporary and os.path.exists(temporary):
      os.remove(temporary)
    if isinstance(error, OSError) and error.errno is not None and (
        temporary is None or error.filename in (None, temporary)):
      raise type(error)(error.errno, error.strerror, path) from error
    raise
