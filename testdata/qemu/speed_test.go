package qemu

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine/clock"
)

// The benchmarks of make bench-flash compare flashlua with the usual tools. Both sides do the work in turn, in one
// run on one machine, so that other load of the machine affects both; the medians are compared as a ratio.

// side is one way to do the work.
type side struct {
	name string
	run  func() (float64, error) // returns the cost
}

// rounds is how often each side does the work.
func rounds(b *testing.B) int {
	b.Helper()
	text := os.Getenv("FLASHLUA_ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("FLASHLUA_ROUNDS=%s is not a number of rounds; want 1 or more", text)
	}
	return n
}

// race runs the sides in turn, n times, and returns the median of each. It may be called from any goroutine.
func race(b *testing.B, n int, unit string, sides ...side) ([]float64, error) {
	costs := make([][]float64, len(sides))
	for round := range n {
		for i, s := range sides {
			cost, err := s.run()
			if err != nil {
				return nil, fmt.Errorf("round %d of %s: %w", round+1, s.name, err)
			}
			fmt.Fprintf(os.Stderr, "%s round %d: %s %.3g %s\n", b.Name(), round+1, s.name, cost, unit) // at once: it takes a while
			costs[i] = append(costs[i], cost)
		}
	}
	medians := make([]float64, len(sides))
	for i := range sides {
		medians[i] = median(costs[i])
	}
	return medians, nil
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	middle := len(all) / 2
	if len(all)%2 == 0 {
		return (all[middle-1] + all[middle]) / 2
	}
	return all[middle]
}

// table is what printTable prints when every benchmark is over.
var table []string

// compare adds a ratio to the table, and fails if it is more than wanted. If wanted is 0, it only reports.
func compare(b *testing.B, what, unit string, ours, theirs, wanted float64) {
	b.Helper()
	ratio, limit := ours/theirs, "–"
	if wanted > 0 {
		limit = fmt.Sprintf("≤ %.2f", wanted)
	}
	table = append(table, fmt.Sprintf("| %s | %s | %s | %.2f | %s |", what, amount(ours, unit), amount(theirs, unit), ratio, limit))
	b.ReportMetric(ratio, strings.ReplaceAll(what, " ", "-")+"-ratio")
	if wanted > 0 && ratio > wanted {
		b.Errorf("%s = %.2f of what the other side takes; want at most %.2f", what, ratio, wanted)
	}
}

func amount(v float64, unit string) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

// leftOut adds to the table that a comparison is missing: what a benchmark skips is not printed otherwise.
func leftOut(what string, why error) {
	table = append(table, fmt.Sprintf("| %s | LEFT OUT: %s | | | |", what, strings.NewReplacer("\n", " ", "|", "/").Replace(why.Error())))
}

// leaveOut is leftOut, and ends the benchmark.
func leaveOut(b *testing.B, what string, why error) {
	b.Helper()
	leftOut(what, why)
	b.Skipf("LEFT OUT: %s: %v", what, why)
}

// needBoard leaves out a benchmark that this machine has no board for.
func needBoard(b *testing.B, what string) {
	b.Helper()
	err := ARM64.Available()
	if err == nil && os.Getuid() != 0 {
		err = errors.New("TFTP's port 69 needs root")
	}
	if err != nil {
		leaveOut(b, what, err)
	}
}

func printTable() {
	if len(table) > 0 {
		fmt.Println("\n| what | flashlua median | other median | ratio | wanted |\n|---|---|---|---|---|\n" + strings.Join(table, "\n"))
	}
}

// timed returns how many seconds f took.
func timed(f func() error) (float64, error) {
	began := clock.Real{}.Now()
	err := f()
	return clock.Real{}.Now().Sub(began).Seconds(), err
}

// output runs a command. Its error includes what the command printed.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return string(out), err
}

// cold sets an empty cache for a flashlua command.
func cold(cmd *exec.Cmd) (remove func(), err error) {
	dir, err := os.MkdirTemp("", "flashlua-cache-")
	cmd.Env = append(os.Environ(), "FLASHLUA_CACHE="+dir)
	return func() { os.RemoveAll(dir) }, err
}

// must ends the benchmark with an error.
func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
