# bash completion for flashlua: source <(flashlua completion bash)
_flashlua() {
	local cur=${COMP_WORDS[COMP_CWORD]} IFS=$'\n'
	COMPREPLY=($(compgen -W "$("${COMP_WORDS[@]:0:COMP_CWORD}" "$cur" --generate-bash-completion 2>/dev/null)" -- "$cur"))
	# Complete file names after the command's name, but not names of flags.
	if [[ $COMP_CWORD -gt 1 && $cur != -* ]]; then
		COMPREPLY+=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
	fi
}
complete -F _flashlua flashlua
