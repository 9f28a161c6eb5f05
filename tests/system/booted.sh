#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2317 # `try` calls functions and expands words
# service_test.sh runs this inside the system that it boots.
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
configure_unit() { # configure_unit LINE...: writes its drop-in file
  mkdir -p /etc/systemd/system/tcpserver.service.d
  printf '%s\n' "$@" >/etc/systemd/system/tcpserver.service.d/test.conf
  systemctl daemon-reload
}
# hold_one opens a session; release ends it.
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
# all_files lists everything that a package could leave behind.
all_files() { find /etc /usr /lib /var/lib /run/systemd/system ! -path '/var/lib/dpkg/*' ! -path '/var/lib/systemd/*' ! -path '/var/lib/apt/*' 2>/dev/null | sort; }

all_files >/tmp/before
echo "--- installed"
try "the package installs" dpkg -i /share/tcpserver_*-1_*.deb
try "the service is enabled" systemctl --quiet is-enabled tcpserver
try "the service is active" systemctl --quiet is-active tcpserver
try "it echoes over IPv4" echoes hello
try "it echoes over IPv6" echoes six ::1
try "the status text shows the counters" eventually status_has "0 of 1000 sessions open, 2 accepted"
hold_one
try "the status text shows the open session" eventually status_has "1 of 1000 sessions open, 3 accepted"
shows_session() { tcpserver --status | grep -q "^ *$(pgrep -P "$(property MainPID)") .*127\.0\.0\.1:.*ESTABLISHED$"; }
try "--status shows the session" shows_session
try "the manual page is installed" test -s /usr/share/man/man8/tcpserver.8.gz

echo "--- the unit's protection"
uid=$(main_status Uid | cut -f 1)
try "the server runs as a dynamic user ($uid)" test "$uid" -ge 61184 -a "$uid" -le 65519
try "it has no capabilities" test "$(main_status CapPrm)$(main_status CapBnd)" = 00000000000000000000000000000000
try "it cannot gain privileges" test "$(main_status NoNewPrivs)" = 1
child=$(pgrep -P "$(property MainPID)")
try "its child has more seccomp filters" test "$(sed -n 's/^Seccomp_filters:\t//p' "/proc/$child/status")" -gt "$(main_status Seccomp_filters)"
try "no system call failed" eval '! logged "cannot"'
release
try "the session ends normally" test "$(cat /tmp/held)" = held

echo "--- metrics"
configure_unit '[Service]' RuntimeDirectory=tcpserver Environment=TCPSERVER_METRICS_FILE=/run/tcpserver/tcpserver.prom
try "the service restarts with --metrics-file" systemctl restart tcpserver
try "it echoes" echoes counted
metrics_have() { grep -qx "$1" /run/tcpserver/tcpserver.prom; }
try "it writes the metrics" eventually metrics_have 'tcpserver_sessions_ended_total{reason="client_closed"} 1'
try "the metrics are readable by all users" test "$(stat -L -c %a /run/tcpserver/tcpserver.prom)" = 644
configure_unit ''
systemctl restart tcpserver

echo "--- reload"
hold_one
try "a session is open" eventually status_has "1 of 1000 sessions open"
echo 'max-connections = 5' >>/etc/tcpserver.conf
try "systemctl reload succeeds" systemctl reload tcpserver
try "the new limit is in effect" eventually status_has "1 of 5 sessions open"
echo 'max-conections = 6' >>/etc/tcpserver.conf
first=$(property MainPID)
try "a reload with a bad file fails" eval '! systemctl reload tcpserver 2>/dev/null'
try "the journal names the line" eventually logged "/etc/tcpserver.conf line"
try "it suggests the right name" logged "max-connections"
try "the server goes on" property_is MainPID "$first"
try "it still echoes" echoes on
try "it keeps the old configuration" status_has "of 5 sessions open"
try "ordinary lines are not warnings" eval 'logged 4096 && ! logged 4096 -p warning'
sed -i '$d' /etc/tcpserver.conf
echo 'TCPSERVER_MAX_CONNECTIONS=7' >/etc/default/tcpserver
release
try "the open session was not interrupted" test "$(cat /tmp/held)" = held

echo "--- stop and restart"
# The status is sent once per second. Wait for the one after the last session.
try "no session is open" eventually status_has "0 of 5 sessions open"
tcpclient --delay 2s --message drained 127.0.0.1 >/tmp/drained &
held=$!
eventually status_has "1 of 5 sessions open"
try "the service stops with an open session" systemctl stop tcpserver
wait "$held"
try "the session finished" test "$(cat /tmp/drained)" = drained
try "the stop was a success" property_is Result success
systemctl start tcpserver
try "the environment file overrides the configuration" eventually status_has "of 7 sessions open"
kill -9 "$(property MainPID)"
try "systemd restarts a killed server" eventually property_is NRestarts 1
try "it echoes again" eventually echoes again

echo "--- failing starts"
echo 'no option' >>/etc/tcpserver.conf
try "a restart with a bad configuration fails" eval '! systemctl restart tcpserver 2>/dev/null'
try "the start is not retried" property_is ActiveState failed
sed -i '$d' /etc/tcpserver.conf
tcpserver --port 54321 --bind 127.0.0.1 >/tmp/other 2>&1 &
other=$!
eventually grep -qs listening /tmp/other
systemctl start tcpserver 2>/dev/null
eventually property_is NRestarts 1
kill $other
try "the service starts once the port is free" eventually echoes free

echo "--- watchdog"
configure_unit '[Unit]' StartLimitIntervalSec=0 '[Service]' WatchdogSec=1s
systemctl restart tcpserver
first=$(property MainPID)
sleep 3
restarts=$(property NRestarts)
try "a healthy server runs three times longer than the watchdog interval" property_is MainPID "$first"
kill -STOP "$first"
try "systemd restarts a hanging server" eventually property_is NRestarts "$((restarts + 1))"
try "the new server echoes" eventually echoes awake
try "the watchdog was the reason" logged "Watchdog timeout"

echo "--- socket activation"
systemctl disable --now tcpserver 2>/dev/null
echo 'TCPSERVER_VERBOSE=on' >>/etc/default/tcpserver
try "the socket unit starts" systemctl enable --now tcpserver.socket
try "the server is not running" property_is ActiveState inactive
try "the first client starts the server" echoes first
try "the service is active" property_is ActiveState active
try "it accepts IPv6" echoes second ::1
try "IPv4 peers have IPv4 addresses" logged " peer=127.0.0.1:"
requests=0
(for _ in {1..30}; do systemctl restart tcpserver && echo; done | wc -l >/tmp/restarts) &
restarting=$!
while [ "$requests" -lt 300 ] || kill -0 $restarting 2>/dev/null; do
  requests=$((requests + 1))
  echoes "request $requests" || echo "$requests" >>/tmp/lost
done
try "30 restarts succeed" test "$(cat /tmp/restarts)" = 30
try "none of $requests requests was lost" test ! -s /tmp/lost
systemctl disable --now tcpserver.socket tcpserver 2>/dev/null

echo "--- instance for a port"
try "tcpserver@7 starts" systemctl --quiet enable --now tcpserver@7
try "it listens below 1024" echoes seven 127.0.0.1 7
try "it has dropped its capability" test "$(main_status CapPrm tcpserver@7.service)" = 0000000000000000
systemctl stop tcpserver@7

echo "--- classic daemon"
try "--daemonize returns" tcpserver --daemonize --port 5000 --pid-file /run/t.pid --user nobody:nogroup
try "the daemon echoes" echoes classic 127.0.0.1 5000
pid=$(cat /run/t.pid)
try "it runs as nobody" test "$(stat -c %U "/proc/$pid")" = nobody
kill "$pid"
from_daemon() { journalctl -o json --no-pager _PID="$pid" | grep -F "$1" | grep -qF '"SYSLOG_IDENTIFIER":"tcpserver"'; }
try "it logs to syslog" eventually from_daemon "stopped: 1 accepted"

echo "--- upgrade, remove, purge"
systemctl enable --now tcpserver 2>/dev/null
first=$(property MainPID)
try "an upgrade succeeds" dpkg -i /share/tcpserver_*-2_*.deb
try "it starts the new program" eval '[ "$(property MainPID)" != "$first" ] && echoes upgraded'
try "it keeps a changed configuration" grep -q '^max-connections = 5$' /etc/tcpserver.conf
systemctl disable --now tcpserver 2>/dev/null
try "a second upgrade succeeds" dpkg -i /share/tcpserver_*-2_*.deb
try "it does not start or enable a disabled service" eval '! systemctl --quiet is-active tcpserver && ! systemctl --quiet is-enabled tcpserver'
systemctl enable --now tcpserver 2>/dev/null
try "dpkg removes the package" dpkg -r tcpserver
try "the server has stopped" eval '! pgrep -x tcpserver'
try "the configuration remains" test -e /etc/tcpserver.conf
rm -r /etc/systemd/system/tcpserver.service.d /etc/default/tcpserver
try "dpkg purges the package" dpkg -P tcpserver
all_files >/tmp/after
try "no file remains" diff /tmp/before /tmp/after

echo "all checks were run"
exit $failed
