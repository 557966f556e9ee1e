"""README.md and the manual in docs/: their lengths, links and commands.

What needs no download is run as it stands in README. In the slow tests, small files
stand where a reader has downloaded large ones.
"""

import collections
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from attention_zones.zones import zones
import hf_folder
import launcher
import test_paper_steps
import tiny_model

MANUAL = ("controls", "data", "decoding", "experiment", "files", "findings",
          "machines", "models", "python", "statistics", "subsets", "trouble",
          "zones")
PAGES = ("README.md", "CONTRIBUTING.md", "tests/benchmarks/README.md",
         "tests/golden/README.md") + tuple("docs/%s.md" % name for name in MANUAL)

# Headings of README while it was the manual, too: links of others lead there.
OLD_ANCHORS = (
    "quick-start", "zones", "controls-and-heads",
    "the-protocol-for-bert-base-on-squad", "is-it-real", "more-than-right-or-wrong",
    "what-you-can-find-out", "your-own-model", "your-own-data", "extending",
    "machines", "troubleshooting", "how-to-cite")

# Commands of README that are not run here, and why.
DOWNLOADS = ("wget ", "unzip ", "hf download ", "bash setup_env.sh")
NOT_RUN = {
    "bash tests/run.sh": "these tests are what it runs",
    "SEEDS=": "test_scripts.py does, and 10 runs take minutes",
    "seed{1..5}": "needs these",
    "my_model-squad": "trained and decoded as in the protocol",
    "uncased_L-24": "the same",
    "mine/model.ckpt-9": "the same"}

# Programs that a command can begin with; run_squad.py is behind two scripts.
PROGRAM = re.compile(
    r"(?:(?:python|\.venv\S*/bin/python) (?:-u )?(?:-m )?|bash |sbatch (?:--\S+ )*)"
    r"(?P<name>[\w./]+)(?P<rest>.*)")
BEGINS = re.compile(r"(?:[A-Z_]+=(?:\"[^\"]*\"|\S+) )*"
                    r"(?:python|\.venv\S*/bin/python|bash|sbatch|nohup|wait|source"
                    r"|wget|unzip|hf|gsutil|gcloud|export)\b")
OF_RUN_SQUAD = ("train_squad.sh", "decode_squad.sh")


def read(repository, page):
  return (repository / page).read_text(encoding="utf-8")


def without_code(text):
  """A page without its blocks and spans of code."""
  text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
  return re.sub(r"^    .*$|`[^`\n]*`", "", text, flags=re.M)


def anchors(text):
  """The anchors of a page, as GitHub makes them of headings: set of str."""
  text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
  found = set(re.findall('<a id="([^"]+)"></a>', text))
  for heading in re.findall("^#+ (.+)$", text, re.M):
    words = re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", heading.lower())
    found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
  return found


def commands(text):
  """The commands in a page's indented blocks, each whole: list of str."""
  whole = re.sub(r" *\\\n *", " ", text)
  return list(filter(BEGINS.match, re.findall("^    (.*)$", whole, re.M)))


def section(text, heading):
  """What stands under a heading of the second level, up to the next: str."""
  _, begin, rest = text.partition("\n## %s\n" % heading)
  assert begin, heading
  return rest.partition("\n## ")[0]


def test_lengths(repository):
  text = read(repository, "README.md")
  assert len(text.splitlines()) <= 250
  assert len(text.split()) <= 2200
  for name in MANUAL:
    lines = read(repository, "docs/%s.md" % name).splitlines()
    assert len(lines) <= 200, name


def test_the_manual_has_these_pages_and_readme_leads_to_each(repository):
  found = {path.name for path in (repository / "docs").iterdir()}
  assert found == {name + ".md" for name in MANUAL} | {"one_question.ipynb"}
  text = section(read(repository, "README.md"), "Where to read on")
  for name in MANUAL:
    assert "(docs/%s.md" % name in text, name


@pytest.mark.parametrize("page", PAGES)
def test_links(repository, page):
  text = without_code(read(repository, page))
  links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
      r"^\[[^]]+\]: (\S+)$", text, re.M)
  assert links or page not in ("README.md", "CONTRIBUTING.md")
  broken = []
  for link in links:
    if re.match("https?://", link):
      continue
    name, _, anchor = link.partition("#")
    path = (repository / page).parent / name if name else repository / page
    if not path.exists() or anchor and anchor not in anchors(
        path.read_text(encoding="utf-8")):
      broken.append(link)
  assert not broken


def test_links_of_old(repository):
  assert set(OLD_ANCHORS) <= anchors(read(repository, "README.md"))


def test_anchors():
  assert anchors(
      '## `all` is not "everything"\n<a id="x"></a>\n### [A](b.md), c_d\n'
      "```\n# no\n```\n") == {"all-is-not-everything", "x", "a-c_d"}


@pytest.fixture(scope="module")
def known_flags(repository):
  """A function from a script to the flags that its --help names: set of str."""
  known = {}

  def of(name):
    if name not in known:
      text = launcher.script(*(
          [name, "--help"] if name.endswith(".py")
          else [name.replace(".", "/") + ".py", "--help"])).stdout
      assert "--" in text, name
      known[name] = set(re.findall(r"-{1,2}(?:\[no\])?([a-zA-Z][\w-]*)", text))
    return known[name]
  return of


@pytest.mark.parametrize("page", PAGES)
def test_flags_exist(repository, page, known_flags):
  """Every command calls a script that is there, with flags that it has."""
  for command in commands(read(repository, page)):
    found = PROGRAM.search(command.partition(" # ")[0])
    name = found and found.group("name")
    if not name or name in ("python", "-c"):
      continue
    path = name if "/" in name or name.endswith((".py", ".sh")) else (
        name.replace(".", "/") + ".py")
    assert (repository / path).exists(), command
    script = "run_squad.py" if name in OF_RUN_SQUAD else name
    if script.endswith(".sh") or not script.endswith(".py") and "/" in script:
      continue
    flags = [word.partition("=")[0].lstrip("-")
             for word in shlex.split(found.group("rest").partition(" & ")[0])
             if re.match("--?[a-zA-Z]", word)]
    assert not flags or set(flags) <= known_flags(script), command


@pytest.fixture
def copy(repository, tmp_path):
  """A copy of what a reader has: a folder."""
  folder = tmp_path / "attention-zones"
  folder.mkdir()
  for pattern in ("*.py", "*.sh", "requirements*.txt"):
    for path in repository.glob(pattern):
      shutil.copy(str(path), str(folder))
  for name in ("attention_zones", "paper", "squad"):
    shutil.copytree(str(repository / name), str(folder / name),
                    ignore=shutil.ignore_patterns("*.json", "__pycache__"))
  return folder


def type_in(folder, lines, **variables):
  """Runs commands one after the other in one shell; returns what they print.

  The Python is the one that runs the tests.
  """
  environment = dict(
      os.environ, PYTHONWARNINGS="ignore", TF_CPP_MIN_LOG_LEVEL="3",
      PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
      **variables)
  environment.pop("TENSORFLOW", None)
  done = subprocess.run(
      ["bash", "-e", "-c", "\n".join(lines)], cwd=str(folder), env=environment,
      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
      universal_newlines=True)
  assert done.returncode == 0, done.stdout + done.stderr
  assert "Traceback" not in done.stderr, done.stderr
  return done.stdout


def test_a_figure_for_a_paper(repository, tmp_path):
  """In a folder that has nothing but the tables."""
  (tmp_path / "paper").mkdir()
  for path in (repository / "paper").glob("*.csv"):
    shutil.copy(str(path), str(tmp_path / "paper"))
  text = section(read(repository, "README.md"), "A figure for a paper")
  for line in commands(text):
    python, name, *rest = shlex.split(line)
    done = launcher.script(name, *rest, cwd=tmp_path)
    assert (python, done.returncode) == ("python", 0), done.stderr
  found = {path.name for path in tmp_path.glob("**/*")
           if path.suffix in (".pdf", ".png")}
  assert found == {
      "figure.pdf", "figure1a.png", "figure1b.png", "squad.minilm.png"}


def test_what_is_run_here(repository):
  """Each command of README is run by a test here, or its reason is above."""
  text = read(repository, "README.md")
  tested = [section(text, heading) for heading in (
      "Quick start", "The protocol for BERT-base on SQuAD", "Your own model",
      "A figure for a paper")]
  assert collections.Counter(commands(text)) == collections.Counter(
      sum(map(commands, tested), []))
  for part in NOT_RUN:
    assert any(part in line for line in commands(text)), part


def to_run(text):
  """The commands of a text, without those that are not run here: list of str."""
  return [line for line in commands(text) if not line.startswith(DOWNLOADS)
          and not any(part in line for part in NOT_RUN)]


@pytest.fixture
def with_environment(copy):
  """The copy, beside which this Python's environment lies as setup_env.sh makes it.
  """
  name = os.path.basename(sys.prefix)
  if name not in (".venv", ".venv-tf2"):
    pytest.skip("this Python is not of an environment of setup_env.sh")
  (copy / name).symlink_to(sys.prefix)
  return copy


def in_environment(lines):
  """The lines, with the environment of this Python as the one to activate."""
  return [line.replace("source .venv/", "source %s/" % os.path.basename(sys.prefix))
          for line in lines]


def write_hugging_face(folder, architecture):
  """Writes a 12-layer BERT in Hugging Face's format."""
  config = hf_folder.config_of(
      "bert", architecture, num_hidden_layers=12, max_position_embeddings=512)
  _, tensors = hf_folder.tensors_of(config, architecture == "ForQuestionAnswering")
  hf_folder.write(folder, config, tensors)


def stand_in_model(folder, sources, vocabulary):
  """Writes a 12-layer BERT without answer head in Google's format."""
  write_hugging_face(sources, "Model")
  done = launcher.script("attention_zones/convert_hf.py", sources, folder)
  assert done.returncode == 0, done.stderr
  (folder / "checkpoint").unlink()
  for path in folder.glob("model.ckpt-0.*"):
    path.rename(folder / path.name.replace("model.ckpt-0", "bert_model.ckpt"))
  (folder / "vocab.txt").write_text(vocabulary)


@pytest.fixture
def downloaded(with_environment):
  """The copy after README's downloads, with small files in place of the large."""
  folder = with_environment
  for name, copies in (("train", 7), ("dev", 1)):
    (folder / "squad" / (name + "-v1.1.json")).write_text(
        test_paper_steps.data_set(copies))
  stand_in_model(
      folder / "cased_L-12_H-768_A-12", folder / "encoder",
      test_paper_steps.capitalized("\n".join(tiny_model.VOCAB) + "\n"))
  return folder


@pytest.mark.thorough
def test_the_protocol(repository, downloaded):
  lines = to_run(section(
      read(repository, "README.md"), "The protocol for BERT-base on SQuAD"))
  printed = type_in(downloaded, in_environment(lines))
  assert '"total": 10' in printed and "layer,all,q2,q2p,p2q,p2\n1," in printed
  found = list((downloaded / "squad-model").glob("predictions_layer*_*.json"))
  assert len(found) == 60
  for name in ("results.csv", "results.stats.csv", "squad.pdf", "report.html"):
    assert (downloaded / name).exists(), name


@pytest.mark.parametrize("architecture, place", [
    ("ForQuestionAnswering", 1), ("Model", 3)])
@pytest.mark.slow
def test_convert_hf_prints_the_next_command(
    repository, tmp_path, architecture, place):
  """With an answer head it is README's that decodes, without one that which trains.
  """
  text = section(read(repository, "README.md"), "Your own model")
  convert, *others = [
      line for line in commands(text) if not line.startswith(DOWNLOADS)]
  write_hugging_face(tmp_path / "hf_model", architecture)
  done = launcher.script("attention_zones/convert_hf.py", *shlex.split(convert)[3:],
                         cwd=tmp_path)
  assert done.returncode == 0, done.stderr
  assert "next: %s\n" % others[place - 1] in done.stdout


@pytest.mark.thorough
def test_a_model_of_hugging_face(repository, downloaded):
  write_hugging_face(downloaded / "hf_model", "ForQuestionAnswering")
  type_in(downloaded, to_run(section(
      read(repository, "README.md"), "Your own model")))
  assert (downloaded / "results.stats.csv").exists()


@pytest.mark.thorough
def test_the_demo_and_what_it_shows(repository, with_environment):
  """The demo of README, in few steps, and then the commands of docs/findings.md."""
  demo, = to_run(section(read(repository, "README.md"), "Quick start"))
  type_in(with_environment, [demo], EPOCHS="0.05")
  for name in ("attention_zones.pdf", "results.csv", "report.html"):
    assert (with_environment / "demo_output" / name).exists(), name
  text = section(read(repository, "docs/findings.md"), "The demo's model")
  type_in(with_environment, in_environment(commands(text)))
  assert (with_environment / "effect.pdf").exists()
  check_columns(repository, with_environment)
  table = (with_environment / "demo.controls.csv").read_text()
  assert len(table.splitlines()) == 1 + 9


def check_columns(repository, folder):
  """Every column of the tables that lie in the folder is in docs/files.md."""
  listed = set(re.findall("`([a-z_]+)`", read(repository, "docs/files.md")))
  tables = [path for path in folder.glob("**/*.csv") if path.parent.name != "paper"]
  assert {"demo.csv", "demo.stats.csv", "attention_mass.csv", "report.csv"} <= {
      path.name for path in tables}
  for path in tables:
    columns = set(path.read_text(encoding="utf-8").split("\n")[0].split(","))
    is_zone = re.compile("(%s)(@.*)?" % "|".join(zones.ZONES)).fullmatch
    assert not {name for name in columns if not is_zone(name)} - listed, path.name
