"""The house: the root imports the package, never the other way; its eight rooms.

CONTRIBUTING.md shows the law of rooms in eight lines, which are read from there.
"""

import ast
import functools
import re

import pytest

import launcher

READING = ("scores", "findings", "figures")
# Commands stand directly in the package, and may import from all rooms of a wing.
COMMANDS = {"cases": READING, "sample": READING, "convert_hf": ("data", "weights")}
# What a command compares with something else: --verify.
FROM_THE_ROOT = {"convert_hf": {"run_squad"}}


@functools.lru_cache(maxsize=None)
def imports_of(path):
  """The modules that a file imports, wherever in it: frozenset of str."""
  with open(str(path), encoding="utf-8") as f:
    tree = ast.parse(f.read())
  found = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      found.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      found.add(node.module)
      found.update("%s.%s" % (node.module, alias.name) for alias in node.names)
  return frozenset(found)


def files_of(repository):
  """The package's files: dict from "base.files" and its like to a path."""
  package = repository / "attention_zones"
  return {".".join(path.relative_to(package).with_suffix("").parts): path
          for path in package.glob("**/*.py")}


def modules(repository):
  """The package's modules: dict from name to the names of those it imports."""
  names = {name: path for name, path in files_of(repository).items()
           if not name.endswith("__init__")}
  return {name: {other for other in names
                 if "attention_zones." + other in imports_of(path)}
          for name, path in names.items()}


def law(repository):
  """What CONTRIBUTING.md says: dict from a room to the rooms it may import from."""
  text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
  block, = re.findall(r"^```law\n(.*?)^```$", text, re.M | re.S)
  rooms = dict(re.findall(r"^(\w+) +<- +(.*?)(?:  .*)?$", block, re.M))
  return {room: set(known.split()) - {"nothing"} for room, known in rooms.items()}


def test_the_package_never_imports_the_root(repository):
  root = {path.stem for path in repository.glob("*.py")}
  assert "run_squad" in root and "modeling" in root
  for name, path in files_of(repository).items():
    assert imports_of(path) & root == FROM_THE_ROOT.get(name, set()), path


def test_the_package_reads_no_flags(repository):
  for path in files_of(repository).values():
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\bFLAGS\b|tf\.flags|absl", text), path


def test_rooms_keep_the_law(repository):
  allowed = law(repository)
  assert len(allowed) == 8
  rooms = {path.parent.name for path in files_of(repository).values()}
  assert rooms - {"attention_zones"} == set(allowed)
  for name, known in modules(repository).items():
    room = name.partition(".")[0]
    may = set(COMMANDS[name]) | {"base", "zones"} if name in COMMANDS else (
        allowed[room] | {room})
    assert {other.partition(".")[0] for other in known} <= may, name


def test_the_wings_never_import_each_other(repository):
  """So says the law itself."""
  allowed = law(repository)
  for room in allowed:
    others = allowed[room] - {"base", "zones"}
    assert others <= set(READING) if room in READING else not others & set(READING)


def test_there_are_two_levels_of_folders(repository):
  assert all(len(name.split(".")) <= 2 for name in files_of(repository))


def test_there_is_no_circle(repository):
  """Modules can be taken away one by one, always one that needs no other."""
  left = modules(repository)
  assert "zones.zones" in left["decoding.sweep"]
  while left:
    free = [name for name, needed in left.items() if not needed & set(left)]
    assert free, "imports in a circle among %s" % sorted(left)
    for name in free:
      del left[name]


def test_every_module_is_on_its_rooms_map(repository):
  for name, path in files_of(repository).items():
    if not name.endswith("__init__"):
      said = ast.get_docstring(ast.parse(
          (path.parent / "__init__.py").read_text(encoding="utf-8")))
      assert re.search(r"(^ *|, )%s\b" % path.stem, said, re.M), name


def test_modeling_knows_no_zones_no_sweep_no_squad(repository):
  assert imports_of(repository / "modeling.py") & {
      "attention_zones." + name for name in modules(repository)} == {
          "attention_zones.base.json_files", "attention_zones.base.seeds"}


@pytest.mark.parametrize("first", [
    "get_results", "visualize_att_zone", "eval_squad", "eval_cmrc2018",
    "attention_zones.cases", "attention_zones.sample", None])
def test_reading_works_without_tensorflow(repository, tmp_path, first):
  """Every module of that wing, where TensorFlow cannot be imported."""
  names = [first] if first else [
      "attention_zones." + name for name in modules(repository)
      if name.partition(".")[0] in READING]
  assert names
  result = launcher.code("\n".join([
      "import sys", "sys.path.insert(0, %r)" % str(repository),
      "sys.modules['tensorflow'] = None",
      "sys.modules['tensorflow.compat.v1'] = None"] + [
          "import %s" % name for name in names]), tmp_path, fresh=True)
  assert result.returncode == 0, result.stderr
