#!/usr/bin/env bash
# make bundle: a relocatable folder for a GPU machine (Ubuntu 24.04, CUDA 13, cuDNN 9; no network, no compiler): the command, the
# tests and benchmarks for BUNDLE_ARCHS, the libraries that such a machine lacks, recorded references. Without OpenVINO, video, HTTP and the image
# formats whose libraries are large (TIFF, GIF, AVIF, JPEG 2000).
# The demo models have a licence of their own, so they are an archive of their own, to be unpacked over the first.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=build-bundle
name=peregrine-bundle
out=$build/$name

cmake --preset release -B $build -DPEREGRINE_CUDA=ON -DPEREGRINE_OPENVINO=OFF -DPEREGRINE_VIDEO=OFF \
  -DPEREGRINE_FORMATS=OFF -DPEREGRINE_HTTP=OFF \
  -DCMAKE_CUDA_ARCHITECTURES="${BUNDLE_ARCHS:-90a}" ${CMAKE_FLAGS:-} --log-level=WARNING
cmake --build $build -j "$(nproc)"

rm -rf $out $build/$name-demo.tar.xz $build/$name.tar.xz
mkdir -p $out/bin $out/lib $out/source
find $build/bin -maxdepth 1 -type f -perm -u+x -exec cp {} $out/bin/ \;
# Tests that need doubles of vendor libraries, libraries made for them or the sources beside them, and no GPU: they have nothing to
# say elsewhere.
grep -laE "$build/tests/[a-z_/]+/(doubles|libdouble_)" $out/bin/test_* | xargs -r rm
rm -f $out/bin/test_*double* $out/bin/test_architecture $out/bin/test_core
strip $out/bin/*
# All libraries but glibc's and the compiler's run time, which Ubuntu 24.04 has in newer versions.
for program in $out/bin/*; do ldd "$program" | awk '$3 ~ /^\// {print $3}'; done | sort -u |
  grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|libstdc\+\+|libgcc_s|ld-linux[^/]*)\.so' | xargs -I{} cp -L {} $out/lib/
strip --strip-unneeded $out/lib/*
git ls-files tests models/demo ARCHITECTURE.md | grep -E '/data/|^models/|^ARCH' | xargs -d '\n' cp --parents -t $out/source
cp tools/bundle/bundle.mk $out/Makefile
cp LICENSE NOTICE $out/

# The programs share most of their code: a dictionary that reaches from the first to the last keeps it once.
archive() { tar -C $build -c --sort=name --owner=0 --group=0 "${@:2}" | xz -T1 --lzma2=preset=9,dict=192MiB >"$build/$1"; }
archive $name.tar.xz --exclude=models $name
archive $name-demo.tar.xz $name/source/models
size=$(stat -c %s $build/$name.tar.xz)
ls -l $build/$name*.tar.xz | awk '{print $9 ": " $5 " bytes"}'
[ "$size" -le 15000000 ] || { echo "the bundle is larger than 15 MB"; exit 1; }
