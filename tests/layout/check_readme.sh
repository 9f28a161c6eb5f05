#!/usr/bin/env bash
# Fails where the README's tables and the programs' help do not name the same options.
# check_readme.sh README HELP...: HELP are the golden files.
set -euo pipefail
readme=${1:?usage: check_readme.sh README HELP...}
shift

in_help=$(grep -hoE '^  (-., |    )--[a-z-]+' "$@" | grep -oE -- '--[a-z-]+' | sort -u)
in_readme=$(grep -E '^\| `' "$readme" | cut -d'|' -f2 | grep -oE -- '--[a-z-]+' | sort -u)
[ -n "$in_help" ] || { echo "no options found in $*" >&2; exit 1; }
diff <(echo "$in_help") <(echo "$in_readme") >&2 || { echo "< in the help alone, > in the README alone" >&2; exit 1; }
