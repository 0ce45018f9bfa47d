#!/bin/sh
# Draws the pictures of the documents: what runs with simulated boards leave on a terminal. Run by `make picture`.
#
#	docs/picture.sh        draws docs/demo.svg, docs/failed.svg and docs/stations.svg
#	docs/picture.sh NAME   prints the text of one of them, for its test
set -eu
cd "$(dirname "$0")/.."
flashlua=$PWD/bin/flashlua
dir=$(mktemp -d /tmp/flashlua-picture-XXXXXX)
trap 'rm -rf "$dir"' EXIT

# record runs a command on a terminal of 120 columns. Digests are long.
record() {
	(cd "$dir" && env -u CI -u NO_COLOR TMPDIR=/tmp TERM=xterm script -qec "stty cols 120 rows 50; $1" /dev/null) |
		sed -E 's/\r$//; s/([0-9a-f]{12})[0-9a-f]{52}/\1…/g'
}

# last prints what is there in the end: what is painted over does not stay.
last() {
	sed -E 's/.*\r\x1b\[2K//'
}

# moment prints what is there at one moment of a run on several stations: the first one at which some have ended, two are
# written and another one does something else. The run is interrupted then.
moment() {
	awk -v kill="kill -INT \$(cat $dir/pid)" '
	{
		rest = $0
		while (match(rest, /\r\033\[[0-9]*[A-Z](\033\[J)?/)) {
			line[++n] = substr(rest, 1, RSTART - 1)
			move = substr(rest, RSTART + 3, RLENGTH - 3)
			rest = substr(rest, RSTART + RLENGTH)
			written = other = verified = failed = 0
			for (i = 1; i <= n; i++) {
				written += line[i] ~ /#[0-9].* [0-9]+% /
				other += line[i] ~ /#[0-9]/
				verified += line[i] ~ /: .*verified/
				failed += line[i] ~ /: .*failed/
			}
			if (!done && written == 2 && other == 3 && verified && failed) {
				for (i = 1; i <= n; i++) print line[i]
				done = 1
				system(kill)
			}
			n--
			if (move ~ /A/) n -= move + 0
		}
		line[++n] = rest
	}
	END { exit !done }'
}

text() {
	case $1 in
	demo)
		record "$flashlua demo" | last | sed -E 's,/tmp/flashlua-demo-[0-9]*/,,'
		;;
	failed)
		head -c 1M /dev/urandom >"$dir/disk.img"
		command="flashlua run sim --image disk.img --port sim:dhcp=9 --retries 0"
		printf '$ %s\n' "$command"
		record "${flashlua%/*}/$command || true" | last
		;;
	stations)
		head -c 4M /dev/urandom >"$dir/disk.img"
		# From bench-4 on the boards stop, so that the moment comes whatever else the machine does.
		cat >"$dir/lab.lua" <<-'END'
			local fault = { "", "block=9", "dhcp=1", "silent=write", "silent=write:2", "silent=linux" }
			local lab = { stations = {} }
			for i = 1, 12 do
				lab.stations["bench-" .. i] = { board = "sim", port = "sim:" .. (fault[i] or ""), tags = { "rack-1" } }
			end
			return lab
		END
		command="flashlua run --tag rack-1 -j 3 --image disk.img --retries 0"
		printf '$ %s\n' "$command"
		record "echo \$\$ >pid; exec ${flashlua%/*}/$command" | moment
		;;
	esac
}

if [ $# = 1 ]; then
	text "$1"
	exit
fi
for name in demo failed stations; do
	text $name >"$dir/text"
	"${GO:-go}" run github.com/charmbracelet/freeze@v0.2.2 "$dir/text" --language ansi --font.family monospace --font.size 12 --output docs/$name.svg
done
