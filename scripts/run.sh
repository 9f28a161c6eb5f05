#!/usr/bin/env bash
# Installs what is missing, builds, and runs the server: scripts/run.sh [options of tcpserver]
# The build speaks on standard error; standard output is the server's alone.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"

need_build_tools
build=${BUILD_DIR:-$top/build}
cmake -S "$top" -B "$build" >&2
cmake --build "$build" --parallel "$(nproc)" --target tcpserver tcpclient tcpbacklog >&2
exec "$build/tcpserver" "$@"
