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
here=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" >/dev/null && pwd -P)
if ! [ -f "$here/run_squad.py" ]; then
  if ! [ -f "${SLURM_SUBMIT_DIR:-}/run_squad.py" ]; then
    where="$here${SLURM_SUBMIT_DIR:+ or in SLURM_SUBMIT_DIR=$SLURM_SUBMIT_DIR}"
    echo "train_squad.sh: there is no run_squad.py in $where;" \
      "call bash or sbatch from the repository's folder" >&2
    exit 1
  fi
  here=$SLURM_SUBMIT_DIR
fi
cd "$here"

# What belongs to the data set: its files, and the settings of its paper.
case "${DATASET:=squad}" in
  squad)
    model=cased_L-12_H-768_A-12 lower_case=False epochs=3.0
    train_file=squad/train-v1.1.json dev_file=squad/dev-v1.1.json
    ;;
  cmrc2018)
    model=chinese_L-12_H-768_A-12 lower_case=True epochs=2.0
    train_file=cmrc2018/cmrc2018_train.json dev_file=cmrc2018/cmrc2018_dev.json
    ;;
  *)
    echo "train_squad.sh: DATASET=$DATASET: should be squad or cmrc2018" >&2
    exit 1
    ;;
esac

GS_BUCKET=${GS_BUCKET:-}
TPU_NAME=${TPU_NAME:-}
TPU_ZONE=${TPU_ZONE:-}
BERT_DIR=${BERT_DIR:-${GS_BUCKET:+$GS_BUCKET/bert/}$model}
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-${GS_BUCKET:+$GS_BUCKET/}$DATASET-model}
SEEDS=${SEEDS:-}
USE_TPU=${USE_TPU:-$([ -n "$TPU_NAME" ] && echo True || echo False)}

# An empty array counts as unset in the bash of macOS.
seeds=(${SEEDS//,/ })
for seed in ${seeds[@]+"${seeds[@]}"}; do
  if ! [[ $seed =~ ^[0-9]+$ ]]; then
    echo "train_squad.sh: SEEDS=$SEEDS: should be whole numbers, as in" \
      "SEEDS=\"1 2 3\"" >&2
    exit 1
  fi
done

# Otherwise Linux's allocator returns the memory of every large tensor to the
# system, which has to clear it before it is used again.
export MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=4000000000
# TensorFlow logs much that does not matter here; level 0 shows all of it.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
export PYTHONWARNINGS=${PYTHONWARNINGS:-ignore::FutureWarning}

python=$(bash setup_env.sh --which)

# Replaces the calling shell by run_squad.py: run OUTPUT_DIR [flag ...]
run() {
  local output_dir=$1
  shift
  exec "$python" -u run_squad.py \
    --dataset="$DATASET" \
    --vocab_file="$BERT_DIR/vocab.txt" \
    --bert_config_file="$BERT_DIR/bert_config.json" \
    --init_checkpoint="$BERT_DIR/bert_model.ckpt" \
    --do_train=True \
    --train_file="$train_file" \
    --do_predict=True \
    --predict_file="$dev_file" \
    --train_batch_size=64 \
    --predict_batch_size=32 \
    --num_train_epochs="$epochs" \
    --max_seq_length=512 \
    --doc_stride=128 \
    --learning_rate=3e-5 \
    --version_2_with_negative=False \
    --output_dir="$output_dir" \
    --do_lower_case="$lower_case" \
    --use_tpu="$USE_TPU" \
    --tpu_name="$TPU_NAME" \
    --tpu_zone="$TPU_ZONE" \
    "$@"
}

if [ -z "${seeds[*]-}" ]; then
  run "$MODEL_OUTPUT_DIR" "$@"
fi
for seed in "${seeds[@]}"; do
  # In the background: bash handles a signal only after a foreground command ends.
  run "$MODEL_OUTPUT_DIR/seed$seed" "$@" --random_seed="$seed" &
  for name in INT TERM HUP; do
    trap "kill -TERM $! || true; wait $! || true; exit $((128 + $(kill -l $name)))" $name
  done
  wait $! || exit
done
