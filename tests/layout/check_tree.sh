#!/usr/bin/env bash
# Fails if the top of the tree is not as the layout says, or a folder in include/ has no room in src/: check_tree.sh DIR
set -euo pipefail
cd "${1:?usage: check_tree.sh DIR}"
# In a checkout only tracked files count.
entries=$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u || true)
diff <(printf '%s\n' CMakeLists.txt LICENSE README.md include scripts src tests) \
  <(grep -vE '^(build|\.)' <<<"${entries:-$(ls)}" | LC_ALL=C sort) >&2 || { echo "< missing, > not in the layout" >&2; exit 1; }
for room in include/tcpserver/*; do
  [ -d "src/${room##*/}" ] || { echo "$room has no room in src" >&2; exit 1; }
done
