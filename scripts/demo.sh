#!/usr/bin/env bash
# Shows why servers fork, and what they then have to look after: scripts/demo.sh [--pause] [SCENE]...
#   iterative   a server of one client at a time: one slow client, and all others wait
#   fork        a process for each client: nobody waits
#   zombies     processes that ended, and whose parent never asked how
#   handler     the parent asks: no zombie is left, not even after a burst
#   backlog     more clients than the listen queue has places
# Default: all of them, in about a minute. With --pause it waits for Enter after each scene.
# The programs are built first, or taken from the folder that the variable BUILT_PROGRAMS names.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"

all_scenes=(iterative fork zombies handler backlog)
pause=false
scenes=()
for word in "$@"; do
  case $word in
    --pause) pause=true ;;
    iterative | fork | zombies | handler | backlog) scenes+=("$word") ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "$0: '$word' is not a scene: ${all_scenes[*]} (or --pause)" >&2; exit 64 ;;
  esac
done
[ ${#scenes[@]} -gt 0 ] || scenes=("${all_scenes[@]}")
bold='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' plain=$'\e[0m'
fi

# read_for SECONDS: time to read, on a terminal.
read_for() {
  if $pause; then
    printf '[Enter] '
    { read -rs || true; } 2>/dev/null
    echo
  elif [ -t 1 ]; then
    sleep "$1" &
    wait $! || true # in the background, so that the script handles signals at once
  fi
}

# begin_scene TITLE SECONDS TEXT...: TEXT says what to look at.
begin_scene() {
  printf '%s%s%s\n\n' "$bold" "$1" "$plain"
  say "${@:3}"
  read_for "$2"
}
end_scene() {
  stop_server
  [ "$scene" = "${scenes[-1]}" ] || read_for 4
}

say() {
  fmt -w 79 <<<"$*"
  echo
}

# A command line as typed.
show() {
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
}

serve() {
  show tcpserver --bind 127.0.0.1 --port 0 "$@"
  start_server "$@"
  cat "$work/announced"
  echo
}

run_clients() {
  show tcpclient --clients "$@" 127.0.0.1 "$port"
  start_clients "$@"
  wait "$client"
  echo
}

# show_processes [OPTION of ps]...: the server and its children.
show_processes() {
  set -- -o pid,ppid,stat,args --pid "$server" --ppid "$server" "$@"
  show ps "$@"
  ps "$@"
  echo
}

# wait_for_children COUNT [STATE]: until there are COUNT in the state of this letter, a minute at most.
wait_for_children() {
  local i
  for ((i = 0; i < 1200; i++)); do
    [ "$(pgrep -c -P "$server" ${2:+--runstates "$2"})" != "$1" ] || return 0
    sleep 0.05
  done
  echo "$0: the server has not $1 children" >&2
  exit 70
}

# The server's counts so far, "CHILDREN SIGNALS". SIGUSR1 makes it log them.
reaped_and_signals() {
  local counts='s/.*; children reaped: \([0-9]*\), SIGCHLDs handled: \([0-9]*\).*/\1 \2/p' before
  before=$(sed -n "$counts" "$work/log" | wc -l)
  while kill -USR1 "$server" && sleep 0.1; do
    [ "$(sed -n "$counts" "$work/log" | wc -l)" = "$before" ] || break
  done
  sed -n "$counts" "$work/log" | tail -n 1
}

scene_iterative() {
  begin_scene "Scene 1: one client at a time" 5 \
    "This server takes a client, serves it to its end, and takes the next." \
    "Client 1 connects and thinks for two seconds. Four others know what they want." \
    "Look at the signs #: all wait for their replies as long as client 1 thinks."
  serve --mode iterative
  run_clients 5 --slow 1 --delay 2s
  end_scene
}

scene_fork() {
  begin_scene "Scene 2: a process for each client" 4 \
    "The same clients. This server forks a child for each, and goes on accepting." \
    "Look at clients 2 to 5: one sign #, for a wait too short to be drawn to scale." \
    "Client 1 may think."
  serve
  run_clients 5 --slow 1 --delay 2s
  read_for 3
  say "While three clients hold their connections, the server has three children:"
  start_clients 3 --slow 3 --delay 2s >"$work/clients"
  wait_for_children 3
  show_processes --forest
  wait "$client"
  end_scene
}

scene_zombies() {
  begin_scene "Scene 3: zombies" 4 \
    "A child that ends leaves its exit status behind, until its parent asks for it" \
    "by wait. This parent never asks. Look at the Z, and at <defunct>: five dead" \
    "processes that are not gone."
  serve --reap none
  run_clients 5
  wait_for_children 5 Z
  show_processes
  say "Each of them costs little, but it keeps its process number. A server that leaves" \
    "one for each client reaches the limits sooner or later, and then serves nobody."
  end_scene
}

scene_handler() {
  local reaped signals reaped_before signals_before
  begin_scene "Scene 4: the handler" 4 \
    "When a child ends, the kernel sends its parent SIGCHLD. This parent handles it," \
    "and asks. Look: the same five clients, and no child is left."
  serve
  run_clients 5
  wait_for_children 0
  show_processes
  read -r reaped_before signals_before <<<"$(reaped_and_signals)"
  read_for 4
  say "Now 200 clients hold their connections, and the program that they all live in is" \
    "killed: 200 children end at the same moment. Signals do not queue: while one" \
    "SIGCHLD is pending, the next adds nothing to it. So one signal may stand for many" \
    "children."
  show tcpclient --clients 200 --slow 200 --delay 1m 127.0.0.1 "$port"
  start_clients 200 --slow 200 --delay 1m >"$work/clients"
  wait_for_children 200
  show kill -KILL "$client"
  kill -KILL "$client"
  wait "$client" 2>/dev/null || true
  wait_for_children 0
  read -r reaped signals <<<"$(reaped_and_signals)"
  echo
  show_processes
  say "The server counted: $((reaped - reaped_before)) children reaped, $((signals - signals_before)) times SIGCHLD." \
    "A handler that waits once for each signal would have left" \
    "$((reaped - reaped_before - signals + signals_before)) zombies. This one waits until no ended child is left."
  end_scene
}

scene_backlog() {
  begin_scene "Scene 5: more clients than the queue has places" 7 \
    "Clients that are not yet accepted wait in the listen queue. Here it has 5 places" \
    "(Linux: backlog + 1). One client at a time again, client 1 thinks for two seconds," \
    "and ten come at once. Look at the dots: for some there is no place, and the kernel" \
    "drops their SYN silently. They try again a second later. Some of them then believe" \
    "that they are connected, but until there is a place the server's kernel drops the" \
    "end of their handshake, too."
  serve --mode iterative --backlog 4
  run_clients 10 --slow 1 --delay 2s
  stop_server # it reports an overflow when it stops, at the latest
  if grep -q overflowed "$work/log"; then
    say "The server noticed, and says what helps:"
    grep overflowed "$work/log" | tail -n 1 | fold -s -w 79
  fi
  echo
  end_scene
}

begin_work
build_programs tcpserver tcpclient
for scene in "${scenes[@]}"; do "scene_$scene"; done
