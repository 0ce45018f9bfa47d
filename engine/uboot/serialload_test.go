package uboot

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// TestLoadSerialRefused covers a U-Boot without loady, and one whose loady comes back.
func TestLoadSerialRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		output string
		kind   classify.Kind
	}{
		"no loady":          {"Unknown command 'loady' - try 'help'", classify.UBootCommand},
		"loady comes back":  {"loady - load binary file over serial line (ymodem mode)", classify.LoadSerial},
		"loady is a secret": {"Unknown command 'other' - try 'help'", classify.LoadSerial},
	} {
		synctest.Test(t, func(t *testing.T) {
			ub, _ := prompt(t, func(cmd string) (string, string) {
				if strings.HasPrefix(cmd, "loady") {
					return tt.output, "1"
				}
				return "works", "0"
			})
			err := ub.LoadSerial(t.Context(), strings.NewReader("x"), 1, 0x1000, SerialOptions{Baud: 921600}, nil)
			if classify.Find(err, tt.kind) == nil {
				t.Errorf("%s: LoadSerial() = %v; want %s", name, err, tt.kind)
			}
			if out, err := ub.Run(t.Context(), console.Command{Text: "echo"}); out != "works" || err != nil {
				t.Errorf("%s: Run() after it = %q, %v; want nil", name, out, err)
			}
		})
	}
}

// TestLoadMedia compares what U-Boot loads from a medium with the station's file.
func TestLoadMedia(t *testing.T) {
	content := []byte("the kernel")
	right := fmt.Sprintf("crc32 for 00001000 ... 00001009 ==> %08x", crc32.ChecksumIEEE(content))
	for name, tt := range map[string]struct {
		device string
		first  string // output of the first load, "" for success
		load   string // of each later one
		crc    string
		kind   classify.Kind // "" for success
		text   string
	}{
		"right":         {device: "usb 0:1", crc: right},
		"found late":    {device: "usb 0:1", first: "** Bad device specification usb 0 **", crc: right},
		"hw partition":  {device: "mmc 0.1:2", crc: right},
		"garbled count": {device: "usb 0:1", load: "1# bytes read", crc: right},
		"missing":       {device: "usb 0:1", first: "Failed to load 'k'", load: "Failed to load 'k'", kind: classify.LoadMedia, text: "cannot load k from usb 0:1"},
		"short":         {device: "usb 0:1", load: "9 bytes read in 1 ms", kind: classify.LoadMedia, text: "has 9 bytes, the station's file has 10"},
		"differs":       {device: "usb 0:1", crc: "==> 00000000", kind: classify.LoadMedia, text: "RAM has the CRC-32 00000000"},
		"no crc32":      {device: "usb 0:1", crc: "Unknown command 'crc32' - try 'help'", kind: classify.UBootCommand, text: "no command crc32"},
		"no crc":        {device: "usb 0:1", crc: "nothing", kind: classify.LoadMedia, text: "did not print the CRC-32"},
		"no load":       {device: "usb 0:1", first: "Unknown command 'load' - try 'help'", kind: classify.UBootCommand, text: "no command load"},
		"no device":     {device: "usb", kind: classify.ConfigPolicy, text: `"usb" is not a partition`},
		"two commands":  {device: "usb 0:1;reset", kind: classify.ConfigPolicy, text: "is not a partition"},
	} {
		synctest.Test(t, func(t *testing.T) {
			loads, scans := 0, 0
			ub, _ := prompt(t, func(cmd string) (string, string) {
				switch {
				case strings.HasPrefix(cmd, "load "):
					out := tt.load
					if loads++; loads == 1 && tt.first != "" {
						out = tt.first
					}
					if out == "" {
						out = "10 bytes read in 1 ms"
					}
					return out, map[bool]string{true: "0", false: "1"}[strings.Contains(out, "bytes read")]
				case strings.HasPrefix(cmd, "crc32 "):
					return tt.crc, map[bool]string{true: "0", false: "1"}[!strings.Contains(tt.crc, "Unknown")]
				case cmd == "usb start":
					scans++
				}
				return "", "0"
			})
			err := ub.LoadMedia(t.Context(), tt.device, "k", bytes.NewReader(content), int64(len(content)), 0x1000)
			if tt.kind == "" && err != nil || tt.kind != "" && (classify.Find(err, tt.kind) == nil || !strings.Contains(err.Error(), tt.text)) {
				t.Errorf("%s: LoadMedia() = %v; want kind %q and %q", name, err, tt.kind, tt.text)
			}
			if want := loads - 1; loads > 0 && scans != want {
				t.Errorf("%s: %d scans; want %d", name, scans, want)
			}
		})
	}
}

// TestCheckRAMNeedsTheFile returns the error of a station's file that cannot be read.
func TestCheckRAMNeedsTheFile(t *testing.T) {
	u := &UBoot{}
	err := u.CheckRAM(t.Context(), broken{}, 5, 0, "the load of k", classify.LoadSerial)
	if classify.Find(err, classify.ImageRead) == nil || !errors.Is(err, errBroken) {
		t.Errorf("CheckRAM() = %v; want image.read and its cause", err)
	}
	err = u.CheckRAM(t.Context(), bytes.NewReader([]byte("ab")), 5, 0, "the load of k", classify.LoadSerial)
	if classify.Find(err, classify.ImageRead) == nil {
		t.Errorf("CheckRAM() of a file that became shorter = %v; want image.read", err)
	}
}

var errBroken = errors.New("input/output error")

// broken is a file that cannot be read.
type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }
