package qemu

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

const (
	coldRuns   = 10
	coldSize   = 512 << 20
	coldWanted = 1.3 // of the CPU that one run costs
)

// BenchmarkCold unpacks one image by several processes at once, compared with one. It measures the CPU time of the
// processes. A dry run opens and checks the image and does nothing else.
func BenchmarkCold(b *testing.B) {
	im := newScattered(b, coldSize).pack(b)
	program := built.Program(b) // is built before a side is timed
	runs := func(n int) func() (float64, error) {
		return func() (float64, error) { return unpackAtOnce(program, im.packed, n) }
	}
	medians, err := race(b, rounds(b), "CPU s", side{fmt.Sprint(coldRuns), runs(coldRuns)}, side{"one", runs(1)})
	must(b, err)
	compare(b, fmt.Sprintf("CPU of %d runs that unpack one image at once, compared with one", coldRuns), "s", medians[0], medians[1], coldWanted)
	b.ReportMetric(0, "ns/op")
}

// unpackAtOnce starts n dry runs with one empty cache, and returns their CPU time in s.
func unpackAtOnce(program, image string, n int) (float64, error) {
	var all []*exec.Cmd
	for range n {
		all = append(all, exec.Command(program, "run", "sim", "--port", "sim:size=1024", "--image", image, "--dry-run", "--quiet"))
	}
	remove, err := cold(all[0])
	if err != nil {
		return 0, err
	}
	defer remove()
	done := make(chan error, n)
	for _, cmd := range all {
		cmd.Env = all[0].Env
		go func() {
			_, err := output(cmd)
			done <- err
		}()
	}
	var errs []error
	for range all {
		errs = append(errs, <-done)
	}
	sum := 0.0
	for _, cmd := range all {
		if cmd.ProcessState != nil {
			sum += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		}
	}
	return sum, errors.Join(errs...)
}
