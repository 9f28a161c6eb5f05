#!/usr/bin/env bash
# check_hardening.sh PROGRAM LIBRARY: fails if PROGRAM was linked, or LIBRARY compiled, without hardening options.
# LIBRARY is one of our static libraries. The program itself may contain checks of a static libc.
set -euo pipefail
program=$1
library=$2
elf=$(readelf --wide --segments --dynamic "$program")
calls=$(nm --undefined-only "$library" 2>/dev/null)

problems=0
shows() { # shows TEXT PATTERN PROPERTY
  grep -Eq "$2" <<<"$1" && return
  echo "$program is not $3"
  problems=1
}

shows "$elf" 'FLAGS_1.* PIE' 'position-independent (PIE)'
shows "$elf" '^ *GNU_RELRO' 'read-only after relocation (RELRO)'
shows "$elf" 'FLAGS_1.* NOW' 'bound at start-up (-z now)'
shows "$elf" 'GNU_STACK.* RW ' 'without an executable stack'
shows "$calls" '__stack_chk_fail' 'compiled with the stack protector'
shows "$calls" '_chk$' 'compiled with _FORTIFY_SOURCE'
exit $problems
