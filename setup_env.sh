#!/usr/bin/env bash
# Makes, beside this file, .venv with Python 3.7 and TensorFlow 1.15.3 or .venv-tf2
# with Python 3.9 to 3.11 and TensorFlow 2.15.1.
#
#   bash setup_env.sh [extra-requirements-file ...]
#   bash setup_env.sh requirements-models.txt     adds what other models and data
#                                                 sets need
#   bash setup_env.sh --which     prints which Python the scripts use; makes nothing
#
# TENSORFLOW=1, 2 or 2-gpu (with NVIDIA's packages) chooses. Without it: what is
# there, .venv first; else .venv if Python 3.7 can be had, else .venv-tf2.
# Prints nothing when all is already right, and replaces what is not.
# Looks for Python as $PYTHON, as python3.7 etc., in pyenv, with uv, with conda.
# Dependencies are not resolved: the files name every package with its version.
# For Linux and macOS, whose bash is 3.2.
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd -P)

# use 1|2: from here on it is about this TensorFlow.
use() {
  local processors
  if [ "$1" = 1 ]; then
    venv="$root/.venv" requirements="$root/requirements.txt"
    tensorflow="TensorFlow 1.15.3" versions="3.7" processors="x86_64"
    needed="$tensorflow needs CPython 3.7, 64bit, for x86_64 Linux or macOS"
  else
    venv="$root/.venv-tf2" requirements="$root/requirements-tf2.txt"
    tensorflow="TensorFlow 2.15.1" versions="3.11 3.10 3.9"
    processors="(x86_64|aarch64|arm64)"
    needed="$tensorflow needs CPython 3.9 to 3.11, 64bit, for Linux or macOS"
  fi
  newest=${versions%% *}
  python="$venv/bin/python"
  conda="$venv/conda"
  # The checksums of the requirements files whose packages are all installed.
  installed="$venv/installed"
  machines="^(Linux|Darwin)-$processors\$"
  right="^CPython (${versions// /|})\..*, (Linux-$processors, 64bit, glibc|Darwin-$processors, 64bit, ): "
}

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

runs() { "$1" -c "" >/dev/null 2>&1 </dev/null; }

# Whether the environment runs and has the packages of these requirements files,
# and of its own.
has() {
  local file
  for file in "$requirements" "$@"; do
    grep -qxF "$(cksum <"$file")" "$installed" 2>/dev/null || return 1
  done
  runs "$python"
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
  echo "Waiting for another setup_env.sh to finish."
  lock || true  # Some clusters' file systems have no locks.
}

# A real path, since the Python of a virtual environment may be about to go.
describe='
import os, platform, sys
print("%s %s, %s-%s, %s, %s: %s" % (
    platform.python_implementation(), platform.python_version(),
    platform.system(), platform.machine(), platform.architecture()[0],
    platform.libc_ver()[0], os.path.realpath(sys.executable)))'

# Sets seen to what the Python in $1 is, and base_python to its path if right.
try() {
  seen=$("$1" -c "$describe" 2>/dev/null </dev/null) || seen=""
  seen=${seen:-does not run}
  [[ $seen =~ $right ]] && base_python=${seen#*: }
}

try_uv() {
  command -v uv >/dev/null || return 1
  # From the root folder: no project, and no .venv, is found there.
  try "$(cd / && uv python find "$newest" 2>/dev/null)" && return
  # Releases of uv since 0.7 no longer know where to download Python 3.7.
  # In a subshell, whose end is not the script's: conda may help.
  (must "uv cannot download Python $newest" \
    uv tool run --from uv==0.6.17 uv python install "$newest") || return 1
  try "$(cd / && uv python find "$newest" 2>/dev/null)"
}

try_conda() {
  command -v conda >/dev/null || return 1
  try "$conda/bin/python" && return
  rm -rf "$conda"
  (must "conda cannot download Python $newest" \
    conda create --yes --quiet --prefix "$conda" python="$newest") || return 1
  try "$conda/bin/python"
}

# Finds a Python for the TensorFlow in use; if there is none, problem says why.
find_python() {
  local version candidate machine others=""
  if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON" && return
    problem="PYTHON=$PYTHON: ${seen%: *}; $needed"
    return 1
  fi
  for version in $versions; do
    while IFS= read -r candidate; do
      try "$candidate" && return
      others=" ($candidate: ${seen%: *})"
    done < <(type -aP "python$version" || true
      compgen -G "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version.*/bin/python")
  done
  machine="$(uname -s)-$(uname -m)"
  # What uv and conda would download is for this machine.
  if ! [[ $machine =~ $machines ]]; then
    problem="this machine is $machine$others; $needed; Windows has WSL"
    return 1
  fi
  problem="no Python that fits$others: install one, or uv or conda, which can \
download it, or set PYTHON to its path; $needed"
  try_uv || try_conda
}

make_venv() {
  local first=$needed
  if ! find_python; then
    [ -z "${TENSORFLOW:-}" ] || fail "$problem"
    use 2
    needed="$first; $needed"
    find_python || fail "$problem"
  fi
  echo "Making ${venv##*/} ($tensorflow) with $base_python;" \
    "this takes a minute or two."
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

# Installs the packages of these requirements files, and of the environment's own.
install() {
  local file
  set -- "$requirements" "$@"
  rm -f "$installed"  # The environment is right for nobody until the end.
  # First what installs the others: Python 3.7.1's own pip is too old for them.
  pip install -c "$requirements" pip setuptools wheel
  pip install --no-deps --no-build-isolation "${@/#/-r}"
  pip check
  must "TensorFlow cannot be imported; it needs a CPU with AVX" \
    "$python" -c "import tensorflow"
  for file in "$@"; do cksum <"$file"; done >"$installed"
}

which=""
if [ "${1:-}" = --which ]; then
  which=yes
  shift
fi
# A file that is not here may be beside this script.
count=$#
for file in "$@"; do
  [ -f "$file" ] || file="$root/$file"
  [ -f "$file" ] || fail "${file#"$root/"}: no such file"
  set -- "$@" "$file"
done
shift "$count"
case "${TENSORFLOW:-}" in
  1) use 1 ;;
  2) use 2 ;;
  2-gpu)
    use 2
    set -- "$root/requirements-tf2-gpu.txt" "$@"
    ;;
  "")
    use 1
    if ! runs "$python" && runs "$root/.venv-tf2/bin/python"; then
      TENSORFLOW=2
      use 2
    fi
    ;;
  *) fail "TENSORFLOW=$TENSORFLOW: should be 1, 2 or 2-gpu" ;;
esac
if [ "$which" ]; then
  if runs "$python"; then
    echo "$python"
  elif [ -z "${TENSORFLOW:-}" ]; then
    echo python
  else
    fail "TENSORFLOW=$TENSORFLOW: there is no ${venv##*/};" \
      "TENSORFLOW=$TENSORFLOW bash setup_env.sh makes it"
  fi
  exit
fi
has "$@" && exit
take_lock
has "$@" && exit  # Another process has made it meanwhile.
if has; then
  echo "Adding to ${venv##*/} the packages of $*."
else
  make_venv
fi
install "$@"
