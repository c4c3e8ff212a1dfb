# fish completion for govctl
# For this shell:  govctl completion fish | source
# For every shell: govctl completion fish > ~/.config/fish/completions/govctl.fish

function __govctl_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct | string unescape)
    set -l program $words[1]
    type -q -- $program; or set program govctl
    set -l answer ($program __complete $words[2..] "$word" 2>/dev/null </dev/null)
    switch "$answer[1]"
        case :files
            __fish_complete_path "$word"
        case :directories
            __fish_complete_directories "$word"
        case '*'
            printf '%s\n' $answer
    end
end

complete -c govctl -f -k -a '(__govctl_complete)'
