"""Files and folders, on this machine or at an address like gs://bucket.

Only this module knows the difference. Addresses go through TensorFlow, which is
imported only for them: scoring and drawing start fast, and work without it.
"""

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import types
import urllib.request
import warnings

# TensorFlow's errors, by the names of their classes, and the system's error codes.
_ERRNOS = {
    "NotFoundError": errno.ENOENT, "PermissionDeniedError": errno.EACCES,
    "AlreadyExistsError": errno.EEXIST, "UnauthenticatedError": errno.EACCES,
    "ResourceExhaustedError": errno.ENOSPC}

# Error codes of file systems without locks: Lustre, some NFS.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS,
             errno.EINVAL)

_GCS_HOST = "www.googleapis.com"


def is_remote(path):
  """Whether a path is an address that TensorFlow reads, like gs://bucket."""
  return bool(re.match(r"[A-Za-z][A-Za-z0-9.]*://", path))


def address_problem(path):
  """Says what is wrong with an address, without reading what is there.

  Args:
    path: str, a path or address.

  Returns:
    str, "file:// needs three slashes, as in file:///tmp" for example; None for a
    valid address, and for all local paths.
  """
  if not is_remote(path):
    one_slash = re.match("(file:|gs:)/+(.*)", path)
    if one_slash and not os.path.isdir(one_slash.group(1)):
      return "an address begins with %s//, as in %s" % (
          one_slash.group(1),
          {"file:": "file:///", "gs:": "gs://"}[one_slash.group(1)]
          + one_slash.group(2))
    return None
  scheme, rest = path.split("://", 1)
  if scheme == "file" and not rest.startswith("/"):
    # TensorFlow would drop the first folder, as the name of a machine.
    return "file:// needs three slashes, as in file:///%s" % rest
  try:
    return _scheme_problem(scheme)
  except ImportError as error:
    return "TensorFlow is needed to read and write there (%s)" % error


@functools.lru_cache(maxsize=None)
def _scheme_problem(scheme):
  """address_problem for the part before ://."""
  tf = _tensorflow()
  try:
    # An address without a bucket does not use the network.
    tf.gfile.Exists(scheme + "://")
  except tf.errors.UnimplementedError:
    return ("TensorFlow %s does not know addresses that begin with %s://; file:// "
            "and gs:// would be right" % (tf.__version__, scheme))
  except tf.errors.OpError:
    pass
  return None


@functools.lru_cache(maxsize=None)
def _gcs_problem():
  """Says at once why no bucket can be reached, or returns None.

  TensorFlow would try for two minutes, at each call.
  """
  if "https" not in urllib.request.getproxies():
    try:
      socket.getaddrinfo(_GCS_HOST, 443)
    except OSError as error:
      return "cannot find %s on the network (%s)" % (_GCS_HOST, error.strerror)
  return None


def _tensorflow():
  # Its messages repeat what is in its errors, which are reported in one line.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tensorflow.compat.v1 as tf
  return tf


# Python's functions, under the names of tf.gfile.
_LOCAL = types.SimpleNamespace(
    Exists=os.path.exists, IsDirectory=os.path.isdir, ListDirectory=os.listdir,
    MakeDirs=functools.partial(os.makedirs, exist_ok=True), Remove=os.remove,
    GFile=open)


@contextlib.contextmanager
def _system(path):
  """Yields tf.gfile for an address, and turns its errors into OSError about it.

  Yields _LOCAL for a path on this machine.
  """
  if not is_remote(path):
    yield _LOCAL
    return
  problem = address_problem(path) or (
      path.startswith("gs://") and _gcs_problem())
  if problem:
    raise OSError(errno.EINVAL, problem, path)
  tf = _tensorflow()
  try:
    yield tf.gfile
  except tf.errors.OpError as error:
    # "path; what is wrong", and then where the operation was created.
    said = error.message.split("\n")[0].split(path + "; ")[-1]
    raise OSError(_ERRNOS.get(type(error).__name__, errno.EIO), said,
                  path) from error


def exists(path):
  """Whether a file or folder exists. Raises OSError if that cannot be found out."""
  with _system(path) as system:
    return system.Exists(path)


def is_folder(path):
  """Whether a folder exists. Raises OSError if that cannot be found out."""
  # IsDirectory of an address alone returns False for every failure.
  with _system(path) as system:
    return system.Exists(path) and system.IsDirectory(path)


def list_folder(path):
  """Returns the names of everything in a folder: list of str, sorted."""
  with _system(path) as system:
    # An object store ends the name of a folder with a slash.
    return sorted(name.rstrip("/") for name in system.ListDirectory(path))


def identity(path):
  """The name of a file or folder, the same for all ways to write its path."""
  return path.rstrip("/") if is_remote(path) else os.path.realpath(path)


def make_folder(path):
  """Makes a folder and its parents, if they do not exist."""
  with _system(path) as system:
    system.MakeDirs(path)


def check_writable(folder):
  """Raises OSError if no file can be written to an existing folder."""
  path = _part_name(os.path.join(folder, ".can_write"))
  with _system(path) as system:
    with system.GFile(path, "w") as f:
      f.write("")
    system.Remove(path)


def needs_folder(path):
  """Whether a file's folder must exist before the file can be written.

  An object store has no folders, only names with slashes.
  """
  return not is_remote(path) or path.startswith("file://")


def open_bytes(path):
  """Opens a file to read bytes anywhere in it. Raises OSError.

  A remote file is copied first, since each read there is a request.
  """
  if not is_remote(path):
    return open(path, "rb")
  copy = tempfile.TemporaryFile()
  with _system(path) as system, system.GFile(path, "rb") as f:
    shutil.copyfileobj(f, copy)
  copy.seek(0)
  return copy


def read_bytes(path):
  """Returns all bytes of a file. Raises OSError."""
  with _system(path) as system, system.GFile(path, "rb") as f:
    return f.read()


def digest(path):
  """Returns the SHA-256 of a file, str of hexadecimal digits. Raises OSError."""
  total = hashlib.sha256()
  with _system(path) as system, system.GFile(path, "rb") as f:
    for block in iter(lambda: f.read(1 << 22), b""):
      total.update(block)
  return total.hexdigest()


def short_digest(content):
  """A short name of what JSON can represent: str of 16 hexadecimal digits.

  The order in which a dict has its entries does not count.
  """
  text = json.dumps(content, sort_keys=True)
  return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def remove(path):
  """Removes a file. Raises OSError."""
  with _system(path) as system:
    system.Remove(path)


def write_text(path, pieces):
  """Writes a text file in UTF-8, completely or not at all.

  Args:
    path: str, a path or address.
    pieces: iterable of str.

  Raises:
    OSError: as for `replacing`.
  """
  with replacing(path) as temporary:
    append_text(temporary, pieces)


def append_text(path, pieces):
  """Appends strings to a local text file in UTF-8."""
  # Text from JSON may have half of a surrogate pair. Line ends are not changed.
  with open(path, "a", encoding="utf-8", errors="backslashreplace",
            newline="") as f:
    f.writelines(pieces)


@contextlib.contextmanager
def replacing(path):
  """Replaces the file `path` if, and only if, the block succeeds.

    with replacing("results.csv") as temporary:
      with open(temporary, "w") as f:
        f.write(...)

  Args:
    path: str, a path or address; its folder must exist.

  Yields:
    str, the path of a new empty local file, for the block to write. After the
    block it is renamed to `path`, so that no reader sees it half-written. If the
    block raises, it is removed, and the file at `path` stays as it was; also if
    the block itself removes it.

  Raises:
    OSError: the system's error (no such folder, not permitted, disk full); its
      `filename` is `path`, not the temporary name.
  """
  temporary = None
  try:
    if is_folder(path):
      raise IsADirectoryError(
          errno.EISDIR, "is a folder, not a file to write", path)
    temporary = _make_temporary(path)
    yield temporary
    if os.path.exists(temporary):
      _put(temporary, path)
  except BaseException as error:
    if temporary and os.path.exists(temporary):
      os.remove(temporary)
    if isinstance(error, OSError) and error.errno is not None and (
        temporary is None or error.filename in (None, temporary)):
      raise type(error)(error.errno, error.strerror, path) from error
    raise


def _make_temporary(path):
  """Makes the empty file that is to become `path`: str, its path."""
  if is_remote(path):
    handle, temporary = tempfile.mkstemp()
    os.close(handle)
    return temporary
  folder, name = os.path.split(os.path.abspath(path))
  handle, temporary = tempfile.mkstemp(prefix=".%s." % name, dir=folder)
  os.close(handle)
  # mkstemp sets 0600; a result should be as readable as any other file.
  umask = os.umask(0)
  os.umask(umask)
  os.chmod(temporary, 0o666 & ~umask)
  return temporary


def _put(temporary, path):
  """Moves a temporary file to its place."""
  if not is_remote(path):
    with open(temporary, "rb") as written:
      os.fsync(written.fileno())
    os.replace(temporary, path)
    return
  # An object store shows a file only once it is closed; file:// writes in place.
  part = _part_name(path)
  with _system(path) as gfile:
    try:
      gfile.Copy(temporary, part, overwrite=True)
      gfile.Rename(part, path, overwrite=True)
    finally:
      if gfile.Exists(part):
        gfile.Remove(part)
  os.remove(temporary)


def _part_name(path):
  """The path at which a remote file is written before it is complete."""
  folder, name = os.path.split(path)
  return os.path.join(
      folder, ".%s.%s.%d" % (name, socket.gethostname(), os.getpid()))


def try_lock(file, operation):
  """Locks an open file, if the file system can do that.

  Args:
    file: file object with a name.
    operation: int, as for fcntl.flock.

  Returns:
    bool, whether the file is locked now. If not, the file system has no locks, and
    a line on stderr says so.

  Raises:
    BlockingIOError: another process has locked it, and `operation` has LOCK_NB.
    OSError: any other failure.
  """
  try:
    fcntl.flock(file, operation)
    return True
  except OSError as error:
    if error.errno not in _NO_LOCKS:
      raise
    _remark_on_locks(file.name, os.strerror(error.errno))
    return False


@functools.lru_cache(maxsize=None)
def _remark_on_locks(name, why):
  """Says, once for each file, that it cannot be locked."""
  print("%s: cannot be locked on this file system (%s), so nothing stops two runs "
        "from writing the same files in this folder; start only one" % (
            name, why), file=sys.stderr, flush=True)
