# What flashlua runs on the board: sh -c "$(this)" fl JOB, after a line that sets station, the URL of the jobs.
# It needs a POSIX shell and busybox's dd, ls, sha256sum, readlink and wget (or curl). It writes no file but the target,
# and one in RAM.
# A job is what the station asks for: a list of commands, if one is needed, and a command. It is served under the first
# digits of its digest, so that neither a mangled command nor a damaged transfer runs another one.
# Answers are lines KEY=VALUE; every other line is what a tool printed. Answers that a decision rests on are sealed: a
# digest of the question and of their lines follows, so that console noise does not pass for one.

export LC_ALL=C # what tools say is read
bad=0 cut=0     # exit code of the dd that failed; 1 if a transfer broke off

fetch() {
	if command -v wget >/dev/null; then wget -q -O - "$1"; else curl -fsS "$1"; fi
}

# talk URL COMMAND...: runs a command of these whose standard input and output are a connection to the station. That takes
# busybox's nc, and spares every byte the way through a pipe. The command finds what is to be had in path.
talk() {
	host=${1#http://}
	path=/${host#*/}
	host=${host%%/*}
	shift
	export path
	nc -w 10 "${host%:*}" "${host##*:}" -e sh -c "$FL" fl run "$@" </dev/null
}
answered() { # reads the station's answer as far as its content
	read -r _ code _ || return
	while read -r line && [ ${#line} -gt 1 ]; do :; done
	[ "$code" = 200 ]
}
receive() { # COMMAND...: reads the content
	printf 'GET %s HTTP/1.0\r\n\r\n' "$path"
	answered && "$@" >&2
}
transmit() { # LENGTH COMMAND...: prints the content. If it cannot, it goes, and the station waits for nothing
	printf 'PUT %s HTTP/1.0\r\nContent-Length: %s\r\n\r\n' "$path" "$1"
	shift
	"$@" && answered
}

sealed() {
	answer=$("$@")
	echo "$answer"
	echo "seal=$({ printf '%s\n' "$*" && echo "$answer"; } | sha256sum)"
}

# get JOB: gets a job from the station.
get() {
	job=$1
	text=$(fetch "$station/$job") || { echo error=unfetched >&2; return 1; }
	sum=$( # an argument could not be that long
		sha256sum <<-END
			$text
		END
	)
	case ${#job}$sum in "8$job"*) ;; *) echo error=mangled >&2; return 1 ;; esac
}

# do_job JOB: runs the command of a job, which may use its list.
do_job() {
	run() { "$@"; }
	get "$1" && export job && eval "$text"
}

# listed COMMAND...: runs a command of these with the list and the device of the present job, which another shell runs.
listed() {
	run() { dev=$2; }
	get "$job" && eval "$text" && "$@"
}

# tick prints a line every five seconds, between two commands of a list: a board that is slow does not hang.
tick() {
	read -r up _ </proc/uptime || return
	: "${next:=$((${up%.*} + 5))}"
	[ "${up%.*}" -ge "$next" ] || return
	next=$((${up%.*} + 5))
	echo "at=$up" >&2
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

# find_part DEVICE LABEL: the partitions of a disk with a label, and all labels.
find_part() {
	for sys in "$(sysfs "$(readlink -f "$1")")"/*/partition; do
		[ -e "$sys" ] || continue # there is none
		sys=${sys%/partition}
		grep -Fqx "PARTNAME=$2" "$sys/uevent" 2>/dev/null && echo "device=/dev/${sys##*/}"
		label=$(grep -s ^PARTNAME= "$sys/uevent") && echo "label=${label#*=}"
	done
}

# sysfs NODE: a block device's folder in sysfs, by its number: a node may have any name.
sysfs() (
	IFS=' ,'
	set -- "$1" $(ls -ln "$1" 2>/dev/null) # brw------- 1 0 0 254, 1 …
	number=/sys/dev/block/$6:$7
	[ -e "$number" ] && number=$(readlink -f "$number") || number=$1
	echo "/sys/class/block/${number##*/}"
)

# place SYS: sets where a block device lies: disk, first and sectors. A partition is a part of its disk, and a loop device
# of what is behind it, which may be a file.
place() {
	at=$1 first=0
	read -r sectors <"$at/size" || return
	while :; do
		if [ -e "$at/partition" ]; then
			read -r start <"$at/start" || return
			at=$at/..
		elif [ -e "$at/loop/backing_file" ]; then
			read -r start <"$at/loop/offset" && IFS= read -r file <"$at/loop/backing_file" || return
			start=$((start / 512))
			[ -b "$file" ] || break
			at=$(sysfs "$file")
		else
			read -r disk <"$at/dev"
			return
		fi
		first=$((first + start))
	done
	disk="file $file" first=$((first + start))
}

# in_use DISK FIRST END: why these sectors must not be written: a device that has some of them is in use.
in_use() {
	for part in /sys/class/block/*; do
		place "$part" && [ "$disk" = "$1" ] && [ "$first" -lt "$3" ] && [ $((first + sectors)) -gt "$2" ] || continue
		name=${part##*/}
		read -r number <"$part/dev"
		grep -q "^[0-9]* [0-9]* $number " /proc/self/mountinfo && echo "used=/dev/$name is mounted"
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
	sys=$(sysfs "$dev")
	echo "device=$dev"
	sectors= disk= first=
	place "$sys"
	echo "sectors=$sectors"
	echo "disk=$disk"
	echo "first=$first"
	echo "sector=$(cat "$sys/queue/logical_block_size" 2>/dev/null || cat "$sys/../queue/logical_block_size")"
	[ "$(cat "$sys/ro")" = 0 ] || echo "protected=$dev"
	[ -e "$sys/force_ro" ] && echo force=yes
	[ -z "$disk" ] || in_use "$disk" "$first" $((first + sectors))
}

# on DEVICE: sets the device.
on() {
	dev=$1
	[ -b "$dev" ] || { echo error=gone >&2; return 1; }
}

# put BLOCK SEEK COUNT FROM LENGTH: so many blocks of the standard input go to a place of the device. A dd that cannot wait
# for whole blocks gets that part of the stream alone. After a failure, or the end of the stream, nothing is done.
put() {
	tick
	[ "$bad$cut" = 00 ] || return
	[ -b "$dev" ] || { bad=1 && return; } # dd would make a file in RAM of a device that went away
	if [ "$whole" ]; then
		said=$(dd of="$dev" bs="$1" seek="$2" count="$3" $whole $past 2>&1)
	else
		said=$({ { fetch "$stream?from=$4&length=$5" || echo fetch=cut >&2; } | dd of="$dev" ibs=64k obs="$1" seek="$2" $past; } 2>&1)
	fi || bad=$?
	case $by$bad$said in
	nc0"$3+0 "*) ;;
	nc0* | nc*"standard input"* | *fetch=cut*) bad=0 cut=1 ;; # wget for all of the stream says it itself
	esac
	[ "$bad$cut" = 00 ] || echo "$said"
}
zero() { # BLOCK SEEK COUNT
	tick
	[ "$bad" = 0 ] || return
	[ -b "$dev" ] || { bad=1 && return; }
	said=$(dd if=/dev/zero of="$dev" bs="$1" seek="$2" count="$3" $past 2>&1) || { bad=$? && echo "$said"; }
}

# work: does what the list says, with what the standard input brings. The exit codes come twice: noise makes no failure of
# a success.
work() {
	past=conv=notrunc
	can if=/dev/zero of=/dev/null bs=512 conv=fsync && past=conv=notrunc,fsync
	direct_read "$dev" && past="conv=notrunc oflag=direct"
	eval "$list"
	echo "dd=$bad=$bad"
	echo "cut=$cut=$cut"
}

# apply DEVICE STREAM-URL BY CLEAR: does what the list says, with what the stream brings, by nc or else as every board
# can. If CLEAR is not empty, force_ro is cleared meanwhile.
apply() {
	dev=$1
	export stream=$2 by=$3 whole=iflag=fullblock
	can if=/dev/zero of=/dev/null bs=512 $whole || whole= by=
	force=/sys/class/block/${dev##*/}/force_ro
	if [ "$4" ] && [ "$(cat "$force")" = 1 ]; then
		trap 'echo 1 >"$force"' EXIT
		trap 'exit 130' INT TERM
		echo 0 >"$force"
	fi
	{
		if [ "$by" ]; then
			talk "$stream" listed receive work
			echo "fetch=$?=$?"
		elif on "$dev"; then
			{
				[ -z "$stream" ] || [ -z "$whole" ] || fetch "$stream"
				echo "fetch=$?=$?" >&2 # past the pipe
			} | work
		fi
	} 2>&1
	sync
	echo "sync=$?=$?"
	[ -b "$dev" ] || echo error=gone
}

# past_cache: finds the way to read what the medium holds and not what the kernel remembers.
past_cache() {
	can if="$dev" of=/dev/null bs=4096 || { echo error=unreadable >&2; return 1; }
	past=iflag=direct
	direct_read "$dev" && return
	past=
	sync && echo 3 >/proc/sys/vm/drop_caches || { echo error=cached >&2; return 1; }
}

# The ways to make a digest: through a pipe, or from a file in RAM.
ram() { # a place in RAM, if there is room for 16 MiB of many: the station never wants more than a sixteenth
	free=$(grep -s MemAvailable /proc/meminfo) || return
	free=${free#*:}
	[ "${free% kB}" -gt 262144 ] || return
	for dir in /dev/shm /tmp /run /dev; do
		grep -qE "^[^ ]+ $dir (tmpfs|devtmpfs|ramfs) rw" /proc/mounts && : >"$dir/.flashlua" && echo "$dir/.flashlua" && return
	done
	grep -qE "^[^ ]+ / rootfs rw" /proc/mounts && : >/.flashlua && echo /.flashlua
}
pipe() { # SUM-PROGRAM BLOCK SKIP COUNT
	{
		dd if="$dev" bs="$2" skip="$3" count="$4" $past 2>/dev/null || {
			echo "read=$?=$?"
			dd if="$dev" of=/dev/null bs="$2" skip="$3" count=1 $past # says why, if it is not a place further on
		} >&2
	} | "$1"
}
file() { # the same; through a pipe if the file does not hold all of it, which shows whether the medium cannot be read
	case $(dd if="$dev" of="$place" bs="$2" skip="$3" count="$4" $past $keep 2>&1) in
	"$4+0 "*"$4+0 "*) "$1" <"$place" ;;
	*) pipe "$@" ;;
	esac
}
room() { # BYTES: the file in RAM keeps its pages unless it is larger: the kernel clears newly allocated memory first
	keep=
	[ "$1" -lt "${held:-0}" ] || keep=conv=notrunc
	held=$1
}

# check BLOCK SKIP COUNT SUM: prints the digest of a part, and whether it differs from SUM.
check() {
	tick
	n=$((n + 1))
	room $(($1 * $3))
	got=$($way "$program" "$1" "$2" "$3")
	got=${got%% *}
	echo "$got"
	[ "$got" = "$4" ] || { bads=$((bads + 1)) && echo "bad=$n=$n" >&2; }
}

# compare DEVICE WAY SUM-PROGRAM: checks parts of the medium. The digest of all their digests comes twice:
# one that noise spoiled is not one of another image.
compare() {
	on "$1" && past_cache || return
	way=$2 program=$3 place= n=0 bads=0
	[ "$way" != file ] || place=$(ram)
	trap '[ -z "$place" ] || rm -f "$place"' EXIT
	trap 'exit 130' INT TERM
	{ {
		eval "$list"
		echo "bads=$bads=$bads" >&2
	} | sha256sum | while read -r sum _; do
		echo "sum=$sum"
		echo "again=$sum"
	done; } 2>&1
}

# send BLOCK SKIP COUNT: a part of the medium as it is. After a failure nothing is sent.
send() {
	tick
	[ "$bad$cut" = 00 ] || return
	dd if="$dev" bs="$1" skip="$2" count="$3" $past 2>/dev/null || bad=$?
	[ "$bad" != 141 ] || bad=0 cut=1 # killed by the pipe
	[ "$bad$cut" = 00 ]
}

sends() { # what the list says
	past_cache || return
	eval "$list"
	echo "read=$bad=$bad" >&2
	[ "$bad$cut" = 00 ]
}

# give PROGRAM URL LENGTH COMMAND...: sends what the command prints to the station, which knows how long it must be.
give() {
	by=$1 url=$2
	shift 2
	if [ "$by" = nc ]; then talk "$url" transmit "$@"; else
		shift
		"$@" | curl -fsS -T - "$url"
	fi
}

# upload DEVICE PROGRAM URL LENGTH: sends parts of the medium to the station.
upload() { on "$1" && give "$2" "$3" "$4" listed sends 2>&1; }

now() { # in hundredths of a second
	read -r up _ </proc/uptime
	echo $((${up%.*} * 100 + 1${up#*.} - 100))
}

# timed NAME COMMAND...: prints how long the command takes.
timed() {
	name=$1 took=9999
	shift
	since=$(now)
	"$@" >/dev/null 2>&1 || return
	took=$(($(now) - since))
	echo "$name=$took=$took"
}
copy() { # BLOCK SEEK COUNT: writes what is there
	timed copy dd if="$dev" of="$dev" bs="$1" skip="$2" seek="$2" count="$3" conv=notrunc iflag=direct oflag=direct
}

# probe DEVICE: does what the list says, of what follows.
probe() {
	on "$1" && past_cache || return
	way=pipe program=sha256sum n=0 bads=0
	eval "$list"
}

look() { check "$@" 2>&1 >/dev/null; }

# ways URL BLOCK COUNT SUM-PROGRAM...: prints how long it takes to read the medium's first blocks in every way, and to send
# them to the URL.
ways() {
	export dev past
	to=$1 block=$2 count=$3
	shift 3
	free=$(grep -s MemAvailable /proc/meminfo)
	free=${free#*:}
	free=${free% kB}
	echo "free=$((${free:-0}))"
	timed first pipe sha256sum 65536 0 1 # a board for which 4 MiB would take ten seconds is asked no more
	[ "$took" -lt 16 ] || timed first pipe sha256sum 65536 1 1
	[ "$took" -lt 16 ] || return
	place=$(ram) held=0
	trap '[ -z "$place" ] || rm -f "$place"' EXIT
	trap 'exit 130' INT TERM
	best=9999 fastest=
	from=${place:+file}
	for hash in "$@"; do
		command -v "$hash" >/dev/null || continue
		room $((block * count))
		timed "${from:-pipe}.$hash" "${from:-pipe}" "$hash" "$block" 0 "$count"
		[ "$took" -ge "$best" ] || best=$took fastest=$hash
	done
	[ -z "$place" ] || timed "pipe.$fastest" pipe "$fastest" "$block" 0 "$count"
	by=
	command -v curl >/dev/null && by=curl
	case $(nc --help 2>&1 </dev/null) in
	BusyBox*"-e PROG"*) [ "$(talk "$station/$job" receive cat 2>&1)" = "$text" ] && echo nc=1=1 && by=nc ;;
	esac
	[ "$by" ] && [ "$best" -gt 3 ] || return # 4 MiB in three hundredths of a second: no network is that much faster
	# All of it only where a part, which is a sixteenth, does not take half as long.
	timed part give "$by" "$to" 262144 send 262144 0 1
	[ $((took * 2)) -gt "$best" ] || timed "back.$by" give "$by" "$to" "$((block * count))" send "$block" 0 "$count"
}

case $1 in
run) shift ;;
*) set -- do_job "$1" ;;
esac
"$@"
