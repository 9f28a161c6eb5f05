#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # functions and words that `try` calls
# metrics_test.sh BUILD_DIR: promtool checks the file of --metrics-file, and the textfile collector of a real node exporter
# serves it. If SYSTEM_TESTS is set, both are unpacked from Debian's packages: installed they would run as services.
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
finds_nothing() { [ -z "$(promtool check metrics <"$1" 2>&1)" ]; }
try "promtool finds nothing wrong, and has no hint" finds_nothing "$file"
sed 's/_total/_count/' "$file" >"$out/bad.prom"
try "but finds wrong names" eval '! finds_nothing "$out/bad.prom"'

# The exporter does not announce port 0: ports are tried until one is free.
serving() { curl -fsS "http://127.0.0.1:$1/metrics" -o "$out/served" 2>"$out/said"; }
for port in $(shuf -i 20000-30000 -n 20); do
  prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory="$out/collected" \
    --web.listen-address="127.0.0.1:$port" >"$out/exporter.log" 2>&1 &
  pids[1]=$!
  eventually eval 'serving $port || ! kill -0 "${pids[1]}" 2>/dev/null' && kill -0 "${pids[1]}" 2>/dev/null && break
done
try "a node exporter runs" kill -0 "${pids[1]}"
serves() { grep -qxF "$1" "$out/served"; }
try "it found no error in the file" serves 'node_textfile_scrape_error 0'
for line in 'received_bytes_total 160500' 'sent_bytes_total 160500' 'session_duration_seconds_count 500' \
  'session_duration_seconds_bucket{le="+Inf"} 500'; do
  try "it serves $line" serves "tcpserver_$line"
done
try "with types" serves '# TYPE tcpserver_session_duration_seconds histogram'
exit $failed
