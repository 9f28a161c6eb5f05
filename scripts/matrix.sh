#!/usr/bin/env bash
# Builds and tests each supported configuration in its own directory build-WAY: scripts/matrix.sh [WAY]...
#   gcc        g++, the default
#   clang      clang++
#   sanitize   clang++ with the address and undefined-behavior sanitizers; omits tests that they cannot check
#   dynamic    g++, with tcpserver linked dynamically
#   aarch64    cross build of the programs; runs only --version, under qemu-user
# The default is all of them; clang is skipped if it is not installed.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
case ${1:-} in
  -h | --help) print_help; exit 0 ;;
esac

# test_way WAY COMPILER "CMAKE FLAGS" [options of ctest]
test_way() {
  BUILD_DIR="$top/build-$1" CXX=$2 CMAKE_FLAGS="-DTCPSERVER_WERROR=ON $3" "$top/scripts/test.sh" "${@:4}"
}

# Omit tests of scripts and timing, and tests that wait for seconds: others run the same code under the sanitizers.
# scripts/fuzz.sh replays the fuzz corpora.
no_use_sanitized='^(layout|fuzz|system)\.|^Demo|UsesNoProcessor|UnderValgrind|Tcpbacklog\.Size(Measures|Reports|Detects)|^UserTimeout|^Accept\.BacksOff'

cross_build() {
  local prefix=aarch64-linux-gnu build=$top/build-aarch64 program missing=()
  command -v $prefix-g++ >/dev/null || missing+=("g++-$prefix")
  command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
  [ ${#missing[@]} = 0 ] || install_missing "the cross compiler and an emulator" "${missing[@]}"
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
    *) echo "$0: unknown configuration '$way'; use gcc, clang, sanitize, dynamic or aarch64" >&2; exit 64 ;;
  esac
done
need_build_tools
passed=() failed=()
for way in "${ways[@]}"; do
  if [ "$way" = clang ] && ! command -v clang++ >/dev/null; then
    echo "== clang: skipped, clang++ is not installed"
    continue
  fi
  echo "== $way"
  run_way "$way" & # in the background, because a condition disables `set -e`
  if wait $!; then passed+=("$way"); else failed+=("$way"); fi
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
[ ${#passed[@]} -gt 0 ] || { echo "nothing was run" >&2; exit 69; }
echo "passed: ${passed[*]}"
