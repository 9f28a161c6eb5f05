#!/usr/bin/env bash
# Installs what is missing, builds, and runs the server: scripts/run.sh [options of tcpserver]
# The build writes to standard error only.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"

build_programs tcpserver tcpclient tcpbacklog tcpload
exec "$programs/tcpserver" "$@"
