# shellcheck shell=bash
# Completion of tcpserver, tcpclient, tcpbacklog and tcpload in bash: source this file, or put it where bash looks for completions.
# The names of options are those that the program's own --help shows at that moment.

_tcpserver_words() { # _tcpserver_words PREFIX WORD...: those that begin so
  local prefix=$1 word
  shift
  for word in "$@"; do
    [[ $word != "$prefix"* ]] || COMPREPLY+=("$word")
  done
}

# The long options in the help of PROGRAM, or of its COMMAND.
_tcpserver_options() { # _tcpserver_options PROGRAM [COMMAND]
  local line
  while IFS= read -r line; do
    [[ ! $line =~ ^\ \ (-.,|\ \ \ )\ (--[a-z-]+) ]] || printf '%s\n' "${BASH_REMATCH[2]}"
  done < <("$@" --help 2>/dev/null </dev/null)
}

_tcpserver_complete() { # as complete -F calls it: PROGRAM CURRENT PREVIOUS
  local program=${1/#\~/$HOME} current=$2 previous=$3 name=${1##*/} line
  local -a command=() options=()
  COMPREPLY=()
  # The "=" of --option=value is a word of its own (COMP_WORDBREAKS).
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = && $COMP_CWORD -ge 2 ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi

  case $name:$previous in
    tcpserver:--mode | tcpserver:-m) _tcpserver_words "$current" fork iterative; return ;;
    tcpserver:--reap) _tcpserver_words "$current" handler none; return ;;
    tcpserver:--service | tcpserver:-s | tcpclient:--service | tcpload:--service)
      _tcpserver_words "$current" echo upper
      return
      ;;
    tcpserver:--overload) _tcpserver_words "$current" queue refuse; return ;;
    tcpserver:--sandbox) _tcpserver_words "$current" on off; return ;;
    tcpserver:--log) _tcpserver_words "$current" stderr syslog; return ;;
    tcpserver:--config | tcpserver:--pid-file)
      compopt -o filenames 2>/dev/null || true # fails where no completion is under way, as in the test
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
      return
      ;;
    tcpserver:--user)
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -u -- "$current")
      return
      ;;
  esac

  if [[ $name == tcpbacklog ]]; then
    if [[ $COMP_CWORD -eq 1 ]]; then
      _tcpserver_words "$current" probe watch size --help --version
      return
    fi
    command=("${COMP_WORDS[1]}")
  fi
  [[ $current == -* ]] || return 0
  while IFS= read -r line; do options+=("$line"); done < <(_tcpserver_options "$program" "${command[@]}")
  _tcpserver_words "$current" "${options[@]}"
}

complete -F _tcpserver_complete tcpserver tcpclient tcpbacklog tcpload
