#!/usr/bin/env bash
# bench_test.sh SOURCES PROGRAMS: scripts/bench.sh measures for real, says what fails, and leaves nothing running.
# No verdict depends on speed. Status 77: cannot be tried here, and why.
set -euo pipefail
top=${1:?usage: bench_test.sh SOURCES PROGRAMS}
built=${2:?usage: bench_test.sh SOURCES PROGRAMS}
for program in tcpserver tcpload; do
  [ -x "$built/$program" ] || { echo "$built has no $program"; exit 77; }
done
command -v cc >/dev/null || { echo "there is no compiler for the floors"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work # of the bench, too, so that all it starts lies there
programs=$work/programs
mkdir "$programs"
cp "$built/tcpserver" "$built/tcpload" "$programs"

bench() { # bench OPTION...: what it says is in said, said-on-stderr
  BUILT_PROGRAMS=$programs "$top/scripts/bench.sh" "$@" >"$work/said" 2>"$work/said-on-stderr"
}

fail() {
  cat "$work/said" "$work/said-on-stderr" >&2
  echo "$*" >&2
  exit 1
}

nothing_is_left() {
  local left
  left=$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$work/*" 2>/dev/null || true)
  [ -z "$left" ] || fail "left running: $left"
  [ -z "$(find "$work" -maxdepth 1 -name 'tcpserver-bench.*')" ] || fail "a folder is left"
}

expect_refused() { # expect_refused WORDS OPTION...: one line that has the words, and status 64
  local status=0 words=$1
  shift
  bench "$@" || status=$?
  [ "$status" = 64 ] || fail "$*: status $status"
  [[ $(cat "$work/said-on-stderr") == *"$words"* && $(wc -l <"$work/said-on-stderr") = 1 ]] || fail "$*: no line with '$words'"
}

expect_refused "--quik" --quik
expect_refused "--rounds: '0' is not a number" --rounds 0
expect_refused "--only: 'apache' is not one of" --only tcpserver,apache
expect_refused "--measure: 'speed' is not one of" --measure=speed
for list in --only --measure; do # the help names what there is
  bench "$list" nothing || true
  "$top/scripts/bench.sh" --help | grep -qF "$(sed 's/.*is not one of: //' "$work/said-on-stderr")" || fail "$list: the help has another list"
done
expect_refused "--rounds: expected one argument" --rounds
expect_refused "--keep keeps a whole run" --keep --quick
expect_refused "--redraw and --table measure nothing" --redraw --rounds 2

bench --quick --only tcpserver,floor --json "$work/results.json" || fail "a quick run: status $?"
nothing_is_left
python3 - "$work/results.json" <<'EOF' || fail "what it measured makes no sense"
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
        # What a held connection takes of the whole machine may be drowned by what others do on it in a moment.
        # And our parent takes no page fault at all.
        may_be_none = key.startswith("memory") or key == "minor_faults_of_parent_per_connection"
        assert figure["median"] > 0 or may_be_none, (name, key, figure)
    for key in ("connections_per_s_at_1", "connections_per_s_at_64", "connections_per_s_at_512", "latency_p50_us_at_64",
                "latency_p99_us_at_64", "ping_p50_us", "bulk_mb_per_s", "memory_kib_per_held_connection"):
        assert key in figures, (name, key)
    assert 1 <= figures["minor_faults_per_child"]["median"] <= 100, (name, figures["minor_faults_per_child"])
assert "connections_per_s_with_1000_held" in results["contestants"]["tcpserver"]["figures"]
EOF

# A load that goes wrong is no figure.
cat >"$programs/tcpload" <<'EOF'
#!/bin/sh
echo '{"connections": 9, "errors": 3, "unfinished": 0, "first_error": "a reply was wrong"}'
exit 76
EOF
chmod +x "$programs/tcpload"
status=0
bench --quick --only tcpserver --measure ping --json "$work/wrong.json" || status=$?
[ "$status" = 1 ] || fail "a load that goes wrong: status $status"
grep -q '"failed": "3 of 9 connections went wrong, the first one: a reply was wrong"' "$work/wrong.json" || fail "it does not say why"
nothing_is_left

# A server that does not echo is none.
cp "$built/tcpload" "$programs/tcpload"
printf '#!/bin/sh\necho "no socket today" >&2\nexit 71\n' >"$programs/tcpserver"
status=0
bench --quick --only tcpserver --measure ping --json "$work/silent.json" || status=$?
[ "$status" = 1 ] || fail "a server that does not start: status $status"
grep -q '"failed": "it did not start: no socket today"' "$work/silent.json" || fail "it does not say why"

# A stop in the middle of a load.
cp "$built/tcpserver" "$programs/tcpserver"
BUILT_PROGRAMS=$programs "$top/scripts/bench.sh" --rounds 99 --only tcpserver --measure growth >"$work/said" 2>"$work/said-on-stderr" &
bench=$!
for ((i = 0; i < 600; i++)); do
  [ -z "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$programs/tcpload" 2>/dev/null)" ] || break
  sleep 0.1
done
kill -TERM "$bench"
status=0
wait "$bench" || status=$?
[ "$status" = 143 ] || fail "a stop: status $status"
grep -q 'ended by SIGTERM' "$work/said-on-stderr" || fail "it does not say that it was ended"
nothing_is_left
echo "it measures, says what fails, and leaves nothing running"
