package linux

import (
	"slices"
	"strings"
)

// programs are the board's programs, by the directory in which busybox installs them and their name. Each has a
// user in this repository and cases in testdata/applets. The map is filled by init because busybox lists it.
var programs map[string]map[string]func(*process) int

func init() {
	programs = map[string]map[string]func(*process) int{
		"/bin": {
			"busybox": busybox, "cat": cat, "date": date, "dd": dd, "dmesg": dmesg, "echo": echo, "false": exitsWith(1), "grep": grep,
			"hostname": hostname, "ln": ln, "ls": ls, "mkdir": mkdir, "mount": mountCmd, "readlink": readlink, "rm": rm, "sed": sed,
			"sh": sh, "sleep": sleep, "sync": exitsWith(0), "touch": touch, "true": exitsWith(0), "uname": uname,
		},
		"/sbin": {
			"blockdev": blockdev, "halt": goesDown(PowerOff, "reboot: System halted"), "ifconfig": ifconfig, "ip": ip,
			"poweroff": goesDown(PowerOff, PowerDown), "reboot": goesDown(Reboot, "reboot: Restarting system"), "udhcpc": udhcpc,
		},
		"/usr/bin": {
			"basename": basename, "curl": curl, "cut": cut, "dirname": dirname, "expr": expr, "head": head,
			"id": id, "md5sum": sum(newMD5), "od": od, "seq": seq, "sha256sum": sum(newSHA256), "sha512sum": sum(newSHA512), "tail": tail,
			"tr": tr, "wc": wc, "wget": wget, "xzcat": xzcat, "yes": yes,
		},
	}
}

// missing are the names of busybox 1.35's other applets: their error is that the simulation lacks them, not that
// they do not exist.
const missing = " [[ acpid adjtimex ar arch arp arping ascii ash awk base64 bc blkdiscard brctl bunzip2 bzcat bzip2 cal chgrp chmod chown" +
	" chroot chvt clear cmp cp cpio crc32 crond crontab cttyhack dc deallocvt depmod devmem df diff dnsdomainname dos2unix dpkg" +
	" dpkg-deb du dumpkmap dumpleases ed egrep env expand factor fallocate fatattr fdisk fgrep find findfs fold free freeramdisk" +
	" fsfreeze fstrim ftpget ftpput getopt getty groups gunzip gzip hexdump hostid httpd hwclock i2cdetect i2cdump i2cget i2cset" +
	" i2ctransfer ifdown ifup init insmod ionice ipcalc ipneigh kill killall klogd last less link linux32 linux64 linuxrc loadfont" +
	" loadkmap logger login logname logread losetup lsmod lsscsi lzcat lzma lzop mdev microcom mim mkdosfs mke2fs mkfifo mknod" +
	" mkpasswd mkswap mktemp modinfo modprobe more mt mv nameif nc netstat nl nologin nproc nsenter nslookup nuke openvt" +
	" partprobe passwd paste patch pidof ping ping6 pivot_root ps rdate realpath renice reset resume rev rmdir rmmod route rpm" +
	" rpm2cpio run-init run-parts setkeycodes setpriv setsid sha1sum sha3sum shred shuf sort ssl_client start-stop-daemon stat" +
	" strings stty su sulogin svc svok swapoff swapon switch_root sysctl syslogd tac tar taskset tc tee telnet telnetd tftp time" +
	" timeout top traceroute traceroute6 truncate ts tty tunctl ubirename udhcpd uevent umount uncompress unexpand uniq" +
	" unix2dos unlink unlzma unshare unxz unzip uptime usleep uudecode uuencode vconfig vi w watch watchdog who whoami xargs xxd" +
	" xz zcat "

// isMissing reports whether the real busybox has an applet that this one does not.
func isMissing(name string) bool { return strings.Contains(missing, " "+name+" ") }

// applet returns the program of a name.
func applet(name string) (run func(*process) int, ok bool) {
	for _, dir := range programs {
		if run, ok := dir[name]; ok {
			return run, true
		}
	}
	return nil, false
}

// appletNames returns all names in order.
func appletNames() (names []string) {
	for _, dir := range programs {
		for name := range dir {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// exitsWith makes an applet that only returns an exit code.
func exitsWith(code int) func(*process) int { return func(*process) int { return code } }
