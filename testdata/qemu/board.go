// Package qemu is the board of the end-to-end tests: a real U-Boot that boots a real Linux, in QEMU.
//
// It owns the QEMU process: its disk, its sockets and its end. It knows nothing of what the console prints.
package qemu

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Arch is a kind of board. run.sh has the options of its machine.
type Arch struct {
	Name   string // of its folder in build/qemu, and of its policy after "qemu-"
	QEMU   string // the program
	UBoot  string // the firmware, in a folder of U-Boots
	Kernel string // the file that build.sh makes for it; "" if it boots no Linux

	// Release has the U-Boot, of those that uboots.sh unpacks. "" is the installed package u-boot-qemu.
	Release string
}

// Releases of Debian with U-Boots, for Arch.Release.
const (
	Trixie       = "trixie"       // the newest
	Experimental = "experimental" // what comes after it; it may be missing
)

// The boards of the tests.
var (
	ARM64   = Arch{Name: "arm64", QEMU: "qemu-system-aarch64", UBoot: "qemu_arm64/u-boot.bin", Kernel: "Image"}
	ARM     = Arch{Name: "arm", QEMU: "qemu-system-arm", UBoot: "qemu_arm/u-boot.bin", Kernel: "zImage"}
	RISCV64 = Arch{Name: "riscv64", QEMU: "qemu-system-riscv64", UBoot: "qemu-riscv64_smode/u-boot.bin", Kernel: "Image"}
	X8664   = Arch{Name: "x86-64", QEMU: "qemu-system-x86_64", UBoot: "qemu-x86/u-boot.rom", Kernel: "bzImage"}
	X86     = Arch{Name: "x86", QEMU: "qemu-system-i386", UBoot: "qemu-x86/u-boot.rom", Kernel: "bzImage"}

	// Real boards, whose U-Boots have media that the others lack. They boot no Linux here.
	OrangePi  = Arch{Name: "orangepi", QEMU: "qemu-system-arm", UBoot: "orangepi/u-boot.bin", Release: Trixie}   // the disk is its SD card
	SabreLite = Arch{Name: "sabrelite", QEMU: "qemu-system-arm", UBoot: "sabrelite/u-boot.bin", Release: Trixie} // the disk is its SPI NOR flash
)

// MMC is the arm64 board with a U-Boot that has MMC and a QEMU that has eMMC: those of mmc.sh, or the files that
// FLASHLUA_UBOOT_MMC and FLASHLUA_QEMU_EMMC name. It boots no Linux here.
var MMC = Arch{
	Name: "arm64", Release: "mmc",
	QEMU:  cmp.Or(os.Getenv("FLASHLUA_QEMU_EMMC"), filepath.Join(sourceDir(), "../../build/qemu/u-boot/mmc/qemu-system-aarch64")),
	UBoot: cmp.Or(os.Getenv("FLASHLUA_UBOOT_MMC"), "u-boot.bin"),
}

// Board is one virtual board. It starts with its power off, until QMP system_reset and cont; a guest that
// powers off waits for the same two.
type Board struct {
	Port  string // the serial console, "unix:/path"; what it prints while no client is connected is lost
	Power string // QMP, "qmp:/path"; QEMU serves one client at a time, others wait
	Disk  string // the raw image file that is /dev/vda, or the disk of a real board
	Arch  Arch

	qmp    string // the path in Power
	dir    string // holds the sockets
	stderr bytes.Buffer
	kill   context.CancelFunc
	exited chan struct{} // closed when the process is reaped
}

// BootDir is the absolute path of the folder where build.sh puts the kernel and the initramfs.
func (a Arch) BootDir() string {
	return filepath.Join(sourceDir(), "../../build/qemu", a.Name)
}

func sourceDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Of returns the board with the U-Boot of a release of Debian.
func (a Arch) Of(release string) Arch {
	a.Release = release
	return a
}

// firmware is the path of the board's U-Boot.
func (a Arch) firmware() string {
	if filepath.IsAbs(a.UBoot) {
		return a.UBoot
	}
	if a.Release == "" {
		return filepath.Join("/usr/lib/u-boot", a.UBoot)
	}
	return filepath.Join(sourceDir(), "../../build/qemu/u-boot", a.Release, a.UBoot)
}

// Available returns what this machine lacks for a board, nil if nothing.
func (a Arch) Available() error {
	_, err := exec.LookPath(a.QEMU)
	missing := []error{err}
	files := []string{a.firmware()}
	if a.Kernel != "" {
		files = append(files, filepath.Join(a.BootDir(), a.Kernel), filepath.Join(a.BootDir(), "initramfs.cpio.gz"))
	}
	for _, file := range files {
		_, err := os.Stat(file)
		missing = append(missing, err)
	}
	if err := errors.Join(missing...); err != nil {
		return fmt.Errorf("no QEMU board %s here, run make %s:\n%w", a.Name, map[bool]string{true: "uboot-mmc", false: "test-deps"}[a.Release == MMC.Release], err)
	}
	return nil
}

// Start starts a board with an empty disk of diskSize bytes in dir. It lives until Stop or the end of ctx; Stop
// must be called in either case, to remove the sockets.
func (a Arch) Start(ctx context.Context, dir string, diskSize int64) (*Board, error) {
	return a.start(ctx, dir, diskSize)
}

// start is Start with more options of QEMU.
func (a Arch) start(ctx context.Context, dir string, diskSize int64, options ...string) (*Board, error) {
	disk := filepath.Join(dir, "disk.img")
	if err := sparseFile(disk, diskSize); err != nil {
		return nil, err
	}
	// Sockets do not go into dir: their paths are limited to 107 bytes, a test's directory is not.
	sockets, err := os.MkdirTemp("/tmp", "qemu-")
	if err != nil {
		return nil, err
	}
	serial, qmp := filepath.Join(sockets, "serial"), filepath.Join(sockets, "qmp")
	ctx, kill := context.WithCancel(ctx)
	b := &Board{
		Port:  "unix:" + serial,
		Power: "qmp:" + qmp,
		Disk:  disk,
		Arch:  a,

		qmp:    qmp,
		dir:    sockets,
		kill:   kill,
		exited: make(chan struct{}),
	}
	if err := b.run(ctx, options, serial, qmp); err != nil {
		kill()
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	if _, err := b.Status(ctx); err != nil {
		b.Stop()
		return nil, fmt.Errorf("QEMU did not come up: %w\n%s", err, &b.stderr)
	}
	return b, nil
}

func sparseFile(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// run starts QEMU on sockets that listen already, so that no caller has to wait for them.
func (b *Board) run(ctx context.Context, options []string, sockets ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(sourceDir(), "run.sh"), append([]string{b.Arch.Name, escape(b.Disk), "fd=3", "fd=4"}, options...)...)
	cmd.Env = append(os.Environ(), "UBOOT="+b.Arch.firmware(), "QEMU="+b.Arch.QEMU)
	cmd.Stderr = &b.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, path := range sockets {
		f, err := listen(path)
		if err != nil {
			return err
		}
		defer f.Close() // QEMU has its own; a dial must fail after its end
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the thread that started the process ends, so that thread stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(b.exited)
		}
	}()
	return <-started
}

func listen(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	return l.File()
}

// Status is the run state: "prelaunch" after Start and after a reset of a board that is off, "running" after cont,
// "paused" after stop, "shutdown" after the guest's own poweroff.
func (b *Board) Status(ctx context.Context) (string, error) {
	raw, err := b.QMP(ctx, "query-status")
	if err != nil {
		return "", err
	}
	var state struct{ Status string }
	err = json.Unmarshal(raw, &state)
	return state.Status, err
}

// QMP has QEMU execute one command, over a connection of its own.
func (b *Board) QMP(ctx context.Context, command string, arguments ...map[string]any) (json.RawMessage, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", b.qmp)
	if err != nil {
		return nil, fmt.Errorf("qmp %s: %w", command, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	// The greeting is a message without a result, like an event.
	replies := json.NewDecoder(conn)
	var result json.RawMessage
	for _, name := range []string{"qmp_capabilities", command} {
		request := map[string]any{"execute": name}
		if name == command && len(arguments) > 0 {
			request["arguments"] = arguments[0]
		}
		if result, err = execute(conn, replies, request); err != nil {
			return nil, fmt.Errorf("qmp %s: %w", name, cmp.Or(context.Cause(ctx), err))
		}
	}
	return result, nil
}

func execute(conn net.Conn, replies *json.Decoder, request map[string]any) (json.RawMessage, error) {
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return nil, err
	}
	for {
		var reply struct {
			Return json.RawMessage
			Error  *struct{ Class, Desc string }
		}
		switch err := replies.Decode(&reply); {
		case err != nil:
			return nil, err
		case reply.Error != nil:
			return nil, fmt.Errorf("%s: %s", reply.Error.Class, reply.Error.Desc)
		case reply.Return != nil:
			return reply.Return, nil
		}
	}
}

// Stop ends QEMU, after a minute by force. The disk file stays. The error says why force was needed. A second call
// does nothing.
func (b *Board) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := b.QMP(ctx, "quit")
	if err != nil {
		cancel() // it was not reached or has ended: there is nothing to wait for
	}
	select {
	case <-b.exited:
		err = nil // the end counts, not the connection that it refused
	default:
		select {
		case <-b.exited:
		case <-ctx.Done():
			err = fmt.Errorf("QEMU did not quit and was killed: %w", cmp.Or(err, ctx.Err()))
		}
	}
	b.kill()
	<-b.exited
	return errors.Join(err, os.RemoveAll(b.dir))
}
