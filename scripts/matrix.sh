#!/usr/bin/env bash
# Builds and tests each supported configuration in a folder of its own, build-WAY: scripts/matrix.sh [WAY]...
#   gcc        g++, the default
#   clang      clang++
#   sanitize   clang++ with the address and undefined-behaviour sanitizers; leaves out tests that run none of our code under them
#   dynamic    tcpserver is linked dynamically
#   aarch64    cross build of the programs; only --version is run, under qemu-user
# Without WAY: all of them. clang is left out where it is not installed.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
case ${1:-} in
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac

# test_way WAY COMPILER "CMAKE FLAGS" [options of ctest]
test_way() {
  BUILD_DIR="$top/build-$1" CXX=$2 CMAKE_FLAGS="-DTCPSERVER_WERROR=ON $3" "$top/scripts/test.sh" "${@:4}"
}

# Tests of scripts, of timing, and those that wait for seconds: other tests run the same code under the sanitizers.
# scripts/fuzz.sh replays the fuzz corpora.
no_use_sanitized='^(layout|fuzz|system)\.|^Demo|UsesNoProcessor|UnderValgrind|TcpbacklogSees\.Measuring|^UserTimeout|OfAcceptThatStays'

cross_build() {
  local prefix=aarch64-linux-gnu build=$top/build-aarch64 program missing=()
  command -v $prefix-g++ >/dev/null || missing+=("g++-$prefix")
  command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
  [ ${#missing[@]} = 0 ] || install_missing "the cross compiler and its emulator" "${missing[@]}"
  CXX=$prefix-g++ configure "$build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_UNITY_BUILD=ON -DTCPSERVER_WERROR=ON -DTCPSERVER_TESTS=OFF
  cmake --build "$build" --parallel "$(nproc)"
  for program in tcpserver tcpclient tcpbacklog tcpload; do
    qemu-aarch64 -L /usr/$prefix "$build/$program" --version
  done
}

run_way() {
  case $1 in
    gcc) test_way gcc g++ '' ;;
    clang) test_way clang clang++ '' ;;
    dynamic) test_way dynamic g++ -DTCPSERVER_STATIC=OFF ;;
    sanitize)
      need_libfuzzer
      test_way sanitize clang++ "$sanitizer_flags" --exclude-regex "$no_use_sanitized"
      ;;
    aarch64) cross_build ;;
  esac
}

ways=("$@")
[ ${#ways[@]} -gt 0 ] || ways=(gcc clang sanitize dynamic aarch64)
for way in "${ways[@]}"; do
  case $way in
    gcc | clang | sanitize | dynamic | aarch64) ;;
    *) echo "$0: '$way' is not a way: gcc, clang, sanitize, dynamic or aarch64" >&2; exit 64 ;;
  esac
done
need_build_tools
passed=() failed=()
for way in "${ways[@]}"; do
  if [ "$way" = clang ] && ! command -v clang++ >/dev/null; then
    echo "== clang: left out, clang++ is not installed"
    continue
  fi
  echo "== $way"
  run_way "$way" & # in the background, because `set -e` has no effect in a condition
  if wait $!; then passed+=("$way"); else failed+=("$way"); fi
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
[ ${#passed[@]} -gt 0 ] || { echo "nothing was run" >&2; exit 69; }
echo "passed: ${passed[*]}"
