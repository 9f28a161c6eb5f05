#!/usr/bin/env bash
# The check of the arrows must be able to fail: each wrong include below has to be found.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

expect() { # expect STATUS FILE INCLUDE-LINE
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/include/tcpserver/posix" "$tree/src/$(dirname "$2")"
  printf '%s\n' "$3" >"$tree/src/$2"
  local status=0
  "$here/check_includes.sh" "$tree" >/dev/null 2>&1 || status=$?
  [ "$status" = "$1" ] || { echo "src/$2 with $3: status $status, expected $1" >&2; exit 1; }
}

expect 0 server/a.cpp '#include "tcpserver/posix/io.hpp"'
expect 0 server/a.cpp '#include <vector>'
expect 0 programs/a.cpp '#include "tcpserver/client/client.hpp"'
expect 1 posix/a.cpp '#include "tcpserver/options/values.hpp"'
expect 1 options/a.cpp '#include "tcpserver/backlog/backlog.hpp"'
expect 1 backlog/a.cpp '#  include "tcpserver/server/server.hpp"'
expect 1 client/a.cpp '#include "tcpserver/server/session.hpp"'
expect 1 server/a.cpp '#include "tcpserver/client/client.hpp"'
expect 0 load/a.cpp '#include "tcpserver/options/values.hpp"'
expect 1 load/a.cpp '#include "tcpserver/client/dial.hpp"'
expect 1 client/a.cpp '#include "tcpserver/load/load.hpp"'
expect 1 server/a.cpp '#include <tcpserver/posix/io.hpp>'
expect 1 posix/a.cpp '#include <server/session.hpp>'
expect 1 posix/a.cpp '#include"tcpserver/server/session.hpp"'
expect 1 util/a.cpp '#include <vector>'
echo "wrong includes are found"
