#!/usr/bin/env bash
# A job array of decode_squad.sh on a real Slurm, which is started and stopped here:
#
#   apt-get install slurm-wlm munge
#   bash tests/slurm/run.sh
#
# One process decodes a data set; then four tasks do, two at a time. One of them is
# killed by scancel, submitted again, stopped by its time limit, and submitted once
# more. All predictions, and the manifest's list of files, must be those of the one
# process. Each step says what it saw; the last line ends in "ok". Runs as root, and
# touches no other Slurm. With another model than a small random one:
#
#   MODEL=folder DATA=dev.json VOCAB=vocab.txt LAYERS=0-5 \
#     FLAGS="--do_lower_case=True --max_seq_length=384" bash tests/slurm/run.sh
#
#   MODEL          has bert_config.json and a fine-tuned checkpoint
#   VOCAB          $MODEL/vocab.txt if left out
#   LAYERS, ZONES  as for decode_squad.sh
#   FLAGS          more flags of run_squad.py
#   COPIES         of the small model's ten questions; 240 if left out
#
# Paths are relative to the repository's folder.
set -euo pipefail

# -h or --help prints the lines above.
case "${1:-}" in -h | --help)
  exec awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0" ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/../.." >/dev/null
say() { echo "$(date +%T) $*"; }
fail() {
  echo "tests/slurm/run.sh: $*" >&2
  exit 1
}
source tests/slurm/cluster.sh

[ "$(id -u)" = 0 ] || fail "runs as root, not as $(id -un)"
for name in munged slurmctld slurmd sbatch scancel sinfo scontrol; do
  command -v "$name" >/dev/null ||
    fail "there is no $name; install Debian's packages slurm-wlm and munge"
done
for file in ${MODEL:+"$MODEL/bert_config.json" "${VOCAB:-$MODEL/vocab.txt}" \
  "${DATA:-DATA (not set)}"}; do
  [ -f "$file" ] || fail "MODEL=$MODEL: there is no file $file"
done
[[ ${COPIES:-240} =~ ^[1-9][0-9]*$ ]] ||
  fail "COPIES=$COPIES: should be a number, as in COPIES=240"

# Makes a random model, and data for it, in $work/tiny.
make_model() {
  PYTHONPATH=.:tests "$python" - "$work/tiny" "${COPIES:-240}" <<'END'
import pathlib, sys
import tensorflow.compat.v1 as tf
import tiny_model
tf.disable_v2_behavior()
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
tiny_model.write_files(folder, int(sys.argv[2]))
tiny_model.write_checkpoint(folder / "model")
(folder / "bert_config.json").rename(folder / "model" / "bert_config.json")
END
}

# Gives $work/alone and $work/shared the checkpoint, and $work/bert the other files.
lay_out() {
  local index folder
  mkdir "$work"/{bert,alone,shared}
  ln -s "$(realpath "$MODEL/bert_config.json")" "$work/bert"
  ln -s "$(realpath "${VOCAB:-$MODEL/vocab.txt}")" "$work/bert/vocab.txt"
  index=$(realpath "$(find "$MODEL/" -name '*.index' | sort -V | tail -1)")
  for folder in "$work"/{alone,shared}; do
    ln -s "${index%index}"* "$folder"
    echo "model_checkpoint_path: \"$(basename "$index" .index)\"" \
      >"$folder/checkpoint"
  done
}

# submit [flag of sbatch ...]: sets job to the job's number.
submit() {
  job=$(MODEL_OUTPUT_DIR=$work/shared sbatch --parsable --output="$logs/%A_%a" \
    "$@" decode_squad.sh "${flags[@]}") || fail "sbatch failed"
  say "${SHARDS:+SHARDS=$SHARDS }sbatch $* decode_squad.sh: job $job"
}

state() {
  scontrol -o show job "$1" 2>/dev/null | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p'
}

# Whether a job has ended; all other states, of which there are many, pass.
is_ended() {
  [[ $(state "$1") =~ ^(|COMPLETED|CANCELLED|TIMEOUT|.*FAIL.*|OUT_OF_MEMORY)$ ]]
}

# How many questions share 2 has answered; its journal's first line is no question.
questions() {
  cat "$work"/shared/journal.*.2of4.jsonl 2>/dev/null | tail -n +2 | wc -l || true
}

# answers JOB: waits until it has answered some questions.
answers() {
  local before
  before=$(questions)
  until (($(questions) > before + 5)); do
    is_ended "$1" && fail "job $1 is $(state "$1") before it could be stopped: if" \
      "not an error, more COPIES are needed ($(tail -1 "$logs/$1"))"
    sleep 0.05
  done
}

# ended JOB STATE [PATTERN ...]: waits; prints the lines of its log that fit.
ended() {
  local pattern
  until is_ended "$1"; do sleep 0.2; done
  say "job $1: $(state "$1")"
  [ "$(state "$1")" = "$2" ] || fail "it should be $2: $(tail -3 "$logs/$1")"
  for pattern in "${@:3}"; do
    grep -E "$pattern" "$logs/$1" ||
      fail "no line of its log fits \"$pattern\": $(cat "$logs/$1")"
  done
}

unset SHARDS SEEDS
begin_work
python=$(bash setup_env.sh --which)
export TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore
if [ -z "${MODEL:-}" ]; then
  make_model 2>"$logs/tiny" || fail "no small model: $(tail -1 "$logs/tiny")"
  MODEL=$work/tiny/model VOCAB=$work/tiny/vocab.txt DATA=$work/tiny/data.json
  export LAYERS=0-1
  FLAGS="--max_seq_length=24 --doc_stride=8 --max_query_length=8 \
    --do_lower_case=True"
fi
lay_out
export BERT_DIR=$work/bert
flags=(--predict_file="$(realpath "$DATA")" ${FLAGS:-})

# In the background, since bash handles a signal only after a foreground command.
MODEL_OUTPUT_DIR=$work/alone bash decode_squad.sh "${flags[@]}" \
  >"$logs/alone" 2>&1 &
wait $! || fail "one process without --shard failed: $(tail -1 "$logs/alone")"
say "one process without --shard: $(ls "$work"/alone/predictions*.json | wc -l)" \
  "decodes in $SECONDS s"

start_slurm "$python"
submit --array=0-3
array=$job
answers "${array}_1"
scancel "${array}_1"
stopped="stopped by SIGTERM: [0-9]+ of [0-9]+ questions are finished and kept"
ended "${array}_1" CANCELLED "$stopped"

export SHARDS=4
resumes="$(questions) of [0-9]+ questions are done: resuming"
submit --array=1 --time=1
answers "${job}_1"
# A time limit is whole minutes, and a small model's share takes less. Slurm sends
# SIGCONT before SIGTERM.
scancel --full --signal=STOP "${job}_1"
say "job ${job}_1 is held with SIGSTOP until its minute is over"
ended "${job}_1" TIMEOUT " $resumes" "DUE TO TIME LIMIT" "$stopped"
for task in 0 2 3; do
  ended "${array}_$task" COMPLETED "share $((task + 1))/4 is finished and kept in"
done
ls "$work"/shared/*predictions*.json 2>/dev/null && fail "a share is missing"

resumes="$(questions) of [0-9]+ questions are done: resuming"
submit --array=1
ended "${job}_1" COMPLETED " $resumes" "wrote predictions.json"

files=("$work"/alone/*predictions*.json)
for file in "${files[@]}"; do
  cmp "$file" "$work/shared/${file##*/}" || fail "the files differ"
done
[ "$(ls "$work/alone")" = "$(ls "$work/shared")" ] ||
  fail "the folders differ: $(ls "$work/alone" "$work/shared")"
"$python" - "$work"/{alone,shared}/manifest.json <<'END' || fail "manifests differ"
import json, sys
one, other = [json.load(open(path))["files"] for path in sys.argv[1:]]
sys.exit(not one or one != other)
END
echo "tests/slurm/run.sh: ${#files[@]} files of 4 shares, one of which was" \
  "stopped twice, are those of one process: ok"
