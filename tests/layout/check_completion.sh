#!/usr/bin/env bash
# check_completion.sh BUILD_DIR: whether bash completes the command lines of the programs that were built there.
set -euo pipefail
build=$(cd "${1:?usage: check_completion.sh BUILD_DIR}" && pwd)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=src/packaging/completion/tcpserver.bash
. "$top/src/packaging/completion/tcpserver.bash"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complete_line() { # complete_line WORD...: sets COMPREPLY as a TAB after the last word does
  local function
  function=$(complete -p "${1##*/}" | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
}

failures=0
expect() { # expect "WORDS THAT ARE OFFERED" PROGRAM WORD...
  local expected=$1 program=$2
  shift 2
  complete_line "$build/$program" "$@"
  [ "${COMPREPLY[*]}" = "$expected" ] && return
  echo "$program $*: offered '${COMPREPLY[*]}', expected '$expected'" >&2
  failures=1
}

options_in() { # options_in GOLDEN [COMMAND]: separated by blanks
  awk -v wanted="${2:-}" '
    /^Usage: / { right = wanted == "" || $3 == wanted }
    right && /^  (-., |    )--/ { printf "%s%s", separator, $1 ~ /,$/ ? $2 : $1; separator = " " }
  ' "$top/tests/golden/$1_help.txt"
}

expect "$(options_in tcpserver)" tcpserver --
expect "$(options_in tcpclient)" tcpclient --
expect "$(options_in tcpload)" tcpload --
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
expect "echo upper" tcpserver --service ""
expect "echo upper" tcpclient --service ""
expect "echo upper" tcpload --service ""
expect "queue refuse" tcpserver --overload ""
expect "on off" tcpserver --sandbox ""
expect "stderr syslog" tcpserver --log ""
expect "root" tcpserver --user roo

touch "$work/a name.conf"
expect "$work/a name.conf" tcpserver --config "$work/a"
expect "$work/a name.conf" tcpserver --pid-file "$work/a"
exit "$failures"
