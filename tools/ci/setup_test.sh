#!/usr/bin/env bash
# A wheel of TensorRT-RTX that has another hash than the pinned one is not unpacked. Needs no network: pip is given the wheel.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^tensorrt-rtx-cu13-libs==\([^ ]*\) .*/\1/p' tools/setup/wheels/tensorrt-rtx.txt)
WHEEL="$work/tensorrt_rtx_cu13_libs-$version-py3-none-any.whl" VERSION=$version python3 - <<'PYTHON'
import os, zipfile
name = f"tensorrt_rtx_cu13_libs-{os.environ['VERSION']}.dist-info"
with zipfile.ZipFile(os.environ["WHEEL"], "w") as wheel:
    wheel.writestr("tensorrt_rtx_libs/libtensorrt_rtx.so.1", "not NVIDIA's")
    wheel.writestr(f"{name}/METADATA", f"Metadata-Version: 2.1\nName: tensorrt-rtx-cu13-libs\nVersion: {os.environ['VERSION']}\n")
    wheel.writestr(f"{name}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{name}/RECORD", "")
PYTHON
if PIP_NO_INDEX=1 PIP_FIND_LINKS=$work PEREGRINE_DEPS=$work/deps tools/setup/setup.sh tensorrt-rtx >"$work/log" 2>&1; then
  echo "setup test: a wheel with another hash was taken"
  exit 1
fi
grep -q "DO NOT MATCH THE HASHES" "$work/log" || { cat "$work/log"; exit 1; }
[ ! -e "$work/deps/tensorrt_rtx_libs" ] && [ ! -e "$work/deps/.tensorrt-rtx.stamp" ]
echo "setup test: a wheel with another hash is refused"
