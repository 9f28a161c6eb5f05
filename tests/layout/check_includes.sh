#!/usr/bin/env bash
# Fails where an #include goes against the arrows between the rooms:
#   posix <- options <- backlog <- server <- programs      client, load <- programs
# check_includes.sh DIR: DIR is the top of a source tree.
set -euo pipefail
top=${1:?usage: check_includes.sh DIR}

# The rooms that a room may include from, itself not named.
allowed() {
  case $1 in
    posix) echo "" ;;
    options) echo "posix" ;;
    backlog) echo "posix options" ;;
    server) echo "posix options backlog" ;;
    client | load) echo "posix options" ;;
    programs) echo "posix options backlog server client load" ;;
    *) echo "unknown" ;;
  esac
}

broken=0
report() {
  echo "$1" >&2
  broken=1
}

count=0
cd "$top"
while IFS= read -r file; do
  count=$((count + 1))
  room=${file#include/tcpserver/}
  room=${room#src/}
  room=${room%%/*}
  permitted=$(allowed "$room")
  [ "$permitted" != unknown ] || report "$file: '$room' is not a room"
  while IFS= read -r line; do
    included=${line#*\"}
    included=${included#tcpserver/}
    included=${included%%/*}
    case " $room $permitted " in
      *" $included "*) ;;
      *) report "$file: $line: '$room' must not know '$included' (it may know: ${permitted:-no other room})" ;;
    esac
  done < <(grep -E '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file" || true)
  if grep -E '^[[:space:]]*#[[:space:]]*include[[:space:]]*<(tcpserver|posix|options|backlog|server|client|load|programs)/' "$file" >&2; then
    report "$file: our own headers are included with quotes"
  fi
done < <(find include/tcpserver src -type f | grep -E '\.(h|hh|hpp|hxx|c|cc|cpp|cxx|inc)$' | sort)
[ "$count" -gt 0 ] || report "$top: no sources found"
[ "$broken" = 0 ] && echo "$count files keep to the arrows"
exit "$broken"
