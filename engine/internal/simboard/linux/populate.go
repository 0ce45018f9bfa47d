package linux

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// populate fills the tree with what a Linux has.
func (s *system) populate() {
	t := s.files
	for _, dir := range []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/etc", "/dev", "/proc/self", "/proc/sys/kernel", "/proc/sys/vm", homeDir, "/tmp", "/var/run", "/mnt", "/lib/modules/" + release, "/run"} {
		must(t.mkdirAll(dir))
	}
	must(t.chmod("/tmp", 0o777|fs.ModeSticky))
	s.tools()
	s.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
	s.text("/etc/hostname", s.cfg.Hostname+"\n")
	s.text("/etc/hosts", "127.0.0.1\tlocalhost\n")
	s.text("/etc/os-release", "ID=flashlua\nNAME=\"flashlua simulated board\"\nPRETTY_NAME=\"flashlua simulated board\"\n")
	s.mounts = []mount{
		{"rootfs", "/", "rootfs", "rw", "0:2"},
		{"proc", "/proc", "proc", "rw,relatime", "0:21"},
		{"sysfs", "/sys", "sysfs", "rw,relatime", "0:22"},
		{"devtmpfs", "/dev", "devtmpfs", "rw,relatime", "0:5"},
	}
	s.devices()
	s.proc()
	s.sys()
	for _, dir := range []string{"/proc", "/proc/self", "/proc/sys", "/proc/sys/kernel", "/proc/sys/vm"} {
		must(t.chmod(dir, 0o555))
	}
}

// must panics if the tree cannot be populated, which no input can cause.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("linux: the board's own tree: %v", err))
	}
}

// tools links every program to busybox, as busybox --install does.
func (s *system) tools() {
	t := s.files
	box, err := t.put("/bin/busybox", func() *node { return t.node(0o755) })
	must(err)
	box.text = func() string { return "\x7fELF" + toolset + "\n" }
	for dir, all := range programs {
		for name := range all {
			if name != "busybox" {
				must(t.symlink("/bin/busybox", dir+"/"+name))
			}
		}
	}
	must(t.symlink("/bin/busybox", "/init"))
}

func (s *system) text(p, text string) {
	f, err := s.files.open(p, 0o101, 0o644) // write only, create
	must(err)
	_, err = f.Write([]byte(text))
	must(err)
}

// addProcFile adds a file of the kernel: its content, and what a write to it does, nil if it cannot be written.
func (s *system) addProcFile(p string, text func() string, store func(string) error) {
	n, err := s.files.put(p, func() *node { return s.files.node(0o444) })
	must(err)
	n.text, n.store = text, store
	if store != nil {
		n.mode = 0o644
	}
}

func fixed(text string) func() string { return func() string { return text } }

func (s *system) device(name string, mode fs.FileMode, major, minor int, d device) {
	n, err := s.files.put("/dev/"+name, func() *node { return s.files.node(mode) })
	must(err)
	n.major, n.minor, n.dev = major, minor, d
}

func (s *system) devices() {
	const char = fs.ModeDevice | fs.ModeCharDevice | 0o666
	s.device("null", char, 1, 3, character{nothing, discard})
	s.device("zero", char, 1, 5, character{zeros, discard})
	s.device("full", char, 1, 7, character{zeros, full})
	s.device("random", char, 1, 8, character{random, discard})
	s.device("urandom", char, 1, 9, character{random, discard})
	s.device("kmsg", char, 1, 11, character{nothing, func(p []byte) (int, error) {
		s.log.print(strings.TrimRight(string(p), "\n"))
		return len(p), nil
	}})
	for name, minor := range map[string]int{"tty": 0, "console": 1, "ttyS0": 64} {
		s.device(name, char, 5, minor, character{s.term.Read, s.term.Write})
	}
	for fd, name := range []string{"stdin", "stdout", "stderr"} {
		must(s.files.symlink("/proc/self/fd/"+strconv.Itoa(fd), "/dev/"+name))
	}
	for i, d := range s.cfg.Disks {
		disk := newDisk(d, i*minorsPerDisk)
		s.disks = append(append(s.disks, disk), disk.partitions()...)
	}
	for _, d := range s.disks {
		s.device(d.Name, fs.ModeDevice|0o600, diskMajor, d.minor, d)
	}
}

func (s *system) proc() {
	s.addProcFile("/proc/cmdline", fixed(s.cfg.Cmdline+"\n"), nil)
	s.addProcFile("/proc/version", fixed("Linux version "+release+" (flashlua@simboard) "+version+"\n"), nil)
	s.addProcFile("/proc/cpuinfo", fixed("processor\t: 0\nBogoMIPS\t: 125.00\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd07\nCPU revision\t: 0\n\n"), nil)
	s.addProcFile("/proc/meminfo", s.meminfo, nil)
	s.addProcFile("/proc/uptime", func() string { return fmt.Sprintf("%.2f %.2f\n", s.uptime().Seconds(), s.uptime().Seconds()) }, nil)
	s.addProcFile("/proc/loadavg", fixed("0.00 0.00 0.00 1/60 100\n"), nil)
	s.addProcFile("/proc/mounts", s.mountTable, nil)
	s.addProcFile("/proc/self/mounts", s.mountTable, nil)
	s.addProcFile("/proc/self/mountinfo", s.mountInfo, nil)
	s.addProcFile("/proc/swaps", fixed("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"), nil)
	s.addProcFile("/proc/filesystems", fixed("nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n"), nil)
	s.addProcFile("/proc/partitions", s.partitions, nil)
	s.addProcFile("/proc/sys/kernel/hostname", func() string { return s.hostname() + "\n" }, nil)
	s.addProcFile("/proc/sys/kernel/osrelease", fixed(release+"\n"), nil)
	s.addProcFile("/proc/sys/kernel/printk", func() string { return fmt.Sprintf("%d\t4\t1\t7\n", s.log.getLevel()) }, func(v string) error {
		level, err := strconv.Atoi(strings.Fields(v + " x")[0])
		if err != nil {
			return syscall.EINVAL
		}
		s.log.setLevel(level)
		return nil
	})
	s.addProcFile("/proc/sys/vm/drop_caches", fixed("0\n"), func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 4 {
			return syscall.EINVAL
		}
		return nil
	})
}

func (s *system) free() int64 {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	return memory - 21692 - s.files.used>>10
}

func (s *system) meminfo() string {
	total, free := int64(memory-16384), s.free()
	return fmt.Sprintf("MemTotal:       %8d kB\nMemFree:        %8d kB\nMemAvailable:   %8d kB\nBuffers:        %8d kB\nCached:         %8d kB\nSwapTotal:      %8d kB\nSwapFree:       %8d kB\n",
		total, free, free, 0, total-free, 0, 0)
}

func (s *system) partitions() string {
	var b strings.Builder
	b.WriteString("major minor  #blocks  name\n\n")
	for _, d := range s.disks {
		fmt.Fprintf(&b, "%4d %8d %10d %s\n", diskMajor, d.minor, d.Size>>10, d.Name)
	}
	return b.String()
}

// sys adds the part of /sys that scripts read.
func (s *system) sys() {
	t := s.files
	for _, dir := range []string{"/sys/class/block", "/sys/block", "/sys/class/net", "/sys/devices/platform", "/sys/devices/virtual/net", "/sys/dev/block", "/sys/kernel"} {
		must(t.mkdirAll(dir))
	}
	for _, d := range slices.Backward(s.disks) { // partitions first: a disk's directory is read-only afterwards
		s.sysDisk(d)
	}
	for i := range interfaces {
		s.sysInterface(i)
	}
	for _, dir := range []string{"/sys", "/sys/class", "/sys/class/block", "/sys/block", "/sys/class/net", "/sys/devices", "/sys/devices/platform", "/sys/devices/virtual", "/sys/devices/virtual/net", "/sys/dev", "/sys/dev/block", "/sys/kernel"} {
		must(t.chmod(dir, 0o555))
	}
}

func (s *system) sysDisk(d *disk) {
	t := s.files
	home, kind, more, subs := d.home(), "disk", "", []string{"/queue", "/holders", "/slaves", ""}
	dir := "/sys/devices/" + home
	if d.of != nil {
		kind, subs = "partition", []string{"/holders", ""}
		more = fmt.Sprintf("PARTN=%d\n", d.number)
		if d.label != "" {
			more += fmt.Sprintf("PARTNAME=%s\n", d.label)
		}
	}
	for _, sub := range subs {
		must(t.mkdirAll(dir + sub))
	}
	s.addProcFile(dir+"/size", fixed(fmt.Sprintln(d.Size/512)), nil)
	s.addProcFile(dir+"/ro", fixed("0\n"), nil)
	s.addProcFile(dir+"/dev", fixed(fmt.Sprintf("%d:%d\n", diskMajor, d.minor)), nil)
	s.addProcFile(dir+"/uevent", fixed(fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=%s\nDEVTYPE=%s\n%s", diskMajor, d.minor, d.Name, kind, more)), nil)
	if d.of != nil {
		s.addProcFile(dir+"/partition", fixed(fmt.Sprintln(d.number)), nil)
		s.addProcFile(dir+"/start", fixed(fmt.Sprintln(d.from/512)), nil)
	} else {
		s.addProcFile(dir+"/removable", fixed("0\n"), nil)
		s.addProcFile(dir+"/queue/logical_block_size", fixed(fmt.Sprintln(d.Sector)), nil)
		s.addProcFile(dir+"/queue/physical_block_size", fixed(fmt.Sprintln(d.Sector)), nil)
		must(t.symlink("../devices/"+home, "/sys/block/"+d.Name))
	}
	for _, sub := range subs {
		must(t.chmod(dir+sub, 0o555))
	}
	must(t.symlink("../../devices/"+home, "/sys/class/block/"+d.Name))
	must(t.symlink("../../devices/"+home, fmt.Sprintf("/sys/dev/block/%d:%d", diskMajor, d.minor)))
}

// home is the directory of a disk below /sys/devices.
func (d *disk) home() string {
	switch {
	case d.of != nil:
		return d.of.home() + "/" + d.Name
	case d.Bus == "":
		return "virtual/block/" + d.Name
	}
	return "platform/" + d.Bus + "/block/" + d.Name
}

func (s *system) sysInterface(i int) {
	t := s.files
	name := interfaces[i].name
	dir := "/sys/devices/" + interfaces[i].home
	must(t.mkdirAll(dir))
	s.addProcFile(dir+"/address", fixed(interfaces[i].mac+"\n"), nil)
	s.addProcFile(dir+"/mtu", fixed(fmt.Sprintln(interfaces[i].mtu)), nil)
	s.addProcFile(dir+"/operstate", func() string {
		if name == "lo" {
			return "unknown\n"
		}
		return map[bool]string{true: "up\n", false: "down\n"}[s.net.isUp(i)]
	}, nil)
	s.addProcFile(dir+"/carrier", func() string { return map[bool]string{true: "1\n", false: "0\n"}[s.net.isUp(i)] }, nil)
	must(t.chmod(dir, 0o555))
	must(t.symlink("../../devices/"+interfaces[i].home, "/sys/class/net/"+name))
}

// mount is a line of the mount table.
type mount struct{ source, at, kind, options, dev string }

func (s *system) mountTable() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, m := range s.mounts {
		fmt.Fprintf(&b, "%s %s %s %s 0 0\n", m.source, m.at, m.kind, m.options)
	}
	return b.String()
}

func (s *system) mountInfo() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for i, m := range s.mounts {
		id, parent := 22+i, 1
		if i == 0 {
			id = 1
		}
		fmt.Fprintf(&b, "%d %d %s / %s %s - %s %s rw\n", id, parent, m.dev, m.at, m.options, m.kind, m.source)
	}
	return b.String()
}

func (t *tree) chmod(p string, mode fs.FileMode) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.findLocked(p, true)
	if err == nil {
		n.mode = n.mode&fs.ModeType | mode
	}
	return err
}

func (t *tree) touch(p string, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.findLocked(p, true)
	if err == nil {
		n.mtime = at
	}
	return err
}
