#!/usr/bin/env bash
# Installs what is missing, builds, and runs the server: scripts/run.sh [options of tcpserver]
# The build speaks on standard error; standard output is the server's alone.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"

build_programs tcpserver tcpclient tcpbacklog tcpload
exec "$programs/tcpserver" "$@"
