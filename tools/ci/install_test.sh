#!/usr/bin/env bash
# Installs into a fresh folder, hides the checkout from it, runs the command, and builds the example against the package.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install build --prefix "$work/installed" >/dev/null
cp -r examples/predict "$work/example"
cp -r examples/migrate "$work/migrate_example"
model=models/demo/demo-detect.pt
cp "$model" "$work/model.pt"
cp "$(ls models/demo/scenes/val2017/*.jpg | head -1)" "$work/scene.jpg"

if grep -rlaF "$PWD/build" "$work/installed/bin" "$work/installed/lib"/*.so "$work/installed/lib/cmake" 2>/dev/null; then
  echo "install test: the files above refer to the checkout"
  exit 1
fi
"$work/installed/bin/peregrine" predict --allow-cpu --engine openvino --model "$work/model.pt" --source "$work/scene.jpg" --json "$work/out.json" --quiet
grep -q '"name": "person"' "$work/out.json"
cmake -S "$work/example" -B "$work/example/build" -DCMAKE_PREFIX_PATH="$work/installed" --log-level=WARNING >/dev/null
cmake --build "$work/example/build" >/dev/null
PEREGRINE_FORCE_GPU_ONLY=false "$work/example/build/example" "$work/model.pt" "$work/scene.jpg" | grep -q person
cmake -S "$work/migrate_example" -B "$work/migrate_example/build" -DCMAKE_PREFIX_PATH="$work/installed" --log-level=WARNING >/dev/null
cmake --build "$work/migrate_example/build" >/dev/null
PEREGRINE_FORCE_GPU_ONLY=false "$work/migrate_example/build/migrate_example" "$work/model.pt" "$work/store" | grep -q "is in service"
"$work/installed/bin/peregrine" predict --allow-cpu --store "$work/store" --source "$work/scene.jpg" --quiet
echo "install test: the installed command and a program built against the package run without the checkout"
