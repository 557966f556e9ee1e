#!/usr/bin/env bash
# Predicts the SQuAD dev set once for each zone and layer, with that zone of that
# layer masked: step 7 of Cui et al., STAR Protocols 3, 101481 (2022).
#
#   bash decode_squad.sh                       all 60 decodes and the baseline
#   ZONES=q2 bash decode_squad.sh              one zone; ZONES="p2, q2+p2" two
#   ZONES="p2q@1-10 p2q@flat p2q@zero" bash decode_squad.sh   controls of a zone
#   ZONES="p2 off" bash decode_squad.sh --mask_head=0-11   single heads
#   LAYERS=0-23 bash decode_squad.sh           a model of 24 layers
#   LAYERS=0-11,0-11/3 bash decode_squad.sh    also three neighbouring layers at once
#   ZONES=subsets bash decode_squad.sh         all 15 unions of the four zones
#   ZONES="p_wh p_answer" bash decode_squad.sh --spans=spans.json   any tokens
#   MASK="2:p2q+5:p2" bash decode_squad.sh     one decode, a zone for each layer
#   SEEDS="1 2 3 4 5" bash decode_squad.sh     the models in
#                        $MODEL_OUTPUT_DIR/seed1 to seed5, one after the other
#   sbatch --array=0-7 decode_squad.sh         a job array: an eighth of the
#                        questions for each task; from the repository's folder
#   SHARDS=8 sbatch --array=3 decode_squad.sh  one of these tasks again
#   DATASET=cmrc2018 bash decode_squad.sh      the Chinese data set and its model
#
# BERT_DIR, MODEL_OUTPUT_DIR, GS_BUCKET, TPU_NAME, TPU_ZONE, USE_TPU and the variables
# above can be set in the environment; paths are relative to the repository's folder.
# If interrupted, rerun the command: it resumes.
# Arguments are flags of run_squad.py, whose own --help lists them.
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac

# sbatch runs a copy of this script in another folder; the repository is the folder
# that sbatch was called from.
script=decode_squad.sh
here=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" >/dev/null && pwd -P)
cd "$here"
[ -f run_squad.py ] || cd "${SLURM_SUBMIT_DIR:-.}" 2>/dev/null || true
if ! [ -f run_squad.py ]; then
  echo "$script: there is no run_squad.py in" \
    "$here${SLURM_SUBMIT_DIR:+ or in SLURM_SUBMIT_DIR=$SLURM_SUBMIT_DIR};" \
    "call bash or sbatch from the repository's folder" >&2
  exit 1
fi
dataset_given=${DATASET:-}
. attention_zones/base/scripts.sh

ZONES=${ZONES:-q2 q2p p2q p2 all}
LAYERS=${LAYERS:-0-11}

zones=(${ZONES//,/ })
masked=(--mask_layer="$LAYERS" --mask_zone="$(IFS=,; echo "${zones[*]-}")")
[ -z "${MASK:-}" ] || masked=(--mask="$MASK")

# Task i of a job array, counted from 0, predicts share i + 1 of the questions.
shard=()
task=${SLURM_ARRAY_TASK_ID:-}
if [ -n "$task" ]; then
  first=${SLURM_ARRAY_TASK_MIN:-0}
  count=${SHARDS:-${SLURM_ARRAY_TASK_COUNT:-}}
  [[ $count =~ ^[1-9][0-9]{0,4}$ ]] ||
    fail "SHARDS=$count: should be the number of shares, as in SHARDS=8"
  if [ -z "${SHARDS:-}" ] && { [ "$first" != 0 ] ||
    [ "${SLURM_ARRAY_TASK_MAX:-$((count - 1))}" != $((count - 1)) ]; }; then
    fail "the tasks of this job array are not 0 to $((count - 1)); set SHARDS to" \
      "the number of shares, as in SHARDS=8 sbatch --array=3"
  fi
  if ! [[ $task =~ ^[0-9]{1,5}$ ]] || ((10#$task >= count)); then
    fail "SLURM_ARRAY_TASK_ID=$task: should be 0 to $((count - 1)), one task for" \
      "each of $count shares"
  fi
  ((count == 1)) || shard=(--shard="$((10#$task + 1))/$count")
elif [ -n "${SHARDS:-}" ]; then
  fail "SHARDS=$SHARDS is for job arrays; without one, give --shard=k/$SHARDS"
fi

run() {
  local output_dir=$1 settings=()
  shift
  # run_squad.py takes from there what is not given here.
  local folder=${output_dir#file://}
  [ -f "$folder/manifest.json" ] || settings=(--predict_file="$dev_file")
  if ! grep -qs '"--max_seq_length"' "$folder"/{manifest,training}.json; then
    settings+=(--dataset="$DATASET" --do_lower_case="$lower_case"
      --max_seq_length=512 --doc_stride=128)
  elif [ -n "$dataset_given" ]; then
    settings+=(--dataset="$DATASET")
  fi
  # An empty array counts as unset in the bash of macOS.
  run_squad "$output_dir" \
    --do_train=False \
    "${masked[@]}" \
    ${settings[@]+"${settings[@]}"} \
    ${shard[@]+"${shard[@]}"} \
    "$@"
}

run_seeds "$@"
