#!/bin/sh
# mmc.sh makes a board with an eMMC, which Debian 12 does not have, to build/qemu/u-boot/mmc: u-boot.bin, Debian's source
# with the drivers of cards on PCI, and qemu-system-aarch64, of the backports, which runs with libraries of its own.
#
# Nothing is made twice: the stamp is a hash of this script. Exit codes: 0 made or up to date, 3 a package is missing.
set -eu
out=$(cd "$(dirname "$0")/../.." && pwd)/build/qemu/u-boot/mmc suite=trixie keyring=/usr/share/keyrings/debian-archive-keyring.gpg
want=$(sha256sum <"$0")
[ "$(cat "$out/stamp" 2>/dev/null)" != "$want" ] || exit 0
needs="bison flex gcc make bzip2 gcc-aarch64-linux-gnu debian-archive-keyring"
if ! dpkg -s $needs >/dev/null 2>&1; then
	[ "$(id -u)" = 0 ] || { echo "$0: missing packages; as root: apt-get install $needs" >&2; exit 3; }
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $needs || exit 3
fi
mirror=${DEBIAN_MIRROR:-$(grep -rhoE '(https?|mirror[^ ]*|file)://?[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)}
[ -n "$mirror" ] || { echo "$0: apt knows no Debian mirror; set DEBIAN_MIRROR" >&2; exit 3; }
rm -rf "$out"; mkdir -p "$out/apt/lists/partial" "$out/apt/cache/archives/partial" "$out/src" "$out/root"; cd "$out/apt"
for s in $suite $suite-backports; do echo "deb [signed-by=$keyring] $mirror $s main"; done >sources.list
echo "deb-src [signed-by=$keyring] $mirror $suite main" >>sources.list
: >status # of no package: all libraries are fetched
cat >apt.conf <<-EOT
	APT::Sandbox::User "root"; Acquire::Languages "none"; APT::Install-Recommends "false";
	Dir::State "$PWD"; Dir::State::status "$PWD/status"; Dir::Cache "$PWD/cache"; Dir::Etc::sourcelist "$PWD/sources.list";
	Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
EOT
export APT_CONFIG="$PWD/apt.conf"
{ apt-get -q update && apt-get -q source --tar-only u-boot && apt-get -q install -y --download-only -t $suite-backports qemu-system-arm; } || exit 3
for deb in cache/archives/*.deb; do dpkg -x "$deb" "$out/root"; done
tar -xf u-boot_*.orig.tar.* -C "$out/src" --strip-components 1; cd "$out/src"
# QEMU's controller has no ADMA of 64 bits, and answers no register during a transfer: that takes seconds on a busy machine.
sed -i 's/SDHCI_READ_STATUS_TIMEOUT[[:space:]]*1000/SDHCI_READ_STATUS_TIMEOUT 60000/' drivers/mmc/sdhci.c
for on in DM_MMC MMC_PCI MMC_SDHCI MMC_SDHCI_ADMA MMC_SDHCI_ADMA_FORCE_32BIT MMC_HW_PARTITIONING SUPPORT_EMMC_BOOT CMD_MMC CMD_UNZIP CMD_UNLZ4; do echo "CONFIG_$on=y"; done >more
for off in UNIT_TEST TOOLS_MKEFICAPSULE TOOLS_LIBCRYPTO; do echo "# CONFIG_$off is not set"; done >>more
sed 's/# CONFIG_MMC is not set/CONFIG_MMC=y/' configs/qemu_arm64_defconfig | cat - more >configs/mmc_defconfig
make -s mmc_defconfig; make -s -j"$(nproc)" CROSS_COMPILE=aarch64-linux-gnu- u-boot.bin
mv u-boot.bin ..; cd ..; rm -rf src apt
lib=$(echo "$out"/root/usr/lib/*-linux-gnu)
cat >qemu-system-aarch64 <<-EOT
	#!/bin/sh
	QEMU_MODULE_DIR=$lib/qemu exec $(echo "$lib"/ld-linux-*.so.*) --library-path $lib $out/root/usr/bin/qemu-system-aarch64 -L $out/root/usr/share/qemu "\$@"
EOT
chmod +x qemu-system-aarch64; echo "$want" >stamp
