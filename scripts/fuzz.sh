#!/usr/bin/env bash
# Fuzzes everything that parses text, with libFuzzer and the sanitizers: scripts/fuzz.sh [SECONDS [TARGET...]]
#   SECONDS   for all targets together (default 60), shared equally; one target runs per processor
#   TARGET    one of tests/fuzz/*_fuzz.cpp, such as values
# It starts from the corpus in tests/fuzz/corpus. New inputs go to BUILD_DIR (build-sanitize), also those that break something.
# `scripts/fuzz.sh merge` adds the inputs that reach more code to the corpus.
set -euo pipefail
case ${1:-} in
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"

job=${1:-60}
[[ $job =~ ^[1-9][0-9]{0,5}$ || $job = merge ]] ||
  { echo "$0: '$job' is not a number of seconds, from 1 to 999999, nor merge" >&2; exit 64; }
[ $# = 0 ] || shift
kept=$top/tests/fuzz/corpus
targets=()
for source in "$top"/tests/fuzz/*_fuzz.cpp; do
  target=$(basename "$source" _fuzz.cpp)
  targets+=("$target")
done
for target; do
  [[ " ${targets[*]} " = *" $target "* ]] || { echo "$0: '$target' is no target: ${targets[*]}" >&2; exit 64; }
done
[ $# = 0 ] || targets=("$@")

need_libfuzzer
CXX=clang++ need_build_tools
# `scripts/matrix.sh sanitize` builds in the same folder with the same flags.
build=${BUILD_DIR:-$top/build-sanitize}
CXX=clang++ CMAKE_FLAGS=$sanitizer_flags configure "$build" >/dev/null
cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]/%/_fuzz}" >&2

[ "$job" = merge ] || job=$(((job * $(nproc) + ${#targets[@]} - 1) / ${#targets[@]})) # for each

# fuzz TARGET: its output goes to a file, of which the end is shown where it fails.
fuzz() {
  local found=$build/corpus/$1 log=$build/$1.log
  mkdir -p "$found" "$build/broken"
  if [ "$job" = merge ]; then
    "$build/$1_fuzz" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$kept/$1" "$found" >"$log" 2>&1 || { tail -30 "$log" >&2; return 1; }
    echo "$1: $(find "$kept/$1" -type f | wc -l) inputs are kept" >&2
    return
  fi
  if "$build/$1_fuzz" -max_total_time="$job" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/broken/$1-" "$found" "$kept/$1" >"$log" 2>&1; then
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in ${job} s, none broke it" >&2
  else
    tail -40 "$log" >&2
    echo "$1: broken; the whole report is in $log" >&2
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
