#!/usr/bin/env bash
# make tensorrt-8: Peregrine beside the real TensorRT 8.5.3.  tensorrt_8.sh PEREGRINE
# Without a GPU: loading, version, what is missing, and what a probe says. With one: an engine of a demo model, built, audited, compared and run.
set -euo pipefail
cd "$(dirname "$0")/../.."
peregrine=$1
wheel=${PEREGRINE_DEPS:-$PWD/.deps}/tensorrt-8/tensorrt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# says WHAT TEXT COMMAND...: the command's output holds the text, whatever its exit status.
says() {
  local what=$1 text=$2
  shift 2
  "$@" >"$work/out" 2>&1 || true
  grep -qF -- "$text" "$work/out" || { echo "FAILED: $what: no \"$text\" in"; cat "$work/out"; exit 1; }
  echo "passed: $what"
}
probe() { "$(dirname "$peregrine")/peregrine-tensorrt-probe" "$1/libnvinfer.so.8" "$1/libnvonnxparser.so.8" "$1/libnvinfer_plugin.so.8" 0; }
build() { "$peregrine" build models/demo/demo-detect.pt --engine tensorrt --tensorrt "$1" --store "$work/store"; }

says "doctor names the version and the parser" "TensorRT 8.5.3, $wheel/libnvinfer.so.8 with libnvonnxparser.so.8" \
  "$peregrine" doctor --tensorrt "$wheel"

mkdir "$work/alone" "$work/bare"
ln -s "$wheel/libnvinfer.so.8" "$work/alone"
ln -s "$wheel"/lib* "$work/bare"
says "a library without its parser is refused" "parser is missing" build "$work/alone"
# Behind a link the library's own search path leads nowhere, as where the wheels of cuBLAS and cuDNN are not installed.
says "what it needs and is not there is named" "libcublas.so.11" probe "$work/bare"

if nvidia-smi -L >/dev/null 2>&1; then
  says "the layout holds in a network of one layer" '"failure":""' probe "$wheel"
  says "an engine is built, audited and compared" "verification: passed" build "$wheel"
  says "it is deserialised and runs in another process" '"engine": "tensorrt' \
    "$peregrine" predict --engine tensorrt --tensorrt "$wheel" --store "$work/store" --model models/demo/demo-detect.pt \
    --source models/demo/held-out/val2017 --json -
else
  says "without a driver it gives its own reason" "CUDA initialization failure with error: 35" probe "$wheel"
  says "building without a GPU is refused in its words" "TensorRT 8.5.3 could not make a builder" build "$wheel"
  echo "not run: building and running, which need a GPU"
fi
