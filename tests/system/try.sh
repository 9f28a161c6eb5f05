# The tests of this directory source this. It prints a line for each check. They set `out`, a temporary directory.
# shellcheck shell=bash
failed=0
try() { # try WHAT COMMAND...: passes if the command succeeds; otherwise shows its output
  local what=$1
  shift
  if "$@" >"${out:?}/said" 2>&1; then
    echo "ok      $what"
  else
    echo "FAILED  $what: $*"
    cat "$out/said"
    # shellcheck disable=SC2034 # the test's exit status
    failed=1
  fi
}
eventually() { # eventually COMMAND...: repeats it until it succeeds, for at most 30 seconds
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
need() { # need COMMAND...
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null || cannot "$command is not installed"
  done
}
