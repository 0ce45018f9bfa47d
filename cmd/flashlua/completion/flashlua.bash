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
	# flashlua gets the words before the cursor without their quotes, as the shell would give them.
	for ((i = 0; i < ${#words[@]} - 1; i++)); do
		case ${words[i]} in
		\'*\') words[i]=${words[i]//\'/} ;;
		\"*\") words[i]=${words[i]//\"/} ;;
		\~/*) words[i]=$HOME/${words[i]:2} ;;&
		*) words[i]=${words[i]//\\/} ;;
		esac
	done
	found=$("${words[@]}" --generate-bash-completion 2>/dev/null)
	files=$?
	# What stands before the last break stays on the line.
	done=${cur%"${cur##*["$COMP_WORDBREAKS"]}"}
	COMPREPLY=()
	while read -r word; do
		[[ -n $word && $word == "$cur"* ]] || continue
		COMPREPLY+=("${word#"$done"}")
		[[ $word == *[:=] ]] && compopt -o nospace 2>/dev/null
	done <<<"$found"
	if ((files == 0)); then
		while read -r word; do
			[[ -n $word ]] && COMPREPLY+=("$word")
		done < <(compgen -f -- "${cur#"$done"}")
		compopt -o filenames 2>/dev/null
	fi
}
complete -F _flashlua flashlua
