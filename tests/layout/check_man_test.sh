#!/usr/bin/env bash
# check_man_test.sh SOURCES: the check of the manual pages must be able to fail: each broken page below has to be found.
# SOURCES: the top of the tree. Status 77: mandoc is not there, whose findings are among them.
set -euo pipefail
top=${1:?usage: check_man_test.sh SOURCES}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT

expect() { # expect STATUS PAGE SED-SCRIPT [LINE]: what the check says of PAGE, changed so
  local page=$2 status=0 said
  local program=${page%.*}
  sed -E "$3" "$top/src/man/$page" >"$broken/$page"
  if [ -n "$3" ] && cmp -s "$broken/$page" "$top/src/man/$page"; then
    echo "$page: $3 changes nothing" >&2
    exit 1
  fi
  said=$("$here/check_man.sh" "$broken/$page" "$here/../golden/${program}_help.txt" "$top/README.md" 2>&1) || status=$?
  [ "$status" = 77 ] && status=0
  [ "$status" = "$1" ] || { echo "$page with $3: status $status, expected $1: $said" >&2; exit 1; }
  [ -z "${4:-}" ] || [ "$said" = "$page: $4" ] || { echo "$page with $3: it said '$said', expected '$4'" >&2; exit 1; }
}

missing() { # missing OPTION: a sed script that takes its entry away
  echo "/^\.It Fl (. , )?-$1( |\$)/,/^\.(It|El)/{/^\.It Fl (. , )?-$1( |\$)/d; /^\.(It|El)/!d}"
}

for page in tcpserver.8 tcpclient.1 tcpbacklog.1 tcpload.1; do
  expect 0 "$page" ''
  expect 1 "$page" '0,/^\.It Fl h , -help/s//.It Fl h , -help\nShow this.\n.It Fl -surplus/'
  expect 1 "$page" '0,/^\.It Fl h , -help/s//.It Fl x , -help/'
  expect 1 "$page" '/^\.It 64/,/^\.It/{/^\.It 64/d}' "exit status 64 is in the README, and not here"
  expect 1 "$page" 's/^\.It 70$/.It 70\nA fault.\n.It 99/' "exit status 99 is here, and not in the README"
done

expect 1 tcpserver.8 "$(missing bind)" "--bind is in the help, and not here"
expect 1 tcpserver.8 's/^\.It Fl q , -quiet$/.It Fl -silent\nLog less.\n&/' "--silent is here, and not in the help"
expect 1 tcpserver.8 's/^\.It Fl v , -verbose$/.It Fl -verbose/' "--verbose: the short letter is not given here, and '-v' in the help"
expect 1 tcpserver.8 's/^(The default is) 54321\.$/\1 7./' "--port: the default is '7' here, and '54321' in the help"
expect 1 tcpserver.8 '/^The default is 5m\.$/d' "--idle-timeout: the default is not given here, and '5m' in the help"
expect 1 tcpserver.8 's/^Log each session, too: .*$/&\nThe default is off./' "--verbose: the default is 'off' here, and not given in the help"
expect 1 tcpserver.8 's/^(\.It Fl -pid-file Ar) FILE$/\1 PATH/' "--pid-file: the value's name is 'PATH' here, and 'FILE' in the help"
expect 1 tcpserver.8 's/^(\.It Fl -user Ar USER) .*/\1/' "--user: the value's name is 'USER' here, and 'USER[:GROUP]' in the help"
expect 1 tcpserver.8 's/^\.It Fl V , -version$/.It Fl V , -version Ar WHAT/' "--version: the value's name is 'WHAT' here, and not given in the help"
expect 1 tcpclient.1 "$(missing ask-first)" "--ask-first is in the help, and not here"
expect 1 tcpclient.1 's/^(The default is 1 with .*), else 0/\1/' "--slow: the default is '1 with --delay' here, and '1 with --delay, else 0' in the help"
expect 1 tcpbacklog.1 "$(missing headroom)" "size --headroom is in the help, and not here"
expect 1 tcpbacklog.1 's/^\.It Fl -count Ar N$/.It Fl -from Ar N\nNot of this command.\n&/' "watch --from is here, and not in the help"
expect 1 tcpbacklog.1 's/^\.Ss watch$/.Ss Watching/'

command -v mandoc >/dev/null || { echo "mandoc is not installed: whether its findings count was not looked at"; exit 77; }
expect 1 tcpserver.8 's/^\.Sh SIGNALS$/&\n.Nonsense/'
expect 1 tcpclient.1 's/^\.El$/.Pp/'
echo "wrong pages are found"
