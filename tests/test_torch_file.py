"""torch_file.py: what it reads of a pickle, and that it runs nothing of it."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from attention_zones.weights import torch_file
import torch_pickle
from torch_pickle import call
from torch_pickle import name
from torch_pickle import NEW_DICT
from torch_pickle import number
from torch_pickle import state_dict
from torch_pickle import storage
from torch_pickle import tensor
from torch_pickle import text
from torch_pickle import tuple_

BASE = np.arange(48, dtype=np.float32).reshape(6, 8)
FLOATS = storage("0", "FloatStorage", 48)


def refusal(path):
  """The message with which a file is refused, without its path."""
  with pytest.raises(ValueError) as caught:
    for found in torch_file.read(str(path))[0].values():
      found.read()
  message = str(caught.value)
  assert message.startswith(str(path)) and "\n" not in message, message
  return message[len(str(path)):]


@pytest.fixture
def attempt(tmp_path):
  """A function: writes a pickle and one storage, and returns how it is refused."""
  def write(pickled, content=BASE.tobytes(), **others):
    torch_pickle.write(tmp_path / "x.bin", pickled, [content], **others)
    return refusal(tmp_path / "x.bin")
  return write


def test_a_file_of_torch(repository):
  """Views, half precision, a parameter, whole numbers, as make_hf.py saved them."""
  tensors, metadata = torch_file.read(str(
      repository / "tests/golden/hf/views.bin"))
  assert metadata == {"format": "pt"}
  expected = {
      "base": ("F32", BASE), "transposed": ("F32", BASE.T),
      "view": ("F32", BASE[1:4, 2::3]), "half": ("F16", BASE),
      "bfloat16": ("BF16", BASE), "double": ("F64", BASE),
      "parameter": ("F32", BASE[:2]), "scalar": ("F32", BASE[0, 3]),
      "empty": ("F32", np.zeros([0, 3])), "position_ids": ("I64", None),
      "mask": ("BOOL", None)}
  assert {key: found.dtype for key, found in tensors.items()} == {
      key: dtype for key, (dtype, _) in expected.items()}
  assert tensors["position_ids"].shape == [1, 4]
  for key, (dtype, values) in expected.items():
    if values is not None:
      assert tensors[key].shape == list(values.shape)
      found = tensors[key].read()
      assert found.dtype == (np.float64 if dtype == "F64" else np.float32)
      np.testing.assert_array_equal(found, values, key)


@pytest.mark.parametrize("dtype", ["F32", "F16", "F64"])
def test_a_file_written_by_hand(dtype, tmp_path):
  torch_pickle.save(tmp_path / "x", {"a": BASE, "b": BASE[0]}, dtype)
  tensors, _ = torch_file.read(str(tmp_path / "x"))
  for key, values in ("a", BASE), ("b", BASE[0]):
    assert tensors[key].dtype == dtype
    np.testing.assert_array_equal(tensors[key].read(), values)


class Attack:
  """Its pickle makes a file; that it can, the pickle module shows."""

  def __init__(self, function, *arguments):
    self.reduced = function, arguments

  def __reduce__(self):
    return self.reduced


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("wrap", [lambda attack: attack, lambda attack: {
    "a": attack}, lambda attack: [{}, [{"a": (attack,)}]]])
def test_code_is_not_run(protocol, wrap, attempt, tmp_path):
  """Whatever stands around it; protocol 4 names os.system on the stack."""
  made = tmp_path / "made"
  pickled = pickle.dumps(wrap(Attack(os.mkdir, str(made))), protocol)
  said = attempt(pickled)
  assert not made.exists()
  assert ": no state dict needs that, and such a file can run any code; " in said
  if protocol >= 2:
    assert said.startswith(' would call "%s.mkdir": ' % os.name)
  pickle.loads(pickled)
  assert made.exists()


# "posix" and "system", remembered, forgotten, and taken from the memory.
HIDDEN = text("posix") + b"q\x01" + text("system") + b"q\x02\x86h\x01h\x02\x93"


@pytest.mark.parametrize("pickled, words", [
    (name("os", "system"), ' would call "os.system": '),
    (HIDDEN + tuple_(text("true")) + b"R.", ' would call "posix.system": '),
    (name("torch", "load") + b".", ' would call "torch.load": '),
    (name("torch._utils", "_rebuild_qtensor"), "torch._utils._rebuild_qtensor"),
    (b"V1\n2\x00.", "has the instruction b'V' in its pickle: "),
    # Instances, extensions, protocol 0's numbers: what may call or take long.
    (b"(iposix\nsystem\n.", "has the instruction b'i' in its pickle: "),
    (b"\x82\x01.", "has the instruction b'\\x82' in its pickle: "),
    (name("collections", "OrderedDict") + b")\x81.", "the instruction b'\\x81'"),
    (b"I" + b"9" * 99 + b"\n.", "has the instruction b'I' in its pickle: "),
    # What is allowed, with what does not belong to it.
    (call(name("torch._utils", "_rebuild_tensor_v2"), *[NEW_DICT] * 6),
     "has a tensor of what is of type dict in its pickle: "),
    (call(name("torch._utils", "_rebuild_tensor_v2"), FLOATS, number(0),
          tuple_(number(2)), b"]", b"\x89", NEW_DICT),
     "has a tensor of what is of type _Storage in its pickle: "),
    (call(name("torch._utils", "_rebuild_tensor_v2"), FLOATS), "damaged at byte"),
    (call(name("collections", "OrderedDict"), text("x")), "or damaged at byte"),
    (call(name("torch._utils", "_rebuild_parameter"), name("torch", "IntStorage")),
     "has a parameter that is the name of a class in its pickle: "),
    (call(name("torch", "FloatStorage"), number(9 << 60)),
     "has a call of what is torch.FloatStorage in its pickle: "),
    (call(text("x")), "has a call of what is of type str in its pickle: "),
    (name("collections", "OrderedDict") + text("x") + b"R.",
     "has a call of what is collections.OrderedDict in its pickle: "),
    (NEW_DICT + b"(" + tuple_(text("x")) + text("x") + b"u.",
     "has a key that is of type tuple in its pickle: "),
    (name("collections", "OrderedDict") + b"}b.",
     "has a change of what is the name of a class in its pickle: "),
    (name("collections", "OrderedDict") + text("x") + b"a.",
     "has a change of what is the name of a class in its pickle: "),
    (b")" * 2 + b"\x93.", "has a name that is of type list in its pickle: "),
    (text("storage") + b"Q.", "has an object of another file in its pickle: "),
    (tuple_(text("storage"), text("x"), text("0"), text("cpu"), number(4)) + b"Q.",
     "has a storage that is of type str in its pickle: "),
    (b"u.", "truncated or damaged at byte 0"), (b"h\x07.", "damaged at byte 0"),
    (b")R.", "damaged at byte 1"), (b"X\xff\xff\xff\xffx", "damaged at byte 0"),
    (b"}", "truncated or damaged at byte 1"), (b"", "or damaged at byte 0"),
    (b"X\x01\x00\x00\x00\xff.", "damaged at byte 0"),
    (b"}.", None), (text("x") + b".", ": its pickle is of type str; should be "),
    (b"}K\x01K\x02s.", ": 1 is of type int; should be a state dict of tensors"),
    (state_dict({"epoch": number(3)}), ': "epoch" is of type int; should be a '),
    (state_dict({"model": NEW_DICT}), ': "model" is of type dict; should be a '),
])
def test_what_is_no_state_dict(pickled, words, attempt, tmp_path):
  if words is None:
    torch_pickle.write(tmp_path / "x.bin", pickled)
    assert torch_file.read(str(tmp_path / "x.bin"))[0] == {}
  else:
    assert words in attempt(pickled)


@pytest.mark.parametrize("of, offset, size, stride, words", [
    (FLOATS, 0, [6, 8], [8, 1], None), (FLOATS, 47, [1], [99], None),
    (FLOATS, 48, [0, 7], [7, 1], None), (FLOATS, 7, [], [], None),
    (FLOATS, 1, [6, 8], [8, 1], "a tensor of shape [6, 8], stride [8, 1] and "
     "offset 1 does not fit into its storage of 48 numbers"),
    (FLOATS, 0, [7, 8], [8, 1], "does not fit into its storage of 48 numbers"),
    (FLOATS, 0, [2, 2], [46, 2], "does not fit into its storage"),
    (FLOATS, 48, [], [], "does not fit into its storage"),
    (FLOATS, 49, [0], [1], "does not fit into its storage"),
    # A number that stands for very many.
    (FLOATS, 0, [1 << 40], [0], "does not fit into its storage"),
    (FLOATS, 0, [1 << 62, 1 << 62], [1 << 62, 1], "does not fit into its storage"),
    (FLOATS, -1, [1], [1], "has a tensor of impossible size in its pickle"),
    (FLOATS, 40, [3], [-8], "has a tensor of impossible size in its pickle"),
    (FLOATS, 0, [-1], [1], "has a tensor of impossible size in its pickle"),
    (FLOATS, 0, [2, 2], [1], "has a tensor of impossible size in its pickle"),
    (FLOATS, 0, [1] * 33, [1] * 33, "has a tensor of impossible size"),
    (storage("0", "FloatStorage", 47), 0, [1], [1],
     ': its storage "0" should have 188 bytes, but has 192'),
    (storage("0", "DoubleStorage", 48), 0, [1], [1],
     ': its storage "0" should have 384 bytes, but has 192'),
    (storage("0", "FloatStorage", -48), 0, [1], [1], "should have -192 bytes"),
    (storage("9", "FloatStorage", 48), 0, [1], [1],
     ': its storage "9" should have 192 bytes, but has none'),
    (storage("../data.pkl", "FloatStorage", 48), 0, [1], [1], "but has none"),
    (storage("0", "QInt8Storage", 192), 0, [1], [1],
     ' would call "torch.QInt8Storage": '),
])
def test_views_stay_within_their_storage(
    of, offset, size, stride, words, attempt, tmp_path):
  pickled = state_dict({"a": tensor(of, offset, size, stride)})
  if words:
    assert words in attempt(pickled)
  else:
    torch_pickle.write(tmp_path / "x", pickled, [BASE.tobytes()])
    found = torch_file.read(str(tmp_path / "x"))[0]["a"]
    assert found.read().shape == tuple(size) == tuple(found.shape)


WHOLE = state_dict({"a": tensor(FLOATS, 0, [6, 8], [8, 1])})


@pytest.mark.parametrize("change, words", [
    (lambda content: content.replace(BASE.tobytes(), BASE[::-1].tobytes()),
     ": model/data/0 is damaged: its checksum is wrong"),
    (lambda content: content.replace(b"_v2", b"_v3"), "data.pkl is damaged: "),
    (lambda content: content[:-30], " is truncated or damaged: "),
    (lambda content: content[:100], " is truncated or damaged: "),
    (lambda content: b"", " is empty; copy or download it again"),
    (lambda content: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
     " is of torch.save before PyTorch 1.6, which is not read; "),
    (lambda content: b"version https://git-lfs.github.com/spec/v1\n",
     " is a pointer of Git LFS"),
    (lambda content: b"GGUF" * 99, " is damaged, or no file of torch.save"),
    # The header of the second file.
    (lambda content: content.replace(b"PK\x03\x04", b"PK\x03\x05").replace(
        b"PK\x03\x05", b"PK\x03\x04", 1), ": model/data/0 is not where "),
])
def test_a_damaged_file(change, words, attempt, tmp_path):
  path = tmp_path / "x.bin"
  torch_pickle.write(path, WHOLE, [BASE.tobytes()], version=b"3\n")
  assert torch_file.read(str(path))[0]["a"].read()[5, 7] == 47
  path.write_bytes(change(path.read_bytes()))
  assert words in refusal(path)


def test_a_storage_that_ends_after_the_file(tmp_path):
  """The archive's list gives it 2 GiB; it is the last of the list."""
  path = tmp_path / "x.bin"
  torch_pickle.write(path, state_dict({"a": tensor(
      storage("0", "FloatStorage", 1 << 29), 0, [2], [1])}), [BASE.tobytes()])
  content = bytearray(path.read_bytes())
  place = content.rindex(b"PK\x01\x02")
  content[place + 20:place + 28] = (1 << 31).to_bytes(4, "little") * 2
  path.write_bytes(content)
  assert ": model/data/0 is truncated: it should have 2147483648 bytes, but " in (
      refusal(path))


def test_other_archives(attempt, tmp_path):
  path = tmp_path / "x.bin"
  with zipfile.ZipFile(str(path), "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("model/data.pkl", WHOLE + bytes(1 << 20))
  assert refusal(path) == (
      ": model/data.pkl is compressed, which torch.save does not do")
  with zipfile.ZipFile(str(path), "w") as archive:
    archive.writestr("data.pkl", WHOLE)
  assert refusal(path).startswith(" is a zip archive with 0 files data.pkl; ")
  with zipfile.ZipFile(str(path), "w") as archive:
    archive.writestr("a/data.pkl", WHOLE)
    archive.writestr("b/data.pkl", WHOLE)
  assert refusal(path).startswith(" is a zip archive with 2 files data.pkl; ")
  with zipfile.ZipFile(str(path), "w") as archive:
    archive.writestr("a/data.pkl", WHOLE)
    with pytest.warns(UserWarning):
      archive.writestr("a/data.pkl", WHOLE)
  assert refusal(path).startswith(" is a zip archive with ")
  assert " is not of a little-endian machine" in attempt(WHOLE, byteorder=b"big")
  assert "data.pkl has 16777217 bytes, more than" in attempt(bytes((1 << 24) + 1))


def test_any_byte_may_be_wrong(attempt, tmp_path):
  """Of the pickle, with the right checksum: one line, or tensors of the file."""
  path = tmp_path / "x.bin"
  random = np.random.RandomState(0)
  refused = 0
  for place in range(len(WHOLE)):
    changed = bytearray(WHOLE)
    changed[place] ^= random.randint(1, 256)
    torch_pickle.write(path, bytes(changed), [BASE.tobytes()])
    try:
      for found in torch_file.read(str(path))[0].values():
        found.read()
    except ValueError as error:
      assert "\n" not in str(error)
      refused += 1
  assert refused > len(WHOLE) / 2
