"""Reads the tensors of a safetensors file.

The file is the length of a header (8 bytes, little-endian), the header, which is
JSON, {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, and
then the bytes of the tensors.
"""

import functools
import operator
import os

import numpy as np

from attention_zones import checked_json
from attention_zones import files

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
          "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1", "U8": "<u1",
          "BOOL": "<u1"}


def read(path):
  """Reads the header of a file and checks that the file is complete.

  Args:
    path: str, a path or address.

  Returns:
    dict from the name of a tensor to a function that reads it: a numpy array of
    its shape; float32 if it has half precision (F16, BF16).

  Raises:
    OSError: the file cannot be read.
    ValueError: it is no safetensors file, or is truncated or damaged.
  """
  with files.open_bytes(path) as f:
    size = f.seek(0, os.SEEK_END)
    f.seek(0)
    length = int.from_bytes(f.read(8), "little")
    if not 2 <= length <= size - 8:
      raise ValueError(
          "%s: truncated, or no safetensors file: it has %d bytes, but its header "
          "would have %d" % (path, size, length))
    header = checked_json.parse(path, f.read(length))
    data = np.memmap(f, np.uint8, "r")[8 + length:]
  if not isinstance(header, dict):
    raise ValueError("%s: its header is not a JSON object" % path)
  header.pop("__metadata__", None)
  return {name: _reader("%s: %r" % (path, name), entry, data)
          for name, entry in header.items()}


def _reader(where, entry, data):
  """The function that reads a tensor; raises ValueError if it is damaged."""
  dtype = checked_json.member(where, entry, "dtype", str)
  shape = checked_json.member(where, entry, "shape", list)
  offsets = checked_json.member(where, entry, "data_offsets", list)
  if dtype not in _TYPES:
    raise ValueError("%s has dtype %s; should be one of %s" % (
        where, dtype, ", ".join(_TYPES)))
  if not all(type(n) is int and n >= 0 for n in shape + offsets):
    raise ValueError("%s has shape %s and data_offsets %s; should be numbers" % (
        where, shape, offsets))
  size = functools.reduce(operator.mul, shape, np.dtype(_TYPES[dtype]).itemsize)
  if len(offsets) != 2 or offsets[1] - offsets[0] != size:
    raise ValueError("%s has data_offsets %s, but %s of shape %s is %d bytes" % (
        where, offsets, dtype, shape, size))
  if offsets[1] > len(data):
    raise ValueError("%s ends at byte %d of the tensors, but there are only %d: "
                     "the file is truncated" % (where, offsets[1], len(data)))

  def read_tensor():
    values = data[offsets[0]:offsets[1]].view(_TYPES[dtype]).reshape(shape)
    if dtype == "BF16":
      # The upper half of a float32.
      return (values.astype(np.uint32) << 16).view(np.float32)
    return np.array(values, np.float32 if dtype == "F16" else None)
  return read_tensor
