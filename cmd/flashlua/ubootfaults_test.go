package main

import (
	"slices"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// TestUBootFaults has U-Boot write a board with a fault. Each has the kind, the class and the state that fit.
func TestUBootFaults(t *testing.T) {
	const (
		ok        = engine.ExitVerified
		fatal     = engine.ExitFatal
		exhausted = engine.ExitExhausted
		mib       = 1 << 20
		byHTTP    = `board.net.tftp_server = false`
	)
	for _, tt := range []struct {
		settings string
		script   string // after that of viaUBoot; may be empty
		size     int
		exit     engine.ExitCode
		kinds    []classify.Kind // of the attempts that failed
		state    engine.State
	}{
		{"", "", 3 * mib, ok, nil, engine.Verified},
		{"lacks=hash", "", 3 * mib, ok, nil, engine.Verified},
		{"lacks=hash+unzip+unlz4", "", 3 * mib, ok, nil, engine.Verified},
		{"lacks=blkcache", "", 3 * mib, ok, nil, engine.Verified},
		{"short=1", "", 3 * mib, ok, nil, engine.Verified},
		{"damage=1", "", 3 * mib, ok, nil, engine.Verified},
		{"nowrite=1", "", 3 * mib, ok, nil, engine.Verified},
		{"noread=1", "", 3 * mib, ok, nil, engine.Verified},
		{"flip=1", "", 3 * mib, ok, nil, engine.Verified},
		{"tftp=1", "", 3 * mib, ok, []classify.Kind{classify.NetTFTPTimeout}, engine.Verified},
		{"dhcp=3", "", 3 * mib, ok, []classify.Kind{classify.NetDHCPTimeout}, engine.Verified},
		{"silent=write", "", 3 * mib, ok, []classify.Kind{classify.ConsoleStall}, engine.Verified},
		{"reset=load", "", 3 * mib, ok, []classify.Kind{classify.BoardReset}, engine.Verified},
		{"lacks=tftpboot", "", mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"protected=1", `board.targets.disk = { uboot = "mmc 0", path = "/dev/vda" }`, mib, fatal, []classify.Kind{classify.TargetUnsafe}, engine.Untouched},
		{"reset=write", "", 3 * mib, ok, []classify.Kind{classify.BoardReset}, engine.Verified},
		{"nowrite=99", "", 3 * mib, exhausted, slices.Repeat([]classify.Kind{classify.VerifyMismatch}, 4), engine.Written},
		{"noread=99", "", 3 * mib, exhausted, slices.Repeat([]classify.Kind{classify.VerifyMismatch}, 4), engine.Written},
		{"block=99", "", 3 * mib, exhausted, slices.Repeat([]classify.Kind{classify.VerifyMismatch}, 4), engine.Written},
		{"short=99", "", 3 * mib, exhausted, slices.Repeat([]classify.Kind{classify.NetTFTP}, 4), engine.Partial},
		{"tftp=99", "", 3 * mib, exhausted, slices.Repeat([]classify.Kind{classify.NetTFTPTimeout}, 4), engine.Partial},
		{"lacks=virtio", "", mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"lacks=mw", "", mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"lacks=hash+crc32+sha1sum", "", mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"lacks=bdinfo", "", mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"lacks=help", "", mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"ram=48", "", mib, fatal, []classify.Kind{classify.UBootRAM}, engine.Untouched},
		{"protected=1", "", mib, exhausted, slices.Repeat([]classify.Kind{classify.WriteFailed}, 4), engine.Partial},
		{"", byHTTP, 3 * mib, ok, nil, engine.Verified},
		{"damage=1", byHTTP, 3 * mib, ok, nil, engine.Verified},
		{"http=1", byHTTP, 3 * mib, ok, []classify.Kind{classify.NetHTTP}, engine.Verified},
		{"http=99", byHTTP, 3 * mib, exhausted, slices.Repeat([]classify.Kind{classify.NetHTTP}, 4), engine.Partial},
		{"lacks=wget", byHTTP, mib, fatal, []classify.Kind{classify.UBootCommand}, engine.Untouched},
		{"", `board.targets.disk.part = "nosuch"`, mib, fatal, []classify.Kind{classify.TargetMissing}, engine.Untouched},
		{"", `board.targets.disk.offset = "63M"`, 3 * mib, fatal, []classify.Kind{classify.TargetUnsafe}, engine.Untouched},
		{"", `board.targets.disk.offset = "64M"`, mib, fatal, []classify.Kind{classify.TargetUnsafe}, engine.Untouched},
	} {
		t.Run(tt.settings+tt.script, func(t *testing.T) {
			t.Parallel()
			script := viaUBoot[:len(viaUBoot)-len("return board\n")] + tt.script + "\nreturn board\n"
			got := flashSim(t, script, tt.size, tt.settings)
			r := got.report
			var kinds []classify.Kind
			for _, k := range got.kinds {
				kinds = append(kinds, classify.Kind(k))
			}
			if r.Exit != tt.exit || r.Target.State != tt.state || !slices.Equal(kinds, tt.kinds) {
				t.Errorf("flash = exit %d, kinds %v, target %s, %v; want %d, %v, %s", r.Exit, kinds, r.Target.State, r.Err, tt.exit, tt.kinds, tt.state)
			}
			if tt.exit == ok && !got.equal {
				t.Error("verified, and the medium differs from the image")
			}
		})
	}
}
