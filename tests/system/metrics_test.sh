#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # `try` calls functions and expands words
# metrics_test.sh BUILD_DIR: checks the file of --metrics-file with promtool, and serves it with the node exporter. If
# SYSTEM_TESTS is set, it unpacks both from Debian packages; installing them would start services.
set -euo pipefail
build=$(CDPATH='' cd "${1:?usage: metrics_test.sh BUILD_DIR}" && pwd)
out=$(mktemp -d)
pids=()
trap '[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$out"' EXIT
# shellcheck source=tests/system/try.sh
. "$(dirname "${BASH_SOURCE[0]}")/try.sh"
if [ -n "${SYSTEM_TESTS:-}" ]; then
  for package in prometheus prometheus-node-exporter; do
    (cd "$out" && apt-get download "$package" && dpkg -x "$package"_*.deb "$out/root") >"$out/said" 2>&1 ||
      { cat "$out/said"; exit 1; }
    rm "$out/$package"_*.deb
  done
  PATH=$PATH:$out/root/usr/bin
fi
need promtool prometheus-node-exporter curl

mkdir "$out/collected"
file=$out/collected/tcpserver.prom
"$build/tcpserver" --port 0 --metrics-file "$file" >"$out/announced" 2>"$out/log" &
pids+=($!)
eventually grep -q 'listening on port' "$out/announced" || { cat "$out/log"; exit 1; }
"$build/tcpload" 127.0.0.1 "$(grep -oE '[0-9]+$' "$out/announced")" --connections 500 --message-size 321 >"$out/load"
written() {
  kill -USR1 "${pids[0]}"
  grep -qx 'tcpserver_sessions_ended_total{reason="client_closed"} 500' "$file"
}
try "the file counts all sessions" eventually written
has_no_finding() { [ -z "$(promtool check metrics <"$1" 2>&1)" ]; }
try "promtool finds no error and has no hint" has_no_finding "$file"
sed 's/_total/_count/' "$file" >"$out/bad.prom"
try "promtool finds wrong names" eval '! has_no_finding "$out/bad.prom"'

# The exporter does not announce the port that it gets for 0, so try ports until one is free.
serving() { curl -fsS "http://127.0.0.1:$1/metrics" -o "$out/served" 2>"$out/said"; }
for port in $(shuf -i 20000-30000 -n 20); do
  prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory="$out/collected" \
    --web.listen-address="127.0.0.1:$port" >"$out/exporter.log" 2>&1 &
  pids[1]=$!
  eventually eval 'serving $port || ! kill -0 "${pids[1]}" 2>/dev/null' && kill -0 "${pids[1]}" 2>/dev/null && break
done
try "a node exporter runs" kill -0 "${pids[1]}"
serves() { grep -qxF "$1" "$out/served"; }
try "the exporter found no error in the file" serves 'node_textfile_scrape_error 0'
for line in 'received_bytes_total 160500' 'sent_bytes_total 160500' 'session_duration_seconds_count 500' \
  'session_duration_seconds_bucket{le="+Inf"} 500'; do
  try "the exporter serves $line" serves "tcpserver_$line"
done
try "the exporter serves types" serves '# TYPE tcpserver_session_duration_seconds histogram'
exit $failed
