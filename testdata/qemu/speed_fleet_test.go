package qemu

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

const (
	fleetBoards   = 50
	fleetAtOnce   = 8
	fleetSize     = 32 << 20
	fleetWanted   = 1.1 // of the CPU that a byte costs with one board
	fleetStations = 100
	fleetResident = 2048 // MB
)

// BenchmarkFleet flashes many simulated boards, with boot files, over sockets of this machine, and one board. It
// measures the CPU time of this process, which has the boards in it, for each byte. Then it flashes more boards, and
// measures how much memory the process takes at most.
func BenchmarkFleet(b *testing.B) {
	r := newFleetRig(b, fleetSize)
	cost := func(n int) func() (float64, error) {
		return func() (float64, error) {
			before, err := cpu()
			if err != nil {
				return 0, err
			}
			results, err := r.flash(b.Context(), n, fleetAtOnce)
			if err == nil {
				err = firstAttempts(results)
			}
			if err != nil {
				return 0, err
			}
			after, err := cpu()
			return float64(after-before) / float64(n) / (fleetSize >> 10), err
		}
	}
	_, err := cost(1)() // so that the files are in memory, and the scripts of the simulated board parsed
	must(b, err)
	medians, err := race(b, rounds(b), "ns/KiB", side{"many", cost(fleetBoards)}, side{"one", cost(1)})
	must(b, err)
	compare(b, fmt.Sprintf("CPU for each byte that %d boards are flashed with, %d at a time, compared with one", fleetBoards, fleetAtOnce), "ns/KiB", medians[0], medians[1], fleetWanted)

	must(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // resets the peak
	results, err := r.flash(b.Context(), fleetStations, fleetAtOnce)
	must(b, err)
	must(b, firstAttempts(results))
	peak, err := peakMemory()
	must(b, err)
	compare(b, fmt.Sprintf("memory of a run on %d stations, compared with 2 GB", fleetStations), "MB", peak, fleetResident, 1)
	b.ReportMetric(0, "ns/op")
}

// peakMemory returns the resident memory of this process at its peak, in MB.
func peakMemory() (float64, error) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, text, _ := strings.Cut(string(raw), "VmHWM:")
	text, _, _ = strings.Cut(text, "kB")
	kib, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return kib / 1024, err
}
