#compdef flashlua
# zsh completion for flashlua: source <(flashlua completion zsh)
_flashlua() {
	local -a words_now
	words_now=(${(f)"$(${words[1,CURRENT-1]} "${words[CURRENT]}" --generate-bash-completion 2>/dev/null)"})
	compadd -a words_now
	# Complete file names after the command's name, but not names of flags.
	if (( CURRENT > 2 )) && [[ ${words[CURRENT]} != -* ]]; then
		_files
	fi
}
if [[ ${funcstack[1]} == _flashlua ]]; then
	_flashlua "$@"
else
	compdef _flashlua flashlua
fi
