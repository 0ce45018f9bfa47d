package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// cell is a fault and the kinds that its errors may have: none if a run must recover from it within one attempt.
type cell struct {
	faults string
	kinds  []classify.Kind
}

// matrix has every fault of the serial line at every rate and in both directions, and every stage fault at every
// stage.
func matrix() (all []cell) {
	stages := []string{"uboot", "autoboot", "dhcp", "load", "linux", "login", "shell", "write", "output", "output:300", "output:900"}
	for _, stage := range stages {
		reset := []classify.Kind{classify.BoardReset}
		silent := []classify.Kind{classify.ConsoleStall, classify.ConsoleTimeout, classify.ConsoleEcho, classify.ConsoleGarbled, classify.UBootAutoboot, classify.ShellLogin, "deadline"}
		gone := []classify.Kind{classify.UBootAutoboot, classify.ConsoleGap, classify.ConsoleGarbled}
		all = append(all, cell{"reset=" + stage, reset}, cell{"silent=" + stage, silent}, cell{"gone=" + stage, gone})
	}
	for _, stage := range []string{"login", "shell", "shell:7", "write"} {
		all = append(all, cell{"off=" + stage, []classify.Kind{classify.BoardOff}})
	}
	line := []classify.Kind{"console", "uboot", "shell", "net", "deadline"}
	rates := []string{"0.5%", "2%"}
	if os.Getenv("FLASHLUA_SOAK") != "" {
		rates = []string{"0.1%", "0.5%", "1%", "2%"}
	}
	for _, rate := range rates {
		for _, fault := range []string{"drop", "double", "garble", "delay"} {
			for _, way := range []string{"", ":typed", ":printed"} {
				all = append(all, cell{fmt.Sprintf("%s=%s%s", fault, rate, way), line})
			}
		}
		all = append(all, cell{"noise=" + rate, line})
	}
	for _, fault := range []string{"first=1", "first=3", "torn=1", "fifo=16", "fifo=64", "echo=off", "wrap=80", "wrap=40"} {
		all = append(all, cell{fault, nil})
	}
	return all
}

// TestMatrix flashes a simulated board with every fault at every step. Each fault must occur, and each run must
// end within its deadlines, verified with the right content on the medium or with one of the cell's kinds.
func TestMatrix(t *testing.T) {
	var struck [3]int // number of cells by result
	seeds, _ := strconv.Atoi(os.Getenv("FLASHLUA_SOAK"))
	for i, c := range matrix() {
		for seed := range max(seeds/100, 1) {
			faults := fmt.Sprintf("seed=%d,%s", 1000*seed+i, c.faults)
			got := flashSim(t, viaTFTP, 300_001, faults)
			name, _, _ := strings.Cut(c.faults, "=")
			if got.fired[name] == 0 && !strings.Contains(c.faults, "=0.1%") {
				t.Errorf("%s: the fault did not occur: %v", faults, got.fired)
			}
			for _, a := range got.report.Attempts {
				if a.Error != "" && !slices.ContainsFunc(c.kinds, classify.Kind(a.Kind).Is) {
					t.Errorf("%s: attempt %d failed with %s: %s\n%s", faults, a.Number, a.Kind, a.Error, strings.Join(got.report.Console, "\n"))
				}
			}
			switch r := got.report; {
			case r.Exit == 0 && got.equal && len(got.kinds) == 0:
				struck[0]++
			case r.Exit == 0 && got.equal:
				struck[1]++
			case r.Exit == engine.ExitExhausted && len(r.Attempts) == 4:
				struck[2]++
			default:
				t.Errorf("%s: exit %d, medium equal %v after %v: %v", faults, r.Exit, got.equal, got.kinds, r.Err)
			}
			if seeds > 0 {
				t.Logf("%s: exit %d in %s after %v", faults, got.report.Exit, got.report.Duration, got.kinds)
			}
		}
	}
	t.Logf("%d at once, %d with another attempt, %d not at all", struck[0], struck[1], struck[2])
}
