#!/usr/bin/env bash
# Installs build tools, builds, and makes packages: scripts/package.sh [DIR]
#   It writes a .deb, and a .tar.gz for any Linux of this architecture, to DIR (default: build-package).
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
case ${1:-} in
  -h | --help) print_help; exit 0 ;;
esac

need_build_tools
command -v dpkg-shlibdeps >/dev/null || install_missing "the tools for Debian packages" dpkg-dev
build=${BUILD_DIR:-$top/build-package}
directory=$(mkdir -p "${1:-$build}" && CDPATH='' cd "${1:-$build}" && pwd)
umask 022
configure "$build" -DTCPSERVER_TESTS=OFF >&2
cmake --build "$build" --parallel "$(nproc)" >&2
(cd "$build" && cpack -B "$directory" >&2)
rm -rf "$directory/_CPack_Packages"
find "$directory" -maxdepth 1 \( -name '*.deb' -o -name '*.tar.gz' \) -newer "$build/CPackConfig.cmake"
