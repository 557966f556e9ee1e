"""Times this project against PyTorch: sweeps, single decodes, training steps.

    .venv/bin/python tests/benchmarks/bench_peers.py
    .venv/bin/python tests/benchmarks/bench_peers.py --size=base --windows=2 \\
        --turns=2

Prints one table. What it compares: the sweep with TensorFlow 1.15.3 and 2.15.1 (an
environment that is missing is left out), in bfloat16, too, where the CPU has it;
PyTorch and transformers, with each decode from the first layer on, and with what
lies below the masked layer computed once, by hand; as many decodes padded to 512
tokens, as the published code runs them (an estimate: one is timed); the training
step of the smaller model; and tf.matmul in the process of the sweep.

Windows are of random tokens, as long as XQuAD's, and weights are random: the time
does not depend on them. All engines have the same ones. Before anything is timed,
their logits of all decodes of a window are compared. Each engine is a process that
waits for its turn; in a turn, all are timed once, one after the other. Compare
ratios, not seconds, and let nothing else run meanwhile: PyTorch's threads wait for
each other, and lose most when one has to wait for a core.

PyTorch is installed into .venv-peers on the first run (requirements-peers.txt,
Python 3.10 or 3.11; about 1 GB, more where pip finds no build for CPUs only). It
stays there; remove the folder when it is needed no more.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [ROOT, os.path.join(ROOT, "tests")]

from attention_zones.base import machine
import peers_inputs
import tolerances

ZONES = ["q2", "q2p", "p2q", "p2"]
PEERS = os.path.join(ROOT, ".venv-peers")
REQUIREMENTS = os.path.join(HERE, "requirements-peers.txt")

# Roundings to bfloat16 one after the other in a layer: six products, each of two
# rounded factors and a rounded result; autocast also rounds what lies between.
ROUNDINGS_IN_LAYER = 24


def parse_arguments():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--size", choices=sorted(peers_inputs.SIZES),
                      default="minilm", help="minilm: 6 layers of width 384; base: "
                      "BERT-base; tiny: to try the benchmark")
  parser.add_argument("--windows", type=int, default=8)
  parser.add_argument("--turns", type=int, default=3)
  parser.add_argument("--training_batches", type=int, default=2,
                      help="steps of 8 windows in a turn, not for --size=base")
  parser.add_argument("--no_pytorch", action="store_true",
                      help="this project only; installs nothing")
  arguments = parser.parse_args()
  for name in ("windows", "turns", "training_batches"):
    number = getattr(arguments, name)
    if number < 1:
      parser.error("--%s=%d: should be 1 or more" % (name, number))
  if arguments.size == "base":
    arguments.training_batches = 0
  return arguments


def fail(message):
  """Ends the program with a line on standard error."""
  sys.exit("bench_peers.py: " + message)


def peers_python():
  """The Python with PyTorch, which is installed when it is not there yet: str."""
  python = os.path.join(PEERS, "bin", "python")
  done = os.path.join(PEERS, "installed")
  with open(REQUIREMENTS, encoding="utf-8") as f:
    wanted = f.read()
  with contextlib.suppress(OSError), open(done, encoding="utf-8") as f:
    if f.read() == wanted:
      return python
  base = find_python()
  print("Installing PyTorch into %s; this takes a few minutes." % PEERS, flush=True)
  shutil.rmtree(PEERS, ignore_errors=True)
  for command in ([base, "-m", "venv", PEERS],
                  [python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]):
    if subprocess.call(command, stdin=subprocess.DEVNULL):
      fail("%s failed (see above); --no_pytorch leaves PyTorch out" %
           " ".join(command))
  with open(done, "w", encoding="utf-8") as f:
    f.write(wanted)
  return python


def find_python():
  """A Python 3.10 or 3.11: str."""
  for name in (os.path.join(ROOT, ".venv-tf2", "bin", "python"),
               "python3.11", "python3.10"):
    with contextlib.suppress(OSError):
      if not subprocess.call(
          [name, "-c", "import sys; sys.exit(sys.version_info[:2] not in "
           "((3, 10), (3, 11)))"], stderr=subprocess.DEVNULL):
        return name
  return fail("PyTorch needs Python 3.10 or 3.11, and neither was found; install "
              "one, or leave PyTorch out with --no_pytorch")


class Engine:
  """A process that computes when asked.

  Args:
    name: str, for messages.
    python: str, its Python.
    settings: dict, what peers_tensorflow.py or peers_torch.py reads.
    folder: str, for what it prints.
  """

  def __init__(self, name, python, settings, folder):
    self.name = name
    self._log = os.path.join(folder, name.replace(" ", "-") + ".log")
    script = "peers_torch.py" if name == "PyTorch" else "peers_tensorflow.py"
    settings = dict(settings, name=name, logits=os.path.join(folder, "%s.npy"))
    with open(self._log, "w") as log:
      self._process = subprocess.Popen(
          [python, os.path.join(HERE, script), json.dumps(settings)],
          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
          universal_newlines=True, cwd=folder)

  def answer(self):
    """What the process answers next; at first, its version."""
    line = self._process.stdout.readline()
    if not line:
      with open(self._log, errors="replace") as log:
        sys.stderr.write("".join(log.readlines()[-20:]))
      fail("%s ended (see above)" % self.name)
    return json.loads(line)

  def ask(self, action):
    """Lets the process do something: its result."""
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.write(action + "\n")
      self._process.stdin.flush()
    return self.answer()

  def close(self):
    """Ends the process."""
    self._process.kill()
    self._process.wait()


def start_engines(arguments, folder, stack):
  """Starts all engines: dict from name to Engine.

  Args:
    arguments: of the command line.
    folder: str, for temporary files.
    stack: contextlib.ExitStack that ends them.
  """
  # As train_squad.sh and decode_squad.sh set them, for PyTorch, too.
  os.environ.update(MALLOC_MMAP_THRESHOLD_="1000000000",
                    MALLOC_TRIM_THRESHOLD_="4000000000",
                    TF_CPP_MIN_LOG_LEVEL="2", PYTHONWARNINGS="ignore")
  machine.use_onednn()
  precisions = ["float32"] + ["bfloat16"] * machine.has_bfloat16()
  common = {"size": arguments.size, "windows": arguments.windows, "zones": ZONES,
            "precision": "float32", "precisions": precisions,
            "training_batches": arguments.training_batches}
  engines = {}

  def start(name, python, **settings):
    engines[name] = Engine(name, python, dict(common, **settings), folder)
    stack.callback(engines[name].close)

  roles = ["sweep", "padded"] + ["train"] * bool(arguments.training_batches)
  for version, venv in (("1.15.3", ".venv"), ("2.15.1", ".venv-tf2")):
    python = os.path.join(ROOT, venv, "bin", "python")
    if not os.path.exists(python):
      print("TensorFlow %s is left out: there is no %s; TENSORFLOW=%s bash "
            "setup_env.sh makes it" % (version, venv, version[0]))
      continue
    for role in roles:
      start("%s %s" % (role, version), python, role=role)
    if version == "2.15.1" and len(precisions) > 1:
      start("sweep bfloat16", python, role="sweep", precision="bfloat16")
  if len(precisions) == 1:
    print("bfloat16 is left out: this CPU has neither AVX512-BF16 nor AMX")
  if not engines:
    fail("there is neither .venv nor .venv-tf2; bash setup_env.sh makes one")
  if not arguments.no_pytorch:
    start("PyTorch", peers_python())
  for name, engine in engines.items():
    print("%s: %s" % (name, engine.answer()), flush=True)
  return engines


def compare_logits(engines, size):
  """Compares the logits of all decodes of a window, and ends if they differ.

  Args:
    engines: dict from name to Engine.
    size: str, the size of the model.
  """
  paths = {}
  for name, engine in engines.items():
    if name.startswith("sweep"):
      paths[name] = engine.ask("logits")
    elif name == "PyTorch":
      for way in ("single", "shared"):
        paths["PyTorch " + way] = engine.ask(way + " float32 logits")
        if "sweep bfloat16" in engines:
          paths["PyTorch %s bfloat16" % way] = engine.ask(way + " bfloat16 logits")
  logits = {name: np.load(path) for name, path in paths.items()}  # [V, 2, S] each
  first, expected = next(iter(logits.items()))
  config = types.SimpleNamespace(**peers_inputs.config(size))
  limit = tolerances.float32_tolerance(
      np.abs(expected).max(),
      tolerances.model_operations(config, expected.shape[-1]))
  effects = np.abs(expected[1:] - expected[0]).max((1, 2))
  unseen = sum(effects <= limit)
  if unseen == len(effects):
    fail("masking moves logits by %.2g at most, which is not seen with a limit of "
         "%.2g" % (effects.max(), limit))
  coarse = tolerances.root_mean_square(expected) * 2 * 2**-8 * np.sqrt(
      ROUNDINGS_IN_LAYER * config.num_hidden_layers)
  print("logits of %d decodes of a window, against those of %s%s:" % (
      len(expected), first, "; in %d, masking moves logits by less than the limit, "
      "so that this says nothing about their masks" % unseen if unseen else ""))
  for name, found in list(logits.items())[1:]:
    differences = found - expected
    distance, allowed, measure = (
        (tolerances.root_mean_square(differences), coarse, "root mean square")
        if "bfloat16" in name else (np.abs(differences).max(), limit, "furthest"))
    print("  %s: %s %.2g, limit %.2g" % (name, measure, distance, allowed))
    if not distance <= allowed:
      fail("%s computes something else" % name)


def measure(engines, turns):
  """Times everything in turns.

  Args:
    engines: dict from name to Engine.
    turns: int.

  Returns:
    dict from what was timed to its seconds in each turn, an array; of tf.matmul,
    operations in a second.
  """
  tasks = []
  for name, engine in engines.items():
    role, _, what = name.partition(" ")
    if role == "sweep":
      actions = ["sweep", "tf.matmul"]
      if what != "bfloat16":
        actions.append("sweep with all")
      tasks += [("%s %s" % (action, what), engine, action) for action in actions]
    elif name == "PyTorch":
      tasks += [("PyTorch %s %s" % (way, precision), engine,
                 "%s %s" % (way, precision)) for way in ("single", "shared")
                for precision in ("float32", "bfloat16")
                if precision == "float32" or "sweep bfloat16" in engines]
      if any(other.startswith("train ") for other in engines):
        tasks.append(("train PyTorch", engine, "train"))
    else:
      tasks.append((name, engine, role))
  found = [[engine.ask(action) for _, engine, action in tasks]
           for _ in range(turns)]
  kinds = ("sweep", "padded", "PyTorch", "train", "tf.matmul")
  times = {task[0]: values for task, values in zip(tasks, np.transpose(found))}
  return {name: times[name] for kind in kinds for name in times
          if name.startswith(kind)}


def rows_of(times, work, layers):
  """The rows of the table.

  Args:
    times: dict, as `measure` returns it.
    work: operations of the matrix products of a sweep for a window, float.
    layers: int.

  Returns:
    list of (text, array of values, one a turn). Ratios are of times in one turn.
  """
  decodes, with_all = 1 + layers * len(ZONES), 1 + layers * (len(ZONES) + 1)
  rows, ratios = [], []

  def against(text, values, others):
    """Adds the ratios to whichever of the others were timed."""
    ratios.extend(("%s / %s" % (text, other), values / times[other])
                  for other in others if other in times)
  sweeps = ["sweep 1.15.3", "sweep 2.15.1", "sweep bfloat16"]
  for name, values in times.items():
    if name.startswith("tf.matmul"):
      kind = name.split()[1]
      rows.append((name + ", GFLOP/s", values / 1e9))
      ratios.append(("products of sweep %s / time / tf.matmul" % kind,
                     work / times["sweep " + kind] / values))
      continue
    rows.append((name + (", s a step" if name.startswith("train")
                         else ", s a window"), values))
    if name.startswith("padded"):
      version = name.split()[1]
      against("%d x %s" % (decodes, name), decodes * values, ["sweep " + version])
      against("%d x %s" % (with_all, name), with_all * values,
              ["sweep with all " + version])
    elif name == "train PyTorch":
      against(name, values, ["train 1.15.3", "train 2.15.1"])
    elif name.startswith("PyTorch"):
      against(name, values, sweeps[2:] if name.endswith("bfloat16") else sweeps)
  if "sweep 1.15.3" in times:
    against("sweep 1.15.3", times["sweep 1.15.3"], sweeps[1:2])
  if "sweep 2.15.1" in times:
    against("sweep 2.15.1", times["sweep 2.15.1"], sweeps[2:])
  return rows + ratios


def main():
  arguments = parse_arguments()
  config = peers_inputs.config(arguments.size)
  layers = config["num_hidden_layers"]
  with contextlib.ExitStack() as stack:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    engines = start_engines(arguments, folder, stack)
    compare_logits(engines, arguments.size)
    work = next(engine for name, engine in engines.items()
                if name.startswith("sweep")).ask("work")
    times = measure(engines, arguments.turns)
  print("%d layers of width %d, %d windows of %.0f tokens, %d cores; %d decodes "
        "(%s), and %d more with all" % (
            layers, config["hidden_size"], arguments.windows,
            np.mean([len(window.ids)
                     for window in peers_inputs.windows(arguments.windows)]),
            machine.cores(), 1 + layers * len(ZONES), ",".join(ZONES), layers))
  for text, values in rows_of(times, work, layers):
    print("| %-58s | %8.3f | %s |" % (
        text, np.median(values), " ".join("%.3f" % value for value in values)))


if __name__ == "__main__":
  main()
