#!/usr/bin/env bash
# Runs the README's two commands on a bare Debian: scripts/bare.sh [bookworm|trixie]
#   It makes a minimal Debian (default: the release of this machine) and clones HEAD into it. There it starts the server
#   with scripts/run.sh, sends it a line, stops it, and runs scripts/test.sh.
#   SYSTEM_TESTS and CMAKE_FLAGS are passed on. BARE_CACHE keeps downloads (default: /var/cache/tcpserver-bare-RELEASE).
# Exit status 77: not root, or cannot make a bare Debian.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/programs.sh
. "$top/scripts/programs.sh"
# shellcheck source=/dev/null
host=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
release=${1:-$host}
case $release in
  -h | --help) print_help; exit 0 ;;
  bookworm | trixie) ;;
  *) echo "$0: unknown release '$release'; use bookworm or trixie" >&2; exit 64 ;;
esac
cannot() {
  echo "$0: cannot make a bare Debian: $*" >&2
  exit 77
}
[ "$(id -u)" = 0 ] || cannot "this requires root"
command -v debootstrap >/dev/null || install_missing "debootstrap" debootstrap || cannot "debootstrap is not installed"
unshare --mount --pid --fork true 2>/dev/null || cannot "mount namespaces are not available"

cache=${BARE_CACHE:-/var/cache/tcpserver-bare-$release}
mkdir -p "$cache/archives"
make_debian "$release" "$cache/base" || cannot "debootstrap failed"

# All mounts and processes are in new namespaces, which end with their first process.
begin_work
root=$work
cp -a "$cache/base/." "$root"
rm -f "$root/etc/apt/sources.list" # written by debootstrap
# This system lives for minutes, so dpkg does not have to sync to disk.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
cp -L /etc/resolv.conf /etc/hosts "$root/etc"
# Copy only local additions to the configuration of apt, such as a proxy.
for snippet in /etc/apt/apt.conf.d/9*; do
  [ ! -f "$snippet" ] || cp "$snippet" "$root/etc/apt/apt.conf.d"
done
for sources in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  [ ! -f "$sources" ] || sed "s/\b$host\b/$release/g" "$sources" >"$root$sources"
done
git clone -q "$top" "$root/tcpserver"

cat >"$root/inside.sh" <<'END'
set -euo pipefail
# Test the mirror with separate lists, so that the scripts start without package lists, like on a new machine.
mkdir -p /tmp/apt/lists/partial
apt-get update -qq -o APT::Update::Error-Mode=any -o Dir::State::lists=/tmp/apt/lists -o Dir::Cache=/tmp/apt >&2 ||
  { echo "scripts/bare.sh: cannot reach the package mirror" >&2; exit 77; }
cd /tcpserver
scripts/run.sh --port 0 --bind 127.0.0.1 >/announced &
server=$!
until grep -qs '^Server is listening' /announced; do
  kill -0 $server 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
  sleep 0.1
done
exec 3<>"/dev/tcp/127.0.0.1/$(grep -oE '[0-9]+$' /announced)"
echo 'bare' >&3
IFS= read -r -t 10 reply <&3 && [ "$reply" = bare ] || { echo "the server did not echo" >&2; exit 1; }
exec 3>&-
kill -TERM $server
wait $server
echo "the server started, echoed and stopped after ${SECONDS} s"
scripts/test.sh
END

# Both commands use the same flags, so that nothing is compiled twice.
# shellcheck disable=SC2016 # the inner bash expands its own arguments
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" SYSTEM_TESTS="${SYSTEM_TESTS:-}" \
  CMAKE_FLAGS="${CMAKE_FLAGS:-}" \
  unshare --mount --pid --fork --kill-child --propagation private bash -euc '
    mount --bind "$1" "$1" && mount --bind "$2" "$1/var/cache/apt/archives" && mount --rbind /dev "$1/dev" &&
      mount --rbind /sys "$1/sys" && mount -t proc proc "$1/proc" && cd "$1" && mkdir host && pivot_root . host &&
      umount --lazy /host && rmdir /host || { echo "scripts/bare.sh: cannot mount" >&2; exit 77; }
    bash /inside.sh # without exec, so that process 1 reaps orphans
  ' bash "$root" "$cache/archives" &
wait $!
