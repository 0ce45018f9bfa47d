#!/bin/sh
# Runs before the removal: as "remove" of dpkg, or with 0 of rpm. An upgrade leaves the service on.
set -e
case ${1:-} in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now --quiet flashlua-tftp.service || true
else
	rm -f /etc/systemd/system/multi-user.target.wants/flashlua-tftp.service
fi
