package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine/enginetest"
	"github.com/flashlua/flashlua/testdata/built"
)

// mounted mounts a medium with the given faults until the test ends.
func mounted(t *testing.T, m *enginetest.Medium) *enginetest.Medium {
	t.Helper()
	if err := m.Mount(t.TempDir(), false); err != nil {
		t.Skipf("LEFT OUT: the faulty medium cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// device attaches a loop device to a file until the test ends.
func device(t *testing.T, backing string) string {
	t.Helper()
	out, err := exec.Command("losetup", "--find", "--show", backing).CombinedOutput()
	if err != nil {
		t.Skipf("LEFT OUT: a loop device cannot be made: %v: %s", err, out)
	}
	path := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", path).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return path
}

func noise(n int, seed byte) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// imageFile returns a file with the given content.
func imageFile(t *testing.T, content []byte) string {
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writing returns a command that writes an image to a medium of this machine, and its standard error.
func writing(t *testing.T, image, to string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(t.Context(), "flashlua", "write", "--image", image, "--to", to)
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	return cmd, stderr
}

var bytesWritten = regexp.MustCompile(`(\d+) bytes written`)

// written writes an image, which must succeed, and returns how many bytes were written.
func written(t *testing.T, image, to string) int64 {
	t.Helper()
	cmd, stderr := writing(t, image, to)
	out, err := cmd.Output()
	m := bytesWritten.FindStringSubmatch(stderr.String())
	if err != nil || !strings.HasPrefix(string(out), "verified: ") || m == nil {
		t.Fatalf("%v\n%s%s", err, out, stderr)
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n
}

func sameContent(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the content of the medium is wrong, %v", err)
	}
}

// TestWriteInterrupted ends a process by a signal while it writes or reads back. The next process must continue:
// it writes only what is missing.
func TestWriteInterrupted(t *testing.T) {
	const size = 24 << 20
	image := noise(size, 1)
	path := imageFile(t, image)
	for _, step := range []string{"writing", "verifying"} {
		for _, by := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
			for _, on := range []string{"file", "device"} {
				t.Run(fmt.Sprint(step, ", ", by, ", ", on), func(t *testing.T) {
					var wrote atomic.Int64
					var armed atomic.Bool
					arrived, release := make(chan bool, 1000), make(chan bool)
					m := mounted(t, &enginetest.Medium{Size: size, Before: func(write bool, off int64, n int) {
						if !armed.Load() {
							return
						}
						if write {
							wrote.Add(int64(n))
						}
						if now := wrote.Load(); write && now > size/2 && step == "writing" || !write && now >= size && off > size/2 && step == "verifying" {
							arrived <- true
							<-release
						}
					}})
					to := m.Path
					if on == "device" {
						to = device(t, m.Path)
					}
					armed.Store(true)
					cmd, stderr := writing(t, path, to)
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					over := make(chan error, 1)
					go func() { over <- cmd.Wait() }()
					select {
					case <-arrived:
					case err := <-over:
						t.Fatalf("the process ended before the signal: %v\n%s", err, stderr)
					}
					armed.Store(false)
					cmd.Process.Signal(by)
					close(release)
					<-over
					if by == syscall.SIGINT && cmd.ProcessState.ExitCode() != 130 {
						t.Errorf("exit %d\n%s", cmd.ProcessState.ExitCode(), stderr)
					}
					if n := written(t, path, to); n >= size || step == "verifying" && n > 0 {
						t.Errorf("the next process wrote %d bytes", n)
					}
					sameContent(t, to, image)
				})
			}
		}
	}
}

// packedFile compresses what content writes with a tool, and returns the file.
func packedFile(t *testing.T, name string, content func(w io.Writer), tool ...string) string {
	if _, err := exec.LookPath(tool[0]); err != nil {
		t.Skipf("LEFT OUT: %s is not installed", tool[0])
	}
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(tool[0], tool[1:]...)
	cmd.Stdout = f
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(in, 1<<20)
	content(w)
	w.Flush()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWriteFromStdin writes images from a pipe, compressed or not.
func TestWriteFromStdin(t *testing.T) {
	image := noise(3<<20+17, 2)
	packed, err := os.ReadFile(packedFile(t, "disk.img.xz", func(w io.Writer) { w.Write(image) }, "xz", "-0c", "-T2", "--block-size=1MiB"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		stdin []byte
		error string
	}{
		"raw": {image, ""}, "packed": {packed, ""},
		"nothing": {nil, "Error: the image - is empty\n"}, "half": {packed[:len(packed)/2], "Error: the image - is damaged: "},
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "medium")
			cmd, stderr := writing(t, "-", to)
			cmd.Stdin = struct{ io.Reader }{bytes.NewReader(tt.stdin)} // a pipe
			out, err := cmd.Output()
			if tt.error == "" {
				if err != nil || !strings.HasPrefix(string(out), "verified: ") {
					t.Fatalf("%v\n%s%s", err, out, stderr)
				}
				sameContent(t, to, image)
				return
			}
			if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.HasPrefix(stderr.String(), tt.error) || !strings.Contains(stderr.String(), "nothing was touched: image.") {
				t.Errorf("exit %d\n%s", code, stderr)
			}
			if _, err := os.Stat(to); err == nil {
				t.Error("the refused run created the file")
			}
		})
	}
}

// TestWriteTooLarge holds that an image larger than the device is refused before it is read to its end, and also
// if it is in the cache.
func TestWriteTooLarge(t *testing.T) {
	t.Setenv("FLASHLUA_CACHE", t.TempDir())
	held := noise(1<<20, 3)
	backing := imageFile(t, held)
	to := device(t, backing)
	large := imageFile(t, nil)
	if err := os.Truncate(large, 32<<30); err != nil {
		t.Fatal(err)
	}
	known := packedFile(t, "disk.img.gz", func(w io.Writer) { w.Write(append(noise(1<<20, 4), 1)) }, "gzip", "-c")
	written(t, known, filepath.Join(t.TempDir(), "medium"))
	for image, says := range map[string]string{large: "has 1048576 bytes, the image has 34359738368 or more", known: "has 1048576 bytes, the image has 1048577\n"} {
		cmd, stderr := writing(t, image, to)
		if cmd.Run(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(stderr.String(), says) || !strings.Contains(stderr.String(), "nothing was touched: target.unsafe") {
			t.Errorf("%v\n%s", cmd.ProcessState, stderr)
		}
	}
	sameContent(t, backing, held)
}

// TestWriteTakesLittleMemory holds that memory stays bounded while half a gigabyte is decompressed.
func TestWriteTakesLittleMemory(t *testing.T) {
	const size, most = 512 << 20, 256 << 20
	some := make([]byte, 4<<20) // mostly zeros, which the medium has already
	copy(some, noise(64<<10, 3))
	content := func(w io.Writer) {
		for range size / len(some) {
			w.Write(some)
		}
	}
	program := built.Program(t)
	for name, tool := range map[string][]string{
		"xz": {"xz", "-c", "-T2", "--lzma2=preset=0,dict=8MiB", "--block-size=24MiB"}, "zst": {"zstd", "-3qc", "--long=27"},
	} {
		t.Run(name, func(t *testing.T) {
			path := packedFile(t, "disk.img."+name, content, tool...)
			var mu sync.Mutex
			var peak int64
			var process *os.Process
			m := mounted(t, &enginetest.Medium{Size: size, Before: func(bool, int64, int) {
				mu.Lock()
				defer mu.Unlock()
				if process != nil {
					peak = max(peak, highWater(process.Pid))
				}
			}})
			cmd, stderr := writing(t, path, m.Path)
			cmd.Path = program
			mu.Lock()
			err := cmd.Start()
			process = cmd.Process
			mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			mu.Lock()
			defer mu.Unlock()
			t.Logf("%d MiB", peak>>20)
			if peak == 0 || peak > most {
				t.Errorf("peak memory = %d MiB", peak>>20)
			}
		})
	}
}

// highWater returns the peak resident memory of a process in bytes, 0 if the process has ended.
func highWater(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}
