#!/bin/sh
# Runs one board in the foreground, for a person; Ctrl-C ends it. The tests' board.go runs the very same
# board through `run.sh DISK SERIAL QMP`, the last two being where QEMU's sockets are, as fd=N or path=FILE.
set -eu

out=$(cd "$(dirname "$0")/../.." && pwd)/build/qemu
if [ $# = 0 ]; then
	[ -e "$out/stamp" ] || { echo "$0: first run make test-deps" >&2; exit 3; }
	truncate -s 256M "$out/disk.img" # keeps what the last flash wrote
	echo "--port unix:$out/serial.sock --power qmp:$out/qmp.sock"
	echo "The board is off; QMP system_reset and cont turn it on. Its disk is $out/disk.img."
	set -- "$out/disk.img" "path=$out/serial.sock" "path=$out/qmp.sock"
fi

# -S: power is off at first. -no-shutdown: after the guest's poweroff there is still a board to turn on.
# The disk goes through the host's page cache: what the host writes, the guest's next O_DIRECT read sees.
# romfile=: the option ROM is for PCs, and in a package that is not installed.
exec qemu-system-aarch64 -M virt -cpu cortex-a57 -m 1024 \
	-bios /usr/lib/u-boot/qemu_arm64/u-boot.bin \
	-S -no-shutdown -display none -monitor none \
	-chardev "socket,id=serial,server=on,wait=off,$2" -serial chardev:serial \
	-chardev "socket,id=qmp,server=on,wait=off,$3" -mon chardev=qmp,mode=control \
	-drive "if=none,id=disk,format=raw,file=$1" -device virtio-blk-pci,drive=disk \
	-netdev user,id=net -device virtio-net-pci,netdev=net,romfile=
