#!/usr/bin/env bash
# check_matrix.sh README BUILD_DIR: fails if the table of faults names a test that does not exist. Names may end with ".*"
# or "...".
set -euo pipefail
readme=$1
tests=$(ctest --test-dir "$2" --show-only 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: *//p')
# shellcheck disable=SC2016 # the backquotes belong to the table
names=$(sed -n '/^## Faults/,/^## S/p' "$readme" | grep '^|' | awk -F' *[|] *' '{ print $(NF - 1) }' | grep -o '`[^`]*`' | tr -d '`')
[ "$(wc -l <<<"$names")" -ge 20 ] || { echo "$readme: fewer than 20 test names; is the table of faults missing?"; exit 1; }
missing=0
while read -r name; do
  start=${name%...}
  start=${start%\*}
  grep -qF -- "$start" <<<"$tests" && continue
  echo "$readme: no such test: $name"
  missing=1
done <<<"$names"
exit $missing
