#!/usr/bin/env bash
# run.sh PEREGRINE [OUT]: migrates the four demo models into a store of the demo's own, runs what is then deployed over a sequence of
# scenes and scores the models on held-out ones; store, report, pictures and JSON go to OUT (build/demo). Again, it finds the engines
# still valid.
set -euo pipefail
peregrine=$(realpath "$1")
out=$(realpath -m "${2:-$(dirname "$0")/../../build/demo}")
cd "$(dirname "$0")/../../models/demo"
mkdir -p "$out"
device=()
if [ ! -e /dev/nvidiactl ]; then
  echo "No GPU here: the CPU engine serves (--allow-cpu)."
  device=(--allow-cpu --engine openvino)
fi
export PEREGRINE_STORE=$out/store
"$peregrine" migrate "${device[@]}" --detect demo-detect.pt --pose demo-pose.pt --segment demo-segment.pt --reid demo-reid.pth \
  --images scenes/val2017 --baseline fp32 --yes --report "$out/report.html"
"$peregrine" predict "${device[@]}" --source scenes/val2017 --save "$out/pictures" --json "$out/results.json"
echo "Scores on held-out scenes:"
score() { "$peregrine" val "${device[@]}" "$@" 2>"$out/val.log" || { cat "$out/val.log" >&2; exit 1; }; }
score --model demo-detect.pt --model demo-pose.pt --model demo-segment.pt --data held-out
score --model demo-reid.pth --data scenes/reid
echo "Report:   $out/report.html"
echo "Images: $out/pictures"
echo "Results:  $out/results.json"
