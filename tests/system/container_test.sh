#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # functions and words that `try` calls
# container_test.sh BUILD_DIR: an image of nothing but the static server, built and run with podman. Status 77: cannot be
# tried here, and why.
set -euo pipefail
build=$(CDPATH='' cd "${1:?usage: container_test.sh BUILD_DIR}" && pwd)
here=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/try.sh
. "$here/try.sh"
[ "$(id -u)" = 0 ] || cannot "this test runs containers as root"
for command in podman runc nsenter readelf; do
  command -v "$command" >/dev/null || cannot "$command is not installed"
done
if readelf --wide --segments "$build/tcpserver" | grep -q INTERP; then cannot "tcpserver is linked dynamically here"; fi

out=$(mktemp -d)
name=tcpserver-test-$$
# Nothing of the user's own storage is touched.
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
# Whether it can be done at all is asked with another program: if ours then fails, it fails.
mkdir "$out/probe"
echo 'int main() {}' | "${CXX:-c++}" -static -x c++ - -o "$out/probe/probe" || cannot "no static program can be made"
printf 'FROM scratch\nCOPY probe /probe\nENTRYPOINT ["/probe"]\n' >"$out/probe/Containerfile"
# These need no further rights than this machine may have.
limits=(--network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --read-only --cap-drop all)
{ pod build --isolation chroot -t "$name-probe" "$out/probe" && pod run --rm "${limits[@]}" "$name-probe"; } >"$out/probe/said" 2>&1 || {
  tail -n 5 "$out/probe/said"
  cannot "podman cannot build and run a container here"
}

mkdir "$out/context"
cp "$build/tcpserver" "$out/context"
strip "$out/context/tcpserver" 2>/dev/null || true
pod build --isolation chroot -t "$name" -f "$here/../../src/packaging/Containerfile" "$out/context" >"$out/built" 2>&1 || {
  tail -n 5 "$out/built"
  exit 1
}
pod run --name "$name" "${limits[@]}" "$name" --port 5000 --drain-timeout 60s >"$out/log" 2>&1 &
running=$!
listens() { grep -q 'Server is listening on port 5000' "$out/log"; }
eventually eval 'listens || ! kill -0 $running 2>/dev/null'
listens || {
  cat "$out/log"
  exit 1
}
pid=$(pod inspect --format '{{.State.Pid}}' "$name")
of() { sed -n "s/^$1:\t*//p" "/proc/$pid/status"; }
try "the image is the program and little else" test "$(pod image inspect --format '{{.Size}}' "$name")" -lt 4000000
try "it runs as process 1" test "$(of NSpid | awk '{ print $NF }')" = 1
try "as a number that is not root" test "$(of Uid | cut -f 1)" = 65534
echoed() { [ "$(nsenter --net --target "$pid" "$build/tcpclient" --message "$1" --timeout 10s 127.0.0.1 5000)" = "$1" ]; }
try "and echoes" echoed hello
# Whose parent ends falls to process 1.
nsenter --pid --target "$pid" sh -c '(sleep 0.2 &)'
status_says() {
  kill -USR1 "$pid"
  sleep 0.1
  grep -q "children reaped: $1," "$out/log"
}
try "it reaps children that it never had" eventually status_says 2
try "no zombie is left" eval '! ps -o stat= --ppid $pid | grep -q Z'
pod stop --time 30 "$name" >/dev/null
status=0
wait $running || status=$?
try "SIGTERM ends it with status 0, not a kill after half a minute" test $status = 0
exit $failed
