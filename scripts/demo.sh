#!/usr/bin/env bash
# Shows why a server forks, and what follows from it: scripts/demo.sh [--pause] [SCENE]...
#   iterative   one client after another: all wait for the slow one
#   fork        one process per client: no client waits
#   zombies     ended children that their parent does not reap
#   signals     SIGCHLD signals merge: why the parent reaps in a loop
#   queue       more clients than fit into the listen queue
# Without SCENE it shows all five, in about a minute. --pause waits for Enter after each step.
# Variable: BUILT_PROGRAMS is a directory with built programs; without it the script builds them first.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"

all_scenes=(iterative fork zombies signals queue)
pause=false
scenes=()
for word in "$@"; do
  case $word in
    --pause) pause=true ;;
    iterative | fork | zombies | signals | queue) scenes+=("$word") ;;
    -h | --help) print_help; exit 0 ;;
    *) echo "$0: unknown scene '$word'; scenes: ${all_scenes[*]}" >&2; exit 64 ;;
  esac
done
[ ${#scenes[@]} -gt 0 ] || scenes=("${all_scenes[@]}")
bold='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' plain=$'\e[0m'
fi

# read_for SECONDS: with --pause waits for Enter; otherwise gives a reader at a terminal some time.
read_for() {
  if $pause; then
    printf '%s[Press Enter to continue, Ctrl-C to quit]%s ' "$bold" "$plain"
    { read -rs || true; } 2>/dev/null
    printf '\r%*s\r' 45 ''
  elif [ -t 1 ]; then
    sleep "$1" &
    wait $! || true # in the background, so that the script handles signals at once
  fi
}

say() {
  fold -s -w 79 <<<"$*"
}

# begin_scene TITLE TEXT...
begin_scene() {
  printf '%s%s%s\n' "$bold" "$1" "$plain"
  say "${@:2}"
  echo
  read_for 5
}

# Prints a command line as typed.
show() {
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
}

serve() {
  start_server "$@"
  show "./tcpserver --bind 127.0.0.1 --port $port${*:+ $*}"
}

# begin_clients OPTION...: starts many clients in the background; their output goes to $work/clients.
begin_clients() {
  show "./tcpclient --clients $* 127.0.0.1:$port &"
  start_clients "$@" >"$work/clients"
}

# show_processes OPTION...: the server and its children, as ps prints them with these options.
show_processes() {
  show "ps $* --pid $server --ppid $server"
  ps "$@" --pid "$server" --ppid "$server"
}

# wait_for_children COUNT STATES: waits until COUNT children are in one of these states, at most a minute.
wait_for_children() {
  local i
  for ((i = 0; i < 1200; i++)); do
    [ "$(pgrep -c -P "$server" --runstates "$2")" != "$1" ] || return 0
    sleep 0.05
  done
  echo "$0: the server does not have $1 children in state $2" >&2
  exit 70
}
alive=RSD # the states of a process that has not ended

scene_iterative() {
  begin_scene "Scene 1: one client after another" \
    "This server accepts a client, serves it until it closes, and accepts the next." \
    "Client 1 connects and sends nothing for two seconds. The others wait (#)."
  serve --mode iterative
  begin_clients 5 --slow 1 --delay 2s
  sleep 0.7
  show_processes -o pid,stat,wchan:32,comm
  say "WCHAN is the kernel function in which a process sleeps: the server polls client 1," \
    "and cannot call accept for the others until client 1 sends."
  wait "$client"
  cat "$work/clients"
}

scene_fork() {
  begin_scene "Scene 2: one process per client" \
    "The same clients. This server forks a child for each one and accepts the next at" \
    "once. Only client 1 takes two seconds."
  serve
  begin_clients 5 --slow 1 --delay 2s
  sleep 0.7
  show_processes --forest -o pid,ppid,stat,wchan:32,comm
  say "The child (\_) sleeps until client 1 sends. The parent polls for new clients." \
    "The children of clients 2 to 5 have already ended."
  wait "$client"
  cat "$work/clients"
}

scene_zombies() {
  begin_scene "Scene 3: zombies" \
    "An ended process remains as a zombie (STAT Z) until its parent calls wait to get" \
    "its exit status. This parent never does. It allows five children at most (-c 5)."
  serve --reap none -c 5
  show "for i in 1 2 3 4 5; do ./tcpclient --message \$i 127.0.0.1:$port; done | xargs"
  for i in 1 2 3 4 5; do "$programs/tcpclient" --message $i 127.0.0.1:"$port"; done | xargs
  wait_for_children 5 Z
  show_processes -o pid,ppid,stat,comm
  read_for 4
  say "A zombie keeps its process ID and its slot. So the sixth client can connect, but" \
    "no child serves it:"
  show "./tcpclient --message 6 --timeout 2s 127.0.0.1:$port"
  start_client --message 6 --timeout 2s 2>&1
  wait "$client" || true
}

# leave_at_once: 200 clients of the server end at the same moment. Sets `zombies` to the number of children that remain.
leave_at_once() {
  begin_clients 200 --slow 200 --delay 1m
  wait_for_children 200 $alive
  show "kill -KILL $client"
  kill -KILL "$client"
  wait "$client" 2>/dev/null || true
  wait_for_children 0 $alive
  show "ps -o stat=,comm= --ppid $server | sort | uniq -c"
  ps -o stat=,comm= --ppid "$server" | sort | uniq -c || true # ps fails if it finds no process
  zombies=$(pgrep -c -P "$server" || true)
}

scene_signals() {
  local zombies
  begin_scene "Scene 4: signals merge" \
    "When a child ends, the kernel sends SIGCHLD to its parent. This parent calls wait" \
    "once per signal. Then 200 clients end at once, and so do their children."
  serve --reap once
  leave_at_once
  say "$zombies zombies remain: while one SIGCHLD is pending, further ones merge with it." \
    "The parent got only $((200 - zombies)) signals for 200 children."
  echo
  stop_server
  read_for 5
  say "The next server calls wait in a loop, until no ended child is left:"
  serve
  leave_at_once
  say "$zombies zombies remain."
}

scene_queue() {
  begin_scene "Scene 5: the listen queue" \
    "Connections wait in the listen queue for accept. This queue holds 5: Linux holds" \
    "one more than the backlog. While client 1 is served, 7 others connect. The kernel" \
    "drops what does not fit, and those clients retry."
  serve --mode iterative --backlog 4
  begin_clients 8 --slow 1 --delay 3s
  sleep 0.2
  show "./tcpbacklog watch $port --interval 500ms --count 8"
  "$programs/tcpbacklog" watch "$port" --interval 500ms --count 8 &
  wait $!
  say "Dropped clients resend their SYN after 1 s, 2 s and 4 s. The kernel counts dropped packets, not clients. Summary of the clients:"
  wait "$client" || true
  sed '1,/ holding /d' "$work/clients"
}

begin_work
build_programs tcpserver tcpclient tcpbacklog
if $pause; then how="Press Enter for the next step"; else how="It runs by itself; use --pause to read at your own pace"; fi
say "This demo runs real servers and clients. $how." \
  "To try a command yourself, paste it into another terminal, after this one:"
show "cd $(CDPATH='' cd "$programs" && pwd)"
echo
read_for 4
for scene in "${scenes[@]}"; do
  [ "$scene" = "${scenes[0]}" ] || echo
  "scene_$scene"
  stop_server
  read_for 5
done
if [ ${#scenes[@]} = ${#all_scenes[@]} ]; then
  echo
  say "${bold}What you saw${plain}"
  cat <<'END'
1. A server that serves one client after another makes all others wait.
2. With a process per client, a slow client delays no other client.
3. A parent must reap its children, or zombies fill the process table.
4. SIGCHLD signals merge, so the handler must call wait in a loop.
5. The listen queue is finite. When it is full, clients wait for a retry.

Try next, in the same directory:
END
  show "./tcpbacklog probe                   # how many connections a queue holds"
  show "./tcpserver --port 7300 & sleep 1; ./tcpload localhost:7300; kill \$!"
  show "man $top/src/man/tcpserver-tour.7"
fi
