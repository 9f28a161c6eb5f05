#!/usr/bin/env bash
# Fails where the tree has a file at the top that the layout does not name, or a header without its room.
set -euo pipefail
cd "${1:?usage: check_tree.sh DIR}"
broken=0
# In a checkout the tracked files count: what lies beside them is the user's own.
entries=$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u || true)
[ -n "$entries" ] || entries=$(ls)
for entry in $entries; do
  case $entry in
    CMakeLists.txt | src | include | tests | scripts | README.md | LICENSE | build* | .?*) ;;
    *) echo "at the top level, but not in the layout: $entry" >&2; broken=1 ;;
  esac
done
for entry in CMakeLists.txt src include tests scripts README.md LICENSE; do
  [ -e "$entry" ] || { echo "missing at the top level: $entry" >&2; broken=1; }
done
for header in $(cd include/tcpserver && ls -d ./*); do
  [ -d "src/$header" ] || { echo "include/tcpserver/$header has no room in src" >&2; broken=1; }
done
exit "$broken"
