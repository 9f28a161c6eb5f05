#!/usr/bin/env bash
# Loads and disturbs the server, then checks that nothing is left: scripts/soak.sh [JOB [AMOUNT]]
#   mix [SECONDS]   good, slow, silent, greedy and dying clients at once, while children are killed and stopped,
#                   descriptors and processes run out, and signals come; default 60. Without root, processes do not run out
#   short [N]       N connections, three at a time; default 1000000
#   held [N]        N connections at once, each answered twice; default 15000
#   stop [N]        SIGTERM with N sessions open; default 1000
# Status 0 if every byte was right and no zombie, child, descriptor or memory is left. mix counts for each kind of client the
# results: right, cut (allowed for as many as were refused or had their child killed), or odd (expects no reply).
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
declare -A amounts=([mix]=60 [short]=1000000 [held]=15000 [stop]=1000)
job=${1-mix}
case $job in -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
[[ -n $job && -n ${amounts[$job]-} ]] || { echo "$0: '$job' is not a job: mix, short, held or stop" >&2; exit 64; }
amount=${2-${amounts[$job]}}
[[ $amount =~ ^[1-9][0-9]{0,7}$ && $# -le 2 ]] ||
  { echo "$0: '${*:2}' is not an amount: one whole number from 1 to 99999999" >&2; exit 64; }
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
python3 -c 'import socket, resource' 2>/dev/null || install_missing "what plays the clients" python3
build_programs tcpserver tcpload
ulimit -n "$(ulimit -H -n)"
PYTHONPATH=$top/scripts/bench exec python3 -B "$top/scripts/soak/jobs.py" "$programs/tcpserver" "$job" "$amount"
