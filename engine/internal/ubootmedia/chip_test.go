package ubootmedia

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// recorded answers commands with what a real U-Boot printed: the longest prefix of the command counts. A command that
// it does not have is unknown to it.
type recorded struct {
	answers map[string]console.Result
	log     []string
}

func (r *recorded) Exec(_ context.Context, cmd console.Command) (console.Result, error) {
	r.log = append(r.log, cmd.Text)
	best := ""
	for prefix := range r.answers {
		if strings.HasPrefix(cmd.Text, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		name, _, _ := strings.Cut(cmd.Text, " ")
		return console.Result{Output: "Unknown command '" + name + "' - try 'help'", Code: 1}, nil
	}
	return r.answers[best], nil
}

func out(text string) console.Result  { return console.Result{Output: text} }
func fail(text string) console.Result { return console.Result{Output: text, Code: 1} }

// recordings are of U-Boot 2023.01 on QEMU's arm64 machine (flinfo) and of U-Boot 2026.10's sandbox.
var recordings = map[string]console.Result{
	"sf probe 0:0": out("SF: Detected m25p16 with page size 256 Bytes, erase size 64 KiB, total 2 MiB"),
	"sf probe 5:0": fail("Failed to initialize SPI flash at 5:0 (error -19)"),
	"sf read":      out("device 0 offset 0x0, size 0x1\nSF: 1 bytes @ 0x0 Read: OK"),
	"sf update":    out("device 0 offset 0x0, size 0x10000\n65536 bytes written, 0 bytes skipped in 0.1s, speed 67108864 B/s"),
	"flinfo": out(`
Bank # 1: missing or unknown FLASH type

Bank # 2: CFI conformant flash (16 x 16)  Size: 1 MB in 8 Sectors
  Intel Extended command set, Manufacturer ID: 0x89, Device ID: 0x0018
  Erase timeout: 16384 ms, write timeout: 3 ms
  Buffer write timeout: 3 ms, buffer size: 2048 bytes

  Sector Start Addresses:
  04000000 E RO   04020000 E      04040000        04060000        04080000
  040A0000        040C0000        040E0000   RO `),
	"virtio dev 0": out("\nDevice 0: 1af4 VirtIO Block Device\n            Type: Hard Disk\n            Capacity: 256.0 MB = 0.2 GB (524288 x 512)\n... is now current device"),
	"part list virtio 0": out("\nPartition Map for VirtIO device 0  --   Partition Type: EFI\n\n" +
		"Part\tStart LBA\tEnd LBA\t\tName\n\tAttributes\n\tType GUID\n\tPartition GUID\n" +
		"  1\t0x00000800\t0x0000a7ff\t\"boot\"\n\tattrs:\t0x0000000000000000\n\ttype:\t0fc63daf-8483-4772-8e79-3d69d8477de4\n\tguid:\t0\n" +
		"  2\t0x0000a800\t0x0000afff\t\"1\"\n  3\t0x0000b000\t0x0000b7ff\t\"two words\"\n  4\t0x0000b800\t0x0000bfff\t\"twice\"\n  5\t0x0000c000\t0x0000c7ff\t\"twice\"\n"),
	"protect": out("Un-Protected 1 sectors"),
	"erase":   out("\n. done\nErased 1 sectors"),
	"crc32":   out("crc32 for 04020000 ... 0403ffff ==> 9f1a1c3b"),
	"cp.b":    out("Copy to Flash... done"),
	"mtd list": out(`List of MTD devices:
* nand0
  - device: nand-controller
  - path: /nand-controller
  - type: NAND flash
  - block size: 0x2000 bytes
  - min I/O: 0x200 bytes
  - OOB size: 16 bytes
  - 0x000000000000-0x000000400000 : "nand0"
	  - 0x000000100000-0x000000200000 : "rootfs"
* spi0
  - type: NOR flash
  - block size: 0x10000 bytes
  - min I/O: 0x1 bytes
  - 0x000000000000-0x000000200000 : "spi0"`),
	"mtd bad": out("MTD device rootfs bad blocks list:\n\t0x00004000\n\t0x00008000"),
	"nand info": out(`
Device 0: nand0, sector size 8 KiB
  Page size          512 b
  OOB size            16 b
  Erase size        8192 b`),
	"nand device":           out(""),
	"nand bad":              out("\nDevice 0 bad blocks:\n  0x00004000\n  0x00008000\n  0x003fe000\t (bbt reserved)"),
	"nand read":             out("\nNAND read: device 0 offset 0x0, size 0x1\n 1 bytes read: OK"),
	"nand read 1000 400000": fail("\nNAND read: Offset exceeds device limit"),
	"ubi part":              out("ubi0: attaching mtd0"),
	"ubi part none":         fail("Partition none not found!"),
	"ubi info l":            out("Volume information dump:\n\tvol_id          0\n\treserved_pebs   5\n\talignment       1\n\tname_len        4\n\tusable_leb_size 65408\n\tname            root\nVolume information dump:\n\tvol_id          2147479551\n\treserved_pebs   2\n\tusable_leb_size 65408\n\tname            layout volume"),
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want Geometry
		kind classify.Kind
	}{
		{name: "sf 0:0", o: Options{Offset: 0x10000}, want: Geometry{Size: 0x1f0000, Sector: 1, Unit: 0x10000, Disk: "sf 0:0", First: 0x10000}},
		{name: "sf 0:0", o: Options{Offset: 512}, kind: classify.TargetUnsafe},
		{name: "sf 0:0", o: Options{Offset: 0x200000}, kind: classify.TargetUnsafe},
		{name: "sf 5:0", kind: classify.TargetMissing},
		{name: "sf 0:0", o: Options{Part: "env"}, kind: classify.ConfigPolicy},
		{name: "sf 0:0", o: Options{Layout: SkipBad}, kind: classify.ConfigPolicy},
		{name: "mmc 0", o: Options{Layout: SkipBad}, kind: classify.ConfigPolicy},
		{name: "virtio 0", o: Options{Offset: 1000}, kind: classify.ConfigPolicy},
		{name: "virtio 0", o: Options{Offset: 256 << 20}, kind: classify.TargetUnsafe},
		{name: "virtio 0", o: Options{Part: "boot", Offset: 1 << 20}, want: Geometry{Size: 19 << 20, Sector: 512, Unit: 512, Disk: "virtio 0", First: 2 << 20}},
		{name: "virtio 0", o: Options{Part: "boot", Offset: 20 << 20}, kind: classify.TargetUnsafe},
		{name: "virtio 0", o: Options{Part: "1"}, want: Geometry{Size: 1 << 20, Sector: 512, Unit: 512, Disk: "virtio 0", First: 0xa800 * 512}},
		{name: "virtio 0", o: Options{Part: "two words"}, want: Geometry{Size: 1 << 20, Sector: 512, Unit: 512, Disk: "virtio 0", First: 0xb000 * 512}},
		{name: "virtio 0", o: Options{Part: "twice"}, kind: classify.TargetUnsafe},
		{name: "virtio 0", o: Options{Part: "data"}, kind: classify.TargetMissing},
		{name: "nor 4000000", want: Geometry{Size: 1 << 20, Sector: 1, Unit: 0x20000, Disk: "nor 4000000"}},
		{name: "nor 0x4040000/40000", o: Options{Offset: 0x40000}, want: Geometry{Size: 0x80000, Sector: 1, Unit: 0x40000, Disk: "nor 4000000", First: 0x80000}},
		{name: "nor 4020000/40000", kind: classify.TargetUnsafe},
		{name: "nor 5000000", kind: classify.TargetMissing},
		{name: "mtd spi0", want: Geometry{Size: 0x200000, Sector: 1, Unit: 0x10000, Disk: "mtd spi0"}},
		{name: "mtd spi0", o: Options{Layout: SkipBad}, kind: classify.ConfigPolicy},
		{name: "mtd rootfs", kind: classify.TargetUnsafe},
		{name: "mtd rootfs", o: Options{Layout: SkipBad}, want: Geometry{Size: 0x100000 - 2*0x2000, Sector: 0x200, Unit: 0x2000, Disk: "mtd nand0", First: 0x100000}},
		{name: "mtd other", kind: classify.TargetMissing},
		{name: "nand 0", kind: classify.ConfigPolicy},
		{name: "nand 0", o: Options{Layout: "raw"}, kind: classify.ConfigPolicy},
		{name: "nand 0", o: Options{Layout: SkipBad, Offset: 0x6000}, want: Geometry{Size: 0x400000 - 0x6000 - 2*0x2000, Sector: 0x200, Unit: 0x2000, Disk: "mtd nand0", First: 0x6000}},
		{name: "nand 3", o: Options{Layout: SkipBad}, kind: classify.TargetMissing},
		{name: "ubi nor0:root", want: Geometry{Size: 5 * 65408, Sector: 1, Unit: 1, Whole: true, Disk: "ubi nor0:root"}},
		{name: "ubi nor0:data", kind: classify.TargetMissing},
		{name: "ubi none:root", kind: classify.TargetMissing},
		{name: "ubi nor0:root", o: Options{Offset: 4096}, kind: classify.ConfigPolicy},
	} {
		m, err := Open(&recorded{answers: recordings}, tt.name, tt.o)
		var g Geometry
		if err == nil {
			g, err = m.Select(t.Context(), 0x1000)
		}
		if kind := classify.Facts(err).Kind; kind != tt.kind && (err != nil || tt.kind != "") || err == nil && g != tt.want {
			t.Errorf("Select of %s with %+v = %+v, %v; want %+v, %s", tt.name, tt.o, g, err, tt.want, tt.kind)
		}
	}
}

// TestSelectWithoutCommands asks a U-Boot that has no commands for chips.
func TestSelectWithoutCommands(t *testing.T) {
	for _, name := range []string{"sf 0", "nor 0", "mtd nor0", "nand 0", "ubi a:b"} {
		o := Options{}
		if name == "nand 0" {
			o.Layout = SkipBad
		}
		m, err := Open(&recorded{}, name, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Select(t.Context(), 0x1000); classify.Facts(err).Kind != classify.UBootCommand {
			t.Errorf("Select of %s = %v; want uboot.command", name, err)
		}
	}
}

// TestWriteProtected writes chips with locked blocks, or with what U-Boot prints of faults.
func TestWriteProtected(t *testing.T) {
	locked := fail("device 0 offset 0x0, size 0x1\nERROR: flash area is locked")
	for _, tt := range []struct {
		name    string
		o       Options
		changed map[string]console.Result
		off     int64
		check   classify.Kind
		write   classify.Kind
	}{
		{name: "sf 0:0"},
		{name: "sf 0:0", changed: map[string]console.Result{"sf update 1000 1ffff 1": locked}, off: 0x10000, check: classify.TargetUnsafe},
		{name: "sf 0:0", changed: map[string]console.Result{"sf update": fail("SPI flash failed in erase step")}, write: classify.WriteFailed},
		{name: "sf 0:0", changed: map[string]console.Result{"sf update": out("")}, write: classify.WriteFailed},
		{name: "nor 4000000", off: 0x20000},
		{name: "nor 4000000", off: 0, check: classify.TargetUnsafe}, // flinfo says RO after protect off, too
		{name: "nor 4000000", off: 0x20000, changed: map[string]console.Result{"erase": out("- Warning: 1 protected sectors will not be erased!\n done\nErased 1 sectors")}, write: classify.WriteFailed},
		{name: "nor 4000000", off: 0x20000, changed: map[string]console.Result{"cp.b": fail("Copy to Flash... Flash buffer write timeout at address 4040000 data 34783478\nTimeout writing to Flash")}, write: classify.WriteFailed},
		{name: "nand 0", o: Options{Layout: SkipBad}, changed: map[string]console.Result{"nand erase": out("\nNAND erase: device 0 offset 0x0, size 0x2000\nnand0: MTD Erase failure: -5\n\nOK")}, write: classify.WriteFailed},
	} {
		r := &recorded{answers: map[string]console.Result{}}
		for k, v := range recordings {
			r.answers[k] = v
		}
		for k, v := range tt.changed {
			r.answers[k] = v
		}
		m, err := Open(r, tt.name, tt.o)
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Select(t.Context(), 0x1000)
		if err != nil {
			t.Fatal(err)
		}
		err = CheckWritable(t.Context(), m, 0x1000, tt.off, g.Unit)
		if kind := classify.Facts(err).Kind; err != nil && kind != tt.check || err == nil && tt.check != "" {
			t.Errorf("CheckWritable of %s at %d = %v; want %q", tt.name, tt.off, err, tt.check)
		}
		if tt.check != "" {
			continue
		}
		err = m.Write(t.Context(), 0x2000, tt.off, g.Unit)
		if kind := classify.Facts(err).Kind; err != nil && kind != tt.write || err == nil && tt.write != "" {
			t.Errorf("Write of %s at %d = %v; want %q", tt.name, tt.off, err, tt.write)
		}
	}
}

// TestGoodBlocks maps ranges of an image to a chip with bad blocks.
func TestGoodBlocks(t *testing.T) {
	g := goodBlocks{first: 0x4000, unit: 0x2000, bad: []int64{0x2000, 0x4000, 0xa000, 0xc000, 0x20000}}
	for _, tt := range []struct {
		off, n int64
		want   []blockRun
	}{
		{0, 0x2000, []blockRun{{0x6000, 0x2000, 0}}},
		{0, 0x6000, []blockRun{{0x6000, 0x4000, 0}, {0xe000, 0x2000, 0x4000}}},
		{0x3e00, 0x400, []blockRun{{0x9e00, 0x200, 0}, {0xe000, 0x200, 0x200}}},
		{0x4000, 0x200, []blockRun{{0xe000, 0x200, 0}}},
		{0x16000, 0x2000, []blockRun{{0x22000, 0x2000, 0}}},
	} {
		if got := g.runs(tt.off, tt.n); !slices.Equal(got, tt.want) {
			t.Errorf("runs(%#x, %#x) = %#x; want %#x", tt.off, tt.n, got, tt.want)
		}
	}
}
