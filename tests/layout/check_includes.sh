#!/usr/bin/env bash
# Fails if an #include breaks the rules of the rooms: check_includes.sh DIR (the top of a source tree)
#   base <- kernel <- cli <- { client, load, backlog, server }
#   in the server: session <- report <- { listen, confine } <- child <- admit <- daemon
# A header in include/ is public: another room or another public header includes it. A header in src/ is private to
# its room.
set -euo pipefail
top=${1:?usage: check_includes.sh DIR}
cd "$top"

# allowed ROOM: the rooms whose public headers it may include, besides its own.
allowed() {
  case $1 in
    base) ;;
    kernel) echo base ;;
    cli) echo base kernel ;;
    client | backlog) echo base kernel cli ;;
    load) echo base kernel cli client ;; # the engine for many connections
    server) echo base kernel cli ;;
    server/session) echo base kernel cli server ;;
    server/report) echo base kernel cli server server/session ;;
    server/listen | server/confine) echo base kernel cli server server/session server/report ;;
    server/child) echo base kernel cli server server/session server/report server/listen server/confine ;;
    server/admit) echo base kernel cli server server/session server/report server/listen server/confine server/child ;;
    server/daemon) echo base kernel cli server server/{session,report,listen,confine,child,admit} ;;
    *) echo unknown ;;
  esac
}

broken=0
fail() {
  echo "$1" >&2
  broken=1
}

declare -A rooms used
count=0
while IFS= read -r file; do
  count=$((count + 1))
  room=$(dirname "$file")
  room=${room#include/tcpserver/}
  room=${room#src/}
  [ -n "${rooms[$room]+set}" ] || rooms[$room]=$(allowed "$room")
  [ "${rooms[$room]}" != unknown ] || fail "$file: '$room' is not a room"
  while IFS=: read -r line included; do
    included=${included#*\"}
    included=${included%%\"*}
    owner=$(dirname "${included#tcpserver/}")
    if [[ $included == tcpserver/* ]]; then
      [[ $owner = "$room" && $file != include/* ]] || used[$included]=1
      [[ " $room ${rooms[$room]} " == *" $owner "* ]] ||
        fail "$file:$line: '$room' must not include from '$owner' (allowed: ${rooms[$room]:-nothing})"
    elif [[ $owner != "$room" || $file = include/* ]]; then
      fail "$file:$line: $included is private to '$owner'"
    fi
  done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file" || true)
  if grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<(tcpserver|base|kernel|cli|backlog|server|client|load)/' "$file" >&2; then
    fail "$file: include the project's headers with quotes"
  fi
done < <(find include/tcpserver src -type f | grep -E '\.(h|hh|hpp|hxx|c|cc|cpp|cxx|inc)$' | sort)
[ "$count" -gt 0 ] || fail "$top: no sources found"
while IFS= read -r header; do
  [ -n "${used[${header#include/}]+set}" ] || fail "$header: no other room includes it; move it to src/"
done < <(find include -name '*.hpp' | sort)
[ "$broken" = 0 ] && echo "checked the includes of $count files"
exit "$broken"
