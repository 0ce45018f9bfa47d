#!/usr/bin/env bash
# Builds a release in dist/ from the commit that is checked out. Everything in it depends only on the commit, the
# version of Go and the tools below. ARCHS limits it to some of the archives, such as "linux/amd64".
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
all="linux/amd64 linux/arm64 linux/arm linux/riscv64 darwin/amd64 darwin/arm64"
dist=$PWD/dist
tools=$PWD/build/release
rm -rf "$dist"
mkdir -p "$dist" "$tools"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
umask 022

# A commit without a tag sorts before every release, and after older commits.
version=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || true)
version=${version#v}
version=${version:-0.0.0~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(git rev-parse --short=12 HEAD)}

GOBIN=$tools $go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
GOBIN=$tools $go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

# notices prints the licences of Go and of every module that the build information of a binary names.
notices() {
	echo "flashlua contains the Go standard library and the modules below, under these licences."
	printf '\n==== Go\n\n'
	cat "$($go env GOROOT)/LICENSE"
	$go version -m "$1" | awk '$1 == "dep" { print $2 "@" $3 }' | while read -r module; do
		printf '\n==== %s\n\n' "$module"
		dir=$($go list -m -f '{{.Dir}}' "${module%@*}")
		find "$dir" -maxdepth 1 -type f -iregex '.*/\(licen[cs]e\|copying\|notice\|patents\)[^/]*' | sort >"$work/texts"
		[ -s "$work/texts" ] || { echo "$module has no licence text in $dir" >&2; return 1; }
		xargs -d '\n' cat <"$work/texts"
	done
}

archive() { # DIRECTORY FILE
	tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$1" | gzip -n9 >"$2"
}

FLASHLUA_MANPAGE=$work/flashlua.1 $go test -count 1 -run '^TestManPage$' ./cmd/flashlua
gzip -n9 <"$work/flashlua.1" >"$work/flashlua.1.gz"
sed -e '/^#   sudo/d' -e '/^#$/d' -e 's,/usr/local/bin,/usr/bin,' docs/flashlua-tftp.service >"$work/flashlua-tftp.service"
gzip -n9 <CHANGELOG.md >"$work/changelog.gz"

for target in ${ARCHS:-$all}; do
	os=${target%/*} arch=${target#*/}
	name=flashlua_${version}_${os}_${arch}
	mkdir "$work/$name"
	# Version 6 runs on every ARM with a floating-point unit, the first Raspberry Pi included.
	GOOS=$os GOARCH=$arch GOARM=6 CGO_ENABLED=0 $go build -buildvcs=true -trimpath -tags urfave_cli_no_docs -ldflags '-s -w' \
		-o "$work/$name/flashlua" ./cmd/flashlua
	notices "$work/$name/flashlua" >"$work/$name/NOTICES"
	cp -r LICENSE README.md CHANGELOG.md "$work/flashlua.1" cmd/flashlua/completion "$work/$name/"
	archive "$name" "$dist/$name.tar.gz"
	"$tools/cyclonedx-gomod" bin -json -noserial -notimestamp -version "$version" -output "$dist/$name.cdx.json" "$work/$name/flashlua"
	[ "$os" = linux ] || continue
	{ echo "flashlua is under the Apache License 2.0:"; echo; cat LICENSE; echo; cat "$work/$name/NOTICES"; } >"$work/copyright"
	sed -e "s,@ARCH@,${arch/%arm/arm6},; s,@VERSION@,$version,; s,@WORK@,$work,; s,@BIN@,$work/$name/flashlua," .release/nfpm.yaml >"$work/nfpm.yaml"
	for format in deb rpm; do
		"$tools/nfpm" package -f "$work/nfpm.yaml" -p "$format" -t "$dist/"
	done
done
(cd "$dist" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -d '\n' sha256sum >"$work/sums" && mv "$work/sums" SHA256SUMS)
cat "$dist/SHA256SUMS"
