# fish completion for flashlua: flashlua completion fish | source
function __flashlua_words
	set -l words (commandline -opc)
	set -l cur (commandline -ct)
	$words "$cur" --generate-bash-completion 2>/dev/null
end
# Complete file names only after the command's name.
complete -c flashlua -n 'test (count (commandline -opc)) -lt 2' -f
complete -c flashlua -a '(__flashlua_words)'
