# Sourced by the scripts that run our programs, after packages.sh.
# shellcheck shell=bash

# build_programs TARGET...: builds them, and sets `programs` to their folder. Where the variable BUILT_PROGRAMS names a
# folder, that is taken as it is.
build_programs() {
  programs=${BUILT_PROGRAMS:-}
  [ -z "$programs" ] || return 0
  need_build_tools
  programs=${BUILD_DIR:-$top/build}
  configure "$programs" >&2
  cmake --build "$programs" --parallel "$(nproc)" --target "$@" >&2
}

# ends_with FUNCTION: however the script ends, FUNCTION is called, once.
ends_with() {
  # shellcheck disable=SC2064 # the name is meant as it is now
  trap "$1" EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# start_server FOLDER OPTION...: tcpserver with these options, `--port 0` among them. Sets `server` to its pid and
# `port` to the port that it announced; FOLDER/announced has what it says on standard output, FOLDER/log the rest.
server=''
start_server() {
  local folder=$1 i
  shift
  : >"$folder/announced"
  # No option comes from the environment of whoever runs the script.
  (unset "${!TCPSERVER_@}" && CDPATH='' cd "$programs" && exec ./tcpserver "$@") >"$folder/announced" 2>"$folder/log" &
  server=$!
  for ((i = 0; i < 600; i++)); do
    port=$(sed -n 's/^Server is listening on port //p' "$folder/announced")
    [ -z "$port" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/log" >&2
  echo "$0: the server did not start" >&2
  exit 69
}

# Ends it, and waits for that; does nothing where none was started.
stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=''
}
