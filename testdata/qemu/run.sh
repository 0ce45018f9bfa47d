#!/bin/sh
# run.sh ARCH runs one board in the foreground, for a person; Ctrl-C ends it. The tests' board.go runs the very same
# board through `run.sh ARCH DISK SERIAL QMP [OPTION…]`: where QEMU's sockets are, as fd=N or path=FILE, and more for QEMU.
# UBOOT=FILE is another U-Boot than the installed one. The boards orangepi and sabrelite have none that is installed.
# QEMU=PROGRAM is another QEMU than the installed one.
set -eu

arch=${1:?which board: arm64, arm, riscv64, x86-64, x86, orangepi or sabrelite}
out=$(cd "$(dirname "$0")/../.." && pwd)/build/qemu/$arch
if [ $# = 1 ]; then
	[ -e "$out/stamp" ] || { echo "$0: first run make test-deps" >&2; exit 3; }
	truncate -s 256M "$out/disk.img" # keeps what the last flash wrote
	echo "flashlua run scripts/boards/qemu-$arch.lua --image FILE --port unix:$out/serial.sock --power qmp:$out/qmp.sock"
	echo "The board is off; QMP system_reset and cont turn it on. Its disk is $out/disk.img."
	set -- "$arch" "$out/disk.img" "path=$out/serial.sock" "path=$out/qmp.sock"
fi
here=/usr/lib/u-boot # of Debian's package u-boot-qemu
case $arch in
arm64) qemu="qemu-system-aarch64 -M virt -cpu cortex-a57 -bios ${UBOOT:-$here/qemu_arm64/u-boot.bin}" ;;
# highmem=off: this U-Boot maps only 32 bits of addresses, which is where QEMU must put what PCI has.
arm) qemu="qemu-system-arm -M virt,highmem=off -cpu cortex-a15 -bios ${UBOOT:-$here/qemu_arm/u-boot.bin}" ;;
# OpenSBI is QEMU's own, and starts this U-Boot.
riscv64) qemu="qemu-system-riscv64 -M virt -kernel ${UBOOT:-$here/qemu-riscv64_smode/u-boot.bin}" ;;
# Debian's 64-bit U-Boot resets in zboot; its 32-bit one starts the 64-bit kernel. It draws on a screen, if there is one.
x86-64) qemu="qemu-system-x86_64 -M pc -vga none -bios ${UBOOT:-$here/qemu-x86/u-boot.rom}" ;;
x86) qemu="qemu-system-i386 -M pc -vga none -bios ${UBOOT:-$here/qemu-x86/u-boot.rom}" ;;
# Real boards. Their U-Boots run from the address that they are linked for, where their first stage would load them.
orangepi) qemu="qemu-system-arm -M orangepi-pc -device loader,addr=0x4a000000,cpu-num=0,file=${UBOOT:?}" ;;
# The console is the second serial port.
sabrelite) qemu="qemu-system-arm -M sabrelite -serial null -device loader,addr=0x17800000,cpu-num=0,file=${UBOOT:?}" ;;
esac
[ -z "${QEMU:-}" ] || qemu="$QEMU ${qemu#* }"

# -S: power is off at first. -no-shutdown: after the guest's poweroff there is still a board to turn on.
# The disk goes through the host's page cache: what the host writes, the guest's next O_DIRECT read sees.
# romfile=: the option ROM is for PCs, and in a package that is not installed.
serial=$3 qmp=$4 file=$2
shift 4
case " $* " in
*" -kernel "*) qemu=${qemu%% -bios *} ;; # another boot loader, instead of U-Boot
esac
case $arch in
orangepi) set -- -drive "if=sd,format=raw,file=$file" -nic user "$@" ;;   # the SD card
sabrelite) set -- -drive "if=mtd,format=raw,file=$file" -nic user "$@" ;; # the SPI NOR flash
*)
	set -- -drive "if=none,id=disk,format=raw,file=$file" -device virtio-blk-pci,drive=disk \
		-netdev user,id=net -device virtio-net-pci,netdev=net,romfile= "$@"
	;;
esac
exec $qemu -m 1024 \
	-S -no-shutdown -display none -monitor none \
	-chardev "socket,id=serial,server=on,wait=off,$serial" -serial chardev:serial \
	-chardev "socket,id=qmp,server=on,wait=off,$qmp" -mon chardev=qmp,mode=control "$@"
