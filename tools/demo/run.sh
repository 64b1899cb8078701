#!/usr/bin/env bash
# run.sh PEREGRINE: runs the four demo models over the held-out scenes and says where pictures and JSON are.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/demo
mkdir -p $out
device=(); [ -e /dev/nvidiactl ] || { echo "no GPU here: the CPU engine serves (--allow-cpu)"; device=(--allow-cpu --engine openvino); }
"$1" predict "${device[@]}" --model models/demo/demo-detect.pt --model models/demo/demo-pose.pt --model models/demo/demo-segment.pt \
  --reid models/demo/demo-reid.pth --source models/demo/scenes/val2017 --save $out/pictures --json $out/results.json
echo "pictures: $PWD/$out/pictures"
echo "results:  $PWD/$out/results.json"
echo "scores of the models on held-out scenes: models/demo/README.md"
