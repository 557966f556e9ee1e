#!/usr/bin/env bash
# Runs the tests of numbers, also those that take minutes, as other machines would:
# with 1 core and with 2, and with other matrix products: bash tests/numeric.sh [pytest argument ...]
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." >/dev/null && pwd -P)
files=("$root/tests/test_modeling.py" "$root/tests/test_sweep.py"
  "$root/tests/test_golden_logits.py" "$root/tests/test_optimization.py"
  "$root/tests/test_tolerances.py" "$root/tests/test_golden_predictions.py"
  "$root/tests/test_other_models.py" "$root/tests/test_sentencepiece.py"
  "$root/tests/test_run_squad.py")

run() {
  echo "== $*"
  shift
  "$@"
}

tests=(bash "$root/tests/run.sh" -m "thorough or not thorough"
  "${files[@]}" "$@")
# macOS has no taskset.
one=() two=()
if command -v taskset >/dev/null; then
  one=(taskset -c 0)
  [ "$(nproc)" -gt 1 ] && two=(taskset -c 0,1)
fi

# TensorFlow 1.15 multiplies matrices with code that MKL-DNN writes for the
# processor it finds. Without it, Eigen's does, which was compiled for any with
# AVX and takes sums in another order.
other=(env TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL=false)

run "1 core" ${one[@]+"${one[@]}"} "${tests[@]}"
run "2 cores" ${two[@]+"${two[@]}"} "${tests[@]}"
run "Eigen's matrix products" "${other[@]}" "${tests[@]}"
run "Eigen's matrix products, 1 core" \
  ${one[@]+"${one[@]}"} "${other[@]}" "${tests[@]}"

run "resuming an ELECTRA" bash "$root/tests/run.sh" -m thorough \
  "$root/tests/test_resuming.py"
