#!/bin/sh
# Makes what the QEMU board boots: build/qemu/Image and build/qemu/initramfs.cpio.gz.
#
# Nothing is made twice: the stamp is a hash of this script and of the files that go into the initramfs.
# Exit codes: 0 made or up to date, 3 something is missing and only root could install it.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$here/../.." && pwd)/build/qemu
# The suite is fixed, whatever the host runs, so that every machine tests against the same kernel series.
suite=bookworm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# A module needs those before it.
modules='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk
	failover net_failover virtio_net'

missing() {
	command -v qemu-system-aarch64 >/dev/null || echo qemu-system-arm
	[ -e /usr/lib/u-boot/qemu_arm64/u-boot.bin ] || echo u-boot-qemu
	command -v cpio >/dev/null || echo cpio
	command -v busybox >/dev/null || echo busybox-static # the helper script is tested on it
	command -v zstd >/dev/null || echo zstd # with xz, for the tests of packed images
	command -v xz >/dev/null || echo xz-utils
	[ -e $keyring ] || echo debian-archive-keyring
}

need() {
	packages=$(missing | tr '\n' ' ')
	[ -n "$packages" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "$0: missing packages; as root: apt-get install --no-install-recommends $packages" >&2
		exit 3
	fi
	export DEBIAN_FRONTEND=noninteractive
	install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $packages"
	# Package lists may be absent or too old to be true.
	$install || { apt-get update; $install; }
}

# Any Debian mirror has every suite and architecture: the host's own is near and allowed.
mirror() {
	uri=${DEBIAN_MIRROR:-$(grep -rhoE '(https?|mirror[^ ]*|file)://?[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)}
	[ -n "$uri" ] || { echo "$0: apt knows no Debian mirror; set DEBIAN_MIRROR" >&2; exit 3; }
	echo "$uri"
}

# The arm64 packages come through an apt state of our own: the host's dpkg never hears of another architecture.
# The host's apt.conf.d stays in force for its proxies, not for its hooks.
fetch() {
	apt=$out/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	debian=$(mirror)
	echo "deb [target=Packages signed-by=$keyring] $debian $suite main" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-EOF
		#clear APT::Architectures;
		#clear APT::Update;
		APT::Architecture "arm64";
		APT::Architectures { "arm64"; };
		APT::Update::Error-Mode "any";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
	EOF
	apt-get -c "$apt/apt.conf" -q update
	kernel=$(apt-cache -c "$apt/apt.conf" depends linux-image-cloud-arm64 | awk '$1 == "Depends:" { print $2; exit }')
	(cd "$tmp" && apt-get -c "$apt/apt.conf" -q download "$kernel" busybox-static)
	for deb in "$tmp"/*.deb; do
		dpkg -x "$deb" "$tmp/packages"
	done
}

# U-Boot's booti takes a raw Image, which a later Debian may no longer ship.
image() {
	cp "$tmp"/packages/boot/vmlinuz-* "$tmp/Image"
	[ "$(dd if="$tmp/Image" bs=4 skip=14 count=1 status=none)" = ARMd ] ||
		{ echo "$0: $kernel is not a raw arm64 Image" >&2; exit 1; }
}

initramfs() {
	root=$tmp/root
	mkdir -p "$root/bin" "$root/dev" "$root/lib/modules" "$root/proc" "$root/root" "$root/sbin" "$root/sys" \
		"$root/usr/bin" "$root/usr/sbin"
	mkdir -m 1777 "$root/tmp"
	cp -R "$here/initramfs/." "$root"
	cp "$tmp/packages/bin/busybox" "$root/bin"
	n=10
	for module in $modules; do
		n=$((n + 1)) # /init loads them in the order of their names
		cp "$(find "$tmp/packages" -name "$module.ko")" "$root/lib/modules/$n-$module.ko"
	done
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/initramfs.cpio"
	gzip -9n "$tmp/initramfs.cpio"
}

for tool in apt-get dpkg flock; do
	command -v $tool >/dev/null || { echo "$0: needs $tool, of Debian or Ubuntu" >&2; exit 3; }
done
mkdir -p "$out"
exec 9>"$out/lock"
flock 9 # a second caller waits here, then finds everything made
need

want=$(cd "$here" && find build.sh initramfs -type f | LC_ALL=C sort | xargs sha256sum | sha256sum)
[ "$(cat "$out/stamp" 2>/dev/null)" != "$want" ] || exit 0

# The lock makes a fixed name safe, and what a killed call left is swept up.
tmp=$out/tmp
rm -rf "$tmp"
mkdir "$tmp"
fetch
image
initramfs
# Each file appears whole. A kill between two renames leaves no initramfs rather than one with another kernel's modules.
rm -f "$out/stamp" "$out/initramfs.cpio.gz"
mv "$tmp/Image" "$out/Image"
mv "$tmp/initramfs.cpio.gz" "$out/initramfs.cpio.gz"
echo "$want" >"$tmp/stamp"
mv "$tmp/stamp" "$out/stamp"
rm -rf "$tmp"
