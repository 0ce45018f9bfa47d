#!/bin/sh
# uboots.sh puts other U-Boots than the installed ones to build/qemu/u-boot: those for QEMU of the newest Debian release
# and of experimental, and those of two real boards that QEMU has, for the media that Debian's U-Boots for QEMU lack:
# an SD card (orangepi-pc) and an SPI NOR flash (sabrelite).
#
# Nothing is made twice: the stamp is a hash of this script. What Debian does not serve is left out.
# Exit codes: 0 made or up to date, 3 a tool, a package list or a package is missing.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$here/../.." && pwd)/build/qemu/u-boot
# The newest release, and what comes after it. A package of the release has one version for years.
release=trixie
later=experimental
arch=armhf # of the real boards; the package of the U-Boots for QEMU is for all architectures
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for tool in apt-get dpkg flock; do
	command -v $tool >/dev/null || { echo "$0: needs $tool, of Debian or Ubuntu" >&2; exit 3; }
done
[ -e $keyring ] || { echo "$0: needs the package debian-archive-keyring" >&2; exit 3; }
mkdir -p "$out"
exec 9>"$out/lock"
flock 9 # a second caller waits here, then finds everything made

want=$(sha256sum <"$0")
[ "$(cat "$out/stamp" 2>/dev/null)" != "$want" ] || exit 0

# Any Debian mirror has every suite and architecture: the host's own is near and allowed.
mirror=${DEBIAN_MIRROR:-$(grep -rhoE '(https?|mirror[^ ]*|file)://?[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)}
[ -n "$mirror" ] || { echo "$0: apt knows no Debian mirror; set DEBIAN_MIRROR" >&2; exit 3; }

tmp=$out/tmp
rm -rf "$tmp"
mkdir "$tmp"

# fetch SUITE PACKAGE… unpacks packages to a folder of the suite. The apt state is our own: the host's dpkg never hears
# of another architecture.
fetch() {
	suite=$1
	shift
	apt=$tmp/apt-$suite
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs"
	: >"$apt/status"
	echo "deb [target=Packages signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-EOT
		#clear APT::Architectures;
		#clear APT::Update;
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Update::Error-Mode "any";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
	EOT
	(cd "$apt/debs" && apt-get -c "$apt/apt.conf" -q update && apt-get -c "$apt/apt.conf" -q download "$@") || return 3
	for deb in "$apt/debs"/*.deb; do
		dpkg -x "$deb" "$tmp/packages-$suite"
	done
	mkdir "$tmp/$suite"
	mv "$tmp/packages-$suite/usr/lib/u-boot"/qemu[-_]* "$tmp/$suite"
}

fetch $release u-boot-qemu u-boot-sunxi u-boot-imx || { echo "$0: Debian $release does not serve its U-Boots" >&2; exit 3; }
boards=$tmp/packages-$release/usr/lib/u-boot
mkdir "$tmp/$release/orangepi" "$tmp/$release/sabrelite"
# U-Boot alone: without the first stage, which loads it from the medium that the tests write. The uImage is at 32 KiB of
# the card's image, and its header has 64 bytes.
dd if="$boards/nanopi_neo/u-boot-sunxi-with-spl.bin" of="$tmp/$release/orangepi/u-boot.bin" bs=64 skip=513 status=none
# The i.MX header and its table of registers have 3 KiB.
dd if="$boards/mx6qsabrelite/u-boot-dtb.imx" of="$tmp/$release/sabrelite/u-boot.bin" bs=3072 skip=1 status=none
# A failure of experimental is no failure: packages come and go there.
fetch $later u-boot-qemu || echo "LEFT OUT: the tests with the U-Boots of Debian $later, which does not serve them" >&2

rm -rf "$out/stamp" "$out/$release" "$out/$later"
for suite in $release $later; do
	[ ! -d "$tmp/$suite" ] || mv "$tmp/$suite" "$out/$suite"
done
rm -rf "$tmp"
echo "$want" >"$out/stamp"
