"""The root imports the package, the package never the root; no circles."""

import ast
import re


def imports_of(path):
  """The modules that a file imports, wherever in it: set of str."""
  with open(str(path), encoding="utf-8") as f:
    tree = ast.parse(f.read())
  found = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      found.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      found.add(node.module)
      found.update("%s.%s" % (node.module, alias.name) for alias in node.names)
  return found


def modules(repository):
  """The package's modules: dict from name to the names of those it imports."""
  names = {path.stem: path
           for path in (repository / "attention_zones").glob("*.py")}
  return {name: {other for other in names
                 if "attention_zones." + other in imports_of(path)}
          for name, path in names.items()}


def test_the_package_never_imports_the_root(repository):
  root = {path.stem for path in repository.glob("*.py")}
  assert "run_squad" in root and "modeling" in root
  for path in (repository / "attention_zones").glob("*.py"):
    assert not imports_of(path) & root, path


def test_the_package_reads_no_flags(repository):
  for path in (repository / "attention_zones").glob("*.py"):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\bFLAGS\b|tf\.flags|absl", text), path


def test_there_is_no_circle(repository):
  """Modules can be taken away one by one, always one that needs no other."""
  left = modules(repository)
  assert "zones" in left["sweep"]
  while left:
    free = [name for name, needed in left.items() if not needed & set(left)]
    assert free, "imports in a circle among %s" % sorted(left)
    for name in free:
      del left[name]


def test_every_module_is_on_the_map(repository):
  import attention_zones
  for name in modules(repository):
    assert name == "__init__" or re.search(
        r"(^  |, )%s\b" % name, attention_zones.__doc__, re.M), name


def test_modeling_knows_no_zones_no_sweep_no_squad(repository):
  assert imports_of(repository / "modeling.py") & {
      "attention_zones." + name for name in modules(repository)} == {
          "attention_zones.checked_json", "attention_zones.seeds"}
