"""Reads the tensors of a file of torch.save, pytorch_model.bin, without torch.

The file is a zip archive, not compressed: NAME/data.pkl, a pickle of the state
dict, and NAME/data/0 and so on, the bytes of its storages. A tensor is a view of a
storage: an offset, a size and a stride for each dimension, counted in numbers.

A pickle is a program, which may call any function. This one is not run: its
instructions are followed here as far as a state dict has them. They build dicts,
and nothing that they name is imported or called.
"""

import collections
import functools
import io
import operator
import pickletools
import struct
import zipfile
import zlib

import numpy as np

from attention_zones.base import file_kinds
from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.weights import safetensors_file

# What a state dict names: classes of storages, as safetensors calls their types and
# numpy does; and what makes a dict, a tensor, and a tensor that is trained.
_STORAGES = {
    "torch.DoubleStorage": ("F64", "<f8"), "torch.FloatStorage": ("F32", "<f4"),
    "torch.HalfStorage": ("F16", "<f2"), "torch.BFloat16Storage": ("BF16", "<u2"),
    "torch.LongStorage": ("I64", "<i8"), "torch.IntStorage": ("I32", "<i4"),
    "torch.ByteStorage": ("U8", "u1"), "torch.BoolStorage": ("BOOL", "?")}
_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"

# A state dict of a thousand tensors has less than a hundredth of it.
_LONGEST_PICKLE = 16 << 20
_MOST_DIMENSIONS = 32  # Of numpy.
_OTHER = ("no state dict needs that, and such a file can run any code; take the "
          "model's model.safetensors, or have it saved anew by someone you trust")

_Global = collections.namedtuple("_Global", ["name"])
_Storage = collections.namedtuple("_Storage", ["dtype", "key", "length"])


def read(path):
  """Reads a state dict and checks that the file is complete.

  Args:
    path: str, a path or address.

  Returns:
    (tensors, metadata): dict from name to safetensors_file.Tensor, whose `read`
    raises ValueError if its bytes are damaged; dict, {"format": "pt"}.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is no file of torch.save, is damaged, or has what no state dict
      has, code for example. Nothing of that has run.
  """
  archive = _Archive(path)
  state = _Machine(path, archive).run(archive.read("data.pkl"))
  if type(state) is not dict:
    raise ValueError("%s: its pickle is %s; should be a state dict" % (
        path, _kind(state)))
  for name, tensor in state.items():
    if type(name) is not str or type(tensor) is not safetensors_file.Tensor:
      raise ValueError("%s: %s is %s; should be a state dict of tensors alone" % (
          path, json_files.excerpt(name), _kind(tensor)))
  return state, {"format": "pt"}


def _kind(value):
  """What a value of a pickle is: str, to follow "is"."""
  return ("the name of a class" if type(value) is _Global
          else "of type %s" % type(value).__name__)


class _Archive:
  """The files within a file of torch.save.

  Args:
    path: str.

  Raises:
    OSError, ValueError: as `read`.
  """

  def __init__(self, path):
    self._path = path
    self._checked = set()
    with files.open_bytes(path) as f:
      start = f.read(300)
      if start.startswith(b"\x80"):
        raise ValueError(
            "%s is of torch.save before PyTorch 1.6, which is not read; where "
            "torch and transformers are installed, from_pretrained of the model's "
            "class reads the folder, and save_pretrained writes it anew" % path)
      if not start.startswith(b"PK\x03\x04"):
        raise ValueError("%s %s" % (path, file_kinds.of_bytes(start) or (
            "is damaged, or no file of torch.save")))
      try:
        infos = zipfile.ZipFile(f).infolist()
      # Of names that are no text, for example, or a place before the file.
      except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError,
              OSError, struct.error) as error:
        raise ValueError("%s is truncated or damaged: %s" % (
            path, error)) from error
      self._data = np.memmap(f, np.uint8, "r")
    self._infos = {info.filename: info for info in infos}
    roots = [name[:-len("data.pkl")] for name in self._infos
             if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(roots) != 1 or len(self._infos) < len(infos):
      raise ValueError("%s is a zip archive with %s; should be of torch.save" % (
          path, "a file twice" if len(roots) == 1
          else "%d files data.pkl" % len(roots)))
    self._root, = roots
    order = "byteorder"
    if self.size(order) is not None and self.read(order).tobytes() != b"little":
      raise ValueError("%s is not of a little-endian machine, as nearly all are; "
                       "save it anew on one" % path)

  def size(self, name):
    """The number of bytes of a file within it; None if there is no such file."""
    info = self._infos.get(self._root + name)
    return info and info.file_size

  def read(self, name):
    """The bytes of a file within it: uint8 array; raises ValueError if they are
    damaged."""
    info = self._infos[self._root + name]
    where = "%s: %s" % (self._path, info.filename)
    if (info.compress_type, info.compress_size) != (
        zipfile.ZIP_STORED, info.file_size):
      raise ValueError("%s is compressed, which torch.save does not do" % where)
    # The header before a file has its own name and extra field.
    header = self._data[info.header_offset:info.header_offset + 30].tobytes()
    if not header.startswith(b"PK\x03\x04") or len(header) < 30:
      raise ValueError("%s is not where the archive says" % where)
    begin = info.header_offset + 30 + sum(struct.unpack("<HH", header[26:]))
    data = self._data[begin:begin + info.file_size]
    if len(data) < info.file_size:
      raise ValueError("%s is truncated: it should have %d bytes, but has %d" % (
          where, info.file_size, len(data)))
    # Many tensors may be of one storage.
    if name not in self._checked and zlib.crc32(data) != info.CRC:
      raise ValueError("%s is damaged: its checksum is wrong" % where)
    self._checked.add(name)
    return data


class _Machine:
  """Follows the instructions of a pickle that state dicts have, and no others.

  Args:
    path: str, for messages.
    archive: _Archive, with the storages.
  """

  def __init__(self, path, archive):
    self._path, self._archive = path, archive
    self._stack, self._marks, self._memo = [], [], {}

  def run(self, content):
    """Returns what a pickle makes, content being a uint8 array.

    Returns:
      any of None, bool, int, float, str, tuple, list, dict, _Global, _Storage and
      safetensors_file.Tensor.

    Raises:
      ValueError: it is damaged, or has what no state dict has.
    """
    if len(content) > _LONGEST_PICKLE:
      raise ValueError("%s: its data.pkl has %d bytes, more than a state dict" % (
          self._path, len(content)))
    f = io.BytesIO(content.tobytes())
    while True:
      place, code = f.tell(), f.read(1)
      damaged = ValueError("%s: its pickle is truncated or damaged at byte %d" % (
          self._path, place))
      if not code:
        raise damaged
      if code not in _OPCODES:
        raise self._odd("the instruction %r" % code)
      opcode, step = _OPCODES[code]
      try:
        argument = opcode.arg.reader(f) if opcode.arg else None
      except (ValueError, struct.error) as error:
        raise damaged from error
      try:
        if opcode.name == "STOP":
          return self._pop()
        step(self, argument)
      # Nothing on the stack, nothing remembered, too many arguments or too few.
      except (IndexError, KeyError, TypeError) as error:
        raise damaged from error

  def push(self, value):
    self._stack.append(value)

  def mark(self, _):
    self._marks.append(len(self._stack))

  def memoize(self, _):
    self._memo[len(self._memo)] = self._stack[-1]

  def put(self, index):
    self._memo[index] = self._stack[-1]

  def get(self, index):
    self.push(self._memo[index])

  def global_(self, name):
    """The name of a class or function stands for itself, if it is known.

    Args:
      name: str, module and name with a space between; None if these are on the
        stack.
    """
    if name is None:
      names = self._pop_last(2)
      if not all(type(part) is str for part in names):
        raise self._odd("a name that is %s" % _kind(names))
      name = " ".join(names)
    name = name.replace(" ", ".")
    if name not in _STORAGES and name not in (_DICT, _TENSOR, _PARAMETER):
      raise ValueError("%s would call %s: %s" % (
          self._path, json_files.excerpt(name), _OTHER))
    self.push(_Global(name))

  def tuple_(self, length):
    self.push(tuple(self._pop_last(length)))

  def reduce(self, _):
    function, arguments = self._pop_last(2)
    makes = {_DICT: self._dict, _TENSOR: self._tensor, _PARAMETER: self._parameter}
    name = getattr(function, "name", None)
    if name not in makes or type(arguments) is not tuple:
      raise self._odd("a call of what is %s" % (name or _kind(function)))
    self.push(makes[name](*arguments))

  def build(self, _):
    """What else an object has: a state dict's versions, which are not used."""
    self._pop()
    self._top(dict)

  def set_items(self, length):
    items = self._pop_last(length)
    for key, value in zip(items[::2], items[1::2]):
      if type(key) not in (str, int):
        raise self._odd("a key that is %s" % _kind(key))
      self._top(dict)[key] = value

  def append(self, length):
    items = self._pop_last(length)
    self._top(list).extend(items)

  def storage(self, _):
    """A storage, by what the pickle says of it."""
    said = self._pop()
    if type(said) is not tuple or len(said) != 5 or said[0] != "storage":
      raise self._odd("an object of another file")
    _, kind, key, _, length = said
    if getattr(kind, "name", None) not in _STORAGES or type(key) is not str or (
        type(length) is not int):
      raise self._odd("a storage that is %s" % _kind(kind))
    dtype = _STORAGES[kind.name]
    size, held = length * np.dtype(dtype[1]).itemsize, self._archive.size(
        "data/" + key)
    if size != held:
      raise ValueError("%s: its storage %s should have %d bytes, but has %s" % (
          self._path, json_files.excerpt(key), size, held or "none"))
    self.push(_Storage(dtype, "data/" + key, length))

  def _dict(self):
    return {}

  def _parameter(self, tensor, *_):
    if type(tensor) is not safetensors_file.Tensor:
      raise self._odd("a parameter that is %s" % _kind(tensor))
    return tensor

  def _tensor(self, storage, offset, size, stride, *_):
    """A view of a storage: safetensors_file.Tensor."""
    if type(storage) is not _Storage or not type(size) is type(stride) is tuple:
      raise self._odd("a tensor of what is %s" % _kind(storage))
    if len(size) != len(stride) or len(size) > _MOST_DIMENSIONS or not all(
        type(n) is int and n >= 0 for n in (offset,) + size + stride):
      raise self._odd("a tensor of impossible size")
    count = functools.reduce(operator.mul, size, 1)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    # Not more numbers than there are, either: a few bytes could become any number.
    if max(count, last + 1 if count else offset) > storage.length:
      raise ValueError(
          "%s: a tensor of shape %s, stride %s and offset %d does not fit into its "
          "storage of %d numbers" % (
              self._path, list(size), list(stride), offset, storage.length))
    (dtype, code), archive = storage.dtype, self._archive

    def read_tensor():
      width = np.dtype(code).itemsize
      return safetensors_file.as_numbers(dtype, np.ndarray(
          size, code, archive.read(storage.key), offset * width,
          [step * width for step in stride]))
    return safetensors_file.Tensor(dtype, list(size), read_tensor)

  def _pop(self):
    return self._pop_last(1)[0]

  def _pop_last(self, length):
    """Takes the last values from the stack, or those after the last mark: list."""
    begin = self._marks.pop() if length is None else len(self._stack) - length
    if begin < (self._marks[-1] if self._marks else 0):
      raise IndexError(begin)
    values = self._stack[begin:]
    del self._stack[begin:]
    return values

  def _top(self, kind):
    if type(self._stack[-1]) is not kind:
      raise self._odd("a change of what is %s" % _kind(self._stack[-1]))
    return self._stack[-1]

  def _odd(self, what):
    return ValueError("%s has %s in its pickle: %s" % (self._path, what, _OTHER))


def _always(method, *arguments):
  """A step that does the same whatever the argument of an instruction is."""
  return lambda machine, _: method(machine, *arguments)


# Each instruction, and what follows it.
_STEPS = {
    "PROTO": lambda machine, _: None, "FRAME": lambda machine, _: None,
    "STOP": None, "MARK": _Machine.mark, "MEMOIZE": _Machine.memoize,
    "NONE": _always(_Machine.push, None), "NEWTRUE": _always(_Machine.push, True),
    "NEWFALSE": _always(_Machine.push, False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": _always(_Machine.push, ()),
    "TUPLE": _always(_Machine.tuple_, None), "TUPLE1": _always(_Machine.tuple_, 1),
    "TUPLE2": _always(_Machine.tuple_, 2), "TUPLE3": _always(_Machine.tuple_, 3),
    "SETITEM": _always(_Machine.set_items, 2),
    "SETITEMS": _always(_Machine.set_items, None),
    "APPEND": _always(_Machine.append, 1),
    "APPENDS": _always(_Machine.append, None),
    "GLOBAL": _Machine.global_, "STACK_GLOBAL": _Machine.global_,
    "REDUCE": _Machine.reduce, "BUILD": _Machine.build,
    "BINPERSID": _Machine.storage}
_STEPS.update(dict.fromkeys(
    ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE",
     "SHORT_BINUNICODE", "BINUNICODE8"), _Machine.push))
_STEPS.update(dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.put))
_STEPS.update(dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.get))
_OPCODES = {opcode.code.encode("latin-1"): (opcode, _STEPS[opcode.name])
            for opcode in pickletools.opcodes if opcode.name in _STEPS}
