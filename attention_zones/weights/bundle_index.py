"""Finds the position of each tensor in a checkpoint's data file.

A checkpoint's .index file is a sorted table in LevelDB's format: blocks of entries
from a tensor's name to a BundleEntryProto, and at the end a block with the places
of these blocks. TensorFlow reads it, but does not give the offsets to Python.
"""

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

_FOOTER_SIZE = 48
_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


def tensors_in_order(path):
  """Lists the tensors of a checkpoint in the order of its data file.

  Args:
    path: str, the prefix of the checkpoint's files.

  Returns:
    list of (name, size in bytes). The data file is their bytes, one tensor after
    the other. None for a checkpoint with another layout: several data files, parts
    of variables, strings, gaps.
  """
  try:
    with tf.gfile.GFile(path + ".index", "rb") as f:
      entries = _entries(f.read())
    header = tensor_bundle_pb2.BundleHeaderProto.FromString(entries.pop(b""))
    tensors = [(name.decode("utf-8"),
                tensor_bundle_pb2.BundleEntryProto.FromString(value))
               for name, value in entries.items()]
  except (ValueError, LookupError, tf.errors.OpError):
    return None
  tensors.sort(key=lambda tensor: tensor[1].offset)
  end = 0
  for _, entry in tensors:
    if entry.offset != end or entry.slices or entry.dtype == tf.string:
      return None
    end += entry.size
  name = path + ".data-00000-of-00001"
  if (header.num_shards != 1 or header.endianness != header.LITTLE
      or not tf.gfile.Exists(name) or tf.gfile.Stat(name).length != end):
    return None
  return [(name, entry.size) for name, entry in tensors]


def _entries(table):
  """The entries of a table: dict from key to value, bytes both."""
  footer = table[-_FOOTER_SIZE:]
  if not footer.endswith(_MAGIC):
    raise ValueError("not a table")
  # Offset and size of a block of metadata, then of the block of places.
  numbers, _ = _varints(footer, 0, 4)
  entries = {}
  for handle in _block(table, *numbers[2:]).values():
    (offset, size), _ = _varints(handle, 0, 2)
    entries.update(_block(table, offset, size))
  return entries


def _block(table, offset, size):
  """The entries of a block: dict. A key omits what it shares with the one before.
  """
  if table[offset + size]:
    raise ValueError("compressed")
  block = table[offset:offset + size]
  # It ends with the places of complete keys, for binary search, and their number.
  restarts = int.from_bytes(block[-4:], "little")
  end = size - 4 - 4 * restarts
  entries, key, at = {}, b"", 0
  while at < end:
    (shared, rest, length), at = _varints(block, at, 3)
    key = key[:shared] + block[at:at + rest]
    entries[key] = block[at + rest:at + rest + length]
    at += rest + length
  return entries


def _varints(data, at, count):
  """Reads `count` numbers with 7 bits per byte: (list of int, where they end)."""
  numbers = []
  for _ in range(count):
    number, shift = 0, 0
    while data[at] & 0x80:
      number |= (data[at] & 0x7f) << shift
      at, shift = at + 1, shift + 7
    numbers.append(number | data[at] << shift)
    at += 1
  return numbers, at
