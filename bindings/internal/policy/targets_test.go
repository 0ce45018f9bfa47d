package policy

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/uboot"
)

func TestTargets(t *testing.T) {
	got, err := decode(t, `return { method = "uboot", default_target = "emmc", targets = {
		emmc = { sysfs = "4f80000", uboot = "mmc 0", part = "rootfs", offset = "512K" },
		disk = { path = "/dev/vda", uboot = "virtio 0" }, raw = { uboot = "mmc 1.boot0", offset = 4096 }, usd = "/dev/mmcblk1",
	} }`, map[string]string{"targets.raw.offset": "1M", "targets.usd": "/dev/mmcblk2"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]engine.Target{
		"emmc": {Name: "emmc", Sysfs: "4f80000", UBoot: "mmc 0", Part: "rootfs", Offset: 512 << 10},
		"disk": {Name: "disk", Path: "/dev/vda", UBoot: "virtio 0"},
		"raw":  {Name: "raw", UBoot: "mmc 1.boot0", Offset: 1 << 20},
		"usd":  {Name: "usd", Path: "/dev/mmcblk2"},
	} {
		if got := got.Policy.Targets[name]; got != want {
			t.Errorf("target %s = %+v; want %+v", name, got, want)
		}
	}
}

func TestTargetRefusals(t *testing.T) {
	for table, want := range map[string]string{
		`{ path = "/dev/sda", sysfs = "4f80000" }`: "targets.x has path and sysfs",
		`{}`:                                   `targets.x must be a device, "/dev/…", an address, { sysfs = "4fb0000" }, or a medium of U-Boot, { uboot = "mmc 0" }`,
		`"mmc 0"`:                              `write { uboot = "mmc 0" }`,
		`{ path = "virtio 1" }`:                `write { uboot = "virtio 1" }`,
		`{ uboot = "mmc0" }`:                   `targets.x.uboot cannot be used: target x: "mmc0" is not the name of a medium in U-Boot: it must be one of mmc N`,
		`{ path = "/dev/sda", offset = "1M" }`: "targets.x has an offset, which Linux does not take: only",
		`{ path = "/dev/sda", uboot = "usb 0", offset = 512 }`: `targets.x has an offset, which Linux does not take: set method = "uboot"`,
		`{ sysfs = "4f80000", uboot = "mmc 0", offset = 512 }`: `targets.x has an offset, which Linux does not take: set method = "uboot"`,
		`{ uboot = "mmc 0", offset = -1 }`:                     "targets.x.offset must be a number of bytes",
		`{ uboot = "mmc 0", offset = "half" }`:                 "targets.x.offset must be a number of bytes",
		`{ uboot = "mmc 0", offset = {} }`:                     "targets.x.offset must be a number of bytes",
		`{ uboot = "mmc 0.boot0", clear_force_ro = true }`:     "targets.x has clear_force_ro, which is for Linux",
		`{ uboot = 0 }`:                  "targets.x.uboot must be a string, not a number",
		`{ uboot = "mmc 0", ofset = 1 }`: "targets.x.ofset is not a policy key; did you mean offset?",
	} {
		_, err := decode(t, `return { boot = "x", targets = { x = `+table+` } }`, nil)
		if err == nil || !strings.Contains(err.Error(), want) || classify.Facts(err).Kind != classify.ConfigPolicy || strings.Contains(err.Error(), "\n") {
			t.Errorf("targets.x = %s: error %v; want %s alone", table, err, want)
		}
	}
}

func TestMethod(t *testing.T) {
	const own = "flash = function() end"
	for _, tt := range []struct {
		table, set string
		want       engine.Method
		none, all  bool // LoadsNoFiles, LoadsAllFiles
		err        string
	}{
		{table: `boot = "x"`, want: engine.ByLinux, all: true},
		{table: `boot = "x", method = "linux"`, want: engine.ByLinux, all: true},
		{table: `method = "uboot"`, want: engine.ByUBoot, none: true},
		{table: `method = "uboot", files = { kernel = "Image" }`, want: engine.ByUBoot, none: true},
		{table: `boot = "x"`, set: "uboot", want: engine.ByUBoot, none: true},
		{table: own},
		{table: own + `, method = "uboot"`, want: engine.ByUBoot},
		{table: own, set: "uboot", err: "--set: method chooses the default sequence, and the script has a flash of its own instead"},
		{table: `method = "uboot"`, set: "linux", err: `boot is missing: the default sequence needs the U-Boot command that starts Linux, unless method = "uboot"`},
		{table: `method = "ubot", targets = { x = { path = "/dev/sda", uboot = "usb 0", offset = 512 } }`, err: `method must be "linux" or "uboot", not "ubot"`},
		{table: `method = true`, err: "method must be a string, not a boolean"},
	} {
		set := map[string]string{}
		if tt.set != "" {
			set["method"] = tt.set
		}
		got, err := decode(t, "return { "+tt.table+" }", set)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Policy(%s) with %v = %v; want %s alone", tt.table, set, err, tt.err)
			}
			continue
		}
		if p := got.Policy; err != nil || p.Method != tt.want || p.LoadsNoFiles != tt.none || p.LoadsAllFiles != tt.all {
			t.Errorf("Policy(%s) with %v = %+v, %v; want method %q, LoadsNoFiles %t, LoadsAllFiles %t", tt.table, set, p, err, tt.want, tt.none, tt.all)
		}
	}
}

func TestUBootRAM(t *testing.T) {
	for table, want := range map[string]uboot.RAM{
		`{ 0x42000000, "256M" }`:         {Address: 0x42000000, Size: 256 << 20},
		`{ "0xffffffff80000000", 4096 }`: {Address: 0xffffffff80000000, Size: 4096},
		`{ "0xfffffffffffff000", 4096 }`: {Address: 0xfffffffffffff000, Size: 4096},
		`{ 0, "1M" }`:                    {Size: 1 << 20},
	} {
		got, err := decode(t, `return { method = "uboot", uboot = { ram = `+table+` } }`, nil)
		if err != nil || got.Policy.UBoot.RAM != want {
			t.Errorf("uboot.ram = %s: %+v, %v; want %+v", table, got.Policy, err, want)
		}
	}
	for table, want := range map[string]string{
		`"256M"`:                         `uboot.ram must be { address, size }, as in { 0x42000000, "256M" }`,
		`{ 0x42000000 }`:                 "uboot.ram must be { address, size }",
		`{ 0x42000000, "1M", "1M" }`:     "uboot.ram must be { address, size }",
		`{ address = 1, size = 1 }`:      "uboot.ram must be { address, size }",
		`{ 0x42000000, "1M", size = 1 }`: "uboot.ram must be { address, size }",
		`{ "42000000", "1M" }`:           `uboot.ram has the address "42000000": it must be a number`,
		`{ "${loadaddr}", "1M" }`:        "uboot.ram has the address ${loadaddr}: it must be a number",
		`{ -1, "1M" }`:                   "uboot.ram has the address -1: it must be a number",
		`{ 0x42000000, 0 }`:              "uboot.ram has a wrong size: it must be a number of bytes from 1 up",
		`{ 0x42000000, "0M" }`:           "uboot.ram has a wrong size: it must be a number of bytes from 1 up",
		`{ 0x42000000, "256MB" }`:        "uboot.ram has a wrong size",
		`{ "0xfffffffffffff000", 4097 }`: "uboot.ram ends beyond the last address of 64 bits",
	} {
		_, err := decode(t, `return { method = "uboot", uboot = { ram = `+table+` } }`, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("uboot.ram = %s: error %v; want %s", table, err, want)
		}
	}
	if _, err := decode(t, `return { method = "uboot" }`, map[string]string{"uboot.ram": "1M"}); err == nil || !strings.Contains(err.Error(), "--set: uboot.ram must be { address, size }") {
		t.Errorf("--set uboot.ram=1M: error %v; want that it is a list", err)
	}
}
