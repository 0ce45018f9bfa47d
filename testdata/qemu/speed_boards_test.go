package qemu

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine/enginetest"
)

const (
	boardsAtOnce = 8
	boardsSize   = 256 << 20
	boardsWanted = 1.5 // of the CPU that a byte costs with one board
)

// BenchmarkBoards serves one content to many boards at once, compared with one. It measures the CPU time of this
// process for each byte: the process does nothing else meanwhile, and the clients are processes of their own.
func BenchmarkBoards(b *testing.B) {
	what := fmt.Sprintf("CPU for each byte that %d boards fetch at once, compared with one", boardsAtOnce)
	if _, err := exec.LookPath("curl"); err != nil {
		leaveOut(b, what, err)
	}
	url, err := serveContent(b)
	must(b, err)
	serving := func(boards int) func() (float64, error) {
		return func() (float64, error) { return cpuPerByte(url, boards) }
	}
	_, err = serving(1)() // so that the file is in memory
	must(b, err)
	medians, err := race(b, rounds(b), "ns/KiB", side{"many", serving(boardsAtOnce)}, side{"one", serving(1)})
	must(b, err)
	compare(b, what, "ns/KiB", medians[0], medians[1], boardsWanted)
	b.ReportMetric(0, "ns/op")
}

// serveContent serves the first bytes of an image.
func serveContent(b *testing.B) (url string, err error) {
	f, err := os.Open(newScattered(b, boardsSize).raw)
	if err != nil {
		return "", err
	}
	b.Cleanup(func() { f.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	path, stop := enginetest.ServeHTTP(l, f, boardsSize)
	b.Cleanup(func() { stop() })
	return "http://" + l.Addr().String() + path, nil
}

// cpuPerByte has boards fetch at once, and returns the CPU time of serving 1 KiB, in ns.
func cpuPerByte(url string, boards int) (float64, error) {
	before, err := cpu()
	if err != nil {
		return 0, err
	}
	done := make(chan error, boards)
	for range boards {
		go func() {
			out, err := output(exec.Command("curl", "-fsS", "-o", "/dev/null", "-w", "%{size_download}", url))
			if err == nil && out != strconv.Itoa(boardsSize) {
				err = fmt.Errorf("curl fetched %s bytes", out)
			}
			done <- err
		}()
	}
	var errs []error
	for range boards {
		errs = append(errs, <-done)
	}
	after, err := cpu()
	return float64(after-before) / float64(boards) / (boardsSize >> 10), errors.Join(append(errs, err)...)
}

// cpu returns the CPU time of this process, without its children.
func cpu() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
