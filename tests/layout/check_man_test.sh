#!/usr/bin/env bash
# check_man_test.sh SOURCES: checks that check_man.sh reports each broken page below.
# Exit status 77 means that mandoc is not installed.
set -euo pipefail
top=${1:?usage: check_man_test.sh SOURCES}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }

expect_found() { # expect_found PAGE SED-SCRIPT WORDS: the check of PAGE, edited by SED-SCRIPT, must print WORDS
  local page=$1 report
  sed -E "$2" "$top/src/man/$page" >"$broken/$page"
  if report=$("$here/check_man.sh" "$broken/$page" "$here/../golden/${page%%.*}_help.txt") || [[ $report != *"$3"* ]]; then
    echo "$page with $2: no '$3' in '$report'" >&2
    exit 1
  fi
}

expect_found tcpserver.8 '/^\.It Fl a , -bind/d' "<  -a, --bind"
expect_found tcpserver.8 's/^\.It Fl q , -quiet$/.It Fl -silent\n&/' ">  --silent"
expect_found tcpserver.8 's/^\.It Fl v , -verbose$/.It Fl -verbose/' ">  --verbose"
expect_found tcpbacklog.1 '/^\.It Fl -headroom/d' "< size --headroom"
expect_found tcpbacklog.1 's/^\.It Fl -count Ar N$/.It Fl -from Ar N\n&/' "> watch --from"
expect_found tcpserver.conf.5 '/^\.It Cm overload/d' "< overload"
expect_found tcpserver.conf.5 's/^\.It Cm port/.It Cm config Ta x Ta restart\n&/' "> config"
expect_found tcpserver.8 's/^\.Sh SIGNALS$/&\n.Nonsense/' "Nonsense"
expect_found tcpclient.1 's/^\.El$/.Pp/' "WARNING"
echo "all broken pages are reported"
