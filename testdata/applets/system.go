package applets

var system = []Applet{
	{Name: "uname", Cases: []Case{
		{"uname; uname -s; uname -z 2>/dev/null; echo $?", "Linux\nLinux\n1\n", 0},
	}},
	{Name: "hostname", Cases: []Case{
		{`[ "$(hostname)" = "$(cat /proc/sys/kernel/hostname)" ]; echo $?`, "0\n", 0},
	}},
	{Name: "id", Cases: []Case{
		{"id -u; id -g", "0\n0\n", 0},
	}},
	{Name: "date", Cases: []Case{
		{"date -u -d @86400 +%s; date -u -d '2031-02-03 04:05:06' +%Y-%m-%d; date -u -d '2031-02-03 04:05' '+%H:%M:%S'", "86400\n2031-02-03\n04:05:00\n", 0},
		{"date -u -d @0; date -u -d @0 +%F_%T; date -u -d @0 '+%a %b %e %Z %y %j'", "Thu Jan  1 00:00:00 UTC 1970\n1970-01-01_00:00:00\nThu Jan  1 UTC 70 001\n", 0},
		{"date -u -d nonsense; echo $?", "date: invalid date 'nonsense'\n1\n", 0},
		{"date -u nonsense; echo $?", "date: invalid date 'nonsense'\n1\n", 0},
		{"date -u -d @x; echo $?", "date: invalid date '@x'\n1\n", 0},
		{"date -u -d '2031-02-03' +%s; date -u -d 203102030405.06 +%s; date -u -d 2005.01.02-03:04:06 +%s", "1927843200\n1927857906\n1104635046\n", 0},
		{"date -u -d @1 -I; date -u -d @1 -R", "1970-01-01\nThu, 01 Jan 1970 00:00:01 +0000\n", 0},
		{"date +%n%t%%", "\n\t%\n", 0},
	}},
	{Name: "sync", Cases: []Case{
		{"sync; echo $?", "0\n", 0},
	}},
	{Name: "blockdev", Cases: []Case{
		{"blockdev 2>/dev/null; echo $?", "1\n", 0},
		{"blockdev --getsize64 /dev/null; echo $?", "blockdev: /dev/null: Inappropriate ioctl for device\n1\n", 0},
		{"blockdev --getsize64 /no/such; echo $?", "blockdev: can't open '/no/such': No such file or directory\n1\n", 0},
	}},
	{Name: "dmesg", Cases: []Case{
		{"dmesg -n x; echo $?", "dmesg: invalid number 'x'\n1\n", 0},
	}},
	{Name: "mount", Cases: []Case{
		{"mount /no/such /no/such; echo $?", "mount: mounting /no/such on /no/such failed: No such file or directory\n255\n", 0},
	}},
	{Name: "wget", Cases: []Case{
		{"wget -q -O - http://10.0.2.2:1/; echo $?", "wget: can't connect to remote host (10.0.2.2): Network is unreachable\n1\n", 0},
		{"wget -q -O - http://example.invalid/; echo $?", "wget: bad address 'example.invalid'\n1\n", 0},
		{"wget 2>/dev/null; echo $?", "1\n", 0},
		{"wget -O - http://10.0.2.2:1/", "Connecting to 10.0.2.2:1 (10.0.2.2:1)\nwget: can't connect to remote host (10.0.2.2): Network is unreachable\n", 1},
		{"wget -q -O - https://10.0.2.2:1/", "wget: can't connect to remote host (10.0.2.2): Network is unreachable\n", 1},
	}},
	{Name: "ip", Cases: []Case{
		{"ip link show no-such; echo $?", "ip: can't find device 'no-such'\n2\n", 0},
		{"ip nonsense 2>/dev/null; echo $?", "1\n", 0},
	}},
	{Name: "ifconfig", Cases: []Case{
		{"ifconfig no-such; echo $?", "ifconfig: no-such: error fetching interface information: Device not found\n1\n", 0},
		{"ifconfig no-such up; echo $?", "ifconfig: SIOCGIFFLAGS: No such device\n1\n", 0},
	}},
	{Name: "udhcpc", Cases: []Case{
		{"udhcpc -i no-such -n -q; echo $?", "udhcpc: SIOCGIFINDEX: No such device\n1\n", 0},
	}},
}
