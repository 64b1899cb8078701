#!/usr/bin/env bash
# run.sh PEREGRINE [OUT]: the four demo models over the held-out scenes; pictures and JSON go to OUT (build/demo).
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
detectors=(--model demo-detect.pt --model demo-pose.pt --model demo-segment.pt)
"$peregrine" predict "${device[@]}" "${detectors[@]}" --reid demo-reid.pth --source scenes/val2017 \
  --save "$out/pictures" --json "$out/results.json"
echo "Scores on these held-out scenes:"
score() { "$peregrine" val "${device[@]}" "$@" 2>"$out/val.log" || { cat "$out/val.log" >&2; exit 1; }; }
score "${detectors[@]}" --data scenes
score --model demo-reid.pth --data scenes/reid
echo "Pictures: $out/pictures"
echo "Results:  $out/results.json"
