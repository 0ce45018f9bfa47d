package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/flashlua/flashlua/testdata/built"
)

const hello = `package main

import "fmt"

func main() { fmt.Println("hello") }
`

// BenchmarkStart measures a process of `flashlua version`, and one of a Go program that prints one line.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	source := filepath.Join(dir, "hello.go")
	if err := os.WriteFile(source, []byte(hello), 0o600); err != nil {
		b.Fatal(err)
	}
	ours, bare := built.Program(b), filepath.Join(dir, "hello")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bare, source) // the flags of the test binary
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	const rounds, most = 200, 3
	var times [2][]time.Duration
	for b.Loop() {
		for range rounds { // alternate, so that both run under the same load
			for i, cmd := range []*exec.Cmd{exec.Command(bare), exec.Command(ours, "version")} {
				began := time.Now()
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	hello, version := median(times[0]), median(times[1])
	b.ReportMetric(hello, "hello-ms")
	b.ReportMetric(version, "version-ms")
	b.ReportMetric(version/hello, "ratio")
	if version > most*hello {
		b.Errorf("flashlua version takes %.1f times as long as a hello, at most %d are allowed; GODEBUG=inittrace=1 shows what for", version/hello, most)
	}
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}
