#!/usr/bin/env bash
# Compares the server with its rivals, and with bare loops that only fork and echo: scripts/bench.sh [OPTION]...
#   --peers            downloads and unpacks the rivals' packages in a cache folder, without installing them
#   --only NAMES       only these: tcpserver, xinetd, socat, inetd, ucspi, tcpsvd, ncat, floor, floor-musl (comma-separated)
#   --measure NAMES    only these: rate, concurrency, bulk, ping, memory, faults, calls, growth
#   --rounds N         number of rounds, 1 to 99; default 5. A different server begins each round; medians count
#   --quick            one short round, to try it
#   --json FILE        writes the figures of every round as JSON
#   --keep             a whole run: keeps its JSON in scripts/bench/, draws the plots, updates the table of README.md there
#   --redraw           only draws the plots of the kept figures; --table only prints their table
# The load generator runs on the same cores: compare ratios, not figures. As root it runs in a network namespace of its own;
# otherwise on the machine's loopback, without the rival that listens only on port 7. Variables: BUILT_PROGRAMS is a folder
# with tcpserver and tcpload, BENCH_CACHE that of the rivals, OUT that of the plots.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$top/scripts/bench
case " $* " in
  *' -h '* | *' --help '*) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
python3 -c 'import json, socket' 2>/dev/null || install_missing "Python" python3
wanted=" $(python3 -B "$here/bench.py" needs "$@") " || exit
out=${OUT:-$here}
[ -d "$out" ] || { echo "$0: OUT is '$out', and there is no such folder" >&2; exit 64; }

cache=${BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tcpserver-bench}

# Unpacks the rivals, and the libraries that they need and this machine does not have. None is installed, because some
# conflict with our own package, and some would start a service.
get_peers() {
  local packages=(xinetd socat openbsd-inetd ucspi-tcp ipsvd ncat) package library i
  mkdir -p "$cache/packages" "$cache/root"
  apt-cache show "${packages[@]}" >/dev/null 2>&1 || as_root apt-get update >&2 || return
  for ((i = 0; i < ${#packages[@]}; i++)); do
    package=${packages[i]}
    if ! grep -qs "^$package " "$cache/versions"; then
      (CDPATH='' cd "$cache/packages" && apt-get download "$package" >&2) || { echo "$0: cannot get $package" >&2; continue; }
      dpkg -x "$cache/packages/$package"_*.deb "$cache/root"
      dpkg-deb -f "$cache/packages/$package"_*.deb Version | sed "s/^/$package /" >>"$cache/versions"
    fi
    for library in $(dpkg-deb -f "$cache/packages/$package"_*.deb Depends | tr ',' '\n' | grep -oE '^ *lib[^ |]+'); do
      dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q ' installed$' || packages+=("$library")
    done
  done
}

if [[ $wanted == *' peers '* ]]; then
  get_peers
  command -v musl-gcc >/dev/null || install_missing "the compiler of the static musl loop" musl-tools || true
fi
[[ $wanted != *' draw '* ]] || command -v gnuplot >/dev/null || install_missing "the plotter" gnuplot-nox
programs=''
run=(python3 -B "$here/bench.py")
if [[ $wanted == *' measure '* ]]; then
  command -v cc >/dev/null || install_missing "the compiler of the bare loops" gcc libc6-dev
  command -v strace >/dev/null || install_missing "the counter of system calls" strace || true
  build_programs tcpserver tcpload
  programs=$(CDPATH='' cd "$programs" && pwd)
  ulimit -n "$(ulimit -H -n)"
  # A network namespace of its own has no other connections, and every port is free.
  if [ "$(id -u)" = 0 ] && unshare --net ip link set lo up 2>/dev/null; then
    export BENCH_NAMESPACE=1
    run=(unshare --net sh -c 'ip link set lo up && exec "$@"' sh "${run[@]}")
  fi
fi
exec "${run[@]}" "$programs" "$cache" "$@"
