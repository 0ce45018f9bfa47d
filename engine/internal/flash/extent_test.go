package flash

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

func TestApart(t *testing.T) {
	disk := func(first, length int64) []Extent { return []Extent{{Disk: "8:0", First: first, Length: length}} }
	volume := func(name string, first, length int64) []Extent {
		return []Extent{{Disk: name, Length: length}, {Disk: "8:0", First: first, Length: length, mapped: name}}
	}
	for name, tt := range map[string]struct {
		a, b []Extent
		says string // part of the error; "" for none
	}{
		"the same":                        {disk(4096, 4096), disk(4096, 4096), "bytes 4096 to 8191 of the disk 8:0"},
		"one sector in common":            {disk(0, 4096), disk(3584, 4096), "bytes 3584 to 4095 of"},
		"one within the other":            {disk(0, 1<<40), disk(1<<39, 512), "bytes 549755813888 to 549755814399 of"},
		"a partition and its disk":        {disk(0, math.MaxInt64), disk(1<<20, 512), "bytes 1048576 to 1049087 of"},
		"adjacent":                        {disk(0, 4096), disk(4096, 4096), ""},
		"apart":                           {disk(0, 512), disk(4096, 512), ""},
		"nothing":                         {disk(0, 0), disk(0, 4096), ""},
		"two disks":                       {disk(0, 4096), []Extent{{Disk: "8:16", Length: 4096}}, ""},
		"two loop devices of a file":      {[]Extent{{Disk: "file /x", Length: 512}}, []Extent{{Disk: "file /x", Length: 4096}}, "bytes 0 to 511 of the file /x"},
		"a volume and its disk":           {volume("253:0", 0, 4096), disk(0, 8192), "bytes 0 to 4095 of the disk 8:0"},
		"two volumes of a disk":           {volume("253:0", 0, 4096), volume("253:1", 0, 4096), ""}, // the kernel keeps them apart
		"a volume and itself":             {volume("253:0", 0, 4096), volume("253:0", 0, 4096), "bytes 0 to 4095 of the disk 253:0"},
		"a volume and what is next to it": {volume("253:0", 0, 4096), disk(4096, 512), ""},
	} {
		for _, media := range [][]Medium{{{Extents: tt.a}, {Extents: tt.b}}, {{Extents: tt.b}, {Extents: disk(1<<50, 1)}, {Extents: tt.a}}} {
			err := Apart(media)
			f := classify.Facts(err)
			if (tt.says == "") != (err == nil) || err != nil && (f.Kind != classify.TargetUnsafe || f.Hint == "" || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("Apart of %s = %v, hint %q; want %q", name, err, f.Hint, tt.says)
			}
		}
	}
}

// TestExtentsOfThisMachine reads a folder in the form of sysfs: a disk with two partitions that overlap, a loop
// device on a file, another on a deleted one, a volume on the first partition and a RAID device.
func TestExtentsOfThisMachine(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	for name, text := range map[string]string{
		"devices/pci/sda/size": "200", "devices/pci/sda/dev": "8:0",
		"devices/pci/sda/sda1/size": "100", "devices/pci/sda/sda1/dev": "8:1", "devices/pci/sda/sda1/start": "10", "devices/pci/sda/sda1/partition": "1",
		"devices/pci/sda/sda2/size": "50", "devices/pci/sda/sda2/dev": "8:2", "devices/pci/sda/sda2/start": "60", "devices/pci/sda/sda2/partition": "2",
		"devices/virtual/loop0/size": "20", "devices/virtual/loop0/dev": "7:0", "devices/virtual/loop0/loop/backing_file": file, "devices/virtual/loop0/loop/offset": "1024",
		"devices/virtual/loop0/loop0p1/size": "4", "devices/virtual/loop0/loop0p1/dev": "7:1", "devices/virtual/loop0/loop0p1/start": "2", "devices/virtual/loop0/loop0p1/partition": "1",
		"devices/virtual/loop1/size": "20", "devices/virtual/loop1/dev": "7:16", "devices/virtual/loop1/loop/backing_file": file + " (deleted)", "devices/virtual/loop1/loop/offset": "0",
		"devices/virtual/dm-0/size": "90", "devices/virtual/dm-0/dev": "253:0",
		"devices/virtual/md0/size": "90", "devices/virtual/md0/dev": "9:0",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, path, []byte(text+"\n"))
	}
	put(t, file, nil)
	for from, to := range map[string]string{"dm-0/slaves/sda1": "pci/sda/sda1", "md0/slaves/dm-0": "virtual/dm-0", "md0/slaves/sda2": "pci/sda/sda2"} {
		link := filepath.Join(root, "devices/virtual", from)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(root, "devices", to), link); err != nil {
			t.Fatal(err)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	here := fileID(uint64(st.Dev), st.Ino)
	for dir, want := range map[string][]Extent{
		"pci/sda":               {{"8:0", 0, 200 * 512, ""}},
		"pci/sda/sda1":          {{"8:0", 10 * 512, 100 * 512, ""}},
		"pci/sda/sda2":          {{"8:0", 60 * 512, 50 * 512, ""}},
		"virtual/loop0":         {{here, 1024, 20 * 512, ""}},
		"virtual/loop0/loop0p1": {{here, 2048, 4 * 512, ""}},
		"virtual/loop1":         {{"file " + file + " (deleted)", 0, 20 * 512, ""}},
		"virtual/dm-0":          {{"253:0", 0, 90 * 512, ""}, {"8:0", 10 * 512, 100 * 512, "253:0"}},
		"virtual/md0":           {{"9:0", 0, 90 * 512, ""}, {"253:0", 0, 90 * 512, "9:0"}, {"8:0", 10 * 512, 100 * 512, "9:0"}, {"8:0", 60 * 512, 50 * 512, "9:0"}},
		"virtual/none":          nil,
	} {
		if got := sysfs(root).device(filepath.Join(root, "devices", dir), false, maxNesting); !slices.Equal(got, want) {
			t.Errorf("extents of %s = %+v; want %+v", dir, got, want)
		}
	}
}

// node makes another device node of a block device.
func node(t *testing.T, device string) string {
	t.Helper()
	var st unix.Stat_t
	path := filepath.Join(t.TempDir(), "node")
	err := unix.Stat(device, &st)
	if err == nil {
		err = unix.Mknod(path, unix.S_IFBLK|0o600, int(st.Rdev))
	}
	if err != nil {
		t.Skipf("LEFT OUT: a device node cannot be made: %v", err)
	}
	return path
}

func link(t *testing.T, to string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhereADeviceLies finds the extents of loop devices, with the helper and on this machine, by each of their
// names.
func TestWhereADeviceLies(t *testing.T) {
	file := full(t, mib)
	outer := loop(t, file, "--offset", "4096")
	inner := loop(t, outer, "--offset", "8192", "--sizelimit", "65536")
	again := loop(t, file)
	d, _ := newDUT(t, newHostShell(t))
	var media []Medium
	for _, tt := range []struct {
		path  string
		first int64
		size  int64
	}{
		{outer, 4096, mib - 4096},
		{link(t, outer), 4096, mib - 4096},
		{node(t, outer), 4096, mib - 4096},
		{inner, 4096 + 8192, 65536},
		{node(t, inner), 4096 + 8192, 65536},
		{again, 0, mib},
	} {
		m, err := d.Resolve(t.Context(), Target{Name: "disk", Path: tt.path}, false)
		if want := []Extent{{Disk: "file " + file, First: tt.first, Length: tt.size}}; err != nil || !slices.Equal(m.Extents, want) {
			t.Errorf("Resolve(%s) = %+v, %v; want extents %+v", tt.path, m.Extents, err, want)
		}
		st, err := os.Stat(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := sys.extents(st, false); len(got) != 1 || got[0].First != tt.first || got[0].Length != tt.size {
			t.Errorf("extents of %s = %+v; want %d bytes from %d", tt.path, got, tt.size, tt.first)
		}
		media = append(media, m)
		if err := Apart(media); (err == nil) != (len(media) == 1) {
			t.Errorf("Apart of %d media on one file = %v; want an error for two", len(media), err)
		}
		media = media[:1]
	}
}

// TestBoardWithoutLS finds a device by its name on a board that has no ls.
func TestBoardWithoutLS(t *testing.T) {
	file := full(t, mib)
	device := loop(t, file, "--offset", "512")
	sh := hostShellIn(t, busybox(t))
	if err := os.Remove(filepath.Join(sh.dir, "ls")); err != nil {
		t.Fatal(err)
	}
	d, _ := newDUT(t, sh)
	m, err := d.Resolve(t.Context(), Target{Name: "disk", Path: device}, false)
	if want := []Extent{{Disk: "file " + file, First: 512, Length: mib - 512}}; err != nil || !slices.Equal(m.Extents, want) {
		t.Errorf("Resolve(%s) = %+v, %v; want extents %+v", device, m.Extents, err, want)
	}
}

// TestImageOnItsTarget refuses a target that holds the image, whatever name leads to it.
func TestImageOnItsTarget(t *testing.T) {
	path := full(t, mib)
	hard := filepath.Join(filepath.Dir(path), "hard")
	if err := os.Link(path, hard); err != nil {
		t.Fatal(err)
	}
	device := loop(t, path)
	nested := loop(t, device, "--offset", "4096")
	for name, to := range map[string]string{
		"itself": path, "a link": link(t, path), "a hard link": hard, "a device of it": device, "a node of the device": node(t, device),
		"a link to the device": link(t, device), "a device of the device": nested,
	} {
		for _, force := range []bool{false, true} {
			target, err := BlockTarget{Path: to, Force: force}.Open(path)
			if f := classify.Facts(err); f.Kind != classify.TargetUnsafe || f.Hint == "" || !strings.Contains(err.Error(), "image") {
				t.Errorf("Open(%s), force %t = %v, hint %q; want a refusal that names the image", name, force, err, f.Hint)
			}
			if err == nil {
				target.Close()
			}
		}
	}
	// The decoded image of a compressed file is another file, which may be on the target, too.
	target, err := BlockTarget{Path: device}.Open("image.xz")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	im, err := image.Open(t.Context(), image.Ref(path))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if _, err := target.NewWriter(im); classify.Facts(err).Kind != classify.TargetUnsafe {
		t.Errorf("NewWriter with an image that backs the target = %v; want %s", err, classify.TargetUnsafe)
	}
}

// mountedFS makes a file system on a device and mounts it.
func mountedFS(t *testing.T, device string) (at string) {
	t.Helper()
	if out, err := exec.Command("mkfs.ext4", "-q", device).CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: a file system cannot be made: %v: %s", err, out)
	}
	at = t.TempDir()
	if err := unix.Mount(device, at, "ext4", 0, ""); err != nil {
		t.Skipf("LEFT OUT: a file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	})
	return at
}

// TestImageInAFileSystemOfItsTarget refuses a target whose file system holds the image, and a device that backs a
// device in use.
func TestImageInAFileSystemOfItsTarget(t *testing.T) {
	file := full(t, 4*mib)
	device := loop(t, file)
	inner := loop(t, device)
	at := mountedFS(t, inner)
	source := filepath.Join(at, "image")
	put(t, source, []byte("imag\x00"))
	for name, tt := range map[string]struct {
		to     string
		source string
		force  bool
		says   string
	}{
		"the file system's device":     {inner, "", false, "is in use: mounted at " + at},
		"what that device lies on":     {device, "", false, "is in use: mounted at " + at},
		"its device, forced":           {inner, source, true, "lies on " + inner},
		"what it lies on, forced":      {device, source, true, "lies on " + device},
		"the backing file, forced":     {file, source, true, "lies on " + file},
		"another file in there, force": {filepath.Join(at, "other"), source, true, ""},
	} {
		target, err := BlockTarget{Path: tt.to, Force: tt.force}.Open(tt.source)
		if (tt.says == "") != (err == nil) || err != nil && (classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("Open(%s) = %v; want %q", name, err, tt.says)
		}
		if err == nil {
			target.Close()
		}
	}
	d, _ := newDUT(t, newHostShell(t))
	for _, path := range []string{inner, device} {
		if _, err := d.Resolve(t.Context(), Target{Name: "disk", Path: path}, false); classify.Facts(err).Kind != classify.TargetUnsafe || !strings.Contains(err.Error(), inner+" is mounted") {
			t.Errorf("Resolve(%s) = %v; want that %s is mounted", path, err, inner)
		}
	}
}
