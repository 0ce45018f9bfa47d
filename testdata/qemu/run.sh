#!/bin/sh
# run.sh ARCH runs one board in the foreground, for a person; Ctrl-C ends it. The tests' board.go runs the very same
# board through `run.sh ARCH DISK SERIAL QMP [OPTION…]`: where QEMU's sockets are, as fd=N or path=FILE, and more for QEMU.
set -eu

arch=${1:?which board: arm64, arm, riscv64, x86-64 or x86}
out=$(cd "$(dirname "$0")/../.." && pwd)/build/qemu/$arch
if [ $# = 1 ]; then
	[ -e "$out/stamp" ] || { echo "$0: first run make test-deps" >&2; exit 3; }
	truncate -s 256M "$out/disk.img" # keeps what the last flash wrote
	echo "flashlua run scripts/boards/qemu-$arch.lua --image FILE --port unix:$out/serial.sock --power qmp:$out/qmp.sock"
	echo "The board is off; QMP system_reset and cont turn it on. Its disk is $out/disk.img."
	set -- "$arch" "$out/disk.img" "path=$out/serial.sock" "path=$out/qmp.sock"
fi
case $arch in
arm64) qemu="qemu-system-aarch64 -M virt -cpu cortex-a57 -bios /usr/lib/u-boot/qemu_arm64/u-boot.bin" ;;
# highmem=off: this U-Boot maps only 32 bits of addresses, which is where QEMU must put what PCI has.
arm) qemu="qemu-system-arm -M virt,highmem=off -cpu cortex-a15 -bios /usr/lib/u-boot/qemu_arm/u-boot.bin" ;;
# OpenSBI is QEMU's own, and starts this U-Boot.
riscv64) qemu="qemu-system-riscv64 -M virt -kernel /usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin" ;;
# Debian's 64-bit U-Boot resets in zboot; its 32-bit one starts the 64-bit kernel. It draws on a screen, if there is one.
x86-64) qemu="qemu-system-x86_64 -M pc -vga none -bios /usr/lib/u-boot/qemu-x86/u-boot.rom" ;;
x86) qemu="qemu-system-i386 -M pc -vga none -bios /usr/lib/u-boot/qemu-x86/u-boot.rom" ;;
esac

# -S: power is off at first. -no-shutdown: after the guest's poweroff there is still a board to turn on.
# The disk goes through the host's page cache: what the host writes, the guest's next O_DIRECT read sees.
# romfile=: the option ROM is for PCs, and in a package that is not installed.
serial=$3 qmp=$4 disk=$2
shift 4
case " $* " in
*" -kernel "*) qemu=${qemu%% -bios *} ;; # another boot loader, instead of U-Boot
esac
exec $qemu -m 1024 \
	-S -no-shutdown -display none -monitor none \
	-chardev "socket,id=serial,server=on,wait=off,$serial" -serial chardev:serial \
	-chardev "socket,id=qmp,server=on,wait=off,$qmp" -mon chardev=qmp,mode=control \
	-drive "if=none,id=disk,format=raw,file=$disk" -device virtio-blk-pci,drive=disk \
	-netdev user,id=net -device virtio-net-pci,netdev=net,romfile= "$@"
