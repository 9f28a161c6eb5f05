#!/usr/bin/env bash
# Checks that check_hardening.sh reports every missing option of an unprotected program.
set -euo pipefail
here=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo 'int main() { return 0; }' >weak.cpp
"${CXX:-c++}" -O1 -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE -c weak.cpp
ar rcs libweak.a weak.o
"${CXX:-c++}" -no-pie -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack weak.o -o weak
if "$here/check_hardening.sh" "$work/weak" "$work/libweak.a" >report; then
  echo 'an unprotected program passes'
  exit 1
fi
[ "$(wc -l <report)" = 6 ] || { echo 'not all missing options are reported:'; cat report; exit 1; }
