#!/usr/bin/env bash
# make bundle: a relocatable folder for a GPU machine (Ubuntu 24.04, CUDA 13, cuDNN 9; no network, no compiler): the command, the
# GPU tests and benchmarks for BUNDLE_ARCHS, their libraries, demo models and recorded references. Without OpenVINO.
set -euo pipefail
cd "$(dirname "$0")/../.."
archs=${BUNDLE_ARCHS:-90a}
build=build-bundle
out=$build/peregrine-bundle

cmake --preset release -B $build -DPEREGRINE_CUDA=ON -DPEREGRINE_OPENVINO=OFF -DCMAKE_CUDA_ARCHITECTURES="$archs" ${CMAKE_FLAGS:-} --log-level=WARNING
cmake --build $build -j "$(nproc)"

rm -rf $out
mkdir -p $out/bin $out/lib $out/source/tests $out/source/models
find $build/bin -maxdepth 1 -type f -perm -u+x -exec cp {} $out/bin/ \;
strip $out/bin/*
# All libraries that are not part of glibc or the compiler's run time, which Ubuntu 24.04 has in newer versions.
for program in $out/bin/*; do ldd "$program" | awk '$3 ~ /^\// {print $3}'; done | sort -u |
  grep -vE '/(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|ld-linux[^/]*)\.so' | xargs -I{} cp -L {} $out/lib/
[ -d models/demo ] && cp -r models/demo $out/source/models/
for folder in tests/*/data; do mkdir -p "$out/source/$folder" && cp -r "$folder/." "$out/source/$folder/"; done
cp ARCHITECTURE.md $out/source/
cp tools/bundle/bundle.mk $out/Makefile
tar -C $build -cJf $out.tar.xz peregrine-bundle
echo "$out.tar.xz: $(du -h $out.tar.xz | cut -f1)"
