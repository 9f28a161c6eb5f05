#!/usr/bin/env bash
# check_includes.sh DIR: fails if an #include in the source tree DIR breaks these rules.
#   base <- kernel <- cli <- { client, load, backlog, server }
#   in the server: session <- report <- { listen, confine } <- child <- admit <- daemon
# A header in include/ is public: another room or another public header includes it. A header in src/ is private to
# its room.
set -euo pipefail
cd "${1:?usage: check_includes.sh DIR}"

# Maps each room to the other rooms whose public headers it may include.
declare -A allowed used
allowed=([base]='' [kernel]='base' [cli]='base kernel' [server]='base kernel cli' [client]='base kernel cli'
  [backlog]='base kernel cli' [load]='base kernel cli client') # client contains the engine for many connections
below='base kernel cli server'
for layer in session report 'listen confine' child admit daemon; do
  for room in $layer; do allowed[server/$room]=$below; done
  for room in $layer; do below+=" server/$room"; done
done

broken=0
fail() {
  echo "$1" >&2
  broken=1
}

mapfile -t files < <(find include/tcpserver src -type f | grep -E '\.(h|hh|hpp|hxx|c|cc|cpp|cxx|inc)$' | sort)
[ ${#files[@]} -gt 0 ] || fail "$PWD: no sources found"
for file in "${files[@]}"; do
  room=${file%/*}
  room=${room#include/tcpserver/}
  room=${room#src/}
  [ -n "${allowed[$room]+set}" ] || fail "$file: '$room' is not a room"
  while IFS=: read -r line included; do
    included=${included#*\"}
    included=${included%%\"*}
    owner=$(dirname "${included#tcpserver/}")
    if [[ $included == tcpserver/* ]]; then
      [[ $owner = "$room" && $file != include/* ]] || used[$included]=1
      [[ " $room ${allowed[$room]-} " == *" $owner "* ]] ||
        fail "$file:$line: '$room' must not include from '$owner' (allowed: ${allowed[$room]:-nothing})"
    elif [[ $owner != "$room" || $file = include/* ]]; then
      fail "$file:$line: $included is private to '$owner'"
    fi
  done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file" || true)
done
! grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<(tcpserver|base|kernel|cli|backlog|server|client|load)/' include src >&2 ||
  fail "include the project's headers with quotes"
while IFS= read -r header; do
  [ -n "${used[${header#include/}]+set}" ] || fail "$header: no other room includes it; move it to src/"
done < <(find include -name '*.hpp' | sort)
exit "$broken"
