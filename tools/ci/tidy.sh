#!/usr/bin/env bash
# clang-tidy over the project's own C++ sources, against build/compile_commands.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files 'src/*.cpp' 'cli/*.cpp' | grep -v '/cuda/' >/tmp/peregrine-tidy.$$
trap 'rm -f /tmp/peregrine-tidy.$$' EXIT
xargs -P "$(nproc)" -n 4 clang-tidy -p build --quiet --extra-arg=-Wno-unknown-warning-option --warnings-as-errors='*' </tmp/peregrine-tidy.$$ 2> >(grep -v 'warnings generated\|warnings treated\|Suppressed\|Use -header-filter' >&2)
