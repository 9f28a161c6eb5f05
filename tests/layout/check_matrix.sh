#!/usr/bin/env bash
# check_matrix.sh README BUILD_DIR: fails if a test that the table of faults names does not exist. A name may end with ".*" or "...".
set -euo pipefail
readme=$1
tests=$(ctest --test-dir "$2" --show-only 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: *//p')
# shellcheck disable=SC2016 # the backquotes are the table's
names=$(sed -n '/^## Faults/,/^## S/p' "$readme" | grep '^|' | awk -F' *[|] *' '{ print $(NF - 1) }' | grep -o '`[^`]*`' | tr -d '`')
[ "$(wc -l <<<"$names")" -ge 20 ] || { echo "$readme: too few names of tests; is the table of faults there?"; exit 1; }
missing=0
while read -r name; do
  start=${name%...}
  start=${start%\*}
  grep -qF -- "$start" <<<"$tests" && continue
  echo "$readme names the test $name, which does not exist"
  missing=1
done <<<"$names"
exit $missing
