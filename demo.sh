#!/usr/bin/env bash
# The whole protocol in a few minutes on a laptop, with no download but the Python
# packages: makes a small data set, trains a small BERT on it from random weights,
# masks every zone of every layer, scores, draws the heatmap, and writes a page of it
# and of the questions behind each cell.
#
#   bash demo.sh            results in demo_output/
#
# It takes no arguments. OUTPUT_DIR, ZONES (q2,q2p,p2q,p2,all) and EPOCHS (8) can be
# set in the environment.
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac
if [ $# != 0 ]; then
  echo "demo.sh: $1: there are no arguments; bash demo.sh --help says what can be" \
    "set in the environment" >&2
  exit 1
fi
cd "$(dirname "$0")"

OUTPUT_DIR=${OUTPUT_DIR:-demo_output}
ZONES=${ZONES:-q2,q2p,p2q,p2,all}
EPOCHS=${EPOCHS:-8}

bash setup_env.sh
python=$(bash setup_env.sh --which)
# TensorFlow logs much that does not matter here.
export PYTHONWARNINGS=ignore TF_CPP_MIN_LOG_LEVEL=3
# As in train_squad.sh, for memory that is reused.
export MALLOC_MMAP_THRESHOLD_=1000000000 MALLOC_TRIM_THRESHOLD_=4000000000

say() { printf '\n== %s\n' "$*"; }
sample=$OUTPUT_DIR/sample
model=$OUTPUT_DIR/model
run_squad() {
  "$python" -u run_squad.py \
    --vocab_file="$sample/vocab.txt" \
    --bert_config_file="$sample/bert_config.json" \
    --do_lower_case=False \
    --max_seq_length=40 --doc_stride=16 --max_query_length=16 \
    --predict_file="$sample/dev.json" \
    --output_dir="$model" \
    "$@"
}

say "1/6 a small data set: $sample"
"$python" squad/make_sample.py --output_dir="$sample"

say "2/6 training a small BERT from random weights: $model"
run_squad --do_train=True --train_file="$sample/train.json" \
  --train_batch_size=48 --num_train_epochs="$EPOCHS" --learning_rate=1.5e-3 \
  --warmup_proportion=0.05 --save_checkpoints_steps=2000

say "3/6 decoding with each zone of each layer masked"
run_squad --do_predict=True --predict_batch_size=32 \
  --mask_layer=0-2 --mask_zone="$ZONES"

say "4/6 scoring"
"$python" eval_squad.py "$sample/dev.json" "$model/predictions.json" \
  --out-file "$OUTPUT_DIR/eval.json"
"$python" get_results.py "$model" "$OUTPUT_DIR/results.csv" \
  --data_file "$sample/dev.json"

say "5/6 drawing"
read -r em f1 < <("$python" -c 'import json, sys
scores = json.load(open(sys.argv[1]))
print("%.3f %.3f" % (scores["exact"], scores["f1"]))' "$OUTPUT_DIR/eval.json")
stats=()
if [ -s "$OUTPUT_DIR/results.stats.csv" ]; then
  # Dots on the cells that differ from the baseline by more than chance.
  stats=(--stats="$OUTPUT_DIR/results.stats.csv")
fi
for suffix in pdf png; do
  "$python" visualize_att_zone.py "$OUTPUT_DIR/results.csv" "$em" \
    "$OUTPUT_DIR/attention_zones.$suffix" --symmetric ${stats[@]+"${stats[@]}"}
done

say "6/6 the page"
"$python" -m attention_zones.cases "$model" "$OUTPUT_DIR/report.html" \
  --data_file="$sample/dev.json" ${stats[@]+"${stats[@]}"}

say "done"
echo "baseline EM $em, F1 $f1 ($OUTPUT_DIR/eval.json)"
echo "scores with a zone masked: $OUTPUT_DIR/results.csv"
echo "heatmap: $OUTPUT_DIR/attention_zones.pdf and .png"
echo "with the questions behind it: $OUTPUT_DIR/report.html (open it in a browser)"
echo "for commands of your own: source ${python%python*}activate"
