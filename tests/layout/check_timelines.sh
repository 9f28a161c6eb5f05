#!/usr/bin/env bash
# Fails where the README's picture is not what scripts/timelines.sh draws from the data that is kept.
# Status 77: cannot be told here, and why.
set -euo pipefail
top=${1:?usage: check_timelines.sh DIR}
command -v gnuplot >/dev/null || { echo "gnuplot is not installed"; exit 77; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
OUT=$out "$top/scripts/timelines.sh" --redraw
kept=$top/scripts/timelines/timelines.svg
drawn=$out/timelines.svg
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$drawn"
if [ "$(grep 'Produced by' "$kept")" != "$(grep 'Produced by' "$drawn")" ]; then
  echo "drawn by another gnuplot than this one: $(grep 'Produced by' "$kept")"
  exit 77
fi
diff -q "$kept" "$drawn" >&2
