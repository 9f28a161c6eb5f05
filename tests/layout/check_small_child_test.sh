#!/usr/bin/env bash
# check_small_child_test.sh PROGRAM: whether check_small_child.sh sees code that does go elsewhere, as .text does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if ./check_small_child.sh "$1" .text >"${TMPDIR:-/tmp}/small_child.$$"; then
  echo '.text passes'
  exit 1
fi
trap 'rm -f "${TMPDIR:-/tmp}/small_child.$$"' EXIT
for what in 'middle of a page' 'more than a page' 'data from elsewhere' 'code from elsewhere' 'code that only a run can tell'; do
  grep -q "$what" "${TMPDIR:-/tmp}/small_child.$$" || { echo "not seen: $what"; exit 1; }
done
