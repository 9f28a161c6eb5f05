#!/usr/bin/env bash
# Installs build and test tools, builds, and runs all tests: scripts/test.sh [OPTION of ctest]...
#   scripts/test.sh -R Echo           runs only the tests with Echo in their name
#   SYSTEM_TESTS=1 scripts/test.sh    also installs packaging and container tools, and runs their tests (as root)
#   BUILD_DIR=build-asan CMAKE_FLAGS=-DTCPSERVER_SANITIZE=ON scripts/test.sh
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
case ${1:-} in
  -h | --help) print_help; exit 0 ;;
esac

# need_commands WHAT [PACKAGE]...: installs these packages. Standard input has lines "command package"; it also installs
# the packages of missing commands.
need_commands() {
  local missing=("${@:2}") command package
  while read -r command package; do
    command -v "$command" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || install_missing "$1" "${missing[@]}"
}

# need_test_tools installs the clients and tools that tests use.
need_test_tools() {
  local missing=()
  [ -e /usr/include/gtest/gtest.h ] || missing+=(libgtest-dev)
  python3 -c 'import json, socket' 2>/dev/null || missing+=(python3) # python3-minimal has no json
  need_commands "tools for the tests" "${missing[@]}" <<'END'
strace strace
tmux tmux
file file
gnuplot gnuplot-nox
ps procps
ncat ncat
nc.openbsd netcat-openbsd
socat socat
curl curl
setpriv util-linux
ip iproute2
shellcheck shellcheck
mandoc mandoc
valgrind valgrind
END
}

# need_system_tools installs what the tests of the service, packages and container need; without it they skip.
need_system_tools() {
  need_commands "tools for the tests of the installation" <<'END'
systemd-nspawn systemd-container
systemd-socket-activate systemd
debootstrap debootstrap
dpkg-shlibdeps dpkg-dev
lintian lintian
podman podman
runc runc
END
}

need_build_tools
need_test_tools
[ -z "${SYSTEM_TESTS:-}" ] || need_system_tools
build=${BUILD_DIR:-$top/build}
configure "$build" -DTCPSERVER_TESTS=ON
cmake --build "$build" --parallel "$(nproc)"
# The tools of the system come first, because the wrappers of version managers start python3 ten times slower.
# Run twice as many tests as processors, because most tests wait.
PATH="/usr/bin:/bin:$PATH" ctest --test-dir "$build" --output-on-failure --parallel $((2 * $(nproc))) --no-tests=error "$@"
