#!/usr/bin/env bash
# Predicts the SQuAD dev set once for each zone and layer, with that zone of that
# layer masked: step 7 of Cui et al., STAR Protocols 3, 101481 (2022).
#
#   bash decode_squad.sh                       all 60 decodes and the baseline
#   ZONES=q2 bash decode_squad.sh              one zone; ZONES="p2, q2+p2" two
#   LAYERS=0-23 bash decode_squad.sh           a model of 24 layers
#   sbatch --array=0-4 decode_squad.sh         one zone a task of a job array
#
# Every variable below can be set in the environment. Started again after it was
# stopped, it goes on where it was.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")}"

GS_BUCKET=${GS_BUCKET:-}
TPU_NAME=${TPU_NAME:-}
TPU_ZONE=${TPU_ZONE:-}
BERT_DIR=${BERT_DIR:-${GS_BUCKET:+$GS_BUCKET/bert/}cased_L-12_H-768_A-12}
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-${GS_BUCKET:+$GS_BUCKET/}squad-model}
USE_TPU=${USE_TPU:-$([ -n "$TPU_NAME" ] && echo True || echo False)}
ZONES=${ZONES:-q2 q2p p2q p2 all}
LAYERS=${LAYERS:-0-11}

zones=(${ZONES//,/ })
task=${SLURM_ARRAY_TASK_ID:-}
if [ -n "$task" ]; then
  if ! [[ $task =~ ^[0-9]{1,4}$ ]] || ((10#$task >= ${#zones[@]})); then
    echo "decode_squad.sh: SLURM_ARRAY_TASK_ID=$task: should be 0 to" \
      "$((${#zones[@]} - 1)), one task for each zone of ZONES=$ZONES" >&2
    exit 1
  fi
  zones=("${zones[10#$task]}")
fi

# Else Linux's allocator gives the memory of every large tensor back to the
# system, which has to clear it before it gives it out again.
export MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=4000000000
# TensorFlow 1.15 tells much that is not of interest here.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-1}
export PYTHONWARNINGS=${PYTHONWARNINGS:-ignore::FutureWarning}

python=python
[ -x .venv/bin/python ] && python=.venv/bin/python

exec "$python" -u run_squad.py \
  --vocab_file="$BERT_DIR/vocab.txt" \
  --bert_config_file="$BERT_DIR/bert_config.json" \
  --do_train=False \
  --do_predict=True \
  --predict_file=squad/dev-v1.1.json \
  --predict_batch_size=32 \
  --max_seq_length=512 \
  --doc_stride=128 \
  --mask_layer="$LAYERS" \
  --mask_zone="$(IFS=,; echo "${zones[*]-}")" \
  --output_dir="$MODEL_OUTPUT_DIR" \
  --do_lower_case=False \
  --use_tpu="$USE_TPU" \
  --tpu_name="$TPU_NAME" \
  --tpu_zone="$TPU_ZONE" \
  "$@"
