package qemu

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/enginetest"
	"github.com/flashlua/flashlua/engine/uboot"
)

const (
	tftpWanted = 1.0 / 3
	// Addresses that no rig uses.
	tftpOurs   = "127.0.69.201"
	tftpTheirs = "127.0.69.202"
)

// BenchmarkTFTP has U-Boot load the board's kernel from flashlua's server and from Debian's. U-Boot asks both for
// the window that a run asks for after some loads; tftpd-hpa ignores options that it does not know.
func BenchmarkTFTP(b *testing.B) {
	const what = "load the kernel by TFTP compared with tftpd-hpa"
	needBoard(b, what)
	r := ARM64.newRig(b, 1000)
	kernel, err := os.ReadFile(filepath.Join(r.Arch.BootDir(), r.Arch.Kernel))
	must(b, err)
	must(b, serveOurs(b, r.Arch.Kernel, kernel))
	if err := serveTheirs(b, r.Arch.BootDir()); err != nil {
		leaveOut(b, what, err)
	}
	var medians []float64
	err = errors.New("the board was not reached")
	r.driveWithin(flashLimit.String(), func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		medians, err = raceTFTP(ctx, b, s, r.Arch.Kernel, kernel)
		return err
	})
	must(b, err)
	compare(b, what, "s", medians[0], medians[1], tftpWanted)
	b.ReportMetric(0, "ns/op")
}

func raceTFTP(ctx context.Context, b *testing.B, s *engine.Session, name string, kernel []byte) ([]float64, error) {
	ub, err := toUBoot(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, err := s.DHCP(ctx, ub); err != nil {
		return nil, err
	}
	from := func(server string) func() (float64, error) {
		return func() (float64, error) { return loadFrom(ctx, ub, server, name, kernel) }
	}
	return race(b, rounds(b), "s", side{"flashlua", from(tftpOurs)}, side{"tftpd-hpa", from(tftpTheirs)})
}

// loadFrom times one load, and checks what is in the board's RAM then. A load before it, which is not timed,
// leaves U-Boot with the engine's settings: setting them costs as much with either server.
func loadFrom(ctx context.Context, ub *uboot.UBoot, server, name string, kernel []byte) (float64, error) {
	const address = 0x40400000
	size := int64(len(kernel))
	if err := ub.Load(ctx, server, name, address, size, uboot.GoodWindow); err != nil {
		return 0, err
	}
	run := func(format string, args ...any) (string, error) {
		return ub.Run(ctx, console.Command{Text: fmt.Sprintf(format, args...), Timeout: time.Minute})
	}
	if _, err := run("mw.q %#x 0 %#x", address, (size+7)/8); err != nil {
		return 0, err
	}
	took, err := timed(func() error {
		_, err := run("tftpboot %#x %s:%s", address, server, name)
		return err
	})
	if err != nil {
		return 0, err
	}
	out, err := run("crc32 %#x %#x", address, size)
	if want := fmt.Sprintf("%08x", crc32.ChecksumIEEE(kernel)); err == nil && !strings.Contains(out, want) {
		err = fmt.Errorf("the load from %s is spoiled: %s, want %s", server, out, want)
	}
	return took, err
}

// serveOurs serves as the engine does.
func serveOurs(b *testing.B, name string, content []byte) error {
	conn, err := net.ListenPacket("udp", net.JoinHostPort(tftpOurs, "69"))
	if err != nil {
		return err
	}
	stop := enginetest.ServeTFTP(conn, func() (net.PacketConn, error) { return net.ListenPacket("udp", net.JoinHostPort(tftpOurs, "0")) }, name, string(content))
	b.Cleanup(func() { stop() })
	return nil
}

// serveTheirs runs tftpd-hpa until the benchmark is over, unpacked by testdata/tools.sh or installed.
func serveTheirs(b *testing.B, dir string) error {
	program := filepath.Join(sourceDir(), "../../build/tftpd/usr/sbin/in.tftpd")
	if _, err := os.Stat(program); err != nil {
		program = "/usr/sbin/in.tftpd"
	}
	// As root, because other users may not be allowed to read this checkout.
	cmd := exec.Command(program, "--foreground", "--listen", "--address", net.JoinHostPort(tftpTheirs, "69"), "--user", "root", "--secure", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// As QEMU in Board.run: the signal comes when this thread ends, so it stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
	})
	return nil
}
