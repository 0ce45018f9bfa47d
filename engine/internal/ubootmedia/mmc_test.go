package ubootmedia

import (
	"context"
	"maps"
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

// unprobed is a U-Boot that knows of no card before mmc list.
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
