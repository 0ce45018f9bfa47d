package qemu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// Parts of the file of an eMMC.
const (
	boot0At = 0
	boot1At = emmcBoot
	userAt  = 2 * emmcBoot
)

// TestUBootWriterMMC has U-Boot write images of several sizes to an SD card and to the hardware partitions of an
// eMMC, by offset and to GPT partitions, in one run. Outside, the files must hold the images, padded to sectors
// with zeros, and everything else as it was.
func TestUBootWriterMMC(t *testing.T) {
	const size = 64 << 20
	r := ubootBoard{arch: MMC, media: []ubootMedium{{uboot: "mmc 0", bus: "emmc"}, {uboot: "mmc 1", bus: "sd"}}}.newRig(t, size)
	emmc, sd := Medium{Bus: "emmc"}.file(r.dir), Medium{Bus: "sd"}.file(r.dir)
	wantEMMC, wantSD := bytes.Repeat([]byte{unlike}, userAt+size), bytes.Repeat([]byte{unlike}, size)
	copy(wantEMMC[userAt:], r.diskWith(size, gpt.Partition{Label: "env", From: 8 << 20, Size: 1 << 20}, gpt.Partition{Label: "1", From: 9<<20 + 512, Size: 4 << 20}))
	for path, content := range map[string][]byte{emmc: wantEMMC, sd: wantSD} {
		if err := writeInto(path, content); err != nil {
			t.Fatal(err)
		}
	}

	var writes []ubootWrite
	seed := uint64(0)
	add := func(w ubootWrite, n int64, want []byte, at int64) {
		seed++
		image := sparse(n, seed)
		clear(want[at : at+(n+511)/512*512])
		copy(want[at:], image)
		w.image = r.write(fmt.Sprintf("%d.raw", seed), string(image))
		writes = append(writes, w)
	}
	for i, n := range []int64{1, 511, 512, 513, 1<<20 + 1} {
		at := int64(i) * 3 << 17
		add(ubootWrite{medium: "mmc 0.boot0", offset: at}, n, wantEMMC, boot0At+at)
		add(ubootWrite{medium: "mmc 0.2", offset: at + 512}, n, wantEMMC, boot1At+at+512)
		add(ubootWrite{medium: "mmc 0", offset: at + 1<<20}, n, wantEMMC, userAt+at+1<<20)
		add(ubootWrite{medium: "mmc 1", offset: at}, n, wantSD, at)
	}
	add(ubootWrite{medium: "mmc 0", part: "env", offset: 1024}, 513, wantEMMC, userAt+8<<20+1024)
	add(ubootWrite{medium: "mmc 0.user", part: "1"}, 4<<20, wantEMMC, userAt+9<<20+512) // to its last sector
	add(ubootWrite{medium: "mmc 0.boot1", offset: emmcBoot - 512}, 512, wantEMMC, userAt-512)
	add(ubootWrite{medium: "mmc 1", offset: size - 24<<20}, 24<<20, wantSD, size-24<<20)
	r.want = sparse(24<<20, 99)
	r.image = r.write("x.raw", string(r.want))
	copy(wantEMMC[userAt+16<<20:], r.want)
	writes = append(writes, ubootWrite{medium: "mmc 0", offset: 16 << 20})

	code, out, v := r.flash(r.ubootPolicy(ubootWrites(writes)))
	r.writtenByUBoot(len(writes), code, out, v)
	r.mediumHolds(emmc, "the eMMC", wantEMMC)
	r.mediumHolds(sd, "the SD card", wantSD)
}

// diskWith returns a disk that is filled, but for a GPT.
func (r *rig) diskWith(size int64, parts ...gpt.Partition) []byte {
	r.t.Helper()
	path := r.write("gpt.img", string(bytes.Repeat([]byte{unlike}, int(size))))
	gpt.Write(r.t, path, parts...)
	content, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return content
}

// writeInto replaces the content of a file that QEMU has open.
func writeInto(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(content, 0)
	return err
}

// TestUBootWriterMMCFar has U-Boot write cards beyond 4 GiB.
func TestUBootWriterMMCFar(t *testing.T) {
	const at = 5<<30 + 512
	r := ubootBoard{arch: MMC, media: []ubootMedium{{uboot: "mmc 0", bus: "emmc"}, {uboot: "mmc 1", bus: "sd"}}}.newRig(t, 8<<30)
	r.want = sparse(1<<20+1, 2)
	r.image = r.write("x.raw", string(r.want))
	code, out, v := r.flash(r.ubootPolicy(ubootWrites([]ubootWrite{{medium: "mmc 0", offset: at}, {medium: "mmc 1", offset: at}})))
	r.writtenByUBoot(2, code, out, v)
	r.holdsOnly(Medium{Bus: "emmc"}.file(r.dir), "mmc 0", userAt+at, r.want)
	r.holdsOnly(Medium{Bus: "sd"}.file(r.dir), "mmc 1", at, r.want)
}

// TestUBootWriterMMCRefused has U-Boot write what it cannot: the cards must be as they were.
func TestUBootWriterMMCRefused(t *testing.T) {
	const size = 64 << 20
	r := ubootBoard{arch: MMC, media: []ubootMedium{{uboot: "mmc 0", bus: "emmc"}, {uboot: "mmc 1", bus: "sd"}}}.newRig(t, size)
	r.want = sparse(emmcBoot+1, 1)
	r.image = r.write("x.raw", string(r.want))
	for _, tt := range []struct {
		write ubootWrite
		kind  classify.Kind
		says  string // in the error and its hint
	}{
		{ubootWrite{medium: "mmc 0.boot0"}, classify.TargetUnsafe, "smaller"},
		{ubootWrite{medium: "mmc 0.2", offset: 512}, classify.TargetUnsafe, "smaller"},
		{ubootWrite{medium: "mmc 0", offset: size - emmcBoot}, classify.TargetUnsafe, "smaller"},
		{ubootWrite{medium: "mmc 0", offset: 1000}, classify.ConfigPolicy, "multiple"},
		{ubootWrite{medium: "mmc 0.3"}, classify.TargetMissing, "partition 3"}, // RPMB
		{ubootWrite{medium: "mmc 0.4"}, classify.TargetUnsafe, "smaller"},      // a partition of 0 bytes
		{ubootWrite{medium: "mmc 1", offset: size}, classify.TargetUnsafe, "smaller"},
		{ubootWrite{medium: "mmc 1.boot0"}, classify.TargetMissing, "an SD card has none"},
		{ubootWrite{medium: "mmc 2"}, classify.TargetMissing, "mmc list"},
		{ubootWrite{medium: "mmc 0", part: "boot"}, classify.TargetMissing, "no GPT"},
	} {
		code, out, v := r.flash(r.ubootPolicy(ubootWrites([]ubootWrite{tt.write})))
		if code != engine.ExitFatal && code != engine.ExitPlan || v.Kind != string(tt.kind) || v.Target.State != engine.Untouched || !strings.Contains(v.Error+v.Hint, tt.says) {
			t.Errorf("write to %+v = exit %d, %s, target %s: %s (%s); want %s with %q, untouched\n%s", tt.write, code, v.Kind, v.Target.State, v.Error, v.Hint, tt.kind, tt.says, out)
		}
	}
	for _, bus := range []string{"emmc", "sd"} {
		path := Medium{Bus: bus}.file(r.dir)
		got, err := os.ReadFile(path)
		if err != nil || len(bytes.TrimLeft(got, "\x00")) > 0 {
			t.Errorf("%s has data, %v; want it untouched", path, err)
		}
	}
}

// TestUBootWriterMMCChanged changes one byte of a boot partition after it was verified.
func TestUBootWriterMMCChanged(t *testing.T) {
	r := ubootBoard{arch: MMC, media: []ubootMedium{{uboot: "mmc 0", bus: "emmc"}}}.newRig(t, 64<<20)
	r.want = sparse(emmcBoot, 1)
	r.image = r.write("x.raw", string(r.want))
	policy := r.ubootPolicy(ubootWrites([]ubootWrite{{medium: "mmc 0.boot1"}}))
	code, out, v := r.flash(policy)
	r.writtenByUBoot(1, code, out, v)
	verify := func() (engine.ExitCode, string, engine.Report) {
		t.Helper()
		cmd := r.command(policy)
		cmd.Args[1] = "verify"
		out, _ := cmd.CombinedOutput()
		return engine.ExitCode(cmd.ProcessState.ExitCode()), string(out), r.verdict()
	}
	if code, out, v := verify(); code != 0 || v.Result != engine.ResultVerified {
		t.Errorf("flashlua verify = exit %d, verdict %+v; want 0, verified\n%s", code, v, out)
	}
	f, err := os.OpenFile(Medium{Bus: "emmc"}.file(r.dir), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const at = boot1At + 3<<20 + 77
	if _, err := f.WriteAt([]byte{^r.want[at-boot1At]}, at); err != nil {
		t.Fatal(err)
	}
	if code, out, v := verify(); code == 0 || v.Kind != string(classify.VerifyMismatch) {
		t.Errorf("flashlua verify after a byte changed = exit %d, verdict %+v; want %s\n%s", code, v, classify.VerifyMismatch, out)
	}
}

// TestUBootWriterMMCLies has U-Boot write an eMMC that says OK of a block that it does not write, once and always.
func TestUBootWriterMMCLies(t *testing.T) {
	for _, tt := range []struct {
		name, once string
		code       engine.ExitCode
		kind       classify.Kind
		rewritten  bool
	}{
		{"once", "on", engine.ExitVerified, "", true},
		{"always", "off", engine.ExitExhausted, classify.VerifyMismatch, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := ""
			r := MMC.rig(t, func(dir string) (*Board, error) {
				file = filepath.Join(dir, "emmc.img")
				if err := sparseFile(file, userAt+64<<20); err != nil {
					return nil, err
				}
				return MMC.start(context.Background(), dir, usualDisk,
					"-blockdev", "driver=file,node-name=file,filename="+escape(file),
					"-blockdev", fmt.Sprintf("driver=blkdebug,node-name=emmc,image=file,inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.once=%s,inject-error.0.sector=%d", tt.once, (userAt+1<<20)/512+5),
					"-device", "sdhci-pci", "-device", fmt.Sprintf("emmc,drive=emmc,boot-partition-size=%d", emmcBoot))
			})
			r.want = bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 3<<20/7)
			r.image = r.write("x.raw", string(r.want))
			code, out, v := r.flash(r.ubootPolicy(`board.targets, board.default_target = { emmc = { uboot = "mmc 0" } }, "emmc"`))
			if code != tt.code || v.Kind != string(tt.kind) || v.Target.Rewritten > 0 != tt.rewritten {
				t.Fatalf("flashlua = exit %d, verdict %+v; want %d, %q, ranges rewritten: %t\n%s", code, v, tt.code, tt.kind, tt.rewritten, out)
			}
			got, err := os.ReadFile(file)
			if err != nil || bytes.Equal(got[userAt:][:len(r.want)], r.want) != (code == 0) {
				t.Errorf("flashlua = exit %d, and the eMMC holds the image: %t, %v; want both or none", code, code != 0, err)
			}
		})
	}
}

// TestUBootWriterMMCResumes resets a board in the middle of a write of its eMMC. The next attempt finds right what
// the first one wrote.
func TestUBootWriterMMCResumes(t *testing.T) {
	r := ubootBoard{arch: MMC, media: []ubootMedium{{uboot: "mmc 0", bus: "emmc"}}}.newRig(t, 64<<20)
	r.want = bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 0}, 3<<20)
	r.image = r.write("x.raw", string(r.want))
	var reset sync.Once
	var right []string
	rep := r.run(engine.Engine{Events: func(e engine.Event) {
		if strings.Contains(e.Text, "were right already") {
			right = append(right, e.Text)
		}
		if e.Type == engine.EventProgress && e.Step == "write" && e.Done > 12<<20 {
			reset.Do(func() {
				if _, err := r.QMP(context.Background(), "system_reset"); err != nil {
					t.Error(err)
				}
			})
		}
	}}, r.ubootPolicy(`board.targets, board.default_target = { emmc = { uboot = "mmc 0" } }, "emmc"
board.uboot = { ram = { 0x42000000, "16M" } } -- for pieces of less than the image
board.limits = { jitter = 0 }`), 1)
	if rep.Exit != 0 || rep.Attempt != 2 || rep.Target.Writer != "uboot" || !slices.ContainsFunc(right, func(s string) bool { return !strings.HasPrefix(s, "0 ") }) {
		t.Errorf("run = exit %d in attempt %d, %v, written by %s, %q; want 0 in attempt 2, by uboot, and bytes that were right already\n%s", rep.Exit, rep.Attempt, rep.Err, rep.Target.Writer, right, strings.Join(rep.Console, "\n"))
	}
	got, err := os.ReadFile(Medium{Bus: "emmc"}.file(r.dir))
	if err != nil || !bytes.Equal(got[userAt:][:len(r.want)], r.want) {
		t.Errorf("the eMMC differs from the image, %v", err)
	}
}
