package ubootmedia

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// bootAreas is the end of what mmc info prints of an eMMC.
const bootAreas = "Device: pci_mmc\nCapacity: 4 MiB\nUser Capacity: 64 MiB\nBoot Capacity: 4 MiB ENH\nRPMB Capacity: 0 Bytes ENH\n"

// cards are recordings of U-Boot 2025.01 on QEMU's arm64 machine, with an eMMC and an SD card on PCI.
var cards = map[string]console.Result{
	"mmc list":   out("pci_mmc: 0\npci_mmc: 1"),
	"mmc dev 0":  out("switch to partitions #0, OK\nmmc0(part 0) is current device"),
	"mmc dev 1 ": fail("switch to partitions #1, ERROR"),
	"mmc dev 1":  out("switch to partitions #0, OK\nmmc1 is current device"),
	"mmc dev 2":  fail("MMC Device 2 not found\nno mmc device at slot 2"),
	"mmc info":   out(bootAreas + "Boot area 0 is not write protected\nBoot area 1 is not write protected"),
	"mmc write":  out("MMC write: dev # 0, block # 0, count 0 ... 0 blocks written: OK"),
}

// TestMMC selects cards and their hardware partitions, and asks whether they are write-protected.
func TestMMC(t *testing.T) {
	area := func(text string) map[string]console.Result {
		return map[string]console.Result{"mmc info": out(bootAreas + text)}
	}
	for _, tt := range []struct {
		name    string
		changed map[string]console.Result
		kind    classify.Kind
		text    string // in the error and its hint
	}{
		{name: "mmc 0"},
		{name: "mmc 0.boot0"},
		{name: "mmc 0.2"},
		{name: "mmc 2", kind: classify.TargetMissing, text: "mmc list"},
		{name: "mmc 1.boot0", kind: classify.TargetMissing, text: "an SD card has none"},
		{name: "mmc 0", changed: map[string]console.Result{"mmc dev 0": fail("switch to partitions #0, ERROR")}, kind: classify.TargetMissing, text: "partition 0"},
		{name: "mmc 0", changed: map[string]console.Result{"mmc write": fail("MMC write: dev # 0, block # 0, count 0 ... Error: card is write protected!")}, kind: classify.TargetUnsafe, text: "switch"},
		{name: "mmc 0", changed: map[string]console.Result{"mmc write": fail("mmc - MMC sub system\n\nUsage:\nmmc info - display info of the current MMC device")}, kind: classify.UBootCommand, text: "mmc write"},
		{name: "mmc 0.boot0", changed: area("Boot area 0 is power on protected\nBoot area 1 is not write protected"), kind: classify.TargetUnsafe, text: "power was off"},
		{name: "mmc 0.boot1", changed: area("Boot area 0 is power on protected\nBoot area 1 is not write protected")},
		{name: "mmc 0.boot1", changed: area("Boot area 0 is not write protected\nBoot area 1 is permanently protected"), kind: classify.TargetUnsafe, text: "cannot be undone"},
		{name: "mmc 0", changed: area("Boot area 0 is power on protected\nBoot area 1 is power on protected")},
	} {
		r := &recorded{answers: maps.Clone(cards)}
		maps.Copy(r.answers, tt.changed)
		m, err := Open(r, tt.name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = CheckWritable(t.Context(), m, 0x1000, 0, 512)
		if f := classify.Facts(err); f.Kind != tt.kind || err != nil && !strings.Contains(err.Error()+f.Hint, tt.text) {
			t.Errorf("CheckWritable(%s) = %v, %s, hint %q; want %q with %q", tt.name, err, f.Kind, f.Hint, tt.kind, tt.text)
		}
	}
}

// unprobed is a U-Boot that has no card before mmc list.
type unprobed struct {
	recorded
	probed bool
}

func (u *unprobed) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	if strings.HasPrefix(cmd.Text, "mmc list") {
		u.probed = true
	}
	if !u.probed {
		return fail("no mmc device at slot 0"), nil
	}
	return u.recorded.Exec(ctx, cmd)
}

// TestMMCUnprobed selects cards on PCI, which U-Boot probes only for mmc list.
func TestMMCUnprobed(t *testing.T) {
	for name, says := range map[string]string{"mmc 0": "", "mmc 0.boot1": "", "mmc 1.boot0": "no hardware partition 1", "mmc 2": "no device mmc 2"} {
		m, err := Open(&unprobed{recorded: recorded{answers: cards}}, name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Select(t.Context(), 0x1000); err == nil && says != "" || err != nil && (says == "" || !strings.Contains(err.Error(), says)) {
			t.Errorf("Select(%s) = %v; want %q", name, err, says)
		}
	}
}

// TestMMCParts reads and writes more than U-Boot may transfer in one command.
func TestMMCParts(t *testing.T) {
	r := &recorded{answers: maps.Clone(cards)}
	r.answers["mmc read"] = out("") // the digest decides
	for at, count := range map[string]string{"100000 8": "4000", "900000 4008": "4000", "1100000 8008": "1"} {
		n, _ := parseHex(count)
		r.answers["mmc write "+at+" "+count] = out(fmt.Sprintf("MMC write: dev # 0, block # 0, count %d ... %d blocks written: OK", n, n))
	}
	m, err := Open(r, "mmc 0", Options{Offset: 8 * 512})
	if err == nil {
		_, err = m.Select(t.Context(), 0x1000)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.log = nil
	if err := m.Write(t.Context(), 0x100000, 0, 2*maxTransfer+512); err != nil {
		t.Errorf("Write = %v; want nil", err)
	}
	if err := m.Read(t.Context(), 0x100000, 512, maxTransfer+1024); err != nil {
		t.Errorf("Read = %v; want nil", err)
	}
	want := []string{"mmc write 100000 8 4000", "mmc write 900000 4008 4000", "mmc write 1100000 8008 1", "mmc read 100000 9 4000", "mmc read 900000 4009 2"}
	if !slices.Equal(r.log, want) {
		t.Errorf("commands = %q; want %q", r.log, want)
	}
}

// flaky fails the first transfers as U-Boot does if a controller answers late.
type flaky struct {
	recorded
	failures int
}

func (f *flaky) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	w := strings.Fields(cmd.Text)
	if w[1] != "read" && w[1] != "write" {
		return f.recorded.Exec(ctx, cmd)
	}
	done := map[string]string{"read": "read", "write": "written"}[w[1]]
	if f.failures--; f.failures >= 0 {
		return fail("MMC " + w[1] + ": dev # 0, block # 0, count 8 ... Timeout for status update: 00000001 00000001\n0 blocks " + done + ": ERROR"), nil
	}
	return out("MMC " + w[1] + ": dev # 0, block # 0, count 8 ... 8 blocks " + done + ": OK"), nil
}

// TestTransferRepeats reads and writes a card whose transfers fail now and then, or always.
func TestTransferRepeats(t *testing.T) {
	for failures, want := range map[int][2]classify.Kind{0: {}, 2: {}, 3: {classify.VerifyRead, classify.WriteFailed}} {
		f := &flaky{recorded: recorded{answers: cards}}
		m, err := Open(f, "mmc 0", Options{})
		if err == nil {
			_, err = m.Select(t.Context(), 0x1000)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, transfer := range []func(context.Context, uint64, int64, int64) error{m.Read, m.Write} {
			f.failures = failures
			if err := transfer(t.Context(), 0x2000, 0, 8*512); classify.Facts(err).Kind != want[i] {
				t.Errorf("%s after %d failures = %v; want %q", [2]string{"Read", "Write"}[i], failures, err, want[i])
			}
		}
	}
}
