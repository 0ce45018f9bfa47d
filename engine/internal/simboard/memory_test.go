package simboard

import (
	"os"
	"testing"
)

// TestMemoryCommands holds the simulated commands to the output of Debian's U-Boot 2023.01 in QEMU.
func TestMemoryCommands(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		for _, c := range []struct {
			cmd, output string
			code        int
		}{
			{"mw.l 40400000 12345678 10; md.l 40400000 8", "40400000: 12345678 12345678 12345678 12345678  xV4.xV4.xV4.xV4.\n40400010: 12345678 12345678 12345678 12345678  xV4.xV4.xV4.xV4.", 0},
			{"md 40400000 2", "40400000: 12345678 12345678                    xV4.xV4.", 0},
			{"md.b 40400000 11", "40400000: 78 56 34 12 78 56 34 12 78 56 34 12 78 56 34 12  xV4.xV4.xV4.xV4.\n40400010: 78                                               x", 0},
			{"md.w 40400000 9", "40400000: 5678 1234 5678 1234 5678 1234 5678 1234  xV4.xV4.xV4.xV4.\n40400010: 5678                                     xV", 0},
			{"md.q 40400000 2", "40400000: 1234567812345678 1234567812345678  xV4.xV4.xV4.xV4.", 0},
			{"mw.b 40400000 ff 4; mw.w 40400004 abcd 2; mw.q 40400008 1122334455667788 2; md.b 40400000 20", "40400000: ff ff ff ff cd ab cd ab 88 77 66 55 44 33 22 11  .........wfUD3\".\n40400010: 88 77 66 55 44 33 22 11 78 56 34 12 78 56 34 12  .wfUD3\".xV4.xV4.", 0},
			{"cp.b 40400000 40500000 20; cmp.b 40400000 40500000 20", "Total of 32 byte(s) were the same", 0},
			{"cmp 40400000 40500000 4", "Total of 4 word(s) were the same", 0},
			{"mw.b 40500003 0; cmp.b 40400000 40500000 20", "byte at 0x40400003 (0xff) != byte at 0x40500003 (0x0)\nTotal of 3 byte(s) were the same", 1},
			{"cmp.l 40400000 40500000 4", "word at 0x40400000 (0xffffffff) != word at 0x40500000 (0xffffff)\nTotal of 0 word(s) were the same", 1},
			{"cmp.w 40400000 40500000 4", "halfword at 0x40400002 (0xffff) != halfword at 0x40500002 (0xff)\nTotal of 1 halfword(s) were the same", 1},
			{"cmp.q 40400000 40500000 4", "double word at 0x40400000 (0xabcdabcdffffffff) != double word at 0x40500000 (0xabcdabcd00ffffff)\nTotal of 0 double word(s) were the same", 1},
			{"crc32 40400000 20 40600000; md.b 40600000 4", "crc32 for 40400000 ... 4040001f ==> 47347eb9\n40600000: 47 34 7e b9                                      G4~.", 0},
			{"hash sha256 40400000 20 sum && printenv sum", "sha256 for 40400000 ... 4040001f ==> 8eec29290db6764c0e1c64ae8be87c9de30bbc7bc951556a11c347607065745d\nsum=8eec29290db6764c0e1c64ae8be87c9de30bbc7bc951556a11c347607065745d", 0},
			{"setexpr a 1 + 2; printenv a", "a=3", 0},
			{"setexpr a *40400000; printenv a", "a=ffffffff", 0},
			{"setexpr.b a *40400004; printenv a", "a=cd", 0},
			{"setexpr a 10 * 10; printenv a", "a=100", 0},
			{"setexpr a 10 / 3; printenv a", "a=5", 0},
			{"setexpr a ff; printenv a", "a=ff", 0},
			{"setexpr a 5 - 6; printenv a", "a=ffffffffffffffff", 0},
			{"itest 1 == 1; echo $?", "0", 0},
			{"itest 1 -lt 2; echo $?", "0", 0},
			{"itest.b *40400000 == ff; echo $?", "0", 0},
			{"itest.s abc == abc; echo $?", "0", 0},
			{"itest 3 -gt 4; echo $?", "1", 0},
			{"itest 1 ~ 2; echo $?", "Unknown operator '~'\n1", 0},
			{"blkcache configure 0 0", "changed to max of 0 entries of 0 blocks each", 0},
			{"unzip 40400000 40800000", "Error: Bad gzipped data", 1},
			{"unlz4 40400000 42000000 1000000", "Uncompressed err :-93", 1},
			{"mw.l 40000000 5f5c03e8 4000000; crc32 4fff0000 10000", "crc32 for 4fff0000 ... 4fffffff ==> 6ac35241", 0},
			{"mw.l 40000000 0 4000000; crc32 40000000 10000000", "crc32 for 40000000 ... 4fffffff ==> 2a0e7dbb", 0},
		} {
			b.want(t, c.cmd, c.output, c.code)
		}
	})
}

// TestRAMSize ends in a reset, as an access to missing memory does.
func TestRAMSize(t *testing.T) {
	r := ram{size: 64 << 20}
	if err := r.write(ramStart+64<<20-1, []byte{1}); err != nil {
		t.Errorf("write to the last byte = %v; want nil", err)
	}
	if err := r.write(ramStart+64<<20-1, []byte{1, 2}); err == nil {
		t.Error("write beyond the end = nil; want an error")
	}
}

// TestBlockCommands holds the simulated commands to the output of Debian's U-Boot 2023.01 in QEMU.
func TestBlockCommands(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		for _, c := range []struct {
			cmd, output string
			code        int
		}{
			{"virtio info", "Device 0: 1af4 VirtIO Block Device\n            Type: Hard Disk\n            Capacity: 4.0 MB = 0.0 GB (8192 x 512)", 0},
			{"virtio dev", "\nIDE device 0: 1af4 VirtIO Block Device\n            Type: Hard Disk\n            Capacity: 4.0 MB = 0.0 GB (8192 x 512)", 0},
			{"virtio dev 0", "\nDevice 0: 1af4 VirtIO Block Device\n            Type: Hard Disk\n            Capacity: 4.0 MB = 0.0 GB (8192 x 512)\n... is now current device", 0},
			{"virtio dev 5", "\nDevice 5: unknown device", 1},
			{"virtio part 5", "\nvirtio device 5 not available", 1},
			{"nvme part", "\nno nvme partition table available", 0},
			{"part list virtio 5", "", 1},
			{"part list virtio 0", "## Unknown partition table type 0", 0},
			{"part list nvme 0#1", "** Bad device specification nvme 0#1 **", 1},
			{"mw.b 40400000 5a 2000; virtio write 40400000 8 10", "\nvirtio write: device 0 block # 8, count 16 ... 16 blocks written: OK", 0},
			{"mw.b 40500000 0 2000; virtio read 40500000 8 10", "\nvirtio read: device 0 block # 8, count 16 ... 16 blocks read: OK", 0},
			{"cmp.b 40400000 40500000 2000", "Total of 8192 byte(s) were the same", 0},
			{"virtio read 40400000 ffffffff 10", "\nvirtio read: device 0 block # 4294967295, count 16 ... -5 blocks read: ERROR", 1},
			{"virtio read 40400000 0", "\nvirtio read: device 0 block # 0, count 0 ... 0 blocks read: OK", 0},
			{"mmc dev 0 1", "switch to partitions #1, OK\nmmc0(part 1) is current device", 0},
			{"mmc write 40500000 2 1", "\nMMC write: dev # 0, block # 2, count 1 ... 1 blocks written: OK", 0},
			{"mmc list", "mmc@4f80000: 0 (eMMC)", 0},
			{"mmc partconf 0 1 1 0; mmc partconf 0", "EXT_CSD[179], PARTITION_CONFIG:\nBOOT_ACK: 0x1\nBOOT_PARTITION_ENABLE: 0x1\nPARTITION_ACCESS: 0x0", 0},
			{"mmc bootbus 0 2 0 1", "Set to BOOT_BUS_WIDTH = 0x2, RESET = 0x0, BOOT_MODE = 0x1", 0},
			{"mmc dev 7", "MMC Device 7 not found\nno mmc device at slot 7", 1},
		} {
			b.want(t, c.cmd, c.output, c.code)
		}
		for name, at := range map[string]int64{"vda": 8 * sector, "mmcblk0boot0": 2 * sector} {
			data, err := os.ReadFile(b.File(name))
			if err != nil || data[at] != 0x5a || data[at-1] != 0 {
				t.Errorf("content of %s at %d = %v, %x; want 5a", name, at, err, data[at-1:][:2])
			}
		}
	})
}
