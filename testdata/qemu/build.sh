#!/bin/sh
# build.sh ARCH makes what that QEMU board boots: a kernel and initramfs.cpio.gz in build/qemu/ARCH. For x86-64 it also
# makes debian.cpio.gz, with Debian's own initramfs-tools.
#
# Nothing is made twice: the stamp is a hash of this script and of the files that go into the initramfs.
# Exit codes: 0 made or up to date, 3 something is missing and only root could install it.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
arch=${1:?which board: arm64, arm, riscv64, x86-64 or x86}
out=$(cd "$here/../.." && pwd)/build/qemu/$arch
# The suite is fixed, whatever the host runs, so that every machine tests against the same kernel series.
suite=bookworm
tools= # the packages of Debian's initramfs, if it is made
# A module needs those before it. What is not here is in the kernel.
modules='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk
	failover net_failover virtio_net'
# Of QEMU: its program and package, and U-Boot for it. Of Debian: its name of the architecture and the kernel's flavour.
# Of the kernel: the name here, and what stands where in a file that U-Boot takes; a later Debian may ship another kind.
case $arch in
arm64)
	qemu=qemu-system-aarch64 package=qemu-system-arm uboot=qemu_arm64/u-boot.bin
	debian_arch=arm64 flavour=cloud-arm64 kernel=Image magic=ARMd offset=56
	;;
arm)
	qemu=qemu-system-arm package=qemu-system-arm uboot=qemu_arm/u-boot.bin
	debian_arch=armhf flavour=armmp kernel=zImage magic=$(printf '\030(o\001') offset=36
	modules='virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net'
	;;
riscv64)
	qemu=qemu-system-riscv64 package=qemu-system-misc uboot=qemu-riscv64_smode/u-boot.bin
	debian_arch=riscv64 flavour=riscv64 kernel=Image magic=RISC offset=48
	# bookworm has no riscv64. trixie has, but on the mirror its index did not match its signed release. forky is not
	# released yet: until then its kernel changes, and two machines may test against two.
	suite=forky
	modules='virtio_blk failover net_failover virtio_net'
	;;
x86-64)
	qemu=qemu-system-x86_64 package=qemu-system-x86 uboot=qemu-x86/u-boot.rom
	debian_arch=amd64 flavour=cloud-amd64 kernel=bzImage magic=HdrS offset=514
	tools='initramfs-tools-core klibc-utils libklibc'
	;;
x86)
	qemu=qemu-system-i386 package=qemu-system-x86 uboot=qemu-x86/u-boot.rom
	debian_arch=i386 flavour=686 kernel=bzImage magic=HdrS offset=514
	;;
*) echo "$0: there is no board $arch" >&2; exit 1 ;;
esac
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

missing() {
	command -v $qemu >/dev/null || echo $package
	[ -e /usr/lib/u-boot/$uboot ] || echo u-boot-qemu
	command -v cpio >/dev/null || echo cpio
	command -v busybox >/dev/null || echo busybox-static # the helper script is tested on it
	command -v zsh >/dev/null || echo zsh # a shell of the prompts' tests
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

# The board's packages come through an apt state of our own: the host's dpkg never hears of another architecture.
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
		APT::Architecture "$debian_arch";
		APT::Architectures { "$debian_arch"; };
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
	# One package or, in later suites, one for the kernel and one for its modules.
	linux=$(apt-cache -c "$apt/apt.conf" depends --recurse --important linux-image-$flavour |
		grep -E '^linux-(image|binary|modules)-[0-9]')
	(cd "$tmp" && apt-get -c "$apt/apt.conf" -q download $linux busybox-static $tools)
	for deb in "$tmp"/*.deb; do
		dpkg -x "$deb" "$tmp/packages"
	done
}

kernel() {
	cp "$(find "$tmp/packages" -name 'vmlinuz*' -type f)" "$tmp/$kernel"
	[ "$(dd if="$tmp/$kernel" bs=1 skip=$offset count=4 status=none)" = $magic ] ||
		{ echo "$0: $linux is no $kernel" >&2; exit 1; }
}

initramfs() {
	root=$tmp/root
	mkdir -p "$root/bin" "$root/dev" "$root/lib/modules" "$root/proc" "$root/root" "$root/sbin" "$root/sys" \
		"$root/usr/bin" "$root/usr/sbin"
	mkdir -m 1777 "$root/tmp"
	cp -R "$here/initramfs/." "$root"
	cp "$(find "$tmp/packages" -path '*/bin/busybox')" "$root/bin"
	modules
	pack "$root" initramfs
}

# What mkinitramfs would make of these packages, but for its hooks.
debian() {
	root=$tmp/debian
	mkdir -p "$root/bin" "$root/conf" "$root/dev" "$root/etc" "$root/lib/modules" "$root/run" "$root/sbin"
	cp -R "$tmp/packages/usr/share/initramfs-tools/init" "$tmp/packages/usr/share/initramfs-tools/scripts" "$root"
	cp "$tmp/packages/etc/initramfs-tools/initramfs.conf" "$root/conf"
	echo "DPKG_ARCH=$debian_arch" >"$root/conf/arch.conf"
	cp "$(find "$tmp/packages" -path '*/bin/busybox')" "$tmp/packages/usr/lib/klibc/bin/ipconfig" "$root/bin"
	cp "$(find "$tmp/packages" -name 'klibc-*.so')" "$root/lib"
	for applet in $(busybox --list); do
		[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
	done
	modules
	pack "$root" debian
}

# modules copies the modules to root.
modules() {
	n=10
	for module in $modules; do
		n=$((n + 1)) # /init loads them in the order of their names
		file=$(find "$tmp/packages" -name "$module.ko" -o -name "$module.ko.xz")
		case $file in
		*.xz) xz -dc "$file" >"$root/lib/modules/$n-$module.ko" ;;
		*) cp "$file" "$root/lib/modules/$n-$module.ko" ;;
		esac
	done
}

# pack ROOT NAME makes NAME.cpio.gz.
pack() {
	(cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/$2.cpio"
	gzip -9n "$tmp/$2.cpio"
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
kernel
initramfs
[ -z "$tools" ] || debian
# Each file appears whole. A kill between two renames leaves no initramfs rather than one with another kernel's modules.
rm -f "$out/stamp" "$out/initramfs.cpio.gz"
mv "$tmp/$kernel" "$out/$kernel"
[ -z "$tools" ] || mv "$tmp/debian.cpio.gz" "$out/debian.cpio.gz"
mv "$tmp/initramfs.cpio.gz" "$out/initramfs.cpio.gz"
echo "$want" >"$tmp/stamp"
mv "$tmp/stamp" "$out/stamp"
rm -rf "$tmp"
