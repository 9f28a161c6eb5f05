#!/usr/bin/env bash
# check_man.sh PAGE HELP README: fails where a manual page does not say the same as its program's help (the golden file) about
# options, their short letters, values and defaults, or not the same exit statuses as the README's table.
# Status 77: all this is right, and mandoc is not there to look at the page's own form.
set -euo pipefail
usage="usage: check_man.sh PAGE HELP README"
page=${1:?$usage}
help=${2:?$usage}
readme=${3:?$usage}
name=$(basename "$page")

# Both print a line for each option: COMMAND--LONG|-SHORT|VALUE|DEFAULT, COMMAND being that of programs with commands.
options_of_help() {
  awk '
    function flush() {
      if (long == "") return
      if (match(text, /\(default [^()]*\)$/)) default_is = substr(text, RSTART + 9, RLENGTH - 10)
      print command "--" long "|" short "|" value "|" default_is
      long = short = value = default_is = text = ""
    }
    /^Usage: / { flush(); command = $3 ~ /^[a-z]+$/ ? $3 " " : "" }
    /^  (-., |    )--/ {
      flush()
      short = substr($0, 3, 1) == "-" ? substr($0, 3, 2) : ""
      long = substr($0, 9); sub(/ .*/, "", long)
      rest = substr($0, 9 + length(long))
      value = rest ~ /^ [^ ]/ ? substr(rest, 2) : ""; sub(/ .*/, "", value)
      text = substr(rest, length(value) + 2); sub(/^ +/, "", text)
      next
    }
    /^          / && long != "" { line = $0; sub(/^ +/, "", line); text = text (text == "" ? "" : " ") line; next }
    { flush() }
    END { flush() }
  ' "$help"
}

options_of_page() {
  awk '
    function flush() {
      if (long != "") print command "--" long "|" short "|" value "|" default_is
      long = short = value = default_is = ""
    }
    /^\.S[hs] / { flush(); command = $1 == ".Ss" && NF == 2 && $2 ~ /^[a-z]+$/ ? $2 " " : "" }
    /^\.(It|El)/ { flush() }
    /^\.It Fl / {
      for (i = 3; i <= NF && $i != "Ar"; ++i) {
        if ($i ~ /^-/) long = substr($i, 2)
        else if ($i != "," && $i != "Fl") short = "-" $i
      }
      for (; i <= NF; ++i) { # [ and ] are Oo and Oc
        word = $i; sub(/^\\&/, "", word)
        if (word == "Oo") word = "["
        if (word == "Oc") word = "]"
        if (word != "Ar" && word != "Ns") value = value word
      }
    }
    /^The default is / && long != "" { default_is = substr($0, 16); sub(/\.$/, "", default_is); gsub(/\\-/, "-", default_is) }
  ' "$page"
}

statuses_of_page() {
  awk '/^\.Sh / { inside = $0 == ".Sh EXIT STATUS" } inside && /^\.It [0-9]+$/ { print $2 }' "$page"
}

statuses_of_readme() { # those whose field in the program's column is not empty
  awk -F'|' -v program="${name%.*}" '
    /^\| exit status / { for (i = 3; i < NF; ++i) if (index($i, "`" program "`")) column = i; next }
    column && !/^\|/ { exit }
    column && $2 ~ /[0-9]/ && $column ~ /[^ ]/ { gsub(/ /, "", $2); print $2 }
  ' "$readme"
}

problems=0
problem() {
  echo "$name: $1" >&2
  problems=1
}

field_differs() { # field_differs OPTION WHAT IN-PAGE IN-HELP
  local here=${3:+"'$3'"} there=${4:+"'$4'"}
  [ "$3" = "$4" ] || problem "$1: the $2 is ${here:-not given} here, and ${there:-not given} in the help"
}

compare_options() {
  local in_help in_page line option short value default_is page_short page_value page_default
  in_help=$(options_of_help)
  in_page=$(options_of_page)
  [ -n "$in_help" ] || problem "no options found in $help"
  while IFS='|' read -r option short value default_is; do
    line=$(grep -m1 "^$option|" <<<"$in_page" || true)
    if [ -z "$line" ]; then
      problem "$option is in the help, and not here"
      continue
    fi
    IFS='|' read -r _ page_short page_value page_default <<<"$line"
    field_differs "$option" "short letter" "$page_short" "$short"
    field_differs "$option" "value's name" "$page_value" "$value"
    field_differs "$option" "default" "$page_default" "$default_is"
  done <<<"$in_help"
  while read -r option; do
    problem "$option is here, and not in the help"
  done < <(comm -13 <(cut -d'|' -f1 <<<"$in_help" | sort) <(cut -d'|' -f1 <<<"$in_page" | sort))
}

compare_statuses() {
  local in_page in_readme status
  in_page=$(statuses_of_page | sort)
  in_readme=$(statuses_of_readme | sort)
  [ -n "$in_readme" ] || problem "no exit statuses found in $readme"
  while read -r status; do
    problem "exit status $status is in the README, and not here"
  done < <(comm -13 <(echo "$in_page") <(echo "$in_readme"))
  while read -r status; do
    problem "exit status $status is here, and not in the README"
  done < <(comm -23 <(echo "$in_page") <(echo "$in_readme") | grep .)
}

compare_options
compare_statuses

# Not -W style: that asks for the pages of others, too, such as sd_notify(3), which need not be installed here.
if command -v mandoc >/dev/null; then
  findings=$(mandoc -T lint -W warning "$page") || true
  while read -r finding; do
    [ -z "$finding" ] || problem "$finding"
  done <<<"$findings"
fi
[ $problems = 0 ] || exit 1
command -v mandoc >/dev/null || { echo "mandoc is not installed: whether $name is right mdoc was not looked at"; exit 77; }
