#!/usr/bin/env bash
# Fine-tunes BERT-base on SQuAD and predicts the dev set, with the settings of
# Cui et al., STAR Protocols 3, 101481 (2022), step 4.
#
#   bash train_squad.sh                                         CPU or GPU
#   GS_BUCKET=gs://temp-bucket TPU_NAME=t2-1 TPU_ZONE=us-central1-f \
#     bash train_squad.sh                                       TPU
#
# Every variable below can be set in the environment. Started again after it was
# stopped, it goes on from the last checkpoint.
set -euo pipefail
cd "$(dirname "$0")"

GS_BUCKET=${GS_BUCKET:-}
TPU_NAME=${TPU_NAME:-}
TPU_ZONE=${TPU_ZONE:-}
BERT_DIR=${BERT_DIR:-${GS_BUCKET:+$GS_BUCKET/bert/}cased_L-12_H-768_A-12}
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-${GS_BUCKET:+$GS_BUCKET/}squad-model}
USE_TPU=${USE_TPU:-$([ -n "$TPU_NAME" ] && echo True || echo False)}

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
  --init_checkpoint="$BERT_DIR/bert_model.ckpt" \
  --do_train=True \
  --train_file=squad/train-v1.1.json \
  --do_predict=True \
  --predict_file=squad/dev-v1.1.json \
  --train_batch_size=64 \
  --predict_batch_size=32 \
  --num_train_epochs=3.0 \
  --max_seq_length=512 \
  --doc_stride=128 \
  --learning_rate=3e-5 \
  --version_2_with_negative=False \
  --output_dir="$MODEL_OUTPUT_DIR" \
  --do_lower_case=False \
  --use_tpu="$USE_TPU" \
  --tpu_name="$TPU_NAME" \
  --tpu_zone="$TPU_ZONE" \
  "$@"
