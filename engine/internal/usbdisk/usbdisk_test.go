package usbdisk

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// station makes a sysfs with disks: the directory of each disk below devices, and its files.
func station(t *testing.T, disks map[string]map[string]string) Sysfs {
	t.Helper()
	root := t.TempDir()
	block := filepath.Join(root, "block")
	if err := os.Mkdir(block, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, files := range disks {
		dir = filepath.Join(root, "devices", dir)
		for name, content := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		to, err := filepath.Rel(block, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(block, filepath.Base(dir))); err != nil {
			t.Fatal(err)
		}
	}
	return Sysfs(root)
}

// The paths are those of a Linux 6.1 with an xHCI controller.
const (
	usb  = "pci0000:00/0000:00:14.0/usb1/"
	scsi = "host6/target6:0:0/6:0:0:0/block/"
)

func TestDisks(t *testing.T) {
	sys := station(t, map[string]map[string]string{
		"virtual/block/loop0":              {"size": "8"},
		"pci0000:00/0000:00:1f.2/" + "sda": {"size": "100", "device/model": "SATA"},
		usb + "1-1/1-1.2/1-1.2:1.0/" + scsi + "sdc": {
			"size": "2048", "device/vendor": "Linux   ", "device/model": "UMS disk 0      ", "../../../../../../serial": "B0A4D",
			"sdc1/partition": "1", "sdc1/uevent": "DEVNAME=sdc1\nPARTN=1\nPARTNAME=boot",
			"sdc2/partition": "2", "sdc2/uevent": "DEVNAME=sdc2\nPARTN=2\nPARTNAME=data",
			"sdc3/partition": "3", "sdc3/uevent": "DEVNAME=sdc3\nPARTN=3\nPARTNAME=data",
			"queue/partition": "no directory of a partition has no uevent",
		},
		usb + "1-1/1-1.10/1-1.10:1.0/" + scsi + "sdb": {"size": "4096", "device/vendor": "Kingston", "device/model": "DT 101"},
		usb + "1-3/1-3:1.0/" + scsi + "sdd":           {"size": "0", "device/model": "a reader without a card"},
	})
	all, err := sys.Disks()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, d.String())
	}
	want := []string{"/dev/sdb at USB 1-1.10 (Kingston DT 101)", "/dev/sdc at USB 1-1.2, serial number B0A4D (Linux UMS disk 0)"}
	if !slices.Equal(got, want) {
		t.Fatalf("Disks() = %q; want %q", got, want)
	}
	if d := all[1]; d.Size != 1<<20 || !d.Gadget() || !maps.Equal(d.Partitions, map[string]string{"boot": "/dev/sdc1", "data": ""}) {
		t.Errorf("Disks() of sdc = %+v; want a gadget of 1 MiB with the partition boot, and two with the label data", d)
	}
	if all[0].Gadget() {
		t.Errorf("Gadget() of %s = true; want false", all[0])
	}
	if none, err := Sysfs(t.TempDir()).Disks(); none != nil || err != nil {
		t.Errorf("Disks() of an empty sysfs = %v, %v; want none", none, err)
	}
	for choice, want := range map[Choice]string{
		{USB: "1-1.2"}:                   "/dev/sdc",
		{USB: "1-1"}:                     "", // the hub
		{USB: "1-1.1"}:                   "", // not 1-1.10
		{Serial: "B0A4D"}:                "/dev/sdc",
		{Serial: "B0A4"}:                 "",
		{USB: "1-1.10", Serial: "B0A4D"}: "",
		{}:                               "/dev/sdb /dev/sdc",
	} {
		var got []string
		for _, d := range choice.Of(all) {
			got = append(got, d.Device)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v.Of() = %q; want %q", choice, got, want)
		}
	}
}

func TestChoiceCheck(t *testing.T) {
	for usb, ok := range map[string]bool{"": true, "1-1": true, "12-3.4.1": true, "1": false, "1-1.2:1.0": false, "/dev/sdb": false, "1-1.": false, "usb1": false} {
		if err := (Choice{USB: usb}).Check(); (err == nil) != ok {
			t.Errorf("Choice{USB: %q}.Check() = %v; want an error: %v", usb, err, !ok)
		}
	}
}
