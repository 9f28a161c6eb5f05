#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests: scripts/test.sh [options of ctest]
#   scripts/test.sh -R Echo        only the tests whose name has Echo
#   SYSTEM_TESTS=1 scripts/test.sh installs a container's and a package's tools as well, and runs those tests (as root)
#   BUILD_DIR=build-asan CMAKE_FLAGS=-DTCPSERVER_SANITIZE=ON scripts/test.sh
set -euo pipefail
case ${1:-} in
  -h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"

# need_commands WHAT [PACKAGE]...: installs these packages, and of the lines "command package" on standard input those
# whose command is missing.
need_commands() {
  local missing=("${@:2}") command package
  while read -r command package; do
    command -v "$command" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || install_missing "$1" "${missing[@]}"
}

# Clients and tools of other people that tests use.
need_test_tools() {
  local missing=()
  [ -e /usr/include/gtest/gtest.h ] || missing+=(libgtest-dev)
  python3 -c 'import json, socket' 2>/dev/null || missing+=(python3) # python3-minimal has no json
  need_commands "what the tests need" "${missing[@]}" <<'END'
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

# Without these, the tests that boot a system, make packages or run a container skip.
need_system_tools() {
  need_commands "what the tests of the installation need" <<'END'
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
# The system's own tools first: where a manager of versions has python3 stand for a script, it starts ten times slower.
# Twice as many tests as processors, because most tests wait.
PATH="/usr/bin:/bin:$PATH" ctest --test-dir "$build" --output-on-failure --parallel $((2 * $(nproc))) --no-tests=error "$@"
