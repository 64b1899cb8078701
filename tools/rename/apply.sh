#!/usr/bin/env bash
# tools/rename/apply.sh [--strings]: in the root of a clean checkout: the tree and the words of the field, staged, not committed.
# It removes itself from the tree and works from a copy, because the scripts rewrite every file that git knows.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${RENAME_COPY:-}" ]; then
  copy=$(mktemp -d)
  cp -r "$here"/. "$copy"
  git rm -rq "$here"
  RENAME_COPY=1 exec "$copy/apply.sh" "$@"
fi
python3 "$here/first_sentences.py"
python3 "$here/move.py"
python3 "$here/rename.py"
python3 "$here/sentences.py" "$@"
python3 "$here/kernel_comments.py"
python3 "$here/extra.py"
[ "${1:-}" != --strings ] || python3 tools/hints/hints.py --write  # its rows are sorted by their texts
git add -A
python3 tools/hints/hints.py || true
echo "The scripts are in $here"
