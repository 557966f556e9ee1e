#!/usr/bin/env bash
# Makes .venv beside this file: Python 3.7 with the packages of requirements.txt.
#
#   bash setup_env.sh [extra-requirements-file ...]
#
# Prints nothing when .venv is already right, and replaces it when it is not.
# Looks for Python 3.7 as $PYTHON, as python3.7, in pyenv, with uv, with conda.
# Dependencies are not resolved: the files name every package with its version.
# For Linux and macOS, whose bash is 3.2.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd -P)
venv="$root/.venv"
python="$venv/bin/python"
conda="$venv/conda"
# The checksums of the requirements files whose packages are all installed.
installed="$venv/installed"

fail() {
  echo "setup_env.sh: $*" >&2
  exit 1
}

# must REFUSAL COMMAND ...: what the command prints is shown only if it fails.
must() {
  local output
  output=$("${@:2}" 2>&1 </dev/null) || {
    echo "$output" >&2
    fail "$1 (see above)"
  }
}

# Whether .venv runs and has the packages of all these requirements files.
has() {
  local file
  for file in "$@"; do
    grep -qxF "$(cksum <"$file")" "$installed" 2>/dev/null || return 1
  done
  "$python" -c "" >/dev/null 2>&1 </dev/null
}

# Locks file 9 until this process and all that it started have ended, even if
# killed. With -n, fails if another process has the lock. macOS has no flock.
lock() {
  flock "$@" 9 2>/dev/null || perl -e '
    open(F, ">&=9") && flock(F, @ARGV ? 6 : 2) or exit 1' -- "$@" 2>/dev/null
}

take_lock() {
  # Nothing is written to this file, but NFS locks only what could be written.
  exec 9>>"$root/requirements.txt"
  lock -n && return
  echo "Waiting for another setup_env.sh to finish .venv."
  lock || true  # Some clusters' file systems have no locks.
}

# A real path, since the Python of a virtual environment may be about to go.
describe='
import os, platform, sys
print("%s %s, %s-%s, %s, %s: %s" % (
    platform.python_implementation(), platform.python_version(),
    platform.system(), platform.machine(), platform.architecture()[0],
    platform.libc_ver()[0], os.path.realpath(sys.executable)))'
right='^CPython 3\.7\..*, (Linux-x86_64, 64bit, glibc|Darwin-x86_64, 64bit, ): '
needed="TensorFlow 1.15.3 needs CPython 3.7, 64bit, for x86_64 Linux or macOS"

# Sets seen to what the Python in $1 is, and base_python to its path if right.
try() {
  seen=$("$1" -c "$describe" 2>/dev/null </dev/null) || seen=""
  seen=${seen:-does not run}
  [[ $seen =~ $right ]] && base_python=${seen#*: }
}

try_uv() {
  command -v uv >/dev/null || return 1
  # From the root folder: no project, and no .venv, is found there.
  try "$(cd / && uv python find 3.7 2>/dev/null)" && return
  # Releases of uv since 0.7 no longer know where to download Python 3.7.
  # In a subshell, whose end is not the script's: conda may help.
  (must "uv cannot download Python 3.7" \
    uv tool run --from uv==0.6.17 uv python install 3.7) || return 1
  try "$(cd / && uv python find 3.7 2>/dev/null)"
}

try_conda() {
  command -v conda >/dev/null || return 1
  try "$conda/bin/python" && return
  rm -rf "$conda"
  (must "conda cannot download Python 3.7" \
    conda create --yes --quiet --prefix "$conda" python=3.7) || return 1
  try "$conda/bin/python"
}

find_python() {
  local candidate machine others=""
  if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON" || fail "PYTHON=$PYTHON: ${seen%: *}; $needed"
    return
  fi
  while IFS= read -r candidate; do
    try "$candidate" && return
    others=" ($candidate: ${seen%: *})"
  done < <(type -aP python3.7 || true
    compgen -G "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/3.7.*/bin/python")
  machine="$(uname -s)-$(uname -m)"
  # What uv and conda would download is for this machine.
  [[ $machine =~ ^(Linux|Darwin)-x86_64$ ]] ||
    fail "this machine is $machine$others; $needed; Windows has WSL"
  try_uv || try_conda ||
    fail "no Python 3.7 found$others: install it (\"pyenv install 3.7.17\")," \
      "or uv or conda, which can download it, or set PYTHON to its path; $needed"
}

make_venv() {
  find_python
  echo "Making .venv with $base_python; this takes a minute or two."
  mkdir -p "$venv"
  # What conda made stays: it is the Python to use.
  find "$venv/" -mindepth 1 -maxdepth 1 ! -name conda -exec rm -rf {} +
  must "$base_python cannot make a virtual environment; set PYTHON to another" \
    "$base_python" -m venv "$venv"
}

pip() {
  must "pip $1 failed; run again when the cause is gone" \
    "$python" -m pip --disable-pip-version-check --no-input "$@"
}

# Installs the packages of all these requirements files.
install() {
  local file
  rm -f "$installed"  # .venv is right for nobody until the end.
  # First what installs the others: Python 3.7.1's own pip is too old for them.
  pip install -c "$root/requirements.txt" pip setuptools wheel
  pip install --no-deps --no-build-isolation "${@/#/-r}"
  pip check
  must "TensorFlow cannot be imported; it needs a CPU with AVX" \
    "$python" -c "import tensorflow"
  for file in "$@"; do cksum <"$file"; done >"$installed"
}

for file in "$@"; do [ -f "$file" ] || fail "$file: no such file"; done
set -- "$root/requirements.txt" "$@"
has "$@" && exit
take_lock
has "$@" && exit  # Another process has made it meanwhile.
if has "$root/requirements.txt"; then
  echo "Adding to .venv the packages of ${*:2}."
else
  make_venv
fi
install "$@"
