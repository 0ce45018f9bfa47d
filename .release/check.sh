#!/usr/bin/env bash
# Builds the release of one architecture twice, from clones in different directories, with another umask, time zone and
# time, and compares the digests.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build() { # DIRECTORY UMASK TZ
	git clone -q . "$work/$1"
	mkdir -p build/release "$work/$1/build"
	ln -s "$PWD/build/release" "$work/$1/build/release" # the tools are built once
	(
		umask "$2"
		cd "$work/$1"
		TZ=$3 ARCHS=linux/amd64 .release/release.sh >/dev/null
	)
}
build a 022 UTC
build other/place 077 Asia/Tokyo
diff "$work/a/dist/SHA256SUMS" "$work/other/place/dist/SHA256SUMS" || { echo "two builds of a release differ: see above" >&2; exit 1; }
cat "$work/a/dist/SHA256SUMS"
