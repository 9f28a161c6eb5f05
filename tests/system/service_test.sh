#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # functions and words that `try` calls
# service_test.sh BUILD_DIR: the Debian package in a real, booted systemd (systemd-nspawn), from install to purge: booted.sh.
# The system is of this machine's own release. It is made once, and kept in TEST_SYSTEM (default:
# /var/cache/tcpserver-test-RELEASE). Status 77: cannot be tried here.
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
[ "$(id -u)" = 0 ] || cannot "booting a systemd takes root"
need systemd-nspawn debootstrap cpack dpkg-shlibdeps flock

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
share=$out/share
mkdir -p "$share" "$(dirname "$system")"
exec 9>"$system.lock"
flock 9
[ -d "$system" ] || echo "making a $release with systemd in $system, once, in about a minute"
make_debian "$release" "$system" --include=systemd,systemd-sysv,dbus,iproute2,procps || cannot "debootstrap could not make a system"
exec 9>&-

# The second release is for the upgrade.
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
  cannot "no systemd boots in a container here"
fi
cat "$out/out/result"
[ "$status" = 0 ] && ! grep -q '^FAILED' "$out/out/result" && grep -q '^all was tried$' "$out/out/result"
