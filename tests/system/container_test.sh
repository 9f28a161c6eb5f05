#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # `try` calls functions and expands words
# container_test.sh BUILD_DIR: podman builds the image from the source tree, as a user would, and runs it. If the base image
# cannot be pulled, debootstrap makes it. Status 77: cannot be tested here.
set -euo pipefail
build=$(CDPATH='' cd "${1:?usage: container_test.sh BUILD_DIR}" && pwd)
here=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$here/../..
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
# shellcheck source=tests/system/try.sh
. "$here/try.sh"
[ "$(id -u)" = 0 ] || cannot "this test runs containers as root"
need podman runc nsenter

out=$(mktemp -d)
name=tcpserver-test-$$
# A storage of its own keeps the user's images untouched.
pod() {
  podman --root "$out/root" --runroot "$out/runroot" --tmpdir "$out/tmp" --storage-driver vfs --cgroup-manager cgroupfs \
    --runtime runc "$@"
}
clean() {
  pod rm --force --time 0 "$name" >/dev/null 2>&1 || true
  pod unmount --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$out"
}
trap clean EXIT
# These limits need few rights.
limits=(--network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --read-only --cap-drop all)
# A small program shows whether podman works here.
mkdir "$out/probe"
echo 'int main() {}' | "${CXX:-c++}" -static -x c++ - -o "$out/probe/probe" || cannot "cannot link a static program"
printf 'FROM scratch\nCOPY probe /probe\nENTRYPOINT ["/probe"]\n' >"$out/probe/Containerfile"
if ! { pod build --isolation chroot -t "$name-probe" "$out/probe" && pod run --rm "${limits[@]}" "$name-probe"; } >"$out/log" 2>&1; then
  tail -n 5 "$out/log"
  cannot "podman cannot build and run a container here"
fi

base=$(sed -n 's/^FROM \(.*\) AS build$/\1/p' "$top/src/packaging/Containerfile")
cache=/var/cache/tcpserver-bare-bookworm/base # shared with scripts/bare.sh
mounts=()
if ! pod pull -q "$base" >"$out/log" 2>&1; then
  need debootstrap
  make_debian bookworm "$cache" || cannot "$(tail -n 1 "$out/log")"
  tar -C "$cache" -c . | pod import -q - "$base" >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
  # This machine's mirror and proxy.
  for file in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d/9*; do
    [ ! -e "$file" ] || mounts+=(--volume "$file:$file:ro")
  done
fi
try "podman builds the image from the source tree" \
  pod build --isolation chroot "${mounts[@]}" -t "$name" -f "$top/src/packaging/Containerfile" "$top"
pod run --name "$name" "${limits[@]}" "$name" --port 5000 --drain-timeout 60s >"$out/log" 2>&1 &
running=$!
eventually eval 'grep -q "Server is listening on port 5000" "$out/log" || ! kill -0 $running 2>/dev/null'
kill -0 $running 2>/dev/null || { cat "$out/log"; exit 1; }
pid=$(pod inspect --format '{{.State.Pid}}' "$name")
status_of() { sed -n "s/^$1:\t*//p" "/proc/$pid/status"; }
try "the image contains little more than the program" test "$(pod image inspect --format '{{.Size}}' "$name")" -lt 4000000
try "it runs as process 1" test "$(status_of NSpid | awk '{ print $NF }')" = 1
try "as an unprivileged user" test "$(status_of Uid | cut -f 1)" = 65534
echoed() { [ "$(nsenter --net --target "$pid" "$build/tcpclient" --message "$1" --timeout 10s 127.0.0.1 5000)" = "$1" ]; }
try "and echoes" echoed hello
# Process 1 inherits the children of processes that end.
nsenter --pid --target "$pid" sh -c '(sleep 0.2 &)'
reaped() {
  kill -USR1 "$pid"
  sleep 0.1
  grep -q "children reaped: $1," "$out/log"
}
try "it reaps children that it did not fork" eventually reaped 2
try "no zombie remains" eval '! ps -o stat= --ppid $pid | grep -q Z'
pod stop --time 30 "$name" >/dev/null
status=0
wait $running || status=$?
try "SIGTERM ends it with status 0, not a kill after half a minute" test $status = 0
exit $failed
