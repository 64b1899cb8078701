#!/usr/bin/env bash
# Everything a build needs: Debian packages, and native libraries out of pinned, hashed PyPI wheels.
#   tools/setup/setup.sh [openvino] [cuda] [tensorrt-rtx-1.5] [tensorrt-8]   which carried libraries to fetch; idempotent
#   tools/setup/setup.sh checks                                    what make test needs besides: clang for fuzzing and tidy
#   (cuda brings the pinned TensorRT-RTX; the oldest one that is supported is for the tests alone)
# An installed CUDA 13 is used where there is one; PEREGRINE_SYSTEM_CUDA=OFF fetches the toolkit all the same.
# Python is used only to fetch and unpack the wheels; nothing of it is built or run afterwards.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
deps=${PEREGRINE_DEPS:-$root/.deps}

install_debian_packages() {  # install_debian_packages LIST
  local wanted missing
  wanted=$(grep -v '^#' "$here/$1")
  missing=$(for p in $wanted; do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"; done)
  [ -z "$missing" ] && return
  local sudo=
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "setup: as root, run: apt-get install" $missing >&2
      exit 3
    fi
    sudo=sudo
  fi
  echo "setup: installing" $missing
  $sudo apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >/dev/null
}

# fetch_wheels NAME [FOLDER [PYTHON]]: unpacks the wheels of wheels/NAME.txt, as for this Python, into $deps/FOLDER, unless that was done before.
fetch_wheels() {
  local python=${3:-3.11}
  local into=$deps/${2:-}
  local list=$here/wheels/$1.txt stamp=$deps/.$1.stamp wheels=$deps/.$1.wheels
  cmp -s "$list" "$stamp" && return
  echo "setup: fetching $1"
  rm -rf "$wheels"
  mkdir -p "$wheels"
  python3 -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
    --python-version "$python" --implementation cp --abi "cp${python/./}" --abi abi3 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --platform any -d "$wheels" -r "$list"
  for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$into"; done
  for folder in "$deps"/nvidia/cu13/bin "$deps"/nvidia/cu13/nvvm/bin; do [ -d "$folder" ] && chmod +x "$folder"/*; done
  rm -rf "$wheels"
  cp "$list" "$stamp"
}

has_cuda_toolkit() {
  [ "${PEREGRINE_SYSTEM_CUDA:-ON}" != OFF ] &&
    PATH=$PATH:/usr/local/cuda/bin nvcc --version 2>/dev/null | grep -q 'release 13\.'
}

install_debian_packages debian-packages.txt
for name in "$@"; do
  case $name in
    cuda)
      fetch_wheels cuda-headers
      fetch_wheels tensorrt-rtx
      has_cuda_toolkit || fetch_wheels cuda-toolkit
      ;;
    checks) install_debian_packages debian-packages-checks.txt ;;
    tensorrt-rtx-1.5) fetch_wheels "$name" "$name" ;;
    tensorrt-8) fetch_wheels "$name" "$name" 3.10 ;;
    *) fetch_wheels "$name" ;;
  esac
done
