#!/bin/sh
# Builds the release of linux/amd64 of HEAD twice, from clones in different folders, the second one with another umask,
# time zone and locale, and compares the digests. Both builds share the build cache: the Go compiler is not in doubt, and
# the cache's keys have all that the compiler sees, such as the folder if -trimpath is missing. Then it checks the outputs.
set -eu
cd "$(dirname "$0")/.."
if ! git rev-parse --quiet --verify HEAD >/dev/null 2>&1; then
	echo "LEFT OUT: the comparison of two builds of a release, git finds no commit in $PWD" >&2
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
	mkdir -p "$(dirname "$1")"
	git clone -q . "$1"
	"$1/.release/build.sh" "$1/dist" linux/amd64
}
(umask 022 && build "$work/a/flashlua")
(umask 077 && export TZ=Asia/Tokyo LC_ALL=C.UTF-8 && build "$work/the second/clone")
if ! cmp "$work/a/flashlua/dist/SHA256SUMS" "$work/the second/clone/dist/SHA256SUMS"; then
	diff "$work/a/flashlua/dist/SHA256SUMS" "$work/the second/clone/dist/SHA256SUMS" || true
	echo "$0: two builds of one commit differ" >&2
	exit 1
fi
dist=$work/a/flashlua/dist
(cd "$dist" && sha256sum --quiet -c SHA256SUMS)
cat "$dist/SHA256SUMS"

if command -v dpkg-deb >/dev/null; then
	dpkg-deb -c "$dist"/*.deb | awk '{ print $1, $6 }' | grep -v '/$' >"$work/files"
	for file in usr/bin/flashlua usr/share/man/man1/flashlua.1.gz usr/share/bash-completion/completions/flashlua \
		usr/share/zsh/vendor-completions/_flashlua usr/share/fish/vendor_completions.d/flashlua.fish \
		usr/lib/udev/rules.d/60-flashlua.rules usr/lib/systemd/system/flashlua-tftp.service; do
		grep -q "^-rwxr-xr-x ./$file\$\|^-rw-r--r-- ./$file\$" "$work/files" || { echo "$0: the deb lacks $file, or it has wrong rights" >&2; exit 1; }
	done
else
	echo "LEFT OUT: the content of the deb, dpkg-deb is not installed" >&2
fi
if command -v shellcheck >/dev/null; then
	shellcheck .release/*.sh
else
	echo "LEFT OUT: shellcheck of .release, it is not installed" >&2
fi
status=0
.release/container.sh "$dist"/*-linux-amd64.tar.gz >"$work/container.log" 2>&1 || status=$?
case $status in
0) ;;
3) echo "LEFT OUT: the container, $(cat "$work/container.log")" >&2 ;;
*) cat "$work/container.log" >&2; exit 1 ;;
esac
