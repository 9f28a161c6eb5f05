#!/usr/bin/env bash
# check_small_child.sh PROGRAM [SECTION]: fails if the code of small children is not on one page, or uses code or data on
# other pages, which small children do not have. (SECTION is for check_small_child_test.sh.)
set -euo pipefail
program=$1
section=${2:-small_child}
problems=0
complain() {
  echo "$section: $*"
  problems=1
}

# "[13] small_child PROGBITS 00000000001d5000 1d5000 000538 00 AX 0 0 4096"
fields=$(readelf --wide --sections "$program" | sed -n 's/^ *\[ *[0-9]*\] *//p' | awk -v name="$section" '$1 == name')
[ -n "$fields" ] || { echo "$program has no section $section"; exit 1; }
read -r _ _ address _ size _ _ _ _ alignment <<<"$fields"
begin=$((16#$address))
end=$((begin + 16#$size))

[ "$alignment" = 4096 ] || complain "does not begin at a page: aligned to $alignment"
((end - begin <= 4096)) || complain "larger than a page: $((end - begin)) bytes"

while read -r line; do
  case $line in
    *'(%rip)'* | *%fs:* | *%gs:*) complain "uses data of another page: $line" ;;&
    *call*'*'* | *jmp*'*'*) complain "jumps to an address in a register: $line" ;;
  esac
  # "1d5054:  jne  1d519f <tcpserver_live_as_small_child+0x19f>"
  if [[ $line =~ ^[0-9a-f]+:[[:space:]]+(call|j[a-z]+)[[:space:]]+([0-9a-f]+)\ \< ]]; then
    target=$((16#${BASH_REMATCH[2]}))
    ((target >= begin && target < end)) || complain "jumps to another page: $line"
  fi
done < <(objdump --disassemble --no-show-raw-insn --section="$section" "$program" |
  sed -nE 's/^\s+([0-9a-f]+:)/\1/p' | grep -E '%rip|%[fg]s:|call|[^a-z]j[a-z]+ ' | head -n 2000)
exit $problems
