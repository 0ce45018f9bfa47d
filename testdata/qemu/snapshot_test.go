package qemu

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// usualDisk is the size of a rig's disk in bytes.
const usualDisk = 96 << 20

// saved is a board for the tests whose subject is not the boot: it was booted once, and waits at Linux' login.
type saved struct {
	dir  string
	make func() (path string, err error)
}

// linux is the arm64 board's Linux at its login prompt.
var linux = newSaved(ARM64)

func newSaved(a Arch) *saved {
	s := &saved{}
	s.make = sync.OnceValues(func() (string, error) {
		var err error
		if s.dir, err = os.MkdirTemp("", "qemu-saved-"); err != nil {
			return "", err
		}
		path := filepath.Join(s.dir, "state")
		return path, a.saveLinux(context.Background(), s.dir, path)
	})
	return s
}

// remove removes the files of the saved board.
func (s *saved) remove() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// saveLinux boots a board into Linux, as every run does, and saves it where the next Enter brings its login
// prompt.
func (a Arch) saveLinux(ctx context.Context, dir, path string) error {
	b, err := a.Start(ctx, dir, usualDisk)
	if err != nil {
		return err
	}
	defer b.Stop()
	p, err := bindings.Load(a.policyFile(), bindings.Options{Set: map[string]string{"net.tftp": tftpAddress()}})
	if err != nil {
		return err
	}
	image := filepath.Join(dir, "unused.raw")
	if err := os.WriteFile(image, []byte("unused\x00"), 0o600); err != nil {
		return err
	}
	p.Flash = func(ctx context.Context, s *engine.Session) error {
		sh, err := toLinux(ctx, s, p)
		if err != nil {
			return err
		}
		// As it was before the login, and without cached blocks of the disk.
		const undo = "echo 3 >/proc/sys/vm/drop_caches; echo 7 >/proc/sys/kernel/printk"
		if _, err := sh.Run(ctx, console.Command{Text: undo}); err != nil {
			return err
		}
		if err := sh.Send(ctx, "exit\n"); err != nil {
			return err
		}
		_, err = sh.Expect(ctx, console.Wait{For: []console.Pattern{console.Prompt(p.Linux.Login)}, Timeout: hang})
		return err
	}
	rep := engine.Engine{}.Run(ctx, p, engine.Job{Image: image, Port: b.Port, Power: b.Power, FilesDir: a.BootDir()})
	if rep.Kind != string(classify.FlashUnverified) {
		return rep.Err
	}
	// It is stopped now. The Enter waits in its serial port.
	conn, err := net.Dial("unix", strings.TrimPrefix(b.Port, "unix:"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("\n")); err != nil {
		return err
	}
	return b.Save(ctx, path)
}

// inLinux returns a rig whose board is in Linux already, at its login. Each run finds it as the run before left
// it. A policy for it, such as fromShell, must not switch it on: that resets it.
func inLinux(t testing.TB, imageSize int64) *rig {
	r := ARM64.rig(t, resume)
	r.inLinux = true
	r.randomImage(imageSize)
	return r
}

// resume starts a board in Linux.
func resume(dir string) (*Board, error) {
	path, err := linux.make()
	if err != nil {
		return nil, err
	}
	return ARM64.Resume(context.Background(), dir, usualDisk, path)
}

// wake lets the board go on if it is in Linux: the end of a run has stopped it.
func (r *rig) wake() {
	if !r.inLinux {
		return
	}
	if _, err := r.QMP(context.Background(), "cont"); err != nil {
		r.t.Error(err)
	}
}

// shellOf is the Lua function by which scripts reach the shell of a board that is in Linux.
const shellOf = `
board.files = nil
local function shell(s) return s:shell() end
`

// fromShell returns a policy with the default sequence from the shell on, after some Lua.
func (r *rig) fromShell(lua ...string) string {
	return r.variant(shellOf + `
local seq = require("lib.uboot_busybox").sequence()
for _, name in ipairs({ "power", "uboot", "network", "load" }) do seq:remove(name) end
seq:replace("linux", function(s, job, at)
	at.shell = s:shell()
	` + strings.Join(lua, "\n") + `
end)
board.flash = seq.flash`)
}
