#!/usr/bin/env bash
# check_hardening.sh must be able to fail: a program without any protection fails in every point.
set -euo pipefail
here=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo 'int main() { return 0; }' >soft.cpp
"${CXX:-c++}" -O1 -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE -c soft.cpp
ar rcs libsoft.a soft.o
"${CXX:-c++}" -no-pie -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack soft.o -o soft
if "$here/check_hardening.sh" "$work/soft" "$work/libsoft.a" >said; then
  echo 'a program without any protection passes'
  exit 1
fi
[ "$(wc -l <said)" = 6 ] || { echo 'not every point is found:'; cat said; exit 1; }
