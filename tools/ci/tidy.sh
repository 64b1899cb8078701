#!/usr/bin/env bash
# clang-tidy against build/compile_commands.json: over the code that reads files from outside; with WHOLE=1 over all C++ sources.
set -euo pipefail
cd "$(dirname "$0")/../.."
sources=('src/core/*.cpp' 'src/gpu_policy/*.cpp' 'src/image/*.cpp' 'src/settings/*.cpp' 'src/stages/decode/*.cpp' 'src/formats/*.cpp')
[ -z "${WHOLE:-}" ] || sources=('src/*.cpp' 'cli/*.cpp')
git ls-files "${sources[@]}" | grep -v '/cuda/' |
  xargs -P "$(nproc)" -n 4 clang-tidy -p build --quiet --extra-arg=-Wno-unknown-warning-option --warnings-as-errors='*' \
    2> >(grep -v 'warnings generated\|warnings treated\|Suppressed\|Use -header-filter' >&2)
