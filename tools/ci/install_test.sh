#!/usr/bin/env bash
# Installs into a fresh folder, then runs the command and builds and runs the examples against the package where the checkout is
# gone: hidden under an empty folder in a mount namespace of its own or, where none may be made, with its build and its
# libraries renamed meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
renamed=()
finish() {
  for name in "${renamed[@]}"; do mv "$name.hidden" "$name"; done
  rm -rf "$work"
}
trap finish EXIT
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
cat >"$work/use.sh" <<'EOF'
set -euo pipefail
cd "$1"
if [ -e "$2/build" ] || [ -e "$2/.deps" ]; then echo "install test: the checkout is not hidden"; exit 1; fi
export PEREGRINE_STORE=$1/store
installed/bin/peregrine predict --allow-cpu --engine openvino --model model.pt --source scene.jpg --json out.json --quiet
grep -q '"name": "person"' out.json
for example in example migrate_example; do
  cmake -S "$example" -B "$example/build" -DCMAKE_PREFIX_PATH="$1/installed" --log-level=WARNING >/dev/null
  cmake --build "$example/build" >/dev/null
done
export PEREGRINE_FORCE_GPU_ONLY=false
example/build/example model.pt scene.jpg | grep -q person
migrate_example/build/migrate_example model.pt "$PEREGRINE_STORE" | grep -q "is deployed"
installed/bin/peregrine predict --source scene.jpg --quiet
EOF
checkout=$PWD
for unshare in "unshare --mount" "unshare --map-root-user --mount"; do
  if $unshare mount -t tmpfs none "$checkout" 2>/dev/null; then
    $unshare bash -c 'mount -t tmpfs none "$2" && exec bash "$1/use.sh" "$1" "$2"' - "$work" "$checkout"
    echo "install test: the installed command and programs built against the package run with the checkout hidden"
    exit
  fi
done
for name in build .deps; do
  mv "$name" "$name.hidden"
  renamed+=("$name")
done
bash "$work/use.sh" "$work" "$checkout"
echo "install test: the installed command and programs built against the package run with build and .deps renamed"
