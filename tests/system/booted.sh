#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # functions and words that `try` calls
# Runs inside the system that service_test.sh boots.
set -uo pipefail

out=/tmp
# shellcheck source=tests/system/try.sh
. "$(dirname "$0")/try.sh"
property() { systemctl show -P "$1" "${2:-tcpserver.service}"; }
property_is() { [ "$(property "$1")" = "$2" ]; }
status_has() { [[ $(property StatusText) == *"$1"* ]]; }
echoes() { [ "$(tcpclient --message "$1" --timeout 10s "${2:-127.0.0.1}" "${3:-54321}" 2>&1)" = "$1" ]; }
logged() { journalctl -u tcpserver -o cat --no-pager "${@:2}" | grep -qF -- "$1"; } # logged TEXT [OPTION of journalctl]...
main_status() { sed -n "s/^$1:\t*//p" "/proc/$(property MainPID "${2:-tcpserver.service}")/status"; } # main_status FIELD [UNIT]
configure_unit() { # configure_unit LINE...: of its drop-in file
  mkdir -p /etc/systemd/system/tcpserver.service.d
  printf '%s\n' "$@" >/etc/systemd/system/tcpserver.service.d/test.conf
  systemctl daemon-reload
}
# A session that is open until release.
hold_one() {
  tcpclient 127.0.0.1 </tmp/words >/tmp/held &
  held=$!
  exec 8>/tmp/words
}
release() {
  echo held >&8
  exec 8>&-
  wait "$held"
}
mkfifo /tmp/words
# What a package could leave behind.
all_files() { find /etc /usr /lib /var/lib /run/systemd/system ! -path '/var/lib/dpkg/*' ! -path '/var/lib/systemd/*' ! -path '/var/lib/apt/*' 2>/dev/null | sort; }

all_files >/tmp/before
echo "--- installed"
try "the package installs" dpkg -i /share/tcpserver_*-1_*.deb
try "the service is enabled" systemctl --quiet is-enabled tcpserver
try "it runs" systemctl --quiet is-active tcpserver
try "and echoes by IPv4" echoes hello
try "and by IPv6" echoes six ::1
try "its state is told" eventually status_has "0 of 1000 sessions open, 2 accepted, 0 refused; queue 0 of "
hold_one
try "with a session that is open" eventually status_has "1 of 1000 sessions open, 3 accepted"
shows_session() { tcpserver --status | grep -q "^ *$(pgrep -P "$(property MainPID)") .*127\.0\.0\.1:54321 .*ESTABLISHED$"; }
try "which --status shows" shows_session
try "the pages are there" test -s /usr/share/man/man8/tcpserver.8.gz

echo "--- the unit's protection"
uid=$(main_status Uid | cut -f 1)
try "it is a dynamic user ($uid)" test "$uid" -ge 61184 -a "$uid" -le 65519
try "without capabilities" test "$(main_status CapPrm)$(main_status CapBnd)" = 00000000000000000000000000000000
try "that can get no new ones" test "$(main_status NoNewPrivs)" = 1
child=$(pgrep -P "$(property MainPID)")
try "its child is under more filters than it" test "$(sed -n 's/^Seccomp_filters:\t//p' "/proc/$child/status")" -gt "$(main_status Seccomp_filters)"
try "nothing was refused to it" eval '! logged "cannot"'
release
try "and the session ends as it should" test "$(cat /tmp/held)" = held

echo "--- figures"
configure_unit '[Service]' RuntimeDirectory=tcpserver Environment=TCPSERVER_METRICS_FILE=/run/tcpserver/tcpserver.prom
try "a restart with --metrics-file" systemctl restart tcpserver
try "echoes" echoes counted
figures() { grep -qx "$1" /run/tcpserver/tcpserver.prom; }
try "the figures come by themselves" eventually figures 'tcpserver_sessions_ended_total{reason="client_closed"} 1'
try "for everybody to read" test "$(stat -L -c %a /run/tcpserver/tcpserver.prom)" = 644
configure_unit ''
systemctl restart tcpserver

echo "--- reload"
hold_one
try "with a session that is open" eventually status_has "1 of 1000 sessions open"
echo 'max-connections = 5' >>/etc/tcpserver.conf
try "systemctl reload" systemctl reload tcpserver
try "puts the configuration in force" eventually status_has "1 of 5 sessions open"
echo 'max-conections = 6' >>/etc/tcpserver.conf
try "a reload with an error" systemctl reload tcpserver
try "says which line" eventually logged "/etc/tcpserver.conf line"
try "as a warning" logged "/etc/tcpserver.conf line" -p warning
try "which the ordinary lines are not" eval '! logged "backlog " -p warning'
try "and in the status" eventually status_has "the configuration has an error"
try "changes nothing" systemctl --quiet is-active tcpserver
sed -i '$d' /etc/tcpserver.conf
echo 'TCPSERVER_MAX_CONNECTIONS=7' >/etc/default/tcpserver
release
try "and cut no session" test "$(cat /tmp/held)" = held

echo "--- stop and restart"
# The status is sent once per second: the one of the last session must be gone.
try "no session is open" eventually status_has "0 of 5 sessions open"
tcpclient --delay 2s --message drained 127.0.0.1 >/tmp/drained &
held=$!
eventually status_has "1 of 5 sessions open"
try "a stop with a session open" systemctl stop tcpserver
wait "$held"
try "lets it finish" test "$(cat /tmp/drained)" = drained
try "and is a success" property_is Result success
systemctl start tcpserver
try "the environment file beats the configuration" eventually status_has "of 7 sessions open"
kill -9 "$(property MainPID)"
try "a server that is killed" eventually property_is NRestarts 1
try "is started anew" eventually echoes again

echo "--- starts that fail"
echo 'no option' >>/etc/tcpserver.conf
try "a restart with an error in the configuration" eval '! systemctl restart tcpserver 2>/dev/null'
try "is tried once" property_is NRestarts 0
sed -i '$d' /etc/tcpserver.conf
tcpserver --port 54321 --bind 127.0.0.1 >/tmp/other 2>&1 &
other=$!
eventually grep -qs listening /tmp/other
systemctl start tcpserver 2>/dev/null
eventually property_is NRestarts 1
kill $other
try "a port that is taken for a moment is waited for" eventually echoes free

echo "--- watchdog"
configure_unit '[Unit]' StartLimitIntervalSec=0 '[Service]' WatchdogSec=1s
systemctl restart tcpserver
first=$(property MainPID)
sleep 3
restarts=$(property NRestarts)
try "a server that lives stays for three times the watchdog's time" property_is MainPID "$first"
kill -STOP "$first"
try "one that hangs" eventually property_is NRestarts "$((restarts + 1))"
try "is replaced" eventually echoes awake
try "after the watchdog's word" logged "Watchdog timeout"

echo "--- on demand"
systemctl disable --now tcpserver 2>/dev/null
echo 'TCPSERVER_VERBOSE=on' >>/etc/default/tcpserver
try "the socket unit starts" systemctl enable --now tcpserver.socket
try "without the server" property_is ActiveState inactive
try "which its first client starts" echoes first
try "and which runs then" property_is ActiveState active
try "and takes IPv6 too" echoes second ::1
try "with IPv4 peers named as such" logged " peer=127.0.0.1:"
requests=0
(for _ in {1..30}; do systemctl restart tcpserver && echo; done | wc -l >/tmp/restarts) &
restarting=$!
while [ "$requests" -lt 300 ] || kill -0 $restarting 2>/dev/null; do
  requests=$((requests + 1))
  echoes "request $requests" || echo "$requests" >>/tmp/lost
done
try "30 restarts" test "$(cat /tmp/restarts)" = 30
try "lose none of $requests requests" test ! -s /tmp/lost
systemctl disable --now tcpserver.socket tcpserver 2>/dev/null

echo "--- an instance for a port"
try "tcpserver@7" systemctl --quiet enable --now tcpserver@7
try "listens below 1024" echoes seven 127.0.0.1 7
try "by a capability that it has dropped" test "$(main_status CapPrm tcpserver@7.service)" = 0000000000000000
systemctl stop tcpserver@7

echo "--- the classic daemon"
try "--daemonize returns" tcpserver --daemonize --port 5000 --pid-file /run/t.pid --user nobody:nogroup
try "when it echoes" echoes classic 127.0.0.1 5000
pid=$(cat /run/t.pid)
try "as nobody" test "$(stat -c %U "/proc/$pid")" = nobody
kill "$pid"
from_daemon() { journalctl -o json --no-pager _PID="$pid" | grep -F "$1" | grep -qF '"SYSLOG_IDENTIFIER":"tcpserver"'; }
try "its log is the system's" eventually from_daemon "stopped: 0 of 1000 sessions open, 1 accepted"

echo "--- upgrade, remove, purge"
systemctl enable --now tcpserver 2>/dev/null
first=$(property MainPID)
try "an upgrade" dpkg -i /share/tcpserver_*-2_*.deb
try "starts the new program" eval '[ "$(property MainPID)" != "$first" ] && echoes upgraded'
try "and keeps a changed configuration" grep -q '^max-connections = 5$' /etc/tcpserver.conf
systemctl disable --now tcpserver 2>/dev/null
try "a second upgrade" dpkg -i /share/tcpserver_*-2_*.deb
try "leaves a service that was switched off as it is" eval '! systemctl --quiet is-active tcpserver && ! systemctl --quiet is-enabled tcpserver'
systemctl enable --now tcpserver 2>/dev/null
try "removed" dpkg -r tcpserver
try "it runs no more" eval '! pgrep -x tcpserver'
try "and its configuration stays" test -e /etc/tcpserver.conf
rm -r /etc/systemd/system/tcpserver.service.d /etc/default/tcpserver
try "purged" dpkg -P tcpserver
all_files >/tmp/after
try "it has left nothing" diff /tmp/before /tmp/after

echo "all was tried"
exit $failed
