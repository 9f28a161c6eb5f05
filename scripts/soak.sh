#!/usr/bin/env bash
# Loads and disturbs the server, then checks for leaks: scripts/soak.sh [JOB [AMOUNT]]
#   mix [SECONDS]   runs good, slow, silent, greedy and dying clients, while it kills and stops children, sends signals,
#                   and exhausts descriptors and (only as root) processes; default 60
#   short [N]       N connections, concurrency 3; default 1000000
#   held [N]        N connections held at once, with two round trips each; default 15000
#   stop [N]        SIGTERM with N open sessions; default 1000
# Exit status 0: every byte was correct, and no zombie, child, descriptor or memory leaked. mix reports the results for each
# kind of client: right, cut (allowed only for refused connections and killed children), or odd (expects no reply).
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
declare -A amounts=([mix]=60 [short]=1000000 [held]=15000 [stop]=1000)
job=${1-mix}
case $job in -h | --help) print_help; exit 0 ;; esac
[[ -n $job && -n ${amounts[$job]-} ]] || { echo "$0: unknown job '$job'; use mix, short, held or stop" >&2; exit 64; }
amount=${2-${amounts[$job]}}
[[ $amount =~ ^[1-9][0-9]{0,7}$ && $# -le 2 ]] ||
  { echo "$0: invalid amount '${*:2}'; use one whole number from 1 to 99999999" >&2; exit 64; }
python3 -c 'import socket, resource' 2>/dev/null || install_missing "Python for the clients" python3
build_programs tcpserver tcpload
ulimit -n "$(ulimit -H -n)"
PYTHONPATH=$top/scripts/bench exec python3 -B "$top/scripts/soak/jobs.py" "$programs/tcpserver" "$job" "$amount"
