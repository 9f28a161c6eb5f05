#!/usr/bin/env bash
# check_bench.sh DIR: whether the README's table and plots are what the scripts make of the kept results.
# Status 77: the plots cannot be checked here, and why.
set -euo pipefail
top=${1:?usage: check_bench.sh DIR}

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$top/scripts/bench.sh" --table >"$out/table"
sed -n '/^<!-- bench: table -->$/,/^<!-- bench: end -->$/{/^<!-- bench/!p}' "$top/README.md" >"$out/in-readme"
diff "$out/table" "$out/in-readme" >&2 || { echo "< kept results, > README" >&2; exit 1; }
! grep -E '/(home|root|tmp|usr|var|work)/' "$top/scripts/bench/results.json" >&2 ||
  { echo "the kept results name folders of a machine" >&2; exit 1; }

command -v gnuplot >/dev/null || { echo "gnuplot is not installed"; exit 77; }
mkdir "$out/bench" "$out/timelines"
OUT=$out/bench "$top/scripts/bench.sh" --redraw
OUT=$out/timelines "$top/scripts/timelines.sh" --redraw
for drawn in "$out"/*/*.svg; do
  plot=scripts/${drawn#"$out/"}
  python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$drawn"
  if [ "$(grep 'Produced by' "$top/$plot")" != "$(grep 'Produced by' "$drawn")" ]; then
    echo "drawn by another gnuplot than this one: $(grep 'Produced by' "$top/$plot")"
    exit 77
  fi
  diff -q "$top/$plot" "$drawn" >&2
  grep -qF "src=\"$plot\"" "$top/README.md" || { echo "the README does not show $plot" >&2; exit 1; }
done
