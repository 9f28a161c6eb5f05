#!/usr/bin/env bash
# Installs what is missing, builds, and runs the server: scripts/run.sh [OPTION of tcpserver]...
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"

programs=${BUILT_PROGRAMS:-${BUILD_DIR:-$top/build}}
case ${1:-} in
  -h | --help | -V | --version) [ ! -x "$programs/tcpserver" ] || exec "$programs/tcpserver" "$1" ;;
esac
build_programs tcpserver tcpclient tcpbacklog tcpload
exec "$programs/tcpserver" "$@"
