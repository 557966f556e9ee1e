# What train_squad.sh and decode_squad.sh share. They source this file in the
# repository's folder, with their own name in $script.

fail() {
  echo "$script: $*" >&2
  exit 1
}

python=$(bash setup_env.sh --which)
: "${DATASET:=squad}"
# Sets model, lower_case, epochs, train_file and dev_file; or says what is wrong.
assignments=$("$python" -m attention_zones.base.data_sets "$DATASET") ||
  fail "DATASET=$DATASET: ${assignments:-$python failed}"
eval "$assignments"

GS_BUCKET=${GS_BUCKET:-}
TPU_NAME=${TPU_NAME:-}
BERT_DIR=${BERT_DIR:-${GS_BUCKET:+$GS_BUCKET/bert/}$model}
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-${GS_BUCKET:+$GS_BUCKET/}$DATASET-model}
SEEDS=${SEEDS:-}
USE_TPU=${USE_TPU:-$([ -n "$TPU_NAME" ] && echo True || echo False)}

[[ $SEEDS =~ ^[0-9,[:space:]]*$ ]] ||
  fail "SEEDS=$SEEDS: should be whole numbers, as in SEEDS=\"1 2 3\""

# Otherwise Linux's allocator returns the memory of every large tensor to the
# system, which has to clear it before it is used again.
export MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=4000000000
# TensorFlow logs much that does not matter here; level 0 shows all of it.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}
export PYTHONWARNINGS=${PYTHONWARNINGS:-ignore::FutureWarning}

# Replaces the calling shell by run_squad.py: run_squad OUTPUT_DIR [flag ...]
run_squad() {
  local output_dir=$1
  shift
  exec "$python" -u run_squad.py \
    --vocab_file="$BERT_DIR/vocab.txt" \
    --bert_config_file="$BERT_DIR/bert_config.json" \
    --do_predict=True \
    --predict_batch_size=32 \
    --output_dir="$output_dir" \
    --use_tpu="$USE_TPU" \
    --tpu_name="$TPU_NAME" \
    --tpu_zone="${TPU_ZONE:-}" \
    "$@"
}

# Calls the script's function: run OUTPUT_DIR [flag ...]; with SEEDS for each of
# them, which is then in $seed.
run_seeds() {
  local seed="" name
  [[ $SEEDS =~ [0-9] ]] || run "$MODEL_OUTPUT_DIR" "$@"
  for seed in ${SEEDS//,/ }; do
    # In the background: bash handles a signal only after a foreground command ends.
    run "$MODEL_OUTPUT_DIR/seed$seed" "$@" &
    for name in INT TERM HUP; do
      trap "kill -TERM $! || true; wait $! || true; exit $((128 + $(kill -l $name)))" $name
    done
    wait $! || exit
  done
}
