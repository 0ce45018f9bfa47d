#!/bin/sh
# Installs what the tests and benchmarks compare with and talk to: console servers, lua5.1, packers, bmaptool, curl.
#
# Exit codes: 0 they are there, 3 something is missing and only root could install it.
set -eu

missing() {
	command -v ser2net >/dev/null || [ -x /usr/sbin/ser2net ] || echo ser2net # the PATH of a user may lack sbin
	for tool in socat lua5.1 zstd bzip2 lz4 curl; do
		command -v $tool >/dev/null || echo $tool
	done
	command -v xz >/dev/null || echo xz-utils
	command -v bmaptool >/dev/null || echo bmap-tools
}

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0
command -v apt-get >/dev/null || { echo "$0: needs apt-get, of Debian or Ubuntu" >&2; exit 3; }
if [ "$(id -u)" != 0 ]; then
	echo "$0: missing packages; as root: apt-get install --no-install-recommends $packages" >&2
	exit 3
fi
case $packages in
*ser2net*)
	# The package starts a server on the machine's own serial ports. Nobody asked for that one, now or after a reboot.
	[ ! -d /run/systemd/system ] || systemctl mask --runtime --quiet ser2net
	stop() {
		update-rc.d ser2net disable || true
		if [ -d /run/systemd/system ]; then
			systemctl unmask --runtime --quiet ser2net
		elif [ -x /etc/init.d/ser2net ]; then
			/etc/init.d/ser2net stop || true
		fi
	}
	trap 'stop >/dev/null 2>&1' EXIT
	;;
esac
export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $packages"
# Package lists may be absent or too old to be true.
$install || { apt-get update; $install; }
