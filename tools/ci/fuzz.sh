#!/usr/bin/env bash
# fuzz.sh SECONDS: each fuzz target for so long, from its committed corpus; findings stay in build-fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build-fuzz/findings
for target in build-fuzz/bin/fuzz_*; do
  name=$(basename "$target")
  corpus=build-fuzz/corpus/$name
  mkdir -p "$corpus"
  [ -d "tests/fuzz/corpus/${name#fuzz_}" ] && cp -rn tests/fuzz/corpus/"${name#fuzz_}"/* "$corpus"/
  "$target" -max_total_time="$1" -rss_limit_mb=4096 -timeout=20 -artifact_prefix=build-fuzz/findings/ -print_final_stats=1 \
    "$corpus" 2>&1 | grep -E 'ERROR|SUMMARY|number_of_executed_units|DONE' || { echo "$name found something: build-fuzz/findings"; exit 1; }
done
