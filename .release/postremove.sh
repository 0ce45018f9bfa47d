#!/bin/sh
# Runs after the removal, and after an upgrade.
set -e
if command -v udevadm >/dev/null && [ -d /run/udev ]; then
	udevadm control --reload || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
