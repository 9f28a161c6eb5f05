#!/usr/bin/env bash
# check_man.sh PAGE HELP: fails if a manual page and its program's help (the golden file) do not have the same options, or if
# mandoc finds an error in the page. Status 77: mandoc is not installed.
set -euo pipefail
page=${1:?usage: check_man.sh PAGE HELP}
help=${2:?usage: check_man.sh PAGE HELP}

# Both print a line "[COMMAND] [-SHORT,] --LONG" for each option.
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

[ -n "$(options_of_help)" ] || { echo "no options found in $help"; exit 1; }
diff <(options_of_help) <(options_of_page) || { echo "< only in the help, > only in $page"; exit 1; }
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
# Not -W style: it looks for pages of other packages, such as sd_notify(3).
mandoc -T lint -W warning "$page"
