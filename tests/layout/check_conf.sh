#!/usr/bin/env bash
# check_conf.sh CONF HELP: fails if tcpserver.conf does not have a line for each key in the help (the golden file), or if a
# line `#key = value` contradicts the default in the help.
set -euo pipefail
conf=${1:?usage: check_conf.sh CONF HELP}
help=${2:?usage: check_conf.sh CONF HELP}

# Prints each option, its help and its default on one line that begins with the key.
options=$(awk '/^  (-., |    )--/ { print text; text = "" } /^$/ { print text; text = "" } { sub(/^ +(-., )?(--)?/, ""); text = text $0 " " }' "$help" |
  grep -E '^[a-z-]+ ' | tr -s ' ')
diff <(cut -d ' ' -f 1 <<<"$options" | grep -vxE 'config|help|status|test|version' | sort) \
  <(sed -nE 's/^# ?([a-z-]+) = .*/\1/p' "$conf" | sort) || { echo "< only in the help, > only in $conf"; exit 1; }

sed -nE 's/^#([a-z-]+) = (.*)/\1 \2/p' "$conf" | while read -r key value; do
  case $key:$value in
    *:off | bind:0.0.0.0,::) continue ;; # the help has no default of a switch, and says "every address"
  esac
  grep -qE -- "^$key .*\(default $value\) $" <<<"$options" ||
    { echo "$conf: $key = $value is not the default in the help"; exit 1; }
done
