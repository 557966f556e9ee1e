#!/usr/bin/env bash
# Checks every Python file with flake8, whose settings are in setup.cfg. Prints
# nothing when all is well: bash tests/lint.sh [flake8 argument ...]
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash setup_env.sh tests/requirements.txt
python=$(bash setup_env.sh --which)
exec "$python" -m flake8 "$@"
