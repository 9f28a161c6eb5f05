# Scripts that run our programs source this. They set `top`, the directory of the sources.
# shellcheck shell=bash
# shellcheck source=scripts/packages.sh
. "${top:?}/scripts/packages.sh"

# build_programs TARGET...: builds them, and sets `programs` to their directory. If the variable BUILT_PROGRAMS names a
# directory, its programs are used instead. The build's output is shown only if the build fails.
build_programs() {
  programs=${BUILT_PROGRAMS:-}
  [ -z "$programs" ] || return 0
  need_build_tools
  programs=${BUILD_DIR:-$top/build}
  mkdir -p "$programs"
  { configure "$programs" && cmake --build "$programs" --parallel "$(nproc)" --target "$@"; } 2>&1 |
    tee "$programs/build.log" | show_progress || { cat "$programs/build.log" >&2; return 70; }
}

# show_progress: prints the progress of the build on stderr, and nothing if everything is up to date.
show_progress() {
  local line shown=''
  while IFS= read -r line; do
    [[ $line =~ ^\[\ *([0-9/%]+)\]\ (Building|Linking) ]] || continue
    if [ -t 2 ]; then
      printf '\rBuilding: %s ' "${BASH_REMATCH[1]}" >&2
    elif [ -z "$shown" ]; then
      echo "Building in $programs" >&2
    fi
    shown=yes
  done
  [ -z "$shown" ] || [ ! -t 2 ] || echo >&2
}

# Makes a temporary directory and sets `work` to it. The directory and all background processes go when the script ends.
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
  # Signal all processes before waiting for any. Wait at most 5 s, because a process may be stopped.
  jobs -p | xargs -r kill 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do
    [ -n "$(jobs -pr)" ] || break
    sleep 0.1
  done
  jobs -pr | xargs -r kill -KILL 2>/dev/null || true
  wait 2>/dev/null || true
  [ -z "$work" ] || rm -rf --one-file-system "$work"
}

# start_server OPTION...: starts tcpserver on a free port of 127.0.0.1. Sets `server` to its pid and `port` to its port.
# Its stdout goes to $work/announced, its stderr to $work/log. It ignores TCPSERVER_ variables.
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

# start_client OPTION...: starts tcpclient in the background, so that the script handles signals at once. Sets `client` to
# its pid.
start_client() {
  "$programs/tcpclient" "$@" 127.0.0.1 "$port" &
  # shellcheck disable=SC2034
  client=$!
}
start_clients() {
  start_client --clients "$@"
}
