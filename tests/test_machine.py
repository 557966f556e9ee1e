"""The cores and the memory that a process may use, not those of the machine."""

import os
import platform
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

from attention_zones.base import estimator
from attention_zones.base import machine

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def root(monkeypatch, tmp_path):
  """The folder that has proc/ and sys/ of a machine without Slurm."""
  monkeypatch.setattr(machine, "_ROOT", str(tmp_path))
  monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
  return tmp_path


def write(root, files):
  """Writes files, {"sys/fs/cgroup/cpu.max": "max 100000"}."""
  for name, content in files.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content + "\n")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"),
                    reason="this system has no affinity")
def test_affinity(repository):
  """Of a process that may use one core."""
  core = min(os.sched_getaffinity(0))
  result = subprocess.run(
      [sys.executable, "-c", "import os\nfrom attention_zones.base import machine\n"
       "os.sched_setaffinity(0, [%d]); print(machine.cores())" % core],
      cwd=str(repository), stdout=subprocess.PIPE, universal_newlines=True)
  assert result.stdout == "1\n"


def test_a_system_without_affinity(monkeypatch, root):
  """macOS."""
  monkeypatch.delattr(os, "sched_getaffinity", raising=False)
  assert machine.cores() == os.cpu_count()


@pytest.fixture
def many_cores(monkeypatch):
  """A machine of 64 cores, all of which the process may use."""
  monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)),
                      raising=False)


V2 = {"proc/self/cgroup": "0::/jobs/job7"}
V1 = {"proc/self/cgroup": "7:cpu,cpuacct:/docker/f00\n4:memory:/docker/f00\n"
                          "1:name=systemd:/docker/f00\n0::/"}


@pytest.mark.parametrize("files, environ, cores", [
    ({}, {}, 64),
    ({}, {"SLURM_CPUS_PER_TASK": "4"}, 4),
    ({}, {"SLURM_CPUS_PER_TASK": ""}, 64),
    ({}, {"SLURM_CPUS_PER_TASK": "4(x2)"}, 64),
    # Version 2: one and a half cores, of the group and of the one around it.
    (dict(V2, **{"sys/fs/cgroup/jobs/job7/cpu.max": "150000 100000"}), {}, 2),
    (dict(V2, **{"sys/fs/cgroup/jobs/cpu.max": "300000 100000",
                 "sys/fs/cgroup/jobs/job7/cpu.max": "max 100000"}), {}, 3),
    (dict(V2, **{"sys/fs/cgroup/jobs/cpu.max": "10000 100000"}),
     {"SLURM_CPUS_PER_TASK": "4"}, 1),
    # In a container its own group is at the top.
    (dict(V2, **{"sys/fs/cgroup/cpu.max": "500000 100000"}), {}, 5),
    # Version 1.
    (dict(V1, **{
        "sys/fs/cgroup/cpu,cpuacct/docker/f00/cpu.cfs_quota_us": "200000",
        "sys/fs/cgroup/cpu,cpuacct/docker/f00/cpu.cfs_period_us": "100000"}),
     {}, 2),
    (dict(V1, **{"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "700000",
                 "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}), {}, 7),
    (dict(V1, **{"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                 "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}), {}, 64),
    # Of another job.
    (dict(V2, **{"sys/fs/cgroup/jobs/job8/cpu.max": "100000 100000"}), {}, 64),
])
def test_cores(many_cores, monkeypatch, root, files, environ, cores):
  write(root, files)
  for name, value in environ.items():
    monkeypatch.setenv(name, value)
  assert machine.cores() == cores


@pytest.mark.parametrize("files, size", [
    ({}, MACHINE),
    (dict(V2, **{"sys/fs/cgroup/jobs/job7/memory.max": "12345678"}), 12345678),
    (dict(V2, **{"sys/fs/cgroup/jobs/memory.max": "23456789",
                 "sys/fs/cgroup/jobs/job7/memory.max": "max"}), 23456789),
    (dict(V1, **{
        "sys/fs/cgroup/memory/docker/f00/memory.limit_in_bytes": "34567890"}),
     34567890),
    (dict(V1, **{"sys/fs/cgroup/memory/memory.limit_in_bytes": "45678901"}),
     45678901),
    # What version 1 says of no limit.
    (dict(V1, **{
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}),
     MACHINE),
    (dict(V2, **{"sys/fs/cgroup/memory.max": "not a number"}), MACHINE),
])
def test_memory(root, files, size):
  write(root, files)
  assert machine.memory() == size


@pytest.mark.parametrize("width, decodes, at_once, threads", [
    (768, 1, 8, 8), (768, 60, 4, 2), (64, 1, 8, 1), (64, 60, 4, 1)])
def test_how_operations_share_eight_cores(
    monkeypatch, width, decodes, at_once, threads):
  """TensorFlow gets all, and shares them as fits: several operations of a sweep run
  at once; those of a narrow model are not shared."""
  monkeypatch.setattr(machine, "cores", lambda: 8)
  config = estimator.session_config(width, decodes)
  assert config.inter_op_parallelism_threads == at_once
  assert config.intra_op_parallelism_threads == threads


@pytest.mark.parametrize("environ, kind, expected", [
    ({}, "x86_64", "1"),
    ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "x86_64", "0"),
    ({}, "aarch64", None),
])
def test_onednn_is_used_unless_the_user_or_the_cpu_is_against_it(
    monkeypatch, environ, kind, expected):
  monkeypatch.setattr(os, "environ", environ)
  monkeypatch.setattr(platform, "machine", lambda: kind)
  machine.use_onednn()
  assert environ.get("TF_ENABLE_ONEDNN_OPTS") == expected


@pytest.mark.skipif(
    tf.__version__.startswith("1.") or platform.machine() != "x86_64",
    reason="TensorFlow 1.15 has no oneDNN, and on ARM it stays as it is")
@pytest.mark.parametrize("asked", [None, "0"])
def test_run_squad_sets_onednn_before_tensorflow_reads_it(repository, asked):
  environ = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="0")
  del environ["TF_ENABLE_ONEDNN_OPTS"]  # Of this process; see conftest.py.
  if asked:
    environ["TF_ENABLE_ONEDNN_OPTS"] = asked
  result = subprocess.run(
      [sys.executable, "run_squad.py", "--help"], cwd=str(repository), env=environ,
      stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, universal_newlines=True)
  assert ("oneDNN custom operations are on" in result.stderr) == (asked is None)
