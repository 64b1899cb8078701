#!/usr/bin/env bash
# run.sh COMMAND: our own figures on the demo models, then the comparison with Ultralytics where Python has it.
# PEREGRINE_PYTHON: the Python to ask. BENCH_MODELS, BENCH_PICTURES, BENCH_COCO: what to run instead of the demo's.
set -euo pipefail
cd "$(dirname "$0")/.."
command=$1
python=${PEREGRINE_PYTHON:-python3}
models=${BENCH_MODELS:-models/demo/demo-segment.pt models/demo/demo-detect.pt}
pictures=${BENCH_PICTURES:-models/demo/scenes/val2017/000000.jpg models/demo/scenes/val2017/000001.jpg}
read -ra model_list <<<"$models"
read -ra picture_list <<<"$pictures"
flags=()
for model in "${model_list[@]}"; do flags+=(--model "$model"); done
sources=()
for picture in "${picture_list[@]}"; do sources+=(--source "$picture"); done
"$command" bench --allow-cpu --engine openvino "${flags[@]}" "${sources[@]}"
if ! "$python" -c 'import ultralytics, openvino' 2>/dev/null; then
  echo "No comparison: $python has no ultralytics and openvino (PEREGRINE_PYTHON names another Python)."
  exit 0
fi
result=bench/results/$(date -u +%F)-cpu-comparison.json
"$python" bench/compare.py --peregrine "$command" "${flags[@]}" --pictures "${picture_list[@]}" --json "$result" \
  ${BENCH_COCO:+--coco "$BENCH_COCO"}
echo "Figures in $result"
