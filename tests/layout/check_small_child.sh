#!/usr/bin/env bash
# check_small_child.sh PROGRAM [SECTION]: whether the code of small children is on one page, and goes nowhere else: they
# have neither the rest of the program nor its data. (SECTION is for the test of this test.)
set -euo pipefail
program=$1
section=${2:-small_child}

# "[13] small_child PROGBITS 00000000001d5000 1d5000 000538 00 AX 0 0 4096"
fields=$(readelf --wide --sections "$program" | sed -n 's/^ *\[ *[0-9]*\] *//p' | awk -v name="$section" '$1 == name')
[ -n "$fields" ] || { echo "$program has no section $section"; exit 1; }
read -r _ _ address _ size _ _ _ _ alignment <<<"$fields"
begin=$((16#$address))
end=$((begin + 16#$size))

problems=0
complain() {
  echo "$section: $*"
  problems=1
}
[ "$alignment" = 4096 ] || complain "begins in the middle of a page: aligned to $alignment"
((end - begin <= 4096)) || complain "$((end - begin)) bytes: more than a page"

while read -r line; do
  case $line in
    *'(%rip)'* | *%fs:* | *%gs:*) complain "data from elsewhere: $line" ;;
  esac
  # "1d5054:  jne  1d519f <tcpserver_live_as_small_child+0x19f>"
  if [[ $line =~ ^[0-9a-f]+:[[:space:]]+(call|j[a-z]+)[[:space:]]+([0-9a-f]+)\ \< ]]; then
    target=$((16#${BASH_REMATCH[2]}))
    ((target >= begin && target < end)) || complain "code from elsewhere: $line"
  fi
  case $line in
    *call*'*'* | *jmp*'*'*) complain "code that only a run can tell: $line" ;;
  esac
done < <(objdump --disassemble --no-show-raw-insn --section="$section" "$program" |
  sed -nE 's/^\s+([0-9a-f]+:)/\1/p' | grep -E '%rip|%[fg]s:|call|[^a-z]j[a-z]+ ' | head -n 2000)
exit $problems
