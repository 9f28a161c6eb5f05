#!/usr/bin/env bash
# Installs what is missing, builds the Debian package, installs it, and shows the running service: scripts/install.sh
# Elsewhere: cmake -B build && cmake --build build && sudo cmake --install build
set -euo pipefail
case ${1:-} in
  -h | --help) sed -n '2,3s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  ?*) echo "$0: '$1' is not an option: there are none" >&2; exit 64 ;;
esac
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"

if ! command -v dpkg >/dev/null; then
  sed -n '3s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 71
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder" # apt reads the package as a user of its own
"$top/scripts/package.sh" "$folder"
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$folder"/tcpserver_*.deb
if [ -d /run/systemd/system ]; then
  systemctl --no-pager status tcpserver
else
  echo "No systemd runs here. Start it with: tcpserver --daemonize --user nobody --config /etc/tcpserver.conf --pid-file /run/tcpserver.pid"
fi
