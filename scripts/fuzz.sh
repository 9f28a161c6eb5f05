#!/usr/bin/env bash
# Fuzzes all parsers with libFuzzer and the sanitizers: scripts/fuzz.sh [SECONDS [TARGET...]]
#   SECONDS   total time (default 60), shared equally by all targets; one target runs per processor
#   TARGET    name of a file tests/fuzz/TARGET_fuzz.cpp, such as values
# It starts from the corpus in tests/fuzz/corpus. New and failing inputs go to BUILD_DIR (default: build-sanitize).
# `scripts/fuzz.sh merge` adds the inputs that reach more code to the corpus.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
case ${1:-} in
  -h | --help) print_help; exit 0 ;;
esac

job=${1:-60}
[[ $job =~ ^[1-9][0-9]{0,5}$ || $job = merge ]] ||
  { echo "$0: invalid argument '$job'; use a number of seconds from 1 to 999999, or merge" >&2; exit 64; }
[ $# = 0 ] || shift
kept=$top/tests/fuzz/corpus
targets=()
for source in "$top"/tests/fuzz/*_fuzz.cpp; do
  target=$(basename "$source" _fuzz.cpp)
  targets+=("$target")
done
for target; do
  [[ " ${targets[*]} " = *" $target "* ]] || { echo "$0: unknown target '$target'; targets: ${targets[*]}" >&2; exit 64; }
done
[ $# = 0 ] || targets=("$@")

need_libfuzzer
CXX=clang++ need_build_tools
# `scripts/matrix.sh sanitize` uses the same build directory and flags.
build=${BUILD_DIR:-$top/build-sanitize}
CXX=clang++ CMAKE_FLAGS=$sanitizer_flags configure "$build" >/dev/null
cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]/%/_fuzz}" >&2

[ "$job" = merge ] || job=$(((job * $(nproc) + ${#targets[@]} - 1) / ${#targets[@]})) # per target

# fuzz TARGET: writes its output to a file, and shows the end of the file after a failure.
fuzz() {
  local found=$build/corpus/$1 log=$build/$1.log
  mkdir -p "$found" "$build/broken"
  if [ "$job" = merge ]; then
    "$build/$1_fuzz" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$kept/$1" "$found" >"$log" 2>&1 || { tail -30 "$log" >&2; return 1; }
    echo "$1: $(find "$kept/$1" -type f | wc -l) inputs in the corpus" >&2
    return
  fi
  if "$build/$1_fuzz" -max_total_time="$job" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/broken/$1-" "$found" "$kept/$1" >"$log" 2>&1; then
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in ${job} s, no failure" >&2
  else
    tail -40 "$log" >&2
    echo "$1: failed; the whole report is in $log" >&2
    return 1
  fi
}

status=0
running=0
for target in "${targets[@]}"; do
  fuzz "$target" &
  running=$((running + 1))
  if [ $running -ge "$(nproc)" ]; then
    wait -n || status=1
    running=$((running - 1))
  fi
done
while [ $running -gt 0 ]; do
  wait -n || status=1
  running=$((running - 1))
done
exit $status
