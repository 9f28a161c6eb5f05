#!/usr/bin/env bash
# check_hardening.sh PROGRAM LIBRARY: whether this program was linked, and what it is made of compiled, with all that makes
# a fault hard to exploit. LIBRARY is one of our own static libraries, for a static program has libc's checks in any case.
set -euo pipefail
program=$1
library=$2
elf=$(readelf --wide --segments --dynamic "$program")
calls=$(nm --undefined-only "$library" 2>/dev/null)

problems=0
shows() { # shows TEXT PATTERN WHAT
  grep -Eq "$2" <<<"$1" && return
  echo "$program is not $3"
  problems=1
}

shows "$elf" 'FLAGS_1.* PIE' 'position-independent (PIE): its addresses are the same in each run'
shows "$elf" '^ *GNU_RELRO' 'read-only after relocation (RELRO)'
shows "$elf" 'FLAGS_1.* NOW' 'bound at the start (-z now): without it RELRO is partial'
shows "$elf" 'GNU_STACK.* RW ' 'safe from code on its stack: the stack is executable'
shows "$calls" '__stack_chk_fail' 'compiled with the stack protector'
shows "$calls" '_chk$' 'compiled with _FORTIFY_SOURCE'
exit $problems
