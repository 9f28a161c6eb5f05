#!/usr/bin/env bash
# Installs build tools, builds and installs the Debian package, and shows the running service: scripts/install.sh
# On other systems: cmake -B build && cmake --build build && sudo cmake --install build
set -euo pipefail
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
case ${1:-} in
  -h | --help) print_help; exit 0 ;;
  ?*) echo "$0: unexpected argument '$1'; this script takes none" >&2; exit 64 ;;
esac

if ! command -v dpkg >/dev/null; then
  print_help >&2
  exit 71
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
chmod 755 "$directory" # apt reads the package as an unprivileged user
"$top/scripts/package.sh" "$directory"
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$directory"/tcpserver_*.deb
if [ -d /run/systemd/system ]; then
  systemctl --no-pager status tcpserver
else
  echo "systemd is not running here. Start the server with: tcpserver --daemonize --user nobody --config /etc/tcpserver.conf --pid-file /run/tcpserver.pid"
fi
