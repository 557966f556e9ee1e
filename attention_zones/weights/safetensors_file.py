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

# The types of weights; tensors of others are not read.
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}

Tensor = collections.namedtuple("Tensor", ["dtype", "shape", "read"])
Tensor.__doc__ = """A tensor of a file.

Attributes:
  dtype: str, as the file has it, "F32" for example.
  shape: list of int.
  read: function that reads it, if its dtype is one of FLOATS: a numpy array of its
    shape; float32 if it has half precision (F16, BF16).
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


def as_numbers(dtype, values):
  """Copies an array, whose elements are as FLOATS has them, with half precision as
  float32; dtype is one of FLOATS."""
  if dtype == "BF16":
    # The upper half of a float32.
    return (values.astype(np.uint32) << 16).view(np.float32)
  return np.array(values, np.float32 if dtype == "F16" else None)


def _check_cover(path, places, size):
  """Refuses tensors that overlap, gaps, and tensors that end before the file or
  after it, as the package safetensors does.

  Args:
    path: str, for messages.
    places: list of ([start, end], name), in this order in the file.
    size: int, the number of bytes for tensors.
  """
  end = 0
  for (start, next_end), name in places:
    if start != end:
      raise ValueError(
          "%s: %r begins at byte %d of the tensors; should begin at byte %d, where "
          "the one before ends" % (path, name, start, end))
    end = next_end
  if end != size:
    raise ValueError("%s: its tensors end at byte %d, but it has %d bytes for "
                     "them%s" % (path, end, size, (
                         ": the file is truncated" if end > size else "")))


def _tensor(where, entry, data):
  """Makes the Tensor of an entry of the header: (Tensor, [start, end]); raises
  ValueError if it is damaged."""
  dtype = json_files.member(where, entry, "dtype", str)
  shape = json_files.member(where, entry, "shape", list)
  offsets = json_files.member(where, entry, "data_offsets", list)
  if len(offsets) != 2 or not all(
      type(n) is int and n >= 0 for n in shape + offsets):
    raise ValueError("%s has shape %s and data_offsets %s; should be numbers, two "
                     "of them offsets" % (where, shape, offsets))
  if dtype in FLOATS:
    size = functools.reduce(operator.mul, shape, np.dtype(FLOATS[dtype]).itemsize)
    if offsets[1] - offsets[0] != size:
      raise ValueError("%s has data_offsets %s, but %s of shape %s is %d bytes" % (
          where, offsets, dtype, shape, size))

  def read_tensor():
    return as_numbers(
        dtype, data[offsets[0]:offsets[1]].view(FLOATS[dtype]).reshape(shape))
  return Tensor(dtype, shape, read_tensor), offsets
