#!/bin/sh
# Draws the data, trains the four demo models side by side on one GPU and scores them on held-out scenes.
#
#   train_all.sh OUT [SECONDS]
#
# Everything ends within SECONDS (default 420). OUT receives demo-{detect,pose,segment}.pt, demo-reid.pth, scores.json
# and train.log; a model whose training failed is missing there, and the exit status is 1. Needs Python with torch,
# ultralytics 8.4, opencv and numpy; no network.
set -u
out=${1:?usage: train_all.sh OUT [SECONDS]}
budget=${2:-420}
scenes=${SCENES:-1500} held_out=${HELD_OUT:-100} identities=${IDENTITIES:-320} jobs=${JOBS:-$(nproc)} workers=${WORKERS:-4}
reserve=${RESERVE:-75} # seconds for imports, caching and the first step before training, and scoring after it
python=${PYTHON:-python3}

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1 YOLO_CONFIG_DIR="$work" YOLO_OFFLINE=true MPLCONFIGDIR="$work" PYTHONUNBUFFERED=1 NO_COLOR=1
start=$(date +%s)
elapsed() { echo $(($(date +%s) - start)); }
log() { echo "[$(elapsed) s] $*" | tee -a "$out/train.log"; }
: >"$out/train.log"

"$python" "$here/scenes.py" dataset "$work/scenes" --train "$scenes" --val 60 --test "$held_out" --jobs "$jobs" &&
    "$python" "$here/scenes.py" crops "$work/crops" --identities "$identities" --held-out $((identities / 5)) --jobs "$jobs" ||
    { log "the data could not be drawn"; exit 1; }
log "drew $scenes scenes and $(find "$work/crops" -name '*.jpg' | wc -l) crops of $identities persons"

seconds=$((budget - reserve - $(elapsed)))
[ "$seconds" -gt 0 ] || { log "no time left to train"; exit 1; }
at_most="timeout -s KILL $((budget - $(elapsed) - 5))"
pids=
for task in detect pose segment; do
    $at_most "$python" "$here/train.py" "$task" --data "$work/scenes" --out "$out/demo-$task.pt" --work "$work/$task" \
        --scores "$work/$task.json" --seconds "$seconds" --workers "$workers" >"$work/$task.log" 2>&1 &
    pids="$pids $!"
done
$at_most "$python" "$here/train_reid.py" --data "$work/crops" --out "$out/demo-reid.pth" \
    --scores "$work/reid.json" --seconds "$seconds" >"$work/reid.log" 2>&1 &
pids="$pids $!"
log "training for $seconds s"
status=0
for pid in $pids; do wait "$pid" || status=1; done
log "training ended"

for model in detect pose segment reid; do
    echo "== $model"
    if [ -f "$work/$model.json" ]; then # the validations, not the progress bars
        tr '\r' '\n' <"$work/$model.log" | grep -E '^ +all |epochs completed|^step|steps in' | tail -n 80
    else
        tail -c 6000 "$work/$model.log" | tr '\r' '\n'
    fi
done >>"$out/train.log"
"$python" - "$work" "$out/scores.json" <<'EOF' | tee -a "$out/train.log"
import json, pathlib, sys

found = {m: pathlib.Path(sys.argv[1], m + ".json") for m in ("detect", "pose", "segment", "reid")}
scores = {m: json.loads(p.read_text()) if p.exists() else None for m, p in found.items()}
pathlib.Path(sys.argv[2]).write_text(json.dumps(scores, indent=1) + "\n")
print(json.dumps(scores))
EOF
exit $status
