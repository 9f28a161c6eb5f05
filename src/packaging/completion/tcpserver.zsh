#compdef tcpserver tcpclient tcpbacklog tcpload
# zsh completion. Options and values come from the program's --help, where values are written as --mode fork|iterative.
local line action
local -a specs command=($words[1]) match
if [[ ${words[1]:t} == tcpbacklog ]]; then
  if (( CURRENT == 2 )); then
    compadd -- probe watch size --help --version
    return
  fi
  command+=($words[2])
  shift words
  (( CURRENT-- ))
fi
for line in ${(f)"$($command --help 2>/dev/null </dev/null)"}; do
  [[ $line =~ '^  (-.|  )[, ] (--[a-z-]+) ?([^ ]*)' ]] || continue
  case $match[3] in
    '') action= ;;
    *'|'*) action=":value:(${${match[3]#N|}//|/ })" ;;
    FILE) action=':file:_files' ;;
    DIR) action=':directory:_files -/' ;;
    USER*) action=':user:_users' ;;
    *) action=":${match[3]}: " ;;
  esac
  [[ $match[1] == '  ' ]] || specs+=("$match[1]$action")
  specs+=("$match[2]$action")
done
_arguments -s $specs
