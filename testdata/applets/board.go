package applets

// OnBoard are the cases that need a board's kernel, disk or network.
var OnBoard = []Applet{
	{Name: "sh", Cases: []Case{
		{"cat /proc/sys/kernel/printk; echo 1 >/proc/sys/kernel/printk; cat /proc/sys/kernel/printk; echo x >/proc/sys/kernel/printk; echo $?; echo 7 >/proc/sys/kernel/printk", "7\t4\t1\t7\n1\t4\t1\t7\nsh: write error: Invalid argument\n1\n", 0},
		{"echo 3 >/proc/sys/vm/drop_caches; echo 9 >/proc/sys/vm/drop_caches; echo $?", "sh: write error: Invalid argument\n1\n", 0},
		{"cat /sys/class/block/vda/size /sys/class/block/vda/ro /sys/class/block/vda/queue/logical_block_size; [ -b /dev/vda ]; echo $?", "196608\n0\n512\n0\n", 0},
		{"echo x >/sys/class/block/vda/size; echo $?", "sh: can't create /sys/class/block/vda/size: Permission denied\n1\n", 0},
		{"echo /sys/class/block/vda*", "/sys/class/block/vda\n", 0},
		{"ls /sys/class/net", "eth0\nlo\n", 0},
		{"grep -c vda /proc/partitions; tail -n 1 /proc/partitions", "1\n 254        0      98304 vda\n", 0},
		{"cat /proc/filesystems | grep -c tmpfs; grep -c MemAvailable /proc/meminfo", "2\n1\n", 0},
	}},
	{Name: "uname", Cases: []Case{
		{"uname -s -m; uname -a | cut -d' ' -f1,2", "Linux aarch64\nLinux flashlua\n", 0},
	}},
	{Name: "hostname", Cases: []Case{
		{"hostname; hostname other; hostname", "flashlua\nother\n", 0},
	}},
	{Name: "date", Cases: []Case{
		{"date -u -s @86400; date -u -s 2005.01.02-03:04:06 >/dev/null; date -u +%Y-%m-%d", "Fri Jan  2 00:00:00 UTC 1970\n2005-01-02\n", 0},
		{"date -u 010203042007.06; date -u 01020304; date -u -s @x; date -s '2031-02-03 04:05:06' >/dev/null; date +%F", "Tue Jan  2 03:04:06 UTC 2007\nTue Jan  2 03:04:00 UTC 2007\ndate: invalid date '@x'\n2031-02-03\n", 0},
	}},
	{Name: "blockdev", Cases: []Case{
		{"blockdev --getsize64 /dev/vda; blockdev --getsz /dev/vda; blockdev --getss /dev/vda; blockdev --getro /dev/vda; blockdev --rereadpt /dev/vda; echo $?", "100663296\n196608\n512\n0\n0\n", 0},
		{"blockdev --flushbufs /dev/vda; echo $?; blockdev --what /dev/vda 2>/dev/null; echo $?; blockdev --setrw /dev/vda; echo $?", "0\n1\n0\n", 0},
	}},
	{Name: "dd", Cases: []Case{
		{"dd if=/dev/vda bs=511 count=1 iflag=direct of=/dev/null 2>&1 | head -n 1", "1+0 records in\n", 0},
		{"dd if=/dev/zero of=/dev/vda bs=1M seek=95 count=2 2>&1 | head -n 3", "dd: error writing '/dev/vda': No space left on device\n2+0 records in\n1+0 records out\n", 0},
		{"dd if=/dev/zero of=/dev/vda bs=512 count=1 oflag=direct status=none; echo $?", "0\n", 0},
		{"dd if=/dev/vda bs=1M skip=96 count=1 2>&1 | head -n 2", "0+0 records in\n0+0 records out\n", 0},
		{"printf abc | dd of=/dev/vda bs=512 status=noxfer; dd if=/dev/vda bs=3 count=1 status=none; echo", "0+1 records in\n0+1 records out\nabc\n", 0},
		{"dd if=/dev/vda bs=1M skip=95 2>/dev/null | wc -c", "1048576\n", 0},
	}},
	{Name: "ls", Cases: []Case{
		{"set -- $(ls -ln /dev/vda); echo $1 $2 $3 $4 $5 $6", "brw------- 1 0 0 254, 0\n", 0},
	}},
	{Name: "readlink", Cases: []Case{
		{"readlink -f /sys/dev/block/$(cat /sys/class/block/vda/dev) | sed 's,.*/,,'", "vda\n", 0},
	}},
	{Name: "dmesg", Cases: []Case{
		{"dmesg -n 4; cat /proc/sys/kernel/printk; dmesg -n 7", "4\t4\t1\t7\n", 0},
		{`echo note >/dev/kmsg; dmesg | tail -n 1 | sed 's/^[^]]*\] //'`, "note\n", 0},
	}},
	{Name: "mount", Cases: []Case{
		{"mkdir m; mount -t tmpfs none m; grep -c ' /tmp/case/m ' /proc/self/mountinfo; mount | grep ' /tmp/case/m '", "1\nnone on /tmp/case/m type tmpfs (rw,relatime,inode64)\n", 0},
		{"mkdir m; mount /dev/vda m; echo $?", "mount: mounting /dev/vda on m failed: Invalid argument\n255\n", 0},
	}},
	{Name: "ip", Cases: []Case{
		{"ip link set no-such up; echo $?", "ip: SIOCGIFFLAGS: No such device\n2\n", 0},
		{"ip link set eth0 up; ip addr add 10.0.2.21/24 dev eth0; ip route add default via 10.0.2.2; ip route; ip -4 addr show scope global | grep -o 'inet [^ ]*'", "default via 10.0.2.2 dev eth0 \n10.0.2.0/24 dev eth0 scope link  src 10.0.2.21 \ninet 10.0.2.21/24\n", 0},
	}},
	{Name: "ifconfig", Cases: []Case{
		{"ifconfig eth0 10.0.2.21; ifconfig | grep -o 'inet addr:[0-9.]*'; ifconfig eth0 down; ifconfig | grep -c eth0", "inet addr:10.0.2.21\ninet addr:127.0.0.1\n0\n", 1},
		{"ifconfig eth0 nonsense; echo $?", "ifconfig: bad address 'nonsense'\n1\n", 0},
	}},
	{Name: "udhcpc", Cases: []Case{
		{`udhcpc -n -q 2>&1 | sed 's/ 10\.0\.2\.1[5-9]/ ADDRESS/'`, "udhcpc: started, v1.35.0\nudhcpc: broadcasting discover\nudhcpc: broadcasting select for ADDRESS, server 10.0.2.2\nudhcpc: lease of ADDRESS obtained from 10.0.2.2, lease time 86400\n", 0},
	}},
	{Name: "wget", Cases: []Case{
		{"udhcpc -n -q 2>/dev/null; wget -q -O - http://10.0.2.2:9/x; echo $?; wget -O - http://10.0.2.2:9/x", "wget: can't connect to remote host (10.0.2.2): Connection refused\n1\nConnecting to 10.0.2.2:9 (10.0.2.2:9)\nwget: can't connect to remote host (10.0.2.2): Connection refused\n", 1},
	}},
}
