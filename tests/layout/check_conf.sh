#!/usr/bin/env bash
# check_conf.sh CONF TCPSERVER: fails if tcpserver.conf does not list every option of the program with its true default.
# `#key = value` is a default, `# key = value` an example for an option without one.
set -euo pipefail
conf=${1:?usage: check_conf.sh CONF TCPSERVER}
program=${2:?usage: check_conf.sh CONF TCPSERVER}

diff <(env -i "$program" --test | sed 's/  (default)$//' | sort) <(sed -n 's/^#\([a-z-]* = \)/\1/p' "$conf" | sort) ||
  { echo "< default of the program, > default in $conf"; exit 1; }
diff <("$program" --help | grep -oE '^  (-., |    )--[a-z-]+' | sed 's/.*--//' | grep -vxE 'config|help|status|test|version' | sort) \
  <(sed -nE 's/^# ?([a-z-]+) = .*/\1/p' "$conf" | sort) || { echo "< only in the help, > only in $conf"; exit 1; }
