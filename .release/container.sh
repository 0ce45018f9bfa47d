#!/bin/sh
# Builds the container image flashlua from an archive of a release, and runs the demo in it.
#
# Usage: container.sh ARCHIVE.tar.gz. Exit codes: 0 the demo ended with 0, 3 no tool to build with is installed.
set -eu
archive=$1
here=$(dirname "$0")
for tool in buildah podman docker; do
	! command -v $tool >/dev/null || break
	[ $tool != docker ] || { echo "$0: needs buildah, podman or docker" >&2; exit 3; }
done
version=$(basename "$archive" .tar.gz | sed -E 's/^flashlua-(.*)-linux-[a-z0-9]+$/\1/')
revision=$(git -C "$here" rev-parse HEAD)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/root/usr/bin" "$context/root/usr/share/doc/flashlua"
tar -xzf "$archive" -C "$context"
mv "$context"/flashlua-*/flashlua "$context/root/usr/bin"
mv "$context"/flashlua-*/LICENSE "$context"/flashlua-*/THIRD-PARTY-NOTICES "$context/root/usr/share/doc/flashlua"
for dir in tmp cache work; do
	mkdir -m 1777 "$context/root/$dir"
done
build="build --build-arg VERSION=$version --build-arg REVISION=$revision -t flashlua -f $here/Containerfile"
case $tool in
buildah)
	# Works as root without namespaces, too.
	export BUILDAH_ISOLATION=chroot STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}"
	# shellcheck disable=SC2086 # words
	buildah $build "$context"
	container=$(buildah from --pull-never localhost/flashlua)
	status=0
	buildah run "$container" -- flashlua demo || status=$?
	buildah rm "$container" >/dev/null
	exit $status
	;;
*)
	# shellcheck disable=SC2086 # words
	$tool $build "$context"
	$tool run --rm flashlua demo
	;;
esac
