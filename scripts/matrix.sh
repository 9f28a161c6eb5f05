#!/usr/bin/env bash
# Builds and tests every way that is supported, each in a folder of its own: scripts/matrix.sh [WAY]...
#   gcc, clang, sanitize (address and undefined behaviour), posix (TCPSERVER_LINUX=OFF), dynamic (no static PIE)
# A compiler that is not installed is left out, and said so.
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

ways=("$@")
[ ${#ways[@]} -gt 0 ] || ways=(gcc clang sanitize posix dynamic)
passed=()
failed=()
for way in "${ways[@]}"; do
  compiler=g++ tests=()
  case $way in
    gcc) flags=() ;;
    clang) flags=() compiler=clang++ ;;
    # Of scripts, manual pages and sources it has nothing to say. Several sources at a time build in half the time.
    sanitize) flags=(-DTCPSERVER_SANITIZE=ON -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DCMAKE_UNITY_BUILD=ON) tests=(--exclude-regex '^layout\.') ;;
    posix) flags=(-DTCPSERVER_LINUX=OFF) ;;
    dynamic) flags=(-DTCPSERVER_STATIC=OFF) ;;
    *) echo "$0: '$way' is not a way: gcc, clang, sanitize, posix or dynamic" >&2; exit 64 ;;
  esac
  if ! command -v $compiler >/dev/null; then
    echo "== $way: left out, $compiler is not installed"
    continue
  fi
  echo "== $way"
  if BUILD_DIR="$top/build-$way" CXX=$compiler CMAKE_FLAGS="${flags[*]}" "$top/scripts/test.sh" "${tests[@]}"; then
    passed+=("$way")
  else
    failed+=("$way")
  fi
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
[ ${#passed[@]} -gt 0 ] || { echo "nothing was run" >&2; exit 69; }
echo "passed: ${passed[*]}"
