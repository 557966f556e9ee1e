#!/usr/bin/env bash
# Makes .venv beside this file: Python 3.7 with requirements.txt.
#
#   bash setup_env.sh [extra-requirements-file ...]
#
# Prints nothing when .venv is already right, and replaces it when it is not.
# Every package, also one that another needs, must be in the files, with its
# version. For Linux and macOS, whose bash is 3.2.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd -P)
venv="$root/.venv"
python="$venv/bin/python"
conda="$venv/conda"
log="$venv/setup.log"
# Copies of the requirements files whose packages are all there.
installed="$venv/installed"
# A link to HOST:PROCESS, which, unlike a file, is made and filled in one step.
lock="$venv/lock"
me="$(uname -n):$$"

fail() {
  echo "setup_env.sh: $*" >&2
  exit 1
}

# Runs a command, whose output is shown only when it fails.
quietly() {
  "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    return 1
  }
}

# Prints where the copy of requirements file $1 is kept.
copy_of() {
  local path
  path="$(cd "$(dirname "$1")" >/dev/null && pwd -P)/$(basename "$1")"
  path=${path#"$root/"}
  echo "$installed/${path//\//_}"
}

# Whether .venv runs and has the packages of all these requirements files.
has() {
  local file
  for file in "$@"; do
    cmp -s "$file" "$(copy_of "$file")" || return 1
  done
  "$python" -c "" >/dev/null 2>&1 </dev/null
}

take_lock() {
  local owner error vanished=0 waiting=""
  until mkdir -p "$venv" && error=$(ln -s "$me" "$lock" 2>&1); do
    [ -w "$venv" ] || fail "cannot write to $venv"
    if ! owner=$(readlink "$lock"); then
      # Released since, unless links cannot be made here at all.
      vanished=$((vanished + 1))
      [ "$vanished" -lt 100 ] || fail "cannot lock $venv: $error"
    elif is_gone "$owner"; then
      remove_lock_of "$owner"
    else
      [ -n "$waiting" ] || echo "Waiting for process ${owner##*:} on" \
        "${owner%:*}, which is making $venv" \
        "(if it is not, delete that folder)."
      waiting=yes
      sleep 1
    fi
  done
}

release_lock() {
  rm -f "$lock"
  # Nothing was made when no Python was found.
  rm -f "$log"
  rmdir "$venv" 2>/dev/null || true
}

# Whether process $1, HOST:PROCESS, was killed without releasing its lock.
is_gone() {
  [ "${1%:*}" = "$(uname -n)" ] && ! kill -0 "${1##*:}" 2>/dev/null
}

# Of several that wait, one alone removes the lock, and only while it is still
# the dead one's: the next owner's must not go with it.
remove_lock_of() {
  local guard="$lock.$1"
  mkdir "$guard" 2>/dev/null || {
    sleep 1
    return 0
  }
  [ "$(readlink "$lock")" != "$1" ] || rm -f "$lock"
  rmdir "$guard" 2>/dev/null || true
}

# What the Python in $1 is: "CPython-3.7.16 Linux-x86_64 /its/real/path".
# The path is that of no virtual environment, which may be the one to replace.
describe() {
  "$1" -c '
import os, platform, sys
machine = platform.machine()
if sys.maxsize < 2**32:
  machine += "-32bit"
elif platform.system() == "Linux" and platform.libc_ver()[0] != "glibc":
  machine += "-without-glibc"
print("%s-%s %s-%s %s" % (
    platform.python_implementation(), platform.python_version(),
    platform.system(), machine, os.path.realpath(sys.executable)))
' 2>/dev/null </dev/null
}

has_wheel() {
  case "$1" in
    Linux-x86_64 | Darwin-x86_64) ;;
    *) return 1 ;;
  esac
}

refuse_platform() {
  fail "TensorFlow 1.15.3 has no wheel for $1: this needs a 64-bit CPython" \
    "3.7 on x86_64 Linux (with glibc) or macOS"
}

base_python=""  # The Python to make .venv with.
seen=""  # What the last Python looked at is.
without_wheel=""  # The platform of a Python 3.7 that is of no use here.

# Takes the Python in $1 for base_python if it is right.
try() {
  local about version platform path
  seen=""
  about=$(describe "$1") || return 1
  read -r version platform path <<<"$about"
  seen=${version/-/ }
  case "$version" in
    CPython-3.7.*) ;;
    *) return 1 ;;
  esac
  if ! has_wheel "$platform"; then
    without_wheel=$platform
    return 1
  fi
  base_python=$path
}

# Prints the Pythons to try, one a line.
candidates() {
  type -aP python3.7 || true
  ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.7.*/bin/python \
    2>/dev/null || true
}

try_given() {
  try "$PYTHON" && return
  [ -z "$without_wheel" ] || refuse_platform "$without_wheel (PYTHON=$PYTHON)"
  if [ -n "$seen" ]; then
    fail "PYTHON=$PYTHON is $seen, not CPython 3.7"
  fi
  fail "PYTHON=$PYTHON does not run; it must be a CPython 3.7"
}

try_uv() {
  command -v uv >/dev/null || return 1
  # From the root folder: no project, and no .venv, is found there.
  try "$(cd / && uv python find 3.7 2>/dev/null)" && return
  # Releases of uv since 0.7 no longer know where to download Python 3.7.
  quietly uv tool run --from uv==0.6.17 uv python install 3.7 || return 1
  try "$(cd / && uv python find 3.7 2>/dev/null)"
}

try_conda() {
  command -v conda >/dev/null || return 1
  try "$conda/bin/python" && return
  rm -rf "$conda"
  quietly conda create --yes --quiet --prefix "$conda" python=3.7 || return 1
  try "$conda/bin/python"
}

# Sets base_python.
find_python() {
  local candidate
  case "$(uname -s)" in
    Linux | Darwin) ;;
    *) fail "runs on Linux and macOS, not on $(uname -s); Windows has WSL" ;;
  esac
  if [ -n "${PYTHON:-}" ]; then
    try_given
    return
  fi
  while IFS= read -r candidate; do
    try "$candidate" && return
  done < <(candidates)
  # What uv and conda download is for this machine.
  has_wheel "$(uname -s)-$(uname -m)" ||
    refuse_platform "${without_wheel:-$(uname -s)-$(uname -m)}"
  try_uv && return
  try_conda && return
  [ -z "$without_wheel" ] || refuse_platform "$without_wheel"
  fail "no Python 3.7 found: install it (\"pyenv install 3.7.17\"), or uv or" \
    "conda, which can download it, or set PYTHON to its path"
}

make_venv() {
  find_python
  echo "Making .venv with $seen from $base_python; this takes a minute or two."
  # What conda made stays: it is the Python to use.
  find "$venv/" -mindepth 1 -maxdepth 1 ! -name lock ! -name conda \
    -exec rm -rf {} +
  quietly "$base_python" -m venv "$venv" ||
    fail "$base_python could not make a virtual environment (its output is" \
      "above); set PYTHON to another CPython 3.7"
}

pip_install() {
  quietly "$python" -m pip --disable-pip-version-check --no-input install \
    --no-deps --no-build-isolation "$@" ||
    fail "pip could not install into .venv (its output is above); run again" \
      "when the cause is gone"
}

# Installs the packages of all these requirements files.
install() {
  local file tools pending="$venv/installing"
  local requirements=()
  rm -rf "$pending"
  # Until all is done, .venv is right for nobody.
  if [ -d "$installed" ]; then
    mv "$installed" "$pending"
  else
    mkdir "$pending"
  fi
  for file in "$@"; do
    requirements+=(-r "$file")
    cp "$file" "$pending/$(basename "$(copy_of "$file")")"
  done
  # What installs the others: Python 3.7.1's own pip is too old for the wheels.
  tools=$(grep -E '^(pip|setuptools|wheel)==' "$root/requirements.txt") || true
  # shellcheck disable=SC2086  # One word for each.
  [ -z "$tools" ] || pip_install $tools
  pip_install "${requirements[@]}"
  quietly "$python" -m pip check ||
    fail "the requirements do not fit together (pip's output is above)"
  quietly "$python" -c "import tensorflow" ||
    fail "TensorFlow is installed but does not import (its output is above;" \
      "its wheels need a CPU with AVX)"
  mv "$pending" "$installed"
}

main() {
  local file
  for file in "$@"; do
    [ -f "$file" ] || fail "$file: no such requirements file"
  done
  set -- "$root/requirements.txt" "$@"
  has "$@" && return
  take_lock
  trap release_lock EXIT
  # With a trap, bash first waits for the program that it runs: no pip goes on
  # behind a lock that is released.
  trap 'exit 1' HUP INT TERM
  has "$@" && return  # Another process made it meanwhile.
  if has "$root/requirements.txt"; then
    echo "Adding to .venv what ${*:2} asks for."
  else
    make_venv
  fi
  install "$@"
}

main "$@"
