#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # `try` calls functions and expands words
# packaging_test.sh BUILD_DIR: checks the results of cmake --install, uninstall and cpack, without booting a system.
set -euo pipefail
build=$(CDPATH='' cd "${1:?usage: packaging_test.sh BUILD_DIR}" && pwd)
top=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# shellcheck source=tests/system/try.sh
. "$top/tests/system/try.sh"
has() { command -v "$1" >/dev/null || { echo "skipped $2: $1 is not installed"; false; }; }

installed=$out/installed
install() { DESTDIR=$installed cmake --install "$build" --prefix "$1"; }
uninstall() { DESTDIR=$installed cmake --build "$build" --target uninstall; }
left_are() { [ "$(find "$installed" ! -type d)" = "$1" ]; } # left_are FILES

for prefix in /usr/local /usr; do
  etc=$([ $prefix = /usr ] && echo /etc || echo $prefix/etc)
  try "cmake --install --prefix $prefix" install $prefix
  for file in sbin/tcpserver bin/tcpclient bin/tcpbacklog bin/tcpload share/man/man8/tcpserver.8 share/man/man1/tcpclient.1 \
    share/man/man1/tcpbacklog.1 share/man/man1/tcpload.1 share/man/man5/tcpserver-log.5 share/man/man5/tcpserver.conf.5 \
    share/man/man7/tcpserver-tour.7 \
    lib/systemd/system/tcpserver.service lib/systemd/system/tcpserver@.service \
    lib/systemd/system/tcpserver.socket share/bash-completion/completions/tcpserver share/zsh/site-functions/_tcpserver \
    share/fish/vendor_completions.d/tcpbacklog.fish; do
    try "has $prefix/$file" test -s "$installed$prefix/$file"
  done
  try "the unit starts the installed program" \
    grep -q "^ExecStart=\"$prefix/sbin/tcpserver\" --config \"$etc/tcpserver.conf\"" "$installed$prefix/lib/systemd/system/tcpserver.service"
  try "the units contain no placeholder" eval "! grep -nE '@[A-Z_]+@' '$installed$prefix'/lib/systemd/system/*"
  try "the configuration is in $etc" test -s "$installed$etc/tcpserver.conf"
  try "uninstall" uninstall
  try "no file remains" left_are ""
done
install /usr/local >/dev/null
echo '# mine' >>"$installed/usr/local/etc/tcpserver.conf"
try "a second installation succeeds" install /usr/local
try "it keeps a changed configuration" grep -q mine "$installed/usr/local/etc/tcpserver.conf"
try "uninstall" uninstall
try "uninstall keeps a changed configuration" left_are "$installed/usr/local/etc/tcpserver.conf"
rm -r "$installed"
install "/opt/a b" >/dev/null
install "/opt/a b" >/dev/null
try "the unit quotes a directory with a blank" \
  grep -q '^ExecStart="/opt/a b/sbin/tcpserver" --config "/opt/a b/etc/tcpserver.conf"' "$installed/opt/a b/lib/systemd/system/tcpserver.service"
try "uninstall works after two installations" uninstall
try "no file remains" left_are ""

# tests/layout/check_conf.sh checks that tcpserver.conf has all keys.
sed -E 's/^#([a-z])/\1/; s/^port = .*/port = 0/' "$top/src/packaging/tcpserver.conf" >"$out/all.conf"
starts() { { timeout 5 "$build/tcpserver" --config "$1" 2>&1 || [ $? = 124 ]; } | tee /dev/stderr | grep "listening on port"; }
try "the server accepts every default in tcpserver.conf" starts "$out/all.conf"

install /usr >/dev/null
units=$installed/usr/lib/systemd/system
if has systemd-analyze "the check of the units"; then
  sed -i "s|/usr/sbin/tcpserver|$build/tcpserver|" "$units"/*.service
  verified() { # ignores messages about other units
    systemd-analyze verify --man=no "$units/tcpserver.service" "$units/tcpserver@7.service" "$units/tcpserver.socket" >"$out/verify" 2>&1 || true
    ! grep -F "$units" "$out/verify" && ! grep -E '^tcpserver' "$out/verify"
  }
  try "systemd-analyze verify finds no error" verified
  try "the exposure is at most 1.2" systemd-analyze security --offline=true --threshold=12 "$units/tcpserver.service"
fi
uninstall >/dev/null

(cd "$build" && cpack -B "$out/packages") >"$out/cpack" 2>&1 || { cat "$out/cpack"; exit 1; }
try "cpack makes a Debian package" test -s "$out"/packages/tcpserver_*.deb
try "cpack makes an archive" test -s "$out"/packages/tcpserver-*.tar.gz
if has lintian "the check of the Debian policy"; then
  try "lintian finds no error and no warning" lintian --allow-root --fail-on error,warning "$out"/packages/*.deb
fi
mkdir "$out/unpacked"
tar -C "$out/unpacked" -xzf "$out"/packages/*.tar.gz
if [ "$(id -u)" != 0 ] || readelf --wide --segments "$build/tcpserver" | grep -q INTERP; then
  echo "skipped the server of the archive in an empty root: requires root and a static server"
else
  mkdir -p "$out/root/dev"
  cp "$out"/unpacked/tcpserver-*/usr/local/sbin/tcpserver "$out/root"
  try "the server of the archive runs in an empty root" chroot "$out/root" /tcpserver --version
fi
[ $failed = 0 ] && echo "all checks passed"
exit $failed
