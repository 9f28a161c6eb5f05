#!/usr/bin/env bash
# Checks that check_includes.sh reports each wrong include below.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

expect() { # expect STATUS FILE INCLUDE-LINE
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/include/tcpserver" "$tree/$(dirname "$2")"
  printf '%s\n' "$3" >"$tree/$2"
  local status=0
  "$here/check_includes.sh" "$tree" >/dev/null 2>&1 || status=$?
  [ "$status" = "$1" ] || { echo "$2 with $3: status $status, expected $1" >&2; exit 1; }
}

expect 0 src/server/child/a.cpp '#include "tcpserver/base/io.hpp"'
expect 0 src/server/child/a.cpp '#include "tcpserver/server/report/log.hpp"'
expect 0 src/server/child/a.cpp '#include "server/child/reaper.hpp"'
expect 0 src/server/child/a.cpp '#include <vector>'
expect 0 src/load/a.cpp '#include "tcpserver/client/engine.hpp"'
expect 1 src/base/a.cpp '#include "tcpserver/kernel/tcp_sockets.hpp"'
expect 1 src/kernel/a.cpp '#include "tcpserver/cli/option_table.hpp"'
expect 1 src/backlog/a.cpp '#  include "tcpserver/server/options.hpp"'
expect 1 src/client/a.cpp '#include "tcpserver/load/load.hpp"'
expect 1 src/server/session/a.cpp '#include "tcpserver/server/report/log.hpp"'
expect 1 src/server/report/a.cpp '#include "tcpserver/server/listen/listener.hpp"'
expect 1 src/server/child/a.cpp '#include "tcpserver/server/admit/accept_loop.hpp"'
expect 1 src/server/child/a.cpp '#include "server/report/log_sink.hpp"'
expect 1 src/server/child/a.cpp '#include <tcpserver/base/io.hpp>'
expect 1 src/base/a.cpp '#include <server/child/reaper.hpp>'
expect 1 src/base/a.cpp '#include"tcpserver/server/options.hpp"'
expect 1 src/util/a.cpp '#include <vector>'
expect 1 include/tcpserver/base/a.hpp '#include <vector>' # no file includes it
echo "all wrong includes are reported"
