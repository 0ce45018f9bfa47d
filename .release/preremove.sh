#!/bin/sh
set -e
# dpkg says "remove", rpm says 0 when no other version stays.
case ${1:-} in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now flashlua-tftp.service || true
	fi
	;;
esac
