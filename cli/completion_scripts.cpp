// What the shells load. Each asks `govctl __complete` with the words before the cursor and the one at it.

#include "cli/completion.h"

namespace govctl::cli {
namespace {

constexpr std::string_view bash_script = R"script(# bash completion for govctl
# For this shell:  source <(govctl completion bash)
# For every shell: govctl completion bash > ~/.local/share/bash-completion/completions/govctl

_govctl() {
  local LC_ALL=C
  local program=${1/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT} words=() word kept answer i
  type -P "$program" >/dev/null || program=govctl

  # Readline splits at ':' and '=' too; what no blank separates is one word to govctl.
  for ((i = 0; i < COMP_CWORD; i++)); do
    word=${line#"${line%%[![:space:]]*}"}
    if [[ i -gt 0 && $word == "$line" ]]; then
      words[${#words[@]} - 1]+=${COMP_WORDS[i]}
    else
      words+=("${COMP_WORDS[i]}")
    fi
    line=${word#"${COMP_WORDS[i]}"}
  done
  word=${line#"${line%%[![:space:]]*}"}
  if [[ $word == "$line" && ${#words[@]} -gt 1 ]]; then
    i=$((${#words[@]} - 1))
    word=${words[i]}$word
    unset "words[i]"
  fi
  word=${word#[\"\']}

  COMPREPLY=()
  mapfile -t answer < <("$program" __complete "${words[@]:1}" "$word" 2>/dev/null </dev/null)
  # Readline replaces only what stands behind the last of its own breaks.
  kept=
  [[ $COMP_WORDBREAKS == *[:=]* ]] && kept=${word%"${word##*[:=]}"}
  case ${answer[0]-} in
    :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "${word#"$kept"}") ;;
    :directories) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "${word#"$kept"}") ;;
    *)
      for i in "${answer[@]%%$'\t'*}"; do
        i=${i#"$kept"}
        # A name is data: what the shell would act on is quoted.
        [[ $i == *[!a-zA-Z0-9_./:=@%+,-]* ]] && printf -v i %q "$i"
        COMPREPLY+=("$i")
      done
      [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
      ;;
  esac
  return 0
}

complete -F _govctl govctl
)script";

constexpr std::string_view zsh_script = R"script(#compdef govctl
# zsh completion for govctl
# For this shell:  source <(govctl completion zsh)
# For every shell: govctl completion zsh > "${fpath[1]}/_govctl"

_govctl() {
  local program=${(Q)words[1]} answer each doc
  local -a lines plain open plain_docs open_docs
  (( $+commands[$program] )) || [[ -x ${program/#\~/$HOME} ]] || program=govctl
  answer=$(${program/#\~/$HOME} __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)
  lines=("${(@f)answer}")
  case ${lines[1]} in
    :files) _files; return ;;
    :directories) _files -/; return ;;
  esac
  for each in $lines; do
    doc=${each#*$'\t'}
    each=${each%%$'\t'*}
    [[ -n $each ]] || continue
    if [[ $each == */ ]]; then
      open+=("${each//:/\\:}:$doc")
    else
      plain+=("${each//:/\\:}:$doc")
    fi
  done
  (( $#open )) && _describe -t govctl govctl open -S ''
  (( $#plain )) && _describe -t govctl govctl plain
  return 0
}

# Loaded by the completion system it is called at once; sourced it only registers itself.
if [[ ${funcstack[1]} == _govctl ]]; then
  _govctl "$@"
else
  compdef _govctl govctl
fi
)script";

constexpr std::string_view fish_script = R"script(# fish completion for govctl
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
)script";

}  // namespace

std::string_view completion_script(std::string_view shell) {
  return shell == "zsh" ? zsh_script : shell == "fish" ? fish_script : bash_script;
}

}  // namespace govctl::cli
