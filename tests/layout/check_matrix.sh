#!/usr/bin/env bash
# check_matrix.sh README BUILD_DIR: whether each test that the README names as a proof is there. A name in its section "It
# survives" may end with ".*" or "...".
set -euo pipefail
readme=$1
tests=$(ctest --test-dir "$2" --show-only 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: *//p')
# shellcheck disable=SC2016 # the backquotes are the README's
names=$(sed -n '/^## It survives/,/^## [^I]/p' "$readme" | grep '^|' | awk -F' *[|] *' '{ print $(NF - 1) }' | grep -o '`[^`]*`' | tr -d '`')
[ "$(wc -l <<<"$names")" -ge 20 ] || { echo "the README names too few tests for its table to be read right"; exit 1; }
missing=0
while read -r name; do
  start=${name%...}
  start=${start%\*}
  grep -qF -- "$start" <<<"$tests" && continue
  echo "the README names the test $name, and there is none"
  missing=1
done <<<"$names"
exit $missing
