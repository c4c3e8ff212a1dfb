# bash completion for govctl
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
