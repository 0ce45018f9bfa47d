# What flashlua runs on the board: sh -c "$(this)" flashlua COMMAND ARGUMENT...
# It needs a POSIX shell and busybox's dd, sha256sum, readlink and wget (or curl). It writes no file but the target.
# Answers are lines KEY=VALUE; every other line is what a tool had to say. Answers that a decision rests on are sealed: a
# digest of the question as it arrived and of their lines follows, so that neither a mangled command nor console noise
# passes for one.

fetch() {
	if command -v wget >/dev/null; then wget -q -O - "$1"; else curl -fsS "$1"; fi
}

sealed() {
	answer=$("$@")
	echo "$answer"
	echo "seal=$({ printf '%s\n' "$*" && echo "$answer"; } | sha256sum)"
}

# checked SUM COMMAND ARGUMENT...: runs a command only if it is what was asked for: a byte that got lost on the way could
# make another device of one.
checked() {
	sum=$1
	shift
	case ${#sum}$(printf '%s\n' "$*" | sha256sum) in
	"16$sum"*) "$@" ;;
	*) echo error=mangled ;;
	esac
}

can() { dd "$@" count=1 >/dev/null 2>&1; }

direct_read() { can if="$1" of=/dev/null bs=4096 iflag=direct; }

# find_sysfs ADDRESS: the disks at an address of the bus, boot partitions of eMMC left out.
find_sysfs() {
	for sys in /sys/class/block/*; do
		[ -e "$sys/partition" ] && continue
		case $sys in *boot[0-9] | *rpmb) continue ;; esac
		case $(readlink -f "$sys") in */"$1"/* | */"$1".*/*) echo "device=/dev/${sys##*/}" ;; esac
	done
}

# in_use SYS: why the device or a part of it must not be written.
in_use() {
	for part in "$1" "$1"/*/partition; do
		part=${part%/partition}
		[ -e "$part/dev" ] || continue
		name=${part##*/}
		[ "$part" != "$1" ] || name=${1##*/}
		grep -q "^[0-9]* [0-9]* $(cat "$part/dev") " /proc/self/mountinfo && echo "used=/dev/$name is mounted"
		grep -q "^/dev/$name[[:space:]]" /proc/swaps 2>/dev/null && echo "used=/dev/$name is swap"
		for holder in "$part"/holders/*; do
			[ -e "$holder" ] && echo "used=/dev/$name is held by ${holder##*/}"
		done
	done
}

info() { # DEVICE
	[ -e "$1" ] || { echo error=missing; return; }
	dev=$(readlink -f "$1")
	[ -b "$dev" ] || { echo error=notblock; return; }
	[ -r /proc/self/mountinfo ] && command -v grep >/dev/null || { echo error=blind; return; }
	sys=/sys/class/block/${dev##*/}
	echo "device=$dev"
	echo "sectors=$(cat "$sys/size")"
	echo "sector=$(cat "$sys/queue/logical_block_size" 2>/dev/null || cat "$sys/../queue/logical_block_size")"
	[ "$(cat "$sys/ro")" = 0 ] || echo "protected=$dev"
	in_use "$sys"
}

write() { # URL DEVICE
	whole="ibs=64k obs=1M"
	[ -b "$2" ] || { echo error=gone; return; }
	can if=/dev/zero of=/dev/null bs=512 iflag=fullblock && whole="bs=1M iflag=fullblock"
	past=
	can if=/dev/zero of=/dev/null bs=512 conv=fsync && past=conv=fsync
	direct_read "$2" && past=oflag=direct
	{ { # the exit codes go past the pipe by way of the standard error, twice: noise makes no failure of a success
		fetch "$1"
		echo "fetch=$?=$?" >&2
	} | {
		dd of="$2" $whole $past
		echo "dd=$?=$?" >&2
	}; } 2>&1
	sync
	echo "sync=$?=$?"
	[ -b "$2" ] || echo error=gone # dd makes a file in RAM of a device that went away
}

verify() { # DEVICE WHOLE-MEBIBYTES REMAINING-BYTES SECTOR
	[ -b "$1" ] || { echo error=gone; return; }
	can if="$1" of=/dev/null bs=4096 || { echo error=unreadable; return; }
	if direct_read "$1"; then
		past=iflag=direct
	elif sync && echo 3 >/proc/sys/vm/drop_caches; then
		past=
	else
		echo error=cached
		return
	fi
	{ {
		[ "$2" = 0 ] || dd if="$1" bs=1M count="$2" $past
		echo "dd=$?=$?" >&2
		# In sectors, so that nothing is left to write when head has enough, and the exit code is dd's own.
		[ "$3" = 0 ] || {
			dd if="$1" bs="$4" skip=$(($2 * (1048576 / $4))) count=$((($3 + $4 - 1) / $4)) $past
			echo "rest=$?=$?" >&2
		} | head -c "$3"
	} | sha256sum | while read -r sum _; do # twice: a digest that noise spoiled is not one of another image
		echo "sum=$sum"
		echo "again=$sum"
	done; } 2>&1
}

"$@"
