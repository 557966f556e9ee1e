#!/usr/bin/env bash
# Fine-tunes BERT-base on SQuAD and predicts the dev set, with the settings of
# Cui et al., STAR Protocols 3, 101481 (2022), step 4.
#
#   bash train_squad.sh                                         CPU or GPU
#   GS_BUCKET=gs://temp-bucket TPU_NAME=t2-1 TPU_ZONE=us-central1-f \
#     bash train_squad.sh                                       TPU
#   SEEDS="1 2 3 4 5" bash train_squad.sh                       five runs, in
#                        $MODEL_OUTPUT_DIR/seed1 to seed5, one after the other
#   sbatch train_squad.sh              from the repository's folder
#   DATASET=cmrc2018 bash train_squad.sh          the Chinese data set: another
#                        model, lower-cased, 2 epochs; into cmrc2018-model
#
# BERT_DIR, MODEL_OUTPUT_DIR, USE_TPU and the variables above can be set in the
# environment; paths are relative to the repository's folder. If interrupted, rerun
# the command: it resumes from the last checkpoint.
# Arguments are flags of run_squad.py, whose own --help lists them.
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac

# sbatch runs a copy of this script in another folder; the repository is the folder
# that sbatch was called from.
script=train_squad.sh
here=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" >/dev/null && pwd -P)
cd "$here"
[ -f run_squad.py ] || cd "${SLURM_SUBMIT_DIR:-.}" 2>/dev/null || true
if ! [ -f run_squad.py ]; then
  echo "$script: there is no run_squad.py in" \
    "$here${SLURM_SUBMIT_DIR:+ or in SLURM_SUBMIT_DIR=$SLURM_SUBMIT_DIR};" \
    "call bash or sbatch from the repository's folder" >&2
  exit 1
fi
. attention_zones/base/scripts.sh

run() {
  local output_dir=$1
  shift
  run_squad "$output_dir" \
    --dataset="$DATASET" \
    --init_checkpoint="$BERT_DIR/bert_model.ckpt" \
    --do_train=True \
    --train_file="$train_file" \
    --predict_file="$dev_file" \
    --train_batch_size=64 \
    --num_train_epochs="$epochs" \
    --max_seq_length=512 \
    --doc_stride=128 \
    --learning_rate=3e-5 \
    --version_2_with_negative=False \
    --do_lower_case="$lower_case" \
    "$@" \
    ${seed:+--random_seed="$seed"}
}

run_seeds "$@"
