#!/usr/bin/env bash
# bench_test.sh SOURCES PROGRAMS: scripts/bench.sh measures, reports failures, draws, and leaves nothing running.
# No check depends on speed. Status 77: something is missing.
set -euo pipefail
top=${1:?usage: bench_test.sh SOURCES PROGRAMS}
built=${2:?usage: bench_test.sh SOURCES PROGRAMS}
[[ -x $built/tcpserver && -x $built/tcpload && $(command -v cc) ]] ||
  { echo "$built has no tcpserver or no tcpload, or there is no C compiler"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work # of the bench, too
programs=$work/programs
mkdir "$programs"
cp "$built/tcpserver" "$built/tcpload" "$programs"

fail() {
  cat "$work/output" "$work/errors" >&2
  echo "$*" >&2
  exit 1
}

bench() { # bench STATUS OPTION...: the output is in files
  local status=0
  BUILT_PROGRAMS=$programs "$top/scripts/bench.sh" "${@:2}" >"$work/output" 2>"$work/errors" || status=$?
  [ "$status" = "$1" ] || fail "${*:2}: status $status, expected $1"
}

expect_nothing_left() {
  local left
  left=$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$work/*" 2>/dev/null || true)
  [ -z "$left" ] || fail "left running: $left"
  [ -z "$(find "$work" -maxdepth 1 -name 'tcpserver-bench.*')" ] || fail "a directory is left"
}

expect_refused() { # expect_refused WORDS OPTION...: one line that has the words, and status 64
  bench 64 "${@:2}"
  [[ $(cat "$work/errors") == *"$1"* && $(wc -l <"$work/errors") = 1 ]] || fail "${*:2}: no line with '$1'"
}

expect_refused "--quik" --quik
expect_refused "--rounds: '0' is not a number" --rounds 0
for list in --only --measure; do
  expect_refused "$list: 'nothing' is not one of" $list nothing
  "$top/scripts/bench.sh" --help | tr -s " \n" " " | grep -qF "$(sed 's/.*is not one of: //' "$work/errors")" || fail "$list: the help has another list"
done
expect_refused "--rounds: expected one argument" --rounds
expect_refused "--keep requires a whole run" --keep --quick
expect_refused "--redraw and --table cannot be combined" --redraw --rounds 2

bench 0 --quick --only tcpserver,floor --json "$work/results.json"
expect_nothing_left
python3 - "$work/results.json" <<'EOF' || fail "the results are implausible"
import json, shutil, sys

results = json.load(open(sys.argv[1]))
assert set(results["contestants"]) == {"tcpserver", "floor"}, results["contestants"].keys()
for name, entry in results["contestants"].items():
    figures = entry["figures"]
    for key, figure in figures.items():
        if key.startswith("system_calls") and not shutil.which("strace"):
            continue
        assert "failed" not in figure, (name, key, figure)
        assert len(figure["rounds"]) == 1 and figure["min"] <= figure["median"] <= figure["max"], (name, key, figure)
        # Memory is the whole machine's, which others use, too. Our parent takes no page fault.
        may_be_none = key.startswith("memory") or key == "minor_faults_of_parent_per_connection"
        assert figure["median"] > 0 or may_be_none, (name, key, figure)
    for key in ("connections_per_s_at_1", "connections_per_s_at_64", "connections_per_s_at_512", "latency_p50_us_at_64",
                "latency_p99_us_at_64", "ping_p50_us", "bulk_mb_per_s", "memory_kib_per_held_connection"):
        assert key in figures, (name, key)
    assert 1 <= figures["minor_faults_per_child"]["median"] <= 100, (name, figures["minor_faults_per_child"])
assert "connections_per_s_with_1000_held" in results["contestants"]["tcpserver"]["figures"]
EOF

bench 0 --table
grep -q '^| \*\*tcpserver' "$work/output" || fail "no table of the kept results"
if command -v gnuplot >/dev/null; then
  OUT=$work bench 0 --redraw
  OUT=$work "$top/scripts/timelines.sh" --redraw
  for plot in rate memory lines timelines; do
    grep -q '^</svg>' "$work/$plot.svg" || fail "$plot is not drawn"
  done
fi

expect_failed() { # expect_failed REASON
  bench 1 --quick --only tcpserver --measure ping --json "$work/failed.json"
  grep -qF "\"failed\": \"$1\"" "$work/failed.json" || fail "no reason '$1'"
  expect_nothing_left
}

cat >"$programs/tcpload" <<'EOF'
#!/bin/sh
echo '{"connections": 9, "errors": 3, "unfinished": 0, "first_error": "a reply was wrong"}'
exit 76
EOF
chmod +x "$programs/tcpload"
expect_failed "3 of 9 connections failed, the first: a reply was wrong"
cp "$built/tcpload" "$programs/tcpload"
printf '#!/bin/sh\necho "no socket today" >&2\nexit 71\n' >"$programs/tcpserver"
expect_failed "cannot start: no socket today"

# A stop during a load.
cp "$built/tcpserver" "$programs/tcpserver"
BUILT_PROGRAMS=$programs "$top/scripts/bench.sh" --rounds 99 --only tcpserver --measure growth >"$work/output" 2>"$work/errors" &
bench=$!
for ((i = 0; i < 600; i++)); do
  [ -z "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$programs/tcpload" 2>/dev/null)" ] || break
  sleep 0.1
done
kill -TERM "$bench"
status=0
wait "$bench" || status=$?
[ "$status" = 143 ] || fail "a stop: status $status"
grep -q 'ended by SIGTERM' "$work/errors" || fail "no message about the signal"
expect_nothing_left
echo "it measures, reports failures, draws, and leaves nothing running"
