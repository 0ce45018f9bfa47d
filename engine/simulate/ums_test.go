package simulate

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// umsBench is a simulated board whose policy writes it by ums.
type umsBench struct {
	engine.Engine
	board   *Board
	policy  *engine.Policy
	options engine.UMSOptions
	image   []byte
	notes   []string
	after   func(ctx context.Context, s *engine.Session, ub *uboot.UBoot) error // runs after ums; nil is nothing
}

func newUMSBench(t *testing.T) *umsBench {
	t.Helper()
	b := &umsBench{image: bytes.Repeat([]byte("imag\x00\xff"), 50_000)}
	b.policy = &engine.Policy{
		Name: "ums", UBoot: uboot.Default, Linux: shell.Default, Net: engine.Net{Listen: "127.0.0.1"},
		Targets: map[string]engine.Target{"emmc": {Name: "emmc", Path: "/dev/mmcblk0"}},
		Flash: func(ctx context.Context, s *engine.Session) error {
			if err := s.PowerCycle(ctx); err != nil {
				return err
			}
			ub, err := s.UBoot(ctx)
			if err == nil {
				err = s.UMS(ctx, ub, b.options)
			}
			if err == nil && b.after != nil {
				err = b.after(ctx, s, ub)
			}
			return err
		},
	}
	b.options.Medium = "mmc 0"
	b.Events = func(e engine.Event) { b.notes = append(b.notes, e.Text) }
	board, err := Attach(&b.Engine, b.policy, "size=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(board.Close)
	b.board = board
	return b
}

func (b *umsBench) run(t *testing.T, retries int) *engine.Report {
	t.Helper()
	image := filepath.Join(t.TempDir(), "x.raw")
	if err := os.WriteFile(image, b.image, 0o600); err != nil {
		t.Fatal(err)
	}
	return b.Run(t.Context(), b.policy, engine.Job{Image: image, Retries: &retries})
}

// change has the station see other disks than there are. exposed is the board's disk, the zero Disk if there is
// none.
func (b *umsBench) change(f func(exposed engine.USBDisk) []engine.USBDisk) {
	real := b.USBDisks
	b.USBDisks = func() ([]engine.USBDisk, error) {
		all, err := real()
		if len(all) == 0 {
			return f(engine.USBDisk{}), err
		}
		return f(all[0]), err
	}
}

func TestUMS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newUMSBench(t)
		b.after = func(ctx context.Context, _ *engine.Session, ub *uboot.UBoot) error {
			_, err := ub.Env(ctx, "bootcmd") // the prompt answers; it voids no receipt
			return err
		}
		r := b.run(t, 0)
		content, err := os.ReadFile(b.board.File("mmcblk0"))
		if r.Result != engine.ResultVerified || err != nil || !bytes.HasPrefix(content, b.image) || len(content) != 1<<20 {
			t.Fatalf("run = %s, %v, a medium of %d bytes, %v; want verified, with the image on 1 MiB", r.Result, r.Err, len(content), err)
		}
		if r.Target.Name != "emmc" || r.Target.Device != b.board.File("mmcblk0") || r.Target.State != engine.Verified {
			t.Errorf("target = %+v; want emmc, verified, with the station's name of the disk", r.Target)
		}
		if all, err := b.USBDisks(); len(all) != 0 || err != nil {
			t.Errorf("USBDisks() after the run = %v, %v; want none", all, err)
		}
	})
}

// TestUMSRefuses: what is not certainly the board's disk is not written.
func TestUMSRefuses(t *testing.T) {
	const size = 1 << 20
	gadget := engine.USBDisk{Device: "/dev/sdx", USB: "1-1.2", Serial: "A17", Model: "Linux UMS disk 0", Size: size}
	other := engine.USBDisk{Device: "/dev/sdy", USB: "1-1.3", Model: "Linux UMS disk 0", Size: size}
	stick := engine.USBDisk{Device: "/dev/sdz", USB: "1-1.2", Model: "Kingston", Size: size}
	always := func(all ...engine.USBDisk) func(engine.USBDisk) []engine.USBDisk {
		return func(engine.USBDisk) []engine.USBDisk { return all }
	}
	exposed := func(all ...engine.USBDisk) func(engine.USBDisk) []engine.USBDisk {
		return func(x engine.USBDisk) []engine.USBDisk {
			if !x.Simulated {
				return nil
			}
			return all
		}
	}
	larger := gadget
	larger.Size = 2 * size
	for name, tt := range map[string]struct {
		disks   func(engine.USBDisk) []engine.USBDisk
		options engine.UMSOptions
		uboot   string // of the target
		offset  int64
		kind    classify.Kind
		text    string
	}{
		"no disk":                          {disks: always(), options: engine.UMSOptions{USB: "1-1.2"}, kind: classify.TargetMissing, text: "no disk at USB 1-1.2 appeared within 30s"},
		"no disk without a name":           {disks: always(), kind: classify.TargetMissing, text: "no disk that U-Boot exposes appeared"},
		"another port":                     {disks: exposed(other), options: engine.UMSOptions{USB: "1-1.2"}, kind: classify.TargetMissing, text: "others appeared: /dev/sdy at USB 1-1.3"},
		"another serial number":            {disks: exposed(gadget), options: engine.UMSOptions{Serial: "A1"}, kind: classify.TargetMissing, text: "no disk with the serial number A1 appeared"},
		"a stick at the port":              {disks: always(stick), options: engine.UMSOptions{USB: "1-1.2"}, kind: classify.TargetUnsafe, text: "before U-Boot exposes mmc 0: /dev/sdz at USB 1-1.2"},
		"a stick that is not asked for":    {disks: exposed(stick), kind: classify.TargetMissing, text: "others appeared: /dev/sdz"},
		"another board's disk":             {disks: always(other), kind: classify.TargetUnsafe, text: "cannot be distinguished from another board's: /dev/sdy"},
		"two disks":                        {disks: exposed(gadget, other), kind: classify.TargetUnsafe, text: "is ambiguous: /dev/sdx at USB 1-1.2, serial number A17 (Linux UMS disk 0); /dev/sdy"},
		"another size":                     {disks: exposed(larger), options: engine.UMSOptions{USB: "1-1.2"}, kind: classify.TargetUnsafe, text: "it has 2097152 bytes, and mmc 0 has 1048576"},
		"no device file":                   {disks: exposed(gadget), options: engine.UMSOptions{USB: "1-1.2"}, kind: classify.TargetMissing, text: "has no device file /dev/sdx"},
		"no USB place":                     {options: engine.UMSOptions{USB: "/dev/sdb"}, kind: classify.ScriptArgument, text: `such as "1-1.2", not "/dev/sdb"`},
		"the medium of another target":     {uboot: "mmc 1", kind: classify.ConfigPolicy, text: "target emmc, which is mmc 1 in U-Boot, not mmc 0"},
		"a target that begins at a byte":   {uboot: "mmc 0", offset: 33 << 10, kind: classify.ConfigPolicy, text: "begins at byte 33792"},
		"no name of a medium":              {options: engine.UMSOptions{Medium: "emmc"}, kind: classify.ConfigPolicy, text: `"emmc" is no disk in U-Boot`},
		"a medium that the board does not": {options: engine.UMSOptions{Medium: "mmc 7"}, kind: classify.UBootExit, text: "U-Boot does not expose mmc 7"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newUMSBench(t)
				if tt.disks != nil {
					b.change(tt.disks)
				}
				if tt.options.Medium == "" {
					tt.options.Medium = "mmc 0"
				}
				b.options = tt.options
				target := b.policy.Targets["emmc"]
				target.UBoot, target.Offset = tt.uboot, tt.offset
				b.policy.Targets["emmc"] = target
				r := b.run(t, 0)
				if r.Kind != string(tt.kind) || !strings.Contains(r.Error+r.Hint, tt.text) || r.Hint == "" || r.Target.State != engine.Untouched {
					t.Errorf("run = %s %q, hint %q, target %s; want %s, %q, a hint, untouched", r.Kind, r.Error, r.Hint, r.Target.State, tt.kind, tt.text)
				}
				if content, err := os.ReadFile(b.board.File("mmcblk0")); err != nil || len(bytes.Trim(content, "\x00")) != 0 {
					t.Errorf("the medium = %q…, %v; want zeros", bytes.Trim(content, "\x00")[:6], err)
				}
			})
		})
	}
}

// TestUMSDiskStays: a disk that is still there after U-Boot took the medium back was another one, unless the
// options identify it.
func TestUMSDiskStays(t *testing.T) {
	for usb, want := range map[string]string{"": "target.unsafe", "1-1.2": ""} {
		synctest.Test(t, func(t *testing.T) {
			b := newUMSBench(t)
			var seen []engine.USBDisk
			b.change(func(exposed engine.USBDisk) []engine.USBDisk {
				if exposed.Simulated {
					seen = []engine.USBDisk{exposed}
				}
				return seen
			})
			b.options.USB = usb
			r := b.run(t, 0)
			warned := strings.Contains(strings.Join(b.notes, "\n"), "warning: U-Boot has taken mmc 0 back")
			if r.Kind != want || (r.Target.State == engine.Verified) != (want == "") || warned != (want == "") {
				t.Errorf("usb %q: %s %v, target %s, a warning: %v; want %q", usb, r.Kind, r.Err, r.Target.State, warned, want)
			}
		})
	}
}

// TestUMSReset: a board that resets itself while the station writes its medium has lost it. The next attempt
// proves it.
func TestUMSReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newUMSBench(t)
		resets := 0
		b.change(func(exposed engine.USBDisk) []engine.USBDisk {
			if !exposed.Simulated {
				return nil
			}
			if resets++; resets == 1 {
				if err := b.board.On(t.Context()); err != nil {
					t.Error(err)
				}
			}
			return []engine.USBDisk{exposed}
		})
		r := b.run(t, 1)
		if r.Result != engine.ResultVerified || r.Attempt != 2 || r.Attempts[0].Kind != string(classify.BoardReset) {
			t.Errorf("run = %s in attempt %d, %v, attempts %+v; want verified in attempt 2 after board.reset", r.Result, r.Attempt, r.Err, r.Attempts)
		}
	})
}

// TestCommandAfterUMS: a command after ums may have changed the medium, which is exposed and read once more at the
// end.
func TestCommandAfterUMS(t *testing.T) {
	for name, tt := range map[string]struct {
		after func(ctx context.Context, b *umsBench, ub *uboot.UBoot) error
		kind  classify.Kind
	}{
		"it changes nothing": {func(context.Context, *umsBench, *uboot.UBoot) error { return nil }, ""},
		"it changes a byte": {func(_ context.Context, b *umsBench, _ *uboot.UBoot) error {
			f, err := os.OpenFile(b.board.File("mmcblk0"), os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("x"), 1000)
				f.Close()
			}
			return err
		}, classify.VerifyMismatch},
		"it resets the board": {func(ctx context.Context, b *umsBench, ub *uboot.UBoot) error {
			_, err := ub.Boot(ctx, "reset", "")
			return err
		}, classify.FlashUnverified},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newUMSBench(t)
				b.after = func(ctx context.Context, s *engine.Session, ub *uboot.UBoot) error {
					if err := s.BeforeCommand(); err != nil {
						return err
					}
					return tt.after(ctx, b, ub)
				}
				r := b.run(t, 0)
				if exposed := strings.Count(strings.Join(b.notes, "\n"), "U-Boot exposes mmc 0"); r.Kind != string(tt.kind) || (tt.kind == "") != (r.Target.State == engine.Verified) || exposed == 2 != (tt.kind != classify.FlashUnverified) {
					t.Errorf("run = %q %v, target %s, exposed %d times; want %q", r.Kind, r.Err, r.Target.State, exposed, tt.kind)
				}
			})
		})
	}
}

// TestUMSTwice writes two media of a board, one after the other: neither write voids the proof of the other.
func TestUMSTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newUMSBench(t)
		b.policy.Targets["sd"] = engine.Target{Name: "sd", Path: "/dev/mmcblk1"}
		b.policy.DefaultTarget = "emmc"
		board, err := Attach(&b.Engine, b.policy, "size=1")
		if err != nil {
			t.Fatal(err)
		}
		defer board.Close()
		b.board = board
		b.after = func(ctx context.Context, s *engine.Session, ub *uboot.UBoot) error {
			return s.UMS(ctx, ub, engine.UMSOptions{WriteOptions: engine.WriteOptions{Target: "sd"}, Medium: "mmc 1"})
		}
		r := b.run(t, 0)
		exposed := strings.Count(strings.Join(b.notes, "\n"), "U-Boot exposes mmc")
		if r.Result != engine.ResultVerified || exposed != 2 {
			t.Errorf("run = %s %v, %d exposures; want verified, 2", r.Result, r.Err, exposed)
		}
		for _, name := range []string{"mmcblk0", "mmcblk1"} {
			if content, err := os.ReadFile(board.File(name)); err != nil || !bytes.HasPrefix(content, b.image) {
				t.Errorf("the medium %s = %d bytes, %v; want the image", name, len(content), err)
			}
		}
	})
}

// TestUMSCancelled: a cancelled write ends at once, and has U-Boot end ums.
func TestUMSCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newUMSBench(t)
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		b.change(func(exposed engine.USBDisk) []engine.USBDisk {
			if !exposed.Simulated {
				return nil
			}
			cancel(stop)
			return []engine.USBDisk{exposed}
		})
		var after error
		b.policy.Flash = func(run context.Context, s *engine.Session) error {
			if err := s.PowerCycle(run); err != nil {
				return err
			}
			ub, err := s.UBoot(run)
			if err != nil {
				return err
			}
			if err := s.UMS(ctx, ub, b.options); !errors.Is(err, stop) {
				t.Errorf("UMS() = %v; want the cause of the cancellation", err)
			}
			if _, after = ub.Env(run, "bootcmd"); after == nil {
				t.Error("Env() at the prompt of before = nil; want an error")
			}
			ub, err = s.UBoot(run)
			if err == nil {
				_, err = ub.Env(run, "bootcmd")
			}
			if err != nil {
				t.Errorf("Env() at a new prompt = %v; want nil", err)
			}
			return stop
		}
		if r := b.run(t, 0); r.Result != engine.ResultFailed {
			t.Errorf("run = %s; want failed", r.Result)
		}
		if all, err := b.USBDisks(); len(all) != 0 || err != nil {
			t.Errorf("USBDisks() after the run = %v, %v; want none", all, err)
		}
	})
}

// loopDevice returns a loop device on a part of a file.
func loopDevice(t *testing.T, file string, options ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "losetup", append(options, "--find", "--show", file)...).CombinedOutput()
	if err != nil {
		t.Skipf("LEFT OUT: a loop device cannot be made: %v: %s", err, out)
	}
	path := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "losetup", "--detach", path).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach = %v: %s", err, out)
		}
	})
	return path
}

// TestUMSBlockDevice writes block devices: a disk, and a partition of it.
func TestUMSBlockDevice(t *testing.T) {
	for label, offset := range map[string]int{"": 0, "rootfs": 256 << 10} {
		b := newUMSBench(t)
		file := b.board.File("mmcblk0")
		disk := engine.USBDisk{Device: loopDevice(t, file), USB: "1-1.2", Model: "Linux UMS disk 0", Size: 1 << 20, Partitions: map[string]string{
			"rootfs": loopDevice(t, file, "--offset", "262144", "--sizelimit", "524288"),
		}}
		b.change(func(exposed engine.USBDisk) []engine.USBDisk {
			if !exposed.Simulated {
				return nil
			}
			return []engine.USBDisk{disk}
		})
		target := b.policy.Targets["emmc"]
		target.Part = label
		b.policy.Targets["emmc"] = target
		device := disk.Device
		if label != "" {
			device = disk.Partitions[label]
		}
		r := b.run(t, 0)
		content, err := os.ReadFile(file)
		if r.Result != engine.ResultVerified || r.Target.Device != device || err != nil || bytes.Index(content, b.image) != offset {
			t.Errorf("partition %q: run = %s, %v on %s, an image at byte %d; want verified on %s, at byte %d",
				label, r.Result, r.Err, r.Target.Device, bytes.Index(content, b.image), device, offset)
		}
	}
}
