package simboard

import (
	"bytes"
	"os"
	"testing"
)

// TestFlashCommands holds the flash chips to the output of U-Boot 2023.01: of parallel NOR in QEMU, of the others by
// its source.
func TestFlashCommands(t *testing.T) {
	onBench(t, "nor=4000000,bad=1", func(t *testing.T, b *bench) {
		for _, c := range []struct {
			cmd, output string
			code        int
		}{
			{"protect on 4000000 403ffff", "Protected 2 sectors", 0},
			{"erase 4000000 403ffff", "- Warning: 2 protected sectors will not be erased!\n done\nErased 2 sectors", 0},
			{"cp.b 40400000 4000000 20", "Copy to Flash... Can't write to protected Flash sectors", 1},
			{"protect off 4000000 403ffff", "Un-Protected 2 sectors", 0},
			{"erase 4000000 403ffff", "\n.. done\nErased 2 sectors", 0},
			{"md.b 4000000 10", "04000000: ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff  ................", 0},
			{"mw.b 40400000 5a 40000; cp.b 40400000 4000000 20", "Copy to Flash... done", 0},
			{"cmp.b 40400000 4000000 20", "Total of 32 byte(s) were the same", 0},
			{"mw.b 40500000 ff 20; cp.b 40500000 4000000 20", "Copy to Flash... Flash not Erased", 1},
			{"erase 4000000 4000010", "Error: end address not on sector boundary", 1},
			{"erase 4000000 +10", "\n. done\nErased 1 sectors", 0},
			{"protect off all", "Un-Protect Flash Bank # 1", 0},
			{"erase bank 9", "Only FLASH Banks # 1 ... # 1 supported", 1},
			{"protect off 1:0-3", "Un-Protect Flash Sectors 0-3 in Bank # 1", 0},
			{"mtd read nor0 42000000 0 100", "Reading 256 byte(s) at offset 0x00000000", 0},
			{"mtd erase nor0 0 100", "Size not a multiple of a block (0x20000)", 1},
			{"mtd erase nor0 0 40000", "Erasing 0x00000000 ... 0x0003ffff (2 eraseblock(s))", 0},
			{"mtd read nor9 42000000", "MTD device nor9 not found, ret -19", 1},
			{"sf write 40400000 0 100", "No SPI flash selected. Please run `sf probe'", 1},
			{"sf probe 0:0", "SF: Detected n25q128a11 with page size 256 Bytes, erase size 4 KiB, total 16 MiB", 0},
			{"sf erase 1000 +10", "SF: 4096 bytes @ 0x1000 Erased: OK", 0},
			{"sf write 40400000 1000 100", "device 0 offset 0x1000, size 0x100\nSF: 256 bytes @ 0x1000 Written: OK", 0},
			{"mw.b 40500000 f0 100; sf write 40500000 1000 80; sf read 40600000 1000 100; md.b 40600078 10", "device 0 offset 0x1000, size 0x80\nSF: 128 bytes @ 0x1000 Written: OK\n" +
				"device 0 offset 0x1000, size 0x100\nSF: 256 bytes @ 0x1000 Read: OK\n40600078: 50 50 50 50 50 50 50 50 5a 5a 5a 5a 5a 5a 5a 5a  PPPPPPPPZZZZZZZZ", 0},
			{"sf erase 1000 ffffff000", "ERROR: attempting erase past flash size (0x1000000)", 1},
			{"nand bad", "\nDevice 0 bad blocks:\n  0x00020000", 0},
			{"nand write 40400000 0 40000", "\nNAND write: device 0 offset 0x0, size 0x40000\n 262144 bytes written: OK", 0},
			{"mw.b 40700000 0 40000; nand read 40700000 0 40000; cmp.b 40400000 40700000 40000", "\nNAND read: device 0 offset 0x0, size 0x40000\n 262144 bytes read: OK\nTotal of 262144 byte(s) were the same", 0},
			{"mtd bad nand0", "MTD device nand0 bad blocks list:\n\t0x00020000", 0},
		} {
			b.want(t, c.cmd, c.output, c.code)
		}
		data, err := os.ReadFile(b.File("nand0"))
		block := bytes.Repeat([]byte{0x5a}, nandErase)
		blank := bytes.Repeat([]byte{0xff}, nandErase)
		if err != nil || !bytes.Equal(data[:3*nandErase], append(append(bytes.Clone(block), blank...), block...)) {
			t.Errorf("content of nand0 = %v, %d bytes; want the bad block skipped", err, len(data))
		}
	})
}
