#!/usr/bin/env bash
# Fails where the README's table or pictures of how fast it is are not what scripts/bench.sh makes of the figures that are kept.
# Status 77: of the pictures it cannot be told here, and why.
set -euo pipefail
top=${1:?usage: check_bench.sh DIR}

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$top/scripts/bench.sh" --table >"$out/table"
sed -n '/^<!-- bench: table -->$/,/^<!-- bench: end -->$/{/^<!-- bench/!p}' "$top/README.md" >"$out/in-readme"
diff "$out/table" "$out/in-readme" >&2 || { echo "< of what is kept, > in the README" >&2; exit 1; }
! grep -E '/(home|root|tmp|usr|var|work)/' "$top/scripts/bench/results.json" >&2 ||
  { echo "what is kept says where things lie on a machine" >&2; exit 1; }

command -v gnuplot >/dev/null || { echo "gnuplot is not installed"; exit 77; }
OUT=$out "$top/scripts/bench.sh" --redraw
for drawn in "$out"/*.svg; do
  kept=$top/scripts/bench/${drawn##*/}
  python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$drawn"
  if [ "$(grep 'Produced by' "$kept")" != "$(grep 'Produced by' "$drawn")" ]; then
    echo "drawn by another gnuplot than this one: $(grep 'Produced by' "$kept")"
    exit 77
  fi
  diff -q "$kept" "$drawn" >&2
  grep -qF "scripts/bench/${drawn##*/}" "$top/README.md" || { echo "the README does not show ${drawn##*/}" >&2; exit 1; }
done
