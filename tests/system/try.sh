# Sourced by the tests of this folder: prints a line for each thing that is tried. They set `out`, a folder of their own.
# shellcheck shell=bash
failed=0
try() { # WHAT COMMAND...: holds where the command succeeds; what it says is shown where it does not
  local what=$1
  shift
  if "$@" >"${out:?}/said" 2>&1; then
    echo "ok      $what"
  else
    echo "FAILED  $what: $*"
    cat "$out/said"
    # shellcheck disable=SC2034 # who sources this ends with it
    failed=1
  fi
}

eventually() { # COMMAND...: within 30 seconds
  for _ in {1..300}; do
    if "$@"; then return; fi
    sleep 0.1
  done
  return 1
}
cannot() {
  echo "skipped: $*"
  exit 77
}
