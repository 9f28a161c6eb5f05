#!/usr/bin/env bash
# Measures the server beside its rivals, and beside bare loops that do nothing but fork and echo: scripts/bench.sh [OPTION]...
#   --peers            gets the rivals first: their packages are downloaded and unpacked in a cache folder, and not installed
#   --only NAMES       these alone: tcpserver, xinetd, socat, inetd, ucspi, tcpsvd, ncat, floor, floor-musl (commas between)
#   --measure NAMES    these alone: rate, concurrency, bulk, ping, memory, faults, calls, growth
#   --rounds N         so many rounds, 1 to 99; 5 where nothing is said. Another one begins each round; medians count
#   --quick            one short round: does it work?
#   --json FILE        what was measured, every round of it, as JSON
#   --keep             keeps a whole run in scripts/bench/: the JSON, the pictures and the table of README.md
#   --redraw           draws the pictures of what is kept, and measures nothing; --table prints its table
# The load generator runs on the same cores, so ratios travel and figures do not. As root it runs in a network namespace of
# its own; else on the machine's loopback, without the rival that has port 7 alone. Variables: BUILT_PROGRAMS is a folder
# with tcpserver and tcpload, BENCH_CACHE that of the rivals, OUT that of the pictures.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$top/scripts/bench
case " $* " in
  *' -h '* | *' --help '*) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
python3 -c 'import json, socket' 2>/dev/null || install_missing "what measures" python3
wanted=" $(python3 -B "$here/bench.py" needs "$@") " || exit
out=${OUT:-$here}
[ -d "$out" ] || { echo "$0: OUT is '$out', and there is no such folder" >&2; exit 64; }

cache=${BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tcpserver-bench}
rivals=(xinetd socat openbsd-inetd ucspi-tcp ipsvd ncat)

# unpack PACKAGE: into the cache. Where it is there already, that is what counts.
unpack() {
  if ! grep -qs "^$1 " "$cache/versions"; then
    (CDPATH='' cd "$cache/packages" && apt-get download "$1" >&2) || return
    dpkg -x "$cache/packages/$1"_*.deb "$cache/root"
    dpkg-deb -f "$cache/packages/$1"_*.deb Version | sed "s/^/$1 /" >>"$cache/versions"
  fi
  unpacked=$cache/packages/$1
}

# The rivals, and the libraries that they need and this machine has not. Some of them conflict with our own package, and
# some would start a service, so none is installed.
get_peers() {
  local packages=("${rivals[@]}") library unpacked
  mkdir -p "$cache/packages" "$cache/root"
  apt-cache show "${packages[@]}" >/dev/null 2>&1 || as_root apt-get update >&2 || return
  while [ ${#packages[@]} -gt 0 ]; do
    if unpack "${packages[0]}"; then
      for library in $(dpkg-deb -f "$unpacked"_*.deb Depends | tr ',' '\n' | grep -oE '^ *lib[^ |]+'); do
        dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q ' installed$' || packages+=("$library")
      done
    else
      echo "$0: ${packages[0]} could not be had" >&2
    fi
    packages=("${packages[@]:1}")
  done
}

if [[ $wanted == *' peers '* ]]; then
  get_peers
  command -v musl-gcc >/dev/null || install_missing "the compiler of the smallest floor" musl-tools || true
fi
[[ $wanted != *' draw '* ]] || command -v gnuplot >/dev/null || install_missing "what draws" gnuplot-nox
programs=''
run=(python3 -B "$here/bench.py")
if [[ $wanted == *' measure '* ]]; then
  command -v cc >/dev/null || install_missing "the compiler of the floors" gcc libc6-dev
  command -v strace >/dev/null || install_missing "what counts system calls" strace || true
  build_programs tcpserver tcpload
  programs=$(CDPATH='' cd "$programs" && pwd)
  ulimit -n "$(ulimit -H -n)"
  # In a namespace of its own nobody else's connections are seen, and every port is free.
  if [ "$(id -u)" = 0 ] && unshare --net ip link set lo up 2>/dev/null; then
    export BENCH_NAMESPACE=1
    run=(unshare --net sh -c 'ip link set lo up && exec "$@"' sh "${run[@]}")
  fi
fi
exec "${run[@]}" "$programs" "$cache" "$@"
