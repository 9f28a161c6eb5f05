#!/usr/bin/env bash
# check_completion.sh BUILD_DIR: fails if bash does not complete the command lines of the programs in BUILD_DIR.
set -euo pipefail
build=$(cd "${1:?usage: check_completion.sh BUILD_DIR}" && pwd)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=src/packaging/completion/tcpserver.bash
. "$top/src/packaging/completion/tcpserver.bash"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failures=0
expect() { # expect "OFFERED WORDS" PROGRAM WORD...: after a TAB behind the last word
  local expected=$1 function
  shift
  function=$(complete -p "$1" | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
  COMP_WORDS=("$build/$1" "${@:2}")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  "$function" "$build/$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  [ "${COMPREPLY[*]}" = "$expected" ] && return
  echo "$*: offered '${COMPREPLY[*]}', expected '$expected'" >&2
  failures=1
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
expect "--max-connections --max-per-host" tcpserver --port 7 --max
expect "--ask-first" tcpclient --a
expect "" tcpserver --nonsense
expect "" tcpserver ""

expect "fork iterative" tcpserver --mode ""
expect "iterative" tcpserver -m i
expect "iterative" tcpserver --mode = i
expect "fork iterative" tcpserver --mode =
expect "handler none" tcpserver --reap ""
expect "queue refuse" tcpserver --overload ""
expect "on off" tcpserver --sandbox ""
expect "stderr syslog" tcpserver --log ""
expect "root" tcpserver --user roo

touch "$work/a name.conf"
expect "$work/a name.conf" tcpserver --config "$work/a"
expect "$work/a name.conf" tcpserver --pid-file "$work/a"
exit "$failures"
