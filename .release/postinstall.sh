#!/bin/sh
set -e
# TFTP's port 69 without root. Without setcap, flashlua tftp or root serves it: see docs/cli.md.
if command -v setcap >/dev/null; then
	setcap cap_net_bind_service=+ep /usr/bin/flashlua || echo "flashlua: no capability for port 69: this file system cannot store it" >&2
fi
if [ -d /run/udev ] && command -v udevadm >/dev/null; then
	udevadm control --reload || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
