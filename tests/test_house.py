"""The root imports the package, the package never the root; no circles.

CONTRIBUTING.md lists which module knows which, and the list is true.
"""

import ast
import functools
import re


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


def known_by(repository):
  """What each module of the root and of the package imports of these: dict of set.
  """
  root = {path.stem: path for path in repository.glob("*.py")}
  package = {path.stem: path
             for path in (repository / "attention_zones").glob("*.py")
             if path.stem != "__init__"}
  return {name: {other for other in root if other in imports_of(path)} | {
      other for other in package if "attention_zones." + other in imports_of(path)
  } - {name} for name, path in list(root.items()) + list(package.items())}


def listed_in_contributing(repository):
  """The list in CONTRIBUTING.md, from top to bottom.

  A line is "  name -> module module", which may go on in the next lines; below
  "these know no other" names have no arrow.

  Returns:
    list of (name, set of the modules it is said to know).
  """
  text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
  block, = re.findall(r"^```imports\n(.*?)^```$", text, re.M | re.S)
  arrows, others = block.split("these know no other\n")
  listed = []
  for line in arrows.splitlines():
    name, arrow, known = line.rpartition("->")
    if arrow:
      listed.append((name.strip(), set(known.split())))
    elif line.startswith("   "):
      listed[-1][1].update(line.split())
  return listed + [(name, set()) for name in others.split()]


def test_the_list_of_who_knows_whom_is_true(repository):
  listed = listed_in_contributing(repository)
  assert len(dict(listed)) == len(listed)
  real = known_by(repository)
  assert set(dict(listed)) == set(real)
  for name, known in listed:
    assert known == real[name], "CONTRIBUTING.md: %s -> %s" % (
        name, " ".join(sorted(real[name])))


def test_what_a_module_knows_is_listed_below_it(repository):
  listed = listed_in_contributing(repository)
  for i, (name, known) in enumerate(listed):
    assert known <= {other for other, _ in listed[i + 1:]}, name


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
