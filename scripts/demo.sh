#!/usr/bin/env bash
# Shows why servers fork, and what they then have to look after: scripts/demo.sh [--pause] [SCENE]...
#   iterative   a server of one client at a time: one slow client, and all the others wait
#   fork        a process for each client: nobody waits
#   zombies     processes that ended, and whose parent never asked how
#   handler     the parent asks: none is left, not even after a burst
#   backlog     more clients than the listen queue has places for
# With no SCENE: all of them, in about a minute. With --pause it waits for Enter, for a class-room.
# The programs are built first, or taken from the folder that the variable BUILT_PROGRAMS names.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
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

# Everything that was started ends with the demo, however that ends. All of it is told to end before anything is
# waited for: where a SIGHUP has ended one of them already, bash waits for whichever is left.
work=''
client=''
reading=''
clean_up() {
  local i pid
  trap '' INT TERM HUP
  for pid in $client $server $reading; do kill "$pid" 2>/dev/null || true; done
  # A session may take its time, and a terminal may be stopped: nobody waits for ever.
  for ((i = 0; i < 50; i++)); do
    kill -0 "$client" 2>/dev/null || kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  for pid in $client $server; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [ -z "$work" ] || rm -rf "$work"
}
ends_with clean_up
work=$(mktemp -d)

bold='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' plain=$'\e[0m'
fi

# Time to read what was just said, where somebody reads.
read_for() {
  if $pause; then
    printf '[Enter] '
    { read -rs || true; } 2>/dev/null
    echo
  elif [ -t 1 ]; then
    sleep "$1" &
    reading=$!
    wait "$reading" || true # a trap need not wait for the end of a background process
    reading=''
  fi
}

# The same after a scene, unless it is the last.
read_result() {
  [ "$scene" = "${scenes[-1]}" ] || read_for "$1"
}

title() {
  printf '%s%s%s\n\n' "$bold" "$1" "$plain"
}

# What to look at, and time to take it in.
say() {
  fmt -w 79 <<<"$*"
  echo
}

# A command line, as somebody would type it.
shown() {
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
}

# serve OPTION...: a server on a free port.
serve() {
  set -- --bind 127.0.0.1 --port 0 "$@"
  shown tcpserver "$@"
  start_server "$work" "$@"
  cat "$work/announced"
  echo
}

# run_clients OPTION...: in the background of this script, so that a signal is heard at once.
run_clients() {
  local status=0
  shown tcpclient --clients "$@" 127.0.0.1 "$port"
  start_clients "$@"
  end_clients || status=$?
  return $status
}
start_clients() {
  "$programs/tcpclient" --clients "$@" 127.0.0.1 "$port" &
  client=$!
}
end_clients() {
  local status=0
  wait "$client" || status=$?
  client=''
  return $status
}

# processes [OPTION of ps]...: the server and its children.
processes() {
  set -- -o pid,ppid,stat,args --pid "$server" --ppid "$server" "$@"
  shown ps "$@"
  ps "$@"
  echo
}

# children [STATE]: how many the server has, in the state of this letter.
children() {
  local count=0 state
  for state in $(ps -o stat= --ppid "$server"); do
    case $state in "${1:-}"*) count=$((count + 1)) ;; esac
  done
  echo "$count"
}
# until_children COUNT [STATE]: waits until there are so many, a minute at most.
until_children() {
  local i
  for ((i = 0; i < 1200; i++)); do
    [ "$(children "${2:-}")" != "$1" ] || return 0
    sleep 0.05
  done
  echo "$0: the server has $(children) children, and $1 were expected" >&2
  exit 70
}

# "CHILDREN SIGNALS" that the server has counted so far. SIGUSR1 makes it say so.
reaped_by_signals() {
  local i lines counted='s/.*; children reaped: \([0-9]*\), SIGCHLDs handled: \([0-9]*\).*/\1 \2/p'
  lines=$(sed -n "$counted" "$work/log" | wc -l)
  kill -USR1 "$server"
  for ((i = 0; i < 600; i++)); do
    [ "$(sed -n "$counted" "$work/log" | wc -l)" = "$lines" ] || break
    sleep 0.05
  done
  sed -n "$counted" "$work/log" | tail -n 1
}

scene_iterative() {
  title "Scene 1: one client at a time"
  say "This server takes a client, serves it to its end, and takes the next." \
    "Client 1 connects and thinks for two seconds. Four others know what they want." \
    "Look at the signs #: all wait for their answers as long as client 1 thinks."
  read_for 5
  serve --mode iterative
  run_clients 5 --slow 1 --delay 2s
  echo
  stop_server
  read_result 4
}

scene_fork() {
  title "Scene 2: a process for each client"
  say "The same clients. This server forks a child for each, and goes on accepting." \
    "Look at clients 2 to 5: one sign #, for a wait too short to be drawn to scale." \
    "Client 1 may think."
  read_for 4
  serve
  run_clients 5 --slow 1 --delay 2s
  echo
  read_for 3
  say "While three clients hold their connections, the server has three children:"
  start_clients 3 --slow 3 --delay 2s >"$work/clients"
  until_children 3
  processes --forest
  end_clients
  stop_server
  read_result 4
}

scene_zombies() {
  title "Scene 3: zombies"
  say "A child that ends leaves its exit status behind, until its parent asks for it" \
    "by wait. This parent never asks. Look at the Z, and at <defunct>: five dead" \
    "processes that are not gone."
  read_for 4
  serve --reap none
  run_clients 5
  until_children 5 Z
  echo
  processes
  say "Each of them costs little, but it keeps its process number. A server that leaves" \
    "one for each client runs, sooner or later, into the limits, and then nobody is" \
    "served any more."
  stop_server
  read_result 5
}

scene_handler() {
  local reaped signals reaped_before signals_before
  title "Scene 4: the handler"
  say "When a child ends, the kernel sends its parent SIGCHLD. This parent handles it," \
    "and asks. Look: the same five clients, and no child is left."
  read_for 4
  serve
  run_clients 5
  until_children 0
  echo
  processes
  read -r reaped_before signals_before <<<"$(reaped_by_signals)"
  read_for 4
  say "Now 200 clients hold their connections, and the program that they all live in is" \
    "killed: 200 children end at the same moment. Signals do not queue: while one" \
    "SIGCHLD is pending, the next adds nothing to it. So one signal may stand for many" \
    "children."
  shown tcpclient --clients 200 --slow 200 --delay 1m 127.0.0.1 "$port"
  start_clients 200 --slow 200 --delay 1m >"$work/clients"
  until_children 200
  shown kill -KILL "$client"
  kill -KILL "$client"
  end_clients 2>/dev/null || true # 137: killed, as was wanted
  until_children 0
  read -r reaped signals <<<"$(reaped_by_signals)"
  reaped=$((reaped - reaped_before))
  signals=$((signals - signals_before))
  echo
  processes
  say "The server counted: $reaped children reaped, $signals times SIGCHLD." \
    "A handler that waits once for each signal would have left $((reaped - signals)) zombies." \
    "This one waits until there is nobody left to wait for."
  stop_server
  read_result 5
}

scene_backlog() {
  title "Scene 5: more clients than the queue has places for"
  say "Who is not yet accepted waits in the listen queue. Here it has 5 places (Linux:" \
    "backlog + 1). One client at a time again, client 1 thinks for two seconds, and" \
    "ten come at once. Look at the dots: for some there is no place, and the kernel" \
    "drops their SYN without a word. They try again a second later. What they get" \
    "then is half a welcome: they believe that they are connected, but until there is" \
    "a place the server's kernel drops the end of their handshake, too."
  read_for 7
  serve --mode iterative --backlog 4
  run_clients 10 --slow 1 --delay 2s
  echo
  stop_server # it tells of an overflow at the latest when it stops
  if grep -q overflowed "$work/log"; then
    say "The server noticed, and says what helps:"
    grep overflowed "$work/log" | tail -n 1 | fold -s -w 79
  fi
  echo
  read_result 5
}

build_programs tcpserver tcpclient
for scene in "${scenes[@]}"; do "scene_$scene"; done
