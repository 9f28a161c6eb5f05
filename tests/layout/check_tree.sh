#!/usr/bin/env bash
# check_tree.sh DIR: fails if the top level of the source tree differs from the list below, or if a directory in include/
# has no counterpart in src/.
set -euo pipefail
cd "${1:?usage: check_tree.sh DIR}"
# In a checkout, check only tracked files.
entries=$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u || true)
diff <(printf '%s\n' CMakeLists.txt LICENSE README.md include scripts src tests) \
  <(grep -vE '^(build|\.)' <<<"${entries:-$(ls)}" | LC_ALL=C sort) >&2 || { echo "< missing, > unexpected" >&2; exit 1; }
for room in include/tcpserver/*; do
  [ -d "src/${room##*/}" ] || { echo "$room has no counterpart in src" >&2; exit 1; }
done
