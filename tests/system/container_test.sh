#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # functions and words that `try` calls
# container_test.sh BUILD_DIR: podman builds and runs an image of only the static server. Status 77: cannot be tried here.
set -euo pipefail
build=$(CDPATH='' cd "${1:?usage: container_test.sh BUILD_DIR}" && pwd)
here=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/try.sh
. "$here/try.sh"
[ "$(id -u)" = 0 ] || cannot "this test runs containers as root"
need podman runc nsenter readelf
if readelf --wide --segments "$build/tcpserver" | grep -q INTERP; then cannot "tcpserver is linked dynamically here"; fi

out=$(mktemp -d)
name=tcpserver-test-$$
# The user's own storage stays untouched.
pod() {
  podman --root "$out/root" --runroot "$out/runroot" --tmpdir "$out/tmp" --storage-driver vfs --cgroup-manager cgroupfs \
    --runtime runc "$@"
}
clean() {
  pod rm --force --time 0 "$name" >/dev/null 2>&1 || true
  pod unmount --all >/dev/null 2>&1 || true
  rm -rf "$out"
}
trap clean EXIT
# These need no further rights than this machine may have.
limits=(--network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --read-only --cap-drop all)
# Another program shows whether podman works here.
mkdir "$out/probe" "$out/context"
echo 'int main() {}' | "${CXX:-c++}" -static -x c++ - -o "$out/probe/probe" || cannot "no static program can be made"
printf 'FROM scratch\nCOPY probe /probe\nENTRYPOINT ["/probe"]\n' >"$out/probe/Containerfile"
if ! { pod build --isolation chroot -t "$name-probe" "$out/probe" && pod run --rm "${limits[@]}" "$name-probe"; } >"$out/log" 2>&1; then
  tail -n 5 "$out/log"
  cannot "podman cannot build and run a container here"
fi

strip "$build/tcpserver" -o "$out/context/tcpserver" || cp "$build/tcpserver" "$out/context"
try "the image is built" pod build --isolation chroot -t "$name" -f "$here/../../src/packaging/Containerfile" "$out/context"
pod run --name "$name" "${limits[@]}" "$name" --port 5000 --drain-timeout 60s >"$out/log" 2>&1 &
running=$!
eventually eval 'grep -q "Server is listening on port 5000" "$out/log" || ! kill -0 $running 2>/dev/null'
kill -0 $running 2>/dev/null || { cat "$out/log"; exit 1; }
pid=$(pod inspect --format '{{.State.Pid}}' "$name")
status_of() { sed -n "s/^$1:\t*//p" "/proc/$pid/status"; }
try "the image is the program and little else" test "$(pod image inspect --format '{{.Size}}' "$name")" -lt 4000000
try "it runs as process 1" test "$(status_of NSpid | awk '{ print $NF }')" = 1
try "as a number that is not root" test "$(status_of Uid | cut -f 1)" = 65534
echoed() { [ "$(nsenter --net --target "$pid" "$build/tcpclient" --message "$1" --timeout 10s 127.0.0.1 5000)" = "$1" ]; }
try "and echoes" echoed hello
# Process 1 gets the children of parents that end.
nsenter --pid --target "$pid" sh -c '(sleep 0.2 &)'
reaped() {
  kill -USR1 "$pid"
  sleep 0.1
  grep -q "children reaped: $1," "$out/log"
}
try "it reaps children that it did not fork" eventually reaped 2
try "no zombie is left" eval '! ps -o stat= --ppid $pid | grep -q Z'
pod stop --time 30 "$name" >/dev/null
status=0
wait $running || status=$?
try "SIGTERM ends it with status 0, not a kill after half a minute" test $status = 0
exit $failed
