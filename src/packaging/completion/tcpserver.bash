# shellcheck shell=bash
# bash completion for tcpserver, tcpclient, tcpbacklog and tcpload.
# Options and values come from the program's --help, where values are written as --mode fork|iterative.

# _tcpserver_add PREFIX WORD...: offers the words that begin with PREFIX.
_tcpserver_add() {
  local prefix=$1 word
  shift
  for word in "$@"; do
    [[ $word != "$prefix"* ]] || COMPREPLY+=("$word")
  done
}

# bash calls this with PROGRAM CURRENT PREVIOUS.
_tcpserver_complete() {
  local program=${1/#\~/$HOME} current=$2 previous=$3 line metavar=''
  local -a options=()
  COMPREPLY=()
  # "=" is a word of its own in --option=value, because COMP_WORDBREAKS has it.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = && $COMP_CWORD -ge 2 ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  set -- "$program"
  if [[ ${program##*/} == tcpbacklog ]]; then
    if [[ $COMP_CWORD -eq 1 ]]; then
      _tcpserver_add "$current" probe watch size --help --version
      return
    fi
    set -- "$program" "${COMP_WORDS[1]}"
  fi

  while IFS= read -r line; do
    [[ $line =~ ^\ \ (-.|\ \ )[,\ ]\ (--[a-z-]+)\ ?([^ ]*) ]] || continue
    options+=("${BASH_REMATCH[2]}")
    [[ $previous != "${BASH_REMATCH[1]}" && $previous != "${BASH_REMATCH[2]}" ]] || metavar=${BASH_REMATCH[3]}
  done < <("$@" --help 2>/dev/null </dev/null)

  case $metavar in
    '') [[ $current != -* ]] || _tcpserver_add "$current" "${options[@]}" ;;
    *'|'*)
      metavar=${metavar#N|} # a number or a word
      # shellcheck disable=SC2086 # one word per value
      _tcpserver_add "$current" ${metavar//|/ }
      ;;
    FILE | DIR)
      compopt -o filenames 2>/dev/null || true # fails outside a completion, as in the test
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
      ;;
    USER*)
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -u -- "$current")
      ;;
  esac
}

complete -F _tcpserver_complete tcpserver tcpclient tcpbacklog tcpload
