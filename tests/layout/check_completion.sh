#!/usr/bin/env bash
# check_completion.sh BUILD_DIR: fails if a shell does not complete the command lines of the programs in BUILD_DIR.
# bash is always checked, zsh and fish if they are installed.
set -euo pipefail
build=$(cd "${1:?usage: check_completion.sh BUILD_DIR}" && pwd)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scripts=$top/src/packaging/completion
# shellcheck source=src/packaging/completion/tcpserver.bash
. "$scripts/tcpserver.bash"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failures=0
compare() { # compare COMMAND-LINE OFFERED EXPECTED
  [ "$2" = "$3" ] && return
  echo "$1: offered '$2', expected '$3'" >&2
  failures=1
}
expect() { # expect "OFFERED WORDS" PROGRAM WORD...: after TAB at the end of the last word, in bash
  local expected=$1 function
  shift
  function=$(complete -p "$1" | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
  COMP_WORDS=("$build/$1" "${@:2}")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  "$function" "$build/$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  compare "bash: $*" "${COMPREPLY[*]}" "$expected"
}
options_in() { # options_in GOLDEN [COMMAND]: separated by blanks
  awk -v wanted="${2:-}" '
    /^Usage: / { right = wanted == "" || $3 == wanted }
    right && /^  (-., |    )--/ { printf "%s%s", separator, $1 ~ /,$/ ? $2 : $1; separator = " " }
  ' "$top/tests/golden/$1_help.txt"
}

for program in tcpserver tcpclient tcpload; do
  expect "$(options_in $program)" $program --
  expect "echo upper" $program --service ""
done
for command in probe watch size; do
  expect "$(options_in tcpbacklog "$command")" tcpbacklog "$command" --
done
expect "probe watch size --help --version" tcpbacklog ""
expect "watch" tcpbacklog w
expect "--max-connections --max-per-host" tcpserver --port=7 --max
expect "--ask-first" tcpclient --a
expect "" tcpserver --nonsense
expect "" tcpserver ""
expect "" tcpserver --port ""

expect "fork iterative" tcpserver --mode ""
expect "iterative" tcpserver -m i
expect "iterative" tcpserver --mode = i
expect "fork iterative" tcpserver --mode =
expect "handler once none" tcpserver --reap ""
expect "max" tcpserver --backlog ""
expect "queue refuse" tcpserver --overload ""
expect "on off" tcpserver --sandbox ""
expect "stderr syslog" tcpserver --log ""
expect "text json" tcpserver --log-format ""
expect "root" tcpserver --user roo

touch "$work/a name.conf"
expect "$work/a name.conf" tcpserver --config "$work/a"
expect "$work/a name.conf" tcpserver --pid-file "$work/a"

if command -v zsh >/dev/null; then
  # A stub prints the first word of what zsh's _arguments gets.
  specs=$(zsh -fc '_arguments() { print -rl -- $@ }; words=($1); CURRENT=2; . $2' zsh "$build/tcpserver" "$scripts/tcpserver.zsh")
  compare "zsh: tcpserver --" "$(grep -o '^--[a-z-]*' <<<"$specs" | xargs)" "$(options_in tcpserver)"
  compare "zsh: tcpserver -m" "$(grep '^-m' <<<"$specs")" "-m:value:(fork iterative)"
fi
if command -v fish >/dev/null; then
  offered() { # offered COMMAND-LINE: by fish, without the descriptions
    PATH=$build:$PATH HOME=$work fish --no-config --command "source $scripts/$1.fish; complete --do-complete '$2'" | cut -f 1 | xargs
  }
  ln -s "$scripts/tcpserver.fish" "$work/tcpbacklog.fish"
  compare "fish: tcpserver --" "$(offered tcpserver "tcpserver --" | tr ' ' '\n' | sort)" "$(options_in tcpserver | tr ' ' '\n' | sort)"
  compare "fish: tcpserver --mode" "$(offered tcpserver "tcpserver --mode ")" "fork iterative"
fi
exit "$failures"
