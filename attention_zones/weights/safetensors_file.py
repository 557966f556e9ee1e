"""Reads the tensors of a safetensors file.

The file is the length of a header (8 bytes, little-endian), the header, which is
JSON, {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, and
then the bytes of the tensors, which cover the rest of the file.
"""

import collections
import functools
import operator
import os

import numpy as np

from attention_zones.base import file_kinds
from attention_zones.base import files
from attention_zones.base import json_files

# Those of which only the size is known are read as bytes.
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
          "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
          "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "<u1",
          "F8_E4M3": "<u1", "F8_E5M2": "<u1", "C64": "<c8"}
# The types of weights.
FLOATS = ("F64", "F32", "F16", "BF16")

Tensor = collections.namedtuple("Tensor", ["dtype", "shape", "read"])
Tensor.__doc__ = """A tensor of a file.

Attributes:
  dtype: str, as the file has it, "F32" for example.
  shape: list of int.
  read: function that reads it: a numpy array of its shape; float32 if it has half
    precision (F16, BF16).
"""


def read(path):
  """Reads the header of a file and checks that the file is complete.

  Args:
    path: str, a path or address.

  Returns:
    (tensors, metadata): dict from name to Tensor; dict, {"format": "pt"} for
    example, {} where there is none.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is no safetensors file, or is truncated or damaged.
  """
  with files.open_bytes(path) as f:
    size = f.seek(0, os.SEEK_END)
    f.seek(0)
    start = f.read(300)
    length = int.from_bytes(start[:8], "little")
    if not 2 <= length <= size - 8:
      raise ValueError("%s %s" % (path, file_kinds.of_bytes(start) or (
          "is truncated, or no safetensors file: it has %d bytes, but its header "
          "would have %d" % (size, length))))
    f.seek(8)
    header = json_files.parse(path, f.read(length))
    data = np.memmap(f, np.uint8, "r")[8 + length:]
  if not isinstance(header, dict):
    raise ValueError("%s: its header is not a JSON object" % path)
  metadata = header.pop("__metadata__", None)
  tensors, places = {}, []
  for name, entry in header.items():
    tensors[name], offsets = _tensor("%s: %r" % (path, name), entry, data)
    places.append((offsets, name))
  _check_cover(path, sorted(places), len(data))
  return tensors, metadata if isinstance(metadata, dict) else {}


def _check_cover(path, places, size):
  """Refuses tensors that overlap, gaps, and bytes after the last tensor, as the
  package safetensors does.

  Args:
    path: str, for messages.
    places: list of ([start, end], name), in this order in the file.
    size: int, the number of bytes for tensors.
  """
  end, before = 0, None
  for (start, next_end), name in places:
    if start != end:
      raise ValueError(
          "%s: %r begins at byte %d of the tensors, %s; should begin at byte "
          "%d%s" % (path, name, start, (
              "inside the one before" if start < end else "after a gap"), end,
                    ", where %r ends" % before if before else ""))
    end, before = next_end, name
  if end != size:
    raise ValueError("%s has %d bytes after the last tensor, file not fully "
                     "covered; should end with it" % (path, size - end))


def _tensor(where, entry, data):
  """Makes the Tensor of an entry of the header: (Tensor, [start, end]); raises
  ValueError if it is damaged."""
  dtype = json_files.member(where, entry, "dtype", str)
  shape = json_files.member(where, entry, "shape", list)
  offsets = json_files.member(where, entry, "data_offsets", list)
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
  return Tensor(dtype, shape, read_tensor), offsets
