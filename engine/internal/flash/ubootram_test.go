package flash

import "testing"

// TestFreeRAM reads what U-Boots of Debian print in QEMU.
func TestFreeRAM(t *testing.T) {
	for _, tt := range []struct {
		name, info, loads string
		from, to          uint64 // that may be used; 0 if no RAM is known to be free
	}{
		{"arm64 2023.01", `DRAM bank   = 0x0000000000000000
-> start    = 0x0000000040000000
-> size     = 0x0000000020000000
relocaddr   = 0x000000005fef7000
fdt_blob    = 0x000000005edb6db0
 memory[0]	[0x40000000-0x5fffffff], 0x20000000 bytes flags: 0
 reserved[0]	[0x5ddb2000-0x5fffffff], 0x0224e000 bytes flags: 0
TLB addr    = 0x000000005fff0000
irq_sp      = 0x000000005edb6da0
sp start    = 0x000000005edb6da0`, "loadaddr=0x40200000\nkernel_addr_r=0x40400000", 0x40200000, 0x5ddb2000},
		{"x86 2025.01", `DRAM bank   = 0x00000000
-> start    = 0x00000000
-> size     = 0x40000000
relocaddr   = 0x3ef36000
 memory[1]	[0x100000-0x3ecf5fff], 0x3ebf6000 bytes, flags: none
 reserved.count = 0x2
 reserved[0]	[0x3dcf1000-0x3dcf3fff], 0x3000 bytes, flags: no-notify, no-overwrite
stack ptr   = 0x3ecf4b5c
malloc base = 0x3ecf6000`, "loadaddr=0x02000000\nkernel_addr_r=0x1000000", 0x1000000, 0x3dcf1000},
		{"riscv64 2023.01, whose firmware is at the start", `-> start    = 0x0000000080000000
-> size     = 0x0000000020000000
relocaddr   = 0x000000009ff57000
fdt_blob    = 0x000000009f735950
 reserved[0]	[0x80000000-0x8007ffff], 0x00080000 bytes flags: 0
 reserved[1]	[0x9e731000-0x9fffffff], 0x018cf000 bytes flags: 0`, "loadaddr=0x80200000", 0x80200000, 0x9e731000},
		{"two banks", "-> start    = 0x80000000\n-> size     = 0x10000000\n-> start    = 0x100000000\n-> size     = 0x80000000\nrelocaddr   = 0x8ff00000", "", 0x80000000, 0x8ff00000},
		{"no bank", "relocaddr   = 0x8ff00000", "", 0, 0},
		{"where U-Boot lies is not known", "-> start    = 0x80000000\n-> size     = 0x10000000", "", 0, 0},
	} {
		ram := freeRAM(tt.info, tt.loads)
		end := ram.Address + uint64(ram.Size)
		if tt.to == 0 && ram.Size != 0 || tt.to > 0 && (ram.Address < tt.from || end > tt.to || end-ram.Address < (tt.to-tt.from)/2) {
			t.Errorf("freeRAM(%s) = %#x to %#x; want most of %#x to %#x", tt.name, ram.Address, end, tt.from, tt.to)
		}
	}
}

// TestSplitRAM divides memory into buffers that do not touch.
func TestSplitRAM(t *testing.T) {
	for _, size := range []int64{13 * mib, 64 * mib, 1 << 30} {
		r := RAM{0x40000123, size}
		b, err := r.split(maxBuffer)
		if err != nil || b.size < minBuffer || b.data+uint64(b.size) >= b.check || b.check+uint64(b.size) >= b.packed ||
			b.data < r.Address || b.packed+uint64(b.size) > r.Address+uint64(r.Size) {
			t.Errorf("split(%#x, %d) = %+v, %v; want three buffers inside it, with gaps", r.Address, size, b, err)
		}
	}
	if b, err := (RAM{0x40000000, 8 * mib}).split(maxBuffer); err == nil {
		t.Errorf("split of 8 MiB = %+v; want an error", b)
	}
}
