#compdef flashlua
# zsh completion for flashlua: source <(flashlua completion zsh)
_flashlua() {
	local -a found begun
	local files
	# flashlua gets the words before the cursor without their quotes, as the shell would give them.
	found=(${(f)"$(${${(Q)words[1,CURRENT-1]}/#\~\//$HOME/} "${words[CURRENT]}" --generate-bash-completion 2>/dev/null)"})
	files=$?
	# What ends in : or = is followed by more.
	begun=(${(M)found:#*[:=]})
	found=(${found:#*[:=]})
	compadd -S '' -a begun
	compadd -a found
	if (( files == 0 )); then
		compset -P '*='
		_files
	fi
}
if [[ ${funcstack[1]} == _flashlua ]]; then
	_flashlua "$@"
else
	compdef _flashlua flashlua
fi
