"""The cores and the memory that this process may use, and what its CPU can do.

A cluster job or a container has only a part of its machine. A process that uses
the whole machine takes cores from others, or is killed for its memory.
"""

import math
import os
import platform


# The folder that has proc/ and sys/.
_ROOT = "/"


def cores():
  """How many cores this process may use.

  The minimum of its affinity (taskset, Slurm's binding), the quota of its control
  group (Docker's --cpus, Kubernetes), and SLURM_CPUS_PER_TASK.

  Returns:
    int, at least 1.
  """
  try:
    found = [len(os.sched_getaffinity(0))]
  except AttributeError:  # macOS
    found = [os.cpu_count() or 1]
  found.extend(_quotas())
  asked = os.environ.get("SLURM_CPUS_PER_TASK", "")
  if asked.isdigit():
    found.append(int(asked))
  return max(1, math.ceil(min(found)))


def memory():
  """How many bytes of memory this process may use: int.

  The machine's, or less where its control group has a limit.
  """
  machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
  limits = [limit for controller, name in (("", "memory.max"),
                                           ("memory", "memory.limit_in_bytes"))
            for folder in _groups(controller)
            for limit in _numbers(os.path.join(folder, name))]
  return min([machine] + limits)


def use_onednn():
  """Lets TensorFlow 2.15.1 use oneDNN's operations; before it is imported.

  TensorFlow by itself uses them only on x86 CPUs with AVX512-VNNI or newer (release
  notes of 2.9), but they are faster on others, too. TF_ENABLE_ONEDNN_OPTS, if it is
  set, decides. On ARM they are experimental (2.10). 1.15.3 has none.
  """
  if platform.machine() in ("x86_64", "AMD64"):
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def has_bfloat16():
  """Whether the CPU multiplies bfloat16 in hardware: bool.

  Linux lists avx512_bf16 or amx_bf16 (x86), or bf16 (ARM). macOS lists nothing.
  """
  listed = {word for line in _lines(os.path.join(_ROOT, "proc/cpuinfo"))
            if line.lower().startswith(("flags", "features"))
            for word in line.split()}
  return bool(listed & {"avx512_bf16", "amx_bf16", "bf16"})


def _quotas():
  """The cores that control groups grant: list of float."""
  found = [_numbers(os.path.join(folder, "cpu.max")) for folder in _groups("")]
  found += [_numbers(os.path.join(folder, "cpu.cfs_quota_us"),
                     os.path.join(folder, "cpu.cfs_period_us"))
            for folder in _groups("cpu")]
  # The quota and its period; where there is no limit, the period alone.
  return [numbers[0] / numbers[1] for numbers in found if len(numbers) == 2]


def _groups(controller):
  """The folders of this process's control group and of its parents.

  Inside a container, /proc/self/cgroup may have the path as the host knows it,
  while the container's own group is mounted at the top. So all parents are listed,
  and those that exist count.

  Args:
    controller: str, one of version 1: "memory"; "" for version 2, which has one
      tree for all.

  Returns:
    list of str, folders that may or may not be there.
  """
  folders = []
  for line in _lines(os.path.join(_ROOT, "proc/self/cgroup")):
    # "7:cpu,cpuacct:/docker/f00"; of version 2, "0::/jobs/job7".
    _, names, path = line.split(":", 2)
    if controller in names.split(","):
      parts = [part for part in path.split("/") if part]
      folders.extend(os.path.join(_ROOT, "sys/fs/cgroup", mount, *parts[:depth])
                     for mount in {controller, names}
                     for depth in range(len(parts) + 1))
  return folders


def _lines(path):
  """The lines of a file; [] when there is none that can be read."""
  try:
    with open(path, encoding="utf-8", errors="replace") as f:
      return f.read().splitlines()
  except OSError:
    return []


def _numbers(*paths):
  """The whole numbers above 0 in files: list of int. No limit is "max", or -1."""
  return [int(word) for path in paths for line in _lines(path)
          for word in line.split() if word.isdigit() and int(word)]
