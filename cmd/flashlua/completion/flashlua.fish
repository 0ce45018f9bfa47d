# fish completion for flashlua: flashlua completion fish | source
function __flashlua_words
	set -l words (commandline -opc)
	set -l cur (commandline -ct)
	$words "$cur" --generate-bash-completion 2>/dev/null
	and __fish_complete_path "$cur"
end
complete -c flashlua -f -a '(__flashlua_words)'
