package linux

import (
	"context"
	"errors"
	"time"
)

// applets are the programs of the board, by name. The map is filled by init because some of them look into it.
var applets map[string]func(*process) int

func init() {
	applets = map[string]func(*process) int{
		"ash": sh, "bash": sh, "sh": sh, "busybox": busybox,
		"basename": basename, "cat": cat, "chmod": chmod, "chown": exits(0), "cmp": compare, "cp": cp, "cut": cut, "dd": dd, "df": df,
		"dirname": dirname, "du": du, "echo": echo, "egrep": grep, "fgrep": grep, "find": find, "grep": grep, "head": head, "hexdump": dump,
		"ln": ln, "ls": ls, "mkdir": mkdir, "mv": mv, "od": dump, "readlink": readlink, "realpath": readlink, "rm": rm, "rmdir": rmdir,
		"sed": sed, "seq": seq, "sort": sortLines, "stat": stat, "tail": tail, "tee": tee, "touch": touch, "tr": tr, "uniq": uniq,
		"wc": wc, "xargs": xargs, "xxd": dump, "yes": yes,
		"md5sum": sum(newMD5), "sha1sum": sum(newSHA1), "sha256sum": sum(newSHA256), "sha512sum": sum(newSHA512),
		"bunzip2": bz2.inPlace, "bzcat": bz2.cat, "gunzip": gz.inPlace, "gzip": gz.packed, "unxz": xzs.inPlace, "unzstd": zst.inPlace,
		"xz": xzs.packed, "xzcat": xzs.cat, "zcat": gz.cat, "zstd": zst.packed, "zstdcat": zst.cat,
		"curl": curl, "wget": wget, "ifconfig": ifconfig, "ip": ip, "ping": ping, "udhcpc": udhcpc,
		"blkdiscard": blkdiscard, "blockdev": blockdev, "date": date, "dmesg": dmesg, "env": env, "expr": expr, "false": exits(1),
		"free": free, "halt": goesDown(PowerOff, "reboot: System halted"), "hostname": hostname, "id": id, "mount": mountCmd,
		"poweroff": goesDown(PowerOff, PowerDown), "printenv": env, "ps": ps, "reboot": goesDown(Reboot, "reboot: Restarting system"),
		"sleep": sleep, "sync": exits(0), "timeout": timeout, "true": exits(0), "umask": says("0022"), "umount": umount, "uname": uname,
		"uptime": uptime, "whoami": says("root"),
		"clear": exits(0), "fsync": exits(0), "kill": exits(0), "killall": exits(0), "stty": exits(0), "swapoff": exits(0),
		"awk": refuses, "fdisk": refuses, "insmod": refuses, "mke2fs": refuses, "mkfs.ext2": refuses, "mkfs.vfat": refuses,
		"mkswap": refuses, "modprobe": refuses, "nc": refuses, "nohup": refuses, "swapon": refuses, "tar": refuses, "vi": refuses,
	}
}

// limited runs a program for a while.
func (p *process) limited(d time.Duration, args []string) int {
	late := errors.New("timeout")
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	defer p.clock.AfterFunc(d, func() { cancel(late) })()
	next := *p
	next.ctx = ctx
	code := next.again(args)
	if errors.Is(context.Cause(ctx), late) {
		return 143
	}
	return code
}
