package bindings_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/transport"
)

// loaderWire is a boot loader at the other end of a console. It echoes what is typed, and answers lines and keys.
type loaderWire struct {
	banner string
	answer func(line string) string // what a line prints, and the prompt after it
	key    func(c byte) string      // what a byte prints that is no part of a line, "" for other bytes
	echo   func(line string) string // what the last byte of a line prints
	lines  []string                 // that were entered
}

// serve runs the boot loader until the console is closed.
func (w *loaderWire) serve(con net.Conn) {
	con.Write([]byte(w.banner))
	in, line := bufio.NewReader(con), ""
	for {
		c, err := in.ReadByte()
		if err != nil {
			return
		}
		out := w.key(c)
		switch {
		case out != "":
		case c == '\n':
			w.lines = append(w.lines, line)
			out, line = "\r\n"+w.answer(line), ""
		case c == 0x15: // Ctrl-U
			out, line = strings.Repeat("\b \b", len(line)), ""
		default:
			line += string(c)
			out = w.echo(line)
		}
		con.Write([]byte(out))
	}
}

// flashBy runs a policy without retries on a boot loader. Another TFTP server serves its files kernel and initrd.
func flashBy(t *testing.T, w *loaderWire, script string) *engine.Report {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"board.lua": script, "Image": "a kernel", "initrd.gz": "an initramfs", "x.raw": "an image\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := bindings.Load(filepath.Join(dir, "board.lua"), bindings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	e := engine.Engine{OpenPort: func(context.Context, string, transport.Line) (transport.Port, error) {
		station, board := net.Pipe()
		go func() {
			defer close(done)
			w.serve(board)
		}()
		return station, nil
	}}
	none := 0
	rep := e.Run(t.Context(), p, engine.Job{Image: filepath.Join(dir, "x.raw"), Port: "tcp:board:1", Power: "none", TFTPDir: t.TempDir(), Retries: &none})
	<-done
	return rep
}

const loaderPolicy = `
return {
	files = { kernel = "Image", initrd = "initrd.gz" },
	net = { http = "10.0.0.1", tftp = "10.0.0.1", listen = "127.0.0.1" },
	targets = { disk = "/dev/vda" },
	flash = `

// checkLoader checks the error of a run, and the lines that the boot loader got. A * stands for a directory's name.
func checkLoader(t *testing.T, w *loaderWire, rep *engine.Report, kind, text string, lines ...string) {
	t.Helper()
	if rep.Kind != kind || !strings.Contains(rep.Error, text) {
		t.Errorf("run = %s of kind %s; want %q of kind %s", rep.Error, rep.Kind, text, kind)
	}
	same := func(got, pattern string) bool {
		before, after, found := strings.Cut(pattern, "*")
		return !found && got == pattern || found && strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
	}
	if !slices.EqualFunc(w.lines, lines, same) {
		t.Errorf("lines =\n%s\nwant\n%s", strings.Join(w.lines, "\n"), strings.Join(lines, "\n"))
	}
}

// TestGRUBAtTheConsole: lib.grub opens the command line of a GRUB that asks for a password, types a line again whose
// echo was wrong, gets an address, and reports GRUB's error.
func TestGRUBAtTheConsole(t *testing.T) {
	lost, address := false, ""
	w := &loaderWire{banner: "\x1b[2;24HGNU GRUB  version 2.06\x1b[5;3H*Installed system\x1b[5;78H"}
	atMenu := true
	w.key = func(c byte) string {
		if atMenu && c == 'c' {
			atMenu = false
			return "\x1b[H\x1b[JEnter username: "
		}
		return ""
	}
	w.echo = func(line string) string {
		if len(w.lines) == 1 {
			return "" // a password
		}
		if !lost && line == "linux '(t" {
			lost = true
			return "?"
		}
		wrap := ""
		if len(line)%20 == 0 {
			wrap = "\r\n"
		}
		return "\x1b[24;17H" + line[len(line)-1:] + "\x1b[24;18H" + wrap
	}
	w.answer = func(line string) string {
		switch {
		case line == "operator":
			return "Enter password: "
		case line == "net_bootp":
			address = "efinet0:dhcp 52:54:00:12:34:56 10.0.0.9\r\n"
		case line == "net_ls_addr":
			return address + "grub> "
		case strings.HasPrefix(line, "initrd"):
			return "error: ../../grub-core/net/net.c:1788:timeout reading `initrd.gz'.\r\ngrub> "
		}
		return "grub> "
	}
	rep := flashBy(t, w, `local grub = require("lib.grub")`+loaderPolicy+
		`grub.flash { user = "operator", password = "s3cret", protocol = "tftp", args = "console=ttyS0" } }`)
	checkLoader(t, w, rep, "grub.command", "GRUB: initrd ", "operator", "s3cret", "net_ls_addr", "net_bootp", "net_ls_addr",
		"linux '(tftp,10.0.0.1)/*/Image' console=ttyS0", "initrd '(tftp,10.0.0.1)/*/initrd.gz'",
		"linux '(tftp,10.0.0.1)/*/Image' console=ttyS0", "initrd '(tftp,10.0.0.1)/*/initrd.gz'") // the step load has a retry
	if !lost || !strings.Contains(rep.Error, "timeout reading `initrd.gz'") {
		t.Errorf("error = %q; want GRUB's own text after a line that was typed twice", rep.Error)
	}
}

// TestBareboxAtTheConsole: lib.barebox stops autoboot, types a line again into whose echo a warning was printed, and
// reports the exit code and the last line of a command that failed.
func TestBareboxAtTheConsole(t *testing.T) {
	warned := false
	const prompt = "\x1b[1;32mbarebox@\x1b[1;36mboard:/\x1b[0m "
	w := &loaderWire{banner: "barebox 2026.06.0\r\n\r\nHit m for menu or any to stop autoboot:    3"}
	w.key = func(c byte) string {
		if c == 3 {
			return "\r\n" + prompt
		}
		return ""
	}
	w.echo = func(line string) string {
		if !warned && line == "ifu" {
			warned = true
			return "\x1b[1;33mWARNING:\x1b[0m poller: 'net' takes unexpectedly long: 28ms\r\nu"
		}
		return line[len(line)-1:]
	}
	w.answer = func(line string) string {
		out, code := "", "0"
		switch {
		case strings.HasPrefix(line, "echo $eth0.ipaddr;"):
			out = "10.0.0.9\r\n"
		case strings.HasPrefix(line, "cp ") && strings.Contains(line, "Image"):
			out, code = "could not open: File not found\r\n", "1"
		}
		return out + "flashlua=" + code + "\r\n" + prompt
	}
	rep := flashBy(t, w, `local barebox = require("lib.barebox")`+loaderPolicy+`function(s, job)
		s.power:cycle()
		local b = barebox.stop(s)
		b:dhcp()
		b:load()
		b:boot():write(job)
	end }`)
	const mark = `; echo flash""lua=$?`
	checkLoader(t, w, rep, "barebox.exit", "exited 1: could not open: File not found",
		"ifup -a"+mark, "echo $eth0.ipaddr"+mark,
		"mkdir -p /mnt/flashlua && mount -t tftp 10.0.0.1 /mnt/flashlua"+mark,
		"cp '/mnt/flashlua/*/initrd.gz' /flashlua-initrd"+mark, "umount /mnt/flashlua"+mark,
		"mkdir -p /mnt/flashlua && mount -t tftp 10.0.0.1 /mnt/flashlua"+mark,
		"cp '/mnt/flashlua/*/Image' /flashlua-kernel"+mark, "umount /mnt/flashlua"+mark)
	if !warned {
		t.Error("no warning was printed into an echo; want one")
	}
}
