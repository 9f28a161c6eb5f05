#!/usr/bin/env bash
# check_small_child_test.sh PROGRAM: checks that check_small_child.sh reports every kind of problem, using .text.
set -euo pipefail
if report=$("$(dirname "${BASH_SOURCE[0]}")/check_small_child.sh" "$1" .text); then echo '.text passes' >&2; exit 1; fi
for words in 'not begin at a page' 'larger than a page' 'data of another page' 'to another page' 'in a register'; do
  [[ $report == *"$words"* ]] || { echo "not reported: $words" >&2; exit 1; }
done
