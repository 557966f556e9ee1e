#!/usr/bin/env bash
# Runs the tests, making what they need: bash tests/run.sh [pytest argument ...]
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." >/dev/null && pwd -P)
bash "$root/setup_env.sh" \
  "$root/tests/requirements.txt" "$root/requirements-models.txt"

# Without a file or folder among the arguments, all tests, shared among the cores.
where=("$root/tests" -n auto --dist worksteal)
for argument in "$@"; do
  path=${argument%%::*}
  if [ -d "$path" ] || { [ -f "$path" ] && [ "${path%.py}" != "$path" ]; }; then
    where=()
  fi
done

# No word from TensorFlow about the CPU or about what is deprecated.
export TF_CPP_MIN_LOG_LEVEL=3 TF_CPP_MIN_VLOG_LEVEL=0
# An empty array counts as unset in the bash of macOS.
python=$(bash "$root/setup_env.sh" --which)
exec "$python" -m pytest \
  -c "$root/setup.cfg" ${where[@]+"${where[@]}"} "$@"
