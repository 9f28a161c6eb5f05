#!/usr/bin/env bash
# check_bench_test.sh SOURCES: the check of the README's figures must be able to fail: what is changed below has to be found.
set -euo pipefail
top=${1:?usage: check_bench_test.sh SOURCES}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT

expect() { # expect STATUS FILE SED-SCRIPT: what the check says of a tree with FILE changed so
  local status=0 said
  rm -rf "${broken:?}"/*
  cp -r "$top/scripts" "$top/README.md" "$broken"
  sed -i -E "$3" "$broken/$2"
  if [ -n "$3" ] && cmp -s "$broken/$2" "$top/$2"; then
    echo "$2: $3 changes nothing" >&2
    exit 1
  fi
  said=$("$here/check_bench.sh" "$broken" 2>&1) || status=$?
  if [ "$status" = 77 ]; then
    [ "$1" = 0 ] || { echo "of pictures: $said"; exit 77; }
    status=0
  fi
  [ "$status" = "$1" ] || { echo "$2 with $3: status $status, expected $1: $said" >&2; exit 1; }
}

expect 0 README.md ''
expect 1 README.md '/^<!-- bench: table -->$/,/^<!-- bench: end -->$/s/[0-9]/&0/'
expect 1 README.md '/^<!-- bench: end -->$/i | one more | 1 |'
expect 1 scripts/bench/results.json '0,/"median": [0-9]/s//&9/'
expect 1 scripts/bench/results.json '0,/"title": "/s//&\/root\//'
# From here on gnuplot is needed.
expect 1 scripts/bench/rate.svg 's/Connections/Collections/'
expect 1 scripts/timelines/timelines.svg 's/client 1/client 7/'
expect 1 README.md 's/bench\/rate\.svg/bench\/rat.svg/'
echo "wrong figures and pictures are found"
