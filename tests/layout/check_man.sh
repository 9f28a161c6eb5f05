#!/usr/bin/env bash
# check_man.sh PAGE [HELP]: fails if a manual page and the help of its program (a golden file) have different options,
# or if mandoc finds an error in the page. A page of section 5 must have a key for each option that a file can set.
# Exit status 77 means that mandoc is not installed.
set -euo pipefail
page=${1:?usage: check_man.sh PAGE [HELP]}
help=${2-}

# The next two functions print a line "[COMMAND] [-SHORT,] --LONG" for each option.
options_of_help() {
  awk '
    /^Usage: / { command = $3 ~ /^[a-z]+$/ ? $3 : "" }
    /^  (-., |    )--/ { print command, $1 ~ /,$/ ? $1 " " $2 : $1 }
  ' "$help" | sort
}
options_of_page() {
  awk '
    /^\.S[hs] / { command = $1 == ".Ss" && NF == 2 && $2 ~ /^[a-z]+$/ ? $2 : "" }
    /^\.It Fl / { print command, $4 == "," ? "-" $3 ", -" $5 : "-" $3 }
  ' "$page" | sort
}
keys_of_help() {
  options_of_help | sed 's/.*--//' | grep -vx 'config\|help\|status\|test\|version' | sort
}
keys_of_page() {
  awk '/^\.It Cm / { print $3 }' "$page" | sort
}

if [ -n "$help" ]; then
  kind=options
  [ "${page##*.}" != 5 ] || kind=keys
  [ -n "$("${kind}_of_help")" ] || { echo "no options found in $help"; exit 1; }
  diff <("${kind}_of_help") <("${kind}_of_page") || { echo "< only in the help, > only in $page"; exit 1; }
fi
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
# -W style would require manual pages of other packages, such as sd_notify(3).
mandoc -T lint -W warning "$page"
