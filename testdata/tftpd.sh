#!/bin/sh
# Unpacks Debian's tftpd-hpa into build/tftpd, for the benchmark that compares with it. It is not installed: the package
# would start a server on port 69 of every address of this machine, and again after every reboot.
#
# Exit codes: 0 it is there, 3 something is missing and only root could install it.
set -eu

out=$(cd "$(dirname "$0")/.." && pwd)/build/tftpd
server=$out/usr/sbin/in.tftpd
if [ ! -x "$server" ]; then
	for tool in apt-get dpkg; do
		command -v $tool >/dev/null || { echo "$0: needs $tool, of Debian or Ubuntu" >&2; exit 3; }
	done
	rm -rf "$out"
	mkdir -p "$out"
	cd "$out"
	# Package lists may be absent or too old to be true. A file in a folder of root's is not for apt's own user.
	download="apt-get -q -o APT::Sandbox::User=root download tftpd-hpa"
	$download || { [ "$(id -u)" = 0 ] && apt-get -q update && $download; } || exit 3
	dpkg -x tftpd-hpa_*.deb .
fi
if ! "$server" --version >/dev/null 2>&1; then # it lacks libraries
	[ "$(id -u)" = 0 ] || { echo "$0: as root: apt-get install --no-install-recommends libwrap0" >&2; exit 3; }
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 libwrap0
fi
