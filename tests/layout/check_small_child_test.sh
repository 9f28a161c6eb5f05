#!/usr/bin/env bash
# check_small_child_test.sh PROGRAM: check_small_child.sh must be able to fail, such as for .text.
set -euo pipefail
if said=$("$(dirname "${BASH_SOURCE[0]}")/check_small_child.sh" "$1" .text); then echo '.text passes' >&2; exit 1; fi
for words in 'middle of a page' 'more than a page' 'data from elsewhere' 'code from elsewhere' 'from a register'; do
  [[ $said == *"$words"* ]] || { echo "not found: $words" >&2; exit 1; }
done
