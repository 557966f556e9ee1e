"""Writes files of torch.save, instruction by instruction, without torch."""

import struct
import zipfile

import numpy as np

# The kind of a storage, and its numbers.
TYPES = {"F64": ("DoubleStorage", np.float64), "F32": ("FloatStorage", np.float32),
         "F16": ("HalfStorage", np.float16)}


def text(value):
  content = value.encode("utf-8")
  return b"X" + struct.pack("<I", len(content)) + content


def number(value):
  return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def name(module, member):
  return ("c%s\n%s\n" % (module, member)).encode("ascii")


def tuple_(*parts):
  return b"(" + b"".join(parts) + b"t"


def call(function, *arguments):
  return function + tuple_(*arguments) + b"R"


NEW_DICT = call(name("collections", "OrderedDict"))


def storage(key, kind, length):
  return tuple_(text("storage"), name("torch", kind), text(key), text("cpu"),
                number(length)) + b"Q"


def tensor(of, offset, size, stride):
  return call(name("torch._utils", "_rebuild_tensor_v2"), of, number(offset),
              tuple_(*map(number, size)), tuple_(*map(number, stride)), b"\x89",
              NEW_DICT)


def state_dict(tensors):
  """The pickle of a state dict; tensors: dict from name to instructions."""
  return b"".join(
      [b"\x80\x02", NEW_DICT, b"("]
      + [text(key) + value for key, value in tensors.items()]
      # The versions of a module's parts, as an attribute of the dict.
      + [b"u", b"}(", text("_metadata"), NEW_DICT, b"ub", b"."])


def write(path, pickled, storages=(), **others):
  """Writes a file.

  Args:
    path: pathlib.Path.
    pickled: bytes, data.pkl.
    storages: list of bytes, data/0 and so on.
    **others: further files within it, bytes.
  """
  with zipfile.ZipFile(str(path), "w") as archive:
    archive.writestr("model/data.pkl", pickled)
    for key, content in enumerate(storages):
      archive.writestr("model/data/%d" % key, content)
    for key, content in others.items():
      archive.writestr("model/" + key, content)


def save(path, tensors, dtype="F32"):
  """Writes a state dict, dict from name to array, as torch.save does."""
  kind, code = TYPES[dtype]
  arrays = [np.ascontiguousarray(values, code) for values in tensors.values()]
  write(path, state_dict({
      key: tensor(storage(str(i), kind, values.size), 0, values.shape, [
          step // values.itemsize for step in values.strides])
      for i, (key, values) in enumerate(zip(tensors, arrays))}),
        [values.tobytes() for values in arrays], byteorder=b"little")
