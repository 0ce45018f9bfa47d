#!/bin/sh
# Builds a release in a folder: programs, archives, packages, notices, SBOM, digests. It needs git, tar, gzip, xz and the
# Go proxy. The same commit gives the same bytes in every folder and for every user.
#
# Usage: build.sh [DIST [OS/ARCH…]]
set -eu
umask 022
unset GOFLAGS GOOS GOARCH GOARM GOAMD64 GOARM64 GORISCV64 GOEXPERIMENT XZ_OPT XZ_DEFAULTS GZIP TAR_OPTIONS # they change the bytes
export TZ=UTC LC_ALL=C
export CGO_ENABLED=0 GOTOOLCHAIN=local
cd "$(dirname "$0")/.."
dist=${1:-dist}
[ $# = 0 ] || shift
[ $# != 0 ] || set -- linux/amd64 linux/arm64 linux/arm linux/riscv64 darwin/amd64 darwin/arm64
go=${GO:-go}
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

if [ -n "$(git status --porcelain)" ]; then
	echo "$0: the checkout has changes, which no commit describes: the program says that it is modified" >&2
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
# A tag v1.2.3-rc1 is the version 1.2.3~rc1, and 4 commits later 1.2.3~rc1+4.COMMIT.
if tag=$(git describe --tags --abbrev=12 --match 'v[0-9]*' 2>/dev/null); then
	VERSION=$(echo "${tag#v}" | sed -E 's/-([0-9]+)-g([0-9a-f]{12})$/+\1.\2/; s/-/~/g')
else
	VERSION=0.0.0~git$(git log -1 --date=format-local:%Y%m%d --format=%cd).$(git rev-parse --short=12 HEAD)
fi
export VERSION
maintainer=$(sed -n 's/^maintainer: //p' .release/nfpm.yaml)

rm -rf "$dist"
mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
work=$dist/work

# compile writes the program of a platform to a file.
compile() {
	GOOS=${1%/*} GOARCH=${1#*/} GOARM=7 "$go" build -buildvcs=true -trimpath -tags urfave_cli_no_docs -ldflags "-s -w" -o "$2" ./cmd/flashlua
}

# stamp gives all files and folders of a folder the time of the commit, and the rights that everybody shall have: the
# umask of git clone may have been another one.
stamp() {
	chmod -R u=rwX,go=rX "$1"
	find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# What all platforms have in common is made by the program itself.
common=$work/common
mkdir -p "$common/completions"
compile "$("$go" env GOHOSTOS)/$("$go" env GOHOSTARCH)" "$work/flashlua"
"$work/flashlua" version --json | grep -q "$(git rev-parse HEAD)" || {
	echo "$0: Go does not find the commit of a git worktree or of an export: build in a clone" >&2
	exit 1
}
"$work/flashlua" manual >"$common/flashlua.1"
"$work/flashlua" completion bash >"$common/completions/flashlua.bash"
"$work/flashlua" completion zsh >"$common/completions/_flashlua"
"$work/flashlua" completion fish >"$common/completions/flashlua.fish"
"$go" run ./.release/notices "$work/flashlua" >"$dist/THIRD-PARTY-NOTICES"
cp LICENSE README.md CHANGELOG.md "$dist/THIRD-PARTY-NOTICES" "$common"

for target; do
	os=${target%/*} arch=${target#*/}
	[ "$arch" != arm ] || arch=armv7
	name=flashlua-$VERSION-$os-$arch
	mkdir "$work/$name"
	cp -R "$common/." "$work/$name"
	compile "$target" "$work/$name/flashlua"
	stamp "$work/$name"
	tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -cf - "$name" | gzip -9n >"$dist/$name.tar.gz"
	[ "$os" = linux ] || continue

	TREE=$work/package ARCH=${target#*/}
	[ "$ARCH" != arm ] || ARCH=arm7
	export TREE ARCH
	rm -rf "$TREE"
	cp -R "$work/$name" "$TREE"
	cp .release/60-flashlua.rules .release/copyright "$TREE"
	gzip -9n "$TREE/flashlua.1"
	gzip -9n >"$TREE/changelog.Debian.gz" <<END
flashlua ($VERSION-1) unstable; urgency=medium

  * The changes are in changelog.gz.

 -- $maintainer  $(git log -1 --date=rfc-local --format=%cd)
END
	gzip -9nc CHANGELOG.md >"$TREE/changelog.gz"
	sed '/^#   sudo/d; /^#$/d; s|/usr/local/bin/|/usr/bin/|' docs/flashlua-tftp.service >"$TREE/flashlua-tftp.service"
	stamp "$TREE"
	for format in deb rpm; do
		"$go" run "$nfpm" package --config .release/nfpm.yaml --packager $format --target "$dist" >"$work/nfpm.log" || { cat "$work/nfpm.log" >&2; exit 1; }
	done
done

# The check fails if a platform has a module that the program of this machine lacks.
find "$work" -name flashlua -type f -exec "$go" run ./.release/notices -check "$dist/THIRD-PARTY-NOTICES" {} +
"$go" run "$cyclonedx" bin -json -noserial -notimestamp -output "$dist/flashlua-$VERSION.cdx.json" -version "v$VERSION" "$work/flashlua" 2>"$work/sbom.log" ||
	{ cat "$work/sbom.log" >&2; exit 1; }
rm -rf "$work"
(
	cd "$dist"
	sha256sum -- * >SHA256SUMS.new
	mv SHA256SUMS.new SHA256SUMS
)
