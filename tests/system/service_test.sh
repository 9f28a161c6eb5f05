#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # `try` calls functions and expands words
# service_test.sh BUILD_DIR: boots a systemd (systemd-nspawn) and tests the Debian package in it with booted.sh, from
# installation to purge. The system has this machine's release. It is made once and kept in TEST_SYSTEM (default:
# /var/cache/tcpserver-test-RELEASE). Status 77: cannot be tested here.
set -euo pipefail
build=${1:?usage: service_test.sh BUILD_DIR}
here=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/packages.sh
. "$here/../../scripts/packages.sh"
# shellcheck source=tests/system/try.sh
. "$here/try.sh"
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
system=${TEST_SYSTEM:-/var/cache/tcpserver-test-$release}
[ "$(id -u)" = 0 ] || cannot "booting a system requires root"
need systemd-nspawn debootstrap cpack dpkg-shlibdeps flock

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
share=$out/share
mkdir -p "$share" "$(dirname "$system")"
exec 9>"$system.lock"
flock 9
[ -d "$system" ] || echo "making a $release with systemd in $system; this happens once and takes a minute"
make_debian "$release" "$system" --include=systemd,systemd-sysv,dbus,iproute2,procps || cannot "debootstrap failed"
exec 9>&-

# The upgrade needs a second release.
for number in 1 2; do
  (cd "$build" && cpack -G DEB -D CPACK_DEBIAN_PACKAGE_RELEASE=$number -B "$out/package") >"$out/console" 2>&1 ||
    { tail -n 20 "$out/console"; exit 1; }
done
cp "$out"/package/*.deb "$here/booted.sh" "$here/try.sh" "$share"
cat >"$out/selftest.service" <<'END'
[Unit]
After=multi-user.target
Wants=multi-user.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/bash /share/booted.sh
StandardOutput=file:/out/result
StandardError=file:/out/result
TimeoutStartSec=300
END

mkdir "$out/out"
status=0
timeout 400 systemd-nspawn -q -D "$system" --boot --volatile=overlay --private-network --register=no --keep-unit \
  --link-journal=no -M "tcpserver-test-$$" --bind-ro="$share:/share" --bind="$out/out:/out" \
  --bind-ro="$out/selftest.service:/etc/systemd/system/selftest.service" --console=pipe -- \
  systemd.unit=selftest.service </dev/null >"$out/console" 2>&1 || status=$?
if [ ! -e "$out/out/result" ]; then
  tail -n 20 "$out/console"
  cannot "systemd does not boot in a container here"
fi
cat "$out/out/result"
[ "$status" = 0 ] && ! grep -q '^FAILED' "$out/out/result" && grep -q '^all checks were run$' "$out/out/result"
