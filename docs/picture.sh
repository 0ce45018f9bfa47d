#!/bin/sh
# Draws docs/demo.svg: what `flashlua demo` leaves on a terminal. Run by `make picture`.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT
# What is painted over does not stay, the image's folder has another name each time, and digests are long.
env -u CI -u NO_COLOR TMPDIR=/tmp TERM=xterm script -qec "stty cols 120; bin/flashlua demo" /dev/null |
	sed -E 's/\r$//; s/.*\r\x1b\[2K//; s,/tmp/flashlua-demo-[0-9]*/,,; s/([0-9a-f]{12})[0-9a-f]{52}/\1…/g' >"$out"
"${GO:-go}" run github.com/charmbracelet/freeze@v0.2.2 "$out" --language ansi --font.family monospace --font.size 12 --output docs/demo.svg
