#!/bin/sh
# Runs after the installation: as "configure" of dpkg, with the number of versions of rpm.
set -e
# Boards request files by TFTP at port 69, which needs root or this capability.
if command -v setcap >/dev/null; then
	setcap cap_net_bind_service=+ep /usr/bin/flashlua ||
		echo "flashlua: the file system holds no capabilities: port 69 needs root or flashlua-tftp.service" >&2
else
	echo "flashlua: setcap is missing: port 69 needs root or flashlua-tftp.service" >&2
fi
if command -v udevadm >/dev/null && [ -d /run/udev ]; then
	udevadm control --reload || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart flashlua-tftp.service || true
fi
