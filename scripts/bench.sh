#!/usr/bin/env bash
# Compares the server with rivals, and with bare loops that only fork and echo: scripts/bench.sh [OPTION]...
#   --peers            download the rivals' packages and unpack them in a cache directory, without installing them
#   --only NAMES       measure only these: tcpserver, xinetd, socat, inetd, ucspi, tcpsvd, ncat, floor, floor-musl (comma-separated)
#   --measure NAMES    take only these measurements: rate, concurrency, bulk, ping, memory, faults, calls, growth
#   --rounds N         number of rounds, 1 to 99 (default 5); results are medians
#   --quick            one short round
#   --json FILE        write the results of every round as JSON
#   --keep             keep the results of a whole run in scripts/bench/, draw the plots, and update the table in README.md
#   --redraw           only draw the plots of the kept results
#   --table            only print the table of the kept results
# The load generator runs on the same cores: compare ratios, not absolute numbers. As root the benchmark runs in its own
# network namespace; otherwise it uses the loopback of the machine and omits the rival that can listen only on port 7.
# Variables: BUILT_PROGRAMS is a directory with tcpserver and tcpload, BENCH_CACHE the rivals' directory, OUT the plots'.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
here=$top/scripts/bench
case " $* " in
  *' -h '* | *' --help '*) print_help; exit 0 ;;
esac
python3 -c 'import json, socket' 2>/dev/null || install_missing "Python" python3
wanted=" $(python3 -B "$here/bench.py" needs "$@") " || exit
out=${OUT:-$here}
[ -d "$out" ] || { echo "$0: OUT: no such directory: $out" >&2; exit 64; }

cache=${BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tcpserver-bench}

# get_peers unpacks the rivals and their missing libraries. It does not install them, because some conflict with our
# package and some would start a service.
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
  command -v musl-gcc >/dev/null || install_missing "the compiler for the static musl loop" musl-tools || true
fi
[[ $wanted != *' draw '* ]] || command -v gnuplot >/dev/null || install_missing "gnuplot for the plots" gnuplot-nox
programs=''
run=(python3 -B "$here/bench.py")
if [[ $wanted == *' measure '* ]]; then
  command -v cc >/dev/null || install_missing "the compiler for the bare loops" gcc libc6-dev
  command -v strace >/dev/null || install_missing "strace to count system calls" strace || true
  build_programs tcpserver tcpload
  programs=$(CDPATH='' cd "$programs" && pwd)
  ulimit -n "$(ulimit -H -n)"
  # A new network namespace has no other connections, and every port is free.
  if [ "$(id -u)" = 0 ] && unshare --net ip link set lo up 2>/dev/null; then
    export BENCH_NAMESPACE=1
    run=(unshare --net sh -c 'ip link set lo up && exec "$@"' sh "${run[@]}")
  fi
fi
exec "${run[@]}" "$programs" "$cache" "$@"
