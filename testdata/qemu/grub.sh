#!/bin/sh
# grub.sh makes build/qemu/grub/grub.0: Debian's GRUB, which a PC's firmware loads by PXE, with a menu at the serial
# port. It boots the kernel and the initramfs of the board x86-64.
#
# Nothing is made twice: the stamp is a hash of this script.
# Exit codes: 0 made or up to date, 3 something is missing and only root could install it.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$here/../.." && pwd)/build/qemu/grub
for tool in apt-get flock; do
	command -v $tool >/dev/null || { echo "$0: needs $tool, of Debian or Ubuntu" >&2; exit 3; }
done
mkdir -p "$out"
exec 9>"$out/lock"
flock 9 # a second caller waits here, then finds everything made

want=$(sha256sum <"$0")
[ "$(cat "$out/stamp" 2>/dev/null)" != "$want" ] || exit 0

if ! command -v grub-mkimage >/dev/null || [ ! -e /usr/lib/grub/i386-pc/pxe.mod ]; then
	packages="grub-common grub-pc-bin"
	if [ "$(id -u)" != 0 ]; then
		echo "$0: missing packages; as root: apt-get install --no-install-recommends $packages" >&2
		exit 3
	fi
	export DEBIAN_FRONTEND=noninteractive
	install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $packages"
	# Package lists may be absent or too old to be true.
	$install || { apt-get update; $install; }
fi

tmp=$out/tmp
rm -rf "$tmp"
mkdir -p "$tmp/boot/grub"
cat >"$tmp/boot/grub/grub.cfg" <<-'EOF'
	serial --unit=0 --speed=115200
	terminal_input serial
	terminal_output serial
	set timeout=10
	menuentry "Installed system" { echo "The installed system would boot."; sleep 1000; }
	menuentry "Another one" { true; }
EOF
tar -cf "$tmp/memdisk.tar" -C "$tmp" boot
grub-mkimage -O i386-pc-pxe -o "$tmp/grub.0" -p '(memdisk)/boot/grub' -m "$tmp/memdisk.tar" \
	boot configfile echo help http linux memdisk minicmd normal pxe serial sleep tar terminal test tftp true
mv "$tmp/grub.0" "$out/grub.0"
echo "$want" >"$out/stamp"
rm -rf "$tmp"
