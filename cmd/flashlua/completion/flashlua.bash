# bash completion for flashlua: source <(flashlua completion bash)
_flashlua() {
	local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT} words=() word gap i files found done
	# bash splits words at the characters of COMP_WORDBREAKS; flashlua takes them whole.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		gap=${line%%[![:blank:]]*}
		line=${line#"$gap"}
		word=${COMP_WORDS[i]}
		((i == COMP_CWORD)) && word=$line
		line=${line#"$word"}
		if ((i > 0)) && [[ -z $gap && -n $word ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	local cur=${words[-1]}
	found=$("${words[@]}" --generate-bash-completion 2>/dev/null)
	files=$?
	# What stands before the last break stays on the line.
	done=${cur%"${cur##*["$COMP_WORDBREAKS"]}"}
	COMPREPLY=()
	for word in $found; do
		[[ $word == "$cur"* ]] || continue
		COMPREPLY+=("${word#"$done"}")
		[[ $word == *[:=] ]] && compopt -o nospace 2>/dev/null
	done
	if ((files == 0)); then
		COMPREPLY+=($(compgen -f -- "${cur#"$done"}"))
		compopt -o filenames 2>/dev/null
	fi
}
complete -F _flashlua flashlua
