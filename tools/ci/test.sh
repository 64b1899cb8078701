#!/usr/bin/env bash
# make test: builds with warnings as errors, runs all tests, the install test, the sanitizers, each fuzz target for a while and
# clang-tidy; prints each stage's time.
# tools/ci/test.sh STAGE... runs only those: setup build tests tensorrt install wheels sanitizers fuzz tidy.
# The sanitizers and tidy look at the code that reads files from outside; with WHOLE=1 (make soak) at all of it.
set -euo pipefail
cd "$(dirname "$0")/../.."
jobs=$(nproc)
cuda=${CUDA:-auto}
[ "$cuda" = auto ] && { command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] || [ -e /dev/nvidiactl ]; } && cuda=on
cuda_option=$([ "$cuda" = on ] && echo ON || echo OFF)
export PATH=$PATH:/usr/local/cuda/bin
export PEREGRINE_TEST_DATA=${PEREGRINE_TEST_DATA:-$PWD/../shared/data}

stage_setup() { tools/setup/setup.sh checks openvino $([ "$cuda" = on ] && echo cuda tensorrt-rtx-1.5); }

stage_build() {
  cmake --preset ci -B build -DPEREGRINE_CUDA=$cuda_option --log-level=WARNING
  cmake --build build -j "$jobs"
}

# The GPU engine without an installed CUDA toolkit: configures with the pinned wheels' nvcc, and compiles and links with it.
stage_wheels() {
  [ "$cuda" = on ] || return 0
  PEREGRINE_SYSTEM_CUDA=OFF tools/setup/setup.sh cuda
  PEREGRINE_SYSTEM_CUDA=OFF cmake --preset ci -B build-wheels --fresh -DPEREGRINE_CUDA=ON -DPEREGRINE_OPENVINO=OFF --log-level=WARNING
  grep -q '/cu13/bin/nvcc"' build-wheels/CMakeFiles/*/CMakeCUDACompiler.cmake
  cmake --build build-wheels -j "$jobs" --target peregrine_stages_preprocess
}

run_tests() {  # run_tests CTEST-OPTIONS...: of build/
  ctest --test-dir build -j "$jobs" --output-on-failure --timeout 900 "$@" 2>&1 | tail -n 60
  passed=$((passed + $(grep -c '^Test Passed\.' build/Testing/Temporary/LastTest.log || true)))
}

stage_tests() { run_tests -LE '^tensorrt'; }

stage_tensorrt() { run_tests -L '^tensorrt'; }

stage_sanitizers() {
  cmake --preset sanitize -B build-sanitize -DPEREGRINE_CUDA=OFF --log-level=WARNING
  local options=()
  if [ -z "${WHOLE:-}" ]; then
    cmake --build build-sanitize -j "$jobs" --target test_core test_image test_gpu_policy test_settings test_decode test_formats test_formats_onnx
    options=(-L '^(core|image|gpu_policy|settings|decode|formats|formats_onnx)$')
  else
    cmake --build build-sanitize -j "$jobs"
  fi
  # OpenVINO itself is not instrumented and keeps its own pools: leaks are looked for in the other programs.
  ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$PWD/tools/ci/leaks.txt \
    ctest --test-dir build-sanitize -j "$jobs" --output-on-failure --timeout 600 -LE slow "${options[@]}" 2>&1 | tail -n 40
}

stage_fuzz() {
  cmake --preset fuzz -B build-fuzz --log-level=WARNING
  cmake --build build-fuzz -j "$jobs" --target fuzz
  tools/ci/fuzz.sh "${FUZZ_SECONDS:-15}"
}

stage_tidy() { tools/ci/tidy.sh; }

stage_install() { tools/ci/install_test.sh; }

stages=("$@")
[ $# -gt 0 ] || stages=(setup build tests tensorrt install wheels sanitizers fuzz tidy)
summary=()
passed=0
for stage in "${stages[@]}"; do
  echo "== $stage"
  begin=$SECONDS
  "stage_$stage"
  summary+=("$(printf '%-12s %4d s' "$stage" $((SECONDS - begin)))")
done
printf '== stages\n'
printf '%s\n' "${summary[@]}"
echo "$passed passed, 0 failed"
