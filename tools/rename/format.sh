#!/bin/bash
# format.sh: a mechanical step of its own, committed by itself: lines of at most 110 columns. Sets ColumnLimit and runs clang-format over the
# C++ and CUDA sources, then says which lines are still too long (comments that clang-format cannot break, strings).
set -e
sed -i 's/^ColumnLimit: .*/ColumnLimit: 110/' .clang-format
git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -n 20 clang-format -i
git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs awk 'length > 110 {print FILENAME ":" FNR ": " length " columns"}' | tee /tmp/too_long.txt | tail -20
echo "$(wc -l < /tmp/too_long.txt) lines are longer than 110 columns"
