# Sourced by the scripts that run our programs. They set `top`, the folder of the sources.
# shellcheck shell=bash
# shellcheck source=scripts/packages.sh
. "${top:?}/scripts/packages.sh"

# build_programs TARGET...: builds them, and sets `programs` to their folder. If the variable BUILT_PROGRAMS names a folder,
# its programs are used instead.
build_programs() {
  programs=${BUILT_PROGRAMS:-}
  [ -z "$programs" ] || return 0
  need_build_tools
  programs=${BUILD_DIR:-$top/build}
  configure "$programs" >&2
  cmake --build "$programs" --parallel "$(nproc)" --target "$@" >&2
}

# Makes a folder and sets `work` to it. When the script ends, for whatever reason, the folder and all background processes go.
begin_work() {
  trap end_work EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  work=''
  work=$(mktemp -d)
}
end_work() {
  local i
  trap '' HUP INT TERM
  # All get the signal before any is waited for. A session may take its time, and a process may be stopped: 5 s at most.
  jobs -p | xargs -r kill 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do
    [ -n "$(jobs -pr)" ] || break
    sleep 0.1
  done
  jobs -pr | xargs -r kill -KILL 2>/dev/null || true
  wait 2>/dev/null || true
  [ -z "$work" ] || rm -rf --one-file-system "$work"
}

# start_server OPTION...: tcpserver on a free port of 127.0.0.1. Sets `server` to its pid and `port` to its port. Its standard
# output goes to $work/announced, its standard error to $work/log. No option comes from the environment.
start_server() {
  local i
  : >"$work/announced"
  (unset "${!TCPSERVER_@}" && CDPATH='' cd "$programs" && exec ./tcpserver --bind 127.0.0.1 --port 0 "$@") \
    >"$work/announced" 2>"$work/log" &
  server=$!
  for ((i = 0; i < 600; i++)); do
    port=$(sed -n 's/^Server is listening on port //p' "$work/announced")
    [ -z "$port" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/log" >&2
  echo "$0: the server did not start" >&2
  exit 69
}

stop_server() {
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
}

# start_clients OPTION...: many clients at once. Sets `client` to their pid. They run in the background, so that the script
# handles signals at once: wait for them.
start_clients() {
  "$programs/tcpclient" --clients "$@" 127.0.0.1 "$port" &
  # shellcheck disable=SC2034
  client=$!
}
