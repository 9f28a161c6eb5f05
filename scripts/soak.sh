#!/usr/bin/env bash
# Tries the server for long, and compares it afterwards with what it was before: scripts/soak.sh [JOB [AMOUNT]]
#   mix [SECONDS]   good, slow, silent, greedy, hostile and dying clients at once, while children are killed and stopped,
#                   descriptors and processes run out, and signals come; 60 where nothing is said
#   short [N]       so many connections, three at a time; 1000000
#   held [N]        so many connections at once, each answered twice; 15000
#   stop [N]        SIGTERM with so many sessions open; 1000
# mix says of each kind of client how many were answered right; how many were cut short, which may be as many as had their
# child killed or were refused; and how many were odd: those who ask for nothing. The server is given a warm-up before.
# Each ends with status 0 where every byte was right and nothing is left: no zombie, no child, no descriptor, no memory,
# no place. mix tries most as root, who can give the server a user of its own whose processes run out.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1-mix} in
  -h | --help) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  mix) amount=60 ;;
  short) amount=1000000 ;;
  held) amount=15000 ;;
  stop) amount=1000 ;;
  *) echo "$0: '$1' is not a job: mix, short, held or stop" >&2; exit 64 ;;
esac
job=${1-mix}
amount=${2-$amount}
[[ $amount =~ ^[1-9][0-9]{0,7}$ && $# -le 2 ]] ||
  { echo "$0: '${*:2}' is not an amount: one whole number from 1 to 99999999" >&2; exit 64; }
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
python3 -c 'import socket, resource' 2>/dev/null || install_missing "what plays the clients" python3
build_programs tcpserver tcpload
ulimit -n "$(ulimit -H -n)"
exec python3 -B "$top/scripts/soak/jobs.py" "$programs/tcpserver" "$job" "$amount"
