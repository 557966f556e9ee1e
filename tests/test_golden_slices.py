"""tests/golden holds slices of the complete golden files, unchanged."""

import runpy

import numpy as np


def content(path):
  """What a file holds: the bytes or, of an .npz, those of its arrays."""
  if path.suffix != ".npz":
    return path.read_bytes()
  arrays = np.load(str(path))
  return {name: (arrays[name].dtype, arrays[name].shape, arrays[name].tobytes())
          for name in arrays.files}


def files_in(folder):
  return {str(path.relative_to(folder)): content(path)
          for path in folder.rglob("*") if path.is_file()}


def test_the_slices_are_what_make_py_makes(shared, repository, tmp_path):
  folder = repository / "tests" / "golden"
  runpy.run_path(str(folder / "make.py"))["main"](shared, tmp_path)
  kept = files_in(folder)
  for name in ["make.py", "make_hf.py", "README.md"] + [
      name for name in kept if name.startswith("hf/")]:  # Those of make_hf.py.
    assert kept.pop(name)
  made = files_in(tmp_path)
  assert sorted(kept) == sorted(made) and len(made) > 20
  assert [name for name in made if made[name] != kept[name]] == []
  # What outsiders fetch stays small.
  assert sum(path.stat().st_size for path in folder.rglob("*")
             if path.is_file()) < 1500000
