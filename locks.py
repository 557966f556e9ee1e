"""Locks between processes, which end with the process that holds them."""

import errno
import fcntl

# What file systems say that know no flock: some NFS, Lustre mounted without it.
_UNSUPPORTED = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOTSUP,
                errno.EINVAL)


def try_lock(f):
  """Takes the lock of an open file, unless another process has it.

  Args:
    f: file object, open for writing; the lock lasts until it is closed, or the
      process ends in whatever way.

  Returns:
    True when it was taken, False when another process has it, None when the file
    system has no locks.

  Raises:
    OSError: the file system fails otherwise.
  """
  try:
    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    return False
  except OSError as error:
    if error.errno in _UNSUPPORTED:
      return None
    raise
  return True
