#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # functions and words that `try` calls
# metrics_test.sh BUILD_DIR: what Prometheus' own tools make of --metrics-file: promtool checks it, and the textfile collector of
# a real node exporter serves it. With SYSTEM_TESTS set they are unpacked from Debian's packages, for installed they would run as
# services; without, those that are on the PATH are taken.
set -euo pipefail
build=$(CDPATH='' cd "${1:?usage: metrics_test.sh BUILD_DIR}" && pwd)
out=$(mktemp -d)
pids=()
trap '[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$out"' EXIT
# shellcheck source=tests/system/try.sh
. "$(dirname "${BASH_SOURCE[0]}")/try.sh"
unpack() { # PACKAGE
  (cd "$out" && apt-get download "$1" && dpkg -x "$1"_*.deb "$out/root") >"$out/said" 2>&1 ||
    { cat "$out/said" >&2; return 1; }
}
if [ -n "${SYSTEM_TESTS:-}" ]; then
  command -v promtool >/dev/null || unpack prometheus
  command -v prometheus-node-exporter >/dev/null || unpack prometheus-node-exporter
  PATH=$PATH:$out/root/usr/bin
fi
for tool in promtool prometheus-node-exporter curl; do
  command -v $tool >/dev/null || cannot "$tool is not installed; SYSTEM_TESTS=1 scripts/test.sh unpacks Prometheus' tools for this test"
done

mkdir "$out/collected"
file=$out/collected/tcpserver.prom
"$build/tcpserver" --port 0 --metrics-file "$file" >"$out/announced" 2>"$out/log" &
server=$!
pids+=("$server")
eventually grep -q 'listening on port' "$out/announced" || { cat "$out/log"; exit 1; }
port=$(grep -oE '[0-9]+$' "$out/announced")

"$build/tcpload" 127.0.0.1 "$port" --connections 500 --message-size 321 --json >"$out/load.json"
settled() {
  kill -USR1 "$server"
  grep -qx 'tcpserver_sessions_ended_total{reason="client_closed"} 500' "$file"
}
try "the file knows of all sessions" eventually settled
check() { promtool check metrics <"$1"; } # lints as well as it parses
try "promtool has nothing to say of it" check "$file"
said_nothing() { [ -z "$(check "$1" 2>&1)" ]; }
try "not even a hint" said_nothing "$file"
sed 's/_total/_count/' "$file" >"$out/bad.prom"
try "and it would say something" eval '! said_nothing "$out/bad.prom"'

# Port 0 is not announced by the exporter: one after another until one is free.
serving() { curl -fsS "http://127.0.0.1:$1/metrics" -o "$out/served" 2>"$out/said"; }
exporter=
for number in $(shuf -i 20000-30000 -n 20); do
  prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory="$out/collected" \
    --web.listen-address="127.0.0.1:$number" >"$out/exporter.log" 2>&1 &
  exporter=$!
  up() { serving "$number" || ! kill -0 "$exporter" 2>/dev/null; }
  eventually up || true
  if kill -0 "$exporter" 2>/dev/null; then
    pids+=("$exporter")
    break
  fi
  exporter=
done
try "a node exporter runs" test -n "$exporter"
try "it found no error in the file" grep -qx 'node_textfile_scrape_error 0' "$out/served"
bytes=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["bytes_sent"])' <"$out/load.json")
served_all_bytes() { # as the exporter writes large numbers: 1.605e+05
  python3 - "$out/served" "$bytes" <<'END'
import sys
series = dict(line.rsplit(" ", 1) for line in open(sys.argv[1]) if not line.startswith("#"))
for name in ("tcpserver_received_bytes_total", "tcpserver_sent_bytes_total"):
    assert float(series[name]) == float(sys.argv[2]), (name, series[name], sys.argv[2])
assert float(series["tcpserver_session_duration_seconds_count"]) == 500
assert float(series['tcpserver_session_duration_seconds_bucket{le="+Inf"}']) == 500
END
}
try "it serves what the load generator counted, to the byte" served_all_bytes
try "with types" grep -qx '# TYPE tcpserver_session_duration_seconds histogram' "$out/served"
exit $failed
