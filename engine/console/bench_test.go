package console

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/goterm/term"
	"golang.org/x/sys/unix"
)

// rawPTY returns the two ends of a pseudo terminal that passes bytes unchanged.
func rawPTY(b *testing.B) (board, port *os.File) {
	pty, err := term.OpenPTY()
	if err != nil {
		b.Fatal(err)
	}
	var mode term.Termios
	mode.Raw()
	if err := mode.Set(pty.Slave); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { pty.Slave.Close(); pty.Master.Close() })
	return pty.Slave, pty.Master
}

const benchPrompt = "\r\n=> "

// answer prints a prompt after every line, as a board does.
func answer(board *os.File, lines int) {
	buf := make([]byte, 1)
	for lines > 0 {
		if _, err := board.Read(buf); err != nil {
			return
		}
		if buf[0] == '\n' {
			io.WriteString(board, benchPrompt)
			lines--
		}
	}
}

// bareUntil reads until the prompt.
func bareUntil(b *testing.B, port *os.File, prompt string) {
	buf, tail := make([]byte, 32<<10), []byte(nil)
	for {
		n, err := port.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		tail = append(tail, buf[:n]...)
		if bytes.Contains(tail, []byte(prompt)) {
			return
		}
		tail = append(tail[:0], tail[max(0, len(tail)-len(prompt)):]...)
	}
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}

// BenchmarkPromptLatency measures the time from Enter to the prompt, through the console and through a bare read
// loop.
func BenchmarkPromptLatency(b *testing.B) {
	const rounds = 1000
	var bare, ours []time.Duration
	for b.Loop() {
		board, port := rawPTY(b)
		go answer(board, 2*rounds)
		for range rounds {
			began := time.Now()
			io.WriteString(port, "\n")
			bareUntil(b, port, benchPrompt)
			bare = append(bare, time.Since(began))
		}
		c := New(port, Config{})
		for range rounds {
			began := time.Now()
			c.Send(b.Context(), "\n")
			if _, err := c.Expect(b.Context(), Wait{For: []Pattern{Text(benchPrompt)}}); err != nil {
				b.Fatal(err)
			}
			ours = append(ours, time.Since(began))
		}
		c.Close()
	}
	b.ReportMetric(median(bare), "bare-ms")
	b.ReportMetric(median(ours), "console-ms")
	b.ReportMetric(median(ours)-median(bare), "difference-ms")
}

// flood writes n MB of console noise and then the prompt.
func flood(board *os.File, n int) {
	line := strings.Repeat("[   12.345678] usb 1-1: new high-speed device number 2\r\n", 1<<10)
	for left := n * 1000 * 1000; left > 0; left -= len(line) {
		if _, err := io.WriteString(board, line); err != nil {
			return
		}
	}
	io.WriteString(board, benchPrompt)
}

// BenchmarkThroughput measures the time for 100 MB of output while a prompt is awaited, and the memory.
func BenchmarkThroughput(b *testing.B) {
	for b.Loop() {
		board, port := rawPTY(b)
		began := time.Now()
		go flood(board, 100)
		bareUntil(b, port, benchPrompt)
		bare := time.Since(began)
		b.ReportMetric(bare.Seconds(), "bare-s")

		os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // reset the peak
		c := New(port, Config{})
		perMB := map[int]float64{}
		for _, size := range []int{25, 100} {
			began = time.Now()
			go flood(board, size)
			if _, err := c.Expect(b.Context(), Wait{For: []Pattern{Text(benchPrompt), Regexp(`login: $`), Text("Password:")}, Abort: []Abort{Panic, Reset}}); err != nil {
				b.Fatal(err)
			}
			perMB[size] = time.Since(began).Seconds() / float64(size)
		}
		c.Close()
		b.ReportMetric(perMB[100]*100, "console-s")
		b.ReportMetric(perMB[100]/perMB[25], "100MB/25MB-per-byte")
		b.ReportMetric(peakMB(b), "peak-resident-MB")
	}
}

// peakMB returns the largest resident memory of this process.
func peakMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1000
		}
	}
	b.Fatal(fmt.Errorf("no VmHWM in /proc/self/status"))
	return 0
}

// BenchmarkFramedCommand measures a framed command on a real shell, and the same command typed bare.
func BenchmarkFramedCommand(b *testing.B) {
	c := onPTY(b, "dash", "-i")
	sh := POSIX("# ", 1000)
	if err := c.Sync(b.Context(), sh, 5, time.Second); err != nil {
		b.Fatal(err)
	}
	const rounds = 200
	var bare, framed []time.Duration
	for b.Loop() {
		for range rounds {
			began := time.Now()
			c.Send(b.Context(), "true\n")
			if _, err := c.Expect(b.Context(), Wait{For: []Pattern{Text("# ")}}); err != nil {
				b.Fatal(err)
			}
			bare = append(bare, time.Since(began))
			began = time.Now()
			if _, err := c.Run(b.Context(), sh, Command{Text: "true"}); err != nil {
				b.Fatal(err)
			}
			framed = append(framed, time.Since(began))
		}
	}
	more := median(framed) - median(bare)
	b.ReportMetric(median(bare), "bare-ms")
	b.ReportMetric(median(framed), "framed-ms")
	b.ReportMetric(more, "more-ms")
	b.ReportMetric(1000/median(framed), "framed/s")
	if more > 2 || median(framed) > 5 {
		b.Errorf("a framed command takes %.2f ms, a bare one %.2f ms; want at most 5 ms, and 2 ms more than bare", median(framed), median(bare))
	}
}

// cpu returns the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIdle measures the processor time of a wait in which nothing comes, through the console and through a
// bare read.
func BenchmarkIdle(b *testing.B) {
	const idle = 5 * time.Second
	wait := func(f func()) float64 {
		runtime.GC() // so that no collection ends during the wait
		began := cpu(b)
		f()
		return float64((cpu(b) - began).Microseconds()) / 1000
	}
	for b.Loop() {
		board, port := rawPTY(b)
		bare := wait(func() {
			time.AfterFunc(idle, func() { io.WriteString(board, benchPrompt) })
			bareUntil(b, port, benchPrompt)
		})
		c := New(port, Config{})
		ours := wait(func() {
			time.AfterFunc(idle, func() { io.WriteString(board, benchPrompt) })
			w := Wait{For: []Pattern{Text(benchPrompt), Prompt("login:")}, Abort: []Abort{Panic, Reset}, Timeout: time.Hour, Stall: time.Hour}
			if _, err := c.Expect(b.Context(), w); err != nil {
				b.Fatal(err)
			}
		})
		c.Close()
		b.ReportMetric(bare, "bare-cpu-ms")
		b.ReportMetric(ours, "console-cpu-ms")
		b.ReportMetric((ours-bare)/idle.Seconds()/10, "difference-%")
		if limit := 0.001; ours-bare > limit*float64(idle.Milliseconds()) {
			b.Errorf("a wait of %s took %.1f ms of processor time, a bare read %.1f ms; want at most %.1f ms more", idle, ours, bare, limit*float64(idle.Milliseconds()))
		}
	}
}
