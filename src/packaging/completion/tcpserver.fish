# fish completion for tcpserver, tcpclient, tcpbacklog and tcpload; the file's name is the program's.
# Options and values come from the program's --help, where values are written as --mode fork|iterative.
set -l program (basename (status filename) .fish)
complete --command $program --no-files
set -l commands ''
if test $program = tcpbacklog
    set commands probe watch size
    complete --command $program --condition __fish_use_subcommand --arguments "$commands"
end
for command in $commands
    set -l run $program (string split --no-empty ' ' $command)
    for line in ($run --help 2>/dev/null </dev/null)
        set -l part (string match --regex '^  (-.|  )[, ] --([a-z-]+) ?([^ ]*)' -- $line); or continue
        set -l option --command $program --long-option $part[3]
        test $part[2] = '  '; or set -a option --short-option (string sub --start 2 -- $part[2])
        test -z $command; or set -a option --condition "__fish_seen_subcommand_from $command"
        switch $part[4]
            case ''
            case '*|*'
                set -a option --exclusive --arguments (string replace --regex '^N\|' '' $part[4] | string replace --all '|' ' ')
            case FILE DIR
                set -a option --require-parameter --force-files
            case 'USER*'
                set -a option --exclusive --arguments '(__fish_complete_users)'
            case '*'
                set -a option --exclusive
        end
        complete $option
    end
end
